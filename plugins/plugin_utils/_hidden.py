# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What runs saw as SYSTEM of permissions that nobody else is shown. PRIVATE to the collection.

Check mode makes no task that would look, so a run keeps what it saw or made: a key under the journal's root, whose name
says all, so that the one look which every run takes there finds it:

    <key file> has (A;;0x120089;;;S-1-5-20)

It tells what was. A handshake that shows otherwise counts more, and what is put back is forgotten before it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ._guard import ROOT
from ._host import Host
from ._model.change import Change


def keep(host: Host, change: Change) -> None:
    """Note that an item is as a change wants it."""
    for name in _names(change):
        host.registry.create_key(rf"{ROOT}\{name}")


def forget(host: Host, change: Change) -> None:
    """No longer take an item for what a change made of it."""
    for name in _names(change):
        host.registry.delete_key(rf"{ROOT}\{name}")


def kept(names: Iterable[str], path: str, entries: str) -> bool:
    """Whether a file was last seen with these entries, by the names of the keys under ROOT."""
    return _name(path, entries).lower() in {name.lower() for name in names}


def _names(change: Change) -> Iterator[str]:
    wanted = change.after if isinstance(change.after, dict) else {}
    return (_name(change.item, str(entries)) for entries in wanted.values())


def _name(path: str, entries: str) -> str:
    return f"{path.rpartition(chr(92))[2]} has {entries}"

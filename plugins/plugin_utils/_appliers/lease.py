# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applier: leases. PRIVATE to the collection.

A lease counts as there while its task is; the record is written before and deleted after, as a journal entry is.
"""

from __future__ import annotations

from .. import _lease
from .._host import Host
from .._model.change import Change
from .._model.lease import Lease
from .._model.plain import Plain, from_plain, to_plain
from ._base import Applier


def _read(host: Host, change: Change) -> Plain:
    lease = _lease.record(host, change.item)
    return to_plain(lease) if lease and _lease.armed(host, lease) else None


def _write(host: Host, change: Change, value: Plain) -> None:
    if value is None:
        _lease.end(host, change.item)
    else:
        _lease.grant(host, from_plain(Lease, value))


APPLIER = Applier(_read, _write)

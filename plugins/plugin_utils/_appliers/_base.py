# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all appliers share. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._host import Host
from .._model.change import Change
from .._model.plain import Plain


class ApplyError(Exception):
    """A change was not made as planned; the message says what is on the host now and what to do."""


class Moved(ApplyError):
    """Somebody changed the item between observation and write, so the plan no longer holds."""


class NotKept(ApplyError):
    """Windows accepted the write but does not have the value afterwards."""


@dataclass(frozen=True)
class Applier:
    """How one kind of item is read and written.

    Attributes:
        read: the item's plain value now; for a firewall rule, of the fields that a change names.
        write: makes it so; None is "absent".
        otherwise: another way to make it so, for where Windows took the first and does not have the value.
        by_shell: whether the write takes a cmd shell, which is open before anything is journaled: a host that refuses
            it has then neither an entry of what was not done, nor a reboot that is due.
        verified: whether the item is read again after the write; not where it does not stay as it was written, nor
            where the write itself waits until it is so.
        unseen: whether a plan cannot have seen the item, which is shown to SYSTEM alone: what is found when the change
            is made is then what was before.
        at_rest: raises ApplyError while something is at work on the host by which the item will not stay as it is;
            asked before it is put back, since a plan to change it has looked.
        cut_short: whether a write that was cut off has left something on the host although the item is as before; it
            goes when the item is put back.
        in_steps: whether the write takes steps of which the item shows the first alone, so that a run which did not see
            the last of them leaves its announcement (see _taken_up.py).
    """

    read: Callable[[Host, Change], Plain]
    write: Callable[[Host, Change, Plain], None]
    verified: bool = True
    otherwise: Callable[[Host, Change, Plain], None] | None = None
    by_shell: bool = False
    unseen: Callable[[Host, Change], bool] | None = None
    at_rest: Callable[[Host], None] | None = None
    cut_short: Callable[[Host, Change], bool] | None = None
    in_steps: bool = False

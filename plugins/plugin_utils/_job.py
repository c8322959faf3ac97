# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task was told about how to work, and what came of it. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._host import Host
from ._logon import LogonCheck
from ._model.change import Change
from ._model.lease import LeaseState
from ._proof import Probe, Prober
from ._restart import Policy


@dataclass(frozen=True)
class Job:
    """What a task was told about how to work, whatever it does.

    Attributes:
        check: only plan.
        restart: when TermService may be restarted.
        allow_reboot: whether the host may be rebooted where a change needs that.
        made: the changes that stand, also when the task fails half-way.
        mends: whether it goes on to cure what a restart brings to light, so that nothing has to be looked at before.
        logon: tries once, in the end, whether the account could log on; only where that was asked for.
    """

    host: Host
    prober: Prober
    run_id: str
    check: bool
    restart: Policy = "when_idle"
    made: list[Change] = field(default_factory=list)
    allow_reboot: bool = False
    logon: LogonCheck | None = None
    mends: bool = False

    @property
    def allowed(self) -> frozenset[str]:
        """What it may do of what is due on a host, as far as that does not hang on the host."""
        may = {"restart": self.restart != "never", "reboot": self.allow_reboot}
        return frozenset(what for what, allowed in may.items() if allowed)


@dataclass
class Done:
    """What came of a plan on a host.

    Attributes:
        changes: made, or in check mode planned.
        proof: the probe after the last change, if one was made.
        waiting: what still has to happen before the changes are live, and why.
        leases: those on the host afterwards; None where the fix has to do with none.
        shown: what else the result has, see Remedy.shows.
        unreached: why what a method was named for is not reached, as the last handshake shows; or empty.
        rest: what was not done for want of a proof, though what comes before it was; the loop may cure what is lacking.
        lack: why there was no proof of it.
        acted: the handshake before the first restart, which shows what the listener acted on; where that is not what
            was stored, it is what a step back leads to.
    """

    changes: list[Change] = field(default_factory=list)
    proof: Probe | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    leases: tuple[LeaseState, ...] | None = None
    shown: Mapping[str, t.Any] = field(default_factory=dict)
    unreached: str = ""
    rest: tuple[Change, ...] = ()
    lack: str = ""
    acted: Probe | None = None

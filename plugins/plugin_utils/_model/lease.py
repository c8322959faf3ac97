# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases: weakenings that end by themselves, and how one stands. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

RECORDS = r"HKLM\SOFTWARE\winfleet.rdp\Leases"
"""The key, under the journal's root, with a value for the last lease of each setting."""

SHORTEST, LONGEST = 60, 24 * 3600
"""Seconds for which a lease may be granted."""

SKEW = timedelta(minutes=5)
"""By so much may the clocks of host and controller differ where a lease is granted, and a host's be set back later.

Kerberos tolerates as much (maximum tolerance for computer clock synchronization).
"""

Standing = t.Literal["running", "lost", "overdue", "superseded", "unbegun", "ended"]


@dataclass(frozen=True)
class Lease:
    """A weakened setting and how it ends.

    Attributes:
        setting: id of the setting; a host has at most one lease for each.
        weakened: the numbers that are ours: the end changes nothing else.
        restores: the number that the end writes; None deletes the value, which was absent.
        lasts: for how long it was granted, in seconds.
        until: when it ends by the host's clock, ISO 8601 in UTC to the second.
    """

    setting: str
    weakened: tuple[int, ...]
    restores: int | None
    lasts: int
    until: str

    @property
    def ends(self) -> datetime:
        return datetime.fromisoformat(self.until.replace("Z", "+00:00"))


def mark(setting: str) -> str:
    """The value under RECORDS that notes the end of a setting's lease; the task writes it, or whoever ends it."""
    return f"{setting}.ended"


def pending(setting: str) -> str:
    """The value under RECORDS that says that a lease was granted and nothing is weakened yet."""
    return f"{setting}.pending"


def until(now: str, lasts: int) -> str:
    """When a lease ends that is granted now; the Task Scheduler knows no fractions of a second."""
    ends = datetime.fromisoformat(now).astimezone(timezone.utc) + timedelta(seconds=lasts)
    return f"{ends:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class LeaseState:
    """A lease as it was found on a host.

    Attributes:
        armed: whether the task that ends it is registered as we registered it.
        number: what the setting has locally now; None when it is absent or no number.
        now: the host's clock then, ISO 8601 with offset.
        ended: whether its end was noted, so that a value which is set later is none of its business.
        pending: whether the weakening was still to come when this was noted last.
    """

    lease: Lease
    armed: bool
    number: int | None
    now: str
    ended: bool = False
    pending: bool = False

    @property
    def weak(self) -> bool:
        """Whether the setting still has what the lease gave it."""
        return not self.ended and self.number in self.lease.weakened

    @property
    def over(self) -> bool:
        return datetime.fromisoformat(self.now) >= self.lease.ends

    @property
    def astray(self) -> bool:
        """Whether its end is further off than it can be: the host's clock was set back since, or somebody moved it."""
        left = self.lease.ends - datetime.fromisoformat(self.now)
        return left > timedelta(seconds=self.lease.lasts) + SKEW

    @property
    def spent(self) -> bool:
        """Whether nothing is left of it: it is over, or how long it has run can no longer be told."""
        return self.over or self.astray

    @property
    def standing(self) -> Standing:
        """How it stands.

        C(running); C(overdue): weak, and its task should have ended it; C(lost): weak, and no task ends it in time;
        C(superseded): somebody has set another value, which the task will leave; C(unbegun): the run that granted it
        was cut off before it weakened anything; C(ended).
        """
        if not self.weak and self.pending and not self.ended:
            return "unbegun"
        if not self.weak:
            return "superseded" if self.armed and not self.ended else "ended"
        if not self.armed or self.astray:
            return "lost"
        return "overdue" if self.over else "running"


def running(states: t.Iterable[LeaseState] | None) -> tuple[LeaseState, ...]:
    """Those that weaken the host and that the host will end."""
    return tuple(state for state in states or () if state.standing in ("running", "overdue"))

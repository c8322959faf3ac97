# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The self-test: what a real host does where no public source says it. PRIVATE to the collection.

The read half is harmless. The write half makes objects of its own, which nothing on the host uses, and takes them away
again; the journal and the settings of Remote Desktop are not touched. The lab half changes these for a moment. What
cannot be undone is for hosts that may be thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._host import Host
from .._job import Job
from . import files, firewall, gateway, registry, sessions, tasks, windows, wire
from ._base import Check, Outcome, judge
from .account import ACCOUNT_CHECKS, ACCOUNTS, ADMINISTRATOR, version
from .disposable import DISPOSABLE_CHECKS
from .lab import LAB_CHECKS, LabCheck
from .unseen import UNSEEN, Unseen

__all__ = [
    "ACCOUNTS", "ACCOUNT_CHECKS", "ADMINISTRATOR", "CHECKS", "DISPOSABLE_CHECKS", "LAB_CHECKS", "UNSEEN", "Check",
    "LabCheck", "Outcome", "Unseen", "run", "run_as", "version",
]  # fmt: skip

CHECKS: tuple[Check, ...] = tuple(
    check for area in (wire, windows, sessions, gateway, registry, firewall, files, tasks) for check in area.CHECKS
)


def run(host: Host, write_half: bool, lab: Job | None = None, disposable: bool = False) -> Iterator[Outcome]:
    """Check a host, in the order of the tables; the lab half, and what follows it, only where there is a job for it."""
    checks = [check for check in CHECKS if write_half or not check.writes]
    if lab is not None:
        checks += [check.on(lab) for check in (*LAB_CHECKS, *(DISPOSABLE_CHECKS if disposable else ()))]
    return (judge(check, host) for check in checks)


def run_as(host: Host, account: str) -> Iterator[Outcome]:
    """Check what a host answers to an account without rights, which the connection has."""
    return (judge(check, host) for check in ACCOUNT_CHECKS[account])

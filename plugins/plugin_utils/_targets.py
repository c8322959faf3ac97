# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a roll-back looks at: the entries of the journal, and what the host has in their places. PRIVATE.

Newest first, whatever run the entries are of. Entries of another machine, from a cloned image, are never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ._appliers import APPLIERS
from ._apply import ApplyError, seen
from ._cim.certificates import DamagedCertificate
from ._cim.files import FileError, Hidden
from ._cim.firewall import FirewallError
from ._cim.registry import RegistryError
from ._cim.services import ServiceError
from ._cim.tasks import TaskError
from ._job import Job
from ._journal import Journal, JournalError, Recorded, Stretch
from ._lease import LeaseError
from ._model.change import Change
from ._model.lease import Lease
from ._model.plain import Plain, from_plain
from ._model.settings import SETTINGS
from ._policies import Policies
from ._restart import SessionsInTheWay
from ._undoing import Sight, Target, Undoing, moves
from ._wsman.errors import ShellRefused, WsmanFault
from ._wsman.shell import CommandTimedOut

IN_THE_WAY = (
    ApplyError,
    SessionsInTheWay,
    WsmanFault,
    RegistryError,
    ServiceError,
    FirewallError,
    FileError,
    Hidden,
    TaskError,
    LeaseError,
    DamagedCertificate,
    ShellRefused,
    CommandTimedOut,
)
"""What keeps one item from being read or put back and says nothing of the others: all but the loss of the channel."""


def select(journal: Journal, which: str, result: Undoing) -> Iterator[Target]:
    """The entries to look at, newest first; those of other machines only leave their name."""
    chosen = which
    for stretch in _stretches(journal, which):
        if chosen not in ("last", "all", stretch.run):
            continue
        pending = [recorded for recorded in journal.entries(stretch) if not recorded.undone]
        if not pending:
            continue
        if not all(journal.is_ours(recorded.entry) for recorded in pending):
            result.foreign.append(stretch.run)
            continue
        chosen = stretch.run if which == "last" else which
        result.runs.extend([stretch.run] if stretch.run not in result.runs else [])
        yield from (Target(recorded) for recorded in reversed(pending))
    if which == "all":
        yield from (Target(Recorded(e, False), trimmed=True) for e in journal.trimmed() if journal.is_ours(e))


def _stretches(journal: Journal, which: str) -> list[Stretch]:
    """What may be undone, the newest first."""
    known = list(reversed(journal.stretches()))
    if which not in ("last", "all", *(stretch.run for stretch in known)):
        latest = ", ".join(dict.fromkeys(stretch.run for stretch in known[:5])) or "none"
        raise JournalError(f"the host's journal has no run {which!r}; the latest are: {latest}")
    return known


def movements(job: Job, targets: Iterable[Target], force: bool, result: Undoing) -> Iterator[Target]:
    """Those that go back, as if each movement were made before the next entry is looked at; the rest is sorted."""
    now: dict[str, Plain] = {}
    policies, looked_at = Policies(job.host), list(targets)
    ends = _ends(target.entry.change for target in looked_at)
    for target in looked_at:
        change = target.entry.change
        if result.passes(target):
            continue
        try:
            sight = _sight(job, change, policies, now, force, ends)
        except IN_THE_WAY as error:
            result.leave(change, str(error))
            continue
        if result.sort(target, sight):
            now[change.target] = change.before
            yield target


def _sight(
    job: Job, change: Change, policies: Policies, now: dict[str, Plain], force: bool, ends: Mapping[str, Plain]
) -> Sight:
    """An item as it is, or will be now; policy is asked where it would go back."""
    found = now[change.target] if change.target in now else _found(job, change)
    if _is_over(change, found, ends):
        return Sight(found, moves=False, over=True)
    goes = moves(change, found, force)
    return Sight(found, goes, policies.over(change) if goes else None)


def _ends(changes: Iterable[Change]) -> dict[str, Plain]:
    """What a setting has once its lease is over, by its id, of the leases that were granted or widened."""
    granted = (from_plain(Lease, change.after) for change in changes if change.kind == "lease" and change.after)
    return {lease.setting: _restored(lease) for lease in granted}


def _restored(lease: Lease) -> Plain:
    return None if lease.restores is None else SETTINGS[lease.setting].stored(lease.restores)


def _is_over(change: Change, found: Plain, ends: Mapping[str, Plain]) -> bool:
    """Whether a lease that is over has left nothing of a change: neither the lease nor what it weakened.

    It has another value before where it was widened, or where a number was weakened that Windows does not know.
    """
    if change.kind == "lease":
        return change.after is not None and found is None
    return found != change.after and change.leased in ends and found == ends[change.leased]


def _found(job: Job, change: Change) -> Plain:
    """What an item is; in check mode, which looks at nothing as SYSTEM, what only that sees is as the run left it."""
    unseen = APPLIERS[change.kind].unseen
    return change.after if job.check and unseen is not None and unseen(job.host, change) else seen(job.host, change)

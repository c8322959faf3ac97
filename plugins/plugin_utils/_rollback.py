# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing runs from the journal on the host. PRIVATE to the collection.

Newest first, whatever run the entries are of. An item is put back only while it is as the run left it; one that
somebody has changed since is left and listed, unless forced. Entries of another machine, from a cloned image, are
never used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ._appliers import APPLIERS
from ._apply import ApplyError, Run, seen
from ._cim.certificates import DamagedCertificate
from ._cim.files import FileError, Hidden
from ._cim.firewall import FirewallError
from ._cim.registry import RegistryError
from ._cim.services import ServiceError
from ._cim.tasks import TaskError
from ._closing import closes, may_close
from ._job import Job
from ._journal import Entry, Journal, JournalError, Recorded, Stretch
from ._lease import LeaseError
from ._live import due_after_cut, is_live
from ._model.change import Change, Held
from ._model.plain import Plain
from ._model.settings import SETTINGS
from ._owed import REASONS, SERVICE, due, forgo_restart, owe_restart
from ._policies import Policies, is_policy, told
from ._proof import Probe, shows
from ._reboot import accepted, objection, reboot
from ._restart import SessionsInTheWay, in_the_way, restart
from ._settle import would_drop
from ._wsman.errors import ShellRefused, Timeout, WsmanFault
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

PORT = SETTINGS["port"].path

LEASED = "it ends what it has weakened, which is not put back, so it stays"
"""Why a lease is left; without it the weakening would be for ever."""

AT_START, AT_BOOT = "values that are read at start", "values that are read when Windows starts"
"""What only a restart of TermService, or a reboot, makes live."""


@dataclass(frozen=True)
class Target:
    """An entry to undo: of a run, or what is left of runs whose history was trimmed."""

    recorded: Recorded
    trimmed: bool = False

    @property
    def entry(self) -> Entry:
        return self.recorded.entry


@dataclass(frozen=True)
class Drift:
    """An item that is neither as the run left it nor as it was before."""

    run_id: str
    item: str
    expected: Plain
    found: Plain


@dataclass
class Undoing:
    """What a roll-back did, or in check mode would do.

    Attributes:
        undone: the entries put back, with what each item went from and to.
        settled: entries whose item is as before already.
        drifted: left, since somebody changed them.
        not_undoable: entries with C(undo: none), by item, and why nothing is to be done.
        foreign: runs that were made on another machine.
        left: items that were not put back for another reason, and why.
        held: what of that policy decides since.
        waiting: what still has to be started anew, and why.
        notes: what nothing has shown.
        stuck: the targets of changes that are left, so that what was done to them before is left as well.
        unsure: whether an item was left that may go back later, since the host has not answered in time.
    """

    runs: list[str] = field(default_factory=list)
    undone: list[Target] = field(default_factory=list)
    settled: list[Target] = field(default_factory=list)
    drifted: list[Drift] = field(default_factory=list)
    not_undoable: list[Target] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    proof: Probe | None = None
    stuck: set[str] = field(default_factory=set)
    unsure: bool = False

    @property
    def put_back(self) -> set[str]:
        """The items that are as before the runs, by this roll-back or by one that was cut off."""
        return {target.entry.change.item for target in (*self.undone, *self.settled)}

    def leave(self, change: Change, why: str) -> None:
        """Leave an item as it is, and the lease that ends what the change has weakened."""
        self.left[change.item] = why
        self.stuck.update({change.target, f"lease:{change.leased}"})

    def stays(self, change: Change) -> bool:
        """Whether something that was done later is left, so that this is too."""
        if change.target in self.stuck:
            self.left.setdefault(change.item, LEASED)
        return change.target in self.stuck

    def changes(self) -> list[Change]:
        """The movements back, as changes."""
        return [reversal(target.entry.change) for target in self.undone]


def reversal(change: Change) -> Change:
    items = tuple(item.taken_back for item in change.compliance)
    reason = f"roll-back: {change.reason}"
    return replace(change, before=change.after, after=change.before, reason=reason, compliance=items)


def rollback(job: Job, which: str, force: bool) -> Undoing:
    """Undo the last run, all runs or the one with this id.

    A policy value that a run has taken away comes back last: what stood beneath it is put back before.

    Raises:
        JournalError: there is no such run, or an entry of it was altered.
    """
    result = Undoing()
    job.host.may_cut = job.restart == "always"
    with Run(job.host, job.run_id, job.made) as run:
        targets = list(_select(run.journal, which, result))
        movements = sorted(_decide(job, targets, force, result), key=lambda target: is_policy(target.entry.change))
        if job.check:
            _foretell(job, movements, result)
        else:
            _move(job, run, movements, result)
    return result


def _select(journal: Journal, which: str, result: Undoing) -> Iterator[Target]:
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


def _decide(job: Job, targets: Sequence[Target], force: bool, result: Undoing) -> Iterator[Target]:
    """Sort entries by what is to be done, as if each movement were made before the next entry is looked at.

    What policy decides is left, also where somebody has changed it since and that is to be put back all the same.
    """
    now: dict[str, Plain] = {}
    policies = Policies(job.host)
    for target in targets:
        change = target.entry.change
        if change.undo == "none":
            result.not_undoable.append(target)
            continue
        if result.stays(change):
            continue
        try:
            found = now[change.target] if change.target in now else _found(job, change)
            moves = found != change.before and (found == change.after or force)
            held = policies.over(change) if moves else None
        except IN_THE_WAY as error:
            result.leave(change, str(error))
            continue
        if held is not None:
            result.held.append(held)
            result.leave(change, told(held))
        elif moves:
            now[change.target] = change.before
            yield target
        elif found == change.before:
            result.settled.append(target)
        else:
            result.drifted.append(Drift(target.entry.run, change.item, change.after, found))


def _found(job: Job, change: Change) -> Plain:
    """What an item is; in check mode, which looks at nothing as SYSTEM, what only that sees is as the run left it."""
    unseen = APPLIERS[change.kind].unseen
    return change.after if job.check and unseen is not None and unseen(job.host, change) else seen(job.host, change)


def _foretell(job: Job, movements: Sequence[Target], result: Undoing) -> None:
    """What would go back, and be restarted for it for certain; where it hangs on the live state, only that tells."""
    owed = due(job.host)
    first, last = _parted(movements, result, "restart" in owed)
    result.undone.extend(first)
    if not any(change.unsettled for change in result.changes()):
        owed += _cut_off(job, owed)
    result.waiting.update({what: REASONS[what] for what in owed})
    if _at_start(result.changes()):
        result.waiting.setdefault("restart", f"{AT_START} would go back")
    if any(change.reboot for change in result.changes()):
        result.waiting.setdefault("reboot", f"{AT_BOOT} would go back")
    if last and (_stops(result.changes()) or ("restart" in result.waiting and _may_restart(job))):
        result.undone.extend(last)
    else:
        result.undone.extend(_harmless(job, last, result))


def _may_restart(job: Job) -> bool:
    return job.restart != "never" and not in_the_way(job.host, job.restart)


def _wanted_port(job: Job, result: Undoing) -> int | None:
    """The port that the listener is set to when all has gone back; None where that is hindered."""
    back = [change.after for change in result.changes() if change.item == PORT]
    if PORT in result.left:
        return None
    if not back:
        return job.host.listener_port()
    return SETTINGS["port"].number(back[-1]["data"] if isinstance(back[-1], dict) else SETTINGS["port"].default)


def _at_start(back: Sequence[Change]) -> bool:
    """Whether TermService reads some of what goes back when it starts; one that is stopped by it reads it later."""
    return not _stops(back) and any(change.restart for change in back)


def _stops(back: Sequence[Change]) -> bool:
    return any((change.kind, change.item, change.after) == ("service_state", SERVICE, "Stopped") for change in back)


def _move(job: Job, run: Run, movements: Sequence[Target], result: Undoing) -> None:
    """Undo one after the other. An item that cannot be put back is left, and what was done to it before as well.

    What of the firewall could lock everybody out goes back last, when the listener has left the port.
    """
    owed = due(job.host)
    if _untold(result, [target.entry.change for target in movements]) and not job.host.owes.get("restart"):
        run.writer()
        owe_restart(job.host)
    first, last = _parted(movements, result, "restart" in owed)
    _put_back(run, first, result)
    rest = [*result.settled, *result.not_undoable]
    if rest:
        run.writer()
    for target in result.settled:
        run.forget(target.entry.change)
    for target in rest:
        _close(run, target)
    owed += _cut_off(job, owed)
    if owed or result.undone:
        _settle(job, run, result, "restart" in owed)
    if last and _put_back(run, _harmless(job, last, result), result):
        result.proof = job.prober.look(job.host.listener_port)
    _leave_due(job, run, result)
    result.notes.extend(run.tidy())


def _put_back(run: Run, targets: Iterable[Target], result: Undoing) -> bool:
    """Undo one after the other; whether any was."""
    before = len(result.undone)
    for target in targets:
        if not result.stays(target.entry.change) and _goes_back(run, target.entry.change, result):
            result.undone.append(target)
            _close(run, target)
    return len(result.undone) > before


def _parted(movements: Sequence[Target], result: Undoing, owed: bool) -> tuple[list[Target], list[Target]]:
    """What goes back first, and what of the firewall waits until the listener has left its port, where it may have to.

    Of one field of a rule nothing older goes before what waits.
    """
    looked_at = {target.entry.change.item for target in (*movements, *result.settled)}
    looked_at.update(result.left, (drift.item for drift in result.drifted))
    first: list[Target] = []
    last: list[Target] = []
    for target in movements:
        change = target.entry.change
        waits = may_close(change) or any(change.target == other.entry.change.target for other in last)
        (last if waits and (owed or PORT in looked_at) else first).append(target)
    return first, last


def _harmless(job: Job, targets: Sequence[Target], result: Undoing) -> Iterator[Target]:
    """Those that close no port on which the listener still is, each as it is when those before have gone back."""
    wanted = _wanted_port(job, result)
    for target in targets:
        change = target.entry.change
        if result.stays(change):
            continue
        try:
            shut = closes(job.host, change, wanted)
        except IN_THE_WAY as error:
            result.leave(change, str(error))
            continue
        if shut:
            result.leave(change, _would_close(shut, wanted))
        else:
            yield target


def _would_close(ports: Sequence[int], wanted: int | None) -> str:
    listed = " and ".join(map(str, ports))
    why = f"until TermService starts again and takes port {wanted}: restart it" if wanted else "and stays: see to that"
    return f"this would close port {listed}, on which the listener is {why}, and roll back again"


def _goes_back(run: Run, change: Change, result: Undoing) -> bool:
    """Put one item back; whether it is, also where the host did so and answered that it did not."""
    try:
        run.undo(change)
    except IN_THE_WAY as error:
        if isinstance(error, WsmanFault) and _is_back(run, change):
            return True
        way = "; set restart to always to accept that" if isinstance(error, SessionsInTheWay) else ""
        result.leave(change, f"{error}{way}")
        result.unsure = result.unsure or isinstance(error, Timeout)
        return False
    return True


def _is_back(run: Run, change: Change) -> bool:
    """Whether an item is as before; where it cannot be read it counts as left."""
    try:
        return seen(run.host, change) == change.before
    except IN_THE_WAY:
        return False


def _cut_off(job: Job, owed: tuple[str, ...]) -> tuple[str, ...]:
    """What is due since a run that was cut off; asked when all is back, since that may be what the listener acts on."""
    return ("restart",) if "restart" not in owed and due_after_cut(job.host, job.prober) else ()


def _leave_due(job: Job, run: Run, result: Undoing) -> None:
    """Leave the next run to know of a restart that was hindered, and of what was not seen to be live.

    That an item may go back yet, since the host has not answered in time, leaves it both as well.
    """
    if result.unsure:
        return
    if "restart" not in result.waiting:
        forgo_restart(job.host)
    elif not job.host.owes.get("restart"):
        owe_restart(job.host)
    seen = "restart" in result.waiting or not run.unseen or is_live(job.host, _unsettled(result), result.proof)
    if seen:
        run.proven()
    elif seen is None:
        result.notes.append(UNSEEN)


UNSEEN = "no handshake proves yet that what went back is live"


def _unsettled(result: Undoing) -> list[Change]:
    return [change for change in result.changes() if change.unsettled]


def _close(run: Run, target: Target) -> None:
    if target.trimmed:
        run.journal.forget_item(target.entry)
    else:
        run.journal.mark_undone(target.recorded)


def _stays(result: Undoing, back: Sequence[Change]) -> bool:
    """Whether the listener is seen to go on as before; where nothing tells, what took a restart takes another one."""
    seen = shows(back, result.proof)
    return seen is False or (seen is None and _untold(result, back))


def _untold(result: Undoing, back: Sequence[Change]) -> bool:
    """Whether a restart made live what goes back, and one may be needed again, as only the live state tells."""
    restarted = any(target.entry.change.kind == "restart" for target in result.not_undoable)
    return restarted and any(change.unsettled for change in back)


def _settle(job: Job, run: Run, result: Undoing, owed: bool) -> None:
    """Restart where the listener would go on as before. A host that is unreachable again is as it was: no reason."""
    back = result.changes()
    prober = job.prober.watching(back)
    result.proof = prober.look(job.host.listener_port)
    if "reboot" in job.host.owes:
        why = (
            objection(job.host, job.allow_reboot, job.restart)
            or would_drop(job, result.put_back)
            or reboot(job.host, job.made.append, f"roll-back of {AT_BOOT}{accepted(job.host, job.restart)}")
        )
        if why:
            result.waiting["reboot"] = why
        else:
            _all_live(run, result)
            result.proof = prober.look(job.host.listener_port)
            return
    if _stops(back) or not (owed or _at_start(back) or _stays(result, back)):
        return
    why = would_drop(job, result.put_back) or restart(
        job.host, job.made.append, f"roll-back of {AT_START}", job.restart
    )
    if why:
        result.waiting["restart"] = why
    else:
        _all_live(run, result)
        result.proof = prober.look(job.host.listener_port)


def _all_live(run: Run, result: Undoing) -> None:
    """What went back was read anew; what the host may yet put back was not, nor is it known when it will be."""
    if not result.unsure:
        run.proven()

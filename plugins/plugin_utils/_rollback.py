# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing runs from the journal on the host. PRIVATE to the collection.

What it looks at is in _targets.py, what has to wait or be left in _undoing.py, and of the firewall in _closing.py; here
it is done: put back, made live, and closed in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ._apply import Run, seen
from ._closing import harmless, parted
from ._job import Job
from ._live import due_after_cut, is_live
from ._model.change import Change
from ._owed import REASONS, due, forgo_restart, owe_restart
from ._policies import is_policy
from ._reboot import accepted, objection, reboot
from ._restart import SessionsInTheWay, in_the_way, restart
from ._settle import would_drop
from ._targets import IN_THE_WAY, movements, select
from ._undoing import Target, Undoing
from ._wsman.errors import Timeout, WsmanFault

AT_START, AT_BOOT = "values that are read at start", "values that are read when Windows starts"
"""What only a restart of TermService, or a reboot, makes live."""

UNSEEN = "no handshake proves yet that what went back is live"


def rollback(job: Job, which: str, force: bool) -> Undoing:
    """Undo the last run, all runs or the one with this id.

    A policy value that a run has taken away comes back last: what stood beneath it is put back before.

    Raises:
        JournalError: there is no such run, or an entry of it was altered.
    """
    result = Undoing()
    job.host.may_cut = job.restart == "always"
    with Run(job.host, job.run_id, job.made) as run:
        targets = list(select(run.journal, which, result))
        moving = sorted(movements(job, targets, force, result), key=lambda target: is_policy(target.entry.change))
        if job.check:
            _foretell(job, moving, result)
        else:
            _move(job, run, moving, result)
    return result


def _foretell(job: Job, moving: Sequence[Target], result: Undoing) -> None:
    """What would go back, and be restarted for it for certain; where it hangs on the live state, only that tells."""
    owed = due(job.host)
    first, last = parted(moving, result, "restart" in owed)
    result.undone.extend(first)
    if not result.unsettled:
        owed += _cut_off(job, owed)
    result.waiting.update({what: REASONS[what] for what in owed})
    if result.at_start:
        result.waiting.setdefault("restart", f"{AT_START} would go back")
    if result.at_boot:
        result.waiting.setdefault("reboot", f"{AT_BOOT} would go back")
    if last and (result.stops or ("restart" in result.waiting and _may_restart(job))):
        result.undone.extend(last)
    else:
        result.undone.extend(harmless(job.host, last, result))


def _may_restart(job: Job) -> bool:
    return job.restart != "never" and not in_the_way(job.host, job.restart)


def _move(job: Job, run: Run, moving: Sequence[Target], result: Undoing) -> None:
    """Undo one after the other. An item that cannot be put back is left, and what was done to it before as well.

    What of the firewall could lock everybody out goes back last, when the listener has left the port.
    """
    owed = due(job.host)
    if result.untold(target.entry.change for target in moving) and not job.host.owes.get("restart"):
        run.writer()
        owe_restart(job.host)
    first, last = parted(moving, result, "restart" in owed)
    _put_back(run, first, result)
    rest = [*result.settled, *result.not_undoable]
    if rest:
        run.writer()
    for target in result.settled:
        run.forget(target.entry.change)
    _close(run, (target for target in rest if not target.drops))
    owed += _cut_off(job, owed)
    if owed or result.undone:
        _settle(job, run, result, "restart" in owed)
    if last and _put_back(run, harmless(job.host, last, result), result):
        result.proof = job.prober.look(job.host.listener_port)
    _leave_due(job, run, result)
    result.notes.extend(run.tidy())


def _put_back(run: Run, targets: Iterable[Target], result: Undoing) -> bool:
    """Undo one after the other; whether any was."""
    before = len(result.undone)
    for target in targets:
        if not result.stays(target.entry.change) and _goes_back(run, target.entry.change, result):
            result.undone.append(target)
            _close(run, [] if target.drops else [target])
    return len(result.undone) > before


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
    waits = "restart" in result.waiting
    seen = waits or not run.unseen or is_live(job.host, result.unsettled, result.proof)
    if seen:
        run.proven()
    elif seen is None:
        result.notes.append(UNSEEN)
    if seen and not waits and not job.host.left_over:
        _close(run, result.dropping)


def _close(run: Run, targets: Iterable[Target]) -> None:
    for target in targets:
        if target.trimmed:
            run.journal.forget_item(target.entry)
        else:
            run.journal.mark_undone(target.recorded)


def _settle(job: Job, run: Run, result: Undoing, owed: bool) -> None:
    """Restart where the listener would go on as before. A host that is unreachable again is as it was: no reason."""
    prober = job.prober.watching(result.changes)
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
    if result.stops or not (owed or result.at_start or result.stale):
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

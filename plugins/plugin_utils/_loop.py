# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The closed loop: diagnose, cure one cause, prove, go on. PRIVATE to the collection.

After each step the probe looks again; a step that neither removed the evidence of its cause nor brought the handshake
further is taken back if it carries risk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ._apply import ApplyError, Run
from ._carry_out import carry_out
from ._course import Course, Limits, Proposal, Step, Turns, begun, foresee, note, within
from ._diagnosis.rank import Finding, direct
from ._diagnosis.verdict import Standing, after_repair, under_lease
from ._examine import RECENT_EVENTS, decided, examine, look_again
from ._job import Done, Job
from ._live import UNTOLD, stored_is_live
from ._model.change import Change, Plan, Refusal
from ._model.settings import SETTINGS
from ._owed import lay_to_rest
from ._proof import Probe, lets_in
from ._restart import SessionsInTheWay
from ._settle import leave_due, let_in_after, make_up, put_back
from ._tried import Attempts
from ._wsman.errors import WsmanError


def logged_on(job: Job, standing: Standing) -> Standing:
    """The standing with what came of the logon check, where one was asked for."""
    return standing if job.logon is None else job.logon(standing)


def remediate(job: Job, standing: Standing, limits: Limits) -> Course:
    """Cure the direct findings one after the other, proving each step."""
    job = replace(job, mends=limits.mend and job.prober.enabled)
    course = begun(standing)
    with Run(job.host, job.run_id, job.made) as run:
        try:
            _cure(job, run, course, limits)
        except WsmanError as error:
            _not_left_shut(job, run, course, error)
            raise
        if run.unseen and stored_is_live(job.host, job.prober):
            run.proven()
        course.notes.extend(lay_to_rest(job.host))
    if job.host.left_over and not course.waiting:
        course.notes.append(UNTOLD)
    course.after = logged_on(job, course.after)
    kept = any(change.kind != "restart" for change in course.changes)
    verdict = after_repair(course.before, course.after, kept, bool(course.held), tuple(course.waiting))
    course.verdict = under_lease(verdict, course.after)
    return course


def _cure(job: Job, run: Run, course: Course, limits: Limits) -> None:
    """Each cure in its turn, and in the end what wants a look at all of them."""
    tried: set[str] = set()
    turns, attempts = Turns(), Attempts(job, limits.told)
    if "reboot" in job.host.owes:  # until then what is seen is not what is stored, so no evidence counts
        _made_up(job, run, course, tried)
    while True:
        proposal = None if course.after.healthy else turns.next(course.after, limits)
        if proposal is None:
            if _made_up(job, run, course, tried):
                turns.renew(course)
            elif not turns.again(course.stands):
                break
            continue
        course.after = decided(job.host, course.after, proposal.remedy, proposal.options)
        plan = proposal.plan(course.after.observation, course.before.observation, job.host.owes)
        plan = within(plan, limits)
        plan = note(course, attempts.spared(proposal.finding.id, plan))
        turns.done(course, proposal, plan)
        if plan.changes:
            number, waits = len(course.steps), _take(job, run, course, proposal, plan.changes)
            if waits:
                turns.end(proposal.finding, course.after)
            elif number in course.failed:
                turns.failed(proposal, course.failed[number])
    stands = course.stands
    _finish(job, run, course)
    _let_in_again(job, run, course)
    _tell_next(run, course, attempts, stands)


def _not_left_shut(job: Job, run: Run, course: Course, error: WsmanError) -> None:
    """Where an error ends the loop, nobody who got in before stays shut out by what it has opened and cures no more."""
    before = course.before.observation.probe
    if before and lets_in(before, job.host.vouched):
        done = Done(list(run.applied), acted=before)
        let_in_after(job, run, done, list(filter(_reveals, [*run.applied, *run.doubtful])), error)


def _made_up(job: Job, run: Run, course: Course, tried: set[str]) -> bool:
    """Whether anything was restarted for a run before this one, which was cut off or might not."""
    owed = {f"owed:{what}" for what in job.host.owes} - tried
    if course.waiting or not owed:
        return False
    tried |= owed
    done = Done()
    make_up(job, run, done)
    run.tidy()
    course.changes.extend(done.changes)
    course.waiting.update(done.waiting)
    if done.changes:
        course.after = look_again(job, course.after, done)
        course.revealed.extend(_new(course))
    return bool(done.changes)


def _take(job: Job, run: Run, course: Course, proposal: Proposal, changes: Sequence[Change]) -> bool:
    """One step: apply, look again, keep or take back; whether what comes of it would show only later."""
    cause, made, undone, stood = proposal.finding.id, len(job.made), run.undone, course.stands
    try:
        done = carry_out(job, run, changes)
    except (ApplyError, SessionsInTheWay) as error:
        if run.undone > undone:
            course.planned[len(course.steps)], course.failed[len(course.steps)] = changes, stood
            _seen_back(job, run, changes, course.after.observation.probe)
        _give_up(job, course, proposal, Done(changes=job.made[made:]), str(error))
        return False
    before, course.after = course.after, look_again(job, course.after, done)
    course.revealed.extend(_new(course))
    kept, reason = _keep(cause, before, course.after, done, job.host.vouched)
    course.planned[len(course.steps)] = changes
    if not kept:
        if done.waiting:
            note(course, Plan(refused=(Refusal(reason),)))
        done = _take_back(job, run, done, before.observation.probe)
        if done.notes:
            kept, reason = True, f"kept, since {done.notes[0]} ({reason.removeprefix('taken back: ')})"
        course.after = look_again(job, before, done)
    else:
        leave_due(job, run, done)
        course.opened[len(course.steps)] = list(filter(_reveals, done.changes))
        if done.rest:
            course.unfinished[len(course.steps)] = done
            reason = f"kept until what it brought to light is cured: {done.lack}"
    if not kept:
        course.failed[len(course.steps)] = stood
    course.changes.extend(done.changes)
    course.waiting.update(done.waiting)
    course.steps.append(Step(cause, proposal.remedy, kept, reason))
    return bool(done.waiting)


def _new(course: Course) -> list[Finding]:
    """The direct findings of now that no earlier look showed."""
    known = {finding.id for finding in (*direct(course.before.findings), *course.revealed)}
    return [finding for finding in direct(course.after.findings) if finding.id not in known]


def _reveals(change: Change) -> bool:
    """Whether it may bring to light what shuts everybody out: what it switches on, or what it takes away."""
    return change.then == "answer" or (change.then == "tls" and change.after is None)


def _let_in_again(job: Job, run: Run, course: Course) -> None:
    """Take back in the end what shuts everybody out, where what it brought to light could not be cured.

    A cure that waits for a restart or a reboot lets nobody in before.
    """
    before, after = course.before.observation.probe, course.after.observation.probe
    opened = {number: changes for number, changes in course.opened.items() if changes}
    if not opened or not before or not after:
        return
    if lets_in(after, job.host.vouched) or not lets_in(before, job.host.vouched):
        return
    _withdraw(job, run, course, opened, "who got in before did no more, and what it brought to light was not cured")


def _finish(job: Job, run: Run, course: Course) -> None:
    """Go on with what wants a proof, now that all is cured that can be; or take back what was begun of it."""
    for number, half in course.unfinished.items():
        made = len(job.made)
        try:
            done = carry_out(job, run, half.rest)
        except ApplyError as error:
            course.changes.extend(job.made[made:])
            note(course, Plan(refused=(Refusal(str(error)),)))
            _withdraw(job, run, course, {number: half.changes}, half.lack)
            continue
        leave_due(job, run, done)
        course.changes.extend(done.changes)
        course.waiting.update(done.waiting)
        course.steps[number] = replace(course.steps[number], reason="kept: the evidence of the cause is gone")
        course.after = look_again(job, course.after, done)


def _withdraw(job: Job, run: Run, course: Course, steps: Mapping[int, Sequence[Change]], why: str) -> None:
    """Take back in the end what was kept for what it brings to light."""
    taken = [change for changes in steps.values() for change in changes if change.kind != "restart"]
    done = Done(list(course.changes), acted=course.before.observation.probe)
    outcome = put_back(job, run, done, taken)
    course.changes[:] = [change for change in done.changes if change not in taken or change in run.applied]
    course.waiting.update(done.waiting)
    course.withdrawn |= set(steps)
    for number in steps:
        course.opened.pop(number, None)
        course.steps[number] = replace(
            course.steps[number], kept=False, reason=f"taken back: {why}; {outcome or 'it is as it was'}"
        )
    proof = _seen_back(job, run, taken, course.before.observation.probe)
    course.after = look_again(job, course.after, Done(taken, proof))


def _tell_next(run: Run, course: Course, attempts: Attempts, stands: int) -> None:
    """Leave word of the steps that were taken back, with nothing changed since that may let them succeed."""
    for number, changes in course.planned.items():
        tried = number in course.withdrawn or course.failed.get(number, 0) >= stands
        if tried and not course.steps[number].kept:
            run.writer()
            attempts.note(course.steps[number].cause, changes)


def _give_up(job: Job, course: Course, proposal: Proposal, done: Done, message: str) -> None:
    """A step that was refused on the way; what it changed until then stands, and is told."""
    course.changes.extend(done.changes)
    note(course, Plan(refused=(Refusal(message),)))
    course.opened[len(course.steps)] = list(filter(_reveals, done.changes))
    course.steps.append(Step(proposal.finding.id, proposal.remedy, bool(done.changes), message))
    if done.changes:
        done.proof = job.prober.look(job.host.listener_port)
        course.after = look_again(job, course.after, done)
        course.revealed.extend(_new(course))


def _keep(cause: str, before: Standing, after: Standing, done: Done, vouched: Callable[[], bool]) -> tuple[bool, str]:
    if done.waiting:
        return _keep_waiting(before, done, vouched)
    if cause not in {finding.id for finding in direct(after.findings)}:
        return True, "kept: the evidence of the cause is gone"
    if after.reached > before.reached:
        return True, "kept: the handshake gets further"
    if all(change.risk == "none" for change in done.changes):
        return True, "kept: it helped nothing and carries no risk"
    return False, "taken back: it helped nothing"


def _keep_waiting(before: Standing, done: Done, vouched: Callable[[], bool]) -> tuple[bool, str]:
    """What waits is proved by a later run; what then shuts everybody out who got in before would not be seen by one."""
    opening = any(map(_reveals, done.changes))
    probe = before.observation.probe
    if opening and probe and lets_in(probe, vouched):
        why = "; ".join(done.waiting.values())
        return False, f"taken back: whether anybody gets in with it would show only after a restart. {why}"
    return True, "kept: it waits for a " + " and a ".join(done.waiting)


def _take_back(job: Job, run: Run, done: Done, before: Probe | None) -> Done:
    """Undo a step; what is left of it are the changes that cannot be undone, or would cut users, and a new look."""
    left = Done(list(done.changes), acted=done.acted)
    try:
        put_back(job, run, left, [change for change in done.changes if change.undo == "exact"])
    except SessionsInTheWay as error:
        left.notes.append(str(error))
    left.changes = [change for change in left.changes if change.undo == "none" or change in run.applied]
    left.proof = _seen_back(job, run, done.changes, before)
    return left


def _seen_back(job: Job, run: Run, changes: Sequence[Change], before: Probe | None) -> Probe | None:
    """A look at what was put back, which leaves the next run nothing to look for where all answers are as before."""
    proof = job.prober.look(job.host.listener_port)
    told = all(change.item in _TOLD for change in changes if change.unsettled)
    if told and proof and before and proof["x224"].get("asked") and proof["x224"] == before["x224"]:
        run.proven()
    return proof


_TOLD = frozenset(SETTINGS[name].path for name in ("negotiation", "security_layer", "nla"))
"""What decides how the listener answers connection requests, and thus shows in them."""


def climb(job: Job, remedy: str) -> Course:
    """The loop with one remedy alone, whose causes name its methods from the smallest to the largest."""
    standing, limits = examine(job.host, job.prober, RECENT_EVENTS), Limits(frozenset({remedy}))
    spared = Attempts(job, limits.told).spared
    return foresee(standing, limits, spared, job.allowed) if job.check else remediate(job, standing, limits)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The closed loop: diagnose, cure one cause, prove, go on. PRIVATE to the collection.

The probe comes first and decides how much is read: a host whose handshake passes is asked only what the probe cannot
see. After each step the probe looks again; a step that neither removed the evidence of its cause nor brought the
handshake further is taken back if it carries risk.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ._apply import ApplyError, Run
from ._diagnosis.causes import CAUSES
from ._diagnosis.facts import Facts
from ._diagnosis.rank import Finding, diagnose, direct
from ._diagnosis.verdict import Standing, Verdict, after_repair, before_repair, under_lease
from ._fix import Done, Job, carry_out, leave_due, make_up, put_back
from ._host import Host
from ._model.change import RISKS, Change, GatewayKind, Held, Plan, Refusal, Risk
from ._model.lease import running
from ._model.observation import Observation
from ._model.project import project
from ._model.scope import Scope
from ._model.settings import PIN, SETTINGS
from ._observe import observe
from ._owed import REASONS, due_after_lease
from ._proof import KEY_KINDS, Probe, Prober, lets_in, telling
from ._remedies import REMEDIES, Options
from ._restart import SessionsInTheWay
from ._scope import PROVED_SETTINGS, deeper, scope

RECENT_EVENTS = 600.0
"""Seconds back that events are read where nothing else is asked for."""

RECENT = 60.0
"""Seconds back that events are read after a step; only those around the probe count."""


@dataclass(frozen=True)
class Limits:
    """What the loop may do.

    Attributes:
        remedies: the fixes it may use.
        max_risk: the highest risk of a change that it may take.
    """

    remedies: frozenset[str] = frozenset(REMEDIES)
    max_risk: Risk = "medium"

    def allow(self, change: Change) -> bool:
        return RISKS.index(change.risk) <= RISKS.index(self.max_risk)


@dataclass(frozen=True)
class Step:
    """One cure, tried: for which cause, whether it stands, and why."""

    cause: str
    remedy: str
    kept: bool
    reason: str


@dataclass
class Course:
    """What the loop did on a host, or in check mode would do.

    Attributes:
        before: the host as it was found.
        after: the host now.
        revealed: direct findings that only showed once what hid them was cured, each as it was first seen.
        opened: by the number of their step, changes that were kept for what they bring to light and that shut everybody
            out where it is not cured.
    """

    before: Standing
    after: Standing
    revealed: list[Finding] = field(default_factory=list)
    verdict: Verdict = "unresolved"
    changes: list[Change] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    opened: dict[int, list[Change]] = field(default_factory=dict)


# --- looking


def examine(host: Host, prober: Prober, since: float, full: bool = False) -> Standing:
    """Probe a host, then read in proportion to the trouble.

    Args:
        host: the host to ask.
        prober: where to probe.
        since: how many seconds back events are read.
        full: read every area whatever the probe says.
    """
    probe, others = telling(prober, prober.look(host.listener_port))
    wanted = scope(Facts(Observation("", probe=probe)), full)
    observation = replace(observe(host, wanted.areas, wanted.settings, probe, since), other_probes=others)
    if Facts(observation).sessions:
        observation = observe(host, ("settings",), ("session_limit",), probe, since, base=observation)
    owed = observation.owed or ()
    if "restart" not in owed and due_after_lease(host, observation.leases or (), probe):
        observation = replace(observation, owed=(*owed, "restart"))
    return _prepared(host, _deeper(host, Standing(observation, diagnose(observation))))


def _deeper(host: Host, standing: Standing) -> Standing:
    """With what tells causes apart that the first look leaves open."""
    return _with(host, standing, deeper(Facts(standing.observation), standing.findings))


def _prepared(host: Host, standing: Standing) -> Standing:
    """With all that the cures of the direct findings decide on; read only now, since most hosts need none of it."""
    cures = [cure for found in direct(standing.findings) for cure in CAUSES[found.id].cures]
    asked = [(REMEDIES[cure.remedy], _options(cure.remedy, cure.options)) for cure in cures]
    settings = {name for remedy, options in asked for name in remedy.settings_for(options)}
    areas = {area for remedy, options in asked for area in remedy.areas_for(options)}
    return _with(host, standing, Scope(tuple(areas), tuple(sorted(settings))))


def _with(host: Host, standing: Standing, wanted: Scope) -> Standing:
    """The standing with what it lacks of this."""
    seen = standing.observation
    missing = wanted.beyond(seen)
    if not missing.areas:
        return standing
    observation = observe(host, missing.areas, missing.settings, seen.probe, base=seen)
    return Standing(observation, diagnose(observation))


def _evidence_again(standing: Standing, probe: Probe | None) -> set[str]:
    """Areas whose evidence belongs to one probe: where TLS fails still, the earlier events tell nothing."""
    failing = Facts(Observation("", probe=probe)).failed_stage == "tls"
    return {"events"} if failing and standing.observation.events is not None else set()


def look_again(job: Job, standing: Standing, done: Done) -> Standing:
    """Observe what was changed, and what the stage calls for that fails now, and take in the proof.

    A probe that was brought from before tells nothing now.

    What was read back when it was written is taken over: reading all rules of the firewall that touch the port, or all
    that the keys stand on, once more would be the largest answers of all. So is a setting that a handshake now proves.
    """
    touched = {name for name, setting in SETTINGS.items() if any(setting.path == c.item for c in done.changes)}
    proved = PROVED_SETTINGS if done.proof is not None and done.proof["passed"] else frozenset()
    areas = {_AREA_OF[change.kind] for change in done.changes if change.kind in _AREA_OF}
    areas.update({"owed"} if standing.observation.owed else ())
    if any(state.lease.setting in touched for state in standing.observation.leases or ()):
        areas.add("leases")
    before = standing.observation.probe if job.prober.enabled else None
    probe, base = done.proof or before, _taken_over(standing.observation, done.changes, proved)
    newly = scope(Facts(Observation("", probe=probe))).beyond(base)
    wanted = {*areas, *newly.areas, *_evidence_again(standing, probe)}
    fresh = observe(job.host, wanted, (*sorted(touched - proved), *newly.settings), probe, RECENT, base)
    return _prepared(job.host, _deeper(job.host, Standing(fresh, diagnose(fresh))))


def _taken_over(observation: Observation, changes: Sequence[Change], proved: Collection[str]) -> Observation:
    """With what was read back; permissions that SYSTEM alone sees stay unseen, and moved folders are read anew.

    What a renewal made is read anew as well, and that it was made is known.
    """
    items = {PIN, *(SETTINGS[name].path for name in proved)}
    seen = [c for c in changes if c.kind in (*_READ_BACK, "renewal") or c.item in items]
    moved = any(change.kind in ("key_copy", "key_folder") for change in changes)
    projected = project(observation, [c for c in seen if not (c.kind == "file_access" and _hidden(observation, c))])
    return replace(projected, other_probes=(), keys=None if moved else projected.keys)


def _hidden(observation: Observation, change: Change) -> bool:
    keys = observation.keys
    held = (keys.own, keys.pinned_certificate) if keys else ()
    files = [certificate.key_file for certificate in held if certificate and certificate.key_file]
    return any(file.path == change.item and file.dacl.state == "unreadable" for file in files)


_READ_BACK = ("firewall_rule", "file_access", "folder_dacl", "key_dacl")

_AREA_OF = {
    "registry": "settings",
    "service_start_mode": "services",
    "service_state": "services",
    "lease": "leases",
    "restart": "services",
    "reboot": "services",
    "dns_cache": "dns",
    "winsock": "winsock",
    "port_proxy": "obstacles",
    **dict.fromkeys(t.get_args(GatewayKind), "gateway"),
    **dict.fromkeys(KEY_KINDS.difference(_READ_BACK), "keys"),
}


# --- planning


@dataclass(frozen=True)
class Proposal:
    """The next thing to do about a finding."""

    finding: Finding
    remedy: str
    plan: Plan


def proposals(standing: Standing, limits: Limits, tried: set[str]) -> Iterator[Proposal]:
    """What can be done about each direct finding and was not tried, smallest first; marks each as tried."""
    for finding in direct(standing.findings):
        for number, cure in enumerate(CAUSES[finding.id].cures):
            if cure.remedy in limits.remedies and _attempt(finding, number) not in tried:
                tried.add(_attempt(finding, number))
                plan = _planned(standing.observation, cure.remedy, cure.options)
                yield Proposal(finding, cure.remedy, _sparing(standing.observation, plan))


def _attempt(finding: Finding, number: int) -> str:
    """One cure of one cause: the next larger one is tried where it did not help."""
    return f"{finding.id}:{number}"


def _planned(observation: Observation, remedy: str, options: Options) -> Plan:
    return REMEDIES[remedy].plan(observation, _options(remedy, options))


def _options(remedy: str, options: Options) -> Options:
    return {**defaults(REMEDIES[remedy].options), **options}


def _sparing(observation: Observation, plan: Plan) -> Plan:
    """The plan, unless it would end a lease that runs: somebody granted it until its end."""
    granted = {state.lease.setting: state.lease for state in running(observation.leases) if not state.over}
    ended = [granted[change.item] for change in plan.changes if change.kind == "lease" and change.item in granted]
    if not ended:
        return plan
    message = f"{ended[0].setting} is weakened on a lease until {ended[0].until}: left as it is until then"
    return replace(plan, changes=(), refused=(*plan.refused, Refusal(message)))


def defaults(spec: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The options of a module when none is given."""
    return {name: entry.get("default") for name, entry in spec.items()}


def within(plan: Plan, limits: Limits) -> Plan:
    """The plan if the limits allow all of it: half a plan may be worse than none."""
    beyond = [change for change in plan.changes if not limits.allow(change)]
    if not beyond:
        return plan
    first = beyond[0]
    why = f"{first.item} carries {first.risk} risk and max_risk is {limits.max_risk}"
    message = f"{why}: left as it is ({first.reason})"
    return replace(plan, changes=(), refused=(*plan.refused, Refusal(message, "max_risk")))


def foresee(standing: Standing, limits: Limits) -> Course:
    """The whole course as it can be planned without touching the host."""
    course = Course(standing, standing)
    tried: set[str] = set()
    now = standing
    while (proposal := next(proposals(now, limits, tried), None)) is not None:
        plan = _note(course, within(proposal.plan, limits))
        course.changes.extend(plan.changes)
        observation = project(now.observation, plan.changes)
        now = Standing(observation, diagnose(observation))
    course.notes.extend(_unseen(course))
    owed = standing.observation.owed or ()
    course.waiting.update({what: REASONS[what] for what in owed})
    course.verdict = under_lease(before_repair(standing, bool(course.changes), bool(course.held), owed), now)
    return course


def _unseen(course: Course) -> Iterator[str]:
    """What a plan cannot hold: the handshake that shows it comes after the first changes."""
    front = [finding.id for finding in direct(course.before.findings) if finding.hides]
    if course.changes and front:
        yield (
            f"{' and '.join(front)} may hide more, which only a handshake after these changes shows: a real run "
            "goes on with what it finds then, within the same limits"
        )


def _note(course: Course, plan: Plan) -> Plan:
    course.held.extend(held for held in plan.held if held not in course.held)
    course.refused.extend(refusal for refusal in plan.refused if refusal not in course.refused)
    course.notes.extend(note for note in plan.notes if note not in course.notes)
    return plan


# --- doing


def logged_on(job: Job, standing: Standing) -> Standing:
    """The standing with what came of the logon check, where one was asked for."""
    return standing if job.logon is None else job.logon(standing)


def remediate(job: Job, standing: Standing, limits: Limits) -> Course:
    """Cure the direct findings one after the other, proving each step."""
    course = Course(standing, standing)
    tried: set[str] = set()
    with Run(job.host, job.run_id, job.made) as run:
        if "reboot" in job.host.owes:  # until then what is seen is not what is stored, so no evidence counts
            _made_up(job, run, course, tried)
        while True:
            proposal = None if course.after.healthy else next(proposals(course.after, limits, tried), None)
            if proposal is None and not _made_up(job, run, course, tried):
                break
            if proposal is None:
                continue
            plan = _note(course, within(proposal.plan, limits))
            if plan.changes:
                _take(job, run, course, proposal, plan.changes)
            if course.waiting:
                tried.update(_attempt(proposal.finding, n) for n in range(len(CAUSES[proposal.finding.id].cures)))
        _let_in_again(job, run, course)
    course.after = logged_on(job, course.after)
    kept = any(change.kind != "restart" for change in course.changes)
    verdict = after_repair(course.before, course.after, kept, bool(course.held), tuple(course.waiting))
    course.verdict = under_lease(verdict, course.after)
    return course


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
    return bool(done.changes)


def _take(job: Job, run: Run, course: Course, proposal: Proposal, changes: Sequence[Change]) -> None:
    """One step: apply, look again, keep or take back."""
    cause, made = proposal.finding.id, len(job.made)
    try:
        done = carry_out(job, run, changes)
    except ApplyError as error:
        _give_up(job, course, proposal, Done(changes=job.made[made:]), str(error))
        return
    before, course.after = course.after, look_again(job, course.after, done)
    course.revealed.extend(_new(course))
    kept, reason = _keep(cause, before, course.after, done, job.host.vouched)
    if not kept:
        if done.waiting:
            course.refused.append(Refusal(reason))
        done = _take_back(job, run, done)
        if done.notes:
            kept, reason = True, f"kept, since {done.notes[0]} ({reason.removeprefix('taken back: ')})"
        course.after = look_again(job, before, done)
    else:
        leave_due(job, done)
        course.opened[len(course.steps)] = list(filter(_reveals, done.changes))
    course.changes.extend(done.changes)
    course.waiting.update(done.waiting)
    course.steps.append(Step(cause, proposal.remedy, kept, reason))


def _new(course: Course) -> list[Finding]:
    """The direct findings of now that no earlier look showed."""
    known = {finding.id for finding in (*direct(course.before.findings), *course.revealed)}
    return [finding for finding in direct(course.after.findings) if finding.id not in known]


def _reveals(change: Change) -> bool:
    """Whether it may bring to light what shuts everybody out: what it switches on, or what it takes away."""
    return change.then == "answer" or (change.then == "tls" and change.after is None)


def _let_in_again(job: Job, run: Run, course: Course) -> None:
    """Take back in the end what shuts everybody out, where what it brought to light could not be cured."""
    before, after = course.before.observation.probe, course.after.observation.probe
    opened = {number: changes for number, changes in course.opened.items() if changes}
    if not opened or course.waiting or not before or not after:
        return
    if lets_in(after, job.host.vouched) or not lets_in(before, job.host.vouched):
        return
    taken, done = [change for changes in opened.values() for change in changes], Done(list(course.changes))
    outcome = put_back(job, run, done, taken)
    course.changes[:] = [change for change in done.changes if change not in taken]
    course.waiting.update(done.waiting)
    for number in opened:
        reason = f"taken back: who got in before did no more, and what it brought to light was not cured; {outcome}"
        course.steps[number] = replace(course.steps[number], kept=False, reason=reason)
    course.after = look_again(job, course.after, Done(taken, job.prober.look(job.host.listener_port)))


def _give_up(job: Job, course: Course, proposal: Proposal, done: Done, message: str) -> None:
    """A step that was refused on the way; what it changed until then stands, and is told."""
    course.changes.extend(done.changes)
    course.refused.append(Refusal(message))
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


def _take_back(job: Job, run: Run, done: Done) -> Done:
    """Undo a step; what is left of it are the changes that cannot be undone, or would cut users, and a new look."""
    left = Done(list(done.changes))
    try:
        put_back(job, run, left, [change for change in done.changes if change.undo == "exact"])
    except SessionsInTheWay as error:
        left.notes.append(str(error))
    left.changes = [change for change in left.changes if change.undo == "none" or change in run.applied]
    left.proof = job.prober.look(job.host.listener_port)
    return left


def climb(job: Job, remedy: str) -> Course:
    """The loop with one remedy alone, whose causes name its methods from the smallest to the largest."""
    standing, limits = examine(job.host, job.prober, RECENT_EVENTS), Limits(frozenset({remedy}))
    return foresee(standing, limits) if job.check else remediate(job, standing, limits)

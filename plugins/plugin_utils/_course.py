# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the closed loop would do, planned without touching the host. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ._diagnosis.causes import CAUSES
from ._diagnosis.facts import STAGES
from ._diagnosis.rank import Finding, diagnose, direct
from ._diagnosis.verdict import Standing, Verdict, before_repair, under_lease
from ._job import Done
from ._model.change import RISKS, Change, Held, Plan, Refusal, Risk
from ._model.lease import running
from ._model.observation import Observation
from ._model.plain import Plain
from ._model.project import project
from ._model.settings import PIN
from ._owed import REASONS
from ._proof import KEY_KINDS, brought_proves
from ._remedies import REMEDIES, Options, filled
from ._remedies._base import useless
from ._scope import NOTHING_FOUND


@dataclass(frozen=True)
class Limits:
    """What the loop may do.

    Attributes:
        remedies: the fixes it may use.
        max_risk: the highest risk of a change that it may take.
    """

    remedies: frozenset[str] = frozenset(REMEDIES)
    max_risk: Risk = "medium"

    @property
    def told(self) -> Plain:
        """The limits in plain data, always in the same order."""
        return [*sorted(self.remedies), self.max_risk]

    @property
    def mend(self) -> bool:
        """Whether a number that Windows does not know, which a restart makes live, would be set right."""
        return {"nla", "security_layer"} <= self.remedies and self.max_risk in ("medium", "high")

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
        unfinished: by the number of their step, what was begun and wants a proof before it goes on.
        planned: by the number of their step, the changes that it tried, as they were planned.
        failed: the numbers of the steps of which something was taken back at once, and how much stood before each.
        withdrawn: the numbers of the steps that were taken back when all others were done.
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
    unfinished: dict[int, Done] = field(default_factory=dict)
    planned: dict[int, Sequence[Change]] = field(default_factory=dict)
    failed: dict[int, int] = field(default_factory=dict)
    withdrawn: set[int] = field(default_factory=set)

    @property
    def stands(self) -> int:
        """How many changes stand; a restart leaves nothing."""
        return sum(change.kind not in ("restart", "reboot") for change in self.changes)


@dataclass(frozen=True)
class Proposal:
    """The next thing to do about a finding."""

    finding: Finding
    number: int
    remedy: str
    options: Options

    def plan(
        self, observation: Observation, before: Observation, due: Collection[str] = (), foreseen: Collection[str] = ()
    ) -> Plan:
        """What that would be on a host that was so observed, or is foreseen to be so, with the probe of before.

        Args:
            observation: of the host now.
            before: of the host as it was found, with all that other nodes have brought.
            due: what still has to happen before what is stored is live: C(reboot), C(restart).
            foreseen: causes that have a step already in a plan since whose beginning nothing was looked at.
        """
        plan = _sparing(observation, REMEDIES[self.remedy].plan(observation, self.options))
        plan = _of_its_own(observation, self.finding, plan)
        front = " and ".join(_in_front(observation, before, self.finding, plan.changes, due, foreseen))
        return _unproved(plan, front) if front else plan


@dataclass
class Turns:
    """Which cures of which causes had their turn; the next larger one of a cause follows where one did not help.

    One that had nothing to do, or was refused, has another turn once something was changed that may have been in its
    way; its refusal counts no more. One of which something was taken back has another in the end, where more stands by
    then than when it was planned.
    """

    _had: set[tuple[str, int]] = field(default_factory=set)
    _idle: dict[tuple[str, int], tuple[Refusal, ...]] = field(default_factory=dict)
    _failed: dict[tuple[str, int], int] = field(default_factory=dict)
    _told: dict[str, set[str]] = field(default_factory=dict)
    _rounds: int = 2

    def next(self, standing: Standing, limits: Limits) -> Proposal | None:
        """What can be done about a direct finding and had no turn yet, smallest first; it has had it then.

        Nothing on an edition that takes no connections.
        """
        for finding in () if useless(standing.observation).refused else direct(standing.findings):
            for number, cure in enumerate(CAUSES[finding.id].cures):
                if cure.remedy in limits.remedies and (finding.id, number) not in self._had:
                    self._had.add((finding.id, number))
                    return Proposal(finding, number, cure.remedy, filled(cure.remedy, cure.options))
        return None

    def done(self, course: Course, proposal: Proposal, plan: Plan) -> None:
        """What the turn came to."""
        if plan.changes:
            self.renew(course)
        else:
            self._idle[proposal.finding.id, proposal.number] = plan.refused

    def renew(self, course: Course) -> None:
        """Something was changed, or has become live."""
        over = [refusal for refused in self._idle.values() for refusal in refused]
        course.refused[:] = [refusal for refusal in course.refused if refusal not in over]
        self._had.difference_update(self._idle)
        self._idle.clear()

    def failed(self, proposal: Proposal, stood: int) -> None:
        """Something of it was taken back; so much stood when it was planned."""
        self._failed[proposal.finding.id, proposal.number] = stood

    def again(self, stands: int) -> bool:
        """Give another turn to what failed when less stood; whether there is any. Not for ever: each may leave more."""
        ripe = {turn for turn, stood in self._failed.items() if stood < stands} if self._rounds else set()
        self._had -= ripe
        self._failed = {turn: stood for turn, stood in self._failed.items() if turn not in ripe}
        self._rounds -= bool(ripe)
        return bool(ripe)

    def end(self, finding: Finding, after: Standing) -> None:
        """No other cure of this cause has its turn, but where it shows elsewhere now: two certificates may have it."""
        told = self._told.setdefault(finding.id, set())
        told.update(evidence.what for evidence in finding.evidence)
        turns = {(finding.id, number) for number in range(len(CAUSES[finding.id].cures))}
        for turn in turns:
            self._idle.pop(turn, None)
        found = next((found for found in direct(after.findings) if found.id == finding.id), None)
        elsewhere = found is not None and told.isdisjoint(evidence.what for evidence in found.evidence)
        self._had = self._had - turns if elsewhere else self._had | turns


def _sparing(observation: Observation, plan: Plan) -> Plan:
    """The plan, unless it would end a lease that runs: somebody granted it until its end."""
    granted = {state.lease.setting: state.lease for state in running(observation.leases) if not state.over}
    ended = [granted[change.item] for change in plan.changes if change.kind == "lease" and change.item in granted]
    if not ended:
        return plan
    message = f"{ended[0].setting} is weakened on a lease until {ended[0].until}: left as it is until then"
    return replace(plan, changes=(), refused=(*plan.refused, Refusal(message)))


def _of_its_own(observation: Observation, finding: Finding, plan: Plan) -> Plan:
    """The plan, unless what would cure its cause is held or refused: what else it changes is for another's turn."""
    if not plan.changes or not (plan.held or plan.refused):
        return plan
    after = direct(diagnose(project(observation, plan.changes)))
    return replace(plan, changes=()) if finding.id in {found.id for found in after} else plan


def _unproved(plan: Plan, front: str) -> Plan:
    """Nothing of the plan, since no handshake would show what comes of it; it has its turn again once that is cured."""
    message = f"{plan.changes[0].item} is left as it is: no handshake would show what comes of it, because of {front}"
    return replace(plan, changes=(), refused=(*plan.refused, Refusal(message)))


def _in_front(
    observation: Observation,
    before: Observation,
    finding: Finding,
    changes: Sequence[Change],
    due: Collection[str],
    foreseen: Collection[str],
) -> Iterator[str]:
    """What ends each handshake before it shows whether a step helps, where nothing else would show that."""
    if "restart" in due and _of_shown_key(finding, changes):
        yield "a restart that is due"
    wants_tls = any(change.proof or change.then == "answer" for change in changes)
    if not wants_tls and not any(change.restart for change in changes):
        return
    after = direct(diagnose(project(observation, changes)))
    if not wants_tls and finding.id not in {found.id for found in after}:
        return
    if wants_tls and not observation.watched:
        now = observation.probe is not None and not foreseen  # else something was changed since
        yield from () if all(brought_proves(change, before, now) for change in changes) else (_BLIND,)
        return
    for found in after:
        stale = found.id in foreseen or (foreseen and found.id == NOTHING_FOUND)  # by what came before the cures
        if (wants_tls or found.id != finding.id) and not stale and _hinders(found, finding, wants_tls):
            yield found.id
    if "reboot" in due:
        yield "a reboot that is due"


def _of_shown_key(finding: Finding, changes: Sequence[Change]) -> bool:
    """Whether a handshake alone tells of a key's fault: that is of the certificate which serves until a restart."""
    about_keys = any(change.kind in KEY_KINDS or change.item == PIN for change in changes)
    return about_keys and any(evidence.source == "probe" for evidence in finding.evidence)


_BLIND = "probe_from, by which the controller does not probe, and no fresh probes that show as much"


def _hinders(found: Finding, finding: Finding, wants_tls: bool) -> bool:
    """Whether it ends the handshake no later than the other; what Schannel may not serve, no listener can."""
    earlier = STAGES.index(found.stage) <= STAGES.index(finding.stage) and not CAUSES[found.id].always
    return earlier or (wants_tls and "schannel" in found.remedies)


def within(plan: Plan, limits: Limits) -> Plan:
    """The plan if the limits allow all of it: half a plan may be worse than none."""
    beyond = [change for change in plan.changes if not limits.allow(change)]
    if not beyond:
        return plan
    first = beyond[0]
    why = f"{first.item} carries {first.risk} risk and max_risk is {limits.max_risk}"
    message = f"{why}: left as it is ({first.reason})"
    return replace(plan, changes=(), refused=(*plan.refused, Refusal(message, "max_risk")))


def begun(standing: Standing) -> Course:
    """The course on a host as it was found; what keeps it from everything is told at once."""
    course = Course(standing, standing)
    if not standing.healthy:
        note(course, useless(standing.observation))
    return course


def _any(_cause: str, plan: Plan) -> Plan:
    return plan


def foresee(
    standing: Standing,
    limits: Limits,
    spared: Callable[[str, Plan], Plan] = _any,
    allowed: Collection[str] = (),
) -> Course:
    """The whole course as it can be planned without touching the host.

    Args:
        standing: how the host stands.
        limits: what the loop may do.
        spared: leaves of the plan for a cause what is not to be tried, see _tried.py.
        allowed: what it may do of what is due, after which a handshake shows more; what it then shows is not foreseen.
    """
    course = begun(standing)
    turns, now = Turns(), standing
    owed = standing.observation.owed or ()
    due = [what for what in owed if what not in allowed]
    cured: set[str] = set()
    while (proposal := turns.next(now, limits)) is not None:
        plan = proposal.plan(now.observation, standing.observation, due, cured)
        plan = within(plan, limits)
        plan = note(course, spared(proposal.finding.id, plan))
        turns.done(course, proposal, plan)
        course.changes.extend(plan.changes)
        cured |= {proposal.finding.id} if plan.changes else set()
        observation = project(now.observation, plan.changes)
        now = Standing(observation, diagnose(observation))
    course.notes.extend(_unseen(course))
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


def note(course: Course, plan: Plan) -> Plan:
    course.held.extend(held for held in plan.held if held not in course.held)
    course.refused.extend(refusal for refusal in plan.refused if refusal not in course.refused)
    course.notes.extend(note for note in plan.notes if note not in course.notes)
    return plan

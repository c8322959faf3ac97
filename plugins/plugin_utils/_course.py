# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the closed loop would do, planned without touching the host. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ._diagnosis.causes import CAUSES
from ._diagnosis.rank import Finding, diagnose, direct
from ._diagnosis.verdict import Standing, Verdict, before_repair, under_lease
from ._model.change import RISKS, Change, Held, Plan, Refusal, Risk
from ._model.lease import running
from ._model.observation import Observation
from ._model.project import project
from ._owed import REASONS
from ._remedies import REMEDIES, Options, filled


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


@dataclass(frozen=True)
class Proposal:
    """The next thing to do about a finding."""

    finding: Finding
    number: int
    remedy: str
    options: Options

    def plan(self, observation: Observation) -> Plan:
        """What that would be on a host that was so observed."""
        return _sparing(observation, REMEDIES[self.remedy].plan(observation, self.options))


@dataclass
class Turns:
    """Which cures of which causes had their turn; the next larger one of a cause follows where one did not help.

    One that had nothing to do, or was refused, has another turn once something was changed that may have been in its
    way; its refusal counts no more.
    """

    _had: set[tuple[str, int]] = field(default_factory=set)
    _idle: dict[tuple[str, int], tuple[Refusal, ...]] = field(default_factory=dict)

    def next(self, standing: Standing, limits: Limits) -> Proposal | None:
        """What can be done about a direct finding and had no turn yet, smallest first; it has had it then."""
        for finding in direct(standing.findings):
            for number, cure in enumerate(CAUSES[finding.id].cures):
                if cure.remedy in limits.remedies and (finding.id, number) not in self._had:
                    self._had.add((finding.id, number))
                    return Proposal(finding, number, cure.remedy, filled(cure.remedy, cure.options))
        return None

    def done(self, course: Course, proposal: Proposal, plan: Plan) -> None:
        """What the turn came to."""
        if not plan.changes:
            self._idle[proposal.finding.id, proposal.number] = plan.refused
            return
        over = [refusal for refused in self._idle.values() for refusal in refused]
        course.refused[:] = [refusal for refusal in course.refused if refusal not in over]
        self._had.difference_update(self._idle)
        self._idle.clear()

    def end(self, finding: Finding) -> None:
        """No other cure of this cause has its turn."""
        ended = {(finding.id, number) for number in range(len(CAUSES[finding.id].cures))}
        self._had |= ended
        for turn in ended:
            self._idle.pop(turn, None)


def _sparing(observation: Observation, plan: Plan) -> Plan:
    """The plan, unless it would end a lease that runs: somebody granted it until its end."""
    granted = {state.lease.setting: state.lease for state in running(observation.leases) if not state.over}
    ended = [granted[change.item] for change in plan.changes if change.kind == "lease" and change.item in granted]
    if not ended:
        return plan
    message = f"{ended[0].setting} is weakened on a lease until {ended[0].until}: left as it is until then"
    return replace(plan, changes=(), refused=(*plan.refused, Refusal(message)))


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
    turns, now = Turns(), standing
    while (proposal := turns.next(now, limits)) is not None:
        plan = note(course, within(proposal.plan(now.observation), limits))
        turns.done(course, proposal, plan)
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


def note(course: Course, plan: Plan) -> Plan:
    course.held.extend(held for held in plan.held if held not in course.held)
    course.refused.extend(refusal for refusal in plan.refused if refusal not in course.refused)
    course.notes.extend(note for note in plan.notes if note not in course.notes)
    return plan

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the table of causes to ranked findings. PRIVATE to the collection.

The probe decides how a cause relates to the failure: what breaks an earlier stage than the one that failed cannot be
its reason, since the probe got further; what breaks a later stage is hidden behind it and shows next. A cause that
only events suggest counts while its own stage is the one that fails.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._model.change import Compliance
from .._model.observation import Observation
from .causes import CAUSES, Cause, Severity
from .facts import STAGES, Evidence, Facts

Relation = t.Literal["direct", "contributing", "unrelated"]
Confidence = t.Literal["high", "medium", "low"]

_RELATIONS: tuple[Relation, ...] = ("direct", "contributing", "unrelated")
_CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Finding:
    """A cause with its evidence on one host.

    Attributes:
        relation: C(direct) explains a failure that users have, C(unrelated) is wrong but demonstrably not the reason.
        confidence: C(high) where evidence and probe agree or the evidence alone is proof.
        remedies: modules that cure it, smallest first; empty when only a person can.
        compliance: the benchmark items that what was found meets or breaks.
        hides: more may be wrong behind it, since probe or logon check cannot see past it.
    """

    id: str
    title: str
    relation: Relation
    confidence: Confidence
    severity: Severity
    stage: str
    evidence: tuple[Evidence, ...]
    remedies: tuple[str, ...]
    risk: str
    by_hand: str
    verify: str
    ruled_out_by: str
    hides: bool
    compliance: tuple[Compliance, ...]
    sources: tuple[str, ...]


def diagnose(observation: Observation, causes: Iterable[Cause] = CAUSES.values()) -> tuple[Finding, ...]:
    """Every cause that the observation shows, the most direct first; among equals the earliest stage, then severity."""
    facts = Facts(observation)
    findings = [_finding(cause, facts, evidence) for cause in causes if (evidence := cause.shows(facts))]
    return tuple(sorted(findings, key=_rank))


def direct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.relation == "direct")


def open_questions(observation: Observation, findings: Sequence[Finding]) -> tuple[str, ...]:
    """What could not be read, and what that leaves open."""
    questions = [f"{area} could not be read: {reason}" for area, reason in sorted(observation.unread.items())]
    facts = Facts(observation)
    if facts.failed_stage and not direct(findings):
        questions.append(
            f"the probe failed at stage {facts.failed_stage} ({facts.probe_verdict(facts.failed_stage)}) and nothing "
            "that was read explains it"
        )
    questions += [
        f"the probe from {view.vantage} failed at stage {view.failed_stage}, and the one from {facts.vantage} got "
        "further: the host itself is not the reason there"
        for view in facts.elsewhere
        if view.reached < facts.reached
    ]
    if not facts.probed:
        questions.append("no probe was made, so nothing is known about the path to the host and the live handshake")
    return tuple(questions)


def _finding(cause: Cause, facts: Facts, evidence: tuple[Evidence, ...]) -> Finding:
    relation = _relation(cause, facts)
    return Finding(
        id=cause.id,
        title=cause.title,
        relation=relation,
        confidence=_confidence(cause, facts, relation),
        severity=cause.severity,
        stage=cause.stage,
        evidence=evidence,
        remedies=tuple(cure.remedy for cure in cause.cures),
        risk="high" if cause.exposes(facts) else cause.risk,
        by_hand=cause.by_hand,
        verify=cause.verify,
        ruled_out_by=cause.ruled_out_by,
        hides=cause.hides,
        compliance=cause.touches(facts),
        sources=cause.sources,
    )


def _relation(cause: Cause, facts: Facts) -> Relation:
    if cause.contributes:
        return "contributing"
    if not facts.probed or cause.stage == "session" or cause.always:
        return "direct"
    if facts.failed_stage is None:
        return "unrelated"
    return "unrelated" if _order(cause.stage) < _order(facts.failed_stage) else "direct"


def _confidence(cause: Cause, facts: Facts, relation: Relation) -> Confidence:
    if relation == "unrelated":
        return "high"
    if relation == "contributing":
        return "low"
    if cause.always or cause.stage in {"session", facts.failed_stage}:
        return "high" if cause.certain else "medium"
    return "medium" if cause.certain else "low"


def _order(stage: str) -> int:
    return STAGES.index(stage)


_SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")


def _rank(finding: Finding) -> tuple[int, int, int, int]:
    return (
        _RELATIONS.index(finding.relation),
        _order(finding.stage),
        _CONFIDENCES.index(finding.confidence),
        _SEVERITIES.index(finding.severity),
    )

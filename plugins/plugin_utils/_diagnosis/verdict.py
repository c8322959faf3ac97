# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One word for how a host stands. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from .._model.lease import running
from .._model.observation import Observation
from .facts import Facts
from .rank import Finding, direct

Verdict = t.Literal[
    "healthy",
    "repairable",
    "repaired",
    "improved",
    "leased",
    "policy_held",
    "needs_restart",
    "needs_reboot",
    "blocked_on_path",
    "not_rdp",
    "unresolved",
    "unreachable",
]

VERDICTS: tuple[Verdict, ...] = t.get_args(Verdict)


@dataclass(frozen=True)
class Standing:
    """A host at one moment: what was observed, and what that shows."""

    observation: Observation
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """No direct finding, and the handshake passed; without a probe, host evidence is the proof."""
        facts = Facts(self.observation)
        return not direct(self.findings) and (facts.passed or (not facts.probed and not self.observation.unread))

    @property
    def reached(self) -> int:
        """How far the probe came, as a number that grows with the stages passed; -1 without a probe."""
        return Facts(self.observation).reached


def before_repair(standing: Standing, curable: bool, held: bool, due: Sequence[str] = ()) -> Verdict:
    """The verdict of a diagnosis or of check mode.

    Args:
        standing: how the host stands.
        curable: whether some change is planned.
        held: whether policy holds something that is wanted otherwise.
        due: what earlier runs left to be done: C(reboot), which takes leave, C(restart).
    """
    if "reboot" in due and not curable:
        return "needs_reboot"
    if standing.healthy and not due:
        return "healthy"
    return "repairable" if curable or due else _without_cure(standing, held)


def after_repair(before: Standing, after: Standing, changed: bool, held: bool, waiting: Sequence[str] = ()) -> Verdict:
    """The verdict of the closed loop.

    Args:
        before: how the host stood.
        after: how it stands now.
        held: whether policy holds something that is wanted otherwise.
        changed: whether any change was kept.
        waiting: what still has to happen: C(reboot), C(restart).
    """
    if "reboot" in waiting:
        return "needs_reboot"
    if "restart" in waiting:
        return "needs_restart"
    if after.healthy:
        return "repaired" if changed else "healthy"
    verdict = _without_cure(after, held)
    if verdict == "unresolved" and changed and _better(before, after):
        return "improved"
    return verdict


def under_lease(verdict: Verdict, standing: Standing) -> Verdict:
    """C(leased) for a host of which nothing is left to do, or nothing can be done, while a lease weakens it."""
    weakened = bool(running(standing.observation.leases))
    return "leased" if weakened and verdict in ("healthy", "repaired", "unresolved") else verdict


def _without_cure(standing: Standing, held: bool) -> Verdict:
    causes = {finding.id for finding in direct(standing.findings)}
    facts = Facts(standing.observation)
    if held:
        return "policy_held"
    if "port_taken" in causes or facts.probe_verdict("x224") == "not_rdp":
        return "not_rdp"
    return "blocked_on_path" if causes & {"path_blocked", "path_blocked_elsewhere"} else "unresolved"


def _better(before: Standing, after: Standing) -> bool:
    fewer = len(direct(after.findings)) < len(direct(before.findings))
    return fewer or after.reached > before.reached

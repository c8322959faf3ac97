# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Breakages planted in simulated hosts in process, and what the diagnosis and the loop make of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations

from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import Finding, direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import logged_on, remediate

from tests.simulator.breakages import BREAKAGES, cause_of
from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job, logon_check, prober

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")
KNOWN = tuple(name for name in BREAKAGES if name in CAUSES and not CAUSES[name].contributes)
HINTS = tuple(name for name in BREAKAGES if name in CAUSES and CAUSES[name].contributes)
"""What is listed in full depth and never explains a failure alone."""

OTHER_WAYS = tuple(name for name in BREAKAGES if cause_of(name) != name and not CAUSES[cause_of(name)].contributes)
"""Other ways to causes of KNOWN. They are tried alone: in pairs their causes are, by the breakages of their names."""

PAIR_VERSION = "2022"
SKEW = timedelta(minutes=11)
"""How far the controller's clock is behind where time_skew is planted."""

WELL = ("healthy", "repaired", "leased")
FIRST = ("time_skew", "trust_broken", "certificate_expired", "folder_acl")
"""Breakages that move the clock, join another network, or make a new certificate with a new key: planted first, in this
order, they leave what the other one breaks."""

PINNED = frozenset({"certificate_pinned_missing", "certificate_wrong_usage", "certificate_weak", "key_in_cng"})
SELF_SIGNED = frozenset(
    {
        "certificate_expired",
        "certificate_missing",
        "folder_acl",
        "key_missing",
        "key_unreadable",
        "machine_guid_changed",
        "store_acl",
    }
)
"""What breaks the certificate that Windows makes; without effect while the listener is tied to another one."""

PART_OF = {"license_mode_missing": "license_grace_over", "listener_group_missing": "listener_permissions"}
"""Hints of what is worse already where the other one is planted as well, which then stands for both."""

TURNS_INTO = {"tls12_disabled": "tls_server_disabled"}
"""Hints that are direct causes, under another name, where no handshake shows that clients get by with what is left."""


@dataclass(frozen=True)
class Trial:
    """A host with breakages: what was found first, what the loop did, and what is found when all is looked at after."""

    planted: tuple[str, ...]
    version: str
    findings: tuple[Finding, ...]
    course: Course
    left: tuple[Finding, ...]
    passes: bool

    @property
    def found(self) -> tuple[str, ...]:
        return tuple(finding.id for finding in direct(self.findings))

    @property
    def missed(self) -> tuple[str, ...]:
        """Planted causes that are in effect and not listed, although no finding says that it hides more."""
        hiding = direct(self.findings) + tuple(found for found in self.findings if CAUSES[found.id].veils)
        return () if any(finding.hides for finding in hiding) else self.unlisted

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Planted causes that are in effect and not listed at first, whatever hides them."""
        return tuple(sorted(self._in_effect - {finding.id for finding in self.findings}))

    @property
    def _in_effect(self) -> set[str]:
        """The listener is tied to one certificate at a time, the one that was planted last."""
        tied = [name for name in self.planted if name in PINNED]
        without = SELF_SIGNED | set(tied[:-1]) if tied else set()
        part = {name for name, whole in PART_OF.items() if whole in self.planted}
        return {cause_of(name) for name in set(self.planted) - without - part}

    @property
    def beyond(self) -> tuple[str, ...]:
        """Remedies that were used although no planted cause names them; the loop has no business with hints."""
        planted = (cause_of(name) for name in self.planted)
        turned = (TURNS_INTO[name] if TURNS_INTO.get(name) in self.found else name for name in planted)
        causes = [CAUSES[name] for name in turned if not CAUSES[name].contributes]
        wanted = {"restart", *(cure.remedy for cause in causes for cure in cause.cures)}
        return tuple(sorted({change.remedy for change in self.course.changes} - wanted))

    @property
    def honest(self) -> bool:
        """Whether the verdict says what is: well only where nothing is left, and else with something to show for it."""
        course = self.course
        if course.verdict in WELL:
            return self.passes and not {finding.id for finding in direct(self.left)}
        return bool(direct(self.left) or course.held or course.refused or course.waiting) or not self.passes


OF_THE_RULE = frozenset({"firewall_rule_turned", "firewall_rule_demands", "firewall_wrong_profile"})
"""What is about the built-in rule over TCP, which no host has where somebody has deleted that."""


def pairs() -> list[tuple[str, str]]:
    """Every two causes that one host can have."""
    both = combinations((*KNOWN, *HINTS), 2)
    return [pair for pair in both if not ("firewall_rule_missing" in pair and OF_THE_RULE & {*pair})]


def trial(planted: Iterable[str], version: str) -> Trial:
    """Plant, diagnose, in full depth where a hint is planted, let the loop do what it can, and look at all again."""
    names = tuple(sorted(planted, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST)))
    simulated = SimulatedHost.build(version, breakages=names)
    behind = SKEW if "time_skew" in names else timedelta()
    doing = job(simulated, logon=logon_check(simulated), prober=prober(simulated, behind))
    doing = replace(doing, host=connect(simulated, behind=behind))
    standing = logged_on(doing, examine(doing.host, doing.prober, 600, full=not set(names).isdisjoint(HINTS)))
    course = remediate(doing, standing, Limits())
    after = logged_on(doing, examine(connect(simulated, behind=behind), prober(simulated, behind), 60, full=True))
    passed = bool(after.observation.probe and after.observation.probe["passed"])
    return Trial(names, version, standing.findings, course, after.findings, passed)

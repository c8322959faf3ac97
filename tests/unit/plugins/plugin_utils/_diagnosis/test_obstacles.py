# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in a listener's way: named, left alone, and read only where nothing else explains the failure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import diagnose, direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import Limits, defaults, examine, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.registry import Type
from tests.support.in_process import job, settings_state

RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\ConSecRules"


@pytest.mark.parametrize("version", ["10", "2016", "2025"])
@pytest.mark.parametrize("breakage", ["foreign_protocol", "service_dll_replaced", "port_proxy"])
def test_it_is_named_first_and_left_to_a_person(breakage: str, version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=[breakage])
    before = settings_state(simulated)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert direct(standing.findings)[0].id == breakage
    assert direct(standing.findings)[0].by_hand
    assert remediate(doing, standing, Limits()).changes == []
    assert settings_state(simulated) == before


def test_a_host_whose_failure_is_explained_is_not_asked_for_more() -> None:
    simulated = SimulatedHost.build("2022", breakages=["rdp_denied"])
    doing = job(simulated)
    assert examine(doing.host, doing.prober, 600).observation.obstacles is None


def test_a_home_edition_is_said_plainly_and_left_as_it_is() -> None:
    simulated = SimulatedHost.build("11home")
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert "home_edition" in {finding.id for finding in direct(standing.findings)}
    plan, done = fix(job(simulated), REMEDIES["remote_desktop"], defaults(REMEDIES["remote_desktop"].options))
    assert "Windows 11 Home takes no Remote Desktop connections" in plan.refused[0].message
    assert done.changes == []


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("v2.31|Action=SecureServer|Active=TRUE|Dir=In|", True),
        ("v2.31|Action=Secure|Active=TRUE|Dir=In|", True),
        ("v2.31|Action=SecureServer|Active=FALSE|Dir=In|", False),
        ("v2.31|Action=DoNotSecure|Active=TRUE|Dir=In|", False),
    ],
)
def test_a_rule_that_demands_ipsec_explains_silence_alone(rule: str, shown: bool) -> None:
    simulated = SimulatedHost.build("2022", breakages=["path_blocked"])
    simulated.windows.registry.create(RULES)
    simulated.windows.registry.put(RULES, "{5EC}", Type.SZ, rule)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600, full=True)
    assert ("ipsec_rules" in {finding.id for finding in standing.findings}) is shown
    refused = {**(standing.observation.probe or {}), "tcp": {"verdict": "refused"}}
    assert "ipsec_rules" not in {finding.id for finding in diagnose(replace(standing.observation, probe=refused))}


def test_unfinished_setup_is_named() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(r"HKLM\SYSTEM\Setup", "OOBEInProgress", 1)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600, full=True)
    assert standing.observation.obstacles is not None
    assert standing.observation.obstacles.setup == ("OOBEInProgress",)
    assert "setup_unfinished" in {finding.id for finding in standing.findings}

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may log on, and licences: seen where the handshake passes, and left to a person."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import Finding, direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import POLICY
from tests.simulator.windows.listener import DEFAULT_SECURITY, TERMINAL_SERVER
from tests.simulator.windows.registry import Type
from tests.simulator.windows.security import SecurityDescriptor
from tests.support.in_process import connect, job, prober, settings_state


def findings(simulated: SimulatedHost, full: bool = False) -> dict[str, Finding]:
    standing = examine(connect(simulated), prober(simulated), 600, full)
    return {finding.id: finding for finding in standing.findings}


def with_rights(sddl: str, told: bool = True) -> SimulatedHost:
    simulated = SimulatedHost.build("2022", switches={"permissions_descriptor": told})
    simulated.windows.listener.set_security(SecurityDescriptor.from_sddl(sddl))
    return simulated


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("sddl", "cause", "relation"),
    [
        ("O:SYG:SYD:(D;;0x20;;;RD)(A;;0xf03bf;;;BA)(A;;0x121;;;RD)", "listener_permissions", "direct"),
        ("O:SYG:SYD:(D;;0x20;;;WD)(A;;0xf03bf;;;BA)(A;;0x121;;;RD)", "listener_permissions", "direct"),
        ("O:SYG:SYD:(A;;0x101;;;BA)(A;;0x101;;;RD)", "listener_permissions", "direct"),
        ("O:SYG:SYD:(A;;0xf03bf;;;BA)", "listener_group_missing", "contributing"),
        ("O:SYG:SYD:(A;;0xf03bf;;;BA)(A;;0x121;;;S-1-5-21-1-2-3-1234)", "listener_group_missing", "contributing"),
    ],
)
def test_rights_that_keep_users_out(sddl: str, cause: str, relation: str, told: bool) -> None:
    found = findings(with_rights(sddl, told))
    assert {finding.id: finding.relation for finding in found.values()} == {cause: relation}


@pytest.mark.parametrize("told", [True, False])
def test_more_rights_than_the_default_are_no_finding(told: bool) -> None:
    sddl = "O:SYG:SYD:(D;;0x20;;;S-1-5-21-1-2-3-77)(A;;0xf03bf;;;BA)(A;;0x121;;;RD)(A;;0x121;;;S-1-5-21-1-2-3-1234)"
    assert findings(with_rights(sddl, told)) == {}
    assert findings(with_rights(DEFAULT_SECURITY.to_sddl(), told)) == {}


def licensed(simulated: SimulatedHost, mode: int | None = None, servers: str = "") -> SimulatedHost:
    if mode is not None:
        simulated.windows.registry.put_dword(POLICY, "LicensingMode", mode)
    if servers:
        simulated.windows.registry.put(POLICY, "LicenseServers", Type.SZ, servers)
    return simulated


def test_a_grace_period_that_is_over_matters_only_without_licences() -> None:
    def over(**given: t.Any) -> SimulatedHost:
        simulated = licensed(SimulatedHost.build("2022", breakages=["license_grace_over"]), **given)
        simulated.clock.advance(3600)  # the event is old
        return simulated

    assert "license_grace_over" in findings(over())
    assert "license_grace_over" in findings(over(mode=4))
    assert "license_grace_over" in findings(over(servers="ls01"))
    assert "license_grace_over" not in findings(over(mode=4, servers="ls01"))


def test_events_complain_of_licences_that_cannot_be_had() -> None:
    simulated = licensed(SimulatedHost.build("2022", breakages=["license_grace_over"]), mode=4, servers="ls01")
    found = findings(simulated)["license_grace_over"]
    assert [item.value for item in found.evidence] == [0, 1069]


def test_without_a_shell_the_days_tell() -> None:
    simulated = SimulatedHost.build("2022", breakages=["license_grace_over"], traits=["no_shell"])
    assert "license_grace_over" in findings(simulated)


@pytest.mark.parametrize(
    ("mode", "servers", "named"), [(None, "", 3), (2, "", 2), (4, "ls01, ls02", 0), (None, "ls01", 2)]
)
def test_a_session_host_that_will_run_out_is_told(mode: int | None, servers: str, named: int) -> None:
    simulated = licensed(SimulatedHost.build("2022", traits=["session_host_role"]), mode, servers)
    found = findings(simulated).get("license_mode_missing")
    assert len(found.evidence if found else ()) == named


def test_a_host_for_administration_needs_no_licences() -> None:
    simulated = SimulatedHost.build("2022", breakages=["license_grace_over"])
    simulated.windows.registry.put_dword(TERMINAL_SERVER, "TSAppCompat", 0)
    assert findings(simulated, full=True) == {}


@pytest.mark.parametrize("breakage", ["license_grace_over", "listener_permissions"])
def test_nothing_is_changed_and_what_to_do_is_said(breakage: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    before = settings_state(simulated)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    course = remediate(doing, standing, Limits())
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert all(finding.by_hand for finding in _listed(direct(standing.findings)))
    assert settings_state(simulated) == before


def _listed(found: Iterable[Finding]) -> list[Finding]:
    listed = list(found)
    assert listed
    return listed

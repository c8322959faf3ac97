# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an RD Gateway's policies and events say of users who do not get through."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import Finding, diagnose
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.verdict import Standing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.gateway import GatewayEvent, GatewayState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults

from tests.simulator.breakages import BREAKAGES, cause_of
from tests.simulator.breakages.gateway import NAME, TARGETS, USER, USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import Request
from tests.support.in_process import connect, job, prober

PLANTED = sorted(name for name in BREAKAGES if name.startswith("gateway_"))


def standing(simulated: SimulatedHost) -> Standing:
    return examine(connect(simulated), prober(simulated), 600, full=True)


def named(observation: Observation) -> dict[str, Finding]:
    return {finding.id: finding for finding in diagnose(observation) if finding.id.startswith("gateway_")}


def shown(simulated: SimulatedHost) -> dict[str, Finding]:
    return named(standing(simulated).observation)


def role(simulated: SimulatedHost) -> t.Any:
    assert simulated.windows.gateway is not None
    return simulated.windows.gateway


@pytest.mark.parametrize(("version", "language"), [("2016", "de"), ("2025", "ja")])
@pytest.mark.parametrize("breakage", PLANTED)
def test_each_breakage_is_told_and_no_other(breakage: str, version: str, language: str) -> None:
    found = shown(SimulatedHost.build(version, language=language, breakages=[breakage]))
    assert set(found) == {cause_of(breakage)}
    assert all(finding.relation == "contributing" for finding in found.values())


@pytest.mark.parametrize("trait", ["gateway_certificate_name", "gateway_udp"])
def test_what_a_gateway_cannot_know_to_be_wrong_is_not_told(trait: str) -> None:
    """The name that users' clients ask for, and what becomes of its UDP on the way."""
    assert shown(SimulatedHost.build("2022", traits=[trait])) == {}


def test_a_gateway_in_order_and_a_host_without_the_role_show_nothing() -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_role"])
    assert role(simulated).attempt(USER, [USERS], TARGETS[0]) == 302
    assert shown(simulated) == {}
    seen = standing(SimulatedHost.build("2022")).observation
    assert (seen.gateway_events, "gateway_events" in seen.unread) == ((), False)


def binds(simulated: SimulatedHost, request: Request) -> str:
    """Bind a certificate with this key; the path of its file."""
    found = simulated.windows.certificates
    thumbprint = found.add(NAME, request).thumbprint
    role(simulated).certificate = bytes.fromhex(thumbprint)
    stored = found.in_store("MY", thumbprint)
    return found.path_of(stored.container) if stored and stored.container else ""


CLOSED, HIDDEN = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)", "O:SYG:SYD:PAI(A;;FA;;;SY)"


def test_a_certificate_whose_key_the_service_may_not_read_is_no_use_until_the_module_lets_it() -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_role"])
    path = binds(simulated, Request(key=9, sddl=CLOSED))
    (evidence,) = shown(simulated)["gateway_certificate_unbound"].evidence
    assert evidence.what == f"permissions of {path}"
    assert "S-1-5-32-544" in str(evidence.value)
    fix(job(simulated), REMEDIES["gateway"], defaults(REMEDIES["gateway"].options))
    assert shown(simulated) == {}


@pytest.mark.parametrize("linked", [True, False])
def test_a_certificate_without_a_key_is_no_use(linked: bool) -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_role"])
    path = binds(simulated, Request(key=9, sddl=CLOSED, linked=linked))
    if linked:
        simulated.windows.files.remove(path)
    (evidence,) = shown(simulated)["gateway_certificate_unbound"].evidence
    assert (evidence.value, evidence.source) == ("absent", path or "the store's link to a key")


def test_a_key_whose_permissions_only_system_sees_tells_nothing() -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_role"])
    binds(simulated, Request(key=9, sddl=HIDDEN))
    assert shown(simulated) == {}


@pytest.mark.parametrize(
    ("breakage", "told", "still"),
    [
        ("gateway_cap_denied", "gateway_cap_denied", set()),
        ("gateway_rap_resource", "gateway_rap_denied", {"gateway_rap_denied"}),
    ],
)
def test_a_refusal_counts_until_the_same_user_comes_through(breakage: str, told: str, still: set[str]) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    gateway = role(simulated)
    gateway.connections[0]["UserGroupNames"] = USERS
    gateway.groups[0]["Resources"] = ";".join(TARGETS)
    assert set(shown(simulated)) == {told}
    gateway.attempt(USER, [USERS], TARGETS[1])
    assert set(shown(simulated)) == still
    gateway.attempt(USER, [USERS], TARGETS[2])
    assert shown(simulated) == {}


def test_evidence_names_users_and_targets_and_the_ports_that_are_allowed() -> None:
    found = shown(SimulatedHost.build("2022", breakages=["gateway_rap_port"]))["gateway_rap_denied"]
    way, ports = (item.value for item in found.evidence)
    assert way == r"CORP\anna to 10.20.0.31, CORP\anna to rdp01, CORP\anna to rdp01.corp.example"
    assert ports == "33890"


def test_of_many_users_some_are_named() -> None:
    events = tuple(GatewayEvent(201, rf"CORP\user{number:02}") for number in range(12))
    found = named(Observation("", gateway_events=events))["gateway_cap_denied"]
    (evidence,) = found.evidence
    assert str(evidence.value).endswith(r"CORP\user04 and 7 more")


def test_without_its_policies_the_events_tell_alone() -> None:
    unread = GatewayState("Stopped", "Auto", unread="the provider does not answer")
    events = (GatewayEvent(301, USER, "rdp01"), GatewayEvent(201, USER))
    assert {"gateway_cap_denied", "gateway_rap_denied"} <= set(
        named(Observation("", gateway=unread, gateway_events=events))
    )


def test_where_another_server_keeps_connection_policies_refusals_are_still_told() -> None:
    simulated = SimulatedHost.build("2022", breakages=["gateway_cap_disabled"])
    role(simulated).central = True
    assert set(shown(simulated)) == {"gateway_cap_denied"}


def test_members_of_a_computer_group_are_not_taken_for_unnamed() -> None:
    simulated = SimulatedHost.build("2022", breakages=["gateway_rap_resource"])
    role(simulated).resources.append({**role(simulated).resources[0], "Name": "more", "ResourceGroupType": "CG"})
    assert set(shown(simulated)) == {"gateway_rap_denied"}


def test_without_a_shell_the_events_are_unread_and_the_policies_are_still_seen() -> None:
    simulated = SimulatedHost.build("2022", breakages=["gateway_cap_disabled"], traits=["no_shell"])
    found = standing(simulated)
    assert "gateway_events" in found.observation.unread
    assert "gateway_cap_disabled" in named(found.observation)

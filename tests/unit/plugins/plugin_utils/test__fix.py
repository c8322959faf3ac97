# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fix modules on simulated hosts: check mode, second run, roll-back, in every version and language."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import LISTENER, POLICY
from tests.simulator.windows.editions import EDITIONS
from tests.support.in_process import job, settings_state

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")

CASES = [
    ("remote_desktop", {}, ("rdp_denied",)),
    ("remote_desktop", {}, ("deny_value_missing", "termservice_disabled")),
    ("remote_desktop", {}, ("listener_disabled", "sessionenv_disabled", "umrdpservice_disabled")),
    ("remote_desktop", {"drain": "off", "logons": "accepted"}, ("drain_mode", "logons_disabled")),
    ("remote_desktop", {"logons": "accepted"}, ("remote_logons_disabled",)),
    ("remote_desktop", {"logons": "accepted"}, ("logons_disabled", "remote_logons_disabled")),
    ("remote_desktop", {"start_mode": "automatic"}, ()),
    ("remote_desktop", {"state": "disabled"}, ()),
    ("remote_desktop", {"remove_orphaned_policy": True}, ("rdp_denied_by_orphan_policy",)),
    ("firewall", {}, ("firewall_rule_disabled",)),
    ("firewall", {}, ("firewall_wrong_profile",)),
    ("firewall", {}, ("firewall_port_mismatch",)),
    ("firewall", {"profiles": ["domain", "private"], "remote_addresses": ["10.0.0.0/8", "LocalSubnet"]}, ()),
    ("firewall", {"state": "disabled"}, ()),
    ("firewall", {"port": 33890}, ()),
    ("transport", {"mode": "tcp_only"}, ()),
    ("connection_limit", {"pending": 5000}, ("connection_flood",)),
    ("connection_limit", {"sessions": 25, "pending": 1000}, ()),
    ("schannel", {}, ("tls_server_disabled",)),
    ("schannel", {"remove_orphaned_policy": True}, ("cipher_suites_empty",)),
    ("security_layer", {}, ("security_layer_rdp",)),
    ("security_layer", {"encryption": "high"}, ("encryption_level_invalid", "security_layer_invalid")),
    ("security_layer", {}, ("negotiation_disabled",)),
    ("nla", {}, ("nla_value_invalid",)),
    ("nla", {"state": "off", "accept_permanent_weakening": True}, ()),
]


def options(name: str, given: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**defaults(REMEDIES[name].options), **given}


def with_port_open(simulated: SimulatedHost) -> SimulatedHost:
    """The host, with port 33890 let in: into a shut port the listener is not moved."""
    _plan, done = fix(job(simulated, "open"), REMEDIES["firewall"], options("firewall", {"port": 33890}))
    assert done.changes
    return simulated


def test_the_versions_are_all_that_the_simulator_has() -> None:
    assert set(VERSIONS) <= set(EDITIONS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "given", "breakages"), CASES)
def test_check_mode_foretells_and_a_second_run_is_empty_and_rollback_restores(
    name: str, given: dict[str, t.Any], breakages: tuple[str, ...], version: str
) -> None:
    language = {"10": "de", "2019": "ja"}.get(version, "en")
    simulated = SimulatedHost.build(version, language=language, breakages=breakages)
    before = settings_state(simulated)
    wanted = options(name, given)

    _plan, foretold = fix(job(simulated, check=True), REMEDIES[name], wanted)
    assert simulated.counters.writes == 0
    assert simulated.counters.shells_opened == 0
    assert settings_state(simulated) == before

    plan, done = fix(job(simulated, allow_reboot=True), REMEDIES[name], wanted)
    assert not plan.refused
    assert done.changes
    assert not done.waiting
    assert _result.diff(done.changes) == _result.diff(foretold.changes)

    writes = simulated.counters.writes
    _plan, again = fix(job(simulated, "run-2"), REMEDIES[name], wanted)
    assert again.changes == []
    assert simulated.counters.writes == writes

    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert not undoing.drifted
    assert not undoing.left
    assert settings_state(simulated) == before


@pytest.mark.parametrize("switch", ["at_once", "after_restart"])
def test_a_host_answers_again_whenever_the_change_takes_effect(switch: str) -> None:
    simulated = SimulatedHost.build(
        "2022", breakages=["security_layer_rdp"], switches={"live_security": switch, "live_deny": switch}
    )
    _plan, done = fix(job(simulated), REMEDIES["security_layer"], options("security_layer", {}))
    assert done.proof is not None
    assert done.proof["passed"]
    restarts = [change for change in done.changes if change.kind == "restart"]
    assert bool(restarts) is (switch == "after_restart")


def test_users_keep_a_restart_from_happening_and_are_counted_and_named() -> None:
    simulated = with_port_open(SimulatedHost.build("2022", traits=["many_sessions"]))
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], options("remote_desktop", {"port": 33890}))
    assert "would cut 8 connected and 4 disconnected" in done.waiting["restart"]
    assert r"signed in: HOST001\user00, " in done.waiting["restart"]
    assert simulated.counters.shells_opened == 0


@pytest.mark.parametrize("run", ["the same", "a later one"])
def test_users_of_the_old_port_keep_a_restart_from_happening(run: str) -> None:
    """The listener has the old port until then, so nobody is connected to the one that is stored."""
    simulated = with_port_open(SimulatedHost.build("2022"))
    session = simulated.windows.sessions.add("anna")
    wanted = options("remote_desktop", {"port": 33890})
    if run == "a later one":
        fix(job(simulated, restart="never"), REMEDIES["remote_desktop"], wanted)
    _plan, done = fix(job(simulated, "run-2"), REMEDIES["remote_desktop"], wanted)
    assert "would cut 1 connected and 0 disconnected" in done.waiting["restart"]
    assert session.active


def test_never_means_never() -> None:
    simulated = with_port_open(SimulatedHost.build("2022"))
    plan, done = fix(
        job(simulated, restart="never"), REMEDIES["remote_desktop"], options("remote_desktop", {"port": 33890})
    )
    assert plan.changes
    assert done.waiting == {"restart": "restart is never: TermService was not restarted"}
    assert simulated.counters.shells_opened == 0


def test_without_a_shell_the_change_is_made_and_the_restart_is_left_to_somebody() -> None:
    simulated = with_port_open(SimulatedHost.build("2022", traits=["no_shell"]))
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], options("remote_desktop", {"port": 33890}))
    assert "refuses the shell" in done.waiting["restart"]
    assert [change.item.rpartition("\\")[2] for change in done.changes] == ["PortNumber"]


def test_a_step_that_is_taken_back_after_a_restart_is_live_again_as_it_was() -> None:
    """On the way from standard RDP security to TLS lies a layer that lets nobody in where NLA is required."""
    simulated = SimulatedHost.build(
        "2019", breakages=["tls_server_disabled"], switches={"live_security": "after_restart"}
    )
    simulated.windows.registry.put_dword(LISTENER, "SecurityLayer", 0)
    simulated.windows.registry.put_dword(POLICY, "SecurityLayer", 0)
    simulated.windows.settle()
    assert ["selected", 0] in answers(simulated)
    with pytest.raises(ProofMissing, match="it was put back as it was"):
        fix(job(simulated), REMEDIES["security_layer"], options("security_layer", {"remove_orphaned_policy": True}))
    assert ["selected", 0] in answers(simulated)


def test_a_step_on_the_way_that_users_keep_from_being_live_is_taken_back_and_nothing_else_is_blamed() -> None:
    simulated = SimulatedHost.build(
        "2022", breakages=["security_layer_rdp"], traits=["many_sessions"], switches={"live_security": "after_restart"}
    )
    before = settings_state(simulated)
    with pytest.raises(
        ProofMissing, match=r"would show only after .* put back as it was\. a restart .* would cut"
    ) as error:
        fix(job(simulated), REMEDIES["security_layer"], options("security_layer", {}))
    assert "ertificate" not in str(error.value)
    assert "still has" not in str(error.value)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("stealth", [False, True])
@pytest.mark.parametrize("users", [(), ("many_sessions",)])
@pytest.mark.parametrize("live", ["at_once", "after_restart"])
def test_a_port_that_is_closed_is_seen_to_be_closed(live: str, users: tuple[str, ...], stealth: bool) -> None:
    """Neither is a listener that goes on taken for one that is gone, nor is one restarted that is."""
    simulated = SimulatedHost.build("2022", traits=users, switches={"live_deny": live, "firewall_stealth": stealth})
    wanted = options("remote_desktop", {"state": "disabled"})
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], wanted)
    restarts = live == "after_restart" and not users
    assert [change.kind for change in done.changes] == ["registry", *(["restart"] if restarts else [])]
    assert bool(done.waiting) == (live == "after_restart" and bool(users))
    assert simulated.windows.listener.is_listening() == bool(done.waiting)


@pytest.mark.parametrize("planted", ["port_taken", "port_proxy"])
def test_a_port_that_another_program_has_is_not_waited_for_when_ours_is_closed(planted: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[planted], switches={"live_deny": "at_once"})
    simulated.windows.sessions.add("anna", active=False)
    wanted = options("remote_desktop", {"state": "disabled"})
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], wanted)
    assert ([change.kind for change in done.changes], done.waiting) == (["registry"], {})


def answers(simulated: SimulatedHost) -> list[t.Any]:
    return list(t.cast("dict[str, t.Any]", simulated.probe_view()["asked"]).values())

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restarting TermService: who is asked, what is run, what is said."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.users import SignedIn
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._restart import (
    Policy,
    Sessions,
    SessionsInTheWay,
    ensure_idle,
    restart,
    sessions,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.breakages.gateway import USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.windows.services import RUNNING, STOPPED, Service
from tests.support.in_process import connect


def test_nothing_hinders_the_restart_of_an_idle_host() -> None:
    asked: list[bytes] = []
    host = connect(SimulatedHost.build("2022"), lambda _number, body: asked.append(body))
    assert sessions(host).idle
    assert restart(host, lambda _change: None, "a test", "when_idle") == ""
    ensure_idle(host, "TermService")
    assert not [body for body in asked if b"Win32_Process" in body]


def test_users_are_counted_and_hinder() -> None:
    host = connect(SimulatedHost.build("2022", traits=["many_sessions"]))
    found = sessions(host)
    assert (found.connected, found.disconnected) == (8, 4)
    assert restart(host, refused, "a test", "when_idle") == (
        "a restart of TermService would cut 8 connected and 4 disconnected session(s), connected from 192.0.2.10; "
        r"signed in: HOST001\user00, HOST001\user01, HOST001\user02, HOST001\user03, HOST001\user04 and 7 more; "
        "set restart to always to accept that"
    )
    with pytest.raises(SessionsInTheWay, match=r"8 connected .*; signed in: HOST001\\user00, "):
        ensure_idle(host, "TermService")
    assert restart(host, lambda _change: None, "a test", "always") == ""


MAX_DISCONNECTION_TIME = (
    r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp",
    "MaxDisconnectionTime",
)


def reason_of_a_restart(simulated: SimulatedHost, policy: Policy = "always") -> str:
    recorded: list[Change] = []
    assert restart(connect(simulated), recorded.append, "a test", policy) == ""
    return recorded[0].reason


def test_who_is_cut_off_where_that_was_accepted_is_told_and_when_they_are_logged_off() -> None:
    simulated = SimulatedHost.build("2022", traits=["many_sessions"])
    simulated.windows.registry.put_dword(*MAX_DISCONNECTION_TIME, 60000)
    assert reason_of_a_restart(simulated) == (
        "a test; it cuts 8 connected and 4 disconnected session(s), connected from 192.0.2.10; the connected ones "
        r"would be logged off 60 s after the disconnect; signed in: HOST001\user00, HOST001\user01, HOST001\user02, "
        r"HOST001\user03, HOST001\user04 and 7 more"
    )


@pytest.mark.parametrize("policy", ["always", "when_idle"])
def test_a_restart_that_cuts_nobody_says_so_of_nobody(policy: Policy) -> None:
    assert reason_of_a_restart(SimulatedHost.build("2022"), policy) == "a test"


def test_a_host_that_does_not_tell_its_connections_is_restarted_where_that_is_accepted() -> None:
    simulated = SimulatedHost.build("2022", traits=["many_sessions"])
    simulated.injector.add("access_denied", {"class": "MSFT_NetTCPConnection"}, 1)
    reason = reason_of_a_restart(simulated)
    assert reason.startswith("a test; whose sessions it cuts is not known (")
    assert simulated.windows.services.running("TermService")


def refused(change: Change) -> None:
    raise AssertionError(f"{change.item} is restarted")


def used(*programs: str, **session: object) -> SimulatedHost:
    """A host with one session, in which these programs run."""
    simulated = SimulatedHost.build("2022")
    added = simulated.windows.sessions.add("Ægir Łoś", active=False)
    for name, value in ({"programs": programs} | session).items():
        setattr(added, name, value)
    return simulated


def test_users_count_also_where_nobody_else_is_let_in() -> None:
    found = sessions(connect(SimulatedHost.build("2022", traits=["many_sessions"], breakages=["rdp_denied"])))
    assert (found.connected, found.disconnected) == (8, 4)


def test_users_are_named_in_either_style_of_requests() -> None:
    host = connect(used("sihost.exe"))
    host.cim = CimClient(host.channel.send, "dmtf")
    assert str(sessions(host)).endswith(r"; signed in: HOST001\Ægir Łoś")


@pytest.mark.parametrize(
    "programs", [("explorer.exe",), ("rdpinit.exe", "winword.exe"), ("cmd.exe", "rdpclip.exe"), ("cmd.exe",)]
)
def test_users_are_named_whatever_their_shell_is(programs: tuple[str, ...]) -> None:
    host = connect(used(*programs, domain="日本"))
    assert str(sessions(host)) == "0 connected and 1 disconnected session(s); signed in: 日本\\Ægir Łoś"


@pytest.mark.parametrize("simulated", [used("winword.exe"), used("sihost.exe", hidden=True)], ids=["unknown", "hidden"])
def test_where_the_host_names_nobody_the_sessions_are_told_all_the_same(simulated: SimulatedHost) -> None:
    assert str(sessions(connect(simulated))) == "0 connected and 1 disconnected session(s)"


def test_a_session_whose_user_is_hidden_is_one() -> None:
    assert not sessions(connect(used("sihost.exe", hidden=True))).idle


@pytest.mark.parametrize("discreet", [False, True])
def test_the_session_of_services_is_no_users(discreet: bool) -> None:
    simulated = SimulatedHost.build("2022", switches={"services_session_counted": True})
    host = connect(simulated)
    host.discreet = discreet
    assert sessions(host).disconnected == 1
    ensure_idle(host, "TermService")
    assert restart(host, lambda _change: None, "a test", "when_idle") == ""
    simulated.windows.sessions.add("anna", active=False)
    with pytest.raises(SessionsInTheWay, match=r"2 disconnected"):
        ensure_idle(host, "TermService")
    assert restart(host, refused, "a test", "when_idle").startswith("a restart of TermService would cut")


def test_who_sits_at_the_console_keeps_the_session() -> None:
    simulated = SimulatedHost.build("11", traits=["console_user"])
    assert restart(connect(simulated), lambda _change: None, "a test", "when_idle") == ""
    assert [session.active for session in simulated.windows.sessions.all()] == [True]


@pytest.mark.parametrize("request_", [b"from Win32_Process", b"GetOwner_INPUT"])
def test_a_refusal_to_name_users_hides_no_session(request_: bytes) -> None:
    simulated = used("sihost.exe")

    def refuse(_number: int, body: bytes) -> None:
        if request_ in body:
            simulated.injector.add("access_denied")

    found = sessions(connect(simulated, refuse))
    assert str(found) == "0 connected and 1 disconnected session(s)"
    assert not found.idle


def test_a_connection_that_is_lost_meanwhile_is_lost() -> None:
    simulated = used("sihost.exe")
    simulated.injector.add("reset_before", {"method": "GetOwner"}, 1)
    with pytest.raises(TransportFailed):
        sessions(connect(simulated))


def test_a_session_that_ends_meanwhile_is_not_named() -> None:
    simulated = used("sihost.exe")
    simulated.windows.sessions.add("bert")

    def end(_number: int, body: bytes) -> None:
        if b"GetOwner_INPUT" in body:
            simulated.windows.sessions.log_off(2)

    assert str(sessions(connect(simulated, end))).endswith(r"; signed in: HOST001\bert and 1 more")


def test_a_discreet_host_tells_numbers_alone() -> None:
    host = connect(SimulatedHost.build("2022", traits=["many_sessions"]))
    host.discreet = True
    assert str(sessions(host)) == "8 connected and 4 disconnected session(s)"


def test_the_log_off_that_follows_is_named() -> None:
    assert "logged off 60 s after" in str(Sessions(2, 0, 60000))
    assert "logged off" not in str(Sessions(2, 0, 0))
    assert "logged off" not in str(Sessions(0, 2, 60000))


def test_no_more_clients_are_named_than_anybody_reads() -> None:
    clients = tuple(f"192.0.2.{number}" for number in range(1, 8))
    assert str(Sessions(7, 0, 0, clients)).endswith("192.0.2.4, 192.0.2.5 and 2 more")
    assert str(Sessions(0, 1, 0)) == "0 connected and 1 disconnected session(s)"


def test_who_is_signed_in_stands_last() -> None:
    told = str(Sessions(1, 0, 60000, ("192.0.2.1",), SignedIn(("CORP\\anna",), 1)))
    assert told.endswith(r"would be logged off 60 s after the disconnect; signed in: CORP\anna and 1 more")


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_a_restart_is_one_command_and_what_ran_runs_again(language: str) -> None:
    simulated = SimulatedHost.build("2022", language=language)
    recorded: list[Change] = []
    host = connect(simulated)
    host.services.start("UmRdpService")
    before = host.service("TermService").process_id
    assert restart(host, recorded.append, "a test") == ""
    assert [(change.kind, change.undo) for change in recorded] == [("restart", "none")]
    assert simulated.counters.operations["shell_command"] == 1
    running = host.services.list(["TermService", "SessionEnv", "UmRdpService"])
    assert {service.state for service in running.values()} == {"Running"}
    assert running["TermService"].process_id != before


def test_a_host_without_a_shell_is_left_alone_and_said() -> None:
    simulated = SimulatedHost.build("2022", traits=["no_shell"])
    recorded: list[Change] = []
    assert "refuses the shell" in restart(connect(simulated), recorded.append, "a test")
    assert recorded == []
    assert simulated.windows.services.running("TermService")


def with_dependent(name: str) -> SimulatedHost:
    """A host where another vendor's service, which depends on TermService, runs."""
    simulated = SimulatedHost.build("2022")
    services = simulated.windows.services
    services.add(Service(name, name, 3, "LocalSystem", "C:\\agent.exe", depends_on=("TermService",)))
    services[name].state = RUNNING
    return simulated


@pytest.mark.parametrize("name", ["Vendor Agent", "A&B", "A & net stop WinRM", "100%PATH%", 'a"b'])
def test_a_dependents_name_is_data_and_runs_again(name: str) -> None:
    simulated = with_dependent(name)
    assert restart(connect(simulated), [].append, "a test") == ""
    services = simulated.windows.services
    assert (services[name].state, services["WinRM"].state, services["TermService"].state) == (RUNNING,) * 3


DEPENDENTS = {
    "Vendor Core": ("TermService", "UmRdpService"),
    "Vendor Agent": ("Vendor Core", "UmRdpService"),
    "Vendor Helper": ("Vendor Agent",),
    "Vendor Idle": ("UmRdpService",),
}
"""Other vendors' services with what they depend on; one does not run."""


def test_what_stops_by_way_of_another_service_runs_again_and_each_starts_after_what_it_needs() -> None:
    simulated = SimulatedHost.build("2022")
    services = simulated.windows.services
    services.force_running("UmRdpService")
    for name, needed in DEPENDENTS.items():
        services.add(Service(name, name, 3, "LocalSystem", "C:\\agent.exe", depends_on=needed))
        services[name].state = STOPPED if name == "Vendor Idle" else RUNNING
    host = connect(simulated)
    running = ("UmRdpService", "Vendor Core", "Vendor Agent", "Vendor Helper")
    assert host.services.running_dependents("TermService") == running
    assert restart(host, [].append, "a test") == ""
    assert [services[name].state for name in (*running, "Vendor Idle")] == [RUNNING] * 4 + [STOPPED]


def test_a_name_that_no_command_line_carries_keeps_the_restart_from_happening() -> None:
    simulated = with_dependent("A\nB")
    recorded: list[Change] = []
    process = simulated.windows.services["TermService"].process_id
    assert "could not be started again" in restart(connect(simulated), recorded.append, "a test")
    assert recorded == []
    assert simulated.windows.services["TermService"].process_id == process
    assert simulated.counters.shells_opened == 0


# --- an RD Gateway's service


def test_who_is_connected_by_way_of_a_gateway_is_told() -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_users"])
    with pytest.raises(SessionsInTheWay) as caught:
        ensure_idle(connect(simulated), "TSGateway")
    assert str(caught.value) == (
        r"stopping TSGateway would cut 3 connection(s) by way of the gateway: CORP\anna from 198.51.100.7 to "
        r"10.20.0.31, CORP\anna from 198.51.100.7 to rdp01, CORP\anna from 198.51.100.7 to rdp01.corp.example"
    )


def test_a_message_names_no_more_of_a_gateways_users_than_of_a_hosts() -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_users"])
    assert simulated.windows.gateway is not None
    for number in range(4):
        simulated.windows.gateway.connect(rf"CORP\user{number}", [USERS], "rdp01")
    with pytest.raises(SessionsInTheWay, match=r" 7 connection.*CORP\\user0 .*CORP\\user1 .* and 2 more$"):
        ensure_idle(connect(simulated), "TSGateway")


def test_sessions_on_a_gateway_and_connections_by_way_of_it_hinder_the_stop_of_their_own_service_alone() -> None:
    used = connect(SimulatedHost.build("2022", traits=["gateway_users"]))
    ensure_idle(used, "TermService")
    logged_on_to = connect(SimulatedHost.build("2022", traits=["gateway_role", "many_sessions"]))
    ensure_idle(logged_on_to, "TSGateway")
    with pytest.raises(SessionsInTheWay, match="stopping TermService would cut 8 connected"):
        ensure_idle(logged_on_to, "TermService")


def test_nobody_is_named_where_messages_go_elsewhere() -> None:
    host = connect(SimulatedHost.build("2022", traits=["gateway_users"]))
    host.discreet = True
    with pytest.raises(SessionsInTheWay, match=r"would cut 3 connection\(s\) by way of the gateway$"):
        ensure_idle(host, "TSGateway")


def test_a_gateway_that_does_not_tell_its_connections_is_not_stopped() -> None:
    simulated = SimulatedHost.build("2022", breakages=["gateway_service_stopped"], switches={"gateway_stopped": False})
    with pytest.raises(SessionsInTheWay, match="does not tell who is connected"):
        ensure_idle(connect(simulated), "TSGateway")


def test_whoever_was_said_to_may_be_cut_off_is() -> None:
    host = connect(SimulatedHost.build("2022", traits=["gateway_users", "many_sessions"]))
    host.may_cut = True
    ensure_idle(host, "TSGateway")
    ensure_idle(host, "TermService")

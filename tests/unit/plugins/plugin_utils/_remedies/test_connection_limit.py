# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of pending connections and of sessions: the flood cured, its sources named, policy kept."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.channels import ChannelEvent
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import ListenerState, Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import UNLIMITED
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe.attempts import counted
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.connection_limit import REMEDY

from tests.simulator.breakages.surroundings import ATTACKERS
from tests.simulator.host import SimulatedHost
from tests.simulator.windows import events
from tests.simulator.windows.certificates import POLICY
from tests.simulator.windows.listener import LISTENER, TERMINAL_SERVER
from tests.support.in_process import job, settings_state


def options(pending: int | None = None, sessions: int | None = None) -> dict[str, object]:
    return {"pending": pending, "sessions": sessions, "remove_orphaned_policy": False}


def test_a_flood_is_told_from_a_listener_that_is_off_and_its_cure_needs_one_restart() -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "repaired"
    assert [change.kind for change in course.changes] == ["registry", "restart"]
    assert simulated.windows.registry.dword(TERMINAL_SERVER, "MaxOutstandingConnections") == 10000


@pytest.mark.parametrize(("stored", "kept"), [(9999, False), (10000, True), (65536, True), (UNLIMITED, True)])
def test_a_flood_is_no_reason_to_lower_what_is_set(stored: int, kept: bool) -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood"])
    simulated.windows.registry.put_dword(TERMINAL_SERVER, "MaxOutstandingConnections", stored)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes == []) == (("unresolved", True) if kept else ("repaired", False))
    assert simulated.windows.registry.dword(TERMINAL_SERVER, "MaxOutstandingConnections") == max(stored, 10000)
    assert [f"MaxOutstandingConnections is {stored} already" in item.message for item in course.refused] == [
        True
    ] * kept


def test_a_number_that_a_play_wants_is_set_though_it_is_smaller() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(TERMINAL_SERVER, "MaxOutstandingConnections", 65536)
    _plan, done = fix(job(simulated), REMEDY, options(pending=5000))
    assert [change.after for change in done.changes][:1] == [{"type": "REG_DWORD", "data": 5000}]


def test_event_1006_alone_is_no_flood() -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood", "rdp_denied"])
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert [finding.id for finding in direct(standing.findings)] == ["rdp_denied"]


def test_a_flood_is_not_cured_by_a_restart_that_would_cut_users() -> None:
    simulated = SimulatedHost.build("2022", traits=["many_sessions"], breakages=["connection_flood"])
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits(max_risk="low"))
    assert course.changes == []
    assert settings_state(simulated) == before


def test_the_busiest_sources_are_named() -> None:
    listener = ListenerState(3389, (), 9, {"198.51.100.7": 8, "192.0.2.10": 1})
    plan = REMEDY.plan(Observation("2026-06-01T00:00:00+00:00", listener=listener), options(pending=5000))
    assert "198.51.100.7 (8), 192.0.2.10 (1)" in plan.notes[0]


def test_who_flooded_the_listener_is_told_from_its_own_events() -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood"])
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    (flood,) = direct(standing.findings)
    sources = {item.what: item.value for item in flood.evidence if item.source == "RdpCoreTS 131, 140"}
    assert sources == {f"connections from {address}": 4 for address in ATTACKERS}
    plan, _done = fix(job(simulated), REMEDY, options(pending=5000))
    assert all(f"{address} (4)" in plan.notes[0] for address in ATTACKERS)


@pytest.mark.parametrize(
    ("check", "reason"), [(False, "The host opens no cmd shell"), (True, "Check mode opens no shell")]
)
def test_without_a_shell_the_sources_are_left_open_and_that_is_said(check: bool, reason: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood"], traits=["no_shell"])
    plan, _done = fix(job(simulated, check=check), REMEDY, options(pending=5000))
    assert [change.kind for change in plan.changes] == ["registry"]
    assert reason in plan.notes[0]


def test_without_event_1006_nobody_is_suspected_and_no_shell_is_opened() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.events.write(events.RDP_CORE, 131, events.INFORMATION, "TCP", "192.0.2.9:50000",
                                   log=events.RDP_CORE_LOG)  # fmt: skip
    plan, _done = fix(job(simulated, check=True), REMEDY, options(pending=5000))
    assert plan.notes == ()
    assert simulated.counters.shells_opened == 0


def test_addresses_are_counted_in_each_form_that_events_have() -> None:
    seen = [
        ChannelEvent(131, ("TCP", "192.0.2.7:50000")),
        ChannelEvent(131, ("UDP", "[2001:db8::7]:50001")),
        ChannelEvent(131, ("TCP", "[fe80::1%4]:50002")),
        ChannelEvent(140, ("192.0.2.7",)),
        ChannelEvent(140, ("192.0.2.7",)),
        ChannelEvent(131, ("TCP", "")),
    ]
    assert counted(seen) == {"192.0.2.7": 2, "2001:db8::7": 1, "fe80::1": 1}


@pytest.mark.parametrize(("given", "stored"), [(0, UNLIMITED), (999999, UNLIMITED), (25, 25)])
def test_no_limit_is_what_windows_calls_it(given: int, stored: int) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(LISTENER, "MaxInstanceCount", 2)
    _plan, done = fix(job(simulated), REMEDY, options(sessions=given))
    assert len(done.changes) == 1
    assert simulated.windows.registry.dword(LISTENER, "MaxInstanceCount") == stored
    plan, _done = fix(job(simulated), REMEDY, options(sessions=given))
    assert plan.changes == ()


@pytest.mark.parametrize("given", [options(pending=0), options(pending=65537), options(sessions=-1)])
def test_numbers_that_make_no_sense_are_refused(given: dict[str, object]) -> None:
    plan = REMEDY.plan(Observation("2026-06-01T00:00:00+00:00"), given)
    assert plan.changes == ()
    assert "use a number from" in plan.refused[0].message


def test_a_policy_is_held_and_no_limit_by_policy_is_none() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(POLICY, "MaxInstanceCount", 999999)
    assert fix(job(simulated), REMEDY, options(sessions=0))[0].held == ()
    held = fix(job(simulated), REMEDY, options(sessions=3))[0].held
    assert [(item.value, item.wanted) for item in held] == [(999999, 3)]


@pytest.mark.parametrize(("limit", "found"), [(2, True), (100, False)])
def test_a_host_whose_sessions_are_all_taken_is_found_out_and_left_to_a_person(limit: int, found: bool) -> None:
    simulated = SimulatedHost.build("2022", traits=["many_sessions"])
    simulated.windows.registry.put_dword(LISTENER, "MaxInstanceCount", limit)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert ("session_limit" in {finding.id for finding in direct(standing.findings)}) is found
    assert remediate(doing, standing, Limits()).changes == []

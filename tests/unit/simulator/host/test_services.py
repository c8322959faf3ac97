# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service control manager through Win32_Service: codes, pending states, dependencies."""

from __future__ import annotations

import pytest

from tests.simulator.host import SimulatedHost
from tests.unit.simulator.host.wmi import Fault, Wmi


@pytest.mark.parametrize(("breakage", "connected"), [("rdp_denied", 8), ("termservice_stopped", 0)])
def test_who_is_connected_stays_so_while_nobody_else_is_let_in(breakage: str, connected: int) -> None:
    host = SimulatedHost.build(traits=["many_sessions"], breakages=[breakage], switches={"enum_shape": "complete"})
    query = "select * from MSFT_NetTCPConnection where LocalPort=3389"
    rows = Wmi(host).query(query, ns="root/StandardCimv2")
    assert [row["State"] for row in rows] == ["5"] * connected


def test_stop_is_refused_while_dependents_run(wmi: Wmi) -> None:
    assert wmi.service("TermService", "StopService") == "3"


def test_stop_and_start_pass_through_pending_states(host: SimulatedHost, wmi: Wmi) -> None:
    seen = [wmi.service("UmRdpService", "StopService"), wmi.state("UmRdpService")]
    host.clock.advance(5)
    seen += [wmi.state("UmRdpService"), wmi.service("UmRdpService", "StartService"), wmi.state("UmRdpService")]
    host.clock.advance(5)
    seen.append(wmi.state("UmRdpService"))
    assert seen == ["0", "Stop Pending", "Stopped", "0", "Start Pending", "Running"]


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [("SessionEnv", "StartService", "10"), ("W32Time", "StopService", "5"), ("RpcSs", "StopService", "5"),
     ("TermService", "PauseService", "1"), ("BFE", "StopService", "3")],
)  # fmt: skip
def test_codes(wmi: Wmi, service: str, method: str, code: str) -> None:
    assert wmi.service(service, method) == code


def test_a_disabled_service_does_not_start() -> None:
    wmi = Wmi(SimulatedHost.build(breakages=["termservice_disabled"]))
    assert wmi.service("TermService", "StartService") == "14"
    assert wmi.service("TermService", "ChangeStartMode", StartMode="Manual") == "0"
    assert wmi.service("TermService", "StartService") == "0"


def test_a_dependent_needs_what_it_depends_on() -> None:
    wmi = Wmi(SimulatedHost.build(breakages=["termservice_disabled"]))
    assert wmi.service("UmRdpService", "StartService") == "13"


def test_start_brings_up_dependencies() -> None:
    host = SimulatedHost.build(breakages=["termservice_stopped"], switches={"enum_shape": "complete"})
    wmi = Wmi(host)
    assert wmi.service("UmRdpService", "StartService") == "0"
    assert wmi.state("TermService") == "Running"


@pytest.mark.parametrize("mode", ["Auto", "Boot", "manual", ""])
def test_start_modes_that_do_not_exist(wmi: Wmi, mode: str) -> None:
    assert wmi.service("SessionEnv", "ChangeStartMode", StartMode=mode) == "21"


def test_the_registry_follows_the_start_mode(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.service("SessionEnv", "ChangeStartMode", StartMode="Disabled")
    assert host.windows.registry.get(r"HKLM\SYSTEM\CurrentControlSet\Services\SessionEnv", "Start") == 4


def test_the_manager_reads_the_registry_at_boot_only(host: SimulatedHost, wmi: Wmi) -> None:
    host.windows.registry.put_dword(r"HKLM\SYSTEM\CurrentControlSet\Services\SessionEnv", "Start", 4)
    assert host.windows.services["SessionEnv"].start_mode == "Manual"
    host.windows.reboot()
    host.clock.advance(60)
    assert host.windows.services["SessionEnv"].start_mode == "Disabled"
    assert wmi.state("SessionEnv") == "Stopped"


def test_term_service_is_of_a_derived_class_with_session_counts() -> None:
    host = SimulatedHost.build(traits=["many_sessions"], switches={"enum_shape": "complete"})
    row = Wmi(host).query("select * from Win32_TerminalService")[0]
    assert (row["TotalSessions"], row["DisconnectedSessions"]) == ("12", "4")


def test_reaching_it_by_the_base_class_is_a_switch() -> None:
    wmi = Wmi(SimulatedHost.build(switches={"terminal_service_by_base_uri": False}))
    with pytest.raises(Fault):
        wmi.service("TermService", "StopService")


def test_a_stop_that_hangs_never_ends() -> None:
    host = SimulatedHost.build(traits=["stop_hangs"], switches={"enum_shape": "complete"})
    wmi = Wmi(host)
    wmi.service("UmRdpService", "StopService")
    host.clock.advance(10)
    assert wmi.service("TermService", "StopService") == "0"
    host.clock.advance(600)
    assert wmi.state("TermService") == "Stop Pending"
    assert wmi.service("TermService", "StartService") == "5"


def test_dependents_by_association(wmi: Wmi) -> None:
    rows = wmi.query("select * from Win32_DependentService")
    pairs = [(str(row["Antecedent"]), str(row["Dependent"])) for row in rows]
    assert any(">TermService<" in needed and ">UmRdpService<" in dependent for needed, dependent in pairs)


def test_a_restart_drops_sessions_and_logs_them_off_when_their_time_is_over() -> None:
    host = SimulatedHost.build(traits=["cis_hardened", "many_sessions"])
    host.windows.services.force_stopped("TermService")
    assert not host.windows.sessions.active()
    host.clock.advance(61)
    assert not host.windows.sessions.all()
    assert len(host.windows.sessions.logged_off) == 12

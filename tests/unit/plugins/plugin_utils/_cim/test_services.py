# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import services as s
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import NotFound
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Wire,
    enumerated,
    instance,
    output,
    properties,
    wmi_fault,
)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(client: CimClient, clock: Clock) -> s.Services:
    return s.Services(client, clock, clock.sleep)


def service(name: str, state: str = "Running", class_name: str = "Win32_Service", **more: str | int | None) -> str:
    values = {
        "DelayedAutoStart": "false",
        "ExitCode": 0,
        "Name": name,
        "PathName": "svchost.exe",
        "ProcessId": 77,
        "StartMode": "Manual",
        "StartName": "NT AUTHORITY\\NetworkService",
        "State": state,
    }
    return instance(class_name, properties(**{**values, **more}))


def test_one_query_for_all_services(wire: Wire, services: s.Services) -> None:
    term = service("TermService", class_name="Win32_TerminalService", TotalSessions=3, DisconnectedSessions=1)
    wire.on("Enumerate", enumerated(term, service("UmRdpService", "Stopped", ProcessId=0))).expect(
        wql="select * from Win32_Service where (Name='termservice' or Name='UmRdpService' or Name='None')"
    )
    found = services.list(["termservice", "UmRdpService", "None"])
    assert sorted(found) == ["UmRdpService", "termservice"]
    assert found["termservice"] == s.Service(
        name="TermService",
        state="Running",
        start_mode="Manual",
        delayed=False,
        process_id=77,
        path="svchost.exe",
        account="NT AUTHORITY\\NetworkService",
        exit_code=0,
        sessions=s.Sessions(3, 1),
    )
    assert found["termservice"].running
    assert not found["UmRdpService"].running
    assert found["UmRdpService"].sessions is None


def test_what_an_older_windows_leaves_out(wire: Wire, services: s.Services) -> None:
    bare = instance("Win32_Service", properties(Name="A", PathName=None, State="Stopped"))
    wire.on("Enumerate", enumerated(bare))
    found = services.list(["A"])["A"]
    assert (found.delayed, found.path, found.process_id) == (None, "", 0)


def test_dependents(wire: Wire, services: s.Services) -> None:
    wire.on("Enumerate", enumerated(service("UmRdpService")))
    assert [found.name for found in services.dependents("TermService")] == ["UmRdpService"]


def test_starting_waits_for_the_final_state(wire: Wire, services: s.Services, clock: Clock) -> None:
    wire.on("StartService", output("StartService")).expect(selectors={"Name": "A"}, repeatable=False)
    wire.on("Get", service("A", "Start Pending"))
    wire.on("Get", service("A", "Running")).expect(selectors={"Name": "A"})
    assert services.start("A", timeout=30, poll=2).running
    assert clock.slept == [2]


def test_a_service_that_runs_is_started_already(wire: Wire, services: s.Services) -> None:
    wire.on("StartService", output("StartService", returned=10))
    wire.on("Get", service("A", "Running"))
    assert services.start("A").running


@pytest.mark.parametrize("returned", [5, 6])
def test_a_service_that_is_stopped_is_stopped_already(wire: Wire, services: s.Services, returned: int) -> None:
    wire.on("StopService", output("StopService", returned=returned))
    wire.on("Get", service("A", "Stopped"))
    assert services.stop("A").state == "Stopped"


def test_a_stop_that_hangs(wire: Wire, services: s.Services, clock: Clock) -> None:
    wire.on("StopService", output("StopService"))
    for _poll in range(4):
        wire.on("Get", service("A", "Stop Pending"))
    with pytest.raises(s.ServiceError, match="Stop Pending after 3 seconds") as caught:
        services.stop("A", timeout=3, poll=1)
    assert caught.value.code == s.TIMED_OUT
    assert clock.slept == [1, 1, 1]


@pytest.mark.parametrize("code", [code for code in s.MEANINGS if code != 10])
def test_every_refusal_to_start_is_named(wire: Wire, services: s.Services, code: int) -> None:
    wire.on("StartService", output("StartService", returned=code))
    with pytest.raises(s.ServiceError) as caught:
        services.start("A")
    assert caught.value.code == code
    assert s.MEANINGS[code] in str(caught.value)


def test_dependents_that_run_keep_a_service_from_stopping(wire: Wire, services: s.Services) -> None:
    wire.on("StopService", output("StopService", returned=3))
    with pytest.raises(s.ServiceError, match="depend on it are running"):
        services.stop("TermService")


def test_the_start_mode(wire: Wire, services: s.Services) -> None:
    wire.on("ChangeStartMode", output("ChangeStartMode")).expect(
        arguments=[("StartMode", "Automatic")], selectors={"Name": "A"}, repeatable=False
    )
    services.set_start_mode("A", "Automatic")
    wire.on("ChangeStartMode", output("ChangeStartMode", returned=2))
    with pytest.raises(s.ServiceError, match="access is denied"):
        services.set_start_mode("A", "Disabled")


def test_term_service_is_asked_by_its_own_class_where_the_base_of_all_has_it_not(
    wire: Wire, services: s.Services
) -> None:
    own = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_TerminalService"
    wire.on("StartService", wmi_fault(0x80041002))
    wire.on("StartService", output("StartService")).expect(uri=own, repeatable=False)
    wire.on("Get", wmi_fault(0x80041002))
    wire.on("Get", service("TermService", class_name="Win32_TerminalService")).expect(uri=own)
    assert services.start("TermService").running


def test_another_service_that_is_not_there_is_not_looked_for_elsewhere(wire: Wire, services: s.Services) -> None:
    wire.on("StartService", wmi_fault(0x80041002))
    with pytest.raises(NotFound):
        services.start("Spooler")

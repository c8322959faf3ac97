# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Task Scheduler: what it accepts, when tasks start, who may delete them."""

from __future__ import annotations

import re

import pytest

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.editions import FLEET_VERSIONS
from tests.unit.simulator.host.wmi import Fault, Wmi

NAMESPACE = "root/Microsoft/Windows/TaskScheduler"
LAYER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"
RESTORE = (
    rf'/d /c "reg query "{LAYER}" /v SecurityLayer | findstr /r /c:"0x0$" &amp;&amp; reg add "{LAYER}" '
    r'/v SecurityLayer /t REG_DWORD /d 2 /f &amp;&amp; schtasks /delete /tn lease /f"'
)
TIME = "<TimeTrigger><StartBoundary>2026-06-15T08:30:00Z</StartBoundary>{}</TimeTrigger>"
EVERY = "<Repetition><Interval>PT5M</Interval></Repetition>"
BATTERY = (
    "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
    "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
)


def definition(
    triggers: str = TIME.format(EVERY), settings: str = BATTERY, arguments: str = RESTORE, principal: str = ""
) -> str:
    return (
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
        f"<Triggers>{triggers}</Triggers>"
        f'<Principals><Principal id="Author"><UserId>S-1-5-18</UserId>{principal}</Principal></Principals>'
        f"<Settings>{settings}</Settings>"
        f'<Actions Context="Author"><Exec><Command>cmd</Command><Arguments>{arguments}</Arguments></Exec></Actions>'
        "</Task>"
    )


def register(wmi: Wmi, xml: str, name: str = "lease", *, force: bool = True) -> dict[str, object]:
    args = {"Force": force, "Xml": xml, "TaskPath": "\\", "TaskName": name}
    return wmi.run("PS_ScheduledTask", "RegisterByXml", args, ns=NAMESPACE)


def info(wmi: Wmi, name: str = "lease") -> str:
    row = wmi.run("PS_ScheduledTask", "GetInfoByName", {"TaskName": name, "TaskPath": "\\"}, ns=NAMESPACE)
    return str(row["cmdletOutput"])


def weaken(host: SimulatedHost) -> None:
    host.windows.registry.put_dword(LAYER, "SecurityLayer", 0)


def layer(host: SimulatedHost) -> int | None:
    return host.windows.registry.dword(LAYER, "SecurityLayer")


def names(host: SimulatedHost) -> list[str]:
    return [task.uri for task in host.windows.tasks.all()]


@pytest.mark.parametrize("version", FLEET_VERSIONS)
def test_a_lease_ends_by_itself_and_removes_its_task(version: str) -> None:
    host = SimulatedHost.build(version)
    before = host.state_json()
    weaken(host)
    assert register(Wmi(host), definition())["ReturnValue"] == "0"
    host.clock.advance(29 * 60)
    assert (layer(host), names(host)) == (0, ["\\lease"])
    host.clock.advance(2 * 60)
    assert (layer(host), names(host)) == (2, [])
    assert host.state_json() == before


def test_a_lease_leaves_what_somebody_hardened_meanwhile(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    register(wmi, definition())
    host.windows.registry.put_dword(LAYER, "SecurityLayer", 1)
    host.clock.advance(3600)
    assert (layer(host), names(host)) == (1, ["\\lease"])
    assert re.search(r"LastTaskResult[^>]*>1<", info(wmi))


def test_repetition_goes_on_until_the_action_succeeds(host: SimulatedHost, wmi: Wmi) -> None:
    register(wmi, definition(arguments="/c exit 3"))
    host.clock.advance(31 * 60)
    assert host.windows.tasks.find("\\", "lease").last_result == 3
    first = host.windows.tasks.find("\\", "lease").last_run
    host.clock.advance(5 * 60)
    assert host.windows.tasks.find("\\", "lease").last_run != first


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (definition(settings="<DeleteExpiredTaskAfter>PT0S</DeleteExpiredTaskAfter>"), 0x80041319),
        ('<?xml version="1.0" encoding="UTF-8"?>' + definition(), 0x8004131A),
        (definition(principal="<LogonType>ServiceAccount</LogonType>"), 0x80041318),
        (definition(triggers="<TimeTrigger></TimeTrigger>"), 0x80041319),
        (definition(settings="<Nonsense/>"), 0x80041316),
        (definition(triggers=TIME.format("<Repetition><Interval>PT5S</Interval></Repetition>")), 0x80041318),
        (definition(triggers=TIME.replace("Z<", "X<").format("")), 0x80041318),
        (definition().replace("2004/02", "2005/02"), 0x80041317),
        (definition().replace("<Exec>", "<Exec><Exec/>"), 0x80041316),
        ("<Task", 0x8004131A),
    ],
)
def test_wrong_definitions_are_refused(wmi: Wmi, host: SimulatedHost, xml: str, code: int) -> None:
    with pytest.raises(Fault) as caught:
        register(wmi, xml)
    assert f"{code:08X}" in str(caught.value).upper() or code in caught.value.codes
    assert not names(host)


REPETITION_FIRST = f"<TimeTrigger>{EVERY}<StartBoundary>2026-06-15T08:30:00Z</StartBoundary></TimeTrigger>"


@pytest.mark.parametrize(("order", "accepted"), [("sequence", False), ("any", True)])
def test_whether_order_in_a_trigger_matters_is_a_switch(order: str, accepted: bool) -> None:
    host = SimulatedHost.build(switches={"task_trigger_order": order})
    if accepted:
        register(Wmi(host), definition(triggers=REPETITION_FIRST))
    else:
        with pytest.raises(Fault):
            register(Wmi(host), definition(triggers=REPETITION_FIRST))
    assert bool(names(host)) is accepted


def test_utf_16_may_be_declared(wmi: Wmi) -> None:
    register(wmi, '<?xml version="1.0" encoding="UTF-16"?>' + definition())


def test_local_time_is_the_hosts(host: SimulatedHost, wmi: Wmi) -> None:
    host.windows.zone = host.windows.zone.__class__(hours=9)
    weaken(host)
    register(wmi, definition(triggers=TIME.replace("08:30:00Z", "17:30:00").format(EVERY)))
    host.clock.advance(29 * 60)
    assert layer(host) == 0
    host.clock.advance(2 * 60)
    assert layer(host) == 2


def test_batteries_stop_a_task_by_default(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    host.windows.on_battery = True
    register(wmi, definition(settings=""), "default")
    host.clock.advance(40 * 60)
    assert layer(host) == 0
    register(wmi, definition())
    host.clock.advance(10 * 60)
    assert layer(host) == 2


def test_a_boot_trigger_acts_when_the_host_was_off_across_the_end(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    register(wmi, definition(triggers=TIME.format("").replace("TimeTrigger", "BootTrigger")))
    host.windows.shut_down()
    host.clock.advance(3600)
    assert layer(host) == 0
    host.windows.power_on()
    host.clock.advance(1)
    assert layer(host) == 2


def test_a_boot_trigger_waits_for_its_start_boundary(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    register(wmi, definition(triggers=TIME.format("").replace("TimeTrigger", "BootTrigger")))
    host.windows.reboot()
    host.clock.advance(3 * 3600)
    assert layer(host) == 0


@pytest.mark.parametrize(
    ("switch", "trigger", "restored"),
    [("bounded", TIME.format(""), 0), ("always", TIME.format(""), 2),
     ("bounded", TIME.format("<EndBoundary>2027-01-01T00:00:00Z</EndBoundary>"), 2)],
)  # fmt: skip
def test_start_when_available(switch: str, trigger: str, restored: int) -> None:
    host = SimulatedHost.build(switches={"start_when_available": switch})
    weaken(host)
    settings = BATTERY + "<StartWhenAvailable>true</StartWhenAvailable>"
    register(Wmi(host), definition(triggers=trigger, settings=settings))
    host.windows.shut_down()
    host.clock.advance(3600)
    host.windows.power_on()
    host.clock.advance(9 * 60)
    assert layer(host) == 0
    host.clock.advance(2 * 60)
    assert layer(host) == restored


def test_a_task_survives_a_reboot_and_goes_on(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    register(wmi, definition())
    host.windows.reboot()
    host.clock.advance(31 * 60)
    assert layer(host) == 2


def test_run_on_demand_query_export_delete(host: SimulatedHost, wmi: Wmi) -> None:
    register(wmi, definition(arguments="/c echo x &gt; C:\\Windows\\Temp\\ran.txt"))
    keys = {"TaskName": "lease", "TaskPath": "\\"}
    assert wmi.run("PS_ScheduledTask", "StartByPath", keys, ns=NAMESPACE)["ReturnValue"] == "0"
    assert host.windows.files.existing(r"C:\Windows\Temp\ran.txt").content == "x \r\n"
    row = wmi.query("select * from MSFT_ScheduledTask where TaskName='lease'", ns=NAMESPACE)[0]
    assert (row["State"], row["URI"]) == ("3", "\\lease")
    exported = str(wmi.run("PS_ScheduledTask", "ExportByName", keys, ns=NAMESPACE)["cmdletOutput"])
    assert "<URI>\\lease</URI>" in exported
    assert exported.index("<Repetition>") < exported.index("<StartBoundary>")
    wmi.call(NAMESPACE, "MSFT_ScheduledTask", "Delete", "", keys)
    assert not names(host)
    with pytest.raises(Fault) as caught:
        info(wmi)
    assert "80070002" in str(caught.value)


def test_a_run_may_take_time() -> None:
    host = SimulatedHost.build(switches={"task_run_seconds": 2, "enum_shape": "complete"})
    wmi = Wmi(host)
    register(wmi, definition(arguments="/c exit 5"))
    wmi.run("PS_ScheduledTask", "StartByPath", {"TaskName": "lease", "TaskPath": "\\"}, ns=NAMESPACE)
    assert wmi.query("select State from MSFT_ScheduledTask", ns=NAMESPACE)[0]["State"] == "4"
    assert re.search(rf"LastTaskResult[^>]*>{0x41301}<", info(wmi))
    host.clock.advance(3)
    assert wmi.query("select State from MSFT_ScheduledTask", ns=NAMESPACE)[0]["State"] == "3"
    assert re.search(r"LastTaskResult[^>]*>5<", info(wmi))


def test_a_run_is_stopped_at_its_limit_and_by_a_reboot_and_goes_on_without_its_task(
    host: SimulatedHost, wmi: Wmi
) -> None:
    host.windows.tasks.lasts = lambda action: 100
    ran, keys = r"C:\Windows\Temp\ran.txt", {"TaskName": "lease", "TaskPath": "\\"}
    writes = f"/c echo x &gt; {ran}"

    def start(settings: str = "") -> None:
        register(wmi, definition(arguments=writes, settings=BATTERY + settings))
        wmi.run("PS_ScheduledTask", "StartByPath", keys, ns=NAMESPACE)

    start("<ExecutionTimeLimit>PT60S</ExecutionTimeLimit>")
    host.clock.advance(101)
    assert re.search(rf"LastTaskResult[^>]*>{0x41306}<", info(wmi))
    start()
    host.windows.reboot()
    host.clock.advance(101)
    assert host.windows.files.find(ran) is None
    start("<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>")
    wmi.call(NAMESPACE, "MSFT_ScheduledTask", "Delete", "", keys)
    host.clock.advance(101)
    assert host.windows.files.find(ran) is not None


def test_a_name_is_taken_once_unless_forced(wmi: Wmi) -> None:
    register(wmi, definition(), force=False)
    with pytest.raises(Fault) as caught:
        register(wmi, definition(), force=False)
    assert "800700B7" in str(caught.value).upper()
    register(wmi, definition())


def test_users_register_nothing(host: SimulatedHost) -> None:
    with pytest.raises(Fault):
        register(Wmi(host, "operator"), definition())
    assert not names(host)


def test_a_security_product_removes_tasks_of_system() -> None:
    host = SimulatedHost.build(switches={"edr_removes_tasks": True})
    register(Wmi(host), definition())
    assert names(host) == ["\\lease"]
    host.clock.advance(30)
    assert not names(host)


def test_a_registration_trigger_runs_at_once(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    register(wmi, definition(triggers="<RegistrationTrigger/>"))
    host.clock.advance(0)
    assert layer(host) == 2


def test_a_disabled_task_does_not_run(host: SimulatedHost, wmi: Wmi) -> None:
    weaken(host)
    register(wmi, definition())
    wmi.run("PS_ScheduledTask", "DisableByName", {"TaskName": "lease", "TaskPath": "\\"}, ns=NAMESPACE)
    host.clock.advance(7200)
    assert layer(host) == 0
    wmi.run("PS_ScheduledTask", "EnableByName", {"TaskName": "lease", "TaskPath": "\\"}, ns=NAMESPACE)
    host.clock.advance(301)
    assert layer(host) == 2

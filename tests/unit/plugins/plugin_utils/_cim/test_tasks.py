# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import tasks
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.tasks import Definition, StillRuns, TaskError, Tasks
from ansible_collections.winfleet.rdp.plugins.plugin_utils._writer import TENURE
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, NotFound, WsmanError
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    WMI,
    Wire,
    instance,
    mi_fault,
    output,
    properties,
)
from lxml import etree

SCHEMA = Path(__file__).parent / "fixtures" / "task.xsd"
SCHEDULER = f"{WMI}/root/Microsoft/Windows/TaskScheduler"
START = datetime(2026, 6, 15, 10, 30, tzinfo=timezone(timedelta(hours=2)))
TIMED = Definition("puts it back", 'reg query "HKLM\\A B" /v N | findstr /e "0x0 0x1" && echo x>nul & rem', START)
BOUNDARY = "<StartBoundary>2026-06-15T08:30:00Z</StartBoundary>"
ON_DEMAND = Definition("once", "whoami")


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


@pytest.mark.parametrize("task", [TIMED, ON_DEMAND])
def test_the_definition_fits_the_published_schema(schema: etree.XMLSchema, task: Definition) -> None:
    schema.assertValid(etree.fromstring(tasks.definition_xml(task)))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("<UserId>S-1-5-18</UserId>", "<UserId>S-1-5-18</UserId><LogonType>ServiceAccount</LogonType>"),
        (
            f"{BOUNDARY}<Repetition>",
            f"<Repetition><Interval>PT5M</Interval></Repetition>{BOUNDARY}<Repetition>",
        ),
        ("PT5M", "PT5S"),
        ("<Command>cmd.exe</Command>", ""),
    ],
)
def test_the_schema_refuses_the_known_mistakes(schema: etree.XMLSchema, good: str, bad: str) -> None:
    written = tasks.definition_xml(TIMED)
    assert good in written
    assert not schema.validate(etree.fromstring(written.replace(good, bad)))


def test_the_definition_declares_no_encoding_and_starts_on_batteries_and_after_an_outage() -> None:
    written = tasks.definition_xml(TIMED)
    assert not written.startswith("<?xml")
    assert "<DisallowStartIfOnBatteries>false<" in written
    assert "<StopIfGoingOnBatteries>false<" in written
    assert "<StartWhenAvailable>true<" in written
    assert "Duration" not in written
    assert "EndBoundary" not in written
    assert "DeleteExpiredTaskAfter" not in written
    assert written.count(BOUNDARY) == 2


@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0" encoding="UTF-16"?>\r\n'])
def test_an_export_reads_as_what_was_registered(declaration: str) -> None:
    read = tasks.parse(declaration + tasks.definition_xml(TIMED))
    assert (read.command, read.arguments, read.user, read.enabled) == ("cmd.exe", TIMED.arguments, "S-1-5-18", True)
    assert read.starts == (START, START)


def test_a_disabled_task_reads_as_such() -> None:
    written = tasks.definition_xml(TIMED).replace("<Enabled>true<", "<Enabled>false<")
    assert not tasks.parse(written).enabled


@pytest.mark.parametrize(
    "document",
    [
        "",
        "no xml",
        '<!DOCTYPE Task [<!ENTITY a "b">]><Task>&a;</Task>',
        "<Task><StartBoundary>soon</StartBoundary></Task>",
    ],
)
def test_an_export_that_is_none_is_refused(document: str) -> None:
    with pytest.raises(BadAnswer):
        tasks.parse(document)


def test_registering_replaces_in_one_step(wire: Wire, client: CimClient) -> None:
    wanted = {"TaskName": "t", "TaskPath": "\\", "Xml": tasks.definition_xml(TIMED), "Force": "true"}
    step = wire.on("RegisterByXml", output("RegisterByXml")).expect(
        uri=f"{SCHEDULER}/PS_ScheduledTask", repeatable=False
    )
    step.check(lambda sent: _same(dict(sent.arguments), wanted))
    Tasks(client).register("t", TIMED)


def _same(found: object, wanted: object) -> None:
    assert found == wanted


@pytest.mark.parametrize(("state", "enabled"), [(1, False), (3, True)])
def test_a_task_is_found_with_its_state(wire: Wire, client: CimClient, state: int, enabled: bool) -> None:
    exported = escape(tasks.definition_xml(TIMED))
    wire.on("ExportByName", output("ExportByName", f'<p:cmdletOutput xmlns:p="urn:p">{exported}</p:cmdletOutput>'))
    wire.on("Get", instance("MSFT_ScheduledTask", properties(State=state, TaskName="t", TaskPath="\\")))
    found = Tasks(client).find("t")
    assert found is not None
    assert (found.arguments, found.enabled) == (TIMED.arguments, enabled)


def test_a_missing_task_is_none(wire: Wire, client: CimClient) -> None:
    wire.on("ExportByName", mi_fault(0x80070002, 6))
    assert Tasks(client).find("t") is None


def test_deleting_what_is_gone_is_no_error(wire: Wire, client: CimClient) -> None:
    """That it is gone is believed when it was said twice."""
    for _time in range(2):
        wire.on("Delete", mi_fault(0x80070002, 6)).expect(
            uri=f"{SCHEDULER}/MSFT_ScheduledTask", selectors={"TaskName": "t", "TaskPath": "\\"}
        )
    Tasks(client).delete("t")


def _info(code: int) -> str:
    return output(
        "GetInfoByName",
        f'<p:cmdletOutput xmlns:p="urn:p"><p:TaskName>t</p:TaskName><p:LastTaskResult>{code}</p:LastTaskResult>'
        "</p:cmdletOutput>",
    )


class Watch:
    """A clock that passes only where somebody waits."""

    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_command_runs_as_system_and_its_task_is_deleted(wire: Wire, client: CimClient) -> None:
    wire.on("RegisterByXml", output("RegisterByXml"))
    wire.on("StartByPath", output("StartByPath"))
    for code in (tasks.HAS_NOT_RUN, tasks.QUEUED, tasks.RUNNING, 3):
        wire.on("GetInfoByName", _info(code))
    wire.on("Delete", "")
    watch = Watch()
    assert Tasks(client, lambda: watch.now, watch.sleep).run_as_system("exit 3", "test") == 3
    assert watch.now == 3


def test_a_command_that_does_not_end_is_an_error_and_its_task_stays(wire: Wire, client: CimClient) -> None:
    wire.on("RegisterByXml", output("RegisterByXml"))
    wire.on("StartByPath", output("StartByPath"))
    for _look in range(3):
        wire.on("GetInfoByName", _info(tasks.RUNNING))
    wire.on("Get", instance("MSFT_ScheduledTask", properties(State=4, TaskName="t", TaskPath="\\")))
    watch = Watch()
    with pytest.raises(StillRuns, match="not ended after 2 seconds"):
        Tasks(client, lambda: watch.now, watch.sleep).run_as_system("pause", "test", timeout=2)


@pytest.mark.parametrize("under_way", [False, True])
def test_after_a_failure_a_task_is_deleted_unless_it_runs(wire: Wire, client: CimClient, under_way: bool) -> None:
    wire.on("Delete", "")
    wire.on("RegisterByXml", output("RegisterByXml"))
    wire.on("StartByPath", output("StartByPath"))
    wire.on("GetInfoByName", mi_fault(0x80070005, 2))
    state = 4 if under_way else 3
    wire.on("Get", instance("MSFT_ScheduledTask", properties(State=state, TaskName="t", TaskPath="\\")))
    if not under_way:
        wire.on("Delete", "")
    with pytest.raises(WsmanError, match="80070005"):
        Tasks(client).run_as_system("pause", "test", name="t")


def test_a_failure_is_told_whatever_comes_of_its_task(wire: Wire, client: CimClient) -> None:
    wire.on("Delete", "")
    wire.on("RegisterByXml", output("RegisterByXml"))
    wire.on("StartByPath", mi_fault(0x80070005, 2))
    wire.on("Get", mi_fault(0x80041001, 1))
    with pytest.raises(WsmanError, match="80070005"):
        Tasks(client).run_as_system("pause", "test", name="t")


def test_what_takes_long_is_looked_for_less_often(wire: Wire, client: CimClient) -> None:
    looks = 200
    wire.on("Delete", "")
    wire.on("RegisterByXml", output("RegisterByXml"))
    wire.on("StartByPath", output("StartByPath"))
    for _look in range(looks):
        wire.on("GetInfoByName", _info(tasks.RUNNING))
    wire.on("GetInfoByName", _info(0))
    wire.on("Delete", "")
    watch = Watch()
    beats: list[float] = []
    ours = Tasks(client, lambda: watch.now, watch.sleep)
    ours.while_waiting = lambda: beats.append(watch.now)
    ours.run_as_system("pause", "test", timeout=9e9, name="t")
    assert watch.now > 3600
    assert beats[0] >= tasks.LONG
    assert max(later - former for former, later in pairwise(beats)) < TENURE.total_seconds() / 2


@pytest.mark.parametrize(("state", "under_way"), [(2, True), (3, False), (4, True)])
def test_a_task_is_under_way_when_it_runs_or_will(wire: Wire, client: CimClient, state: int, under_way: bool) -> None:
    wire.on("Get", instance("MSFT_ScheduledTask", properties(State=state, TaskName="t", TaskPath="\\")))
    assert Tasks(client).is_under_way("t") is under_way


def test_a_task_that_there_is_not_is_not_under_way(wire: Wire, client: CimClient) -> None:
    wire.on("Get", mi_fault(0x80070002, 6))
    assert not Tasks(client).is_under_way("t")


def test_a_task_that_is_to_run_once_outlives_its_run() -> None:
    assert tasks.ONCE > tasks.LIMIT


def test_a_refused_registration_tells_its_code(wire: Wire, client: CimClient) -> None:
    wire.on("RegisterByXml", output("RegisterByXml", returned=0x80041319))
    with pytest.raises(TaskError, match="0x80041319"):
        Tasks(client).register("t", TIMED)


def test_other_faults_of_an_export_are_told(wire: Wire, client: CimClient) -> None:
    wire.on("ExportByName", mi_fault(0x80070005, 2))
    with pytest.raises(Exception, match="80070005") as raised:
        Tasks(client).find("t")
    assert not isinstance(t.cast(t.Any, raised.value), NotFound)

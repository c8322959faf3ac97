# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scheduled tasks that run one line of cmd.exe as SYSTEM, in the root folder of the Task Scheduler.

PRIVATE to the collection. Sources: MS-TSCH 2.5 (XML task definition), Microsoft Win32 documentation, TaskSchd; recorded
class definitions of PS_ScheduledTask and MSFT_ScheduledTask.

What the Task Scheduler does not forgive: a declaration of an encoding (the XML is a string already), children of a
trigger out of their order, and C(DeleteExpiredTaskAfter) without an end. Its defaults keep a task from starting on
batteries. C(ServiceAccount) is no logon type of the schema: SYSTEM is named by its SID alone.
"""

from __future__ import annotations

import re
import time
import typing as t
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import MSFT_SCHEDULED_TASK, PS_SCHEDULED_TASK
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance, Sendable
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, NotFound, WsmanError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import Markup, element, escape, join

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element

FOLDER = "\\"
"""The folder of all our tasks: no CIM method deletes a folder."""

COMMAND = "cmd.exe"
NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
SYSTEM = "S-1-5-18"

HAS_NOT_RUN, RUNNING, QUEUED = 0x41303, 0x41301, 0x41325
"""SCHED_S_TASK_HAS_NOT_RUN, _RUNNING and _QUEUED: what LastTaskResult is before a task has ended (Win32 TaskSchd)."""

TERMINATED = 0x41306
"""SCHED_S_TASK_TERMINATED: what LastTaskResult is after a run that was stopped, as at LIMIT."""

DISABLED = 1
"""MSFT_ScheduledTask.State; 0 unknown, 3 ready."""

UNDER_WAY = (2, 4)
"""The same: queued, running."""

AGAIN = "PT5M"
LIMIT = timedelta(hours=1)
"""Windows stops a run that takes longer."""

ONCE = LIMIT + timedelta(minutes=30)
"""After this the host deletes a task that was to run once, should we be gone: not before its run is over."""

PATIENCE = 300.0
"""Seconds in which a line has ended that has little to do."""

LONG = 60.0
"""Seconds after which a line is one that takes long."""

NAME = "winfleet.rdp-once"
"""How the names of tasks begin that run a line once."""

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


class TaskError(WsmanError):
    """A scheduled task that does not do what it is for."""

    default_hint = "Look at the host's Task Scheduler log, and whether a security product removes tasks."


class StillRuns(TaskError):
    """A task whose run has not ended in the time given, and goes on."""


@dataclass(frozen=True)
class Definition:
    """A task.

    Attributes:
        line: what cmd.exe runs; it expands percent signs, so there are none in it.
        starts: when it runs first, aware; from then on every AGAIN and at each start of the host until it is deleted.
            None runs it on demand alone.
        expires: when the host deletes a task that runs on demand alone, in case nobody else does.
    """

    description: str
    line: str
    starts: datetime | None = None
    expires: datetime | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a line that cmd.exe would not run as it stands."""
        if re.search("[%\r\n\0]", self.line):
            raise ValueError(f"No task can run the line {self.line[:200]!r}")

    @property
    def arguments(self) -> str:
        """The arguments of cmd.exe, which takes the outer quotation marks away and keeps those inside."""
        return f'/d /c "{self.line}"'


@dataclass(frozen=True)
class Registered:
    """A task as the host has it; starts has the start boundary of each trigger."""

    command: str
    arguments: str
    user: str
    enabled: bool
    starts: tuple[datetime, ...]


def definition_xml(task: Definition) -> str:
    """The XML of a task, without a declaration.

    A run that was missed is made up for: StartWhenAvailable counts only with an end or endless repetition (MS-TSCH
    2.5.4.7), which the time trigger has; the boot trigger starts nothing before its StartBoundary.
    """
    parts = (
        element("RegistrationInfo", element("Description", escape(task.description))),
        _triggers(task),
        element("Principals", element("Principal", _principal(), {"id": "Author"})),
        element("Settings", _settings(task)),
        element("Actions", element("Exec", _exec(task)), {"Context": "Author"}),
    )
    return element("Task", join(parts), {"version": "1.2", "xmlns": NAMESPACE})


def _triggers(task: Definition) -> Markup:
    if task.starts is not None:
        return element("Triggers", _repeating(task.starts))
    return element("Triggers", _never(task.expires)) if task.expires is not None else Markup("")


def _never(expires: datetime) -> Markup:
    """A trigger that is over already and starts nothing: a task expires when its trigger ends (MS-TSCH 2.5.4)."""
    start, end = (element(name, escape(moment(at))) for name, at in
                  (("StartBoundary", expires - timedelta(days=1)), ("EndBoundary", expires)))  # fmt: skip
    return element("TimeTrigger", join((start, end)))


def _repeating(starts: datetime) -> Markup:
    """StartBoundary stands before Repetition, since a trigger's children are a sequence (MS-TSCH 2.5.3.1)."""
    boundary = element("StartBoundary", escape(moment(starts)))
    repetition = element("Repetition", element("Interval", Markup(AGAIN)))
    return join((element("TimeTrigger", join((boundary, repetition))), element("BootTrigger", boundary)))


def _principal() -> Markup:
    return join((element("UserId", Markup(SYSTEM)), element("RunLevel", Markup("HighestAvailable"))))


def _settings(task: Definition) -> Markup:
    """In their order; a start that was missed is made up for only where there are starts."""
    expiry = {"DeleteExpiredTaskAfter": "PT0S"} if task.expires is not None else {}
    settings = {
        "MultipleInstancesPolicy": "IgnoreNew",
        "DisallowStartIfOnBatteries": "false",
        "StopIfGoingOnBatteries": "false",
        "StartWhenAvailable": "false" if task.expires is not None else "true",
        "Enabled": "true",
        "ExecutionTimeLimit": f"PT{LIMIT.total_seconds():.0f}S",
        **expiry,
    }
    return join(element(name, escape(value)) for name, value in settings.items())


def _exec(task: Definition) -> Markup:
    return join((element("Command", Markup(COMMAND)), element("Arguments", escape(task.arguments))))


def moment(time_: datetime) -> str:
    """A moment as the Task Scheduler reads it, in UTC; without the Z it would be the host's local time."""
    return f"{time_.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def parse(document: str) -> Registered:
    """What an exported definition says. Raise BadAnswer for XML that is none.

    An export declares UTF-16, which it was before it became a string.
    """
    root = xml.parse(_DECLARATION.sub("", document).encode("utf-8", "surrogatepass"))
    run = xml.child(root, "Actions", "Exec")
    return Registered(
        command=xml.text(xml.child(run, "Command")),
        arguments=xml.text(xml.child(run, "Arguments")),
        user=xml.text(xml.child(root, "Principals", "Principal", "UserId")),
        enabled=xml.text(xml.child(root, "Settings", "Enabled")) != "false",
        starts=tuple(_time(found) for found in xml.descendants(root, "StartBoundary")),
    )


def _time(node: Element) -> datetime:
    written = xml.text(node)
    try:
        return datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError as error:
        raise BadAnswer(f"The start of a scheduled task is no time: {written[:80]!r}") from error


def _nothing() -> None:
    """What is done while a task takes long, where nothing else is said."""


class Tasks:
    """Registering, reading, running and deleting tasks of FOLDER."""

    def __init__(
        self,
        client: CimClient,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """C(now) is the host's clock; without it, a task that is cut off from us stays.

        ``while_waiting`` may be set to what is to be done at each look at a task that takes LONG.
        """
        self._client = client
        self._now = now
        self.while_waiting: Callable[[], None] = _nothing
        self._clock = clock
        self._sleep = sleep

    def register(self, name: str, task: Definition) -> None:
        """Register a task; one of this name is replaced in the same step. Raise TaskError or WsmanFault."""
        self._call("RegisterByXml", name, Xml=definition_xml(task), Force=True)

    def find(self, name: str) -> Registered | None:
        """Return a task as it is registered now (two operations); None when there is none.

        Whether the export of a task that somebody disabled says so is UNSURE, hence its state is read as well.
        """
        try:
            found = self.exported(name)
            state = self._client.get(MSFT_SCHEDULED_TASK, TaskName=name, TaskPath=FOLDER).number("State")
        except NotFound:
            return None
        return replace(found, enabled=found.enabled and state != DISABLED)

    def exported(self, name: str) -> Registered:
        """Return what the export of a task says. Raise NotFound when there is none."""
        return parse(str(self._call("ExportByName", name).get("cmdletOutput") or ""))

    def disable(self, name: str) -> None:
        """Keep a task from starting."""
        self._call("DisableByName", name)

    def start(self, name: str) -> None:
        """Start a task; it may still be waiting when this returns."""
        self._call("StartByPath", name)

    def result(self, name: str) -> int | None:
        """Return the exit code of a task's last run; None while there is none."""
        info = self._call("GetInfoByName", name).get("cmdletOutput")
        code = info.number("LastTaskResult") if isinstance(info, Instance) else None
        return None if code in (HAS_NOT_RUN, RUNNING, QUEUED) else code

    def is_under_way(self, name: str) -> bool:
        """Whether there is such a task and it runs, or is about to."""
        found = self._client.find(MSFT_SCHEDULED_TASK, TaskName=name, TaskPath=FOLDER)
        return found is not None and found.number("State") in UNDER_WAY

    def delete(self, name: str) -> None:
        """Delete a task; one that is said twice not to exist is no error. What is left of it would run for ever."""
        for _time in range(2):
            try:
                self._client.delete(MSFT_SCHEDULED_TASK, TaskName=name, TaskPath=FOLDER)
            except NotFound:
                continue
            return

    def run_as_system(
        self, line: str, description: str, timeout: float = PATIENCE, poll: float = 1.0, name: str = ""
    ) -> int:
        """Run a line of cmd.exe as SYSTEM and return its exit code, by a task that is gone afterwards.

        A task that is not seen to have ended stays, since its run would go on without it and nobody could tell: the
        host deletes it after ONCE. Raise StillRuns when it has not ended in ``timeout`` seconds. Where there is a
        ``name``, it takes the place of a task of that name.
        """
        if name:  # whose last result is not to be taken for this one's
            self.delete(name)
        name = name or f"{NAME}-{uuid.uuid4()}"
        expires = self._now() + ONCE if self._now else None
        self.register(name, Definition(description, line, expires=expires))
        code = None
        try:
            code = self.run(name, timeout, poll)
        finally:
            if code is None:
                self._delete_at_rest(name)
        self.delete(name)
        return code

    def _delete_at_rest(self, name: str) -> None:
        """Where it does not run, delete a task after a failure, which is the one to tell whatever comes of this."""
        with suppress(WsmanError):
            if not self.is_under_way(name):
                self.delete(name)

    def run(self, name: str, timeout: float = PATIENCE, poll: float = 1.0) -> int:
        """Start a task that was just registered and return its exit code. Raise StillRuns as run_as_system does.

        It is looked for less often the longer it takes, beginning with every ``poll`` seconds.
        """
        self.start(name)
        began = self._clock()
        while (code := self.result(name)) is None:
            waited = self._clock() - began
            if waited >= LONG:
                self.while_waiting()
            if waited >= timeout:
                raise StillRuns(f"The task {name} has not ended after {timeout:g} seconds")
            self._sleep(max(poll, waited / 30))
        return code

    def _call(self, method: str, name: str, **arguments: Sendable) -> t.Mapping[str, t.Any]:
        outcome = self._client.invoke(PS_SCHEDULED_TASK, method, {"TaskName": name, "TaskPath": FOLDER, **arguments})
        if not outcome.ok:
            raise TaskError(f"{method} of the task {name} answers 0x{outcome.return_value or 0:08X}")
        return outcome.out

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Task Scheduler: tasks by path, when they start by the host's clock, and what their programs do.

Sources: MS-TSCH 3.2.4.3 and 3.2.5, Microsoft Learn "TaskSettings.StartWhenAvailable property" (a missed start is made
up for ten minutes after the service starts), "Task Scheduler Error and Success Constants". Tasks run as SYSTEM through
the host's own cmd.exe, whose work is done in one moment, at the end of the run; where that was stopped, none is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulator.windows.clock import Clock, Timer
from tests.simulator.windows.security import ADMINISTRATORS, SYSTEM, Token
from tests.simulator.windows.task_xml import (
    Definition,
    Exec,
    TaskXmlError,
    Trigger,
    canonical_xml,
    exported,
    parse_task,
)

NEVER_RUN, STILL_RUNNING, TERMINATED = 0x00041303, 0x00041301, 0x00041306
ACCESS_DENIED, ALREADY_EXISTS, NOT_FOUND = 0x80070005, 0x800700B7, 0x80070002
INVALID_NAME, TASK_DISABLED, REFUSED_BY_CONDITION = 0x8007007B, 0x80041326, 0x800710E0
LATE = timedelta(minutes=10)
EDR_SECONDS = 20.0
DESCRIPTOR = "O:BAG:SYD:AI(A;;FA;;;BA)(A;;FA;;;SY)(A;;FR;;;SY)"
BOOT = "BootTrigger"


class TaskError(Exception):
    """The Task Scheduler refuses: ``hresult``."""

    def __init__(self, hresult: int, text: str = "") -> None:
        super().__init__(text or f"0x{hresult:08X}")
        self.hresult = hresult


@dataclass
class Task:
    r"""One registered task. ``path`` is its folder, ``\`` or ``\Folder\``; what follows ``enabled`` is volatile."""

    path: str
    name: str
    xml: str
    definition: Definition
    enabled: bool = True
    last_run: datetime | None = None
    last_result: int = NEVER_RUN
    missed: int = 0
    next_run: datetime | None = None
    running: bool = False
    timers: list[Timer] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return self.path + self.name

    @property
    def active(self) -> bool:
        return self.enabled and self.definition.enabled


@dataclass
class Surroundings:
    """What the scheduler knows of its host."""

    clock: Clock
    switches: Mapping[str, object]
    zone: Callable[[], timedelta]
    on_battery: Callable[[], bool]
    up: Callable[[], bool]
    run: Callable[[Exec], int]


def split_uri(uri: str) -> tuple[str, str]:
    r"""Folder and name of ``\Folder\Task``. Raises TaskError."""
    folder, _separator, name = uri.rpartition("\\")
    if not name or any(char in name for char in '/:*?"<>|'):
        raise TaskError(INVALID_NAME)
    return "\\" + folder.strip("\\") + ("\\" if folder.strip("\\") else ""), name


class TaskScheduler:
    """All tasks of a host. ``lasts``: tells how many seconds a program takes, where that is not left to the switch."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._tasks: dict[str, Task] = {}
        self._runs: list[tuple[Task, Timer]] = []
        self.lasts: Callable[[Exec], float] | None = None

    def all(self) -> list[Task]:
        return list(self._tasks.values())

    def find(self, path: str, name: str) -> Task:
        """Raises TaskError."""
        task = self._tasks.get((path.rstrip("\\") + "\\" + name).lower())
        if task is None:
            raise TaskError(NOT_FOUND)
        return task

    def register(self, uri: str, xml: str, token: Token, *, force: bool = False) -> Task:
        """Add a task, or replace it with ``force``. Raises TaskError, with the schema's code for wrong XML."""
        if ADMINISTRATORS not in token.groups and token.sid != SYSTEM:
            raise TaskError(ACCESS_DENIED)
        path, name = split_uri(uri)
        old = self._tasks.get((path + name).lower())
        if old is not None and not force:
            raise TaskError(ALREADY_EXISTS)
        definition = self._parsed(xml)
        task = Task(path, name, canonical_xml(xml, path + name), definition)
        if old is not None:
            self._cancel(old)
        self._tasks[task.uri.lower()] = task
        self._schedule(task)
        self._at_registration(task)
        return task

    def delete(self, task: Task) -> None:
        """Remove a task; a run that is under way ends by itself."""
        self._cancel(task)
        self._tasks.pop(task.uri.lower(), None)

    def set_enabled(self, task: Task, enabled: bool) -> None:
        task.enabled = enabled
        self._cancel(task)
        self._schedule(task)

    def start(self, task: Task) -> None:
        """Run on demand, conditions or not on the way. Raises TaskError."""
        if not task.active:
            raise TaskError(TASK_DISABLED)
        if not task.definition.on_demand:
            raise TaskError(REFUSED_BY_CONDITION)
        self._run(task)

    def boot(self) -> None:
        """The service has started with the host: missed starts, boot triggers, then the times to come."""
        for task, timer in self._runs:
            timer.cancel()
            task.running = False
        self._runs.clear()
        for task in self.all():
            missed = self._has_missed(task)
            self._cancel(task)
            self._schedule(task, at_boot=True)
            if missed:
                self._make_up(task)

    def export(self, task: Task) -> str:
        """The XML of a task as it is given back. UNSURE what of a moment's zone, and of what was set since, it has."""
        switches = self._around.switches
        disabled = not task.enabled and switches["task_export_disabled"]
        return exported(task.xml, zoned=bool(switches["task_export_zone"]), disabled=bool(disabled))

    def to_state(self) -> dict[str, object]:
        return {task.uri: {"xml": task.xml, "enabled": task.enabled} for task in self.all()}

    def to_volatile(self) -> dict[str, object]:
        return {
            task.uri: {"last_result": task.last_result, "missed": task.missed,
                       "last_run": task.last_run.isoformat() if task.last_run else None,
                       "next_run": task.next_run.isoformat() if task.next_run else None}
            for task in self.all()
        }  # fmt: skip

    def _parsed(self, xml: str) -> Definition:
        strict = self._around.switches["task_trigger_order"] == "sequence"
        try:
            return parse_task(xml, self._around.zone(), strict_order=strict)
        except TaskXmlError as error:
            raise TaskError(error.hresult, str(error)) from error

    def _at_registration(self, task: Task) -> None:
        if self._around.switches["edr_removes_tasks"] and task.definition.is_system:
            self._around.clock.after(EDR_SECONDS, lambda: self._removed_by_edr(task))
        for trigger in task.definition.triggers if task.active else ():
            if trigger.kind == "RegistrationTrigger":
                self._at(task, trigger, self._around.clock.now() + trigger.delay)

    def _removed_by_edr(self, task: Task) -> None:
        if self._tasks.get(task.uri.lower()) is task:
            self.delete(task)

    def _schedule(self, task: Task, *, at_boot: bool = False) -> None:
        if not task.active:
            return
        for trigger in task.definition.triggers:
            base = self._base(trigger, at_boot=at_boot)
            if base is not None:
                self._at(task, trigger, base)
        if task.definition.delete_expired_after is not None:
            self._expire_later(task, task.definition.delete_expired_after)

    def _base(self, trigger: Trigger, *, at_boot: bool) -> datetime | None:
        """The start that a trigger's repetition counts from; None while the trigger is not armed."""
        if trigger.kind == "TimeTrigger":
            return trigger.start
        now = self._around.clock.now()
        armed = trigger.kind == BOOT and at_boot and (trigger.start is None or trigger.start <= now)
        return now + trigger.delay if armed else None

    def _at(self, task: Task, trigger: Trigger, base: datetime, after: datetime | None = None) -> None:
        """Set the clock for the trigger's first start that has not passed, or the first later than ``after``."""
        now = self._around.clock.now()
        moment = base
        if base < now or after is not None:
            if trigger.interval is None:
                return
            wanted = now if after is None else after + trigger.interval
            moment = base + trigger.interval * -((base - wanted) // trigger.interval)
        over = (trigger.end and moment > trigger.end) or (trigger.duration and moment > base + trigger.duration)
        if trigger.enabled and not over:
            task.next_run = moment if task.next_run is None else min(task.next_run, moment)
            seconds = max((moment - now).total_seconds(), 0.0)
            task.timers.append(self._around.clock.after(seconds, lambda: self._due(task, trigger, base, moment)))

    def _due(self, task: Task, trigger: Trigger, base: datetime, moment: datetime) -> None:
        if not self._around.up() or not task.active:
            return
        task.next_run = None
        self._at(task, trigger, base, after=moment)
        self._start_by_trigger(task)

    def _start_by_trigger(self, task: Task) -> None:
        if task.definition.not_on_batteries and self._around.on_battery():
            task.missed += 1
            task.last_result = REFUSED_BY_CONDITION
            return
        self._run(task)

    def _run(self, task: Task) -> None:
        """Start, at once or as a run that takes time; a running task is not started."""
        seconds = sum(map(self._seconds, task.definition.actions))
        if task.running:
            return
        task.last_run = self._around.clock.now()
        if not seconds:
            self._act(task)
            return
        task.running, task.last_result = True, STILL_RUNNING
        limit = task.definition.limit
        ends = self._stopped if limit and limit.total_seconds() < seconds else self._ended
        after = min(seconds, limit.total_seconds()) if limit else seconds
        self._runs.append((task, self._around.clock.after(after, lambda: ends(task))))

    def _seconds(self, action: Exec) -> float:
        return self.lasts(action) if self.lasts else float(str(self._around.switches["task_run_seconds"]))

    def _ended(self, task: Task) -> None:
        task.running = False
        if self._around.up():
            self._act(task)

    @staticmethod
    def _stopped(task: Task) -> None:
        """At its time limit."""
        task.running, task.last_result = False, TERMINATED

    def _act(self, task: Task) -> None:
        """All actions in order, whatever they return; the last one's code is the result."""
        for action in task.definition.actions:
            task.last_result = self._around.run(action)

    def _has_missed(self, task: Task) -> bool:
        """Whether a start fell into the time when the host was off."""
        now = self._around.clock.now()
        return task.active and task.next_run is not None and task.next_run < now

    def _make_up(self, task: Task) -> None:
        """StartWhenAvailable: once, ten minutes later."""
        task.missed += 1
        bounded = any(trigger.end or trigger.endless for trigger in task.definition.triggers)
        if task.definition.when_available and (bounded or self._around.switches["start_when_available"] == "always"):
            self._at(task, Trigger("TimeTrigger"), self._around.clock.now() + LATE)

    def _expire_later(self, task: Task, after: timedelta) -> None:
        ends = [trigger.end for trigger in task.definition.triggers if trigger.end is not None]
        seconds = (max(ends) + after - self._around.clock.now()).total_seconds()
        task.timers.append(self._around.clock.after(max(seconds, 0.0), lambda: self.delete(task)))

    @staticmethod
    def _cancel(task: Task) -> None:
        for timer in task.timers:
            timer.cancel()
        task.timers.clear()
        task.next_run = None

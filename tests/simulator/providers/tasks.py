# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""root/Microsoft/Windows/TaskScheduler: PS_ScheduledTask's static methods, and the tasks themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import HostProvider, text
from tests.simulator.windows.security import ACCOUNT_NAMES, ADMINISTRATORS
from tests.simulator.windows.tasks import ACCESS_DENIED, DESCRIPTOR, Task, TaskError, split_uri
from tests.simulator.wsman.provider import Caller, CimError, Embedded, Instance, Values

PROVIDER = "ScheduledTaskProv"
EMBEDDED = ("MSFT_TaskDynamicInfo", "MSFT_TaskExecAction", "MSFT_TaskPrincipal2", "MSFT_TaskSettings3")
DISABLED, READY, RUNNING = 1, 3, 4
SERVICE_ACCOUNT, INTERACTIVE = 5, 3


def _refused(error: TaskError, operation: str) -> CimError:
    return CimError(error.hresult, str(error), operation=operation, provider=PROVIDER)


def _require_administrator(caller: Caller, operation: str) -> None:
    if ADMINISTRATORS not in caller.groups:
        raise CimError(ACCESS_DENIED, operation=operation, provider=PROVIDER)


def task_values(task: Task) -> dict[str, object]:
    """A task as MSFT_ScheduledTask."""
    definition = task.definition
    user = ACCOUNT_NAMES.get(definition.user, ("", definition.user))[1] if definition.user else None
    state = RUNNING if task.running else READY if task.active else DISABLED
    return {
        "TaskName": task.name, "TaskPath": task.path, "URI": task.uri, "State": state,
        "Author": definition.author or None, "Description": definition.description or None, "Date": None,
        "Documentation": None, "Source": None, "Version": None, "SecurityDescriptor": DESCRIPTOR,
        "Actions": [
            Embedded("MSFT_TaskExecAction", {"Id": None, "Execute": action.command, "Arguments": action.arguments,
                                             "WorkingDirectory": None})
            for action in definition.actions
        ],
        "Principal": Embedded("MSFT_TaskPrincipal2", {
            "Id": "Author", "UserId": user, "DisplayName": None, "GroupId": None,
            "LogonType": SERVICE_ACCOUNT if definition.is_system else INTERACTIVE,
            "RunLevel": int(definition.highest),
        }),
        "Settings": Embedded("MSFT_TaskSettings3", {
            "Enabled": task.active, "AllowDemandStart": definition.on_demand,
            "StartWhenAvailable": definition.when_available,
            "DisallowStartIfOnBatteries": definition.not_on_batteries,
        }),
    }  # fmt: skip


@dataclass
class Tasks(HostProvider):
    """MSFT_ScheduledTask: query, Get, Delete."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        _require_administrator(caller, "EnumerateInstances")
        return [Instance("MSFT_ScheduledTask", task_values(task)) for task in self.windows.tasks.all()]

    def delete(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> None:
        _require_administrator(caller, "DeleteInstance")
        try:
            task = self.windows.tasks.find(text(keys.get("TaskPath")), text(keys.get("TaskName")))
        except TaskError as error:
            raise _refused(error, "DeleteInstance") from error
        self.windows.tasks.delete(task)


@dataclass
class TaskMethods(HostProvider):
    """PS_ScheduledTask."""

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        _require_administrator(caller, "ExecMethod")
        try:
            if method == "RegisterByXml":
                return self._output(self._register(args, caller))
            task = self.windows.tasks.find(text(args.get("TaskPath")) or "\\", text(args.get("TaskName")))
            return self._act(method, task)
        except TaskError as error:
            raise _refused(error, "ExecMethod") from error

    def _register(self, args: Values, caller: Caller) -> Task:
        """The name comes from the parameters, else from the URI in the XML."""
        folder, name = text(args.get("TaskPath")) or "\\", text(args.get("TaskName"))
        uri = folder.rstrip("\\") + "\\" + name if name else self._uri_in(text(args.get("Xml")))
        split_uri(uri)
        return self.windows.tasks.register(uri, text(args.get("Xml")), caller, force=bool(args.get("Force")))

    @staticmethod
    def _uri_in(xml: str) -> str:
        before, _tag, after = xml.partition("<URI>")
        return after.partition("</URI>")[0] if before != xml else ""

    @staticmethod
    def _output(task: Task) -> Values:
        return {"cmdletOutput": Embedded("MSFT_ScheduledTask", task_values(task)), "ReturnValue": 0}

    def _act(self, method: str, task: Task) -> Values:
        if method in ("EnableByName", "DisableByName"):
            self.windows.tasks.set_enabled(task, method == "EnableByName")
            return self._output(task)
        if method == "ExportByName":
            return {"cmdletOutput": self.windows.tasks.export(task), "ReturnValue": 0}
        if method == "GetInfoByName":
            return {"cmdletOutput": Embedded("MSFT_TaskDynamicInfo", self._info(task)), "ReturnValue": 0}
        if method == "StartByPath":
            self.windows.tasks.start(task)
        return {"ReturnValue": 0}

    @staticmethod
    def _info(task: Task) -> dict[str, object]:
        return {
            "TaskName": task.name, "TaskPath": task.path, "LastRunTime": task.last_run, "NextRunTime": task.next_run,
            "LastTaskResult": task.last_result, "NumberOfMissedRuns": task.missed,
        }  # fmt: skip

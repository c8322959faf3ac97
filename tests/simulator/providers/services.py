# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Win32_Service, Win32_TerminalService, Win32_SystemDriver and Win32_DependentService."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import HostProvider, text
from tests.simulator.providers.descriptors import from_embedded, merge, to_embedded
from tests.simulator.windows.security import READ_CONTROL, WRITE_DAC, InvalidDescriptor
from tests.simulator.windows.services import (
    ACCESS_DENIED,
    CANNOT_ACCEPT_CONTROL,
    INVALID_PARAMETER,
    NOT_SUPPORTED,
    OK,
    RUNNING,
    Service,
)
from tests.simulator.wsman.provider import Caller, CimError, Instance, Reference, Values

ANCESTRY = {
    "Win32_Service": ("Win32_Service", "Win32_BaseService"),
    "Win32_TerminalService": ("Win32_TerminalService", "Win32_Service", "Win32_BaseService"),
    "Win32_SystemDriver": ("Win32_SystemDriver", "Win32_BaseService"),
}
NO_SUCH_SERVICE = 0x80041002


@dataclass
class ServiceProvider(HostProvider):
    """Services by name. ``class_name`` is the class that was asked for."""

    class_name: str = "Win32_Service"

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        instances = map(self._instance, self.windows.services)
        return [instance for instance in instances if self.class_name in ANCESTRY[instance.class_name]]

    def get(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance | None:
        if not self._reachable(text(keys.get("Name"))):
            return None
        return super().get(keys, caller, options)

    def _reachable(self, name: str) -> bool:
        special = name.lower() == "termservice" and self.class_name == "Win32_Service"
        return not special or bool(self.windows.switches["terminal_service_by_base_uri"])

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        name = text((keys or {}).get("Name"))
        service = self.windows.services.find(name)
        if service is None or not self._reachable(name):
            raise CimError(NO_SUCH_SERVICE, operation="ExecMethod", provider="CIMWin32")
        if method in ("GetSecurityDescriptor", "SetSecurityDescriptor"):
            return self._security(method, service, args, caller)
        return {"ReturnValue": self._control(method, service, args, caller)}

    def _control(self, method: str, service: Service, args: Values, caller: Caller) -> int:
        services = self.windows.services
        if method == "StartService":
            return services.start(service.name, caller)
        if method == "StopService":
            return services.stop(service.name, caller)
        if method == "ChangeStartMode":
            return services.change_start(service.name, text(args.get("StartMode")), caller)
        if method == "Change":
            return self._change(service, args, caller)
        if method == "InterrogateService":
            return OK if service.state == RUNNING else CANNOT_ACCEPT_CONTROL
        return NOT_SUPPORTED

    def _change(self, service: Service, args: Values, caller: Caller) -> int:
        given = {name for name, value in args.items() if value is not None}
        if given != {"StartMode"}:
            return INVALID_PARAMETER if given else OK
        return self.windows.services.change_start(service.name, text(args["StartMode"]), caller)

    def _security(self, method: str, service: Service, args: Values, caller: Caller) -> Values:
        wanted = READ_CONTROL if method.startswith("Get") else WRITE_DAC
        if not service.descriptor.allows(caller, wanted):
            return {"ReturnValue": ACCESS_DENIED}
        if method == "GetSecurityDescriptor":
            return {"Descriptor": to_embedded(service.descriptor), "ReturnValue": OK}
        try:
            service.descriptor = merge(service.descriptor, from_embedded(args.get("Descriptor")))
        except InvalidDescriptor:
            return {"ReturnValue": INVALID_PARAMETER}
        return {"ReturnValue": OK}

    def _instance(self, service: Service) -> Instance:
        running = service.state == RUNNING
        values: dict[str, object] = {
            "Name": service.name, "Caption": service.display_name, "DisplayName": service.display_name,
            "Description": service.display_name, "State": service.state, "Status": "OK", "Started": running,
            "StartMode": service.start_mode, "StartName": service.account or None, "PathName": service.path,
            "ExitCode": service.exit_code, "ServiceSpecificExitCode": 0,
            "AcceptStop": running and service.can_stop, "AcceptPause": False, "DesktopInteract": False,
            "ErrorControl": "Normal", "ServiceType": "Kernel Driver" if service.driver else "Share Process",
            "SystemName": self.windows.machine.computer_name, "TagId": 0,
            "CreationClassName": "Win32_Service", "SystemCreationClassName": "Win32_ComputerSystem",
        }  # fmt: skip
        if service.driver:
            return Instance("Win32_SystemDriver", {**values, "CreationClassName": "Win32_SystemDriver"})
        values |= {"DelayedAutoStart": service.delayed, "ProcessId": service.process_id, "CheckPoint": 0, "WaitHint": 0}
        return self._terminal_service(values) if service.name == "TermService" else Instance("Win32_Service", values)

    def _terminal_service(self, values: dict[str, object]) -> Instance:
        services = int(bool(self.windows.switches["services_session_counted"]))
        total = len(self.windows.sessions.all()) + services
        more = {
            "TotalSessions": total,
            "DisconnectedSessions": total - len(self.windows.sessions.active()),
            "EstimatedSessionCapacity": 0,
        }
        return Instance("Win32_TerminalService", {**values, **more})


@dataclass
class DependentServices(HostProvider):
    """Win32_DependentService: the antecedent is what the dependent needs."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for service in self.windows.services:
            for needed in self.windows.services.dependencies(service):
                yield Instance("Win32_DependentService", {
                    "Antecedent": _reference(needed), "Dependent": _reference(service), "TypeOfDependency": None,
                })  # fmt: skip


def _reference(service: Service) -> Reference:
    return Reference("Win32_SystemDriver" if service.driver else "Win32_Service", {"Name": service.name})

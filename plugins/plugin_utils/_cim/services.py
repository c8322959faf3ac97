# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows services, and the sessions that TermService counts.

PRIVATE to the collection. Source: Win32_Service (Microsoft Win32 documentation, CIMWin32Prov/win32-service).
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    WIN32_DEPENDENT_SERVICE,
    WIN32_SERVICE,
    WIN32_TERMINAL_SERVICE,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import CimClass
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import NotFound, WsmanError

MEANINGS: Mapping[int, str] = {
    1: "the request is not supported",
    2: "access is denied",
    3: "services that depend on it are running",
    4: "the control is not valid for the service",
    5: "the service cannot accept the control now",
    6: "the service is not running",
    7: "the service did not answer in time",
    8: "unknown failure",
    9: "the path of the service was not found",
    10: "the service is already running",
    11: "the service database is locked",
    12: "a service that it depends on is missing",
    13: "a service that it depends on failed to start",
    14: "the service is disabled",
    15: "the service account failed to log on",
    16: "the service is marked for deletion",
    17: "the service has no thread",
    18: "the dependencies are circular",
    19: "the name is in use",
    20: "the name is invalid",
    21: "a parameter is invalid",
    22: "the account is invalid or lacks rights",
    23: "the service exists already",
    24: "the service is paused",
}
DEPENDENTS_RUN, CANNOT_ACCEPT, NOT_ACTIVE, TIMED_OUT, ALREADY_RUNNING = 3, 5, 6, 7, 10

TERM_SERVICE = "TermService"
T = t.TypeVar("T")
StartMode = t.Literal["Boot", "System", "Automatic", "Manual", "Disabled"]


class ServiceError(WsmanError):
    """A service operation that failed: ``code`` is Win32_Service's return value."""

    default_hint = "Look at the Service Control Manager's events in the host's System log."

    def __init__(self, name: str, action: str, code: int, detail: str = "") -> None:
        meaning = detail or MEANINGS.get(code, "unknown code")
        super().__init__(f"Cannot {action} the service {name}: {meaning} (code {code})")
        self.name = name
        self.code = code


@dataclass(frozen=True)
class Sessions:
    """Remote Desktop sessions as TermService counts them; ``total`` includes the disconnected ones."""

    total: int
    disconnected: int


@dataclass(frozen=True)
class Service:
    """One service. ``start_mode`` is Boot, System, Auto, Manual or Disabled; ``process_id`` 0 when not running.

    ``delayed`` is None before Server 2016, ``sessions`` None for all but TermService.
    """

    name: str
    state: str
    start_mode: str
    delayed: bool | None
    process_id: int
    path: str
    account: str
    exit_code: int
    sessions: Sessions | None = None

    @property
    def running(self) -> bool:
        """Whether the service runs now."""
        return self.state == "Running"


class Services:
    """Reading and controlling services. Windows answers before a state is final, so changes poll until it is."""

    def __init__(
        self,
        client: CimClient,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self.seen: dict[str, Service] = {}
        """What each service was when it was listed last."""

    def list(self, names: Iterable[str]) -> dict[str, Service]:
        """Return those of the services that exist, by the names as asked for, in one query."""
        wanted = {name.casefold(): name for name in names}
        found = self._client.query(WIN32_SERVICE, wql.any_of("Name", wanted.values()))
        services = (_service(instance) for instance in found)
        listed = {wanted.get(service.name.casefold(), service.name): service for service in services}
        self.seen.update(listed)
        return listed

    def dependents(self, name: str) -> tuple[Service, ...]:
        """Return the services that depend directly on one."""
        found = self._client.associated(
            WIN32_SERVICE, {"Name": name}, WIN32_DEPENDENT_SERVICE, "Antecedent", "Dependent", WIN32_SERVICE
        )
        return tuple(_service(instance) for instance in found)

    def running_dependents(self, name: str) -> tuple[str, ...]:
        """Return the running services that stop along with one, directly or by way of another.

        Each comes after what it depends on. One query, and one for each of them.
        """
        order: list[str] = []
        met: set[str] = set()

        def visit(antecedent: str) -> None:
            for dependent in self.dependents(antecedent):
                if dependent.running and dependent.name.casefold() not in met:
                    met.add(dependent.name.casefold())
                    visit(dependent.name)
                    order.append(dependent.name)

        visit(name)
        return tuple(reversed(order))

    def start(self, name: str, timeout: float = 60.0, poll: float = 1.0) -> Service:
        """Start a service and wait until it runs; one that runs is no error. Raise ServiceError."""
        self._control(name, "start", "StartService", accepted=(ALREADY_RUNNING,))
        return self._wait(name, "Running", "start", timeout, poll)

    def stop(self, name: str, timeout: float = 60.0, poll: float = 1.0) -> Service:
        """Stop a service and wait until it has stopped; one that is stopped is no error. Raise ServiceError.

        Code 3 means that dependents run, which this does not stop.
        """
        self._control(name, "stop", "StopService", accepted=(CANNOT_ACCEPT, NOT_ACTIVE))
        return self._wait(name, "Stopped", "stop", timeout, poll)

    def stop_all(self, name: str) -> None:
        """Stop a service, and before it what depends on it where that runs. Raise ServiceError."""
        try:
            self.stop(name)
        except ServiceError as error:
            if error.code != DEPENDENTS_RUN:
                raise
            for dependent in self.dependents(name):
                if dependent.running:
                    self.stop_all(dependent.name)
            self.stop(name)

    def set_start_mode(self, name: str, mode: StartMode) -> None:
        """Set the start mode; Automatic is what reads as Auto. Raise ServiceError."""
        self._control(name, f"set the start mode to {mode} of", "ChangeStartMode", {"StartMode": mode})

    def wait(self, name: str, state: str, timeout: float = 60.0, poll: float = 1.0) -> Service:
        """Wait until a service is in a state, whoever sends it there. Raise ServiceError."""
        return self._wait(name, state, "wait for", timeout, poll)

    def _control(
        self,
        name: str,
        action: str,
        method: str,
        arguments: Mapping[str, str] | None = None,
        accepted: tuple[int, ...] = (),
    ) -> None:
        outcome = self._addressed(name, lambda cls: self._client.invoke(cls, method, arguments, {"Name": name}))
        if not outcome.ok and outcome.return_value not in accepted:
            raise ServiceError(name, action, outcome.return_value or 0)

    def _addressed(self, name: str, ask: Callable[[CimClass], T]) -> T:
        """Ask a service by the base of all services, or by its own class where only that has it.

        UNSURE: whether the base has TermService, which is an instance of Win32_TerminalService. A service that was not
        found was not touched, so a second request is no repetition.
        """
        try:
            return ask(WIN32_SERVICE)
        except NotFound:
            if name.casefold() != TERM_SERVICE.casefold():
                raise
            return ask(WIN32_TERMINAL_SERVICE)

    def _wait(self, name: str, state: str, action: str, timeout: float, poll: float) -> Service:
        """Poll until the service is in the state; raise ServiceError with code 7 after ``timeout`` seconds."""
        end = self._clock() + timeout
        while True:
            service = _service(self._addressed(name, lambda cls: self._client.get(cls, Name=name)))
            if service.state == state:
                return service
            if self._clock() >= end:
                raise ServiceError(name, action, TIMED_OUT, f"its state is {service.state} after {timeout:g} seconds")
            self._sleep(poll)


def _service(instance: Instance) -> Service:
    delayed = instance.get("DelayedAutoStart")
    return Service(
        name=instance.text("Name"),
        state=instance.text("State"),
        start_mode=instance.text("StartMode"),
        delayed=delayed if isinstance(delayed, bool) else None,
        process_id=instance.number("ProcessId") or 0,
        path=instance.text("PathName"),
        account=instance.text("StartName"),
        exit_code=instance.number("ExitCode") or 0,
        sessions=_sessions(instance),
    )


def _sessions(instance: Instance) -> Sessions | None:
    total = instance.number("TotalSessions")
    return None if total is None else Sessions(total, instance.number("DisconnectedSessions") or 0)

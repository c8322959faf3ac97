# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service control manager: start modes, dependencies, pending states, and the codes of Win32_Service's methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tests.simulator.windows import events
from tests.simulator.windows.clock import Clock, Timer
from tests.simulator.windows.events import EventLog
from tests.simulator.windows.registry import Registry, Type
from tests.simulator.windows.security import SecurityDescriptor, Token
from tests.simulator.windows.texts import translate

SERVICES_KEY = r"HKLM\SYSTEM\CurrentControlSet\Services"
DEFAULT_DESCRIPTOR = SecurityDescriptor.from_sddl("D:(A;;0x2009d;;;AU)(A;;0xf01ff;;;BA)(A;;0xf01ff;;;SY)")
QUERY_STATUS, CHANGE_CONFIG, START, STOP = 0x4, 0x2, 0x10, 0x20
START_MODES = {0: "Boot", 1: "System", 2: "Auto", 3: "Manual", 4: "Disabled"}
START_NUMBERS = {"Boot": 0, "System": 1, "Automatic": 2, "Auto": 2, "Manual": 3, "Disabled": 4}

# Return codes of Win32_Service (Microsoft Learn, Win32_Service.StartService and StopService)
OK, NOT_SUPPORTED, ACCESS_DENIED, DEPENDENTS_RUNNING = 0, 1, 2, 3
CANNOT_ACCEPT_CONTROL, NOT_ACTIVE, ALREADY_RUNNING, DEPENDENCY_FAILURE = 5, 6, 10, 13
DISABLED, INVALID_PARAMETER = 14, 21

RUNNING, STOPPED, START_PENDING, STOP_PENDING = "Running", "Stopped", "Start Pending", "Stop Pending"


@dataclass
class Service:
    """One service. ``start``: number of the start type; the configuration is also in the registry, read at boot."""

    name: str
    display_name: str
    start: int
    account: str
    path: str
    depends_on: tuple[str, ...] = ()
    delayed: bool = False
    descriptor: SecurityDescriptor = DEFAULT_DESCRIPTOR
    driver: bool = False
    start_seconds: float = 1.0
    stop_seconds: float = 1.0
    can_stop: bool = True
    start_error: int = 0
    hangs_on_stop: bool = False
    state: str = STOPPED
    process_id: int = 0
    started: datetime | None = None
    exit_code: int = 1077

    @property
    def start_mode(self) -> str:
        return START_MODES[self.start]

    @property
    def key(self) -> str:
        return f"{SERVICES_KEY}\\{self.name}"


class Watcher(Protocol):
    """Told when a service has reached a state."""

    def __call__(self, service: Service) -> None:
        """Look at what that service is now."""


class ServiceManager:
    """All services of a host."""

    def __init__(self, clock: Clock, registry: Registry, log: EventLog, language: str) -> None:
        self._clock = clock
        self._registry = registry
        self._log = log
        self._language = language
        self._services: dict[str, Service] = {}
        self._watchers: dict[str, list[Watcher]] = {}
        self._pending: dict[str, tuple[Timer, Callable[[], None]]] = {}
        self._next_process_id = 600

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def add(self, service: Service) -> Service:
        """Install a service and write its configuration to the registry."""
        service.display_name = translate("services", service.name, self._language)
        self._services[service.name.lower()] = service
        self._store(service)
        return service

    def find(self, name: str) -> Service | None:
        return self._services.get(name.lower())

    def __getitem__(self, name: str) -> Service:
        return self._services[name.lower()]

    def running(self, name: str) -> bool:
        service = self.find(name)
        return service is not None and service.state == RUNNING

    def watch(self, name: str, watcher: Watcher) -> None:
        """Call ``watcher`` whenever the service is Running or Stopped."""
        self._watchers.setdefault(name.lower(), []).append(watcher)

    def dependents(self, service: Service) -> list[Service]:
        """Services that need ``service``, directly."""
        return [item for item in self if service.name.lower() in (name.lower() for name in item.depends_on)]

    def dependencies(self, service: Service) -> list[Service]:
        return [found for found in map(self.find, service.depends_on) if found is not None]

    def start(self, name: str, token: Token) -> int:
        """StartService: begins, and answers before the service runs."""
        service = self[name]
        if not service.descriptor.allows(token, START):
            return ACCESS_DENIED
        if service.state in (RUNNING, START_PENDING):
            return ALREADY_RUNNING
        if service.state == STOP_PENDING:
            return CANNOT_ACCEPT_CONTROL
        if service.start == 4:
            return DISABLED
        if not self._start_dependencies(service):
            return DEPENDENCY_FAILURE
        self._begin(service, START_PENDING, service.start_seconds, lambda: self._started(service))
        return OK

    def stop(self, name: str, token: Token) -> int:
        """StopService: begins, and answers before the service has stopped."""
        service = self[name]
        if not service.descriptor.allows(token, STOP):
            return ACCESS_DENIED
        if service.state != RUNNING or not service.can_stop:
            return CANNOT_ACCEPT_CONTROL
        if any(item.state != STOPPED for item in self.dependents(service)):
            return DEPENDENTS_RUNNING
        self._begin(service, STOP_PENDING, service.stop_seconds, lambda: self.stopped(service))
        if service.hangs_on_stop:
            self._pending.pop(service.name)[0].cancel()
        return OK

    def change_start(self, name: str, mode: str, token: Token) -> int:
        """ChangeStartMode with one of Boot, System, Automatic, Manual, Disabled."""
        service = self[name]
        if not service.descriptor.allows(token, CHANGE_CONFIG):
            return ACCESS_DENIED
        if mode not in START_NUMBERS or mode == "Auto" or (mode in ("Boot", "System") and not service.driver):
            return INVALID_PARAMETER
        self.configure(service, START_NUMBERS[mode])
        return OK

    def configure(self, service: Service, start: int, *, delayed: bool = False) -> None:
        """Set the start type in the manager and in the registry."""
        service.start, service.delayed = start, delayed
        self._store(service)

    def finish(self, name: str) -> None:
        """Let a pending change end now: what a command does that waits for it."""
        pending = self._pending.pop(self[name].name, None)
        if pending is not None:
            pending[0].cancel()
            pending[1]()

    def force_running(self, name: str) -> None:
        """Bring a service and what it needs up without time passing: the state after boot."""
        service = self[name]
        for needed in self.dependencies(service):
            if needed.state != RUNNING:
                self.force_running(needed.name)
        self._started(service)

    def force_stopped(self, name: str) -> None:
        for item in self.dependents(self[name]):
            self.force_stopped(item.name)
        self.stopped(self[name])

    def boot(self) -> None:
        """Read every configuration from the registry and start what starts by itself."""
        for timer, _action in self._pending.values():
            timer.cancel()
        self._pending.clear()
        for service in self:
            service.state, service.process_id, service.hangs_on_stop = STOPPED, 0, False
            stored = self._registry.dword(service.key, "Start")
            service.start = service.start if stored is None else stored
            service.delayed = bool(self._registry.dword(service.key, "DelayedAutostart"))
        for service in self:
            if service.start <= 2 and self._can_run(service) and service.state != RUNNING:
                self.force_running(service.name)

    def _can_run(self, service: Service) -> bool:
        usable = service.start != 4 and not service.start_error
        return usable and all(self._can_run(needed) for needed in self.dependencies(service))

    def to_state(self) -> dict[str, object]:
        return {
            service.name: {"start": service.start_mode, "delayed": service.delayed,
                           "descriptor": service.descriptor.to_sddl()}
            for service in self
        }  # fmt: skip

    def to_volatile(self) -> dict[str, str]:
        return {service.name: service.state for service in self}

    def _start_dependencies(self, service: Service) -> bool:
        for needed in self.dependencies(service):
            if needed.state == RUNNING:
                continue
            if not self._can_run(needed) or not self._start_dependencies(needed):
                return False
            self._started(needed)
        return True

    def _begin(self, service: Service, state: str, seconds: float, end: Callable[[], None]) -> None:
        service.state = state
        self._pending[service.name] = (self._clock.after(seconds, lambda: self._end(service, end)), end)

    def _end(self, service: Service, end: Callable[[], None]) -> None:
        self._pending.pop(service.name, None)
        end()

    def _started(self, service: Service) -> None:
        if service.start_error:
            service.exit_code = service.start_error
            self.stopped(service)
            return
        self._next_process_id += 4
        service.state, service.process_id, service.exit_code = RUNNING, self._next_process_id, 0
        service.started = self._clock.now()
        self._report(service)

    def stopped(self, service: Service) -> None:
        """The service has come to its end, asked for or not."""
        service.state, service.process_id = STOPPED, 0
        self._report(service)

    def _report(self, service: Service) -> None:
        if not service.driver:
            word = service.state.lower()
            self._log.write(events.SERVICE_CONTROL_MANAGER, 7036, events.INFORMATION, service.display_name, word)
        for watcher in self._watchers.get(service.name.lower(), ()):
            watcher(service)

    def _store(self, service: Service) -> None:
        key = service.key
        self._registry.put_dword(key, "Start", service.start)
        self._registry.put_dword(key, "Type", 1 if service.driver else 0x20)
        self._registry.put(key, "ImagePath", Type.EXPAND_SZ, service.path)
        if not service.driver:
            self._registry.put(key, "ObjectName", Type.SZ, service.account)
        if service.depends_on:
            self._registry.put(key, "DependOnService", Type.MULTI_SZ, service.depends_on)
        if service.delayed:
            self._registry.put_dword(key, "DelayedAutostart", 1)
        else:
            self._registry.discard(key, "DelayedAutostart")

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulated host: Windows behind a WS-Management engine, in process and without sockets.

host = SimulatedHost.build(version="2022", breakages=["rdp_denied"])
status, body = host.handle(request)          # as an administrator
host.clock.advance(3)                        # services reach their final state
host.state(), host.volatile(), host.counters.to_json()
host.probe_view()                            # what a perfect probe from outside sees now
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

from tests.simulator.breakages import break_host
from tests.simulator.counters import Counters
from tests.simulator.faults import FaultInjector
from tests.simulator.probe_view import probe_view
from tests.simulator.providers.catalogue import FACTORIES
from tests.simulator.switches import parse, settle
from tests.simulator.traits import SHELL_POLICY, apply_trait, language_of
from tests.simulator.windows.clock import Clock
from tests.simulator.windows.cmd import CODEPAGE, CommandShell
from tests.simulator.windows.editions import EDITIONS
from tests.simulator.windows.machine import Account, build_machine
from tests.simulator.windows.security import ADMINISTRATORS
from tests.simulator.windows.system import Windows
from tests.simulator.windows.tenants import mint_after_rename
from tests.simulator.wsman.engine import Engine
from tests.simulator.wsman.provider import Caller, CommandResult, FaultPlan, Operation, Provider
from tests.simulator.wsman.schema import SchemaSet

SCHEMAS = Path(__file__).parent / "schemas"
DEFAULT_CREDENTIAL = "Fleet-Passw0rd!"
UAC_POLICY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"


@lru_cache(maxsize=1)
def all_schemas() -> SchemaSet:
    """Every class that is described."""
    return SchemaSet.load(SCHEMAS)


@lru_cache(maxsize=16)
def schemas_without(absent: frozenset[str]) -> SchemaSet:
    """Classes of a host that lacks roles or features: namespaces have a slash in their names, classes have none."""
    namespaces = {name for name in absent if "/" in name}
    return all_schemas().without(namespaces=namespaces, classes=absent - namespaces)


@dataclass(frozen=True)
class Place:
    """What a host's surroundings decide: its name, clock, accounts' password, and WinRM's own configuration."""

    name: str = "host001"
    clock: Clock = field(default_factory=Clock)
    password: str = DEFAULT_CREDENTIAL
    winrm: Mapping[str, object] = field(default_factory=dict)


class SimulatedHost:
    """A host as the engine, the RDP listener, the control port and tests see it (`HostPort`)."""

    def __init__(self, windows: Windows, switches: dict[str, object], winrm: Mapping[str, object]) -> None:
        self.windows = windows
        self.switches: dict[str, object] = switches
        self.counters = Counters()
        self.injector = FaultInjector(self._reboot)
        self.changed: list[Callable[[], None]] = []
        self.powershell: Callable[[str, bytes], CommandResult | None] | None = None
        self._winrm = dict(winrm)
        self._providers: dict[str, Provider] = {}
        self.engine = Engine(self)
        windows.going_down.append(self.engine.restart)

    @classmethod
    def build(
        cls, version: str = "2022", language: str = "en", *, breakages: Iterable[str] = (), traits: Iterable[str] = (),
        switches: Mapping[str, object] | None = None, seed: int = 0, place: Place | None = None,
    ) -> SimulatedHost:  # fmt: skip
        """Install a host, give it its traits, then break it. Raises ValueError for unknown names."""
        settled = settle(switches or {})
        odd, where = tuple(traits), place or Place()
        machine = build_machine(where.name, seed, where.password)
        windows = Windows(EDITIONS[version], language_of(odd, language), machine, where.clock, settled)
        windows.install()
        windows.files.moved.append(partial(mint_after_rename, windows))
        host = cls(windows, settled, where.winrm)
        for trait in odd:
            apply_trait(windows, trait)
        for breakage in breakages:
            break_host(windows, breakage)
        return host

    # In process

    @property
    def clock(self) -> Clock:
        return self.windows.clock

    def handle(self, body: bytes, user: str = "Administrator") -> tuple[int, bytes]:
        """Answer a request as a local account: HTTP status and body.

        Raises ConnectionRefusedError while nobody listens for WinRM, ConnectionResetError for a planned reset.
        """
        self.clock.run_due()
        if not self.winrm_open():
            raise ConnectionRefusedError(f"{self.name}: no WinRM listener")
        answer = self.engine.handle(body, self.caller_for(user))
        effect = answer.disturbance.effect if answer.disturbance else ""
        if effect in ("reset", "refuse"):
            raise ConnectionResetError(f"{self.name}: connection reset")
        if effect == "truncate":
            return answer.status, answer.body[: len(answer.body) // 2]
        return answer.status, b"\x00garbled" if effect == "garble" else answer.body

    def state(self) -> dict[str, object]:
        """What survives a reboot, as JSON values."""
        return self.windows.to_state()

    def state_json(self) -> str:
        """The same, canonical: equal states are equal byte for byte."""
        return json.dumps(self.state(), sort_keys=True, ensure_ascii=False, indent=1)

    def volatile(self) -> dict[str, object]:
        """What does not survive: services' states, sessions, events, endpoints."""
        self.clock.run_due()
        return {
            **self.windows.to_volatile(), "open_shells": self.engine.open_shells,
            "open_enumerations": self.engine.open_enumerations,
        }  # fmt: skip

    def probe_view(self) -> dict[str, object]:
        """What a perfect probe from outside sees; see `tests.simulator.probe_view`."""
        self.clock.run_due()
        return probe_view(self.windows)

    def set_switch(self, name: str, value: object) -> None:
        """Turn a switch while the host runs. Raises UnknownSwitch."""
        self.switches[name] = parse(name, value)

    def winrm_open(self) -> bool:
        """Whether a client reaches the WinRM listener now."""
        return self.windows.is_up and self.windows.services.running("WinRM") and self.windows.admits_winrm()

    # HostPort

    @property
    def name(self) -> str:
        return self.windows.machine.name

    @property
    def computer_name(self) -> str:
        return self.windows.machine.computer_name

    def schemas(self) -> SchemaSet:
        return schemas_without(self.windows.absent())

    def provider(self, namespace: str, class_name: str) -> Provider:
        if class_name not in self._providers:
            self._providers[class_name] = FACTORIES[class_name](self.windows)
        return self._providers[class_name]

    def now(self) -> datetime:
        return self.clock.now()

    def identify(self) -> Mapping[str, str]:
        version = f"OS: {self.windows.edition.version} SP: 0.0 Stack: 3.0"
        return {"ProductVendor": "Microsoft Corporation", "ProductVersion": version}

    def winrm_config(self) -> Mapping[str, object]:
        allowed = self.windows.registry.dword(SHELL_POLICY, "AllowRemoteShellAccess")
        return {**self._winrm, "AllowRemoteShellAccess": allowed != 0}

    def authenticate_basic(self, user: str, password: str) -> Caller | None:
        return self.caller_for(user) if self.password_of(user) == password else None

    def password_of(self, user: str) -> str | None:
        account = self.windows.machine.account(user)
        return account.password if account else None

    def caller_for(self, user: str) -> Caller | None:
        account = self.windows.machine.account(user)
        return None if account is None else Caller(account.name, account.sid, self._groups(account))

    def _groups(self, account: Account) -> frozenset[str]:
        """UAC takes the administrators' group from local accounts over the network, but for the built-in one."""
        unfiltered = self.windows.registry.dword(UAC_POLICY, "LocalAccountTokenFilterPolicy") == 1
        if account.sid.endswith("-500") or unfiltered:
            return account.groups
        return account.groups - {ADMINISTRATORS}

    def caller_for_certificate(self, der: bytes) -> Caller | None:
        user = self.windows.machine.certificates.get(der)
        return self.caller_for(user) if user else None

    def run_command(self, command_line: str, caller: Caller, stdin: bytes) -> CommandResult:
        answer = self.powershell(command_line, stdin) if self.powershell else None
        if answer is not None:
            return answer
        output = CommandShell(self.windows, caller, caller.name).run(command_line)
        return CommandResult(
            output.stdout.encode(CODEPAGE), output.stderr.encode(CODEPAGE), output.code, not_found=not output.known
        )

    def before_operation(self, op: Operation) -> FaultPlan | None:
        self.clock.run_due()
        self.counters.before(op)
        return self.injector.before(op)

    def after_operation(self, op: Operation, request_bytes: int, response_bytes: int) -> None:
        self.counters.after(request_bytes, response_bytes)
        if op.is_write:
            self.notify()

    def _reboot(self) -> None:
        self.windows.reboot()
        self.notify()

    def notify(self) -> None:
        """Tell whoever keeps the host's sockets that its state may have changed."""
        for watcher in self.changed:
            watcher()

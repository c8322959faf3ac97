# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Windows host: all its parts, put together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from tests.simulator.windows import defaults
from tests.simulator.windows.boot import Volume, Waiting
from tests.simulator.windows.certificates import LISTENER, ListenerCertificates
from tests.simulator.windows.clock import Clock, Timer
from tests.simulator.windows.cmd import CommandShell
from tests.simulator.windows.editions import Edition
from tests.simulator.windows.events import INFORMATION, REMOTE_CONNECTION_MANAGER, WARNING, EventLog
from tests.simulator.windows.files import FileSystem
from tests.simulator.windows.firewall import Firewall, Packet
from tests.simulator.windows.gateway import Gateway
from tests.simulator.windows.listener import WINLOGON, Listener
from tests.simulator.windows.machine import Account, Machine
from tests.simulator.windows.network import Network
from tests.simulator.windows.policy import GroupPolicy
from tests.simulator.windows.registry import Registry, Type
from tests.simulator.windows.security import ADMINISTRATORS, REMOTE_DESKTOP_USERS, SYSTEM_TOKEN
from tests.simulator.windows.services import RUNNING, Service, ServiceManager
from tests.simulator.windows.sessions import Sessions
from tests.simulator.windows.task_xml import Exec
from tests.simulator.windows.tasks import Surroundings, TaskScheduler

ENVIRONMENT = {
    "systemroot": r"C:\Windows", "windir": r"C:\Windows", "systemdrive": "C:", "programdata": r"C:\ProgramData",
    "comspec": r"C:\Windows\system32\cmd.exe", "os": "Windows_NT",
}  # fmt: skip
GRACE_PERIOD = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\RCM\GracePeriod"
GRACE_VALUE = "L$RTMTIMEBOMB_1320153D-8DA3-4e8e-B27B-0D888223A588"
TERMINAL_SERVICES = "root/cimv2/TerminalServices"
VOLUME_ENCRYPTION = "root/cimv2/Security/MicrosoftVolumeEncryption"
GATEWAY_CLASSES = tuple(
    f"Win32_TSGateway{name}"
    for name in ("Server", "ServerSettings", "ConnectionAuthorizationPolicy", "ResourceAuthorizationPolicy",
                 "ResourceGroup", "Connection")
)  # fmt: skip
GATEWAY_PROGRAM = r"%SystemRoot%\System32\svchost.exe -k tsgateway"
UPDATES = {14393: "KB5040434", 17763: "KB5053596", 20348: "KB5053603", 19045: "KB5053606", 26100: "KB5053598"}
CERTIFICATE_SECONDS = 2.0
BOOT_SECONDS = 45.0
FLOOD_SECONDS = 30.0
WINRM_PORT = 5985
TASK_TOKEN = replace(SYSTEM_TOKEN)  # SYSTEM as a process: unlike the system itself it meets access checks


class Windows:
    """The whole state of a host. Registry, services, firewall, files and tasks survive a reboot, the rest does not."""

    def __init__(
        self, edition: Edition, language: str, machine: Machine, clock: Clock, switches: Mapping[str, object]
    ) -> None:
        self.edition = edition
        self.language = language
        self.machine = machine
        self.clock = clock
        self.switches = switches
        self.booted = clock.now() - timedelta(days=3)
        self._stepped = clock.stepped
        self.down_until: datetime | None = None
        self.registry = Registry()
        self.files = FileSystem()
        self.files.renames_refused = switches["rename_while_open"] == "refused"
        self.files.keys_are_system = bool(switches["key_files_system"])
        self.volume = Volume()
        self.waiting = Waiting(self.registry)
        self.flood = 0
        self.logons: list[str] = []
        self.gateway: Gateway | None = None
        self.updates: list[str] = [UPDATES[edition.build]]
        self.going_down: list[Callable[[], None]] = []
        self._renewals: list[Timer] = []
        self.zone = timedelta()
        self.on_battery = False
        self.tasks = TaskScheduler(
            Surroundings(
                clock, switches, zone=lambda: self.zone, on_battery=lambda: self.on_battery, up=lambda: self.is_up,
                run=self.run_as_system,
            )
        )  # fmt: skip
        self.events = EventLog(clock, language)
        self.services = ServiceManager(clock, self.registry, self.events, language)
        self.certificates = ListenerCertificates(
            clock, self.registry, self.files, self.events, machine, edition,
            switches=switches,
        )  # fmt: skip
        self.listener = Listener(
            self.registry, self.certificates, self.events, edition, switches,
            service_running=lambda: self.services.running("TermService"),
        )  # fmt: skip
        self.sessions = Sessions(clock, lambda: self.listener.live().disconnect_limit)
        self.network = Network(
            self.listener, self.services, self.sessions, lambda: machine.own_address, machine.network_category
        )
        self.firewall = Firewall(
            self.registry, language, edition.firewall_schema,
            active=lambda: self.network.profile_bit, running=lambda: self.services.running("MpsSvc"),
            mdm_private_key=str(switches["firewall_mdm_private"]),
        )  # fmt: skip
        self.policy = GroupPolicy(self.registry, self._policy_start_mode, self.firewall.load_policy)

    def may_log_on(self, account: Account) -> bool:
        """Whether the user rights let an account log on with Remote Desktop; all accounts here are local ones."""
        allowed = account.groups & {ADMINISTRATORS, REMOTE_DESKTOP_USERS}
        return bool(allowed) and not self.machine.local_accounts_denied

    def install(self) -> None:
        """Set the host up as defaults say, and let it run."""
        defaults.fill_registry(self.registry, self.edition, self.language, self.machine)
        self.registry.put_dword(LISTENER, "MinEncryptionLevel", int(str(self.switches["min_encryption_default"])))
        defaults.fill_files(self.files, self.edition)
        for service in defaults.service_table(self.edition):
            self.services.add(service)
        defaults.fill_firewall(self.firewall, self.switches)
        self.certificates.issue(start=self.booted - timedelta(days=20))
        self.services.watch("TermService", self._term_service_changed)
        self.services.watch("SessionEnv", self._session_env_changed)
        self.services.watch("MpsSvc", self._firewall_service_changed)
        self.run_up()
        self.settle()

    def run_up(self) -> None:
        """The state some time after a boot: everything that will run runs."""
        self.listener.boot()
        self.firewall.load_policy()
        self.services.boot()
        for name in defaults.RUNNING_AT_BOOT:
            service = self.services[name]
            if service.start != 4 and service.state != RUNNING and self._can_run(service):
                self.services.force_running(name)

    def settle(self) -> None:
        """Make everything live that is stored, as if it had been so since the last boot.

        What services do in the seconds after their start lies long behind.
        """
        for timer in self._renewals:
            timer.cancel()
        self._renewals.clear()
        self.firewall.load_policy()
        port_taken, flooded = self.listener.port_taken, self.listener.flooded
        self.listener.boot()
        if self.services.running("TermService"):
            self.listener.start()
            self.certificates.start()
        if self.gateway is not None and self.services.running("TSGateway"):
            self.gateway.start()
        self.listener.port_taken, self.listener.flooded = port_taken, flooded

    def _can_run(self, service: Service) -> bool:
        return all(needed.start != 4 and self._can_run(needed) for needed in self.services.dependencies(service))

    def ask_reboot(self, *, force: bool) -> None:
        """Reboot; without force, users who are logged on may prevent it though the caller was told that it goes on."""
        if force or not (self.sessions.active() and self.switches["reboot_blocked_by_users"]):
            self.reboot()

    def reboot(self) -> None:
        """Go down, stay away for BOOT_SECONDS of the host's time, come back."""
        for forget in self.going_down:
            forget()
        self.sessions.log_off_all()
        if self.gateway is not None:
            self.gateway.stop()
        self.network.flush_dns()
        self.down_until = self.clock.now() + timedelta(seconds=BOOT_SECONDS)
        self.clock.after(BOOT_SECONDS, self._come_up)

    def shut_down(self) -> None:
        """Go down and stay away."""
        self.sessions.log_off_all()
        self.down_until = datetime.max.replace(tzinfo=self.clock.now().tzinfo)

    @property
    def is_up(self) -> bool:
        return self.down_until is None

    def power_on(self) -> None:
        """Somebody at the console starts the host, and enters what BitLocker asks for."""
        if not self.is_up:
            self._start_up()

    def run_as_system(self, action: Exec) -> int:
        """Start a program with SYSTEM's token; its exit code, or ERROR_FILE_NOT_FOUND as an HRESULT."""
        output = CommandShell(self, TASK_TOKEN, "SYSTEM").execute(action.command, action.arguments)
        return output.code if output.known else 0x80070002

    def _come_up(self) -> None:
        if self.volume.asks_at_boot:
            self.down_until = datetime.max.replace(tzinfo=self.clock.now().tzinfo)
            return
        self._start_up()

    def _start_up(self) -> None:
        self.down_until = None
        self.volume.booted()
        self.waiting.clear()
        self.files.held.clear()
        self.booted, self._stepped = self.clock.now(), self.clock.stepped
        self.run_up()
        self.tasks.boot()
        self.events.write("EventLog", 6005, INFORMATION)

    @property
    def last_boot(self) -> datetime:
        """When Windows says that it started: it moves with the clock when that is set, as processes' times do not."""
        return self.booted + (self.clock.stepped - self._stepped)

    def add_gateway(self) -> Gateway:
        """Install the RD Gateway role and let its service run."""
        self.services.add(Service("TSGateway", "", 2, r"NT AUTHORITY\NetworkService", GATEWAY_PROGRAM, ("RpcSs",)))
        self.services.force_running("TSGateway")
        self.gateway = Gateway(self.events, lambda: self.services.running("TSGateway"))
        self.gateway.protocol = str(self.switches["gateway_protocol"])
        self.gateway.at_once = self.switches["live_gateway_certificate"] == "at_once"
        self.services.watch("TSGateway", self._gateway_changed)
        return self.gateway

    def join_domain(self, domain: str = "corp.example") -> None:
        """Make the host a member of a domain."""
        self.machine.domain = domain
        self.registry.put(r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters", "Domain", Type.SZ, domain)
        self.services.configure(self.services["Netlogon"], 2)
        self.services.force_running("Netlogon")
        self.network.category = 2
        self.certificates.issue()

    def grace_days(self) -> int:
        """Days left of the licensing grace period, 0 when it is over."""
        over = self.registry.get(GRACE_PERIOD, GRACE_VALUE)
        if not isinstance(over, bytes):
            return 120
        end = datetime.fromtimestamp(int.from_bytes(over[:8], "little"), tz=self.clock.now().tzinfo)
        return max(0, (end - self.clock.now()).days)

    def absent(self) -> frozenset[str]:
        """Namespaces and classes that this edition, its features and roles do not have."""
        names: set[str] = set() if self.edition.hosts_remote_desktop else {TERMINAL_SERVICES}
        if self.gateway is None:
            names.update(GATEWAY_CLASSES)
        if not self.volume.protectors and self.edition.server:
            names.add(VOLUME_ENCRYPTION)
        return frozenset(names)

    def expand(self, text: str) -> str:
        """Environment variables of the system account put into ``text``; unknown ones stay."""
        variables = ENVIRONMENT | {"computername": self.machine.computer_name}
        return re.sub(r"%([^%]+)%", lambda match: variables.get(match[1].lower(), match[0]), text)

    def value_names(self, path: str) -> list[str]:
        return [value.name for value in self.registry.values(path)]

    def admits(self, protocol: str, port: int) -> bool:
        """Whether a packet from outside reaches TermService, or whoever holds its port."""
        if self.listener.path_blocked or not self.is_up:
            return False
        if port == self.listener.port_taken:
            return self.firewall.admits(Packet(protocol, port, self.network.taken_by.path, ""))
        return self.firewall.admits(Packet(protocol, port))

    def admits_winrm(self) -> bool:
        """Whether WinRM's port is open to the outside."""
        packet = Packet("TCP", WINRM_PORT, "System", "")
        return self.firewall.admits(packet, self.network.management_bit)

    def _policy_start_mode(self, name: str, start: int) -> None:
        service = self.services.find(name)
        if service is not None:
            self.services.configure(service, start)

    def _term_service_changed(self, service: Service) -> None:
        if service.state == RUNNING:
            if self.switches["logons_back_at_start"]:
                self.registry.put(WINLOGON, "WinStationsDisabled", Type.SZ, "0")
            self.listener.start()
            self.certificates.start()
            self.certificates.report()
            self.clock.after(FLOOD_SECONDS, self._flooded_again)
            self._renew_later()
        else:
            self.sessions.disconnect_all()

    def _flooded_again(self) -> None:
        """Incomplete connections go on piling up until they pass the limit; then the listener stops (event 1006)."""
        if self.flood and self.is_up and self.flood > (self.listener.live().max_outstanding or self._built_in_limit()):
            self.listener.flooded = True
            self.events.write(REMOTE_CONNECTION_MANAGER, 1006, WARNING)

    def _built_in_limit(self) -> int:
        return int(str(self.switches["outstanding_default"]))

    def _session_env_changed(self, service: Service) -> None:
        if service.state == RUNNING:
            self._renew_later()

    def _renew_later(self) -> None:
        self._renewals.append(self.clock.after(CERTIFICATE_SECONDS, self._renew_certificate))

    def _renew_certificate(self) -> None:
        self._renewals = [timer for timer in self._renewals if timer.due > self.clock.now()]
        if self.services.running("SessionEnv"):
            self.certificates.ensure()

    def _gateway_changed(self, service: Service) -> None:
        if self.gateway is not None:
            (self.gateway.start if service.state == RUNNING else self.gateway.stop)()

    def _firewall_service_changed(self, service: Service) -> None:
        if service.state == RUNNING:
            self.firewall.load_policy()

    def to_state(self) -> dict[str, object]:
        """What survives a reboot."""
        return {
            "registry": self.registry.to_state(), "services": self.services.to_state(),
            "firewall": self.firewall.to_state(), "files": self.files.to_state(), "tasks": self.tasks.to_state(),
            **({} if self.gateway is None else {"gateway": self.gateway.to_state()}),
            **({"local_accounts_denied": True} if self.machine.local_accounts_denied else {}),
            **({"ntlm_restricted": True} if self.machine.ntlm_restricted else {}),
        }  # fmt: skip

    def to_volatile(self) -> dict[str, object]:
        """What does not."""
        return {
            "services": self.services.to_volatile(), "booted": self.booted.isoformat(),
            "now": self.clock.now().isoformat(),
            "tasks": self.tasks.to_volatile(),
            "events": self.events.to_volatile(), "dns_cache": [entry.name for entry in self.network.dns_cache],
            "tcp": [[row.local_address, row.local_port, row.state] for row in self.network.tcp()],
            "listening": self.listener.is_listening(), "up": self.is_up, "logons": list(self.logons),
            **self.sessions.to_volatile(),
        }  # fmt: skip

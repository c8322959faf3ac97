# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP and UDP endpoints, the network profile and the DNS client's cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulator.windows.listener import Listener
from tests.simulator.windows.services import ServiceManager
from tests.simulator.windows.sessions import Sessions

OTHER_PROGRAM = r"C:\nginx\nginx.exe"
LISTEN, ESTABLISHED = 2, 5
CATEGORY_BITS = {0: 4, 1: 2, 2: 1}
SYSTEM_PROCESS, OTHER_PROCESS = 4, 5120


@dataclass(frozen=True)
class Holder:
    """The program that holds the RDP port in TermService's place."""

    process: int = OTHER_PROCESS
    name: str = "nginx.exe"
    path: str = OTHER_PROGRAM


PORT_PROXY_HOST = Holder(5124, "svchost.exe", r"C:\Windows\System32\svchost.exe")


@dataclass(frozen=True)
class Endpoint:
    """One TCP connection or listener; ``state`` as MSFT_NetTCPConnection.State."""

    local_address: str
    local_port: int
    remote_address: str
    remote_port: int
    state: int
    process: int


@dataclass(frozen=True)
class CacheEntry:
    """One name in the DNS client's cache."""

    name: str
    address: str
    time_to_live: int = 600


@dataclass
class Network:
    """The network as the host sees it. ``category``: 0 public, 1 private, 2 domain (MSFT_NetConnectionProfile).

    ``management_category`` is that of a second network over which WinRM comes, None when there is one network.
    """

    listener: Listener
    services: ServiceManager
    sessions: Sessions
    own_address: Callable[[], str]
    category: int = 1
    management_category: int | None = None
    winrm_ports: tuple[int, ...] = (5985,)
    dns_cache: list[CacheEntry] = field(default_factory=list)
    hosts_file: tuple[CacheEntry, ...] = ()
    taken_by: Holder = field(default_factory=Holder)

    @property
    def profile_bit(self) -> int:
        """The firewall profile of the users' network."""
        return CATEGORY_BITS[self.category]

    @property
    def management_bit(self) -> int:
        """The firewall profile of the network over which WinRM comes."""
        return CATEGORY_BITS[self.category if self.management_category is None else self.management_category]

    @property
    def excluded(self) -> list[tuple[int, int]]:
        """Port ranges that nobody may bind, as first and last port."""
        return self.listener.excluded_ports

    def release_proxy(self) -> None:
        """The port proxy lets go of its port."""
        if self.taken_by is PORT_PROXY_HOST:
            self.listener.port_taken = 0

    def flush_dns(self) -> None:
        """Forget what was remembered; what the hosts file has is there again at once."""
        self.dns_cache.clear()
        self.dns_cache.extend(self.hosts_file)

    def tcp(self) -> list[Endpoint]:
        """Listeners and connections. Who is connected stays so when the listener no longer listens (KB954398)."""
        rows = [self._listen(135, self.services["RpcSs"].process_id), self._listen(445, SYSTEM_PROCESS)]
        rows += [self._listen(port, SYSTEM_PROCESS) for port in self.winrm_ports]
        live = self.listener.live()
        if self.listener.is_listening():
            rows += self._listener_rows(live.port)
        rows += self._connections(live.port)
        if self.listener.port_taken:
            rows.append(self._listen(self.listener.port_taken, self.taken_by.process))
        return rows

    def udp(self) -> list[Endpoint]:
        """UDP endpoints of Remote Desktop and of the DNS client."""
        rows = [Endpoint("0.0.0.0", 5355, "", 0, 0, self.services["Dnscache"].process_id)]
        if self.listener.udp_enabled():
            pid = self.services["TermService"].process_id
            rows += [Endpoint(address, self.listener.live().port, "", 0, 0, pid) for address in ("0.0.0.0", "::")]
        return rows

    def _listener_rows(self, port: int) -> list[Endpoint]:
        pid = self.services["TermService"].process_id
        return [self._listen(port, pid), self._listen(port, pid, "::")]

    def _connections(self, port: int) -> list[Endpoint]:
        pid, own = self.services["TermService"].process_id, self.own_address()
        remotes = [session.remote for session in self.sessions.active() if session.remote] if pid else []
        return [Endpoint(own, port, remote, 50000 + number, ESTABLISHED, pid) for number, remote in enumerate(remotes)]

    @staticmethod
    def _listen(port: int, process: int, address: str = "0.0.0.0") -> Endpoint:
        return Endpoint(address, port, "::" if address == "::" else "0.0.0.0", 0, LISTEN, process)

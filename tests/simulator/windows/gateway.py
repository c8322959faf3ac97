# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RD Gateway role: its policies, transports, certificate, and whom they let through.

Sources: Microsoft Learn, the classes Win32_TSGatewayServerSettings, …ConnectionAuthorizationPolicy,
…ResourceAuthorizationPolicy and …ResourceGroup. Events of TerminalServices-Gateway/Operational and the order of their
data: Microsoft Learn "RD Gateway Server Connections" (ee891388: %1 user, %2 client, %3 authentication, %4 resource, %5
error); real records have them as UserData/EventInfo with the names of EVENT_FIELDS (detection-wiki-dev.pages.dev).
Errors: MS-TSGU 2.2.6.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.simulator.windows.events import ERROR, GATEWAY, GATEWAY_LOG, INFORMATION, WARNING, EventLog

RPC_HTTP, HTTP, UDP = 0, 1, 2
PORTS = {RPC_HTTP: 443, HTTP: 443, UDP: 3391}
PROTOCOL = "RDP"
EVENT_FIELDS = ("Username", "IpAddress", "AuthType", "Resource", "ConnectionProtocol", "ErrorCode")
CLIENT_ADDRESS = "198.51.100.7"
CONNECTED = 302
DENIED_BY_RESOURCE_POLICY, DENIED_BY_CONNECTION_POLICY, CONNECT_FAILED, LIMIT_REACHED = 23002, 23003, 23005, 23014
Row = dict[str, object]


def names(text: object) -> list[str]:
    """A list with semicolons, in lower case."""
    return [name.strip().lower() for name in str(text or "").split(";") if name.strip()]


def connection_policy(name: str, groups: str) -> Row:
    """A connection authorization policy that lets groups in with a password."""
    flags = dict.fromkeys(
        ("SecureIdAllowed", "CookieAuthenticationAllowed", "SmartcardAllowed", "DiskDrivesDisabled", "PrintersDisabled",
         "SerialPortsDisabled", "ClipboardDisabled", "PlugAndPlayDevicesDisabled", "HasNapAttributes",
         "AllowOnlySDRServers"), False)  # fmt: skip
    numbers = dict.fromkeys(("IdleTimeout", "SessionTimeout", "SessionTimeoutAction", "DeviceRedirectionType"), 0)
    return {
        "Name": name, "Enabled": True, "PasswordAllowed": True, "UserGroupNames": groups, "ComputerGroupNames": "",
        **flags, **numbers,
    }  # fmt: skip


def resource_policy(name: str, groups: str, resources: str = "", ports: str = "3389") -> Row:
    """A resource authorization policy for a resource group of this gateway, for all resources without one."""
    return {
        "Name": name, "Description": "", "Enabled": True, "ResourceGroupType": "RG" if resources else "ALL",
        "ResourceGroupName": resources, "UserGroupNames": groups, "ProtocolNames": PROTOCOL, "PortNumbers": ports,
    }  # fmt: skip


@dataclass(frozen=True)
class Connection:
    """A client that came through to a resource: a channel within a tunnel (Win32_TSGatewayConnection)."""

    tunnel: int
    user: str
    resource: str
    port: int = 3389
    client: str = CLIENT_ADDRESS
    channel: int = 1
    transport: int = HTTP


@dataclass
class Gateway:
    """Everything the role keeps. ``certificate``: SHA-1 of the bound one, empty for none; ``limit`` 0 for no limit.

    ``reaches``: whether the network lets it through to the targets; ``configured``: whether IIS and RPC are set up for
    it; ``at_once``: whether it takes a certificate up when it is told to, and not only when its service starts.
    """

    log: EventLog
    running: Callable[[], bool]
    connections: list[Row] = field(default_factory=list)
    resources: list[Row] = field(default_factory=list)
    groups: list[Row] = field(default_factory=list)
    certificate: bytes = b""
    configured: bool = True
    at_once: bool = True
    limit: int = 0
    reaches: bool = True
    central: bool = False
    channel_binding: bool = True
    transports: dict[int, bool] = field(default_factory=lambda: {RPC_HTTP: True, HTTP: True, UDP: True})
    ports: dict[int, int] = field(default_factory=lambda: dict(PORTS))
    protocol: str = PROTOCOL
    served: bytes = b""
    """The certificate that clients see: a bound one only once the service has taken it up."""
    open: list[Connection] = field(default_factory=list)
    """Who is connected through it."""

    def start(self) -> None:
        """The service has started."""
        self.served = self.certificate if self.configured else b""

    def stop(self) -> None:
        """The service has stopped, and with it every tunnel."""
        self.open.clear()

    def connect(self, user: str, groups: list[str], target: str) -> Connection:
        """A user comes through to a target, and stays."""
        code = self.attempt(user, groups, target)
        if code != CONNECTED:
            raise ValueError(f"{user} does not come through to {target}: event {code}")
        self.open.append(Connection(len(self.open) + 1, user, target))
        return self.open[-1]

    def refresh(self, certificate: bytes) -> None:
        """The service is told that the certificate is another one."""
        if self.at_once and self.configured:
            self.served = certificate

    def attempt(
        self, user: str, groups: list[str], target: str, port: int = 3389, computers: Collection[str] = ()
    ) -> int:
        """A user asks for a target: 302 connected, 201 or 301 refused, 304 not reached; 0 when nobody listens.

        The user has a password and no card; computers names the groups of the computer that the client runs on.
        """
        if not self.running():
            return 0
        if not any(self._lets_in(row, groups, computers) for row in self.connections):
            return self.tell(201, ERROR, user, error=DENIED_BY_CONNECTION_POLICY)
        self.tell(200, INFORMATION, user)
        if not any(self._admits(row, groups, target, port) for row in self.resources):
            return self.tell(301, WARNING, user, target, DENIED_BY_RESOURCE_POLICY)
        self.tell(300, INFORMATION, user, target)
        if not self.reaches:
            return self.tell(304, ERROR, user, target, CONNECT_FAILED)
        return self.tell(CONNECTED, INFORMATION, user, target)

    def tell(self, code: int, kind: int, user: str, target: str = "", error: int = 0) -> int:
        """Write an event as the role does, and return its code; who is let in at all is told without a target."""
        self.log.write(GATEWAY, code, kind, user, CLIENT_ADDRESS, "NTLM", target, "HTTP", str(error), log=GATEWAY_LOG)
        return code

    def _lets_in(self, row: Row, groups: list[str], computers: Collection[str]) -> bool:
        wanted = set(names(row["ComputerGroupNames"]))
        met = not wanted or bool(wanted & {name.lower() for name in computers})
        return bool(row["Enabled"] and row["PasswordAllowed"] and met and self._shares(row, groups))

    def _admits(self, row: Row, groups: list[str], target: str, port: int) -> bool:
        ports = names(row["PortNumbers"])
        return bool(
            row["Enabled"] and self._shares(row, groups) and ("*" in ports or str(port) in ports)
            and self._has(row, target)
        )  # fmt: skip

    def _has(self, row: Row, target: str) -> bool:
        """Whether the policy's resources name the target exactly so: no name stands for another."""
        if row["ResourceGroupType"] != "RG":
            return row["ResourceGroupType"] == "ALL"
        found = [group for group in self.groups if names(group["Name"]) == names(row["ResourceGroupName"])]
        return any({"*", target.lower()} & set(names(group["Resources"])) for group in found)

    @staticmethod
    def _shares(row: Row, groups: list[str]) -> bool:
        return bool(set(names(row["UserGroupNames"])) & {group.lower() for group in groups})

    def to_state(self) -> dict[str, object]:
        return {
            "connections": self.connections, "resources": self.resources, "groups": self.groups,
            "certificate": self.certificate.hex(), "configured": self.configured, "limit": self.limit,
            "central": self.central,
            "channel_binding": self.channel_binding,
            "transports": {str(kind): [on, self.ports[kind]] for kind, on in self.transports.items()},
        }  # fmt: skip

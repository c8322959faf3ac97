# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP and UDP endpoints, connection profiles, adapters and the DNS client's cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import INVALID_PARAMETER, NOT_FOUND, HostProvider
from tests.simulator.wsman.provider import Caller, CimError, Instance, Values

USERS_NETWORK = "{6A8C5E0B-1F4D-4B0E-9B7E-0D9A2C4F8E11}"
MANAGEMENT_NETWORK = "{6A8C5E0B-1F4D-4B0E-9B7E-0D9A2C4F8E12}"


@dataclass
class TcpConnections(HostProvider):
    """MSFT_NetTCPConnection."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for row in self.windows.network.tcp():
            yield Instance("MSFT_NetTCPConnection", {
                "InstanceID": f"{row.local_address}++{row.local_port}++{row.remote_address}++{row.remote_port}",
                "LocalAddress": row.local_address, "LocalPort": row.local_port, "RemoteAddress": row.remote_address,
                "RemotePort": row.remote_port, "State": row.state, "AppliedSetting": 0, "OffloadState": 0,
                "OwningProcess": row.process, "CreationTime": self.windows.booted,
            })  # fmt: skip


@dataclass
class UdpEndpoints(HostProvider):
    """MSFT_NetUDPEndpoint."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for row in self.windows.network.udp():
            yield Instance("MSFT_NetUDPEndpoint", {
                "InstanceID": f"{row.local_address}++{row.local_port}", "LocalAddress": row.local_address,
                "LocalPort": row.local_port, "OwningProcess": row.process, "CreationTime": self.windows.booted,
            })  # fmt: skip


@dataclass
class ConnectionProfiles(HostProvider):
    """MSFT_NetConnectionProfile: which firewall profile the network selects."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        network = self.windows.network
        yield self._instance(USERS_NETWORK, "Ethernet", 6, network.category)
        if network.management_category is not None:
            yield self._instance(MANAGEMENT_NETWORK, "Management", 9, network.management_category)

    def _instance(self, guid: str, alias: str, index: int, category: int) -> Instance:
        return Instance("MSFT_NetConnectionProfile", {
            "InstanceID": guid, "Name": self.windows.machine.domain or "Network", "InterfaceAlias": alias,
            "InterfaceIndex": index, "NetworkCategory": category, "IPv4Connectivity": 4, "IPv6Connectivity": 1,
        })  # fmt: skip

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        """The category of a network that belongs to no domain can be changed to public or private."""
        found = self.get(keys, caller, options)
        wanted = changes.get("NetworkCategory")
        if found is None:
            raise CimError(NOT_FOUND, operation="PutInstance", provider="NetConnection")
        if not isinstance(wanted, int) or wanted not in (0, 1) or found.values["NetworkCategory"] == 2:
            raise CimError(INVALID_PARAMETER, operation="PutInstance", provider="NetConnection")
        if found.values["InstanceID"] == USERS_NETWORK:
            self.windows.network.category = wanted
        else:
            self.windows.network.management_category = wanted
        return Instance(found.class_name, {**found.values, "NetworkCategory": wanted})


@dataclass
class IpAddresses(HostProvider):
    """MSFT_NetIPAddress."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for address, alias, index in ((self.windows.machine.own_address, "Ethernet", 6), ("127.0.0.1", "Loopback", 1)):
            yield Instance("MSFT_NetIPAddress", {
                "InstanceID": f"{alias};{address}", "IPAddress": address, "IPv4Address": address,
                "InterfaceAlias": alias, "InterfaceIndex": index, "AddressFamily": 2, "PrefixLength": 24,
            })  # fmt: skip


@dataclass
class AdapterConfigurations(HostProvider):
    """Win32_NetworkAdapterConfiguration."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        machine = self.windows.machine
        yield Instance("Win32_NetworkAdapterConfiguration", {
            "Index": 1, "InterfaceIndex": 6, "Description": "vmxnet3 Ethernet Adapter", "IPEnabled": True,
            "IPAddress": [machine.own_address], "IPSubnet": ["255.255.255.0"], "DefaultIPGateway": ["10.20.0.1"],
            "DNSServerSearchOrder": ["10.20.0.2"], "DHCPEnabled": False, "DNSDomain": machine.domain or None,
            "DNSHostName": machine.computer_name, "MACAddress": "00:50:56:9A:3F:01",
        })  # fmt: skip


@dataclass
class DnsClientCache(HostProvider):
    """MSFT_DNSClientCache: entries, and Clear."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for entry in self.windows.network.dns_cache:
            yield Instance("MSFT_DNSClientCache", {
                "Entry": entry.name, "Name": entry.name, "Type": 1, "Data": entry.address, "DataLength": 4,
                "Section": 1, "Status": 0, "TimeToLive": entry.time_to_live,
            })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        self.windows.network.flush_dns()
        return {"ReturnValue": 0}

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which provider stands behind which class."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulator.providers import files, firewall, gateway, network, policy, services, system, tasks, volumes
from tests.simulator.providers import terminal_services as terminal
from tests.simulator.providers.base import EmbeddedOnly, HostProvider
from tests.simulator.providers.descriptors import SecurityDescriptorHelper
from tests.simulator.providers.events import LogEvents
from tests.simulator.providers.registry import RegistryProvider

if TYPE_CHECKING:
    from tests.simulator.windows.system import Windows

Factory = Callable[["Windows"], HostProvider]

FACTORIES: dict[str, Factory] = {
    "StdRegProv": RegistryProvider,
    "Win32_SecurityDescriptor": EmbeddedOnly,
    "Win32_ACE": EmbeddedOnly,
    "Win32_Trustee": EmbeddedOnly,
    "Win32_SecurityDescriptorHelper": SecurityDescriptorHelper,
    "Win32_BaseService": lambda windows: services.ServiceProvider(windows, class_name="Win32_BaseService"),
    "Win32_Service": services.ServiceProvider,
    "Win32_TerminalService": lambda windows: services.ServiceProvider(windows, class_name="Win32_TerminalService"),
    "Win32_SystemDriver": lambda windows: services.ServiceProvider(windows, class_name="Win32_SystemDriver"),
    "Win32_DependentService": services.DependentServices,
    "Win32_TerminalServiceSetting": terminal.TerminalServiceSetting,
    "Win32_TSGeneralSetting": terminal.GeneralSetting,
    "Win32_TSNetworkAdapterSetting": terminal.NetworkAdapterSetting,
    "Win32_Terminal": terminal.Terminal,
    "Win32_TSAccount": terminal.Accounts,
    "MSFT_NetFirewallRule": firewall.FirewallRules,
    "MSFT_NetFirewallProfile": firewall.FirewallProfiles,
    "MSFT_NetTCPConnection": network.TcpConnections,
    "MSFT_NetUDPEndpoint": network.UdpEndpoints,
    "MSFT_NetConnectionProfile": network.ConnectionProfiles,
    "MSFT_NetIPAddress": network.IpAddresses,
    "MSFT_DNSClientCache": network.DnsClientCache,
    "Win32_NetworkAdapterConfiguration": network.AdapterConfigurations,
    "Win32_OperatingSystem": system.OperatingSystem,
    "Win32_ComputerSystem": system.ComputerSystem,
    "Win32_UserAccount": system.UserAccounts,
    "Win32_Process": system.Processes,
    "Win32_QuickFixEngineering": system.Updates,
    "CIM_LogicalFile": lambda windows: files.Files(windows, folders=None),
    "CIM_DataFile": files.Files,
    "Win32_Directory": lambda windows: files.Files(windows, folders=True),
    "Win32_LogicalFileSecuritySetting": files.FileSecurity,
    "Win32_TSGatewayConnection": gateway.GatewayConnections,
    "Win32_TSGatewayServer": gateway.GatewayServer,
    "Win32_TSGatewayServerSettings": gateway.GatewaySettings,
    "Win32_LogicalDisk": volumes.LogicalDisks,
    "Win32_EncryptableVolume": volumes.EncryptableVolumes,
    "Win32_TSPermissionsSetting": terminal.Permissions,
    "PS_ScheduledTask": tasks.TaskMethods,
    "MSFT_ScheduledTask": tasks.Tasks,
    **dict.fromkeys(tasks.EMBEDDED, EmbeddedOnly),
    "Win32_NTLogEvent": LogEvents,
    "RSOP_RegistryPolicySetting": policy.RegistryPolicySettings,
    "RSOP_GPO": policy.PolicyObjects,
}


def _gateway_rows(class_name: str, kind: str) -> Factory:
    return lambda windows: gateway.GatewayRows(windows, class_name=class_name, kind=kind)


for _name, _kind in {
    "Win32_TSGatewayConnectionAuthorizationPolicy": "connections",
    "Win32_TSGatewayResourceAuthorizationPolicy": "resources",
    "Win32_TSGatewayResourceGroup": "groups",
}.items():
    FACTORIES[_name] = _gateway_rows(_name, _kind)


def _filters(form: firewall.FilterForm) -> tuple[Factory, Factory]:
    return (lambda windows: firewall.FirewallFilters(windows, form)), (
        lambda windows: firewall.RuleFilters(windows, form)
    )


for _form in firewall.FILTERS.values():
    FACTORIES[_form.class_name], FACTORIES[_form.association] = _filters(_form)

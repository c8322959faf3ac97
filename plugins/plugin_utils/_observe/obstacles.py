# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Reader: what stands in the listener's way though its own settings are right. PRIVATE to the collection.

Sources: Win32 TermServ (LoadableProtocol_Object, which Citrix and others replace), Microsoft support article
"troubleshoot-rdp-general-error" (set-up flags), MS-GPFAS 2.2.6.2 (connection security rules), netsh interface portproxy
(its rules lie under Services\PortProxy), MSRD-Collect (ProfileList\ProgramData, below which the machine keeps keys),
Microsoft support article 2844958 (ClusterSettings\SessionDirectoryRedirectionIP, which outlives the address).
"""

from __future__ import annotations

from collections.abc import Iterator

from .._cim.network import PORT_PROXY
from .._cim.registry import Registry, RegistryValue
from .._cim.schema import WIN32_NETWORK_ADAPTER_CONFIGURATION
from .._host import Host
from .._model import ipsec
from .._model.observation import ListenerKey, ObstacleState
from .._model.proxies import KINDS, address_of, everywhere, named
from .._model.rules import RULES, demands
from .._model.settings import LISTENER, TERMINAL_SERVER, WINSTATIONS
from ._firewall_policy import parse_rule
from ._request import Request
from .firewall import LOCAL_RULES

KNOWN = ("Console", "RDP-Tcp")
"""The keys below WinStations that every host has; each other one is a listener."""

SETUP = r"HKLM\SYSTEM\Setup"
SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\TermService\Parameters"
PROFILES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
BROKER = TERMINAL_SERVER + r"\ClusterSettings"
SECURITY_RULES = (
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\ConSecRules",
    r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\ConSecRules",
)


def read(request: Request) -> ObstacleState:
    registry = request.host.registry
    redirection = registry.text(BROKER, "SessionDirectoryRedirectionIP").strip()
    proxies = _port_proxies(registry)
    compared = not all(everywhere(address_of(name)) for name in proxies)
    return ObstacleState(
        protocol=registry.text(LISTENER, "LoadableProtocol_Object"),
        library=registry.expanded(SERVICE, "ServiceDll") or "",
        setup=tuple(name for name in ("SystemSetupInProgress", "OOBEInProgress") if _is_set(registry, SETUP, name)),
        port_proxies=proxies,
        ipsec=tuple(rule for key in SECURITY_RULES for rule in _requiring(request, key)),
        listeners=tuple(_listener(registry, name) for name in registry.keys(WINSTATIONS) or () if name not in KNOWN),
        program_data=registry.expanded(PROFILES, "ProgramData") or "",
        redirection=redirection,
        addresses=_addresses(request.host) if redirection or compared else (),
        demands=demands(parse_rule(RULES["tcp"], registry.text(LOCAL_RULES, RULES["tcp"]))),
    )


def _addresses(host: Host) -> tuple[str, ...]:
    adapters = host.cim.query(WIN32_NETWORK_ADAPTER_CONFIGURATION, "IPEnabled=TRUE", ("IPAddress",))
    lists = (adapter.get("IPAddress") for adapter in adapters)
    return tuple(str(address) for addresses in lists if isinstance(addresses, tuple) for address in addresses)


def _port_proxies(registry: Registry) -> dict[str, str]:
    """By name; one operation where there is none."""
    present = {kind.lower() for kind in registry.keys(PORT_PROXY) or ()}
    found = {kind: registry.read_all(rf"{PORT_PROXY}\{kind}\tcp") or {} for kind in KINDS if kind in present}
    return {
        named(kind, place): str(value.data)
        for kind, values in found.items()
        for place, value in sorted(values.items())
        if isinstance(value, RegistryValue)
    }


def _listener(registry: Registry, name: str) -> ListenerKey:
    """A listener that another product or Windows' own multi-session stack has set up."""
    key = rf"{WINSTATIONS}\{name}"
    port = registry.read(key, "PortNumber")
    number = port.data if isinstance(port, RegistryValue) and isinstance(port.data, int) else None
    enabled = _is_set(registry, key, "fEnableWinStation")
    return ListenerKey(name, number, enabled, registry.text(key, "LoadableProtocol_Object"))


def _is_set(registry: Registry, key: str, name: str) -> bool:
    reading = registry.read(key, name)
    return isinstance(reading, RegistryValue) and reading.data != 0


def _requiring(request: Request, key: str) -> Iterator[str]:
    """The connection security rules that drop connections to the listener which IPsec does not protect.

    What networks the host is connected to is asked only where such a rule is for some of them alone.
    """
    ports = {request.port, request.wanted_port or request.port}
    for name, reading in (request.host.registry.read_all(key) or {}).items():
        rule = ipsec.parse(str(reading.data)) if isinstance(reading, RegistryValue) else None
        if rule is not None and any(rule.meets(port) for port in ports) and _counts(rule, request):
            yield f"{name}{rule.between}"


def _counts(rule: ipsec.SecurityRule, request: Request) -> bool:
    return not rule.profiles or bool(rule.profiles & request.active_profiles)

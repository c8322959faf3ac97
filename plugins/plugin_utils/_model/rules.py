# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which firewall rules meet connections to the listener. PRIVATE to the collection.

A block rule beats every allow rule. Tools against password guessing make block rules for the RDP port that name the
addresses they shut out, and Windows makes one for each program that a user did not let in: neither keeps users away.
Source: Windows Firewall rule precedence (Microsoft Learn, "Windows Firewall rules"), MSFT_NetServiceFilter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .addresses import everywhere
from .observation import RuleState
from .plain import Plain

ALLOW, BYPASS, BLOCK = 2, 3, 4
"""MSFT_NetFirewallRule.Action of a rule that lets in what it matches, of one that lets in what IPsec has authenticated
whatever blocks it, and of one that blocks what it matches."""

RULES = {"tcp": "RemoteDesktop-UserMode-In-TCP", "udp": "RemoteDesktop-UserMode-In-UDP"}
"""InstanceIDs of the built-in rules for TermService, Windows 8 and Server 2012 to Windows 11 and Server 2025."""

PROGRAM, SERVICE = r"%SystemRoot%\system32\svchost.exe", "termservice"
"""Whose connections they let in, as Windows stores it."""

MADE: Mapping[str, Plain] = MappingProxyType({"made": True})
"""What a change says of a rule that it makes: nothing of its fields, which are changes of their own."""

LOCAL, GROUP_POLICY, MDM = 1, 2, 6
"""MSFT_NetFirewallRule.PolicyStoreSourceType of a rule of the host's own store, and of those of policy."""

STORES = {
    MDM: r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm",
    GROUP_POLICY: r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall",
}
"""Where policy keeps rules and profiles, the weaker one first: "the GroupPolicyRSoPStore wins if configured", else the
value of device management counts (Microsoft Learn, Firewall CSP, on each value's merge law)."""

EXCEPTION = r"Services\RemoteDesktop"
"""Where, below a profile's key, group policy keeps what an administrative template lets in, which is no rule."""

_ANY = ("any", "*", "")
_PROTOCOLS = {"tcp": ("TCP", "6"), "udp": ("UDP", "17")}
_HOST_PROCESS = r"\system32\svchost.exe"


def matches_port(rule: RuleState, port: int, transport: str = "tcp") -> bool:
    """Whether an inbound rule's protocol and local ports include a port of C(tcp) or C(udp)."""
    return _is_for(rule, transport, "ANY") and holds(rule.local_ports, port)


def holds(ports: Iterable[str], port: int) -> bool:
    """Whether a rule's ports include this one."""
    return any(_includes(entry, port) for entry in ports)


def blocks(rule: RuleState, port: int, transport: str = "tcp") -> bool:
    """Whether it is an enabled rule that keeps somebody from TermService's port."""
    return rule.enabled and rule.action == BLOCK and matches_port(rule, port, transport) and _meets_listener(rule)


def allows(rule: RuleState, port: int, transport: str = "tcp") -> bool:
    """Whether it is an enabled rule that lets users in to TermService's port, whoever they are.

    What a rule demands beside port, program and addresses, as IPsec does, counts as not met. One that allows and
    bypasses blocks is for what IPsec has authenticated alone (MS-FASP 2.2.34).
    """
    unconditional = rule.enabled and rule.action == ALLOW and not rule.conditions
    return unconditional and matches_port(rule, port, transport) and _meets_listener(rule)


def lets_in_some(rule: RuleState, port: int, transport: str = "tcp") -> bool:
    """Whether it is an enabled rule that lets somebody in to TermService's port, whatever it demands beside that."""
    lets_in = rule.enabled and rule.action in (ALLOW, BYPASS)
    return lets_in and matches_port(rule, port, transport) and _meets_listener(rule)


def for_everybody(rule: RuleState) -> bool:
    """Whether it is about all remote addresses, whoever comes from there and how."""
    return not rule.conditions and for_all_addresses(rule)


def for_all_addresses(rule: RuleState) -> bool:
    """Whether it is about all remote addresses, or about all of IPv4, which leaves hardly anybody."""
    return any(address.lower() in _ANY for address in rule.remote_addresses) or everywhere(rule.remote_addresses)


def for_ports_alone(rule: RuleState, ports: tuple[str, ...]) -> bool:
    """Whether it is about no other ports than these of one transport."""
    return (_is_for(rule, "tcp") or for_udp_alone(rule)) and set(rule.local_ports) <= set(ports)


def for_udp_alone(rule: RuleState) -> bool:
    """Whether it is about UDP and not about TCP."""
    return _is_for(rule, "udp")


def in_profiles(rule: RuleState, profiles: int) -> bool:
    """Whether it counts in one of the profiles, as bits; 0 stands for all on either side."""
    return rule.profiles == 0 or profiles == 0 or bool(rule.profiles & profiles)


def _is_for(rule: RuleState, transport: str, *others: str) -> bool:
    return rule.protocol.upper() in (*_PROTOCOLS[transport], *others)


def _meets_listener(rule: RuleState) -> bool:
    """Whether its conditions on program and service include TermService, which runs in svchost."""
    program, service = rule.program.lower(), rule.service.lower()
    return (program in _ANY or is_host_process(program)) and service in (*_ANY, SERVICE)


def demands(rule: RuleState | None) -> tuple[str, ...]:
    """What a rule demands beside port and addresses that TermService's users may not meet."""
    if rule is None:
        return ()
    return rule.conditions if _meets_listener(rule) else ("App", "Svc", *rule.conditions)


def is_host_process(program: str) -> bool:
    """Whether it is svchost, however its path is written."""
    return program.lower().endswith(_HOST_PROCESS)


def blank(name: str) -> RuleState:
    """A rule as it comes when it is made: disabled, for everybody and everything."""
    return RuleState(name, False, ALLOW, 0, "Any", ("Any",), ("Any",))


def unfinished(rule: RuleState, transport: str) -> bool:
    """Whether a built-in rule is for other protocols than its own, as one is whose making was cut off."""
    return not _is_for(rule, transport)


def _includes(entry: str, port: int) -> bool:
    low, dash, high = entry.partition("-")
    if low.isdigit():
        return int(low) <= port <= int(high or low) if not dash or high.isdigit() else False
    return entry.lower() == "any"

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener, its services, its security settings, the firewall in front of it, TLS policy."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulator.breakages.base import Breakage, by_policy, service, value
from tests.simulator.windows.certificates import (
    LISTENER,
    POLICY,
)
from tests.simulator.windows.firewall import BLOCK, DOMAIN, PRIVATE, Rule
from tests.simulator.windows.firewall import POLICY as FIREWALL_POLICY
from tests.simulator.windows.listener import TERMINAL_SERVER, WINLOGON
from tests.simulator.windows.network import OTHER_PROGRAM
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.simulator.windows.schannel import POLICY_CIPHERS, PROTOCOLS
from tests.simulator.windows.system import Windows

CUSTOM_PORT = 33890
RDP_RULES = ("RemoteDesktop-UserMode-In-TCP", "RemoteDesktop-UserMode-In-UDP")
WINRM_RULE = Rule("WinRM-from-management", "WinRM from management", enabled=True, protocol="TCP", local_ports=("5985",))


def _rules_off(windows: Windows) -> None:
    for rule in RDP_RULES:
        windows.firewall.change(rule, enabled=False)


def _rules_gone(windows: Windows) -> None:
    for rule in RDP_RULES:
        windows.firewall.remove(rule)


def _rules_block(windows: Windows) -> None:
    for rule in RDP_RULES:
        windows.firewall.change(rule, action=BLOCK)


def _wrong_profile(windows: Windows) -> None:
    """The rules are for the other one of domain and private networks."""
    for rule in RDP_RULES:
        windows.firewall.change(rule, profiles=(DOMAIN | PRIVATE) & ~windows.network.profile_bit)


def _public_network(windows: Windows) -> None:
    for rule in RDP_RULES:
        windows.firewall.change(rule, profiles=DOMAIN | PRIVATE)
    windows.network.category = 0


def _block_rule(windows: Windows) -> None:
    windows.firewall.put(
        Rule("{B10C0000-3389-4000-8000-000000000001}", "Block remote access", action=BLOCK, enabled=True,
             protocol="TCP", local_ports=(str(windows.listener.stored().port),))
    )  # fmt: skip


def _local_rules_ignored(windows: Windows) -> None:
    names = ("DomainProfile", "PrivateProfile", "PublicProfile")
    values = [PolicyValue(f"{FIREWALL_POLICY}\\{name}", "AllowLocalPolicyMerge", Type.DWORD, 0) for name in names]
    text = WINRM_RULE.to_string(windows.edition.firewall_schema)
    values.append(PolicyValue(FIREWALL_POLICY + r"\FirewallRules", WINRM_RULE.id, Type.SZ, text))
    windows.policy.link(PolicyObject("{F1EE7000-0000-4000-8000-00000000F17E}", "Firewall lockdown", tuple(values)))


def _shields_up(windows: Windows) -> None:
    """Users come over a public network whose profile lets nothing in; WinRM comes over the management network."""
    windows.network.management_category = windows.network.category
    windows.network.category = 0
    windows.firewall.set_profile("Public", allow_inbound_rules=False)


def _tls_off(windows: Windows) -> None:
    for version in ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"):
        windows.registry.put_dword(f"{PROTOCOLS}\\{version}\\Server", "Enabled", 0)
        windows.registry.put_dword(f"{PROTOCOLS}\\{version}\\Server", "DisabledByDefault", 1)


def _port_taken(windows: Windows) -> None:
    port = windows.listener.stored().port
    windows.listener.port_taken = port
    windows.firewall.put(
        Rule("nginx", "nginx", enabled=True, protocol="TCP", local_ports=(str(port),), program=OTHER_PROGRAM)
    )


def _path_blocked(windows: Windows) -> None:
    windows.listener.path_blocked = True


LISTENER_AND_FIREWALL: Mapping[str, Breakage] = {
    "rdp_denied": Breakage(
        "Remote Desktop is switched off (fDenyTSConnections=1)", value(TERMINAL_SERVER, "fDenyTSConnections", 1)
    ),
    "rdp_denied_by_policy": Breakage(
        "a policy object switches Remote Desktop off", by_policy("Deny Remote Desktop", "fDenyTSConnections", 1)
    ),
    "rdp_denied_by_orphan_policy": Breakage(
        "a policy value that nobody owns switches Remote Desktop off", value(POLICY, "fDenyTSConnections", 1)
    ),
    "deny_value_missing": Breakage(
        "fDenyTSConnections is missing, so the listener does not start",
        lambda w: w.registry.discard(TERMINAL_SERVER, "fDenyTSConnections"),
    ),
    "listener_disabled": Breakage(
        "the listener RDP-Tcp is disabled (fEnableWinStation=0)", value(LISTENER, "fEnableWinStation", 0)
    ),
    "sessions_disabled": Breakage(
        "Remote Desktop Services are disabled (TSEnabled=0)", value(TERMINAL_SERVER, "TSEnabled", 0)
    ),
    "lan_adapter_missing": Breakage(
        "the listener is tied to a network adapter that is gone (LanAdapter)", value(LISTENER, "LanAdapter", 7)
    ),
    "logons_disabled": Breakage("the listener refuses new logons", value(LISTENER, "fLogonDisabled", 1)),
    "remote_logons_disabled": Breakage(
        "Winlogon refuses logons from remote sessions (change logon /disable)",
        lambda w: w.registry.put(WINLOGON, "WinStationsDisabled", Type.SZ, "1"),
        "logons_disabled",
    ),
    "user_logons_disabled": Breakage(
        "users may be kept from connecting (TSUserEnabled=1)", value(TERMINAL_SERVER, "TSUserEnabled", 1)
    ),
    "drain_mode": Breakage("the session host is in drain mode", value(TERMINAL_SERVER, "TSServerDrainMode", 1)),
    "termservice_disabled": Breakage("TermService is disabled", service("TermService", disabled=True)),
    "termservice_stopped": Breakage("TermService is stopped", service("TermService", disabled=False)),
    "sessionenv_disabled": Breakage(
        "SessionEnv, which renews the certificate, is disabled", service("SessionEnv", disabled=True)
    ),
    "umrdpservice_disabled": Breakage(
        "UmRdpService, which redirects devices, is disabled", service("UmRdpService", disabled=True)
    ),
    "firewall_rule_disabled": Breakage("the built-in Remote Desktop rules are off", _rules_off),
    "firewall_rule_missing": Breakage("somebody has deleted the built-in Remote Desktop rules", _rules_gone),
    "firewall_rule_turned": Breakage("somebody has made the built-in rules ones that block", _rules_block),
    "firewall_rule_demands": Breakage(
        "the built-in rule lets in only what IPsec has authenticated",
        lambda w: w.firewall.change(RDP_RULES[0], security="Authenticate"),
    ),
    "firewall_wrong_profile": Breakage(
        "the rules are not for the network's profile, which is private or the domain's", _wrong_profile
    ),
    "firewall_public_network": Breakage(
        "the network is taken for public, and the rules are not for public ones",
        _public_network,
        "firewall_wrong_profile",
    ),
    "firewall_port_mismatch": Breakage(
        "the listener's port was changed, the rules still say 3389", value(LISTENER, "PortNumber", CUSTOM_PORT)
    ),
    "firewall_blocked_by_rule": Breakage("a block rule covers the listener's port", _block_rule),
    "firewall_local_rules_ignored": Breakage("policy makes the firewall ignore local rules", _local_rules_ignored),
    "firewall_shields_up": Breakage("the profile of the users' network blocks all incoming connections", _shields_up),
    "security_layer_rdp": Breakage(
        "only Standard RDP security is offered (SecurityLayer=0)", value(LISTENER, "SecurityLayer", 0)
    ),
    "security_layer_rdp_by_policy": Breakage(
        "a policy object allows Standard RDP security only", by_policy("RDP legacy security", "SecurityLayer", 0)
    ),
    "security_layer_invalid": Breakage(
        "SecurityLayer is out of range: every connection is dropped", value(LISTENER, "SecurityLayer", 5)
    ),
    "encryption_level_invalid": Breakage(
        "MinEncryptionLevel is out of range: every connection is dropped", value(LISTENER, "MinEncryptionLevel", 9)
    ),
    "nla_value_invalid": Breakage(
        "UserAuthentication is out of range: every connection is dropped", value(LISTENER, "UserAuthentication", 7)
    ),
    "negotiation_disabled": Breakage(
        "the listener does not negotiate security (fAllowSecProtocolNegotiation=0; effect unsure)",
        value(LISTENER, "fAllowSecProtocolNegotiation", 0),
    ),
    "tls_server_disabled": Breakage("every TLS version is disabled for servers", _tls_off),
    "cipher_suites_empty": Breakage(
        "policy leaves no cipher suite", lambda w: w.registry.put(POLICY_CIPHERS, "Functions", Type.SZ, "")
    ),
    "port_taken": Breakage("another program holds the listener's port", _port_taken),
    "path_blocked": Breakage("something between the clients and the host drops the traffic", _path_blocked),
}

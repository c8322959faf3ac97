# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to break a host. Each bears the id of the cause that it produces."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from tests.simulator.windows import events
from tests.simulator.windows.certificates import (
    CLIENT,
    LISTENER,
    MACHINE_GUID,
    POLICY,
    REMOTE_DESKTOP,
    STORES,
    Request,
)
from tests.simulator.windows.files import MACHINE_KEYS
from tests.simulator.windows.firewall import BLOCK, DOMAIN, PRIVATE, Rule
from tests.simulator.windows.firewall import POLICY as FIREWALL_POLICY
from tests.simulator.windows.keys import WEAK_KEY
from tests.simulator.windows.listener import CIPHERS, SCHANNEL, TERMINAL_SERVER
from tests.simulator.windows.network import OTHER_PROGRAM
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.simulator.windows.security import SecurityDescriptor
from tests.simulator.windows.system import Windows
from tests.simulator.windows.tenants import SYSTEM_ONLY

CUSTOM_PORT = 33890
RDP_RULES = ("RemoteDesktop-UserMode-In-TCP", "RemoteDesktop-UserMode-In-UDP")
WINRM_RULE = Rule("WinRM-from-management", "WinRM from management", enabled=True, protocol="TCP", local_ports=("5985",))


class UnknownBreakage(ValueError):
    """A name that no breakage has."""


@dataclass(frozen=True)
class Breakage:
    """How a host comes to have a cause, and what the cause means."""

    meaning: str
    plant: Callable[[Windows], None]


def break_host(windows: Windows, name: str) -> None:
    """Plant a breakage; the host is then as if it had been so since its last boot. Raises UnknownBreakage."""
    if name not in BREAKAGES:
        raise UnknownBreakage(f"unknown breakage {name!r}; known: {', '.join(BREAKAGES)}")
    BREAKAGES[name].plant(windows)
    windows.settle()


def _value(key: str, name: str, number: int) -> Callable[[Windows], None]:
    return lambda windows: windows.registry.put_dword(key, name, number)


def _policy_value(name: str, number: int) -> PolicyValue:
    return PolicyValue(POLICY, name, Type.DWORD, number)


def _by_policy(title: str, name: str, number: int) -> Callable[[Windows], None]:
    guid = f"{{5A1F0C3E-0000-4000-8000-{abs(hash_of(title)):012X}}}"
    return lambda windows: windows.policy.link(PolicyObject(guid, title, (_policy_value(name, number),)))


def hash_of(text: str) -> int:
    """A number that follows from a text, the same in every process."""
    return int.from_bytes(text.encode()[:5], "big")


def _service(name: str, *, disabled: bool) -> Callable[[Windows], None]:
    def plant(windows: Windows) -> None:
        windows.services.force_stopped(name)
        if disabled:
            windows.services.configure(windows.services[name], 4)

    return plant


def _rules_off(windows: Windows) -> None:
    for rule in RDP_RULES:
        windows.firewall.change(rule, enabled=False)


def _wrong_profile(windows: Windows) -> None:
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


def _key_unreadable(windows: Windows) -> None:
    sddl = windows.certificates.key_file_sddl.replace("(A;;FR;;;NS)", "")
    windows.files.set_descriptor(windows.certificates.key_file, SecurityDescriptor.from_sddl(sddl))


def _certificate_expired(windows: Windows) -> None:
    windows.certificates.issue(start=windows.clock.now() - timedelta(days=200))


def _pinned(request: Request, name: str = "rdp.corp.example") -> Callable[[Windows], None]:
    """The listener is bound to a certificate of the machine's own store."""

    def plant(windows: Windows) -> None:
        windows.certificates.pin(windows.certificates.add(name, request))

    return plant


def _pinned_expired(windows: Windows) -> None:
    start = windows.clock.now() - timedelta(days=400)
    _pinned(Request(key=6, start=start))(windows)


def _certificate_missing(windows: Windows) -> None:
    own = windows.certificates.own()
    if own is not None:
        windows.registry.delete_tree(f"{STORES}\\{REMOTE_DESKTOP}\\Certificates\\{own.thumbprint}")


def _machine_guid_changed(windows: Windows) -> None:
    """A cloning tool has given the machine a new MachineGuid; the key file still bears the old one."""
    guid = str(uuid.uuid5(uuid.UUID(windows.machine.guid), "cloned"))
    windows.registry.put(MACHINE_GUID, "MachineGuid", Type.SZ, guid)


def _store_acl(windows: Windows) -> None:
    key = f"{STORES}\\{REMOTE_DESKTOP}\\Certificates"
    for thumbprint in windows.registry.subkeys(key):
        windows.registry.delete_tree(f"{key}\\{thumbprint}")
    windows.registry.discard(
        r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations", "SelfSignedCertificate"
    )
    denied = SecurityDescriptor.from_sddl("O:BAG:SYD:PAI(D;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)")
    windows.registry.set_descriptor(key, denied)
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1057, events.ERROR)


def _folder_acl(windows: Windows) -> None:
    _certificate_expired(windows)
    hardened = SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(D;;0x12019f;;;SY)(A;;FA;;;BA)")
    windows.files.set_descriptor(MACHINE_KEYS, hardened)
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1058, events.ERROR)


def _tls_off(windows: Windows) -> None:
    for version in ("TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"):
        windows.registry.put_dword(f"{SCHANNEL}\\{version}\\Server", "Enabled", 0)
        windows.registry.put_dword(f"{SCHANNEL}\\{version}\\Server", "DisabledByDefault", 1)


def _port_taken(windows: Windows) -> None:
    port = windows.listener.stored().port
    windows.listener.port_taken = port
    windows.firewall.put(
        Rule("nginx", "nginx", enabled=True, protocol="TCP", local_ports=(str(port),), program=OTHER_PROGRAM)
    )


def _path_blocked(windows: Windows) -> None:
    windows.listener.path_blocked = True


def _flood(windows: Windows) -> None:
    windows.listener.flooded = True
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1006, events.WARNING)


BREAKAGES: Mapping[str, Breakage] = {
    "rdp_denied": Breakage(
        "Remote Desktop is switched off (fDenyTSConnections=1)", _value(TERMINAL_SERVER, "fDenyTSConnections", 1)
    ),
    "rdp_denied_by_policy": Breakage(
        "a policy object switches Remote Desktop off", _by_policy("Deny Remote Desktop", "fDenyTSConnections", 1)
    ),
    "rdp_denied_by_orphan_policy": Breakage(
        "a policy value that nobody owns switches Remote Desktop off", _value(POLICY, "fDenyTSConnections", 1)
    ),
    "deny_value_missing": Breakage(
        "fDenyTSConnections is missing, so the listener does not start",
        lambda w: w.registry.discard(TERMINAL_SERVER, "fDenyTSConnections"),
    ),
    "listener_disabled": Breakage(
        "the listener RDP-Tcp is disabled (fEnableWinStation=0)", _value(LISTENER, "fEnableWinStation", 0)
    ),
    "lan_adapter_missing": Breakage(
        "the listener is tied to a network adapter that is gone (LanAdapter)", _value(LISTENER, "LanAdapter", 7)
    ),
    "logons_disabled": Breakage(
        "new logons are refused (change logon /disable)", _value(LISTENER, "fLogonDisabled", 1)
    ),
    "drain_mode": Breakage("the session host is in drain mode", _value(TERMINAL_SERVER, "TSServerDrainMode", 1)),
    "termservice_disabled": Breakage("TermService is disabled", _service("TermService", disabled=True)),
    "termservice_stopped": Breakage("TermService is stopped", _service("TermService", disabled=False)),
    "sessionenv_disabled": Breakage(
        "SessionEnv, which renews the certificate, is disabled", _service("SessionEnv", disabled=True)
    ),
    "umrdpservice_disabled": Breakage(
        "UmRdpService, which redirects devices, is disabled", _service("UmRdpService", disabled=True)
    ),
    "firewall_rule_disabled": Breakage("the built-in Remote Desktop rules are off", _rules_off),
    "firewall_wrong_profile": Breakage("the rules do not cover the network's profile", _wrong_profile),
    "firewall_port_mismatch": Breakage(
        "the listener's port was changed, the rules still say 3389", _value(LISTENER, "PortNumber", CUSTOM_PORT)
    ),
    "firewall_blocked_by_rule": Breakage("a block rule covers the listener's port", _block_rule),
    "firewall_local_rules_ignored": Breakage("policy makes the firewall ignore local rules", _local_rules_ignored),
    "firewall_shields_up": Breakage("the profile of the users' network blocks all incoming connections", _shields_up),
    "security_layer_rdp": Breakage(
        "only Standard RDP security is offered (SecurityLayer=0)", _value(LISTENER, "SecurityLayer", 0)
    ),
    "security_layer_rdp_by_policy": Breakage(
        "a policy object allows Standard RDP security only", _by_policy("RDP legacy security", "SecurityLayer", 0)
    ),
    "security_layer_invalid": Breakage(
        "SecurityLayer is out of range: every connection is dropped", _value(LISTENER, "SecurityLayer", 5)
    ),
    "encryption_level_invalid": Breakage(
        "MinEncryptionLevel is out of range: every connection is dropped", _value(LISTENER, "MinEncryptionLevel", 9)
    ),
    "nla_value_invalid": Breakage(
        "UserAuthentication is out of range: every connection is dropped", _value(LISTENER, "UserAuthentication", 7)
    ),
    "negotiation_disabled": Breakage(
        "the listener does not negotiate security (fAllowSecProtocolNegotiation=0; effect unsure)",
        _value(LISTENER, "fAllowSecProtocolNegotiation", 0),
    ),
    "key_unreadable": Breakage(
        "NETWORK SERVICE cannot read the private key of the listener's certificate", _key_unreadable
    ),
    "key_missing": Breakage(
        "the key file of the listener's certificate is gone", lambda w: w.files.remove(w.certificates.key_file)
    ),
    "certificate_expired": Breakage("the listener's self-signed certificate has expired", _certificate_expired),
    "certificate_pinned_missing": Breakage(
        "the listener is tied to a certificate that is gone",
        lambda w: w.registry.put(LISTENER, "SSLCertificateSHA1Hash", Type.BINARY, bytes(range(20))),
    ),
    "certificate_missing": Breakage("the listener's certificate has been deleted from its store", _certificate_missing),
    "certificate_pinned_expired": Breakage("the listener is tied to a certificate that has expired", _pinned_expired),
    "certificate_wrong_usage": Breakage(
        "the listener is tied to a certificate for client authentication", _pinned(Request(key=6, usage=CLIENT))
    ),
    "certificate_weak": Breakage(
        "the listener is tied to a certificate with a 1024 bit key", _pinned(Request(key=WEAK_KEY))
    ),
    "key_in_cng": Breakage(
        "the listener is tied to a certificate whose key lies in Crypto\\Keys, closed to NETWORK SERVICE",
        _pinned(Request(key=6, sddl=SYSTEM_ONLY, cng=True)),
    ),
    "key_not_imported": Breakage(
        "the listener is tied to a certificate that was imported without a key of the machine",
        _pinned(Request(key=6, sddl="")),
    ),
    "machine_guid_changed": Breakage(
        "cloning has changed MachineGuid, so the listener's key is looked for in another file", _machine_guid_changed
    ),
    "store_acl": Breakage("no certificate, and its store denies SYSTEM, so none can be made", _store_acl),
    "folder_acl": Breakage(
        "the certificate has expired and the key folder's permissions prevent a new one", _folder_acl
    ),
    "tls_server_disabled": Breakage("every TLS version is disabled for servers", _tls_off),
    "cipher_suites_empty": Breakage(
        "policy leaves no cipher suite", lambda w: w.registry.put(CIPHERS, "Functions", Type.SZ, "")
    ),
    "port_taken": Breakage("another program holds the listener's port", _port_taken),
    "path_blocked": Breakage("something between the clients and the host drops the traffic", _path_blocked),
    "connection_flood": Breakage("too many incomplete connections: the listener has stopped (event 1006)", _flood),
}

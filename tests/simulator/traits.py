# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Oddities of healthy hosts: nothing here is a fault, and none may be taken for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from tests.simulator.breakages import CUSTOM_PORT
from tests.simulator.breakages.client import SOCKET_CLOSED, connection, install_store_client
from tests.simulator.breakages.gateway import install as install_gateway
from tests.simulator.breakages.gateway import (
    install_elsewhere,
    install_with_spare,
    install_with_udp,
    install_with_users,
)
from tests.simulator.breakages.surroundings import elliptic_certificate
from tests.simulator.windows import boot, events, tenants
from tests.simulator.windows.certificates import (
    LISTENER,
    POLICY,
    REMOTE_DESKTOP,
    REMOTE_DESKTOP_ONLY,
    STORES,
    WINSTATIONS,
    Request,
)
from tests.simulator.windows.defaults import CURRENT_VERSION
from tests.simulator.windows.files import MACHINE_KEYS
from tests.simulator.windows.firewall import Rule
from tests.simulator.windows.listener import TERMINAL_SERVER
from tests.simulator.windows.network import CacheEntry
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.simulator.windows.schannel import FIPS
from tests.simulator.windows.security import SecurityDescriptor
from tests.simulator.windows.services import Service
from tests.simulator.windows.sessions import CORE
from tests.simulator.windows.system import Windows

SHELL_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WinRM\Service\WinRS"
UNINSTALL = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
PRODUCTS = {
    "CSFalconService": ("CrowdStrike Windows Sensor", r"C:\Program Files\CrowdStrike\CSFalconService.exe"),
    "SentinelAgent": ("Sentinel Agent", r"C:\Program Files\SentinelOne\SentinelAgent.exe"),
    "ZSAService": ("Zscaler", r"C:\Program Files\Zscaler\ZSAService\ZSAService.exe"),
    "PanGPS": ("GlobalProtect", r"C:\Program Files\Palo Alto Networks\GlobalProtect\PanGPS.exe"),
    "ekrn": ("ESET Endpoint Antivirus", r"C:\Program Files\ESET\ESET Security\ekrn.exe"),
}
CLONED_SID = "S-1-5-21-1111111111-2222222222-3333333333"
LANGUAGE_TRAITS = {"german": "de", "japanese": "ja"}
NOISE_SECONDS = 30.0


class UnknownTrait(ValueError):
    """A name that no trait has."""


@dataclass(frozen=True)
class Trait:
    """What makes a host odd."""

    meaning: str
    give: Callable[[Windows], object]


def apply_trait(windows: Windows, name: str) -> None:
    """Give a host a trait. Raises UnknownTrait."""
    if name not in TRAITS:
        raise UnknownTrait(f"unknown trait {name!r}; known: {', '.join(TRAITS)}")
    TRAITS[name].give(windows)
    windows.settle()


def language_of(traits: tuple[str, ...], language: str) -> str:
    """The language that a host's traits ask for, else ``language``."""
    return next((LANGUAGE_TRAITS[name] for name in traits if name in LANGUAGE_TRAITS), language)


def _value(key: str, name: str, number: int) -> Callable[[Windows], None]:
    return lambda windows: windows.registry.put_dword(key, name, number)


def _custom_port(windows: Windows) -> None:
    windows.registry.put_dword(LISTENER, "PortNumber", CUSTOM_PORT)
    for protocol in ("TCP", "UDP"):
        windows.firewall.put(
            Rule(f"RDP-{CUSTOM_PORT}-{protocol}", f"Remote access {CUSTOM_PORT} ({protocol})", enabled=True,
                 protocol=protocol, local_ports=(str(CUSTOM_PORT),))
        )  # fmt: skip


def _cis(windows: Windows) -> None:
    numbers = {
        "SecurityLayer": 2, "UserAuthentication": 1, "MinEncryptionLevel": 3, "fPromptForPassword": 1,
        "fEncryptRPCTraffic": 1, "fDisableCdm": 1, "DisablePasswordSaving": 1, "MaxIdleTime": 900000,
        "MaxDisconnectionTime": 60000,
    }  # fmt: skip
    values = tuple(PolicyValue(POLICY, name, Type.DWORD, number) for name, number in numbers.items())
    windows.policy.link(PolicyObject("{C15C15C1-0000-4000-8000-000000000001}", "CIS Level 2", values))


def _device_managed(windows: Windows) -> None:
    """Its rules let in Remote Desktop and WinRM, and local ones do not count."""
    ports = {"RDP-TCP": ("TCP", "3389"), "RDP-UDP": ("UDP", "3389"), "WinRM": ("TCP", "5985")}
    rules = [
        Rule(f"device-{name}", name, enabled=True, protocol=protocol, local_ports=(port,))
        for name, (protocol, port) in ports.items()
    ]
    alone = {"AllowLocalPolicyMerge": 0}
    windows.firewall.manage(rules, Domain=alone, Private=alone, Public=alone)


def _connects(windows: Windows) -> None:
    """One connection broke off, as happens; others were ended by their users, or broke off before they had UDP."""
    install_store_client(windows, "1.2.6424.0")
    connection(windows, SOCKET_CLOSED)
    for _time in range(3):
        connection(windows, SOCKET_CLOSED, udp=False)
        connection(windows, 2)
    windows.registry.put_dword(POLICY, "AuthenticationLevel", 2)


def _remembers_an_old_address(windows: Windows) -> None:
    windows.network.dns_cache.append(CacheEntry("rdp.corp.example", "10.20.0.250"))


def _core(windows: Windows) -> None:
    """The shell of its sessions is PowerShell since Server 2022 (Microsoft Learn, server-core-sconfig)."""
    windows.registry.put(CURRENT_VERSION, "InstallationType", Type.SZ, "Server Core")
    shell = "powershell.exe" if windows.edition.build >= 20348 else "cmd.exe"
    windows.sessions.programs = (*CORE[windows.switches["core_sessions"]], shell)


def _many_sessions(windows: Windows) -> None:
    for number in range(12):
        windows.sessions.add(f"user{number:02}", active=number % 3 != 0)


def _noise(windows: Windows) -> None:
    """Another server on the host fails its handshakes again and again, for reasons of its own."""
    windows.events.schannel(36870)
    windows.clock.after(NOISE_SECONDS, lambda: _noise(windows))


def _ntlm_denied(windows: Windows) -> None:
    windows.registry.put_dword(r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0", "RestrictReceivingNTLMTraffic", 2)
    windows.listener.ntlm_denied = True


def _entra_joined(windows: Windows) -> None:
    join = r"HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo\5F1C2D3E4A5B6C7D8E9F0A1B2C3D4E5F60718293"
    windows.registry.put(join, "TenantId", Type.SZ, "00000000-0000-4000-8000-000000000001")


def _orphan_policy(windows: Windows) -> None:
    for name, number in {"UserAuthentication": 1, "SecurityLayer": 2, "MinEncryptionLevel": 3}.items():
        windows.registry.put_dword(POLICY, name, number)


def _stop_hangs(windows: Windows) -> None:
    windows.services["TermService"].hangs_on_stop = True


def _template(windows: Windows) -> None:
    request = Request(key=6, usage=REMOTE_DESKTOP_ONLY)
    certificate = windows.certificates.add(windows.machine.dns_name, request)
    windows.registry.put(WINSTATIONS, "TemplateCertificate", Type.BINARY, bytes.fromhex(certificate.thumbprint))
    value = PolicyValue(POLICY, "CertTemplateName", Type.SZ, "RemoteDesktopComputer")
    windows.policy.link(PolicyObject("{7E39B1A7-0000-4000-8000-000000000001}", "RDP certificates", (value,)))


def _broker(windows: Windows) -> None:
    windows.services.add(Service("Tssdis", "", 2, r"NT AUTHORITY\NetworkService", r"C:\Windows\System32\tssdis.exe"))
    windows.services.force_running("Tssdis")
    windows.registry.put_dword(r"HKLM\SYSTEM\CurrentControlSet\Services\Tssdis\Parameters", "Installed", 1)
    windows.certificates.pin(windows.certificates.add("broker.corp.example", Request(key=6)))


def _good_pin(windows: Windows) -> None:
    windows.certificates.pin(windows.certificates.add("rdp.corp.example", Request(key=6)))


def _key_folder_in_use(windows: Windows) -> None:
    windows.files.held.add(MACHINE_KEYS.lower())


def _hardened_folder(sddl: str) -> Callable[[Windows], None]:
    return lambda windows: windows.files.set_descriptor(MACHINE_KEYS, SecurityDescriptor.from_sddl(sddl))


def _hardened_store(sddl: str) -> Callable[[Windows], None]:
    """Some deny SYSTEM the store so that Windows makes no certificate of its own (Microsoft's Ask PFE blog, 2017)."""
    store = rf"{STORES}\{REMOTE_DESKTOP}\Certificates"
    return lambda windows: windows.registry.set_descriptor(store, SecurityDescriptor.from_sddl(sddl))


def _on_battery(windows: Windows) -> None:
    windows.on_battery = True


def _east(windows: Windows) -> None:
    windows.zone = timedelta(hours=9)


def _protected(*protectors: int) -> Callable[[Windows], None]:
    def give(windows: Windows) -> None:
        windows.volume = boot.Volume(protectors)

    return give


def _cloned(windows: Windows) -> None:
    """New updates refuse logons between such machines and say so (LSASRV 6167)."""
    machine = windows.machine
    for key, account in machine.accounts.items():
        machine.accounts[key] = replace(account, sid=account.sid.replace(machine.sid, CLONED_SID))
    machine.sid = CLONED_SID
    if windows.edition.build >= 26100:
        windows.events.write("LSA (LsaSrv)", 6167, events.ERROR)


def _products(windows: Windows) -> None:
    """Services, processes and uninstall entries by which such products are known."""
    for name, (title, path) in PRODUCTS.items():
        windows.services.add(Service(name, "", 2, "LocalSystem", path))
        windows.services.force_running(name)
        windows.registry.put(f"{UNINSTALL}\\{name}", "DisplayName", Type.SZ, title)


def _nothing(windows: Windows) -> None:
    """The language is chosen when the host is installed."""


TRAITS: Mapping[str, Trait] = {
    "custom_port": Trait(f"listens on {CUSTOM_PORT}, with its own firewall rules", _custom_port),
    "session_host_role": Trait("has the Remote Desktop Session Host role", _value(TERMINAL_SERVER, "TSAppCompat", 1)),
    "nla_off_by_intent": Trait("does without network level authentication", _value(LISTENER, "UserAuthentication", 0)),
    "negotiate_layer": Trait("SecurityLayer 1: TLS where the client can", _value(LISTENER, "SecurityLayer", 1)),
    "cis_hardened": Trait("a policy object holds the CIS Level 2 values", _cis),
    "orphan_policy": Trait("harmless values in the policy hive that nobody owns", _orphan_policy),
    "tcp_only": Trait("no UDP transport (SelectTransport=1)", _value(LISTENER, "SelectTransport", 1)),
    "no_shell": Trait("policy forbids remote shells", _value(SHELL_POLICY, "AllowRemoteShellAccess", 0)),
    "citrix": Trait("another vendor's protocol object drives the listener", lambda windows: windows.registry.put(
        LISTENER, "CitrixBackupRdpTcpLoadableProtocolObject", Type.SZ, "{5828227c-20cf-4408-b73f-73ab70b8849f}")),
    "device_managed": Trait("device management brings all its firewall rules", _device_managed),
    "domain_member": Trait("is a member of a domain", Windows.join_domain),
    "entra_joined": Trait("is joined to Entra ID", _entra_joined),
    "server_core": Trait("is a Server Core; for traits with sessions that come after it, too", _core),
    "many_sessions": Trait("has twelve sessions, four of them disconnected", _many_sessions),
    "console_user": Trait("has somebody at its console", lambda windows: windows.sessions.sit_down("anna")),
    "iis_keys": Trait("a web server keeps six keys and a site's certificate in MachineKeys", tenants.iis),
    "winrm_https": Trait("WinRM also listens on HTTPS, with a key in MachineKeys", tenants.winrm_https),
    "sql_server": Trait("a SQL Server keeps its certificate's key in MachineKeys", tenants.sql_server),
    "federation": Trait("a federation server keeps its certificate's key in MachineKeys", tenants.federation),
    "azure_agent": Trait("an Azure machine: guest agent with a key in MachineKeys", tenants.azure_agent),
    "certificate_template": Trait("policy names a certificate template; its certificate is bound", _template),
    "connection_broker": Trait("has the Connection Broker role; its certificate is pinned", _broker),
    "pinned_certificate": Trait("the listener is tied to a good certificate of the machine store", _good_pin),
    "ecdsa_certificate": Trait("the listener is tied to a good certificate with a key for ECDSA", elliptic_certificate),
    "machine_keys_in_use": Trait("a process holds the key folder open until the next boot", _key_folder_in_use),
    "key_folder_hardened": Trait(
        "SYSTEM may add no key to MachineKeys", _hardened_folder("O:SYG:SYD:PAI(D;;0x12019f;;;SY)(A;;FA;;;BA)")
    ),
    "key_folder_hidden": Trait(
        "SYSTEM alone may look into MachineKeys, and adds nothing", _hardened_folder("O:SYG:SYD:PAI(A;;0x1200a9;;;SY)")
    ),
    "certificate_store_hardened": Trait(
        "SYSTEM may add no certificate to the listener's store",
        _hardened_store("O:BAG:SYD:PAI(D;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)"),
    ),
    "certificate_store_hidden": Trait(
        "administrators may not see who may write to the listener's store, and SYSTEM may not",
        _hardened_store("O:SYG:SYD:PAI(A;CI;0x20018;;;SY)(A;CI;0x9;;;BA)"),
    ),
    "on_battery": Trait("runs on battery", _on_battery),
    "time_zone_east": Trait("its local time is nine hours ahead of UTC", _east),
    "pending_reboot": Trait("updates wait for a reboot", lambda windows: windows.waiting.mark()),
    "bitlocker_tpm": Trait("BitLocker opens the disk at boot by the TPM alone", _protected(boot.TPM, 3)),
    "bitlocker_pin": Trait(
        "BitLocker asks for a PIN at boot: a reboot strands the host", _protected(boot.TPM_AND_PIN, 3)
    ),
    "winrm_manual": Trait(
        "WinRM starts manually: it is gone after a reboot",
        lambda windows: windows.services.configure(windows.services["WinRM"], 3),
    ),
    "fips": Trait("FIPS mode is on", _value(FIPS, "Enabled", 1)),
    "cloned": Trait("shares its machine SID with every other host that has this trait", _cloned),
    "security_products": Trait("several vendors' security products are installed", _products),
    "gateway_role": Trait("has the RD Gateway role, in order", install_gateway),
    "gateway_certificate_name": Trait(
        "an RD Gateway whose certificate bears another name than its users' clients ask for, which it cannot know",
        lambda windows: install_gateway(windows, name="old.corp.example"),
    ),
    "gateway_spare_certificate": Trait("an RD Gateway with two certificates that could serve", install_with_spare),
    "gateway_other_port": Trait("an RD Gateway that clients reach on port 8443", install_elsewhere),
    "gateway_users": Trait("an RD Gateway by way of which users are connected to other hosts", install_with_users),
    "gateway_udp": Trait("an RD Gateway that offers UDP, over which a connection has ended", install_with_udp),
    "dns_cache_stale": Trait(
        "its DNS client remembers an old address of another host, rdp.corp.example", _remembers_an_old_address
    ),
    "client_udp_off": Trait(
        "policy keeps this machine's client from UDP", _value(POLICY + r"\Client", "fClientDisableUDP", 1)
    ),
    "connects_to_others": Trait("its users connect to other hosts, with a client of today", _connects),
    "german": Trait("a German build", _nothing),
    "japanese": Trait("a Japanese build", _nothing),
    "schannel_noise": Trait("Schannel 36870 every 30 s from another server on the host", _noise),
    "stop_hangs": Trait("TermService, once told to stop, never gets past Stop Pending", _stop_hangs),
    "ntlm_denied": Trait("inbound NTLM is denied; users have Kerberos", _ntlm_denied),
}  # fmt: skip

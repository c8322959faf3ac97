# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A freshly installed host with Remote Desktop switched on, as an administrator leaves it.

Sources: registry dump of a Windows 10 Terminal Server key, TerminalServer.admx, default-service dumps, the built-in
rules of the group "Remote Desktop" (@FirewallAPI.dll,-28752).
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulator.windows.certificates import LISTENER, MY, REMOTE_DESKTOP, STORES, WINSTATIONS
from tests.simulator.windows.editions import CULTURE, LCID, Edition
from tests.simulator.windows.files import (
    CNG_KEYS,
    MACHINE_KEYS,
    MACHINE_KEYS_SDDL,
    ORDINARY_SDDL,
    SYSTEM_FILE_SDDL,
    Entry,
    FileSystem,
)
from tests.simulator.windows.firewall import DOMAIN, PRIVATE, PUBLIC, Firewall, Profile, Rule
from tests.simulator.windows.listener import PROTOCOL_OBJECT, SERVICE_DLL, SERVICE_PARAMETERS, TERMINAL_SERVER, WINLOGON
from tests.simulator.windows.machine import Machine
from tests.simulator.windows.registry import Registry, Type
from tests.simulator.windows.schannel import DEFAULT_SUITES, LOCAL_CIPHERS
from tests.simulator.windows.security import TRUSTED_INSTALLER, SecurityDescriptor
from tests.simulator.windows.services import Service
from tests.simulator.windows.winsock import fill_catalog

CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PROFILE_LIST = CURRENT_VERSION + r"\ProfileList"
SVCHOST = r"%SystemRoot%\System32\svchost.exe"
RDP_GROUP = "@FirewallAPI.dll,-28752"
WEBSOCKET_GROUP = "@FirewallAPI.dll,-28782"
WINDOWS_FOLDERS = (r"C:\Windows", r"C:\Windows\System32")
WINDOWS_SDDL = f"O:{TRUSTED_INSTALLER}G:SYD:PAI(A;;0x1301bf;;;SY)(A;;0x1301bf;;;BA)(A;;0x1200a9;;;BU)"
ORDINARY_FOLDERS = (
    r"C:\Windows\Temp", r"C:\ProgramData", r"C:\ProgramData\Microsoft",
    r"C:\ProgramData\Microsoft\Crypto", r"C:\ProgramData\Microsoft\Crypto\RSA",
)  # fmt: skip


def fill_registry(registry: Registry, edition: Edition, language: str, machine: Machine) -> None:
    """Everything outside services and firewall, which write their own keys."""
    _terminal_server(registry)
    _listener(registry)
    _identity(registry, edition, machine)
    _language(registry, language)
    fill_catalog(registry)
    registry.put(SERVICE_PARAMETERS, "ServiceDll", Type.EXPAND_SZ, SERVICE_DLL)
    registry.put(LOCAL_CIPHERS, "Functions", Type.MULTI_SZ, DEFAULT_SUITES)
    for key in _EMPTY_KEYS:
        registry.create(key)
    registry.put(PROFILE_LIST, "ProgramData", Type.EXPAND_SZ, r"%SystemDrive%\ProgramData")
    registry.put_dword(r"HKLM\SYSTEM\Setup", "SystemSetupInProgress", 0)
    registry.put_dword(r"HKLM\SYSTEM\Setup", "OOBEInProgress", 0)
    registry.put_dword(CONTROL + r"\SecurityProviders\SCHANNEL", "EventLogging", 1)
    registry.put_dword(CONTROL + r"\Lsa\FIPSAlgorithmPolicy", "Enabled", 0)
    registry.put_dword(CONTROL + r"\Lsa", "disabledomaincreds", 0)


_EMPTY_KEYS = (
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows",
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT",
    r"HKLM\SOFTWARE\Microsoft\Terminal Server Client",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing",
    CONTROL + r"\SecurityProviders\SCHANNEL\Protocols",
    CONTROL + r"\Session Manager",
    f"{STORES}\\{REMOTE_DESKTOP}\\Certificates",
    f"{STORES}\\{MY}\\Certificates",
    r"HKU\.DEFAULT\Software",
    r"HKU\S-1-5-18\Software",
)


def _terminal_server(registry: Registry) -> None:
    for name, number in {
        "fDenyTSConnections": 0, "fSingleSessionPerUser": 1, "TSEnabled": 1, "TSUserEnabled": 0,
        "TSServerDrainMode": 0, "AllowRemoteRPC": 0, "DelayConMgrTimeout": 0, "DeleteTempDirsOnExit": 1,
        "RailShowallNotifyIcons": 1, "StartRCM": 0, "NotificationTimeOut": 0, "SnapshotMonitors": 1,
    }.items():  # fmt: skip
        registry.put_dword(TERMINAL_SERVER, name, number)
    registry.put(TERMINAL_SERVER, "ProductVersion", Type.SZ, "5.1")
    registry.put(TERMINAL_SERVER, "RCDependentServices", Type.MULTI_SZ, ("CertPropSvc", "SessionEnv"))
    registry.put(WINSTATIONS, "SelfSignedCertStore", Type.SZ, REMOTE_DESKTOP)
    registry.create(TERMINAL_SERVER + r"\RCM\Licensing Core")


def _listener(registry: Registry) -> None:
    for name, number in {
        "fAllowSecProtocolNegotiation": 1, "UserAuthentication": 1, "SecurityLayer": 2, "MinEncryptionLevel": 2,
        "PortNumber": 3389, "fEnableWinStation": 1, "fLogonDisabled": 0, "LanAdapter": 0,
        "WebSocketListenerPort": 3387, "WebSocketTlsListenerPort": 3392, "MaxInstanceCount": 0xFFFFFFFF,
        "MaxIdleTime": 0, "MaxDisconnectionTime": 0, "MaxConnectionTime": 0, "KeepAliveTimeout": 0,
        "fDisableAutoReconnect": 0, "fInheritReconnectSame": 1, "fReconnectSame": 0, "SelectNetworkDetect": 1,
        "SelectTransport": 2, "fInheritMaxSessionTime": 1, "fInheritMaxIdleTime": 1, "ColorDepth": 5, "Shadow": 1,
    }.items():  # fmt: skip
        registry.put_dword(LISTENER, name, number)
    registry.put(LISTENER, "LoadableProtocol_Object", Type.SZ, PROTOCOL_OBJECT)
    registry.put(LISTENER, "PdName", Type.SZ, "tcp")
    registry.put(LISTENER, "WdName", Type.SZ, "Microsoft RDP 8.0")
    registry.put(LISTENER, "Comment", Type.SZ, "")


def _identity(registry: Registry, edition: Edition, machine: Machine) -> None:
    registry.put(r"HKLM\SOFTWARE\Microsoft\Cryptography", "MachineGuid", Type.SZ, machine.guid)
    for name, text in {
        "ProductName": edition.caption.removeprefix("Microsoft "), "CurrentBuild": str(edition.build),
        "CurrentBuildNumber": str(edition.build), "CurrentVersion": "6.3",
        "InstallationType": "Server" if edition.server else "Client", "SystemRoot": r"C:\Windows",
        "EditionID": "ServerStandard" if edition.server else "Core" if edition.key == "11home" else "Professional",
    }.items():  # fmt: skip
        registry.put(CURRENT_VERSION, name, Type.SZ, text)
    registry.put_dword(CURRENT_VERSION, "UBR", edition.revision)
    _winlogon(registry, edition)
    registry.put(CONTROL + r"\ComputerName\ComputerName", "ComputerName", Type.SZ, machine.computer_name)
    tcpip = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    registry.put(tcpip, "Hostname", Type.SZ, machine.computer_name)
    registry.put(tcpip, "Domain", Type.SZ, machine.domain)
    registry.put(
        CONTROL + r"\Session Manager\Environment", "Path", Type.EXPAND_SZ, r"%SystemRoot%\system32;%SystemRoot%"
    )
    registry.put(CONTROL + r"\Session Manager\Environment", "OS", Type.SZ, "Windows_NT")


def _winlogon(registry: Registry, edition: Edition) -> None:
    """WinStationsDisabled is "0" in exports of Windows 10 and 11; UNSURE: whether Server 2016 and later have it."""
    registry.create(WINLOGON)
    if not edition.server:
        registry.put(WINLOGON, "WinStationsDisabled", Type.SZ, "0")


def _language(registry: Registry, language: str) -> None:
    registry.put(CONTROL + r"\Nls\Language", "InstallLanguage", Type.SZ, f"{LCID[language]:04X}")
    registry.put(CONTROL + r"\Nls\Language", "Default", Type.SZ, f"{LCID[language]:04X}")
    registry.put(r"HKU\.DEFAULT\Control Panel\International", "LocaleName", Type.SZ, CULTURE[language])


def service_table(edition: Edition, roles: frozenset[str] = frozenset()) -> list[Service]:
    """The services of a version, configured as set-up does, none started."""
    service_dll = f"{SVCHOST} -k NetworkService"
    table = [
        Service("RpcSs", "", 2, r"NT AUTHORITY\NetworkService", f"{SVCHOST} -k rpcss -p", can_stop=False),
        Service("mpsdrv", "", 3, "", r"System32\drivers\mpsdrv.sys", driver=True),
        Service("HTTP", "", 3, "", r"system32\drivers\HTTP.sys", driver=True),
        Service("RDPDR", "", 3, "", r"System32\drivers\rdpdr.sys", driver=True),
        Service("BFE", "", 2, r"NT AUTHORITY\LocalService", f"{SVCHOST} -k LocalServiceNoNetworkFirewall -p",
                ("RpcSs",)),
        Service("MpsSvc", "", 2, r"NT Authority\LocalService", f"{SVCHOST} -k LocalServiceNoNetworkFirewall -p",
                ("BFE", "mpsdrv")),
        Service("EventLog", "", 2, r"NT AUTHORITY\LocalService", f"{SVCHOST} -k LocalServiceNetworkRestricted -p"),
        Service("CryptSvc", "", 2, r"NT Authority\NetworkService", f"{SVCHOST} -k NetworkService -p", ("RpcSs",)),
        Service("KeyIso", "", 3, "LocalSystem", r"%SystemRoot%\system32\lsass.exe", ("RpcSs",)),
        Service("Dnscache", "", 2, r"NT AUTHORITY\NetworkService", f"{SVCHOST} -k NetworkService -p", can_stop=False),
        Service("LanmanWorkstation", "", 2, r"NT AUTHORITY\NetworkService", f"{SVCHOST} -k NetworkService -p"),
        Service("LanmanServer", "", 2, "LocalSystem", f"{SVCHOST} -k netsvcs -p"),
        Service("Netlogon", "", 3, "LocalSystem", r"%systemroot%\system32\lsass.exe", ("LanmanWorkstation",)),
        Service("Schedule", "", 2, "LocalSystem", f"{SVCHOST} -k netsvcs -p", ("RpcSs", "EventLog"), can_stop=False),
        Service("W32Time", "", 3, r"NT AUTHORITY\LocalService", f"{SVCHOST} -k LocalService"),
        Service("WinRM", "", 2, r"NT AUTHORITY\NetworkService", f"{SVCHOST} -k NetworkService -p", ("RpcSs", "HTTP")),
        Service("TermService", "", 3, r"NT Authority\NetworkService", service_dll, ("RpcSs",), start_seconds=2.0,
                stop_seconds=2.0),
        Service("SessionEnv", "", 3, "localSystem", f"{SVCHOST} -k netsvcs -p", ("RpcSs", "LanmanWorkstation")),
        Service("UmRdpService", "", 3, "localSystem", f"{SVCHOST} -k LocalSystemNetworkRestricted -p",
                ("TermService", "RDPDR")),
        Service("CertPropSvc", "", 3, "LocalSystem", f"{SVCHOST} -k netsvcs", ("RpcSs",)),
    ]  # fmt: skip
    if "gateway" in roles and edition.server:
        table.append(Service("TSGateway", "", 2, r"NT AUTHORITY\NetworkService", service_dll, ("RpcSs",)))
    return table


RUNNING_AT_BOOT = ("TermService", "SessionEnv", "UmRdpService", "KeyIso")


def fill_firewall(firewall: Firewall, switches: Mapping[str, object]) -> None:
    """The profiles and the built-in rules; Remote Desktop's are on, its WebSocket rules off as ever."""
    for name in ("Domain", "Private", "Public"):
        firewall.put_profile(Profile(name))
    profiles = DOMAIN | PRIVATE if switches["rdp_rule_profiles"] == "domain_private" else 0
    svchost = r"%SystemRoot%\system32\svchost.exe"
    resource = "@FirewallAPI.dll,-{}".format
    for rule in (
        Rule("RemoteDesktop-UserMode-In-TCP", resource(28775), RDP_GROUP, resource(28756), enabled=True,
             profiles=profiles, protocol="TCP", local_ports=("3389",), program=svchost, service="termservice"),
        Rule("RemoteDesktop-UserMode-In-UDP", resource(28776), RDP_GROUP, resource(28777), enabled=True,
             profiles=profiles, protocol="UDP", local_ports=("3389",), program=svchost, service="termservice"),
        Rule("RemoteDesktop-Shadow-In-TCP", resource(28778), RDP_GROUP, resource(28779), profiles=profiles,
             protocol="TCP", program=r"%SystemRoot%\system32\RdpSa.exe", edge=2),
        Rule("RemoteDesktop-In-TCP-WS", resource(28780), WEBSOCKET_GROUP, resource(28781), profiles=profiles,
             protocol="TCP", local_ports=("3387",), program="System"),
        Rule("RemoteDesktop-In-TCP-WSS", resource(28783), WEBSOCKET_GROUP, resource(28784), profiles=profiles,
             protocol="TCP", local_ports=("3392",), program="System"),
        Rule("WINRM-HTTP-In-TCP", resource(30253), resource(30267), enabled=True, profiles=DOMAIN | PRIVATE,
             protocol="TCP", local_ports=("5985",), program="System"),
        Rule("WINRM-HTTP-In-TCP-PUBLIC", resource(30253), resource(30267), enabled=True, profiles=PUBLIC,
             protocol="TCP", local_ports=("5985",), program="System"),
        Rule("FPS-SMB-In-TCP", resource(28511), resource(28502), profiles=DOMAIN | PRIVATE, protocol="TCP",
             local_ports=("445",), program="System"),
    ):  # fmt: skip
        firewall.put(rule)


def fill_files(files: FileSystem, edition: Edition) -> None:
    """Folders and programs that Remote Desktop uses."""
    for folder in WINDOWS_FOLDERS:
        files.add(folder, WINDOWS_SDDL, folder=True)
    for folder in ORDINARY_FOLDERS:
        files.add(folder, ORDINARY_SDDL, folder=True)
    files.add(MACHINE_KEYS, MACHINE_KEYS_SDDL, folder=True)
    files.add(CNG_KEYS, "O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)", folder=True)
    for name in ("mstsc.exe", "termsrv.dll", "svchost.exe"):
        files.put(
            Entry(
                rf"C:\Windows\System32\{name}",
                SecurityDescriptor.from_sddl(SYSTEM_FILE_SDDL),
                size=1_245_184,
                version=f"{edition.version}.{edition.revision}",
                content=f"{name} {edition.build}",
            )
        )

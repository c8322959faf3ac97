# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of others: programs that keep their own keys in MachineKeys, as hosts in the field do.

Container names and owners: Microsoft Learn "RSA container" pages for IIS, Microsoft Support articles on MachineKeys,
Azure repair-script-library win-fix-rdp-certificate.ps1.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from tests.simulator.windows.certificates import MY, Request, StoredCertificate
from tests.simulator.windows.files import MACHINE_KEYS
from tests.simulator.windows.registry import Type
from tests.simulator.windows.services import Service
from tests.simulator.windows.system import Windows

IIS_CONTAINERS = (
    "iisConfigurationKey", "NetFrameworkConfigurationKey", "iisWasKey", "Microsoft Internet Information Server",
    "WMSvc", "MS IIS DCOM Server",
)  # fmt: skip
IIS_KEY = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;S-1-5-32-568)"
SYSTEM_ONLY = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)"
NETWORK_SERVICE_KEY = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;NS)"
SQL_KEY = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003)"
WSMAN = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"
SQL_SERVER = r"HKLM\SOFTWARE\Microsoft\Microsoft SQL Server"
SQL_INSTANCES = rf"{SQL_SERVER}\Instance Names\SQL"
HTTP = r"HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
IIS_ID, ADFS_ID, WINRM_ID = (
    uuid.UUID(text)
    for text in (
        "4dc3e181-e14b-4a21-b022-59fc669b0914",
        "5d89a20c-beab-4389-9447-324788eb944a",
        "afebb9ad-9b97-4a91-9ab5-daf4d59122f6",
    )
)
"""By which application a binding of HTTP.sys was made."""
MINT_SECONDS = 3.0


def _service(windows: Windows, name: str, account: str = "LocalSystem") -> None:
    windows.services.add(Service(name, "", 2, account, rf"C:\Program Files\{name}\{name}.exe"))
    windows.services.force_running(name)


def _bind(windows: Windows, address: str, certificate: StoredCertificate, application: uuid.UUID) -> None:
    _binding(windows, rf"{HTTP}\SslBindingInfo\{address}", certificate, application)


def _bind_name(windows: Windows, name: str, certificate: StoredCertificate, application: uuid.UUID) -> None:
    """By name (SNI), which HostnamePort tells, or what the key is called (UNSURE): there are readers for either."""
    apart = windows.switches["http_name_binding"] == "value"
    key = rf"{HTTP}\SslSniBindingInfo\{uuid.uuid5(application, name) if apart else name}"
    _binding(windows, key, certificate, application)
    if apart:
        windows.registry.put(key, "HostnamePort", Type.SZ, name)


def _binding(windows: Windows, key: str, certificate: StoredCertificate, application: uuid.UUID) -> None:
    windows.registry.put(key, "AppId", Type.BINARY, application.bytes_le)
    windows.registry.put(key, "SslCertHash", Type.BINARY, bytes.fromhex(certificate.thumbprint))
    windows.registry.put(key, "SslCertStoreName", Type.SZ, MY)


def iis(windows: Windows) -> None:
    """A web server: six keys of its own, and a site's certificate."""
    for number, container in enumerate(IIS_CONTAINERS):
        path = windows.certificates.path_of(container)
        windows.files.add(path, IIS_KEY, content=f"key of {container}", size=1700 + number)
    _service(windows, "W3SVC")
    site = windows.certificates.add("www.corp.example", Request(key=1, sddl=SYSTEM_ONLY))
    _bind(windows, "0.0.0.0:443", site, IIS_ID)


def winrm_https(windows: Windows) -> None:
    """WinRM's HTTPS listener: whoever cuts its key off cuts his own channel."""
    certificate = windows.certificates.add(windows.machine.dns_name, Request(key=2, sddl=NETWORK_SERVICE_KEY))
    key = WSMAN + r"\*+HTTPS"
    windows.registry.put(key, "certThumbprint", Type.SZ, certificate.thumbprint)
    windows.registry.put(key, "hostname", Type.SZ, windows.machine.dns_name)
    windows.registry.put(key, "uriprefix", Type.SZ, "wsman")
    windows.registry.put_dword(key, "Port", 5986)
    windows.registry.put_dword(key, "enabled", 1)
    _bind(windows, "0.0.0.0:5986", certificate, WINRM_ID)


def sql_server(windows: Windows) -> None:
    """A SQL Server with a certificate for its connections."""
    certificate = windows.certificates.add("sql.corp.example", Request(key=3, sddl=SQL_KEY))
    windows.registry.put(SQL_INSTANCES, "MSSQLSERVER", Type.SZ, "MSSQL16.MSSQLSERVER")
    networking = rf"{SQL_SERVER}\MSSQL16.MSSQLSERVER\MSSQLServer\SuperSocketNetLib"
    windows.registry.put(networking, "Certificate", Type.SZ, certificate.thumbprint.lower())
    _service(windows, "MSSQLSERVER", r"NT Service\MSSQLSERVER")


def federation(windows: Windows) -> None:
    """Active Directory Federation Services."""
    certificate = windows.certificates.add("fs.corp.example", Request(key=4, sddl=NETWORK_SERVICE_KEY))
    for name in ("fs.corp.example:443", "localhost:443", "fs.corp.example:49443"):
        _bind_name(windows, name, certificate, ADFS_ID)
    _service(windows, "adfssrv", r"CORP\adfs$")


def azure_agent(windows: Windows) -> None:
    """The Azure guest agent with the certificate by which extensions get their secrets."""
    windows.certificates.add("Windows Azure CRP Certificate Generator", Request(key=5, sddl=SYSTEM_ONLY))
    _service(windows, "WindowsAzureGuestAgent")
    _service(windows, "RdAgent")
    windows.registry.put_dword(r"HKLM\SOFTWARE\Microsoft\GuestAgent", "VmIdPresent", 1)
    windows.registry.put(r"HKLM\SOFTWARE\Microsoft\Windows Azure", "VMId", Type.SZ, windows.machine.guid)


def mint_after_rename(windows: Windows, source: str, target: str) -> None:
    """The folder has been renamed: services that miss their keys make new ones, and with them a new folder."""
    if source.lower() == MACHINE_KEYS.lower() and windows.switches["keys_minted_in_gap"]:
        windows.clock.after(MINT_SECONDS, lambda: _mint(windows, target))


def _mint(windows: Windows, moved: str) -> None:
    for entry in windows.files.below(moved):
        path = f"{MACHINE_KEYS}\\{entry.name}"
        owned = entry.content.startswith("key of ")
        if owned and windows.files.find(path) is None:
            windows.certificates.make_folder()
            windows.files.write_anew(replace(entry, path=path, content=entry.content + ", minted anew"))

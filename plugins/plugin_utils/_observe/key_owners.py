# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Readers: the machine's certificates, and who else keeps keys in the listener's folder. PRIVATE to the collection.

Key files of Windows' own components bear the hash of their container's name (Microsoft's Azure repair scripts list
them); other files are told by the certificates of the machine's personal store, and those by who is bound to them:

- the HTTPS listener of WinRM (C(WSMAN\Listener\*+HTTPS), certThumbprint);
- what HTTP.sys serves, by address and by name (C(SslBindingInfo), C(SslSniBindingInfo): SslCertHash, AppId and, of
  names, HostnamePort; so Microsoft's Azure DevOps Server 2022 reads them, SslHandler in its assembly
  Microsoft.VisualStudio.Services.Configuration). UNSURE: other programs take the keys of names to be called so, which
  counts where there is no HostnamePort. One certificate often has several bindings: those of AD FS are by name, and
  C(localhost) is among them (Microsoft Learn, "Manage SSL certificates in AD FS and WAP");
- SQL Server (C(Instance Names\SQL), and below the instance C(MSSQLServer\SuperSocketNetLib), Certificate; Microsoft
  Learn, "Configure SQL Server Database Engine for encrypting connections"). With an empty value SQL Server chooses one
  by itself, whose owner is not told then;
- the RD Gateway (Win32_TSGatewayServerSettings, CertHash).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from .._cim import certificates, gateway
from .._cim.certificates import CNG, DamagedCertificate, StoredCertificate
from .._cim.registry import RegistryValue
from .._host import Host
from .._model.gateway import SERVICE as GATEWAY
from .._model.keys import CONTAINER_FILE, CertificateState, KeyOwners
from .._wsman.errors import WsmanFault
from ._request import Request
from .keys import MY, KeyFolders

WSMAN_LISTENERS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"
HTTP = r"HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters"
SQL_SERVER = r"HKLM\SOFTWARE\Microsoft\Microsoft SQL Server"
SQL_INSTANCES = rf"{SQL_SERVER}\Instance Names\SQL"

APPLICATIONS: Mapping[str, str] = MappingProxyType(
    {
        "4dc3e181-e14b-4a21-b022-59fc669b0914": "IIS",
        "5d89a20c-beab-4389-9447-324788eb944a": "AD FS",
        "f955c070-e044-456c-ac00-e9e4275b3f04": "the Web Application Proxy",
    }
)
"""Who makes a binding of HTTP.sys (AppId). The latter two: Microsoft Learn, as above."""

CONTAINERS: Mapping[str, str] = MappingProxyType(
    {
        "iisConfigurationKey": "IIS, its encrypted configuration",
        "NetFrameworkConfigurationKey": ".NET, its encrypted configuration",
        "iisWasKey": "IIS, its application pools",
        "Microsoft Internet Information Server": "IIS, its metabase",
        "WMSvc": "the Web Management Service",
        "MS IIS DCOM Server": "IIS, its DCOM server",
    }
)

Use = tuple[str, str]
"""The thumbprint of a certificate, and who uses it, in words."""


def read_certificates(request: Request) -> tuple[CertificateState, ...]:
    """The machine's personal store: an operation for each certificate and for who may read its key."""
    return personal(request.host, KeyFolders(request.host, lambda: request.kept_before))


def read(request: Request) -> KeyOwners:
    """An operation for each certificate of the store, for each binding, and for each key folder."""
    host, folders = request.host, KeyFolders(request.host)
    files = [(folders.file(held.key), held) for held in _store(host) if held.key]
    winrm = tuple(_winrm(host))
    users = _gathered((*winrm, *_http(host), *_sql_server(host), *_gateway(request)))
    owners = _gathered((file, _owner(held, users.get(held.thumbprint, ""))) for file, held in files)
    listeners = {thumbprint for thumbprint, _name in winrm}
    channel = tuple(file for file, held in files if held.thumbprint in listeners)
    return KeyOwners({**_known(folders), **owners}, channel)


def read_channel(request: Request) -> tuple[str, ...]:
    """Names of WinRM's HTTPS listeners that share the key of the listener's own certificate.

    An operation where WinRM has none of HTTPS, and two more for each that it has.
    """
    host = request.host
    secure = (name for name in host.registry.keys(WSMAN_LISTENERS) or [] if name.upper().endswith("+HTTPS"))
    return tuple(name for name in secure if _shares_key(host, _winrms(host, name)))


def _shares_key(host: Host, thumbprint: str) -> bool:
    held = _readable(host, thumbprint) if thumbprint else None
    if held is None or held.key is None or held.key.provider_type == CNG:
        return False
    return certificates.key_file_stem(held.key.container) == CONTAINER_FILE


def personal(host: Host, folders: KeyFolders) -> tuple[CertificateState, ...]:
    """The certificates of the machine's personal store, without damaged ones."""
    return tuple(folders.state(certificate) for certificate in _store(host))


def _store(host: Host) -> list[StoredCertificate]:
    found = (_readable(host, thumbprint) for thumbprint in certificates.thumbprints(host.registry, MY))
    return [certificate for certificate in found if certificate is not None]


def _readable(host: Host, thumbprint: str) -> StoredCertificate | None:
    """A certificate of the personal store; of a damaged one nobody knows the key, so the key's owner stays unknown."""
    try:
        return host.certificate(MY, thumbprint)
    except DamagedCertificate:
        return None


def _known(folders: KeyFolders) -> dict[str, str]:
    stems = {certificates.key_file_stem(container): owner for container, owner in CONTAINERS.items()}
    names = folders.names(folders.legacy)
    return {name: stems[name[:32]] for name in names if name[:32] in stems}


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """All that is said of each name: a certificate has several bindings, and a key several certificates."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in pairs:
        found[name].append(text)
    return {name: " and ".join(texts) for name, texts in found.items()}


def _owner(certificate: StoredCertificate, users: str) -> str:
    return f"the certificate {certificate.subject}" + (f", for {users}" if users else "")


def _winrm(host: Host) -> Iterator[Use]:
    for name in host.registry.keys(WSMAN_LISTENERS) or []:
        if thumbprint := _winrms(host, name):
            yield thumbprint, f"WinRM ({name})"


def _winrms(host: Host, name: str) -> str:
    """The certificate of one of WinRM's listeners, which is in the machine's personal store; or empty."""
    return _digits(host, rf"{WSMAN_LISTENERS}\{name}", "certThumbprint")


def _http(host: Host) -> Iterator[Use]:
    """The bindings of HTTP.sys, by address and then by name; those of WinRM are told by its listeners as well."""
    for kind in ("SslBindingInfo", "SslSniBindingInfo"):
        for name in host.registry.keys(rf"{HTTP}\{kind}") or []:
            key = rf"{HTTP}\{kind}\{name}"
            if digest := _binary(host, key, "SslCertHash"):
                named = host.registry.text(key, "HostnamePort") if kind == "SslSniBindingInfo" else name
                yield digest.hex().upper(), f"{_application(host, key)} on {named or name}"


def _application(host: Host, key: str) -> str:
    data = _binary(host, key, "AppId")
    return APPLICATIONS.get(str(uuid.UUID(bytes_le=data)) if len(data) == 16 else "", "HTTP.sys")


def _sql_server(host: Host) -> Iterator[Use]:
    for instance in host.registry.values(SQL_INSTANCES) or {}:
        folder = host.registry.text(SQL_INSTANCES, instance)
        key = rf"{SQL_SERVER}\{folder}\MSSQLServer\SuperSocketNetLib"
        if folder and (thumbprint := _digits(host, key, "Certificate")):
            yield thumbprint, f"SQL Server ({instance})"


def _gateway(request: Request) -> Iterator[Use]:
    """The role's certificate; UNSURE: whether its provider answers while the service is stopped, and serves nobody."""
    service = request.services.get(GATEWAY)
    if service is None:
        return
    try:
        thumbprint = gateway.settings(request.host.cim).thumbprint
    except WsmanFault:
        if service.running:
            raise
        return
    if thumbprint:
        yield thumbprint, "the RD Gateway"


def _digits(host: Host, key: str, name: str) -> str:
    """A thumbprint that is stored as text."""
    return host.registry.text(key, name).replace(" ", "").upper()


def _binary(host: Host, key: str, name: str) -> bytes:
    value = host.registry.read(key, name, "REG_BINARY")
    return value.data if isinstance(value, RegistryValue) and isinstance(value.data, bytes) else b""

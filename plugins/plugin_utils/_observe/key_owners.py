# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Reader: who else keeps keys in the folder that the listener uses. PRIVATE to the collection.

Key files of Windows' own components bear the hash of their container's name (Microsoft's Azure repair scripts list
them); other files are told by the certificates of the machine's personal store, and those by who is bound to them: the
HTTPS listener of WinRM (C(WSMAN\Listener\*+HTTPS), certThumbprint) and what HTTP.sys serves (C(SslBindingInfo),
SslCertHash).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .._cim import certificates
from .._cim.certificates import DamagedCertificate, StoredCertificate
from .._cim.registry import RegistryValue
from .._host import Host
from .._model.keys import CertificateState, KeyOwners
from ._request import Request
from .keys import MY, KeyFolders

WSMAN_LISTENERS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"
HTTP_BINDINGS = r"HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\SslBindingInfo"

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


def read(request: Request) -> KeyOwners:
    """An operation for each certificate of the store, for each binding, and for each key folder."""
    host, folders = request.host, KeyFolders(request.host)
    held = personal(host, folders)
    winrm, bindings = _winrm(host), _bindings(host)
    channel = tuple(_file(certificate) for certificate in held if certificate.thumbprint in winrm)
    return KeyOwners(held, {**_known(folders), **_by_certificate(held, {**bindings, **winrm})}, channel)


def personal(host: Host, folders: KeyFolders) -> tuple[CertificateState, ...]:
    """The certificates of the machine's personal store, without damaged ones."""
    found = (_readable(host, thumbprint) for thumbprint in certificates.thumbprints(host.registry, MY))
    return tuple(folders.state(certificate) for certificate in found if certificate is not None)


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


def _file(certificate: CertificateState) -> str:
    """Name of a certificate's key file in lower case; empty without a private key."""
    return certificate.key_file.path.rpartition("\\")[2].lower() if certificate.key_file else ""


def _by_certificate(held: tuple[CertificateState, ...], uses: Mapping[str, str]) -> dict[str, str]:
    with_key = (certificate for certificate in held if certificate.key_file is not None)
    return {_file(certificate): _owner(certificate, uses.get(certificate.thumbprint, "")) for certificate in with_key}


def _owner(certificate: CertificateState, use: str) -> str:
    return f"the certificate {certificate.subject}" + (f", which {use} uses" if use else "")


def _bindings(host: Host) -> dict[str, str]:
    """What HTTP.sys serves, by thumbprint."""
    found = {}
    for name in host.registry.keys(HTTP_BINDINGS) or []:
        value = host.registry.read(rf"{HTTP_BINDINGS}\{name}", "SslCertHash", "REG_BINARY")
        if isinstance(value, RegistryValue) and isinstance(value.data, bytes):
            found[value.data.hex().upper()] = f"HTTP.sys on {name}"
    return found


def _winrm(host: Host) -> dict[str, str]:
    """The certificates of WinRM's HTTPS listeners, by thumbprint."""
    found = {}
    for name in host.registry.keys(WSMAN_LISTENERS) or []:
        if thumbprint := host.registry.text(rf"{WSMAN_LISTENERS}\{name}", "certThumbprint"):
            found[thumbprint.replace(" ", "").upper()] = f"WinRM ({name})"
    return found

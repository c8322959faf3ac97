# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The certificates of a host's stores, read from its registry.

PRIVATE to the collection. A certificate is one value C(Blob) under C(SystemCertificates\STORE\Certificates\THUMBPRINT):
records of C({u32 property, u32 1, u32 length, data}), little-endian (MS-GPEF 2.2.2.1.1). Property 2 is the serialised
CRYPT_KEY_PROV_INFO, 32 the certificate itself (Microsoft Win32 documentation, CertSetCertificateContextProperty).
"""

from __future__ import annotations

import hashlib
import struct
import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import Registry, RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanError

STORES = r"HKLM\SOFTWARE\Microsoft\SystemCertificates"
KEY_INFO, CERTIFICATE = 2, 32
ALTERNATIVE, COMMON_NAME = "2.5.29.17", "2.5.4.3"
SERVER_AUTH, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"
REMOTE_DESKTOP_AUTH = "1.3.6.1.4.1.311.54.1.2"
"""Remote Desktop Authentication (szOID_TS_KP_TS_SERVER_AUTH of the Windows SDK's credssp.h).

The listener serves with it as with server authentication, and templates for it are advised to name it alone
(gradenegger.eu, Configuring a Certificate Template for Remote Desktop Certificates; pkisolutions.com, Creating RDP
Certificates).
"""
USAGE = "2.5.29.37"
CNG = 0
"""dwProvType of a key of a CNG provider; others are of a legacy provider."""


class DamagedCertificate(WsmanError):
    """A value of a certificate store that holds no certificate, or none that can be read."""

    default_hint = "Look at the store with certlm.msc, and remove what is damaged there."


@dataclass(frozen=True)
class KeyLink:
    """Where a certificate's private key lies: the container's name, and the provider with its type (dwProvType)."""

    container: str
    provider: str
    provider_type: int


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate of a store.

    Attributes:
        server_auth: whether its extended key usage, if it has one, allows server authentication.
        rdp_auth: whether it allows that of a Remote Desktop listener, and maybe no other.
        key_bits: of the public key; None where the algorithm has no such number.
        signature_hash: such as C(sha256); empty where the algorithm has none.
        key: None where the store knows of no private key.
        names: DNS names that it is for: the alternative ones, else the subject's common name (RFC 6125 6.4.4).
    """

    thumbprint: str
    subject: str
    not_before: datetime
    not_after: datetime
    server_auth: bool
    rdp_auth: bool
    key_algorithm: str
    key_bits: int | None
    signature_hash: str
    key: KeyLink | None
    names: tuple[str, ...] = ()


def thumbprints(registry: Registry, store: str) -> list[str]:
    """Return the thumbprints in a store of the machine; none where the store does not exist."""
    return sorted(name.upper() for name in registry.keys(rf"{STORES}\{store}\Certificates") or [])


def read(registry: Registry, store: str, thumbprint: str) -> StoredCertificate | None:
    """Return a certificate of a store of the machine, None when it is not there.

    Raise DamagedCertificate for what is no certificate, ChannelUnavailable without the package cryptography.
    """
    value = registry.read(rf"{STORES}\{store}\Certificates\{thumbprint}", "Blob", "REG_BINARY")
    if not isinstance(value, RegistryValue) or not isinstance(value.data, bytes):
        return None
    return parse(value.data)


def damage(registry: Registry, store: str, thumbprint: str) -> bytes:
    """Return what is in place of a certificate and is none; empty where it is whole, whether or not we can read it."""
    value = registry.read(rf"{STORES}\{store}\Certificates\{thumbprint}", "Blob", "REG_BINARY")
    blob = value.data if isinstance(value, RegistryValue) and isinstance(value.data, bytes) else b""
    try:
        der = _records(blob).get(CERTIFICATE, b"")
    except DamagedCertificate:
        return blob
    whole = hashlib.sha1(der, usedforsecurity=False).hexdigest().upper() == thumbprint
    return b"" if whole else blob


def key_id(registry: Registry, store: str, thumbprint: str) -> str:
    """Return the SHA-1 of a certificate's public key (RFC 5280 4.2.1.2), empty where the certificate is not there.

    Raise DamagedCertificate for what is no certificate.
    """
    value = registry.read(rf"{STORES}\{store}\Certificates\{thumbprint}", "Blob", "REG_BINARY")
    if not isinstance(value, RegistryValue) or not isinstance(value.data, bytes):
        return ""
    parse(value.data)
    x509 = _libs.need(_libs.X509, "cryptography")
    key = x509.load_der_x509_certificate(_records(value.data)[CERTIFICATE]).public_key()
    return str(x509.SubjectKeyIdentifier.from_public_key(key).digest.hex())


def parse(blob: bytes) -> StoredCertificate:
    """Return what a Blob holds; raise DamagedCertificate when it holds no certificate."""
    records = _records(blob)
    if CERTIFICATE not in records:
        raise DamagedCertificate("A certificate in the host's registry holds no certificate")
    return _described(records[CERTIFICATE], _key_link(records.get(KEY_INFO)))


def _records(blob: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position + 12 <= len(blob):
        number, _encoding, length = struct.unpack_from("<III", blob, position)
        position += 12
        if length > len(blob) - position:
            raise DamagedCertificate("A certificate in the host's registry is cut off")
        found.setdefault(number, blob[position : position + length])
        position += length
    return found


def _key_link(info: bytes | None) -> KeyLink | None:
    if info is None:
        return None
    if len(info) < 28:
        raise DamagedCertificate("A certificate's link to its key is cut off")
    container, provider, kind = struct.unpack_from("<III", info)
    return KeyLink(_text(info, container), _text(info, provider), kind)


def _text(info: bytes, offset: int) -> str:
    """A string at an offset; 0 is none."""
    rest = info[offset:] if 28 <= offset < len(info) else b""
    return rest[: len(rest) // 2 * 2].decode("utf-16-le", "replace").partition("\0")[0]


def _described(der: bytes, key: KeyLink | None) -> StoredCertificate:
    x509 = _libs.need(_libs.X509, "cryptography")
    unknown = _libs.X509_EXCEPTIONS.UnsupportedAlgorithm
    try:
        return _facts(der, x509.load_der_x509_certificate(der), key)
    except (ValueError, unknown, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise DamagedCertificate(f"A certificate in the host's registry cannot be read: {error}") from error


def _facts(der: bytes, certificate: t.Any, key: KeyLink | None) -> StoredCertificate:
    public_key = certificate.public_key()
    return StoredCertificate(
        thumbprint=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        subject=certificate.subject.rfc4514_string(),
        not_before=_moment(certificate, "not_valid_before"),
        not_after=_moment(certificate, "not_valid_after"),
        server_auth=_allows(certificate, SERVER_AUTH),
        rdp_auth=_allows(certificate, SERVER_AUTH, REMOTE_DESKTOP_AUTH),
        key_algorithm=algorithm(public_key),
        key_bits=getattr(public_key, "key_size", None),
        signature_hash=getattr(certificate.signature_hash_algorithm, "name", ""),
        key=key,
        names=_names(certificate),
    )


def algorithm(public_key: object) -> str:
    """The algorithm of a key by its class, such as C(RSA) or C(EC), which cryptography before 42 spells out."""
    name = type(public_key).__name__.lstrip("_").removesuffix("PublicKey")
    return "EC" if name == "EllipticCurve" else name


def _names(certificate: t.Any) -> tuple[str, ...]:
    listed = [extension.value for extension in certificate.extensions if extension.oid.dotted_string == ALTERNATIVE]
    if listed:
        kind = _libs.need(_libs.X509, "cryptography").DNSName
        return tuple(listed[0].get_values_for_type(kind))
    common = [part.value for part in certificate.subject if part.oid.dotted_string == COMMON_NAME]
    return tuple(str(name) for name in common)


def _moment(certificate: t.Any, name: str) -> datetime:
    """A time of the certificate; cryptography before 42 has it without a zone only."""
    aware = getattr(certificate, f"{name}_utc", None)
    return t.cast(datetime, aware or getattr(certificate, name).replace(tzinfo=timezone.utc))


def _allows(certificate: t.Any, *wanted: str) -> bool:
    """Whether one of these usages is allowed; without an extended key usage all are (RFC 5280 4.2.1.12)."""
    usages = [extension.value for extension in certificate.extensions if extension.oid.dotted_string == USAGE]
    return not usages or any(usage.dotted_string in (*wanted, ANY_USAGE) for usage in usages[0])


def key_file_stem(container: str) -> str:
    """The first half of the name of a legacy provider's key file, before C(_MachineGuid).

    MD5 of the name in lower case with its end, written as four little-endian numbers: so TSSecKeySet1 gives f686aace…,
    iisConfigurationKey 6de9cb26…, as published lists of these files have them.
    """
    digest = hashlib.md5(container.lower().encode("utf-8", "replace") + b"\0", usedforsecurity=False).digest()
    return "".join(f"{number:08x}" for number in struct.unpack("<4I", digest))

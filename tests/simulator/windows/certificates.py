# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener's certificate: the store in the registry, the key file behind it, and who may read that.

Sources: W32 CryptoAPI (serialised certificate properties 2, 3 and 32), MS-GPEF 2.2.2.1.1, Microsoft Support
"Troubleshoot RDP internal error", Azure repair-script-library win-fix-rdp-certificate.ps1 (measured key file and
descriptors).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.simulator.windows import events
from tests.simulator.windows.clock import Clock
from tests.simulator.windows.editions import Edition
from tests.simulator.windows.events import EventLog
from tests.simulator.windows.files import CNG_KEYS, MACHINE_KEYS, MACHINE_KEYS_SDDL, READ_DATA, FileSystem
from tests.simulator.windows.keys import POOL_SIZE, SPECIAL, PrivateKey, private_key
from tests.simulator.windows.machine import Machine
from tests.simulator.windows.registry import CREATE_SUB_KEY, Registry, Type
from tests.simulator.windows.security import NETWORK_SERVICE_TOKEN, SYSTEM_TOKEN

STORES = r"HKLM\SOFTWARE\Microsoft\SystemCertificates"
REMOTE_DESKTOP, MY = "Remote Desktop", "MY"
WINSTATIONS = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations"
LISTENER = WINSTATIONS + r"\RDP-Tcp"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
CONTAINER = "TSSecKeySet1"
LEGACY_PROVIDER = "Microsoft Enhanced Cryptographic Provider v1.0"
KEY_FILE_2016 = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;NS)(A;;FR;;;BA)"
KEY_FILE_2019 = (
    "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;NS)(A;;FA;;;S-1-5-80-4022436659-1090538466-1613889075-870485073-3428993833)"
)
VALIDITY = timedelta(days=183)

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
REMOTE_DESKTOP_ONLY = x509.ObjectIdentifier("1.3.6.1.4.1.311.54.1.2")
"""Remote Desktop Authentication, which templates for the listener name instead (gradenegger.eu)."""

SERVING = (SERVER, REMOTE_DESKTOP_ONLY)
CNG_PROVIDER = "Microsoft Software Key Storage Provider"
MACHINE_GUID = r"HKLM\SOFTWARE\Microsoft\Cryptography"

PROP_KEY_PROV_INFO, PROP_SHA1, PROP_CERTIFICATE = 2, 3, 32


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate of a store: ``der``, and where its key lies (``container`` empty when it has none)."""

    der: bytes
    container: str = ""
    provider: str = LEGACY_PROVIDER
    provider_type: int = 1

    @property
    def thumbprint(self) -> str:
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)

    @property
    def elliptic(self) -> bool:
        """Whether its key is on an elliptic curve; else it is an RSA key."""
        return isinstance(self.certificate.public_key(), EllipticCurvePublicKey)

    @property
    def public_key(self) -> bytes:
        """The subjectPublicKey of the certificate (RFC 3279 2.3.1, RFC 5480 2.2)."""
        key = self.certificate.public_key()
        if isinstance(key, EllipticCurvePublicKey):
            return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)

    @property
    def blob(self) -> bytes:
        """The registry's Blob: records of property id, 1, length, data."""
        records = [] if not self.container else [(PROP_KEY_PROV_INFO, self._key_info())]
        records += [(PROP_SHA1, bytes.fromhex(self.thumbprint)), (PROP_CERTIFICATE, self.der)]
        return b"".join(struct.pack("<III", number, 1, len(data)) + data for number, data in records)

    def _key_info(self) -> bytes:
        container, provider = (text.encode("utf-16-le") + b"\0\0" for text in (self.container, self.provider))
        head = struct.pack("<IIIIIII", 28, 28 + len(container), self.provider_type, 0x20, 0, 0, 1)
        return head + container + provider

    @classmethod
    def from_blob(cls, blob: bytes) -> StoredCertificate | None:
        """What a Blob holds; None when there is no certificate in it."""
        records = _records(blob)
        if not _is_certificate(records.get(PROP_CERTIFICATE, b"")):
            return None
        info = records.get(PROP_KEY_PROV_INFO)
        if info is None:
            return cls(records[PROP_CERTIFICATE])
        name, provider, kind = struct.unpack_from("<III", info)
        return cls(records[PROP_CERTIFICATE], _text(info[name:]), _text(info[provider:]), kind)


def container_file(container: str) -> str:
    """First part of a key file's name: MD5 of the container's name in lower case with its NUL, as four numbers.

    The files of TSSecKeySet1 (f686aace…) and iisConfigurationKey (6de9cb26…) bear it out.
    """
    digest = hashlib.md5(container.lower().encode() + b"\0", usedforsecurity=False).digest()
    return "".join(f"{number:08x}" for number in struct.unpack("<IIII", digest))


def _records(blob: bytes) -> dict[int, bytes]:
    found, position = {}, 0
    while position + 12 <= len(blob):
        number, _one, length = struct.unpack_from("<III", blob, position)
        found[number] = blob[position + 12 : position + 12 + length]
        position += 12 + length
    return found


def _is_certificate(der: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(der)
    except ValueError:
        return False
    return True


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").split("\0")[0]


@lru_cache(maxsize=4096)
def self_signed(
    common_name: str, key_index: int, start: datetime, end: datetime, usage: x509.ObjectIdentifier = SERVER
) -> bytes:
    """DER of a certificate as Windows makes it for its listener: SHA-256, one extended key usage."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    key = private_key(key_index)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(f"{common_name}{start}{key_index}".encode()).digest()[:15], "big"))
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    always_the_same = True if isinstance(key, EllipticCurvePrivateKey) else None
    signed = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=always_the_same)
    return signed.public_bytes(serialization.Encoding.DER)


SHA256_WITH_RSA, SHA1_WITH_RSA = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
"""Object identifiers of signatures (RFC 8017 A.2.4), of equal length."""


def signed_with_sha1(der: bytes, key: PrivateKey) -> bytes:
    """The same certificate with an outdated signature of its RSA key, which the library makes no more."""
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the object identifiers are those of RSA signatures")
    body = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    outdated = body.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    head = der.partition(body)[0]
    signature = key.sign(outdated, PKCS1v15(), hashes.SHA1())  # noqa: S303  # what is to be found outdated
    rest = der.partition(body)[2][: -len(signature)].replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    return head + outdated + rest + signature


@dataclass(frozen=True)
class Request:
    """A certificate to be: ``key`` of the pool, its file's descriptor (empty: no file), usage, time and signature.

    ``linked`` is whether the store knows of the key: without that it was imported as a mere certificate.
    """

    key: int = 0
    sddl: str = KEY_FILE_2019
    container: str = ""
    cng: bool = False
    usage: x509.ObjectIdentifier = SERVER
    start: datetime | None = None
    validity: timedelta = timedelta(days=365)
    sha1: bool = False
    linked: bool = True


class ListenerCertificates:
    """The certificates that the RDP listener can use, and their keys."""

    def __init__(
        self, clock: Clock, registry: Registry, files: FileSystem, log: EventLog, machine: Machine, edition: Edition,
        *, switches: Mapping[str, object],
    ) -> None:  # fmt: skip
        self._clock = clock
        self._registry = registry
        self._files = files
        self._log = log
        self._machine = machine
        self._edition = edition
        self._switches = switches
        self._started_with: str | None = None
        self._next_key = int(machine.guid[:4], 16) % POOL_SIZE

    @property
    def key_file(self) -> str:
        """Path of the listener's own key file."""
        return self.path_of(CONTAINER)

    def path_of(self, container: str, folder: str = MACHINE_KEYS) -> str:
        """Path of a container's key file: it ends with what the registry says is the MachineGuid."""
        guid = self._registry.get(MACHINE_GUID, "MachineGuid", self._machine.guid)
        return f"{folder}\\{container_file(container)}_{guid}"

    @property
    def key_file_sddl(self) -> str:
        return KEY_FILE_2016 if self._edition.admins_read_key else KEY_FILE_2019

    def file_of(self, certificate: StoredCertificate) -> str:
        """Path of the key file of a certificate."""
        return self.path_of(certificate.container, MACHINE_KEYS if certificate.provider_type else CNG_KEYS)

    def in_store(self, store: str, thumbprint: str) -> StoredCertificate | None:
        blob = self._registry.get(f"{STORES}\\{store}\\Certificates\\{thumbprint}", "Blob")
        return StoredCertificate.from_blob(blob) if isinstance(blob, bytes) else None

    def pinned(self) -> str:
        """Thumbprint that the listener is told to use, or empty."""
        value = self._registry.get(LISTENER, "SSLCertificateSHA1Hash")
        return value.hex().upper() if isinstance(value, bytes) and value else ""

    def start(self) -> None:
        """TermService has started: read what is read then."""
        self._started_with = self.pinned()

    def _live_pin(self) -> str:
        """Thumbprint that the listener acts on, or empty: as stored now or when TermService started, by the switch."""
        late = self._switches["live_pin"] == "after_restart" and self._started_with is not None
        return str(self._started_with) if late else self.pinned()

    def by_template(self) -> StoredCertificate | None:
        """The certificate that was enrolled by the template which policy names, if that came about."""
        value = self._registry.get(WINSTATIONS, "TemplateCertificate")
        if not self._registry.get(POLICY, "CertTemplateName") or not isinstance(value, bytes):
            return None
        return self.in_store(MY, value.hex().upper())

    def own(self) -> StoredCertificate | None:
        """The self-signed certificate that Windows made for the listener."""
        value = self._registry.get(WINSTATIONS, "SelfSignedCertificate")
        return self.in_store(REMOTE_DESKTOP, value.hex().upper()) if isinstance(value, bytes) else None

    def bound(self) -> StoredCertificate | None:
        """The certificate that connections get: by policy's template, else the pinned one, else the self-signed one."""
        return self._chosen(self._live_pin())

    def stored(self) -> StoredCertificate | None:
        """The certificate that connections get by what is stored, once it is live."""
        return self._chosen(self.pinned())

    def _chosen(self, pin: str) -> StoredCertificate | None:
        template = self.by_template()
        if template is not None or not pin:
            return template or self.own()
        return self.in_store(MY, pin) or (self.own() if self._switches["pinned_missing"] == "own" else None)

    def key_usable(self, certificate: StoredCertificate) -> bool:
        """Whether TermService's account can open the private key that belongs to the certificate."""
        path = self.file_of(certificate)
        entry = self._files.find(path)
        if not certificate.container or entry is None:
            return False
        return entry.descriptor.allows(NETWORK_SERVICE_TOKEN, READ_DATA) and entry.content == key_content(
            self.key_index(certificate)
        )

    def key_index(self, certificate: StoredCertificate) -> int:
        """Which key of the pool the certificate was made with; -1 for none of them."""
        public = certificate.certificate.public_key()
        return next((i for i in (*range(POOL_SIZE), *SPECIAL) if private_key(i).public_key() == public), -1)

    def report(self) -> None:
        """What TermService writes about the certificate when it starts: expired (1053), wrong usage (1054)."""
        bound = self.bound()
        if bound is None:
            return
        certificate = bound.certificate
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if certificate.not_valid_after_utc <= self._clock.now():
            self._log.write(events.REMOTE_CONNECTION_MANAGER, 1053, events.WARNING)
        if not any(serving in usage for serving in SERVING):
            self._log.write(events.REMOTE_CONNECTION_MANAGER, 1054, events.ERROR)

    def add(self, name: str, request: Request) -> StoredCertificate:
        """Put a certificate with its key into the machine's own store."""
        start = (request.start or self._clock.now()).replace(microsecond=0)
        der = self_signed(name, request.key, start, start + request.validity, request.usage)
        if request.sha1:
            der = signed_with_sha1(der, private_key(request.key))
        provider = CNG_PROVIDER if request.cng else LEGACY_PROVIDER
        container = (request.container or f"tp-{name}") if request.linked else ""
        certificate = StoredCertificate(der, container, provider, int(not request.cng))
        self.store(MY, certificate)
        if request.sddl and request.linked:
            self._files.add(self.file_of(certificate), request.sddl, content=key_content(request.key), size=2305)
        return certificate

    def pin(self, certificate: StoredCertificate) -> None:
        """Bind the listener to a certificate."""
        self._registry.put(LISTENER, "SSLCertificateSHA1Hash", Type.BINARY, bytes.fromhex(certificate.thumbprint))

    def ensure(self) -> None:
        """What Windows does when its services start: make the self-signed certificate if it is absent or expired.

        A certificate whose key file exists but cannot be read is left alone: that never heals by itself.
        """
        if self.pinned() and not self._switches["own_while_pinned"]:
            return
        own = self.own()
        if own is None and self._damaged() and not self._switches["damaged_replaced"]:
            return
        now = self._clock.now()
        expired = own is not None and own.certificate.not_valid_after_utc <= now
        key_gone = own is not None and self._files.find(self.file_of(own)) is None
        if own is None or expired or key_gone:
            self._create(replacing=own if expired else None)

    def _damaged(self) -> bool:
        """Whether something that is no certificate is in the place of the one that is named."""
        value = self._registry.get(WINSTATIONS, "SelfSignedCertificate")
        named = value.hex().upper() if isinstance(value, bytes) else ""
        return self._registry.get(f"{STORES}\\{REMOTE_DESKTOP}\\Certificates\\{named}", "Blob") is not None

    def _create(self, replacing: StoredCertificate | None) -> None:
        if not self._may_create():
            self._log.write(events.REMOTE_CONNECTION_MANAGER, 1058 if replacing else 1057, events.ERROR)
            return
        self.issue()
        self._log.write(events.REMOTE_CONNECTION_MANAGER, 1056, events.INFORMATION, self._machine.dns_name)

    def _may_create(self) -> bool:
        stores = [path for path in (f"{STORES}\\{REMOTE_DESKTOP}\\Certificates", f"{STORES}\\{REMOTE_DESKTOP}")
                  if self._registry.exists(path)]  # fmt: skip
        writable = all(self._registry.descriptor(path).allows(SYSTEM_TOKEN, CREATE_SUB_KEY) for path in stores)
        return writable and self._files.may_create_in(MACHINE_KEYS)

    def issue(self, start: datetime | None = None, validity: timedelta = VALIDITY) -> StoredCertificate:
        """Make the self-signed certificate, in the same key file as ever."""
        begin = (start or self._clock.now()).replace(microsecond=0)
        self._drop_own()
        index = self._take_key()
        der = self_signed(self._machine.dns_name, index, begin, begin + validity)
        certificate = StoredCertificate(der, CONTAINER)
        self._write_key_file(index)
        self.store(REMOTE_DESKTOP, certificate)
        self._registry.put(WINSTATIONS, "SelfSignedCertificate", Type.BINARY, bytes.fromhex(certificate.thumbprint))
        return certificate

    def store(self, store: str, certificate: StoredCertificate) -> None:
        """Put a certificate into a store of the machine."""
        key = f"{STORES}\\{store}\\Certificates\\{certificate.thumbprint}"
        self._registry.put(key, "Blob", Type.BINARY, certificate.blob)

    def _take_key(self) -> int:
        entry = self._files.find(self.key_file)
        if entry is not None and not self._switches["new_key_on_renewal"]:
            return int(entry.content.removeprefix("key "))
        self._next_key = (self._next_key + 1) % POOL_SIZE
        return self._next_key

    def make_folder(self) -> None:
        """Make the key folder again where it is missing."""
        if self._files.find(MACHINE_KEYS) is None:
            self._files.add(MACHINE_KEYS, MACHINE_KEYS_SDDL, folder=True)

    def _write_key_file(self, index: int) -> None:
        self.make_folder()
        self._files.add(self.key_file, self.key_file_sddl, content=key_content(index), size=2305)

    def _drop_own(self) -> None:
        own = self.own()
        if own is not None:
            self._registry.delete_tree(f"{STORES}\\{REMOTE_DESKTOP}\\Certificates\\{own.thumbprint}")


def key_content(index: int) -> str:
    """How a key file's content is written in the state."""
    return f"key {index}"

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates as the registry keeps them: whole ones, and what hostile or damaged hosts may hold."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from unittest.mock import Mock

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import certificates
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.certificates import (
    DamagedCertificate,
    KeyLink,
    key_file_stem,
    parse,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import Absent, RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import ChannelUnavailable
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

START = datetime(2026, 6, 18, 12, 0, tzinfo=timezone.utc)


def made(
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.SERVER_AUTH, key: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """DER of a certificate with an elliptic-curve key, which is quick to make."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "HOST017")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(17).not_valid_before(START).not_valid_after(START + timedelta(days=183))
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


DER = made()


def record(number: int, data: bytes) -> bytes:
    return struct.pack("<III", number, 1, len(data)) + data


def key_info(container: str, provider: str, kind: int) -> bytes:
    names = [text.encode("utf-16-le") + b"\0\0" for text in (container, provider)]
    return struct.pack("<7I", 28, 28 + len(names[0]), kind, 0x20, 0, 0, 1) + b"".join(names)


BLOB = (
    record(3, bytes(20))
    + record(2, key_info("TSSecKeySet1", "Microsoft Enhanced Cryptographic Provider v1.0", 1))
    + record(11, "friendly".encode("utf-16-le"))
    + record(32, DER)
)


def test_a_certificate_is_read_with_the_link_to_its_key() -> None:
    found = parse(BLOB)
    assert found.key == KeyLink("TSSecKeySet1", "Microsoft Enhanced Cryptographic Provider v1.0", 1)
    assert (found.subject, found.not_before, found.not_after) == ("CN=HOST017", START, START + timedelta(days=183))
    assert (found.server_auth, found.key_bits, found.signature_hash) == (True, 256, "sha256")
    assert found.thumbprint == x509.load_der_x509_certificate(DER).fingerprint(hashes.SHA1()).hex().upper()


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("ECPublicKey", "EC"),
        ("_EllipticCurvePublicKey", "EC"),
        ("RSAPublicKey", "RSA"),
        ("_RSAPublicKey", "RSA"),
        ("Ed25519PublicKey", "Ed25519"),
    ],
)
def test_an_algorithm_is_named_alike_whatever_the_package_calls_its_keys(name: str, algorithm: str) -> None:
    """The names with a leading underscore are those of cryptography before 42."""
    assert certificates.algorithm(type(name, (), {})()) == algorithm
    assert parse(BLOB).key_algorithm == "EC"


def test_a_certificate_without_a_link_has_no_key() -> None:
    assert parse(record(32, DER)).key is None


@pytest.mark.parametrize(
    ("usage", "anything", "listener"),
    [(None, True, True), (ExtendedKeyUsageOID.SERVER_AUTH, True, True),
     (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, True, True), (ExtendedKeyUsageOID.CLIENT_AUTH, False, False),
     (x509.ObjectIdentifier("1.3.6.1.4.1.311.54.1.2"), False, True)],
)  # fmt: skip
def test_which_usages_serve_a_listener(usage: x509.ObjectIdentifier | None, anything: bool, listener: bool) -> None:
    found = parse(record(32, made(usage)))
    assert (found.server_auth, found.rdp_auth) == (anything, listener)


@pytest.mark.parametrize(
    "blob",
    [b"", b"\0" * 11, record(3, bytes(20)), record(32, DER[:-1]), record(32, b"x"), record(32, DER)[:-1],
     record(2, bytes(27)) + record(32, DER)],
)  # fmt: skip
def test_what_is_no_certificate_is_said_to_be_damaged(blob: bytes) -> None:
    with pytest.raises(DamagedCertificate):
        parse(blob)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.integers(0, len(BLOB) - 1), st.integers(1, 255))
def test_a_damaged_blob_is_read_or_refused(place: int, flip: int) -> None:
    damaged = bytearray(BLOB)
    damaged[place] ^= flip
    try:
        found = parse(bytes(damaged))
    except DamagedCertificate:
        return
    assert len(found.thumbprint) == 40


def test_a_key_is_known_again_in_another_certificate() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made_with_it = [made(usage, key) for usage in (None, ExtendedKeyUsageOID.SERVER_AUTH)]
    stored = [RegistryValue("REG_BINARY", record(32, der)) for der in (*made_with_it, DER)]
    registry = Mock(read=Mock(side_effect=[*stored, Absent(key_exists=False)]))
    first, second, other, absent = (certificates.key_id(registry, "My", "00") for _read in range(4))
    assert first == second != other
    assert absent == ""


def test_without_the_package_it_is_said_which_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates._libs, "X509", None)
    with pytest.raises(ChannelUnavailable, match="cryptography"):
        parse(BLOB)


@pytest.mark.parametrize(
    ("container", "stem"),
    [
        ("TSSecKeySet1", "f686aace6942fb7f7ceb231212eef4a4"),
        ("iisConfigurationKey", "6de9cb26d2b98c01ec4e9e8b34824aa2"),
        ("NetFrameworkConfigurationKey", "d6d986f09a1ee04e24c949879fdb506c"),
        ("iisWasKey", "76944fb33636aeddb9590521c2e8815a"),
        ("Microsoft Internet Information Server", "c2319c42033a5ca7f44e731bfd3fa2b5"),
    ],
)
def test_key_files_are_named_after_their_container(container: str, stem: str) -> None:
    """As Microsoft's Azure repair scripts and published lists of MachineKeys have them."""
    assert key_file_stem(container) == stem

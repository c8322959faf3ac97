# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates made by a maintained library, read by ours; and bytes that are none."""

from __future__ import annotations

import datetime
import functools
import hashlib
import ipaddress

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.certificate import (
    Certificate,
    public_key,
    read_certificate,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.messages import tlv
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.scripted import make_certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

UTC = datetime.timezone.utc
NOW = datetime.datetime(2026, 6, 1, tzinfo=UTC)
START, END = datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2026, 7, 1, 12, 30, 15, tzinfo=UTC)


def encode(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


@functools.lru_cache
def windows_like() -> bytes:
    """What Windows makes for itself."""
    return encode(make_certificate(valid=(START, END))[0])


def elliptic(
    subject: x509.Name, issuer: x509.Name, *extensions: x509.ExtensionType, end: datetime.datetime = END
) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), 7, START, end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return encode(builder.sign(key, hashes.SHA384()))


def name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def test_self_signed() -> None:
    data = windows_like()
    assert read_certificate(data, NOW) == Certificate(
        sha1=hashlib.sha1(data).hexdigest().upper(),
        sha256=hashlib.sha256(data).hexdigest().upper(),
        subject="CN=win01.example.org",
        issuer="CN=win01.example.org",
        common_name="win01.example.org",
        names=("win01.example.org", "win01"),
        not_before="2026-01-01T00:00:00Z",
        not_after="2026-07-01T12:30:15Z",
        serial="1a2b3c",
        signature_algorithm="sha256WithRSAEncryption",
        key_algorithm="RSA",
        key_bits=2048,
        self_signed=True,
        expired=False,
        not_yet_valid=False,
        key_usage_server_auth=True,
    )


def rsa_signed(key: rsa.RSAPrivateKey) -> bytes:
    subject = name((NameOID.COMMON_NAME, "weak"))
    return encode(x509.CertificateBuilder(subject, subject, key.public_key(), 7, START, END).sign(key, hashes.SHA256()))


@pytest.mark.parametrize("bits", [1024, 2048, 3072])
def test_the_key_and_its_length(bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    data = rsa_signed(key)
    read = read_certificate(data, NOW)
    assert (read.key_algorithm, read.key_bits) == ("RSA", bits)
    pkcs1 = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    assert public_key(data) == pkcs1


def test_validity_follows_the_clock() -> None:
    late = read_certificate(windows_like(), datetime.datetime(2026, 7, 1, 12, 30, 16, tzinfo=UTC))
    early = read_certificate(windows_like(), datetime.datetime(2025, 12, 31, tzinfo=UTC))
    assert (late.expired, late.not_yet_valid) == (True, False)
    assert (early.expired, early.not_yet_valid) == (False, True)


def test_issued_by_an_authority() -> None:
    subject = name(
        (x509.OID_DOMAIN_COMPONENT, "org"),
        (x509.OID_ORGANIZATION_NAME, "Müller, Sons + Co"),
        (x509.OID_COMMON_NAME, "w"),
    )
    address = x509.IPAddress(ipaddress.ip_address("192.0.2.7"))
    address6 = x509.IPAddress(ipaddress.ip_address("2001:db8::7"))
    mail = x509.RFC822Name("a@example.org")
    alternative = x509.SubjectAlternativeName([address, mail, x509.DNSName("w.example.org"), address6])
    read = read_certificate(elliptic(subject, name((x509.OID_COMMON_NAME, "CA")), alternative), NOW)
    assert read.error is None
    assert read.subject == "CN=w,O=Müller\\, Sons \\+ Co,DC=org"
    assert read.issuer == "CN=CA"
    assert read.self_signed is False
    assert read.names == ("192.0.2.7", "w.example.org", "2001:db8::7")
    assert read.signature_algorithm == "ecdsa-with-SHA384"
    assert (read.key_algorithm, read.key_bits) == ("EC", None)
    assert read.key_usage_server_auth is None


@pytest.mark.parametrize(
    ("usage", "allowed"),
    [
        (x509.OID_SERVER_AUTH, True),
        (x509.ObjectIdentifier("1.3.6.1.4.1.311.54.1.2"), True),
        (x509.ObjectIdentifier("2.5.29.37.0"), True),
        (x509.OID_CLIENT_AUTH, False),
        (None, None),
    ],
)
def test_extended_key_usage(usage: x509.ObjectIdentifier | None, allowed: object) -> None:
    certificate = make_certificate(valid=(START, END), usage=usage)[0]
    assert read_certificate(encode(certificate), NOW).key_usage_server_auth is allowed


def test_no_names_and_a_far_end() -> None:
    empty = x509.Name([])
    read = read_certificate(elliptic(empty, empty, end=datetime.datetime(2099, 1, 1, tzinfo=UTC)), NOW)
    assert (read.subject, read.common_name, read.names) == ("", None, ())
    assert read.not_after == "2099-01-01T00:00:00Z"
    assert read.error is None


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"HTTP/1.1", tlv(0x30, tlv(0x30, b"") * 3)])
def test_no_certificate(data: bytes) -> None:
    read = read_certificate(data, NOW)
    assert read.error
    assert read.sha256 == hashlib.sha256(data).hexdigest().upper()
    assert read.subject is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"260101000000Z", b"26010100000+0"),
        (b"260101000000Z", b"261301000000Z"),
        (b"260101000000Z", "260101000000²".encode("latin-1")),
        (bytes.fromhex("170d3236303130"), bytes.fromhex("160d3236303130")),
    ],
)
def test_malformed_time(old: bytes, new: bytes) -> None:
    assert old in windows_like()
    assert "time" in str(read_certificate(windows_like().replace(old, new), NOW).error)


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_certificate_never_raises(data: st.DataObject) -> None:
    damaged = bytearray(windows_like())
    for _dummy in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for octets in (bytes(damaged), bytes(damaged[:cut])):
        read = read_certificate(octets, NOW)
        assert read.error is not None or read.not_after is not None

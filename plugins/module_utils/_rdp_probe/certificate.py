# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of an X.509 certificate that matter to RDP.

FOR INTERNAL COLLECTION USE ONLY. Layout: RFC 5280 4.1; names as in RFC 4514; nothing is verified.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import ipaddress
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.der import DerError, Element

_COMMON_NAME = "2.5.4.3"
_ATTRIBUTES: dict[str, str] = {
    _COMMON_NAME: "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_SIGNATURES: dict[str, str] = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
}
_KEYS: dict[str, str] = {"1.2.840.113549.1.1.1": "RSA", "1.2.840.10045.2.1": "EC"}
_SUBJECT_ALT_NAME, _EXTENDED_KEY_USAGE = "2.5.29.17", "2.5.29.37"
_SERVING = ("1.3.6.1.5.5.7.3.1", "1.3.6.1.4.1.311.54.1.2", "2.5.29.37.0")
"""Usages with which a listener serves: server authentication, Remote Desktop Authentication, which is that for Remote
Desktop alone (szOID_TS_KP_TS_SERVER_AUTH of the Windows SDK's credssp.h), and any."""
_TEXT_ENCODINGS: dict[int, str] = {0x0C: "utf-8", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_VERSION, _EXTENSIONS = 0xA0, 0xA3


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What a server showed.

    Attributes:
        sha1: The thumbprint as Windows writes it: hexadecimal, upper case, no separators. `sha256` alike.
        subject: Distinguished name, most specific part first, `issuer` alike.
        common_name: The subject's first CN.
        names: DNS names and addresses of the subject alternative name.
        not_before: ISO 8601, UTC; `not_after` alike.
        serial: Hexadecimal.
        signature_algorithm: Its name, or the dotted identifier of one that is not in the table.
        key_algorithm: `RSA` or `EC`, or the dotted identifier of another one.
        key_bits: Length of an RSA key; None for others.
        self_signed: Subject and issuer are the same; the signature is not verified.
        expired: By this machine's clock; `not_yet_valid` alike.
        key_usage_server_auth: Whether the extended key usage allows server authentication, be it for Remote Desktop
            alone; None without that extension.
        error: Why the rest could not be read; then only the hashes are known.
    """

    sha1: str
    sha256: str
    subject: str | None = None
    issuer: str | None = None
    common_name: str | None = None
    names: tuple[str, ...] = ()
    not_before: str | None = None
    not_after: str | None = None
    serial: str | None = None
    signature_algorithm: str | None = None
    key_algorithm: str | None = None
    key_bits: int | None = None
    self_signed: bool | None = None
    expired: bool | None = None
    not_yet_valid: bool | None = None
    key_usage_server_auth: bool | None = None
    error: str | None = None


def read_certificate(data: bytes, now: datetime.datetime) -> Certificate:
    """Describe a certificate in DER; one that cannot be read keeps its hashes and says why. `now` has a time zone."""
    hashes = Certificate(
        # The SHA-1 thumbprint is how Windows names a certificate; nothing relies on its strength.
        sha1=hashlib.new("sha1", data, usedforsecurity=False).hexdigest().upper(),
        sha256=hashlib.sha256(data).hexdigest().upper(),
    )
    try:
        return dataclasses.replace(hashes, **_facts(data, now))
    except DerError as error:
        return dataclasses.replace(hashes, error=str(error))


def _facts(data: bytes, now: datetime.datetime) -> dict[str, t.Any]:
    """Read all but the hashes; raises DerError."""
    fields = _fields(data)
    serial, signature, issuer, validity, subject = fields[:5]
    not_before, not_after = (_time(element) for element in _exactly(validity, 2))
    extensions = _extensions(fields[5:])
    return {
        "subject": _name_text(subject),
        "issuer": _name_text(issuer),
        "common_name": next((value for oid, value in _name_parts(subject) if oid == _COMMON_NAME), None),
        "names": _alternative_names(extensions.get(_SUBJECT_ALT_NAME)),
        "not_before": iso_time(not_before),
        "not_after": iso_time(not_after),
        "serial": f"{der.integer(serial):x}",
        "signature_algorithm": _signature_name(signature),
        **_key_facts(fields[5]),
        "self_signed": subject.encoded == issuer.encoded,
        "expired": now > not_after,
        "not_yet_valid": now < not_before,
        "key_usage_server_auth": _allows_server_auth(extensions.get(_EXTENDED_KEY_USAGE)),
    }


def public_key(data: bytes) -> bytes:
    """Return the subjectPublicKey of a certificate (RFC 5280 4.1.2.7), without its algorithm; raises DerError."""
    return _key_of(_fields(data)[5])


def _key_of(information: Element) -> bytes:
    """Return the key itself of a SubjectPublicKeyInfo; raises DerError."""
    return _exactly(information, 2)[1].expect(der.BIT_STRING).content[1:]


def _key_facts(information: Element) -> dict[str, t.Any]:
    """Name the algorithm of a key, and measure one of RSA (RFC 8017 A.1.1); raises DerError."""
    identifier = der.object_identifier(_first(_exactly(information, 2)[0].expect(der.SEQUENCE)))
    algorithm = _KEYS.get(identifier, identifier)
    if algorithm != "RSA":
        return {"key_algorithm": algorithm}
    modulus = der.integer(_first(der.parse(_key_of(information)).expect(der.SEQUENCE)))
    return {"key_algorithm": algorithm, "key_bits": modulus.bit_length()}


def _fields(data: bytes) -> list[Element]:
    """Return the fields of TBSCertificate from the serial number on: at least six; raises DerError."""
    to_be_signed = _exactly(der.parse(data), 3)[0].expect(der.SEQUENCE).children()
    fields = to_be_signed[1:] if to_be_signed and to_be_signed[0].tag == _VERSION else to_be_signed
    if len(fields) < 6:
        raise DerError("the certificate lacks fields")
    return fields


def _exactly(element: Element, count: int) -> list[Element]:
    """Return the children of a SEQUENCE of `count` elements; raises DerError."""
    children = element.expect(der.SEQUENCE).children()
    if len(children) != count:
        raise DerError(f"a sequence has {len(children)} elements instead of {count}")
    return children


def _first(element: Element) -> Element:
    """Return the first child; raises DerError when there is none."""
    children = element.children()
    if not children:
        raise DerError("a sequence is empty")
    return children[0]


def _signature_name(algorithm: Element) -> str:
    """Name a signature algorithm; raises DerError."""
    identifier = der.object_identifier(_first(algorithm.expect(der.SEQUENCE)))
    return _SIGNATURES.get(identifier, identifier)


def _name_parts(name: Element) -> list[tuple[str, str]]:
    """Read a Name: attribute type and value, in the order of encoding; raises DerError."""
    parts = []
    for relative in name.expect(der.SEQUENCE).children():
        for attribute in relative.expect(der.SET).children():
            kind, value = _exactly(attribute, 2)
            parts.append((der.object_identifier(kind), _text(value)))
    return parts


def _name_text(name: Element) -> str:
    """Write a Name as text, last part first (RFC 4514 2.1); raises DerError."""
    return ",".join(f"{_ATTRIBUTES.get(kind, kind)}={_escape(value)}" for kind, value in reversed(_name_parts(name)))


def _escape(value: str) -> str:
    """Escape what separates parts (RFC 4514 2.4)."""
    return "".join("\\" + character if character in ',+"\\<>;=' else character for character in value)


def _text(element: Element) -> str:
    """Decode a string type; bytes that do not fit become replacement characters."""
    return element.content.decode(_TEXT_ENCODINGS.get(element.tag, "latin-1"), errors="replace")


def _time(element: Element) -> datetime.datetime:
    """Read UTCTime or GeneralizedTime in the forms of RFC 5280 4.1.2.5; raises DerError."""
    text = element.content.decode("latin-1")
    if element.tag == der.UTC_TIME and len(text) == 13 and text[:2].isdigit():
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif element.tag != der.GENERALIZED_TIME:
        raise DerError("a time is of an unknown type")
    if len(text) != 15 or not text[:14].isdigit() or text[14] != "Z":
        raise DerError("a time is malformed")
    try:
        return datetime.datetime.fromisoformat(_separated(text)).replace(tzinfo=datetime.timezone.utc)
    except ValueError as error:
        raise DerError("a time is malformed") from error


def _separated(text: str) -> str:
    """Put `yyyymmddHHMMSS` into ISO 8601; strptime takes longer to get ready in each process than all else here."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}"


def iso_time(moment: datetime.datetime) -> str:
    """Write a moment in UTC as ISO 8601, to the second."""
    return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _extensions(fields: list[Element]) -> dict[str, bytes]:
    """Return each extension's value by its identifier; raises DerError."""
    tagged = next((field for field in fields if field.tag == _EXTENSIONS), None)
    if tagged is None:
        return {}
    found = {}
    for extension in _first(tagged).expect(der.SEQUENCE).children():
        parts = extension.expect(der.SEQUENCE).children()
        if len(parts) < 2:
            raise DerError("an extension lacks its value")
        found[der.object_identifier(parts[0])] = parts[-1].expect(der.OCTET_STRING).content
    return found


def _alternative_names(value: bytes | None) -> tuple[str, ...]:
    """Read DNS names and addresses of a subject alternative name (RFC 5280 4.2.1.6); raises DerError."""
    if value is None:
        return ()
    names = der.parse(value).expect(der.SEQUENCE).children()
    return tuple(text for text in (_general_name(name) for name in names) if text is not None)


def _general_name(name: Element) -> str | None:
    """Write a DNS name or an address; None for the other kinds; raises DerError."""
    if name.tag == _DNS_NAME:
        return name.content.decode("latin-1")
    if name.tag != _IP_ADDRESS:
        return None
    try:
        return str(ipaddress.ip_address(name.content))
    except ValueError as error:
        raise DerError("an address has a wrong length") from error


def _allows_server_auth(value: bytes | None) -> bool | None:
    """Read an extended key usage (RFC 5280 4.2.1.12); None when there is none; raises DerError."""
    if value is None:
        return None
    usages = {der.object_identifier(usage) for usage in der.parse(value).expect(der.SEQUENCE).children()}
    return not usages.isdisjoint(_SERVING)

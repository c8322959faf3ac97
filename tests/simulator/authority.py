# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of WinRM over HTTPS: an authority of the fleet's own, the server's and a client's certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.simulator.windows.keys import private_key, private_key_pem

AUTHORITY_KEY, SERVER_KEY, CLIENT_KEY = 0, 1, 2
FLAWS = ("none", "expired", "other_name", "other_authority")
ANOTHER_CHANNEL = b"tls-server-end-point:" + bytes(32)
UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


@dataclass(frozen=True)
class Files:
    """Where the certificates lie; ``client_der`` is what hosts map to an account, ``stranger`` what they have none for.

    ``channel`` names a TLS channel to the server for channel binding (RFC 5929 4: the certificate's SHA-256).
    """

    authority: Path
    server: Path
    client: Path
    client_key: Path
    stranger: Path
    client_der: bytes
    channel: bytes


def write_certificates(folder: Path, addresses: list[str], names: list[str], user: str, flaw: str = "none") -> Files:
    """Make the authority, a server certificate for all hosts, and a client certificate for ``user``.

    ``flaw`` is what is wrong with the server's: it has expired, names no host, or its authority is not the one trusted.
    """
    authority = _sign("WinFleet test authority", AUTHORITY_KEY, None, CA, None)
    alternatives: list[x509.GeneralName] = [x509.IPAddress(ip_address(address)) for address in addresses]
    alternatives += [x509.DNSName(name) for name in names]
    shown = x509.SubjectAlternativeName([x509.DNSName("elsewhere")] if flaw == "other_name" else alternatives)
    ends = timedelta(minutes=-30) if flaw == "expired" else LIFETIME
    server = _sign("winrm", SERVER_KEY, authority, shown, ExtendedKeyUsageOID.SERVER_AUTH, ends)
    principal = f"{user}@localhost".encode()
    upn = x509.OtherName(UPN, bytes([0x0C, len(principal)]) + principal)
    client = _sign(user, CLIENT_KEY, authority, x509.SubjectAlternativeName([upn]), ExtendedKeyUsageOID.CLIENT_AUTH)
    stranger = _sign(
        "Stranger", CLIENT_KEY, authority, x509.SubjectAlternativeName([upn]), ExtendedKeyUsageOID.CLIENT_AUTH
    )
    files = Files(
        folder / "authority.pem", folder / "server.pem", folder / "client.pem", folder / "client-key.pem",
        folder / "stranger.pem", client.public_bytes(serialization.Encoding.DER),
        b"tls-server-end-point:" + server.fingerprint(hashes.SHA256()),
    )  # fmt: skip
    trusted = _sign("Another authority", CLIENT_KEY, None, CA, None) if flaw == "other_authority" else authority
    files.authority.write_bytes(_pem(trusted))
    files.server.write_bytes(_pem(server) + private_key_pem(SERVER_KEY))
    files.client.write_bytes(_pem(client))
    files.stranger.write_bytes(_pem(stranger))
    files.client_key.write_bytes(private_key_pem(CLIENT_KEY))
    return files


def winrm_context(files: Files, *, client_certificates: bool) -> ssl.SSLContext:
    """TLS of the WinRM listeners."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    if client_certificates:
        context.load_verify_locations(files.authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


CA = x509.BasicConstraints(ca=True, path_length=0)
LIFETIME = timedelta(days=30)
KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def _sign(
    common_name: str, key: int, issuer: x509.Certificate | None, extension: x509.ExtensionType,
    usage: x509.ObjectIdentifier | None, ends: timedelta = LIFETIME,
) -> x509.Certificate:  # fmt: skip
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(timezone.utc)
    public = private_key(key).public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + ends)
        .add_extension(extension, critical=issuer is None)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(private_key(AUTHORITY_KEY).public_key()), critical=False
        )
    )
    if issuer is None:  # Python 3.13 is strict: an authority has to say that it signs certificates (RFC 5280 4.2.1.3)
        flags = dict.fromkeys(KEY_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(private_key(AUTHORITY_KEY), hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

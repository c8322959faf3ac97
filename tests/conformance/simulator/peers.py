# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests with independent clients share: certificates, and a server on a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.simulator.http.server import Server, serve
from tests.unit.simulator.wsman.fake_host import FakeHost

Result = TypeVar("Result")


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: an issuer, a server's and a client's certificate with their keys; the client's in DER."""

    issuer: Path
    server: Path
    client: Path
    client_key: Path
    client_der: bytes

    def server_context(self) -> ssl.SSLContext:
        """TLS for a server that takes a client's certificate when there is one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        context.load_verify_locations(self.issuer)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


def make_certificates(folder: Path) -> Certificates:
    """Make all of them."""
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    issuer = _certificate("Test issuer", issuer_key, "Test issuer", issuer_key, ca=True)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("server", "client")}
    made = {name: _certificate(name, key, "Test issuer", issuer_key) for name, key in keys.items()}
    (folder / "issuer.pem").write_bytes(_pem(issuer))
    (folder / "server.pem").write_bytes(_pem(made["server"]) + _pem_key(keys["server"]))
    (folder / "client.pem").write_bytes(_pem(made["client"]))
    (folder / "client.key").write_bytes(_pem_key(keys["client"]))
    der = made["client"].public_bytes(serialization.Encoding.DER)
    files = [folder / name for name in ("issuer.pem", "server.pem", "client.pem", "client.key")]
    return Certificates(files[0], files[1], files[2], files[3], der)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool = False
) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder().subject_name(_name(name)).issuer_name(_name(issuer)).public_key(key.public_key())
    )
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    builder = builder.not_valid_after(now + timedelta(days=1)).add_extension(alternative, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


@dataclass
class Running:
    """A server on its own thread, and its loop."""

    server: Server
    host: FakeHost
    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run something on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def call(self, action: Callable[[], Result]) -> Result:
        """Call something on the server's loop."""

        async def act() -> Result:
            return action()

        return self.run(act())

    @property
    def url(self) -> str:
        """The HTTP address."""
        return f"http://127.0.0.1:{self.server.http_port}/wsman"

    @property
    def secure_url(self) -> str:
        """The HTTPS address."""
        return f"https://127.0.0.1:{self.server.https_port}/wsman"


@contextmanager
def running(host: FakeHost, tls: ssl.SSLContext | None = None) -> Iterator[Running]:
    """Serve a host on free ports of 127.0.0.1."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    server = run(serve(host, "127.0.0.1", 0, 0 if tls else None, tls))
    try:
        yield Running(server, host, loop)
    finally:
        run(server.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that plays any part on 127.0.0.1: each connection gets a thread that runs a script of the test's own."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
import time
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

Script = t.Callable[[socket.socket], None]
SECONDS = 20.0


class ScriptedServer:
    """Listens on a free port and runs the script for each connection; counts the connections."""

    def __init__(self, script: Script, backlog: int = 16, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._script = script
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._listener.listen(backlog)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def start(self) -> ScriptedServer:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def close_listener(self) -> None:
        """Stop listening at once, as a host does whose service stops."""
        self._listener.shutdown(socket.SHUT_RDWR)

    def wait_for_connections(self, count: int) -> None:
        """Wait until so many have been accepted; one more is a failure."""
        deadline = time.monotonic() + SECONDS
        while self.connections < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.connections == count

    def stop(self) -> None:
        self._stopping.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(SECONDS)
        if self.errors:
            raise self.errors[0]

    def _accept(self) -> None:
        self._listener.settimeout(0.05)
        while not self._stopping.is_set():
            try:
                connection = self._listener.accept()[0]
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(SECONDS)
        with connection:
            try:
                self._script(connection)
            except (ConnectionError, ssl.SSLError):
                pass  # The probe hangs up when it has what it wants.
            except BaseException as error:
                self.errors.append(error)
                raise


def confirm(kind: int, flags: int, value: int, source: int = 0x1234) -> bytes:
    """A Connection Confirm with a negotiation structure."""
    return struct.pack(">BBHBBHHB", 3, 0, 19, 14, 0xD0, 0, source, 0) + struct.pack("<BBHL", kind, flags, 8, value)


def selects(protocol: int, flags: int = 0x1F, source: int = 0x1234) -> bytes:
    return confirm(2, flags, protocol, source)


def fails(code: int) -> bytes:
    return confirm(3, 0, code)


#: A Connection Confirm without negotiation, as Windows XP sends it.
LEGACY = bytes.fromhex("0300000b06d00000123400")


def read_request(connection: socket.socket) -> int:
    """Read a Connection Request and return what it asks."""
    data = b""
    while len(data) < 19:
        more = connection.recv(19 - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    assert data[:4] == b"\x03\x00\x00\x13"
    assert data[5] == 0xE0
    return int.from_bytes(data[15:], "little")


def read_hello(connection: socket.socket) -> None:
    """Read the beginning of a ClientHello."""
    data = connection.recv(4096)
    if not data:
        raise ConnectionResetError
    assert data[0] == 0x16


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_end(connection: socket.socket) -> None:
    """Say nothing until the peer hangs up."""
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def answering(answers: t.Mapping[int, bytes], then: Script = wait_for_end) -> Script:
    """A script that answers a request by the table, and goes on when it selects more than Standard RDP."""

    def script(connection: socket.socket) -> None:
        answer = answers[read_request(connection)]
        connection.sendall(answer)
        if len(answer) == 19 and answer[11] == 2 and answer[15]:
            then(connection)

    return script


class Identity(t.NamedTuple):
    """A certificate as a server uses it, and its DER."""

    path: str
    der: bytes


def make_certificate(
    names: t.Sequence[str] = ("win01.example.org", "win01"),
    valid: tuple[datetime.datetime, datetime.datetime] | None = None,
    usage: x509.ObjectIdentifier | None = x509.OID_SERVER_AUTH,
) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """A self-signed certificate like the one that Windows makes for Remote Desktop."""
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = valid or (now - datetime.timedelta(days=1), now + datetime.timedelta(days=180))
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, names[0])])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 0x1A2B3C, start, end).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(key, hashes.SHA256()), key

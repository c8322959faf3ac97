# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An RDP port that is out to harm who probes it: on the layers of X.224, TLS and CredSSP, and over UDP."""

from __future__ import annotations

import datetime
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

Script = Callable[[socket.socket], None]
PATIENCE = 20.0
POISON = "\x1b[2J\x9b2J\r\n\0\u202e{{ 7 * 7 }}$(id)<script>alert(1)</script>"


class Port(socketserver.ThreadingTCPServer):
    """Runs a script on each connection; counts connections, and bytes that went into sockets."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.connections = self.sent = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(socketserver.BaseRequestHandler):
    server: Port

    def handle(self) -> None:
        self.server.connections += 1
        self.request.settimeout(PATIENCE)
        try:
            self.server.script(self.request)
        except OSError:
            # Who probes has hung up, or given up TLS.
            return


@contextmanager
def listening(script: Script) -> Iterator[Port]:
    """A hostile port of 127.0.0.1."""
    with Port(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def silent(connection: socket.socket) -> None:
    """A tarpit: takes everything and says nothing."""
    while connection.recv(65536):
        continue


def says(data: bytes) -> Script:
    """Something at once, and then nothing."""

    def script(connection: socket.socket) -> None:
        connection.sendall(data)
        silent(connection)

    return script


def floods(data: bytes, first: bytes = b"") -> Script:
    """Something without end."""

    def script(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(data)

    return script


def drips(data: bytes, first: bytes = b"") -> Script:
    """One byte after the other, without end."""

    def script(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            for value in data:
                connection.sendall(bytes([value]))
                time.sleep(0.02)

    return script


def confirm(kind: int, value: int, length: int = 8) -> bytes:
    """A Connection Confirm with a negotiation structure (MS-RDPBCGR 2.2.1.2)."""
    return struct.pack(">BBHBBHHB", 3, 0, 19, 14, 0xD0, 0, 0x1234, 0) + struct.pack("<BBHL", kind, 0, length, value)


SELECTS_CREDSSP = confirm(2, 2)
BLOCK = bytes(65536)

X224: Mapping[str, Script] = {
    "tarpit": silent,
    "closes at once": lambda connection: None,
    "drips a header": drips(b"\x03\x00\x40\x00"),
    "drips zeros": drips(b"\0"),
    "floods with zeros": floods(BLOCK),
    "floods with headers": floods(b"\x03\x00\x00\x13" * 4096),
    "floods with confirms": floods(SELECTS_CREDSSP * 1000),
    "longest packet, never whole": says(b"\x03\x00\x40\x00"),
    "longer than the longest": floods(BLOCK, b"\x03\x00\xff\xff"),
    "packet of no length": says(b"\x03\x00\x00\x00"),
    "packet of its header alone": says(b"\x03\x00\x00\x04"),
    "length that lies": says(b"\x03\x00\x00\x13\xff\xd0" + bytes(13)),
    "negotiation that lies": says(confirm(2, 2, 0xFFFF)),
    "selects what nobody knows": says(confirm(2, 0xFFFFFFFF)),
    "fails in an unknown way": says(confirm(3, 0xFFFFFFFF)),
    "neither response nor failure": says(confirm(0xFF, 0)),
    "speaks HTTP": floods(b"HTTP/1.1 200 OK\r\n"),
    "speaks SSH": drips(b"SSH-2.0-OpenSSH\r\n"),
}

TLS: Mapping[str, Script] = {
    "tarpit": silent,
    "floods with zeros": floods(BLOCK),
    "floods with fragments": floods(b"\x16\x03\x03\x00\x01\x02" * 10_000),
    "drips a record": drips(b"\x16\x03\x03\x40\x00\x02\x00\xff\xff"),
    "record longer than the longest": floods(BLOCK, b"\x16\x03\x03\xff\xff"),
    "message of 16 MB": floods(b"\x16\x03\x03\x40\x00" + bytes(16384), b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"),
    "floods with warnings": floods(b"\x15\x03\x03\x00\x02\x01\x5a" * 10_000),
    "unknown alert": says(b"\x15\x03\x03\x00\x02\x02\xff"),
    "speaks HTTP": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}
"""After CredSSP was selected."""


def _element(tag: int, content: bytes) -> bytes:
    """A DER element (X.690 8.1)."""
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


def _nested(levels: int) -> bytes:
    data = b""
    for _level in range(levels):
        data = _element(0x30, data)
    return data


def challenge(name: str, offset: int = 56, timestamp: int = 133_000_000_000_000_000) -> bytes:
    """A CHALLENGE in CredSSP (MS-NLMP 2.2.1.2, MS-CSSP 2.2.1) whose names are all the same."""
    text = name.encode("utf-16-le", "surrogatepass")
    info = b"".join(struct.pack("<HH", kind, len(text)) + text for kind in range(1, 6))
    info += struct.pack("<HHQ", 7, 8, timestamp) + bytes(4)
    fields = (b"NTLMSSP\0", 2, 0, 0, 56, 0x02000000, bytes(8), bytes(8), len(info), len(info), offset)
    message = struct.pack("<8sLHHLL8s8sHHL", *fields) + struct.pack("<BBH3xB", 10, 0, 20348, 15) + info
    token = _element(0x30, _element(0x30, _element(0xA0, _element(4, message))))
    return _element(0x30, _element(0xA0, _element(2, b"\x06")) + _element(0xA1, token))


CREDSSP: Mapping[str, Script] = {
    "tarpit": silent,
    "closes": lambda connection: None,
    "floods with zeros": floods(BLOCK),
    "floods with the beginning of a sequence": floods(b"\x30\x84" + b"\x7f\xff\xff\xff" * 4096),
    "drips a sequence": drips(b"\x30\x82\x3f\xff"),
    "length of 126 bytes": says(b"\x30\xfe" + b"\xff" * 126),
    "length without end": says(b"\x30\x80" + bytes(100)),
    "nested": says(_nested(3000)),
    "poisoned names": says(challenge(POISON)),
    "names in half characters": says(challenge("\ud800\udfff\ud800")),
    "names of their greatest length": says(challenge("x" * 1500)),
    "names elsewhere": says(challenge("x", offset=0xFFFFFFFF)),
    "at the end of time": says(challenge("x", timestamp=2**64 - 1)),
    "error without meaning": says(_element(0x30, _element(0xA4, _element(2, b"\x7f" * 100)))),
}
"""Inside TLS."""


def after(first: bytes, then: Script) -> Script:
    """Answer the request, and go on."""

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(first)
        then(connection)

    return script


def inside_tls(pem: Path, then: Script) -> Script:
    """Do TLS as a server, and go on inside it once something has come."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def script(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            then(tls)

    return script


def poisoned_certificate(directory: Path) -> Path:
    """A certificate and its key, in whose names something waits to be obeyed or rendered."""
    key = rsa.generate_private_key(65537, 2048)
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, POISON[:60])])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    alternatives = x509.SubjectAlternativeName([x509.DNSName("\x1b[2Jx"), x509.DNSName("<script>")])
    certificate = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "poisoned.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def udp_flood(datagram: bytes) -> Iterator[int]:
    """A UDP port that answers each datagram with many; yields its number."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.05)
        ended = threading.Event()

        def flood() -> None:
            while not ended.is_set():
                try:
                    peer = sock.recvfrom(65536)[1]
                    for _datagram in range(2000):
                        sock.sendto(datagram, peer)
                except OSError:
                    continue

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        try:
            yield int(sock.getsockname()[1])
        finally:
            ended.set()
            thread.join()

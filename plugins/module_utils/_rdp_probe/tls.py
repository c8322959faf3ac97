# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TLS stage, as permissive as an old client: it judges nothing, it reports what the host can do.

FOR INTERNAL COLLECTION USE ONLY. Alerts: RFC 5246 7.2, RFC 8446 6.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import ssl
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.certificate import (
    Certificate,
    read_certificate,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import (
    ParseError,
    StreamClosedError,
    StreamError,
    StreamTimeoutError,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.name import is_literal

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import Stream

T = t.TypeVar("T")

_CHUNK = 16384
_LONGEST_FLIGHT = 262144
_RECORD_ALERT, _RECORD_HANDSHAKE = 0x15, 0x16
#: OP_LEGACY_SERVER_CONNECT; the ssl module names it from Python 3.12 on.
_LEGACY_SERVER_CONNECT = 0x4

#: RFC 5246 7.2.2; those that a server sends.
ALERT_NAMES: dict[int, str] = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    40: "handshake_failure",
    42: "bad_certificate",
    47: "illegal_parameter",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    112: "unrecognized_name",
    116: "certificate_required",
}


@dataclasses.dataclass(frozen=True)
class TlsResult:
    """How the TLS handshake went.

    Attributes:
        verdict: `ok`, `reset` (closed after ClientHello), `alert`, `timeout`, `not_tls` (other bytes),
            `controller_cannot` (this machine's TLS library refuses), `not_offered` (no protocol with TLS negotiated) or
            `skipped`.
        alert: The alert's number, when one came in the clear.
        version: Such as `TLSv1.2`; `cipher` is OpenSSL's name.
        certificate: What the host showed.
        received_bytes: How much of the host's reply came; none or little, with `timeout`, speaks of a path that loses
            full-size packets.
        error: What went wrong.
    """

    verdict: str = "skipped"
    alert: int | None = None
    version: str | None = None
    cipher: str | None = None
    certificate: Certificate | None = None
    received_bytes: int = 0
    error: str | None = None


@functools.lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """Make the context that takes every version, cipher and certificate; raises ssl.SSLError or ValueError.

    OpenSSL 3 refuses TLS 1.0 and SHA-1 by default, so that hosts which mstsc reaches would look dead. SSLv3 stays off.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Not TLSVersion.TLSv1, which warns from Python 3.10 on, and warnings cannot be silenced safely in a thread.
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= ssl.OP_NO_SSLv3 | _LEGACY_SERVER_CONNECT
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def prepare() -> None:
    """Make the context now: processes that fork from this one then have it. Raises nothing."""
    with contextlib.suppress(ssl.SSLError, ValueError):
        _context()


class TlsChannel:
    """TLS over a Stream through memory buffers, so that the stream's deadline holds for every byte."""

    def __init__(self, stream: Stream, host: str) -> None:
        """Prepare a handshake; a `host` that is a name is sent. Raises ssl.SSLError or ValueError."""
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        server_name = None if is_literal(host) else host
        self.tls = _context().wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self.received = bytearray()

    def handshake(self) -> None:
        """Do the handshake; raises StreamError, ssl.SSLError, ParseError (too many bytes)."""
        self._pump(self.tls.do_handshake)

    def send(self, data: bytes) -> None:
        """Write `data`; raises StreamError."""
        self._exchange(lambda: self.tls.write(data))

    def receive(self, limit: int) -> bytes:
        """Read between 1 and `limit` bytes; raises StreamError, ParseError (too many bytes)."""
        data = self._exchange(lambda: self.tls.read(limit))
        if not data:
            raise StreamClosedError("the host closed the connection")
        return data

    def _exchange(self, operation: t.Callable[[], T]) -> T:
        """Do an operation after the handshake, where any TLS error ends the connection."""
        try:
            return self._pump(operation)
        except ssl.SSLError as error:
            raise StreamClosedError(f"TLS ended: {error.reason or error}") from error

    def _pump(self, operation: t.Callable[[], T]) -> T:
        """Repeat an operation, moving bytes between the buffers and the stream, until it is through."""
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                result = operation()
                self._flush()
                return result
            self._flush()
            self._feed()

    def _flush(self) -> None:
        """Send what TLS has written."""
        data = self._outgoing.read()
        if data:
            self._stream.send(data)

    def _feed(self) -> None:
        """Hand what the host sent to TLS; raises ParseError beyond the longest sensible flight."""
        data = self._stream.receive(_CHUNK)
        self.received += data
        if len(self.received) > _LONGEST_FLIGHT:
            raise ParseError("the host sends without end")
        self._incoming.write(data)


def handshake(stream: Stream, host: str) -> tuple[TlsResult, TlsChannel | None]:
    """Do a TLS handshake; the channel is there when it went well. Raises nothing that the host can cause."""
    try:
        channel = TlsChannel(stream, host)
    except (ssl.SSLError, ValueError) as error:
        return TlsResult("controller_cannot", error=str(error)), None
    try:
        channel.handshake()
    except (ssl.SSLError, StreamError, ParseError) as error:
        return _failed(channel, error), None
    return _succeeded(channel), channel


def _succeeded(channel: TlsChannel) -> TlsResult:
    """Describe the connection."""
    now = datetime.datetime.now(datetime.timezone.utc)
    cipher = channel.tls.cipher()
    data = channel.tls.getpeercert(binary_form=True)
    return TlsResult(
        "ok",
        version=channel.tls.version(),
        cipher=cipher[0] if cipher else None,
        certificate=read_certificate(data, now) if data else None,
        received_bytes=len(channel.received),
    )


def _failed(channel: TlsChannel, error: Exception) -> TlsResult:
    """Tell the ways apart in which a handshake fails."""
    received = bytes(channel.received)
    alert = find_alert(received)
    return TlsResult(_verdict(received, alert, error), alert, received_bytes=len(received), error=_reason(error))


def _verdict(received: bytes, alert: int | None, error: Exception) -> str:
    """Name the way in which a handshake failed."""
    if received and received[0] not in (_RECORD_ALERT, _RECORD_HANDSHAKE):
        return "not_tls"
    if alert is not None or "ALERT" in _reason(error):
        return "alert"
    if isinstance(error, StreamTimeoutError):
        return "timeout"
    if isinstance(error, (StreamClosedError, ssl.SSLZeroReturnError, ssl.SSLEOFError)):
        return "reset"
    return "not_tls" if isinstance(error, ParseError) else "controller_cannot"


def _reason(error: Exception) -> str:
    """Put an error into words: OpenSSL's reason, or the message."""
    return str(getattr(error, "reason", None) or error)


def find_alert(received: bytes) -> int | None:
    """Return the first fatal alert that was sent in the clear; an encrypted one is longer (RFC 8446 5.1)."""
    position = 0
    while position + 5 <= len(received):
        length = int.from_bytes(received[position + 3 : position + 5], "big")
        body = received[position + 5 : position + 5 + length]
        if received[position] == _RECORD_ALERT and len(body) == 2 == length and body[0] == 2:
            return body[1]
        position += 5 + length
    return None

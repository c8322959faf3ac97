# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The X.224 stage: the RDP negotiation request and its answers.

FOR INTERNAL COLLECTION USE ONLY. Layouts: MS-RDPBCGR 2.2.1.1 (request), 2.2.1.2 (confirm, response, failure);
TPKT: RFC 1006 6; X.224 class 0: ITU-T X.224 13.
"""

from __future__ import annotations

import dataclasses
import struct
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import (
    ParseError,
    StreamClosedError,
    StreamError,
    StreamTimeoutError,
)

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import Stream

PROTOCOL_RDP = 0
PROTOCOL_SSL = 1
PROTOCOL_HYBRID = 2
PROTOCOL_HYBRID_EX = 8
CREDSSP_PROTOCOLS = frozenset((PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX))

#: MS-RDPBCGR 2.2.1.2.2
FAILURE_NAMES: dict[int, str] = {
    1: "SSL_REQUIRED_BY_SERVER",
    2: "SSL_NOT_ALLOWED_BY_SERVER",
    3: "SSL_CERT_NOT_ON_SERVER",
    4: "INCONSISTENT_FLAGS",
    5: "HYBRID_REQUIRED_BY_SERVER",
    6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}

#: The source reference that Windows puts into its Connection Confirm; other servers send 0.
WINDOWS_SOURCE_REFERENCE = 0x1234

_TPKT = struct.Struct(">BBH")
_CONNECTION = struct.Struct(">BBHHB")  # length indicator, code, destination, source, class
_NEGOTIATION = struct.Struct("<BBHL")  # type, flags, length, value
_NEG_REQUEST, _NEG_RESPONSE, _NEG_FAILURE = 1, 2, 3
_CODE_REQUEST, _CODE_CONFIRM, _CODE_DISCONNECT, _CODE_DATA = 0xE0, 0xD0, 0x80, 0xF0
_LONGEST_PACKET = 16384

_BANNERS: tuple[tuple[bytes, str], ...] = (
    (b"HTTP", "http"),
    (b"<", "http"),
    (b"SSH-", "ssh"),
    (b"RFB ", "vnc"),
    (b"\x15\x03", "tls"),
    (b"\x16\x03", "tls"),
    (b"220", "ftp or smtp"),
    (b"+OK", "pop3"),
    (b"* OK", "imap"),
    (b"\xff", "telnet"),
)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the host said to one request.

    Attributes:
        outcome: `selected`, `failure`, `legacy` (confirmed without negotiation), `no_reply` (not one byte), `timeout`
            (a reply that does not end), `reset` (closed, reset or disconnected), `not_rdp`, `skipped`, or how the
            connection for this request failed: `timeout`, `refused`, `unreachable`, `error`.
        protocol: The protocol selected (MS-RDPBCGR 2.2.1.2.1).
        failure: The failure code, and `failure_name` its name.
        flags: The flags octet of the negotiation response.
        source_reference: From the Connection Confirm; 0x1234 is Windows.
        protocol_guess: What seems to speak instead of RDP.
    """

    outcome: str
    protocol: int | None = None
    failure: int | None = None
    failure_name: str | None = None
    flags: int | None = None
    source_reference: int | None = None
    protocol_guess: str | None = None


def build_request(protocols: int) -> bytes:
    """Form a Connection Request with an RDP_NEG_REQ for `protocols` and no cookie (19 bytes)."""
    negotiation = _NEGOTIATION.pack(_NEG_REQUEST, 0, _NEGOTIATION.size, protocols)
    length = _CONNECTION.size - 1 + len(negotiation)
    return wrap_tpkt(_CONNECTION.pack(length, _CODE_REQUEST, 0, 0, 0) + negotiation)


def wrap_tpkt(payload: bytes) -> bytes:
    """Put a TPKT header before an X.224 packet."""
    return _TPKT.pack(3, 0, _TPKT.size + len(payload)) + payload


def read_tpkt(stream: Stream) -> bytes:
    """Read one TPKT and return its payload; raises ParseError, and StreamError with what came, header included."""
    head = stream.receive_exactly(_TPKT.size)
    version, _dummy, length = _TPKT.unpack(head)
    if version != 3 or not _TPKT.size < length <= _LONGEST_PACKET:
        raise ParseError("no TPKT header", head)
    try:
        return stream.receive_exactly(length - _TPKT.size)
    except StreamError as error:
        error.partial = head + error.partial
        raise


def parse_confirm(payload: bytes) -> Answer:
    """Read the payload of the TPKT that answers a Connection Request; raises ParseError."""
    if len(payload) < 2:
        raise ParseError("the X.224 packet is too short", payload)
    code = payload[1] & 0xF0
    if code in (_CODE_DISCONNECT, _CODE_DATA):
        return Answer("reset")
    if code != _CODE_CONFIRM or len(payload) < _CONNECTION.size or payload[0] != len(payload) - 1:
        raise ParseError("not an X.224 Connection Confirm", payload)
    source = _CONNECTION.unpack_from(payload)[3]
    return _parse_negotiation(payload[_CONNECTION.size :], source)


def _parse_negotiation(data: bytes, source: int) -> Answer:
    """Read what follows the seven fixed octets of the Connection Confirm; raises ParseError."""
    if not data:
        return Answer("legacy", source_reference=source)
    if len(data) != _NEGOTIATION.size:
        raise ParseError("the negotiation structure has a wrong length", data)
    kind, flags, length, value = _NEGOTIATION.unpack(data)
    if length == _NEGOTIATION.size and kind == _NEG_RESPONSE:
        return Answer("selected", protocol=value, flags=flags, source_reference=source)
    if length == _NEGOTIATION.size and kind == _NEG_FAILURE:
        return Answer("failure", failure=value, failure_name=FAILURE_NAMES.get(value), source_reference=source)
    raise ParseError("the negotiation structure is of an unknown type", data)


def ask(stream: Stream, protocols: int) -> Answer:
    """Send one request and classify the answer; raises nothing that the host can cause."""
    try:
        stream.send(build_request(protocols))
        return parse_confirm(read_tpkt(stream))
    except ParseError as error:
        return Answer("not_rdp", protocol_guess=guess_protocol(error.data))
    except StreamTimeoutError as error:
        return _partial_answer(error.partial, "timeout" if error.partial else "no_reply")
    except StreamClosedError as error:
        return _partial_answer(error.partial, "reset")


def _partial_answer(partial: bytes, outcome: str) -> Answer:
    """Classify a reply that broke off, or none."""
    if partial and partial[0] != 3:
        return Answer("not_rdp", protocol_guess=guess_protocol(partial))
    return Answer(outcome)


def guess_protocol(head: bytes) -> str | None:
    """Name the protocol whose first bytes these look like."""
    return next((name for banner, name in _BANNERS if head.startswith(banner)), None)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TPKT and X.224 connection request and confirm with RDP negotiation (MS-RDPBCGR 2.2.1.1, 2.2.1.2; RFC 1006)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.simulator.windows.listener import Reply

TPKT_HEAD = 4
MAX_REQUEST = 512
CONNECTION_REQUEST, CONNECTION_CONFIRM = 0xE0, 0xD0
NEGOTIATION_REQUEST, NEGOTIATION_RESPONSE, NEGOTIATION_FAILURE = 1, 2, 3
WINDOWS_SOURCE_REFERENCE = 0x1234


class NotRdp(ValueError):
    """Bytes that are no connection request."""


@dataclass(frozen=True)
class ConnectionRequest:
    """What a client asks: its protocols, or None when it does not negotiate."""

    protocols: int | None


def tpkt_length(head: bytes) -> int:
    """The whole packet's length from its first four bytes. Raises NotRdp."""
    version, _reserved, length = struct.unpack(">BBH", head)
    if version != 3 or not 11 <= length <= MAX_REQUEST:
        raise NotRdp("no TPKT")
    return int(length)


def parse_request(packet: bytes) -> ConnectionRequest:
    """Read a connection request. Raises NotRdp."""
    indicator, code = packet[4], packet[5]
    if code != CONNECTION_REQUEST or indicator != len(packet) - 5:
        raise NotRdp("no X.224 connection request")
    rest = packet[11:]
    if rest.startswith((b"Cookie:", b"tsv:")):
        rest = rest.partition(b"\r\n")[2]
    if len(rest) < 8:
        return ConnectionRequest(None)
    kind, _flags, length, protocols = struct.unpack_from("<BBHI", rest)
    if kind != NEGOTIATION_REQUEST or length != 8:
        raise NotRdp("no RDP negotiation request")
    return ConnectionRequest(protocols)


def build_confirm(reply: Reply, flags: int, *, negotiated: bool = True) -> bytes:
    """The answer of Windows: its source reference is 0x1234, and a failure carries no flags."""
    body = b""
    if negotiated or reply.kind == "failure":
        kind = NEGOTIATION_RESPONSE if reply.kind == "selected" else NEGOTIATION_FAILURE
        body = struct.pack("<BBHI", kind, flags if kind == NEGOTIATION_RESPONSE else 0, 8, reply.code)
    head = struct.pack(">BBHHB", 6 + len(body), CONNECTION_CONFIRM, 0, WINDOWS_SOURCE_REFERENCE, 0)
    return struct.pack(">BBH", 3, 0, TPKT_HEAD + len(head) + len(body)) + head + body

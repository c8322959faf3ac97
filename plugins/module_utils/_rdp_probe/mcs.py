# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native stage: which encryption a host that selected Standard RDP Security would use.

FOR INTERNAL COLLECTION USE ONLY. Layouts: MS-RDPBCGR 2.2.1.3 (MCS Connect Initial with GCC Create Request), 2.2.1.4
(the response), 2.2.1.4.3 (server security data); ITU-T T.125 and T.124 for what wraps them.
"""

from __future__ import annotations

import dataclasses
import struct
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import (
    ParseError,
    StreamClosedError,
    StreamTimeoutError,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.x224 import read_tpkt, wrap_tpkt

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import Stream

_DATA = b"\x02\xf0\x80"
_CONNECT_INITIAL, _CONNECT_RESPONSE = b"\x7f\x65", b"\x7f\x66"
_ENUMERATED = b"\x0a\x01"
_SERVER_KEY = b"McDn"
_BLOCK = struct.Struct("<HH")
_CS_CORE, _CS_SECURITY, _SC_SECURITY = 0xC001, 0xC002, 0x0C02
_ALL_ENCRYPTION_METHODS = 0x1B  # 40, 128 and 56 bit RC4 and FIPS


@dataclasses.dataclass(frozen=True)
class NativeResult:
    """The live encryption of Standard RDP Security.

    Attributes:
        verdict: `ok`, `closed`, `timeout`, `not_mcs` or `skipped`.
        encryption_level: 0 none, 1 low, 2 client compatible, 3 high, 4 FIPS (MS-RDPBCGR 2.2.1.4.3).
        encryption_method: 0 none, 1 40 bit, 2 128 bit, 8 56 bit, 0x10 FIPS.
    """

    verdict: str = "skipped"
    encryption_level: int | None = None
    encryption_method: int | None = None


def ask_encryption(stream: Stream) -> NativeResult:
    """Send an MCS Connect Initial and read the reply; raises nothing that the host can cause."""
    try:
        stream.send(build_connect_initial())
        method, level = parse_connect_response(read_tpkt(stream))
    except StreamTimeoutError:
        return NativeResult("timeout")
    except StreamClosedError:
        return NativeResult("closed")
    except ParseError:
        return NativeResult("not_mcs")
    return NativeResult("ok", level, method)


def build_connect_initial() -> bytes:
    """Form the whole packet, TPKT included."""
    parameters = (
        (34, 2, 0, 1, 0, 1, 0xFFFF, 2),
        (1, 1, 1, 1, 0, 1, 0x420, 2),
        (0xFFFF, 0xFC17, 0xFFFF, 1, 0, 1, 0xFFFF, 2),
    )
    content = (
        der.encode(der.OCTET_STRING, b"\x01")
        + der.encode(der.OCTET_STRING, b"\x01")
        + der.encode(der.BOOLEAN, b"\xff")
        + b"".join(_domain_parameters(values) for values in parameters)
        + der.encode(der.OCTET_STRING, _conference_request(_client_core() + _client_security()))
    )
    # The tag takes two octets (application 101): encode the length with a placeholder and exchange it.
    return wrap_tpkt(_DATA + _CONNECT_INITIAL + der.encode(der.SEQUENCE, content)[1:])


def _domain_parameters(values: tuple[int, ...]) -> bytes:
    """Form T.125 DomainParameters."""
    numbers = (value.to_bytes(value.bit_length() // 8 + 1, "big") for value in values)
    return der.encode(der.SEQUENCE, b"".join(der.encode(der.INTEGER, number) for number in numbers))


def _conference_request(user_data: bytes) -> bytes:
    """Form the GCC Conference Create Request around the client's data (T.124, packed encoding)."""
    request = b"\x00\x08\x00\x10\x00\x01\xc0\x00Duca" + _packed_length(len(user_data)) + user_data
    return b"\x00\x05\x00\x14\x7c\x00\x01" + _packed_length(len(request)) + request


def _packed_length(length: int) -> bytes:
    """Write a length in the two-octet form of packed encoding (ITU-T X.691 10.9)."""
    return (0x8000 | length).to_bytes(2, "big")


def _client_core() -> bytes:
    """Form TS_UD_CS_CORE (MS-RDPBCGR 2.2.1.3.2): RDP 5, 1024 x 768, United States keyboard, negotiated protocol 0."""
    display = struct.pack("<LHHHHLL", 0x00080004, 1024, 768, 0xCA01, 0xAA03, 0x409, 2600)
    keyboard = struct.pack("<LLL64x", 4, 0, 12)
    colours = struct.pack("<HHLHHH64x6x", 0xCA01, 1, 0, 24, 7, 1)
    return _block(_CS_CORE, display + "probe".encode("utf-16-le").ljust(32, b"\x00") + keyboard + colours)


def _client_security() -> bytes:
    """Form TS_UD_CS_SEC (MS-RDPBCGR 2.2.1.3.3)."""
    return _block(_CS_SECURITY, struct.pack("<LL", _ALL_ENCRYPTION_METHODS, 0))


def _block(kind: int, content: bytes) -> bytes:
    """Put a user data header before a block (MS-RDPBCGR 2.2.1.3.1)."""
    return _BLOCK.pack(kind, _BLOCK.size + len(content)) + content


def parse_connect_response(payload: bytes) -> tuple[int, int]:
    """Return encryption method and level from the payload of the TPKT; raises ParseError."""
    if not payload.startswith(_DATA + _CONNECT_RESPONSE):
        raise ParseError("not an MCS Connect Response", payload)
    if payload.find(_ENUMERATED + b"\x00", 0, 12) < 0:
        raise ParseError("the MCS connection was refused", payload)
    for kind, content in _blocks(_server_data(payload)):
        if kind == _SC_SECURITY and len(content) >= 8:
            method, level = struct.unpack_from("<LL", content)
            return method, level
    raise ParseError("no server security data", payload)


def _server_data(payload: bytes) -> bytes:
    """Return the blocks behind the server's GCC key; raises ParseError."""
    after = payload.partition(_SERVER_KEY)[2]
    if not after:
        raise ParseError("no GCC Conference Create Response", payload)
    return after[2:] if after[0] & 0x80 else after[1:]


def _blocks(data: bytes) -> t.Iterator[tuple[int, bytes]]:
    """Yield type and content of each whole block; raises ParseError at a length below its own header's."""
    position = 0
    while position + _BLOCK.size <= len(data):
        kind, length = _BLOCK.unpack_from(data, position)
        if length < _BLOCK.size:
            raise ParseError("a block of server data is malformed", data)
        yield kind, data[position + _BLOCK.size : position + length]
        position += length

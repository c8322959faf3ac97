# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of a host, formed from the layouts of the specifications and not by the code under test."""

from __future__ import annotations

import datetime
import struct

_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)


def tlv(tag: int, content: bytes) -> bytes:
    """ASN.1 DER with a length of one to three octets."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    if length < 0x100:
        return bytes((tag, 0x81, length)) + content
    return bytes((tag, 0x82)) + struct.pack(">H", length) + content


def request_reply(token: bytes | None, status: int | None = None, version: int = 6) -> bytes:
    """A CredSSP TSRequest as the host sends it (MS-CSSP 2.2.1)."""
    content = tlv(0xA0, tlv(2, bytes((version,))))
    if token is not None:
        content += tlv(0xA1, tlv(0x30, tlv(0x30, tlv(0xA0, tlv(4, token)))))
    if status is not None:
        content += tlv(0xA4, tlv(2, struct.pack(">i", status - (1 << 32) if status >> 31 else status)))
    return tlv(0x30, content)


def av_pair(kind: int, value: bytes) -> bytes:
    """An AV_PAIR (MS-NLMP 2.2.2.1)."""
    return struct.pack("<HH", kind, len(value)) + value


def filetime(moment: datetime.datetime) -> bytes:
    """A FILETIME (MS-DTYP 2.3.3)."""
    return struct.pack("<Q", (moment - _EPOCH) // datetime.timedelta(microseconds=1) * 10)


def challenge(
    moment: datetime.datetime | None = None,
    flags: int = 0xE28A8215,
    version: tuple[int, int, int] = (10, 0, 20348),
    info: bytes | None = None,
) -> bytes:
    """An NTLM CHALLENGE of the host WIN01 in the domain EXAMPLE (MS-NLMP 2.2.1.2)."""
    if info is None:
        names = ((2, "EXAMPLE"), (1, "WIN01"), (4, "example.org"), (3, "win01.example.org"), (5, "example.org"))
        info = b"".join(av_pair(kind, name.encode("utf-16-le")) for kind, name in names)
        info += av_pair(7, filetime(moment or datetime.datetime.now(datetime.timezone.utc))) + av_pair(0, b"")
    target = "EXAMPLE".encode("utf-16-le")
    head = b"NTLMSSP\x00" + struct.pack("<LHHLL", 2, len(target), len(target), 56, flags)
    head += b"\x01\x23\x45\x67\x89\xab\xcd\xef" + bytes(8)
    head += struct.pack("<HHL", len(info), len(info), 56 + len(target))
    return head + struct.pack("<BBHBBBB", *version, 0, 0, 0, 15) + target + info


def connect_response(method: int, level: int, result: int = 0) -> bytes:
    """An MCS Connect Response, TPKT included (MS-RDPBCGR 2.2.1.4)."""
    core = struct.pack("<HHLL", 0x0C01, 12, 0x00080004, 0)
    network = struct.pack("<HHHH", 0x0C03, 8, 1003, 0)
    security = struct.pack("<HHLL", 0x0C02, 12, method, level)
    blocks = core + network + security
    conference = (
        b"\x00\x05\x00\x14\x7c\x00\x01\x2a\x14\x76\x0a\x01\x01\x00\x01\xc0\x00McDn" + bytes((len(blocks),)) + blocks
    )
    numbers = b"".join(tlv(2, bytes((value,))) for value in (34, 3, 0, 1, 0, 1, 127, 2))
    content = tlv(0x0A, bytes((result,))) + tlv(2, b"\x00") + tlv(0x30, numbers) + tlv(4, conference)
    packet = b"\x02\xf0\x80\x7f\x66" + tlv(0x30, content)[1:]
    return b"\x03\x00" + struct.pack(">H", len(packet) + 4) + packet


def syn_ack(sequence: bytes, mtu: int) -> bytes:
    """The answer to a SYN with this sequence number (MS-RDPEUDP 4.1.2), padded."""
    return (sequence + struct.pack(">HHLHH", 1024, 0x0005, 0x42, 1232, mtu)).ljust(1232, b"\x00")

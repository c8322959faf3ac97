# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CredSSP messages, and the NTLM challenge that names the host (MS-CSSP 2.2.1, MS-NLMP 2.2.1.2)."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from datetime import datetime, timezone

from tests.simulator.windows.system import Windows

SIGNATURE = b"NTLMSSP\x00"
NTLM_NEGOTIATE = b"NTLMSSP\x00\x01\x00\x00\x00"
FLAGS = 0xE2898215
SEAL = 0x20
NB_COMPUTER, NB_DOMAIN, DNS_COMPUTER, DNS_DOMAIN, DNS_TREE, TIMESTAMP = 1, 2, 3, 4, 5, 7
VERSION_6 = b"\xa0\x03\x02\x01\x06"
EPOCH = datetime(1601, 1, 1, tzinfo=timezone.utc)


def filetime(moment: datetime) -> int:
    """100 ns since 1601."""
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 10_000_000 + delta.microseconds * 10


def challenge(windows: Windows, negotiate: bytes) -> bytes:
    """The NTLM CHALLENGE of a host, with its names, build and clock; it seals where the client wants that."""
    flags = FLAGS | struct.unpack_from("<L", negotiate, 12)[0] & SEAL
    name, info = _target_name(windows), _target_info(windows)
    build = struct.pack("<BBHBBBB", 10, 0, windows.edition.build, 0, 0, 0, 15)
    head = b"NTLMSSP\x00" + struct.pack("<IHHII", 2, len(name), len(name), 56, flags) + os.urandom(8) + bytes(8)
    return head + struct.pack("<HHI", len(info), len(info), 56 + len(name)) + build + name + info


def _target_name(windows: Windows) -> bytes:
    domain = windows.machine.domain.partition(".")[0].upper()
    return (domain or windows.machine.computer_name).encode("utf-16-le")


def _target_info(windows: Windows) -> bytes:
    machine = windows.machine
    names = {
        NB_DOMAIN: machine.domain.partition(".")[0].upper() or machine.computer_name,
        NB_COMPUTER: machine.computer_name,
        DNS_DOMAIN: machine.domain or machine.computer_name,
        DNS_COMPUTER: machine.dns_name,
        DNS_TREE: machine.domain,
    }
    pairs = [(number, text.encode("utf-16-le")) for number, text in names.items() if text]
    pairs.append((TIMESTAMP, struct.pack("<Q", filetime(windows.clock.now()))))
    return b"".join(struct.pack("<HH", number, len(data)) + data for number, data in pairs) + bytes(4)


def ts_request(fields_by_tag: Mapping[int, bytes]) -> bytes:
    """A TSRequest, version 6, with these fields, each an encoded value."""
    return _der(0x30, VERSION_6 + b"".join(_der(tag, value) for tag, value in sorted(fields_by_tag.items())))


def nego_data(message: bytes) -> bytes:
    """NegoData with one token."""
    return _der(0x30, _der(0x30, _der(0xA0, octet_string(message))))


def octet_string(data: bytes) -> bytes:
    """An OCTET STRING."""
    return _der(0x04, data)


def integer(number: int) -> bytes:
    """A 32-bit INTEGER as Windows encodes an NTSTATUS: four octets, so that it reads as negative."""
    return _der(0x02, number.to_bytes(4, "big"))


def fields(message: bytes) -> dict[int, bytes]:
    """The values inside a SEQUENCE, by the tags around them. Raises ValueError."""
    inner, found, position = content(message), {}, 0
    while position < len(inner):
        end = position + whole_length(inner[position:])
        found[inner[position]] = content(inner[position:end])
        position = end
    return found


def octets(value: bytes) -> bytes:
    """What an encoded OCTET STRING holds. Raises ValueError."""
    if value[:1] != b"\x04":
        raise ValueError("no OCTET STRING")
    return content(value)


def content(value: bytes) -> bytes:
    """What an encoded value holds, the first of several. Raises ValueError when it is cut off."""
    end = whole_length(value)
    if end > len(value):
        raise ValueError("a value is cut off")
    size = value[1] & 0x7F if value[1] & 0x80 else 0
    return value[2 + size : end]


def whole_length(value: bytes) -> int:
    """How long the encoded value is that the octets begin with. Raises ValueError when its head is not there yet."""
    size = value[1] & 0x7F if len(value) > 1 and value[1] & 0x80 else 0
    if len(value) < 2 + size:
        raise ValueError("a head is cut off")
    return 2 + size + (int.from_bytes(value[2 : 2 + size], "big") if size else value[1])


def token(nego: bytes, kind: bytes) -> bytes:
    """The NTLM message of a kind in NegoData, bare or inside SPNEGO. Raises ValueError where there is none."""
    start = nego.index(kind)
    return nego[start:]


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server's first CredSSP message: an NTLM challenge that names the host (MS-CSSP 2.2.1, MS-NLMP 2.2.1.2)."""

from __future__ import annotations

import os
import struct
from datetime import datetime, timezone

from tests.simulator.windows.system import Windows

NTLM_NEGOTIATE = b"NTLMSSP\x00\x01\x00\x00\x00"
FLAGS = 0xE2898215
NB_COMPUTER, NB_DOMAIN, DNS_COMPUTER, DNS_DOMAIN, DNS_TREE, TIMESTAMP = 1, 2, 3, 4, 5, 7
VERSION_6 = b"\xa0\x03\x02\x01\x06"
EPOCH = datetime(1601, 1, 1, tzinfo=timezone.utc)


def filetime(moment: datetime) -> int:
    """100 ns since 1601."""
    delta = moment - EPOCH
    return (delta.days * 86400 + delta.seconds) * 10_000_000 + delta.microseconds * 10


def challenge(windows: Windows) -> bytes:
    """The NTLM CHALLENGE of a host, with its names, build and clock."""
    name, info = _target_name(windows), _target_info(windows)
    build = struct.pack("<BBHBBBB", 10, 0, windows.edition.build, 0, 0, 0, 15)
    head = b"NTLMSSP\x00" + struct.pack("<IHHII", 2, len(name), len(name), 56, FLAGS) + os.urandom(8) + bytes(8)
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


def ts_request(token: bytes) -> bytes:
    """A TSRequest, version 6, with one token."""
    return _der(0x30, VERSION_6 + _der(0xA1, _der(0x30, _der(0x30, _der(0xA0, _der(0x04, token))))))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content

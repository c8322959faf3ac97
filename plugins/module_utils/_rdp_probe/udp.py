# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The UDP stage: one RDPEUDP SYN, at most sent twice.

FOR INTERNAL COLLECTION USE ONLY. Layout: MS-RDPEUDP 2.2.2.1 (header), 2.2.2.5 (SYN data), network byte order;
version 1, as version 3 needs a cookie that a TCP connection has brought (2.2.2.9). Silence proves nothing.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import struct
import time

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import TIMEOUTS, ParseError

_HEADER = struct.Struct(">LHH")  # source acknowledgement, receive window, flags
_SYN_DATA = struct.Struct(">LHH")  # initial sequence number, upstream MTU, downstream MTU
_SYN, _ACK = 0x0001, 0x0004
_NO_ACKNOWLEDGEMENT = 0xFFFFFFFF
_WINDOW = 64
_MTU = 1232
_ATTEMPTS = 2


@dataclasses.dataclass(frozen=True)
class UdpResult:
    """Whether UDP transport is there.

    Attributes:
        verdict: `answers`, `silent` (which proves nothing), `unreachable` (ICMP said so) or `skipped`.
        rtt_ms: From the datagram to its answer.
        mtu: The smaller of the host's two.
    """

    verdict: str = "skipped"
    rtt_ms: float | None = None
    mtu: int | None = None


def build_syn(sequence: int) -> bytes:
    """Form the SYN, zero-padded to 1232 octets (MS-RDPEUDP 3.1.5.1.1)."""
    header = _HEADER.pack(_NO_ACKNOWLEDGEMENT, _WINDOW, _SYN)
    return (header + _SYN_DATA.pack(sequence, _MTU, _MTU)).ljust(_MTU, b"\x00")


def parse_syn_ack(data: bytes, sequence: int) -> int:
    """Return the MTU of the answer to the SYN with this sequence number; raises ParseError."""
    if len(data) < _HEADER.size + _SYN_DATA.size:
        raise ParseError("the datagram is too short", data)
    acknowledged, _dummy, flags = _HEADER.unpack_from(data)
    if flags & (_SYN | _ACK) != _SYN | _ACK or acknowledged != sequence:
        raise ParseError("the datagram is no answer to our SYN", data)
    upstream, downstream = _SYN_DATA.unpack_from(data, _HEADER.size)[1:]
    return int(min(upstream, downstream))


def ask_udp(address: str, port: int, seconds: float) -> UdpResult:
    """Send a SYN to a literal address and wait for the answer; raises nothing that the host can cause."""
    sequence = int.from_bytes(os.urandom(4), "big")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, port))
            return _exchange(sock, sequence, seconds)
    except OSError:
        return UdpResult("unreachable")


def _exchange(sock: socket.socket, sequence: int, seconds: float) -> UdpResult:
    """Send the SYN, and again when half of the time is over; raises OSError for what ICMP reports."""
    for _dummy in range(_ATTEMPTS):
        started = time.monotonic()
        sock.send(build_syn(sequence))
        mtu = _wait(sock, sequence, started + seconds / _ATTEMPTS)
        if mtu is not None:
            return UdpResult("answers", round((time.monotonic() - started) * 1000, 2), mtu)
    return UdpResult("silent")


def _wait(sock: socket.socket, sequence: int, deadline: float) -> int | None:
    """Wait for the answer, passing over other datagrams; None when the time is over."""
    mtu = None
    while mtu is None and time.monotonic() < deadline:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        mtu = _receive(sock, sequence)
    return mtu


def _receive(sock: socket.socket, sequence: int) -> int | None:
    """Read one datagram; None when it is no answer, or none came."""
    try:
        return parse_syn_ack(sock.recv(2048), sequence)
    except (*TIMEOUTS, ParseError):
        return None

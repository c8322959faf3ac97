# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The UDP side of the listener: it answers a SYN with SYN and ACK (MS-RDPEUDP 2.2.2.1, 3.1.5.1; network byte order)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

SYN, ACK = 0x0001, 0x0004
DATAGRAM = 1232
SERVER_SEQUENCE = 0x0A0B0C0D


def syn_ack(datagram: bytes) -> bytes | None:
    """The answer to a SYN, or None to anything else."""
    if len(datagram) < 16:
        return None
    _source_ack, window, flags, sequence, up, down = struct.unpack_from(">IHHIHH", datagram)
    if not flags & SYN or flags & ACK or len(datagram) < DATAGRAM:
        return None
    head = struct.pack(">IHHIHH", sequence, window, SYN | ACK, SERVER_SEQUENCE, min(up, DATAGRAM), min(down, DATAGRAM))
    return head.ljust(DATAGRAM, b"\0")


class UdpPort:
    """One host's UDP port, open from the start until closed."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((address, port))
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            datagram, client = self._socket.recvfrom(2 * DATAGRAM)
            answer = syn_ack(datagram)
            if answer is not None:
                self._socket.sendto(answer, client)

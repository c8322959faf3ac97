# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that is far away."""

from __future__ import annotations

import asyncio
import time

from tests.simulator.http.traffic import CountingProtocol, Traffic
from tests.simulator.latency import DelayedProtocol

SECONDS = 0.05


class Echo(asyncio.Protocol):
    """Sends back what comes, in capitals."""

    def __init__(self) -> None:
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())

    def eof_received(self) -> None:
        """Leaves the closing to the transport, as aiohttp does."""
        self.transport.write(b"end")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


async def exchange(*pieces: bytes) -> tuple[bytes, float]:
    """What comes back for these pieces, one after the other, and in how many seconds."""
    traffic = Traffic()
    server = await asyncio.get_running_loop().create_server(
        lambda: DelayedProtocol(CountingProtocol(Echo(), traffic), SECONDS), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    started = time.monotonic()
    answers = []
    for piece in pieces:
        writer.write(piece)
        answers.append(await reader.read(100))
    writer.write_eof()
    answers.append(await asyncio.wait_for(reader.read(), 5))
    took = time.monotonic() - started
    writer.close()
    server.close()
    answer = b"".join(answers)
    assert traffic.bytes == sum(map(len, pieces)) + len(answer)
    return answer, took


def test_each_exchange_takes_so_much_longer() -> None:
    answer, took = asyncio.run(exchange(b"one", b"two"))
    assert answer == b"ONETWOend"
    assert took >= 3 * SECONDS


def test_what_is_under_way_is_lost_with_the_connection() -> None:
    async def lose() -> tuple[list[bytes], bool]:
        seen: list[bytes] = []
        echo = Echo()
        echo.data_received = seen.append  # type: ignore[method-assign]  # what arrives is all that matters here
        delayed = DelayedProtocol(echo, 0.01)
        delayed.data_received(b"late")
        delayed.connection_lost(None)
        await asyncio.sleep(0.03)
        return seen, echo.lost

    assert asyncio.run(lose()) == ([], True)

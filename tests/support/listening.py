# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RDP port of one simulated host, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.simulator.host import SimulatedHost
from tests.simulator.rdp.dialogue import serve_rdp

SECONDS = 20


@contextmanager
def listening(simulated: SimulatedHost, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve RDP on a port while the block runs; gives its number."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_serve(simulated, address, port), loop).result(SECONDS)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()


async def _serve(simulated: SimulatedHost, address: str, port: int) -> asyncio.Server:
    return await asyncio.start_server(lambda r, w: serve_rdp(simulated.windows, r, w), address, port)


async def _end(server: asyncio.Server) -> None:
    """Close, and let those who still talk find out."""
    server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

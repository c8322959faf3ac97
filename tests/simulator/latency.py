# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that is far away: what a client sends is seen late, so that each exchange takes so much longer.

The kernel answers the opening of a connection, which is not delayed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class DelayedProtocol(asyncio.Protocol):
    """Stands between a transport and the protocol that does the work, which gets everything after some seconds."""

    def __init__(self, inner: asyncio.Protocol, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds
        self._waiting: deque[Callable[[], object]] = deque()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on at once."""
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on later."""
        self._later(lambda: self._inner.data_received(data))

    def eof_received(self) -> bool:
        """Pass on later; until then the transport stays open."""
        self._later(self._end)
        return True

    def _end(self) -> None:
        """What the transport does by itself where nothing is delayed."""
        if not self._inner.eof_received() and self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on at once; what is under way is lost."""
        self._waiting.clear()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on at once."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on at once."""
        self._inner.resume_writing()

    def _later(self, event: Callable[[], object]) -> None:
        """One event comes after the other, also where the clock does not tell them apart."""
        self._waiting.append(event)
        asyncio.get_running_loop().call_later(self._seconds, self._next)

    def _next(self) -> None:
        if self._waiting:
            self._waiting.popleft()()

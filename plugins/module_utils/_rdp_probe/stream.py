# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP with a deadline: bounded connects, reads and writes.

FOR INTERNAL COLLECTION USE ONLY.
"""

from __future__ import annotations

import errno
import socket
import time
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import (
    TIMEOUTS,
    ConnectError,
    StreamClosedError,
    StreamError,
    StreamTimeoutError,
)

if t.TYPE_CHECKING:  # pragma: no cover
    from types import TracebackType

_UNREACHABLE = frozenset((errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """Open a TCP connection to a literal address within `seconds`; raises ConnectError."""
    try:
        return socket.create_connection((address, port), timeout=max(seconds, 0.001))
    except OSError as error:
        raise ConnectError(_connect_verdict(error), error.strerror or str(error)) from error


def _connect_verdict(error: OSError) -> str:
    """Name what a failed connect means: refused, timeout, unreachable or error."""
    if isinstance(error, TIMEOUTS):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "unreachable" if error.errno in _UNREACHABLE else "error"


class Stream:
    """A TCP connection, each stage of which ends by a deadline, however slowly the peer drips.

    Use it as a context manager; it closes the socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Take over an open socket; `begin` must be called before the first read or write."""
        self._socket = sock
        self._deadline = 0.0

    def __enter__(self) -> Stream:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the socket."""
        self._socket.close()

    def begin(self, seconds: float) -> None:
        """Start a stage: all reads and writes from now on share `seconds`."""
        self._deadline = time.monotonic() + seconds

    def send(self, data: bytes) -> None:
        """Write everything; raises StreamTimeoutError or StreamClosedError."""
        try:
            self._socket.settimeout(self._time_left())
            self._socket.sendall(data)
        except TIMEOUTS as error:
            raise StreamTimeoutError("the host stopped reading") from error
        except OSError as error:
            raise StreamClosedError(error.strerror or str(error)) from error

    def receive(self, limit: int) -> bytes:
        """Read between 1 and `limit` bytes; raises StreamTimeoutError or StreamClosedError."""
        try:
            self._socket.settimeout(self._time_left())
            data = self._socket.recv(limit)
        except TIMEOUTS as error:
            raise StreamTimeoutError("no answer in time") from error
        except OSError as error:
            raise StreamClosedError(error.strerror or str(error)) from error
        if not data:
            raise StreamClosedError("the host closed the connection")
        return data

    def receive_exactly(self, count: int) -> bytes:
        """Read `count` bytes; the errors of `receive`, with the bytes that came before them."""
        data = bytearray()
        try:
            while len(data) < count:
                data += self.receive(count - len(data))
        except StreamError as error:
            error.partial = bytes(data)
            raise
        return bytes(data)

    def _time_left(self) -> float:
        """Seconds left of the stage; raises StreamTimeoutError when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise StreamTimeoutError("no answer in time")
        return left

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits on what is read from a host, below HTTP, so that they hold for all of it.

PRIVATE to the collection. The standard library's client bounds neither how many interim answers (RFC 9110 15.2) it
passes over, nor trailers, nor the answer of a proxy to CONNECT, and it waits anew for each byte: what bounds these is
the file that it reads an answer from.
"""

from __future__ import annotations

import http.client
import io
import time
import typing as t
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, TransportFailed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import MAX_BYTES

BODY_SECONDS = 120.0
"""The longest that an answer may take from its first byte to its last."""

MAX_HEAD = 256 * 1024
"""Bytes of status lines, headers and chunk sizes, beside those of the body. A Kerberos ticket may have 64 KB."""

MAX_ANSWERS = 24
"""HTTP answers to one message. CredSSP, which does TLS inside HTTP, takes about ten before the real one."""


@dataclass
class Allowance:
    """What the answers to one message may cost. The bytes are shared by all of them; the seconds are each one's own."""

    clock: Callable[[], float] = time.monotonic
    answers: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)

    def renew(self) -> None:
        """Begin another message."""
        self.answers = self.bytes = 0

    def answer(self) -> None:
        """Count an answer; raise BadAnswer when the host goes on asking for another request."""
        self.answers += 1
        if self.answers > MAX_ANSWERS:
            raise BadAnswer(f"The host has not authenticated this controller after {MAX_ANSWERS} requests")

    def arrived(self, size: int, since: float) -> None:
        """Count bytes of an answer that began at C(since); raise BadAnswer or TransportFailed beyond the limits."""
        self.bytes += size
        if self.bytes > MAX_BYTES + MAX_HEAD:
            raise BadAnswer(f"The answer is larger than {MAX_BYTES} bytes")
        if self.clock() - since > BODY_SECONDS:
            raise TransportFailed(f"The answer takes longer than {BODY_SECONDS:g} seconds to arrive", sent=True)


class _Counted(io.RawIOBase):
    """The bytes of one answer as they come from the socket; how long the first may take is the socket's time-out."""

    def __init__(self, raw: t.Any, allowance: Allowance) -> None:
        self._raw = raw
        # By this private name, which SocketIO has, the libraries find the certificate for their channel binding.
        self._sock = raw._sock  # noqa: SLF001  # there is no public one
        self._allowance = allowance
        self._since: float | None = None

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def readinto(self, buffer: t.Any) -> int | None:
        size: int | None = self._raw.readinto(buffer)
        if self._since is None:
            self._since = self._allowance.clock()
        self._allowance.arrived(size or 0, self._since)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _CountedSocket:
    """What HTTPResponse takes of a socket."""

    def __init__(self, sock: t.Any, allowance: Allowance) -> None:
        self._socket = sock
        self._allowance = allowance

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Counted(self._socket.makefile("rb", 0), self._allowance))


class _BoundedResponse(http.client.HTTPResponse):
    """An answer that is read from a counted file."""

    allowance: t.ClassVar[Allowance]

    def __init__(self, sock: t.Any, *arguments: t.Any, **options: t.Any) -> None:
        super().__init__(t.cast(t.Any, _CountedSocket(sock, self.allowance)), *arguments, **options)


def bound_pool(pool: t.Any, allowance: Allowance) -> t.Any:
    """Return the pool of urllib3, whose connections read within the allowance from now on.

    pypsrp has replaced C(ConnectionCls), the pool's documented hook, by a function: no class can be derived from it.
    """
    make = pool.ConnectionCls
    if isinstance(make, _Connect):
        return pool
    pool.ConnectionCls = _Connect(make, type("BoundedResponse", (_BoundedResponse,), {"allowance": allowance}))
    return pool


@dataclass(frozen=True)
class _Connect:
    """Makes connections as the pool would, which read answers in a bounded way."""

    make: Callable[..., t.Any]
    response: type[_BoundedResponse]

    def __call__(self, *arguments: t.Any, **options: t.Any) -> t.Any:
        connection = self.make(*arguments, **options)
        connection.response_class = self.response
        return connection

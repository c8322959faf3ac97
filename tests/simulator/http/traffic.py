# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counting what goes over a host's ports, HTTP headers included, below WinRM's TLS not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Union

Data = Union[bytes, bytearray, "memoryview[Any]"]


@dataclass
class Traffic:
    """Sums since the server started: connections, HTTP requests, bytes, messages by whether they were sealed, logons.

    ``logons`` counts by what proved the client: basic, certificate, ntlm, kerberos or credssp. Basic and certificates
    prove each request.
    """

    connections: int = 0
    requests: int = 0
    received: int = 0
    sent: int = 0
    sealed: int = 0
    unsealed: int = 0
    logons: Counter[str] = field(default_factory=Counter)

    @property
    def bytes(self) -> int:
        """In both directions together."""
        return self.received + self.sent


class CountingProtocol(asyncio.Protocol):
    """Stands between a transport and the protocol that does the work."""

    def __init__(self, inner: asyncio.Protocol, traffic: Traffic) -> None:
        """`inner` gets all events; the bytes are added to `traffic`."""
        self._inner = inner
        self._traffic = traffic

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on a transport that counts."""
        self._traffic.connections += 1
        self._inner.connection_made(CountingTransport(transport, self._traffic))

    def data_received(self, data: bytes) -> None:
        """Count and pass on."""
        self._traffic.received += len(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._inner.resume_writing()


class CountingTransport(asyncio.Transport):
    """A transport that counts what is written and leaves all else to the real one."""

    def __init__(self, inner: asyncio.BaseTransport, traffic: Traffic) -> None:
        """`inner` does the work; the bytes are added to `traffic`."""
        super().__init__()
        if not isinstance(inner, asyncio.WriteTransport) or not isinstance(inner, asyncio.ReadTransport):
            raise TypeError(f"{inner!r} is no stream")
        self._inner: Any = inner
        self._traffic = traffic

    def get_extra_info(self, name: str, default: object = None) -> Any:
        """Ask the real one."""
        return self._inner.get_extra_info(name, default)

    def write(self, data: Data) -> None:
        """Count and write."""
        self._traffic.sent += len(data)
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """Count and write."""
        pieces = list(list_of_data)
        self._traffic.sent += sum(len(piece) for piece in pieces)
        self._inner.writelines(pieces)

    def is_closing(self) -> bool:
        """Ask the real one."""
        return bool(self._inner.is_closing())

    def close(self) -> None:
        """Close the real one."""
        self._inner.close()

    def abort(self) -> None:
        """Abort the real one."""
        self._inner.abort()

    def can_write_eof(self) -> bool:
        """Ask the real one."""
        return bool(self._inner.can_write_eof())

    def write_eof(self) -> None:
        """End the real one's output."""
        self._inner.write_eof()

    def is_reading(self) -> bool:
        """Ask the real one."""
        return bool(self._inner.is_reading())

    def pause_reading(self) -> None:
        """Pause the real one."""
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """Resume the real one."""
        self._inner.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Ask the real one."""
        return int(self._inner.get_write_buffer_size())

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Tell the real one."""
        self._inner.set_write_buffer_limits(high, low)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell the real one."""
        self._inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Ask the real one."""
        protocol: asyncio.BaseProtocol = self._inner.get_protocol()
        return protocol

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sockets of a host's RDP ports, opened and closed as its live state says.

A port that the firewall guards must be silent, not refusing. Without a packet filter that takes a listener whose queue
is full: Linux drops the SYN of whoever comes then (tcp(7), ``listen`` with backlog 0 and one connection of our own).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from tests.simulator.http.traffic import CountingProtocol, Traffic
from tests.simulator.latency import DelayedProtocol
from tests.simulator.probe_view import tcp_outcome
from tests.simulator.rdp.dialogue import serve_http_banner, serve_nothing, serve_rdp
from tests.simulator.rdp.gateway_port import https_port, serve_gateway
from tests.simulator.rdp.udp import UdpPort
from tests.simulator.windows.network import PORT_PROXY_HOST
from tests.simulator.windows.system import Windows

DEFAULT_PORT = 3389
Dialogue = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
BACKLOG = 128


@dataclass
class OpenPort:
    """One port in one mode; ``close`` takes effect at once."""

    mode: str
    sockets: list[socket.socket]
    server: asyncio.Server | None = None
    closed: bool = False

    def close(self) -> None:
        self.closed = True
        if self.server is not None:
            self.server.close()
        for item in self.sockets:
            item.close()


@dataclass
class RdpPorts:
    """All RDP-related ports of one host on its loopback address."""

    windows: Windows
    address: str
    connected: Callable[[], None]
    latency: float = 0.0
    traffic: Traffic = field(default_factory=Traffic)
    _tcp: dict[int, OpenPort] = field(default_factory=dict)
    _udp: dict[int, UdpPort] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def wanted(self) -> dict[int, str]:
        """Mode of each port that matters: open, not_rdp, timeout, gateway; a refused port has no socket."""
        listener = self.windows.listener
        ports = {DEFAULT_PORT, listener.live().port, listener.stored().port, listener.port_taken} - {0}
        modes = {port: tcp_outcome(self.windows, port) for port in ports}
        gateway = https_port(self.windows)
        offered = {gateway: "gateway"} if gateway else {}
        return {**offered, **{port: mode for port, mode in modes.items() if mode != "refused"}}

    def reconcile(self) -> None:
        """Make the sockets agree with the host's state."""
        wanted = self.wanted()
        for port, opened in list(self._tcp.items()):
            if wanted.get(port) != opened.mode:
                self._tcp.pop(port).close()
        for port, mode in wanted.items():
            if port not in self._tcp:
                self._tcp[port] = self._open(port, mode)
        self._reconcile_udp()

    def close(self) -> None:
        """Close everything."""
        for opened in self._tcp.values():
            opened.close()
        for port in self._udp.values():
            port.close()
        self._tcp.clear()
        self._udp.clear()

    def _open(self, port: int, mode: str) -> OpenPort:
        if mode == "timeout":
            return OpenPort(mode, _silent_sockets(self.address, port))
        listening = _listening_socket(self.address, port, BACKLOG)
        opened = OpenPort(mode, [listening])
        self._start(self._accept(opened, listening))
        return opened

    async def _accept(self, opened: OpenPort, listening: socket.socket) -> None:
        if opened.closed:
            return
        proxied = self.windows.network.taken_by is PORT_PROXY_HOST
        stranger = serve_nothing if proxied else serve_http_banner
        serve = {"open": self._rdp, "gateway": self._gateway}.get(opened.mode, stranger)
        loop = asyncio.get_running_loop()
        opened.server = await loop.create_server(lambda: self._protocol(serve), sock=listening)
        if opened.closed:
            opened.server.close()

    def _protocol(self, serve: Dialogue) -> asyncio.Protocol:
        stream = CountingProtocol(asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve), self.traffic)
        return DelayedProtocol(stream, self.latency) if self.latency else stream

    async def _rdp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected()
        await serve_rdp(self.windows, reader, writer)

    async def _gateway(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_gateway(self.windows, reader, writer)

    def _reconcile_udp(self) -> None:
        port = self.windows.listener.live().port
        wanted = {port} if self.windows.listener.udp_enabled() and self.windows.admits("UDP", port) else set()
        for gone in set(self._udp) - wanted:
            self._udp.pop(gone).close()
        for added in wanted - set(self._udp):
            self._udp[added] = UdpPort(self.address, added)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _listening_socket(address: str, port: int, backlog: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, port))
    listening.listen(backlog)
    listening.setblocking(False)
    return listening


def _silent_sockets(address: str, port: int) -> list[socket.socket]:
    """A listener with a full queue, and what fills it."""
    listening = _listening_socket(address, port, 0)
    filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    filler.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        filler.connect((address, port))
    return [listening, filler]

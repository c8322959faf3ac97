# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that is out to harm the controller, and counts what the controller lets it do."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

PATIENCE = 20.0
"""Seconds after which a connection is given up on which nothing happens."""


@dataclass(frozen=True)
class Request:
    """An HTTP request; number counts those of all connections, from 1."""

    head: bytes
    body: bytes
    number: int

    @property
    def message_id(self) -> str:
        """The MessageID of the SOAP message in it, or an empty text."""
        return _first(rb"MessageID>([^<]*)<", self.body)

    @property
    def action(self) -> str:
        """The last part of the SOAP message's action, or an empty text."""
        return _first(rb"Action[^>]*>([^<]*)<", self.body).rpartition("/")[2]


def _first(pattern: bytes, data: bytes) -> str:
    found = re.search(pattern, data)
    return found[1].decode() if found else ""


HANG_UP = b""
"""The piece after which the connection is closed."""

Attack = Callable[[Request], Iterable[bytes]]
"""What goes back for a request, piece by piece and perhaps without end."""


class HostileServer(socketserver.ThreadingTCPServer):
    """Answers each request on each connection as an attack says.

    Attributes:
        sent: bytes that went into the socket; the system may hold some megabytes that nobody has read.
        requests: what was asked for; connections: on how many connections.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, attack: Attack) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.attack = attack
        self.sent = self.requests = self.connections = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.BaseRequestHandler):
    server: HostileServer
    request: socket.socket

    def handle(self) -> None:
        self.server.connections += 1
        self.request.settimeout(PATIENCE)
        try:
            while request := self._read():
                for piece in self.server.attack(request):
                    if piece == HANG_UP:
                        return
                    self.request.sendall(piece)
                    self.server.sent += len(piece)
        except OSError:
            # The controller has hung up, which is what it should do.
            return

    def _read(self) -> Request | None:
        """The next request; None when there is none."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.request.recv(65536)
            if not more:
                return None
            data += more
        head, _blank, body = data.partition(b"\r\n\r\n")
        length = int(_first(rb"(?i)content-length: *([0-9]+)", head) or 0)
        while len(body) < length:
            body += self.request.recv(65536)
        self.server.requests += 1
        return Request(head, body, self.server.requests)


@contextmanager
def hostile(attack: Attack) -> Iterator[HostileServer]:
    """Run a hostile server on a port of 127.0.0.1."""
    with HostileServer(attack) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

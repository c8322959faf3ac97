# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that a server shows, asked over loopback of one that speaks TLS from the first byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest._served import thumbprint

from tests.simulator.host import SimulatedHost
from tests.simulator.rdp.tls import server_context


@contextlib.contextmanager
def serving(answer: t.Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback for one connection; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _peer = listening.accept()
                with connection:
                    answer(connection)

        server = threading.Thread(target=serve)
        server.start()
        yield listening.getsockname()[1]
        server.join(10)


def test_a_certificate_is_told_as_windows_writes_its_thumbprint() -> None:
    simulated = SimulatedHost.build("2022", traits=["gateway_role"])
    assert simulated.windows.gateway is not None
    bound = simulated.windows.gateway.served.hex().upper()
    found = simulated.windows.certificates.in_store("MY", bound)
    assert found is not None
    context = server_context(found, 7, frozenset({"TLS 1.2"}))

    def shake(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(connection, server_side=True).close()

    with serving(shake) as port:
        assert thumbprint("127.0.0.1", port) == bound


@pytest.mark.parametrize("bytes_", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_without_tls_shows_none(bytes_: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes_)

    with serving(say) as port:
        assert thumbprint("127.0.0.1", port) == ""


def test_where_nobody_listens_there_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert thumbprint("127.0.0.1", port) == ""

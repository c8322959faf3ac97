# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that begin and go no further, against sockets of this test's own."""

from __future__ import annotations

import socket
from itertools import count

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ConnectError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import _burst


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server


def test_so_many_connections_ask_for_a_protocol_and_are_closed_afterwards(listening):
    with _burst.held("127.0.0.1", listening.getsockname()[1], 5) as opened:
        accepted = [listening.accept()[0] for _number in range(opened)]
        asked = [connection.recv(64) for connection in accepted]
    assert opened == 5
    assert {(len(request), request[:2], request[-4:]) for request in asked} == {(19, b"\x03\x00", b"\x03\x00\x00\x00")}
    assert [connection.recv(64) for connection in accepted] == [b""] * 5
    for connection in accepted:
        connection.close()


def test_the_first_that_does_not_open_ends_it(listening, monkeypatch):
    numbers, connect = count(1), _burst.connect

    def limited(address, port, seconds):
        if next(numbers) > 3:
            raise ConnectError("refused", "enough")
        return connect(address, port, seconds)

    monkeypatch.setattr(_burst, "connect", limited)
    with _burst.held("127.0.0.1", listening.getsockname()[1], 10) as opened:
        assert opened == 3
    assert next(numbers) == 5

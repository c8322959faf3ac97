# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import tcp
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Wire,
    enumerated,
    fragment,
)


def connection(address: str, state: int, process: int = 77) -> str:
    return fragment(
        f"<LocalAddress>{address}</LocalAddress><LocalPort>3389</LocalPort>"
        f"<OwningProcess>{process}</OwningProcess><RemoteAddress>192.0.2.7</RemoteAddress><State>{state}</State>"
    )


def test_listeners_and_connections_in_one_query(wire: Wire, client: CimClient) -> None:
    wire.on(
        "Enumerate",
        enumerated(connection("::", 2), connection("10.0.0.1", 5), connection("0.0.0.0", 2), connection("10.0.0.1", 5)),
    ).expect(
        wql="select LocalAddress,LocalPort,OwningProcess,RemoteAddress,State from MSFT_NetTCPConnection"
        " where LocalPort=3389 and (State=2 or State=5)"
    )
    sockets = (tcp.Socket("::", 3389, 77), tcp.Socket("0.0.0.0", 3389, 77))
    assert tcp.port_use(client, 3389) == tcp.PortUse(sockets, 2, {"192.0.2.7": 2})


def of(port: int, state: int, process: int, peer: str = "192.0.2.7") -> str:
    return fragment(
        f"<LocalAddress>10.0.0.1</LocalAddress><LocalPort>{port}</LocalPort>"
        f"<OwningProcess>{process}</OwningProcess><RemoteAddress>{peer}</RemoteAddress><State>{state}</State>"
    )


def test_connections_of_a_service_are_those_of_its_port(wire: Wire, client: CimClient) -> None:
    """What else runs in the process may listen and connect elsewhere; others may have taken the port."""
    rows = (
        of(3389, 2, 77),
        of(49668, 2, 77),
        of(3389, 5, 77),
        of(3389, 5, 4, "::1"),
        of(49668, 5, 77),
        of(50123, 5, 77),
    )
    wire.on("Enumerate", enumerated(*rows)).expect(
        wql="select LocalAddress,LocalPort,OwningProcess,RemoteAddress,State from MSFT_NetTCPConnection"
        " where (LocalPort=3389 or OwningProcess=77) and (State=2 or State=5)"
    )
    assert tcp.peers_of(client, 3389, 77) == {"192.0.2.7": 1, "::1": 1}


def test_a_service_keeps_its_old_port_until_it_is_started_again(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(of(3389, 2, 77), of(3389, 5, 77), of(3389, 5, 77), of(50123, 5, 77)))
    assert tcp.peers_of(client, 33890, 77) == {"192.0.2.7": 2}
    wire.on("Enumerate", enumerated(of(3389, 2, 4), of(3389, 5, 4)))
    assert tcp.peers_of(client, 33890, 77) == {}


def test_a_service_that_does_not_run_has_the_connections_of_its_port(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(of(3389, 5, 0))).expect(
        wql="select LocalAddress,LocalPort,OwningProcess,RemoteAddress,State from MSFT_NetTCPConnection"
        " where (LocalPort=3389) and (State=2 or State=5)"
    )
    assert tcp.peers_of(client, 3389, 0) == {"192.0.2.7": 1}


def test_nobody_listens(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated())
    assert tcp.port_use(client, 3389) == tcp.PortUse((), 0)


def test_listeners_alone(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(connection("::", 2)))
    assert tcp.listeners(client, 3389) == (tcp.Socket("::", 3389, 77),)
    assert "State=2" in wire.sent[0].wql


def test_established_alone(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(fragment("<LocalPort>3389</LocalPort>"), fragment("<LocalPort>3389</LocalPort>")))
    assert tcp.established(client, 3389) == 2
    assert "State=5" in wire.sent[0].wql


def test_udp(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(connection("::", 0))).expect(
        wql="select LocalAddress,LocalPort,OwningProcess from MSFT_NetUDPEndpoint where LocalPort=3389"
    )
    assert tcp.udp_listeners(client, 3389) == (tcp.Socket("::", 3389, 77),)

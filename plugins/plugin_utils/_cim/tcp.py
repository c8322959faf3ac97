# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets of a host: who listens on a port, and how many connections it carries.

PRIVATE to the collection. Source: MSFT_NetTCPConnection, MSFT_NetUDPEndpoint (Microsoft Win32 documentation,
FWP/wmi/nettcpipprov).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    MSFT_NET_TCP_CONNECTION,
    MSFT_NET_UDP_ENDPOINT,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance

LISTEN, ESTABLISHED = 2, 5
_TCP = ("LocalAddress", "LocalPort", "OwningProcess", "RemoteAddress", "State")
_UDP = ("LocalAddress", "LocalPort", "OwningProcess")


@dataclass(frozen=True)
class Socket:
    """A local end: ``process_id`` is the owner's."""

    address: str
    port: int
    process_id: int


@dataclass(frozen=True)
class PortUse:
    """What TCP does on a port: its listeners, and its established connections, in all and by remote address."""

    listeners: tuple[Socket, ...]
    established: int
    peers: Mapping[str, int] = field(default_factory=dict)


def port_use(client: CimClient, port: int) -> PortUse:
    """Return listeners and established connections of a local TCP port in one query."""
    wanted = wql.all_of(wql.compare("LocalPort", port), wql.any_of("State", (LISTEN, ESTABLISHED)))
    found = client.query(MSFT_NET_TCP_CONNECTION, wanted, _TCP)
    listening = tuple(_socket(item) for item in found if item.number("State") == LISTEN)
    peers = Counter(item.text("RemoteAddress") for item in found if item.number("State") == ESTABLISHED)
    return PortUse(listening, peers.total(), dict(peers))


def peers_of(client: CimClient, port: int, process_id: int) -> Mapping[str, int]:
    """Return the established connections of a service by remote address (one query).

    They are those of its port, and where the process does not listen on that one, also those of the ports that it does
    listen on: a service whose port was changed keeps the old one until it is started again.
    """
    of_it = (wql.compare("LocalPort", port), *((wql.compare("OwningProcess", process_id),) if process_id else ()))
    found = client.query(
        MSFT_NET_TCP_CONNECTION, wql.all_of(wql.either(*of_it), wql.any_of("State", (LISTEN, ESTABLISHED))), _TCP
    )
    own = [item for item in found if item.number("OwningProcess") == process_id and item.number("State") == LISTEN]
    listened = {item.number("LocalPort") for item in own}
    ports = {port} if port in listened else {port, *listened}
    connected = (item for item in found if item.number("State") == ESTABLISHED and item.number("LocalPort") in ports)
    return Counter(item.text("RemoteAddress") for item in connected)


def listened(client: CimClient, process_id: int) -> frozenset[int]:
    """Return the TCP ports on which a process listens (one query)."""
    wanted = wql.all_of(wql.compare("OwningProcess", process_id), wql.compare("State", LISTEN))
    found = client.query(MSFT_NET_TCP_CONNECTION, wanted, _TCP)
    return frozenset(item.number("LocalPort") or 0 for item in found)


def listeners(client: CimClient, port: int) -> tuple[Socket, ...]:
    """Return the TCP sockets that listen on a port."""
    wanted = wql.all_of(wql.compare("LocalPort", port), wql.compare("State", LISTEN))
    return tuple(_socket(item) for item in client.query(MSFT_NET_TCP_CONNECTION, wanted, _TCP))


def established(client: CimClient, port: int) -> int:
    """Return the number of established TCP connections to a local port."""
    wanted = wql.all_of(wql.compare("LocalPort", port), wql.compare("State", ESTABLISHED))
    return len(client.query(MSFT_NET_TCP_CONNECTION, wanted, ("LocalPort",)))


def udp_listeners(client: CimClient, port: int) -> tuple[Socket, ...]:
    """Return the UDP sockets bound to a port."""
    found = client.query(MSFT_NET_UDP_ENDPOINT, wql.compare("LocalPort", port), _UDP)
    return tuple(_socket(item) for item in found)


def _socket(item: Instance) -> Socket:
    return Socket(item.text("LocalAddress"), item.number("LocalPort") or 0, item.number("OwningProcess") or 0)

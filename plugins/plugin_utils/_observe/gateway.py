# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers: the RD Gateway role, and what it tells of connections. PRIVATE to the collection.

One operation on a host without the role, for both. Its events are in an operational channel, which takes one command.
Source of their numbers: Microsoft Learn, "RD Gateway Server Connections" (ee891388) and "RD Gateway Server
Configuration"; they name their data C(Username) and C(Resource) under C(UserData/EventInfo), as real records show.
UNSURE: whether the provider answers while the service is stopped; where it
does not, the service alone is told, and the rest after it was started.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .._cim import channels, gateway
from .._cim.types import CimClass
from .._host import Host
from .._model.gateway import SERVICE, GatewayEvent, GatewayItem, GatewayState
from .._wsman.errors import WsmanFault
from . import network
from ._request import Request
from .key_owners import personal
from .keys import KeyFolders

CHANNEL = "Microsoft-Windows-TerminalServices-Gateway/Operational"
EVENTS = (102, 200, 201, 203, 300, 301, 302, 304, 700)
"""No valid certificate; let in by connection policy or not; limit reached; let through by resource policy or not;
connected; the host is not reached; restart after an exception."""


def read_events(request: Request) -> tuple[GatewayEvent, ...]:
    if SERVICE not in request.services:
        return ()
    found = channels.recent(request.host.shell, CHANNEL, EVENTS, request.since)
    return tuple(
        GatewayEvent(event.id, event.fields.get("Username", ""), event.fields.get("Resource", "")) for event in found
    )


def read(request: Request) -> GatewayState:
    service = request.services.get(SERVICE)
    if service is None:
        return GatewayState()
    addresses = {name.lower(): network.resolve(name) for name in request.names}
    found = GatewayState(service.state, service.start_mode, addresses=addresses)
    try:
        return _configured(request.host, found)
    except WsmanFault as fault:
        if service.running:
            raise
        return replace(found, unread=fault.message)


def _configured(host: Host, found: GatewayState) -> GatewayState:
    settings, resources = gateway.settings(host.cim), _items(host, gateway.RESOURCE_POLICY)
    return replace(
        found,
        thumbprint=settings.thumbprint,
        certificates=personal(host, KeyFolders(host)),
        connections=_items(host, gateway.CONNECTION_POLICY),
        resources=resources,
        groups=_items(host, gateway.RESOURCE_GROUP),
        central=settings.central,
        udp=gateway.transport_enabled(host.cim, gateway.UDP),
        limit=settings.limit,
        protocol=_protocol(host, resources),
    )


def _protocol(host: Host, resources: Iterable[GatewayItem]) -> str:
    """What policies call the protocol of Remote Desktop: as those do that it has, since all have to; else it says."""
    named = {str(policy.fields["ProtocolNames"]) for policy in resources}
    name = named.pop() if len(named) == 1 else ""
    return name if name.isalnum() else gateway.protocol(host.cim)


def _items(host: Host, cls: CimClass) -> tuple[GatewayItem, ...]:
    return tuple(GatewayItem(dict(record)) for record in gateway.records(host.cim, cls))

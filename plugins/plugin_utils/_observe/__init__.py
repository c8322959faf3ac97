# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers: from a host to an observation, one per area. PRIVATE to the collection.

A reader that the host refuses leaves its area unread, with the reason; it never makes the others fail. Only the loss
of the channel ends an observation.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from types import MappingProxyType

from .._cim.certificates import DamagedCertificate
from .._cim.channels import ChannelError
from .._cim.files import FileError
from .._cim.registry import RegistryError
from .._cim.services import ServiceError
from .._guard import Exposed
from .._host import Host
from .._lease import LeaseError
from .._model.gateway import SERVICE as GATEWAY
from .._model.observation import Observation
from .._wsman.errors import ShellRefused, WsmanFault
from . import (
    access,
    attempts,
    client,
    events,
    firewall,
    gateway,
    identity,
    key_owners,
    keys,
    leases,
    listener,
    neighbours,
    network,
    obstacles,
    owed,
    services,
    settings,
)
from ._request import Request

Reader = Callable[[Request], t.Any]

_READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "identity": identity.read,
        "membership": identity.read_membership,
        "settings": settings.read,
        "leases": leases.read,
        "owed": owed.read,
        "services": services.read,
        "listener": listener.read,
        "firewall": firewall.read,
        "permissions": access.read_permissions,
        "licensing": access.read_licensing,
        "events": events.read,
        "attempts": attempts.read,
        "obstacles": obstacles.read,
        "client": client.read,
        "client_connections": client.read_connections,
        "dns": network.read_dns,
        "winsock": network.read_winsock,
        "products": neighbours.read_products,
        "updates": neighbours.read_updates,
        "revision": neighbours.read_revision,
        "machine": neighbours.read_machine,
        "keys": keys.read,
        "certificates": key_owners.read_certificates,
        "key_owners": key_owners.read,
        "key_copies": keys.read_copies,
        "key_stores": keys.read_stores,
        "channel_key": key_owners.read_channel,
        "gateway": gateway.read,
        "gateway_events": gateway.read_events,
    }
)

AREAS = tuple(_READERS)

_WATCHED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "services": services.SERVICES,
        "firewall": firewall.SERVICES,
        "products": neighbours.SERVICES,
        "keys": (services.BROKER,),
        "key_owners": (GATEWAY,),
        "gateway": (GATEWAY,),
        "gateway_events": (GATEWAY,),
    }
)
"""Services that readers look at, by area."""

REFUSALS = (
    WsmanFault,
    ServiceError,
    RegistryError,
    FileError,
    DamagedCertificate,
    LeaseError,
    Exposed,
    ChannelError,
    ShellRefused,
)
"""What leaves an area unread."""


def observe(
    host: Host,
    areas: Iterable[str],
    settings_wanted: Iterable[str] = (),
    probe: Mapping[str, t.Any] | None = None,
    since: float = 600,
    base: Observation | None = None,
    *,
    names: Iterable[str] = (),
    wanted_port: int | None = None,
) -> Observation:
    """Read areas of a host.

    Args:
        host: the host to ask.
        areas: names of AREAS, read in their order there.
        settings_wanted: ids of the settings to read.
        probe: the result of the probe that belongs to this observation.
        since: how many seconds back events are read.
        base: an earlier observation, whose other areas and settings are kept.
        names: host names whose remembered addresses are read, or those behind a gateway; none means all that are
            remembered.
        wanted_port: the port that the listener is to have, which its area is then about.
    """
    wanted = set(areas)
    watched = frozenset(name for area in wanted for name in _WATCHED.get(area, ()))
    request = Request(host, tuple(settings_wanted), since, tuple(names), wanted_port, watched, base, probe)
    read: dict[str, t.Any] = {}
    unread = dict(base.unread) if base else {}
    for area in (name for name in AREAS if name in wanted):
        try:
            read[area] = _READERS[area](request)
            unread.pop(area, None)
        except REFUSALS as error:
            unread[area] = error.told
    if base and "settings" in read:
        read["settings"] = {**base.settings, **read["settings"]}
    taken_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return replace(base or Observation(taken_at), taken_at=taken_at, probe=probe, unread=unread, **read)

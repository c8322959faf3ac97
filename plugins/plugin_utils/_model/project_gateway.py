# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changes would make of an RD Gateway, without a host. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from .change import Change, Kind
from .gateway import SERVICE, GatewayItem, GatewayState
from .observation import Observation


def with_service(observation: Observation, change: Change) -> Observation:
    """The gateway's service after a change of a service."""
    field = "state" if change.kind == "service_state" else "start_mode"
    return _with(observation, **{field: str(change.after)}) if change.item == SERVICE else observation


def _with(observation: Observation, **fields: object) -> Observation:
    gateway = observation.gateway
    return observation if gateway is None else replace(observation, gateway=GatewayState(**{**vars(gateway), **fields}))


def _listed(area: str) -> Callable[[Observation, Change], Observation]:
    def projected(observation: Observation, change: Change) -> Observation:
        present: tuple[GatewayItem, ...] = getattr(observation.gateway, area, ())
        others = tuple(item for item in present if item.name.lower() != change.item.lower())
        made = (GatewayItem(change.after),) if isinstance(change.after, dict) else ()
        return _with(observation, **{area: (*others, *made)})

    return projected


GATEWAY_PROJECTIONS: Mapping[Kind, Callable[[Observation, Change], Observation]] = MappingProxyType(
    {
        "gateway_connection_policy": _listed("connections"),
        "gateway_resource_policy": _listed("resources"),
        "gateway_resource_group": _listed("groups"),
        "gateway_certificate": lambda observation, change: _with(observation, thumbprint=str(change.after or "")),
        "gateway_transport": lambda observation, change: _with(observation, udp=change.after is True),
    }
)

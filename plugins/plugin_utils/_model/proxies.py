# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Port proxies: how they are named, and which of them take a port's connections. PRIVATE to the collection.

A proxy is C(ADDRESS/PORT) where it leads from IPv4 to IPv4, as nearly all do, and has its kind before that otherwise:
C(v6tov4 */3389). One that listens on every address takes all connections of its family; one on a single address takes
those to that address, where the host has it. Source: Microsoft's reference of netsh interface portproxy.
"""

from __future__ import annotations

import ipaddress

from .observation import ObstacleState

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

USUAL = "v4tov4"
KINDS = (USUAL, "v4tov6", "v6tov4", "v6tov6")


def named(kind: str, place: str) -> str:
    """The name of a proxy from its kind and where it listens, C(ADDRESS/PORT)."""
    return place if kind == USUAL else f"{kind} {place}"


def split(name: str) -> tuple[str, str]:
    """Kind and C(ADDRESS/PORT) of a proxy."""
    kind, _space, place = name.rpartition(" ")
    return kind or USUAL, place


def address_of(name: str) -> str:
    """Where a proxy listens, without the port."""
    return split(name)[1].rpartition("/")[0]


def everywhere(address: str) -> bool:
    """Whether a proxy listens on every address of its family; C(*) where none was given to netsh."""
    found = _parsed(address)
    return address == "*" or (found is not None and found.is_unspecified)


def on_port(found: ObstacleState | None, port: int) -> dict[str, str]:
    """The proxies that listen on a port, with where they lead to."""
    proxies = found.port_proxies if found else {}
    return {name: to for name, to in proxies.items() if name.rpartition("/")[2] == str(port)}


def taking(found: ObstacleState | None, port: int) -> dict[str, str]:
    """Those of them that take connections: on every address, or on one that the host has or that is a name."""
    own = {_parsed(address) for address in found.addresses} if found else set()
    return {name: to for name, to in on_port(found, port).items() if _takes(address_of(name), own)}


def _takes(address: str, own: set[Address | None]) -> bool:
    """Also where the host's addresses are not known, or the proxy's is a name."""
    found = _parsed(address)
    return everywhere(address) or not own or found is None or found in own


def _parsed(address: str) -> Address | None:
    """An address, so that each way to write it is the same; None for a name."""
    try:
        return ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return None

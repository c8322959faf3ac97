# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the way to a host is blocked, and what is translated on it. PRIVATE to the collection. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Probe = Mapping[str, t.Any]

INSIDE, OUTSIDE = "inside", "outside"
CARRIER = IPv4Network("100.64.0.0/10")
"""Shared address space of carrier NAT (RFC 6598)."""

PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7")))
"""Addresses that no router of the internet forwards (RFC 1918, 3927, 4193)."""

Where = t.Literal["open", "host", "path", "unknown"]
Translation = t.Literal["none", "single", "double", "carrier", "other_way", "unknown"]


class WrongWish(ValueError):
    """A wish that cannot or should not be fulfilled; option is the one to change."""

    def __init__(self, message: str, option: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True)
class Wish:
    """What should be let through.

    Attributes:
        name: the host, in letters, digits and dashes.
        address: the host in its own network.
        port: where its listener is.
        external_port: the port outside.
        external_address: what users connect to; None where the device's own outside address is.
        sources: from where; never empty.
        exposed: whether that is the whole internet, which was accepted.
    """

    name: str
    address: Address
    port: int
    external_port: int
    external_address: Address | None
    sources: tuple[Network, ...]
    exposed: bool = False


def blocked(probes: Iterable[Probe]) -> Where:
    """Where the way ends, from probes inside and outside; the one that got furthest of a place counts."""
    opened: dict[str, bool] = {}
    for probe in probes:
        place = str(probe.get("vantage", ""))
        opened[place] = opened.get(place, False) or (probe.get("tcp") or {}).get("verdict") == "open"
    if opened.get(OUTSIDE):
        return "open"
    if opened.get(INSIDE) is False:
        return "host"
    return "path" if opened.get(INSIDE) and OUTSIDE in opened else "unknown"


def translated(own: Iterable[Address], wan: Address | None, external: Address | None) -> Translation:
    """What is translated between the address that users have and the host.

    Args:
        own: the host's addresses.
        wan: the address that the router in front of it has outside.
        external: the address that users connect to.
    """
    if external is not None and external in set(own):
        return "none"
    if wan is None:
        return "unknown"
    if wan in CARRIER:
        return "carrier"
    if any(wan in network for network in PRIVATE):
        return "double"
    return "single" if external in (None, wan) else "other_way"


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Sources as networks, none within another, in order.

    Raises:
        WrongWish: one is no network.
    """
    try:
        found = {ip_network(text.strip(), strict=False) for text in texts}
    except ValueError as error:
        raise WrongWish(f"source: {error}", "source") from error
    four = collapse_addresses(network for network in found if isinstance(network, IPv4Network))
    return (*four, *collapse_addresses(network for network in found if isinstance(network, IPv6Network)))


def address(text: str | None, option: str) -> Address | None:
    """An address that an option gives.

    Raises:
        WrongWish: it is none.
    """
    try:
        return ip_address(text.strip()) if text else None
    except ValueError as error:
        raise WrongWish(f"{option}: {error}", option) from error


WIDEST = {4: 8, 6: 20}
"""Networks with a shorter prefix are as good as the whole internet."""

MAPPED = IPv6Network("::ffff:0:0/96")
"""The addresses of IPv4, written as those of IPv6 (RFC 4291 2.5.5.2)."""


def _is_internet(network: Network) -> bool:
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        return network.prefixlen - MAPPED.prefixlen < WIDEST[4]
    return network.prefixlen < WIDEST[network.version]


def guarded(sources: tuple[Network, ...], accepted: bool) -> tuple[tuple[Network, ...], bool]:
    """The sources and whether they are the internet, which has to have been accepted.

    Raises:
        WrongWish: there are none, or they are as wide as the internet, and that was not accepted.
    """
    exposed = not sources or any(map(_is_internet, sources))
    if exposed and not accepted:
        raise WrongWish(
            "Without sources the port would be open to the whole internet, where Remote Desktop is found and attacked "
            "within minutes. Name the networks that users come from as source; better, use a VPN, an RD Gateway or "
            "just-in-time access. If it has to be, set accept_internet_exposure to true",
            "accept_internet_exposure",
        )
    return sources or (IPv4Network("0.0.0.0/0"),), exposed

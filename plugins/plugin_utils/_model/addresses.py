# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One spelling for the addresses of a firewall rule. PRIVATE to the collection.

Windows Firewall shows C(10.0.0.0/8) as C(10.0.0.0/255.0.0.0), and a subnet of one address as the address (UNSURE which
spelling each build gives back, so that none is taken for a difference).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

UNUSED = tuple(ipaddress.IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"))
"""Where no connection comes from: this network, loopback, multicast and what is reserved (RFC 6890, RFC 5771)."""


def everywhere(texts: Iterable[str]) -> bool:
    """Whether these addresses, subnets and ranges hold between them all of IPv4 that a connection can come from."""
    held = (network for text in texts for network in _networks(text))
    return [*ipaddress.collapse_addresses([*held, *UNUSED])] == [ipaddress.IPv4Network("0.0.0.0/0")]


def _networks(text: str) -> list[ipaddress.IPv4Network]:
    """The subnets of IPv4 that a text stands for; none for words and for IPv6."""
    first, _dash, last = text.partition("-")
    try:
        if last:
            return [*ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))]
        return [ipaddress.IPv4Network(text, strict=False)]
    except ValueError:
        return []


def canonical(text: str) -> str:
    """A subnet by its bit count, a subnet of one address as that address, anything else as it is."""
    if "/" not in text:
        return text
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)

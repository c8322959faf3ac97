# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One spelling for the addresses of a firewall rule. PRIVATE to the collection.

Windows keeps them neither as they were written nor in their order: words are bits, each for IPv4 and for IPv6, and the
subnets and ranges of each family are lists of their own (MS-FASP, FW_ADDRESS_KEYWORD and FW_ADDRESSES). It shows
C(10.0.0.0/8) as C(10.0.0.0/255.0.0.0), and a subnet of one address as the address (UNSURE which spelling each build
gives back, so that none is taken for a difference).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

ANY = "Any"

KEYWORDS = (
    "LocalSubnet",
    "DNS",
    "DHCP",
    "WINS",
    "DefaultGateway",
    "Internet",
    "Intranet",
    "IntranetRemoteAccess",
    "PlayToDevice",
    "CaptivePortal",
)
"""Words for addresses that Windows finds out by itself, as New-NetFirewallRule spells them."""

WORDS = {word.lower(): word for word in (ANY, *(f"{name}{family}" for name in KEYWORDS for family in ("", "4", "6")))}
"""Windows' spelling of each word, which a 4 or 6 at the end restricts to a family."""

UNUSED = ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")
"""Where no connection comes from: this network, loopback, multicast and what is reserved (RFC 6890, RFC 5771)."""


def everywhere(texts: Iterable[str]) -> bool:
    """Whether these addresses, subnets and ranges hold between them all of IPv4 that a connection can come from."""
    return _held("0.0.0.0/0", (*texts, *UNUSED))


def beyond(texts: Iterable[str], limit: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses that a limit does not hold between all of its own.

    Which addresses a word stands for Windows alone knows, so nothing but the same word, or Any, holds it.
    """
    known = canonical(limit)
    return () if ANY in known else tuple(text for text in canonical(texts) if not _held(text, known))


def _held(text: str, known: Iterable[str]) -> bool:
    wanted = _span(text)
    if wanted is None:
        return bool({text, text[:-1]} & {*known})
    version, first, last = wanted
    for other, low, high in sorted(filter(None, map(_span, known))):
        if other == version and low <= first:
            first = max(first, high + 1)
    return first > last


def _span(text: str) -> tuple[int, int, int] | None:
    """The version of an address, subnet or range, and its first and last address as numbers; None for a word."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
        else:
            network = ipaddress.ip_network(text, strict=False)
            low, high = network[0], network[-1]
    except ValueError:
        return None
    return low.version, int(low), int(high)


def canonical(texts: Iterable[str]) -> tuple[str, ...]:
    """The same addresses in the one spelling and order in which two lists of them are compared and written.

    Words are as Windows spells them, one for both families where both are named; subnets go by their bit count, and
    one of one address as that address.
    """
    spelt = {_spelt(text) for text in texts}
    both = {name for name in KEYWORDS if name in spelt or {f"{name}4", f"{name}6"} <= spelt}
    return tuple(sorted(spelt - {f"{name}{family}" for name in both for family in "46"} | both))


def _spelt(text: str) -> str:
    """One address, subnet, range or word; anything else as it is."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
            return str(low) if low == high else f"{low}-{high}"
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return WORDS.get(text.lower(), text)
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)

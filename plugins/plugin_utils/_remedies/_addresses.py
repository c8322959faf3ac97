# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses a firewall rule can name. PRIVATE to the collection.

Sources: New-NetFirewallRule and Set-NetFirewallRule, parameter RemoteAddress (address, subnet by bit count or mask,
range, keywords, which a 4 or 6 at the end restricts to a family); MSFT_NetAddressFilter, whose RemoteAddress takes the
same; INetFwRule.RemoteAddresses (the token for any address stands alone).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from .._model.addresses import ANY, KEYWORDS, WORDS, canonical

_MASKED = re.compile(r"[^/]+/(?:\d{1,3}|\d+\.\d+\.\d+\.\d+)", re.ASCII)


def objection(addresses: Sequence[str]) -> str:
    """Why a rule cannot be for these addresses; empty when it can."""
    if not addresses:
        return "an empty list is no limit: name addresses, or Any"
    unknown = [address for address in addresses if not is_address(address)]
    if unknown:
        return (
            f"{', '.join(map(repr, unknown))} is no address, range FIRST-LAST, subnet ADDRESS/BITS or ADDRESS/MASK, "
            f"and none of the words Any, {', '.join(KEYWORDS)}"
        )
    if len(addresses) > 1 and ANY in canonical(addresses):
        return "Any stands alone, since it makes the other addresses mean nothing"
    return ""


def same(addresses: Iterable[str], others: Iterable[str]) -> bool:
    """Whether two lists name the same, however it is written."""
    return canonical(addresses) == canonical(others)


def is_address(text: str) -> bool:
    """Whether Windows Firewall takes the text as an address, a subnet, a range or a word; none has a zone."""
    if text.lower() in WORDS:
        return True
    if "%" in text:
        return False
    if "-" in text:
        return _is_range(*text.split("-", 1))
    return _is_network(text)


def _is_network(text: str) -> bool:
    """An address, or a subnet; bits of the host may be set, as in Microsoft's own examples."""
    if "/" in text and not _MASKED.fullmatch(text):
        return False
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    mask = text.partition("/")[2]
    return "." not in mask or str(network.netmask) == mask


def _is_range(first: str, last: str) -> bool:
    try:
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError:
        return False
    return low.version == high.version and int(low) <= int(high)

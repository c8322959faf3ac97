# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connection security rules meet connections to the listener. PRIVATE to the collection.

Source: MS-GPFAS 2.2.6.2 (stored form), MS-FASP 2.2.52 (what SecureServer and Secure require) and 2.2.55. UNSURE: which
of the two endpoints the host is, so either may be; a rule's addresses are told and not judged. Group policy and the
host itself have such rules. The Firewall CSP of device management has no node for them (Microsoft Learn, the classes
MDM_Firewall_… of the WMI bridge), nor was any found stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .rules import holds

_REQUIRING = ("SecureServer", "Secure")
_TCP = ("", "6", "256")
"""Numbers of protocols that include TCP: none is named, TCP itself, any (MS-FASP 2.2.55)."""

_BITS = {"Domain": 1, "Private": 2, "Public": 4}
_ANY = ("Any",)
FREE_PORTS = 49152


@dataclass(frozen=True)
class SecurityRule:
    """An active rule that drops what IPsec does not protect.

    Attributes:
        profiles: bitmask, 0 any, 1 domain, 2 private, 4 public.
        ports: those of either endpoint.
        addresses: those of either endpoint.
    """

    profiles: int
    protocol: str
    ports: tuple[tuple[str, ...], tuple[str, ...]]
    addresses: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def between(self) -> str:
        """Whose connections it is about, to be said behind its name; empty where it is everybody's."""
        one, other = map(", ".join, self.addresses)
        return "" if self.addresses == (_ANY, _ANY) else f" between {one} and {other}"

    def meets(self, port: int) -> bool:
        """Whether it is about TCP connections to a port of the host, which come from any port of a client's."""
        one, other = self.ports
        ways = ((one, other), (other, one))
        return self.protocol in _TCP and any(holds(here, port) and _any_of_a_client(there) for here, there in ways)


def parse(text: str) -> SecurityRule | None:
    """A rule from its stored form, C(v2.31|Action=SecureServer|Active=TRUE|...); None for one that requires nothing."""
    fields = [(key, data) for key, _equals, data in (part.partition("=") for part in text.split("|"))]
    single = dict(fields)
    if single.get("Active", "").upper() != "TRUE" or single.get("Action") not in _REQUIRING:
        return None
    profiles = {_BITS.get(data, 0) for key, data in fields if key == "Profile"}
    ports, addresses = _of_ends(fields, "Port", "Port2_10"), _of_ends(fields, "_4", "_6")
    return SecurityRule(sum(profiles), single.get("Protocol", ""), ports, addresses)


def _of_ends(fields: Iterable[tuple[str, str]], *kinds: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is stored of these kinds for the one endpoint and for the other; any where nothing is."""
    one, other = (
        tuple(data for key, data in fields if key in {f"{end}{kind}" for kind in kinds}) for end in ("EP1", "EP2")
    )
    return one or _ANY, other or _ANY


def _any_of_a_client(ports: Collection[str]) -> bool:
    """Whether they are for clients, which take a free port from 49152 on (RFC 6335): all, or a range up there."""
    ends = (port.partition("-")[2] for port in ports)
    return "Any" in ports or any(end.isdecimal() and int(end) >= FREE_PORTS for end in ends)

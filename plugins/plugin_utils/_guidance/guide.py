# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From options to guidance: where the way is blocked, and what to do there. PRIVATE to the collection. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

from .._model.plain import to_plain
from .devices import ALTERNATIVES, DEVICES, rule
from .way import Translation, Where, Wish, WrongWish, address, blocked, guarded, networks, translated

OPTIONS: Mapping[str, Mapping[str, t.Any]] = {
    "device": {"type": "str", "choices": list(DEVICES), "default": "generic"},
    "source": {"type": "list", "elements": "str", "default": []},
    "address": {"type": "str"},
    "port": {"type": "int", "default": 3389},
    "external_port": {"type": "int"},
    "external_address": {"type": "str"},
    "wan_address": {"type": "str"},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "probes": {"type": "list", "elements": "dict", "default": []},
    "accept_internet_exposure": {"type": "bool", "default": False},
}

_WAYS: Mapping[Where, str] = {
    "open": "A probe from outside reaches the port: nothing has to be opened.",
    "host": "The port is closed inside as well: the host itself is the reason (diagnosis_info), so open nothing yet.",
    "path": "The port is open inside and closed outside: the way between is blocked.",
    "unknown": "Probes from inside and from outside are needed to tell where the way is blocked.",
}
_TRANSLATIONS: Mapping[Translation, str] = {
    "none": "The host has the address that users connect to: a firewall on the way, no forwarding.",
    "single": "One router translates: forward the port there.",
    "double": "The router's own outside address is private, so another router translates as well (double NAT): forward "
    "the port on both, or have the outer one bridge.",
    "carrier": "The router's outside address is shared by the provider's customers (carrier NAT, RFC 6598): no rule "
    "here can let anybody in. Ask the provider for a public address, or use a VPN that is opened from inside.",
    "other_way": "Users connect to an address that the router does not have: look for the device that has it.",
    "unknown": "The router's outside address (wan_address) would tell how often the way is translated.",
}
_SAFER = (
    "A VPN to the network of the host; then no port is open to the internet",
    "An RD Gateway, which lets users in over HTTPS after they have logged on",
)
_EXPOSED = (
    "OPEN TO THE WHOLE INTERNET. Remote Desktop there is found within minutes and attacked without end; keep NLA "
    "required, lock accounts out, and close it as soon as it is not needed."
)


def guide(host: str, options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What port_forward_info returns.

    Args:
        host: the inventory name.
        options: as in OPTIONS, with an address.

    Raises:
        WrongWish: something is missing or would open the host to the internet.
    """
    wish = _wish(host, options)
    where = blocked(options["probes"])
    own = [known for text in options["addresses"] if (known := address(text, "addresses"))]
    translation = translated(
        [*own, wish.address], address(options["wan_address"], "wan_address"), wish.external_address
    )
    wanted = where in ("path", "unknown") and translation != "carrier"
    return {
        "blocked": where,
        "translation": translation,
        "summary": f"{_WAYS[where]} {_TRANSLATIONS[translation]}",
        "alternatives": [*_SAFER, *filter(None, (ALTERNATIVES.get(options["device"]),))],
        "rule": to_plain(rule(options["device"], wish)) if wanted else None,
        "exposed": wish.exposed and wanted,
        "warnings": [_EXPOSED] if wish.exposed and wanted else [],
    }


def _wish(host: str, options: Mapping[str, t.Any]) -> Wish:
    inside = address(options["address"], "address")
    if inside is None:
        raise WrongWish("address: give the host's address in its own network", "address")
    for name in ("port", "external_port"):
        if options[name] is not None and not 1 <= options[name] <= 65535:
            raise WrongWish(f"{name}: {options[name]} is not between 1 and 65535", name)
    sources, exposed = guarded(networks(options["source"]), options["accept_internet_exposure"])
    return Wish(
        name=re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:40] or "host",
        address=inside,
        port=options["port"],
        external_port=options["external_port"] or options["port"],
        external_address=address(options["external_address"], "external_address"),
        sources=sources,
        exposed=exposed,
    )

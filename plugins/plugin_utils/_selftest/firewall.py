# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: a firewall rule of our own, which is never enabled. PRIVATE to the collection. It is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from .._cim import wql
from .._cim.client import keys_of
from .._cim.firewall import DISABLED, INBOUND, Action, Profiles
from .._cim.schema import MSFT_NET_APPLICATION_FILTER, MSFT_NET_FIREWALL_RULE, MSFT_NET_PROTOCOL_PORT_FILTER
from .._cim.types import CimClass
from .._cim.values import Instance, Sendable
from .._host import Host
from .._model.rules import PROGRAM, is_host_process
from .._wsman.envelope import Option, Selector
from .._wsman.errors import BadAnswer, NotFound
from ._base import Check, Scratch

PORT = "65530"
"""TCP port of the scratch rule."""


@contextmanager
def _rule(host: Host, options: Sequence[Option] = ()) -> Iterator[str]:
    """A disabled rule; its id."""
    name = Scratch().name
    values: dict[str, Sendable] = {
        "InstanceID": name,
        "ElementName": name,
        "Enabled": DISABLED,
        "Direction": INBOUND,
        "Action": int(Action.ALLOW),
        "Profiles": int(Profiles.DOMAIN),
    }
    created = host.cim.create(MSFT_NET_FIREWALL_RULE, values, options)
    try:
        yield name
    finally:
        _delete(host, created)


def _delete(host: Host, keys: Mapping[str, Selector]) -> None:
    plain = {key: value for key, value in keys.items() if isinstance(value, str)}
    try:
        host.cim.delete(MSFT_NET_FIREWALL_RULE, **plain)
    except NotFound:
        return


def _part(host: Host, cls: CimClass, name: str) -> Instance:
    found = host.cim.query(cls, wql.compare("InstanceID", name), with_epr=True)
    if not found:
        raise NotFound(f"The scratch rule has no {cls.name}")
    return found[0]


def _keys(part: Instance) -> Mapping[str, Selector]:
    if part.epr is None:
        raise BadAnswer("The host gives no reference to what it lists")
    return keys_of(part.epr)


def _created(host: Host) -> str:
    """Created disabled, its port put, its profiles put, and read back."""
    with _rule(host) as name:
        port = _part(host, MSFT_NET_PROTOCOL_PORT_FILTER, name)
        host.cim.put(MSFT_NET_PROTOCOL_PORT_FILTER, _keys(port), {"Protocol": "TCP", "LocalPort": (PORT,)})
        rule = _part(host, MSFT_NET_FIREWALL_RULE, name)
        host.cim.put(MSFT_NET_FIREWALL_RULE, _keys(rule), {"Profiles": int(Profiles.PRIVATE)})
        found, ports = _part(host, MSFT_NET_FIREWALL_RULE, name), _part(host, MSFT_NET_PROTOCOL_PORT_FILTER, name)
    wanted = {"Enabled": DISABLED, "Profiles": int(Profiles.PRIVATE), "Direction": INBOUND}
    other = [key for key, number in wanted.items() if found.number(key) != number]
    other += [] if ports.texts("LocalPort") == (PORT,) else ["LocalPort"]
    return f"differs: {', '.join(other)}" if other else "as set"


def _context(host: Host) -> str:
    options = (Option("wmi:Protocol", "TCP", "xs:string"), Option("wmiarray:LocalPort", PORT, "xs:string"))
    with _rule(host, options) as name:
        ports = _part(host, MSFT_NET_PROTOCOL_PORT_FILTER, name).texts("LocalPort")
    return "taken" if ports == (PORT,) else "left out"


def _partial(host: Host) -> str:
    """A Put of one property alone, of a filter; where that is refused, the whole is read and put instead."""
    cls = replace(MSFT_NET_PROTOCOL_PORT_FILTER, partial_put=True)
    with _rule(host) as name:
        keys = _keys(_part(host, cls, name))
        host.cim.put(cls, keys, {"Protocol": "TCP", "LocalPort": ("65529",)})
        before = host.cim.operations
        host.cim.put(cls, keys, {"LocalPort": (PORT,)})
        taken = host.cim.operations - before == 1
        ports = _part(host, cls, name).texts("LocalPort")
    if ports != (PORT,):
        return "without effect"
    return "taken" if taken else "refused"


def _program(host: Host) -> str:
    with _rule(host) as name:
        part = _part(host, MSFT_NET_APPLICATION_FILTER, name)
        host.cim.put(MSFT_NET_APPLICATION_FILTER, _keys(part), {"AppPath": PROGRAM})
        found = _part(host, MSFT_NET_APPLICATION_FILTER, name).text("AppPath")
    if found == PROGRAM:
        return "as written"
    return "spelt otherwise" if is_host_process(found) else "another program"


CHECKS = (
    Check(
        "firewall_rule",
        "Is a rule that is created, given a port and other profiles, as it was set?",
        "as set",
        {"as set": "rules are changed as documented"},
        _created,
        writes=True,
    ),
    Check(
        "firewall_program",
        "How is the program of a rule spelt when it is read back?",
        "as written",
        {
            "as written": "a built-in rule that is made anew reads as Windows' own",
            "spelt otherwise": "it is known by what it means",
            "another program": "no built-in rule can be made anew here: tell the maintainers",
        },
        _program,
        writes=True,
    ),
    Check(
        "firewall_context",
        "Does a new rule take its port from the context of its creation?",
        "taken",
        {
            "taken": "a rule could be created whole",
            "left out": "a new rule is for any port until its filter is put, so none is created enabled",
        },
        _context,
        writes=True,
    ),
    Check(
        "firewall_partial_put",
        "Does a filter take a Put of one property alone?",
        "taken",
        {
            "taken": "a change of a rule is one message",
            "refused": "a change of a rule is three messages: it is read whole, and put whole",
            "without effect": "ports and addresses of rules cannot be changed here: tell the maintainers",
        },
        _partial,
        writes=True,
    ),
)

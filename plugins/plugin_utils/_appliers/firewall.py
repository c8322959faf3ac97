# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applier: built-in firewall rules and their fields, and whether a rule that blocks is enabled. PRIVATE.

UNSURE: how Windows spells program and service of a rule when it gives them back, so they are read as what they mean;
the check firewall_program of selftest asks a host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .._cim.firewall import RDP_PREFIX, Action, Firewall, Profiles, Rule
from .._host import Host
from .._model.addresses import canonical
from .._model.change import Change
from .._model.plain import Plain
from .._model.rules import BLOCK, MADE, PROGRAM, SERVICE, is_host_process
from .._wsman.errors import NotFound
from ._base import Applier, ApplyError

_READERS: Mapping[str, Callable[[Rule], Plain]] = MappingProxyType(
    {
        "enabled": lambda rule: rule.enabled,
        "profiles": lambda rule: int(rule.profiles),
        "local_ports": lambda rule: list(rule.ports),
        "remote_addresses": lambda rule: list(canonical(rule.remote_addresses)),
        "action": lambda rule: rule.action,
        "protocol": lambda rule: rule.protocol,
        "program": lambda rule: PROGRAM if is_host_process(rule.program) else rule.program,
        "service": lambda rule: SERVICE if rule.service.lower() == SERVICE else rule.service,
    }
)


_TEXT_WRITERS: Mapping[str, Callable[[Firewall, Rule, str], None]] = MappingProxyType(
    {"program": Firewall.set_program, "service": Firewall.set_service}
)


def _read(host: Host, change: Change) -> Plain:
    """The fields, of a rule with no more of its filters than the change is about; or whether there is the rule."""
    about = {name for fields in (change.before, change.after) if isinstance(fields, dict) for name in fields}
    try:
        rule = host.firewall.rule(
            change.item,
            ports="local_ports" in about,
            addresses="remote_addresses" in about,
            program="program" in about,
            service="service" in about,
        )
    except NotFound:
        if about != set(MADE):
            raise
        return None
    if about == set(MADE):
        return dict(MADE)
    return {name: _READERS[name](rule) for name in (change.after if isinstance(change.after, dict) else {})}


def _write(host: Host, change: Change, value: Plain) -> None:
    """Every write but that which makes the rule follows a look at it, whose names are taken from there."""
    if value == MADE:
        host.firewall.make(change.item)
        return
    rule = host.firewall.last_read(change.item)
    if value is None:
        host.firewall.delete(rule)
    elif isinstance(value, dict) and "protocol" in value:
        ports = value["local_ports"]
        host.firewall.set_protocol(rule, str(value["protocol"]), map(str, ports if isinstance(ports, list) else ()))
    else:
        for name, setting in value.items() if isinstance(value, dict) else ():
            _write_field(host, rule, name, setting)


def _write_field(host: Host, rule: Rule, name: str, value: Plain) -> None:
    if name == "enabled" and value is True and not (rule.instance_id.startswith(RDP_PREFIX) or rule.action == BLOCK):
        raise ApplyError(
            f"{rule.instance_id}: it is no rule of Remote Desktop and lets somebody in, so it stays disabled"
        )
    if name == "enabled" and isinstance(value, bool):
        host.firewall.set_enabled(rule, value)
    elif name == "profiles" and isinstance(value, int):
        host.firewall.set_profiles(rule, Profiles(value))
    elif name in _TEXT_WRITERS and isinstance(value, str):
        _TEXT_WRITERS[name](host.firewall, rule, value)
    elif name == "action" and isinstance(value, int):
        host.firewall.set_action(rule, Action(value))
    elif name == "local_ports" and isinstance(value, list):
        host.firewall.set_local_port(rule, [str(port) for port in value])
    elif name == "remote_addresses" and isinstance(value, list):
        host.firewall.set_remote_addresses(rule, [str(address) for address in value])
    else:
        raise ApplyError(f"{rule.instance_id}: a change cannot set {name} to {value!r}")


APPLIER = Applier(_read, _write)

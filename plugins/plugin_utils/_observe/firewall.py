# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: firewall rules that touch the RDP port, profiles and active networks. PRIVATE to the collection."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from .._cim import tcp
from .._cim.firewall import RDP_PREFIX, Action, Category, Profile, Rule
from .._cim.registry import Registry
from .._cim.services import TERM_SERVICE
from .._model.addresses import canonical
from .._model.observation import FirewallState, ProfileState, RuleState
from .._model.rules import blocks, for_all_addresses
from ._firewall_policy import lay_over, parse_rule
from ._request import Request

SERVICE = "MpsSvc"
SERVICES = (SERVICE, TERM_SERVICE)
BUILT_IN = "RemoteDesktop-UserMode"
_ACTIVE = {Category.DOMAIN: "domain", Category.PRIVATE: "private", Category.PUBLIC: "public"}
_INBOUND = {int(Action.ALLOW): "allow", int(Action.BLOCK): "block"}


def read(request: Request) -> FirewallState:
    ports = dict.fromkeys((request.port, request.wanted_port or request.port))
    rules = request.host.firewall.rdp_rules(*ports)
    known = tuple(_conditioned(request.host.registry, _rule(rule), tuple(ports)) for rule in rules)
    profiles = {name.lower(): _profile(profile) for name, profile in request.host.firewall.profiles().items()}
    active = {_ACTIVE[category] for category in request.categories}
    service = request.services.get(SERVICE)
    state = FirewallState(
        rules=known,
        profiles=profiles,
        active=tuple(sorted(active)),
        running=service is None or service.running,
        listening=tuple(_listening(request, rules)),
    )
    return lay_over(request, state)


def _listening(request: Request, rules: Iterable[Rule]) -> Iterator[int]:
    """Where a rule has another port than the listener is set to, TermService may be on it until it starts again."""
    ports = {
        int(port) for rule in rules if rule.instance_id.startswith(BUILT_IN) for port in rule.ports if port.isdecimal()
    }
    others = sorted(ports - {request.port})
    service = request.services.get(TERM_SERVICE)
    if service is not None and service.running:
        for port in others:
            if any(socket.process_id == service.process_id for socket in tcp.listeners(request.host.cim, port)):
                yield port


def _rule(rule: Rule) -> RuleState:
    return RuleState(
        id=rule.instance_id,
        enabled=rule.enabled,
        action=rule.action,
        profiles=int(rule.profiles),
        protocol=rule.protocol,
        local_ports=rule.ports,
        remote_addresses=canonical(rule.remote_addresses),
        store=rule.source,
        program=PROGRAMS.get(rule.instance_id, rule.program),
        service=rule.service,
    )


PROGRAMS = {
    "RemoteDesktop-Shadow-In-TCP": r"%SystemRoot%\system32\RdpSa.exe",
    "RemoteDesktop-In-TCP-WS": "System",
    "RemoteDesktop-In-TCP-WSS": "System",
}
"""Whose connections the built-in rules let in that are not for TermService (rules as Windows stores them)."""

LOCAL_RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"


def _conditioned(registry: Registry, rule: RuleState, ports: tuple[int, ...]) -> RuleState:
    """A rule of somebody's own with all that it demands, which is spread over seven classes otherwise.

    One read each, of no rule on most hosts: Windows' own for Remote Desktop are taken to be as they came, and of those
    that block the ones alone that would keep everybody away.
    """
    if not rule.enabled or rule.id.startswith(RDP_PREFIX) or not _may_decide(rule, ports):
        return rule
    stored = parse_rule(rule.id, registry.text(LOCAL_RULES, rule.id))
    if stored is None:
        return rule
    return dataclasses.replace(rule, program=stored.program, service=stored.service, conditions=stored.conditions)


def _may_decide(rule: RuleState, ports: tuple[int, ...]) -> bool:
    stops = any(blocks(rule, port, way) for port in ports for way in ("tcp", "udp"))
    return rule.action != Action.BLOCK or (stops and for_all_addresses(rule))


def _profile(profile: Profile) -> ProfileState:
    return ProfileState(
        name=profile.name.lower(),
        enabled=profile.enabled,
        inbound=_INBOUND.get(profile.default_inbound),
        local_rules=profile.allow_local_rules,
        exceptions=profile.allow_inbound_rules,
    )

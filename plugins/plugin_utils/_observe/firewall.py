# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: firewall rules that touch the RDP port, profiles and active networks. PRIVATE to the collection."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from .._cim import tcp
from .._cim.firewall import RDP_PREFIX, Action, Category, Profile, Rule
from .._cim.registry import Reading, Registry, RegistryValue
from .._cim.services import TERM_SERVICE
from .._model.addresses import canonical
from .._model.observation import FirewallState, ProfileState, RuleState
from ._request import Request

SERVICE = "MpsSvc"
SERVICES = (SERVICE, TERM_SERVICE)
BUILT_IN = "RemoteDesktop-UserMode"
_ACTIVE = {Category.DOMAIN: "domain", Category.PRIVATE: "private", Category.PUBLIC: "public"}
_INBOUND = {int(Action.ALLOW): "allow", int(Action.BLOCK): "block"}


def read(request: Request) -> FirewallState:
    ports = dict.fromkeys((request.port, request.wanted_port or request.port))
    rules = request.host.firewall.rdp_rules(*ports)
    known = tuple(_conditioned(request.host.registry, _rule(rule)) for rule in rules)
    profiles = {name.lower(): _profile(profile) for name, profile in request.host.firewall.profiles().items()}
    policy = PolicyFirewall(request.host.registry)
    rules_by_policy = policy.rules()
    active = {_ACTIVE[Category(number)] for number in request.host.firewall.active_categories().values()}
    service = request.services.get(SERVICE)
    return FirewallState(
        rules=(*known, *rules_by_policy),
        profiles={name: policy.over(profile) for name, profile in profiles.items()},
        active=tuple(sorted(active)),
        running=service is None or service.running,
        listening=tuple(_listening(request, rules)),
    )


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


def _conditioned(registry: Registry, rule: RuleState) -> RuleState:
    """A rule of somebody's own that lets in, with all that it demands, which is spread over seven classes otherwise.

    One read each, of no rule on most hosts: Windows' own for Remote Desktop are taken to be as they came.
    """
    if not rule.enabled or rule.action == Action.BLOCK or rule.id.startswith(RDP_PREFIX):
        return rule
    stored = parse_rule(rule.id, registry.text(LOCAL_RULES, rule.id))
    if stored is None:
        return rule
    return dataclasses.replace(rule, program=stored.program, service=stored.service, conditions=stored.conditions)


def _profile(profile: Profile) -> ProfileState:
    return ProfileState(
        name=profile.name.lower(),
        enabled=profile.enabled,
        inbound=_INBOUND.get(profile.default_inbound),
        local_rules=profile.allow_local_rules,
        exceptions=profile.allow_inbound_rules,
    )


POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
_POLICY_KEYS = {
    "domain": ("DomainProfile",),
    "private": ("PrivateProfile", "StandardProfile"),
    "public": ("PublicProfile",),
}
"""Policy keys of a profile; StandardProfile is what the private profile was called (MS-GPFAS 2.2.2)."""

_FLAGS: Mapping[str, tuple[str, Callable[[int], t.Any]]] = {
    "AllowLocalPolicyMerge": ("local_rules", bool),
    "DefaultInboundAction": ("inbound", lambda number: "block" if number else "allow"),
    "DoNotAllowExceptions": ("exceptions", lambda number: not number),
    "EnableFirewall": ("enabled", bool),
}
"""Policy values of a profile and the fields that they decide (MS-GPFAS 2.2.2)."""

_PROTOCOLS = {"6": "TCP", "17": "UDP"}
_ACTIONS = {"Allow": Action.ALLOW, "ByPass": Action.BYPASS, "Block": Action.BLOCK}
_BITS = {"Domain": 1, "Private": 2, "Public": 4}
GROUP_POLICY = 2


class PolicyFirewall:
    """What group policy and device management say about the firewall, from the registry.

    The provider's default store holds local rules alone, and how to name another one on the wire is not settled; the
    registry is (MS-GPFAS).
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The keys that policy has made, in lower case; none on most hosts, which one operation tells."""
        return frozenset(name.lower() for name in self._registry.keys(POLICY) or ())

    def _values(self, key: str) -> Mapping[str, Reading]:
        return (self._registry.read_all(rf"{POLICY}\{key}") or {}) if key.lower() in self._keys else {}

    def over(self, profile: ProfileState) -> ProfileState:
        """A profile with policy laid over it; the older name of the private profile's key counts where it is alone."""
        for key in _POLICY_KEYS.get(profile.name, ()):
            numbers = self._numbers(key)
            if numbers:
                fields = {name: read(numbers[stored]) for stored, (name, read) in _FLAGS.items() if stored in numbers}
                return dataclasses.replace(profile, **fields, by_policy=tuple(sorted(fields)))
        return profile

    def rules(self) -> tuple[RuleState, ...]:
        """The inbound rules of policy."""
        texts = (
            (name, reading.data)
            for name, reading in self._values("FirewallRules").items()
            if isinstance(reading, RegistryValue)
        )
        parsed = (parse_rule(name, str(text)) for name, text in texts)
        return tuple(rule for rule in parsed if rule is not None)

    def _numbers(self, key: str) -> dict[str, int]:
        values = (
            (name, reading.data) for name, reading in self._values(key).items() if isinstance(reading, RegistryValue)
        )
        return {name: data for name, data in values if isinstance(data, int)}


def parse_rule(name: str, text: str) -> RuleState | None:
    """An inbound rule from its stored form, C(v2.30|Action=Allow|Active=TRUE|Dir=In|...); None for any other."""
    fields = list(_fields(text))
    single = dict(fields)
    if single.get("Dir") != "In" or single.get("Action") not in _ACTIONS:
        return None
    return RuleState(
        id=name,
        enabled=single.get("Active", "").upper() == "TRUE",
        action=int(_ACTIONS[single["Action"]]),
        profiles=sum({_BITS.get(data, 0) for key, data in fields if key == "Profile"}),
        protocol=_PROTOCOLS.get(single.get("Protocol", ""), single.get("Protocol", "Any")),
        local_ports=tuple(data for key, data in fields if key in ("LPort", "LPort2_10")) or ("Any",),
        remote_addresses=canonical(data for key, data in fields if key in ("RA4", "RA6", "RA42", "RA62")) or ("Any",),
        store=GROUP_POLICY,
        program=single.get("App", "Any"),
        service=single.get("Svc", "Any"),
        conditions=tuple(sorted(single.keys() - _NO_CONDITIONS)),
    )


_NO_CONDITIONS = {
    "Action", "Active", "App", "Defer", "Desc", "Dir", "Edge", "EmbedCtxt", "LPort", "LPort2_10", "Name", "Profile",
    "Protocol", "RA4", "RA42", "RA6", "RA62", "Svc",
}  # fmt: skip
"""Fields of a rule's stored form that are read, or narrow nothing (MS-GPFAS 2.2.2); IPsec, users, interfaces do."""


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split("|"):
        key, equals, data = part.partition("=")
        if equals:
            yield key, data

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Reader: what group policy and device management say about the firewall. PRIVATE to the collection.

The provider's default store holds local rules alone, and how to name another one on the wire is not settled; the
registry is. Group policy: MS-GPFAS. Device management, as Intune, keeps the same values and rule strings below the
firewall's own key (MdmDiagnosticsTool exports FirewallPolicy\Mdm; HardeningKitty found Mdm\DomainProfile, Registry
Explorer reads Mdm\FirewallRules). UNSURE: whether the private profile's key is named there as in group policy's store
or as in the local one, so either counts; and whether the setting MDMWinsOverGP reverses who wins
(MicrosoftDocs/windows-itpro-docs#6522 saw so, Firewall CSP says that group policy wins).

The administrative template "Allow inbound Remote Desktop exceptions" (windowsfirewall.admx), which is older than rules,
opens TCP port 3389 for the addresses that it names; the standard profile is private and public networks. UNSURE:
whether it blocks the port where it is disabled, as its text says of Windows XP, so it counts for nothing then.
"""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from .._cim.firewall import Action
from .._cim.registry import Reading, Registry, RegistryValue
from .._model.addresses import canonical
from .._model.observation import FirewallState, ProfileState, RuleState
from .._model.rules import EXCEPTION, GROUP_POLICY, MDM, STORES, allows, in_profiles
from ._request import Request

_BITS = {"Domain": 1, "Private": 2, "Public": 4}

_KEYS = {
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

_TEMPLATE = {"DomainProfile": 1, "StandardProfile": 6}
"""Keys of the administrative template and the profiles that they are about, as bits."""

_PROTOCOLS = {"6": "TCP", "17": "UDP"}
_ACTIONS = {"Allow": Action.ALLOW, "ByPass": Action.BYPASS, "Block": Action.BLOCK}


def lay_over(request: Request, local: FirewallState) -> FirewallState:
    """The firewall with policy laid over it, the weaker store first."""
    state = local
    for source in STORES:
        if source != MDM or _may_matter(request, local):
            state = PolicyStore(request.host.registry, source).over(state)
    return state


def _may_matter(request: Request, local: FirewallState) -> bool:
    """Whether a firewall can have dropped the probe, or local rules are to be changed: else nothing more is asked."""
    probe = request.probe or {}
    answered = probe.get("tcp", {}).get("verdict") in ("open", "refused")
    bits = [_BITS[name.title()] for name in local.active or ("public",)]
    open_rules = [rule for rule in local.rules if allows(rule, request.port)]
    return not answered or not all(any(in_profiles(rule, bit) for rule in open_rules) for bit in bits)


class PolicyStore:
    """What one of the two says."""

    def __init__(self, registry: Registry, source: int) -> None:
        self._registry = registry
        self._source = source
        self._root = STORES[source]

    @cached_property
    def _keys(self) -> frozenset[str]:
        """The keys that policy has made, in lower case; none on most hosts, which one operation tells."""
        return frozenset(name.lower() for name in self._registry.keys(self._root) or ())

    def _values(self, key: str) -> Mapping[str, Reading]:
        return (self._registry.read_all(rf"{self._root}\{key}") or {}) if key.lower() in self._keys else {}

    def over(self, state: FirewallState) -> FirewallState:
        profiles = {name: self._profile(profile) for name, profile in state.profiles.items()}
        rules = (*state.rules, *self._rules(), *self._exceptions())
        return dataclasses.replace(state, rules=rules, profiles=profiles)

    def _profile(self, profile: ProfileState) -> ProfileState:
        """A profile with policy laid over it; the older name of the private profile's key counts where it is alone."""
        for key in _KEYS.get(profile.name, ()):
            numbers = self._numbers(key)
            if numbers:
                told = [(field, value, read) for value, (field, read) in _FLAGS.items() if value in numbers]
                fields = {field: read(numbers[value]) for field, value, read in told}
                paths = {field: rf"{self._root}\{key}\{value}" for field, value, _read in told}
                return dataclasses.replace(profile, **fields, by_policy={**profile.by_policy, **paths})
        return profile

    def _rules(self) -> Iterator[RuleState]:
        """The inbound rules."""
        for name, reading in self._values("FirewallRules").items():
            rule = parse_rule(name, str(reading.data)) if isinstance(reading, RegistryValue) else None
            if rule is not None:
                yield dataclasses.replace(rule, store=self._source, path=rf"{self._root}\FirewallRules\{name}")

    def _exceptions(self) -> Iterator[RuleState]:
        """What the administrative template lets in, as rules."""
        for key, profiles in _TEMPLATE.items() if self._source == GROUP_POLICY else ():
            path = rf"{self._root}\{key}\{EXCEPTION}"
            found = (self._registry.read_all(path) or {}) if key.lower() in self._keys else {}
            enabled, text = (_data(found.get(name)) for name in ("Enabled", "RemoteAddresses"))
            if enabled == 1 and isinstance(text, str) and text.strip():
                addresses = canonical("Any" if part.strip() == "*" else part.strip() for part in text.split(","))
                rule = RuleState(rf"{key}\{EXCEPTION}", True, int(Action.ALLOW), profiles, "TCP", ("3389",), addresses)
                yield dataclasses.replace(rule, store=self._source, path=path)

    def _numbers(self, key: str) -> dict[str, int]:
        values = (
            (name, reading.data) for name, reading in self._values(key).items() if isinstance(reading, RegistryValue)
        )
        return {name: data for name, data in values if isinstance(data, int)}


def _data(reading: Reading | None) -> object:
    return reading.data if isinstance(reading, RegistryValue) else None


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

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be let in through a firewall. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .._model.addresses import ANY, beyond
from .._model.observation import FirewallState, ProfileState, RuleState
from .._model.rules import LOCAL, RULES, allows, for_everybody, in_profiles, lets_in_some
from ._base import Options

NAME = "firewall"

BITS = {"domain": 1, "private": 2, "public": 4}
"""MSFT_NetFirewallRule.Profiles; 0 is any."""

PUBLIC = BITS["public"]

EVERY = sum(BITS.values())

FLAGS = {
    "local_rules": ("ignores local rules", "Apply local firewall rules", "AllowLocalPolicyMerge"),
    "exceptions": ("blocks all incoming connections, rules included", "Inbound connections", "Shielded"),
}
"""Fields of a profile that can be set to ignore rules: what it does then, the policy, and the node of the CSP."""


@dataclass(frozen=True)
class Wanted:
    """What is to be let in through a firewall."""

    firewall: FirewallState
    ports: tuple[str, ...]
    options: Options

    @property
    def profiles(self) -> int:
        """As Windows takes them: 0 is any."""
        return wanted_profiles(self.firewall, self.options)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, bit in BITS.items() if not self.profiles or bit & self.profiles)

    def exactly(self, rule: RuleState) -> int:
        """The wanted profiles, of which those that ignore rules of the host's own stay as the rule has them."""
        ignoring = sum(BITS[name] for name in self.names if self.flags(name))
        if not ignoring:
            return self.profiles
        has = rule.profiles or EVERY
        wanted = (self.profiles or EVERY) & ~ignoring | has & ignoring
        return rule.profiles if wanted in (has, 0) else wanted

    def by_policy(self, profile: str, transport: str) -> bool:
        """Whether rules of policy let in at all ports in a profile: everybody, or at least the addresses wanted."""
        limit = self.options["remote_addresses"] or (ANY,)
        rules = [
            rule
            for rule in self.firewall.rules
            if rule.store != LOCAL and in_profiles(rule, BITS[profile])
            if for_everybody(rule) or not beyond(limit, rule.remote_addresses)
        ]
        return all(any(allows(rule, int(port), transport) for rule in rules) for port in self.ports)

    def too_wide(self) -> Iterator[RuleState]:
        """Rules beside the built-in ones that let in others than the wanted addresses."""
        limit = self.options["remote_addresses"] or (ANY,)
        for rule in self.firewall.rules:
            beside = rule.store != LOCAL or rule.id not in RULES.values()
            meets = beside and in_profiles(rule, self.profiles) and any(lets_in_some(rule, *way) for way in self.ways)
            if meets and beyond(rule.remote_addresses, limit):
                yield rule

    @property
    def ways(self) -> list[tuple[int, str]]:
        return [(int(port), transport) for port in self.ports for transport in self.options["transports"]]

    def counts(self, rule: RuleState) -> bool:
        """Whether a rule of the host's own has any effect."""
        return any(in_profiles(rule, bit) and not self.flags(name) for name, bit in BITS.items())

    def needed(self, transport: str) -> int:
        """The bits of the profiles where a rule of the host's own lets in whom nothing else does; 0 is none."""
        needing = (name for name in self.names if not self.flags(name) and not self.by_policy(name, transport))
        return sum(BITS[name] for name in needing)

    def letting_in(self, profile: str, port: str, transport: str) -> list[RuleState]:
        """The rules that let somebody in to a port in a profile; who comes by UDP has come by TCP before."""
        ways = [(int(port), way) for way in sorted({"tcp", transport})]
        here = (rule for rule in self.firewall.rules if in_profiles(rule, BITS[profile]))
        return [rule for rule in here if any(allows(rule, *way) for way in ways)]

    def scoped(self, built_in: RuleState, transport: str) -> dict[tuple[str, str], list[RuleState]]:
        """Who is let in already by profile and port, where the built-in rule would let in others that nobody named."""
        if self.options["remote_addresses"] is not None:
            return {}
        needed = self.needed(transport)
        places = [(name, port) for name in self.names if BITS[name] & needed for port in self.ports]
        found = {place: self.letting_in(*place, transport) for place in places}
        return found if any(_widens(built_in, rules) for rules in found.values()) else {}

    def shut(self) -> Iterator[tuple[ProfileState, str]]:
        """Profiles that ignore what would have to let in there, and the flag by which they do."""
        transport = "tcp" if "tcp" in self.options["transports"] else "udp"
        for name in self.names:
            for flag in self.flags(name):
                if flag != "local_rules" or not self.by_policy(name, transport):
                    yield self.firewall.profiles[name], flag

    def flags(self, name: str) -> tuple[str, ...]:
        """By what the firewall of a profile ignores rules of the host's own; by nothing where it is off."""
        profile = self.firewall.profiles.get(name)
        on = profile is not None and profile.enabled is not False
        return tuple(flag for flag in FLAGS if on and getattr(profile, flag) is False)


def _widens(rule: RuleState, others: Collection[RuleState]) -> bool:
    """Whether it lets in addresses that none of the others does, some of which there are."""
    scope = [address for other in others for address in other.remote_addresses]
    return bool(scope) and not any(map(for_everybody, others)) and bool(beyond(rule.remote_addresses, scope))


def wanted_profiles(firewall: FirewallState, options: Options) -> int:
    """The wanted profiles as a bitmask; 0 is any. Windows treats a network that it cannot identify as public."""
    words = options["profiles"] or ["active"]
    if "any" in words:
        return 0
    active = firewall.active or ("public",)
    names = {name for word in words for name in (active if word == "active" else (word,))}
    return sum(BITS[name] for name in names)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes on the way to the host: names, networks, firewalls. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable

from ..facts import TCP_RULE, Evidence, Facts, matches_port
from ._base import FIREWALL, LISTENS, SUPPORT, Cause, Cure, Shown

OPEN = Cure("firewall", {"state": "enabled", "transports": ["tcp"]})


def _name_unresolved(facts: Facts) -> Shown:
    return (facts.seen("name"),) if facts.probe_verdict("name") == "failed" else ()


def _closed(facts: Facts) -> bool:
    """Whether the firewall guards some active profile in which nothing allows the RDP port."""
    return facts.firewall is not None and facts.allowed_profiles != facts.guarded_profiles


def _profiles_evidence(facts: Facts) -> Evidence:
    return Evidence("active firewall profiles", ", ".join(facts.active_profiles), "MSFT_NetConnectionProfile")


def _rule_disabled(facts: Facts) -> Shown:
    rule = facts.rule(TCP_RULE)
    if not _closed(facts) or rule is None or rule.enabled:
        return ()
    return (Evidence(f"rule {rule.id}", "disabled", "MSFT_NetFirewallRule"), _profiles_evidence(facts))


def _rule_profile(facts: Facts) -> Shown:
    rule = facts.rule(TCP_RULE)
    if not _closed(facts) or rule is None or not rule.enabled or not matches_port(rule, facts.port):
        return ()
    return (Evidence(f"profiles of {rule.id}", rule.profiles, "MSFT_NetFirewallRule"), _profiles_evidence(facts))


def _rule_port(facts: Facts) -> Shown:
    rule = facts.rule(TCP_RULE)
    if not _closed(facts) or rule is None or not rule.enabled or matches_port(rule, facts.port):
        return ()
    ports = Evidence(f"ports of {rule.id}", ", ".join(rule.local_ports), "MSFT_NetProtocolPortFilter")
    return (ports, facts.stored("port"))


def _blocked_by_rule(facts: Facts) -> Shown:
    if not facts.blocked_profiles:
        return ()
    return tuple(Evidence("block rule", rule.id, "MSFT_NetFirewallRule") for rule in facts.rules_on_port((4,)))


def _profile_flag(flag: str, what: str) -> Callable[[Facts], Shown]:
    def shows(facts: Facts) -> Shown:
        return tuple(Evidence(what, name, "MSFT_NetFirewallProfile") for name in facts.profiles_with(flag))

    return shows


def _path_blocked(facts: Facts) -> Shown:
    open_inside = facts.firewall is not None and not _closed(facts) and not facts.blocked_profiles
    muted = facts.profiles_with("local_rules") or facts.profiles_with("exceptions")
    if facts.probe_verdict("tcp") not in ("timeout", "unreachable") or not facts.listening or not open_inside or muted:
        return ()
    inside = Evidence(f"TCP port {facts.port} inside the host", "listening, allowed", "MSFT_NetTCPConnection")
    return (facts.seen("tcp"), inside)


CAUSES = (
    Cause(
        "name_unresolved",
        "the controller cannot resolve the host's name",
        "name",
        "high",
        _name_unresolved,
        "probe_info: the name stage resolves",
        by_hand="Correct the DNS record or set ansible_host to the right name or address.",
    ),
    Cause(
        "firewall_rule_disabled",
        "no firewall rule lets Remote Desktop in; the built-in one is disabled",
        "tcp",
        "critical",
        _rule_disabled,
        LISTENS,
        (OPEN,),
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_wrong_profile",
        "the built-in firewall rule does not cover the network profile that is active",
        "tcp",
        "critical",
        _rule_profile,
        LISTENS,
        (OPEN,),
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_port_mismatch",
        "the built-in firewall rule is for another port than the listener's",
        "tcp",
        "critical",
        _rule_port,
        LISTENS,
        (OPEN,),
        sources=(SUPPORT,),
    ),
    Cause(
        "firewall_blocked_by_rule",
        "a firewall rule blocks the RDP port, and a block beats every allow",
        "tcp",
        "critical",
        _blocked_by_rule,
        LISTENS,
        by_hand="Disable or narrow the block rule that the evidence names, if its owner agrees.",
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_local_rules_ignored",
        "policy makes the firewall ignore local rules",
        "tcp",
        "critical",
        _profile_flag("local_rules", "local rules are ignored in profile"),
        LISTENS,
        (OPEN,),
        by_hand="Add the Remote Desktop rule to that policy, or allow local rules in it.",
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_shields_up",
        "the firewall blocks all incoming connections, rules included",
        "tcp",
        "critical",
        _profile_flag("exceptions", "all incoming connections are blocked in profile"),
        LISTENS,
        (OPEN,),
        by_hand="Allow exceptions again for that profile, in the policy or the firewall's settings.",
        sources=(FIREWALL,),
    ),
    Cause(
        "path_blocked",
        "something between controller and host drops the connection",
        "tcp",
        "high",
        _path_blocked,
        "probe_info from the users' network: the TCP stage opens",
        certain=False,
        by_hand="Look at network security groups, just-in-time access, routers and firewalls on the path.",
    ),
)

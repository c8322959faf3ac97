# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes on the way to the host: names, networks, firewalls. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from ..._model.change import Compliance
from ..._model.neighbours import AZURE_AGENT
from ..._model.observation import CONTROLLER, RuleState
from ..._model.rules import ALLOW, BLOCK, for_all_addresses, for_everybody, matches_port, unfinished
from ..._model.settings import CIS_L1
from ..facts import TCP_RULE, Evidence, Facts
from ._base import FIREWALL, LISTENS, SUPPORT, Cause, Cure, Shown, Touched

PROFILES = "https://support.microsoft.com/help/5060842"
GENERAL = "https://learn.microsoft.com/troubleshoot/windows-server/remote/rdp-error-general-troubleshooting"
GROUPS = "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshoot-rdp-nsg-problem"
INTERMITTENT = (
    "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshoot-rdp-intermittent-connectivity"
)
PATH_MTU = "https://www.rfc-editor.org/rfc/rfc2923"
BINDING = "https://learn.microsoft.com/openspecs/windows_protocols/ms-cssp/6aac4dea-08ef-47a6-8747-22ea7f6d8685"
CHALLENGE = "https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/801a4681-8809-4be9-ab0d-61dcfe762786"
RULE_CLASS = "https://learn.microsoft.com/windows/win32/fwp/wmi/wfascimprov/msft-netfirewallrule"
OPEN = Cure("firewall", {"state": "enabled", "transports": ["tcp"]})
PUBLIC = (
    "Where the network is public, first see that Windows takes it for what it is (Set-NetConnectionProfile): on public "
    "networks anybody near can try to log on."
)


def _name_unresolved(facts: Facts) -> Shown:
    return (facts.seen("name"),) if facts.probe_verdict("name") == "failed" else ()


def _opens_public(facts: Facts) -> bool:
    return facts.opens_public


def _profiles_evidence(facts: Facts) -> Evidence:
    return Evidence("active firewall profiles", ", ".join(facts.active_profiles), "MSFT_NetConnectionProfile")


def _rule_disabled(facts: Facts) -> Shown:
    rule = facts.rule(TCP_RULE)
    if not facts.closed or rule is None or rule.enabled or rule.action != ALLOW or unfinished(rule, "tcp"):
        return ()
    return (Evidence(f"rule {rule.id}", "disabled", "MSFT_NetFirewallRule"), _profiles_evidence(facts))


def _rule_missing(facts: Facts) -> Shown:
    """One whose making was cut off lets nobody in either."""
    rule = facts.rule(TCP_RULE)
    if not facts.closed or (rule is not None and not unfinished(rule, "tcp")):
        return ()
    found = "absent" if rule is None else f"for the protocol {rule.protocol}"
    return (Evidence(f"rule {TCP_RULE}", found, "MSFT_NetFirewallRule"), _profiles_evidence(facts))


def _rule_turned(facts: Facts) -> Shown:
    """It keeps users out where nothing else lets them in, and where it blocks whatever else does."""
    rule = facts.rule(TCP_RULE)
    if rule is None or rule.action == ALLOW or not (facts.closed or rule in facts.block_rules):
        return ()
    action = "block" if rule.action == BLOCK else "allow what IPsec has authenticated"
    state = Evidence(f"rule {rule.id}", "enabled" if rule.enabled else "disabled", "MSFT_NetFirewallRule")
    return (Evidence(f"action of {rule.id}", action, "MSFT_NetFirewallRule"), state, _profiles_evidence(facts))


def _rule_profile(facts: Facts) -> Shown:
    """A rule that counts on the domain is right where Windows mistakes the domain's network for another."""
    rule = facts.open_rule
    if not facts.closed or rule is None or not matches_port(rule, facts.port):
        return ()
    return () if _domain_unrecognised(facts) else (_rule_profiles(rule), _profiles_evidence(facts))


def _rule_profiles(rule: RuleState) -> Evidence:
    return Evidence(f"profiles of {rule.id}", rule.profiles, "MSFT_NetFirewallRule")


def _domain_unrecognised(facts: Facts) -> Shown:
    """A domain member none of whose networks Windows takes for the domain's, while its rule counts on that."""
    membership, rule = facts.observation.membership, facts.open_rule
    if rule is None or membership is None or not membership.in_domain or not facts.counts_on_domain:
        return ()
    return (_profiles_evidence(facts), _rule_profiles(rule))


def _rule_port(facts: Facts) -> Shown:
    rule = facts.open_rule
    if not facts.closed or rule is None or matches_port(rule, facts.port):
        return ()
    ports = Evidence(f"ports of {rule.id}", ", ".join(rule.local_ports), "MSFT_NetProtocolPortFilter")
    return (ports, facts.stored("port"))


def _blocked_by_rule(facts: Facts) -> Shown:
    """The built-in rule is another cause's."""
    rules = (rule for rule in facts.block_rules if for_everybody(rule) and rule != facts.rule(TCP_RULE))
    return tuple(Evidence("block rule", rule.id, rule.path or "MSFT_NetFirewallRule") for rule in rules)


def _blocked_for_some(facts: Facts) -> Shown:
    """Whether the prober is among them is not known: the address that the host sees may be another than ours."""
    return tuple(_whom(rule) for rule in facts.block_rules if not for_everybody(rule))


def _whom(rule: RuleState) -> Evidence:
    if for_all_addresses(rule):
        return Evidence(f"conditions of block rule {rule.id}", ", ".join(rule.conditions), "FirewallRules")
    return Evidence(f"remote addresses of block rule {rule.id}", _first(rule.remote_addresses), "MSFT_NetAddressFilter")


def _first(addresses: tuple[str, ...], most: int = 5) -> str:
    left = len(addresses) - most
    return ", ".join(addresses[:most]) + (f" and {left} more" if left > 0 else "")


def _profile_flag(flag: str, what: str) -> Callable[[Facts], Shown]:
    def shows(facts: Facts) -> Shown:
        return tuple(Evidence(what, name, facts.flag_source(name, flag)) for name in facts.profiles_with(flag))

    return shows


def _local_rules_items(facts: Facts) -> Touched:
    public = "public" in facts.profiles_with("local_rules")
    return (Compliance(CIS_L1, "9.3.4 (public profile: no local rules)", "meets"),) if public else ()


def _path_blocked(facts: Facts) -> Shown:
    """The built-in rule is for TermService, so another program that listens is not let in by it."""
    served = facts.firewall is not None and not facts.foreign_listener
    open_inside = served and not facts.closed and not facts.blocked and not facts.demands
    muted = facts.profiles_with("local_rules") or facts.profiles_with("exceptions")
    if facts.probe_verdict("tcp") not in ("timeout", "unreachable") or not facts.listening or not open_inside or muted:
        return ()
    inside = Evidence(f"TCP port {facts.port} inside the host", "listening, allowed", "MSFT_NetTCPConnection")
    azure = Evidence("Azure guest agent", "runs: suspect a security group or just-in-time access", "Win32_Service")
    return (facts.seen("tcp"), inside, *((azure,) if AZURE_AGENT in (facts.observation.products or ()) else ()))


def _rule_demands(facts: Facts) -> Shown:
    """Whoever meets what the rule demands gets in, so it says nothing where nobody has been kept out."""
    if not facts.demands or facts.probe_verdict("tcp") != "timeout" or facts.closed:
        return ()
    return (Evidence(f"conditions of {TCP_RULE}", ", ".join(facts.demands), "FirewallRules"),)


def _failing_elsewhere(stages: tuple[str, ...], passed: str) -> Callable[[Facts], Shown]:
    """Shown when a probe from where users are fails at one of the stages, and the one that counts passed a stage.

    Users do not come from the controller: that it cannot reach the port is no fault while others can.
    """

    def shows(facts: Facts) -> Shown:
        views = [view for view in facts.elsewhere if view.failed_stage in stages and view.vantage != CONTROLLER]
        if not views or not facts.got_past(passed):
            return ()
        seen = (Evidence(f"probe from {v.vantage}, stage {v.failed_stage}", _outcome(v), "probe") for v in views)
        return (*seen, Evidence(f"probe from {facts.vantage}", "got further", "probe"))

    return shows


def _outcome(view: Facts) -> str:
    return view.probe_verdict(view.failed_stage or "name")


def _other_certificate(facts: Facts) -> Shown:
    ours = _thumbprint(facts)
    others = [(view.vantage, _thumbprint(view)) for view in facts.elsewhere]
    differing = [(vantage, seen) for vantage, seen in others if ours and seen and seen != ours]
    shown = (Evidence(f"certificate seen from {vantage}", seen, "probe") for vantage, seen in differing)
    return (*shown, Evidence(f"certificate seen from {facts.vantage}", ours, "probe")) if differing else ()


def _thumbprint(facts: Facts) -> str | None:
    certificate = facts.probed_value("tls", "certificate")
    return str(certificate.get("sha1") or "") or None if isinstance(certificate, dict) else None


def _addresses(facts: Facts) -> frozenset[IPv4Address | IPv6Address]:
    """What the name led to where the probe was made."""
    found = facts.probed_value("name", "addresses")
    return frozenset(ip_address(str(text)) for text in found) if isinstance(found, (list, tuple)) else frozenset()


def _name_differs(facts: Facts) -> Shown:
    """Where a probe fails and the name leads nowhere near; addresses of one kind alone can be compared."""
    ours = _addresses(facts)
    told: list[Evidence] = []
    for view in facts.elsewhere:
        theirs = {a for a in _addresses(view) if a.version in {own.version for own in ours}}
        if theirs and not theirs & ours and not view.passed and facts.got_past("tcp") and view.vantage != CONTROLLER:
            told.append(Evidence(f"addresses of the name from {view.vantage}", _listed(theirs), "probe"))
    return (*told, Evidence(f"addresses of the name from {facts.vantage}", _listed(ours), "probe")) if told else ()


def _listed(addresses: Iterable[IPv4Address | IPv6Address]) -> str:
    return ", ".join(sorted(map(str, addresses)))


def _wrong_host(facts: Facts) -> Shown:
    identity, answered = facts.observation.identity, facts.probed_value("ntlm", "netbios_name")
    if identity is None or not answered or str(answered).lower() == identity.computer_name[:15].lower():
        return ()
    asked = str((facts.observation.probe or {}).get("host", ""))
    return (
        Evidence(f"who answers RDP at {asked}", answered, "probe, NTLM challenge"),
        Evidence("who answers WinRM", identity.computer_name, "Win32_OperatingSystem"),
    )


LOSS, SLOW = 2.0, 300.0
"""Per cent of lost connects, and milliseconds of a round trip, from which users complain of sessions that break."""


def _poor_path(facts: Facts) -> Shown:
    quality = (facts.observation.probe or {}).get("quality") or {}
    loss, rtt = quality.get("loss_percent") or 0.0, quality.get("rtt_median_ms") or 0.0
    shown = (("loss of connects, per cent", loss, LOSS), ("median round trip, ms", rtt, SLOW))
    return tuple(Evidence(what, number, "probe") for what, number, limit in shown if number > limit)


def _stalls(facts: Facts) -> Shown:
    if facts.probe_verdict("tls") != "timeout":
        return ()
    return (facts.seen("tls"), Evidence("bytes received in TLS", facts.probed_value("tls", "received_bytes"), "probe"))


CAUSES = (
    Cause(
        "name_unresolved",
        "the controller cannot resolve the host's name",
        "name",
        "high",
        _name_unresolved,
        "probe_info: the name stage resolves",
        by_hand="Correct the DNS record or set ansible_host to the right name or address.",
        sources=(GENERAL,),
    ),
    Cause(
        "firewall_rule_disabled",
        "no firewall rule lets Remote Desktop in; the built-in one is disabled",
        "tcp",
        "critical",
        _rule_disabled,
        LISTENS,
        (OPEN,),
        "medium",
        exposes=_opens_public,
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_rule_missing",
        "no firewall rule lets Remote Desktop in; the built-in one is missing",
        "tcp",
        "critical",
        _rule_missing,
        LISTENS,
        by_hand="Ask whoever deleted it, then run the module firewall with built_in_rules: restore, which makes it as "
        "Windows has it; roll-back deletes it again.",
        sources=(FIREWALL, RULE_CLASS),
    ),
    Cause(
        "firewall_rule_turned",
        "somebody has made the built-in firewall rule one that does not let users in",
        "tcp",
        "critical",
        _rule_turned,
        LISTENS,
        by_hand="Ask whoever set its action so, then run the module firewall with built_in_rules: restore, which sets "
        "it to allow; roll-back sets it back.",
        sources=(FIREWALL, RULE_CLASS),
    ),
    Cause(
        "firewall_rule_demands",
        "the built-in firewall rule lets in only who meets a condition of its own, as IPsec",
        "tcp",
        "high",
        _rule_demands,
        LISTENS,
        certain=False,
        by_hand="Take the condition that the evidence names off the rule (its properties: action, programs and "
        "services, computers, users, interfaces), or see to it that clients meet it.",
        sources=(FIREWALL, RULE_CLASS),
    ),
    Cause(
        "firewall_wrong_profile",
        "the built-in firewall rule does not cover the network profile that is active",
        "tcp",
        "critical",
        _rule_profile,
        LISTENS,
        (OPEN,),
        exposes=_opens_public,
        by_hand=PUBLIC,
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_domain_unrecognised",
        "Windows takes none of this domain member's networks for its domain's, so rules for the domain do not count",
        "tcp",
        "high",
        _domain_unrecognised,
        "host_info: area firewall has the profile domain among the active ones",
        certain=False,
        by_hand="See why the domain controller is not reached (DNS, VPN), then let Windows look again by disabling and "
        "enabling the network adapter; Server 2025 domain controllers need KB5060842. Prefer that to rules for public "
        "networks.",
        sources=(PROFILES, FIREWALL),
    ),
    Cause(
        "firewall_port_mismatch",
        "the built-in firewall rule is for another port than the listener's",
        "tcp",
        "critical",
        _rule_port,
        LISTENS,
        (OPEN,),
        exposes=_opens_public,
        sources=(SUPPORT,),
    ),
    Cause(
        "firewall_blocked_by_rule",
        "a firewall rule blocks the RDP port, and a block beats every allow",
        "tcp",
        "critical",
        _blocked_by_rule,
        LISTENS,
        by_hand="Disable or narrow the block rule that the evidence names, if its owner agrees. The module firewall "
        "with block_rules: disable does that to one of the host's own that is for the RDP port alone.",
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_blocks_some_addresses",
        "a firewall rule blocks the RDP port for some connections, as tools against password guessing do by address",
        "tcp",
        "medium",
        _blocked_for_some,
        LISTENS,
        certain=False,
        by_hand="Look whether the addresses that users come from are among those of the evidence, and take them out "
        "in the tool that made the rule.",
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
        touches=_local_rules_items,
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
        by_hand="Look at network security groups, just-in-time access, routers and firewalls on the path: "
        "port_forward_info says what to open there.",
        sources=(GENERAL, GROUPS),
    ),
    Cause(
        "path_blocked_elsewhere",
        "the host can be reached, but not from where its users are",
        "tcp",
        "high",
        _failing_elsewhere(("tcp",), "tcp"),
        "probe_info from there: the TCP stage opens",
        always=True,
        by_hand="Look at the way from there: security groups, routers, VPN and the firewall rule's remote addresses.",
        sources=(GENERAL, GROUPS),
    ),
    Cause(
        "name_unresolved_elsewhere",
        "the host's name is not known where its users are",
        "name",
        "high",
        _failing_elsewhere(("name",), "name"),
        "probe_info from there: the name stage resolves",
        always=True,
        by_hand="Correct the DNS record or the split DNS that is used there.",
        sources=(GENERAL,),
    ),
    Cause(
        "name_differs_elsewhere",
        "where the users are the host's name leads to another address, and the host is not reached there",
        "name",
        "medium",
        _name_differs,
        "probe_info from there: the name leads to the same address, or the handshake passes",
        certain=False,
        contributes=True,
        always=True,
        by_hand="Where no router translates that address to the host's, the record is stale or of another DNS: correct "
        "it, then let clients forget it (ipconfig /flushdns).",
        sources=(GENERAL,),
    ),
    Cause(
        "handshake_broken_elsewhere",
        "the handshake passes, but not from where the users are: something on the way from there breaks it",
        "tls",
        "high",
        _failing_elsewhere(("x224", "tls", "ntlm"), "ntlm"),
        "probe_info from there: the handshake passes",
        certain=False,
        always=True,
        by_hand="Look for inspection, proxies and a small MTU on the way from there.",
        sources=(GENERAL, PATH_MTU),
    ),
    Cause(
        "other_certificate_elsewhere",
        "another certificate is shown where the users are: TLS is opened on the way, or the name leads elsewhere",
        "tls",
        "high",
        _other_certificate,
        "probe_info from there: the same certificate",
        certain=False,
        always=True,
        by_hand="Compare the addresses of both probes; exempt Remote Desktop from TLS inspection.",
        sources=(BINDING,),
    ),
    Cause(
        "wrong_host",
        "another host than this one answers on the address that is used for Remote Desktop",
        "name",
        "critical",
        _wrong_host,
        "probe_info: the NTLM stage names this host",
        always=True,
        by_hand="Correct the DNS record, the hosts file or the address translation; nothing on this host is at fault.",
        sources=(CHALLENGE,),
    ),
    Cause(
        "path_mtu",
        "the TLS handshake stalls, as it does where a tunnel loses full-size packets",
        "tls",
        "high",
        _stalls,
        "probe_info: the TLS stage completes",
        certain=False,
        by_hand="Lower the MTU of the tunnel's adapter or clamp the MSS on the way; try ping with DF and 1472 bytes.",
        sources=(PATH_MTU,),
    ),
    Cause(
        "path_poor",
        "the path loses packets or is slow, which shows as sessions that freeze or break",
        "session",
        "low",
        _poor_path,
        "probe_info with samples: less loss, shorter times",
        contributes=True,
        by_hand="Look at the link, the VPN and its load.",
        sources=(INTERMITTENT,),
    ),
)

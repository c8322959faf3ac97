# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of causes, as data: what shows each, which stage it breaks, what cures it. PRIVATE to the collection.

A cause is shown by evidence alone; that the probe got past its stage rules it out as the reason for the failure
(rank.py). Remedies are named smallest first, with the options that make them least. A cause that names no remedy is
reported with what to do by hand.

Sources: MS-RDPBCGR 2.2.1.2.2 (negotiation failures), Microsoft support articles "troubleshoot-rdp-general-error",
"troubleshoot-rdp-internal-error", "event-id-troubleshoot-vm-rdp-connecton", Microsoft's Azure repair scripts
(win-fix-rdp-certificate, win-fix-rdp-connectivity; values measured on builds 9600 to 26100), TerminalServer.admx.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .._model.change import Risk
from .._model.settings import SETTINGS
from .facts import TCP_RULE, Evidence, Facts, matches_port

Shown = tuple[Evidence, ...]
Severity = t.Literal["critical", "high", "medium", "low"]


@dataclass(frozen=True)
class Cure:
    """A remedy and the options under which it does the least that cures the cause."""

    remedy: str
    options: Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """A known reason for failure.

    Attributes:
        stage: the stage of a connection that it breaks (facts.STAGES).
        shows: the evidence for it in an observation; empty when there is none.
        certain: whether that evidence alone proves it; else it is likely only while its stage is what fails.
        hides: whether it keeps the probe from seeing later stages, so that more may be wrong behind it.
        by_hand: what to do where no remedy exists or policy holds it.
    """

    id: str
    title: str
    stage: str
    severity: Severity
    shows: Callable[[Facts], Shown]
    verify: str
    cures: tuple[Cure, ...] = ()
    risk: Risk = "low"
    certain: bool = True
    by_hand: str = ""
    sources: tuple[str, ...] = ()

    @property
    def hides(self) -> bool:
        return self.stage in ("name", "tcp", "x224")


SUPPORT = "https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshoot-rdp-general-error"
TERMSERV = "https://learn.microsoft.com/windows/win32/termserv/win32-tsgeneralsetting"
REPAIR = "https://github.com/Azure/repair-script-library"
BCGR = "https://learn.microsoft.com/openspecs/windows_protocols/ms-rdpbcgr/1b3920e7-0116-4345-bc45-f2c4ad012761"
FIREWALL = (
    "https://learn.microsoft.com/windows/security/operating-system-security/network-security/windows-firewall/rules"
)

_LISTENS = "probe_info: the TCP stage opens"
_NEGOTIATES = "probe_info: asking for CredSSP (0xB) is answered with a selected protocol"


def _local(setting: str, *numbers: int) -> Callable[[Facts], Shown]:
    """Shown when the setting's effective number is one of these and no policy decides it."""

    def shows(facts: Facts) -> Shown:
        if facts.decider(setting) != "local" or facts.number(setting) not in numbers:
            return ()
        return (facts.stored(setting),)

    return shows


def _policy(setting: str, *numbers: int, owned: bool) -> Callable[[Facts], Shown]:
    """Shown when policy decides the setting and its number is one of these."""

    def shows(facts: Facts) -> Shown:
        decided = facts.decider(setting) == "policy" and facts.number(setting) in numbers
        return (facts.stored(setting),) if decided and facts.owned(setting) is owned else ()

    return shows


def _out_of_range(setting: str) -> Callable[[Facts], Shown]:
    """Shown when the number stored is none that Windows knows."""

    def shows(facts: Facts) -> Shown:
        number = facts.number(setting)
        return () if number is None or number in SETTINGS[setting].choices else (facts.stored(setting),)

    return shows


def _deny_missing(facts: Facts) -> Shown:
    state = facts.state("deny_connections")
    missing = state is not None and state.local.state == "absent" and not state.policy.is_value
    return (facts.stored("deny_connections"),) if missing else ()


def _disabled(service: str) -> Callable[[Facts], Shown]:
    def shows(facts: Facts) -> Shown:
        found = facts.service(service)
        if found is None or found.start_mode != "Disabled":
            return ()
        return (Evidence(f"{service} start mode", "Disabled", "Win32_Service"),)

    return shows


def _termservice_stopped(facts: Facts) -> Shown:
    service = facts.service("TermService")
    if service is None or service.start_mode == "Disabled" or service.state in ("Running", "Start Pending"):
        return ()
    return (Evidence("TermService state", service.state, "Win32_Service"),)


def _adapter(facts: Facts) -> Shown:
    bound = facts.number("network_adapter") not in (None, 0)
    return (facts.stored("network_adapter"),) if bound and facts.listening is False else ()


def _port_taken(facts: Facts) -> Shown:
    if facts.foreign_listener and facts.observation.listener is not None:
        owners = list(facts.observation.listener.process_ids)
        return (Evidence(f"owner of TCP port {facts.port}", t.cast(t.Any, owners), "MSFT_NetTCPConnection"),)
    return ()


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


def _key_unreadable(facts: Facts) -> Shown:
    events = facts.events("Schannel", 36870)
    if facts.probe_verdict("tls") != "reset" or not events:
        return ()
    return (facts.seen("tls"), Evidence("Schannel 36870 around the probe", len(events), "Win32_NTLogEvent"))


def _tls_server_disabled(facts: Facts) -> Shown:
    events = facts.events("Schannel", 36871, 36874)
    if facts.probe_verdict("tls") not in ("alert", "reset") or not events:
        return ()
    ids = ", ".join(sorted({str(event.id) for event in events}))
    return (facts.seen("tls"), Evidence("Schannel events around the probe", ids, "Win32_NTLogEvent"))


def _name_unresolved(facts: Facts) -> Shown:
    return (facts.seen("name"),) if facts.probe_verdict("name") == "failed" else ()


ENABLE = Cure("remote_desktop", {"state": "enabled"})
OPEN = Cure("firewall", {"state": "enabled", "transports": ["tcp"]})
TLS_LAYER = Cure("security_layer", {"layer": "tls"})

_CAUSES = (
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
        "rdp_denied",
        "Remote Desktop is switched off",
        "tcp",
        "critical",
        _local("deny_connections", 1),
        _LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "deny_value_missing",
        "fDenyTSConnections is missing, so the listener is stopped although WMI says that connections are allowed",
        "tcp",
        "critical",
        _deny_missing,
        _LISTENS,
        (ENABLE,),
        sources=(REPAIR,),
    ),
    Cause(
        "rdp_denied_by_policy",
        "a policy switches Remote Desktop off",
        "tcp",
        "critical",
        _policy("deny_connections", 1, owned=True),
        _LISTENS,
        (ENABLE,),
        by_hand="Change the policy that the evidence names; a local write would be without effect.",
        sources=(SUPPORT,),
    ),
    Cause(
        "rdp_denied_by_orphan_policy",
        "a policy value that no policy owns switches Remote Desktop off",
        "tcp",
        "critical",
        _policy("deny_connections", 1, owned=False),
        _LISTENS,
        (ENABLE,),
        "medium",
        by_hand="Remove the orphaned value: remote_desktop with remove_orphaned_policy, once nobody claims it.",
        sources=(REPAIR,),
    ),
    Cause(
        "listener_disabled",
        "the RDP-Tcp listener is disabled",
        "tcp",
        "critical",
        _local("listener_enabled", 0),
        _LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "sessions_disabled",
        "Remote Desktop Services are disabled (TSEnabled)",
        "tcp",
        "critical",
        _local("sessions_enabled", 0),
        _LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "termservice_disabled",
        "the service TermService is disabled",
        "tcp",
        "critical",
        _disabled("TermService"),
        _LISTENS,
        (ENABLE,),
        "medium",
        sources=(SUPPORT,),
    ),
    Cause(
        "termservice_stopped",
        "the service TermService does not run",
        "tcp",
        "critical",
        _termservice_stopped,
        _LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "lan_adapter_missing",
        "the listener is bound to a network adapter that is not there",
        "tcp",
        "high",
        _adapter,
        _LISTENS,
        by_hand="Set LanAdapter of RDP-Tcp to 0 and restart TermService.",
        sources=(SUPPORT,),
    ),
    Cause(
        "port_taken",
        "another program has the RDP port",
        "x224",
        "high",
        _port_taken,
        "host_info: the listener's process is TermService's",
        by_hand="Move the program with that process id to another port, then restart TermService.",
        sources=(SUPPORT,),
    ),
    Cause(
        "firewall_rule_disabled",
        "no firewall rule lets Remote Desktop in; the built-in one is disabled",
        "tcp",
        "critical",
        _rule_disabled,
        _LISTENS,
        (OPEN,),
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_wrong_profile",
        "the built-in firewall rule does not cover the network profile that is active",
        "tcp",
        "critical",
        _rule_profile,
        _LISTENS,
        (OPEN,),
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_port_mismatch",
        "the built-in firewall rule is for another port than the listener's",
        "tcp",
        "critical",
        _rule_port,
        _LISTENS,
        (OPEN,),
        sources=(SUPPORT,),
    ),
    Cause(
        "firewall_blocked_by_rule",
        "a firewall rule blocks the RDP port, and a block beats every allow",
        "tcp",
        "critical",
        _blocked_by_rule,
        _LISTENS,
        by_hand="Disable or narrow the block rule that the evidence names, if its owner agrees.",
        sources=(FIREWALL,),
    ),
    Cause(
        "firewall_local_rules_ignored",
        "policy makes the firewall ignore local rules",
        "tcp",
        "critical",
        _profile_flag("local_rules", "local rules are ignored in profile"),
        _LISTENS,
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
        _LISTENS,
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
    Cause(
        "negotiation_disabled",
        "the security protocol is not negotiated, so clients that need TLS or CredSSP fail",
        "x224",
        "high",
        _local("negotiation", 0),
        _NEGOTIATES,
        (Cure("security_layer", {"layer": "keep", "negotiation": "on"}),),
    ),
    Cause(
        "security_layer_rdp",
        "only Standard RDP security is offered, which modern clients refuse",
        "x224",
        "critical",
        _local("security_layer", 0),
        _NEGOTIATES,
        (TLS_LAYER,),
        "medium",
        sources=(BCGR, TERMSERV),
    ),
    Cause(
        "security_layer_rdp_by_policy",
        "a policy allows only Standard RDP security, which modern clients refuse",
        "x224",
        "critical",
        lambda facts: (
            _policy("security_layer", 0, owned=True)(facts) or _policy("security_layer", 0, owned=False)(facts)
        ),
        _NEGOTIATES,
        (TLS_LAYER,),
        by_hand="Change the policy that the evidence names; a local write would be without effect.",
        sources=(BCGR, TERMSERV),
    ),
    Cause(
        "security_layer_invalid",
        "SecurityLayer has a value that Windows does not know, so every connection is dropped",
        "x224",
        "critical",
        _out_of_range("security_layer"),
        _NEGOTIATES,
        (TLS_LAYER,),
        sources=(REPAIR,),
    ),
    Cause(
        "encryption_level_invalid",
        "MinEncryptionLevel has a value that Windows does not know, so every connection is dropped",
        "x224",
        "critical",
        _out_of_range("encryption"),
        _NEGOTIATES,
        (Cure("security_layer", {"layer": "keep", "encryption": "high"}),),
        sources=(REPAIR,),
    ),
    Cause(
        "nla_value_invalid",
        "UserAuthentication has a value that Windows does not know, so every connection is dropped",
        "x224",
        "critical",
        _out_of_range("nla"),
        _NEGOTIATES,
        by_hand="Set UserAuthentication of RDP-Tcp to 1.",
        sources=(REPAIR,),
    ),
    Cause(
        "key_unreadable",
        "the private key of the listener's certificate cannot be read, so TLS is dropped after the first message",
        "tls",
        "critical",
        _key_unreadable,
        "probe_info: the TLS stage completes",
        certain=False,
        by_hand="Give NETWORK SERVICE read access to the one key file of the certificate.",
        sources=(REPAIR,),
    ),
    Cause(
        "tls_server_disabled",
        "TLS cannot be served: no protocol version or cipher suite is left",
        "tls",
        "critical",
        _tls_server_disabled,
        "probe_info: the TLS stage completes",
        certain=False,
        by_hand="Remove the override under SCHANNEL\\Protocols\\TLS 1.2\\Server, then restart the host.",
        sources=(REPAIR,),
    ),
    Cause(
        "sessionenv_disabled",
        "the service SessionEnv is disabled, so the listener's certificate is not renewed",
        "session",
        "medium",
        _disabled("SessionEnv"),
        "host_info: the start mode is not Disabled",
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "umrdpservice_disabled",
        "the service UmRdpService is disabled, so devices, printers and the clipboard are not redirected",
        "session",
        "medium",
        _disabled("UmRdpService"),
        "host_info: the start mode is not Disabled",
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "logons_disabled",
        "new logons are refused (change logon /disable)",
        "session",
        "high",
        _local("logons_disabled", 1),
        "host_info: logons_disabled is 0",
        (Cure("remote_desktop", {"state": "enabled", "logons": "accepted"}),),
        sources=(SUPPORT,),
    ),
    Cause(
        "drain_mode",
        "the session host is in drain mode and takes no new sessions",
        "session",
        "high",
        _local("drain_mode", 1, 2),
        "host_info: drain_mode is 0",
        (Cure("remote_desktop", {"state": "enabled", "drain": "off"}),),
        sources=(SUPPORT,),
    ),
)

CAUSES: Mapping[str, Cause] = {cause.id: cause for cause in _CAUSES}

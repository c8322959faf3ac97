# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports on fleets of any size, as the tasks of a batch would give them. The same size gives the same report."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator

from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import Entry, Report, entry, merge

Result = dict[str, t.Any]

STATION = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"
SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
RULE = "RemoteDesktop-UserMode-In-TCP"
BENCHMARK = "CIS Microsoft Windows Benchmarks, L1"


def dword(number: int) -> Result:
    return {"type": "REG_DWORD", "data": number}


def finding(cause: str, title: str, stage: str, *evidence: tuple[str, str, str], **fields: t.Any) -> Result:
    """A direct finding that a module cures, but for what fields say."""
    return {
        "id": cause,
        "title": title,
        "relation": "direct",
        "confidence": "high",
        "severity": "critical",
        "stage": stage,
        "evidence": [dict(zip(("what", "value", "source"), seen, strict=True)) for seen in evidence],
        "remedies": ["remote_desktop"],
        "risk": "low",
        "by_hand": "",
        "verify": f"probe_info: the stage {stage} passes",
        "hides": stage == "tcp",
        "compliance": [],
        "sources": ["https://learn.microsoft.com/troubleshoot/windows-server/remote/rdp-error-general-troubleshooting"],
        **fields,
    }


def change(kind: str, item: str, before: t.Any, after: t.Any, reason: str, **fields: t.Any) -> Result:
    return {
        "remedy": "remote_desktop",
        "kind": kind,
        "item": item,
        "before": before,
        "after": after,
        "reason": reason,
        "undo": "exact",
        "risk": "low",
        "reboot": False,
        "leased": "",
        "compliance": [],
        **fields,
    }


def probe(stage: str = "complete", verdict: str = "ok") -> Result:
    """A handshake that stops at a stage with a verdict, or passes."""
    stages = ("name", "tcp", "x224", "tls", "ntlm")
    reached = stages.index(stage) if stage in stages else len(stages)
    good = dict(zip(stages, ("resolved", "open", "negotiates", "ok", "challenge"), strict=True))
    seen = {
        name: {"verdict": good[name] if place < reached else verdict if place == reached else "skipped"}
        for place, name in enumerate(stages)
    }
    seen["tls"]["version"] = "TLSv1.3"
    text = "The handshake passes." if stage == "complete" else f"The handshake stops at {stage}: {verdict}."
    return {**seen, "udp": {"verdict": "skipped"}, "stage": stage, "passed": stage == "complete", "summary": text}


DENIED = finding("rdp_denied", "Remote Desktop connections are denied", "tcp", ("fDenyTSConnections", "1", SERVER))
FIREWALL = finding(
    "firewall_rule_disabled",
    "no firewall rule lets Remote Desktop in; the built-in one is disabled",
    "tcp",
    (f"rule {RULE}", "disabled", "MSFT_NetFirewallRule"),
    ("active firewall profiles", "domain", "MSFT_NetConnectionProfile"),
    remedies=["firewall"],
)
LAYER = finding(
    "security_layer_rdp",
    "the listener offers RDP security alone, which clients refuse",
    "x224",
    ("SecurityLayer", "0", STATION),
    ("asked for TLS", "SSL_NOT_ALLOWED_BY_SERVER", "MS-RDPBCGR 2.2.1.2.2"),
    remedies=["security_layer"],
    severity="high",
    compliance=[{"benchmark": BENCHMARK, "item": "18.10.57.3.9.3", "effect": "breaks"}],
)
CERTIFICATE = finding(
    "certificate_expired",
    "the listener's certificate has expired",
    "tls",
    ("notAfter", "2026-05-30T23:59:59Z", "TLS"),
    remedies=[],
    by_hand="Renew the certificate that the certification authority issued for Remote Desktop.",
)
EVENTS = finding(
    "schannel_errors",
    "Schannel logs errors that do not follow the probes",
    "tls",
    ("events 36887", "14 in 24 h", "System"),
    relation="unrelated",
    confidence="low",
    severity="low",
)

ALLOW = change("registry", SERVER + r"\fDenyTSConnections", dword(1), dword(0), "Remote Desktop connections are denied")
OPEN = change(
    "firewall_rule", RULE, {"enabled": False}, {"enabled": True}, "the built-in rule does not let connections in"
)
TLS = change(
    "registry",
    STATION + r"\SecurityLayer",
    dword(0),
    dword(2),
    "TLS is wanted",
    compliance=[{"benchmark": BENCHMARK, "item": "18.10.57.3.9.3", "effect": "restores"}],
)
RESTART = change("restart", "TermService", "Running", "Running", "the listener reads it at its start", undo="none")

IDENTITY = {
    "computer_name": "WIN",
    "caption": "Microsoft Windows Server 2022 Standard",
    "version": "10.0.20348",
}


def healthy(number: int) -> Result:
    findings = [EVENTS] if number % 7 == 0 else []
    return {"verdict": "healthy", "findings": findings, "probe": probe(), "identity": IDENTITY}


def repaired(*steps: tuple[Result, list[Result]]) -> Callable[[int], Result]:
    """A host whose causes are cured by their changes."""
    changes = [one for _cause, made in steps for one in made]

    def made(number: int) -> Result:
        return {
            "verdict": "repaired",
            "before": {"findings": [cause for cause, _made in steps], "probe": probe(steps[0][0]["stage"], "timeout")},
            "after": {"findings": [], "probe": probe()},
            "changes": changes,
            "compliance": [item for one in changes for item in one["compliance"]],
            "run_id": f"20261122T100000Z-{number:08x}",
        }

    return made


def repairable(number: int) -> Result:
    return {
        "verdict": "repairable",
        "findings": [FIREWALL],
        "probe": probe("tcp", "timeout"),
        "plan": [OPEN],
        "identity": IDENTITY,
    }


def policy_held(number: int) -> Result:
    held = {
        "state": "policy_held",
        "setting": "security_layer",
        "value": 0,
        "wanted": 2,
        "path": POLICY + r"\SecurityLayer",
        "policy": r"Computer Configuration\Administrative Templates\Security\Require use of specific security layer",
        "owner": "Legacy clients",
    }
    return {"verdict": "policy_held", "findings": [LAYER], "probe": probe("x224", "refused"), "policy_held": [held]}


def leased(number: int) -> Result:
    lease = {
        "setting": "nla",
        "path": STATION + r"\UserAuthentication",
        "weakened": [0],
        "restores": 1,
        "lasts": 7200,
        "until": f"2026-11-22T12:{number % 60:02}:00Z",
        "task": "winfleet.rdp-lease-nla",
        "standing": "running",
        "effective": True,
    }
    return {"verdict": "leased", "findings": [], "probe": probe(), "leases": [lease]}


def needs_restart(number: int) -> Result:
    why = ["TermService has to restart for SecurityLayer; 3 users are connected"]
    standing = {"findings": [LAYER], "probe": probe("x224", "refused")}
    return {
        "verdict": "needs_restart",
        "before": standing,
        "after": standing,
        "changes": [TLS],
        "needs": {"restart": True, "reboot": False, "why": why},
        "run_id": f"20261122T100000Z-{number:08x}",
    }


def unresolved(number: int) -> Result:
    questions = ["the machine keys could not be read: access denied"]
    return {
        "verdict": "unresolved",
        "findings": [CERTIFICATE],
        "probe": probe("tls", "certificate_expired"),
        "open_questions": questions,
        "identity": IDENTITY,
    }


def unreachable(number: int) -> Result:
    return {"unreachable": True, "msg": "ntlm: HTTPSConnectionPool(port=5986): Max retries exceeded, timed out"}


KINDS: tuple[tuple[str, int, Callable[[int], Result]], ...] = (
    ("web", 30, healthy),
    ("app", 9, repaired((DENIED, [ALLOW]))),
    ("app", 7, repaired((FIREWALL, [OPEN]))),
    ("db", 5, repaired((LAYER, [TLS, RESTART]))),
    ("db", 2, repaired((FIREWALL, [OPEN]), (LAYER, [TLS, RESTART]))),
    ("vdi", 4, repairable),
    ("vdi", 3, policy_held),
    ("build", 2, leased),
    ("term", 2, needs_restart),
    ("edge", 3, unresolved),
    ("branch", 2, unreachable),
)
"""Names of hosts, how many of them in a fleet of 69, and what a task says of one."""


def fleet(count: int) -> Report:
    """A report on that many hosts, of which every kind has its share."""
    return merge(None, hosts(count))


def hosts(count: int) -> Iterator[Entry]:
    kinds = [(name, result) for name, share, result in KINDS for _host in range(share)]
    for number in range(count):
        name, result = kinds[number % len(kinds)]
        at = f"2026-11-22T10:{number // 60 % 60:02}:{number % 60:02}.000+00:00"
        yield entry(f"{name}{number + 1:04}.example.org", result(number), at, False)

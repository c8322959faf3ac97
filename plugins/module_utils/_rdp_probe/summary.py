# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stage failed, and one plain sentence about it.

FOR INTERNAL COLLECTION USE ONLY. Readings: MS-RDPBCGR 2.2.1.2.2 for negotiation failures; RFC 5246 7.2 for alerts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.tls import ALERT_NAMES

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import Report
    from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.x224 import Answer

#: What is as far as a healthy host lets a client come who does not log on. A host that denies inbound NTLM and serves
#: Kerberos closes after NEGOTIATE and is healthy.
_PASSES: dict[str, frozenset[str]] = {
    "name": frozenset(("resolved", "literal", "skipped")),
    "tcp": frozenset(("open", "skipped")),
    "x224": frozenset(("negotiates", "skipped")),
    "tls": frozenset(("ok", "skipped")),
    "ntlm": frozenset(("challenge", "closed", "refused", "not_offered", "skipped")),
}

_TCP: dict[str, str] = {
    "refused": "refuses the connection: nothing listens there, or a firewall rejects",
    "timeout": "does not answer: a firewall, security group or route on the way drops the connection",
    "unreachable": "cannot be reached: there is no route to it",
    "error": "cannot be connected to",
}
_X224: dict[str, str] = {
    "legacy": "answers without negotiating, so it has Standard RDP only: older than Windows Vista, or not Windows",
    "no_reply": "accepts the connection and says nothing: another service, a full queue or a filter on the way",
    "reset": "drops the connection at the first RDP packet: another service, its limit or a filter on the way",
}
_STANDARD_RDP_ONLY = "allows Standard RDP only (SecurityLayer 0): clients that want TLS or NLA are turned away"
_NO_CERTIFICATE, _NO_CERTIFICATE_TEXT = 3, "has no certificate that it could use for TLS"
_TLS: dict[str, str] = {
    "reset": "drops the connection after the TLS ClientHello: its certificate or private key is probably not usable",
    "timeout": "negotiates and then falls silent in TLS: full-size packets may be lost on the way (MTU), or it hangs",
    "not_tls": "negotiates TLS and then sends something else",
    "controller_cannot": "speaks a TLS that this machine's TLS library refuses, so nothing is proved about it",
    "not_offered": "never offers TLS",
}
_NTLM: dict[str, str] = {
    "timeout": "does TLS and then does not answer CredSSP",
    "not_ntlm": "does TLS and answers CredSSP with something else",
}


def failed_stage(report: Report) -> str:
    """Return the first stage that is not as on a healthy host, or `complete`."""
    for stage, verdicts in _PASSES.items():
        if getattr(report, stage).verdict not in verdicts or (stage == "x224" and _cannot_negotiate(report)):
            return stage
    return "complete"


def _cannot_negotiate(report: Report) -> bool:
    """Whether no request was granted that a client of today makes."""
    return report.x224.verdict == "negotiates" and not report.x224.selected - {0}


def summarise(report: Report) -> str:
    """Put the result into one sentence."""
    texts: dict[str, t.Callable[[Report], str]] = {
        "name": lambda report: f"does not resolve ({report.name.error})",
        "tcp": lambda report: f"{_TCP[report.tcp.verdict]} ({report.tcp.error})",
        "x224": _x224_text,
        "tls": _tls_text,
        "ntlm": lambda report: f"{_NTLM[report.ntlm.verdict]} ({report.ntlm.error})",
        "complete": _complete_text,
    }
    target = report.host if report.stage == "name" else f"{report.host} port {report.port}"
    return f"{target} {texts[report.stage](report)}."


def _x224_text(report: Report) -> str:
    """Say how the negotiation failed."""
    if report.x224.verdict == "not_rdp":
        return f"is not RDP: {report.x224.protocol_guess or 'an unknown protocol'} answers there"
    if report.x224.verdict in _X224:
        return _X224[report.x224.verdict]
    if report.x224.security_layer == 0:
        return _STANDARD_RDP_ONLY
    if _NO_CERTIFICATE in report.x224.failures:
        return _NO_CERTIFICATE_TEXT
    return "grants nothing that a client asks: " + _failure_list(report.x224.asked.values())


def _failure_list(answers: t.Iterable[Answer]) -> str:
    """Name the failures, each once."""
    names = [str(answer.failure_name or answer.failure or answer.outcome) for answer in answers]
    return ", ".join(dict.fromkeys(names))


def _tls_text(report: Report) -> str:
    """Say how TLS failed."""
    if report.tls.verdict != "alert":
        return f"{_TLS[report.tls.verdict]} ({report.tls.error or 'no reason given'})"
    alert = report.tls.alert
    name = ALERT_NAMES.get(alert, "unknown") if alert is not None else report.tls.error
    return f"refuses TLS with alert {'' if alert is None else alert} {name}".replace("  ", " ")


def _complete_text(report: Report) -> str:
    """Say what was proved."""
    parts = [_reached(report)]
    if report.x224.nla_required is not None:
        parts.append("NLA is required" if report.x224.nla_required else "NLA is not required")
    parts += _identity(report)
    if report.ntlm.verdict in ("closed", "refused"):
        parts.append("NTLM is turned away, which is healthy where clients use Kerberos")
    if report.tls.certificate and report.tls.certificate.expired:
        parts.append("its certificate has expired")
    return "; ".join(parts)


def _reached(report: Report) -> str:
    """Say how far the stages that were asked for have come."""
    if report.tls.verdict == "ok":
        return f"does RDP over {report.tls.version}"
    if report.x224.verdict == "negotiates":
        return "negotiates RDP"
    return "is open" if report.tcp.verdict == "open" else f"has the address {report.address}"


def _identity(report: Report) -> list[str]:
    """Say who answered."""
    if report.ntlm.verdict != "challenge":
        return []
    build = f" (Windows {report.ntlm.build})" if report.ntlm.build else ""
    return [f"the host calls itself {report.ntlm.dns_name or report.ntlm.netbios_name}{build}"]

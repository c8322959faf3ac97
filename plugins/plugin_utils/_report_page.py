# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as one HTML page that needs no network. PRIVATE to the collection.

The page is a shell with a style sheet, a script and the data. The content security policy lets the browser run that
script and that style sheet alone, which it knows by their hashes, and load nothing. What hosts say is data: it cannot
leave its element, and the script puts it on the page as text.

Its charts are bars, which lists and style sheets draw so that they are text to a screen reader and buttons to a
keyboard. The chart libraries draw on a canvas, which is neither, so none is used.
"""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template

from ._report import Entry, Report, clones, left, made, net, proof, standing, what_was_done, what_was_wrong
from ._table import neutral

ASSETS = Path(__file__).parent / "_report_assets"

VERDICTS: Mapping[str, tuple[str, str, str]] = {
    "unreachable": ("bad", "WinRM was not reached, so nothing is known", "See the reason, and try again."),
    "unresolved": (
        "bad",
        "nothing that was read explains it, or no module cures it",
        "See what to do by hand.",
    ),
    "not_rdp": ("bad", "another program answers on the port", "Move that program to another port."),
    "blocked_on_path": (
        "bad",
        "the host is open inside and closed outside",
        "Look at routers, security groups and just-in-time access.",
    ),
    "policy_held": ("held", "a policy decides it; nothing was written under it", "Change the policy that is named."),
    "needs_reboot": ("wait", "changes wait for a reboot", "Reboot when it suits."),
    "needs_restart": ("wait", "changes wait for a restart", "Restart the service when nobody is connected."),
    "repairable": ("wait", "a module can cure it", "Run remediate."),
    "improved": ("wait", "the handshake gets further, and something is still wrong", "See the causes that are left."),
    "leased": ("held", "security is weakened for a time and restores itself", "Nothing until the lease ends."),
    "repaired": ("good", "cured, and the handshake passes", "Nothing is left to do."),
    "healthy": ("good", "the handshake passes and nothing direct is wrong", "Nothing is to be done."),
}
"""What needs attention most, first: the tone, what it means, and what is next."""

STEPS: Mapping[str, str] = {
    "reach": "Make WinRM reachable",
    "remediate": "Run remediate",
    "restart": "Restart TermService",
    "reboot": "Reboot",
    "policy": "Change a policy",
    "by_hand": "Repair by hand",
    "lease": "Wait for a lease to end",
}
"""What may be next for a host, in the order in which it is worth doing."""

WEAKENS = ("running", "overdue", "lost", "lease_not_effective")
"""How a lease stands while the host is weaker for it."""

STAGES = ("name", "tcp", "x224", "tls", "ntlm", "udp")

Data = dict[str, t.Any]


def to_html(report: Report) -> str:
    """The page; the same report gives the same bytes."""
    style, script = _asset("page.css"), _asset("page.js")
    return Template(_asset("page.html")).substitute(
        policy=_policy(style, script), style=style, script=script, data=_embedded(page_data(report))
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Content Security Policy Level 3: what a hash does not name does not run, and nothing is loaded or sent."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source(script)}",
            f"style-src {_source(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def _embedded(data: Data) -> str:
    """JSON in which nothing can end the element that it stands in, nor a line of a script."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


# --- what the script gets


def page_data(report: Report) -> Data:
    """All that the page shows, in the words of the console where it has any.

    What findings of one cause have in common is there once, in C(causes).
    """
    causes: dict[str, Data] = {}
    hosts = [_host(entry, causes) for entry in report["hosts"]]
    words = ("tone", "means", "next")
    return {
        "causes": list(causes.values()),
        "clones": _visible(clones(report["hosts"])),
        "hosts": hosts,
        "steps": STEPS,
        "verdicts": {name: dict(zip(words, said, strict=True)) for name, said in VERDICTS.items()},
    }


def _host(entry: Entry, causes: dict[str, Data]) -> Data:
    last = made(entry)
    shown: Data = _visible(
        {
            "host": entry["host"],
            "verdict": entry["verdict"],
            "at": entry["at"],
            "run": entry["run_id"] or "",
            "wrong": what_was_wrong(entry),
            "done": what_was_done(entry),
            "proof": proof(entry),
            "planned": entry["check"] or not entry["changes"],
            "changes": [_change(change) for change in net(entry["changes"] or entry["plan"])],
            "repair": {**last, "changes": [_change(change) for change in net(last["changes"])]} if last else None,
            "findings": [_finding(finding, causes) for finding in (*entry["before"]["findings"], *entry["revealed"])],
            "left": [finding["id"] for finding in left(entry)],
            "stages": _stages(standing(entry)["probe"]),
            "leases": [_lease(lease) for lease in entry["leases"]],
            "held": [_held(held) for held in entry["policy_held"]],
            "refused": [refusal["message"] for refusal in entry["refused"]],
            "questions": entry["open_questions"],
            "notes": entry["notes"],
            "why": entry["needs"]["why"],
            "steps": _steps(entry),
            "compliance": entry["compliance"],
            "identity": _identity(entry["identity"]),
        }
    )
    return shown


def _steps(entry: Entry) -> list[str]:
    """Where nothing else is next, and the host is not well, it is for a person: what was refused says why."""
    found = _planned_steps(entry)
    return found or ([] if VERDICTS[entry["verdict"]][0] in ("good", "held") else ["by_hand"])


def _planned_steps(entry: Entry) -> list[str]:
    wanted = {
        "reach": entry["verdict"] == "unreachable",
        "remediate": entry["verdict"] == "repairable",
        "restart": entry["needs"]["restart"],
        "reboot": entry["needs"]["reboot"],
        "policy": bool(entry["policy_held"]),
        "by_hand": any(finding["by_hand"] and not finding["remedies"] for finding in left(entry)),
        "lease": any(lease["standing"] in WEAKENS for lease in entry["leases"]),
    }
    return [step for step in STEPS if wanted[step]]


_OWN = ("relation", "confidence", "evidence")
"""What a finding says of its host alone."""


def _finding(finding: Mapping[str, t.Any], causes: dict[str, Data]) -> Data:
    """The finding, with the number of what it shares with others."""
    shared = _visible({name: value for name, value in finding.items() if name not in _OWN})
    key = json.dumps(shared, sort_keys=True)
    causes.setdefault(key, {**shared, "number": len(causes)})
    evidence = [[item["what"], _text(item["value"]), item["source"]] for item in finding["evidence"]]
    return {
        "cause": causes[key]["number"],
        "relation": finding["relation"],
        "confidence": finding["confidence"],
        "evidence": evidence,
    }


def _change(change: Mapping[str, t.Any]) -> Data:
    names = ("remedy", "kind", "item", "reason", "risk", "undo")
    shown = {name: change[name] for name in names}
    return {**shown, "before": _text(change["before"]), "after": _text(change["after"])}


def _lease(lease: Mapping[str, t.Any]) -> Data:
    shown = {name: lease[name] for name in ("setting", "path", "standing", "until")}
    return {**shown, "weakens": lease["standing"] in WEAKENS}


def _held(held: Mapping[str, t.Any]) -> Data:
    shown = {name: held[name] for name in ("state", "policy", "path", "owner")}
    return {**shown, "value": _text(held["value"]), "wanted": _text(held["wanted"])}


def _stages(probe: Mapping[str, t.Any] | None) -> list[list[str]]:
    return [[name, probe[name]["verdict"]] for name in STAGES if probe.get(name)] if probe else []


def _identity(identity: Mapping[str, t.Any] | None) -> str:
    return ", ".join(str(identity[name]) for name in ("computer_name", "caption", "version")) if identity else ""


def _text(value: t.Any) -> str:
    """A value in words: a registry value with its type, a rule by its fields."""
    if value is None:
        return "absent"
    if isinstance(value, Mapping) and set(value) == {"type", "data"}:
        return f"{value['type']} {_text(value['data'])}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')}: {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _visible(value: t.Any) -> t.Any:
    """Plain data in whose texts control characters and marks that reorder text are shown as escapes."""
    if isinstance(value, str):
        return value if value.isprintable() else neutral(value)
    if isinstance(value, Mapping):
        return {name: _visible(part) for name, part in value.items()}
    return [_visible(part) for part in value] if isinstance(value, list) else value

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the results of a batch of hosts to one report. PRIVATE to the collection.

Pure functions over plain data. A report is C({"schema": 1, "hosts": [entry, ...], "totals": {...}}), sorted by host; an
entry is what one task found or did on one host:

    host         inventory name
    verdict      one of VERDICTS
    reason       why the host has no result of its own (unreachable, failed), else empty
    summary      one line, as the task gave it
    at           when, ISO 8601 UTC
    check        whether changes are only planned
    identity     of the Windows that answered, from a diagnosis; else null
    machine      MachineGuid and machine SID, from a diagnosis in full depth; else null
    before       {"findings": [...], "probe": {...} or null}
    after        the same after the changes; null for a diagnosis
    revealed     direct findings that showed only once what hid them was cured
    changes      made, or in check mode planned
    plan         what remediate would do; of a diagnosis only
    policy_held, refused, compliance, leases, needs, notes, open_questions, run_id    as in the task's result
    repair       C({"at", "run_id", "changes"}) of the last repair that changed something, where this entry is not it

Reports of one fleet are merged in any order, however they overlap, to the same report.
"""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._model.plain import to_plain
from ._table import render

SCHEMA = 1

OPTIONS: Mapping[str, Mapping[str, t.Any]] = {
    "path": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": ["json", "csv", "html"], "default": ["json"]},
    "variable": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "merge": {"type": "list", "elements": "path"},
    "console": {"type": "bool", "default": True},
}

REQUIRED = (("variable", "merge"),)
"""Options of which one has to be there."""

VERDICTS = (
    "unreachable",
    "unresolved",
    "not_rdp",
    "blocked_on_path",
    "policy_held",
    "needs_reboot",
    "needs_restart",
    "repairable",
    "improved",
    "leased",
    "repaired",
    "healthy",
)
"""What needs attention most, first."""

SHOWN = 40
"""Rows that the console shows; beyond that, healthy hosts are left out first."""

Entry = dict[str, t.Any]
Report = dict[str, t.Any]


class NotAResult(ValueError):
    """A variable that holds something else than a result of diagnosis_info or remediate."""


# --- entries


def entry(host: str, result: t.Any, at: str, check: bool) -> Entry:
    """What a task's result says about a host.

    Raises:
        NotAResult: it has neither a verdict nor failed.
    """
    plain = to_plain(result) if isinstance(result, Mapping) else {}
    shown = {
        "host": host,
        "verdict": _verdict(host, plain),
        "reason": _reason(plain),
        "summary": plain.get("summary", ""),
        "at": at,
        "check": check,
        "before": _standing(plain.get("before", plain)),
        "after": _standing(plain["after"]) if plain.get("after") else None,
        "needs": plain.get("needs") or {"restart": False, "reboot": False, "why": []},
        "run_id": plain.get("run_id"),
        "identity": plain.get("identity"),
        "machine": plain.get("machine"),
        "repair": None,
    }
    return shown | {name: plain.get(name) or [] for name in _LISTS}


_LISTS = ("revealed", "changes", "plan", "policy_held", "refused", "compliance", "leases", "notes", "open_questions")


def _verdict(host: str, result: Mapping[str, t.Any]) -> str:
    if result.get("unreachable"):
        return "unreachable"
    if result.get("failed"):
        return "unresolved"
    if result.get("verdict") not in VERDICTS:
        raise NotAResult(f"{host}: the variable does not hold a result of diagnosis_info or remediate")
    return str(result["verdict"])


def _reason(result: Mapping[str, t.Any]) -> str:
    return str(result.get("msg", "")) if result.get("unreachable") or result.get("failed") else ""


def _standing(result: Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {"findings": result.get("findings") or [], "probe": result.get("probe")}


FIELDS = frozenset(entry("", {"verdict": "healthy"}, "", False))
"""What every entry has."""


# --- the report


def merge(old: Report | None, entries: Iterable[Entry]) -> Report:
    """The old report with more entries; for each host the newest stands, hosts of earlier batches and runs stay."""
    hosts: dict[str, Entry] = {}
    for found in [*(old or {}).get("hosts", []), *entries]:
        name = found["host"]
        hosts[name] = _join(hosts[name], found) if name in hosts else found
    ordered = [hosts[name] for name in sorted(hosts)]
    return {"schema": SCHEMA, "hosts": ordered, "totals": totals(ordered)}


def _join(one: Entry, other: Entry) -> Entry:
    """The newest entry and, where that is no repair itself, the newest repair: each a maximum, in any order."""
    newest = max(one, other, key=_age)
    last = max(filter(None, (made(one), made(other))), key=_repair_age, default=None)
    return {**newest, "repair": None if _own_repair(newest) else last}


def made(host: Entry) -> dict[str, t.Any] | None:
    """The last repair that changed something on the host, by this entry or an earlier one."""
    return _own_repair(host) or host["repair"]


def _own_repair(host: Entry) -> dict[str, t.Any] | None:
    done = host["changes"] and not host["check"]
    return {name: host[name] for name in ("at", "run_id", "changes")} if done else None


def _age(host: Entry) -> tuple[str, ...]:
    """Orders entries by time, and those of one moment somehow, but always the same and repairs as _repair_age does."""
    own = _own_repair(host)
    return (host["at"], *_repair_age(own)[1:], _canonical({**host, "repair": None}))


def _repair_age(repair: Mapping[str, t.Any] | None) -> tuple[str, str]:
    return (repair["at"], _canonical(repair)) if repair else ("", "")


def _canonical(value: t.Any) -> str:
    return json.dumps(value, sort_keys=True)


def clones(entries: Sequence[Entry]) -> list[list[str]]:
    """Hosts that share a machine SID: since KB5065426 Windows 11 24H2 and Server 2025 refuse each other then."""
    sharing: dict[str, list[str]] = {}
    for host in entries:
        sid = (host["machine"] or "").partition("|")[2].strip("-")
        if sid:
            sharing.setdefault(sid, []).append(host["host"])
    return sorted(sorted(names) for names in sharing.values() if len(names) > 1)


def totals(entries: Sequence[Entry]) -> dict[str, t.Any]:
    """Hosts by verdict, direct causes by how many hosts had them, changes of last repairs, and what is left to do."""
    counts = Counter(finding["id"] for host in entries for finding in causes(host))
    return {
        "hosts": len(entries),
        "clones": clones(entries),
        "verdicts": _counted(Counter(host["verdict"] for host in entries), VERDICTS),
        "causes": dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        "changes": sum(len(last["changes"]) for last in map(made, entries) if last),
        "needs": {what: sum(bool(host["needs"][what]) for host in entries) for what in ("restart", "reboot")},
    }


def _counted(counter: Mapping[str, int], order: Iterable[str]) -> dict[str, int]:
    return {name: counter[name] for name in order if counter[name]}


def direct(standing: Mapping[str, t.Any] | None) -> list[dict[str, t.Any]]:
    """The findings that explain a failure."""
    return [finding for finding in (standing or {}).get("findings", []) if finding["relation"] == "direct"]


def causes(host: Entry) -> list[dict[str, t.Any]]:
    """All that was found to explain a failure, at first or on the way."""
    return [*direct(host["before"]), *host["revealed"]]


def standing(host: Entry) -> dict[str, t.Any]:
    """How the host stood last: after the changes, unless they were only planned."""
    return t.cast("dict[str, t.Any]", host["before"] if host["check"] or not host["after"] else host["after"])


def left(host: Entry) -> list[dict[str, t.Any]]:
    """The direct findings that remain."""
    return direct(standing(host))


# --- the console


@dataclass(frozen=True)
class Line:
    """A line for the console, and the verdict of the host that it is about, if it is about one."""

    text: str
    verdict: str = ""


def table(entries: Sequence[Entry], width: int) -> list[Line]:
    """One table that says at once which host had what, what was done about it, and what proves it."""
    hosts = _shown(entries)
    header = ("HOST", "VERDICT", *_headings(entries))
    blocks = render(header, [_row(host) for host in hosts], width)
    lines = [Line(text) for text in blocks[0]]
    lines += [Line(text, host["verdict"]) for host, block in zip(hosts, blocks[1:], strict=True) for text in block]
    same = (Line(f"one machine SID: {', '.join(names)}") for names in clones(entries))
    return [*lines, Line(""), *same, Line(headline(entries, len(hosts)))]


_ACTED = ("WHAT WAS WRONG", "WHAT WAS DONE", "PROOF: HANDSHAKE")
_LOOKED = ("WHAT IS WRONG", "WHAT WOULD BE DONE", "HANDSHAKE")
_FAILED = ("WHY THERE IS NO RESULT", "WHAT WAS DONE", "HANDSHAKE")


def _headings(entries: Sequence[Entry]) -> tuple[str, ...]:
    """By what was asked for; where no host has a result, that cannot be told."""
    if any(host["after"] and not host["check"] for host in entries):
        return _ACTED
    return _FAILED if entries and all(host["reason"] for host in entries) else _LOOKED


def _shown(entries: Sequence[Entry]) -> list[Entry]:
    """In the order of their names; of a large fleet those alone that need attention, the worst first."""
    if len(entries) <= SHOWN:
        return sorted(entries, key=lambda host: host["host"])
    troubled = [host for host in entries if host["verdict"] != "healthy"]
    return sorted(troubled, key=lambda host: (VERDICTS.index(host["verdict"]), host["host"]))[:SHOWN]


def headline(entries: Sequence[Entry], shown: int) -> str:
    """The fleet in one line."""
    counted = totals(entries)
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in reversed(counted["verdicts"].items()))
    hidden = f" ({shown} shown, the rest is in the report)" if shown < len(entries) else ""
    return f"{len(entries)} host{'' if len(entries) == 1 else 's'}: {verdicts}{hidden}"


def _row(host: Entry) -> tuple[str, ...]:
    return host["host"], host["verdict"], what_was_wrong(host), what_was_done(host), proof(host)


def what_was_wrong(host: Entry) -> str:
    """The direct causes by their titles, and why there is no result; else what the handshake showed."""
    parts = [finding["title"] for finding in causes(host)]
    parts += [host["reason"].removeprefix(f"{host['host']}: ")] if host["reason"] else []
    if parts:
        return "; ".join(parts)
    probe = host["before"]["probe"]
    return "-" if host["verdict"] == "healthy" or not probe else str(probe.get("summary") or "-")


def what_was_done(host: Entry) -> str:
    """The changes, made or planned, what policy holds, and what is left to a person."""
    parts = [deed(change) for change in net(host["changes"] or host["plan"])]
    parts += ["then what shows behind that"] if parts and _foreseen(host) else []
    parts += [_held(held) for held in host["policy_held"]]
    parts += [f"needs a {what}" for what in ("restart", "reboot") if host["needs"][what]]
    return "; ".join(parts or _by_hand(host)) or "-"


def _foreseen(host: Entry) -> bool:
    """Whether it is a plan, to which a handshake after its changes may add."""
    return (host["check"] or not host["after"]) and any(finding["hides"] for finding in direct(host["before"]))


def net(changes: Iterable[Mapping[str, t.Any]]) -> list[Mapping[str, t.Any]]:
    """One change for each item, from its first before to its last after, where the item was first changed."""
    items: dict[tuple[str, str], Mapping[str, t.Any]] = {}
    for change in changes:
        first = items.get((change["kind"], change["item"]), change)
        rule = change["kind"] == "firewall_rule"
        after = {**first["after"], **change["after"]} if rule else change["after"]
        items[change["kind"], change["item"]] = {**first, "after": after}
    return list(items.values())


def deed(change: Mapping[str, t.Any]) -> str:
    """One change in a few words."""
    item = _last(change["item"])
    if change["kind"] in _DEEDS:
        return _DEEDS[change["kind"]](item, change["before"], change["after"])
    subject = f"{item} start mode" if change["kind"] == "service_start_mode" else item
    return f"{subject} {_word(change['before'])} -> {_word(change['after'])}"


def _last(path: t.Any) -> str:
    return str(path).rpartition("\\")[2]


def _rule(item: str, _before: t.Any, after: t.Any) -> str:
    return f"{item} " + ", ".join(_rule_field(name, value) for name, value in after.items())


def _key_access(item: str, _before: t.Any, after: t.Any) -> str:
    who = (
        f"{_ACCOUNTS.get(sid, sid)} {'may read' if entries else 'loses its entry'}" for sid, entries in after.items()
    )
    return f"key file {_short(item)}: {', '.join(who)}"


def _key_copy(item: str, _before: t.Any, after: t.Any) -> str:
    return f"key folder copied to {item}" if after else f"keys put back from {item}"


def _short(name: str) -> str:
    """The beginning of a name that is a long number."""
    return name if len(name) <= _SHORT else f"{name[:4]}…"


_SHORT = 12
_ACCOUNTS = {"S-1-5-20": "NETWORK SERVICE"}
"""Well-known SIDs (MS-DTYP 2.4.2.4)."""

_DEEDS: Mapping[str, Callable[[str, t.Any, t.Any], str]] = {
    "restart": lambda item, _before, _after: f"{item} restarted",
    "firewall_rule": _rule,
    "port_proxy": lambda item, _before, after: f"port proxy {item} {'put back' if after else 'removed'}",
    "file_access": _key_access,
    "folder_dacl": lambda item, _before, _after: f"permissions of {item} put right",
    "key_dacl": lambda _item, _before, _after: "permissions of the certificate store put right",
    "certificate": lambda item, _before, _after: f"certificate {_short(item)} removed",
    "key_file": lambda item, _before, _after: f"key file {_short(item)} moved aside",
    "renewal": lambda _item, _before, _after: "certificate renewed",
    "key_copy": _key_copy,
    "key_folder": lambda item, _before, after: f"{item} renamed to {_last(after)}",
}
"""Words for kinds whose before and after say little to a reader: from the last part of the item, before and after."""


def _rule_field(name: str, value: t.Any) -> str:
    if name == "enabled":
        return "enabled" if value else "disabled"
    if name == "profiles":
        return "profiles " + ("/".join(word for bit, word in _PROFILES.items() if value & bit) or "any")
    return f"{name.replace('_', ' ')} {_word(value)}"


_PROFILES = {1: "domain", 2: "private", 4: "public"}
"""MSFT_NetFirewallRule.Profiles; 0 is any."""


def _word(value: t.Any) -> str:
    if isinstance(value, Mapping):
        return _word(value.get("data"))
    if isinstance(value, list):
        return "/".join(map(_word, value))
    return "absent" if value is None else str(value)


def _held(held: Mapping[str, t.Any]) -> str:
    policy = _last(held["policy"] or held["path"])
    owner = held["owner"] or (_ORPHANED if held["state"] == "policy_orphaned" else "")
    return f"held by policy: {policy}" + (f" ({owner})" if owner else "")


_ORPHANED = "nobody owns it: the option remove_orphaned_policy takes it away"


def _by_hand(host: Entry) -> list[str]:
    refused = [refusal["message"] for refusal in host["refused"]]
    return refused or [f"by hand: {finding['by_hand']}" for finding in direct(host["before"]) if finding["by_hand"]]


def proof(host: Entry) -> str:
    """What the last handshake showed, and what causes are left."""
    probe = (host["after"] or host["before"])["probe"]
    if host["reason"] and not probe:
        return "-"
    seen = _handshake(probe)
    if not host["after"] or host["check"] or host["verdict"] == "healthy":
        return seen
    causes = ", ".join(finding["id"] for finding in left(host))
    return f"{seen}; left: {causes}" if causes else f"{seen}, no cause left"


def _handshake(probe: Mapping[str, t.Any] | None) -> str:
    if not probe:
        return "no probe, host evidence alone"
    if probe["passed"]:
        version = (probe.get("tls") or {}).get("version")
        return f"passes ({version})" if version else "passes"
    verdict = str((probe.get(probe["stage"]) or {}).get("verdict", "failed"))
    return f"stops at {probe['stage']}: " + ("nothing granted" if verdict == "negotiates" else verdict)

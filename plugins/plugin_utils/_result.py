# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of results, one for all modules. PRIVATE to the collection. Pure: nothing here touches a host."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ._cim.host import Identity
from ._course import Course, Limits, foresee
from ._diagnosis.facts import Facts
from ._diagnosis.rank import Finding, direct, open_questions
from ._diagnosis.verdict import Standing
from ._fix import unproved
from ._job import Done
from ._lease import task_name
from ._model.change import Change, Plan, net_changes
from ._model.lease import LeaseState
from ._model.observation import Observation
from ._model.plain import Plain, to_plain
from ._model.settings import SETTINGS, effective
from ._proof import Probe, lease_effective
from ._selftest import Outcome
from ._table import neutral
from ._undoing import Target, Undoing

Result = dict[str, t.Any]

LADDER, CERTIFICATE = "machine_keys", "certificate"
"""The module that climbs its methods, and the one that sees to the certificate to which the key belongs."""

HOW = ("restart", "reboot", "proof", "then", "leased", "stands")
"""What of a change is about how it is made, and not what it is."""

ACTS = ("restart", "reboot")
"""Kinds of changes that leave nothing different behind; whether they are needed shows only on the host."""


def diff(changes: Iterable[Change]) -> list[Result]:
    """Before and after of each item that ends other than it began, as Ansible shows differences.

    Moments are left out, since check mode and the run after it cannot have the same.
    """
    return [
        {
            "before_header": neutral(item),
            "after_header": neutral(item),
            "before": _lines(before),
            "after": _lines(after),
        }
        for item, (before, after) in net_changes(change for change in changes if change.kind not in ACTS).items()
    ]


def _lines(value: Plain) -> str:
    if value is None:
        return "(absent)\n"
    if isinstance(value, Mapping) and set(value) == {"type", "data"}:
        return f"{value['type']} {json.dumps(value['data'])}\n"
    if isinstance(value, Mapping):
        shown = sorted((name, data) for name, data in value.items() if name != "until")
        return "".join(f"{name}: {json.dumps(data)}\n" for name, data in shown)
    return f"{value}\n"


def change(entry: Change) -> Result:
    """One change, without what says how it is made."""
    return {name: data for name, data in to_plain(entry).items() if name not in HOW}


def compliance(changes: Iterable[Change]) -> list[Result]:
    """The benchmark items that the changes break or restore, each once."""
    seen: dict[tuple[str, ...], Result] = {}
    for entry in changes:
        for item in entry.compliance:
            seen.setdefault((item.benchmark, item.item, item.effect), to_plain(item))
    return list(seen.values())


def needs(waiting: Mapping[str, str]) -> Result:
    return {"restart": "restart" in waiting, "reboot": "reboot" in waiting, "why": list(waiting.values())}


def changed(changes: Sequence[Change]) -> Result:
    """What every result that changes something has."""
    return {
        "changed": bool(changes),
        "changes": [change(entry) for entry in changes],
        "diff": diff(changes),
        "compliance": compliance(changes),
    }


def leases(states: Iterable[LeaseState], probe: Probe | None) -> list[Result]:
    """Leases, how they stand, and whether the live handshake shows it; None where no probe tells."""
    return [_lease(state, lease_effective(state, probe)) for state in states]


def _lease(state: LeaseState, effective_now: bool | None) -> Result:
    standing_now = state.standing
    stale = standing_now == "ended" and effective_now is False
    return {
        **to_plain(state.lease),
        "path": SETTINGS[state.lease.setting].path,
        "task": task_name(state.lease.setting),
        "standing": "lease_not_effective" if stale else standing_now,
        "effective": effective_now,
    }


def fixed(plan: Plan, done: Done, run_id: str) -> Result:
    """The result of a fix module; leases only of one that can weaken."""
    granted = {} if done.leases is None else {"leases": leases(done.leases, done.proof)}
    return {
        **granted,
        **done.shown,
        **changed(done.changes),
        "policy_held": to_plain(plan.held),
        "refused": to_plain(plan.refused),
        "notes": [*plan.notes, *done.notes],
        "needs": needs(done.waiting),
        "run_id": run_id,
        "proof": done.proof,
    }


def climbed(course: Course, run_id: str) -> Result:
    """The result of a fix module that climbed its ladder of methods."""
    plan = Plan(held=tuple(course.held), refused=tuple(course.refused))
    told = [f"{step.remedy} for {step.cause}: {step.reason}" for step in course.steps]
    probe = course.after.observation.probe
    notes = [*course.notes, *told, *map(_elsewhere, _others(course)), *unproved(course.changes, probe)]
    done = Done(list(course.changes), probe, dict(course.waiting), notes)
    return fixed(plan, done, run_id)


def unsolved(course: Course) -> str:
    """Why a ladder has not made TLS work; empty when it has, or what it waits for or in check mode plans would.

    It fails for what other modules cure as well where that is seen to end TLS: nobody can use the key until then.
    """
    if course.waiting or (course.verdict == "repairable" and course.changes):
        return ""
    if course.refused and not _solved(course):
        return "; ".join(refusal.message for refusal in course.refused)
    others, failure = _others(course), Facts(course.after.observation).tls_failure
    if not failure:
        return "; ".join(_elsewhere(finding) for finding in others if CERTIFICATE in finding.remedies)
    return f"TLS fails ({failure}): {'; '.join(map(_elsewhere, others)) or _unexplained(course)}"


def _solved(course: Course) -> bool:
    """Whether a later rung did what an earlier one could not."""
    after = course.after
    cured = not any(LADDER in finding.remedies for finding in direct(after.findings))
    return cured and Facts(after.observation).probe_verdict("tls") == "ok"


def _unexplained(course: Course) -> str:
    """What to do where TLS fails and no other module is known to cure it."""
    if direct(course.after.findings):
        return "no method that auto takes has helped; name copy_aside or rename, or ask diagnosis_info"
    return "nothing that was read explains it; ask diagnosis_info for Schannel's events, or name a method"


def _others(course: Course) -> list[Finding]:
    """What keeps users out and no method of the ladder cures."""
    return [finding for finding in direct(course.after.findings) if LADDER not in finding.remedies]


def _elsewhere(finding: Finding) -> str:
    cures = " or ".join(finding.remedies)
    what = f"the module {cures} cures that" if cures else finding.by_hand or "see diagnosis_info"
    return f"what keeps users out is not the listener's key: {finding.title} ({finding.id}); {what}"


def standing(state: Standing) -> Result:
    """A host at one moment, as reports keep it."""
    return {"findings": to_plain(state.findings), "probe": state.observation.probe}


def logon(state: Standing) -> Result | None:
    """What came of the attempt to log on; None where none was asked for."""
    return None if state.observation.logon is None else t.cast(Result, to_plain(state.observation.logon))


def diagnosed(state: Standing) -> Result:
    """The result of a diagnosis, with what the loop would do about it."""
    course = foresee(state, Limits())
    return {
        "changed": False,
        **standing(state),
        "verdict": course.verdict,
        "leases": leases(state.observation.leases or (), state.observation.probe),
        "logon_check": logon(state),
        "needs": needs(course.waiting),
        "open_questions": list(open_questions(state.observation, state.findings)),
        "plan": [change(entry) for entry in course.changes],
        "notes": course.notes,
        "compliance": compliance(course.changes),
        "policy_held": to_plain(course.held),
        "refused": to_plain(course.refused),
        "identity": to_plain(state.observation.identity),
        "machine": state.observation.machine,
    }


def observed(observation: Observation) -> Result:
    """A whole observation, with the effective value of each setting and who decides it."""
    readings = {
        name: effective(SETTINGS[name], state) for name, state in observation.settings.items() if name in SETTINGS
    }
    return {
        "observation": to_plain(observation),
        "effective": {
            name: {
                "value": number,
                "decided_by": decider,
                "word": SETTINGS[name].word(number),
                "path": SETTINGS[name].path,
            }
            for name, (number, decider) in readings.items()
        },
    }


def remediated(course: Course, run_id: str) -> Result:
    """The result of the closed loop; in check mode, of what it would do."""
    return {
        **changed(course.changes),
        "verdict": course.verdict,
        "before": standing(course.before),
        "after": standing(course.after),
        "revealed": to_plain(course.revealed),
        "steps": to_plain(course.steps),
        "logon_check": logon(course.after),
        "leases": leases(course.after.observation.leases or (), course.after.observation.probe),
        "policy_held": to_plain(course.held),
        "refused": to_plain(course.refused),
        "notes": course.notes,
        "needs": needs(course.waiting),
        "run_id": run_id,
        "summary": summary(course),
    }


def summary(course: Course) -> str:
    """One line: what was wrong, what was done, how it ended, and whether the host's own state alone says so."""
    seen = "" if course.after.observation.probe else "; no probe, host evidence alone"
    wrong = ", ".join(finding.id for finding in (*direct(course.before.findings), *course.revealed))
    count = len(course.changes)
    return f"{course.verdict}: {wrong or 'no fault found'}; {count} change{'' if count == 1 else 's'}{seen}"


def rolled_back(undoing: Undoing, check: bool, made: Sequence[Change], run_id: str) -> Result:
    """The result of a roll-back. Closing entries that were put back by somebody else already is no change."""
    back = undoing.changes
    return {
        **changed(back if check else [*back, *(entry for entry in made if entry.undo == "none")]),
        "changed": bool(back),
        "undone": [_entry(target) for target in undoing.undone],
        "drifted": to_plain(undoing.drifted),
        "not_undoable": [
            {"run_id": target.entry.run, "item": target.entry.change.item, "reason": target.entry.change.reason}
            for target in undoing.not_undoable
        ],
        "foreign": undoing.foreign,
        "left": undoing.left,
        "policy_held": to_plain(undoing.held),
        "notes": undoing.notes,
        "needs": needs(undoing.waiting),
        "runs": undoing.runs,
        "run_id": run_id,
        "proof": undoing.proof,
    }


def _entry(target: Target) -> Result:
    entry = target.entry.change
    return {
        "run_id": target.entry.run,
        "kind": entry.kind,
        "item": entry.item,
        "before": entry.after,
        "after": entry.before,
    }


WINDOWS = ("caption", "version", "build", "product_type", "language")
"""What may be told of a host whose name is nobody's business."""


def windows(identity: Identity, revision: int | None) -> Result:
    """What a host runs."""
    return {**{name: getattr(identity, name) for name in WINDOWS}, "revision": revision}


def windows_by_version(version: tuple[str, int] | None) -> Result:
    """What a host runs, as far as its version and build say it; nothing else is known to an account without rights."""
    text, build = version or (None, None)
    return {**dict.fromkeys((*WINDOWS, "revision")), "version": text, "build": build}


def tested(runs: Result, outcomes: Sequence[Outcome]) -> Result:
    """The result of a self-test on a host that runs this."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    return {
        "changed": False,
        "windows": runs,
        "checks": to_plain(outcomes),
        "deviations": [outcome.name for outcome in outcomes if outcome.verdict == "deviates"],
        "summary": (
            f"{counts['as_expected']} as expected, {counts['deviates']} deviate, "
            f"{counts['could_not_tell']} could not tell"
        ),
    }

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fix on one host: observe, plan, apply, prove. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ._apply import ApplyError, Run
from ._diagnosis.facts import Facts
from ._host import Host
from ._lease import armed, begin, record
from ._live import UNTOLD, due_after_cut, due_unnoted, is_live, listens, look
from ._logon import LogonCheck
from ._model.change import Change, Plan
from ._model.lease import RECORDS, LeaseState
from ._model.observation import Observation
from ._model.settings import PIN, SETTINGS
from ._observe import observe
from ._owed import REASONS, due, due_after_lease, owe_restart
from ._proof import (
    ACTED,
    Probe,
    Prober,
    connects,
    lacking,
    lets_in,
    refuses,
    replaces_unknown,
    serves,
    shown_by,
    unproven,
    way_back,
)
from ._reboot import objection, reboot
from ._remedies import Remedy
from ._remedies._base import Options
from ._restart import Policy, restart


@dataclass(frozen=True)
class Job:
    """What a task was told about how to work, whatever it does.

    Attributes:
        check: only plan.
        restart: when TermService may be restarted.
        allow_reboot: whether the host may be rebooted where a change needs that.
        made: the changes that stand, also when the task fails half-way.
        logon: tries once, in the end, whether the account could log on; only where that was asked for.
    """

    host: Host
    prober: Prober
    run_id: str
    check: bool
    restart: Policy = "when_idle"
    made: list[Change] = field(default_factory=list)
    allow_reboot: bool = False
    logon: LogonCheck | None = None


@dataclass
class Done:
    """What came of a plan on a host.

    Attributes:
        changes: made, or in check mode planned.
        proof: the probe after the last change, if one was made.
        waiting: what still has to happen before the changes are live, and why.
        leases: those on the host afterwards; None where the fix has to do with none.
        shown: what else the result has, see Remedy.shows.
        unreached: why what a method was named for is not reached, as the last handshake shows; or empty.
        rest: what was not done for want of a proof, though what comes before it was; the loop may cure what is lacking.
        lack: why there was no proof of it.
        acted: the handshake before the first restart, which shows what the listener acted on; where that is not what
            was stored, it is what a step back leads to.
    """

    changes: list[Change] = field(default_factory=list)
    proof: Probe | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    leases: tuple[LeaseState, ...] | None = None
    shown: Mapping[str, t.Any] = field(default_factory=dict)
    unreached: str = ""
    rest: tuple[Change, ...] = ()
    lack: str = ""
    acted: Probe | None = None


class LeaseLost(ApplyError):
    """The task that should end a weakening is gone, so the weakening was taken back."""


class OutOfReach(ApplyError):
    """A listener on a new port could not be reached there, so it went back to the old one."""


class ProofMissing(ApplyError):
    """A change that could lock everybody out was not made, since nothing proves that it will work."""


def fix(job: Job, remedy: Remedy, options: Options) -> tuple[Plan, Done]:
    """Bring a host into the state that a module declares."""
    observation = _observed(job, remedy, options)
    plan, late = remedy.plan(observation, options), _read_at_start(remedy)
    done = Done(leases=observation.leases)
    if job.check:
        done.changes.extend(plan.changes)
        done.waiting.update({what: REASONS[what] for what in (_all_due(job, done) if late else ())})
    else:
        with Run(job.host, job.run_id, job.made) as run:
            if late and _caught_up(job, run, done, bool(plan.changes)):
                observation = _observed(job, remedy, options)
                plan, done.leases = remedy.plan(observation, options), observation.leases
            if plan.changes:
                carry_out(job, run, plan.changes, done, alone=True)
                leave_due(job, run, done)
                if late and not done.waiting and _due(job, observation, done.proof):
                    make_up(job, run, done)
            run.tidy()
        if plan.changes:
            done.leases = observe(job.host, set(remedy.areas) & {"leases"}).leases
    if job.host.left_over and not done.waiting:
        done.notes.append(UNTOLD)
    if done.leases and done.proof is None:
        done.proof = job.prober.look(job.host.listener_port)
    done.shown = remedy.shows(observation) if remedy.shows else {}
    told = not (plan.refused or done.waiting or (job.check and plan.changes))
    if told and remedy.climbs and options["state"] == remedy.climbs["state"]:
        probe = done.proof or observation.probe
        done.unreached = _unreached(options, probe)
        done.notes.extend(unproved(done.changes, probe))
    return plan, done


def unproved(changes: Sequence[Change], probe: Probe | None) -> tuple[str, ...]:
    """That nothing shows whether TLS works, in a note, where nothing was changed and nobody tried."""
    return () if changes or probe is not None else ("no handshake was tried, so nothing shows whether TLS works",)


def _unreached(options: Options, probe: Probe | None) -> str:
    """Why the method that was named has not made TLS work; empty where nothing shows that."""
    facts = Facts(Observation("", probe=probe))
    if not facts.tls_failure:
        return ""
    larger = facts.no_certificate or facts.probe_verdict("tls") == "reset"
    next_one = (
        "take auto, which goes on until one does, or a larger method" if larger else "the key is not what ends it"
    )
    return (
        f"with the method {options['method']} no TLS handshake succeeds ({facts.tls_failure}): {next_one}; "
        "diagnosis_info names the cause"
    )


def _observed(job: Job, remedy: Remedy, options: Options) -> Observation:
    """What the remedy decides on for these options."""
    probe = job.prober.look(job.host.listener_port) if remedy.probed else None
    names, port = options.get("names") or options.get("hosts") or (), options.get("port")
    found = observe(
        job.host, remedy.areas_alone(options), remedy.settings_for(options), probe, names=names, wanted_port=port
    )
    while (more := remedy.undecided(found, options).beyond(found)).areas:
        found = observe(job.host, more.areas, more.settings, probe, base=found)
    return found


def _read_at_start(remedy: Remedy) -> bool:
    """Whether a remedy decides on what TermService or Windows reads only when it starts, or may do so."""
    late = (SETTINGS[name].effect != "at_once" for name in remedy.settings)
    return bool({"winsock", "keys"} & set(remedy.areas)) or any(late)


def _all_due(job: Job, done: Done) -> tuple[str, ...]:
    """What is due since before this run, of which a note tells or what is seen."""
    if done.leases:
        done.proof = job.prober.look(job.host.listener_port)
    found = due(job.host, job.host.kept)
    unnoted = "restart" not in found and due_unnoted(job.host, job.prober, done.leases or (), done.proof)
    return (*found, "restart") if unnoted else found


def _caught_up(job: Job, run: Run, done: Done, more: bool) -> bool:
    """Restart for a run before this one, which was cut off or might not; whether it was done, so the plan is of before.

    Where this run has more to do, what is noted waits for that, and only that is seen to which was cut off: what the
    listener does is to prove what comes.
    """
    if more:
        due(job.host, job.host.kept)
        if due_after_cut(job.host, job.prober):
            _restart(job, run, done, REASONS["restart"])
    elif _all_due(job, done):
        make_up(job, run, done)
    return bool(done.changes) and not done.waiting


def _due(job: Job, observation: Observation, proof: Probe | None) -> bool:
    """Whether anything is due since before this run."""
    return bool(job.host.owes) or due_after_lease(job.host, observation.leases or (), proof)


def leave_due(job: Job, run: Run, done: Done) -> None:
    """Note a restart that was hindered where only the handshake told that it is needed, for the next run to know of."""
    if "restart" in done.waiting and "restart" not in job.host.owes:
        owe_restart(job.host)
        run.proven()


def make_up(job: Job, run: Run, done: Done) -> None:
    """What a run before left to be done, where it may be, and a look at what came of it. A reboot restarts all."""
    if "reboot" in job.host.owes and not _reboot(job, run, done, REASONS["reboot"]):
        done.waiting["reboot"] = f"{REASONS['reboot']}; {done.waiting['reboot']}"
    if "restart" in job.host.owes:
        _restart(job, run, done, REASONS["restart"])
    if not done.waiting:
        done.proof = look(job.host, job.prober, done.changes)


def carry_out(job: Job, run: Run, changes: Sequence[Change], done: Done | None = None, *, alone: bool = False) -> Done:
    """Apply changes in order, proving before those that need it and settling what has to become live.

    When a proof fails, the changes of this call to the same item, and to the policy above it, are undone, and the error
    says so; in the loop they stand until it has cured what they brought to light, and the rest is left to it.

    Args:
        job: how to work.
        run: the run under which the changes are journaled.
        changes: what to do.
        done: what was done before, and waits; to be completed.
        alone: whether nothing follows that could cure what a change brings to light, so that one which shuts everybody
            out is taken back; the loop cures it instead.
    """
    done = done or Done()
    for number, change in enumerate(changes):
        if change.proof and (lack := _prove(job, run, done, change, alone)):
            return replace(done, rest=tuple(changes[number:]), lack=lack)
        guarded = alone and _guarded(job, change)
        made = run.apply(change)
        if made is None:
            continue
        done.changes.append(made)
        if made.leased:
            _ends(job.host, run, made)
        if guarded:
            _answers_still(job, run, done, made)
    if done.changes:
        settle(job, run, done)
        _reached(job, run, done)
        _confirm(job, run, done, alone)
    return done


def _guarded(job: Job, change: Change) -> bool:
    """Whether somebody gets in now who could be shut out by a change of which nothing is proved before.

    Raises:
        ProofMissing: nothing tells, and would have to.
    """
    if change.then == "answer":
        return _answers(job, change)
    probe = job.prober.look(job.host.listener_port) if replaces_unknown(change) else None
    return probe is not None and lets_in(probe, job.host.vouched)


def _answers(job: Job, change: Change) -> bool:
    """Whether the host lets somebody in now, who could be shut out.

    Raises:
        ProofMissing: nothing tells, or would tell afterwards.
    """
    probe = job.prober.look(job.host.listener_port)
    if probe is not None and (lets_in(probe, job.host.vouched) or refuses(probe, job.host.vouched)):
        return lets_in(probe, job.host.vouched)
    seen = "it may not probe" if probe is None else f"it sees nothing of the listener (TCP {probe['tcp']['verdict']})"
    raise ProofMissing(
        f"{change.item} decides how clients connect, and the controller cannot see whether they still do afterwards: "
        f"{seen}. It was left as it is. Let the controller probe, or run remediate, which is proved by the host's state"
    )


def _answers_still(job: Job, run: Run, done: Done, change: Change) -> None:
    """The host, which let somebody in, lets somebody in with the new value too, or it is taken back.

    Raises:
        ProofMissing: it does not, or that would show only after a restart, when nothing could take it back any more.
    """
    settle(job, run, done)
    if not done.waiting and done.proof is not None and lets_in(done.proof, job.host.vouched):
        return
    due = done.waiting.pop("restart", "")
    outcome = put_back(job, run, done, [change]) or "it is as it was"
    if due:
        raise ProofMissing(
            f"whether anybody gets in with the new value of {change.item} would show later: {outcome}. {due}"
        )
    raise ProofMissing(
        f"nobody would get in with the new value of {change.item}, since no TLS handshake succeeds: {outcome}. The "
        "module remediate cures what lies behind it too: certificate, key, ciphers"
    )


def _reached(job: Job, run: Run, done: Done) -> None:
    """A listener that moved to another port serves it, or it goes back; what waits for a restart is noted.

    Raises:
        OutOfReach: it does not.
    """
    moved = [change for change in done.changes if change.then == "tcp"]
    if moved and done.waiting:
        done.notes.append("the listener keeps its old port until then; run the firewall module for the new one first")
    if not moved or done.waiting:
        return
    why = _unserved(job, done.proof)
    undone = [change.item for change in reversed(moved) if run.undo(change)] if why else []
    if not undone:
        return
    _restart(job, run, done, "the listener goes back to its old port")
    left = f", but the listener still has the new port: {done.waiting['restart']}" if done.waiting else ""
    raise OutOfReach(f"{undone[0]} was put back as it was{left}, since {why}")


def _unserved(job: Job, proof: Probe | None) -> str:
    """Why the new port is of no use, and what to do; empty where it is served, as far as probe and host tell."""
    shut = proof is not None and not connects(proof)
    if (shut or proof is None) and not listens(job.host):
        return (
            "nothing listens on the new port although TermService was restarted. Windows or a product such as Hyper-V "
            "may have reserved it: look for it in the output of netsh interface ipv4 show excludedportrange tcp, and "
            "give the listener another port"
        )
    return (
        f"nothing connects to the new port (TCP {proof['tcp']['verdict']}). {_FIREWALL_FIRST}" if shut and proof else ""
    )


_FIREWALL_FIRST = "Run the module firewall first, with the new port as its option port"


def put_back(job: Job, run: Run, done: Done, changes: Sequence[Change]) -> str:
    """Undo changes, and make live again what was before where a restart had made them live; empty if there are none.

    Says how it went, since what a listener still serves is not what is stored where a second restart is hindered.
    """
    undone = [change for change in reversed(changes) if not change.stands and _goes_back(job, run, done, change)]
    if not undone:
        return "it has what it had before its lease, which is ended" if any(step.stands for step in changes) else ""
    restarted = any(change.kind == "restart" for change in done.changes)
    if restarted and any(change.kind == "registry" for change in undone):  # permissions are met anew each time
        _restart(job, run, done, "what was put back is live only after another restart")
    left = f", but the listener still has the new value: {done.waiting['restart']}" if done.waiting else ""
    led = any(change.reason == ACTED for change in done.changes)
    return (f"it is {ACTED}" if led else "it was put back as it was") + left


def _goes_back(job: Job, run: Run, done: Done, change: Change) -> bool:
    """Undo a change, or where what was stored before let nobody in, go on to what the listener acted on then.

    A restart would make that live which was stored and not live before, and shut out whoever got in without it.
    Roll-back still leads to it.
    """
    if done.acted is None or not lets_in(done.acted, job.host.vouched):
        return run.undo(change)
    served = job.host.has_certificate(shown_by(done.acted)) if change.item == PIN else False
    way = way_back(change, done.acted, served)
    if way is None:
        return run.undo(change)
    made = run.apply(way)
    done.changes.extend([made] if made else [])
    return made is not None


def _confirm(job: Job, run: Run, done: Done, alone: bool) -> None:
    """What has to serve a handshake from now on does, or it is taken back, with the access that was given for it.

    What was proved before waits for a hindered restart; a certificate does not, since nothing would look at it then.
    What is only taken away is no fault where the loop goes on: it cures what lay beneath.

    Raises:
        ProofMissing: it does not, or that would show only after a restart.
    """
    proof = done.proof
    told = [change for change in done.changes if change.then == "tls" and (alone or change.after is not None)]
    proved = [change for change in done.changes if change.proof and not done.waiting]
    unserved = [change for change in (*told, *proved) if proof is not None and not serves([change], proof)]
    if not unserved:
        return
    why = "; ".join(done.waiting.values())
    done.waiting.clear()
    given = [change for change in done.changes if change.kind == "file_access" or _ends_lease(change)]
    back = [change for change in done.changes if change in given or change in unserved]
    outcome = put_back(job, run, done, back) or "it is as it was"
    if why:
        raise ProofMissing(f"whether the new value of {unserved[0].item} serves would show later: {outcome}. {why}")
    raise ProofMissing(f"{_failure(proof)} with the new value of {unserved[0].item}: {outcome}")


def _failure(proof: Probe | None) -> str:
    """What was seen of TLS, where it did not succeed."""
    if proof is None or connects(proof):
        return "no TLS handshake succeeded"
    return f"nothing connected (TCP {proof['tcp']['verdict']}), so no TLS handshake was seen"


def _ends_lease(change: Change) -> bool:
    """Whether it ends a lease, which has to stand again before what it weakened does."""
    return (change.kind == "lease" and change.after is None) or change.item.startswith(RECORDS)


def _ends(host: Host, run: Run, change: Change) -> None:
    """A weakening stands only while the host would end it: security products remove tasks registered from outside.

    Raises:
        LeaseLost: the task is gone; the weakening was taken back.
    """
    lease = record(host, change.leased)
    if lease is not None and armed(host, lease):
        begin(host, change.leased)
        return
    run.undo(change)
    raise LeaseLost(
        f"{change.item} was weakened and put back at once: the task that should end the lease is gone from the host. "
        "Look whether a security product removes scheduled tasks that are registered from outside, and allow this one"
    )


def settle(job: Job, run: Run, done: Done) -> None:
    """Make sure that what was changed is live: look, and restart only where it is not."""
    rebooted = any(change.reboot for change in done.changes) and _reboot(job, run, done, AT_START)
    if _must_restart(done.changes) and not rebooted:
        _restart(job, run, done, "the listener reads these values only when it starts")
    done.proof = look(job.host, job.prober, done.changes)
    seen = is_live(job.host, [*done.changes, *run.unseen], done.proof)
    if seen is False and not done.waiting:
        done.acted = done.acted or done.proof
        _restart(job, run, done, "the live listener does not show the stored values")
        if not done.waiting:
            done.proof = look(job.host, job.prober, done.changes)
    if seen is None:
        done.notes.append("no handshake proves yet that the changes are live")
    done.notes.extend(unproven(done.changes, done.proof))
    if seen:
        run.proven()


def _must_restart(changes: Sequence[Change]) -> bool:
    """Whether a change needs a restart for certain; a service that this plan starts reads the new values anyway."""
    started = any(change.kind == "service_state" and change.item == "TermService" for change in changes)
    return not started and any(change.restart for change in changes)


AT_START = "Windows reads these values only when it starts"


def _reboot(job: Job, run: Run, done: Done, reason: str) -> bool:
    """Reboot where that is allowed; whether it was done."""
    why = objection(job.host, job.allow_reboot, job.restart)
    if not why:
        before = len(run.applied)
        why = reboot(job.host, run.record, reason)
        done.changes.extend(run.applied[before:])
    if why:
        done.waiting["reboot"] = why
    else:
        run.proven()
    return not why


def _restart(job: Job, run: Run, done: Done, reason: str) -> None:
    before = len(run.applied)
    why = restart(job.host, run.record, reason, job.restart)
    done.changes.extend(run.applied[before:])
    if why:
        done.waiting["restart"] = why
    else:
        run.proven()


def _places(item: str) -> set[str]:
    """An item and, where it is a setting's, the policy value above it: what stands beneath shows when that is gone."""
    policy = next((setting.policy for setting in SETTINGS.values() if setting.path == item), None)
    return {item, policy.path} if policy else {item}


_REQUIRED = {"tls": "TLS", "ntlm": "users to authenticate inside TLS"}


def _prove(job: Job, run: Run, done: Done, change: Change, alone: bool) -> str:
    """A handshake with this host, now; changes made so far must be live for it to tell anything.

    Returns what it lacks where that was only brought to light by this very step, and the loop may cure it.
    """
    if done.changes:
        settle(job, run, done)
    earlier = [step for step in done.changes if step.item in _places(change.item)]
    if done.waiting:
        why = "; ".join(done.waiting.values())
        done.waiting.clear()
        outcome = put_back(job, run, done, earlier) or "it was left as it is"
        raise ProofMissing(
            f"{change.item} would require {_REQUIRED[change.proof]}, and whether that works would show only after what "
            f"is hindered: {outcome}. {why}"
        )
    own = done.proof or job.prober.look(job.host.listener_port)
    probes = [own] if own is not None else job.prober.brought(job.host.listener_port())
    lack = lacking(probes, change.proof, job.host.vouched)
    if lack is None:
        return ""
    message = f"{change.item} would require {_REQUIRED[change.proof]}, but {lack.why}"
    if earlier and own is not None and not alone:
        return message
    outcome = put_back(job, run, done, earlier) or "it was left as it is"
    raise ProofMissing(f"{message}: {outcome}. {lack.hint}")

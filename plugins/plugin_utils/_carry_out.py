# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying a plan out, with proofs of each change that could lock everybody out. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ._apply import ApplyError, Run
from ._host import Host
from ._job import Done, Job
from ._lease import armed, begin, record
from ._listener_port import is_shut
from ._live import listens
from ._model.change import Change
from ._model.lease import RECORDS
from ._model.settings import SETTINGS
from ._owed import REASONS
from ._proof import Probe, connects, lacking, lets_in, refuses, replaces_unknown, serves
from ._settle import let_in_after, put_back, restart_for, settle
from ._wsman.errors import WsmanError


class LeaseLost(ApplyError):
    """The task that should end a weakening is gone, so the weakening was taken back."""


class OutOfReach(ApplyError):
    """A listener could not be reached on a new port, so it keeps the old one, or has it again."""


class ProofMissing(ApplyError):
    """A change that could lock everybody out was not made, since nothing proves that it will work."""


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
        if change.then == "tcp":
            _let_in_there(job, change)
        _step(job, run, done, change, guarded=alone and _guarded(job, change))
    if done.changes:
        settle(job, run, done)
        _reached(job, run, done)
        _confirm(job, run, done, alone)
    return done


def _let_in_there(job: Job, move: Change) -> None:
    """A listener that would move at once stays where it is while the host's own firewall keeps the new port shut.

    Raises:
        OutOfReach: it does.
    """
    if job.restart != "never" and is_shut(job.host, [move]):
        raise OutOfReach(f"{move.item} was left as it is: the firewall lets nobody in to the new port. {_OPEN_FIRST}")


def _step(job: Job, run: Run, done: Done, change: Change, guarded: bool) -> None:
    """One change, with a look at what comes of it where somebody could be shut out, which no error ends before."""
    try:
        made = run.apply(change)
        if made is None:
            return
        done.changes.append(made)
        if made.leased:
            _ends(job.host, run, made)
        if guarded:
            _answers_still(job, run, done, made)
    except WsmanError as error:
        let_in_after(job, run, done, [change] if guarded else [], error)
        raise


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
    if probe is not None and lets_in(probe, job.host.vouched):
        return True
    probes = [probe] if probe is not None else job.prober.brought(job.host.listener_port())
    if probes and all(refuses(found, job.host.vouched) for found in probes):
        return False
    seen = "it may not probe" if probe is None else f"it sees nothing of the listener (TCP {probe['tcp']['verdict']})"
    raise ProofMissing(
        f"{change.item} decides how clients connect, and the controller cannot see whether they still do afterwards: "
        f"{seen}. It was left as it is. Let the controller probe"
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
    restart_for(job, run, done, "the listener goes back to its old port")
    left = f", but the listener still has the new port: {done.waiting['restart']}" if done.waiting else ""
    raise OutOfReach(f"{undone[0]} was put back as it was{left}, since {why}")


def _unserved(job: Job, proof: Probe | None) -> str:
    """Why the new port is of no use, and what to do; empty where it is served, as far as probe and host tell."""
    shut = proof is not None and not connects(proof)
    if (shut or proof is None) and not listens(job.host):
        return (
            "nothing listens on the new port although TermService was restarted. Windows or a product such as Hyper-V "
            "may have reserved it: look for it in the output of netsh interface ipv4 show excludedportrange tcp, and "
            "give the listener another port. diagnosis_info names what else may keep it from listening"
        )
    return (
        f"nothing connects to the new port (TCP {proof['tcp']['verdict']}). {_FIREWALL_FIRST}" if shut and proof else ""
    )


_OPEN_FIRST = "Run the module firewall first, with the new port as its option port"
_FIREWALL_FIRST = f"{_OPEN_FIRST}; where the controller is meant to be kept out, set probe_from to none"


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


def _places(item: str) -> set[str]:
    """An item and, where it is a setting's, the policy value above it: what stands beneath shows when that is gone."""
    policy = next((setting.policy for setting in SETTINGS.values() if setting.path == item), None)
    return {item, policy.path} if policy else {item}


_REQUIRED = {"tls": "TLS", "ntlm": "users to authenticate inside TLS"}


def _caught_up(job: Job, run: Run, done: Done) -> None:
    """Where nobody connects, a restart that an earlier run owes is made first: the listener may have to move yet."""
    probe = job.prober.look(job.host.listener_port) if "restart" in job.host.owes else None
    if probe is not None and not connects(probe):
        restart_for(job, run, done, REASONS["restart"])


def _prove(job: Job, run: Run, done: Done, change: Change, alone: bool) -> str:
    """A handshake with this host, now; changes made so far must be live for it to tell anything.

    Returns what it lacks where that was only brought to light by this very step, and the loop may cure it.
    """
    if done.changes:
        settle(job, run, done)
    elif alone:
        _caught_up(job, run, done)
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

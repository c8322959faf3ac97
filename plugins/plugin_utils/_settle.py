# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making live what was changed, or was left to be by a run before, and what was put back. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ._apply import ApplyError, Run
from ._cim.registry import RegistryValue
from ._host import Host
from ._job import Done, Job
from ._listener_port import would_move_away
from ._live import due_after_cut, due_unnoted, is_live, look
from ._model.change import Change
from ._model.observation import Observation
from ._model.settings import PIN, SETTINGS, Setting
from ._owed import REASONS, due, due_after_lease, owe_restart
from ._proof import ACTED, DROPPING, Probe, lets_in, live, refuses, shown_by, tls_works, unproven, way_back
from ._reboot import accepted, objection, reboot
from ._restart import SessionsInTheWay, restart
from ._wsman.errors import AccessDenied, AuthenticationFailed, ChannelUnavailable, Timeout, TransportFailed, WsmanError


def all_due(job: Job, done: Done) -> tuple[str, ...]:
    """What is due since before this run, of which a note tells or what is seen."""
    if done.leases:
        done.proof = job.prober.look(job.host.listener_port)
    found = due(job.host, job.host.kept)
    unnoted = "restart" not in found and due_unnoted(job.host, job.prober, done.leases or (), done.proof)
    return (*found, "restart") if unnoted else found


def caught_up(job: Job, run: Run, done: Done, more: bool) -> bool:
    """Restart for a run before this one, which was cut off or might not; whether it was done, so the plan is of before.

    Where this run has more to do, what is noted waits for that, and only that is seen to which was cut off: what the
    listener does is to prove what comes.
    """
    if more:
        due(job.host, job.host.kept)
        if due_after_cut(job.host, job.prober):
            restart_for(job, run, done, REASONS["restart"])
    elif all_due(job, done):
        make_up(job, run, done)
    return bool(done.changes) and not done.waiting


def is_due(job: Job, observation: Observation, proof: Probe | None) -> bool:
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
        restart_for(job, run, done, REASONS["restart"])
    if not done.waiting:
        done.proof = look(job.host, job.prober, done.changes)


def settle(job: Job, run: Run, done: Done) -> None:
    """Make sure that what was changed is live: look, and restart only where it is not."""
    rebooted = any(change.reboot for change in done.changes) and _reboot(job, run, done, AT_START)
    if _must_restart(done.changes) and not rebooted:
        restart_for(job, run, done, "the listener reads these values only when it starts")
    done.proof = look(job.host, job.prober, done.changes)
    seen = is_live(job.host, [*done.changes, *run.unseen], done.proof)
    if seen is False and not done.waiting:
        done.acted = done.acted or done.proof
        restart_for(job, run, done, "the live listener does not show the stored values")
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
    why = objection(job.host, job.allow_reboot, job.restart) or would_drop(job, _moved(done))
    if not why:
        before = len(run.applied)
        why = reboot(job.host, run.record, reason + accepted(job.host, job.restart))
        done.changes.extend(run.applied[before:])
    if why:
        done.waiting["reboot"] = why
    else:
        run.proven()
    return not why


def restart_for(job: Job, run: Run, done: Done, reason: str) -> None:
    """Restart TermService where it may be, or note why not."""
    before = len(run.applied)
    why = would_drop(job, _moved(done)) or restart(job.host, run.record, reason, job.restart)
    done.changes.extend(run.applied[before:])
    if why:
        done.waiting["restart"] = why
    else:
        run.proven()


def would_drop(job: Job, spared: Collection[str] = ()) -> str:
    """Why nobody would get in any more after a restart, as somebody may now; empty where nothing says so.

    A number that somebody else has stored, which Windows does not know, drops each connection once it is live; and a
    port that waits for a restart may be shut.

    Args:
        job: the host, and whether the run cures what comes to light or never restarts, so that nothing is looked at.
        spared: the items that this run itself puts back to what they were, or looks at afterwards.
    """
    return _drops(job, spared) or would_move_away(job, spared)


def _moved(done: Done) -> list[str]:
    return [change.item for change in done.changes if change.then == "tcp"]


def _drops(job: Job, spared: Collection[str]) -> str:
    asked = () if job.mends or job.restart == "never" else DROPPING
    settings = (SETTINGS[name] for name in asked if SETTINGS[name].path not in spared)
    unknown = next((setting for setting in settings if _is_unknown(job.host, setting)), None)
    if unknown is None:
        return ""
    probe = job.prober.look(job.host.listener_port)
    if probe is not None and refuses(probe, job.host.vouched):
        return ""
    return (
        f"nothing was restarted: {unknown.path} has a number that Windows does not know, and drops every connection "
        f"once it is live. Run the module {_MENDS[unknown.id]} first"
    )


_MENDS = {"nla": "nla", "security_layer": "security_layer", "encryption": "security_layer with encryption high"}


def _is_unknown(host: Host, setting: Setting) -> bool:
    """Whether what counts of a setting is a number that Windows does not know; policy is asked only where it may be."""
    stored = host.stored(setting)
    number = setting.number(stored.data) if isinstance(stored, RegistryValue) else None
    return number is not None and number not in setting.choices and host.effective(setting.id) not in setting.choices


def put_back(job: Job, run: Run, done: Done, changes: Sequence[Change]) -> str:
    """Undo changes, and make live again what was before where a restart had made them live; empty if there are none.

    Says how it went, since what a listener still serves is not what is stored where a second restart is hindered.
    """
    undone = [change for change in reversed(changes) if not change.stands and _goes_back(job, run, done, change)]
    if not undone:
        return "it has what it had before its lease, which is ended" if any(step.stands for step in changes) else ""
    if _restarted(done) and any(change.kind == "registry" for change in undone):  # permissions are met anew each time
        restart_for(job, run, done, PUT_BACK)
    left = f", but the listener still has the new value: {done.waiting['restart']}" if done.waiting else ""
    led = any(change.reason == ACTED for change in done.changes)
    return (f"it is {ACTED}" if led else "it was put back as it was") + left


PUT_BACK = "what was put back is live only after another restart"


def _restarted(done: Done) -> bool:
    return any(change.kind == "restart" for change in done.changes)


LOST = (ChannelUnavailable, TransportFailed, AuthenticationFailed, AccessDenied)
"""What ends a run with nothing more to be done on the host."""


def let_in_after(job: Job, run: Run, done: Done, changes: Sequence[Change], error: WsmanError) -> None:
    """Take changes back that may shut everybody out, where an error ends the run before TLS is seen to work with them.

    The error says what became of them; another one on the way is told in it too.
    """
    probe = None if isinstance(error, LOST) or not changes else job.prober.look(job.host.listener_port)
    if probe is None or (tls_works([probe]) and live(changes, probe)):
        return
    try:
        outcome = put_back(job, run, done, changes) or "it is as it was"
        if _restarted(done) and not _lets_in_now(job):  # it went back before the error, and is not live
            restart_for(job, run, done, PUT_BACK)
    except (WsmanError, ApplyError, SessionsInTheWay) as another:
        outcome = f"it could not be put back ({another}); roll back this run"
    if isinstance(error, Timeout):
        run.unseen.extend(changes)
        outcome += ", but the host may yet change it: roll back this run then"
    error.message = (
        f"{error.message.rstrip('. ')}. Whether anybody gets in with the new value of {changes[0].item} was not seen: "
        f"{outcome}"
    )


def _lets_in_now(job: Job) -> bool:
    probe = job.prober.look(job.host.listener_port)
    return probe is not None and lets_in(probe, job.host.vouched)


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

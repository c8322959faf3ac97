# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fix on one host: observe, plan, apply, prove. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Sequence

from ._apply import Run
from ._carry_out import carry_out
from ._diagnosis.facts import Facts
from ._job import Done, Job
from ._live import UNTOLD
from ._model.change import Change, Plan
from ._model.observation import Observation
from ._model.settings import SETTINGS
from ._observe import observe
from ._owed import REASONS
from ._proof import Probe
from ._remedies import Remedy
from ._remedies._base import Options
from ._settle import all_due, caught_up, is_due, leave_due, make_up
from ._taken_up import ABOUT, finish


def fix(job: Job, remedy: Remedy, options: Options) -> tuple[Plan, Done]:
    """Bring a host into the state that a module declares."""
    observation = _observed(job, remedy, options)
    plan, late = remedy.plan(observation, options), _read_at_start(remedy)
    done = Done(leases=observation.leases)
    if job.check:
        done.changes.extend(plan.changes)
        done.waiting.update({what: REASONS[what] for what in (all_due(job, done) if late else ())})
    else:
        with Run(job.host, job.run_id, job.made, ABOUT if remedy.name == ABOUT else "") as run:
            if late and caught_up(job, run, done, bool(plan.changes)):
                observation = _observed(job, remedy, options)
                plan, done.leases = remedy.plan(observation, options), observation.leases
            if plan.changes:
                carry_out(job, run, plan.changes, done, alone=True)
                leave_due(job, run, done)
                if late and not done.waiting and is_due(job, observation, done.proof):
                    make_up(job, run, done)
            done.notes.extend(run.tidy())
        if plan.changes:
            done.leases = observe(job.host, set(remedy.areas) & {"leases"}).leases
    if observation.gateway and observation.gateway.present and options["state"] == "serving":
        bound = any(change.kind == "gateway_certificate" for change in done.changes)
        done.notes.extend({finish(job.host, bound, job.check)}.difference(done.notes, [""]))
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

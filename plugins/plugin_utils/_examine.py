# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking at a host, in proportion to its trouble. PRIVATE to the collection.

The probe comes first and decides how much is read: a host whose handshake passes is asked only what the probe cannot
see. What cures decide on is read only where a cause calls for them.
"""

from __future__ import annotations

import functools
import typing as t
from collections.abc import Collection, Sequence
from dataclasses import replace

from ._diagnosis.causes import CAUSES
from ._diagnosis.facts import Facts
from ._diagnosis.rank import diagnose, direct
from ._diagnosis.verdict import Standing
from ._host import Host
from ._job import Done, Job
from ._live import due_unnoted
from ._model.change import Change, GatewayKind
from ._model.observation import Observation
from ._model.project import project
from ._model.project_keys import granted_unseen
from ._model.scope import Scope
from ._model.settings import PIN, SETTINGS
from ._observe import observe
from ._proof import KEY_KINDS, Probe, Prober, telling
from ._remedies import REMEDIES, Options, filled
from ._scope import PROVED_SETTINGS, deeper, scope

RECENT_EVENTS = 600.0
"""Seconds back that events are read where nothing else is asked for."""

RECENT = 60.0
"""Seconds back that events are read after a step; only those around the probe count."""


def examine(host: Host, prober: Prober, since: float, full: bool = False) -> Standing:
    """Probe a host, then read in proportion to the trouble.

    Args:
        host: the host to ask.
        prober: where to probe.
        since: how many seconds back events are read.
        full: read every area whatever the probe says.
    """
    probe, others = telling(prober, prober.look(host.listener_port))
    wanted = scope(Facts(Observation("", probe=probe)), full)
    observation = replace(observe(host, wanted.areas, wanted.settings, probe, since), other_probes=others)
    if Facts(observation).sessions:
        observation = observe(host, ("settings",), ("session_limit",), probe, since, base=observation)
    observation = _owing(host, prober, observation)
    return _prepared(host, _deeper(host, Standing(observation, diagnose(observation))))


def _owing(host: Host, prober: Prober, observation: Observation) -> Observation:
    """With the restart that is due and of which no note tells."""
    owed = observation.owed or ()
    if "restart" in owed or not due_unnoted(host, prober, observation.leases or (), observation.probe):
        return observation
    return replace(observation, owed=(*owed, "restart"))


def _deeper(host: Host, standing: Standing) -> Standing:
    """With what tells causes apart that the first look leaves open, and what that leaves open in turn."""
    further = _with(host, standing, deeper(Facts(standing.observation), standing.findings))
    return standing if further is standing else _deeper(host, further)


def _prepared(host: Host, standing: Standing) -> Standing:
    """With all that the cures of the direct findings decide on; read only now, since most hosts need none of it.

    What the plans hang on besides is read of the first cures; the others' turn may never come.
    """
    cures = [cure for found in direct(standing.findings) for cure in CAUSES[found.id].cures]
    asked = [(REMEDIES[cure.remedy], filled(cure.remedy, cure.options)) for cure in cures]
    settings = {name for remedy, options in asked for name in remedy.settings_for(options)}
    areas = {area for remedy, options in asked for area in remedy.areas_for(options)}
    standing = _with(host, standing, Scope(tuple(areas), tuple(sorted(settings))))
    for cure in (CAUSES[found.id].cures[0] for found in direct(standing.findings) if CAUSES[found.id].cures):
        standing = decided(host, standing, cure.remedy, filled(cure.remedy, cure.options))
    return standing


def decided(host: Host, standing: Standing, remedy: str, options: Options) -> Standing:
    """With what the plan of a cure turns out to hang on."""
    return _with(host, standing, REMEDIES[remedy].undecided(standing.observation, options))


def _with(host: Host, standing: Standing, wanted: Scope) -> Standing:
    """The standing with what it lacks of this."""
    seen = standing.observation
    missing = wanted.beyond(seen)
    if not missing.areas:
        return standing
    observation = observe(host, missing.areas, missing.settings, seen.probe, base=seen)
    return Standing(observation, diagnose(observation))


def _evidence_again(standing: Standing, probe: Probe | None) -> set[str]:
    """Areas whose evidence belongs to one probe: where TLS fails still, the earlier events tell nothing."""
    failing = Facts(Observation("", probe=probe)).failed_stage == "tls"
    return {"events"} if failing and standing.observation.events is not None else set()


def look_again(job: Job, standing: Standing, done: Done) -> Standing:
    """Observe what was changed, and what the stage calls for that fails now, and take in the proof.

    A probe that was brought from before tells nothing now.

    What was read back when it was written is taken over: reading all rules of the firewall that touch the port, or all
    that the keys stand on, once more would be the largest answers of all. So is a setting that a handshake now proves.
    """
    touched = {name for name, setting in SETTINGS.items() if any(setting.path == c.item for c in done.changes)}
    proved = PROVED_SETTINGS if done.proof is not None and done.proof["passed"] else frozenset()
    areas = {area for change in done.changes for area in _AREAS_OF.get(change.kind, ())}
    areas.update({"owed"} if standing.observation.owed else ())
    if any(state.lease.setting in touched for state in standing.observation.leases or ()):
        areas.add("leases")
    before = standing.observation.probe if job.prober.enabled else None
    probe, base = done.proof or before, _taken_over(standing.observation, done.changes, proved)
    newly = scope(Facts(Observation("", probe=probe))).beyond(base)
    wanted = {*areas, *newly.areas, *_evidence_again(standing, probe)}
    fresh = observe(job.host, wanted, (*sorted(touched - proved), *newly.settings), probe, RECENT, base)
    fresh = _owing(job.host, job.prober, _listening(job.host, fresh, done.changes))
    return _prepared(job.host, _deeper(job.host, Standing(fresh, diagnose(fresh))))


def _listening(host: Host, seen: Observation, changes: Sequence[Change]) -> Observation:
    """With who listens now where the service was started, and what it has complained of since.

    Its old process would pass for another program's, and what that one said for the new one's words.
    """
    started = any(change.kind in ("restart", "reboot", "service_state") for change in changes)
    facts = Facts(seen)
    stale = facts.foreign_listener or (facts.listening is False and facts.failed_stage == "tcp")
    said = ("events",) if seen.events is not None else ()
    return observe(host, ("listener", *said), (), seen.probe, RECENT_EVENTS, seen) if started and stale else seen


def _taken_over(observation: Observation, changes: Sequence[Change], proved: Collection[str]) -> Observation:
    """With what was read back; permissions that SYSTEM alone sees stay unseen, and moved folders are read anew.

    What a renewal made is read anew as well, and that it was made is known.
    """
    items = {PIN, *(SETTINGS[name].path for name in proved)}
    seen = [c for c in changes if c.kind in (*_READ_BACK, "renewal") or c.item in items]
    moved = any(change.kind in ("key_copy", "key_folder") for change in changes)
    hidden = [c for c in seen if c.kind == "file_access" and _hidden(observation, c)]
    projected = project(observation, [c for c in seen if c not in hidden])
    projected = functools.reduce(granted_unseen, hidden, projected)
    return replace(projected, other_probes=(), keys=None if moved else projected.keys)


def _hidden(observation: Observation, change: Change) -> bool:
    keys = observation.keys
    held = (keys.own, keys.pinned_certificate) if keys else ()
    files = [certificate.key_file for certificate in held if certificate and certificate.key_file]
    return any(file.path == change.item and file.dacl.state == "unreadable" for file in files)


_READ_BACK = ("firewall_rule", "file_access", "folder_dacl", "key_dacl")


_AREAS_OF: t.Mapping[str, tuple[str, ...]] = {
    "registry": ("settings",),
    "service_start_mode": ("services",),
    "service_state": ("services",),
    "lease": ("leases",),
    "restart": ("services",),
    "reboot": ("services", "identity"),
    "dns_cache": ("dns",),
    "winsock": ("winsock",),
    "port_proxy": ("obstacles",),
    **dict.fromkeys(t.get_args(GatewayKind), ("gateway",)),
    **dict.fromkeys(KEY_KINDS.difference(_READ_BACK), ("keys",)),
}

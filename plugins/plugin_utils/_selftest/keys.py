# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: the listener's key and the folder of machine keys. PRIVATE to the collection. For disposable hosts."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _listener_certificate
from .._appliers.key_folders import default_permissions
from .._apply import ApplyError, Run
from .._cim import certificates
from .._host import Host
from .._job import Job
from .._model.change import Change, Plan
from .._model.keys import CONTAINER_FILE
from .._observe import observe
from .._remedies import _permissions
from .._remedies._certificates import hindrances, renewed_whole
from .._remedies.machine_keys import foreign
from .._wsman.quote import quoted_path
from ._base import Scratch, Untold
from .lab import need_idle, no_certificate, tried_out
from .windows import KEY_FOLDER

REASON = "the self-test asks what the host does then"

GAP = 30
"""Seconds in which the folder of keys has another name: services that miss their keys are told to act within a few."""


def renewed_key(job: Job) -> str:
    """The listener's own certificate deleted, and SessionEnv restarted, which makes another one."""
    need_idle(job)
    before = _key(job.host)
    with Run(job.host, job.run_id, job.made) as run:
        for change in _renewal(job.host):
            run.apply(change)
    (old, old_files), (new, new_files) = before, _key(job.host)
    if old == new:
        return "the same key"
    return f"a new key in {'the same file' if old_files == new_files else 'another file'}"


def made_while_tied(job: Job) -> str:
    """The listener is tied to a certificate that is gone and loses its own; once it is untied it gets another."""
    need_idle(job)
    (*deletions, renewal), (_thumbprint, pin) = _renewal(job.host), no_certificate(job.host)
    with tried_out(job, (pin,)) as tried:
        for change in deletions:
            tried.run.apply(change)
        try:
            tried.run.apply(renewal)
        except ApplyError:
            found = "none made"
        else:
            found = "made"
    if found == "none made":
        with Run(job.host, job.run_id, job.made) as run:
            run.apply(renewal)
    return found


def _key(host: Host) -> tuple[str, frozenset[str]]:
    """Which key the listener's own certificate has, and the names of the listener's key files."""
    found = _listener_certificate.thumbprint(host)
    if found is None:
        raise Untold("the listener has no certificate of its own here")
    names = (file.name for file in host.files.files(KEY_FOLDER))
    ours = frozenset(name for name in names if name.startswith(CONTAINER_FILE))
    return certificates.key_id(host.registry, _listener_certificate.REMOTE_DESKTOP, found), ours


def _renewal(host: Host) -> Sequence[Change]:
    seen = observe(host, {"identity", "services", "keys", "key_stores", "channel_key"})
    if seen.keys is None or seen.keys.pinned:
        raise Untold("the listener does not serve a certificate of its own")
    wanted = Plan(renewed_whole("selftest", seen.keys, REASON))
    secured = _permissions.secured("selftest", seen, wanted)
    hindered = (*hindrances(seen, seen.keys, wanted.changes).refused, *secured.refused)
    if hindered:
        raise Untold(hindered[0].message)
    if secured != wanted:
        raise Untold("the permissions of MachineKeys or of the certificate's store keep Windows from making another")
    return wanted.changes


def keys_in_gap(job: Job) -> str:
    """An empty folder stands in for that of the keys for a while, then it is put back, and what was made is deleted.

    All is one line of cmd.exe, so that the keys come back also where we are cut off. ping waits a second between two
    of its packets (Microsoft Learn, windows-commands/ping), where timeout wants a console.
    """
    need_idle(job)
    _need_others(job.host)
    name = Scratch().name
    old, made = f"{name}-old", f"{name}-made"
    with Run(job.host, job.run_id, job.made) as run:
        run.record(Change("selftest", "key_folder", KEY_FOLDER, None, old, REASON, undo="none", risk="high"))
        code = _as_system(job.host, _gap_line(old, made), "put the folder of keys aside for a moment")
        if code:
            raise Untold(f"the folder could not be renamed there and back (exit code {code}); look for {old} beside it")
        found = [file.name for file in job.host.files.files(_beside(made))]
        _as_system(job.host, f"rmdir /s /q {quoted_path(_beside(made))}", "remove what was made meanwhile")
    return "made" if found else "none made"


def _need_others(host: Host) -> None:
    """Raises Untold where no service would miss a key, or where WinRM itself would."""
    seen = observe(host, {"identity", "services", "keys", "key_owners"})
    if seen.keys is None or seen.key_owners is None:
        raise Untold("who keeps keys there could not be read")
    if not foreign(seen.keys):
        raise Untold("no service but Remote Desktop keeps a key there")
    if any(name in seen.key_owners.channel for name in seen.keys.files):
        raise Untold("WinRM's HTTPS listener, over which this host is managed, has its key there")


def _gap_line(old: str, made: str) -> str:
    folder, last = quoted_path(KEY_FOLDER), KEY_FOLDER.rpartition("\\")[2]
    wait = f"ping -n {GAP + 1} 127.0.0.1 > nul"
    stand_in = f"mkdir {folder} & {default_permissions(KEY_FOLDER)} & {wait} & ren {folder} {made}"
    return f"ren {folder} {old} && ({stand_in} & ren {quoted_path(_beside(old))} {last})"


def _beside(name: str) -> str:
    return f"{KEY_FOLDER.rpartition(chr(92))[0]}\\{name}"


def _as_system(host: Host, line: str, doing: str) -> int:
    return host.tasks.run_as_system(line, f"winfleet.rdp self-test: {doing}")

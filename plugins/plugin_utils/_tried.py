# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that a run took back, for the next one to know of. PRIVATE to the collection.

What some steps bring to light shows only once they were taken. A run that may not cure that takes the step back, and
the next one would do the same, with a restart each way. So a key under ROOT, whose names each run reads anyway, tells
of such a step. It stands for a cause, its changes and what the run was allowed: with other options, or where other
values are stored, the step is tried. So it is once the host or TermService has started again, or after a week, since
what lay behind may have been cured by then; and one that was taken back beside sessions, which may have hindered it,
without them. Where services share a process, as on clients, that of TermService is older than its start.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from ._cim.host import process_start
from ._guard import ROOT
from ._host import Host
from ._job import Job
from ._model.change import Change, Plan, Refusal
from ._model.plain import Plain, to_plain
from ._owed import SERVICE, STAMP
from ._restart import in_the_way

NOTE = re.compile(r"step (?P<step>[0-9a-f]{32}) taken back at (?P<at>\d{8}T\d{6}Z)(?P<users> beside sessions)?")

KEPT = timedelta(days=7)
"""For how long a step is not tried again."""


@dataclass(frozen=True)
class Attempts:
    """What runs with the same options have tried on a host.

    Attributes:
        job: the host, and when it may be restarted.
        allowed: what else the run may do.
    """

    job: Job
    allowed: Plain

    def spared(self, cause: str, plan: Plan) -> Plan:
        """The plan, unless a run took just that back."""
        found = self._found(self._step(cause, plan.changes)) if plan.changes else None
        if found is None or (found["users"] and not in_the_way(self.job.host, self.job.restart)):
            return plan
        message = (
            f"{plan.changes[0].item} is left as it is: a run with the same options changed it at {found['at']} and "
            "took it back, as its result says. It is tried again with other options, after a restart of TermService or "
            f"of the host, or {KEPT.days} days later"
        )
        return replace(plan, changes=(), refused=(*plan.refused, Refusal(message)))

    def note(self, cause: str, changes: Sequence[Change]) -> None:
        """Leave word of a step that was taken back; by who has the right to write."""
        host = self.job.host
        for name in _names(host):
            if not _holds(host, name):
                host.registry.delete_key(rf"{ROOT}\{name.string}")
        beside = " beside sessions" if in_the_way(host, self.job.restart) else ""
        at = (host.now().astimezone(timezone.utc) + timedelta(seconds=1)).strftime(STAMP)  # after our own restarts
        host.registry.create_key(rf"{ROOT}\step {self._step(cause, changes)} taken back at {at}{beside}")

    def _found(self, step: str) -> re.Match[str] | None:
        host = self.job.host
        return next((note for note in _names(host) if note["step"] == step and _holds(host, note)), None)

    def _step(self, cause: str, changes: Sequence[Change]) -> str:
        wanted = [[change.kind, change.item, to_plain(change.before), to_plain(change.after)] for change in changes]
        told = [cause, wanted, self.allowed, self.job.restart, self.job.allow_reboot]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _names(host: Host) -> Iterator[re.Match[str]]:
    return filter(None, map(NOTE.fullmatch, host.kept or ()))


def _holds(host: Host, note: re.Match[str]) -> bool:
    """Whether a note counts still; one whose stamp is no date never does."""
    try:
        at = datetime.strptime(note["at"], STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return False
    return host.identity.boot_time < at and abs(host.now() - at) < KEPT and _serves_since(host, at)


def _serves_since(host: Host, at: datetime) -> bool:
    """Whether TermService runs as it did then."""
    process = host.service(SERVICE).process_id
    started = process_start(host.cim, process) if process else at
    return started is None or started < at

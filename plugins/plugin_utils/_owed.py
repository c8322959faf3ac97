# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What is due on a host since an earlier run: a restart of TermService, a reboot. PRIVATE to the collection.

What is read only at a start is noted before it is changed, so that a run which is cut off, or may not restart anything,
leaves the next one to know of it. A note is a key under the journal's root, whose name says all, so that the one look
which every run takes there finds it:

    restart owed since <UTC> by process <id>    void when TermService runs in another process, or the host has started
    reboot owed since <UTC> in boot <UTC>       void when the host has started since

Both are compared with what the host says now. In which boot a reboot was noted is told by a time that stays when the
clock is set (boot_mark), where the host tells it: else a clock that is set forward would make the host look rebooted,
and one that is set back before a reboot would hide that.
Where services share a process, as on clients, a restart of TermService leaves the process; the run that restarts it
deletes the note.

The end of a lease needs no note: the lease's record tells of it. Nor does what is live at once on some hosts and not on
others, while the run goes on that wrote it: its announcement tells of it (see _writer.py), which is found by the same
look.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from ._cim.host import boot_mark, boot_time, process_start
from ._guard import ROOT
from ._host import Host
from ._model.lease import LeaseState
from ._proof import Probe, lease_effective
from ._taken_up import AT_WORK, refused, untold
from ._writer import announced, announcements, bury

SERVICE = "TermService"

What = t.Literal["restart", "reboot"]

NOTE = re.compile(
    r"(?P<what>restart|reboot) owed since (?P<since>\d{8}T\d{6}Z)(?: by process (?P<process>\d{1,10}))?"
    r"(?: in boot (?P<boot>\d{8}T\d{6}\.\d{6}Z))?"
)

STAMP = "%Y%m%dT%H%M%SZ"

TOLERANCE = timedelta(seconds=30)
"""By how much a boot time may seem earlier than it was: Windows derives it from a clock that is set meanwhile."""

REASONS: t.Mapping[str, str] = {
    "restart": "what the listener reads only when it starts was changed, by an earlier run or by the end of a lease",
    "reboot": "an earlier run changed what Windows reads only when it starts, and the host has not started since",
}


def owe_restart(host: Host) -> None:
    """Note, before a change that TermService reads only when it starts, which of its processes is to go."""
    running = (host.services.seen.get(SERVICE) or host.service(SERVICE)).process_id
    if running:
        note = f"restart owed since {_since(host)} by process {running}"
        host.registry.create_key(rf"{ROOT}\{note}")
        host.owes["restart"] = note


def owe_reboot(host: Host) -> None:
    """Note a reboot before a change that Windows reads only when it starts."""
    boot = boot_mark(host.cim)
    note = f"reboot owed since {_since(host)}" + (f" in boot {boot}" if boot else "")
    host.registry.create_key(rf"{ROOT}\{note}")
    host.owes["reboot"] = note


def _since(host: Host) -> str:
    """Now, and never so soon after the last start that this one would pass for a later one."""
    since = max(host.now(), host.identity.boot_time + 2 * TOLERANCE)
    return since.astimezone(timezone.utc).strftime(STAMP)


def due(host: Host, kept: Iterable[str] | None = None) -> tuple[str, ...]:
    """What is due still, of what is noted; kept are the names of the keys under ROOT, where they were just read."""
    names = host.registry.keys(ROOT) or [] if kept is None else kept
    noted = {name: found for name in names if (found := NOTE.fullmatch(name))}
    host.left_over = [name for name in announcements(names) if name != host.announced]
    host.owes.clear()
    if noted:
        started, process, boot = boot_time(host.cim), _process(host, noted.values()), _boot(host, noted.values())
        for name, found in sorted(noted.items()):
            if not _is_void(found, started, process, boot):
                host.owes[found["what"]] = name
    host.void_notes = [name for name in noted if name not in host.owes.values()]
    return tuple(sorted(host.owes))


def due_since(host: Host, note: str) -> datetime | None:
    """Since when the reboot of a note is due; None where the host has started since, or where it is no such note."""
    found = NOTE.fullmatch(note)
    if not found or _is_void(found, boot_time(host.cim), 0, _boot(host, [found])):
        return None
    return _moment(found["since"])


def noted_before(host: Host) -> bool:
    """Whether an earlier run has left a note of a restart, void by now or not."""
    found = (NOTE.fullmatch(name) for name in host.kept or ())
    return any(note is not None and note["what"] == "restart" for note in found)


def _process(host: Host, noted: Iterable[re.Match[str]]) -> int:
    return host.service(SERVICE).process_id if any(found["what"] == "restart" for found in noted) else 0


def _boot(host: Host, noted: Iterable[re.Match[str]]) -> str:
    return boot_mark(host.cim) if any(found["boot"] for found in noted) else ""


def _is_void(note: re.Match[str], started: datetime, process: int, boot: str) -> bool:
    if boot and note["boot"]:
        return note["boot"] != boot
    if started >= _moment(note["since"]) - TOLERANCE:
        return True
    return note["what"] == "restart" and (not process or note["process"] != str(process))


def _moment(stamp: str) -> datetime:
    """The moment of a stamp; one that is no date is of long ago, so that it never makes anything due."""
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=timezone.utc)


def due_after_lease(host: Host, leases: Iterable[LeaseState], probe: Probe | None) -> bool:
    """Whether the listener still acts on what a lease weakened, and TermService runs since before its end.

    What somebody has weakened again since is stored so, and no matter of the lease. The host ends a lease without a
    restart, which could cut its users. One that was restarted since has read the value, so another restart would help
    nothing.
    """
    over = [state for state in leases if state.standing == "ended" and state.over]
    strong = [state for state in over if state.number not in state.lease.weakened]
    stale = [state.lease.ends for state in strong if lease_effective(state, probe) is False]
    started = process_start(host.cim, host.service(SERVICE).process_id) if stale else None
    if started is None or started >= max(stale):
        return False
    host.owes.setdefault("restart", "")
    return True


def started_since(host: Host) -> bool:
    """Whether TermService reads anew what is stored since the runs ended that left something: it started, or will."""
    process = host.service(SERVICE).process_id
    ended = [found[0] for name in host.left_over if (found := announced(host.registry, name))]
    if not process or not ended:
        return True
    started = process_start(host.cim, process)
    return started is not None and started.timestamp() > max(ended)


def tidy(host: Host) -> None:
    """Delete the notes that were found void; by who has the right to write."""
    while host.void_notes:
        host.registry.delete_key(rf"{ROOT}\{host.void_notes.pop()}")


def lay_to_rest(host: Host) -> tuple[str, ...]:
    """Delete the announcements of runs that ended, once what they wrote is known to be live; that takes no right.

    What they have begun on an RD Gateway is ended before, for which the listener need not be seen. That this is refused
    is returned as a note.
    """
    left = (*host.left_over, *host.looked_at)
    why = untold(host, left) if left else ""
    if why:
        return () if why == AT_WORK else (refused(why),)
    while host.looked_at:
        bury(host.registry, host.now(), host.looked_at.pop())
    return ()


def restarted(host: Host, process: int) -> None:
    """TermService was restarted into a process. The note is void by that, unless the process is the same one."""
    all_live(host)
    note = NOTE.fullmatch(host.owes.pop("restart", ""))
    if note and note["process"] == str(process):
        host.registry.delete_key(rf"{ROOT}\{note.string}")
    elif note:
        host.void_notes.append(note.string)


def forgo_restart(host: Host) -> None:
    """A restart that was noted turned out not to be needed."""
    host.void_notes.extend(filter(None, [host.owes.pop("restart", "")]))


def rebooted(host: Host) -> None:
    """The host has started again, which voids all that was noted, however its clock was set meanwhile."""
    host.forget_start()
    all_live(host)
    host.void_notes.extend(filter(None, host.owes.values()))
    host.owes.clear()
    tidy(host)


def all_live(host: Host) -> None:
    """What earlier runs have written is live, since it was read anew."""
    host.looked_at += host.left_over
    host.left_over.clear()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a restart would move the listener to a port where nobody gets in. PRIVATE to the collection.

The port is read only when TermService starts, so a move that had to wait, or that somebody else has stored, is made by
the next restart, whatever that is for. The run that moves the listener itself looks before, and afterwards goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ._cim import tcp
from ._diagnosis.facts import Facts
from ._host import Host
from ._job import Job
from ._model.change import Change
from ._model.project import project
from ._model.settings import SETTINGS
from ._observe import observe
from ._owed import SERVICE, noted_before

PORT = SETTINGS["port"].path


def would_move_away(job: Job, moved: Collection[str] = ()) -> str:
    """Why the listener would be where nobody gets in after a restart; empty where nothing says so.

    The loop reads the firewall by itself where nobody connects, so there only a move that waits is looked for.

    Args:
        job: the host, and whether the run cures what comes to light or never restarts, so that nothing is looked at.
        moved: the items that this run itself has written, of which it looks at what comes.
    """
    if job.restart == "never" or PORT in moved or (job.mends and not noted_before(job.host)):
        return ""
    if not _is_elsewhere(job.host):
        return ""
    if not is_shut(job.host):
        return ""
    port = job.host.listener_port()
    return (
        f"nothing was restarted: the listener would move to port {port}, which is stored and which the firewall lets "
        "nobody in to. Run the module firewall first, or give the listener its old port back with remote_desktop"
    )


def is_shut(host: Host, move: Sequence[Change] = ()) -> bool:
    """Whether the host's firewall lets nobody in to the port that is stored, or will be after a move."""
    return Facts(project(observe(host, ("settings", "firewall"), ("port",)), move)).shut


def _is_elsewhere(host: Host) -> bool:
    """Whether TermService listens, and not on the port that is stored; on clients it shares its process with others."""
    process = host.service(SERVICE).process_id
    ports = tcp.listened(host.cim, process) if process else frozenset[int]()
    return bool(ports) and host.listener_port() not in ports

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check: users' sessions. PRIVATE to the collection. For disposable hosts: it takes a session of somebody."""

from __future__ import annotations

from .._cim.registry import RegistryValue
from .._cim.schema import WIN32_PROCESS
from .._cim.wql import compare
from .._fix import Job
from .._host import Host
from .._model.settings import SETTINGS
from .._restart import sessions
from ._base import Untold, wait
from .lab import number, tried_out

LIMIT = 60_000
"""Milliseconds: the shortest limit that Windows' own dialog offers, a minute."""

PATIENCE = 180.0
"""Seconds after which a session that is left alone is taken to stay."""

SETTLING = 5.0
"""Seconds in which a connection is gone."""

SHELL = "explorer.exe"
"""What each session with a desktop runs."""


def live_sessions(job: Job) -> str:
    """A user's session is disconnected (Microsoft Learn, windows-commands/tsdiscon) while the limit is a minute."""
    _need_no_limit(job.host)
    if not sessions(job.host).connected:
        raise Untold("nobody is connected; log a user on with Remote Desktop first")
    with tried_out(job, (number(job.host, "max_disconnection_time", LIMIT),)):
        taken = _disconnected(job.host)
        gone = wait(job.host, lambda: taken not in _with_desktop(job.host), PATIENCE)
    return "at once" if gone else "not at once"


def _need_no_limit(host: Host) -> None:
    """Raises Untold where a limit is set, or policy says that there is none."""
    policy = SETTINGS["max_disconnection_time"].policy
    held = policy is not None and isinstance(host.registry.read(policy.key, policy.name), RegistryValue)
    if held or host.effective("max_disconnection_time"):
        raise Untold("somebody has decided how long disconnected sessions are kept here")


def _disconnected(host: Host) -> int:
    """The number of a session that has lost its client; the console's, which no client has, is tried last if at all."""
    before = sessions(host).connected
    for session in reversed(_with_desktop(host)):
        host.shell.run(f"tsdiscon {session}")
        host.sleep(SETTLING)
        if sessions(host).connected < before:
            return session
    raise Untold("no session with a desktop could be disconnected")


def _with_desktop(host: Host) -> list[int]:
    """Numbers of the sessions with a desktop, but not of that of services."""
    shells = host.cim.query(WIN32_PROCESS, compare("Name", SHELL), select=("SessionId",))
    return sorted({shell.number("SessionId") or 0 for shell in shells} - {0})

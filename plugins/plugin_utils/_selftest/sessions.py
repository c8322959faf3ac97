# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: users' sessions. PRIVATE to the collection. One is for disposable hosts: it takes a session of somebody."""

from __future__ import annotations

from .._cim import wql
from .._cim.host import CURRENT_VERSION
from .._cim.registry import RegistryValue
from .._cim.schema import WIN32_PROCESS
from .._cim.users import NOBODY, PROGRAMS, SERVICES, signed_in
from .._host import Host
from .._job import Job
from .._model.settings import SETTINGS
from .._owed import SERVICE
from .._restart import sessions
from ._base import Check, Untold, wait
from .lab import number, tried_out

LIMIT = 60_000
"""Milliseconds: the shortest limit that Windows' own dialog offers, a minute."""

PATIENCE = 180.0
"""Seconds after which a session that is left alone is taken to stay."""

SETTLING = 5.0
"""Seconds in which a connection is gone."""

SHELLS = ("powershell.exe", "cmd.exe")
"""The shells of Server Core, which each of its sessions has."""


def live_sessions(job: Job) -> str:
    """A user's session is disconnected (Microsoft Learn, windows-commands/tsdiscon) while the limit is a minute."""
    _need_no_limit(job.host)
    if not sessions(job.host).connected:
        raise Untold("nobody is connected; log a user on with Remote Desktop first")
    with tried_out(job, (number(job.host, "max_disconnection_time", LIMIT),)):
        taken = _disconnected(job.host)
        gone = wait(job.host, lambda: taken not in _of_users(job.host), PATIENCE)
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
    for session in sorted(_of_users(host), reverse=True):
        host.shell.run(f"tsdiscon {session}")
        host.sleep(SETTLING)
        if sessions(host).connected < before:
            return session
    raise Untold("no user's session could be disconnected")


def _of_users(host: Host) -> dict[int, frozenset[str]]:
    """The sessions of users by their numbers, and which programs run there of those that show whose they are."""
    wanted = wql.all_of(wql.compare("SessionId", SERVICES, ">"), wql.any_of("Name", PROGRAMS))
    found: dict[int, frozenset[str]] = {}
    for process in host.cim.query(WIN32_PROCESS, wanted, select=("Name", "SessionId")):
        session = process.number("SessionId") or SERVICES
        found[session] = found.get(session, frozenset()) | {process.text("Name").lower()}
    return found


def core(host: Host) -> str:
    """What all sessions have in common counts: one may lack the clipboard."""
    kind = host.registry.read(CURRENT_VERSION, "InstallationType")
    if not isinstance(kind, RegistryValue) or kind.data != "Server Core":
        raise Untold("this is no Server Core")
    host.discreet = True
    if sessions(host).idle:
        raise Untold("nobody is signed in by Remote Desktop")
    common = frozenset(PROGRAMS).intersection(*_of_users(host).values() or [()])
    surest = next((name for name in PROGRAMS if name in common), "")
    return "the shell alone" if surest in SHELLS else surest or "none of them"


def counter(host: Host) -> str:
    """What is counted where no user has a session is the one of services."""
    service = host.service(SERVICE)
    if host.peers(service.process_id) or signed_in(host.cim, 0) != NOBODY:
        raise Untold("somebody is signed in, or the host does not show it")
    if service.sessions is None:
        raise Untold("the host counts no sessions")
    return {0: "left out", 1: "counted"}.get(service.sessions.disconnected, f"{service.sessions.disconnected} counted")


CHECKS = (
    Check(
        "session_counter",
        "Does TermService count the session of services as disconnected? Tells only while nobody is signed in.",
        "left out",
        {
            "left out": "each disconnected session that is counted is a user's",
            "counted": "a host on which no user's program runs is idle all the same; else one session more is told",
        },
        counter,
    ),
    Check(
        "core_sessions",
        "Which program shows whose a session of Server Core is? Tells there alone, while somebody is signed in.",
        "sihost.exe",
        {
            "sihost.exe": "users are named as on hosts with a desktop",
            "rdpclip.exe": "users are named by it; who shares no clipboard is named by the shell",
            "the shell alone": "users are named by it, or by who they have started another one as",
            "none of them": "users are counted there and not named",
        },
        core,
    ),
)

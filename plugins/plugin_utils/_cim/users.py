# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is signed in to a host.

PRIVATE to the collection. Source: Win32_Process and its method GetOwner (Microsoft Win32 documentation, CIMWin32Prov).

Windows marks each process with the session that it runs in (Microsoft support article 186572), services run in session
0, and no user may write whose process it is. Not so Win32_LogonSession, which keeps logons that have ended, and quser,
which speaks the host's language.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import WIN32_PROCESS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanFault

PROGRAMS = ("sihost.exe", "explorer.exe", "rdpinit.exe", "rdpclip.exe", "powershell.exe", "cmd.exe")
r"""What runs in a session as its user, the surest first.

sihost.exe: Winlogon starts it beside the shell (ShellInfrastructure in HKLM\SOFTWARE\Microsoft\Windows NT\
CurrentVersion\Winlogon), once in each session and with its user's token (rustdesk#8305). explorer.exe: the shell of
most sessions, several times in some (systeminformation#751). rdpinit.exe: once in each session of RemoteApp, which has
another shell (Ask the Performance Team, WS2008 Terminal Services RemoteApps). rdpclip.exe: beside any shell where the
clipboard is shared (support article 274740 names it among what Windows itself runs in a session). powershell.exe and
cmd.exe: the shell of Server Core since Server 2022 and before (Microsoft Learn, server-core-sconfig;
SigmaHQ/sigma#4289); the least sure, since elsewhere somebody may have started them as another user. UNSURE: which of
the others a session of Server Core has; the check core_sessions of selftest asks a host. One without any names nobody.
"""

SERVICES = 0
"""The session of services, which no user has since Windows Vista (session 0 isolation)."""


@dataclass(frozen=True)
class SignedIn:
    r"""Users with a session, each once, as ``DOMAIN\name``; how many sessions there are besides theirs.

    The session of the console is among them: no property of a process tells it from others. Not ``told`` where the host
    was not asked, or refuses to say.
    """

    names: tuple[str, ...] = ()
    more: int = 0
    told: bool = True

    def __str__(self) -> str:
        """Empty where nobody is named."""
        return enumerated(self.names, self.more)


NOBODY = SignedIn()
UNTOLD = SignedIn(told=False)


def enumerated(names: Iterable[str], more: int) -> str:
    """Return names with commas between them, and how many more there are; empty without names."""
    named = ", ".join(names)
    return f"{named} and {more} more" if named and more > 0 else named


def signed_in(client: CimClient, most: int) -> SignedIn:
    """Return who is signed in, of the first sessions (one query, and one call for each session that is asked about).

    Whom a host refuses to name is counted, as is whose session ends meanwhile.
    """
    try:
        processes = _of_sessions(client)
    except WsmanFault:
        return UNTOLD
    told = [name for handle in processes[:most] if (name := _owner(client, handle))]
    return SignedIn(tuple(dict.fromkeys(told)), len(processes) - len(told))


def _of_sessions(client: CimClient) -> list[str]:
    """Return the handle of one process of each session, in the sessions' order."""
    wanted = wql.all_of(wql.compare("SessionId", SERVICES, ">"), wql.any_of("Name", PROGRAMS))
    found = client.query(WIN32_PROCESS, wanted, ("Handle", "Name", "SessionId"))
    surest = {process.number("SessionId"): process.text("Handle") for process in sorted(found, key=_rank, reverse=True)}
    return [surest[number] for number in sorted(number for number in surest if number is not None)]


def _rank(process: Instance) -> int:
    name = process.text("Name").lower()
    return PROGRAMS.index(name) if name in PROGRAMS else len(PROGRAMS)


def _owner(client: CimClient, handle: str) -> str:
    """Return whose process it is; empty where that is not told."""
    try:
        outcome = client.invoke(WIN32_PROCESS, "GetOwner", keys={"Handle": handle})
    except WsmanFault:
        return ""
    domain, user = (str(outcome.out.get(name) or "") for name in ("Domain", "User"))
    return "\\".join(filter(None, (domain, user))) if outcome.ok and user else ""

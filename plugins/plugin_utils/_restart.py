# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restarting TermService, or stopping a service, without stranding anybody. PRIVATE to the collection.

The restart is one command on the host: stop and start as separate calls would leave Remote Desktop off if the
controller died in between. Its output is localised, so only the services' states count afterwards. A restart
disconnects sessions, and Windows ends disconnected ones after MaxDisconnectionTime, which hardened hosts set to a
minute: the users are then logged off. A reboot logs everybody off, who sits at the console too.

UNSURE: whether Win32_TerminalService.DisconnectedSessions counts the session of services, which is disconnected for
ever. The inactive sessions of Windows' performance counters do: one on a server that was freshly started (N-able,
N-central user guide, RDS Server service). So where it counts sessions and no user's program runs in any, nobody has
one; the check session_counter of selftest asks a host.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ._cim import gateway
from ._cim.services import Service, ServiceError
from ._cim.users import NOBODY, UNTOLD, SignedIn, enumerated, signed_in
from ._host import Host
from ._model.change import Change
from ._model.gateway import SERVICE as GATEWAY
from ._owed import SERVICE, restarted
from ._wsman.errors import ShellRefused, WsmanError, WsmanFault
from ._wsman.quote import quote

PENDING = {"Start Pending": "Running", "Continue Pending": "Running", "Stop Pending": "Stopped"}
"""Where a service in a pending state (Win32_Service.State) is going."""

NEVER = "restart is never: TermService was not restarted"
NAMED = 5
"""Clients that a message names, and sessions whose users it names."""

Policy = t.Literal["never", "when_idle", "always"]


class SessionsInTheWay(Exception):
    """Users are connected, or have sessions that a restart would end."""


@dataclass(frozen=True)
class Sessions:
    """Users' sessions on a host.

    Attributes:
        connected: TCP connections on the listener's port, the old one where a new one waits for the restart.
        disconnected: sessions without a client, maybe with the one of services among them.
        logoff_after_ms: how long Windows keeps a disconnected session, 0 for ever.
        clients: the remote addresses of the connections.
        users: who is signed in, as far as the host tells and was asked. Who sits at the console is among them, whom a
            reboot logs off and a restart of TermService leaves alone.
    """

    connected: int
    disconnected: int
    logoff_after_ms: int
    clients: tuple[str, ...] = ()
    users: SignedIn = UNTOLD

    @property
    def idle(self) -> bool:
        """Whether a restart of TermService cuts nobody."""
        return not self.connected and (not self.disconnected or self.users == NOBODY)

    def __str__(self) -> str:
        text = f"{self.connected} connected and {self.disconnected} disconnected session(s)"
        clients = enumerated(self.clients[:NAMED], len(self.clients) - NAMED)
        if clients:
            text += f", connected from {clients}"
        if self.connected and self.logoff_after_ms:
            text += f"; the connected ones would be logged off {self.logoff_after_ms // 1000} s after the disconnect"
        return f"{text}; signed in: {self.users}" if self.users.names else text


def sessions(host: Host, named: bool = False) -> Sessions:
    """Count sessions on the host, by the listener's TCP connections and the service's own counters.

    Who is signed in is asked for where one of these counts a session, and where that is wanted anyhow.
    """
    return _sessions(host, host.service(SERVICE), named)


def _sessions(host: Host, service: Service, named: bool = False) -> Sessions:
    """How long a disconnected session is kept matters only where somebody is connected."""
    peers = host.peers(service.process_id)
    connected = sum(peers.values())
    counted = Sessions(
        connected=connected,
        disconnected=service.sessions.disconnected if service.sessions else 0,
        logoff_after_ms=(host.effective("max_disconnection_time") or 0) if connected else 0,
    )
    if counted.idle and not named:
        return counted
    if host.discreet:
        return replace(counted, users=signed_in(host.cim, 0))
    return replace(counted, clients=tuple(sorted(peers)), users=signed_in(host.cim, NAMED))


def ensure_idle(host: Host, service: str) -> None:
    """See to it that nobody is cut off when a service stops.

    An RD Gateway's users have their sessions elsewhere, so each service is asked for its own.

    Raises:
        SessionsInTheWay: somebody would be and may not, or the host does not tell.
    """
    if host.may_cut:
        return
    cut = _by_way_of_gateway(host) if service == GATEWAY else _served(host)
    if cut:
        raise SessionsInTheWay(f"stopping {service} would cut {cut}")


def _served(host: Host) -> str:
    """Users' sessions, in words; empty where there are none."""
    found = sessions(host)
    return "" if found.idle else str(found)


def _by_way_of_gateway(host: Host) -> str:
    """Connections by way of the gateway, in words; empty where there are none."""
    try:
        found = gateway.connections(host.cim)
    except WsmanFault as fault:
        raise SessionsInTheWay(f"the gateway does not tell who is connected by way of it ({fault.message})") from fault
    if not found:
        return ""
    named = "" if host.discreet else enumerated(map(str, found[:NAMED]), len(found) - NAMED)
    return f"{len(found)} connection(s) by way of the gateway" + (f": {named}" if named else "")


def _in_the_way(host: Host, policy: Policy, service: Service) -> str:
    if policy == "always":
        return ""
    found = _sessions(host, service)
    return "" if found.idle else f"a restart of TermService would cut {found}; set restart to always to accept that"


def in_the_way(host: Host, policy: Policy) -> str:
    """Whose sessions a restart of TermService would cut now that may not be; empty where there are none."""
    return _in_the_way(host, policy, host.service(SERVICE))


def restart(host: Host, record: Callable[[Change], None], reason: str, policy: Policy = "always") -> str:
    """Restart TermService and what stops along where the policy lets it; returns why it did not happen, or empty.

    Dependents that did not run are not started. SessionEnv is started first, since it makes the listener's certificate.
    """
    if policy == "never":
        return NEVER
    service = host.service(SERVICE)
    if policy == "always":
        return _restart(host, record, reason + _cut(host, service), service)
    return _in_the_way(host, policy, service) or _restart(host, record, reason, service)


def _cut(host: Host, service: Service) -> str:
    """Whom a restart cuts, in words that end its reason; empty where it cuts nobody.

    Whoever accepts that has it restarted also where the host does not tell.
    """
    try:
        found = _sessions(host, service)
    except WsmanError as error:
        return f"; whose sessions it cuts is not known ({error.message})"
    return "" if found.idle else f"; it cuts {found}"


def _restart(host: Host, record: Callable[[Change], None], reason: str, before: Service) -> str:
    try:
        command = cycle(SERVICE, host.services.running_dependents(SERVICE), before=("SessionEnv",))
    except ValueError as error:
        return f"{SERVICE} was not restarted, since what depends on it could not be started again ({error})"
    try:
        host.shell.open()
    except ShellRefused as refused:
        return f"the host refuses the shell that a safe restart needs ({refused.message}); restart {SERVICE} there"
    record(Change("restart", "restart", SERVICE, before.state, "Running", reason, undo="none", risk="medium"))
    return _run(host, command, before.process_id)


def cycle(service: str, dependents: Iterable[str], before: Iterable[str] = ()) -> str:
    """The command line of a restart with what stops along, in the order of starting; what is to run C(before) as well.

    Names of services are data: a vendor's may hold spaces and ampersands.

    Raises:
        ValueError: a name cannot be quoted.
    """
    starts = " & ".join(f"net start {quote(name)}" for name in (*before, service, *dependents))
    return f"net stop {service} /y & {starts}"


def _run(host: Host, command: str, process: int) -> str:
    """Run the command line. Where its answer is lost, only another process shows that the service was restarted."""
    lost = ""
    try:
        host.shell.run(command)
    except WsmanError as error:
        lost = f"; the command's answer was lost ({error.message})"
    try:
        started = host.services.wait(SERVICE, "Running")
    except ServiceError as error:
        return f"{SERVICE} does not run after its restart ({error}){lost}; look at the host's System events"
    if lost and started.process_id == process:
        return f"{SERVICE} still runs in the same process, so nothing shows that it was restarted{lost}; run again"
    restarted(host, started.process_id)
    return ""

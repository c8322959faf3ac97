# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: what tells why a handshake was dropped or the listener stopped. PRIVATE to the collection.

36870: the private key of a server credential cannot be accessed; 36871: a credential cannot be created; 36874: no
cipher suite in common. Any TLS server on the host writes them, so they count only around a probe of ours whose TLS
failed. RemoteConnectionManager's 1006 tells of too many incomplete connections, after which the listener takes no new
ones, its 1036 that the listener could not be created, as where its port cannot be bound. A 1006 from before TermService
was started is left out: a restart is what ends that state, so it says nothing of the listener that runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from .._cim.events import Event, recent
from .._cim.host import process_start
from .._host import Host
from .._model.observation import EventRecord
from ._request import Request

SERVICE = "TermService"
INCOMPLETE = 1006
SOURCES = {
    "Schannel": (36870, 36871, 36874),
    "Microsoft-Windows-TerminalServices-RemoteConnectionManager": (INCOMPLETE, 1036),
    "NETLOGON": (5719,),
    "LsaSrv": (6167,),
    "Microsoft-Windows-LSA": (6167,),
    "Tcpip": (4227, 4231),
}
"""Ids that are read, by provider. UNSURE: which of its two names the LSA has as the source of 6167."""


def read(request: Request) -> tuple[EventRecord, ...]:
    since = request.host.now() - timedelta(seconds=request.since)
    ids = [number for numbers in SOURCES.values() for number in numbers]
    found = recent(request.host.cim, SOURCES, ids, since, limit=40)
    return tuple(
        EventRecord(event.source, event.id, event.time.isoformat() if event.time else "", event.strings)
        for event in _of_this_start(request, found)
    )


def _of_this_start(request: Request, found: Iterable[Event]) -> list[Event]:
    """Without what the listener complained of before its service was started. Times of events may be whole seconds."""
    events = list(found)
    started = _started(request.host) if any(event.id == INCOMPLETE for event in events) else None
    if started is None:
        return events
    first = started.replace(microsecond=0)
    return [event for event in events if event.id != INCOMPLETE or event.time is None or event.time >= first]


def _started(host: Host) -> datetime | None:
    """When TermService was started last; None where it does not run, or that is not told."""
    service = host.services.seen.get(SERVICE) or host.service(SERVICE)
    return process_start(host.cim, service.process_id) if service.process_id else None

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: who made the connections that flooded the listener. PRIVATE to the collection.

Only where RemoteConnectionManager wrote 1006 ("large number of incomplete connections"): elsewhere nobody is counted.
RdpCoreTS writes 131 for each connection that it accepts (ConnType, ClientIP with port) and 140 for each whose
credentials are wrong (IPString), in an operational channel, which takes a shell to read. Sources: the provider's
manifest (etw-providers-docs) and maps of these events by forensic tools.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from .._cim import channels
from .._cim.channels import ChannelEvent
from .._cim.events import recent
from ._request import Request

MANAGER = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
INCOMPLETE = 1006
CORE = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"
ACCEPTED, WRONG_CREDENTIALS = 131, 140
NOBODY: Mapping[str, int] = {}


def read(request: Request) -> Mapping[str, int]:
    """How many connections each address made in the time that events are read of, the newest 500 events."""
    if not _flooded(request):
        return NOBODY
    return counted(channels.recent(request.host.shell, CORE, (ACCEPTED, WRONG_CREDENTIALS), request.since))


def _flooded(request: Request) -> bool:
    """Whether the event was read before, or is there now."""
    if any(event.id == INCOMPLETE for event in (request.base.events if request.base else None) or ()):
        return True
    since = request.host.now() - timedelta(seconds=request.since)
    return bool(recent(request.host.cim, (MANAGER,), (INCOMPLETE,), since, limit=1))


def counted(events: Iterable[ChannelEvent]) -> Mapping[str, int]:
    """The connections by address: an attempt with wrong credentials was accepted before, so it counts once."""
    made: dict[int, Counter[str]] = {ACCEPTED: Counter(), WRONG_CREDENTIALS: Counter()}
    for event in events:
        made[event.id].update(address for address in map(_address, event.data) if address)
    most = made[ACCEPTED] | made[WRONG_CREDENTIALS]
    return dict(sorted(most.items(), key=lambda item: (-item[1], item[0])))


def _address(text: str) -> str:
    """The address in C(192.0.2.7:50000), C([2001:db8::7]:50000) or C(192.0.2.7); empty where there is none."""
    for candidate in (text, text.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(candidate.strip("[]").partition("%")[0]))
        except ValueError:
            continue
    return ""

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recent events of a host's classic logs.

PRIVATE to the collection. Source: Win32_NTLogEvent (Microsoft Win32 documentation, EventLogProv). Queries are bounded
by log, source, time and number: on large logs, others end in a quota violation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import WIN32_NT_LOG_EVENT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance

_PROPERTIES = ("EventCode", "EventType", "InsertionStrings", "Message", "RecordNumber", "SourceName", "TimeGenerated")


@dataclass(frozen=True)
class Event:
    """One event; ``type`` is 1 error, 2 warning, 3 information, 4 and 5 audit. ``message`` is localised."""

    source: str
    id: int
    type: int
    time: datetime | None
    record: int
    message: str
    strings: tuple[str, ...]


def recent(
    client: CimClient,
    sources: Iterable[str],
    ids: Iterable[int],
    since: datetime,
    *,
    log: str = "System",
    limit: int = 50,
) -> list[Event]:
    """Return the events of these sources with one of the ids since a time by the host's clock, newest first."""
    wanted = wql.all_of(
        wql.compare("Logfile", log),
        wql.any_of("SourceName", sources),
        wql.any_of("EventCode", ids),
        wql.compare("TimeGenerated", since, ">="),
    )
    events = (_event(item) for item in client.query(WIN32_NT_LOG_EVENT, wanted, _PROPERTIES, limit=limit))
    return sorted(events, key=lambda event: event.record, reverse=True)


def _event(item: Instance) -> Event:
    time = item.get("TimeGenerated")
    return Event(
        source=item.text("SourceName"),
        id=item.number("EventCode") or 0,
        type=item.number("EventType") or 0,
        time=time if isinstance(time, datetime) else None,
        record=item.number("RecordNumber") or 0,
        message=item.text("Message").strip(),
        strings=item.texts("InsertionStrings"),
    )

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event logs: the classic ones, and operational channels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from tests.simulator.windows.clock import Clock
from tests.simulator.windows.texts import translate

ERROR, WARNING, INFORMATION = 1, 2, 3
SCHANNEL = "Schannel"
REMOTE_CONNECTION_MANAGER = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
RDP_CORE = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS"
GATEWAY = "Microsoft-Windows-TerminalServices-Gateway"
CLIENT = "Microsoft-Windows-TerminalServices-ClientActiveXCore"
MANAGER_ADMIN_LOG = f"{REMOTE_CONNECTION_MANAGER}/Admin"
MANAGER_LOG = f"{REMOTE_CONNECTION_MANAGER}/Operational"
RDP_CORE_LOG = f"{RDP_CORE}/Operational"
GATEWAY_LOG = f"{GATEWAY}/Operational"
SESSION_MANAGER_LOG = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational"
CLIENT_LOG = "Microsoft-Windows-TerminalServices-RDPClient/Operational"
CLASSIC_LOGS = ("Application", "System", "Security")
SERVICE_CONTROL_MANAGER = "Service Control Manager"
KEPT = 2000


@dataclass(frozen=True)
class Event:
    """One record. ``type`` as Win32_NTLogEvent.EventType: 1 error, 2 warning, 3 information."""

    record: int
    log: str
    source: str
    code: int
    type: int
    time: datetime
    message: str
    insertions: tuple[str, ...] = ()


class EventLog:
    """All logs of a host, oldest first; the oldest records of a log fall out when it is full."""

    def __init__(self, clock: Clock, language: str) -> None:
        self._clock = clock
        self._language = language
        self._events: list[Event] = []
        self._counts: Counter[str] = Counter()
        self._record = 0

    def write(self, source: str, code: int, kind: int, *insertions: str, log: str = "System") -> Event:
        """Add a record at the host's present time, with Windows' text for ``code`` in the host's language."""
        self._record += 1
        message = translate("events", code, self._language, *insertions)
        event = Event(self._record, log, source, code, kind, self._clock.now(), message, insertions)
        self._events.append(event)
        self._counts[log] += 1
        if self._counts[log] > KEPT:
            self._drop_oldest(log)
        return event

    def _drop_oldest(self, log: str) -> None:
        place = next(place for place, event in enumerate(self._events) if event.log == log)
        del self._events[place]
        self._counts[log] -= 1

    def schannel(self, code: int, times: int = 1) -> None:
        for _time in range(times):
            self.write(SCHANNEL, code, ERROR)

    def all(self) -> list[Event]:
        return list(self._events)

    def to_volatile(self) -> list[dict[str, object]]:
        return [
            {"record": event.record, "log": event.log, "source": event.source, "code": event.code,
             "type": event.type, "time": event.time.isoformat(), "message": event.message}
            for event in self._events
        ]  # fmt: skip

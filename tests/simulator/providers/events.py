# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Win32_NTLogEvent: the classic logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import HostProvider
from tests.simulator.windows.events import CLASSIC_LOGS, Event
from tests.simulator.wsman.provider import Caller, Instance

TYPES = {1: "Error", 2: "Warning", 3: "Information", 4: "Audit Success", 5: "Audit Failure"}


@dataclass
class LogEvents(HostProvider):
    """Records, newest first. That a query reads too much is a planned fault, ``event_quota``."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for event in reversed(self.windows.events.all()):
            if event.log in CLASSIC_LOGS:
                yield self._instance(event)

    def _instance(self, event: Event) -> Instance:
        return Instance("Win32_NTLogEvent", {
            "Logfile": event.log, "RecordNumber": event.record, "SourceName": event.source, "EventCode": event.code,
            "EventIdentifier": event.code, "EventType": event.type, "Type": TYPES[event.type], "Category": 0,
            "CategoryString": None, "TimeGenerated": event.time, "TimeWritten": event.time, "Message": event.message,
            "InsertionStrings": list(event.insertions) or None, "User": r"NT AUTHORITY\SYSTEM",
            "ComputerName": self.windows.machine.computer_name, "Data": None,
        })  # fmt: skip

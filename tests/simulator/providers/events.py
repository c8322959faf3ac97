# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Win32_NTLogEvent: the classic logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import QUOTA_VIOLATION, HostProvider, text
from tests.simulator.windows.events import Event
from tests.simulator.wsman.provider import Caller, CimError, Instance

TYPES = {1: "Error", 2: "Warning", 3: "Information", 4: "Audit Success", 5: "Audit Failure"}
QUERY_OPTION = "__query"


@dataclass
class LogEvents(HostProvider):
    """Records, newest first. A query that bounds neither time nor record number reads all of a log: too much."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        query = options.get(QUERY_OPTION)
        bounded = query is None or re.search(r"(?i)\b(TimeGenerated|TimeWritten|RecordNumber)\b", text(query))
        if not bounded and self.windows.switches["unbounded_event_query"] == "quota":
            raise CimError(
                QUOTA_VIOLATION, "Quota violation ", operation="ExecQuery", provider="MS_NT_EVENTLOG_PROVIDER"
            )
        for event in reversed(self.windows.events.all()):
            yield self._instance(event)

    def _instance(self, event: Event) -> Instance:
        return Instance("Win32_NTLogEvent", {
            "Logfile": event.log, "RecordNumber": event.record, "SourceName": event.source, "EventCode": event.code,
            "EventIdentifier": event.code, "EventType": event.type, "Type": TYPES[event.type], "Category": 0,
            "CategoryString": None, "TimeGenerated": event.time, "TimeWritten": event.time, "Message": event.message,
            "InsertionStrings": list(event.insertions) or None, "User": r"NT AUTHORITY\SYSTEM",
            "ComputerName": self.windows.machine.computer_name, "Data": None,
        })  # fmt: skip

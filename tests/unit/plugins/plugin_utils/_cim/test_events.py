# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timezone

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import events
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Wire,
    enumerated,
    fragment,
    pulled,
)

SINCE = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)


def event(record: int, message: str = "<Message>  Schwerwiegender Fehler </Message>") -> str:
    return fragment(
        f"<EventCode>36870</EventCode><EventType>1</EventType><InsertionStrings>Server</InsertionStrings>"
        f"<InsertionStrings>0x8009030D</InsertionStrings>{message}<RecordNumber>{record}</RecordNumber>"
        "<SourceName>Schannel</SourceName><TimeGenerated><Datetime>2026-11-22T09:01:00Z</Datetime></TimeGenerated>"
    )


def test_the_query_is_bounded_by_log_source_id_and_time(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(event(7), event(9))).expect(
        wql="select EventCode,EventType,InsertionStrings,Message,RecordNumber,SourceName,TimeGenerated"
        " from Win32_NTLogEvent where Logfile='System' and SourceName='Schannel'"
        " and (EventCode=36870 or EventCode=36871) and TimeGenerated>='20261122090000.000000+000'"
    )
    newest, older = events.recent(client, ["Schannel"], [36870, 36871], SINCE)
    assert newest == events.Event(
        source="Schannel",
        id=36870,
        type=1,
        time=datetime(2026, 11, 22, 9, 1, tzinfo=timezone.utc),
        record=9,
        message="Schwerwiegender Fehler",
        strings=("Server", "0x8009030D"),
    )
    assert older.record == 7


def test_the_number_is_bounded_and_the_rest_released(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(event(1), context="uuid:1", ended=False))
    wire.on("Pull", pulled(event(2), event(3), context="uuid:2", ended=False))
    wire.on("Release", "")
    assert len(events.recent(client, ["Schannel"], [36870], SINCE, limit=2)) == 2


def test_a_message_that_windows_cannot_format(wire: Wire, client: CimClient) -> None:
    nil = '<Message xsi:nil="true"/>'
    wire.on("Enumerate", enumerated(event(1, nil)))
    assert events.recent(client, ["Schannel"], [36870], SINCE)[0].message == ""

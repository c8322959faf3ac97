# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""wevtutil: events of any channel by an XPath query (Microsoft Learn "wevtutil", "Consuming Events": XPath 1.0 subset).

Exit codes: 15001 for a query that cannot be read, 15007 for a channel that does not exist.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

from lxml import etree

from tests.simulator.windows import cmd, events
from tests.simulator.windows.events import Event
from tests.simulator.windows.gateway import EVENT_FIELDS
from tests.simulator.windows.programs.base import Context

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
INVALID_QUERY, NO_CHANNEL = 15001, 15007
CHANNELS = (
    *events.CLASSIC_LOGS, events.MANAGER_ADMIN_LOG, events.MANAGER_LOG, events.RDP_CORE_LOG,
    events.SESSION_MANAGER_LOG, events.CLIENT_LOG,
)  # fmt: skip
LEVELS = {events.ERROR: 2, events.WARNING: 3, events.INFORMATION: 4}
OF_CLIENTS = ("Name", "Value", "CustomLevel")
DATA_NAMES = {
    131: ("ConnType", "ClientIP"), 140: ("IPString",), 1149: ("Param1", "Param2", "Param3"), 1024: OF_CLIENTS,
    1026: OF_CLIENTS, 1102: OF_CLIENTS,
}  # fmt: skip
GATEWAY_DATA = "aag"
"""The namespace of what the RD Gateway tells: not EventData, but elements of its own under UserData."""

DISCONNECTED_FIELDS = (
    "Username", "IpAddress", "Resource", "BytesReceived", "BytesTransfered", "SessionDuration", "ConnectionProtocol",
    "ErrorCode",
)  # fmt: skip
OPTION = re.compile(r"[/-](\w+):(.*)", re.DOTALL)


def wevtutil(context: Context, arguments: list[str]) -> cmd.Output:
    """``wevtutil qe CHANNEL [/q:XPATH] [/c:COUNT] [/rd:true] [/f:xml]``, and ``wevtutil el``."""
    verb = arguments[0].lower() if arguments else ""
    if verb in ("el", "enum-logs"):
        return cmd.Output("".join(f"{name}\r\n" for name in _channels(context)))
    if verb not in ("qe", "query-events") or len(arguments) < 2:
        return context.fail(87, "invalid_syntax")
    matches = [OPTION.fullmatch(argument) for argument in arguments[2:]]
    given = {match[1].lower(): match[2] for match in matches if match is not None}
    channel = next((name for name in _channels(context) if name.lower() == arguments[1].lower()), None)
    if channel is None:
        return context.fail(NO_CHANNEL, "file_error", NO_CHANNEL)
    try:
        found = _matching(context, channel, given.get("q", given.get("query", "*")))
    except (etree.XPathError, ValueError):
        return context.fail(INVALID_QUERY, "file_error", INVALID_QUERY)
    newest_first = given.get("rd", "").lower() == "true"
    wanted = found[::-1] if newest_first else found
    limit = given.get("c", "")
    rows = [_rendered(context, event) for event in (wanted[: int(limit)] if limit.isdigit() else wanted)]
    return cmd.Output("".join(row + "\r\n" for row in rows))


def _channels(context: Context) -> list[str]:
    role = [] if context.windows.gateway is None else [events.GATEWAY_LOG]
    return [*CHANNELS, *role]


def _matching(context: Context, channel: str, query: str) -> list[Event]:
    """Events of a channel for which the XPath finds something. Raises ValueError, XPathError."""
    finds = etree.XPath(f"self::{_translated(query)}")
    now = context.windows.clock.now()
    in_channel = [event for event in context.windows.events.all() if event.log == channel]
    return [event for event in in_channel if finds(_tree(event, now))]


def _translated(query: str) -> str:
    """Comparisons of time as comparisons of numbers, which is all that XPath 1.0 has."""
    text = re.sub(r"timediff\(\s*@SystemTime\s*\)", "@age", query.strip())
    text = re.sub(
        r"@SystemTime\s*(>=|<=|>|<|=)\s*[\"']([^\"']+)[\"']", lambda m: f"@seconds {m[1]} {_seconds(m[2])}", text
    )
    return text.replace("&gt;", ">").replace("&lt;", "<")


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _tree(event: Event, now: datetime) -> etree._Element:
    """The event without namespaces, with its time as numbers beside the text."""
    root = etree.Element("Event")
    system = etree.SubElement(root, "System")
    etree.SubElement(system, "Provider", Name=event.source)
    etree.SubElement(system, "EventID").text = str(event.code)
    etree.SubElement(system, "Level").text = str(LEVELS.get(event.type, 4))
    etree.SubElement(system, "EventRecordID").text = str(event.record)
    etree.SubElement(system, "Channel").text = event.log
    age = (now - event.time).total_seconds() * 1000
    etree.SubElement(system, "TimeCreated", seconds=str(event.time.timestamp()), age=str(age))
    return root


def _rendered(context: Context, event: Event) -> str:
    root = etree.Element("Event", {"xmlns": NAMESPACE})
    system = etree.SubElement(root, "System")
    etree.SubElement(system, "Provider", Name=event.source)
    etree.SubElement(system, "EventID").text = str(event.code)
    etree.SubElement(system, "Level").text = str(LEVELS.get(event.type, 4))
    stamp = event.time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    etree.SubElement(system, "TimeCreated", SystemTime=stamp)
    etree.SubElement(system, "EventRecordID").text = str(event.record)
    etree.SubElement(system, "Channel").text = event.log
    etree.SubElement(system, "Computer").text = context.windows.machine.dns_name
    if event.source == events.GATEWAY:
        _gateway_data(root, event)
        return etree.tostring(root, encoding="unicode")
    data = etree.SubElement(root, "EventData")
    names = DATA_NAMES.get(event.code, ())
    for place, text in enumerate(event.insertions):
        etree.SubElement(data, "Data", {"Name": names[place]} if place < len(names) else {}).text = text
    return etree.tostring(root, encoding="unicode")


def _gateway_data(root: etree._Element, event: Event) -> None:
    info = etree.SubElement(etree.SubElement(root, "UserData"), "EventInfo", {"xmlns": GATEWAY_DATA})
    fields = DISCONNECTED_FIELDS if event.code == 303 else EVENT_FIELDS
    for name, text in zip(fields, event.insertions, strict=False):
        etree.SubElement(info, name).text = text

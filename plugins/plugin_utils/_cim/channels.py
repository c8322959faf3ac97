# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recent events of operational channels, which no CIM class has.

PRIVATE to the collection. Source: Microsoft Learn "wevtutil" (query-events, exit code 15007 for a channel that does not
exist), "Consuming Events" (XPath 1.0 subset, timediff in milliseconds). Of the answer only numbers and data are taken,
never its text, which is localised. UNSURE: how Windows pads what it prints; elements beside events are passed over.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, WsmanError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.shell import CmdShell

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element

NO_CHANNEL = 15007
MOST = 500

_EVENT_ID = re.compile("[0-9]{1,10}")
"""Events that are asked for at most."""


class ChannelError(WsmanError):
    """A channel that the host did not let us read."""

    default_hint = "Check that the account is an administrator of the host."


@dataclass(frozen=True)
class ChannelEvent:
    """One event: its number, and its data in order; ``fields`` are those that have a name."""

    id: int
    data: tuple[str, ...]
    fields: Mapping[str, str] = field(default_factory=dict)


def recent(
    shell: CmdShell, channel: str, ids: Iterable[int], seconds: float, *, limit: int = MOST
) -> tuple[ChannelEvent, ...]:
    """Return the newest events of a channel with one of the ids; none where there is no such channel.

    One command. Raise ShellRefused where the host opens no shell, ChannelError for any other refusal.
    """
    wanted = " or ".join(f"EventID={number}" for number in ids)
    query = f"*[System[({wanted}) and TimeCreated[timediff(@SystemTime) <= {int(seconds * 1000)}]]]"
    output = shell.run("wevtutil", "qe", channel, f"/q:{query}", "/f:xml", f"/c:{limit}", "/rd:true")
    if output.exit_code == NO_CHANNEL:
        return ()
    if output.exit_code:
        raise ChannelError(f"The events of {channel} cannot be read: wevtutil ends with code {output.exit_code}")
    return tuple(_events(channel, output.stdout))


def _events(channel: str, printed: bytes) -> Iterator[ChannelEvent]:
    """The events that were printed one after the other, without a root."""
    whole = printed.decode("utf-8", "replace").strip("\ufeff\0 \r\n")
    try:
        root = xml.parse(f"<Events>{whole}</Events>".encode())
    except BadAnswer as error:
        raise ChannelError(f"The events of {channel} cannot be read: {error.message}") from error
    for event in xml.children(root, "Event"):
        number = xml.text(xml.child(event, "System", "EventID"))
        if _EVENT_ID.fullmatch(number):
            told = tuple(_data(event))
            yield ChannelEvent(
                int(number), tuple(text for _name, text in told), {name: text for name, text in told if name}
            )


def _data(event: Element) -> Iterator[tuple[str, str]]:
    """What an event tells, with its name or none: data of the usual form, or the leaves of a provider's own."""
    usual = xml.child(event, "EventData")
    own = xml.child(event, "UserData")
    yield from ((item.get("Name", ""), xml.text(item)) for item in xml.children(usual, "Data"))
    leaves = (node for node in (own.iter() if own is not None else ()) if len(node) == 0)
    yield from ((xml.local(node), xml.text(node)) for node in leaves)

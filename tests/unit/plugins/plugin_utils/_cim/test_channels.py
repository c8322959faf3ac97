# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import channels
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.channels import ChannelError, ChannelEvent
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.shell import CommandOutput

EVENT = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><EventID>{number}</EventID></System>'
    "{rest}</Event>"
)


class Shell:
    """A shell that prints one thing and keeps what it was asked."""

    def __init__(self, printed: bytes, code: int = 0) -> None:
        self.output = CommandOutput(printed, b"", code)
        self.asked: tuple[str, ...] = ()

    def run(self, *words: str) -> CommandOutput:
        self.asked = words
        return self.output


def recent(shell: Shell) -> tuple[ChannelEvent, ...]:
    return channels.recent(t.cast(t.Any, shell), "Some/Operational", (131, 140), 600)


def test_events_are_asked_for_by_number_and_age_and_bounded() -> None:
    shell = Shell(b"")
    assert recent(shell) == ()
    assert shell.asked[:3] == ("wevtutil", "qe", "Some/Operational")
    query = "/q:*[System[(EventID=131 or EventID=140) and TimeCreated[timediff(@SystemTime) <= 600000]]]"
    assert shell.asked[3:] == (query, "/f:xml", "/c:500", "/rd:true")


def test_events_are_read_one_after_the_other_with_their_data() -> None:
    usual = EVENT.format(
        number=131, rest='<EventData><Data Name="ConnType">TCP</Data><Data>10.0.0.1:50</Data></EventData>'
    )
    own = EVENT.format(
        number=140, rest="<UserData><EventXML><Param1>x</Param1><Param2>y</Param2></EventXML></UserData>"
    )
    bare = EVENT.format(number=131, rest="")
    printed = f"\ufeff{usual}\r\n{own}\r\n{bare}\r\n".encode()
    assert recent(Shell(printed)) == (
        ChannelEvent(131, ("TCP", "10.0.0.1:50"), {"ConnType": "TCP"}),
        ChannelEvent(140, ("x", "y"), {"Param1": "x", "Param2": "y"}),
        ChannelEvent(131, ()),
    )


def test_a_channel_that_is_not_there_has_no_events() -> None:
    assert recent(Shell(b"", channels.NO_CHANNEL)) == ()


@pytest.mark.parametrize("shell", [Shell(b"", 5), Shell(b"<Event>"), Shell(b'<!DOCTYPE x [<!ENTITY a "b">]><Event/>')])
def test_a_refusal_and_what_is_no_xml_are_told(shell: Shell) -> None:
    with pytest.raises(ChannelError, match="Some/Operational"):
        recent(shell)


def test_text_in_a_code_page_of_the_host_does_not_matter() -> None:
    printed = (
        EVENT.format(number=131, rest="<EventData><Data>M?ller</Data></EventData>").encode().replace(b"?", b"\xfc")
    )
    assert recent(Shell(printed))[0].id == 131

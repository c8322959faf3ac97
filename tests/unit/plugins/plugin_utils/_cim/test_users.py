# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import users
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, ConnectionLost
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Wire,
    enumerated,
    fragment,
    output,
    wmi_fault,
)

DENIED, GONE, CANCELLED = 0x80041003, 0x80338000, 0x80041032


def process(handle: int, name: str, session: int) -> str:
    return fragment(f"<Handle>{handle}</Handle><Name>{name}</Name><SessionId>{session}</SessionId>")


def owner(user: str, domain: str = "CORP", returned: int = 0) -> str:
    return output("GetOwner", f"<p:User>{user}</p:User><p:Domain>{domain}</p:Domain>", returned)


def test_the_surest_process_of_each_session_is_asked_for_its_owner(wire: Wire, client: CimClient) -> None:
    found = (
        process(91, "explorer.exe", 9),
        process(31, "explorer.exe", 3),
        process(32, "SiHost.exe", 3),
        process(33, "rdpclip.exe", 3),
        process(34, "explorer.exe", 3),
    )
    wire.on("Enumerate", enumerated(*found)).expect(
        wql="select Handle,Name,SessionId from Win32_Process where SessionId>0 and (Name='sihost.exe'"
        " or Name='explorer.exe' or Name='rdpinit.exe' or Name='rdpclip.exe' or Name='powershell.exe'"
        " or Name='cmd.exe')"
    )
    wire.on("GetOwner", owner("anna")).expect(selectors={"Handle": "32"}, repeatable=True)
    wire.on("GetOwner", owner("bert", "")).expect(selectors={"Handle": "91"})
    assert users.signed_in(client, 5) == users.SignedIn(("CORP\\anna", "bert"))


def test_a_shell_is_asked_for_its_owner_where_there_is_nothing_else(wire: Wire, client: CimClient) -> None:
    found = (process(41, "cmd.exe", 4), process(42, "rdpclip.exe", 4), process(51, "powershell.exe", 5))
    wire.on("Enumerate", enumerated(*found))
    wire.on("GetOwner", owner("anna")).expect(selectors={"Handle": "42"})
    wire.on("GetOwner", owner("bert")).expect(selectors={"Handle": "51"})
    assert users.signed_in(client, 5) == users.SignedIn(("CORP\\anna", "CORP\\bert"))


def test_no_more_sessions_are_asked_about_than_wanted(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(*(process(40 - number, "sihost.exe", number) for number in range(1, 8))))
    for number in (39, 38):
        wire.on("GetOwner", owner(f"user{number}")).expect(selectors={"Handle": str(number)})
    found = users.signed_in(client, 2)
    assert found == users.SignedIn(("CORP\\user39", "CORP\\user38"), 5)
    assert str(found) == "CORP\\user39, CORP\\user38 and 5 more"


def test_a_user_of_two_sessions_is_named_once(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(process(11, "sihost.exe", 1), process(21, "rdpinit.exe", 2)))
    wire.on("GetOwner", owner("José Müller", "東京"))
    wire.on("GetOwner", owner("José Müller", "東京"))
    assert users.signed_in(client, 5) == users.SignedIn(("東京\\José Müller",))


@pytest.mark.parametrize(
    "answer",
    [owner("anna", returned=2), owner("", "", 3), owner(""), wmi_fault(DENIED), wmi_fault(GONE, "w:InvalidSelectors")],
)
def test_who_is_not_told_is_left_out_and_the_others_are_told(wire: Wire, client: CimClient, answer: str) -> None:
    wire.on("Enumerate", enumerated(process(11, "sihost.exe", 1), process(21, "sihost.exe", 2)))
    wire.on("GetOwner", answer)
    wire.on("GetOwner", owner("bert"))
    assert users.signed_in(client, 5) == users.SignedIn(("CORP\\bert",), 1)


@pytest.mark.parametrize("code", [DENIED, CANCELLED])
def test_a_host_that_does_not_show_its_processes_names_nobody(wire: Wire, client: CimClient, code: int) -> None:
    wire.on("Enumerate", wmi_fault(code))
    assert users.signed_in(client, 5) == users.UNTOLD
    assert str(users.UNTOLD) == ""


def test_nothing_is_said_of_sessions_that_nobody_is_named_of(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(process(11, "sihost.exe", 1)))
    wire.on("GetOwner", owner("", "", 2))
    assert str(users.signed_in(client, 5)) == ""


@pytest.mark.parametrize("error", [ConnectionLost("lost", sent=None), BadAnswer("no XML")])
def test_a_channel_that_fails_is_no_refusal(wire: Wire, client: CimClient, error: Exception) -> None:
    wire.on("Enumerate", error)
    with pytest.raises(type(error)):
        users.signed_in(client, 5)
    wire.on("Enumerate", enumerated(process(11, "sihost.exe", 1)))
    wire.on("GetOwner", error)
    with pytest.raises(type(error)):
        users.signed_in(client, 5)

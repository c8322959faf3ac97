# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Wire,
    enumerated,
    fragment,
    instance,
    output,
    properties,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=timezone.utc)


def system(local_time: str = "2026-11-22T11:00:31+02:00") -> str:
    plain = properties(
        BuildNumber="20348", CSName="HOST017", Caption="Microsoft Windows Server 2022 Standard ", OSLanguage=1031,
        ProductType=3, Version="10.0.20348",
    )  # fmt: skip
    times = "".join(
        f"<p:{name}><cim:Datetime>{value}</cim:Datetime></p:{name}>"
        for name, value in (("LastBootUpTime", "2026-11-20T09:00:00.5+02:00"), ("LocalDateTime", local_time))
    )
    return instance("Win32_OperatingSystem", plain + times)


REVISION = output("GetDWORDValue", properties(uValue="2700"))


def test_identity_and_clock(wire: Wire, client: CimClient) -> None:
    wire.on("Get", system())
    moments = iter([NOW, NOW + timedelta(seconds=2)])
    assert host.identity(client, lambda: next(moments)) == host.Identity(
        name="HOST017",
        caption="Microsoft Windows Server 2022 Standard",
        version="10.0.20348",
        build=20348,
        product_type=host.SERVER,
        language=1031,
        boot_time=datetime(2026, 11, 20, 7, 0, 0, 500000, timezone.utc),
        local_time=NOW + timedelta(seconds=31),
        clock_offset=timedelta(seconds=30),
    )


@pytest.mark.parametrize(("answer", "found"), [(REVISION, 2700), (output("GetDWORDValue", returned=1), None)])
def test_revision(wire: Wire, client: CimClient, answer: str, found: int | None) -> None:
    wire.on("GetDWORDValue", answer)
    assert host.revision(client) == found


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00Z", "1601-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_clock_that_nothing_can_be_reckoned_by_is_an_error(wire: Wire, client: CimClient, said: str) -> None:
    """A lease would end, and a task begin, where there is no date."""
    wire.on("Get", system(said))
    with pytest.raises(BadAnswer, match="no clock of Windows"):
        host.identity(client)


@pytest.mark.parametrize(
    ("created", "mark"), [("2026-11-20T09:00:00.5+02:00", "20261120T070000.500000Z"), ("0101-01-01T00:00:00Z", "")]
)
def test_a_start_of_windows_is_known_by_its_first_process(
    wire: Wire, client: CimClient, created: str, mark: str
) -> None:
    wire.on("Enumerate", enumerated(fragment(f"<CreationDate><Datetime>{created}</Datetime></CreationDate>")))
    assert host.boot_mark(client) == mark


def test_a_host_without_time(wire: Wire, client: CimClient) -> None:
    wire.on("Get", instance("Win32_OperatingSystem", properties(LocalDateTime=None)))
    with pytest.raises(BadAnswer, match="LocalDateTime"):
        host.identity(client)


@pytest.mark.parametrize(("said", "domain"), [("true", True), ("false", False)])
def test_membership(wire: Wire, client: CimClient, said: str, domain: bool) -> None:
    found = fragment(f"<Domain>corp.example</Domain><PartOfDomain>{said}</PartOfDomain>")
    wire.on("Enumerate", enumerated(found)).expect(wql="select Domain,PartOfDomain from Win32_ComputerSystem")
    assert host.membership(client) == ("corp.example", domain)


def test_a_host_without_computer_system(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated())
    with pytest.raises(BadAnswer, match="Win32_ComputerSystem"):
        host.membership(client)


def test_the_machines_sid_comes_from_its_administrators(wire: Wire, client: CimClient) -> None:
    asked = "select SID from Win32_UserAccount where LocalAccount=TRUE and SID like '%-500'"
    wire.on("Enumerate", enumerated(fragment("<SID>S-1-5-21-1-2-3-500</SID>"))).expect(wql=asked)
    assert host.machine_sid(client) == "S-1-5-21-1-2-3"


def test_a_domain_controller_has_no_local_account(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated())
    assert host.machine_sid(client) is None


def test_the_machines_guid(wire: Wire, client: CimClient) -> None:
    wire.on("GetStringValue", output("GetStringValue", properties(sValue="0fd5…")))
    assert host.machine_guid(client) == "0fd5…"
    wire.on("GetStringValue", output("GetStringValue", returned=5))
    assert host.machine_guid(client) is None


def test_the_controllers_time_is_aware() -> None:
    assert host.utc_now().tzinfo is timezone.utc

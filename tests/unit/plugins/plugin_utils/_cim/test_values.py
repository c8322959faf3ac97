# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import schema, values
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import (
    BOOLEAN,
    DATETIME,
    REFERENCE,
    SINT32,
    STRING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    CimType,
    Kind,
    array,
    instance,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import EndpointReference
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, Unsendable
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import NS, WMI, epr
from hypothesis import given
from hypothesis import strategies as st

DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items()) + ' xmlns:p="urn:p"'


def read(content: str, kind: CimType) -> t.Any:
    parent = xml.parse(f"<p:C {DECLARED}>{content}</p:C>".encode())
    return values.read_properties(parent, {"X": kind}).get("X", "absent")


def write(value: values.Sendable, kind: CimType, style: str = "wmi") -> str:
    return values.write_properties({"X": value}, {"X": kind}, "p", style)


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("<p:X>true</p:X>", BOOLEAN, True),
        ("<p:X>FALSE</p:X>", BOOLEAN, False),
        ("<p:X> 5 </p:X>", UINT32, 5),
        ("<p:X>-2147483648</p:X>", SINT32, -(2**31)),
        ("<p:X>18446744073709551615</p:X>", UINT64, 2**64 - 1),
        ("<p:X>-1</p:X>", UINT32, 2**32 - 1),
        ("<p:X>4294967295</p:X>", SINT32, -1),
        ("<p:X>-2147483648</p:X>", UINT32, 2**31),
        ("<p:X>1.5</p:X>", CimType(Kind.REAL), 1.5),
        ("<p:X>  Straße &lt;1&gt; </p:X>", STRING, "  Straße <1> "),
        ("<p:X></p:X>", STRING, ""),
        ("<p:X>5</p:X>", STRING, "5"),
        ("<p:X>true</p:X>", STRING, "true"),
        ('<p:X xsi:nil="true"/>', STRING, None),
        ('<p:X xsi:nil="true"/>', UINT32, None),
        ("", UINT32, "absent"),
        ("", array(STRING), ()),
        ('<p:X xsi:nil="true"/>', array(STRING), ()),
        ("<p:X>a</p:X>", array(STRING), ("a",)),
        ("<p:X>a</p:X><p:Y/><p:X></p:X>", array(STRING), ("a", "")),
        ("<p:X>1</p:X><p:X>2</p:X>", array(UINT16), (1, 2)),
        ("", array(UINT8), b""),
        ("<p:X>0</p:X><p:X>255</p:X>", array(UINT8), b"\x00\xff"),
        ("<p:X>7</p:X>", array(UINT8), b"\x07"),
        ("<X>7</X>", UINT32, 7),
    ],
)
def test_values_from_the_wire(content: str, kind: CimType, expected: t.Any) -> None:
    found = read(content, kind)
    assert found == expected
    assert type(found) is type(expected)


UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-04-15T16:28:43.488171Z", datetime(2013, 4, 15, 16, 28, 43, 488171, UTC)),
        ("2013-04-15T16:28:43Z", datetime(2013, 4, 15, 16, 28, 43, 0, UTC)),
        ("2013-04-15T16:28:43.4Z", datetime(2013, 4, 15, 16, 28, 43, 400000, UTC)),
        ("2013-04-15T16:28:43.4881719+01:00", datetime(2013, 4, 15, 15, 28, 43, 488171, UTC)),
        ("2013-04-15T16:28:43.5-03:30", datetime(2013, 4, 15, 19, 58, 43, 500000, UTC)),
        ("2013-04-15T16:28:43", datetime(2013, 4, 15, 16, 28, 43, 0, UTC)),
        ("2013-04-15", datetime(2013, 4, 15, 0, 0, 0, 0, UTC)),
        ("20240131101500.000000+060", datetime(2024, 1, 31, 9, 15, 0, 0, UTC)),
        ("P0DT0H1M40S", timedelta(seconds=100)),
        ("P12DT3H4M5.25S", timedelta(12, 5, 250000, minutes=4, hours=3)),
        ("-P1D", timedelta(-1)),
    ],
)
@pytest.mark.parametrize(
    "shape", ["<p:X><cim:Datetime>{}</cim:Datetime></p:X>", "<X><Datetime>{}</Datetime></X>", "<X>{}</X>"]
)
def test_times(text: str, expected: datetime | timedelta, shape: str) -> None:
    found = read(shape.format(text), DATETIME)
    assert found == expected
    assert not isinstance(found, datetime) or found.tzinfo is not None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("<p:X>yes</p:X>", BOOLEAN),
        ("<p:X/>", UINT32),
        ("<p:X>0x10</p:X>", UINT32),
        (f"<p:X>{'9' * 5000}</p:X>", UINT32),
        ("<p:X>256</p:X>", array(UINT8)),
        ("<p:X>-1</p:X>", array(UINT8)),
        ("<p:X>now</p:X>", DATETIME),
        ("<p:X>2013-13-15T16:28:43Z</p:X>", DATETIME),
        ("<p:X>P</p:X><p:X/>", CimType(Kind.REAL)),
        ("<p:X><a:Address/></p:X>", REFERENCE),
        ('<p:X xsi:type="e:Win32_Unknown_Type"/>', instance("Win32_Other")),
    ],
)
def test_a_value_of_another_type_is_a_bad_answer(content: str, kind: CimType) -> None:
    with pytest.raises(BadAnswer):
        read(content, kind)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (True, BOOLEAN, "<p:X>true</p:X>"),
        (0, UINT32, "<p:X>0</p:X>"),
        ("a<b", STRING, "<p:X>a&lt;b</p:X>"),
        ("", STRING, "<p:X/>"),
        (None, STRING, '<p:X xsi:nil="true"/>'),
        (b"\x00\xff", array(UINT8), "<p:X>0</p:X><p:X>255</p:X>"),
        (("a", "b"), array(STRING), "<p:X>a</p:X><p:X>b</p:X>"),
        ([], array(STRING), ""),
        (None, array(STRING), '<p:X xsi:nil="true"/>'),
        (timedelta(seconds=100), DATETIME, "<p:X><cim:Interval>P0DT0H1M40.000000S</cim:Interval></p:X>"),
        (
            datetime(2024, 1, 31, 10, 15, tzinfo=timezone(timedelta(hours=1))),
            DATETIME,
            "<p:X><cim:Datetime>2024-01-31T09:15:00.000000Z</cim:Datetime></p:X>",
        ),
    ],
)
def test_values_to_the_wire(value: values.Sendable, kind: CimType, expected: str) -> None:
    assert write(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**32, UINT32),
        (-1, UINT32),
        (2**31, SINT32),
        (256, UINT8),
        (True, UINT32),
        (1, BOOLEAN),
        ("1", UINT32),
        (1, STRING),
        (b"a", STRING),
        ("abc", array(STRING)),
        (5, array(UINT32)),
        (datetime(2024, 1, 31), DATETIME),
        (datetime(2024, 1, 31, tzinfo=UTC), STRING),
        (Instance("Win32_ACE", {}), STRING),
        (Instance("Win32_Unknown", {}), instance("Win32_Unknown")),
    ],
)
def test_what_does_not_fit_its_type_is_a_mistake(value: values.Sendable, kind: CimType) -> None:
    with pytest.raises(ValueError, match=r"."):
        write(value, kind)


def test_an_unknown_name_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="none of"):
        values.write_properties({"Y": 1}, {"X": UINT32}, "p", "wmi")


def test_text_that_xml_cannot_carry() -> None:
    with pytest.raises(Unsendable):
        write("a\0", STRING)


TRUSTEE = Instance("Win32_Trustee", {"SID": b"\x01\x02", "SIDString": "S-1-5-20"})
ACE = Instance("Win32_ACE", {"AccessMask": 131097, "AceFlags": 0, "AceType": 0, "Trustee": TRUSTEE})
DESCRIPTOR = Instance("Win32_SecurityDescriptor", {"ControlFlags": 4, "DACL": (ACE, ACE), "Owner": None})


@pytest.mark.parametrize("style", ["wmi", "dmtf"])
def test_embedded_instances_there_and_back(style: str) -> None:
    written = write(DESCRIPTOR, instance("Win32_SecurityDescriptor"), style)
    found = read(written, instance("Win32_SecurityDescriptor"))
    assert found["ControlFlags"] == 4
    assert found["SACL"] == ()
    assert "Owner" not in found.values
    first, second = found["DACL"]
    assert first == second
    assert first["AccessMask"] == 131097
    assert first["Trustee"]["SID"] == b"\x01\x02"
    assert first["Trustee"]["SIDString"] == "S-1-5-20"
    prefix = WMI if style == "wmi" else "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2"
    assert f'xmlns:e="{prefix}' in written
    assert 'xsi:type="e:Win32_ACE_Type"' in written


@pytest.mark.parametrize(
    ("named", "found"),
    [('xsi:type="e:Win32_ACE_Type"', "Win32_ACE"), ('xsi:type="e:New_Type"', "Win32_Trustee"), ("", "Win32_Trustee")],
)
def test_an_embedded_instance_may_be_of_a_subclass(named: str, found: str) -> None:
    assert read(f"<p:X {named}/>", instance("Win32_Trustee")).class_name == found


def test_references_there_and_back() -> None:
    reference = EndpointReference(f"{WMI}/root/cimv2/Win32_Service", {"Name": "A"})
    assert read(write(reference, REFERENCE), REFERENCE) == reference
    nested = f"<p:X>{epr('Win32_Service', Name='A')}</p:X>"
    assert read(nested, REFERENCE).selectors["Name"] == "A"


TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"))


@given(TEXT)
def test_strings_there_and_back(value: str) -> None:
    assert read(write(value, STRING), STRING) == value


@given(st.lists(TEXT))
def test_string_arrays_there_and_back(value: list[str]) -> None:
    assert read(write(value, array(STRING)), array(STRING)) == tuple(value)


@given(st.binary())
def test_bytes_there_and_back(value: bytes) -> None:
    assert read(write(value, array(UINT8)), array(UINT8)) == value


@given(st.integers(0, 2**64 - 1))
def test_integers_there_and_back(value: int) -> None:
    assert read(write(value, UINT64), UINT64) == value


@given(st.datetimes(datetime(1601, 1, 1), datetime(9999, 12, 30), timezones=st.timezones()))
def test_times_there_and_back(value: datetime) -> None:
    assert read(write(value, DATETIME), DATETIME) == value.astimezone(UTC)


@given(st.timedeltas(timedelta(-(10**8)), timedelta(10**8)))
def test_intervals_there_and_back(value: timedelta) -> None:
    assert read(write(value, DATETIME), DATETIME) == value


class TestInstances:
    def test_a_subclass_is_read_by_its_own_table(self) -> None:
        node = xml.parse(
            f'<p:Win32_TerminalService xmlns:p="{WMI}/root/cimv2/Win32_TerminalService">'
            "<p:Name>TermService</p:Name><p:TotalSessions>2</p:TotalSessions></p:Win32_TerminalService>".encode()
        )
        found = values.read_instance(node, schema.WIN32_SERVICE)
        assert found.class_name == "Win32_TerminalService"
        assert found.number("TotalSessions") == 2

    def test_an_unknown_subclass_is_read_by_the_table_asked_for(self) -> None:
        node = xml.parse(b"<Win32_Newer><Name>A</Name><Newer>1</Newer></Win32_Newer>")
        found = values.read_instance(node, schema.WIN32_SERVICE)
        assert (found.class_name, found.values) == ("Win32_Newer", {"Name": "A"})

    def test_a_fragment_has_the_selected_properties_alone(self) -> None:
        node = xml.parse(b"<XmlFragment><InstanceID>A</InstanceID></XmlFragment>")
        selected = ("InstanceID", "LocalPort")
        found = values.read_instance(node, schema.MSFT_NET_PROTOCOL_PORT_FILTER, selected=selected)
        assert found.values == {"InstanceID": "A", "LocalPort": ()}

    def test_accessors(self) -> None:
        found = Instance("A", {"S": "x", "N": 5, "Null": None, "L": ("a", "b")})
        assert (found.text("S"), found.text("Null"), found.text("None")) == ("x", "", "")
        assert (found.number("N"), found.number("S"), found.number("None")) == (5, None, None)
        assert (found.texts("L"), found.texts("S")) == (("a", "b"), ())
        assert (found["S"], found.get("None", 1)) == ("x", 1)


@pytest.mark.parametrize("text", ["4294967296", "-2147483649", "9" * 5000, "1_0", "\u0661", "\u00b2", "0x1", "1.0", ""])
@pytest.mark.parametrize("kind", [UINT32, SINT32])
def test_what_is_no_number_of_32_bits_is_refused(text: str, kind: CimType) -> None:
    with pytest.raises(BadAnswer, match="is no"):
        read(f"<p:X>{text}</p:X>", kind)

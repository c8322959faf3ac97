# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values by the class schema, both ways (DMTF DSP0230; MS-WSMV 3.1.4.1.25, 3.1.4.1.26)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.provider import Embedded, Instance, Reference, Values
from tests.simulator.wsman.resource import read_target
from tests.simulator.wsman.values import ProviderMistakeError, Style, instance_element
from tests.unit.simulator.wsman.fake_host import CLASSES, NSMAP, REGISTRY, Fault, Wire, envelope, first_of_body, members

OWNER = f"{names.WMI_PREFIX}root/default/Owner"
BOSS = f"{names.WMI_PREFIX}root/default/Boss"
SCALARS = {
    "flag": "true",
    "small": "-128",
    "big": "18446744073709551615",
    "text": "  a &lt;b&gt;\n ",
    "letter": "8364",
    "half": "0.5",
}


def echo(wire: Wire, arguments: str, uri: str = REGISTRY) -> etree._Element:
    """Send arguments to the method that gives them back."""
    return wire.invoke(uri, "Echo", arguments)


def refusal(wire: Wire, arguments: str) -> Fault:
    """The fault that arguments get."""
    body = f'<p:Echo_INPUT xmlns:p="{REGISTRY}">{arguments}</p:Echo_INPUT>'
    return wire.fault(f"{REGISTRY}/Echo", REGISTRY, body)


def test_scalars_come_back_as_they_were(wire: Wire) -> None:
    sent = "".join(f"<p:{name}>{value}</p:{name}>" for name, value in SCALARS.items())
    found = members(echo(wire, sent))
    assert {name: found[name] for name in SCALARS} == {
        **{name: [value] for name, value in SCALARS.items()},
        "text": ["  a <b>\n "],
    }
    assert found["ReturnValue"] == ["0"]


def test_members_are_in_alphabetical_order_with_the_return_value_last(wire: Wire) -> None:
    assert list(members(echo(wire, "<p:words>x</p:words>"))) == [
        "big",
        "flag",
        "friend",
        "half",
        "letter",
        "owner",
        "small",
        "span",
        "text",
        "when",
        "words",
        "ReturnValue",
    ]


def test_null_is_nil_and_empty_is_empty(wire: Wire) -> None:
    found = members(echo(wire, '<p:text></p:text><p:flag xsi:nil="true"/>'))
    assert found["text"] == [""]
    assert found["flag"] == found["big"] == [None]


def test_arrays_repeat_their_element(wire: Wire) -> None:
    found = members(echo(wire, "<p:words>a</p:words><p:data>0</p:data><p:words></p:words><p:data>255</p:data>"))
    assert found["words"] == ["a", ""]
    assert found["data"] == ["0", "255"]


@pytest.mark.parametrize("arguments", ["", '<p:words xsi:nil="true"/><p:data xsi:nil="true"/>'])
def test_null_arrays_are_left_out_or_nil_by_the_switch(wire: Wire, arguments: str) -> None:
    assert not {"words", "data"} & set(members(echo(wire, arguments)))
    wire.host.switches["empty_array"] = "nil"
    found = members(echo(wire, arguments))
    assert (found["words"], found["data"]) == ([None], [None])


def test_null_arrays_are_marked_when_asked_for(wire: Wire) -> None:
    option = '<w:OptionSet><w:Option Name="msftwinrm:UsePreciseArrays" Type="xs:boolean">true</w:Option></w:OptionSet>'
    body = f'<p:Echo_INPUT xmlns:p="{REGISTRY}"/>'
    output = first_of_body(wire.ask(f"{REGISTRY}/Echo", REGISTRY, body, extra=option))
    words = output.find(f"{{{REGISTRY}}}words")
    assert words is not None
    assert words.get(f"{{{names.WSMV}}}IsNullArray") == "true"
    assert words.get(f"{{{names.XSI}}}nil") == "true"


def test_an_empty_array_is_not_marked_as_null(wire: Wire) -> None:
    wire.host.registry.data = b""
    option = '<w:OptionSet><w:Option Name="msftwinrm:UsePreciseArrays">true</w:Option></w:OptionSet>'
    body = f'<p:GetBytes_INPUT xmlns:p="{REGISTRY}"/>'
    output = first_of_body(wire.ask(f"{REGISTRY}/GetBytes", REGISTRY, body, extra=option))
    assert members(output) == {"ReturnValue": ["0"]}


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("<cim:Datetime>2013-04-15T16:28:43.488171Z</cim:Datetime>", "2013-04-15T16:28:43.488171Z"),
        ("<cim:Datetime>2013-04-15T16:28:43+01:00</cim:Datetime>", "2013-04-15T16:28:43+01:00"),
        ("<cim:Datetime>2013-04-15T16:28:43</cim:Datetime>", "2013-04-15T16:28:43Z"),
        ("<cim:Interval>P0DT0H1M40S</cim:Interval>", "P0DT0H1M40S"),
        ("<cim:Interval>PT90061.5S</cim:Interval>", "P1DT1H1M1.500000S"),
    ],
)
def test_times(wire: Wire, sent: str, received: str) -> None:
    assert echo(wire, f"<p:when>{sent}</p:when>").findtext(f"{{{REGISTRY}}}when/*", "", NSMAP) == received


def test_restricted_characters_become_question_marks(wire: Wire) -> None:
    wire.host.registry.data = None
    element = instance_element(
        Instance("Owner", {"Name": "a\x00b\x1fc\td\ud800\ufffe"}), Style(read_target(OWNER, None), CLASSES, {})
    )
    assert members(element)["Name"] == ["a?b?c\td??"]


def embedded(name: str, class_name: str = "Owner", uri: str = OWNER, inside: str = "") -> str:
    """An embedded instance as a client writes it."""
    return f'<p:{name} xmlns:o="{uri}" xsi:type="o:{class_name}_Type"><o:Name>me</o:Name>{inside}</p:{name}>'


def test_embedded_instances_nest_and_repeat(wire: Wire) -> None:
    deputy = '<o:SID>1</o:SID><o:SID>5</o:SID><o:Deputy xsi:type="o:Owner_Type"><o:Name>you</o:Name></o:Deputy>'
    output = echo(wire, embedded("owner", inside=deputy) + embedded("owners") + embedded("owners", "Boss", BOSS))
    owner = output.find(f"{{{REGISTRY}}}owner")
    assert owner is not None
    assert owner.get(f"{{{names.XSI}}}type") == "p1:Owner_Type"
    assert owner.nsmap["p1"] == OWNER
    assert members(owner) == {"Deputy": [""], "Name": ["me"], "SID": ["1", "5"]}
    inner = owner.find(f"{{{OWNER}}}Deputy")
    assert inner is not None
    assert members(inner)["Name"] == ["you"]
    types = [item.get(f"{{{names.XSI}}}type") for item in output.findall(f"{{{REGISTRY}}}owners")]
    assert types == ["p1:Owner_Type", "p1:Boss_Type"]


def test_references_are_endpoint_references(wire: Wire) -> None:
    path = (
        f"<p:friend><a:Address>{names.ANONYMOUS}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{names.WMI_PREFIX}root/cimv2/Thing</w:ResourceURI>"
        '<w:SelectorSet><w:Selector Name="Name">beta</w:Selector></w:SelectorSet></a:ReferenceParameters></p:friend>'
    )
    friend = echo(wire, path).find(f"{{{REGISTRY}}}friend")
    assert friend is not None
    assert friend.findtext(".//w:ResourceURI", "", NSMAP).endswith("root/cimv2/Thing")
    selectors = {item.get("Name"): item.text for item in friend.findall(".//w:Selector", NSMAP)}
    assert selectors == {"Name": "beta", "__cimnamespace": "root/cimv2"}


@pytest.mark.parametrize(
    "argument",
    [
        "<p:flag>yes</p:flag>",
        "<p:flag>TRUE</p:flag>",
        "<p:flag>1</p:flag>",
        "<p:flag></p:flag>",
        "<p:small>128</p:small>",
        "<p:small>-129</p:small>",
        "<p:small>0x10</p:small>",
        "<p:small>1.0</p:small>",
        "<p:small></p:small>",
        "<p:small>1</p:small><p:small>2</p:small>",
        "<p:big>-1</p:big>",
        "<p:big>18446744073709551616</p:big>",
        "<p:big>٣</p:big>",
        "<p:letter>65536</p:letter>",
        "<p:letter>x</p:letter>",
        "<p:half>half</p:half>",
        "<p:data>256</p:data>",
        "<p:data>AAEC</p:data>",
        "<p:text><p:flag>true</p:flag></p:text>",
        "<p:when>2013-04-15T16:28:43Z</p:when>",
        "<p:when>20130415162843.000000+000</p:when>",
        "<p:when><cim:Datetime>20130415162843.000000+000</cim:Datetime></p:when>",
        "<p:when><Datetime>2013-04-15T16:28:43Z</Datetime></p:when>",
        "<p:when><cim:Interval>100</cim:Interval></p:when>",
        "<p:owner>me</p:owner>",
        embedded("owner", "Nobody", f"{names.WMI_PREFIX}root/default/Nobody"),
        embedded("owner", "Thing", f"{names.WMI_PREFIX}root/cimv2/Thing"),
        embedded("owner", uri=BOSS),
    ],
)
def test_values_of_another_type_are_refused(wire: Wire, argument: str) -> None:
    fault = refusal(wire, argument)
    assert (fault.code, fault.subcode, fault.detail) == (0x80338054, "w:InvalidParameter", "TypeMismatch")


@pytest.mark.parametrize(
    "argument", ["<p:Flag>true</p:Flag>", "<p:colour>red</p:colour>", embedded("owner", inside="<o:Age>7</o:Age>")]
)
def test_unknown_names_are_refused(wire: Wire, argument: str) -> None:
    fault = refusal(wire, argument)
    assert (fault.code, fault.subcode, fault.detail) == (0x80338055, "w:InvalidParameter", "InvalidName")


def test_the_switches_for_lenient_values(wire: Wire) -> None:
    untyped = f'<p:owner xmlns:o="{OWNER}"><o:Name>me</o:Name></p:owner>'
    assert refusal(wire, untyped).code == 0x80338054
    wire.host.switches.update(boolean_case="any", embedded_type="optional")
    output = echo(wire, f"<p:flag>TRUE</p:flag>{untyped}")
    assert members(output)["flag"] == ["true"]
    assert output.findtext(f"{{{REGISTRY}}}owner/{{{OWNER}}}Name") == "me"


@pytest.mark.parametrize(
    ("class_name", "values"),
    [
        ("Missing", {}),
        ("Owner", {"Colour": "red"}),
        ("Owner", {"Name": 5}),
        ("Owner", {"SID": [1, 5]}),
        ("Owner", {"SID": "S-1"}),
        ("Owner", {"Deputy": Instance("Owner", {})}),
        ("Owner", {"Deputy": Embedded("Thing", {})}),
    ],
)
def test_a_provider_that_breaks_its_schema_is_a_bug_not_an_answer(class_name: str, values: Values) -> None:
    with pytest.raises(ProviderMistakeError):
        instance_element(Instance(class_name, values), Style(read_target(OWNER, None), CLASSES, {}))


@pytest.mark.parametrize(
    ("class_name", "values"),
    [
        ("Thing", {"Size": 2**32}),
        ("Thing", {"Size": True}),
        ("Thing", {"Good": 1}),
        ("Thing", {"Born": "today"}),
        ("Thing", {"Born": datetime(2026, 1, 1)}),
        ("Thing", {"Tags": "x"}),
        ("ThingGadget", {"Left": "alpha"}),
    ],
)
def test_a_provider_that_breaks_its_types_is_a_bug(class_name: str, values: Values) -> None:
    style = Style(read_target(f"{names.WMI_PREFIX}root/cimv2/{class_name}", None), CLASSES, {})
    with pytest.raises(ProviderMistakeError):
        instance_element(Instance(class_name, values), style)


TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(timezone.utc))
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20)
OWNERS = st.builds(
    lambda name, sid: Embedded("Owner", {"Name": name, "SID": sid}, "root/default"),
    TEXTS,
    st.binary(min_size=1, max_size=9),
)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "flag": st.booleans(),
        "small": st.integers(-128, 127),
        "big": st.integers(0, 2**64 - 1),
        "text": TEXTS,
        "when": TIMES,
        "span": st.timedeltas(timedelta(0), timedelta(days=9999)),
        "words": st.lists(TEXTS, min_size=1, max_size=3),
        "half": st.floats(allow_nan=False, allow_infinity=False),
        "data": st.binary(min_size=1, max_size=20),
        "owner": OWNERS,
        "owners": st.lists(OWNERS, min_size=1, max_size=3),
        "friend": st.builds(lambda name: Reference("Thing", {"Name": name}, "root/cimv2"), TEXTS),
    },
)


@given(ARGUMENTS, st.sampled_from([names.WMI_PREFIX + "root/default/", names.DMTF_PREFIX]))
def test_what_the_service_writes_it_reads_back(arguments: Mapping[str, object], prefix: str) -> None:
    wire = Wire()
    seen: list[Values] = []
    original = wire.host.registry.invoke

    def invoke(method: str, keys: Values | None, args: Values, *rest: object) -> Values:
        seen.append(args)
        return {**arguments, "ReturnValue": 0} if len(seen) == 1 else original("Echo", keys, args, *rest)  # type: ignore[arg-type]  # passed on

    wire.host.registry.invoke = invoke  # type: ignore[method-assign,assignment]  # a recorder
    uri = f"{prefix}Registry"
    selectors = {"__cimnamespace": "root/default"}
    empty = f'<p:Echo_INPUT xmlns:p="{uri}"/>'
    output = first_of_body(wire.ask(f"{uri}/Echo", uri, empty, selectors))
    sent = [
        child
        for child in output
        if child.get(f"{{{names.XSI}}}nil") is None and not str(child.tag).endswith("ReturnValue")
    ]
    body = etree.Element(f"{{{uri}}}Echo_INPUT")
    body.extend(sent)
    request = etree.fromstring(envelope(f"{uri}/Echo", uri, "", selectors))
    request[1].append(body)
    assert wire.send(etree.tostring(request)).status == 200
    got = {name: _plain(value) for name, value in seen[1].items()}
    assert got == {name: _plain(value) for name, value in arguments.items()}


def _plain(value: object) -> object:
    """Without what is not on the wire: the null members of an embedded instance."""
    if isinstance(value, Embedded):
        return {name: item for name, item in value.values.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list) else value

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enumerate, Pull, Release, and the filters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.provider import ADMINISTRATORS, Caller
from tests.unit.simulator.wsman.fake_host import (
    ALL,
    DMTF,
    GADGET,
    NSMAP,
    SYSTEM,
    THING,
    WMI,
    Wire,
    enumerate_body,
    envelope,
    first_of_body,
    items_of,
    members,
    pull_body,
    wql_filter,
)

NAMES = ["alpha", "beta", "gamma", "delta", "omega"]
LINK = f"{WMI}root/cimv2/ThingGadget"


def context_of(response: etree._Element) -> str:
    return response.findtext("n:EnumerationContext", "", NSMAP)


def ended(response: etree._Element) -> bool:
    return any(etree.QName(child).localname == "EndOfSequence" for child in response)


def names_of(response: etree._Element) -> list[str | None]:
    return [members(item)["Name"][0] for item in items_of(response)]


def drain(wire: Wire, response: etree._Element, uri: str = THING, most: int = 32000) -> list[str | None]:
    """All names, pulling to the end."""
    found = names_of(response)
    while not ended(response):
        response = wire.pull(uri, context_of(response), most)
        found += names_of(response)
    return found


# --- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "uri", "first", "end"),
    [
        ("auto", THING, 1, False),
        ("auto", SYSTEM, 1, True),
        ("complete", THING, 5, True),
        ("first_item", THING, 1, False),
        ("first_item", SYSTEM, 1, False),
        ("context_only", THING, 0, False),
        ("context_only", SYSTEM, 0, False),
    ],
)
def test_the_first_answer_has_the_shape_of_the_switch(wire: Wire, shape: str, uri: str, first: int, end: bool) -> None:
    wire.host.switches["enum_shape"] = shape
    response = wire.enumerate(uri)
    assert (len(items_of(response)), ended(response), bool(context_of(response))) == (first, end, not end)
    items = response.find("w:Items", NSMAP)
    assert (items is None) is (shape == "context_only")
    assert drain(wire, response, uri) == (NAMES if uri == THING else ["Windows"])
    assert wire.engine.open_enumerations == 0


@pytest.mark.parametrize(
    ("shape", "end"), [("auto", True), ("complete", True), ("first_item", False), ("context_only", False)]
)
def test_nothing_found(wire: Wire, shape: str, end: bool) -> None:
    wire.host.switches["enum_shape"] = shape
    response = wire.enumerate(ALL, filter_=wql_filter("select * from Thing where Size = 7"))
    assert ended(response) is end
    assert drain(wire, response, ALL) == []


def test_without_optimize_the_first_answer_never_has_items(wire: Wire) -> None:
    wire.host.switches["enum_shape"] = "complete"
    response = wire.enumerate(THING, optimize=False)
    assert [etree.QName(child).localname for child in response] == ["EnumerationContext"]
    assert drain(wire, response) == NAMES


def test_pulled_items_are_in_the_enumeration_namespace_and_contexts_are_new(wire: Wire) -> None:
    first = wire.enumerate(THING, optimize=False)
    second = wire.pull(THING, context_of(first), 2)
    assert [etree.QName(child).localname for child in second] == ["EnumerationContext", "Items"]
    assert second.find("n:Items", NSMAP) is not None
    assert context_of(second) != context_of(first)
    third = wire.pull(THING, context_of(second), 3)
    assert [etree.QName(child).localname for child in third] == ["Items", "EndOfSequence"]
    assert names_of(second) + names_of(third) == NAMES


def test_one_element_is_sent_where_no_number_is_asked_for(wire: Wire) -> None:
    response = wire.enumerate(THING, optimize=False)
    body = f"<n:Pull><n:EnumerationContext>{context_of(response)}</n:EnumerationContext></n:Pull>"
    pulled = first_of_body(wire.ask(names.PULL, THING, body))
    assert names_of(pulled) == ["alpha"]


def test_batches_are_limited_in_bytes(wire: Wire) -> None:
    wire.host.switches.update(enum_shape="complete", batch_bytes=1200)
    response = wire.enumerate(THING)
    assert 1 <= len(items_of(response)) < 5
    assert drain(wire, response) == NAMES


def test_batches_fit_the_clients_envelope(wire: Wire) -> None:
    wire.host.switches["enum_shape"] = "complete"
    for thing in wire.host.things.things.values():
        thing.values["Note"] = "x" * 3000  # type: ignore[index]  # the fake keeps dicts
    small = "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>"
    answer = wire.send(envelope(names.ENUMERATE, THING, enumerate_body(), extra=small))
    assert answer.status == 200
    assert len(answer.body) <= 8192


@pytest.mark.parametrize("most", ["0", "-1", "many", "٣"])
def test_a_number_of_elements_that_is_none(wire: Wire, most: str) -> None:
    body = f"<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>{most}</w:MaxElements></n:Enumerate>"
    assert wire.fault(names.ENUMERATE, THING, body).code == 0x80338041


# --- contexts --------------------------------------------------------------------------------------------------------


def invalid_context(wire: Wire, context: str) -> bool:
    fault = wire.fault(names.PULL, THING, pull_body(context))
    return (fault.code, fault.subcode) == (0x8033801B, "n:InvalidEnumerationContext")


def test_a_context_is_used_once(wire: Wire) -> None:
    context = context_of(wire.enumerate(THING, optimize=False))
    wire.pull(THING, context, 1)
    assert invalid_context(wire, context)
    assert invalid_context(wire, "")
    assert invalid_context(wire, "uuid:0")


def test_a_context_dies_when_idle(wire: Wire) -> None:
    context = context_of(wire.enumerate(THING, optimize=False))
    wire.host.clock += timedelta(seconds=239)
    context = context_of(wire.pull(THING, context, 1))
    wire.host.clock += timedelta(seconds=239)
    assert wire.engine.open_enumerations == 1
    wire.host.clock += timedelta(seconds=2)
    assert wire.engine.open_enumerations == 0
    assert invalid_context(wire, context)


def test_a_context_belongs_to_its_caller(wire: Wire) -> None:
    other = Caller("other", "S-1-5-21-9", frozenset({ADMINISTRATORS}))
    context = context_of(wire.enumerate(THING, optimize=False))
    assert wire.fault(names.PULL, THING, pull_body(context), caller=other).code == 0x8033801B
    assert wire.pull(THING, context) is not None


def test_release_ends_an_enumeration(wire: Wire) -> None:
    context = context_of(wire.enumerate(THING, optimize=False))
    body = f"<n:Release><n:EnumerationContext>{context}</n:EnumerationContext></n:Release>"
    root = wire.ask(names.RELEASE, THING, body)
    assert root.findtext("s:Header/a:Action", "", NSMAP) == f"{names.RELEASE}Response"
    assert invalid_context(wire, context)
    assert wire.fault(names.RELEASE, THING, body).code == 0x8033801B


def test_open_enumerations_count_against_the_quota(wire: Wire) -> None:
    wire.host.config["MaxConcurrentOperationsPerUser"] = 2
    contexts = [context_of(wire.enumerate(THING, optimize=False)) for _number in range(2)]
    fault = wire.fault(names.ENUMERATE, THING, enumerate_body())
    assert (fault.code, fault.subcode) == (0x803381A6, "w:QuotaLimit")
    assert wire.fault(names.GET, THING, selectors={"Name": "beta"}).code == 0x803381A6
    wire.pull(THING, contexts[0])
    wire.ask(names.GET, THING, selectors={"Name": "beta"})


# --- modes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "selectors"),
    [
        (GADGET, {"Id": "1", "Kind": "k", "__cimnamespace": "root/cimv2"}),
        (SYSTEM, {"__cimnamespace": "root/cimv2"}),
    ],
)
def test_objects_come_with_their_paths(wire: Wire, uri: str, selectors: dict[str, str]) -> None:
    item = items_of(wire.enumerate(uri, mode="EnumerateObjectAndEPR"))[0]
    assert item.tag == f"{{{names.WSMAN}}}Item"
    found, path = item
    assert etree.QName(found).localname == uri.rpartition("/")[2]
    assert path.tag == f"{{{names.ADDRESSING}}}EndpointReference"
    assert path.findtext(".//w:ResourceURI", "", NSMAP) == uri
    assert {one.get("Name"): one.text for one in path.findall(".//w:Selector", NSMAP)} == selectors
    again = wire.ask(names.GET, uri, selectors=selectors)
    assert members(first_of_body(again)) == members(found)


def test_paths_alone(wire: Wire) -> None:
    items = items_of(wire.enumerate(GADGET, mode="EnumerateEPR"))
    assert [item.tag for item in items] == [f"{{{names.ADDRESSING}}}EndpointReference"]


def test_paths_in_the_dmtf_style(wire: Wire) -> None:
    body = enumerate_body(mode="EnumerateEPR")
    response = first_of_body(wire.ask(names.ENUMERATE, f"{DMTF}gadget", body, {"__cimnamespace": "root/cimv2"}))
    assert items_of(response)[0].findtext(".//w:ResourceURI", "", NSMAP) == f"{DMTF}Gadget"


def test_references_are_keys_too(wire: Wire) -> None:
    path = items_of(wire.enumerate(LINK, mode="EnumerateEPR"))[0]
    selectors = path.find(".//w:SelectorSet", NSMAP)
    assert selectors is not None
    assert [item.get("Name") for item in selectors] == ["Left", "Right", "__cimnamespace"]
    assert selectors[0].findtext(".//w:Selector[@Name='Name']", "", NSMAP) == "alpha"
    again = wire.ask(names.GET, LINK, SelectorSet=etree.tostring(selectors).decode())
    assert first_of_body(again).tag == f"{{{LINK}}}ThingGadget"


@pytest.mark.parametrize("mode", ["EnumerateEverything", "enumerateepr"])
def test_an_unknown_mode(wire: Wire, mode: str) -> None:
    fault = wire.fault(names.ENUMERATE, THING, enumerate_body(mode=mode))
    assert (fault.code, fault.detail) == (0x80338086, "EnumerationMode")


# --- WQL -------------------------------------------------------------------------------------------------------------


def test_select_all_gives_whole_instances(wire: Wire) -> None:
    items = wire.query("select * from THING where Size >= 20 and Good = TRUE")
    assert [item.tag for item in items] == [f"{{{THING}}}Thing"]
    assert members(items[0])["Name"] == ["gamma"]


def test_columns_give_fragments_without_a_namespace_in_order(wire: Wire) -> None:
    item = wire.query("select Size, Name, Note, Born from Thing where Name = 'alpha'")[0]
    assert item.tag == f"{{{names.WSMAN}}}XmlFragment"
    assert [child.tag for child in item] == ["Born", "Name", "Note", "Size"]
    assert [child.tag for child in item[0]] == ["Datetime"]
    null = wire.query("select Note from Thing where Name = 'delta'")[0]
    assert members(null) == {"Note": [None]}


def test_a_derived_class_can_be_asked_for_by_name(wire: Wire) -> None:
    assert len(wire.query("select Extra from SpecialThing where Extra is not null")) == 1


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("select * from Nothing", "The specified class does not exist in the given namespace. "),
        ("select * form Thing", "Invalid query "),
        ("select Colour from Thing", "Invalid query "),
        ("select * from Thing where Name = 'C:\\Windows'", "Invalid query "),
    ],
)
def test_a_query_that_fails(wire: Wire, text: str, inner: str) -> None:
    fault = wire.fault(names.ENUMERATE, ALL, enumerate_body(filter_=wql_filter(text)))
    assert (fault.code, fault.subcode) == (2150858778, "n:CannotProcessFilter")
    assert fault.text(".//f:ProviderFault/f:WSManFault/f:Message") == inner
    assert fault.status["Operation"] == "ExecQuery"
    assert fault.status["ParameterInfo"] == text
    assert fault.status["ProviderName"] == "WinMgmt"


def test_a_query_in_a_missing_namespace(wire: Wire) -> None:
    body = enumerate_body(filter_=wql_filter("select * from Thing"))
    assert wire.fault(names.ENUMERATE, f"{WMI}root/none/*", body).code == 0x8004100E


def test_a_query_through_the_dmtf_style(wire: Wire) -> None:
    body = enumerate_body(filter_=wql_filter("select * from Gadget where Id = 2"))
    response = first_of_body(wire.ask(names.ENUMERATE, names.DMTF_ALL, body, {"__cimnamespace": "root/cimv2"}))
    assert [item.tag for item in items_of(response)] == [f"{{{DMTF}Gadget}}Gadget"]


def test_a_query_needs_the_star_and_the_star_a_query(wire: Wire) -> None:
    body = enumerate_body(filter_=wql_filter("select * from Thing"))
    assert wire.fault(names.ENUMERATE, THING, body).code == 0x803380FB
    assert wire.fault(names.ENUMERATE, ALL, enumerate_body()).code == 0x8033801A


def test_columns_have_no_paths(wire: Wire) -> None:
    body = enumerate_body(mode="EnumerateObjectAndEPR", filter_=wql_filter("select Name from Thing"))
    assert wire.fault(names.ENUMERATE, ALL, body).code == 0x80338086


def test_an_enumeration_takes_no_keys_and_no_unknown_dialect(wire: Wire) -> None:
    fault = wire.fault(names.ENUMERATE, THING, enumerate_body(), {"Name": "beta"})
    assert (fault.code, fault.detail) == (0x80338108, "UnexpectedSelectors")
    body = enumerate_body(filter_='<w:Filter Dialect="http://www.w3.org/TR/1999/REC-xpath-19991116">x</w:Filter>')
    unknown = wire.fault(names.ENUMERATE, THING, body)
    assert (unknown.code, unknown.subcode) == (0x80338019, "n:FilterDialectRequestedUnavailable")


@pytest.mark.parametrize(
    ("action", "body"), [(names.ENUMERATE, "<n:Pull/>"), (names.PULL, ""), (names.RELEASE, "<x/>")]
)
def test_another_body_than_the_action_wants(wire: Wire, action: str, body: str) -> None:
    assert wire.fault(action, THING, body).code == 0x80338027


# --- selector and association filters --------------------------------------------------------------------------------


def selector_filter(selectors: str) -> str:
    body = f"<w:SelectorSet>{selectors}</w:SelectorSet>" if selectors else ""
    return f'<w:Filter Dialect="{names.SELECTOR_DIALECT}">{body}</w:Filter>'


def test_a_selector_filter_takes_any_property(wire: Wire) -> None:
    wire.host.switches["enum_shape"] = "complete"
    chosen = '<w:Selector Name="good">true</w:Selector><w:Selector Name="Note">NOTE 2</w:Selector>'
    assert names_of(wire.enumerate(THING, filter_=selector_filter(chosen))) == ["gamma"]


@pytest.mark.parametrize(
    ("selectors", "code"),
    [
        ('<w:Selector Name="Colour">red</w:Selector>', 0x8033801A),
        ('<w:Selector Name="Tags">x</w:Selector>', 0x8033801A),
        ('<w:Selector Name="Born">2026-01-01</w:Selector>', 0x8033801A),
        ('<w:Selector Name="Size">big</w:Selector>', 0x8033805C),
        ("", 0x80338107),
    ],
)
def test_a_selector_filter_that_does_not_fit(wire: Wire, selectors: str, code: int) -> None:
    assert wire.fault(names.ENUMERATE, THING, enumerate_body(filter_=selector_filter(selectors))).code == code


def association(kind: str, name: str = "alpha", **words: str) -> str:
    inside = "".join(f"<b:{word}>{value}</b:{word}>" for word, value in words.items())
    selectors = f'<w:SelectorSet><w:Selector Name="Name">{name}</w:Selector></w:SelectorSet>'
    parameters = f"<w:ResourceURI>{THING}</w:ResourceURI>{selectors}"
    address = f"<a:Address>{names.ANONYMOUS}</a:Address><a:ReferenceParameters>{parameters}</a:ReferenceParameters>"
    query = f"<b:{kind}><b:Object>{address}</b:Object>{inside}</b:{kind}>"
    return f'<w:Filter Dialect="{names.ASSOCIATION_DIALECT}">{query}</w:Filter>'


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("AssociatedInstances", {}, ["Gadget"]),
        ("AssociatedInstances", {"AssociationClassName": "ThingGadget", "ResultClassName": "Gadget"}, ["Gadget"]),
        ("AssociatedInstances", {"Role": "Left", "ResultRole": "Right"}, ["Gadget"]),
        ("AssociatedInstances", {"Role": "Right"}, []),
        ("AssociatedInstances", {"ResultRole": "Left"}, []),
        ("AssociatedInstances", {"ResultClassName": "Thing"}, []),
        ("AssociationInstances", {}, ["ThingGadget"]),
        ("AssociationInstances", {"ResultClassName": "ThingGadget"}, ["ThingGadget"]),
    ],
)
def test_associations(wire: Wire, kind: str, words: dict[str, str], expected: list[str]) -> None:
    items = items_of(wire.enumerate(ALL, filter_=association(kind, **words)))
    assert [etree.QName(item).localname for item in items] == expected


def test_associations_of_what_is_not_there(wire: Wire) -> None:
    assert items_of(wire.enumerate(ALL, filter_=association("AssociatedInstances", "nobody"))) == []
    body = enumerate_body(filter_=association("AssociatedInstances", AssociationClassName="Nothing"))
    assert wire.fault(names.ENUMERATE, ALL, body).code == 0x80338000
    broken = f'<w:Filter Dialect="{names.ASSOCIATION_DIALECT}"><b:AssociatedInstances/></w:Filter>'
    assert wire.fault(names.ENUMERATE, ALL, enumerate_body(filter_=broken)).code == 0x80338107

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.simulator.wsman import names
from tests.simulator.wsman.provider import CimError
from tests.unit.simulator.wsman.fake_host import (
    DMTF,
    GADGET,
    NSMAP,
    REGISTRY,
    SYSTEM,
    THING,
    WMI,
    Wire,
    first_of_body,
    members,
)

BETA = {"Name": "beta"}
BORN = "<cim:Datetime>2026-02-28T11:59:59.999995Z</cim:Datetime>"
FULL = f"<p:Name>beta</p:Name><p:Size>10</p:Size><p:Note>new</p:Note><p:Born>{BORN}</p:Born><p:Good>false</p:Good>"


def put_body(uri: str, properties: str, name: str = "Thing") -> str:
    return f'<p:{name} xmlns:p="{uri}">{properties}</p:{name}>'


# --- Get -------------------------------------------------------------------------------------------------------------


def test_get_gives_the_instance_with_all_properties_in_order(wire: Wire) -> None:
    found = first_of_body(wire.ask(names.GET, THING, selectors=BETA))
    assert found.tag == f"{{{THING}}}Thing"
    assert found.get(f"{{{names.XSI}}}type") == "p:Thing_Type"
    assert list(members(found)) == ["Born", "Good", "Name", "Note", "Size", "Tags"]


@pytest.mark.parametrize(
    "selectors", [{"NAME": "BETA"}, {"name": "Beta"}, {"Name": "beta", "__cimnamespace": "ROOT\\CIMV2"}]
)
def test_selectors_do_not_mind_case(wire: Wire, selectors: dict[str, str]) -> None:
    found = first_of_body(wire.ask(names.GET, THING, selectors=selectors))
    assert members(found)["Name"] == ["beta"]


def test_uris_do_not_mind_case_and_the_callers_spelling_of_the_namespace_comes_back(wire: Wire) -> None:
    uri = f"{WMI}Root/CimV2/thing"
    found = first_of_body(wire.ask(names.GET, uri, selectors=BETA))
    assert found.tag == f"{{{WMI}Root/CimV2/Thing}}Thing"


def test_an_instance_of_a_derived_class_has_its_own_element(wire: Wire) -> None:
    found = first_of_body(wire.ask(names.GET, THING, selectors={"Name": "omega"}))
    assert found.tag == f"{{{WMI}root/cimv2/SpecialThing}}SpecialThing"
    assert members(found)["Extra"] == ["more?"]


def test_the_dmtf_style_needs_the_namespace_selector(wire: Wire) -> None:
    uri = f"{DMTF}Thing"
    found = first_of_body(wire.ask(names.GET, uri, selectors={**BETA, "__cimnamespace": "root/cimv2"}))
    assert found.tag == f"{{{uri}}}Thing"
    fault = wire.fault(names.GET, uri, selectors=BETA)
    assert fault.wmi_error["error_Code"] == str(0x8004100E)


def test_a_singleton_needs_no_selectors_and_takes_right_ones(wire: Wire) -> None:
    for selectors in ({}, {"Name": "windows"}):
        found = first_of_body(wire.ask(names.GET, SYSTEM, selectors=selectors))
        assert members(found)["Version"] == ["10.0.20348"]


@pytest.mark.parametrize(
    ("uri", "selectors", "code", "subcode", "detail"),
    [
        (THING, {}, 0x803380FA, "w:InvalidSelectors", "InsufficientSelectors"),
        (THING, {**BETA, "Size": "10"}, 0x8033805B, "w:InvalidSelectors", "UnexpectedSelectors"),
        (THING, {"Size": "10"}, 0x8033805B, "w:InvalidSelectors", "UnexpectedSelectors"),
        (GADGET, {"Id": "1"}, 0x8033805A, "w:InvalidSelectors", "InsufficientSelectors"),
        (GADGET, {"Id": "one", "Kind": "k"}, 0x8033805C, "w:InvalidSelectors", "TypeMismatch"),
        (GADGET, {"Id": "-1", "Kind": "k"}, 0x8033805C, "w:InvalidSelectors", "TypeMismatch"),
        (SYSTEM, {"Version": "10"}, 0x8033805B, "w:InvalidSelectors", "UnexpectedSelectors"),
        (THING, {**BETA, "__cimnamespace": "root/default"}, 0x8033803D, "w:InternalError", ""),
        (f"{WMI}Thing", BETA, 0x8033803B, "a:DestinationUnreachable", "InvalidResourceURI"),
        (f"{WMI}root/cimv2/", BETA, 0x8033803B, "a:DestinationUnreachable", "InvalidResourceURI"),
        (f"{DMTF}root/cimv2/Thing", BETA, 0x8033803B, "a:DestinationUnreachable", "InvalidResourceURI"),
        ("http://example.com/thing", BETA, 0x8033803B, "a:DestinationUnreachable", "InvalidResourceURI"),
    ],
)
def test_wrong_addresses(wire: Wire, uri: str, selectors: dict[str, str], code: int, subcode: str, detail: str) -> None:
    fault = wire.fault(names.GET, uri, selectors=selectors)
    assert (fault.code, fault.subcode, fault.detail) == (code, subcode, detail)


def test_a_missing_instance_is_a_resource_that_cannot_be_found(wire: Wire) -> None:
    fault = wire.fault(names.GET, THING, selectors={"Name": "nobody"})
    assert (fault.code, fault.subcode, fault.detail) == (0x80338000, "a:DestinationUnreachable", "InvalidResourceURI")
    assert fault.status["Operation"] == "GetObject"
    assert fault.status["ParameterInfo"] == 'Thing.Name="nobody"'
    assert fault.status["ProviderName"] == "ThingProv"


@pytest.mark.parametrize(("choice", "code"), [("not_found", 0x80338000), ("invalid_class", 0x80041010)])
def test_a_missing_class(wire: Wire, choice: str, code: int) -> None:
    wire.host.switches["missing_class"] = choice
    fault = wire.fault(names.GET, f"{WMI}root/cimv2/Nothing", selectors=BETA)
    assert fault.code == code
    assert fault.status["ProviderName"] == "WinMgmt"
    mi = wire.fault(names.GET, f"{DMTF}Nothing", selectors={**BETA, "__cimnamespace": "root/cimv2"})
    assert (mi.wmi_error["CIMStatusCode"], mi.wmi_error["MessageID"]) == ("5", "HRESULT 0x80041010")


def test_a_missing_namespace(wire: Wire) -> None:
    fault = wire.fault(names.GET, f"{WMI}root/cimv2/TerminalServices/Thing", selectors=BETA)
    assert (fault.code, fault.subcode) == (0x8004100E, "w:InternalError")
    mi = wire.fault(names.GET, f"{DMTF}Thing", selectors={**BETA, "__cimnamespace": "root/none"})
    assert (mi.wmi_error["CIMStatusCode"], mi.wmi_error["error_Code"]) == ("3", str(0x8004100E))


# --- fragments -------------------------------------------------------------------------------------------------------


def fragment(path: str) -> str:
    return f'<w:FragmentTransfer s:mustUnderstand="true">{path}</w:FragmentTransfer>'


@pytest.mark.parametrize(("path", "texts"), [("Note", ["note 2"]), ("Tags", ["x", "x"]), ("Tags[2]", ["x"])])
def test_a_fragment(wire: Wire, path: str, texts: list[str]) -> None:
    root = wire.ask(names.GET, THING, selectors={"Name": "gamma"}, extra=fragment(path))
    found = first_of_body(root)
    assert found.tag == f"{{{names.WSMAN}}}XmlFragment"
    assert [item.text for item in found] == texts
    assert root.findtext("s:Header/w:FragmentTransfer", "", NSMAP) == path


@pytest.mark.parametrize("path", ["note", "/Note", "Colour", "Tags[0]", "Tags[9]", "Note[1]", "*", "Note/text()"])
def test_a_fragment_that_is_none(wire: Wire, path: str) -> None:
    fault = wire.fault(names.GET, THING, selectors={"Name": "gamma"}, extra=fragment(path))
    assert (fault.code, fault.subcode) == (0x80338093, "n:CannotProcessFilter")


def test_put_of_a_fragment(wire: Wire) -> None:
    body = f'<w:XmlFragment><p:Note xmlns:p="{THING}">changed</p:Note></w:XmlFragment>'
    found = first_of_body(wire.ask(names.PUT, THING, body, BETA, fragment("Note")))
    assert members(found)["Note"] == ["changed"]
    assert wire.host.things.things["beta"].values["Size"] == 10


# --- Put -------------------------------------------------------------------------------------------------------------


def test_put_of_the_whole_instance(wire: Wire) -> None:
    found = first_of_body(wire.ask(names.PUT, THING, put_body(THING, FULL), BETA))
    assert members(found)["Note"] == ["new"]
    assert wire.host.things.things["beta"].values["Note"] == "new"


def test_put_of_a_part_needs_a_provider_that_takes_it(wire: Wire) -> None:
    fault = wire.fault(names.PUT, THING, put_body(THING, "<p:Note>new</p:Note>"), BETA)
    assert (fault.code, fault.subcode, fault.detail) == (0x80338057, "x:InvalidRepresentation", "MissingValues")
    wire.ask(names.PUT, GADGET, put_body(GADGET, "<p:Note>new</p:Note>", "Gadget"), {"Id": "1", "Kind": "k"})
    assert wire.host.gadgets.changes == [{"Note": "new"}]


@pytest.mark.parametrize(
    ("choice", "uri", "name", "selectors", "works"),
    [
        ("accepted", THING, "Thing", BETA, True),
        ("refused", GADGET, "Gadget", {"Id": "1", "Kind": "k"}, False),
    ],
)
def test_partial_put_by_the_switch(
    wire: Wire, choice: str, uri: str, name: str, selectors: dict[str, str], works: bool
) -> None:
    wire.host.switches["put_partial"] = choice
    body = put_body(uri, "<p:Note>new</p:Note>", name)
    if works:
        wire.ask(names.PUT, uri, body, selectors)
    else:
        assert wire.fault(names.PUT, uri, body, selectors).code == 0x80338057


def test_only_listed_properties_are_changed(wire: Wire) -> None:
    listed = '<w:OptionSet><w:Option Name="wmiarray:__MIInstanceModifiedPropertiesList">Good</w:Option></w:OptionSet>'
    wire.ask(names.PUT, THING, put_body(THING, FULL.replace("false", "true")), BETA, listed)
    assert wire.host.things.things["beta"].values["Note"] == "note 1"
    assert wire.host.things.things["beta"].values["Good"] is True


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 0x80338027),
        (put_body(THING, FULL, "Other"), 0x80338015),
        (put_body(f"{WMI}root/other/Thing", FULL), 0x80338058),
        (put_body(THING, FULL + "<p:Colour>red</p:Colour>"), 0x80338015),
        (put_body(THING, FULL.replace("beta", "gamma")), 0x80338056),
        (put_body(THING, FULL.replace("false", "no")), 0x80338054),
    ],
)
def test_put_that_does_not_fit(wire: Wire, body: str, code: int) -> None:
    assert wire.fault(names.PUT, THING, body, BETA).code == code
    assert wire.host.things.things["beta"].values["Note"] == "note 1"


def test_a_read_only_property_may_only_repeat_its_value(wire: Wire) -> None:
    fault = wire.fault(names.PUT, THING, put_body(THING, FULL.replace(">10<", ">11<")), BETA)
    assert fault.code == 0x80041023


def test_put_where_no_provider_takes_it(wire: Wire) -> None:
    fault = wire.fault(names.PUT, SYSTEM, put_body(SYSTEM, "<p:Name>x</p:Name>", "System"))
    assert (fault.code, fault.status["Operation"]) == (0x80338102, "PutInstance")


# --- Create, Delete --------------------------------------------------------------------------------------------------


def test_create_answers_with_the_path(wire: Wire) -> None:
    root = wire.ask(names.CREATE, THING, put_body(THING, "<p:Name>new</p:Name><p:Size>1</p:Size>"))
    created = first_of_body(root)
    assert created.tag == f"{{{names.TRANSFER}}}ResourceCreated"
    assert created.findtext(".//w:ResourceURI", "", NSMAP) == THING
    selectors = {item.get("Name"): item.text for item in created.findall(".//w:Selector", NSMAP)}
    assert selectors == {"Name": "new", "__cimnamespace": "root/cimv2"}
    again = wire.fault(names.CREATE, THING, put_body(THING, "<p:Name>new</p:Name>"))
    assert (again.code, again.subcode) == (0x80338033, "w:AlreadyExists")


def test_create_that_is_refused(wire: Wire) -> None:
    assert wire.fault(names.CREATE, THING, put_body(THING, "<p:Name>x</p:Name>"), BETA).code == 0x8033805B
    assert wire.fault(names.CREATE, GADGET, put_body(GADGET, "", "Gadget")).wmi_error["CIMStatusCode"] == "7"


def test_delete(wire: Wire) -> None:
    root = wire.ask(names.DELETE, THING, selectors=BETA)
    body = root.find("s:Body", NSMAP)
    assert body is not None
    assert len(body) == 0
    assert "beta" not in wire.host.things.things
    assert wire.fault(names.DELETE, THING, selectors=BETA).code == 0x80338000
    assert wire.fault(names.DELETE, THING).code == 0x803380FA
    refused = wire.fault(names.DELETE, GADGET, selectors={"Id": "1", "Kind": "k"})
    assert refused.wmi_error["error_Code"] == str(0x80041024)


# --- Invoke ----------------------------------------------------------------------------------------------------------


def test_a_static_method(wire: Wire) -> None:
    output = wire.invoke(REGISTRY, "GetText", "<p:hDefKey>2147483650</p:hDefKey><p:sName>x</p:sName>")
    assert output.tag == f"{{{REGISTRY}}}GetText_OUTPUT"
    assert members(output) == {"sValue": ["2147483650\\x"], "ReturnValue": ["0"]}


def test_the_answers_action_is_the_requests_with_response(wire: Wire) -> None:
    uri = f"{WMI}Root/Default/Registry"
    root = wire.ask(f"{uri}/Nothing", uri, f'<p:Nothing_INPUT xmlns:p="{uri}"/>')
    assert root.findtext("s:Header/a:Action", "", NSMAP) == f"{uri}/NothingResponse"
    assert first_of_body(root).tag == f"{{{uri}}}Nothing_OUTPUT"
    assert len(first_of_body(root)) == 0


def test_a_prefix_on_the_input_element_is_not_needed(wire: Wire) -> None:
    body = f'<GetText_INPUT xmlns:p="{REGISTRY}"><p:hDefKey>1</p:hDefKey></GetText_INPUT>'
    assert members(first_of_body(wire.ask(f"{REGISTRY}/GetText", REGISTRY, body)))["sValue"] == ["1\\None"]


def test_an_instances_method(wire: Wire) -> None:
    assert members(wire.invoke(THING, "Start", selectors={"name": "BETA"})) == {"ReturnValue": ["0"]}
    assert wire.host.things.started == [{"Name": "BETA"}]


def test_a_singletons_method_needs_no_selectors(wire: Wire) -> None:
    assert members(wire.invoke(SYSTEM, "Reboot")) == {"ReturnValue": ["0"]}


def test_a_static_method_may_be_called_on_an_instances_path(wire: Wire) -> None:
    assert members(wire.invoke(THING, "Count", selectors=BETA)) == {"ReturnValue": ["5"]}
    assert wire.host.things.started == [None]


def test_bytes_both_ways(wire: Wire) -> None:
    wire.invoke(REGISTRY, "SetBytes", "".join(f"<p:uValue>{byte}</p:uValue>" for byte in (0, 1, 255)))
    assert wire.host.registry.data == b"\x00\x01\xff"
    assert members(wire.invoke(REGISTRY, "GetBytes"))["uValue"] == ["0", "1", "255"]
    wire.invoke(REGISTRY, "SetBytes", "")
    assert members(wire.invoke(REGISTRY, "GetBytes")) == {"ReturnValue": ["2"]}


@pytest.mark.parametrize(
    ("uri", "method", "body", "selectors", "code"),
    [
        (REGISTRY, "Nonsense", "Nonsense_INPUT", {}, 0x8004102E),
        (REGISTRY, "gettext", "gettext_INPUT", {}, 0x8004102E),
        (REGISTRY, "GetText", "GetText_INPUT", {}, 0x8004102F),
        (REGISTRY, "GetText", "GetText", {}, 0x80338041),
        (REGISTRY, "GetText", "", {}, 0x80338027),
        (REGISTRY, "Nothing", "Nothing_INPUT", {"Name": "x"}, 0x8033805B),
        (THING, "Start", "Start_INPUT", {}, 0x803380FA),
        (THING, "Start", "Start_INPUT", {"Name": "nobody"}, 0x80338000),
        (THING, "Count", "Count_INPUT", {"Size": "1"}, 0x8033805B),
    ],
)
def test_invocations_that_are_refused(
    wire: Wire, uri: str, method: str, body: str, selectors: dict[str, str], code: int
) -> None:
    element = f'<p:{body} xmlns:p="{uri}"/>' if body else ""
    assert wire.fault(f"{uri}/{method}", uri, element, selectors).code == code
    assert wire.host.things.started == []


def test_an_action_of_another_resource_is_not_supported(wire: Wire) -> None:
    fault = wire.fault(f"{THING}/Start", REGISTRY, f'<p:Start_INPUT xmlns:p="{THING}"/>')
    assert (fault.code, fault.subcode) == (0x80338013, "a:ActionNotSupported")
    assert wire.fault(f"{REGISTRY}/", REGISTRY).code == 0x80338013


@pytest.mark.parametrize(
    ("hresult", "code", "subcode"),
    [
        (0x80041003, 0x80338104, "w:AccessDenied"),
        (0x80041008, 0x8033811E, "w:InvalidParameter"),
        (0x80041016, 0x80041016, "w:InternalError"),
        (0x80041001, 0x80041001, "w:InternalError"),
        (0x80070490, 0x80070490, "w:InternalError"),
    ],
)
def test_what_a_provider_raises_comes_out_as_windows_says_it(wire: Wire, hresult: int, code: int, subcode: str) -> None:
    wire.host.things.refusal = CimError(hresult, "Not today. ")
    fault = wire.fault(f"{THING}/Count", THING, f'<p:Count_INPUT xmlns:p="{THING}"/>')
    assert (fault.code, fault.subcode) == (code, subcode)
    assert fault.text(".//f:ProviderFault/f:WSManFault/f:Message") == "Not today. "
    assert fault.status == {
        "Description": "",
        "Operation": "ExecMethod",
        "ParameterInfo": "Thing::Count",
        "ProviderName": "ThingProv",
        "StatusCode": "",
    }


@pytest.mark.parametrize(("choice", "plain"), [("extended_status", True), ("wmi_error", False)])
@pytest.mark.parametrize(("uri", "selectors"), [(THING, {"Name": "x"}), (GADGET, {"Id": "9", "Kind": "k"})])
def test_the_shape_of_faults_by_the_switch(
    wire: Wire, choice: str, plain: bool, uri: str, selectors: dict[str, str]
) -> None:
    wire.host.switches["fault_shape"] = choice
    fault = wire.fault(names.GET, uri, selectors=selectors)
    assert bool(fault.status) is plain
    assert bool(fault.wmi_error) is not plain


def test_the_kind_of_the_provider_decides_the_shape(wire: Wire) -> None:
    assert wire.fault(names.GET, GADGET, selectors={"Id": "9", "Kind": "k"}).wmi_error["CIMStatusCode"] == "6"

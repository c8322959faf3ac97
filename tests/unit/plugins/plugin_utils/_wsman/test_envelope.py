# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope as e
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, EncodingLimit
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import Resource, resource
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    ENUMERATION,
    NS,
    TRANSFER,
    Sent,
    enumerated,
    envelope,
    epr,
    fragment,
    instance,
    item,
    pulled,
)

SERVICE = resource("root/cimv2", "Win32_Service", "wmi")
SERVICE_DMTF = resource("root/cimv2", "Win32_Service", "dmtf")
REQUEST = e.Request(b"", "uuid:A")


def read(request: e.Request) -> Sent:
    return Sent(request.body, repeatable=True)


def answer(body: str) -> e.Reply:
    return e.parse(envelope(body, "uuid:a"), REQUEST)


def test_every_request_carries_what_windows_demands() -> None:
    sent = read(e.build_get(SERVICE, {"Name": "TermService"}))
    must = {f"{{{NS['s']}}}mustUnderstand": "true"}
    header = sent.root.find("s:Header", NS)
    assert sent.text("s:Header/a:ReplyTo/a:Address") == f"{NS['a']}/role/anonymous"
    assert sent.text("s:Header/w:MaxEnvelopeSize") == "512000"
    assert sent.text("s:Header/w:OperationTimeout") == "PT20S"
    assert sent.message_id.startswith("uuid:")
    for name in ("a:Action", "w:ResourceURI"):
        assert header.find(name, NS).attrib == must
    locale = header.find("w:Locale", NS)
    assert locale.get(f"{{{NS['s']}}}mustUnderstand") == "false"


def test_each_message_has_an_id_of_its_own() -> None:
    assert len({e.build_get(SERVICE, {}).message_id for _count in range(50)}) == 50


@pytest.mark.parametrize(
    ("request_", "action"),
    [
        (e.build_get(SERVICE, {}), f"{TRANSFER}/Get"),
        (e.build_put(SERVICE, {}, e.NOTHING), f"{TRANSFER}/Put"),
        (e.build_create(SERVICE, e.NOTHING), f"{TRANSFER}/Create"),
        (e.build_delete(SERVICE, {}), f"{TRANSFER}/Delete"),
        (e.build_enumerate(SERVICE), f"{ENUMERATION}/Enumerate"),
        (e.build_pull(SERVICE, "c"), f"{ENUMERATION}/Pull"),
        (e.build_release(SERVICE, "c"), f"{ENUMERATION}/Release"),
        (e.build_invoke(SERVICE, "StopService", {}, e.NOTHING), f"{SERVICE.uri}/StopService"),
        (e.build_invoke(SERVICE_DMTF, "StopService", {}, e.NOTHING), f"{SERVICE_DMTF.uri}/StopService"),
    ],
    ids=lambda value: value.rpartition("/")[2] if isinstance(value, str) else "",
)
def test_actions(request_: e.Request, action: str) -> None:
    assert read(request_).action == action


def test_the_namespace_selector_goes_with_the_dmtf_style_alone() -> None:
    assert read(e.build_get(SERVICE, {"Name": "x"})).selectors == {"Name": "x"}
    assert read(e.build_get(SERVICE_DMTF, {"Name": "x"})).selectors == {"__cimnamespace": "root/cimv2", "Name": "x"}


def test_an_invoke_without_parameters_has_an_empty_input() -> None:
    sent = read(e.build_invoke(SERVICE, "StopService", {"Name": "x"}, e.NOTHING))
    assert sent.body.tag == f"{{{SERVICE.uri}}}StopService_INPUT"
    assert len(sent.body) == 0


def test_a_singleton_and_a_static_method_have_no_selector_set() -> None:
    assert read(e.build_get(SERVICE, {})).root.find("s:Header/w:SelectorSet", NS) is None


def test_a_selector_can_be_empty_or_a_reference() -> None:
    inner = e.EndpointReference(SERVICE.uri, {"Name": "TermService"})
    sent = read(e.build_get(SERVICE, {"Dependent": inner, "SystemName": "", "Odd": '<&">'}))
    assert sent.selectors["SystemName"] == ""
    assert sent.selectors["Odd"] == '<&">'
    nested = sent.root.find("s:Header/w:SelectorSet/w:Selector/a:EndpointReference", NS)
    assert e.read_reference(nested) == inner


def test_options_carry_their_type() -> None:
    options = [e.Option("wmi:PolicyStore", "ActiveStore"), e.Option("wmiarray:X", "1", "xs:string")]
    sent = read(e.build_put(SERVICE, {}, e.NOTHING, options))
    assert sent.options == [("wmi:PolicyStore", "ActiveStore"), ("wmiarray:X", "1")]
    types = [option.get("Type") for option in sent.root.findall("s:Header/w:OptionSet/w:Option", NS)]
    assert types == [None, "xs:string"]


def test_enumerate_is_optimised_and_asks_for_references_when_wanted() -> None:
    sent = read(e.build_enumerate(SERVICE, e.wql_filter("select * from A where B<'&'"), with_epr=True, max_elements=7))
    assert [name for name, _text in sent.arguments] == [
        "OptimizeEnumeration", "MaxElements", "EnumerationMode", "Filter",
    ]  # fmt: skip
    assert dict(sent.arguments)["MaxElements"] == "7"
    assert dict(sent.arguments)["EnumerationMode"] == "EnumerateObjectAndEPR"
    assert sent.wql == "select * from A where B<'&'"


def test_pull_and_release_name_the_context() -> None:
    assert dict(read(e.build_pull(SERVICE, "uuid:<1>", max_elements=5)).arguments) == {
        "EnumerationContext": "uuid:<1>",
        "MaxElements": "5",
    }
    assert read(e.build_release(SERVICE, "uuid:1")).arguments == [("EnumerationContext", "uuid:1")]


def test_identify_has_neither_header_nor_action() -> None:
    root = ElementTree.fromstring(e.build_identify().body)
    assert len(root.find("s:Header", NS)) == 0
    assert [child.tag for child in root.find("s:Body", NS)] == [f"{{{e.IDENTITY}}}Identify"]


def test_what_windows_would_refuse_for_its_size_is_not_sent() -> None:
    with pytest.raises(EncodingLimit, match="512000"):
        e.build_put(SERVICE, {}, e.escape("x" * 512_000))


class TestAnswers:
    def test_the_first_child_of_the_body_is_the_answer(self) -> None:
        assert answer(instance("Win32_Service", "")).first.tag.endswith("}Win32_Service")
        assert answer("").first is None

    @pytest.mark.parametrize("relates_to", ["uuid:B", "", "uuid:A "], ids=["other", "none", "blank after"])
    def test_an_answer_to_another_request_is_refused(self, relates_to: str) -> None:
        document = envelope("<x/>", relates_to)
        if relates_to.strip() == "uuid:A":
            assert e.parse(document, REQUEST)
        else:
            with pytest.raises(BadAnswer, match="RelatesTo"):
                e.parse(document, REQUEST)

    def test_a_fault_of_another_request_is_refused(self) -> None:
        with pytest.raises(BadAnswer, match="RelatesTo"):
            e.parse(envelope("<s:Fault/>", "uuid:B"), REQUEST)

    @pytest.mark.parametrize(
        "document",
        [
            b"<html/>",
            b"<Envelope/>",
            b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
            b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/></s:Envelope>',
        ],
        ids=["HTML", "no namespace", "SOAP 1.1", "no body"],
    )
    def test_what_is_no_soap_answer_is_refused(self, document: bytes) -> None:
        with pytest.raises(BadAnswer):
            e.parse(document, e.Request(b"", ""))

    def test_created_reference(self) -> None:
        inside = epr("MSFT_X", InstanceID="1").replace("a:EndpointReference", "x:ResourceCreated")
        assert e.read_created(answer(inside)).selectors["InstanceID"] == "1"
        assert e.read_created(answer(inside)).class_name == "MSFT_X"
        with pytest.raises(BadAnswer):
            e.read_created(answer("<x/>"))

    def test_a_reference_without_resource_is_refused(self) -> None:
        with pytest.raises(BadAnswer):
            e.read_created(answer("<x:ResourceCreated/>"))


class TestBatches:
    OBJECT = instance("Win32_Service", "<p:Name>A</p:Name>")

    def test_complete(self) -> None:
        batch = e.read_batch(answer(enumerated(self.OBJECT, self.OBJECT)))
        assert (len(batch.items), batch.context, batch.ended) == (2, "", True)

    def test_the_first_and_a_context(self) -> None:
        batch = e.read_batch(answer(enumerated(self.OBJECT, context="uuid:1", ended=False)))
        assert (len(batch.items), batch.context, batch.ended) == (1, "uuid:1", False)

    def test_only_a_context(self) -> None:
        batch = e.read_batch(answer(enumerated(context="uuid:1", ended=False)))
        assert (batch.items, batch.context, batch.ended) == ((), "uuid:1", False)

    def test_no_match(self) -> None:
        assert e.read_batch(answer(enumerated())) == e.Batch((), "", True)

    def test_pull_has_its_items_in_another_namespace(self) -> None:
        assert len(e.read_batch(answer(pulled(self.OBJECT))).items) == 1

    def test_object_and_reference(self) -> None:
        (one,) = e.read_batch(answer(enumerated(item(self.OBJECT, epr("Win32_Service", Name="A"))))).items
        assert one.value.tag.endswith("}Win32_Service")
        assert one.reference.selectors == {"__cimnamespace": "root/cimv2", "Name": "A"}

    def test_only_a_reference(self) -> None:
        (one,) = e.read_batch(answer(enumerated(epr("Win32_Service", Name="A")))).items
        assert one.value is None
        assert one.reference.class_name == "Win32_Service"

    @pytest.mark.parametrize("wrap", [lambda text: text, item], ids=["bare", "in an Item"])
    def test_fragment(self, wrap: Callable[[str], str]) -> None:
        (one,) = e.read_batch(answer(enumerated(wrap(fragment("<Name>A</Name>"))))).items
        assert one.value.tag.endswith("}XmlFragment")

    @pytest.mark.parametrize("body", ["", "<x/>", instance("Win32_Service", "")])
    def test_something_else_is_refused(self, body: str) -> None:
        with pytest.raises(BadAnswer):
            e.read_batch(answer(body))


def test_shell_requests() -> None:
    created = read(e.build_shell_create())
    assert created.options == [("WINRS_NOPROFILE", "TRUE"), ("WINRS_CODEPAGE", "65001")]
    command = read(e.build_shell_command("S1", "ipconfig", ["/flushdns"]))
    assert command.arguments == [("Command", "ipconfig"), ("Arguments", "/flushdns")]
    assert command.selectors == {"ShellId": "S1"}
    received = read(e.build_shell_receive("S1", "C1"))
    assert received.body[0].get("CommandId") == "C1"
    signalled = read(e.build_shell_signal("S1", "C1"))
    assert signalled.body.get("CommandId") == "C1"
    assert signalled.arguments[0][1].endswith("/signal/terminate")
    assert read(e.build_shell_delete("S1")).action == f"{TRANSFER}/Delete"
    assert {Resource(sent.uri).uri.rpartition("/")[2] for sent in (created, command, received, signalled)} == {"cmd"}

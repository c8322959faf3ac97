# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of MS-WSMV 3.1.4.1 for headers."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.envelope import duration
from tests.simulator.wsman.provider import Caller
from tests.unit.simulator.wsman.fake_host import ADMINISTRATOR, NSMAP, THING, Fault, Wire, envelope

BETA = {"Name": "beta"}
TWICE = (
    '<w:SelectorSet><w:Selector Name="Name">beta</w:Selector><w:Selector Name="NAME">beta</w:Selector></w:SelectorSet>'
)
NAMELESS = "<w:SelectorSet><w:Selector>beta</w:Selector></w:SelectorSet>"
OBLIGATORY = '<w:OptionSet><w:Option Name="x" MustComply="true"/></w:OptionSet>'
MI_OPTION = '<w:Option Name="__MI_CallbackRegistration" Type="xs:int">11</w:Option>'
ANYWHERE = "<a:ReplyTo><a:Address>http://elsewhere/</a:Address></a:ReplyTo>"


@pytest.mark.parametrize(
    ("replaced", "extra", "code", "subcode", "detail"),
    [
        ({"ReplyTo": ""}, "", 0x80338011, "a:MessageInformationHeaderRequired", ""),
        ({"ReplyTo": ANYWHERE}, "", 0x80338076, "w:UnsupportedFeature", "AddressingMode"),
        ({"ReplyTo": "<a:ReplyTo/>"}, "", 0x80338076, "w:UnsupportedFeature", "AddressingMode"),
        (
            {},
            "<a:FaultTo><a:Address>http://x/</a:Address></a:FaultTo>",
            0x80338076,
            "w:UnsupportedFeature",
            "AddressingMode",
        ),
        ({"To": ""}, "", 0x80338011, "a:MessageInformationHeaderRequired", ""),
        ({"Action": ""}, "", 0x80338011, "a:MessageInformationHeaderRequired", ""),
        ({"MessageID": ""}, "", 0x8033800F, "a:InvalidMessageInformationHeader", ""),
        ({"MessageID": "<a:MessageID> </a:MessageID>"}, "", 0x8033800F, "a:InvalidMessageInformationHeader", ""),
        (
            {"MessageID": f"<a:MessageID>{'x' * 2049}</a:MessageID>"},
            "",
            0x8033800F,
            "a:InvalidMessageInformationHeader",
            "",
        ),
        ({"ResourceURI": ""}, "", 0x8033803B, "a:DestinationUnreachable", "InvalidResourceURI"),
        ({}, "<w:MaxEnvelopeSize>8191</w:MaxEnvelopeSize>", 0x8033807E, "w:EncodingLimit", "MinimumEnvelopeLimit"),
        ({}, "<w:MaxEnvelopeSize>big</w:MaxEnvelopeSize>", 0x8033800F, "a:InvalidMessageInformationHeader", ""),
        ({}, "<w:OperationTimeout>20</w:OperationTimeout>", 0x80338081, "a:InvalidMessageInformationHeader", ""),
        ({}, "<w:OperationTimeout>PT0S</w:OperationTimeout>", 0x80338081, "a:InvalidMessageInformationHeader", ""),
        ({}, '<w:Locale xml:lang="de-DE" s:mustUnderstand="true"/>', 0x80338087, "w:UnsupportedFeature", "Locale"),
        (
            {},
            '<p:DataLocale xml:lang="de-DE" s:mustUnderstand="true"/>',
            0x80338087,
            "w:UnsupportedFeature",
            "DataLocale",
        ),
        ({}, '<p:Mystery s:mustUnderstand="true"/>', 0x80338010, "", ""),
        ({}, "<w:FragmentTransfer>Note</w:FragmentTransfer>", 0x8033800F, "a:InvalidMessageInformationHeader", ""),
        ({}, "<w:OptionSet><w:Option>x</w:Option></w:OptionSet>", 0x80338041, "w:SchemaValidationError", ""),
        ({}, OBLIGATORY, 0x80338051, "w:InvalidOptions", "NotSupported"),
        ({"SelectorSet": TWICE}, "", 0x8033805F, "w:InvalidSelectors", "DuplicateSelectors"),
        ({"SelectorSet": NAMELESS}, "", 0x80338041, "w:SchemaValidationError", ""),
    ],
)
def test_headers_that_are_refused(
    wire: Wire, replaced: dict[str, Any], extra: str, code: int, subcode: str, detail: str
) -> None:
    fault = wire.fault(names.GET, THING, selectors=BETA, extra=extra, **replaced)
    assert (fault.code, fault.subcode, fault.detail) == (code, subcode, detail)


@pytest.mark.parametrize(
    "extra",
    [
        "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>",
        '<w:MaxEnvelopeSize s:mustUnderstand="true">67108864</w:MaxEnvelopeSize>',
        "<w:OperationTimeout>PT060.000S</w:OperationTimeout>",
        "<w:OperationTimeout>P0DT1H0M5S</w:OperationTimeout>",
        '<w:Locale xml:lang="de-DE" s:mustUnderstand="false"/>',
        "<p:Mystery/>",
        '<p:SessionId s:mustUnderstand="false">uuid:1</p:SessionId>',
        f'<w:OptionSet s:mustUnderstand="true">{MI_OPTION}</w:OptionSet>',
        '<w:FragmentTransfer s:mustUnderstand="true">Note</w:FragmentTransfer>',
    ],
)
def test_headers_that_are_taken(wire: Wire, extra: str) -> None:
    wire.ask(names.GET, THING, selectors=BETA, extra=extra)


def test_an_understood_fault_says_so_in_its_code(wire: Wire) -> None:
    fault = wire.fault(names.GET, THING, selectors=BETA, extra='<p:Mystery s:mustUnderstand="1"/>')
    assert fault.text(".//s:Code/s:Value") == "s:MustUnderstand"


def test_a_header_may_not_come_twice(wire: Wire) -> None:
    assert wire.fault(names.GET, THING, selectors=BETA, extra="<a:To>http://x/</a:To>").code == 0x8033800F


def test_an_answer_relates_to_its_request_and_echoes(wire: Wire) -> None:
    echoes = "<p:OperationID>uuid:7</p:OperationID><p:SequenceId>1</p:SequenceId>"
    root = wire.ask(names.GET, THING, selectors=BETA, extra=echoes, MessageID="<a:MessageID>uuid:42</a:MessageID>")
    assert root.findtext("s:Header/a:RelatesTo", "", NSMAP) == "uuid:42"
    assert root.findtext("s:Header/a:Action", "", NSMAP) == f"{names.GET}Response"
    assert root.findtext("s:Header/a:To", "", NSMAP) == names.ANONYMOUS
    assert root.findtext("s:Header/p:OperationID", "", NSMAP) == "uuid:7"
    assert root.findtext("s:Header/p:SequenceId", "", NSMAP) == "1"


def test_a_fault_about_the_header_relates_to_its_request_too(wire: Wire) -> None:
    fault = wire.fault(names.GET, THING, ReplyTo="", MessageID="<a:MessageID>uuid:42</a:MessageID>")
    assert fault.text("s:Header/a:RelatesTo") == "uuid:42"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 0x80338043),
        (b"\x00\xff", 0x80338043),
        (b"<s:Envelope", 0x80338043),
        (b"<Envelope/>", 0x80338043),
        (f'<s:Envelope xmlns:s="{names.SOAP}"/>'.encode(), 0x80338027),
        (f'<s:Envelope xmlns:s="{names.SOAP}"><s:Body/></s:Envelope>'.encode(), 0x80338011),
        (f'<!DOCTYPE x><s:Envelope xmlns:s="{names.SOAP}"><s:Body/></s:Envelope>'.encode(), 0x80338043),
        (
            '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>'
            f'<s:Envelope xmlns:s="{names.SOAP}"><s:Body>&y;</s:Body></s:Envelope>'.encode(),
            0x80338043,
        ),
    ],
)
def test_what_is_no_request(wire: Wire, body: bytes, code: int) -> None:
    answer = wire.send(body)
    assert answer.status == 500
    assert Fault(etree.fromstring(answer.body)).code == code
    assert [operation.kind for operation in wire.host.operations] == ["invalid"]


def test_utf_16_is_taken_and_its_doctype_refused(wire: Wire) -> None:
    good = envelope(names.GET, THING, selectors=BETA).decode()
    assert wire.send(good.encode("utf-16")).status == 200
    assert wire.send(f"<!DOCTYPE x>{good}".encode("utf-16")).status == 500


def test_a_request_larger_than_the_service_takes_is_413(wire: Wire) -> None:
    wire.host.config["MaxEnvelopeSizekb"] = 10
    request = envelope(names.GET, THING, selectors=BETA, extra=f"<p:Fill>{'x' * 10240}</p:Fill>")
    answer = wire.send(request)
    assert (answer.status, answer.body) == (413, b"")
    assert wire.host.operations == []


def test_an_answer_larger_than_the_client_takes_is_a_fault(wire: Wire) -> None:
    wire.host.things.things["beta"].values["Note"] = "x" * 9000  # type: ignore[index]  # the fake keeps dicts
    small = "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>"
    fault = wire.fault(names.GET, THING, selectors=BETA, extra=small)
    assert (fault.code, fault.subcode, fault.detail) == (0x80338048, "w:EncodingLimit", "MaxEnvelopeSizeExceeded")
    wire.ask(names.GET, THING, selectors=BETA, extra="<w:MaxEnvelopeSize>20000</w:MaxEnvelopeSize>")


def test_the_service_caps_what_the_client_takes(wire: Wire) -> None:
    wire.host.config["MaxEnvelopeSizekb"] = 10
    wire.host.things.things["beta"].values["Note"] = "x" * 11000  # type: ignore[index]  # the fake keeps dicts
    large = "<w:MaxEnvelopeSize>500000</w:MaxEnvelopeSize>"
    assert wire.fault(names.GET, THING, selectors=BETA, extra=large).code == 0x80338048


def test_nobody_gets_401(wire: Wire) -> None:
    answer = wire.engine.handle(envelope(names.GET, THING, selectors=BETA), None)
    assert (answer.status, answer.body) == (401, b"")
    assert wire.host.operations == []


def test_unencrypted_traffic_is_refused_unless_allowed(wire: Wire) -> None:
    request = envelope(names.GET, THING, selectors=BETA)
    refused = wire.engine.handle(request, ADMINISTRATOR, encrypted=False)
    assert (refused.status, refused.body) == (500, b"")
    wire.host.config["AllowUnencrypted"] = True
    assert wire.engine.handle(request, ADMINISTRATOR, encrypted=False).status == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT20S", 20),
        ("PT060.000S", 60),
        ("P1DT1H1M1.5S", 90061.5),
        ("P1D", 86400),
        ("P", None),
        ("PT", None),
        ("20", None),
        ("P1DT", None),
        ("PT1H20", None),
        ("P-1D", None),
        ("PT²S", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds


def test_an_administrator_is_one_by_group() -> None:
    assert ADMINISTRATOR.is_administrator
    assert not Caller("Administrator", "S-1-5-21-1-2-3-500").is_administrator

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages recorded from Windows and printed in MS-WSMV.

The simulated service takes each request, and its answer is the recorded one, element by element and attribute by
attribute, ids apart. Skipped where the collection of samples is absent.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.engine import Answer
from tests.simulator.wsman.provider import BaseProvider, Caller, CommandResult, Instance, Provider, Values
from tests.simulator.wsman.schema import ClassSchema, SchemaSet, parse_class
from tests.unit.simulator.wsman.fake_host import NSMAP, FakeHost, Wire, envelope, wql_filter

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(os.environ.get("WINFLEET_SAMPLES", ROOT.parent / "shared" / "samples")) / "wsman"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no samples: {SAMPLES} does not exist")

VARYING = re.compile(r"uuid:[0-9A-Fa-f-]{36}|\b[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\b")
CONTEXT = re.compile(rb"uuid:[0-9A-F-]{36}(?=\s*</wsen:EnumerationContext>)")
ShapeOf = tuple[str, tuple[tuple[str, str], ...], str, tuple["ShapeOf", ...]]

BOOLEANS = ("true", "false")


def read(name: str) -> bytes:
    """A sample's bytes."""
    return (SAMPLES / name).read_bytes()


def body_of(data: bytes) -> etree._Element:
    """The Body of an envelope."""
    found = etree.fromstring(data).find("s:Body", NSMAP)
    assert found is not None
    return found


def shape(element: etree._Element) -> ShapeOf:
    """An element with attributes, text and children; ids, hosts and texts' white space made equal."""
    attributes = {str(name): VARYING.sub("ID", str(value)) for name, value in element.attrib.items()}
    for varying in ("Machine", "path", f"{{{names.XML}}}lang"):
        if varying in attributes:
            attributes[varying] = "…"
    text = VARYING.sub("ID", " ".join((element.text or "").split()))
    inner = tuple(shape(child) for child in element)
    return str(element.tag), tuple(sorted(attributes.items())), "" if inner else text, inner


def as_request(data: bytes, replaced: Mapping[str, str] | None = None) -> bytes:
    """A recorded request with its identifiers replaced by those of our session."""
    text = data.decode()
    for old, new in (replaced or {}).items():
        text = text.replace(old, new)
    return text.encode()


@dataclass
class RecordedProvider(BaseProvider):
    """Gives back what was recorded."""

    found: list[Instance] = field(default_factory=list)
    answer: dict[str, object] = field(default_factory=dict)

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """The recorded instances."""
        return self.found

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        """The recorded out-parameters."""
        return self.answer

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        """Put the changes on the recorded instance."""
        return Instance(self.found[0].class_name, {**self.found[0].values, **changes})


@dataclass
class RecordedHost(FakeHost):
    """A host with the classes of a recording."""

    classes: SchemaSet = field(default_factory=lambda: SchemaSet([]))
    recorded: RecordedProvider = field(default_factory=RecordedProvider)

    def schemas(self) -> SchemaSet:
        """The recorded classes."""
        return self.classes

    def provider(self, namespace: str, class_name: str) -> Provider:
        """The one provider."""
        return self.recorded

    def identify(self) -> Mapping[str, str]:
        """The recorded Server 2016."""
        return {"ProductVendor": "Microsoft Corporation", "ProductVersion": "OS: 10.0.14393 SP: 0.0 Stack: 3.0"}


def host_with(found: list[etree._Element], namespace: str, keys: set[str], **fields: object) -> RecordedHost:
    """A host whose class and instances are those of recorded elements: the types follow from what was recorded."""
    members = [(etree.QName(child).localname, child) for element in found for child in element]
    arrays = {name for element in found for name in _repeated(element)}
    nullish = {name for name, child in members if "IsNullArray" in str(child.attrib)}
    booleans = {name for name, child in members if child.text in BOOLEANS}
    types = {
        name: ("boolean" if name in booleans else "string")
        + ("[]" if name in arrays | nullish else "")
        + (" key" if name in keys else " write")
        for name, _child in members
    }
    class_name = etree.QName(found[0]).localname
    schema = parse_class(
        {"name": class_name, "namespace": namespace, "source": "a recording", "properties": types, **fields}
    )
    provider = RecordedProvider(found=[_instance(element, schema) for element in found])
    return RecordedHost(classes=SchemaSet([schema]), recorded=provider)


def _repeated(element: etree._Element) -> set[str]:
    seen = [etree.QName(child).localname for child in element]
    return {name for name in seen if seen.count(name) > 1}


def _instance(element: etree._Element, schema: ClassSchema) -> Instance:
    values: dict[str, object] = {}
    for name, prop in schema.properties.items():
        texts = [child.text or "" for child in element if etree.QName(child).localname == name and not _is_nil(child)]
        typed: list[object] = [text == "true" if prop.type.name == "boolean" else text for text in texts]
        values[name] = (typed or None) if prop.type.array else next(iter(typed), None)
    return Instance(schema.name, values)


def _is_nil(element: etree._Element) -> bool:
    return element.get(f"{{{names.XSI}}}nil") == "true"


def answered(wire: Wire, request: bytes, status: int = 200) -> Answer:
    """The answer to a recorded request."""
    answer = wire.send(request)
    assert answer.status == status, answer.body.decode()
    return answer


# --- a session of Windows' CIM cmdlets with Server 2016 --------------------------------------------------------------


def test_identify_of_a_server_2016() -> None:
    wire = Wire(RecordedHost(config={"Basic": True}))
    answer = answered(wire, read("cimsession-2016-01_Req_Hello.xml"))
    assert shape(etree.fromstring(answer.body)) == shape(etree.fromstring(read("cimsession-2016-01_Res_Hello.xml")))


def test_enumerate_and_pull_of_a_server_2016() -> None:
    first, rest = read("cimsession-2016-02_Res_enum.xml"), read("cimsession-2016-04_Res_pull.xml")
    disks = [
        *etree.fromstring(first).iterfind(".//w:Item", NSMAP),
        *etree.fromstring(rest).iterfind(".//w:Item", NSMAP),
    ]
    wire = Wire(host_with([disk[0] for disk in disks], "root/cimv2", {"DeviceID"}))
    answer = answered(wire, read("cimsession-2016-02_Req_enum.xml"))
    assert shape(etree.fromstring(answer.body)) == shape(etree.fromstring(first))
    context = etree.fromstring(answer.body).findtext(".//n:EnumerationContext", "", NSMAP)
    request = as_request(
        read("cimsession-2016-04_Req_pull.xml"), {"uuid:686ECA2F-690B-4013-8516-EAEFBEAAAD02": context}
    )
    assert shape(etree.fromstring(answered(wire, request).body)) == shape(etree.fromstring(rest))


def test_the_class_definition_of_a_server_2016_has_the_same_properties() -> None:
    recorded = body_of(read("cimsession-2016-03_Res_schema.xml"))[0]
    properties = [item for item in recorded if str(item.tag).startswith("PROPERTY")]
    types = {
        str(item.get("NAME")): f"{item.get('TYPE')}{'[]' if str(item.tag).endswith('ARRAY') else ''}"
        for item in properties
    }
    schema = parse_class(
        {
            "name": "Win32_DiskDrive",
            "namespace": "root/cimv2",
            "source": "x",
            "properties": types,
            "superclass": "CIM_DiskDrive",
        }
    )
    wire = Wire(RecordedHost(classes=SchemaSet([schema])))
    ours = body_of(answered(wire, read("cimsession-2016-03_Req_schema.xml")).body)[0]
    assert (ours.tag, ours.get("NAME"), ours.get("SUPERCLASS")) == ("CLASS", "Win32_DiskDrive", "CIM_DiskDrive")
    described = [(item.tag, item.get("NAME"), item.get("TYPE")) for item in ours]
    assert described == [(item.tag, item.get("NAME"), item.get("TYPE")) for item in properties]


def test_the_one_way_end_of_windows_own_client() -> None:
    answer = answered(Wire(RecordedHost()), read("cimsession-2016-05_Req_end.xml"), 202)
    assert answer.body == b""


# --- single operations -----------------------------------------------------------------------------------------------


def test_the_configuration() -> None:
    recorded = {
        etree.QName(item).localname: item.text for item in body_of(read("config-01-resp-GetResponse.xml")).iter()
    }
    wire = Wire(RecordedHost(config={"Basic": True, "CredSSP": True, "MaxShellsPerUser": 2147483647}))
    answer = answered(wire, read("config-01-req-Get.xml"))
    assert recorded["MaxShellsPerUser"] == "2147483647"
    assert shape(body_of(answer.body)) == shape(body_of(read("config-01-resp-GetResponse.xml")))


def test_the_output_of_a_method() -> None:
    recorded = body_of(read("invoke-resp-StdRegProv-EnumKey.xml"))
    uri = f"{names.WMI_PREFIX}root/default/StdRegProv"
    method = {"static": True, "in": {"hDefKey": "uint32", "sSubKeyName": "string"}, "out": {"sNames": "string[]"}}
    fields = {"name": "StdRegProv", "namespace": "root/default", "source": "x", "methods": {"EnumKey": method}}
    keys = [item.text or "" for item in recorded[0] if str(item.tag).endswith("sNames")]
    provider = RecordedProvider(answer={"sNames": keys, "ReturnValue": 0})
    wire = Wire(RecordedHost(classes=SchemaSet([parse_class(fields)]), recorded=provider))
    answer = answered(wire, envelope(f"{uri}/EnumKey", uri, f'<p:EnumKey_INPUT xmlns:p="{uri}"/>'))
    assert shape(body_of(answer.body)) == shape(recorded)


def test_create_of_a_process() -> None:
    method = {
        "static": True,
        "in": {"CommandLine": "string", "CurrentDirectory": "string"},
        "out": {"ProcessId": "uint32"},
    }
    fields = {"name": "Win32_Process", "namespace": "root/cimv2", "source": "x", "methods": {"Create": method}}
    provider = RecordedProvider(answer={"ProcessId": 4000, "ReturnValue": 0})
    wire = Wire(RecordedHost(classes=SchemaSet([parse_class(fields)]), recorded=provider))
    answer = answered(wire, read("spec-4.1.4-invoke-1.xml"))
    assert shape(body_of(answer.body)) == shape(body_of(read("spec-4.1.4-invoke-2.xml")))


def spec_host(first: str = "Hello World") -> RecordedHost:
    """The class of the examples in MS-WSMV 4.1, without its reference to itself."""
    fields = {"id": "string key", "Data1": "string write"}
    schema = parse_class(
        {"name": "myclass", "namespace": "root/mynamespace", "source": "x", "properties": fields, "put": "full"}
    )
    instances = [
        Instance("myclass", {"id": "1", "Data1": first}),
        Instance("myclass", {"id": "2", "Data1": '"Hello again"'}),
    ]
    return RecordedHost(classes=SchemaSet([schema]), recorded=RecordedProvider(found=instances))


def without_location(element: etree._Element) -> ShapeOf:
    """The shape, without cim:Location and the type that today's Windows adds."""
    for found in [*element.iter(f"{{{names.CIM}}}Location")]:
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)
    for found in element.iter():
        found.attrib.pop(f"{{{names.XSI}}}type", "")
    return shape(element)


def test_get_of_the_specification() -> None:
    answer = answered(Wire(spec_host()), read("spec-4.1.1-get-1.xml"))
    assert without_location(body_of(answer.body)) == without_location(body_of(read("spec-4.1.1-get-2.xml")))


def test_put_of_the_specification() -> None:
    answer = answered(Wire(spec_host()), read("spec-4.1.3-put-1.xml"))
    assert without_location(body_of(answer.body)) == without_location(body_of(read("spec-4.1.3-put-2.xml")))


def test_enumerate_of_the_specification() -> None:
    wire = Wire(spec_host("Test Message"))
    answer = answered(wire, read("spec-4.1.2-enum-1.xml"))
    assert shape(body_of(answer.body)) == shape(body_of(read("spec-4.1.2-enum-2.xml")))
    for number in (3, 5):
        context = etree.fromstring(answer.body).findtext(".//n:EnumerationContext", "", NSMAP)
        request = CONTEXT.sub(context.encode(), read(f"spec-4.1.2-enum-{number}.xml"))
        answer = answered(wire, request)
        expected = body_of(read(f"spec-4.1.2-enum-{number + 1}.xml"))
        assert without_location(body_of(answer.body)) == without_location(expected)


def test_the_selector_filter_of_the_specification() -> None:
    fields = {"Name": "string key", "StartMode": "string", "State": "string"}
    schema = parse_class({"name": "Win32_Service", "namespace": "root/cimv2", "source": "x", "properties": fields})
    found = [
        Instance("Win32_Service", {"Name": "one", "StartMode": "Auto", "State": "Running"}),
        Instance("Win32_Service", {"Name": "two", "StartMode": "Auto", "State": "Stopped"}),
    ]
    wire = Wire(RecordedHost(classes=SchemaSet([schema]), recorded=RecordedProvider(found=found)))
    answer = answered(wire, read("spec-4.9-selectorfilter-1.xml"))
    context = etree.fromstring(answer.body).findtext(".//n:EnumerationContext", "", NSMAP)
    uri = f"{names.WMI_PREFIX}root/cimv2/Win32_Service"
    assert [item.findtext(f"{{{uri}}}Name") for item in wire.pull(uri, context)[0]] == ["two"]


@pytest.mark.parametrize(
    ("sample", "namespace", "key", "changed"),
    [
        ("put-req-mi-client-Put1.xml", "root/omi", "InstanceID", {"ProductVendor": "Microsoft"}),
        ("put-req-mi-client-Put2.xml", "root/cimv2", "Key", {"Last": "Osama"}),
    ],
)
def test_put_of_windows_own_client(sample: str, namespace: str, key: str, changed: dict[str, str]) -> None:
    sent = body_of(read(sample))[0]
    host = host_with([sent], namespace, {key}, put="full")
    name, value = next(iter(changed.items()))
    before = {**host.recorded.found[0].values, name: "before"}
    host.recorded.found = [Instance(host.recorded.found[0].class_name, before)]
    answer = answered(Wire(host), read(sample))
    written = body_of(answer.body)[0]
    assert written.findtext(f"{{{etree.QName(sent).namespace}}}{name}") == value


def test_associators_of_windows_own_client() -> None:
    text = read("enum-req-associators-mi-client-template.xml").decode()
    for value in ("root/cimv2", "Thing", "root/cimv2", "ThingGadget", "Gadget"):
        text = text.replace("~A", value, 1)
    text = text.replace(
        "</w:SelectorSet></a:Ref", '<w:Selector Name="Name">beta</w:Selector></w:SelectorSet></a:Ref', 1
    )
    answer = answered(Wire(), text.encode())
    selectors = [item.text for item in etree.fromstring(answer.body).iterfind(".//w:Selector[@Name='Id']", NSMAP)]
    assert selectors == ["2"]


# --- the shell -------------------------------------------------------------------------------------------------------

SHELL_ID = "4283CBDC-3706-415B-88BD-B385F3E51A53"
COMMAND_ID = "CF84C20A-0A35-43FA-AF78-0B4711DA5F30"


def shell_step(wire: Wire, step: str, ids: dict[str, str], status: int = 200) -> etree._Element:
    """Send a recorded step of the shell with our ids and return the answer's body."""
    return body_of(answered(wire, as_request(read(f"winrs-{step}.xml"), ids), status).body)


def test_a_command_from_beginning_to_end() -> None:
    wire = Wire()
    wire.host.users = {"vagrant": "x"}
    ids: dict[str, str] = {}
    for step in ("01-{0}-Create", "02-{0}-Command", "03-{0}-Receive", "04-{0}-Signal", "05-{0}-Delete"):
        body = shell_step(wire, step.format("req"), ids)
        recorded = body_of(read(f"winrs-{step.format('resp')}Response.xml"))
        for element in (*body.iter(f"{{{names.SHELL}}}Owner", f"{{{names.SHELL}}}ClientIP"),):
            element.text = {"Owner": "vagrant", "ClientIP": "192.168.56.1"}[etree.QName(element).localname]
        assert shape(body) == shape(recorded)
        for name, old in (("ShellId", SHELL_ID), ("CommandId", COMMAND_ID)):
            found = body.findtext(f".//{{{names.SHELL}}}{name}")
            if found:
                ids[old] = found


def opened() -> tuple[Wire, dict[str, str]]:
    """A host with an open shell, and its id in place of the recorded one."""
    wire = Wire()
    body = shell_step(wire, "01-req-Create", {})
    return wire, {SHELL_ID: body.findtext(f".//{{{names.SHELL}}}ShellId", "")}


def test_the_fault_for_a_command_that_is_not_there() -> None:
    wire, ids = opened()
    body = shell_step(wire, "03-req-Receive", ids, 500)
    assert shape(body) == shape(body_of(read("winrs-fault-bad-command-03-resp-fault.xml")))


def test_the_fault_for_a_shell_that_is_not_there() -> None:
    wire, _ids = opened()
    body = shell_step(wire, "05-req-Delete", {}, 500)
    assert shape(body) == shape(body_of(read("fault-unexpected-selectors-2150858843-05-resp-fault.xml")))


def test_the_fault_for_a_program_that_is_not_there() -> None:
    wire, ids = opened()
    wire.host.result = CommandResult(not_found=True)
    wire.host.switches["skip_cmd_shell"] = "honoured"
    body = shell_step(wire, "02-req-Command", {**ids, ">False<": ">TRUE<"}, 500)
    assert shape(body) == shape(body_of(read("winrs-fault-file-not-found-02-resp-fault.xml")))


@pytest.mark.parametrize("sample", ["winrs-timeout-04-resp-fault.xml", "fault-operation-timeout-2150858793.xml"])
def test_the_fault_for_a_command_that_runs_on(sample: str) -> None:
    wire, ids = opened()
    wire.host.result = CommandResult(seconds=60)
    body = shell_step(wire, "02-req-Command", ids)
    ids[COMMAND_ID] = body.findtext(f".//{{{names.SHELL}}}CommandId", "")
    assert shape(shell_step(wire, "03-req-Receive", ids, 500)) == shape(body_of(read(sample)))


def test_the_fault_for_too_many_shells() -> None:
    wire = Wire()
    wire.host.config["MaxShellsPerUser"] = 30
    for _number in range(30):
        shell_step(wire, "01-req-Create", {})
    body = shell_step(wire, "01-req-Create", {}, 500)
    assert shape(body) == shape(body_of(read("fault-winrb-wmi_error_v2.xml")))


# --- faults of WMI ---------------------------------------------------------------------------------------------------


def process_host() -> RecordedHost:
    """A host with processes."""
    fields = {"Handle": "string key", "Name": "string"}
    schema = parse_class(
        {
            "name": "Win32_Process",
            "namespace": "root/cimv2",
            "source": "x",
            "provider": "CIMWin32",
            "properties": fields,
        }
    )
    return RecordedHost(classes=SchemaSet([schema]))


def test_the_fault_for_an_instance_that_is_not_there() -> None:
    selectors = {"__cimnamespace": "root/cimv2", "Handle": "29"}
    request = envelope(names.GET, f"{names.DMTF_PREFIX}Win32_Process", selectors=selectors)
    answer = answered(Wire(process_host()), request, 500)
    recorded = read("fault-get-instance-not-found-2150858752.xml")
    assert shape(body_of(answer.body)) == shape(body_of(recorded))
    action = etree.fromstring(answer.body).findtext("s:Header/a:Action", "", NSMAP)
    assert action == etree.fromstring(recorded).findtext("s:Header/a:Action", "", NSMAP)


def test_the_fault_for_a_query_on_a_class_that_is_not_there() -> None:
    query = wql_filter('Select * from Win32_Processa where name="sshd.exe"')
    body = f"<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements>{query}</n:Enumerate>"
    answer = answered(Wire(process_host()), envelope(names.ENUMERATE, f"{names.WMI_PREFIX}root/cimv2/*", body), 500)
    recorded = read("fault-winrb-soap_fault_v2.xml")
    assert shape(body_of(answer.body)) == shape(body_of(recorded))
    action = etree.fromstring(answer.body).findtext("s:Header/a:Action", "", NSMAP)
    assert action == etree.fromstring(recorded).findtext("s:Header/a:Action", "", NSMAP)


def test_get_of_a_class_that_is_not_there() -> None:
    """MS-WSMV 4.10: the code there is the low half of ours, and the detail has an older name."""
    answer = answered(Wire(process_host()), read("spec-4.10-fault-1.xml"), 500)
    expected, ours = body_of(read("spec-4.10-fault-2.xml")), body_of(answer.body)
    assert ours.findtext(".//s:Subcode/s:Value", "", NSMAP) == expected.findtext(".//s:Subcode/s:Value", "", NSMAP)
    codes = [int(str(found.get("Code"))) & 0xFFFF for found in ours.iterfind(".//f:WSManFault", NSMAP)]
    assert codes == [int(str(found.get("Code"))) for found in expected.iterfind(".//f:WSManFault", NSMAP)]

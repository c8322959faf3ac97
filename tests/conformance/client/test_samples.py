# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our reading of answers and our requests, against third-party recordings of Windows and the examples of MS-WSMV.

The recordings are not part of the project; their directory is named by WINFLEET_SAMPLES. The shapes are rebuilt in
the unit tests, which need no recording.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import schema, values
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import Registry
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import STRING, UINT32, UINT64, CimClass, array, of
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope, errors, xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.shell import CmdShell

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(os.environ.get("WINFLEET_SAMPLES", ROOT.parent / "shared" / "samples")) / "wsman"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no recordings in {SAMPLES}: set WINFLEET_SAMPLES")

NAMES = sorted(path.name for path in SAMPLES.glob("*.xml"))
FAULTS = {
    "fault-get-instance-not-found-2150858752.xml": (errors.NotFound, 2150858752),
    "fault-operation-timeout-2150858793.xml": (errors.Timeout, 2150858793),
    "fault-provider-internal-error-2152992672.xml": (errors.WsmanFault, 2152992672),
    "fault-unexpected-selectors-2150858843-05-resp-fault.xml": (errors.InvalidArgument, 2150858843),
    "fault-winrb-soap_fault_v1.xml": (errors.InvalidQuery, 2150858778),
    "fault-winrb-soap_fault_v2.xml": (errors.InvalidQuery, 2150858778),
    "fault-winrb-wmi_error_v2.xml": (errors.QuotaExceeded, 2150859173),
    "spec-4.10-fault-2.xml": (errors.NotFound, 32768),
    "winrs-fault-bad-command-03-resp-fault.xml": (errors.WsmanFault, None),
    "winrs-fault-file-not-found-02-resp-fault.xml": (errors.NotFound, 2147942402),
    "winrs-timeout-04-resp-fault.xml": (errors.Timeout, 2150858793),
    "winrs-timeout-05-resp-fault.xml": (errors.Timeout, 2150858793),
}


def document(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def answering(name: str) -> envelope.Request:
    """Return the request that a recorded answer belongs to, as far as reading the answer needs it."""
    related = xml.child(xml.parse(document(name)), "Header", "RelatesTo")
    return envelope.Request(b"", xml.text(related))


def answer(name: str) -> envelope.Reply:
    return envelope.parse(document(name), answering(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_is_acceptable_xml(name: str) -> None:
    assert xml.local(xml.parse(document(name))) == "Envelope"


@pytest.mark.parametrize("name", [name for name in NAMES if re.search(b"<s:Fault>", document(name))])
def test_every_recorded_fault_is_known(name: str) -> None:
    with pytest.raises(errors.WsmanFault) as caught:
        answer(name)
    error, code = FAULTS[name]
    assert caught.type is error or error is errors.WsmanFault
    assert code in (None, caught.value.code)
    assert len(caught.value.message) > 20


def test_what_a_fault_tells() -> None:
    with pytest.raises(errors.NotFound) as caught:
        answer("fault-get-instance-not-found-2150858752.xml")
    fault = caught.value
    assert (fault.provider, fault.subcode) == ("WMI Provider", "DestinationUnreachable")
    assert fault.detail == {
        "Operation": "GetObject",
        "ParameterInfo": 'Win32_Process.Handle="29"',
        "ProviderName": "CIMWin32",
    }


DISK = CimClass(
    name="Win32_DiskDrive",
    namespace="root/cimv2",
    source="recorded enumeration of Server 2016",
    keys=("DeviceID",),
    properties={
        **of(UINT32, "BytesPerSector Index"),
        **of(STRING, "Caption DeviceID CompressionMethod"),
        "Size": UINT64,
        "CapabilityDescriptions": array(STRING),
    },
)


def test_an_enumeration_of_windows() -> None:
    first = envelope.read_batch(answer("cimsession-2016-02_Res_enum.xml"))
    rest = envelope.read_batch(answer("cimsession-2016-04_Res_pull.xml"))
    assert (len(first.items), first.ended, first.context) == (1, False, "uuid:686ECA2F-690B-4013-8516-EAEFBEAAAD02")
    assert rest.ended
    for item in (*first.items, *rest.items):
        disk = values.read_instance(item.value, DISK, epr=item.reference)
        assert disk.number("BytesPerSector") == 512
        assert disk.texts("CapabilityDescriptions") == ("Random Access", "Supports Writing")
        assert disk.get("CompressionMethod", "absent") is None
        assert disk.epr.selectors == {"DeviceID": disk.text("DeviceID"), "__cimnamespace": "root/cimv2"}


def test_the_enumeration_of_the_specification() -> None:
    second, last = (envelope.read_batch(answer(f"spec-4.1.2-enum-{number}.xml")) for number in (4, 6))
    assert [xml.local(item.value) for item in (*second.items, *last.items)] == ["myclass", "myclass"]
    assert (second.ended, last.ended) == (False, True)


def replay(name: str) -> CimClient:
    """Return a client of a host that answers everything by one recording."""

    def send(body: bytes, *, repeatable: bool) -> bytes:
        sent = re.search(b"<a:MessageID>([^<]*)", body)
        return re.sub(b"(<a:RelatesTo>)[^<]*", b"\\g<1>" + sent.group(1), document(name))

    return CimClient(send)


def test_a_recorded_answer_of_the_registry() -> None:
    names = Registry(replay("invoke-resp-StdRegProv-EnumKey.xml")).keys(r"HKLM\SOFTWARE")
    assert (len(names), names[0], names[11]) == (26, "AddressBook", "IEData")


def test_the_identity_of_windows() -> None:
    reply = envelope.parse(document("cimsession-2016-01_Res_Hello.xml"), envelope.build_identify())
    assert xml.text(xml.child(reply.first, "ProductVersion")) == "OS: 10.0.14393 SP: 0.0 Stack: 3.0"


def test_the_get_of_the_specification() -> None:
    example = CimClass("myclass", "root/mynamespace", "MS-WSMV 4.1.1", ("id",), of(STRING, "Data1 id"))
    found = values.read_instance(answer("spec-4.1.1-get-2.xml").first, example)
    assert found.values == {"Data1": "Hello World", "id": "1"}


def test_the_invoke_of_the_specification() -> None:
    output = answer("spec-4.1.4-invoke-2.xml").first
    types = {**schema.WIN32_PROCESS.methods["Create"].out, "ReturnValue": UINT32}
    assert values.read_properties(output, types) == {"ProcessId": 4000, "ReturnValue": 0}


class RecordedShell:
    """A host that answers each step of a command by its recording."""

    timeout = 20
    STEPS = ("01-resp-Create", "02-resp-Command", "03-resp-Receive", "04-resp-Signal", "05-resp-Delete")

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    def send(self, body: bytes, *, repeatable: bool) -> bytes:
        self.requests.append(body)
        sent = re.search(b"<a:MessageID>([^<]*)", body)
        step = header(body)["Action"].rpartition("/")[2]
        recorded = document(f"winrs-{next(name for name in self.STEPS if name.endswith(step))}Response.xml")
        return re.sub(b"(<a:RelatesTo>)[^<]*", b"\\g<1>" + sent.group(1), recorded)


def test_recorded_commands() -> None:
    """The first one's slot is released, as recorded; that of the last one is by closing the shell."""
    host = RecordedShell()
    with CmdShell(host) as shell:
        for _command in range(2):
            output = shell.run("cmd.exe", "/c", "echo", "hi")
            assert (output.stdout, output.stderr, output.exit_code) == (b"hi\r\n", b"", 0)
    recorded = [name for name in NAMES if re.match(r"winrs-\d\d-req", name)]
    create, command, receive, signal, delete = recorded
    sent = [create, command, receive, signal, command, receive, delete]
    for ours, theirs in zip(host.requests, sent, strict=True):
        assert body_shape(ours) == body_shape(document(theirs))
        assert header(ours)["Action"] == header(document(theirs))["Action"]


# --- our requests against recorded ones ------------------------------------------------------------------------------


def header(message: bytes) -> dict[str, str]:
    """Return the header's elements by local name."""
    root = ElementTree.fromstring(message)
    found = next(node for node in root if node.tag.endswith("}Header"))
    return {xml.local(node): (node.text or "").strip() for node in found}


def selectors(message: bytes) -> dict[str, str]:
    return {
        node.get("Name", ""): (node.text or "").strip()
        for node in ElementTree.fromstring(message).iter()
        if xml.local(node) == "Selector"
    }


def body_shape(message: bytes) -> list[tuple[str, str]]:
    """Return the names, in full, and the depth of the elements in the body: its structure without its values."""
    body = next(node for node in ElementTree.fromstring(message) if node.tag.endswith("}Body"))

    def walk(node: ElementTree.Element, depth: int) -> list[tuple[str, str]]:
        return [(node.tag, str(depth)), *(part for inner in node for part in walk(inner, depth + 1))]

    return [part for node in body for part in walk(node, 0)]


MUST_UNDERSTAND = "{http://www.w3.org/2003/05/soap-envelope}mustUnderstand"


def demanded(message: bytes) -> set[str]:
    """Return the names of what the receiver must understand."""
    return {xml.local(node) for node in ElementTree.fromstring(message).iter() if node.get(MUST_UNDERSTAND) == "true"}


def captured(*answers: str, style: str = "dmtf") -> tuple[CimClient, list[bytes]]:
    """Return a client and the list of what it sends; the answers are recordings."""
    sent: list[bytes] = []
    script = iter(answers)

    def send(body: bytes, *, repeatable: bool) -> bytes:
        sent.append(body)
        message_id = re.search(b"<a:MessageID>([^<]*)", body)
        recorded = document(next(script))
        return re.sub(b"(<a:RelatesTo>)[^<]*", b"\\g<1>" + message_id.group(1), recorded)

    return CimClient(send, style), sent


def test_our_enumeration_is_built_as_windows_builds_its_own() -> None:
    client, sent = captured("cimsession-2016-02_Res_enum.xml", "cimsession-2016-04_Res_pull.xml")
    client.query(DISK, with_epr=True)
    for ours, name in zip(sent, ("cimsession-2016-02_Req_enum.xml", "cimsession-2016-04_Req_pull.xml"), strict=True):
        theirs = document(name)
        assert header(ours)["Action"] == header(theirs)["Action"]
        assert header(ours)["MaxEnvelopeSize"] == header(theirs)["MaxEnvelopeSize"]
        assert selectors(ours) == selectors(theirs)
        assert demanded(ours) == demanded(theirs)
        assert [part for part in body_shape(ours) if "Filter" not in part[0]] == body_shape(theirs)


def test_our_whole_put_is_built_as_windows_builds_its_own() -> None:
    theirs = document("put-req-mi-client-Put2.xml")
    names = of(STRING, "ExpensiveProperty First Key Last Species")
    person = CimClass("MSFT_Person", "root/test", "recorded", ("Key",), names)
    instance = next(node for node in ElementTree.fromstring(theirs).iter() if xml.local(node) == "MSFT_Person")
    current = ElementTree.tostring(instance)
    sent: list[bytes] = []

    def send(body: bytes, *, repeatable: bool) -> bytes:
        sent.append(body)
        message_id = re.search(b"<a:MessageID>([^<]*)", body).group(1)
        opened = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><RelatesTo>'
        return opened + message_id + b"</RelatesTo></s:Header><s:Body>" + current + b"</s:Body></s:Envelope>"

    CimClient(send, "dmtf").put(person, {"Key": "1"}, {"Last": "Osama"})
    ours = sent[1]
    assert header(ours)["Action"] == header(theirs)["Action"]
    assert sorted(body_shape(ours)) == sorted(body_shape(theirs))
    assert content(ours) == content(theirs)
    modified = "wmiarray:__MIInstanceModifiedPropertiesList"
    assert options(ours) == [option for option in options(theirs) if option[0] == modified]


def content(message: bytes) -> dict[str, tuple[str, str | None]]:
    """Return the properties in the body, with their text and whether they are nil."""
    nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
    body = next(node for node in ElementTree.fromstring(message) if node.tag.endswith("}Body"))
    return {node.tag: (node.text or "", node.get(nil)) for node in body[0]}


def options(message: bytes) -> list[tuple[str, str, str]]:
    return [
        (node.get("Name", ""), node.get("Type", ""), node.text or "")
        for node in ElementTree.fromstring(message).iter()
        if xml.local(node) == "Option"
    ]


@pytest.mark.parametrize(
    ("name", "built"),
    [
        ("spec-4.1.1-get-1.xml", envelope.build_get(envelope.Resource("urn:x"), {"id": "1"})),
        ("spec-4.1.2-enum-3.xml", envelope.build_pull(envelope.Resource("urn:x"), "uuid:1")),
        ("cimsession-2016-01_Req_Hello.xml", envelope.build_identify()),
    ],
)
def test_our_requests_have_the_shape_of_the_examples(name: str, built: envelope.Request) -> None:
    theirs = document(name)
    assert body_shape(built.body) == body_shape(theirs)
    assert set(header(theirs)) <= set(header(built.body))
    assert selectors(built.body).keys() == selectors(theirs).keys()


def test_our_association_filter_has_the_shape_of_windows_own() -> None:
    theirs = document("enum-req-associators-mi-client-template.xml")
    client, sent = captured("cimsession-2016-04_Res_pull.xml")
    client.associated(DISK, {"DeviceID": "1"}, schema.WIN32_DEPENDENT_SERVICE, "Antecedent", "Dependent", DISK)
    names = {tag for tag, _depth in body_shape(sent[0])}
    wanted = {tag for tag, _depth in body_shape(theirs)}
    assert wanted - names == {
        "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}EnumerationMode",
        "{http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd}ResultClassName",
    }
    assert header(sent[0])["ResourceURI"] == header(theirs)["ResourceURI"]

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access, counting and planned faults; Identify, configuration and class definitions."""

from __future__ import annotations

import time

import pytest
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.engine import Engine
from tests.simulator.wsman.provider import CimError, FaultPlan, Operation, WsmanFault
from tests.simulator.wsman.switches import WIRE_SWITCHES, switch
from tests.unit.simulator.wsman.fake_host import (
    ADMINISTRATOR,
    ALL,
    DMTF,
    NSMAP,
    PLAIN_USER,
    REGISTRY,
    REMOTE_MANAGER,
    SHELL_URI,
    THING,
    FakeHost,
    Fault,
    Wire,
    enumerate_body,
    envelope,
    find_all,
    first_of_body,
    members,
    pull_body,
    wql_filter,
)

BETA = {"Name": "beta"}
IDENTIFY = (
    f'<s:Envelope xmlns:s="{names.SOAP}" xmlns:i="{names.IDENTITY}"><s:Header/>'
    "<s:Body><i:Identify/></s:Body></s:Envelope>"
).encode()
START = f'<p:Start_INPUT xmlns:p="{THING}"/>'


# --- access ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "code", "wmi"), [("service", 5, ""), ("wmi_service", 0x80338104, ""), ("wmi_error", 0, "2")]
)
def test_a_plain_user_is_refused_in_the_shape_of_the_switch(wire: Wire, choice: str, code: int, wmi: str) -> None:
    wire.host.switches["access_denied"] = choice
    fault = wire.fault(f"{THING}/Start", THING, START, BETA, caller=PLAIN_USER)
    assert (fault.code, fault.subcode, fault.wmi_error.get("CIMStatusCode", "")) == (code, "w:AccessDenied", wmi)
    assert wire.host.things.started == []


def test_remote_management_users_by_the_switch(wire: Wire) -> None:
    assert wire.fault(names.GET, THING, selectors=BETA, caller=REMOTE_MANAGER).subcode == "w:AccessDenied"
    wire.host.switches["remote_management_users"] = "allowed"
    wire.ask(names.GET, THING, selectors=BETA, caller=REMOTE_MANAGER)
    assert wire.fault(names.GET, THING, selectors=BETA, caller=PLAIN_USER).subcode == "w:AccessDenied"
    assert wire.fault(names.CREATE, SHELL_URI, "<rsp:Shell/>", caller=REMOTE_MANAGER).subcode == "w:AccessDenied"


def test_powershell_is_refused_and_seen(wire: Wire) -> None:
    uri = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
    fault = wire.fault(names.CREATE, uri, "<rsp:Shell/>")
    assert (fault.code, fault.subcode) == (5, "w:AccessDenied")
    assert [operation.kind for operation in wire.host.operations] == ["powershell"]


# --- counting --------------------------------------------------------------------------------------------------------


def test_operations_are_named_as_the_schema_spells_them_and_numbered(wire: Wire) -> None:
    wire.ask(names.GET, f"{DMTF}THING", selectors={**BETA, "__cimnamespace": "ROOT\\cimv2"})
    wire.ask(f"{THING}/Start", THING, START, BETA)
    wire.invoke(REGISTRY, "GetBytes")
    wire.invoke(REGISTRY, "SetBytes")
    wire.query("select * from THING")
    wire.ask(names.DELETE, THING, selectors=BETA)
    wire.send(IDENTIFY)
    wire.send(b"nonsense")
    wire.fault(names.GET, f"{THING}s", selectors=BETA)
    assert wire.host.operations == [
        Operation("get", 1, "root/cimv2", "Thing"),
        Operation("invoke", 2, "root/cimv2", "Thing", "Start", is_write=True),
        Operation("invoke", 3, "root/default", "Registry", "GetBytes"),
        Operation("invoke", 4, "root/default", "Registry", "SetBytes", is_write=True),
        Operation("enumerate", 5, "root/cimv2", "Thing"),
        Operation("delete", 6, "root/cimv2", "Thing", is_write=True),
        Operation("identify", 7),
        Operation("invalid", 8),
        Operation("get", 9, "root/cimv2", "Things"),
    ]
    assert len(wire.host.sizes) == 9
    assert all(sent > 0 and received > 0 for sent, received in wire.host.sizes)


def test_a_query_is_about_the_class_after_from_until_its_last_instance(wire: Wire) -> None:
    first = wire.enumerate(ALL, optimize=False, filter_=wql_filter("select Name from THING"))
    second = wire.pull(ALL, first.findtext("n:EnumerationContext", "", NSMAP), 1)
    context = second.findtext("n:EnumerationContext", "", NSMAP)
    wire.ask(names.RELEASE, ALL, f"<n:Release><n:EnumerationContext>{context}</n:EnumerationContext></n:Release>")
    wire.fault(names.PULL, ALL, pull_body(context))
    wire.fault(names.ENUMERATE, ALL, enumerate_body(filter_=wql_filter("select Name from Nothing")))
    wire.fault(names.ENUMERATE, ALL, enumerate_body(filter_=wql_filter("no query")))
    asked = [(operation.kind, operation.class_name) for operation in wire.host.operations]
    assert asked == [
        ("enumerate", "Thing"), ("pull", "Thing"), ("release", "Thing"), ("pull", "*"), ("enumerate", "Nothing"),
        ("enumerate", "*"),
    ]  # fmt: skip


def test_a_shell_command_is_counted_with_its_line(wire: Wire) -> None:
    root = wire.ask(names.CREATE, SHELL_URI, "<rsp:Shell/>")
    shell = {"ShellId": root.findtext(".//rsp:ShellId", "", NSMAP)}
    body = "<rsp:CommandLine><rsp:Command>net</rsp:Command><rsp:Arguments>stop</rsp:Arguments></rsp:CommandLine>"
    wire.ask(f"{names.SHELL}/Command", SHELL_URI, body, shell)
    assert wire.host.operations[-1] == Operation("shell_command", 2, is_write=True, command_line="net stop")


# --- planned faults --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("effect", ["fault", "status", "reset", "refuse"])
def test_a_planned_fault_comes_before_or_after_acting(wire: Wire, effect: str, after: bool) -> None:
    error = CimError(0x80041001) if effect == "fault" else None
    wire.host.plan = FaultPlan(effect, after_acting=after, error=error, status=503)  # type: ignore[arg-type]  # a parameter
    answer = wire.send(envelope(f"{THING}/Start", THING, START, BETA))
    assert bool(wire.host.things.started) is after
    if effect == "fault":
        assert Fault(etree.fromstring(answer.body)).code == 0x80041001
    elif effect == "status":
        assert (answer.status, answer.body) == (503, b"")
    else:
        assert answer.disturbance == wire.host.plan


@pytest.mark.parametrize("effect", ["truncate", "garble", "drip"])
def test_a_disturbed_answer_is_a_real_one(wire: Wire, effect: str) -> None:
    wire.host.plan = FaultPlan(effect)  # type: ignore[arg-type]  # a parameter
    answer = wire.send(envelope(f"{THING}/Start", THING, START, BETA))
    assert wire.host.things.started == [BETA]
    assert answer.disturbance is not None
    assert members(first_of_body(etree.fromstring(answer.body))) == {"ReturnValue": ["0"]}


def test_a_delayed_answer(wire: Wire) -> None:
    wire.host.plan = FaultPlan("delay", seconds=2.5)
    answer = wire.send(envelope(names.GET, THING, selectors=BETA))
    assert (answer.status, answer.delay, answer.disturbance) == (200, 2.5, None)


def test_a_planned_fault_of_the_service(wire: Wire) -> None:
    wire.host.plan = FaultPlan("fault", error=WsmanFault(2150858793, "w:TimedOut", text="Too late.", sender=False))
    fault = wire.fault(names.GET, THING, selectors=BETA, MessageID="<a:MessageID>uuid:7</a:MessageID>")
    assert (fault.code, fault.subcode, fault.text(".//f:Message")) == (2150858793, "w:TimedOut", "Too late.")
    assert fault.text("s:Header/a:RelatesTo") == "uuid:7"


# --- about the service -----------------------------------------------------------------------------------------------


def identity(body: bytes) -> dict[str, list[str | None]]:
    return members(first_of_body(etree.fromstring(body)))


def test_identify(wire: Wire) -> None:
    wire.host.config.update(Basic=True, Certificate=True)
    found = identity(wire.send(IDENTIFY).body)
    assert found["ProductVersion"] == ["OS: 10.0.20348 SP: 0.0 Stack: 3.0"]
    root = etree.fromstring(wire.send(IDENTIFY).body)
    profiles = [item.text for item in find_all(root, "//*[local-name()='SecurityProfileName']")]
    assert [str(profile).rpartition("/secprofile/")[2] for profile in profiles] == [
        "http/basic",
        "https/basic",
        "http/spnego-kerberos",
        "https/spnego-kerberos",
        "https/mutual",
    ]


@pytest.mark.parametrize(
    ("choice", "version"), [("hidden", "OS: 0.0.0 SP: 0.0 Stack: 3.0"), ("shown", "OS: 10.0.20348 SP: 0.0 Stack: 3.0")]
)
def test_identify_of_nobody(wire: Wire, choice: str, version: str) -> None:
    wire.host.switches["identify_version"] = choice
    assert wire.engine.handle(IDENTIFY, None).status == 401
    answer = wire.engine.handle(IDENTIFY, None, encrypted=False, identify_header=True)
    assert identity(answer.body)["ProductVersion"] == [version]
    assert "SecurityProfiles" not in identity(answer.body)
    assert wire.engine.handle(envelope(names.GET, THING, selectors=BETA), None, identify_header=True).status == 401
    assert wire.engine.handle(b"<", None, identify_header=True).status == 401


def test_the_configuration_and_its_parts(wire: Wire) -> None:
    wire.host.config.update(MaxEnvelopeSizekb=150, AllowUnencrypted=True, AllowRemoteShellAccess=False)
    whole = first_of_body(wire.ask(names.GET, names.CONFIG))
    space = {"cfg": names.CONFIG}
    assert whole.tag == f"{{{names.CONFIG}}}Config"
    assert whole.findtext("cfg:MaxEnvelopeSizekb", "", space) == "150"
    assert whole.findtext("cfg:Service/cfg:AllowUnencrypted", "", space) == "true"
    assert whole.findtext("cfg:Client/cfg:AllowUnencrypted", "", space) == "false"
    assert whole.findtext("cfg:Winrs/cfg:AllowRemoteShellAccess", "", space) == "false"
    part = first_of_body(wire.ask(names.GET, f"{names.CONFIG}/service/auth"))
    assert etree.QName(part).localname == "Auth"
    assert members(part)["Basic"] == ["false"]
    assert wire.fault(names.GET, f"{names.CONFIG}/nothing").code == 0x80338000
    assert wire.fault(names.PUT, names.CONFIG).subcode == "w:AccessDenied"


def test_a_class_definition(wire: Wire) -> None:
    selectors = {"__cimnamespace": "root/cimv2", "ClassName": "SpecialThing"}
    found = first_of_body(wire.ask(names.GET, names.CIM_XML_ALL, selectors=selectors))
    assert (found.tag, found.get("NAME"), found.get("SUPERCLASS")) == ("CLASS", "SpecialThing", "Thing")
    kinds = {str(item.get("NAME")): (item.tag, item.get("TYPE")) for item in found}
    assert kinds["Tags"] == ("PROPERTY.ARRAY", "string")
    assert kinds["Born"] == ("PROPERTY", "datetime")
    assert kinds["Start"] == ("METHOD", "uint32")
    assert [item.get("NAME") for item in find_all(found, "METHOD[@NAME='Count']/QUALIFIER")] == ["static"]


def test_a_class_definition_that_is_missing(wire: Wire) -> None:
    for selectors, code in (
        ({"__cimnamespace": "root/cimv2", "ClassName": "Nothing"}, 0x80338000),
        ({"__cimnamespace": "root/none", "ClassName": "Thing"}, 0x8004100E),
    ):
        assert wire.fault(names.GET, names.CIM_XML_ALL, selectors=selectors).code == code
    assert wire.fault(names.DELETE, names.CIM_XML_ALL).subcode == "a:ActionNotSupported"


# --- switches, speed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(WIRE_SWITCHES))
def test_a_switch_has_a_default_and_takes_no_nonsense(name: str) -> None:
    assert switch({}, name) == WIRE_SWITCHES[name].choices[0]
    assert len(WIRE_SWITCHES[name].choices) > 1
    with pytest.raises(ValueError, match=name):
        switch({name: "nonsense"}, name)


def test_an_engine_answers_700_invocations_a_second_and_core() -> None:
    engine = Engine(FakeHost())
    body = (
        f'<p:GetText_INPUT xmlns:p="{REGISTRY}"><p:hDefKey>2147483650</p:hDefKey><p:sName>x</p:sName></p:GetText_INPUT>'
    )
    request = envelope(f"{REGISTRY}/GetText", REGISTRY, body)
    start = time.process_time()
    for _number in range(700):
        engine.handle(request, ADMINISTRATOR)
    assert time.process_time() - start < 1


def test_a_query_and_an_enumeration_do_not_share_state_between_hosts() -> None:
    one, other = Wire(), Wire()
    body = enumerate_body(filter_=wql_filter("select * from Thing"))
    first_of_body(one.ask(names.ENUMERATE, f"{THING[:-5]}*", body))
    assert (one.engine.open_enumerations, other.engine.open_enumerations) == (1, 0)

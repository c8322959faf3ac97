# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import schema, wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome, keys_of
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import EndpointReference, Option
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AlreadyExists,
    BadAnswer,
    ConnectionLost,
    InvalidClass,
    InvalidQuery,
    NotFound,
    WsmanFault,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    ENUMERATION,
    TRANSFER,
    WMI,
    Sent,
    Wire,
    enumerated,
    epr,
    fragment,
    instance,
    item,
    local,
    mi_fault,
    output,
    properties,
    pulled,
    wmi_fault,
)

SERVICE = instance("Win32_Service", properties(Name="TermService", ProcessId=77, State="Running"))
MISSING = wmi_fault(0x80338000, "a:DestinationUnreachable")
DMTF = "http://schemas.dmtf.org/wbem/wscim/1"
EPR_KEYS = {"CreationClassName": "C", "PolicyRuleName": "", "SystemCreationClassName": "", "SystemName": ""}


class TestGet:
    def test_an_instance(self, wire: Wire, client: CimClient) -> None:
        wire.on("Get", SERVICE).expect(
            uri=f"{WMI}/root/cimv2/Win32_Service", selectors={"Name": "TermService"}, repeatable=True
        )
        found = client.get(schema.WIN32_SERVICE, Name="TermService")
        assert (found.class_name, found.number("ProcessId")) == ("Win32_Service", 77)

    def test_a_singleton(self, wire: Wire, client: CimClient) -> None:
        wire.on("Get", instance("Win32_OperatingSystem", properties(Version="10.0"))).expect(selectors={})
        assert client.get(schema.WIN32_OPERATING_SYSTEM).text("Version") == "10.0"

    def test_the_dmtf_style(self, wire: Wire) -> None:
        wire.on("Get", SERVICE).expect(
            uri=f"{DMTF}/cim-schema/2/Win32_Service",
            selectors={"__cimnamespace": "root/cimv2", "Name": "TermService"},
        )
        CimClient(wire, "dmtf").get(schema.WIN32_SERVICE, Name="TermService")

    def test_keys_that_are_no_strings(self, wire: Wire, client: CimClient) -> None:
        event = instance("Win32_NTLogEvent", properties(RecordNumber=7))
        wire.on("Get", event).expect(selectors={"Logfile": "System", "RecordNumber": "7"})
        client.get(schema.WIN32_NT_LOG_EVENT, Logfile="System", RecordNumber=7)
        with pytest.raises(ValueError, match="no property"):
            client.get(schema.WIN32_NT_LOG_EVENT, Unknown=7)

    def test_a_missing_instance(self, wire: Wire, client: CimClient) -> None:
        wire.on("Get", MISSING)
        wire.on("Get", MISSING)
        with pytest.raises(NotFound):
            client.get(schema.WIN32_SERVICE, Name="X")
        assert client.find(schema.WIN32_SERVICE, Name="X") is None

    def test_find_hides_nothing_else(self, wire: Wire, client: CimClient) -> None:
        wire.on("Get", mi_fault(0x80041010, 5))
        with pytest.raises(InvalidClass):
            client.find(schema.WIN32_SERVICE, Name="X")

    def test_an_empty_answer(self, wire: Wire, client: CimClient) -> None:
        wire.on("Get", "")
        with pytest.raises(BadAnswer, match="no object"):
            client.get(schema.WIN32_SERVICE, Name="X")


class TestQuery:
    def test_wql_goes_to_the_namespace(self, wire: Wire, client: CimClient) -> None:
        wire.on("Enumerate", enumerated(SERVICE)).expect(
            uri=f"{WMI}/root/cimv2/*", wql="select * from Win32_Service where Name='TermService'"
        )
        (found,) = client.query(schema.WIN32_SERVICE, wql.compare("Name", "TermService"))
        assert (found.text("State"), found.epr) == ("Running", None)

    def test_the_dmtf_style(self, wire: Wire) -> None:
        wire.on("Enumerate", enumerated()).expect(uri=f"{DMTF}/*", selectors={"__cimnamespace": "root/cimv2"})
        assert CimClient(wire, "dmtf").query(schema.WIN32_SERVICE) == []

    def test_objects_with_references(self, wire: Wire, client: CimClient) -> None:
        reference = epr("MSFT_NetFirewallRule", "root/StandardCimv2", **EPR_KEYS)
        rule = instance("MSFT_NetFirewallRule", properties(InstanceID="R"), "root/StandardCimv2")
        wire.on("Enumerate", enumerated(item(rule, reference)))
        (found,) = client.query(schema.MSFT_NET_FIREWALL_RULE, with_epr=True)
        assert keys_of(found.epr) == EPR_KEYS
        wire.on("Enable", output("Enable", returned=None)).expect(selectors=EPR_KEYS, repeatable=False)
        assert client.invoke(schema.MSFT_NET_FIREWALL_RULE, "Enable", keys=keys_of(found.epr)).ok

    def test_fragments(self, wire: Wire, client: CimClient) -> None:
        wire.on("Enumerate", enumerated(fragment("<Name>A</Name><ProcessId>5</ProcessId>"))).expect(
            wql="select Name,ProcessId from Win32_Service"
        )
        (found,) = client.query(schema.WIN32_SERVICE, select=("Name", "ProcessId"))
        assert found.values == {"Name": "A", "ProcessId": 5}

    def test_pull_and_limit(self, wire: Wire, client: CimClient) -> None:
        wire.on("Enumerate", enumerated(SERVICE, context="uuid:1", ended=False))
        wire.on("Pull", pulled(SERVICE, SERVICE, context="uuid:2", ended=False))
        wire.on("Release", "")
        assert len(client.query(schema.WIN32_SERVICE, limit=3)) == 3
        assert client.operations == 3

    def test_a_refused_query(self, wire: Wire, client: CimClient) -> None:
        wire.on("Enumerate", wmi_fault(0x8033801A, "n:CannotProcessFilter"))
        with pytest.raises(InvalidQuery):
            client.query(schema.WIN32_SERVICE)

    def test_an_item_without_object(self, wire: Wire, client: CimClient) -> None:
        wire.on("Enumerate", enumerated(epr("Win32_Service", Name="A")))
        with pytest.raises(BadAnswer):
            client.query(schema.WIN32_SERVICE)


def test_associated_instances(wire: Wire, client: CimClient) -> None:
    def check(sent: Sent) -> None:
        filter_ = next(node for node in sent.body if local(node.tag) == "Filter")
        assert filter_.get("Dialect", "").endswith("/cimbinding/associationFilter")
        parts = {local(node.tag): node.text for node in filter_[0]}
        assert local(filter_[0].tag) == "AssociatedInstances"
        assert parts["AssociationClassName"] == "Win32_DependentService"
        assert (parts["Role"], parts["ResultRole"]) == ("Antecedent", "Dependent")
        assert "TermService" in "".join(filter_.itertext())

    wire.on("Enumerate", enumerated(SERVICE)).expect(uri=f"{WMI}/root/cimv2/*").check(check)
    (found,) = client.associated(
        schema.WIN32_SERVICE,
        {"Name": "TermService"},
        schema.WIN32_DEPENDENT_SERVICE,
        "Antecedent",
        "Dependent",
        schema.WIN32_SERVICE,
    )
    assert found.text("Name") == "TermService"


class TestInvoke:
    def test_a_static_method(self, wire: Wire, client: CimClient) -> None:
        wire.on("GetDWORDValue", output("GetDWORDValue", "<p:uValue>3389</p:uValue>")).expect(
            uri=f"{WMI}/root/default/StdRegProv",
            action=f"{WMI}/root/default/StdRegProv/GetDWORDValue",
            selectors={},
            arguments=[("hDefKey", "2147483650"), ("sSubKeyName", "A\\B"), ("sValueName", "PortNumber")],
            repeatable=True,
        )
        arguments = {"hDefKey": 0x80000002, "sSubKeyName": "A\\B", "sValueName": "PortNumber"}
        assert client.invoke(schema.STD_REG_PROV, "GetDWORDValue", arguments) == Outcome(0, {"uValue": 3389})

    def test_an_instance_method_is_not_repeatable(self, wire: Wire, client: CimClient) -> None:
        wire.on("StopService", output("StopService", returned=3)).expect(
            selectors={"Name": "TermService"}, arguments=[], repeatable=False
        )
        outcome = client.invoke(schema.WIN32_SERVICE, "StopService", keys={"Name": "TermService"})
        assert (outcome.return_value, outcome.ok) == (3, False)

    def test_a_singletons_method(self, wire: Wire, client: CimClient) -> None:
        wire.on("Reboot", output("Reboot")).expect(selectors={})
        assert client.invoke(schema.WIN32_OPERATING_SYSTEM, "Reboot").ok

    def test_an_hresult_as_return_value(self, wire: Wire, client: CimClient) -> None:
        wire.on("SetSecurityLayer", output("SetSecurityLayer", returned=0x80041016))
        outcome = client.invoke(
            schema.WIN32_TS_GENERAL_SETTING, "SetSecurityLayer", {"SecurityLayer": 2}, {"TerminalName": "RDP-Tcp"}
        )
        assert outcome.return_value == 0x80041016

    @pytest.mark.parametrize("answer", ["", output("Clear", returned=None)], ids=["no output", "empty output"])
    def test_no_return_value_is_success(self, wire: Wire, client: CimClient, answer: str) -> None:
        wire.on("Clear", answer)
        assert client.invoke(schema.MSFT_DNS_CLIENT_CACHE, "Clear") == Outcome(None, {})
        assert Outcome(None).ok

    def test_the_outputs_name_does_not_matter(self, wire: Wire, client: CimClient) -> None:
        wire.on("Clear", output("MSFT_DNSClientCache").replace("Clear_OUTPUT", "Other"))
        assert client.invoke(schema.MSFT_DNS_CLIENT_CACHE, "Clear").return_value == 0

    def test_a_write_may_be_declared_reading(self, wire: Wire, client: CimClient) -> None:
        wire.on("Clear", output("Clear")).expect(repeatable=True)
        client.invoke(schema.MSFT_DNS_CLIENT_CACHE, "Clear", read_only=True)

    def test_a_lost_answer_is_not_asked_for_again(self, wire: Wire, client: CimClient) -> None:
        wire.on("Clear", ConnectionLost("reset"))
        with pytest.raises(ConnectionLost):
            client.invoke(schema.MSFT_DNS_CLIENT_CACHE, "Clear")

    @pytest.mark.parametrize(
        ("method", "arguments", "keys", "why"),
        [
            ("Explode", {}, {}, "no method"),
            ("StopService", {}, {}, "needs the keys Name"),
            ("ChangeStartMode", {"Mode": "Auto"}, {"Name": "A"}, "none of"),
            ("ChangeStartMode", {"StartMode": 2}, {"Name": "A"}, "no string"),
        ],
    )
    def test_mistakes_of_ours_send_nothing(
        self, client: CimClient, method: str, arguments: dict[str, object], keys: dict[str, str], why: str
    ) -> None:
        with pytest.raises(ValueError, match=why):
            client.invoke(schema.WIN32_SERVICE, method, arguments, keys)
        assert client.operations == 0


class TestPut:
    FULL = instance(
        "MSFT_NetFirewallRule",
        properties(Enabled=1, InstanceID="R", NotInOurTable="kept", Profiles=0, Owner=None)
        + "<p:Platforms>a</p:Platforms><p:Platforms>b</p:Platforms>"
        + "<p:When><cim:Datetime>2024-01-01T00:00:00Z</cim:Datetime></p:When>",
        "root/StandardCimv2",
    )

    def test_changes_alone_where_the_provider_takes_them(self, wire: Wire, client: CimClient) -> None:
        after = instance("MSFT_NetProtocolPortFilter", properties(LocalPort=["3390"]), "root/StandardCimv2")
        wire.on("Put", after).expect(
            action=f"{TRANSFER}/Put",
            selectors={"InstanceID": "R"},
            arguments=[("LocalPort", "3390")],
            options=[],
            repeatable=False,
        )
        found = client.put(schema.MSFT_NET_PROTOCOL_PORT_FILTER, {"InstanceID": "R"}, {"LocalPort": ("3390",)})
        assert found.texts("LocalPort") == ("3390",)

    def test_the_whole_where_a_part_is_refused_as_incomplete(self, wire: Wire, client: CimClient) -> None:
        stored = instance(
            "MSFT_NetProtocolPortFilter", properties(LocalPort=["3389"], Protocol="TCP"), "root/StandardCimv2"
        )
        wire.on("Put", wmi_fault(0x80338057, "x:InvalidRepresentation")).expect(arguments=[("LocalPort", "3390")])
        wire.on("Get", stored).expect(selectors={"InstanceID": "R"})
        wire.on("Put", "").expect(
            arguments=[("Protocol", "TCP"), ("LocalPort", "3390")],
            options=[("wmiarray:__MIInstanceModifiedPropertiesList", "LocalPort")],
        )
        client.put(schema.MSFT_NET_PROTOCOL_PORT_FILTER, {"InstanceID": "R"}, {"LocalPort": ("3390",)})

    def test_another_refusal_of_a_part_is_not_repeated(self, wire: Wire, client: CimClient) -> None:
        wire.on("Put", wmi_fault(0x80041008))
        with pytest.raises(WsmanFault):
            client.put(schema.MSFT_NET_PROTOCOL_PORT_FILTER, {"InstanceID": "R"}, {"LocalPort": ("3390",)})

    def test_the_whole_instance_otherwise(self, wire: Wire, client: CimClient) -> None:
        wire.on("Get", self.FULL).expect(selectors=EPR_KEYS)
        wire.on("Put", "").expect(
            selectors=EPR_KEYS, options=[("wmiarray:__MIInstanceModifiedPropertiesList", "Profiles")]
        ).check(self._check)
        assert client.put(schema.MSFT_NET_FIREWALL_RULE, EPR_KEYS, {"Profiles": 3}) is None

    @staticmethod
    def _check(sent: Sent) -> None:
        namespace = f"{WMI}/root/StandardCimv2/MSFT_NetFirewallRule"
        assert sent.body.tag == f"{{{namespace}}}MSFT_NetFirewallRule"
        assert all(node.tag.startswith(f"{{{namespace}}}") for node in sent.body)
        assert [(name, text) for name, text in sent.arguments if name != "When"] == [
            ("Enabled", "1"),
            ("InstanceID", "R"),
            ("NotInOurTable", "kept"),
            ("Owner", ""),
            ("Platforms", "a"),
            ("Platforms", "b"),
            ("Profiles", "3"),
        ]
        nil = next(node for node in sent.body if local(node.tag) == "Owner")
        assert nil.attrib == {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}
        when = next(node for node in sent.body if local(node.tag) == "When")
        assert "".join(when.itertext()) == "2024-01-01T00:00:00Z"
        assert when[0].tag == "{http://schemas.dmtf.org/wbem/wscim/1/common}Datetime"

    def test_a_property_that_the_class_lacks(self, client: CimClient) -> None:
        with pytest.raises(ValueError, match="none of"):
            client.put(schema.MSFT_NET_PROTOCOL_PORT_FILTER, {}, {"Port": "1"})


class TestCreateAndDelete:
    CREATED = epr("MSFT_NetFirewallRule", "root/StandardCimv2", InstanceID="R").replace(
        "a:EndpointReference", "x:ResourceCreated"
    )

    def test_create(self, wire: Wire, client: CimClient) -> None:
        wire.on("Create", self.CREATED).expect(
            action=f"{TRANSFER}/Create",
            arguments=[("InstanceID", "R"), ("Enabled", "2")],
            options=[("wmi:PolicyStore", "PersistentStore")],
            repeatable=False,
        )
        options = [Option("wmi:PolicyStore", "PersistentStore")]
        keys = client.create(schema.MSFT_NET_FIREWALL_RULE, {"InstanceID": "R", "Enabled": 2}, options)
        assert keys == {"InstanceID": "R"}

    def test_what_exists_is_not_created(self, wire: Wire, client: CimClient) -> None:
        wire.on("Create", mi_fault(0x80070050, 11))
        with pytest.raises(AlreadyExists):
            client.create(schema.MSFT_NET_FIREWALL_RULE, {"InstanceID": "R"})

    def test_delete(self, wire: Wire, client: CimClient) -> None:
        wire.on("Delete", "").expect(action=f"{TRANSFER}/Delete", selectors=EPR_KEYS, repeatable=False)
        client.delete(schema.MSFT_NET_FIREWALL_RULE, **EPR_KEYS)

    def test_what_does_not_exist_is_not_deleted(self, wire: Wire, client: CimClient) -> None:
        wire.on("Delete", mi_fault(0x80041002, 6))
        with pytest.raises(NotFound):
            client.delete(schema.MSFT_NET_FIREWALL_RULE, **EPR_KEYS)


def test_identify(wire: Wire, client: CimClient) -> None:
    identity = (
        '<i:IdentifyResponse xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">'
        "<i:ProductVendor>Microsoft Corporation</i:ProductVendor>"
        "<i:ProductVersion>OS: 10.0.20348 SP: 0.0 Stack: 3.0</i:ProductVersion></i:IdentifyResponse>"
    )
    wire.on("", identity)
    assert client.identify().version == "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
    wire.on("", "<x/>")
    with pytest.raises(BadAnswer):
        client.identify()


def test_every_message_is_counted(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(context="uuid:1", ended=False)).expect(action=f"{ENUMERATION}/Enumerate")
    wire.on("Pull", pulled())
    wire.on("Get", MISSING)
    client.query(schema.WIN32_SERVICE)
    client.find(schema.WIN32_SERVICE, Name="A")
    assert client.operations == 3


def test_references_lose_the_namespace_that_windows_adds() -> None:
    reference = EndpointReference("urn:x/A", {"__cimnamespace": "root/cimv2", "Name": "N"})
    assert keys_of(reference) == {"Name": "N"}

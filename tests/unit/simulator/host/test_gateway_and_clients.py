# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RD Gateway role, machines that connect, and the operational event channels."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.simulator.breakages.gateway import ADMINS, OTHER_PORT, TARGETS, USER, USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.rdp.gateway_port import https_port
from tests.simulator.windows import events
from tests.simulator.windows.gateway import CLIENT_ADDRESS, Gateway
from tests.unit.simulator.host.test_files import run
from tests.unit.simulator.host.wmi import Fault, Row, Wmi

COMPLETE = {"enum_shape": "complete"}
NAMESPACE = "root/cimv2/TerminalServices"
CAP = "Win32_TSGatewayConnectionAuthorizationPolicy"
RAP = "Win32_TSGatewayResourceAuthorizationPolicy"
GROUP = "Win32_TSGatewayResourceGroup"
CONNECTION = "Win32_TSGatewayConnection"
SETTINGS = "Win32_TSGatewayServerSettings"


def gateway_host(*breakages: str) -> tuple[SimulatedHost, Wmi, Gateway]:
    host = SimulatedHost.build(breakages=breakages, traits=[] if breakages else ["gateway_role"], switches=COMPLETE)
    assert host.windows.gateway is not None
    return host, Wmi(host), host.windows.gateway


def call(wmi: Wmi, class_name: str, method: str, key: str = "", **args: object) -> Row:
    return wmi.invoke(class_name, method, ns=NAMESPACE, keys={"Name": key} if key else None, **args)


def codes(host: SimulatedHost, log: str) -> list[int]:
    return [event.code for event in host.windows.events.all() if event.log == log]


@pytest.mark.parametrize("class_name", [CAP, RAP, GROUP, SETTINGS, CONNECTION])
def test_without_the_role_there_are_no_such_classes(class_name: str) -> None:
    with pytest.raises(Fault) as caught:
        Wmi(SimulatedHost.build(switches={"missing_class": "invalid_class"})).query(
            f"select * from {class_name}", ns=NAMESPACE
        )
    assert {0x80041010, 0x8033801A} & set(caught.value.codes)


def test_a_whole_gateway_lets_its_users_through_under_every_name() -> None:
    host, wmi, gateway = gateway_host()
    assert [gateway.attempt(USER, [USERS], target) for target in TARGETS] == [302, 302, 302]
    assert gateway.attempt(USER, [r"CORP\Others"], TARGETS[0]) == 201
    assert gateway.attempt(USER, [USERS], "elsewhere") == 301
    assert len(wmi.query(f"select * from {RAP}", ns=NAMESPACE)) == 1
    assert codes(host, events.GATEWAY_LOG)[-1] == 301
    assert not wmi.query("select * from Win32_NTLogEvent where TimeGenerated>'20200101000000.000000+000' "
                         "and SourceName='Microsoft-Windows-TerminalServices-Gateway'")  # fmt: skip


@pytest.mark.parametrize(
    ("breakage", "event", "class_name", "key", "method", "args"),
    [
        ("gateway_cap_denied", 201, CAP, "Users", "AddUserGroupNames", {"UserGroupNames": USERS}),
        ("gateway_cap_disabled", 201, CAP, "Users", "SetEnabled", {"Enabled": True}),
        ("gateway_rap_denied", 301, RAP, "Users to session hosts", "SetUserGroupNames", {"UserGroupNames": USERS}),
        ("gateway_rap_disabled", 301, RAP, "Users to session hosts", "SetEnabled", {"Enabled": True}),
        ("gateway_rap_resource", 301, GROUP, "Session hosts", "AddResources", {"Resources": ";".join(TARGETS[1:])}),
        ("gateway_rap_port", 301, RAP, "Users to session hosts", "SetPortNumbers", {"PortNumbers": "33890;3389"}),
    ],
)
def test_a_policy_that_refuses_is_mended_by_its_method(
    breakage: str, event: int, class_name: str, key: str, method: str, args: dict[str, object]
) -> None:
    host, wmi, gateway = gateway_host(breakage)
    assert event in codes(host, events.GATEWAY_LOG)
    assert call(wmi, class_name, method, key, **args)["ReturnValue"] == "0"
    assert [gateway.attempt(USER, [USERS], target) for target in TARGETS] == [302, 302, 302]


def test_who_is_connected_is_listed_until_the_service_stops() -> None:
    host, wmi, gateway = gateway_host()
    gateway.connect(USER, [USERS], TARGETS[1])
    (row,) = wmi.query(f"select * from {CONNECTION}", ns=NAMESPACE)
    assert (row["UserName"], row["ClientAddress"], row["ConnectedResource"]) == (USER, CLIENT_ADDRESS, TARGETS[1])
    with pytest.raises(ValueError, match="event 201"):
        gateway.connect(USER, [r"CORP\Others"], TARGETS[1])
    host.windows.services.force_stopped("TSGateway")
    assert gateway.open == []


def test_a_reboot_ends_every_connection() -> None:
    host, _wmi, gateway = gateway_host()
    gateway.connect(USER, [USERS], TARGETS[1])
    host.windows.reboot()
    assert gateway.open == []


def test_a_gateway_has_a_socket_where_anybody_may_listen_and_while_it_runs() -> None:
    host = SimulatedHost.build(traits=["gateway_other_port"])
    assert https_port(host.windows) == OTHER_PORT
    host.windows.services.force_stopped("TSGateway")
    assert https_port(host.windows) == 0
    assert https_port(SimulatedHost.build(traits=["gateway_role"]).windows) == 0
    assert https_port(SimulatedHost.build().windows) == 0


def test_policies_are_created_ordered_and_deleted() -> None:
    _host, wmi, gateway = gateway_host("gateway_cap_denied")
    args = {"Name": "More", "UserGroupNames": USERS, "Password": True, "Enabled": True}
    assert call(wmi, CAP, "Create", **args)["ReturnValue"] == "0"
    assert call(wmi, CAP, "Create", **args)["ReturnValue"] == str(0x800700B7)
    assert call(wmi, CAP, "Create", **{**args, "Name": "a/b"})["ReturnValue"] == str(0x80070057)
    rows = wmi.query(f"select Name, Order, PasswordAllowed from {CAP}", ns=NAMESPACE)
    assert [(row["Name"], row["Order"], row["PasswordAllowed"]) for row in rows] == [
        ("More", "1", "true"), ("Users", "2", "true"),
    ]  # fmt: skip
    call(wmi, CAP, "MoveDown", "More")
    assert [row["Name"] for row in gateway.connections] == ["Users", "More"]
    assert call(wmi, CAP, "DisableClipboard", "More", Disabled=True)["ReturnValue"] == "0"
    assert gateway.connections[1]["ClipboardDisabled"] is True
    call(wmi, CAP, "RemoveUserGroupNames", "Users", UserGroupNames=ADMINS)
    assert gateway.connections[0]["UserGroupNames"] == ""


def test_resource_policies_and_groups_name_each_other() -> None:
    _host, wmi, gateway = gateway_host()
    call(wmi, GROUP, "Create", Name="Lab", Description="", Resources="lab01")
    code = call(wmi, RAP, "Create", Name="Lab users", Description="", Enabled=True, ResourceGroupType="RG",
                ResourceGroupName="Lab", UserGroupNames=USERS, ProtocolNames="RDP", PortNumbers="*")  # fmt: skip
    assert code["ReturnValue"] == "0"
    row = wmi.query(f"select * from {GROUP} where Name='Lab'", ns=NAMESPACE)[0]
    assert row["AssociatedRAPs"] == "Lab users"
    assert gateway.attempt(USER, [USERS], "lab01", 4000) == 302
    call(wmi, RAP, "SetResourceGroup", "Lab users", ResourceGroupName="", ResourceGroupType="ALL")
    assert gateway.attempt(USER, [USERS], "anything", 4000) == 302


def test_transports_certificate_and_limits() -> None:
    host, wmi, gateway = gateway_host("gateway_certificate_unbound")
    before = host.state_json()
    assert wmi.query(f"select * from {SETTINGS}", ns=NAMESPACE)[0]["IsConfigured"] == "false"
    made = call(wmi, "Win32_TSGatewayServer", "CreateSelfSignedCertificate", SubjectName="gateway.corp.example")
    digest = made["CertHash"]
    assert isinstance(digest, list)
    thumbprint = bytes(int(str(number)) for number in digest)
    assert call(wmi, SETTINGS, "SetCertificate", CertHash=bytes(20))["ReturnValue"] != "0"
    assert call(wmi, SETTINGS, "SetCertificate", CertHash=thumbprint)["ReturnValue"] == "0"
    assert gateway.certificate == thumbprint
    assert call(wmi, SETTINGS, "EnableTransport", TransportType=2, Enable=False)["ReturnValue"] == "0"
    assert call(wmi, SETTINGS, "IsTransportEnabled", TransportType=2)["Enabled"] == "false"
    assert call(wmi, SETTINGS, "EnableTransport", TransportType=7, Enable=False)["ReturnValue"] == str(0x80070057)
    assert call(wmi, SETTINGS, "GetIPAndPort", TransportType=2)["Port"] == "3391"
    call(wmi, SETTINGS, "SetMaxConnections", Connections=5, IsUnlimited=False)
    assert gateway.limit == 5
    assert host.state_json() != before


@pytest.mark.parametrize("breakage", ["gateway_service_stopped", "gateway_service_disabled"])
def test_a_stopped_gateway_answers_nobody(breakage: str) -> None:
    _host, wmi, gateway = gateway_host(breakage)
    assert gateway.attempt(USER, [USERS], TARGETS[0]) == 0
    assert wmi.state("TSGateway") == "Stopped"


def test_users_do_not_see_the_gateway() -> None:
    host, _wmi, _gateway = gateway_host()
    with pytest.raises(Fault):
        Wmi(host, "operator").query(f"select * from {CAP}", ns=NAMESPACE)


def test_the_gateway_names_what_it_tells_as_real_records_do() -> None:
    host, _wmi, _gateway = gateway_host("gateway_rap_denied")
    line = run(host, f"wevtutil qe {events.GATEWAY_LOG} /f:xml /q:*[System[EventID=301]] /c:1").stdout
    info = etree.fromstring(line).find("{*}UserData/{aag}EventInfo")
    assert info is not None
    assert {etree.QName(item).localname: item.text or "" for item in info} == {
        "Username": USER, "IpAddress": "198.51.100.7", "AuthType": "NTLM", "Resource": TARGETS[0],
        "ConnectionProtocol": "HTTP", "ErrorCode": "23002",
    }  # fmt: skip


@pytest.mark.parametrize("version", ["10", "11", "2016", "2019", "2022", "2025"])
def test_known_bad_updates_are_listed(version: str) -> None:
    host = SimulatedHost.build(version, breakages=["client_known_bad_update"], switches=COMPLETE)
    rows = Wmi(host).query("select HotFixID from Win32_QuickFixEngineering")
    assert len(rows) == 2
    assert str(rows[1]["HotFixID"]).startswith("KB5073") or rows[1]["HotFixID"] == "KB5074109"


def test_an_old_client_shows_in_its_version() -> None:
    rows = [
        Wmi(SimulatedHost.build(breakages=breakages, switches=COMPLETE)).query(
            r"select Version from CIM_DataFile where Name='C:\\Windows\\System32\\mstsc.exe'"
        )[0]["Version"]
        for breakages in ([], ["client_too_old"])
    ]
    assert rows[0] != rows[1]


CHANNEL = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"


def found(host: SimulatedHost, options: str, channel: str = CHANNEL) -> list[str]:
    output = run(host, f"wevtutil qe {channel} /f:xml {options}")
    assert output.code == 0
    rows = [etree.fromstring(line) for line in output.stdout.splitlines()]
    return [str(row.findtext(".//{*}EventID")) for row in rows]


def test_channels_are_queried_by_xpath() -> None:
    host = SimulatedHost.build(breakages=["connection_flood"])
    assert len(found(host, "")) == 18
    assert set(found(host, '"/q:*[System[EventID=140]]"')) == {"140"}
    assert found(host, '"/q:*[System[(EventID=131 or EventID=140)]]" /c:1 /rd:true') == ["140"]
    host.clock.advance(3600)
    assert not found(host, '"/q:*[System[TimeCreated[timediff(@SystemTime) <= 60000]]]"')
    assert len(found(host, "\"/q:*[System[TimeCreated[@SystemTime<='2026-06-15T08:30:00Z']]]\"")) == 18
    assert not found(host, "\"/q:*[System[TimeCreated[@SystemTime>='2026-06-15T08:30:00Z']]]\"")
    assert found(host, "\"/q:*[System[Provider[@Name='Schannel']]]\"", "System") == []


def test_wrong_queries_and_channels_have_their_codes(host: SimulatedHost) -> None:
    assert run(host, "wevtutil qe Nonsense/Operational /f:xml").code == 15007
    assert run(host, f'wevtutil qe {CHANNEL} "/q:*[System[" /f:xml').code == 15001
    assert events.GATEWAY_LOG not in run(host, "wevtutil el").stdout


def test_each_connection_leaves_its_events(host: SimulatedHost) -> None:
    host.windows.listener.negotiate(3, "192.0.2.9:40000")
    output = run(host, f'wevtutil qe {CHANNEL} "/q:*[System[EventID=131]]" /f:xml').stdout
    assert "192.0.2.9:40000" in output
    assert found(host, "", events.MANAGER_LOG) == ["261"]
    assert Wmi(SimulatedHost.build(switches=COMPLETE)).query(
        "select * from Win32_NTLogEvent where EventCode=131 and TimeGenerated>'20200101000000.000000+000'"
    ) == []  # fmt: skip


def test_a_full_log_loses_its_own_oldest_records(host: SimulatedHost) -> None:
    host.windows.events.schannel(36874)
    for _connection in range(events.KEPT + 10):
        host.windows.listener.negotiate(3)
    assert 36874 in codes(host, "System")
    assert len(codes(host, events.RDP_CORE_LOG)) == events.KEPT

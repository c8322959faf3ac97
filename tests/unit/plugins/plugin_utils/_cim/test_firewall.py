# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import firewall as f
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import NotFound
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    Sent,
    Wire,
    enumerated,
    epr,
    fragment,
    instance,
    item,
    output,
    properties,
)

TCP = "RemoteDesktop-UserMode-In-TCP"
UDP = "RemoteDesktop-UserMode-In-UDP"
STANDARD = "root/StandardCimv2"
LIKE = "InstanceID like 'RemoteDesktop-%'"


def rule_keys(name: str) -> dict[str, str]:
    return {
        "CreationClassName": f"MSFT|FW|FirewallRule|{name}",
        "PolicyRuleName": "",
        "SystemCreationClassName": "",
        "SystemName": "",
    }


def part(class_name: str, name: str, keys: dict[str, str], **values: str | int | list[str] | None) -> str:
    return item(
        instance(class_name, properties(InstanceID=name, **values), STANDARD), epr(class_name, STANDARD, **keys)
    )


COMMON: dict[str, str | int | None] = {
    "Action": 2,
    "Direction": 1,
    "DisplayName": "Remotedesktop - Benutzermodus (TCP eingehend)",
    "Enabled": 1,
    "PolicyStoreSourceType": 1,
    "Profiles": 3,
    "RuleGroup": "@FirewallAPI.dll,-28752",
}


def rule(name: str, **values: str | int | None) -> str:
    return part("MSFT_NetFirewallRule", name, rule_keys(name), **{**COMMON, **values})


def ports(name: str, protocol: str = "TCP", *local: str) -> str:
    keys = {"InstanceID": name, "CreationClassName": "ports"}
    return part("MSFT_NetProtocolPortFilter", name, keys, Protocol=protocol, LocalPort=list(local))


def addresses(name: str, *remote: str) -> str:
    keys = {"InstanceID": name, "CreationClassName": "addresses"}
    return part("MSFT_NetAddressFilter", name, keys, RemoteAddress=list(remote))


@pytest.fixture
def firewall(client: CimClient) -> f.Firewall:
    return f.Firewall(client)


@pytest.fixture
def tcp_rule(wire: Wire, firewall: f.Firewall) -> f.Rule:
    one(wire, [ports(TCP, "TCP", "3389")], [addresses(TCP, "Any")])
    return firewall.rule(TCP, ports=True, addresses=True)


def one(wire: Wire, port_items: list[str], address_items: list[str]) -> None:
    where = f"InstanceID='{TCP}'"
    wire.on("Enumerate", enumerated(rule(TCP))).expect(wql=f"select * from MSFT_NetFirewallRule where {where}").check(
        _epr
    )
    for class_name, items in (("MSFT_NetProtocolPortFilter", port_items), ("MSFT_NetAddressFilter", address_items)):
        wire.on("Enumerate", enumerated(*items)).expect(wql=f"select * from {class_name} where {where}").check(_epr)


def seen(name: str, **values: str | int | list[str] | None) -> str:
    """An object of which single properties were asked."""
    pairs = [(key, item) for key, value in values.items() for item in (value if isinstance(value, list) else [value])]
    return fragment("".join(f"<{key}>{item}</{key}>" for key, item in [("InstanceID", name), *pairs]))


def seen_rule(name: str, **values: str | int | None) -> str:
    return seen(name, **{**COMMON, **values})


RULES = (
    "select InstanceID,DisplayName,ElementName,RuleGroup,Enabled,Direction,Action,Profiles,PolicyStoreSourceType "
    "from MSFT_NetFirewallRule where"
)
PORTS = "select InstanceID,LocalPort,Protocol from MSFT_NetProtocolPortFilter where"
ADDRESSES = "select InstanceID,RemoteAddress from MSFT_NetAddressFilter where"


def _epr(sent: Sent) -> None:
    assert dict(sent.arguments)["EnumerationMode"] == "EnumerateObjectAndEPR"


def test_the_built_in_rules(wire: Wire, firewall: f.Firewall) -> None:
    built_in = [seen(TCP, Protocol="TCP", LocalPort="3389"), seen(UDP, Protocol="UDP", LocalPort=["3389", "3390-3400"])]
    wire.on("Enumerate", enumerated(*built_in)).expect(wql=f"{PORTS} {LIKE}")
    found = [seen_rule(UDP, Enabled=2, Profiles=0), seen_rule(TCP)]
    wire.on("Enumerate", enumerated(*found)).expect(wql=f"{RULES} {LIKE}")
    allowed = [seen(TCP, RemoteAddress=["10.0.0.0/8", "LocalSubnet"]), seen(UDP, RemoteAddress="Any")]
    wire.on("Enumerate", enumerated(*allowed)).expect(wql=f"{ADDRESSES} {LIKE}")
    first, second = firewall.rdp_rules()
    assert first == f.Rule(
        instance_id=TCP,
        display_name="Remotedesktop - Benutzermodus (TCP eingehend)",
        group="@FirewallAPI.dll,-28752",
        enabled=True,
        direction=f.INBOUND,
        action=f.Action.ALLOW,
        profiles=f.Profiles.DOMAIN | f.Profiles.PRIVATE,
        source=f.Source.LOCAL,
        protocol="TCP",
        ports=("3389",),
        remote_addresses=("10.0.0.0/8", "LocalSubnet"),
    )
    assert (second.instance_id, second.enabled, second.profiles) == (UDP, False, f.Profiles.ANY)
    assert second.ports == ("3389", "3390-3400")


def who(wire: Wire, where: str, programs: dict[str, str], services: dict[str, str]) -> None:
    for class_name, name, found in (
        ("MSFT_NetApplicationFilter", "AppPath", programs),
        ("MSFT_NetServiceFilter", "ServiceName", services),
    ):
        items = [seen(rule_id, **{name: text}) for rule_id, text in found.items()]
        wire.on("Enumerate", enumerated(*items)).expect(wql=f"select InstanceID,{name} from {class_name} where {where}")


BLOCKING = "(Action=4 and Direction=1 and Enabled=1)"


def test_the_rules_for_a_port_and_those_that_block_without_naming_one(wire: Wire, firewall: f.Firewall) -> None:
    listed = [
        seen("one", Protocol="TCP", LocalPort="3390"),
        seen("range", Protocol="TCP", LocalPort=["80", "3380-3400"]),
        seen("any", Protocol="TCP", LocalPort="Any"),
        seen("none", Protocol="TCP"),
        seen("out", Protocol="TCP", LocalPort="3390"),
        seen("web", Protocol="TCP", LocalPort="443"),
        seen(UDP, Protocol="UDP", LocalPort="3390"),
    ]
    wire.on("Enumerate", enumerated(*listed)).expect(wql=f"{PORTS} ({LIKE} or Protocol='TCP')")
    blocks = [seen_rule(name, Action=4) for name in ("any", "program", "range", "web")]
    wire.on("Enumerate", enumerated(seen_rule("one"), *blocks, seen_rule("out", Direction=2))).expect(
        wql=f"{RULES} ({LIKE} or (InstanceID='one' or InstanceID='range' or InstanceID='out') or {BLOCKING})"
    )
    names = ("one", "any", "program", "range")
    chosen = " or ".join(f"InstanceID='{name}'" for name in names)
    wire.on("Enumerate", enumerated(seen("program", Protocol="Any"))).expect(wql=f"{PORTS} InstanceID='program'")
    wire.on("Enumerate", enumerated()).expect(wql=f"{ADDRESSES} ({LIKE} or ({chosen}))")
    who(
        wire,
        "(InstanceID='any' or InstanceID='program' or InstanceID='range')",
        {"any": "Any", "program": r"C:\app.exe"},
        {"range": "termservice"},
    )
    rules = firewall.rdp_rules(3390)
    assert {rule.instance_id: rule.ports for rule in rules}["any"] == ("Any",)
    found = {rule.instance_id: (rule.action, rule.program, rule.service) for rule in rules}
    assert found == {
        "any": (f.Action.BLOCK, "Any", "Any"),
        "one": (f.Action.ALLOW, "Any", "Any"),
        "program": (f.Action.BLOCK, r"C:\app.exe", "Any"),
        "range": (f.Action.BLOCK, "Any", "termservice"),
    }


def test_no_query_names_more_rules_than_windows_takes(wire: Wire, firewall: f.Firewall) -> None:
    names = [f"p{number:03}" for number in range(f.MOST_IDS + 1)]
    wire.on("Enumerate", enumerated())
    wire.on("Enumerate", enumerated(*(seen_rule(name, Action=4) for name in names)))
    first, last = " or ".join(f"InstanceID='{name}'" for name in names[:-1]), f"InstanceID='{names[-1]}'"
    for asked, wheres in (
        (PORTS, (f"({first})", last)),
        (ADDRESSES, (f"({LIKE} or ({first}))", last)),
        ("select InstanceID,AppPath from MSFT_NetApplicationFilter where", (f"({first})", last)),
        ("select InstanceID,ServiceName from MSFT_NetServiceFilter where", (f"({first})", last)),
    ):
        for where in wheres:
            wire.on("Enumerate", enumerated()).expect(wql=f"{asked} {where}")
    assert [one.instance_id for one in firewall.rdp_rules(3390)] == names


@pytest.mark.parametrize(
    ("listed", "covered"),
    [
        ((), False),
        (("3389",), True),
        (("33890",), False),
        (("3000-4000",), True),
        (("3390-4000",), False),
        (("Any",), False),
        (("RPC-EPMap",), False),
        (("80", "3389-3389"), True),
    ],
)
def test_covered_ports(listed: tuple[str, ...], covered: bool) -> None:
    assert f.covers(listed, 3389) is covered


def test_profiles(wire: Wire, firewall: f.Firewall) -> None:
    items = [
        seen(f"MSFT|FW|FirewallProfile|{name}", Enabled=enabled, AllowInboundRules=2, AllowLocalFirewallRules=0,
             DefaultInboundAction=4)
        for name, enabled in (("Domain", 1), ("Private", 0), ("Public", 2))
    ]  # fmt: skip
    wire.on("Enumerate", enumerated(*items))
    found = firewall.profiles()
    assert {name: profile.enabled for name, profile in found.items()} == {
        "Domain": True, "Private": False, "Public": None,
    }  # fmt: skip
    assert found["Public"] == f.Profile("Public", None, 4, None, False)


def test_the_categories_of_connected_networks(wire: Wire, firewall: f.Firewall) -> None:
    wire.on("Enumerate", enumerated(
        fragment("<InterfaceAlias>Ethernet</InterfaceAlias><NetworkCategory>2</NetworkCategory>"),
        fragment("<InterfaceAlias>WLAN</InterfaceAlias><NetworkCategory>0</NetworkCategory>"),
    ))  # fmt: skip
    assert firewall.active_categories() == {"Ethernet": f.Category.DOMAIN, "WLAN": f.Category.PUBLIC}


@pytest.mark.parametrize(("enabled", "method"), [(True, "Enable"), (False, "Disable")])
def test_enabling(wire: Wire, firewall: f.Firewall, tcp_rule: f.Rule, enabled: bool, method: str) -> None:
    wire.on(method, output(method, returned=None)).expect(selectors=rule_keys(TCP), repeatable=False)
    firewall.set_enabled(tcp_rule, enabled)
    wire.on(method, output(method, returned=0x80070005))
    with pytest.raises(f.FirewallError, match=f"Cannot {method.lower()} .*0x80070005") as caught:
        firewall.set_enabled(tcp_rule, enabled)
    assert (caught.value.instance_id, caught.value.code) == (TCP, 0x80070005)


def test_setting_profiles(wire: Wire, firewall: f.Firewall, tcp_rule: f.Rule) -> None:
    """The rule is sent as it has just been read."""
    others = [(name, str(value)) for name, value in {"InstanceID": TCP, **COMMON}.items() if name != "Profiles"]
    wire.on("Put", "").expect(
        selectors=rule_keys(TCP), arguments=[*sorted(others), ("Profiles", "1")], repeatable=False
    )
    firewall.set_profiles(tcp_rule, f.Profiles.DOMAIN)


def test_setting_the_port(wire: Wire, firewall: f.Firewall, tcp_rule: f.Rule) -> None:
    wire.on("Put", "").expect(
        selectors={"InstanceID": TCP, "CreationClassName": "ports"}, arguments=[("LocalPort", "3390")]
    )
    firewall.set_local_port(tcp_rule, [3390])


def test_setting_remote_addresses(wire: Wire, firewall: f.Firewall, tcp_rule: f.Rule) -> None:
    wire.on("Put", "").expect(
        selectors={"InstanceID": TCP, "CreationClassName": "addresses"},
        arguments=[("RemoteAddress", "10.0.0.0/8"), ("RemoteAddress", "LocalSubnet")],
    )
    firewall.set_remote_addresses(tcp_rule, ["10.0.0.0/8", "LocalSubnet"])


def test_a_rule_is_changed_by_the_names_that_it_was_read_with(firewall: f.Firewall, tcp_rule: f.Rule) -> None:
    assert firewall.last_read(TCP) is tcp_rule
    with pytest.raises(NotFound, match="was not read"):
        firewall.last_read("RemoteDesktop-UserMode-In-UDP")


def test_a_rule_without_filter(wire: Wire, firewall: f.Firewall) -> None:
    one(wire, [], [])
    found = firewall.rule(TCP, ports=True, addresses=True)
    assert (found.protocol, found.ports) == ("", ())
    with pytest.raises(NotFound, match="MSFT_NetProtocolPortFilter"):
        firewall.set_local_port(found, [3390])

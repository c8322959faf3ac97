# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The firewall: who gets in, and what its CIM classes do."""

from __future__ import annotations

import pytest

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.firewall import BLOCK, LOCAL_RULES, Packet, Rule
from tests.simulator.windows.registry import Type
from tests.unit.simulator.host.wmi import Fault, Wmi

STANDARD = "root/StandardCimv2"
TCP_RULE = "RemoteDesktop-UserMode-In-TCP"


def rule_keys(name: str) -> dict[str, object]:
    return {"CreationClassName": f"MSFT|FW|FirewallRule|{name}", "PolicyRuleName": "", "SystemCreationClassName": "",
            "SystemName": ""}  # fmt: skip


def filter_keys(name: str) -> dict[str, object]:
    return {"CreationClassName": f"MSFT|FW|FirewallRule|{name}", "Name": "", "SystemCreationClassName": "",
            "SystemName": ""}  # fmt: skip


def profile_keys(name: str) -> dict[str, object]:
    return {"InstanceID": f"MSFT|FW|FirewallProfile|{name}"}


def test_disable_and_enable(host: SimulatedHost, wmi: Wmi) -> None:
    assert wmi.invoke("MSFT_NetFirewallRule", "Disable", ns=STANDARD, keys=rule_keys(TCP_RULE)) == {}
    assert host.probe_view()["tcp"] == "timeout"
    wmi.invoke("MSFT_NetFirewallRule", "Enable", ns=STANDARD, keys=rule_keys(TCP_RULE))
    assert host.probe_view()["tcp"] == "open"


def test_block_beats_allow(host: SimulatedHost) -> None:
    host.windows.firewall.put(Rule("block", "block", action=BLOCK, enabled=True))
    assert host.probe_view()["tcp"] == "timeout"
    host.windows.firewall.change("block", enabled=False)
    assert host.probe_view()["tcp"] == "open"


def test_profiles_decide(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.put("MSFT_NetFirewallRule", rule_keys(TCP_RULE), ns=STANDARD, Profiles=1)
    assert host.probe_view()["tcp"] == "timeout"
    host.windows.network.category = 2
    assert host.probe_view()["tcp"] == "open"


@pytest.mark.parametrize(
    ("scope", "admitted"),
    [(["Any"], True), (["192.0.2.0/24"], True), (["198.51.100.7"], False), (["LocalSubnet"], True),
     (["192.0.2.1-192.0.2.49"], False)],
)  # fmt: skip
def test_remote_scope(host: SimulatedHost, wmi: Wmi, scope: list[str], admitted: bool) -> None:
    wmi.put("MSFT_NetAddressFilter", filter_keys(TCP_RULE), ns=STANDARD, RemoteAddress=scope)
    assert host.windows.firewall.admits(Packet("TCP", 3389)) is admitted


@pytest.mark.parametrize("scope", [["not an address"], [""], ["10.0.0.1-x"], ["10.0.0.0/33"], ["10.0.0.1", "DMZ"]])
def test_what_is_no_address_is_an_invalid_parameter(host: SimulatedHost, wmi: Wmi, scope: list[str]) -> None:
    with pytest.raises(Fault, match=r'CIMStatusCode xsi:type="cim:cimUnsignedInt">4<.*HRESULT 0x80041008'):
        wmi.put("MSFT_NetAddressFilter", filter_keys(TCP_RULE), ns=STANDARD, RemoteAddress=scope)
    assert host.windows.firewall.admits(Packet("TCP", 3389))


@pytest.mark.parametrize("scope", ["DNS", "LocalSubnet6", "2001:db8::/32"])
def test_an_address_that_no_client_here_has(host: SimulatedHost, wmi: Wmi, scope: str) -> None:
    wmi.put("MSFT_NetAddressFilter", filter_keys(TCP_RULE), ns=STANDARD, RemoteAddress=[scope])
    assert not host.windows.firewall.admits(Packet("TCP", 3389))


def test_a_rule_is_bound_to_its_service(host: SimulatedHost) -> None:
    assert not host.windows.firewall.admits(Packet("TCP", 3389, r"C:\other.exe", ""))


def test_the_built_in_rule_can_follow_the_port(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.put("MSFT_NetProtocolPortFilter", filter_keys(TCP_RULE), ns=STANDARD, Protocol="TCP", LocalPort=["33890"])
    assert host.windows.firewall.admits(Packet("TCP", 33890))
    assert not host.windows.firewall.admits(Packet("TCP", 3389))
    stored = host.windows.registry.get(LOCAL_RULES, TCP_RULE)
    assert "LPort=33890" in stored


def test_raw_registry_edits_of_rules_are_ignored(host: SimulatedHost) -> None:
    text = host.windows.registry.get(LOCAL_RULES, TCP_RULE).replace("Active=TRUE", "Active=FALSE")
    host.windows.registry.put(LOCAL_RULES, TCP_RULE, Type.SZ, text)
    assert host.probe_view()["tcp"] == "open"


def test_a_created_rule_is_open_to_all_until_its_filters_are_put(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.create("MSFT_NetFirewallRule", ns=STANDARD, InstanceID="new", ElementName="new", Direction=1, Action=2)
    assert host.windows.firewall.admits(Packet("TCP", 12345, r"C:\any.exe", ""))
    wmi.put("MSFT_NetProtocolPortFilter", filter_keys("new"), ns=STANDARD, Protocol="TCP", LocalPort=["4000"])
    assert not host.windows.firewall.admits(Packet("TCP", 12345, r"C:\any.exe", ""))


def test_a_rule_created_disabled_is_closed_and_names_are_unique(host: SimulatedHost, wmi: Wmi) -> None:
    values = {"InstanceID": "new", "ElementName": "new", "Direction": 1, "Action": 2, "Enabled": 2}
    wmi.create("MSFT_NetFirewallRule", ns=STANDARD, **values)
    assert not host.windows.firewall.admits(Packet("TCP", 12345, r"C:\any.exe", ""))
    with pytest.raises(Fault):
        wmi.create("MSFT_NetFirewallRule", ns=STANDARD, **values)


def test_profile_put_is_partial(host: SimulatedHost, wmi: Wmi) -> None:
    row = wmi.put("MSFT_NetFirewallProfile", profile_keys("Private"), ns=STANDARD, AllowInboundRules=0)
    assert (row["AllowInboundRules"], row["Enabled"]) == ("0", "1")
    assert not host.windows.firewall.admits(Packet("TCP", 3389))


def test_a_profile_that_is_off_admits_all(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.put("MSFT_NetFirewallProfile", profile_keys("Private"), ns=STANDARD, Enabled=0)
    assert host.windows.firewall.admits(Packet("TCP", 7777, "x", "y"))


def test_policy_without_local_merge_hides_local_rules_and_keeps_its_own() -> None:
    host = SimulatedHost.build(breakages=["firewall_local_rules_ignored"])
    assert host.probe_view()["tcp"] == "timeout"
    assert host.winrm_open()
    host.windows.policy.unlink("Firewall lockdown")
    assert host.probe_view()["tcp"] == "open"


@pytest.mark.parametrize(("language", "title"), [("en", "Remote Desktop"), ("de", "Remotedesktop"), ("ja", "リモート")])
def test_titles_are_translated_and_identifiers_are_not(language: str, title: str) -> None:
    host = SimulatedHost.build(language=language, switches={"enum_shape": "complete"})
    row = Wmi(host).query(f"select * from MSFT_NetFirewallRule where InstanceID='{TCP_RULE}'", ns=STANDARD)[0]
    assert str(row["DisplayName"]).startswith(title)
    assert row["RuleGroup"] == "@FirewallAPI.dll,-28752"


def test_rule_strings_read_back() -> None:
    rule = Rule("r", "name", "group", enabled=True, profiles=3, protocol="TCP", local_ports=("3389", "80-90"),
                remote_addresses=("10.0.0.0/8",), program="p.exe", service="s")  # fmt: skip
    assert Rule.from_string("r", rule.to_string("v2.31"), source=1) == rule


def test_addresses_are_kept_kind_by_kind() -> None:
    """Words first, then subnets and ranges of IPv4, then those of IPv6."""
    firewall = SimulatedHost.build().windows.firewall
    given = (
        "2001:DB8::/32", "192.0.2.1-192.0.2.9", "WINS6", "fe80::1-fe80::9", "10.0.0.0/8", "DNS4", "DNS6", "192.0.2.7",
    )  # fmt: skip
    assert firewall.change(TCP_RULE, remote_addresses=given).remote_addresses == (
        "DNS", "WINS6", "10.0.0.0/255.0.0.0", "192.0.2.7", "192.0.2.1-192.0.2.9", "2001:db8::/32", "fe80::1-fe80::9",
    )  # fmt: skip
    assert firewall.change(TCP_RULE, remote_addresses=("*",)).remote_addresses == ("Any",)


def test_stealth_makes_closed_ports_silent() -> None:
    seen = [
        SimulatedHost.build(breakages=["rdp_denied"], switches={"firewall_stealth": stealth}).probe_view()["tcp"]
        for stealth in (False, True)
    ]
    assert seen == ["refused", "timeout"]

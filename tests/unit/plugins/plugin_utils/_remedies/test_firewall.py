# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom the firewall's built-in rules let in: what is refused before anything is written, and why a field is."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from functools import cache

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.addresses import beyond, canonical
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan, Risk
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.project import project
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies._addresses import is_address, same
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.host import SimulatedHost
from tests.simulator.probe_view import probe_view
from tests.simulator.windows.certificates import LISTENER
from tests.simulator.windows.firewall import BLOCK, BYPASS, DOMAIN, GPO_STORE, PRIVATE, PUBLIC, Packet, Rule
from tests.simulator.windows.firewall import POLICY as FIREWALL_POLICY
from tests.simulator.windows.registry import Type
from tests.support.in_process import connect, job, settings_state

FIREWALL = REMEDIES["firewall"]


def run(simulated: SimulatedHost, **given: t.Any) -> tuple[Plan, Done]:
    return fix(job(simulated), FIREWALL, {**defaults(FIREWALL.options), **given})


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.7",
        "2001:db8::7",
        "192.0.2.0/24",
        "192.0.2.7/24",
        "fe80::1/48",
        "192.0.2.0/255.255.255.0",
        "192.0.2.1-192.0.2.9",
        "fe80::1-fe80::9",
        "Any",
        "localsubnet",
        "LocalSubnet6",
        "DNS",
        "DHCP",
        "WINS",
        "DefaultGateway",
        "Internet",
        "Intranet4",
        "any",
        "captiveportal",
    ],
)
def test_what_windows_firewall_knows_is_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "admins",
        "Any4",
        "192.0.2.300",
        "192.0.2.0/33",
        "192.0.2.0/",
        "192.0.2.0/255.0.255.0",
        "192.0.2.0/0.0.0.255",
        "192.0.2.9-192.0.2.1",
        "192.0.2.1-fe80::1",
        "192.0.2.1-",
        "192.0.2.1 - 192.0.2.9",
        "LocalSubnet5",
        "fe80::1%3",
        "host.example.com",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ([], "an empty list"),
        (["192.0.2.0/24", "admins"], "'admins'"),
        (["192.0.2.0/24", "Any"], "Any stands alone"),
    ],
)
def test_a_limit_that_is_none_is_refused_and_nothing_is_written(addresses: list[str], said: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_disabled"])
    plan, done = run(simulated, remote_addresses=addresses)
    assert [refusal.option for refusal in plan.refused] == ["remote_addresses"]
    assert said in plan.refused[0].message
    assert done.changes == []
    assert simulated.counters.writes == 0


def test_each_field_has_its_own_reason() -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_disabled", "firewall_port_mismatch"])
    _plan, done = run(simulated, remote_addresses=["192.0.2.0/24"], profiles=["domain"], transports=["tcp"])
    reasons = {name: change.reason for change in done.changes for name in t.cast(dict[str, object], change.after)}
    assert "remote addresses" in reasons["remote_addresses"]
    assert "port" not in reasons["remote_addresses"]
    assert "profiles" in reasons["profiles"]
    assert "disabled" in reasons["enabled"]
    assert "not for the port 3389" in reasons["local_ports"]


def test_the_same_addresses_in_other_words_are_no_change() -> None:
    assert same(["10.0.0.0/255.0.0.0", "LocalSubnet"], ["localsubnet", "10.0.0.0/8"])
    assert same(["192.0.2.7/32"], ["192.0.2.7"])
    assert not same(["10.0.0.0/255.0.0.0"], ["10.0.0.0/9"])
    assert not same(["10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.7"])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7/255.255.255.255", "192.0.2.7"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.9"),
        ("192.0.2.1-192.0.2.1", "192.0.2.1"),
        ("FE80::1-FE80:0::9", "fe80::1-fe80::9"),
        ("LocalSubnet", "LocalSubnet"),
        ("LOCALSUBNET6", "LocalSubnet6"),
        ("dns", "DNS"),
        ("any", "Any"),
        ("a/b", "a/b"),
        ("a-b", "a-b"),
    ],
)
def test_one_spelling(written: str, read: str) -> None:
    assert canonical([written]) == canonical([read, written]) == (read,)


@pytest.mark.parametrize(
    ("addresses", "limit", "wider"),
    [
        (["10.0.0.0/8"], ["Any"], []),
        (["Any"], ["10.0.0.0/8"], ["Any"]),
        (["10.1.0.0/16", "10.2.0.7"], ["10.0.0.0/8"], []),
        (["10.0.0.0/8"], ["10.0.0.0/9", "10.128.0.0-10.255.255.255"], []),
        (["10.0.0.0/8"], ["10.0.0.0/9", "10.128.0.1-10.255.255.255"], ["10.0.0.0/8"]),
        (["10.0.0.0/8"], ["10.128.0.0/9"], ["10.0.0.0/8"]),
        (["10.0.0.7", "192.0.2.7"], ["10.0.0.0/8"], ["192.0.2.7"]),
        (["::a00:0/104"], ["10.0.0.0/8"], ["::a00:0/104"]),
        (["2001:db8::7"], ["2001:db8::/32", "10.0.0.0/8"], []),
        (["LocalSubnet4"], ["localsubnet"], []),
        (["LocalSubnet"], ["LocalSubnet4"], ["LocalSubnet"]),
        (["DNS"], ["0.0.0.0/0"], ["DNS"]),
    ],
)
def test_what_a_limit_does_not_hold(addresses: list[str], limit: list[str], wider: list[str]) -> None:
    assert beyond(addresses, limit) == tuple(wider)


def test_one_order_and_each_address_once() -> None:
    assert canonical(["wins", "10.0.0.0/8", "dns4", "10.0.0.0/255.0.0.0", "DNS6"]) == ("10.0.0.0/8", "DNS", "WINS")
    assert canonical(["DHCP4", "dhcp"]) == ("DHCP",)
    assert canonical(["DHCP4", "WINS6"]) == ("DHCP4", "WINS6")


@pytest.mark.parametrize(
    "addresses",
    [
        ["2001:db8::/32", "192.0.2.1-192.0.2.9", "10.0.0.0/8"],
        ["2001:DB8::1", "192.0.2.9", "192.0.2.7/32"],
        ["dns", "localsubnet", "10.0.0.0/8"],
        ["LocalSubnet6", "wins4", "LOCALSUBNET4"],
        ["any"],
    ],
    ids=str,
)
def test_addresses_that_windows_gives_back_in_its_own_order_are_written_once(addresses: list[str]) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.firewall.change(RULE, remote_addresses=("203.0.113.0/24", "203.0.113.1-203.0.113.9", "DHCP"))
    before = settings_state(simulated)
    wanted = {"remote_addresses": addresses, "transports": ["tcp"]}
    assert [*t.cast(dict[str, object], run(simulated, **wanted)[1].changes[0].after)] == ["remote_addresses"]
    assert run(simulated, **wanted)[1].changes == []
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert settings_state(simulated) == before


@pytest.mark.parametrize("enabled", [False, True])
def test_addresses_stay_as_they_are_where_none_are_given(enabled: bool) -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_port_mismatch"])
    simulated.windows.firewall.change(RULE, enabled=enabled, remote_addresses=("10.0.0.0/8",))
    assert run(simulated)[1].changes
    rule = simulated.windows.firewall.find(RULE)
    assert rule is not None
    assert (rule.enabled, rule.remote_addresses) == (True, ("10.0.0.0/255.0.0.0",))


def test_a_subnet_that_windows_gives_back_by_its_mask_is_no_difference() -> None:
    simulated = SimulatedHost.build("2022")
    wanted = {"remote_addresses": ["10.0.0.0/8"], "transports": ["tcp"]}
    assert run(simulated, **wanted)[1].changes
    host = connect(simulated)
    rule = host.firewall.rule("RemoteDesktop-UserMode-In-TCP", addresses=True)
    host.firewall.set_remote_addresses(rule, ["10.0.0.0/255.0.0.0"])
    assert run(simulated, **wanted)[1].changes == []


# --- public networks

RULE = "RemoteDesktop-UserMode-In-TCP"
EXPOSES = "lets in from public networks too"


def on_network(category: int, breakages: tuple[str, ...] = (), traits: tuple[str, ...] = (), **rule: t.Any) -> t.Any:
    """A host whose network is of a category (0 public, 1 private, 2 the domain's) and whose built-in rules are so."""
    simulated = SimulatedHost.build("2025", breakages=breakages, traits=traits)
    simulated.windows.network.category = category
    for name in (RULE, RULE.replace("TCP", "UDP")):
        simulated.windows.firewall.change(name, **rule)
    return simulated


def profiles_of(simulated: SimulatedHost) -> int:
    rule = simulated.windows.firewall.find(RULE)
    assert rule is not None
    return rule.profiles


def looped(simulated: SimulatedHost, risk: Risk = "medium") -> Course:
    doing = job(simulated)
    return remediate(doing, examine(doing.host, doing.prober, 600), Limits(max_risk=risk))


@pytest.mark.parametrize(
    ("category", "profiles", "enabled", "after", "opens"),
    [
        (0, DOMAIN | PRIVATE, True, DOMAIN | PRIVATE | PUBLIC, "profiles"),
        (0, DOMAIN | PRIVATE, False, DOMAIN | PRIVATE | PUBLIC, "enabled"),
        (0, 0, False, PUBLIC, "enabled"),
        (0, PUBLIC, True, PUBLIC, ""),
        (0, 0, True, 0, ""),
        (1, DOMAIN, True, DOMAIN | PRIVATE, ""),
        (1, DOMAIN | PUBLIC, True, DOMAIN | PRIVATE | PUBLIC, ""),
        (1, 0, False, PRIVATE, ""),
        (1, DOMAIN | PRIVATE | PUBLIC, False, DOMAIN | PRIVATE, ""),
        (1, PUBLIC, False, PRIVATE, ""),
        (2, 0, False, DOMAIN, ""),
    ],
)
def test_what_opens_public_networks_is_of_high_risk_and_said(
    category: int, profiles: int, enabled: bool, after: int, opens: str
) -> None:
    """A disabled rule is narrowed before it is enabled; what stays open, or is closed, is no more of a risk."""
    simulated = on_network(category, profiles=profiles, enabled=enabled)
    plan, done = run(simulated)
    assert profiles_of(simulated) == after
    risky = [change for change in done.changes if change.risk == "high"]
    assert {name for change in risky for name in t.cast(dict[str, object], change.after)} == ({opens} - {""})
    assert all(change.reason.endswith(EXPOSES) for change in risky)
    assert [note for note in plan.notes if "public networks" in note] == list(plan.notes[: bool(opens)])


def test_public_networks_that_are_named_are_opened_with_the_risk_shown() -> None:
    simulated = on_network(1, profiles=DOMAIN | PRIVATE, enabled=True)
    plan, done = run(simulated, profiles=["private", "public"])
    assert profiles_of(simulated) == PRIVATE | PUBLIC
    assert {change.risk for change in done.changes} == {"high"}
    assert "public networks" in plan.notes[0]
    assert run(on_network(1), profiles=["domain", "private"])[0].notes == ()


@pytest.mark.parametrize(("profiles", "risk"), [(PRIVATE | PUBLIC, "high"), (PRIVATE, "low")])
def test_to_let_in_everybody_is_of_high_risk_where_a_rule_is_for_public_networks(profiles: int, risk: str) -> None:
    simulated = on_network(1, profiles=profiles, enabled=True, remote_addresses=("192.0.2.0/255.255.255.0",))
    plan, done = run(simulated, remote_addresses=["Any"])
    assert {change.risk for change in done.changes} == {risk}
    assert any("public networks" in note for note in plan.notes) == (risk == "high")


def test_the_loop_opens_public_networks_only_where_high_risk_is_allowed() -> None:
    simulated = on_network(0, profiles=DOMAIN | PRIVATE)
    (found,) = direct(examine(job(simulated).host, job(simulated).prober, 600).findings)
    assert (found.id, found.risk) == ("firewall_wrong_profile", "high")
    course = looped(simulated)
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert "carries high risk and max_risk is medium" in course.refused[0].message
    assert EXPOSES in course.refused[0].message
    assert profiles_of(simulated) == DOMAIN | PRIVATE

    course = looped(simulated, "high")
    assert course.verdict == "repaired"
    assert profiles_of(simulated) == DOMAIN | PRIVATE | PUBLIC
    assert all(change.reason.endswith(EXPOSES) for change in course.changes)


@pytest.mark.parametrize("breakage", ["firewall_rule_disabled", "firewall_port_mismatch"])
def test_no_other_cure_opens_public_networks_by_the_way(breakage: str) -> None:
    simulated = on_network(0, (breakage,), profiles=DOMAIN | PRIVATE)
    found = direct(examine(job(simulated).host, job(simulated).prober, 600).findings)
    assert {finding.id: finding.risk for finding in found}[breakage] == "high"
    assert looped(simulated).changes == []
    assert profiles_of(simulated) == DOMAIN | PRIVATE


def test_what_public_networks_have_already_is_no_more_of_a_risk() -> None:
    simulated = on_network(0, ("firewall_port_mismatch",), profiles=PUBLIC)
    (found,) = direct(examine(job(simulated).host, job(simulated).prober, 600).findings)
    assert (found.id, found.risk) == ("firewall_port_mismatch", "low")
    assert looped(simulated, "low").verdict == "repaired"


@pytest.mark.parametrize("category", [0, 1])
def test_a_domain_member_on_a_network_that_windows_mistakes_is_not_opened_to_it(category: int) -> None:
    """Whatever risk is allowed: the network is to be known as the domain's, which no rule of the firewall cures."""
    simulated = on_network(category, traits=("domain_member",), profiles=DOMAIN)
    before = settings_state(simulated)
    (found,) = direct(examine(job(simulated).host, job(simulated).prober, 600).findings)
    assert (found.id, found.remedies) == ("firewall_domain_unrecognised", ())
    assert "Prefer that to rules for public networks" in found.by_hand
    assert [(evidence.what, evidence.value) for evidence in found.evidence] == [
        ("active firewall profiles", "private" if category else "public"), (f"profiles of {RULE}", DOMAIN),
    ]  # fmt: skip
    doing = job(simulated, check=True)
    assert foresee(examine(doing.host, doing.prober, 600), Limits(max_risk="high")).changes == []
    course = looped(simulated, "high")
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert settings_state(simulated) == before


# --- editions that take no connections


@pytest.mark.parametrize("given", [{}, {"port": 33890}, {"profiles": ["any"]}])
def test_a_home_edition_is_refused_with_what_the_rules_are_for(given: dict[str, t.Any]) -> None:
    simulated = SimulatedHost.build("11home", breakages=["firewall_rule_disabled"])
    plan, done = run(simulated, **given)
    (refused,) = plan.refused
    assert "Windows 11 Home takes no Remote Desktop connections" in refused.message
    assert "another product needs a rule of its own" in refused.message
    assert (done.changes, simulated.counters.writes) == ([], 0)


def test_the_rules_of_a_home_edition_can_be_closed() -> None:
    simulated = SimulatedHost.build("11home")
    plan, done = run(simulated, state="disabled")
    assert plan.refused == ()
    assert len(done.changes) == 2


# --- rules that block

LOCAL_RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\ConSecRules"
POLICY_RULES = FIREWALL_POLICY + r"\ConSecRules"
SVCHOST = r"%SystemRoot%\system32\svchost.exe"
IN_THE_WAY: dict[str, dict[str, t.Any]] = {
    "by port": {},
    "for TermService": {"program": SVCHOST, "service": "termservice"},
    "with the next port": {"local_ports": ("3389", "33890")},
    "all addresses": {"remote_addresses": ("0.0.0.0-255.255.255.255",)},
    "all addresses in parts": {"remote_addresses": ("1.0.0.0-126.255.255.255", "128.0.0.0/1", "2001:db8::/32")},
    "all addresses as a subnet": {"remote_addresses": ("0.0.0.0/0",)},
}
BLOCKS_MORE: dict[str, dict[str, t.Any]] = {
    "a range": {"local_ports": ("3380-3400",)},
    "all of TCP": {"local_ports": ("Any",), "program": SVCHOST},
    "all of TermService": {"protocol": "Any", "local_ports": ("Any",), "program": SVCHOST, "service": "TermService"},
}
BESIDE: dict[str, dict[str, t.Any]] = {
    "another port": {"local_ports": ("443",)},
    "another program": {"local_ports": ("Any",), "program": r"C:\Program Files\app\app.exe"},
    "another service": {"program": SVCHOST, "service": "sharedaccess"},
    "another protocol": {"protocol": "ICMPv4", "local_ports": ("Any",)},
    "another port of UDP": {"protocol": "UDP", "local_ports": ("5353",)},
    "another network": {"profiles": DOMAIN},
    "not enabled": {"enabled": False},
}


def blocked(**given: t.Any) -> SimulatedHost:
    simulated = SimulatedHost.build("2022")
    fields = {"action": BLOCK, "enabled": True, "protocol": "TCP", "local_ports": ("3389",), **given}
    simulated.windows.firewall.put(Rule("{B10C}", "Block", **fields))
    return simulated


@pytest.mark.parametrize("how", sorted(IN_THE_WAY))
def test_a_rule_that_blocks_the_port_is_named_and_disabled_only_on_request(how: str) -> None:
    simulated = blocked(**IN_THE_WAY[how])
    before = settings_state(simulated)
    port = {"port": 33890} if "next port" in how else {}
    plan, _done = run(simulated, **port)
    assert [refusal.option for refusal in plan.refused] == ["block_rules"]
    assert "{B10C} blocks the port" in plan.refused[0].message
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert settings_state(simulated) == before

    _plan, foretold = fix(job(simulated, check=True), FIREWALL, {**defaults(FIREWALL.options), **DISABLE, **port})
    plan, done = run(simulated, **DISABLE, **port)
    assert not plan.refused
    assert foretold.changes == done.changes
    assert (done.changes[-1].item, done.changes[-1].after) == ("{B10C}", {"enabled": False})
    assert run(simulated, **DISABLE, **port)[1].changes == []
    assert probe_view(simulated.windows)["tcp"] == "open"
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_a_rule_that_blocks_udp_is_in_the_way_of_udp_alone() -> None:
    simulated = blocked(protocol="UDP")
    plan, _done = run(simulated)
    (refused,) = plan.refused
    assert refused.option == "block_rules"
    assert "{B10C} blocks the port over UDP" in refused.message
    assert "take udp out of transports" in refused.message
    plan, done = run(simulated, transports=["tcp"], **DISABLE)
    assert (plan.refused, plan.notes) == ((), ())
    assert all(change.item != "{B10C}" for change in done.changes)
    plan, done = run(simulated, transports=["udp"], **DISABLE)
    assert plan.refused == ()
    assert (done.changes[-1].item, done.changes[-1].after) == ("{B10C}", {"enabled": False})
    assert run(blocked(), transports=["udp"])[0].refused == ()
    assert run(blocked(protocol="UDP", remote_addresses=("203.0.113.7",)))[0].notes


def test_a_rule_that_blocks_udp_is_no_reason_for_a_handshake_that_fails() -> None:
    simulated = blocked(protocol="UDP")
    simulated.windows.listener.path_blocked = True
    assert found_by(simulated) == ["path_blocked"]


@pytest.mark.parametrize("how", sorted(BLOCKS_MORE))
def test_a_rule_that_blocks_more_than_the_port_is_never_disabled(how: str) -> None:
    simulated = blocked(**BLOCKS_MORE[how])
    plan, done = run(simulated, **DISABLE)
    assert "blocks more than that" in plan.refused[0].message
    assert all(change.item != "{B10C}" for change in done.changes)
    assert found_by(simulated) == ["firewall_blocked_by_rule"]


@pytest.mark.parametrize("how", sorted(BESIDE))
def test_a_rule_that_blocks_something_else_is_no_obstacle(how: str) -> None:
    simulated = blocked(**BESIDE[how])
    plan, done = run(simulated, **DISABLE)
    assert plan.refused == ()
    assert all(change.item != "{B10C}" for change in done.changes)
    assert found_by(simulated) == []


def test_a_rule_that_blocks_only_the_next_port_is_seen() -> None:
    simulated = blocked(local_ports=("33890",))
    plan, _done = run(simulated, port=33890)
    assert [refusal.option for refusal in plan.refused] == ["block_rules"]
    assert run(blocked(local_ports=("33890",)))[0].refused == ()


@pytest.mark.parametrize("key", [LOCAL_RULES, POLICY_RULES])
def test_a_rule_that_demands_ipsec_is_named(key: str) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.create(key)
    simulated.windows.registry.put(key, "{5EC}", Type.SZ, "v2.31|Action=Secure|Active=TRUE|Dir=In|")
    assert "connection security rule {5EC} drops connections" in run(simulated)[0].notes[0]
    assert run(simulated, state="disabled")[0].notes == ()


@pytest.mark.parametrize(
    ("about", "told"),
    [
        (
            "EP1_4=10.0.0.0/255.0.0.0|EP1_4=192.0.2.1-192.0.2.9|",
            " between 10.0.0.0/255.0.0.0, 192.0.2.1-192.0.2.9 and Any",
        ),
        ("EP2_4=LocalSubnet|EP2_6=2001:db8::/32|", " between Any and LocalSubnet, 2001:db8::/32"),
    ],
)
def test_whom_a_rule_that_demands_ipsec_is_between_is_told(about: str, told: str) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.create(LOCAL_RULES)
    simulated.windows.registry.put(LOCAL_RULES, "{5EC}", Type.SZ, f"v2.31|Action=Secure|Active=TRUE|Dir=In|{about}")
    assert f"connection security rule {{5EC}}{told} drops connections" in run(simulated)[0].notes[0]


DROPS = [
    "Protocol=6|",
    "Protocol=256|",
    "Protocol=6|EP1Port=3389|",
    "Protocol=6|EP2Port=443|EP2Port=3389|",
    "Protocol=6|EP1Port=1433|EP1Port2_10=3000-4000|",
    "Protocol=6|EP1Port=3389|EP2Port2_10=1024-65535|",
    "Profile=Private|",
    "Profile=Domain|Profile=Private|",
    "Profile=Public|Profile=Private|Protocol=6|EP1Port=3389|",
]
LEAVES = [
    "Protocol=17|",
    "Protocol=1|",
    "Protocol=6|EP1Port=1433|",
    "Protocol=6|EP2Port=1433|",
    "Protocol=6|EP2Port2_10=5000-6000|",
    "Protocol=6|EP1Port=3389|EP2Port=1433|",
    "Profile=Domain|",
    "Profile=Domain|Protocol=6|EP1Port=3389|",
]


@pytest.mark.parametrize("action", ["Secure", "SecureServer"])
@pytest.mark.parametrize("about", [*DROPS, *LEAVES])
def test_a_rule_that_demands_ipsec_of_others_is_passed_over(action: str, about: str) -> None:
    simulated = on_network(1)
    simulated.windows.registry.create(LOCAL_RULES)
    simulated.windows.registry.put(LOCAL_RULES, "{5EC}", Type.SZ, f"v2.31|Action={action}|Active=TRUE|Dir=In|{about}")
    named = ["connection security rule {5EC} drops" in note for note in run(simulated, **TCP_ALONE)[0].notes]
    assert named == ([True] if about in DROPS else [])


def test_a_rule_that_demands_ipsec_at_the_next_port_is_named() -> None:
    simulated = on_network(1)
    simulated.windows.registry.create(LOCAL_RULES)
    text = "v2.31|Action=Secure|Active=TRUE|Protocol=6|EP1Port=33890|"
    simulated.windows.registry.put(LOCAL_RULES, "{5EC}", Type.SZ, text)
    assert run(simulated, **TCP_ALONE)[0].notes == ()
    assert "{5EC}" in run(simulated, port=33890, **TCP_ALONE)[0].notes[0]


def test_networks_are_asked_for_once_where_rules_that_demand_ipsec_are_for_some() -> None:
    simulated = on_network(1)
    simulated.windows.registry.create(LOCAL_RULES)
    simulated.windows.registry.put(LOCAL_RULES, "{5EC}", Type.SZ, "v2.31|Action=Secure|Active=TRUE|Profile=Domain|")
    bodies: list[bytes] = []
    observe(connect(simulated, lambda _number, body: bodies.append(body)), ("firewall", "obstacles"))
    assert len([body for body in bodies if b"MSFT_NetConnectionProfile" in body]) == 1


SOME = [
    ("203.0.113.7", "203.0.113.99"),
    ("0.0.0.0-192.0.2.49", "192.0.2.51-255.255.255.255"),
    ("0.0.0.0/1", "LocalSubnet6"),
    ("::/0",),
]


@pytest.mark.parametrize("addresses", SOME, ids=map(str, SOME))
def test_a_rule_that_keeps_some_addresses_away_is_named_and_kept(addresses: tuple[str, ...]) -> None:
    simulated = blocked(remote_addresses=addresses)
    plan, done = run(simulated, **DISABLE)
    assert plan.refused == ()
    assert ", ".join(addresses) in plan.notes[0]
    assert all(change.item != "{B10C}" for change in done.changes)
    assert found_by(simulated) == []
    simulated.windows.listener.path_blocked = True
    assert "firewall_blocks_some_addresses" in found_by(simulated)


BLOCKS_SOME: dict[str, tuple[dict[str, t.Any], str]] = {
    "one adapter": ({"interface_aliases": ("Guest",)}, "IF"),
    "one kind of adapter": ({"interface_types": ("Wireless",)}, "IFType"),
    "one address of the host": ({"local_addresses": ("10.9.9.9",)}, "LA4"),
    "one port of theirs": ({"remote_ports": ("1024",)}, "RPort"),
    "whom IPsec knows": ({"remote_users": "O:LSD:(A;;CC;;;S-1-5-84-0-0-0-0-0)"}, "RUAuth"),
}


@pytest.mark.parametrize("by_policy", [False, True])
@pytest.mark.parametrize("how", sorted(BLOCKS_SOME))
def test_a_rule_that_blocks_who_meets_a_condition_keeps_not_everybody_away(how: str, by_policy: bool) -> None:
    fields, name = BLOCKS_SOME[how]
    simulated = with_policy("{B10C}", action=BLOCK, **fields) if by_policy else blocked(**fields)
    assert probe_view(simulated.windows)["tcp"] == "open"
    plan, done = run(simulated, **DISABLE)
    assert (plan.held, plan.refused, done.changes) == ((), (), [])
    assert plan.notes == (f"the rule {{B10C}} keeps those connections from the port that meet its {name}",)
    assert found_by(simulated) == []
    simulated.windows.listener.path_blocked = True
    doing = job(simulated)
    found = {finding.id: finding for finding in direct(examine(doing.host, doing.prober, 600).findings)}
    (evidence,) = found["firewall_blocks_some_addresses"].evidence
    assert (evidence.what, evidence.value) == ("conditions of block rule {B10C}", name)


@pytest.mark.parametrize(
    ("traits", "category", "profiles", "found"),
    [
        (["domain_member"], 0, DOMAIN, True),
        (["domain_member"], 2, DOMAIN, False),
        (["domain_member"], 0, PRIVATE, False),
        ([], 0, DOMAIN, False),
    ],
)
def test_a_domain_member_whose_network_is_not_known_as_the_domains_is_told(
    traits: list[str], category: int, profiles: int, found: bool
) -> None:
    simulated = SimulatedHost.build("2025", traits=traits)
    simulated.windows.network.category = category
    simulated.windows.firewall.change("RemoteDesktop-UserMode-In-TCP", profiles=profiles)
    assert ("firewall_domain_unrecognised" in found_by(simulated)) is found


def test_a_rule_that_policy_brought_is_held() -> None:
    simulated = SimulatedHost.build("2022")
    rule = Rule("{B10C}", "Block", action=BLOCK, enabled=True, protocol="TCP", local_ports=("3389",), source=GPO_STORE)
    text = rule.to_string(simulated.windows.edition.firewall_schema)
    simulated.windows.registry.put(FIREWALL_POLICY + r"\FirewallRules", rule.id, Type.SZ, text)
    simulated.windows.firewall.load_policy()
    plan, _done = run(simulated, **DISABLE)
    assert [(held.setting, held.path.endswith(r"FirewallRules\{B10C}")) for held in plan.held] == [
        ("firewall_block_rule", True)
    ]


@pytest.mark.parametrize(
    ("name", "number", "setting", "policy"),
    [
        ("DoNotAllowExceptions", 1, "firewall_exceptions", "Inbound connections"),
        ("AllowLocalPolicyMerge", 0, "firewall_local_rules", "Apply local firewall rules"),
    ],
)
def test_a_profile_that_policy_closes_is_held(name: str, number: int, setting: str, policy: str) -> None:
    """Users come over a public network, WinRM over another one."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.network.management_category, simulated.windows.network.category = 1, 0
    key = FIREWALL_POLICY + r"\PublicProfile"
    simulated.windows.registry.put_dword(key, name, number)
    simulated.windows.firewall.load_policy()
    plan, _done = run(simulated)
    assert (plan.refused, [held.policy.rpartition("\\")[2] for held in plan.held]) == ((), [policy])
    assert [(held.state, held.setting, held.path) for held in plan.held] == [("policy_held", setting, f"{key}\\{name}")]
    course = looped(simulated)
    assert (course.verdict, course.changes) == ("policy_held", [])
    assert {held.setting for held in course.held} == {setting}


@pytest.mark.parametrize(
    ("name", "number", "setting"),
    [("DoNotAllowExceptions", 1, "firewall_exceptions"), ("AllowLocalPolicyMerge", 0, "firewall_local_rules")],
)
def test_a_wanted_profile_that_policy_closes_is_held_while_no_network_is_of_it(
    name: str, number: int, setting: str
) -> None:
    simulated = on_network(1, profiles=PRIVATE)
    simulated.windows.registry.put_dword(FIREWALL_POLICY + r"\PublicProfile", name, number)
    simulated.windows.firewall.load_policy()
    plan, _done = run(simulated, profiles=["private", "public"])
    assert [(held.setting, held.path.rpartition("\\")[2]) for held in plan.held] == [(setting, name)]
    assert run(closed(simulated), profiles=["public"])[1].changes == []
    assert run(simulated, profiles=["private"])[0].held == ()
    assert found_by(simulated) == []


@pytest.mark.parametrize(
    ("has", "wanted", "after"),
    [
        (DOMAIN | PRIVATE, ["private", "public"], PRIVATE),
        (DOMAIN | PUBLIC, ["private", "public"], PRIVATE | PUBLIC),
        (0, ["private", "public"], PRIVATE | PUBLIC),
        (0, ["private"], PRIVATE),
        (PRIVATE, ["any"], DOMAIN | PRIVATE),
        (0, ["any"], 0),
        (DOMAIN, ["public"], DOMAIN),
    ],
)
def test_no_wanted_profile_is_added_to_a_rule_while_policy_makes_it_ignore_the_rule(
    has: int, wanted: list[str], after: int
) -> None:
    simulated = on_network(1, profiles=has)
    simulated.windows.network.management_category = 1
    simulated.windows.registry.put_dword(FIREWALL_POLICY + r"\PublicProfile", "AllowLocalPolicyMerge", 0)
    simulated.windows.firewall.load_policy()
    _plan, done = run(simulated, profiles=wanted)
    assert profiles_of(simulated) == after
    assert "high" not in {change.risk for change in done.changes}
    assert run(simulated, profiles=wanted)[1].changes == []


DISABLE = {"block_rules": "disable"}


def found_by(simulated: SimulatedHost) -> list[str]:
    doing = job(simulated)
    return [finding.id for finding in direct(examine(doing.host, doing.prober, 600).findings)]


# --- a built-in rule that blocks


def turned(enabled: bool) -> SimulatedHost:
    """A host whose own rule lets users in, while the built-in one has been made one that blocks."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.firewall.change(RULE, action=BLOCK, enabled=enabled)
    simulated.windows.firewall.put(Rule("mine", "mine", enabled=True, protocol="TCP", local_ports=("3389",)))
    return simulated


@pytest.mark.parametrize("given", [{}, DISABLE, {"profiles": ["any"], "port": 33890}])
def test_a_built_in_rule_that_blocks_is_never_enabled(given: dict[str, t.Any]) -> None:
    simulated = turned(enabled=False)
    plan, done = run(simulated, transports=["tcp"], **given)
    (refused,) = plan.refused
    assert f"the built-in rule {RULE} blocks what it is for" in refused.message
    assert (refused.option, done.changes, simulated.counters.writes) == ("built_in_rules", [], 0)
    assert probe_view(simulated.windows)["tcp"] == "open"


def test_an_enabled_built_in_rule_that_blocks_is_disabled_on_request_and_stays_so() -> None:
    simulated = turned(enabled=True)
    plan, done = run(simulated, transports=["tcp"])
    assert [refusal.option for refusal in plan.refused] == ["built_in_rules", "block_rules"]
    assert done.changes == []
    _plan, done = run(simulated, transports=["tcp"], **DISABLE)
    assert [(change.item, change.after) for change in done.changes] == [(RULE, {"enabled": False})]
    assert run(simulated, transports=["tcp"], **DISABLE)[1].changes == []
    assert probe_view(simulated.windows)["tcp"] == "open"
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert probe_view(simulated.windows)["tcp"] == "timeout"


def test_closing_leaves_a_built_in_rule_that_blocks() -> None:
    """To disable it would let in whom another rule lets in."""
    simulated = turned(enabled=True)
    assert run(simulated, state="disabled", transports=["tcp"])[1].changes == []
    assert probe_view(simulated.windows)["tcp"] == "timeout"


def test_the_loop_leaves_a_built_in_rule_that_blocks() -> None:
    simulated = turned(enabled=False)
    simulated.windows.firewall.remove("mine")
    doing = job(simulated)
    (found,) = direct(examine(doing.host, doing.prober, 600).findings)
    assert (found.id, found.remedies) == ("firewall_rule_turned", ())
    assert [(evidence.what, evidence.value) for evidence in found.evidence][:2] == [
        (f"action of {RULE}", "block"), (f"rule {RULE}", "disabled"),
    ]  # fmt: skip
    assert "built_in_rules" in found.by_hand
    course = looped(simulated)
    assert (course.verdict, course.changes) == ("unresolved", [])


def test_a_built_in_rule_that_blocks_is_not_taken_for_one_of_another_network_or_port() -> None:
    for fields in ({}, {"local_ports": ("33890",)}):
        simulated = turned(enabled=True)
        simulated.windows.firewall.remove("mine")
        simulated.windows.firewall.change(RULE, **fields)
        assert not {"firewall_wrong_profile", "firewall_port_mismatch"} & set(found_by(simulated))


# --- a built-in rule that is missing, or set right

RESTORE: dict[str, t.Any] = {"built_in_rules": "restore"}
UDP_RULE = RULE.replace("TCP", "UDP")


def differing(simulated: SimulatedHost, other: SimulatedHost) -> list[str]:
    """The fields in which the built-in rules of two hosts differ."""
    pairs = [(simulated.windows.firewall.find(name), other.windows.firewall.find(name)) for name in (RULE, UDP_RULE)]
    assert all(pair[0] and pair[1] for pair in pairs)
    return [key for one, two in pairs for key in vars(one) if vars(one)[key] != vars(two)[key]]


@pytest.mark.parametrize("version", ["10", "2016", "2025"])
def test_a_missing_built_in_rule_is_made_as_windows_has_it_and_gone_after_a_roll_back(version: str) -> None:
    simulated = SimulatedHost.build(version, "de", breakages=["firewall_rule_missing"])
    before = settings_state(simulated)
    plan, done = run(simulated)
    assert ([refusal.option for refusal in plan.refused], done.changes) == (["built_in_rules"] * 2, [])
    _plan, foretold = fix(job(simulated, check=True), FIREWALL, {**defaults(FIREWALL.options), **RESTORE})
    _plan, done = run(simulated, **RESTORE)
    assert foretold.changes == done.changes
    assert differing(simulated, SimulatedHost.build(version, "de")) in ([], ["profiles"] * 2)
    assert probe_view(simulated.windows)["tcp"] == "open"
    assert run(simulated, **RESTORE)[1].changes == []
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert settings_state(simulated) == before


def test_a_rule_whose_program_windows_spells_in_its_own_way_is_made_once_and_undone() -> None:
    switches = {"firewall_program": "expanded"}
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_missing"], switches=switches)
    before = settings_state(simulated)
    assert run(simulated, **RESTORE)[1].changes
    assert run(simulated, **RESTORE)[1].changes == []
    assert probe_view(simulated.windows)["tcp"] == "open"
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert settings_state(simulated) == before


def test_a_rule_that_is_being_made_is_disabled_until_it_is_whole() -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_missing"])
    seen: list[Rule | None] = []
    doing = job(simulated, before=lambda _number, _body: seen.append(simulated.windows.firewall.find(RULE)))
    fix(doing, FIREWALL, {**defaults(FIREWALL.options), **RESTORE, **TCP_ALONE, **LIMIT, "port": 33890})
    whole = simulated.windows.firewall.find(RULE)
    assert whole is not None
    assert (whole.local_ports, whole.remote_addresses) == (("3389", "33890"), ("10.1.0.0/255.255.0.0",))
    assert {rule for rule in seen if rule is not None and rule.enabled} <= {whole}
    assert any(rule is not None and rule.program == "Any" for rule in seen)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("action", [BLOCK, BYPASS])
def test_a_built_in_rule_that_does_not_let_in_is_set_right_on_request(action: int, enabled: bool) -> None:
    simulated = SimulatedHost.build("2022")
    for name in (RULE, UDP_RULE):
        simulated.windows.firewall.change(name, action=action, enabled=enabled)
    before = settings_state(simulated)
    assert probe_view(simulated.windows)["tcp"] == "timeout"
    assert found_by(simulated) == ["firewall_rule_turned"]
    refused = run(simulated)[0].refused
    assert ("IPsec" if action == BYPASS else "blocks what it is for") in refused[0].message
    plan, done = run(simulated, **RESTORE)
    assert plan.refused == ()
    steps = [name for change in done.changes for name in t.cast(dict[str, object], change.after)]
    assert steps == [*(["enabled"] if enabled else []), "action", "profiles", "enabled"] * 2
    assert probe_view(simulated.windows)["tcp"] == "open"
    assert run(simulated, **RESTORE)[1].changes == []
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert settings_state(simulated) == before


def test_no_rule_is_made_that_would_let_in_others_than_another_one_does() -> None:
    simulated = beside(remote_addresses=("192.0.2.0/24",))
    simulated.windows.firewall.remove(RULE)
    plan, done = run(simulated, **RESTORE, **TCP_ALONE)
    assert (plan.refused, done.changes) == ((), [])
    assert "the built-in rule RemoteDesktop-UserMode-In-TCP would let in others, so it stays as it is" in plan.notes[0]
    assert run(simulated, **RESTORE, **TCP_ALONE, remote_addresses=["Any"])[1].changes


def test_no_rule_is_made_or_set_right_that_is_not_needed() -> None:
    for simulated in (with_policy(), with_policy()):
        simulated.windows.firewall.remove(RULE)
        assert run(simulated, **RESTORE, **TCP_ALONE)[1].changes == []
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_missing"])
    plan, done = run(simulated, state="disabled", **RESTORE)
    assert (plan.refused, done.changes) == ((), [])
    assert plan.notes == ("state is disabled, so this has no effect: built_in_rules",)


def test_a_built_in_rule_that_blocks_and_is_not_needed_is_named_all_the_same() -> None:
    simulated = with_policy()
    simulated.windows.firewall.change(RULE, action=BLOCK)
    plan, done = run(simulated, **RESTORE, **TCP_ALONE)
    assert ([refusal.option for refusal in plan.refused], done.changes) == (["block_rules"], [])
    assert [change.after for change in run(simulated, **RESTORE, **TCP_ALONE, **DISABLE)[1].changes] == [
        {"enabled": False}
    ]
    assert probe_view(simulated.windows)["tcp"] == "open"


def test_the_loop_names_a_missing_rule_and_how_it_is_made() -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_missing"])
    (found,) = direct(examine(job(simulated).host, job(simulated).prober, 600).findings)
    assert (found.id, found.remedies) == ("firewall_rule_missing", ())
    assert (found.evidence[0].what, found.evidence[0].value) == (f"rule {RULE}", "absent")
    assert "built_in_rules" in found.by_hand
    course = looped(simulated, "high")
    assert (course.verdict, course.changes) == ("unresolved", [])


def test_a_rule_whose_making_was_cut_off_is_finished() -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_missing"])
    host = connect(simulated)
    host.firewall.make(RULE)
    assert found_by(simulated) == ["firewall_rule_missing"]
    assert [refusal.option for refusal in run(simulated, **TCP_ALONE)[0].refused] == ["built_in_rules"]
    host.firewall.set_program(host.firewall.rule(RULE, program=True), SVCHOST.upper())
    given = {**defaults(FIREWALL.options), **RESTORE, **TCP_ALONE}
    _plan, foretold = fix(job(simulated, check=True), FIREWALL, given)
    _plan, done = run(simulated, **RESTORE, **TCP_ALONE)
    assert foretold.changes == done.changes
    assert [[*t.cast(dict[str, object], change.after)] for change in done.changes] == [
        ["service"], ["protocol", "local_ports"], ["profiles"], ["enabled"],
    ]  # fmt: skip
    assert probe_view(simulated.windows)["tcp"] == "open"


# --- rules of policy

SHUT_OUT = "AllowLocalPolicyMerge"


def with_policy(
    name: str = "{A110}", ignoring: str = "", category: int = 1, also: str = "", **given: t.Any
) -> SimulatedHost:
    """A host to which policy brings a rule that lets users in, with a profile perhaps that ignores local rules."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.network.management_category, simulated.windows.network.category = 1, category
    fields = {"enabled": True, "protocol": "TCP", "local_ports": ("3389",), **given}
    text = Rule(name, "Let in", **fields).to_string(simulated.windows.edition.firewall_schema)
    simulated.windows.registry.put(FIREWALL_POLICY + r"\FirewallRules", name, Type.SZ, text + also)
    if ignoring:
        simulated.windows.registry.put_dword(f"{FIREWALL_POLICY}\\{ignoring}Profile", SHUT_OUT, 0)
    simulated.windows.firewall.load_policy()
    return simulated


def closed(simulated: SimulatedHost) -> SimulatedHost:
    for name in (RULE, RULE.replace("TCP", "UDP")):
        simulated.windows.firewall.change(name, enabled=False)
    return simulated


TCP_ALONE: dict[str, t.Any] = {"transports": ["tcp"]}


@pytest.mark.parametrize("enabled", [True, False])
def test_a_rule_of_policy_that_has_the_built_in_ones_name_does_not_hide_it(enabled: bool) -> None:
    """It is for the domain's network alone, and the host is on a private one."""
    simulated = with_policy(RULE, profiles=DOMAIN)
    simulated.windows.firewall.change(RULE, enabled=enabled, profiles=0 if enabled else PRIVATE)
    _plan, foretold = fix(job(simulated, check=True), FIREWALL, {**defaults(FIREWALL.options), **TCP_ALONE})
    _plan, done = run(simulated, **TCP_ALONE)
    assert [change.after for change in done.changes] == ([] if enabled else [{"enabled": True}])
    assert foretold.changes == done.changes
    assert run(simulated, **TCP_ALONE)[1].changes == []
    assert probe_view(simulated.windows)["tcp"] == "open"


def test_the_loop_sees_the_built_in_rule_beside_one_of_policy() -> None:
    simulated = closed(with_policy(RULE, profiles=DOMAIN))
    assert found_by(simulated) == ["firewall_rule_disabled"]
    doing = job(simulated, check=True)
    assert foresee(examine(doing.host, doing.prober, 600), Limits()).verdict == "repairable"
    assert looped(simulated).verdict == "repaired"
    assert probe_view(simulated.windows)["tcp"] == "open"


LETS_IN: dict[str, tuple[dict[str, t.Any], dict[str, t.Any]]] = {
    "everybody": ({}, {}),
    "TermService": ({"program": SVCHOST, "service": "termservice"}, {}),
    "the profile": ({"profiles": PRIVATE}, {}),
    "the wanted profiles": ({"profiles": DOMAIN | PRIVATE}, {"profiles": ["domain", "private"]}),
    "more than the wanted addresses": (
        {"remote_addresses": ("10.0.0.0/8",)},
        {"remote_addresses": ["10.1.0.0/16", "10.2.0.7"]},
    ),
    "the wanted addresses": ({"remote_addresses": ("10.0.0.0/8",)}, {"remote_addresses": ["10.0.0.0/255.0.0.0"]}),
    "everybody, said at length": ({"also": "Desc=Remote Desktop|EmbedCtxt=@FirewallAPI.dll,-28752|Edge=FALSE|"}, {}),
    "both ports": ({"local_ports": ("3389", "33890")}, {"port": 33890}),
}
LETS_IN_LESS: dict[str, tuple[dict[str, t.Any], dict[str, t.Any]]] = {
    "another profile": ({"profiles": DOMAIN}, {}),
    "fewer profiles": ({"profiles": PRIVATE}, {"profiles": ["domain", "private"]}),
    "some addresses, but not Any": ({"remote_addresses": ("10.0.0.0/8",)}, {"remote_addresses": ["Any"]}),
    "other addresses": ({"remote_addresses": ("10.0.0.0/8",)}, {"remote_addresses": ["192.0.2.0/24"]}),
    "another port": ({"local_ports": ("3390",)}, {}),
    "one of two ports": ({}, {"port": 33890}),
    "another program": ({"program": r"C:\Program Files\app\app.exe"}, {}),
    "another transport": ({"protocol": "UDP"}, {}),
    "nobody": ({"enabled": False}, {}),
    "who is authenticated": ({"also": "Security=Authenticate|"}, {}),
    "who comes by radio": ({"also": "IFType=Wireless|"}, {}),
}


@pytest.mark.parametrize("how", sorted(LETS_IN))
def test_what_policy_lets_in_needs_no_local_rule(how: str) -> None:
    fields, given = LETS_IN[how]
    assert run(closed(with_policy(**fields)), **TCP_ALONE, **given)[1].changes == []


@pytest.mark.parametrize("how", sorted(LETS_IN_LESS))
def test_what_policy_does_not_let_in_is_opened(how: str) -> None:
    fields, given = LETS_IN_LESS[how]
    done = run(closed(with_policy(**fields)), **TCP_ALONE, **given)[1]
    assert (done.changes[-1].item, done.changes[-1].after) == (RULE, {"enabled": True})


WIDER: dict[str, dict[str, t.Any]] = {
    "everybody": {},
    "a larger network": {"remote_addresses": ("10.0.0.0/255.0.0.0",)},
    "some others": {"remote_addresses": ("10.1.0.0/16", "192.0.2.7")},
    "everybody, of any port": {"protocol": "Any", "local_ports": ("Any",)},
    "whoever is authenticated": {"also": "Security=Authenticate|"},
    "whoever is authenticated, whatever blocks": {"action": BYPASS},
    "by UDP": {"protocol": "UDP"},
}
NO_WIDER: dict[str, dict[str, t.Any]] = {
    "the same": {"remote_addresses": ("10.1.0.0/16",)},
    "fewer": {"remote_addresses": ("10.1.2.0/24",)},
    "in another profile": {"profiles": DOMAIN},
    "to another port": {"local_ports": ("443",)},
    "to another program": {"program": r"C:\Program Files\app\app.exe"},
    "nobody": {"enabled": False},
    "blocked ones": {"action": BLOCK, "remote_addresses": ("203.0.113.7",)},
}
LIMIT = {"remote_addresses": ["10.1.0.0/16"]}


@pytest.mark.parametrize("how", sorted(WIDER))
def test_a_rule_of_policy_that_lets_in_others_than_wanted_is_held(how: str) -> None:
    simulated = with_policy(**WIDER[how])
    plan, _done = run(simulated, **LIMIT)
    (held,) = plan.held
    assert (held.state, held.setting, held.wanted) == ("policy_held", "firewall_remote_addresses", ["10.1.0.0/16"])
    assert held.value == list(canonical(WIDER[how].get("remote_addresses", ("Any",))))
    assert held.path == FIREWALL_POLICY + r"\FirewallRules\{A110}"
    assert held.policy.endswith(r"\Inbound Rules")
    assert run(simulated)[0].held == ()
    assert run(simulated, remote_addresses=["Any"])[0].held == ()
    assert run(simulated, state="disabled", **LIMIT)[0].held == ()
    if how == "by UDP":
        assert run(simulated, **TCP_ALONE, **LIMIT)[0].held == ()


@pytest.mark.parametrize("how", sorted(NO_WIDER))
def test_a_rule_of_policy_that_lets_in_no_others_is_not_held(how: str) -> None:
    assert run(with_policy(**NO_WIDER[how]), **LIMIT)[0].held == ()


def test_a_rule_of_the_hosts_own_is_limited_beside_a_wider_one_of_policy_where_it_is_open_already() -> None:
    simulated = with_policy()
    assert [change.after for change in run(simulated, **TCP_ALONE, **LIMIT)[1].changes] == [LIMIT]
    assert run(closed(with_policy()), **TCP_ALONE, **LIMIT)[1].changes == []


def test_only_the_profiles_that_policy_leaves_out_are_added() -> None:
    """The host is on a public and a private network."""
    simulated = with_policy(profiles=PUBLIC, category=0)
    simulated.windows.firewall.change(RULE, profiles=DOMAIN)
    plan, done = run(simulated, **TCP_ALONE)
    assert [(change.after, change.risk) for change in done.changes] == [({"profiles": DOMAIN | PRIVATE}, "low")]
    assert plan.notes == ()


def test_a_missing_built_in_rule_is_not_missed_where_policy_lets_in() -> None:
    simulated = with_policy()
    simulated.windows.firewall.remove(RULE)
    assert run(simulated, **TCP_ALONE)[0].refused == ()
    simulated = SimulatedHost.build("2022")
    simulated.windows.firewall.remove(RULE)
    assert [refusal.option for refusal in run(simulated, **TCP_ALONE)[0].refused] == ["built_in_rules"]


def test_a_rule_of_policy_that_has_the_built_in_ones_name_does_not_stand_for_it() -> None:
    simulated = with_policy(RULE, enabled=False)
    simulated.windows.firewall.remove(RULE)
    plan, done = run(simulated, **TCP_ALONE)
    assert ([refusal.option for refusal in plan.refused], done.changes) == (["built_in_rules"], [])
    assert found_by(simulated) == ["firewall_rule_missing"]


def test_what_is_written_is_foreseen_of_the_hosts_own_rule_alone() -> None:
    simulated = closed(with_policy(RULE, enabled=False))
    doing = job(simulated)
    before = examine(doing.host, doing.prober, 600).observation
    plan, _done = run(simulated, **TCP_ALONE)
    after = project(before, plan.changes)
    assert after.firewall is not None
    assert [(rule.store, rule.enabled) for rule in after.firewall.rules if rule.id == RULE] == [(1, True), (2, False)]


def test_a_profile_that_blocks_all_is_held_whatever_policy_lets_in() -> None:
    simulated = closed(with_policy(category=0))
    simulated.windows.registry.put_dword(FIREWALL_POLICY + r"\PublicProfile", "DoNotAllowExceptions", 1)
    simulated.windows.firewall.load_policy()
    plan, done = run(simulated, profiles=["public"])
    assert ([held.setting for held in plan.held], done.changes) == (["firewall_exceptions"], [])
    assert "firewall_shields_up" in found_by(simulated)


def test_a_profile_that_ignores_local_rules_is_not_held_where_policy_lets_in() -> None:
    simulated = closed(with_policy(ignoring="Public", category=0))
    assert probe_view(simulated.windows)["tcp"] == "open"
    plan, done = run(simulated, profiles=["public"])
    assert (plan.held, plan.refused, done.changes) == ((), (), [])
    assert "the public profile ignores local rules, and policy lets in over TCP alone" in plan.notes[0]
    assert run(simulated, profiles=["public"], **TCP_ALONE)[0].notes == ()
    simulated.windows.listener.path_blocked = True
    assert found_by(simulated) == ["path_blocked"]


def test_no_rule_is_changed_where_none_of_the_hosts_own_counts() -> None:
    simulated = closed(with_policy(ignoring="Public", category=0, local_ports=("443",)))
    plan, done = run(simulated, profiles=["public"])
    assert [held.setting for held in plan.held] == ["firewall_local_rules"]
    assert done.changes == []
    simulated = with_policy(ignoring="Public", category=0, local_ports=("443",))
    simulated.windows.firewall.change(RULE, profiles=PUBLIC)
    assert run(simulated, profiles=["public"], remote_addresses=["10.0.0.0/8"], **TCP_ALONE)[1].changes == []
    assert "firewall_local_rules_ignored" in found_by(simulated)


def test_a_rule_that_counts_elsewhere_is_limited_all_the_same() -> None:
    simulated = with_policy(ignoring="Public", category=0)
    done = run(simulated, profiles=["public"], remote_addresses=["10.0.0.0/8"], **TCP_ALONE)[1]
    assert [change.after for change in done.changes] == [{"profiles": PUBLIC}, {"remote_addresses": ["10.0.0.0/8"]}]


@pytest.mark.parametrize(
    ("flag", "said"), [("allow_local_rules", "ignores local rules"), ("allow_inbound_rules", "blocks all incoming")]
)
def test_a_profile_that_the_host_itself_has_closed_is_refused(flag: str, said: str) -> None:
    """Users come over a public network, WinRM over another one."""
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_disabled"])
    simulated.windows.network.management_category, simulated.windows.network.category = 1, 0
    simulated.windows.firewall.set_profile("Public", **{flag: False})
    plan, done = run(simulated, profiles=["public"])
    (refused,) = plan.refused
    assert f"the public profile {said}" in refused.message
    assert "by the host's own setting" in refused.message
    assert (plan.held, done.changes) == ((), [])
    assert run(simulated, profiles=["private"])[0].refused == ()
    simulated.windows.firewall.set_profile("Public", enabled=False)
    assert run(simulated, profiles=["public"])[0].refused == ()


# --- rules of the host's own for others than TermService's users

NOT_FOR_USERS: dict[str, dict[str, t.Any]] = {
    "another program": {"program": r"C:\Program Files\app\app.exe"},
    "another service": {"program": SVCHOST, "service": "sharedaccess"},
    "who is authenticated": {"security": "Authenticate"},
    "who is authenticated, whatever blocks": {"action": BYPASS, "security": "Authenticate"},
    "authenticated, as no provider would make it": {"action": BYPASS},
    "another adapter": {"interface_aliases": ("VPN",)},
    "who comes by radio": {"interface_types": ("Wireless",)},
    "another port": {"local_ports": ("443",)},
    "nobody": {"enabled": False},
}
FOR_USERS: dict[str, dict[str, t.Any]] = {
    "everybody": {},
    "TermService": {"program": SVCHOST, "service": "TermService"},
    "some addresses": {"remote_addresses": ("192.0.2.0/24",)},
    "with an edge": {"edge": 1},
}


def beside(**given: t.Any) -> SimulatedHost:
    """A host whose built-in rules are disabled, with a rule of its own that lets somebody in."""
    simulated = closed(SimulatedHost.build("2022"))
    fields = {"enabled": True, "protocol": "TCP", "local_ports": ("3389",), **given}
    simulated.windows.firewall.put(Rule("mine", "mine", "a group", **fields))
    return simulated


@pytest.mark.parametrize("how", sorted(NOT_FOR_USERS))
def test_a_rule_that_lets_in_none_of_the_users_leaves_the_host_closed(how: str) -> None:
    simulated = beside(**NOT_FOR_USERS[how])
    assert probe_view(simulated.windows)["tcp"] == "timeout"
    assert found_by(simulated) == ["firewall_rule_disabled"]
    assert looped(simulated).verdict == "repaired"
    assert probe_view(simulated.windows)["tcp"] == "open"


@pytest.mark.parametrize("how", sorted(FOR_USERS))
def test_a_rule_that_lets_users_in_is_enough(how: str) -> None:
    simulated = beside(**FOR_USERS[how])
    assert probe_view(simulated.windows)["tcp"] == "open"
    simulated.windows.listener.path_blocked = True
    assert found_by(simulated) == ["path_blocked"]


def test_the_rule_for_shadowing_lets_nobody_in_to_the_listener() -> None:
    simulated = closed(SimulatedHost.build("2022"))
    simulated.windows.firewall.change("RemoteDesktop-Shadow-In-TCP", enabled=True)
    assert probe_view(simulated.windows)["tcp"] == "timeout"
    assert found_by(simulated) == ["firewall_rule_disabled"]
    assert looped(simulated).verdict == "repaired"


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"enabled": False}, False),
        ({"local_ports": ("443",)}, False),
        ({}, True),
        ({"action": BLOCK}, True),
        ({"action": BLOCK, "protocol": "UDP"}, True),
        ({"action": BLOCK, "remote_addresses": ("203.0.113.7",)}, False),
        ({"action": BLOCK, "program": r"C:\Program Files\app\app.exe"}, False),
    ],
)
def test_what_a_rule_demands_is_asked_of_those_alone_that_may_let_users_in_or_keep_all_away(
    fields: dict[str, t.Any], asked: bool
) -> None:
    bodies: list[bytes] = []
    observe(connect(beside(**fields), lambda _number, body: bodies.append(body)), FIREWALL.areas)
    assert any(b"FirewallPolicy\\FirewallRules<" in body for body in bodies) is asked


DEMANDS: dict[str, tuple[dict[str, t.Any], str]] = {
    "IPsec": ({"security": "Authenticate"}, "Security"),
    "a kind of adapter": ({"interface_types": ("Wireless",)}, "IFType"),
    "another program": ({"program": r"C:\Program Files\app\app.exe"}, "App, Svc"),
}


@pytest.mark.parametrize("how", sorted(DEMANDS))
def test_what_the_built_in_rule_demands_beside_is_found_where_nothing_else_explains_the_silence(how: str) -> None:
    fields, named = DEMANDS[how]
    simulated = SimulatedHost.build("2022")
    simulated.windows.firewall.change(RULE, **fields)
    assert probe_view(simulated.windows)["tcp"] == "timeout"
    (found,) = direct(examine(job(simulated).host, job(simulated).prober, 600).findings)
    assert (found.id, found.confidence, found.remedies) == ("firewall_rule_demands", "medium", ())
    assert [(evidence.what, evidence.value) for evidence in found.evidence] == [(f"conditions of {RULE}", named)]
    (note,) = run(simulated)[0].notes
    assert f"lets in only who meets a condition of its own ({named})" in note
    assert run(SimulatedHost.build("2022"))[0].notes == ()
    assert found_by(closed(simulated)) == ["firewall_rule_disabled"]


def test_a_rule_of_the_hosts_own_that_lets_in_others_than_wanted_is_named() -> None:
    simulated = beside(remote_addresses=("10.1.0.0/16", "192.0.2.7"))
    (note,) = run(simulated, **LIMIT)[0].notes
    assert "the rule mine lets in others than remote_addresses, among them 10.1.0.0/16, 192.0.2.7" in note
    assert run(simulated)[0].notes == ()
    for fields in (NOT_FOR_USERS["another program"], {"remote_addresses": ("10.1.2.0/24",)}, {"profiles": DOMAIN}):
        assert run(beside(**fields), **LIMIT)[0].notes == ()


# --- the administrative template that is older than rules


def with_template(addresses: str | None, key: str = "StandardProfile", enabled: int = 1) -> SimulatedHost:
    """A host on a private network whose built-in rules are closed, and what the template says."""
    simulated = on_network(1, enabled=False)
    path = rf"{FIREWALL_POLICY}\{key}\Services\RemoteDesktop"
    simulated.windows.registry.put_dword(path, "Enabled", enabled)
    if addresses is not None:
        simulated.windows.registry.put(path, "RemoteAddresses", Type.SZ, addresses)
    simulated.windows.firewall.load_policy()
    return simulated


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0, 192.0.2.7", "10.0.0.0/8, 192.0.2.7"),
        ("localsubnet", "LocalSubnet"),
    ],
)
def test_whom_the_template_lets_in_is_whom_somebody_wants_in(addresses: str, said: str) -> None:
    simulated = with_template(addresses)
    plan, done = run(simulated, **TCP_ALONE)
    assert (plan.refused, done.changes) == ((), [])
    (note,) = plan.notes
    assert rf"let in by StandardProfile\Services\RemoteDesktop ({said})" in note
    assert run(simulated, remote_addresses=["Any"], **TCP_ALONE)[1].changes


@pytest.mark.parametrize("category", [0, 1])
def test_what_the_template_lets_in_from_everywhere_needs_no_local_rule(category: int) -> None:
    simulated = with_template("*")
    simulated.windows.network.category = category
    assert probe_view(simulated.windows)["tcp"] == "open"
    plan, done = run(simulated, **TCP_ALONE)
    assert (plan.notes, done.changes) == ((), [])
    (held,) = run(simulated, **TCP_ALONE, **LIMIT)[0].held
    assert held.path == rf"{FIREWALL_POLICY}\StandardProfile\Services\RemoteDesktop"
    assert held.policy.endswith(r"Standard Profile\Windows Defender Firewall: Allow inbound Remote Desktop exceptions")


@pytest.mark.parametrize(
    ("given", "category"),
    [
        ({"addresses": "10.0.0.0/8", "enabled": 0}, 1),
        ({"addresses": None}, 1),
        ({"addresses": ""}, 1),
        ({"addresses": "10.0.0.0/8", "key": "DomainProfile"}, 1),
        ({"addresses": "10.0.0.0/8", "key": "StandardProfile"}, 2),
    ],
)
def test_a_template_that_lets_nobody_in_here_counts_for_nothing(given: dict[str, t.Any], category: int) -> None:
    simulated = with_template(**given)
    simulated.windows.network.category = simulated.windows.network.management_category = category
    plan, done = run(simulated, **TCP_ALONE)
    assert (plan.notes, done.changes[-1].after) == ((), {"enabled": True})


def test_the_template_is_asked_for_only_where_policy_has_its_profiles() -> None:
    for key, asked in (("PublicProfile", False), ("DomainProfile", True)):
        simulated = SimulatedHost.build("2022")
        simulated.windows.registry.put_dword(rf"{FIREWALL_POLICY}\{key}", "EnableFirewall", 1)
        bodies: list[bytes] = []
        observe(connect(simulated, lambda _number, body, to=bodies: to.append(body)), ("firewall",))
        assert any(b"Services\\RemoteDesktop" in body for body in bodies) is asked


# --- device management

MDM = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm"
OWNER = "device management (MDM)"
NODE = "./Vendor/MSFT/Firewall/MdmStore"


def managed(rules: tuple[Rule, ...] = (), key: str = "StandardProfile", **profiles: dict[str, int]) -> SimulatedHost:
    """A host whose firewall is managed, as by Intune; users come over a private network, WinRM over another one."""
    simulated = SimulatedHost.build("11", switches={"firewall_mdm_private": key})
    simulated.windows.network.category, simulated.windows.network.management_category = 1, 0
    simulated.windows.firewall.manage(rules, **profiles)
    return simulated


@pytest.mark.parametrize("key", ["StandardProfile", "PrivateProfile"])
@pytest.mark.parametrize(
    ("value", "number", "setting", "node", "cause"),
    [
        ("AllowLocalPolicyMerge", 0, "local_rules", "AllowLocalPolicyMerge", "firewall_local_rules_ignored"),
        ("DoNotAllowExceptions", 1, "exceptions", "Shielded", "firewall_shields_up"),
    ],
)
def test_a_profile_that_device_management_closes_is_held(
    key: str, value: str, number: int, setting: str, node: str, cause: str
) -> None:
    simulated = closed(managed(key=key, Private={value: number}))
    plan, done = run(simulated, profiles=["private"])
    (held,) = plan.held
    assert (held.setting, held.path, held.owner) == (f"firewall_{setting}", rf"{MDM}\{key}\{value}", OWNER)
    assert (held.policy, done.changes) == (f"{NODE}/PrivateProfile/{node}", [])
    doing = job(simulated)
    found = {finding.id: finding for finding in examine(doing.host, doing.prober, 600).findings}
    assert [evidence.source for evidence in found[cause].evidence] == [held.path]
    assert looped(simulated).verdict == "policy_held"


def test_a_rule_of_device_management_that_blocks_is_held() -> None:
    block = Rule("0-AAAA", "Block", action=BLOCK, enabled=True, protocol="TCP", local_ports=("3389",))
    simulated = managed((block,))
    plan, done = run(simulated, **DISABLE)
    (held,) = plan.held
    path = rf"{MDM}\FirewallRules\0-AAAA"
    assert (held.setting, held.path, held.owner) == ("firewall_block_rule", path, OWNER)
    assert (held.policy, done.changes) == (f"{NODE}/FirewallRules/0-AAAA", [])
    doing = job(simulated)
    (found,) = direct(examine(doing.host, doing.prober, 600).findings)
    assert [(evidence.value, evidence.source) for evidence in found.evidence] == [("0-AAAA", path)]


def test_what_device_management_lets_in_needs_no_local_rule() -> None:
    allow = Rule("0-AAAA", "Let in", enabled=True, protocol="TCP", local_ports=("3389",))
    simulated = closed(managed((allow,), Private={"AllowLocalPolicyMerge": 0}))
    plan, done = run(simulated, **TCP_ALONE)
    assert (plan.held, plan.refused, done.changes) == ((), (), [])
    assert probe_view(simulated.windows)["tcp"] == "open"


@pytest.mark.parametrize("merged", [0, 1])
def test_group_policy_wins_over_device_management(merged: int) -> None:
    simulated = managed(Private={"AllowLocalPolicyMerge": 1 - merged})
    key = FIREWALL_POLICY + r"\PrivateProfile"
    simulated.windows.registry.put_dword(key, "AllowLocalPolicyMerge", merged)
    simulated.windows.firewall.load_policy()
    assert probe_view(simulated.windows)["tcp"] == ("open" if merged else "timeout")
    held = run(simulated)[0].held
    assert [(one.path, one.owner) for one in held] == ([] if merged else [(rf"{key}\AllowLocalPolicyMerge", "")])


def test_device_management_is_asked_only_where_it_can_matter() -> None:
    """It costs one operation: not where the host itself answers and its own rules let users in."""

    def asked(*breakages: str, elsewhere: int = 1) -> bool:
        simulated = SimulatedHost.build("2022", breakages=breakages)
        simulated.windows.network.category, simulated.windows.network.management_category = 1, elsewhere
        simulated.windows.firewall.change(RULE, profiles=PRIVATE)
        bodies: list[bytes] = []
        doing = job(simulated, before=lambda _number, body: bodies.append(body))
        examine(doing.host, doing.prober, 600)
        return any(b"Mdm" in body for body in bodies)

    assert not asked("rdp_denied")
    assert asked("rdp_denied", elsewhere=0)
    assert asked("rdp_denied", "firewall_rule_disabled")
    assert asked("path_blocked")


# --- whom other rules let in, where nobody says whom to let in

TEN = ("10.0.0.0/255.0.0.0",)


def scoped(fields: dict[str, t.Any] | None = None, **built_in: t.Any) -> SimulatedHost:
    """A host whose own rule lets in some addresses, while the built-in one is disabled."""
    simulated = on_network(1, **{"enabled": False, **built_in})
    given = {"enabled": True, "protocol": "TCP", "local_ports": ("3389",), "remote_addresses": TEN, **(fields or {})}
    simulated.windows.firewall.put(Rule("mine", "mine", **given))
    return simulated


BY_WHOM: dict[str, tuple[str, t.Callable[[], SimulatedHost]]] = {
    "the host's own rule": ("mine", scoped),
    "a rule of policy": ("{A110}", lambda: closed(with_policy(remote_addresses=TEN))),
}


@pytest.mark.parametrize("whose", sorted(BY_WHOM))
def test_the_built_in_rule_lets_in_nobody_else_than_other_rules_unless_it_is_said(whose: str) -> None:
    name, build = BY_WHOM[whose]
    simulated = build()
    before = settings_state(simulated)
    plan, done = run(simulated)
    assert (plan.refused, done.changes, settings_state(simulated)) == ((), [], before)
    assert [note for note in plan.notes if f"let in by {name} (10.0.0.0/8)" in note] == list(plan.notes)
    assert [rule for note in plan.notes for rule in (RULE, RULE.replace("TCP", "UDP")) if rule in note] == [
        RULE, RULE.replace("TCP", "UDP"),
    ]  # fmt: skip
    plan, done = run(simulated, remote_addresses=["Any"], **TCP_ALONE)
    assert (plan.notes, [change.after for change in done.changes][-1]) == ((), {"enabled": True})


OPENED: dict[str, tuple[dict[str, t.Any], dict[str, t.Any]]] = {
    "the other rule is for everybody": ({"remote_addresses": ("Any",)}, {}),
    "the other rule is for all of IPv4": ({"remote_addresses": ("0.0.0.0/0",)}, {}),
    "the built-in one is for no others": ({}, {"remote_addresses": ("10.1.0.0/16",)}),
    "the other rule is disabled": ({"enabled": False}, {}),
    "the other rule is for another port": ({"local_ports": ("3390",)}, {}),
    "the other rule is for another network": ({"profiles": PUBLIC}, {}),
    "the other rule blocks": ({"action": BLOCK}, {}),
    "the other rule is for UDP": ({"protocol": "UDP"}, {}),
}


@pytest.mark.parametrize("how", sorted(OPENED))
def test_the_built_in_rule_is_opened_where_it_lets_in_no_others_than_before(how: str) -> None:
    fields, built_in = OPENED[how]
    simulated = scoped(fields, **built_in)
    addresses = built_in.get("remote_addresses", ("Any",))
    assert run(simulated, **TCP_ALONE)[1].changes[-1].after == {"enabled": True}
    rule = simulated.windows.firewall.find(RULE)
    assert rule is not None
    assert canonical(rule.remote_addresses) == addresses


def test_whom_a_rule_without_effect_would_let_in_does_not_count() -> None:
    simulated = scoped({"profiles": PUBLIC})
    simulated.windows.firewall.set_profile("Public", allow_local_rules=False)
    done = run(simulated, profiles=["private", "public"], **TCP_ALONE)[1]
    assert done.changes[-1].after == {"enabled": True}


def test_an_open_built_in_rule_is_extended_as_it_was() -> None:
    simulated = scoped({"profiles": PRIVATE}, enabled=True, profiles=DOMAIN | PRIVATE)
    assert run(simulated, profiles=["any"], **TCP_ALONE)[1].changes
    simulated = scoped(enabled=True, profiles=DOMAIN)
    assert "mine (10.0.0.0/8)" in run(simulated, **TCP_ALONE)[0].notes[0]
    assert profiles_of(simulated) == DOMAIN


@pytest.mark.parametrize(
    ("fields", "given", "said"),
    [
        ({}, {"port": 33890}, "to port 33890 in the private profile"),
        ({"profiles": PRIVATE}, {"profiles": ["domain", "private"]}, "to port 3389 in the domain profile"),
    ],
)
def test_whom_to_let_in_has_to_be_said_where_other_rules_let_in_some_by_one_way_alone(
    fields: dict[str, t.Any], given: dict[str, t.Any], said: str
) -> None:
    simulated = scoped(fields)
    plan, done = run(simulated, **given, **TCP_ALONE)
    (refused,) = plan.refused
    assert (refused.option, done.changes, simulated.counters.writes) == ("remote_addresses", [], 0)
    assert "let in by mine (10.0.0.0/8)" in refused.message
    assert f"nobody is let in {said}: " in refused.message
    assert run(simulated, **given, **TCP_ALONE, remote_addresses=["10.0.0.0/8"])[0].refused == ()


def test_the_port_that_the_listener_is_about_to_leave_needs_nobody_let_in() -> None:
    simulated = scoped({"local_ports": ("33890",)})
    simulated.windows.registry.put_dword(LISTENER, "PortNumber", 33890)
    plan, done = run(simulated, **TCP_ALONE)
    assert (plan.refused, done.changes) == ((), [])
    assert "mine (10.0.0.0/8)" in plan.notes[0]


# --- what comes first

ADDRESSES_FIRST = ["remote_addresses", "profiles"]


@pytest.mark.parametrize(
    ("fields", "given", "order"),
    [
        ({"profiles": DOMAIN | PRIVATE}, {"profiles": ["any"]}, ADDRESSES_FIRST),
        ({"profiles": PUBLIC, "remote_addresses": ("0.0.0.0/0",)}, {"profiles": ["domain"]}, ADDRESSES_FIRST),
        ({"remote_addresses": ("192.0.2.7",)}, {"profiles": ["domain"]}, ["profiles", "remote_addresses"]),
        ({"profiles": DOMAIN, "remote_addresses": ("192.0.2.7",)}, {"profiles": ["any"]}, ADDRESSES_FIRST),
        (
            {"profiles": DOMAIN, "remote_addresses": ("10.0.0.0/8",)},
            {"profiles": ["any"], "remote_addresses": ["10.0.0.0/8", "192.0.2.7"], "port": 33890},
            ["local_ports", "profiles", "remote_addresses"],
        ),
        (
            {"profiles": DOMAIN, "local_ports": ("Any",), "remote_addresses": ("10.0.0.0/8", "192.0.2.7")},
            {"profiles": ["private"], "remote_addresses": ["Any"]},
            ["local_ports", "profiles", "remote_addresses"],
        ),
        (
            {"profiles": DOMAIN, "local_ports": ("3390",)},
            {"profiles": ["any"]},
            ["remote_addresses", "local_ports", "profiles"],
        ),
        ({"enabled": False, "profiles": DOMAIN}, {"profiles": ["any"]}, ["profiles", "remote_addresses", "enabled"]),
        (
            {"profiles": DOMAIN | PRIVATE, "remote_addresses": ("10.0.0.7", "192.0.2.7")},
            {"profiles": ["private", "public"]},
            ["profiles", "remote_addresses", "profiles", "remote_addresses"],
        ),
        (
            {"profiles": DOMAIN | PRIVATE},
            {"profiles": ["private", "public"], "remote_addresses": ["10.1.0.0/16"]},
            ["profiles", "remote_addresses", "profiles"],
        ),
        (
            {"profiles": DOMAIN | PRIVATE, "remote_addresses": ("10.0.0.0/255.0.0.0",)},
            {"profiles": ["private", "public"], "remote_addresses": ["10.1.0.0/16", "192.0.2.7"]},
            ["profiles", "remote_addresses", "profiles", "remote_addresses"],
        ),
        (
            {"profiles": DOMAIN, "remote_addresses": ("192.0.2.7",)},
            {"profiles": ["private"]},
            ["enabled", "profiles", "remote_addresses", "enabled"],
        ),
        (
            {"profiles": DOMAIN | PRIVATE},
            {"profiles": ["private", "public"], "remote_addresses": ["Any"]},
            ["profiles"],
        ),
    ],
)  # fmt: skip
def test_what_narrows_a_rule_is_written_before_what_widens_it(
    fields: dict[str, t.Any], given: dict[str, t.Any], order: list[str]
) -> None:
    """Cut off in between, a run must not have let in whom neither the old nor the new rule does."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.firewall.change(RULE, **fields)
    done = run(simulated, **{"remote_addresses": ["10.0.0.0/8"], **TCP_ALONE, **given})[1]
    assert [name for change in done.changes for name in t.cast(dict[str, object], change.after)] == order


class Meeting(t.NamedTuple):
    """A connection that the firewall may let in."""

    profile: int
    port: int
    remote: str


MEETINGS = [
    Meeting(profile, port, remote)
    for profile in (DOMAIN, PRIVATE, PUBLIC)
    for port in (3389, 3390, 33890)
    for remote in ("10.0.0.7", "10.1.0.7", "192.0.2.7", "203.0.113.9")
]


def admitted(simulated: SimulatedHost) -> set[Meeting]:
    """Who gets in now, whatever else lets them in."""
    firewall = simulated.windows.firewall
    packets = {meeting: Packet("TCP", meeting.port, remote=meeting.remote) for meeting in MEETINGS}
    return {meeting for meeting, packet in packets.items() if firewall.admits(packet, meeting.profile)}


_SOME_ADDRESSES = st.lists(
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.0.0.7", "192.0.2.0/24", "192.0.2.7", "192.0.2.1-203.0.113.9"]),
    min_size=1,
    unique=True,
)
_LIMITS = st.one_of(st.just(["Any"]), _SOME_ADDRESSES)
_RULES = st.fixed_dictionaries({
    "enabled": st.sampled_from([True, True, False]),
    "profiles": st.integers(0, 7),
    "remote_addresses": _LIMITS.map(tuple),
    "local_ports": st.sampled_from([("3389",), ("3390",), ("Any",), ("3380-3400",), ("3389", "33890"), ("445",)]),
})  # fmt: skip
_ASKED = st.fixed_dictionaries({
    "profiles": st.one_of(
        st.none(), st.just(["any"]), st.lists(st.sampled_from(["domain", "private", "public"]), min_size=1, unique=True)
    ),
    "remote_addresses": st.one_of(st.none(), _LIMITS),
    "port": st.sampled_from([None, 33890]),
})  # fmt: skip


@cache
def looked_at() -> tuple[SimulatedHost, Observation]:
    """A host in order, and what is seen of it."""
    simulated = SimulatedHost.build("2022")
    return simulated, observe(connect(simulated), FIREWALL.areas, FIREWALL.settings)


def with_rule(observation: Observation, **fields: t.Any) -> Observation:
    """The observation with the built-in rule so."""
    assert observation.firewall is not None
    rules = [replace(rule, **fields) if rule.id == RULE else rule for rule in observation.firewall.rules]
    return replace(observation, firewall=replace(observation.firewall, rules=tuple(rules)))


@given(_RULES, _ASKED)
def test_nobody_is_let_in_on_the_way_who_is_neither_before_nor_after(
    fields: dict[str, t.Any], asked: dict[str, t.Any]
) -> None:
    """A run can be cut off after each of its writes, and a roll-back, which goes the same way back, after its own."""
    simulated, observation = looked_at()
    simulated.windows.firewall.change(RULE, **fields)
    options = {**defaults(FIREWALL.options), **TCP_ALONE, **asked}
    seen = [admitted(simulated)]
    for change in FIREWALL.plan(with_rule(observation, **fields), options).changes:
        (name, value), *more = t.cast(dict[str, t.Any], change.after).items()
        simulated.windows.firewall.change(RULE, **{name: tuple(value) if isinstance(value, list) else value})
        seen.append(admitted(simulated))
        assert not more
    assert [found - seen[0] - seen[-1] for found in seen if found - seen[0] - seen[-1]] == []


# --- options without effect


def test_options_that_closing_leaves_without_effect_are_said() -> None:
    simulated = SimulatedHost.build("2022")
    given = {"profiles": ["public"], "remote_addresses": ["10.0.0.0/8"], "port": 33890, **DISABLE}
    plan, done = run(simulated, state="disabled", **given)
    assert plan.notes == ("state is disabled, so this has no effect: profiles, remote_addresses, port, block_rules",)
    assert [change.after for change in done.changes] == [{"enabled": False}] * 2
    assert run(simulated, state="disabled")[0].notes == ()


@pytest.mark.parametrize(("name", "value"), [("remote_addresses", ["nonsense"]), ("port", 99999)])
def test_nonsense_is_refused_whatever_the_state(name: str, value: object) -> None:
    for state in ("enabled", "disabled"):
        simulated = SimulatedHost.build("2022")
        plan, done = run(simulated, state=state, **{name: value})
        assert ([refusal.option for refusal in plan.refused], done.changes) == ([name], [])


@pytest.mark.parametrize("profiles", [0, 2])
def test_a_built_in_rule_that_blocks_stays_in_the_way_where_it_is_not_restored(profiles: int) -> None:
    """Another rule lets in fewer, which decides whom to let in; nobody gets in as long as the built-in one blocks."""
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_turned"])
    rules = simulated.windows.firewall
    rules.change("RemoteDesktop-UserMode-In-TCP", enabled=True, profiles=profiles)
    rules.change("RemoteDesktop-UserMode-In-UDP", enabled=False)
    scope = ("10.0.0.0/8",)
    rules.put(Rule("Admins", "x", enabled=True, protocol="TCP", local_ports=("3389",), remote_addresses=scope))
    restore = {**defaults(REMEDIES["firewall"].options), "built_in_rules": "restore", "transports": ["tcp"]}
    plan, _done = fix(job(simulated), REMEDIES["firewall"], restore)
    assert [refusal.option for refusal in plan.refused] == ["block_rules"]
    fix(job(simulated), REMEDIES["firewall"], {**restore, "block_rules": "disable"})
    assert rules.admits(Packet("TCP", 3389, remote="10.1.2.3"))
    assert not rules.admits(Packet("TCP", 3389, remote="203.0.113.5"))

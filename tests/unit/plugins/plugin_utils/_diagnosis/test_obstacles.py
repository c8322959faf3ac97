# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands in a listener's way: named, left alone, and read only where nothing else explains the failure."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import diagnose, direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import (
    AccountState,
    Observation,
    ObstacleState,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies._obstacles import notes
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import ShellRefused

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import WINSTATIONS
from tests.simulator.windows.programs.netsh import PORT_PROXIES, PORT_PROXY
from tests.simulator.windows.registry import Type
from tests.support.in_process import job, settings_state

LOCAL_RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\ConSecRules"
POLICY_RULES = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall\ConSecRules"


@pytest.mark.parametrize("version", ["10", "2016", "2025"])
@pytest.mark.parametrize("breakage", ["foreign_protocol", "service_dll_replaced", "port_proxy"])
def test_it_is_named_first_and_left_to_a_person(breakage: str, version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=[breakage])
    before = settings_state(simulated)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert direct(standing.findings)[0].id == breakage
    assert direct(standing.findings)[0].by_hand
    assert remediate(doing, standing, Limits()).changes == []
    assert settings_state(simulated) == before


def test_a_path_that_may_be_blocked_is_told_only_after_a_look_for_what_drops_packets_on_the_host() -> None:
    simulated = SimulatedHost.build("2022", breakages=["path_blocked"])
    simulated.windows.registry.create(LOCAL_RULES)
    simulated.windows.registry.put(LOCAL_RULES, "{5EC}", Type.SZ, "v2.31|Action=Secure|Active=TRUE|Dir=In|")
    doing = job(simulated)
    found = direct(examine(doing.host, doing.prober, 600).findings)
    assert {"ipsec_rules", "path_blocked"} == {finding.id for finding in found}


@pytest.mark.parametrize("ours", [True, False])
def test_a_port_that_waits_for_a_restart_is_not_taken_for_a_reserved_one(ours: bool) -> None:
    """A run of ours has left word that a restart is due; of what others have set, the old port tells."""
    simulated = SimulatedHost.build("2022")
    for name in ("firewall", "remote_desktop") if ours else ("firewall",):
        given = {**defaults(REMEDIES[name].options), "port": 33890}
        fix(job(simulated, restart="never"), REMEDIES[name], given)
    simulated.windows.registry.put_dword(rf"{WINSTATIONS}\RDP-Tcp", "PortNumber", 33890)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    found = {finding.id: finding for finding in direct(standing.findings)}
    assert list(found) == ([] if ours else ["port_excluded"])
    if not ours:
        assert "which is on port 3389 still" in str(found["port_excluded"].evidence)
        assert found["port_excluded"].by_hand.startswith("If the port was changed since TermService started, restart")


def test_a_host_whose_failure_is_explained_is_not_asked_for_more() -> None:
    simulated = SimulatedHost.build("2022", breakages=["rdp_denied"])
    doing = job(simulated)
    assert examine(doing.host, doing.prober, 600).observation.obstacles is None


def test_a_home_edition_is_said_plainly_and_left_as_it_is() -> None:
    simulated = SimulatedHost.build("11home")
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert "home_edition" in {finding.id for finding in direct(standing.findings)}
    plan, done = fix(job(simulated), REMEDIES["remote_desktop"], defaults(REMEDIES["remote_desktop"].options))
    assert "Windows 11 Home takes no Remote Desktop connections" in plan.refused[0].message
    assert done.changes == []


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("v2.31|Action=SecureServer|Active=TRUE|Dir=In|", True),
        ("v2.31|Action=Secure|Active=TRUE|Dir=In|", True),
        ("v2.31|Action=SecureServer|Active=FALSE|Dir=In|", False),
        ("v2.31|Action=DoNotSecure|Active=TRUE|Dir=In|", False),
    ],
)
@pytest.mark.parametrize("key", [LOCAL_RULES, POLICY_RULES])
def test_a_rule_that_demands_ipsec_explains_silence_alone(key: str, rule: str, shown: bool) -> None:
    simulated = SimulatedHost.build("2022", breakages=["path_blocked"])
    simulated.windows.registry.create(key)
    simulated.windows.registry.put(key, "{5EC}", Type.SZ, rule)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600, full=True)
    assert ("ipsec_rules" in {finding.id for finding in standing.findings}) is shown
    refused = {**(standing.observation.probe or {}), "tcp": {"verdict": "refused"}}
    assert "ipsec_rules" not in {finding.id for finding in diagnose(replace(standing.observation, probe=refused))}
    assert "ipsec_rules" not in {finding.id for finding in diagnose(replace(standing.observation, probe=None))}


REMOTE_DESKTOP = REMEDIES["remote_desktop"]
KEEP = defaults(REMOTE_DESKTOP.options)
REMOVE = {**KEEP, "port_proxy": "remove"}


def proxied(kind: str, listens: str) -> SimulatedHost:
    """A host whose port is held by one proxy, of this kind and on this address."""
    simulated = SimulatedHost.build("2022", breakages=["port_proxy"])
    simulated.windows.registry.discard(PORT_PROXY, "0.0.0.0/3389")
    simulated.windows.registry.put(rf"{PORT_PROXIES}\{kind}\tcp", f"{listens}/3389", Type.SZ, "rdp.corp.example/3390")
    return simulated


@pytest.mark.parametrize(
    ("kind", "listens", "item"),
    [
        ("v4tov4", "0.0.0.0", "0.0.0.0/3389"),
        ("v4tov4", "*", "*/3389"),
        ("v4tov4", "win01.corp.example", "win01.corp.example/3389"),
        ("v4tov6", "*", "v4tov6 */3389"),
        ("v6tov4", "*", "v6tov4 */3389"),
        ("v6tov6", "::", "v6tov6 ::/3389"),
    ],
)
def test_a_port_proxy_is_removed_on_request_and_comes_back_by_roll_back(kind: str, listens: str, item: str) -> None:
    simulated = proxied(kind, listens)
    registry = simulated.windows.registry
    registry.put(PORT_PROXY, "0.0.0.0/8080", Type.SZ, "10.20.0.99/80")
    before = settings_state(simulated)
    plan, done = fix(job(simulated), REMOTE_DESKTOP, KEEP)
    assert [refusal.option for refusal in plan.refused] == ["port_proxy"]
    assert f"the port proxy {item} takes" in plan.refused[0].message
    assert (done.changes, settings_state(simulated)) == ([], before)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert direct(standing.findings)[0].evidence[0].source == rf"Services\PortProxy\{kind}\tcp"

    _plan, foretold = fix(job(simulated, check=True), REMOTE_DESKTOP, REMOVE)
    assert simulated.counters.writes == 0
    plan, done = fix(job(simulated), REMOTE_DESKTOP, REMOVE)
    assert [change.kind for change in done.changes] == ["port_proxy", "restart"]
    assert done.changes[:1] == foretold.changes
    assert done.changes[0].item == item
    assert registry.get(PORT_PROXY, "0.0.0.0/8080") is not None
    assert (done.proof or {})["passed"]
    assert fix(job(simulated, "run-2"), REMOTE_DESKTOP, REMOVE)[1].changes == []

    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert not undoing.left
    assert not undoing.drifted
    assert settings_state(simulated) == before


def test_a_proxy_on_one_of_the_hosts_addresses_takes_the_connections_to_that_one_alone() -> None:
    simulated = proxied("v4tov4", SimulatedHost.build("2022").windows.machine.own_address)
    (refusal,) = fix(job(simulated), REMOTE_DESKTOP, KEEP)[0].refused
    assert f"the connections to {simulated.windows.machine.own_address}, not to the host's other" in refusal.message


@pytest.mark.parametrize(
    ("kind", "listens"), [("v4tov4", "10.9.9.9"), ("v4tov4", "127.0.0.1"), ("v6tov4", "2001:db8::9"), ("v6tov6", "::1")]
)
def test_a_proxy_on_an_address_that_the_host_has_not_keeps_nobody_out(kind: str, listens: str) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put(rf"{PORT_PROXIES}\{kind}\tcp", f"{listens}/3389", Type.SZ, "10.20.0.99/3389")
    plan, done = fix(job(simulated), REMOTE_DESKTOP, KEEP)
    assert (plan.refused, done.changes) == ((), [])
    assert "takes no connections of users" in plan.notes[0]
    doing = job(simulated)
    assert "port_proxy" not in {f.id for f in examine(doing.host, doing.prober, 600, full=True).findings}
    assert [change.kind for change in fix(job(simulated), REMOTE_DESKTOP, REMOVE)[1].changes][:1] == ["port_proxy"]


def test_without_a_shell_the_proxy_is_left_and_the_reason_told() -> None:
    simulated = SimulatedHost.build("2022", breakages=["port_proxy"], traits=["no_shell"])
    before = settings_state(simulated)
    with pytest.raises(ShellRefused):
        fix(job(simulated), REMOTE_DESKTOP, REMOVE)
    assert settings_state(simulated) == before
    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert (undoing.settled, undoing.undone) == ([], [])


def with_listener(port: int, enabled: int = 1) -> SimulatedHost:
    simulated = SimulatedHost.build("2022")
    key = rf"{WINSTATIONS}\ICA-Tcp"
    simulated.windows.registry.create(key)
    simulated.windows.registry.put_dword(key, "PortNumber", port)
    simulated.windows.registry.put_dword(key, "fEnableWinStation", enabled)
    simulated.windows.registry.put(key, "LoadableProtocol_Object", Type.SZ, "{18B726BB-6FE6-4FB9-9276-ED57CE7C7CB2}")
    return simulated


def test_other_listeners_are_named_and_left_as_they_are() -> None:
    simulated = with_listener(1494)
    plan, done = fix(job(simulated), REMOTE_DESKTOP, KEEP)
    assert plan.notes == ("the listener ICA-Tcp (port 1494, enabled) is another product's: left as it is",)
    assert done.changes == []


def test_a_further_listener_of_windows_own_is_not_called_anothers() -> None:
    simulated = with_listener(3390)
    own = "{5828227C-20CF-4408-B73F-73AB70B8849F}"
    simulated.windows.registry.put(rf"{WINSTATIONS}\ICA-Tcp", "LoadableProtocol_Object", Type.SZ, own)
    notes = fix(job(simulated), REMOTE_DESKTOP, KEEP)[0].notes
    assert notes == ("the listener ICA-Tcp (port 3390, enabled) is a further one of Windows' own: left as it is",)


TOLD = {
    "port_taken": "listens on port 3389 in TermService's place",
    "port_excluded": "nothing listens on its port 3389",
    "lan_adapter_missing": "nothing listens on its port 3389",
    "listener_permissions": "deny the logon to Remote Desktop Users (S-1-5-32-555)",
    "listener_group_missing": "do not grant the logon to Remote Desktop Users (S-1-5-32-555)",
    "logons_disabled": "(fLogonDisabled): set logons to accepted",
    "remote_logons_disabled": "(WinStationsDisabled): set logons to accepted",
    "drain_mode": "set drain to off",
    "foreign_protocol": "another vendor's protocol object",
    "service_dll_replaced": "instead of Windows' own library",
}


@pytest.mark.parametrize("breakage", sorted(TOLD))
def test_what_keeps_users_out_of_a_desktop_that_is_on_is_said_and_left(breakage: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    before = settings_state(simulated)
    plan, done = fix(job(simulated), REMOTE_DESKTOP, KEEP)
    assert TOLD[breakage] in plan.notes[0]
    assert all("nothing listens" in note for note in plan.notes[1:])
    assert (done.changes, settings_state(simulated)) == ([], before)


LOGON, SHADOW = 0x20, 0x10
NOTHING = ObstacleState("", "", (), {}, ())
GROUPS = ("S-1-5-32-544", "S-1-5-32-555")


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ((), []),
        ([(sid, LOGON, 0) for sid in GROUPS], []),
        ([(sid, LOGON, SHADOW) for sid in GROUPS], []),
        ([(GROUPS[0], LOGON, 0), (GROUPS[1], LOGON, LOGON)], ["deny the logon to Remote Desktop Users"]),
        ([(GROUPS[0], LOGON, 0)], ["do not grant the logon to Remote Desktop Users"]),
        ([(GROUPS[0], LOGON, 0), (GROUPS[1], SHADOW, 0)], ["do not grant the logon to Remote Desktop Users"]),
        ([(GROUPS[0], SHADOW, 0)], ["grant the logon to nobody"]),
    ],
)
def test_permissions_are_noted_by_the_right_to_log_on_alone(
    accounts: t.Sequence[tuple[str, int, int]], said: list[str]
) -> None:
    permissions = tuple(AccountState(sid, allowed, denied) for sid, allowed, denied in accounts)
    seen = Observation("", obstacles=NOTHING, permissions=permissions)
    told = list(notes(seen, KEEP, changing=False))
    assert [part in note for part, note in zip(said, told, strict=True)] == [True] * len(said)


@pytest.mark.parametrize(
    "breakage", ["", "rdp_denied", "termservice_stopped", "listener_disabled", "firewall_rule_disabled"]
)
def test_what_this_run_mends_or_leaves_in_order_is_not_said_to_be_in_the_way(breakage: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage] if breakage else [])
    assert fix(job(simulated), REMOTE_DESKTOP, KEEP)[0].notes == ()


def test_what_is_asked_for_is_not_said_to_be_in_the_way() -> None:
    simulated = SimulatedHost.build("2022", breakages=["logons_disabled", "drain_mode"])
    asked = {**KEEP, "logons": "refused", "drain": "on"}
    assert fix(job(simulated), REMOTE_DESKTOP, asked)[0].notes == ()


TERMINAL_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"


@pytest.mark.parametrize(("drain", "stored"), [("off", 0), ("until_restart", 1), ("on", 2)])
def test_each_drain_mode_has_its_number(drain: str, stored: int) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(TERMINAL_SERVER, "TSServerDrainMode", 2 if drain == "off" else 0)
    fix(job(simulated), REMOTE_DESKTOP, {**KEEP, "drain": drain})
    assert simulated.windows.registry.dword(TERMINAL_SERVER, "TSServerDrainMode") == stored


@pytest.mark.parametrize(("port", "enabled", "found"), [(3389, 1, True), (3389, 0, False), (1494, 1, False)])
def test_a_listener_on_the_same_port_is_a_rival(port: int, enabled: int, found: bool) -> None:
    simulated = with_listener(port, enabled)
    simulated.windows.listener.excluded_ports.append((3389, 3389))
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert ("listener_port_shared" in {finding.id for finding in direct(standing.findings)}) is found


@pytest.mark.parametrize(
    ("breakage", "said"),
    [("foreign_protocol", "another vendor's protocol object"), ("service_dll_replaced", "rdpwrap")],
)
def test_what_no_setting_changes_is_said_by_the_module_too(breakage: str, said: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    plan, done = fix(job(simulated), REMOTE_DESKTOP, KEEP)
    assert said in plan.notes[0]
    assert done.changes == []


def test_unfinished_setup_is_named() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(r"HKLM\SYSTEM\Setup", "OOBEInProgress", 1)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600, full=True)
    assert standing.observation.obstacles is not None
    assert standing.observation.obstacles.setup == ("OOBEInProgress",)
    assert "setup_unfinished" in {finding.id for finding in standing.findings}
    assert "still being set up (OOBEInProgress)" in fix(job(simulated), REMOTE_DESKTOP, KEEP)[0].notes[0]


PROFILES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"


@pytest.mark.parametrize(
    ("folder", "moved"),
    [
        (r"%SystemDrive%\ProgramData", False),
        (r"c:\programdata", False),
        (r"D:\ProgramData", True),
        (r"%SystemDrive%\Data", True),
        (None, False),
    ],
)
def test_a_folder_for_keys_that_is_said_to_be_elsewhere_counts_where_tls_fails(folder: str | None, moved: bool) -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable"])
    simulated.windows.registry.discard(PROFILES, "ProgramData")
    if folder is not None:
        simulated.windows.registry.put(PROFILES, "ProgramData", Type.EXPAND_SZ, folder)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600, full=True)
    assert ("program_data_moved" in {finding.id for finding in direct(standing.findings)}) is moved
    passed = {**(standing.observation.probe or {}), "passed": True}
    assert "program_data_moved" not in {f.id for f in direct(diagnose(replace(standing.observation, probe=passed)))}


CLUSTER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\ClusterSettings"


@pytest.mark.parametrize(("own", "stale"), [(True, False), (False, True)])
def test_an_address_that_a_broker_is_told_is_compared_with_the_hosts_own(own: bool, stale: bool) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.create(CLUSTER)
    address = simulated.windows.machine.own_address if own else "10.99.0.1"
    simulated.windows.registry.put(CLUSTER, "SessionDirectoryRedirectionIP", Type.SZ, address)
    doing = job(simulated)
    found = examine(doing.host, doing.prober, 600, full=True)
    assert found.observation.obstacles is not None
    assert found.observation.obstacles.addresses == (simulated.windows.machine.own_address,)
    assert ("broker_address_stale" in {finding.id for finding in found.findings}) is stale
    assert found.healthy

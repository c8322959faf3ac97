# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listener: the negotiation matrix, what takes effect when, policy, certificates, events."""

from __future__ import annotations

import pytest

from tests.simulator.breakages import BREAKAGES
from tests.simulator.host import SimulatedHost
from tests.simulator.switches import AFTER_RESTART
from tests.simulator.traits import TRAITS
from tests.simulator.windows.certificates import LISTENER, POLICY
from tests.simulator.windows.editions import EDITIONS, FLEET_VERSIONS, LANGUAGES
from tests.simulator.windows.listener import TERMINAL_SERVER
from tests.simulator.windows.policy import PolicyValue
from tests.simulator.windows.registry import Type
from tests.unit.simulator.host.wmi import Fault, Wmi

RDP_TCP = {"TerminalName": "RDP-Tcp"}
TERMINAL_SERVICES = "root/cimv2/TerminalServices"
FAIL_1, FAIL_2, FAIL_5 = ["failure", 1], ["failure", 2], ["failure", 5]
RDP, SSL, HYBRID, HYBRID_EX = (["selected", code] for code in (0, 1, 2, 8))


def asked(host: SimulatedHost) -> object:
    return host.probe_view()["asked"]


@pytest.mark.parametrize(
    ("layer", "nla", "answers"),
    [  # MS-RDPBCGR 2.2.1.2: answers to 0, 1, 3 and 0xB
        (2, 1, [FAIL_5, FAIL_5, HYBRID, HYBRID_EX]),
        (2, 0, [FAIL_1, SSL, HYBRID, HYBRID_EX]),
        (1, 0, [RDP, SSL, HYBRID, HYBRID_EX]),
        (1, 1, [FAIL_5, FAIL_5, HYBRID, HYBRID_EX]),
        (0, 0, [RDP, FAIL_2, FAIL_2, FAIL_2]),
    ],
)
def test_matrix(layer: int, nla: int, answers: list[object]) -> None:
    host = SimulatedHost.build()
    host.windows.registry.put_dword(LISTENER, "SecurityLayer", layer)
    host.windows.registry.put_dword(LISTENER, "UserAuthentication", nla)
    assert asked(host) == dict(zip(("0", "1", "3", "11"), answers, strict=True))


@pytest.mark.parametrize(
    ("name", "number"), [("SecurityLayer", 3), ("UserAuthentication", 2), ("MinEncryptionLevel", 0)]
)
def test_numbers_out_of_range_drop_every_connection(host: SimulatedHost, name: str, number: int) -> None:
    host.windows.registry.put_dword(LISTENER, name, number)
    assert asked(host) == {key: ["closed"] for key in ("0", "1", "3", "11")}


def test_stored_and_live_differ_until_a_restart() -> None:
    host = SimulatedHost.build(switches={"live_security": AFTER_RESTART})
    host.windows.registry.put_dword(LISTENER, "SecurityLayer", 0)
    assert host.windows.listener.stored().security_layer == 0
    assert host.windows.listener.live().security_layer == 2
    host.run_command("net stop TermService /y & net start TermService", _administrator(host), b"")
    assert host.windows.listener.live().security_layer == 0


def test_at_once_means_without_restart(host: SimulatedHost) -> None:
    host.windows.registry.put_dword(LISTENER, "SecurityLayer", 0)
    assert host.windows.listener.live().security_layer == 0


def test_a_direct_write_can_wait_for_a_restart_while_the_provider_does_not() -> None:
    host = SimulatedHost.build(switches={"live_direct": AFTER_RESTART})
    host.windows.registry.put_dword(LISTENER, "SecurityLayer", 0)
    assert host.windows.listener.live().security_layer == 2
    host.windows.listener.told("security_layer")
    assert host.windows.listener.live().security_layer == 0
    host.set_switch("live_security", AFTER_RESTART)
    host.windows.registry.put_dword(LISTENER, "SecurityLayer", 1)
    host.windows.listener.told("security_layer")
    assert host.windows.listener.live().security_layer == 0
    host.run_command("net stop TermService /y & net start TermService", _administrator(host), b"")
    assert host.windows.listener.live().security_layer == 1


def test_the_port_can_move_at_once() -> None:
    host = SimulatedHost.build(switches={"live_port": "at_once"})
    host.windows.registry.put_dword(LISTENER, "PortNumber", 4000)
    assert host.windows.listener.live().port == 4000


def test_the_port_needs_a_restart(host: SimulatedHost) -> None:
    host.windows.registry.put_dword(LISTENER, "PortNumber", 4000)
    assert host.windows.listener.live().port == 3389
    host.run_command("net stop TermService /y & net start TermService", _administrator(host), b"")
    assert host.windows.listener.live().port == 4000


def test_a_missing_deny_value_stops_the_listener_though_wmi_says_it_allows() -> None:
    host = SimulatedHost.build(breakages=["deny_value_missing"], switches={"enum_shape": "complete"})
    assert host.probe_view()["tcp"] == "refused"
    row = Wmi(host).query("select * from Win32_TerminalServiceSetting", ns=TERMINAL_SERVICES)[0]
    assert row["AllowTSConnections"] == "1"


def test_policy_wins_and_its_setters_are_refused() -> None:
    host = SimulatedHost.build(breakages=["rdp_denied_by_policy"], switches={"enum_shape": "complete"})
    wmi = Wmi(host)
    host.windows.registry.put_dword(TERMINAL_SERVER, "fDenyTSConnections", 0)
    assert host.probe_view()["tcp"] == "refused"
    with pytest.raises(Fault) as caught:
        wmi.invoke("Win32_TerminalServiceSetting", "SetAllowTSConnections", ns=TERMINAL_SERVICES,
                   keys={"ServerName": "HOST001"}, AllowTSConnections=1, ModifyFirewallException=0)  # fmt: skip
    assert 0x80041016 in caught.value.codes
    row = wmi.query("select * from Win32_TerminalServiceSetting", ns=TERMINAL_SERVICES)[0]
    assert row["PolicySourceAllowTSConnections"] == "1"


def test_policy_refresh_writes_owned_values_again_and_orphans_not() -> None:
    for breakage, expected in (("rdp_denied_by_policy", "refused"), ("rdp_denied_by_orphan_policy", "open")):
        host = SimulatedHost.build(breakages=[breakage])
        host.windows.registry.discard(POLICY, "fDenyTSConnections")
        host.windows.policy.refresh()
        assert host.probe_view()["tcp"] == expected


def test_resultant_set_of_policy_names_the_owner() -> None:
    host = SimulatedHost.build(breakages=["rdp_denied_by_policy"], switches={"enum_shape": "complete"})
    wmi = Wmi(host)
    setting = wmi.query("select * from RSOP_RegistryPolicySetting", ns="root/rsop/computer")[0]
    policy = wmi.query(f"select * from RSOP_GPO where id='{setting['GPOID']}'", ns="root/rsop/computer")[0]
    assert (setting["valueName"], policy["name"]) == ("fDenyTSConnections", "Deny Remote Desktop")


def test_a_list_that_policy_holds_is_told_as_the_registry_keeps_it() -> None:
    """Each text ends with a null character, and so does the list (Win32, "Registry Value Types": REG_MULTI_SZ)."""
    assert PolicyValue(POLICY, "Functions", Type.MULTI_SZ, ["A", "B"]).raw == "A\0B\0\0".encode("utf-16-le")


@pytest.mark.parametrize(
    ("method", "parameter", "value"),
    [("SetSecurityLayer", "SecurityLayer", 3), ("SetUserAuthenticationRequired", "UserAuthenticationRequired", 2),
     ("SetEncryptionLevel", "MinEncryptionLevel", 0)],
)  # fmt: skip
def test_setters_refuse_numbers_out_of_range(wmi: Wmi, method: str, parameter: str, value: int) -> None:
    with pytest.raises(Fault) as caught:
        wmi.invoke("Win32_TSGeneralSetting", method, ns=TERMINAL_SERVICES, keys=RDP_TCP, **{parameter: value})
    assert 0x8033811E in caught.value.codes  # how the service words the provider's "invalid parameter"


def test_an_unreadable_key_resets_and_writes_two_events(host: SimulatedHost) -> None:
    assert host.probe_view()["tls"] == "ok"
    broken = SimulatedHost.build(breakages=["key_unreadable"])
    assert broken.probe_view()["tls"] == "reset"
    assert [event.code for event in broken.windows.events.all()][-2:] == [36870, 36870]


def test_a_restart_does_not_heal_an_unreadable_key_but_a_missing_one() -> None:
    outcomes = {}
    for breakage in ("key_unreadable", "key_missing", "certificate_expired", "folder_acl", "store_acl"):
        host = SimulatedHost.build(breakages=[breakage])
        before = host.windows.certificates.own()
        host.run_command("net stop SessionEnv & net start SessionEnv", _administrator(host), b"")
        host.clock.advance(10)
        codes = [event.code for event in host.windows.events.all()]
        outcomes[breakage] = (host.windows.certificates.own() != before, {1056, 1057, 1058} & set(codes))
    assert outcomes == {
        "key_unreadable": (False, set()), "key_missing": (True, {1056}), "certificate_expired": (True, {1056}),
        "folder_acl": (False, {1058}), "store_acl": (False, {1057}),
    }  # fmt: skip


@pytest.mark.parametrize("new_key", [True, False])
def test_renewal_keeps_the_file_and_its_key_is_a_switch(new_key: bool) -> None:
    host = SimulatedHost.build(switches={"new_key_on_renewal": new_key})
    path = host.windows.certificates.key_file
    before = host.windows.files.find(path)
    host.windows.certificates.issue()
    after = host.windows.files.find(path)
    assert before is not None
    assert after is not None
    assert (before.content != after.content) is new_key
    assert host.probe_view()["tls"] == "ok"


def test_administrators_may_not_read_the_key_files_descriptor_from_2019_on() -> None:
    codes = {}
    for version in FLEET_VERSIONS:
        host = SimulatedHost.build(version)
        keys = {"Path": host.windows.certificates.key_file}
        answer = Wmi(host).invoke("Win32_LogicalFileSecuritySetting", "GetSecurityDescriptor", keys=keys)
        codes[version] = answer["ReturnValue"]
    assert codes == {**dict.fromkeys(FLEET_VERSIONS, "2"), "2016": "0"}


def test_healthy_hosts_of_every_version_and_language_answer_alike_but_for_flags() -> None:
    for version in FLEET_VERSIONS:
        for language in LANGUAGES:
            view = SimulatedHost.build(version, language).probe_view()
            assert (view["tcp"], view["tls"], view["udp"]) == ("open", "ok", True)
            assert isinstance(view["ntlm"], dict)
            assert view["ntlm"]["build"] == EDITIONS[version].build


@pytest.mark.parametrize("name", [name for name in TRAITS if name != "stop_hangs"])
def test_traits_do_no_harm(name: str) -> None:
    view = SimulatedHost.build(traits=[name]).probe_view()
    assert (view["tcp"], view["tls"]) == ("open", "ok")


HARMLESS_OUTSIDE = {
    "logons_disabled", "remote_logons_disabled", "user_logons_disabled", "drain_mode", "sessionenv_disabled",
    "umrdpservice_disabled",
    "certificate_expired",
    "folder_acl", "certificate_pinned_expired", "certificate_weak", "certificate_wrong_usage",
    "session_limit", "license_grace_over", "license_mode_missing", "listener_permissions", "listener_group_missing",
    "broker_address_stale", "time_skew", "trust_broken",
    "winsock_layered", "disk_full", "tls12_disabled",
    "logon_rejected", "logon_right_missing",
    *(name for name in BREAKAGES if name.startswith(("gateway_", "client_", "rd_client_"))),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BREAKAGES))
def test_breakages_show_outside_unless_they_act_later(name: str) -> None:
    for version in FLEET_VERSIONS:
        host = SimulatedHost.build(version, breakages=[name])
        view = host.probe_view()
        healthy = (view["tcp"], view["tls"]) == ("open", "ok")
        assert healthy is (name in HARMLESS_OUTSIDE)
        assert host.winrm_open()


def test_home_editions_lack_the_namespace() -> None:
    with pytest.raises(Fault) as caught:
        Wmi(SimulatedHost.build("11home")).query("select * from Win32_TSGeneralSetting", ns=TERMINAL_SERVICES)
    assert 0x8004100E in caught.value.codes


def _administrator(host: SimulatedHost):  # type: ignore[no-untyped-def]  # a Caller, never None for this account
    return host.caller_for("Administrator")

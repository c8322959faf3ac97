# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The self-test against simulated hosts: silent where they are as the facts say, and each switch named when turned."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain
from unittest.mock import Mock, patch

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import Registry, RegistryError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._restart import sessions
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import (
    ACCOUNT_CHECKS,
    CHECKS,
    DISPOSABLE_CHECKS,
    LAB_CHECKS,
    _burst,
    _served,
    run,
    run_as,
    version,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import files as of_files
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest._base import judge
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    EncodingLimit,
    TransportFailed,
)

from tests.simulator.host import SimulatedHost
from tests.simulator.providers.descriptors import from_embedded
from tests.simulator.providers.files import FileSecurity
from tests.simulator.switches import SWITCHES
from tests.simulator.windows import cmd
from tests.simulator.windows.certificates import STORES, Request
from tests.simulator.windows.files import MACHINE_KEYS
from tests.simulator.windows.firewall import POLICY, Rule
from tests.simulator.windows.listener import TERMINAL_SERVER
from tests.simulator.windows.registry import Type
from tests.simulator.windows.tenants import HTTP, NETWORK_SERVICE_KEY, WSMAN
from tests.simulator.wsman.engine import REMOTE_MANAGEMENT_USERS
from tests.support.cutting import cut_after, roll_back_all, writes_of
from tests.support.in_process import connect, job, prober, settings_state

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")

AS_DOCUMENTED = {"firewall_stealth": True, "logons_back_at_start": True}
"""Where the simulator's default is not what is expected: a refused port is seen sooner than a silent one, and a value
that Windows itself sets back at each start of a service would be no state to compare."""

DEVIATES = {
    ("min_encryption_default", 3): {"min_encryption_default": "3"},
    ("rdp_rule_profiles", "domain_private"): {"rule_profiles": "bits 3"},
    ("expand_by_get_string", "raw"): {"registry_expanded": "as stored"},
    ("binary_by_get_binary", False): {"registry_untyped": "not read"},
    ("delete_key_with_subkeys", 145): {"registry_delete_parent": "code 145"},
    ("terminal_service_by_base_uri", False): {"terminal_service_by_base": "not found"},
    ("key_descriptor_readable", True): {"key_permissions": "shown"},
    ("key_files_system", True): {"key_files": "system"},
    ("http_name_binding", "key"): {"name_binding": "the key"},
    ("firewall_create_context", False): {"firewall_context": "left out"},
    ("firewall_program", "expanded"): {"firewall_program": "spelt otherwise"},
    ("firewall_mdm_private", "PrivateProfile"): {"device_managed_private": "PrivateProfile"},
    ("firewall_active_store", False): {"firewall_active_store": "not shown"},
    ("task_trigger_order", "any"): {"task_order": "taken"},
    ("task_export_zone", False): {"task_export": "differs: zone"},
    ("task_export_disabled", True): {"task_disabled": "told"},
    ("task_run_seconds", 2): {"task_result": "its own, after a while"},
    ("edr_removes_tasks", True): {
        "lease_ends": "the task was removed before its time", "lease_fails": "not restored, task gone",
    },
    ("licensing_numbers", "change_mode"): {"licensing_numbers": "method"},
    ("icacls_file_has_mark", False): {"icacls_mark": "without"},
    ("folder_descriptor", "handed_on"): {"folder_reach": "what inherits from it as well"},
    ("rename_while_open", "renamed"): {"rename_held": "renamed"},
    ("robocopy_folder", "when_made"): {"robocopy_folder": "when it makes the folder"},
    ("robocopy_folder", "never"): {"robocopy_folder": "never"},
    ("permissions_descriptor", False): {"listener_descriptor": "not told"},
    ("services_session_counted", True): {"session_counter": "counted"},
    ("core_sessions", "clipboard"): {"core_sessions": "rdpclip.exe"},
    ("core_sessions", "nothing"): {"core_sessions": "the shell alone"},
    ("gateway_protocol", "Remote Desktop"): {"gateway_protocol": "another name"},
    ("gateway_stopped", False): {"gateway_stopped": "silent"},
    ("live_gateway_certificate", "after_restart"): {"live_gateway_certificate": "after a restart"},
    ("enum_shape", "complete"): {"many_items": "one part"},
    ("enum_shape", "first_item"): {"one_item": "2 messages"},
    ("enum_shape", "context_only"): {"one_item": "2 messages"},
    ("batch_bytes", 4096): {"many_items": "small parts"},
    ("empty_array", "nil"): {"empty_array": "one nil element"},
    ("put_partial", "refused"): {"firewall_partial_put": "refused"},
    ("put_partial", "accepted"): {},  # other classes alone, of which none is put: partial_put of UNSEEN
    ("fault_shape", "extended_status"): {"fault_shape": "__ExtendedStatus and __ExtendedStatus"},
    # A class that is missing is told of as a fault of a provider then.
    ("fault_shape", "wmi_error"): {
        "fault_shape": "MSFT_WmiError and MSFT_WmiError", "missing_class": "0x80041010",
    },
    ("missing_class", "invalid_class"): {"missing_class": "0x80041010"},
    ("skip_cmd_shell", "honoured"): {"shell_program": "without it"},
    ("boolean_case", "any"): {"boolean_case": "taken"},
    ("embedded_type", "optional"): {"embedded_type": "taken"},
    ("identify_version", "shown"): {"identify_version": "told"},
    ("live_security", "after_restart"): {"live_nla": "after a restart"},
    ("live_deny", "after_restart"): {"live_deny": "after a restart"},
    ("live_direct", "after_restart"): {"direct_nla": "after a restart", "direct_layer": "after a restart"},
    ("live_port", "at_once"): {"live_port": "at once"},
    ("live_services", "at_once"): {"live_services": "at once"},
    ("live_services", "never"): {"live_services": "never"},
    ("logons_back_at_start", False): {"logons_back": "kept"},
    ("live_transport", "after_restart"): {"live_transport": "after a restart"},
    ("live_sessions", "after_restart"): {"live_sessions": "not at once"},
    ("firewall_stealth", False): {"closed_port": "refused"},
    ("rdp_layer_credssp", True): {"layer_rdp": "let through"},
    ("put_thumbprint_checked", False): {"thumbprint": "taken"},
    ("own_while_pinned", False): {"made_while_tied": "none made"},
    ("live_pin", "after_restart"): {"live_pin": "after a restart"},
    ("pinned_missing", "own"): {"pinned_missing": "its own certificate"},
    ("outstanding_default", 3000): {"pending_connections": "more than 150"},
    ("damaged_replaced", False): {},  # what is damaged goes before Windows makes another, so either is the same to us
    ("new_key_on_renewal", False): {"renewed_key": "the same key"},
    ("keys_minted_in_gap", False): {"keys_in_gap": "none made"},
    ("process_create", "blocked"): {"process_create": "blocked"},
    ("start_when_available", "always"): {"missed_start": "made up for"},
    ("reboot_blocked_by_users", True): {"reboot_with_users": "held up"},
    ("access_denied", "wmi_service"): {"access_denied": "WMI status"},
    ("access_denied", "wmi_error"): {"access_denied": "MSFT_WmiError"},
    ("remote_management_users", "allowed"): {"remote_management_users": "let in"},
}  # fmt: skip
"""A switch and a value other than what is expected, and all checks of all halves that deviate then, with findings."""

MEANS = {
    check.name: check.means for check in (*CHECKS, *LAB_CHECKS, *DISPOSABLE_CHECKS, *chain(*ACCOUNT_CHECKS.values()))
}

NEED_A_SHELL = {
    "registry_untyped", "folder_permissions", "icacls_mark", "rename_held", "robocopy", "robocopy_folder",
    "folder_kept", "folder_reach", "privileges", "shell_program",
}  # fmt: skip


TOLD_HERE_ALONE = {
    "licensing_numbers", "core_sessions", "firewall_active_store", "device_managed_private", "gateway_protocol",
    "name_binding",
}  # fmt: skip
"""Checks that tell on some hosts only: session hosts, Server Core, hosts with a firewall by policy, gateways, hosts
that serve something by name."""

TELLING = ("session_host_role", "gateway_role", "federation")
"""Traits of a host that those tell on, beside rules of policy."""


def simulated(version="2022", traits=(), **switches):
    return SimulatedHost.build(version=version, traits=traits, switches=switches)


def outcomes(host, write_half=True):
    return {outcome.name: outcome for outcome in run(connect(host), write_half)}


def deviating(found):
    return {name: outcome.found for name, outcome in found.items() if outcome.verdict == "deviates"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("traits", [(), ("session_host_role",), ("on_battery", "time_zone_east"), ("cis_hardened",)])
def test_a_host_that_is_as_the_facts_say_has_no_deviation_and_stays_as_it_was(version, traits):
    host = simulated(version, traits)
    before = host.state_json()
    found = outcomes(host)
    assert deviating(found) == {}
    assert {name for name, outcome in found.items() if outcome.verdict == "could_not_tell"} <= TOLD_HERE_ALONE
    assert list(found) == [check.name for check in CHECKS]
    assert host.state_json() == before


def test_the_read_half_writes_nothing():
    host = simulated()
    found = outcomes(host, write_half=False)
    assert list(found) == [check.name for check in CHECKS if not check.writes]
    assert host.counters.writes == 0


def test_every_value_of_every_switch_has_its_deviations():
    assert set(DEVIATES) == {
        (name, value) for name in SWITCHES for value in SWITCHES[name].choices if value != expected_value(name)
    }


def expected_value(name):
    return AS_DOCUMENTED.get(name, SWITCHES[name].default)


def with_policy_rules(host):
    """Policy brings a rule with the id of a local one, one of its own, and device management a value."""
    allow = Rule("rule", "rule", enabled=True, protocol="TCP", local_ports=("3389",)).to_string("v2.31")
    for rule_id in ("RemoteDesktop-UserMode-In-TCP", "{7d4c1a52-0000-4000-8000-000000000001}"):
        host.windows.registry.put(rf"{POLICY}\FirewallRules", rule_id, Type.SZ, allow)
    host.windows.firewall.manage(Private={"EnableFirewall": 1})
    return host


def test_a_store_that_shows_the_rules_of_policy_is_as_expected():
    host = with_policy_rules(simulated())
    found = outcomes(host, write_half=False)["firewall_active_store"]
    assert (found.verdict, found.found) == ("as_expected", "shown")


APART = ("access_denied", "live_direct", "live_pin")
"""Switches of which a check tells nothing once another one keeps it from looking."""


def turned_together(most=5):
    """Every value of every switch, in groups of switches that no check has in common."""
    groups = []
    for (name, value), found in DEVIATES.items():
        group = next((group for group in groups if len(group) < most and beside(group, name, found)), None)
        if group is None:
            groups.append(group := {})
        group[name] = value
    return groups


def beside(group, name, found):
    """Whether a switch may be turned beside others, whose checks none of its own is among."""
    if name in group or any(apart in (name, *group) for apart in APART):
        return False
    return not any(DEVIATES[turned].keys() & found.keys() for turned in group.items())


@pytest.mark.parametrize("group", turned_together(), ids="-".join)
def test_a_switch_that_is_turned_shows_in_the_checks_that_it_concerns_and_in_no_other(group):
    found = deviating(everything(**{**AS_DOCUMENTED, **group}))
    assert found == {check: what for turned in group.items() for check, what in DEVIATES[turned].items()}
    assert [check for check, finding in found.items() if finding not in MEANS[check]] == []


def test_a_binding_that_nothing_tells_the_name_of_is_named() -> None:
    host = simulated()
    host.windows.registry.put(rf"{HTTP}\SslSniBindingInfo\{{1}}", "SslCertHash", Type.BINARY, bytes(20))
    assert outcomes(host, write_half=False)["name_binding"].found == "neither"


def test_keys_of_which_some_are_files_of_the_system_are_told() -> None:
    host = simulated(traits=("iis_keys",))
    host.windows.files.keys_are_system = True
    host.windows.certificates.issue()
    assert outcomes(host, write_half=False)["key_files"].found == "some system"


def test_no_check_deviates_while_no_switch_is_turned():
    found = everything(**AS_DOCUMENTED)
    assert {name: outcome.verdict for name, outcome in found.items()} == dict.fromkeys(found, "as_expected")
    assert found.keys() == MEANS.keys()


def everything(**switches):
    """What all halves find, by an account without rights too; but for disposable hosts the host stays as it was."""
    host = with_policy_rules(simulated("2022", TELLING, **switches))
    before = host.state_json()
    found = outcomes(host)
    assert host.state_json() == before
    found |= lab(host)
    assert settings_state(host) == settings_state(with_policy_rules(simulated("2022", TELLING, **switches)))
    found["core_sessions"] = on_core(**switches)
    for check in DISPOSABLE_CHECKS:
        found[check.name] = disposed(simulated("2022", around(check.name), **switches), check.name)
    return found | without_rights("remote_management_user", **switches)


def on_core(version="2022", traits=("server_core", "many_sessions"), **switches):
    return judge(one("core_sessions"), connect(simulated(version, traits, **switches)))


@pytest.mark.parametrize("version", ["2016", "2019", "2022", "2025"])
@pytest.mark.parametrize("value", SWITCHES["core_sessions"].choices)
def test_users_of_server_core_are_named_whatever_shows_their_sessions(version, value):
    host = simulated(version, ("server_core",), core_sessions=value)
    host.windows.sessions.add("anna", active=False)
    assert str(sessions(connect(host))).endswith(r"; signed in: HOST001\anna")


@pytest.mark.parametrize(
    ("traits", "why"),
    [(["many_sessions"], "this is no Server Core"), (["server_core"], "nobody is signed in by Remote Desktop")],
)
def test_a_host_without_sessions_of_server_core_does_not_tell_what_shows_them(traits, why):
    found = on_core(traits=traits)
    assert (found.verdict, found.means) == ("could_not_tell", why)


@pytest.mark.parametrize(
    ("programs", "finding"),
    [
        ([("sihost.exe", "cmd.exe"), ("rdpclip.exe", "cmd.exe")], "the shell alone"),
        ([("sihost.exe", "rdpclip.exe"), ("SIHOST.EXE",)], "sihost.exe"),
        ([("kiosk.exe",)], "none of them"),
    ],
)
def test_what_all_sessions_of_server_core_have_is_told(programs, finding):
    host = simulated("2022", ("server_core",))
    for number, names in enumerate(programs):
        host.windows.sessions.add(f"user{number}").programs = names
    sent = []
    found = judge(one("core_sessions"), connect(host, lambda _number, body: sent.append(body)))
    assert found.found == finding
    assert finding in MEANS["core_sessions"]
    assert [body for body in sent if b"GetOwner" in body] == []


def test_a_session_of_server_core_is_taken_and_ended():
    host = simulated("2022", ("server_core", "many_sessions"))
    assert disposed(host, "live_sessions").found == "at once"


def test_a_home_edition_and_a_refused_shell_are_named():
    assert deviating(outcomes(simulated("11home"))) == {"terminal_services": "absent"}
    found = outcomes(simulated(traits=("no_shell",)))
    assert deviating(found) == {"shell": "refused"}
    untold = {name for name, outcome in found.items() if outcome.verdict == "could_not_tell"}
    assert untold == NEED_A_SHELL | TOLD_HERE_ALONE
    assert "shell" in found["robocopy"].means


def test_changed_permissions_and_missing_privileges_are_named(monkeypatch):
    host = SimulatedHost.build("2022", breakages=["folder_acl"])
    assert deviating(outcomes(host, write_half=False)) == {"key_folder": "others"}
    monkeypatch.setattr(cmd, "PRIVILEGES", [name for name in cmd.PRIVILEGES if name != "SeRestorePrivilege"])
    assert deviating(outcomes(simulated(), write_half=False)) == {"privileges": "lacks SeRestorePrivilege"}


def test_a_folder_that_would_not_get_its_permissions_back_is_named(monkeypatch):
    monkeypatch.setattr(of_files, "keeping", lambda _folder, copying: copying)
    assert deviating(outcomes(simulated())) == {"folder_kept": "lost"}


def test_a_change_of_a_folder_that_reaches_all_in_it_is_named(monkeypatch):
    def recursive(provider, entry, args, _caller):
        for item in provider.windows.files.tree(entry.path):
            provider.windows.files.set_descriptor(item.path, from_embedded(args["Descriptor"]))
        return 0

    monkeypatch.setattr(FileSecurity, "_set", recursive)
    assert deviating(outcomes(simulated())) == {"folder_reach": "all that it contains"}
    assert "machine_keys" in MEANS["folder_reach"]["all that it contains"]


def test_the_key_that_winrm_serves_with_is_not_renewed_to_see_what_comes_of_it():
    host = simulated("2022", ("winrm_https",))
    own, registry = host.windows.certificates.own().thumbprint, host.windows.registry
    blob = registry.get(rf"{STORES}\Remote Desktop\Certificates\{own}", "Blob")
    registry.put(rf"{STORES}\MY\Certificates\{own}", "Blob", Type.BINARY, blob)
    registry.put(rf"{WSMAN}\*+HTTPS", "certThumbprint", Type.SZ, own)
    before = settings_state(host)
    found = disposed(host, "renewed_key")
    assert found.verdict == "could_not_tell"
    assert "key of its own" in found.means
    assert settings_state(host) == before


def test_a_gateway_that_does_not_tell_the_protocols_name_settles_nothing():
    host = simulated("2022", ["gateway_role"])
    host.windows.gateway.protocol = ""
    found = judge(next(check for check in CHECKS if check.name == "gateway_protocol"), connect(host))
    assert (found.verdict, found.means) == ("could_not_tell", "the provider does not tell it")


def one(name):
    return next(check for check in CHECKS if check.name == name)


@pytest.mark.parametrize(
    ("error", "found"),
    [(AuthenticationFailed("401"), "no answer"), (AccessDenied("403"), "no answer"), (TransportFailed("gone"), "")],
)
def test_a_service_that_says_nothing_before_a_logon_is_named(error, found):
    host = connect(simulated())
    host.channel.send_unauthenticated = Mock(side_effect=error)
    told = judge(one("identify_version"), host)
    assert (told.found, told.verdict) == (found, "deviates" if found else "could_not_tell")


def test_a_host_that_gives_no_large_answers_is_named():
    host = connect(simulated())
    send = host.channel.send

    def limited(body, *, repeatable):
        answer = send(body, repeatable=repeatable)
        if len(answer) > 153600:
            raise EncodingLimit("too large")
        return answer

    host.registry = Registry(CimClient(limited))
    assert one("large_reply").look(host) == "refused"


def test_a_lease_whose_task_goes_before_it_could_restore_is_named():
    host = simulated()

    def before(_sent, body):
        for task in host.windows.tasks.all() if b"GetInfoByName" in body else ():
            host.windows.tasks.delete(task)

    found = one("lease_fails").look(connect(host, before))
    assert found == "not restored, task gone"
    assert found in one("lease_fails").means


def test_a_journal_is_left_alone():
    host = simulated()
    host.windows.registry.put_dword(r"HKLM\SOFTWARE\winfleet.rdp\Runs\1", "0001", 1)
    before = host.state_json()
    assert deviating(outcomes(host)) == {}
    assert host.state_json() == before


@pytest.mark.parametrize("check", [check for check in CHECKS if check.writes], ids=lambda check: check.name)
def test_what_a_check_made_goes_when_it_breaks_off(check):
    """A mistake of ours at any message of a check but those that take away: nothing of it stays."""
    for number in range(1, 200):
        host = simulated()
        before = host.state_json()
        done = not breaks_off(host, check, number)
        assert host.state_json() == before, number
        if done:
            break
    assert 1 < number < 199


TAKES_AWAY = re.compile(rb"DeleteKey|DeleteValue|transfer/Delete|rmdir|CommandLine|Receive|Signal|ShellId")
"""Messages that take away, and those of the shell, by which the folder is taken away."""


class Mistake(Exception):
    """What no check expects."""


def breaks_off(host, check, number):
    """Whether the check has got to its message with this number, where it breaks off; later messages go through."""
    counted = 0

    def before(_sent, body):
        nonlocal counted
        counted += not TAKES_AWAY.search(body)
        if counted == number and not TAKES_AWAY.search(body):
            raise Mistake

    try:
        check.look(connect(host, before))
    except Mistake:
        return True
    return False


def test_a_lost_connection_is_no_finding():
    host = simulated()

    def before(sent, body):
        raise TransportFailed("gone")

    with pytest.raises(TransportFailed):
        list(run(connect(host, before), True))


def lab_host(version="2022", **switches):
    return simulated(version, **{**AS_DOCUMENTED, **switches})


def lab(host, **how):
    doing = job(host, "lab", **how)
    return {check.name: judge(check.on(doing), doing.host) for check in LAB_CHECKS}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lab_half_tells_what_the_listener_does_and_leaves_the_host_as_it_was(version):
    host = lab_host(version)
    before = settings_state(host)
    found = lab(host)
    assert {name: outcome.verdict for name, outcome in found.items()} == dict.fromkeys(found, "as_expected")
    assert settings_state(host) == before


@pytest.mark.parametrize(
    ("planted", "why"),
    [
        ({"traits": ["many_sessions"]}, "idle lab host"),
        ({"traits": ["nla_off_by_intent"]}, "not as on most hosts"),
        ({"traits": ["cis_hardened"]}, "policy"),
        ({"breakages": ["key_unreadable"]}, "no handshake"),
    ],
)
def test_a_host_that_is_no_lab_host_is_left_alone(planted, why):
    host = SimulatedHost.build("2022", **planted)
    before = settings_state(host)
    found = lab(host)
    assert found["live_nla"].verdict == "could_not_tell"
    assert why in found["live_nla"].means
    assert settings_state(host) == before


WHO = re.compile(r"user\d|192\.0\.2\.10|signed in")


READ_HERE = {
    "keys_in_gap",
    "process_create",
    "gateway_stopped",
    "live_gateway_certificate",
    "live_sessions",
    "reboot_with_users",
}
"""Checks that come to no write on this host: users come before they ask for anything."""


@pytest.mark.parametrize("check", [*LAB_CHECKS, *DISPOSABLE_CHECKS], ids=lambda check: check.name)
def test_no_check_says_who_is_in_its_way(check):
    """Neither where users have sessions from the start, nor where they come meanwhile."""
    host = simulated(traits=["many_sessions"])
    doing = job(host, "lab", allow_reboot=True)
    assert not WHO.search(str(judge(check.on(doing), doing.host)))
    host, came = lab_host(), []

    def come(number, body):
        if (number == 1 if check.name in READ_HERE else b"writer " in body) and not came:
            came.append(host.windows.sessions.add("user01"))

    doing = job(host, "lab", before=come, allow_reboot=True)
    with outside(host):
        assert not WHO.search(str(judge(check.on(doing), doing.host)))
    assert came


UNDONE = [*LAB_CHECKS, *(check for check in DISPOSABLE_CHECKS if "gateway" in check.name)]


@pytest.mark.parametrize("check", UNDONE, ids=lambda check: check.name)
def test_a_run_that_is_cut_off_is_undone_by_the_host_and_by_roll_back(check):
    def look(host, before):
        with outside(host):
            return judge(check.on(job(host, "lab", before=before)), connect(host))

    def build():
        return simulated("2022", around(check.name), **AS_DOCUMENTED)

    host = build()
    before = settings_state(host)
    writes = writes_of(look, host)
    assert settings_state(host) == before
    for number in writes[:-1]:
        host = build()
        with pytest.raises(TransportFailed):
            look(host, cut_after(number))
        host.clock.advance(3600)
        roll_back_all(host)
        assert settings_state(host) == before, number


def without_rights(account, **switches):
    """The checks of an account without rights, of which the host is none the wiser."""
    host = simulated(**switches)
    plain = host.windows.machine.accounts["operator"]
    groups = plain.groups | ({REMOTE_MANAGEMENT_USERS} if account == "remote_management_user" else set())
    host.windows.machine.accounts["operator"] = replace(plain, groups=groups)
    before = host.state_json()
    found = {outcome.name: outcome for outcome in run_as(connect(host, user="operator"), account)}
    assert host.state_json() == before
    return found


@pytest.mark.parametrize("account", ACCOUNT_CHECKS)
def test_an_account_without_rights_is_refused_as_expected(account):
    found = without_rights(account)
    assert [outcome.verdict for outcome in found.values()] == ["as_expected"] * len(found)
    assert ("remote_management_users" in found) == (account == "remote_management_user")


def test_an_account_with_rights_does_not_show_how_others_are_refused():
    (found,) = run_as(connect(simulated()), "unprivileged")
    assert (found.verdict, found.means) == ("could_not_tell", "this account is let in")


def test_a_host_tells_its_version_to_an_account_without_rights():
    assert version(connect(simulated(), user="operator")) == ("10.0.20348", 20348)
    silent = connect(simulated())
    silent.cim.identify = Mock(side_effect=BadAnswer("nothing"))
    assert version(silent) is None


@contextmanager
def flood(host, _address, _port, count):
    """So many connections, as a simulated host without sockets meets them; its listener comes back by a restart."""
    host.windows.flood = count
    host.windows._flooded_again()
    yield count
    host.windows.flood = 0


def shown(host, _address, _port):
    """What a gateway without sockets shows to clients."""
    gateway = host.windows.gateway
    return gateway.served.hex().upper() if gateway and gateway.running() else ""


@contextmanager
def outside(host):
    """What a check sees of a simulated host past the channel and the probe."""
    with patch.object(_burst, "held", partial(flood, host)), patch.object(_served, "thumbprint", partial(shown, host)):
        yield


def one_disposable(name):
    return next(check for check in DISPOSABLE_CHECKS if check.name == name)


def disposed(host, name, **how):
    """What a check finds on a host that may be thrown away and rebooted."""
    check = one_disposable(name)
    doing = job(host, "lab", **{"allow_reboot": True, **how})
    with outside(host):
        return judge(check.on(doing), doing.host)


def around(name):
    """What a host needs that a check can tell on."""
    if name in ("live_sessions", "reboot_with_users"):
        return ["many_sessions"]
    if name == "live_gateway_certificate":
        return ["gateway_spare_certificate"]
    if name == "gateway_stopped":
        return ["gateway_role"]
    return ["iis_keys"] if name == "keys_in_gap" else []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("check", DISPOSABLE_CHECKS, ids=lambda check: check.name)
def test_a_disposable_host_is_as_expected(version, check):
    host = simulated(version, around(check.name))
    tasks = host.state()["tasks"]
    found = disposed(host, check.name)
    assert found.verdict == "as_expected", found
    assert host.state()["tasks"] == tasks
    assert prober(host).look(lambda: 3389)["passed"]


@pytest.mark.parametrize(
    ("name", "planted", "how", "why"),
    [
        ("renewed_key", {"traits": ["many_sessions"]}, {}, "idle lab host"),
        ("pending_connections", {"breakages": ["connection_flood"]}, {}, "no handshake"),
        ("renewed_key", {"traits": ["pinned_certificate"]}, {}, "of its own"),
        ("keys_in_gap", {}, {}, "no service but Remote Desktop"),
        ("keys_in_gap", {"traits": ["iis_keys", "winrm_https"]}, {}, "WinRM's HTTPS listener"),
        ("keys_in_gap", {"traits": ["iis_keys", "many_sessions"]}, {}, "idle lab host"),
        ("missed_start", {}, {"allow_reboot": False}, "allow_reboot is not set"),
        ("missed_start", {"traits": ["many_sessions"]}, {}, "idle lab host"),
        ("reboot_with_users", {}, {}, "nobody is connected"),
        ("reboot_with_users", {"traits": ["many_sessions"]}, {"allow_reboot": False}, "allow_reboot is not set"),
        ("live_gateway_certificate", {}, {}, "no RD Gateway"),
        ("live_gateway_certificate", {"breakages": ["gateway_service_stopped"]}, {}, "TSGateway does not run"),
        ("live_gateway_certificate", {"breakages": ["gateway_certificate_unbound"]}, {}, "has no certificate that"),
        ("live_gateway_certificate", {"traits": ["gateway_role"]}, {}, "no other certificate that could serve"),
        ("live_gateway_certificate", {"traits": ["gateway_users"]}, {}, "stopping TSGateway would cut 3 connection(s)"),
        ("gateway_stopped", {"traits": ["gateway_users"]}, {}, "stopping TSGateway would cut 3 connection(s)"),
    ],
)
def test_a_host_that_is_not_disposable_enough_is_left_alone(name, planted, how, why):
    host = SimulatedHost.build("2022", **planted)
    before, booted = settings_state(host), host.windows.booted
    found = disposed(host, name, **how)
    assert found.verdict == "could_not_tell"
    assert why in found.means
    assert (settings_state(host), host.windows.booted) == (before, booted)
    assert not any(connection.user in found.means for connection in connected(host))


def connected(host):
    """Who is connected by way of a gateway."""
    return host.windows.gateway.open if host.windows.gateway else []


@pytest.mark.parametrize("trait", ["many_sessions", "console_user"])
def test_whether_the_session_of_services_counts_shows_on_an_idle_host_alone(trait):
    assert judge(one("session_counter"), connect(simulated(traits=[trait]))).verdict == "could_not_tell"


def with_a_spare(**changed):
    host = simulated("2022", ["gateway_spare_certificate"], **changed)
    return host, host.windows.gateway


def test_a_gateway_that_shows_what_is_not_bound_tells_nothing():
    host, gateway = with_a_spare()
    gateway.served = bytes(20)
    before = settings_state(host)
    found = disposed(host, "live_gateway_certificate")
    assert (found.verdict, found.means) == (
        "could_not_tell", "no handshake on port 443 shows the certificate that is bound",
    )  # fmt: skip
    assert settings_state(host) == before
    assert made(host) == []


@pytest.mark.parametrize("live", SWITCHES["live_gateway_certificate"].choices)
def test_clients_of_a_gateway_see_the_certificate_again_that_was_bound(live):
    host, gateway = with_a_spare(live_gateway_certificate=live)
    before, state = gateway.served, settings_state(host)
    assert disposed(host, "live_gateway_certificate").verdict != "could_not_tell"
    assert gateway.served == before
    assert settings_state(host) == state


def test_a_certificate_that_could_not_serve_a_gateway_is_not_bound_to_one():
    host = simulated("2022", ["gateway_role"])
    long_ago = host.clock.now() - timedelta(days=400)
    host.windows.certificates.add("old.corp.example", Request(key=9, sddl=NETWORK_SERVICE_KEY, start=long_ago))
    assert "no other certificate that could serve" in disposed(host, "live_gateway_certificate").means


def test_a_gateway_whose_certificate_is_decided_elsewhere_is_named(monkeypatch):
    host, gateway = with_a_spare()
    monkeypatch.setattr(type(gateway), "refresh", lambda *given: None)
    monkeypatch.setattr(type(gateway), "start", lambda *given: None)
    found = disposed(host, "live_gateway_certificate")
    assert found.found == "not after a restart either"
    assert found.means == MEANS["live_gateway_certificate"][found.found]


def test_without_the_controllers_own_probe_no_gateway_is_looked_at():
    host, _gateway = with_a_spare()
    doing = job(host, "lab")
    doing = replace(doing, prober=replace(doing.prober, enabled=False))
    found = judge(one_disposable("live_gateway_certificate").on(doing), doing.host)
    assert found.means == "the controller may not probe"


def test_what_cannot_be_undone_is_done_on_disposable_hosts_alone():
    host = lab_host()
    before = settings_state(host)
    names = {found.name for found in run(*both(host))}
    assert names.isdisjoint(check.name for check in DISPOSABLE_CHECKS)
    assert settings_state(host) == before
    with outside(host):
        found = {outcome.name: outcome.verdict for outcome in run(*both(host), disposable=True)}
    assert found["renewed_key"] == "as_expected"
    assert (found["missed_start"], found["reboot_with_users"]) == ("could_not_tell", "could_not_tell")


@pytest.mark.parametrize("answer", ["kept", "refused"])
def test_a_certificate_that_cannot_be_deleted_tells_nothing_of_what_windows_makes(monkeypatch, answer):
    host = simulated()
    before = settings_state(host)

    delete = Registry.delete_key

    def kept(registry, path):
        if "SystemCertificates" not in path:
            delete(registry, path)
        elif answer == "refused":
            raise RegistryError(path, "delete", 5)

    monkeypatch.setattr(Registry, "delete_key", kept)
    found = disposed(host, "made_while_tied")
    assert (found.verdict, found.found) == ("could_not_tell", "")
    assert ("written but is" if answer == "kept" else "Cannot delete") in found.means
    assert settings_state(host) == before
    assert prober(host).look(lambda: 3389)["passed"]


@pytest.mark.parametrize("minted", SWITCHES["keys_minted_in_gap"].choices)
def test_the_keys_are_all_back_when_their_folder_was_away(minted):
    host = simulated("2022", ["iis_keys"], keys_minted_in_gap=minted)
    before = host.state()["files"]
    assert disposed(host, "keys_in_gap").verdict != "could_not_tell"
    host.clock.advance(60)
    assert host.state()["files"] == before
    (recorded,) = made(host)
    assert (recorded.item, recorded.undo) == (MACHINE_KEYS, "none")


def both(host):
    doing = job(host, "lab")
    return doing.host, False, doing


def test_a_limit_that_somebody_has_set_tells_nothing_of_the_default():
    host = simulated()
    host.windows.registry.put_dword(TERMINAL_SERVER, "MaxOutstandingConnections", 5000)
    found = disposed(host, "pending_connections")
    assert (found.verdict, found.means) == ("could_not_tell", "the limit is set here")


def test_a_listener_that_stopped_under_our_connections_is_back_afterwards():
    host = simulated()
    assert disposed(host, "pending_connections").found == "up to 150"
    assert prober(host).look(lambda: 3389)["passed"]
    assert [change.kind for change in made(host)] == ["restart"]
    spared = simulated(outstanding_default=3000)
    assert disposed(spared, "pending_connections").found == "more than 150"
    assert made(spared) == []


def test_a_listener_that_does_not_come_back_is_said_to_be_stopped():
    found = disposed(simulated(traits=["no_shell"]), "pending_connections")
    assert found.verdict == "could_not_tell"
    assert "the listener stopped and has not come back" in found.means
    assert "restart TermService there" in found.means


def made(host):
    """What the host's journal has."""
    journal = Run(connect(host), "look", []).journal
    return [recorded.entry.change for stretch in journal.stretches() for recorded in journal.entries(stretch)]

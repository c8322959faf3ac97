# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The self-test against simulated hosts: silent where they are as the facts say, and each switch named when turned."""

from __future__ import annotations

import re

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import CHECKS, run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.host import SimulatedHost
from tests.simulator.switches import SWITCHES
from tests.support.in_process import connect

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")

SEEN = {
    ("min_encryption_default", 3): "min_encryption_default",
    ("rdp_rule_profiles", "domain_private"): "rule_profiles",
    ("expand_by_get_string", "raw"): "registry_expanded",
    ("binary_by_get_binary", False): "registry_untyped",
    ("delete_key_with_subkeys", 145): "registry_delete_parent",
    ("terminal_service_by_base_uri", False): "terminal_service_by_base",
    ("key_descriptor_readable", True): "key_permissions",
    ("firewall_create_context", False): "firewall_context",
    ("task_trigger_order", "any"): "task_order",
    ("edr_removes_tasks", True): "lease_ends",
    ("licensing_numbers", "change_mode"): "licensing_numbers",
    ("icacls_file_has_mark", False): "icacls_mark",
    ("enum_shape", "complete"): "many_items",
    ("enum_shape", "first_item"): "one_item",
    ("enum_shape", "context_only"): "one_item",
    ("batch_bytes", 4096): "many_items",
    ("empty_array", "nil"): "empty_array",
    ("put_partial", "refused"): "firewall_partial_put",
    ("fault_shape", "extended_status"): "fault_shape",
    ("fault_shape", "wmi_error"): "fault_shape",
    ("missing_class", "invalid_class"): "missing_class",
}
"""A switch and a value other than its default, and the check that tells."""

UNSEEN = {
    "live_deny", "live_security", "live_transport", "live_logons", "live_sessions", "rdp_layer_credssp",
    "put_thumbprint_checked", "pinned_missing", "new_key_on_renewal", "outstanding_default", "keys_minted_in_gap",
    "firewall_stealth", "process_create", "start_when_available", "reboot_blocked_by_users",
    "access_denied", "remote_management_users", "skip_cmd_shell", "identify_version",
    "firewall_active_store", "boolean_case", "embedded_type", "task_run_seconds", "permissions_descriptor",
}  # fmt: skip
"""What no scratch object tells: it takes the listener, its certificate, users, a reboot, another account, a probe, the
time that a run takes, or a request that the collection never sends."""


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
    assert {name for name, outcome in found.items() if outcome.verdict == "could_not_tell"} <= {"licensing_numbers"}
    assert list(found) == [check.name for check in CHECKS]
    assert host.state_json() == before


def test_the_read_half_writes_nothing():
    host = simulated()
    found = outcomes(host, write_half=False)
    assert list(found) == [check.name for check in CHECKS if not check.writes]
    assert host.counters.writes == 0


def test_every_switch_is_seen_or_known_to_be_out_of_sight():
    assert {name for name, _value in SEEN} | UNSEEN == set(SWITCHES)
    assert {name for name, _value in SEEN} & UNSEEN == set()


@pytest.mark.parametrize(("name", "value"), sorted(SEEN, key=str))
def test_a_switch_that_is_turned_is_named(name, value):
    role = ("session_host_role",) if name == "licensing_numbers" else ()
    host = simulated("2022", role, **{name: value})
    before = host.state_json()
    found = outcomes(host)
    assert SEEN[name, value] in deviating(found)
    told = found[SEEN[name, value]]
    known = next(check.means for check in CHECKS if check.name == told.name)
    assert told.means == known.get(told.found), told
    assert host.state_json() == before


def test_a_home_edition_and_a_refused_shell_are_named():
    assert deviating(outcomes(simulated("11home"))) == {"terminal_services": "absent"}
    found = outcomes(simulated(traits=("no_shell",)))
    assert deviating(found) == {"shell": "refused"}
    untold = {name for name, outcome in found.items() if outcome.verdict == "could_not_tell"}
    assert untold == {"licensing_numbers", "registry_untyped", "folder_permissions", "icacls_mark", "robocopy"}
    assert "shell" in found["robocopy"].means


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
    assert 2 < number < 199


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

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook selftest, as users run it, against a simulated fleet."""

from __future__ import annotations

import json

LAB = {
    "live_nla": ("at once", "as_expected"),
    "live_deny": ("at once", "as_expected"),
    "logons_back": ("kept", "deviates"),
    "closed_port": ("refused", "deviates"),
    "layer_rdp": ("refused", "as_expected"),
    "live_transport": ("at once", "as_expected"),
    "thumbprint": ("refused", "as_expected"),
    "live_pin": ("at once", "as_expected"),
    "pinned_missing": ("no certificate", "as_expected"),
    "pending_connections": ("more than 150", "deviates"),
    "made_while_tied": ("made", "as_expected"),
    "renewed_key": ("a new key in the same file", "as_expected"),
    "missed_start": ("", "could_not_tell"),
    "reboot_with_users": ("", "could_not_tell"),
}
"""What the lab half finds on a simulated host by default: a closed port refuses, its sockets have no limit,
and it keeps what change logon has stored."""


def results(directory):
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in directory.glob("*.json")}


def test_the_read_half_tells_and_writes_nothing(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "2", "--version", "host001=2019", "--version", "host002=11home")
    found = fleet.states()
    played = run("selftest", fleet.inventory, "-e", f"rdp_selftest_dir={tmp_path}")
    assert played.code == 0, played.output
    assert fleet.states() == found
    assert fleet.count("writes") == 0
    kept = results(tmp_path)
    assert kept["host001"]["windows"]["build"] == 17763
    deviating = {
        name: [check["name"] for check in result["checks"] if check["verdict"] == "deviates"]
        for name, result in kept.items()
    }
    assert deviating == {"host001": [], "host002": ["terminal_services"]}
    names = {host["name"] for host in fleet.ask("/hosts")}
    assert not any(name in json.dumps(result) for result in kept.values() for name in names)


def test_the_write_half_is_left_out_in_check_mode_and_taken_from_a_real_boolean_alone(start_fleet, run):
    fleet = start_fleet("--hosts", "1", "--version", "host001=2022")
    check = run("selftest", fleet.inventory, "--check", "-e", '{"rdp_write_half": true}')
    assert check.code == 0, check.output
    assert fleet.count("writes") == 0
    refused = run("selftest", fleet.inventory, "-e", "rdp_write_half=true")
    assert refused.code == 2
    assert "true or false and nothing else" in refused.output


TURNED = {
    "key_descriptor_readable": ("true", "key_permissions", "shown"),
    "task_trigger_order": ("any", "task_order", "taken"),
    "enum_shape": ("first_item", "one_item", "2 messages"),
    "empty_array": ("nil", "empty_array", "one nil element"),
    "firewall_create_context": ("false", "firewall_context", "left out"),
    "identify_version": ("shown", "identify_version", "told"),
}
"""Switches with a value other than what is expected, each with the check that names it and what that finds."""


def test_a_host_that_is_otherwise_has_each_deviation_named(start_fleet, run, tmp_path):
    turned = [f"--switch={name}={value}" for name, (value, _check, _found) in TURNED.items()]
    fleet = start_fleet("--hosts", "1", "--version", "host001=2022", *turned)
    halves = json.dumps({"rdp_write_half": True})
    played = run("selftest", fleet.inventory, "-e", halves, "-e", f"rdp_selftest_dir={tmp_path}")
    assert played.code == 0, played.output
    checks = results(tmp_path)["host001"]["checks"]
    deviating = {check["name"]: check["found"] for check in checks if check["verdict"] == "deviates"}
    assert deviating == {check: found for _value, check, found in TURNED.values()}


def test_the_lab_half_sees_a_listener_over_its_sockets(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "1", "--version", "host001=2022")
    halves = json.dumps({"rdp_lab_half": True, "rdp_disposable": True})
    played = run("selftest", fleet.inventory, "-e", halves, "-e", f"rdp_selftest_dir={tmp_path}")
    assert played.code == 0, played.output
    found = {check["name"]: check for check in results(tmp_path)["host001"]["checks"]}
    seen = {name: (check["found"], check["verdict"]) for name, check in found.items() if name in LAB}
    assert seen == LAB, {name: check["means"] for name, check in found.items() if name in LAB}


def test_an_account_without_rights_is_asked_nothing_but_how_it_is_refused(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "1", "--version", "host001=2022")
    without = ("-e", "ansible_user=operator", "-e", "rdp_selftest_account=unprivileged")
    played = run("selftest", fleet.inventory, *without, "-e", f"rdp_selftest_dir={tmp_path}")
    assert played.code == 0, played.output
    kept = results(tmp_path)["host001"]
    assert [(check["name"], check["verdict"]) for check in kept["checks"]] == [("access_denied", "as_expected")]
    assert kept["windows"]["build"] == 20348
    assert fleet.count("writes") == 0
    refused = run("selftest", fleet.inventory, *without, "-e", '{"rdp_write_half": true}')
    assert refused.code == 2
    assert "need the account of an administrator" in refused.output

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each module as a user calls it: result, second run, roll-back, and what bad input is told."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.running import RunningFleet
from tests.support.states import without_journal

from .conftest import BROKEN, RunModule

FIXES = {
    "host001": ("remote_desktop", {}),
    "host002": ("firewall", {"transports": ["tcp"]}),
    "host003": ("security_layer", {"layer": "tls"}),
}


def test_host_info_tells_effective_values_and_who_decides(run_module: RunModule, fleet: RunningFleet) -> None:
    result = run_module("host004", "host_info")
    assert result["changed"] is False
    deny = result["effective"]["deny_connections"]
    assert (deny["value"], deny["decided_by"]) == (1, "policy")
    assert result["observation"]["identity"]["build"] > 14000
    assert result["observation"]["unread"] == {}


def test_diagnosis_needs_no_connection_for_a_saved_observation(run_module: RunModule, tmp_path: Path) -> None:
    saved = run_module("host001", "host_info")["observation"]
    offline = tmp_path / "offline.yml"
    offline.write_text(yaml.safe_dump({"windows": {"hosts": {"gone": {"ansible_host": "127.255.255.254"}}}}))
    result = run_module("gone", "diagnosis_info", offline, observation=json.loads(json.dumps(saved)))
    assert result["findings"][0]["id"] == "rdp_denied"
    assert result["operations"] == 0


PASSED: t.Mapping[str, t.Any] = {
    "host": "gone",
    "port": 3389,
    "passed": True,
    "stage": "complete",
    "name": {"verdict": "resolved"},
    "tcp": {"verdict": "open"},
    "x224": {"verdict": "negotiates"},
    "tls": {"verdict": "ok"},
    "ntlm": {"verdict": "challenge"},
    "vantage": "the data centre",
}
BLOCKED = {**PASSED, "passed": False, "stage": "tcp", "tcp": {"verdict": "timeout"}, "vantage": "the branch office"}


def test_probes_of_several_places_are_analysed_with_a_saved_observation(run_module: RunModule, tmp_path: Path) -> None:
    saved = json.loads(json.dumps(run_module("host001", "host_info")["observation"]))
    offline = tmp_path / "offline.yml"
    offline.write_text(yaml.safe_dump({"windows": {"hosts": {"gone": {"ansible_host": "127.255.255.254"}}}}))
    blocked = run_module("gone", "diagnosis_info", offline, observation=saved, probes=[BLOCKED])
    assert next((f["id"], f["relation"]) for f in blocked["findings"]) == ("rdp_denied", "direct")
    relations = {
        f["id"]: f["relation"]
        for f in run_module("gone", "diagnosis_info", offline, observation=saved, probes=[BLOCKED, PASSED])["findings"]
    }
    assert relations == {**relations, "rdp_denied": "unrelated", "path_blocked_elsewhere": "direct"}
    kept = {**saved, "probe": PASSED}
    again = run_module("gone", "diagnosis_info", offline, observation=kept, probes=[BLOCKED])
    assert {f["id"]: f["relation"] for f in again["findings"]} == relations
    assert again["operations"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"observation": {"settings": 7}}, "not what host_info gives"),
        ({"observation": {"taken_at": "2026", "probe": {"stage": "tls"}}}, "probe: it lacks"),
        ({"observation": {"taken_at": "2026", "other_probes": [{}]}}, "probe: it lacks"),
        ({"observation": {"taken_at": "2026"}, "logon_check": True}, "logon_check"),
    ],
)
def test_diagnosis_refuses_what_is_no_observation(run_module: RunModule, options: t.Any, said: str) -> None:
    result = run_module("host001", "diagnosis_info", **options)
    assert result["failed"]
    assert said in result["msg"]


@pytest.mark.parametrize("host", sorted(FIXES))
def test_fix_second_run_and_rollback(host: str, run_module: RunModule, fleet: RunningFleet) -> None:
    module, options = FIXES[host]
    before = fleet.ask(f"/hosts/{host}/state")
    assert run_module(host, "diagnosis_info")["findings"][0]["id"] == BROKEN[host]

    result = run_module(host, module, run_id="it-1", **options)
    assert result["changed"]
    assert result["proof"]["passed"]
    writes = fleet.ask(f"/hosts/{host}/counters")["writes"]
    second = run_module(host, module, **options)
    assert second["changed"] is False
    assert fleet.ask(f"/hosts/{host}/counters")["writes"] == writes
    assert run_module(host, "diagnosis_info")["verdict"] == "healthy"

    undone = run_module(host, "rollback", run="it-1")
    assert undone["changed"]
    assert undone["runs"] == ["it-1"]
    assert without_journal(fleet.ask(f"/hosts/{host}/state")) == without_journal(before)
    assert run_module(host, "rollback")["changed"] is False


def test_remediate_repairs_and_leaves_policy_alone(run_module: RunModule, fleet: RunningFleet) -> None:
    assert run_module("host001", "remediate")["verdict"] == "repaired"
    before = fleet.ask("/hosts/host004/state")
    held = run_module("host004", "remediate")
    assert held["verdict"] == "policy_held"
    assert "Deny Remote Desktop" in held["policy_held"][0]["owner"]
    assert fleet.ask("/hosts/host004/state") == before


def test_remediate_over_the_dmtf_style(run_module: RunModule) -> None:
    result = run_module("host002", "remediate", uri_style="dmtf")
    assert result["verdict"] == "repaired", result["before"]["probe"]["tcp"]


def inventory_with(fleet: RunningFleet, directory: Path, **changes: t.Any) -> Path:
    """The fleet's inventory with other variables."""
    data = yaml.safe_load(fleet.inventory.read_text())
    data["windows"]["vars"].update(changes)
    path = directory / "changed.yml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"no_such_option": 1}, "no_such_option"),
        ({"port": "many"}, "port"),
        ({"port": 5986}, "WinRM"),
        ({"state": "on"}, "state"),
        ({"remove_orphaned_policy": "yes"}, "takes true or false"),
        ({"run_id": "a b"}, "run_id"),
    ],
)
def test_bad_options_are_named_and_change_nothing(
    options: dict[str, t.Any], said: str, run_module: RunModule, fleet: RunningFleet
) -> None:
    writes = fleet.ask("/hosts/host005/counters")["writes"]
    result = run_module("host005", "remote_desktop", **options)
    assert result["failed"]
    assert said in result["msg"]
    assert fleet.ask("/hosts/host005/counters")["writes"] == writes


def test_a_wrong_password_says_so_and_what_to_check(run_module: RunModule, fleet: RunningFleet, tmp_path: Path) -> None:
    inventory = inventory_with(fleet, tmp_path, ansible_password="not-the-password")
    result = run_module("host005", "host_info", inventory)
    assert result["unreachable"]
    assert "host005" in result["msg"]
    assert "ansible_password" in result["msg"]
    assert "not-the-password" not in json.dumps(result)


def test_a_closed_port_says_so(run_module: RunModule, fleet: RunningFleet, tmp_path: Path) -> None:
    result = run_module("host005", "host_info", inventory_with(fleet, tmp_path, ansible_port=5999))
    assert result["unreachable"]
    assert "host005" in result["msg"]
    assert "WinRM" in result["msg"]


def test_another_connection_plugin_says_what_to_use(run_module: RunModule, fleet: RunningFleet, tmp_path: Path) -> None:
    result = run_module("host005", "host_info", inventory_with(fleet, tmp_path, ansible_connection="local"))
    assert result["failed"]
    assert "winrm or psrp" in result["msg"]

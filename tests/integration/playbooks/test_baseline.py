# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook baseline, as users run it, against a simulated fleet."""

from __future__ import annotations

import json
import shlex

import pytest

FLEET = shlex.split("""
    --hosts 4 --version host001=2019 --break host001=rdp_denied+security_layer_rdp+firewall_rule_disabled
    --version host002=11 --language host002=de --trait host002=cis_hardened
    --version host003=2022 --break host003=tls12_disabled
    --version host004=2016 --trait host004=nla_off_by_intent
""")
JOURNAL = r"HKLM\SOFTWARE\winfleet.rdp".lower()
LISTENER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"


def without_journal(states):
    return {
        name: {**state, "registry": {k: v for k, v in state["registry"].items() if not k.lower().startswith(JOURNAL)}}
        for name, state in states.items()
    }


def stored(state, name):
    return state["registry"][LISTENER]["values"][name][1]


@pytest.fixture
def result_of(tmp_path, run):
    """Play the baseline on a fleet and read what the role has set for each host."""
    playbook = tmp_path / "site.yml"
    playbook.write_text(
        """
- hosts: windows
  gather_facts: false
  roles:
    - role: winfleet.rdp.rdp_baseline
  post_tasks:
    - ansible.builtin.copy:
        content: "{{ rdp_baseline_result | to_json }}"
        dest: "{{ out }}/{{ inventory_hostname }}.json"
        mode: "0600"
      delegate_to: localhost
      check_mode: false
      changed_when: false
      vars:
        ansible_connection: local
""",
        encoding="utf-8",
    )

    def play(fleet, *options):
        played = run(playbook, fleet.inventory, "-e", f"out={tmp_path}", *options)
        assert played.code == 0, played.output
        found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("host*.json")}
        return played, found

    return play


def test_the_whole_way(start_fleet, run, result_of):
    """Dry run, apply, apply again, roll back: broken, hardened, half-broken and lax hosts end alike."""
    fleet = start_fleet(*FLEET)
    found = fleet.states()

    _played, planned = result_of(fleet, "--check", "--diff")
    assert fleet.states() == found
    assert fleet.count("writes") == 0

    _played, made = result_of(fleet)
    after = fleet.states()
    for name in ("host001", "host004"):
        assert [stored(after[name], value) for value in ("SecurityLayer", "UserAuthentication")] == [2, 1]
        probe = fleet.ask(f"/hosts/{name}/probe")
        assert probe["tls"] == "ok"
    exact = {
        name: [(c["kind"], c["item"]) for c in host["changes"] if c["undo"] == "exact"] for name, host in made.items()
    }
    assert exact == {
        name: [(c["kind"], c["item"]) for c in host["changes"] if c["undo"] == "exact"]
        for name, host in planned.items()
    }
    assert not any("UserAuthentication" in item or "SecurityLayer" in item for _kind, item in exact["host002"])
    assert made["host003"]["needs"]["reboot"] is True
    assert made["host001"]["needs"]["restart"] is False
    broken = [item for host in made.values() for item in host["compliance"] if item["effect"] == "breaks"]
    assert broken == []
    (run_id,) = {host["run_id"] for host in made.values()}

    writes = fleet.count("writes")
    again, nothing = result_of(fleet)
    assert [line for line in again.output.splitlines() if "changed=" in line and "changed=0" not in line] == []
    assert fleet.count("writes") == writes
    assert [host["changes"] for host in nothing.values()] == [[], [], [], []]

    undone = run("rollback", fleet.inventory, "-e", f"rdp_rollback_run={run_id}")
    assert undone.code == 0, undone.output
    assert without_journal(fleet.states()) == without_journal(found)


def test_the_playbook_names_what_policy_holds_and_where_tls_fails(start_fleet, run):
    fleet = start_fleet("--hosts", "2", "--break", "host001=security_layer_rdp_by_policy", "--break",
                        "host002=key_unreadable+security_layer_rdp")  # fmt: skip
    played = run("baseline", fleet.inventory)
    assert played.code == 2
    assert "held by policy" in played.output
    assert "host002: " in played.output
    assert fleet.ask("/hosts/host002/probe")["tcp"] == "open"
    assert "failed=0" in next(line for line in played.output.splitlines() if line.startswith("host001 "))

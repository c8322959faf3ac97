# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook baseline, as users run it, against a simulated fleet."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.support.states import without_journals

FLEET = shlex.split("""
    --hosts 4 --version host001=2019 --break host001=rdp_denied+security_layer_rdp+firewall_rule_disabled
    --version host002=11 --language host002=de --trait host002=cis_hardened
    --version host003=2022 --break host003=tls12_disabled
    --version host004=2016 --trait host004=nla_off_by_intent
""")
LISTENER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"

BUILT_IN = ("RemoteDesktop-UserMode-In-TCP", "RemoteDesktop-UserMode-In-UDP")
RULES = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"


def reported(directory):
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {host["host"]: host for host in report["hosts"]}


def verdicts(directory):
    return {name: host["verdict"] for name, host in reported(directory / "report").items()}


def stored(state, name):
    return state["registry"][LISTENER]["values"][name][1]


def rule_of(state):
    return state["registry"][RULES]["values"]["RemoteDesktop-UserMode-In-TCP"][1]


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
        extra = ("-e", f"out={tmp_path}", "-e", f"rdp_report_dir={tmp_path / 'report'}")
        played = run(playbook, fleet.inventory, *extra, *options)
        assert played.code == 0, played.output
        found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("host*.json")}
        return played, found

    return play


def test_the_whole_way(start_fleet, run, result_of, tmp_path):
    """Dry run, apply, apply again, roll back: broken, hardened, half-broken and lax hosts end alike."""
    fleet = start_fleet(*FLEET)
    found = fleet.states()

    played, planned = result_of(fleet, "--check", "--diff")
    assert fleet.states() == found
    assert fleet.count("writes") == 0
    assert verdicts(tmp_path) == {
        "host001": "repairable", "host002": "healthy", "host003": "healthy", "host004": "healthy",
    }  # fmt: skip
    assert "WHAT WOULD BE DONE" in played.output
    assert "UserAuthentication 0 -> 1" in played.output

    played, made = result_of(fleet)
    assert verdicts(tmp_path) == {
        "host001": "repaired", "host002": "healthy", "host003": "needs_reboot", "host004": "healthy",
    }  # fmt: skip
    assert "WHAT WAS DONE" in played.output
    restored = {item["item"] for item in reported(tmp_path / "report")["host004"]["compliance"]}
    assert any(item.endswith(".3.9.4") for item in restored), restored
    after = fleet.states()
    for name in ("host001", "host004"):
        assert [stored(after[name], value) for value in ("SecurityLayer", "UserAuthentication")] == [2, 1]
        probe = fleet.ask(f"/hosts/{name}/probe")
        assert probe["tls"] == "ok"
        assert stored(after[name], "fPromptForPassword") == 1
    told = {name for name, host in made.items() if any("secure RPC" in note for note in host["notes"])}
    assert told == {"host001", "host003", "host004"}, "host002 has a policy that requires it"
    assert "Require secure RPC communication is not set" in played.output
    assert not any(name.lower() == "fencryptrpctraffic" for state in (after["host001"], after["host004"])
                   for key in state["registry"].values() for name in key["values"])  # fmt: skip
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
    assert without_journals(fleet.states()) == without_journals(found)


FORETOLD = {
    "host001=certificate_pinned_missing": ("repairable", "repaired"),
    "host002=key_not_imported": ("repairable", "repaired"),
    "host003=tls_server_disabled": ("repairable", "needs_reboot"),
    "host004=cipher_suites_empty": ("policy_held", "policy_held"),
}
"""Verdicts of check mode and of the run, where a task needs what one before it has changed, or failed for its fault."""


def test_check_mode_does_not_fail_where_the_run_would_not(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "4", *(word for planted in FORETOLD for word in ("--break", planted)))
    for number, options in enumerate((["--check"], [])):
        played = run("baseline", fleet.inventory, *options, "-e", f"rdp_report_dir={tmp_path / 'report'}")
        assert played.code == 0, played.output
        assert verdicts(tmp_path) == {planted.partition("=")[0]: both[number] for planted, both in FORETOLD.items()}


def test_what_is_held_fails_or_is_not_reached_is_in_the_report(start_fleet, run, with_hosts, tmp_path):
    """And a key that cannot be read is repaired, where TLS is asked for and so fails."""
    fleet = start_fleet("--hosts", "3", "--break", "host001=security_layer_rdp_by_policy", "--break",
                        "host002=key_unreadable+security_layer_rdp", "--break", "host003=key_unreadable")  # fmt: skip
    inventory = with_hosts(fleet.inventory, {"nobody": {"ansible_host": "127.255.255.1", "ansible_port": 5999}})
    played = run("baseline", inventory, "-e", f"rdp_report_dir={tmp_path / 'report'}")
    assert played.code == 2
    assert verdicts(tmp_path) == {
        "host001": "policy_held", "host002": "unresolved", "host003": "repaired", "nobody": "unreachable",
    }  # fmt: skip
    told = reported(tmp_path / "report")
    assert told["host001"]["policy_held"]
    assert "no TLS handshake with this host succeeds" in told["host002"]["reason"]
    assert "refused" in told["nobody"]["reason"]
    assert "held by policy" in played.output
    assert [fleet.ask(f"/hosts/{name}/probe")["tcp"] for name in ("host001", "host002")] == ["open", "open"]
    recap = {line.split()[0]: line for line in played.output.splitlines() if "failed=" in line}
    assert [name for name, line in recap.items() if "failed=0" not in line] == ["host002", "nobody"]


def test_the_listener_moves_to_another_port_behind_a_rule_that_lets_it_in(start_fleet, run):
    """One host has users, who keep its listener where it is: there both ports are open."""
    fleet = start_fleet("--hosts", "2", "--trait", "host002=many_sessions")
    found = without_journals(fleet.states())
    moved = run("baseline", fleet.inventory, "-e", "rdp_baseline_port=33890")
    assert moved.code == 0, moved.output
    states = fleet.states()
    assert [stored(state, "PortNumber") for state in states.values()] == [33890, 33890]
    assert [fleet.ask(f"/hosts/{name}/probe")["port"] for name in states] == [33890, 33890]
    ports = {name: re.findall(r"LPort=(\d+)", rule_of(state)) for name, state in states.items()}
    assert ports == {"host001": ["33890"], "host002": ["3389", "33890"]}
    writes = fleet.count("writes")
    again = run("baseline", fleet.inventory, "-e", "rdp_baseline_port=33890")
    assert again.code == 0, again.output
    assert fleet.count("writes") == writes
    undone = run("rollback", fleet.inventory)
    assert undone.code == 0, undone.output
    assert without_journals(fleet.states()) == found


LIMITED = {"rdp_baseline_profiles": ["private"], "rdp_baseline_remote_addresses": ["192.0.2.0/24", "10.0.0.0/8"]}


@pytest.mark.parametrize("port", [3389, 33890])
def test_the_firewall_lets_in_whom_the_variables_name_and_nobody_else(start_fleet, result_of, port):
    """And a listener that moves is let in by nobody else for a moment."""
    fleet = start_fleet("--hosts", "1")
    wanted = {**LIMITED, **({"rdp_baseline_port": port} if port != 3389 else {})}
    _played, made = result_of(fleet, "-e", json.dumps(wanted))
    rule = rule_of(fleet.states()["host001"])
    assert re.findall(r"Profile=(\w+)", rule) == ["Private"]
    assert re.findall(r"RA4=([^|]+)", rule) == ["10.0.0.0/255.0.0.0", "192.0.2.0/255.255.255.0"]
    assert re.findall(r"LPort=(\d+)", rule) == [str(port)]
    written = [(change["item"].rpartition("\\")[2], *(change["after"] or ())) for change in made["host001"]["changes"]]
    limits = [(rule, field) for rule in BUILT_IN for field in ("profiles", "remote_addresses")]
    assert sorted(change for change in written if change[-1] in ("profiles", "remote_addresses")) == sorted(limits)
    if port != 3389:
        moved = next(number for number, change in enumerate(written) if change[0] == "PortNumber")
        assert set(limits) <= set(written[:moved])


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_an_edition_that_takes_no_connections_is_left_as_it_is(options, start_fleet, run, tmp_path):
    """Whatever there is to be done about its TLS and its firewall."""
    fleet = start_fleet("--hosts", "2", "--version", "host001=11home", "--break", "host001=tls_server_disabled")
    extra = ("-e", "rdp_baseline_port=33890", "-e", f"rdp_report_dir={tmp_path / 'report'}")
    played = run("baseline", fleet.inventory, *extra, *options)
    assert played.code == 2, played.output
    assert fleet.ask("/hosts/host001/counters")["writes"] == 0
    told = reported(tmp_path / "report")["host001"]
    assert (told["verdict"], told["changes"]) == ("unresolved", [])
    assert "Windows 11 Home takes no Remote Desktop connections. Upgrade to Pro" in told["reason"]
    recap = {line.split()[0]: line for line in played.output.splitlines() if "failed=" in line}
    assert [name for name, line in recap.items() if "failed=0" not in line] == ["host001"]

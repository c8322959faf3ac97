# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks, run as users run them, against a simulated fleet."""

from __future__ import annotations

import json
import re
import shlex

import pytest
import yaml

from tests.support.states import without_journals

BROKEN = shlex.split("""
    --hosts 4 --version host001=2022 --version host002=2019 --language host002=de
    --version host003=2016 --version host004=11 --language host004=ja
    --break host001=rdp_denied --break host002=firewall_rule_disabled+rdp_denied
    --trait host003=session_host_role --break host003=drain_mode
""")
CAUSES = {
    "host001": ["rdp_denied"],
    "host002": ["rdp_denied", "firewall_rule_disabled"],
    "host003": ["drain_mode"],
    "host004": [],
}


def report(directory):
    content = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    assert content["schema"] == 1
    return content


def hosts(directory):
    return {host["host"]: host for host in report(directory)["hosts"]}


def verdicts(directory):
    return {name: host["verdict"] for name, host in hosts(directory).items()}


def direct(standing):
    return [finding["id"] for finding in standing["findings"] if finding["relation"] == "direct"]


def items(changes):
    return [(change["kind"], change["item"]) for change in changes]


def is_subsequence(part, whole):
    rest = iter(whole)
    return all(element in rest for element in part)


def reporting(directory):
    return "-e", f"rdp_report_dir={directory}"


def test_the_whole_way(start_fleet, run, tmp_path):
    """Diagnose, dry run, repair, repair again, roll back: each leaves what it should, and nothing else."""
    fleet = start_fleet(*BROKEN)
    found = fleet.states()
    looked, planned, done, again = (tmp_path / name for name in ("looked", "planned", "done", "again"))

    diagnosis = run("diagnose", fleet.inventory, *reporting(looked))
    assert diagnosis.code == 0, diagnosis.output
    assert {name: direct(host["before"]) for name, host in hosts(looked).items()} == CAUSES
    assert all(host["after"] is None and not host["changes"] for host in hosts(looked).values())

    check = run("remediate", fleet.inventory, "--check", "--diff", *reporting(planned))
    assert check.code == 0, check.output
    assert verdicts(planned) == {name: "repairable" if causes else "healthy" for name, causes in CAUSES.items()}
    assert "+REG_DWORD 0" in check.output
    assert (fleet.count("writes"), fleet.count("shells_opened")) == (0, 0)
    assert fleet.states() == found

    repair = run("remediate", fleet.inventory, *reporting(done))
    assert repair.code == 0, repair.output
    assert verdicts(done) == {name: "repaired" if causes else "healthy" for name, causes in CAUSES.items()}
    assert all(host["after"]["probe"]["passed"] and not direct(host["after"]) for host in hosts(done).values())
    (run_id,) = {host["run_id"] for host in hosts(done).values()}
    for name, host in hosts(done).items():
        made = [change for change in host["changes"] if change["undo"] == "exact"]
        assert is_subsequence(items(made), items(hosts(planned)[name]["changes"]))

    writes = fleet.count("writes")
    second = run("remediate", fleet.inventory, *reporting(again))
    assert second.code == 0, second.output
    assert "changed=1" not in second.output
    assert set(verdicts(again).values()) == {"healthy"}
    assert fleet.count("writes") == writes

    undone = run("rollback", fleet.inventory, "-l", "!host004", "-e", f"rdp_rollback_run={run_id}")
    assert undone.code == 0, undone.output
    assert without_journals(fleet.states()) == without_journals(found)


def test_a_roll_back_says_what_has_no_undo_and_ends_with_2_where_something_is_left(start_fleet, run):
    """A host is accepted with what is left, where that is said."""
    broken = ("host001=certificate_expired", "host002=security_layer_rdp", "host003=security_layer_rdp")
    fleet = start_fleet("--hosts", "3", *(word for planted in broken for word in ("--break", planted)))
    repair = run("remediate", fleet.inventory)
    assert repair.code == 0, repair.output
    assert "certificate renewed" in repair.output
    fleet.tell("/hosts/host002/break", breakages=["security_layer_invalid"])
    fleet.tell("/hosts/host003/break", breakages=["security_layer_rdp_by_policy"])
    undone = run("rollback", fleet.inventory)
    assert undone.code == 2, undone.output
    assert "done without an undo" in undone.output
    assert "SessionEnv" in undone.output
    assert "made on another machine" not in undone.output
    assert re.search(r"host001 .*failed=0", undone.output)
    for host, why in (("host002", r"changed by somebody since: HKLM.*SecurityLayer"), ("host003", "decides it now by")):
        assert re.search(rf"{host}.*not all is undone: .*{why}", undone.output), undone.output
        assert re.search(rf"{host} .*failed=1", undone.output)
    accepted = json.dumps({"rdp_rollback_accept": ["left", "drifted"]})
    again = run("rollback", fleet.inventory, "-e", accepted)
    assert again.code == 0, again.output
    assert "done without an undo" not in again.output


def test_what_policy_holds_does_not_pass(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "1", "--break", "host001=security_layer_rdp_by_policy")
    repair = run("remediate", fleet.inventory, *reporting(tmp_path))
    assert repair.code == 2
    assert "policy_held: a policy allows only Standard RDP security" in repair.output
    assert verdicts(tmp_path) == {"host001": "policy_held"}
    assert fleet.count("writes") == 0
    accepted = run("remediate", fleet.inventory, "-e", "rdp_remediate_accept_verdicts=healthy,policy_held")
    assert accepted.code == 0, accepted.output


def test_hosts_that_cannot_be_reached_are_in_the_report(start_fleet, run, with_hosts, tmp_path):
    fleet = start_fleet("--hosts", "2", "--break", "host001=rdp_denied")
    inventory = with_hosts(
        fleet.inventory,
        {
            "host002": {"ansible_password": "not-the-password"},
            "nobody": {"ansible_host": "127.255.255.1", "ansible_port": 5999},
            "local": {"ansible_connection": "local"},
        },
    )
    diagnosis = run("diagnose", inventory, *reporting(tmp_path))
    assert diagnosis.code == 2, diagnosis.output
    assert verdicts(tmp_path) == {
        "host001": "repairable",
        "host002": "unreachable",
        "nobody": "unreachable",
        "local": "unresolved",
    }
    reasons = {name: host["reason"] for name, host in hosts(tmp_path).items()}
    assert "winrm or psrp" in reasons["local"]
    assert "refused" in reasons["nobody"]
    assert "credentials" in reasons["host002"]
    assert "not-the-password" not in diagnosis.output

    some = ("-l", "host001,nobody")
    assert run("diagnose", inventory, *some).code == 0
    assert run("diagnose", inventory, *some, "-e", "rdp_diagnose_fail_on_findings=true").code == 2
    assert run("diagnose", inventory, *some, "-e", "rdp_diagnose_fail_on_findings=false").code == 0
    repair = run("remediate", inventory, *some, *reporting(tmp_path))
    assert repair.code == 2
    assert "unreachable: nobody" in repair.output
    assert verdicts(tmp_path)["host001"] == "repaired"
    accepted = run("remediate", inventory, *some, "-e", '{"rdp_remediate_accept_verdicts": ["healthy", "unreachable"]}')
    assert accepted.code == 0, accepted.output


def test_batches_limits_and_reruns_come_together_in_one_report(start_fleet, run, with_hosts, tmp_path):
    fleet = start_fleet("--hosts", "5", "--break", "host001=rdp_denied", "--break", "host004=listener_disabled")
    inventory = with_hosts(fleet.inventory, {"nobody": {"ansible_host": "127.255.255.1", "ansible_port": 5999}})
    everybody = {"host001", "host002", "host003", "host004", "host005", "nobody"}

    run("remediate", inventory, "--check", "-e", "rdp_serial=2", "--forks", "2", *reporting(tmp_path))
    assert set(verdicts(tmp_path)) == everybody
    assert report(tmp_path)["totals"]["verdicts"] == {"unreachable": 1, "repairable": 2, "healthy": 3}
    assert fleet.count("writes") == 0

    run("remediate", inventory, "-l", "host001", *reporting(tmp_path))
    assert set(verdicts(tmp_path)) == everybody
    assert verdicts(tmp_path)["host001"] == "repaired"
    assert verdicts(tmp_path)["host004"] == "repairable"

    batches = run("remediate", inventory, "-e", '{"rdp_serial": [1, "40%", "100%"]}', *reporting(tmp_path))
    assert batches.code == 2
    assert report(tmp_path)["totals"]["verdicts"] == {"unreachable": 1, "repaired": 1, "healthy": 4}
    reached = [host for name, host in hosts(tmp_path).items() if name != "nobody"]
    assert len({host["run_id"] for host in reached}) == 1


def test_a_canary_stops_the_rollout(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "3", "--break", "host001=path_blocked", "--break", "host003=rdp_denied")
    options = ("-e", '{"rdp_serial": [2, 1], "rdp_max_fail_percentage": 20}', *reporting(tmp_path))
    stopped = run("remediate", fleet.inventory, *options)
    assert stopped.code == 2
    assert set(verdicts(tmp_path)) == {"host001", "host002"}
    assert fleet.ask("/hosts/host003/counters")["total"] == 0


@pytest.mark.parametrize(
    ("playbook", "option", "message"),
    [
        ("remediate", "rdp_remediate_max_risk=huge", "value of rdp_remediate_max_risk must be one of"),
        ("remediate", "rdp_remediate_exclude=registry", "value of exclude must be one or more of"),
        ("remediate", "rdp_remediate_excludes=firewall", "has no rdp_remediate_excludes. It has: "),
        ("baseline", "rdp_baseline_remote_adresses=192.0.2.0/24", "has no rdp_baseline_remote_adresses. It has: "),
        ("baseline", "rdp_baseline_nla=off", "value of rdp_baseline_nla must be one of"),
        ("client", "rdp_client_updates=off", "has no rdp_client_updates. It has: "),
        ("gateway", "rdp_gateway_group=CORP\\\\Users", "has no rdp_gateway_group. It has: "),
        ("rollback", "rdp_rollback_runs=last", "has no rdp_rollback_runs. It has: "),
        ("remediate", "rdp_remediate_run_id=../x", "use letters, digits, dots, dashes and underscores"),
        ("remediate", "rdp_remediate_allow_reboot=yes", "true or false and nothing else"),
        ("diagnose", "rdp_diagnose_since=yesterday", "is no duration"),
        ("diagnose", "rdp_diagnose_rdp_port=rdp", "rdp_diagnose_rdp_port"),
        ("rollback", "rdp_rollback_force=yes", "true or false and nothing else"),
        ("rollback", "rdp_rollback_run=20200101T000000Z-00000000", "has no run '20200101T000000Z-00000000'"),
    ],
)
def test_wrong_options_change_nothing(broken_pair, run, playbook, option, message):
    refused = run(playbook, broken_pair.inventory, "-l", "host002", "-e", option)
    assert refused.code == 2, refused.output
    assert message in refused.output
    assert broken_pair.count("writes") == 0


GUIDE = """\
- name: Guide
  hosts: host001
  gather_facts: false
  tasks:
    - name: Say what to enter on the firewall on the way
      winfleet.rdp.port_forward_info:
        device: nftables
        source: 203.0.113.0/24
      register: guided

    - name: Show it
      ansible.builtin.debug:
        msg: "{{ guided.rule.text }}"
"""


def test_an_address_that_is_a_template_is_where_the_host_is_looked_for(broken_pair, run, with_hosts, tmp_path):
    content = yaml.safe_load(broken_pair.inventory.read_text(encoding="utf-8"))
    addresses = {name: host["ansible_host"] for name, host in content["windows"]["hosts"].items()}
    templates = {
        name: {"site": address.rpartition(".")[0], "ansible_host": f"{{{{ site }}}}.{address.rpartition('.')[2]}"}
        for name, address in addresses.items()
    }
    inventory = with_hosts(broken_pair.inventory, templates)
    diagnosis = run("diagnose", inventory, *reporting(tmp_path))
    assert diagnosis.code == 0, diagnosis.output
    found = hosts(tmp_path)
    assert direct(found["host001"]["before"]) == ["firewall_rule_disabled"]
    assert {name: host["before"]["probe"]["host"] for name, host in found.items()} == addresses
    playbook = tmp_path / "guide.yml"
    playbook.write_text(GUIDE, encoding="utf-8")
    guided = run(playbook, inventory)
    assert guided.code == 0, guided.output
    assert addresses["host001"] in guided.output


def test_a_wrong_variable_of_one_host_alone_is_refused_by_the_module(broken_pair, run, tmp_path):
    """The playbooks check the variables of the first host only; ansible checks them per host in the role itself."""
    group_vars = tmp_path / "hosts.yml"
    group_vars.write_text("windows: {hosts: {host002: {rdp_remediate_max_risk: huge}}}", encoding="utf-8")
    refused = run("remediate", broken_pair.inventory, "-i", str(group_vars), "-l", "host001,host002", "--check")
    assert refused.code == 2, refused.output
    assert "value of max_risk must be one of: none, low, medium, high, got: huge" in refused.output
    assert broken_pair.count("writes") == 0


def test_a_file_that_is_no_report_is_left_alone(broken_pair, run, tmp_path):
    kept = tmp_path / "mine"
    kept.mkdir()
    (kept / "report.json").write_text("my own notes", encoding="utf-8")
    refused = run("diagnose", broken_pair.inventory, "-l", "host002", *reporting(kept))
    assert refused.code == 2
    assert "move it away or name another directory" in refused.output
    assert (kept / "report.json").read_text(encoding="utf-8") == "my own notes"


@pytest.mark.parametrize("columns", [80, 130])
def test_the_table_fits_the_terminal(broken_pair, run, columns):
    output = run("diagnose", broken_pair.inventory, COLUMNS=str(columns)).output
    lines = output[output.index("HOST ") : output.index("2 hosts:")].splitlines()
    assert any(line.startswith("host001  repairable") for line in lines)
    assert max(map(len, lines)) <= columns
    assert "\x1b" not in output


def test_the_probe_needs_no_credentials(broken_pair, run, with_hosts):
    before = broken_pair.count("requests")
    inventory = with_hosts(
        broken_pair.inventory, {name: {"ansible_password": "unknown"} for name in broken_pair.hosts()}
    )
    seen = run("probe", inventory)
    assert seen.code == 0, seen.output
    assert "port 3389 does not answer" in seen.output
    assert "port 3389 refuses the connection" in seen.output
    assert broken_pair.count("requests") == before


PLAYBOOK = """
- name: Tasks of a user
  hosts: windows
  gather_facts: false
  tasks:
    - name: Diagnose, also where a host cannot be reached
      winfleet.rdp.diagnosis_info:
      ignore_unreachable: true
      register: diagnosis

    - name: Report
      ansible.builtin.import_role:
        name: winfleet.rdp.rdp_report
      vars:
        rdp_report_variable: {variable}
        rdp_report_dir: {directory}
        rdp_report_console: false

    - name: Hold what the report returns
      ansible.builtin.assert:
        that: rdp_report_result.totals.hosts == ansible_play_batch | length
"""


def test_the_report_role_in_a_playbook_of_ones_own(broken_pair, run, tmp_path):
    playbook = tmp_path / "own.yml"
    playbook.write_text(PLAYBOOK.format(variable="diagnosis", directory=tmp_path / "out"), encoding="utf-8")
    played = run(playbook, broken_pair.inventory)
    assert played.code == 0, played.output
    assert verdicts(tmp_path / "out") == {"host001": "repairable", "host002": "repairable"}
    assert "HOST " not in played.output


def test_a_variable_that_holds_something_else_is_refused(broken_pair, run, tmp_path):
    playbook = tmp_path / "own.yml"
    playbook.write_text(PLAYBOOK.format(variable="ansible_version", directory=tmp_path / "out"), encoding="utf-8")
    played = run(playbook, broken_pair.inventory, "-l", "host002")
    assert played.code == 2
    assert "does not hold a result of diagnosis_info or remediate" in played.output
    assert not (tmp_path / "out").exists()

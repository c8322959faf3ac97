# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fifty hosts of which five cannot be reached: one complete report after every way of running the playbooks."""

from __future__ import annotations

import json

BREAKAGES = ("rdp_denied", "firewall_rule_disabled", "security_layer_rdp", "listener_disabled", "path_blocked")
BROKEN = {f"host{3 * number + 2:03}": BREAKAGES[number % len(BREAKAGES)] for number in range(15)}
"""Every third of the hosts; what blocks the path of three of them nobody can cure from here."""

UNREACHABLE = {
    "gone1": {"ansible_host": "127.255.255.1", "ansible_port": 5999},
    "gone2": {"ansible_host": "127.255.255.2", "ansible_port": 5999},
    "gone3": {"ansible_host": "127.255.255.3", "ansible_port": 5999},
    "host001": {"ansible_password": "not-the-password"},
    "unknown": {"ansible_host": "no-such-name.invalid"},
}
WELL = 45 - len(BROKEN)
STUCK = sum(cause == "path_blocked" for cause in BROKEN.values())
CURED = len(BROKEN) - STUCK
FORMATS = ["json", "csv", "html"]
BATCHES = json.dumps({"rdp_serial": [5, "40%", "100%"]})


def complete(directory, **verdicts):
    """Hold that the report has each of the fifty hosts once, in every format, with these verdicts."""
    content = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    names = [host["host"] for host in content["hosts"]]
    assert names == sorted({*names})
    assert len(names) == content["totals"]["hosts"] == 50
    assert content["totals"]["verdicts"] == {"unreachable": len(UNREACHABLE), **verdicts}
    assert len((directory / "report.csv").read_text(encoding="utf-8").splitlines()) > len(names)
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert all(f'"host":"{name}"' in page for name in names)
    return {host["host"]: host for host in content["hosts"]}


def test_every_way_of_running_ends_in_one_complete_report(start_fleet, run, with_hosts, tmp_path):
    planted = [f"--break={host}={cause}" for host, cause in BROKEN.items()]
    fleet = start_fleet("--hosts", "46", "--auth=basic", "--https", *planted)
    inventory = with_hosts(fleet.inventory, UNREACHABLE)
    reporting = ("-e", json.dumps({"rdp_report_dir": str(tmp_path / "report"), "rdp_report_formats": FORMATS}))
    ways = ("--forks", "25", *reporting)

    assert run("diagnose", inventory, "-e", "rdp_serial=20", *ways).code == 0
    complete(tmp_path / "report", blocked_on_path=STUCK, repairable=CURED, healthy=WELL)

    assert run("remediate", inventory, "--check", "-e", BATCHES, *ways).code == 2
    planned = complete(tmp_path / "report", blocked_on_path=STUCK, repairable=CURED, healthy=WELL)
    assert all(host["check"] for name, host in planned.items() if name not in UNREACHABLE)
    assert fleet.count("writes") == 0

    assert run("remediate", inventory, "--limit", "host002:host005:gone1", *ways).code == 2
    complete(tmp_path / "report", blocked_on_path=STUCK, repairable=CURED - 2, repaired=2, healthy=WELL)

    assert run("remediate", inventory, "-e", BATCHES, *ways).code == 2
    complete(tmp_path / "report", blocked_on_path=STUCK, repaired=CURED - 2, healthy=WELL + 2)
    writes = fleet.count("writes")

    assert run("remediate", inventory, *ways).code == 2
    again = complete(tmp_path / "report", blocked_on_path=STUCK, healthy=WELL + CURED)
    assert sum(bool(host["repair"]) for host in again.values()) == CURED
    assert fleet.count("writes") == writes

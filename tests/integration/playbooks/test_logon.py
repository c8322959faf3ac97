# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The logon check over a fleet: the hosts take turns, and the run stops trying at the first rejection."""

from __future__ import annotations

import json
from collections import Counter

HOSTS = 6
PASSWORD = "Fleet-Passw0rd!"


def outcomes(directory):
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {host["host"]: host for host in report["hosts"]}


def logons(fleet):
    return Counter(verdict for host in fleet.hosts() for verdict in fleet.ask(f"/hosts/{host}/volatile")["logons"])


def test_one_rejection_stops_the_fleet_whatever_the_forks(start_fleet, run, tmp_path):
    breaks = [f"--break=host{number:03}=logon_rejected" for number in range(1, HOSTS + 1)]
    fleet = start_fleet("--hosts", str(HOSTS), "--auth=basic", "--https", *breaks)
    asked = ["-e", json.dumps({"rdp_diagnose_logon_check": True, "rdp_report_dir": str(tmp_path / "report")})]
    done = run("diagnose", fleet.inventory, "--forks", str(HOSTS), *asked, "-vvv")
    assert logons(fleet) == {"rejected": 1}
    assert done.output.count('"verdict": "stopped"') >= HOSTS - 1
    assert PASSWORD not in done.output
    causes = [
        finding["id"] for host in outcomes(tmp_path / "report").values() for finding in host["before"]["findings"]
    ]
    assert causes == ["logon_rejected"]


def test_a_fleet_that_takes_the_credentials_is_asked_host_by_host(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts", "3", "--break=host002=logon_right_missing", "--break=host003=rdp_denied")
    asked = ["-e", json.dumps({"rdp_remediate_logon_check": True, "rdp_report_dir": str(tmp_path / "report")})]
    done = run("remediate", fleet.inventory, *asked)
    assert done.code == 2, done.output
    assert logons(fleet) == {"accepted": 2, "denied": 1}
    verdicts = {name: host["verdict"] for name, host in outcomes(tmp_path / "report").items()}
    assert verdicts == {"host001": "healthy", "host002": "unresolved", "host003": "repaired"}

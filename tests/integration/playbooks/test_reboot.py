# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reboots by the playbook: with leave alone, never beside users, waited for, and gone on after.

Schannel reads the switch of TLS when Windows starts, and the broken key shows only behind it. A host is away for 45
seconds, which the controller waits for.
"""

from __future__ import annotations

import json

BROKEN = "tls_server_disabled+key_unreadable"
WITHOUT_LEAVE, ALONE, WITH_USERS = "host001", "host002", "host003"


def planted():
    for host, version in ((WITHOUT_LEAVE, "2022"), (ALONE, "2019"), (WITH_USERS, "11")):
        yield from (f"--version={host}={version}", f"--break={host}={BROKEN}")
    yield f"--trait={WITH_USERS}=many_sessions"


def booted(fleet):
    return {host["name"]: fleet.ask(f"/hosts/{host['name']}/volatile")["booted"] for host in fleet.ask("/hosts")}


def reported(directory):
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {host["host"]: host for host in report["hosts"]}


def test_a_host_is_rebooted_with_leave_alone_and_goes_on_after_it(start_fleet, run, tmp_path):
    fleet = start_fleet("--hosts=3", "--auth=basic", "--https", *planted())
    before = booted(fleet)
    limited = ("-l", WITHOUT_LEAVE, "-e", f"rdp_report_dir={tmp_path / 'without'}")
    held = run("remediate", fleet.inventory, *limited)
    assert held.code == 2, held.output
    assert reported(tmp_path / "without")[WITHOUT_LEAVE]["verdict"] == "needs_reboot", held.output
    assert booted(fleet) == before

    leave = json.dumps({"rdp_remediate_allow_reboot": True})
    others = ("-l", f"!{WITHOUT_LEAVE}", "-e", leave, "-e", f"rdp_report_dir={tmp_path / 'with'}")
    played = run("remediate", fleet.inventory, *others)
    assert played.code == 2, played.output
    hosts = reported(tmp_path / "with")
    assert {name: host["verdict"] for name, host in hosts.items()} == {ALONE: "repaired", WITH_USERS: "needs_reboot"}
    kinds = [change["kind"] for change in hosts[ALONE]["changes"]]
    assert kinds.index("reboot") < kinds.index("file_access"), kinds
    assert hosts[ALONE]["after"]["probe"]["tls"]["verdict"] == "ok"
    why = " ".join(hosts[WITH_USERS]["needs"]["why"])
    assert "would" in why, why
    assert "signed in: " in why, why
    assert {name for name, moment in booted(fleet).items() if moment != before[name]} == {ALONE}

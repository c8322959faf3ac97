# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each way in which the listener's key can be broken, repaired by the playbook and proved by handshakes over sockets.

Every way is met on two of the versions of Windows, once in English and once not. More of them in process, with every
open fact: test_key_repair.
"""

from __future__ import annotations

import json

from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change

from tests.simulator.breakages import cause_of
from tests.simulator.windows.editions import FLEET_VERSIONS
from tests.support.states import differing, outside, without_journals

SMALLEST = {
    "key_unreadable": ["file_access"],
    "key_denied": ["file_access"],
    "key_in_cng": ["file_access"],
    "key_missing": ["renewal"],
    "machine_guid_changed": ["renewal"],
    "certificate_expired": ["renewal"],
    "certificate_pinned_missing": ["registry"],
    "folder_acl": ["folder_dacl", "renewal"],
    "store_acl": ["key_dacl", "renewal"],
}
"""The rung that cures each and touches least."""

TENANTS = "iis_keys+sql_server+federation+azure_agent"
"""Others whose keys lie beside the listener's."""

KINDS = [
    (breakage, FLEET_VERSIONS[place % len(FLEET_VERSIONS)], language)
    for number, breakage in enumerate(SMALLEST)
    for place, language in ((number, "en"), (number + 3, ("de", "ja")[number % 2]))
]
HOSTS = {f"host{number:03}": kind for number, kind in enumerate(KINDS, 1)}


def fleet_options():
    for host, (breakage, version, language) in HOSTS.items():
        yield from (f"--version={host}={version}", f"--language={host}={language}")
        yield from (f"--break={host}={breakage}", f"--trait={host}={TENANTS}")


def keys_of_others(state):
    """The other key files of the machine, each with content and permissions."""
    keys = {path: entry for path, entry in state["files"].items() if "\\machinekeys\\" in path.lower()}
    return {path: entry for path, entry in keys.items() if "\\f686aace" not in path}


def made(host):
    """The changes of a host in the report."""
    names = ("remedy", "kind", "item", "before", "after", "reason")
    return [Change(*(change[name] for name in names)) for change in host["changes"]]


def test_the_smallest_rung_is_taken_and_proved_by_a_handshake(start_fleet, run, tmp_path):
    fleet = start_fleet(f"--hosts={len(HOSTS)}", "--auth=basic", "--https", *fleet_options())
    before = without_journals(fleet.states())
    played = run("remediate", fleet.inventory, "--forks=18", "-e", f"rdp_report_dir={tmp_path}")
    assert played.code == 0, played.output
    after = without_journals(fleet.states())
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [host["host"] for host in report["hosts"]] == list(HOSTS)
    for host in report["hosts"]:
        name, (breakage, *kind) = host["host"], HOSTS[host["host"]]
        told = (name, breakage, *kind)
        found = [finding["id"] for finding in host["before"]["findings"] if finding["relation"] == "direct"]
        assert (found[0], host["verdict"]) == (cause_of(breakage), "repaired"), told
        assert [change["kind"] for change in host["changes"]] == SMALLEST[breakage], told
        handshake = host["after"]["probe"]["tls"]
        assert handshake["verdict"] == "ok", told
        assert not handshake["certificate"]["expired"], told
        seen = fleet.ask(f"/hosts/{name}/probe")
        assert (seen["tls"], seen["certificate"]["thumbprint"]) == ("ok", handshake["certificate"]["sha1"]), told
        assert len(keys_of_others(before[name])) > len(TENANTS.split("+")), told
        assert keys_of_others(after[name]) == keys_of_others(before[name]), told
        assert outside(differing(before[name], after[name]), made(host)) == [], told

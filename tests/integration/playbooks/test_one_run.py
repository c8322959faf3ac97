# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play of a role is one run: its name undoes all hosts of all batches, and every use of the role."""

from __future__ import annotations

import json

import pytest

from tests.support.states import without_journals

SITE = """
- hosts: windows
  gather_facts: false
  serial: 1
  tasks:
    - ansible.builtin.include_role:
        name: winfleet.rdp.{role}
      vars: {first}
    - ansible.builtin.include_role:
        name: winfleet.rdp.{role}
      vars: {second}
    - ansible.builtin.copy:
        content: "{{{{ {role}_result.run_id }}}}"
        dest: "{{{{ out }}}}/{{{{ inventory_hostname }}}}.id"
        mode: "0600"
      delegate_to: localhost
      vars:
        ansible_connection: local
"""
CLIENTS = ("--hosts", "2", "--version", "host001=11", "--version", "host002=10")
GATEWAYS = ("--hosts", "2", "--trait", "host001=gateway_role", "--break", "host002=gateway_service_disabled")


@pytest.mark.parametrize(
    ("role", "fleet_of", "first", "second"),
    [
        ("rdp_client", CLIENTS, {"rdp_client_udp": "off"}, {"rdp_client_udp": "on"}),
        ("rdp_gateway", GATEWAYS, {"rdp_gateway_udp": "off"}, {"rdp_gateway_udp": "on"}),
    ],
)
def test_one_name_undoes_the_whole_play(start_fleet, run, tmp_path, role, fleet_of, first, second):
    fleet = start_fleet(*fleet_of)
    found = without_journals(fleet.states())
    site = tmp_path / "site.yml"
    site.write_text(SITE.format(role=role, first=json.dumps(first), second=json.dumps(second)), encoding="utf-8")
    played = run(site, fleet.inventory, "-e", f"out={tmp_path}")
    assert played.code == 0, played.output
    assert played.output.count("changed: [host") >= 4
    (run_id,) = {path.read_text(encoding="utf-8") for path in tmp_path.glob("*.id")}
    undone = run("rollback", fleet.inventory, "-e", f"rdp_rollback_run={run_id}")
    assert undone.code == 0, undone.output
    assert without_journals(fleet.states()) == found

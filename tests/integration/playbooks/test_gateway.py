# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook gateway, as users run it, against a simulated fleet."""

from __future__ import annotations

import json
import shlex
import ssl

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.simulator.breakages.gateway import OTHER_PORT
from tests.support.states import without_journals

FLEET = shlex.split("""
    --hosts 4 --version host001=2019 --break host001=gateway_rap_resource
    --version host002=2022 --language host002=de --break host002=gateway_service_disabled
    --version host003=2016 --break host003=gateway_cap_disabled
    --version host004=2025 --trait host004=gateway_role
""")
WANTED = {
    "rdp_gateway_name": "gateway.corp.example",
    "rdp_gateway_user_group": r"CORP\Remote Users",
    "rdp_gateway_hosts": ["rdp01.corp.example", "rdp01", "10.20.0.31"],
    "rdp_gateway_udp": "off",
}
CHANGED = {
    "host001": ["gateway_resource_group", "gateway_resource_policy", "gateway_transport"],
    "host002": ["service_start_mode", "service_state", "gateway_transport"],
    "host003": ["gateway_connection_policy", "gateway_transport"],
    "host004": ["gateway_transport"],
}
SITE = """
- hosts: windows
  gather_facts: false
  roles:
    - role: winfleet.rdp.rdp_gateway
  post_tasks:
    - ansible.builtin.copy:
        content: "{{ rdp_gateway_result | to_json }}"
        dest: "{{ out }}/{{ inventory_hostname }}.json"
        mode: "0600"
      delegate_to: localhost
      check_mode: false
      changed_when: false
      vars:
        ansible_connection: local
"""


def test_the_whole_way(start_fleet, run, tmp_path):
    """Dry run, apply, apply again, roll back: what users of the gateway meet is put right, and nothing else."""
    fleet = start_fleet(*FLEET)
    found = without_journals(fleet.states())
    site = tmp_path / "site.yml"
    site.write_text(SITE, encoding="utf-8")
    run_id = {"rdp_gateway_run_id": "gateways-1"}

    def play(*options, **variables):
        given = json.dumps({**WANTED, **run_id, "out": str(tmp_path), **variables})
        played = run(site, fleet.inventory, "-e", given, *options)
        assert played.code == 0, played.output
        results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("host*.json")}
        return played.output, {
            name: [(c["kind"], c["after"]) for c in host["changes"]] for name, host in results.items()
        }

    said, planned = play("--check", "--diff")
    assert "10.20.0.31" in said
    assert without_journals(fleet.states()) == found
    assert fleet.count("writes") == 0

    _said, made = play()
    assert {name: [kind for kind, _after in changes] for name, changes in made.items()} == CHANGED
    assert made == planned

    writes = fleet.count("writes")
    _said, again = play()
    assert set(map(len, again.values())) == {0}
    assert fleet.count("writes") == writes

    back = run("rollback", fleet.inventory, "-e", "rdp_rollback_run=gateways-1")
    assert back.code == 0, back.output
    assert without_journals(fleet.states()) == found


def test_the_playbook_fails_hosts_without_the_role_and_says_what_a_certificate_lacks(start_fleet, run):
    fleet = start_fleet("--hosts", "2", "--trait", "host001=gateway_certificate_name")
    wanted = json.dumps({"rdp_gateway_name": "gateway.corp.example"})
    played = run("gateway", fleet.inventory, "-e", wanted)
    assert played.code == 2
    assert "it is not for the name gateway.corp.example" in played.output
    assert "this host has no RD Gateway role" in played.output
    assert fleet.count("writes") == 0


def test_the_playbook_tells_what_is_to_be_known(start_fleet, run):
    fleet = start_fleet("--hosts", "1", "--break", "host001=gateway_certificate_unbound")
    bound = run("gateway", fleet.inventory, "-e", "rdp_gateway_name=gateway.corp.example")
    assert bound.code == 0, bound.output
    assert "clients see the new certificate" in bound.output
    unnamed = run("gateway", fleet.inventory)
    assert "that the bound certificate bears (gateway.corp.example)" in unnamed.output
    again = run("gateway", fleet.inventory, "-e", "rdp_gateway_name=gateway.corp.example")
    assert "changed=0" in again.output
    assert "to know" not in again.output


def shown(fleet):
    """The name in the certificate that clients of the gateway see; empty where no handshake comes about."""
    (host,) = yaml.safe_load(fleet.inventory.read_text(encoding="utf-8"))["windows"]["hosts"].values()
    try:
        text = ssl.get_server_certificate((host["ansible_host"], OTHER_PORT), timeout=20)
    except OSError:
        return ""
    (name,) = x509.load_pem_x509_certificate(text.encode()).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return name.value


@pytest.mark.parametrize(
    ("live", "after"), [("at_once", "spare.corp.example"), ("after_restart", "gateway.corp.example")]
)
def test_clients_see_the_certificate_that_is_bound(start_fleet, run, live, after):
    """By a handshake on the gateway's own port. Where it serves only after a restart, the notes say so."""
    traits = ("--trait", "host001=gateway_spare_certificate", "--trait", "host001=gateway_other_port")
    fleet = start_fleet(
        "--hosts", "1", "--version", "host001=2022", *traits, "--switch", f"live_gateway_certificate={live}"
    )
    assert shown(fleet) == "gateway.corp.example"
    played = run("gateway", fleet.inventory, "-e", "rdp_gateway_name=spare.corp.example")
    assert played.code == 0, played.output
    assert "clients see the new certificate at the latest once TSGateway starts again" in played.output
    assert shown(fleet) == after
    back = run("rollback", fleet.inventory)
    assert back.code == 0, back.output
    assert shown(fleet) == "gateway.corp.example"


def test_clients_get_a_certificate_where_none_was_bound(start_fleet, run):
    planted = ("--break", "host001=gateway_certificate_unbound", "--trait", "host001=gateway_other_port")
    fleet = start_fleet("--hosts", "1", "--version", "host001=2019", *planted)
    assert shown(fleet) == ""
    played = run("gateway", fleet.inventory, "-e", "rdp_gateway_name=gateway.corp.example")
    assert played.code == 0, played.output
    assert shown(fleet) == "gateway.corp.example"

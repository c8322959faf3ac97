# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook gateway, as users run it, against a simulated fleet."""

from __future__ import annotations

import json
import ssl

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.simulator.breakages.gateway import OTHER_PORT


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

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook client, as users run it, against a simulated fleet."""

from __future__ import annotations


def test_the_whole_way(start_fleet, run):
    """Dry run, apply, apply again, roll back."""
    fleet = start_fleet("--hosts", "1", "--version", "host001=11", "--trait", "host001=dns_cache_stale")
    found = fleet.states()
    options = ("-e", '{"rdp_client_udp": "off", "rdp_client_names": ["localhost"]}')
    check = run("client", fleet.inventory, "--check", "--diff", *options)
    assert check.code == 0, check.output
    assert "DisableUDPTransport" in check.output
    assert fleet.states() == found

    made = run("client", fleet.inventory, *options)
    assert made.code == 0, made.output
    assert "changed=1" in made.output
    writes = fleet.count("writes")
    again = run("client", fleet.inventory, *options)
    assert "changed=0" in again.output
    assert fleet.count("writes") == writes

    undone = run("rollback", fleet.inventory)
    assert undone.code == 0, undone.output
    (state,) = fleet.states().values()
    assert "DisableUDPTransport" not in {name for key in state["registry"].values() for name in key["values"]}

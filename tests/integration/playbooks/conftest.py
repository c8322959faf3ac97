# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fleets and playbooks for the tests of this directory."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import yaml

from tests.running import play, running_fleet


@pytest.fixture
def start_fleet(tmp_path):
    """Start fleets that end with the test: ``start_fleet("--hosts", "2")``."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running_fleet(tmp_path, "--max-seconds", "1800", *options))


@pytest.fixture(scope="module")
def broken_pair(tmp_path_factory):
    """Two hosts for tests that change nothing: host001 is closed by its firewall, host002 is switched off."""
    options = ("--hosts", "2", "--break", "host001=firewall_rule_disabled", "--break", "host002=rdp_denied")
    with running_fleet(tmp_path_factory.mktemp("pair"), "--max-seconds", "1800", *options) as fleet:
        yield fleet
        assert fleet.count("writes") == 0


@pytest.fixture
def run():
    """Run a playbook on an inventory: ``run("diagnose", inventory, "--check")``; a path is played as it is."""

    def run_playbook(playbook, inventory, *options, **environment):
        name = str(playbook) if str(playbook).endswith(".yml") else f"winfleet.rdp.{playbook}"
        return play(name, inventory, *options, environment={"COLUMNS": "160", **environment})

    return run_playbook


@pytest.fixture
def with_hosts(tmp_path):
    """Write an inventory with further hosts or variables for those that it has."""

    def extend(inventory, hosts):
        content = yaml.safe_load(inventory.read_text(encoding="utf-8"))
        for name, variables in hosts.items():
            content["windows"]["hosts"][name] = {**content["windows"]["hosts"].get(name, {}), **variables}
        path = tmp_path / "extended.yml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return extend

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules run by Ansible itself, through pytest-ansible, against a simulated fleet. It is known in this file alone."""

from __future__ import annotations

import functools
import importlib
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from pytest_ansible.errors import AnsibleConnectionFailure

from tests.running import RunningFleet, running_fleet
from tests.support.returned import undocumented

Result = dict[str, t.Any]
RunModule = Callable[..., Result]

ANY = ("changed", "_ansible_no_log")
"""What the result of any module has."""

BROKEN = {
    "host001": "rdp_denied",
    "host002": "firewall_rule_disabled",
    "host003": "security_layer_rdp",
    "host004": "rdp_denied_by_policy",
}


@pytest.fixture(scope="module", params=[("winrm", "ntlm"), ("psrp", "basic")], ids=["winrm", "psrp"])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """Eight hosts, four of them broken; over each connection plugin that carries the channel."""
    connection, auth = request.param
    options = [f"--break={host}={cause}" for host, cause in BROKEN.items()]
    directory = tmp_path_factory.mktemp("fleet")
    https = ["--https"] if auth == "basic" else []
    with running_fleet(directory, "--hosts=8", *options, f"--connection={connection}", f"--auth={auth}", *https) as up:
        yield up


@pytest.fixture
def run_alone(ansible_adhoc: t.Any) -> RunModule:
    """Run a module on a host of an inventory: C(run_alone("host001", "host_info", inventory, areas=[...]))."""

    def run(host: str, module: str, inventory: Path, **options: t.Any) -> Result:
        dispatcher = ansible_adhoc(inventory=str(inventory))[host]
        try:
            contacted = getattr(dispatcher, f"winfleet.rdp.{module}")(**options).contacted
        except AnsibleConnectionFailure as failure:
            return {"unreachable": True, **failure.dark[host]}
        result = t.cast(Result, contacted[host])
        if not result.get("failed"):
            told = {name: value for name, value in result.items() if name not in ANY}
            assert list(undocumented(documented(module), told)) == []
        return result

    return run


@functools.lru_cache
def documented(module: str) -> t.Mapping[str, t.Any]:
    source = importlib.import_module(f"ansible_collections.winfleet.rdp.plugins.modules.{module}")
    return t.cast(Result, yaml.safe_load(source.RETURN))


@pytest.fixture
def run_module(run_alone: RunModule, fleet: RunningFleet) -> RunModule:
    """Run a module on a host of the fleet, or of another inventory."""

    def run(host: str, module: str, inventory: Path = fleet.inventory, **options: t.Any) -> Result:
        return run_alone(host, module, inventory, **options)

    return run

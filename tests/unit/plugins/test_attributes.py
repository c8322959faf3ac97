# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules' attributes claim, shown by their actions: check mode, differences, a second run, and the keywords.

The actions run as Ansible runs them, on simulated hosts in this process.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import MagicMock, patch

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _action
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate

from tests.simulator.host import SimulatedHost
from tests.support.cases import CASES, Case
from tests.support.in_process import connect, job, prober, settings_state

from .test_documentation import ACTIONS, documentation

Result = dict[str, t.Any]

WORK: t.Mapping[str, Case] = {
    **{name: cases[0] for name, cases in CASES.items()},
    "remediate": Case(("rdp_denied", "firewall_rule_disabled")),
    "rollback": Case(("rdp_denied",)),
    "host_info": Case(("rdp_denied",)),
    "diagnosis_info": Case(("rdp_denied",)),
    "selftest": Case((), {"write_half": True}),
    "report": Case((), {"variable": "found", "hosts": ["host001"], "console": False}),
    "port_forward_info": Case((), {"source": ["203.0.113.0/24"], "address": "192.168.1.10"}),
}
"""A host for each module, on which the ones that change hosts have something to do."""

REPAIRED = {"rollback"}
"""Modules whose host has been repaired before."""


def claims(name: str) -> dict[str, str]:
    return {attribute: entry["support"] for attribute, entry in documentation(name)["attributes"].items()}


def claiming(attribute: str, *supports: str) -> list[str]:
    return [name for name in ACTIONS if claims(name)[attribute] in supports]


def plugin(name: str) -> t.Any:
    return importlib.import_module(f"ansible_collections.winfleet.rdp.plugins.action.{name}").ActionModule


def host(name: str) -> SimulatedHost:
    simulated = WORK[name].build()
    if name in REPAIRED:
        at_work = job(simulated)
        remediate(at_work, examine(at_work.host, at_work.prober, 600), Limits())
    return simulated


@contextmanager
def in_process(simulated: SimulatedHost, check: bool) -> Iterator[None]:
    """The action's host is a simulated one, and so is what its probe sees."""
    with (
        patch.object(_action, "open_channel"),
        patch.object(_action, "Host", lambda *_given, **_how: connect(simulated, check=check)),
        patch.object(_action.RdpAction, "rdp_prober", lambda *_given: prober(simulated)),
    ):
        yield


def run(name: str, simulated: SimulatedHost, check: bool = False, seconds: int = 0) -> Result:
    task = MagicMock(args=dict(WORK[name].options), async_val=seconds, check_mode=check, diff=True, environment=None)
    made = plugin(name)(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    made._load_name = f"winfleet.rdp.{name}"
    known = MagicMock()
    known.raw_get.return_value = {"found": {"verdict": "healthy", "findings": [], "changed": False}}
    known.__contains__.return_value = True
    with in_process(simulated, check):
        found = made.run(task_vars={"inventory_hostname": "host001", "hostvars": known})
    return t.cast(Result, found)


def test_every_module_is_put_to_work() -> None:
    assert set(WORK) == set(ACTIONS)


@pytest.mark.parametrize("name", claiming("check_mode", "full"))
def test_check_mode_changes_nothing_and_says_what_a_run_does(name: str) -> None:
    simulated = host(name)
    before = simulated.state_json()
    writes = simulated.counters.writes
    foretold = run(name, simulated, check=True)
    assert simulated.state_json() == before
    assert simulated.counters.writes == writes
    assert not foretold.get("failed"), foretold
    real = run(name, simulated)
    assert not real.get("failed"), real
    assert foretold["changed"] is real["changed"] is (name in claiming("diff_mode", "full"))


@pytest.mark.parametrize("name", claiming("diff_mode", "full"))
def test_differences_are_told_and_are_those_of_a_run(name: str) -> None:
    simulated = host(name)
    foretold, real = run(name, simulated, check=True)["diff"], run(name, simulated)["diff"]
    assert real
    assert foretold == real


@pytest.mark.parametrize("name", claiming("diff_mode", "none", "N/A"))
def test_no_differences_are_told_where_none_are_claimed(name: str) -> None:
    assert "diff" not in run(name, host(name))


@pytest.mark.parametrize("name", claiming("idempotent", "full"))
def test_a_second_run_changes_nothing(name: str) -> None:
    simulated = host(name)
    run(name, simulated)
    before = settings_state(simulated)
    assert run(name, simulated)["changed"] is False
    assert settings_state(simulated) == before


@pytest.mark.parametrize("name", claiming("async", "none"))
def test_a_task_in_the_background_is_refused(name: str) -> None:
    simulated = host(name)
    with pytest.raises(AnsibleActionFail, match="async"):
        run(name, simulated, seconds=30)


@pytest.mark.parametrize("name", ACTIONS)
def test_what_uses_the_connection_says_so(name: str) -> None:
    """That channel refuses become (test_channel.py); what has none has nobody to become."""
    needs = plugin(name)._requires_connection
    assert (claims(name)["connection"], claims(name)["become"]) == (("full", "none") if needs else ("N/A", "N/A"))
    assert claims(name)["bypass_host_loop"] == ("full" if plugin(name).BYPASS_HOST_LOOP else "none")

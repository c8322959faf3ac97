# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UDP on and off: whenever it takes effect, under policy, and what a silent path leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.transport import REMEDY

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import POLICY
from tests.simulator.windows.listener import LISTENER
from tests.support.in_process import job

TCP_ONLY = {"mode": "tcp_only", "remove_orphaned_policy": False}
BOTH = {"mode": "tcp_and_udp", "remove_orphaned_policy": False}


@pytest.mark.parametrize("live", ["at_once", "after_restart"])
def test_udp_is_off_afterwards_and_a_restart_is_made_only_where_it_takes_one(live: str) -> None:
    simulated = SimulatedHost.build("2022", switches={"live_transport": live})
    _plan, done = fix(job(simulated), REMEDY, TCP_ONLY)
    assert not simulated.windows.listener.udp_enabled()
    assert [change.kind for change in done.changes] == ["registry", *["restart"] * (live == "after_restart")]
    assert "proves neither way" in done.notes[0]


@pytest.mark.parametrize("number", [0, 2])
def test_a_host_that_allows_udp_in_either_word_is_left_alone(number: int) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(LISTENER, "SelectTransport", number)
    plan, _done = fix(job(simulated), REMEDY, BOTH)
    assert plan.changes == ()


def test_udp_is_proved_by_an_answer() -> None:
    simulated = SimulatedHost.build("2022", traits=["tcp_only"])
    _plan, done = fix(job(simulated), REMEDY, BOTH)
    assert done.proof is not None
    assert done.proof["udp"]["verdict"] == "answers"
    assert done.notes == []


def test_policy_is_not_written_under() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(POLICY, "SelectTransport", 0)
    plan, done = fix(job(simulated), REMEDY, TCP_ONLY)
    assert [(held.state, held.value, held.wanted) for held in plan.held] == [("policy_orphaned", 0, 1)]
    assert done.changes == []


def test_silence_over_udp_is_a_hint_and_changes_nothing_by_itself() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.firewall.change("RemoteDesktop-UserMode-In-UDP", enabled=False)
    doing = job(simulated)
    standing = examine(doing.host, replace(doing.prober, udp=True), 600)
    (finding,) = (found for found in standing.findings if found.id == "udp_path_silent")
    assert (finding.relation, finding.confidence, finding.remedies) == ("contributing", "low", ("transport",))
    assert standing.healthy
    assert foresee(standing, Limits()).changes == []

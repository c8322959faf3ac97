# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What else happens on a host while a run goes on: another run, a roll-back, a lease's end, a person, a policy.

It happens as a whole before one message of the run, for messages all along it. ``WINFLEET_EVERY=1`` takes all of them.
"""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import pytest

from tests.faults.edge import Result
from tests.faults.grid import clean, prepared, roll_back, run, stored
from tests.faults.kinds import Line
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.simulator.breakages.base import by_policy
from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import LISTENER, POLICY
from tests.simulator.windows.system import Windows
from tests.support.in_process import settings_state
from tests.support.meter import kind, subject

EVERY = int(os.environ.get("WINFLEET_EVERY", "11"))
WHY = re.compile(r"another run writes on this host|run's right to write|somebody changed it|policy", re.IGNORECASE)
SESSIONS = Scenario("sessions", "connection_limit", {"sessions": 25})
WRITER = r"HKLM\SOFTWARE\winfleet.rdp\writer "


class Meeting(Line):
    """A line on which something else happens before message number ``number``."""

    def __init__(self, simulated: SimulatedHost, number: int, other: Callable[[], object]) -> None:
        super().__init__(simulated)
        self.number, self.other = number, other

    def send(self, body: bytes) -> bytes:
        if self.sent + 1 == self.number:
            self.other()
        return super().send(body)


def moments(scenario: Scenario) -> Iterable[int]:
    """The messages before which something else happens."""
    return range(1, len(clean(scenario).operations) + 1, EVERY)


def told(result: Result) -> bool:
    """Whether a run did its work, or said why it stopped."""
    return "failed" not in result or WHY.search(result["msg"]) is not None


def nothing_left(simulated: SimulatedHost) -> None:
    volatile = simulated.volatile()
    assert (volatile["open_shells"], volatile["open_enumerations"]) == (0, 0)
    registry = t.cast(dict[str, t.Any], simulated.state()["registry"])
    assert not [key for key in registry if key.upper().startswith(WRITER.upper())]


def _join(scenario: Scenario, simulated: SimulatedHost, results: list[Result]) -> None:
    """The other controller comes in between, and keeps its result."""
    results.append(run(scenario, simulated, Line(simulated), "other"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("remote_desktop", "remote_desktop"),
        ("remote_desktop", "security_layer encryption"),
        ("remediate rdp_denied", "firewall"),
        ("nla", "nla"),
        ("transport", "rollback"),
        ("rollback of transport", "transport"),
        ("rollback of firewall", "rollback"),
    ],
)
def test_two_controllers_lose_nothing_and_the_later_one_says_why_it_stopped(one: str, other: str) -> None:
    first = SCENARIOS[one]
    second = SCENARIOS.get(other) or Scenario("rollback", "rollback", {"run": "all"})
    for number in moments(first):
        simulated, original = prepared(first)
        results: list[Result] = []
        meet = partial(_join, second, simulated, results)
        results.append(run(first, simulated, Meeting(simulated, number, meet), "run-1"))
        assert all(map(told, results)), [result.get("msg") for result in results]
        assert not all("failed" in result for result in results), [result.get("msg") for result in results]
        nothing_left(simulated)
        for scenario, run_id in ((second, "again-2"), (first, "again-1")):
            assert "failed" not in run(scenario, simulated, Line(simulated), run_id)
        result = roll_back(simulated)
        assert not result["left"], (number, result["left"])
        assert not result["drifted"], (number, result["drifted"])
        assert stored(simulated) == original, f"before message {number}"


@pytest.mark.parametrize(
    "task",
    [
        SCENARIOS["security_layer encryption"],
        SCENARIOS["remediate healthy"],
        Scenario("strengthen", "nla", {"state": "required"}),
        Scenario("rollback", "rollback", {"run": "all"}),
    ],
    ids=lambda task: task.name,
)
def test_the_end_of_a_lease_during_a_run_is_neither_lost_nor_undone(task: Scenario) -> None:
    task = replace(task, first=(SCENARIOS["nla"],))
    for number in moments(task):
        simulated, original = prepared(task)

        def end(simulated: SimulatedHost = simulated) -> None:
            simulated.clock.advance(2 * 3600 + 60)

        result = run(task, simulated, Meeting(simulated, number, end), "run-2")
        assert told(result), result["msg"]
        assert simulated.windows.registry.dword(LISTENER, "UserAuthentication") == 1
        assert simulated.state()["tasks"] == {}
        if "failed" in result:
            assert "failed" not in run(task, simulated, Line(simulated), "run-3")
        assert not roll_back(simulated)["left"]
        assert stored(simulated) == original


def test_what_a_person_sets_during_a_run_survives_but_in_the_moment_between_look_and_write() -> None:
    names = [(kind(body), subject(body)) for body in clean(SESSIONS).operations]
    item = f"{LISTENER.partition(chr(92))[2]}\\MaxInstanceCount"
    written = next(at for at, (call, about) in enumerate(names, 1) if about == item and "SetDWORD" in call)
    looked = max(at for at, (_call, about) in enumerate(names, 1) if about == item and at < written)
    for number in range(1, len(names) + 1):
        simulated, _original = prepared(SESSIONS)

        def set_by_hand(simulated: SimulatedHost = simulated) -> None:
            simulated.windows.registry.put_dword(LISTENER, "MaxInstanceCount", 7)

        result = run(SESSIONS, simulated, Meeting(simulated, number, set_by_hand), "run-1")
        assert told(result), result["msg"]
        roll_back(simulated)
        survives = simulated.windows.registry.dword(LISTENER, "MaxInstanceCount") == 7
        assert survives is not (looked < number <= written), f"before message {number}"


def test_a_policy_that_arrives_during_a_run_is_never_written_under_and_stays() -> None:
    task = SCENARIOS["remediate rdp_denied"]
    for number in moments(task):
        simulated, _original = prepared(task)
        deny = by_policy("Deny Remote Desktop", "fDenyTSConnections", 1)
        deny(simulated.windows)
        simulated.windows.policy.unlink("Deny Remote Desktop")
        before = settings_state(simulated)

        def refresh(simulated: SimulatedHost = simulated, deny: Callable[[Windows], object] = deny) -> None:
            deny(simulated.windows)

        result = run(task, simulated, Meeting(simulated, number, refresh), "run-1")
        assert told(result), result["msg"]
        assert simulated.windows.registry.dword(POLICY, "fDenyTSConnections") == 1
        later = run(task, simulated, Line(simulated), "run-2")
        assert later["verdict"] == "policy_held"
        assert [held["setting"] for held in later["policy_held"]] == ["deny_connections"]
        assert not roll_back(simulated)["left"]
        simulated.windows.policy.unlink("Deny Remote Desktop")
        assert settings_state(simulated) == before

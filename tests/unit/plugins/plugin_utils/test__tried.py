# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A step that a run took back: the next one leaves it, until something may have changed."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits, Turns, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.facts import Evidence
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._tried import Attempts

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job, settings_state

WITHOUT_KEYS = Limits(frozenset(REMEDIES) - {"machine_keys"})
FRONT = ("negotiation_disabled", "security_layer_rdp")
BEHIND = ("key_unreadable", "key_denied", "store_acl")
MOMENTS = ("at_once", "after_restart")


def loop(simulated: SimulatedHost, run_id: str, limits: Limits = WITHOUT_KEYS, **how: t.Any) -> Course:
    doing = job(simulated, run_id, **how)
    course = remediate(doing, examine(doing.host, doing.prober, 600), limits)
    assert course.changes == doing.made
    return course


def foretold(simulated: SimulatedHost, limits: Limits = WITHOUT_KEYS) -> Course:
    looking = job(simulated, check=True)
    return foresee(examine(looking.host, looking.prober, 600), limits, Attempts(looking, limits.told).spared)


def notes(simulated: SimulatedHost) -> list[str]:
    return [name for name in connect(simulated).registry.keys(ROOT) or [] if name.startswith("step ")]


def left(course: Course) -> bool:
    """Whether a step was left as an earlier run had taken it back."""
    return any("took it back, as its result says" in refusal.message for refusal in course.refused)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("front", FRONT)
def test_what_a_run_took_back_the_next_one_leaves(front: str, behind: str, moment: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[front, behind], switches={"live_security": moment})
    before = settings_state(simulated)
    assert foretold(simulated).changes
    first = loop(simulated, "run-1")
    assert [(step.cause, step.kept) for step in first.steps] == [(front, False)]
    kept, writes = simulated.state(), simulated.counters.writes
    foreseen, second = foretold(simulated), loop(simulated, "run-2")
    for told in (foreseen, second):
        assert (told.verdict, told.steps, told.changes) == ("unresolved", [], [])
        assert left(told)
    assert (simulated.state(), simulated.counters.writes) == (kept, writes)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("front", FRONT)
def test_where_nobody_could_authenticate_a_layer_is_tried_once(front: str, moment: str) -> None:
    simulated = SimulatedHost.build(
        "2022", breakages=[front], traits=["ntlm_denied"], switches={"live_security": moment}
    )
    assert [step.kept for step in loop(simulated, "run-1", Limits()).steps] == [False]
    kept = simulated.state()
    assert left(loop(simulated, "run-2", Limits()))
    assert simulated.state() == kept


@pytest.mark.parametrize("tied", ["certificate_weak", "certificate_wrong_usage"])
def test_a_certificate_that_is_tied_again_is_seen_to_serve_and_leaves_the_next_run_nothing(tied: str) -> None:
    simulated = SimulatedHost.build("2019", breakages=["key_missing", tied])
    assert [step.kept for step in loop(simulated, "run-1", restart="never").steps] == [False]
    kept, writes = simulated.state(), simulated.counters.writes
    assert left(loop(simulated, "run-2", restart="never"))
    assert (simulated.state(), simulated.counters.writes) == (kept, writes)


LEAVING = [
    ("2016", ["folder_acl", "certificate_wrong_usage"], {"live_pin": "after_restart"}, "renewal"),
    ("2019", ["security_layer_rdp", "negotiation_disabled"], {"live_security": "after_restart"}, "registry"),
]


@pytest.mark.parametrize(("version", "planted", "switches", "stands"), LEAVING)
def test_what_failed_and_left_something_is_tried_with_that_in_the_same_run(
    version: str, planted: list[str], switches: dict[str, str], stands: str
) -> None:
    """A renewal has no undo, and negotiation helps alone; the rest was put back for want of a restart."""
    simulated = SimulatedHost.build(version, breakages=planted, switches=switches)
    first = loop(simulated, "run-1", Limits(), restart="never")
    assert [change.kind for change in first.changes] == [stands]
    assert [step.kept for step in first.steps] == [stands == "registry", False]
    assert (len(first.refused), len(notes(simulated))) == (1, 1)
    kept = simulated.state()
    assert left(loop(simulated, "run-2", Limits(), restart="never"))
    assert simulated.state() == kept


def test_what_was_taken_back_has_two_more_turns_once_more_stands() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_missing"])
    standing, turns = examine(connect(simulated), job(simulated).prober, 600), Turns()
    first = turns.next(standing, Limits())
    assert first is not None
    turns.failed(first, 1)
    assert not turns.again(1)
    for stands in (2, 3):
        assert turns.again(stands)
        assert turns.next(standing, Limits()) == first
        assert not turns.again(stands)
        turns.failed(first, stands)
    assert not turns.again(4)


def test_a_cause_whose_cure_waits_has_no_other_turn_unless_it_shows_where_it_did_not() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_missing"])
    standing, turns = examine(connect(simulated), job(simulated).prober, 600), Turns()
    first = turns.next(standing, Limits())
    assert first is not None
    turns.end(first.finding, standing)
    assert turns.next(standing, Limits()) is None
    other = replace(first.finding, evidence=(Evidence("private key of another certificate", "absent", "its folder"),))
    elsewhere = replace(standing, findings=(other,))
    turns.end(first.finding, elsewhere)
    assert turns.next(elsewhere, Limits()) == replace(first, finding=other)
    turns.end(other, standing)
    assert turns.next(standing, Limits()) is None


def test_what_ends_as_the_listener_shows_it_leaves_the_next_run_nothing_to_look_for() -> None:
    """Another number was set right before, so the answers are not those of before all steps."""
    planted = ["machine_guid_changed", "nla_value_invalid", "security_layer_rdp"]
    simulated, limits = SimulatedHost.build("10", breakages=planted), Limits(frozenset({"nla", "security_layer"}))
    assert [step.kept for step in loop(simulated, "run-1", limits).steps] == [True, False]
    kept, writes = simulated.state(), simulated.counters.writes
    assert left(loop(simulated, "run-2", limits))
    assert (simulated.state(), simulated.counters.writes) == (kept, writes)


def _other_options(_simulated: SimulatedHost) -> None:
    """Nothing happens on the host; the run may do more."""


def _booted(simulated: SimulatedHost) -> None:
    simulated.clock.advance(60)
    simulated.windows.reboot()
    simulated.clock.advance(600)


def _restarted(simulated: SimulatedHost) -> None:
    simulated.clock.advance(60)
    simulated.windows.services.force_stopped("TermService")
    simulated.windows.services.force_running("TermService")
    simulated.clock.advance(60)


def _a_week_later(simulated: SimulatedHost) -> None:
    simulated.clock.advance(7 * 24 * 3600 + 60)


@pytest.mark.parametrize(
    ("happens", "limits", "how", "cured"),
    [
        (_other_options, Limits(), {}, True),
        (_other_options, Limits(WITHOUT_KEYS.remedies, "high"), {}, False),
        (_other_options, WITHOUT_KEYS, {"restart": "always"}, False),
        (_other_options, WITHOUT_KEYS, {"allow_reboot": True}, False),
        (_booted, WITHOUT_KEYS, {}, False),
        (_restarted, WITHOUT_KEYS, {}, False),
        (_a_week_later, WITHOUT_KEYS, {}, False),
    ],
)
def test_a_step_is_tried_again_once_something_may_have_changed(
    happens: Callable[[SimulatedHost], None], limits: Limits, how: dict[str, t.Any], cured: bool
) -> None:
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled", "key_unreadable"])
    loop(simulated, "run-1")
    happens(simulated)
    course = loop(simulated, "run-2", limits, **how)
    assert [step.kept for step in course.steps] == ([True, True] if cured else [False])
    assert not left(course)


def test_a_note_that_counts_no_more_goes_when_another_is_written() -> None:
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled", "key_unreadable"])
    loop(simulated, "run-1")
    first = notes(simulated)
    _a_week_later(simulated)
    loop(simulated, "run-2")
    second = notes(simulated)
    assert len(first) == len(second) == 1
    assert first != second


@pytest.mark.parametrize("name", ["step 0 taken back", f"step {'0' * 32} taken back at 99999999T999999Z"])
def test_what_is_no_note_or_tells_no_time_is_none(name: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled"])
    connect(simulated).registry.create_key(rf"{ROOT}\{name}")
    assert loop(simulated, "run-1").verdict == "repaired"


@pytest.mark.parametrize("front", FRONT)
def test_a_step_that_sessions_hindered_is_tried_again_once_they_are_gone(front: str) -> None:
    simulated = SimulatedHost.build(
        "2022", breakages=[front], traits=["many_sessions"], switches={"live_security": "after_restart"}
    )
    assert [step.kept for step in loop(simulated, "run-1").steps] == [False]
    kept = simulated.state()
    assert loop(simulated, "run-2").changes == []
    assert simulated.state() == kept
    simulated.windows.sessions.log_off_all()
    assert loop(simulated, "run-3").verdict == "repaired"


def test_a_step_that_is_taken_back_after_all_others_is_left_by_the_next_run() -> None:
    planted = ["negotiation_disabled", "key_unreadable", "drain_mode"]
    simulated = SimulatedHost.build("2022", breakages=planted)
    first = loop(simulated, "run-1")
    assert {step.cause: step.kept for step in first.steps} == {"negotiation_disabled": False, "drain_mode": True}
    kept = simulated.state()
    assert left(loop(simulated, "run-2"))
    assert simulated.state() == kept


def test_a_step_beside_one_that_waits_for_a_restart_is_tried_after_it() -> None:
    planted = ["listener_disabled", "security_layer_rdp"]
    simulated = SimulatedHost.build("2022", breakages=planted)
    first = loop(simulated, "run-1", Limits(), restart="never")
    assert [(step.cause, step.kept) for step in first.steps] == [(planted[0], True), (planted[1], False)]
    _restarted(simulated)
    assert loop(simulated, "run-2", Limits(), restart="never").verdict == "repaired"

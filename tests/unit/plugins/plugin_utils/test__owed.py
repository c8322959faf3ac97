# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is due since an earlier run is told by every later one until the host has done it, and by none after that."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _owed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.host import boot_time
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._owed import REASONS, due, owe_reboot, owe_restart, tidy
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._result import diagnosed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job

LATE = "tls_server_disabled"
"""A breakage whose repair is read when Windows starts."""


AWAY, SOON = 300, 50
"""Seconds after which a host is surely back from a reboot, and after which it is hardly so."""


def start_again(simulated: SimulatedHost) -> None:
    """Reboot as somebody does it who sits before the host, and wait until it is back."""
    simulated.windows.reboot()
    simulated.clock.advance(AWAY)


def notes(simulated: SimulatedHost) -> list[str]:
    """The notes on a host, as anybody sees them there."""
    registry = t.cast(t.Mapping[str, t.Any], simulated.state()["registry"])
    keys = [key.rpartition("\\")[2] for key in registry if key.lower().startswith(f"{ROOT}\\".lower())]
    return [key for key in keys if " owed since " in key]


def module(simulated: SimulatedHost, name: str, run_id: str, check: bool = False, **given: t.Any) -> Done:
    """Run a fix module; what is no option of the module is one of the job."""
    remedy = REMEDIES[name]
    own = {option: value for option, value in given.items() if option in remedy.options}
    shared = {option: value for option, value in given.items() if option not in own}
    return fix(job(simulated, run_id, check, **shared), remedy, {**defaults(remedy.options), **own})[1]


def loop(simulated: SimulatedHost, run_id: str, check: bool = False, **shared: t.Any) -> Course:
    """Run the loop."""
    task = job(simulated, run_id, check, **shared)
    standing = examine(task.host, task.prober, 600)
    return foresee(standing, Limits()) if check else remediate(task, standing, Limits())


def test_a_reboot_that_was_not_made_is_due_until_the_host_has_started() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    assert "allow_reboot" in module(simulated, "schannel", "run-1").waiting["reboot"]
    for run_id, check in (("run-2", False), ("run-3", True), ("run-4", False)):
        done = module(simulated, "schannel", run_id, check)
        assert done.changes == []
        assert done.waiting["reboot"].startswith(REASONS["reboot"])
    start_again(simulated)
    assert module(simulated, "schannel", "run-5").waiting == {}
    assert module(simulated, "schannel", "run-6", check=True).waiting == {}


def set_forward(simulated: SimulatedHost, **by: float) -> None:
    """Set the clock, which moves the time of the last start as well."""
    simulated.clock.set(simulated.clock.now() + timedelta(**by))


def test_a_clock_that_is_set_makes_no_reboot_look_done_or_undone() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    module(simulated, "schannel", "run-1")
    started = boot_time(connect(simulated).cim)
    set_forward(simulated, days=30)
    assert boot_time(connect(simulated).cim) == started + timedelta(days=30)
    assert due(connect(simulated)) == ("reboot",)
    start_again(simulated)
    assert due(connect(simulated)) == ()


def test_a_clock_that_is_set_back_before_a_reboot_does_not_hide_it() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    module(simulated, "schannel", "run-1")
    set_forward(simulated, days=-1)
    assert due(connect(simulated)) == ("reboot",)
    start_again(simulated)
    assert due(connect(simulated)) == ()


def test_without_a_process_to_tell_the_boot_by_a_reboot_is_told_by_the_clock_alone() -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    host.registry.create_key(rf"{ROOT}\reboot owed since {host.now():%Y%m%dT%H%M%SZ}")
    assert due(host) == ("reboot",)
    start_again(simulated)
    assert due(connect(simulated)) == ()


def test_a_later_run_that_may_reboots_the_host_and_nothing_is_due_after_it() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    module(simulated, "schannel", "run-1")
    booted = simulated.windows.booted
    done = module(simulated, "schannel", "run-2", allow_reboot=True)
    assert simulated.windows.booted > booted
    assert ([change.kind for change in done.changes], done.waiting) == (["reboot"], {})
    assert done.proof is not None
    assert done.proof["passed"]
    assert due(connect(simulated)) == ()


def test_the_loop_tells_and_foretells_a_reboot_and_tries_nothing_else_meanwhile() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    assert loop(simulated, "run-1").verdict == "needs_reboot"
    written = simulated.counters.writes
    foreseen = loop(simulated, "run-2", check=True)
    assert (foreseen.verdict, foreseen.changes, list(foreseen.waiting)) == ("needs_reboot", [], ["reboot"])
    assert simulated.counters.writes == written
    again = loop(simulated, "run-3")
    assert (again.verdict, again.changes) == ("needs_reboot", [])
    assert again.waiting["reboot"].startswith(REASONS["reboot"])
    host = connect(simulated)
    told = diagnosed(examine(host, job(simulated).prober, 600))
    assert (told["verdict"], told["needs"]["reboot"]) == ("needs_reboot", True)
    start_again(simulated)
    last = loop(simulated, "run-4")
    assert (last.verdict, last.waiting) == ("healthy", {})


def test_the_loop_makes_up_for_a_reboot_where_it_may() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    loop(simulated, "run-1")
    course = loop(simulated, "run-2", allow_reboot=True)
    assert (course.verdict, [change.kind for change in course.changes]) == ("repaired", ["reboot"])
    assert course.after.observation.owed == ()


def test_a_host_whose_clock_hides_the_reboot_is_rebooted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE, "rdp_denied"])
    loop(simulated, "run-1")
    monkeypatch.setattr(_owed, "_is_void", lambda *_read: False)
    host = connect(simulated)
    host.registry.create_key(rf"{ROOT}\reboot owed since 20200101T000000Z")
    course = loop(simulated, "run-2", allow_reboot=True)
    assert [change.kind for change in course.changes].count("reboot") == 1


@pytest.fixture
def unlively() -> SimulatedHost:
    """A healthy host on which a run has changed what TermService reads at its start, and might not restart it."""
    simulated = SimulatedHost.build("2022")
    done = module(simulated, "connection_limit", "run-1", restart="never", pending=5000)
    assert "restart" in done.waiting
    return simulated


def test_check_mode_of_the_loop_foretells_the_restart_that_the_loop_then_makes(unlively: SimulatedHost) -> None:
    written, process = unlively.counters.writes, unlively.windows.services["TermService"].process_id
    foreseen = loop(unlively, "run-2", check=True)
    assert (foreseen.verdict, foreseen.waiting) == ("repairable", {"restart": REASONS["restart"]})
    assert unlively.counters.writes == written
    course = loop(unlively, "run-3")
    assert (course.verdict, [change.kind for change in course.changes]) == ("healthy", ["restart"])
    assert unlively.windows.services["TermService"].process_id != process
    after = loop(unlively, "run-4", check=True)
    assert (after.verdict, after.waiting) == ("healthy", {})


def test_a_loop_that_may_not_restart_says_so_every_time(unlively: SimulatedHost) -> None:
    for number in range(2):
        course = loop(unlively, f"again-{number}", restart="never")
        assert (course.verdict, list(course.waiting)) == ("needs_restart", ["restart"])


@pytest.mark.parametrize("event", ["restart", "reboot"])
def test_a_restart_that_somebody_else_made_is_due_no_longer(unlively: SimulatedHost, event: str) -> None:
    if event == "reboot":
        start_again(unlively)
    else:
        connect(unlively).shell.run("net stop TermService /y & net start TermService")
    course = loop(unlively, "run-2")
    assert (course.verdict, course.changes, course.waiting) == ("healthy", [], {})


def test_a_process_of_the_same_number_after_a_reboot_is_another_one(unlively: SimulatedHost) -> None:
    process = unlively.windows.services["TermService"].process_id
    start_again(unlively)
    unlively.windows.services["TermService"].process_id = process
    assert due(connect(unlively)) == ()


def test_a_change_soon_after_a_start_is_not_taken_for_one_before_it() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.reboot()
    simulated.clock.advance(SOON)
    host = connect(simulated)
    host.ensure_private()
    owe_reboot(host)
    assert due(connect(simulated)) == ("reboot",)
    start_again(simulated)
    assert due(connect(simulated)) == ()


def test_a_roll_back_makes_a_reboot_due_and_one_that_undoes_nothing_still_tells_it() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    module(simulated, "schannel", "run-1")
    start_again(simulated)
    assert "reboot" in rollback(job(simulated, "back-1"), "all", force=False).waiting
    again = rollback(job(simulated, "back-2"), "all", force=False)
    assert (again.undone, list(again.waiting)) == ([], ["reboot"])
    start_again(simulated)
    assert rollback(job(simulated, "back-3"), "all", force=False).waiting == {}


def test_void_notes_are_deleted_by_the_next_run_that_writes() -> None:
    simulated = SimulatedHost.build("2022", breakages=[LATE])
    module(simulated, "schannel", "run-1")
    assert len(notes(simulated)) == 1
    start_again(simulated)
    rollback(job(simulated, "back"), "all", force=False)
    assert len(notes(simulated)) == 1, "that of the roll-back alone"
    host = connect(simulated)
    start_again(simulated)
    assert due(host) == ()
    tidy(host)
    assert notes(simulated) == []


@pytest.mark.parametrize("name", ["reboot owed since 99999999T999999Z", "reboot owed since yesterday", "reboot owed"])
def test_a_key_that_is_no_note_makes_nothing_due(name: str) -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    host.ensure_private()
    host.registry.create_key(rf"{ROOT}\{name}")
    assert due(connect(simulated)) == ()


def test_a_service_that_does_not_run_owes_no_restart() -> None:
    simulated = SimulatedHost.build("2022", breakages=["termservice_stopped"])
    host = connect(simulated)
    host.ensure_private()
    owe_restart(host)
    assert notes(simulated) == []
    assert due(host) == ()


UNSETTLED: tuple[tuple[str, dict[str, t.Any], tuple[str, ...]], ...] = (
    ("nla", {"state": "required"}, ("nla_off_by_intent",)),
    ("transport", {"mode": "tcp_only"}, ()),
    ("remote_desktop", {"state": "disabled"}, ()),
)
"""What some hosts read only when TermService starts, as only the handshake tells."""


@pytest.mark.parametrize(("name", "given", "traits"), UNSETTLED, ids=[case[0] for case in UNSETTLED])
def test_a_restart_that_only_the_handshake_shows_to_be_due_is_told_until_it_is_made(
    name: str, given: dict[str, t.Any], traits: tuple[str, ...]
) -> None:
    late = dict.fromkeys(("live_deny", "live_security", "live_transport"), "after_restart")
    simulated = SimulatedHost.build("2022", traits=(*traits, "many_sessions"), switches=late)
    assert "would cut" in module(simulated, name, "run-1", **given).waiting["restart"]
    for run_id, check in (("run-2", False), ("run-3", True)):
        done = module(simulated, name, run_id, check, **given)
        assert (done.changes, list(done.waiting)) == ([], ["restart"])
    simulated.windows.sessions.log_off_all()
    assert [change.kind for change in module(simulated, name, "run-4", **given).changes] == ["restart"]
    last = module(simulated, name, "run-5", **given)
    assert (last.changes, last.waiting) == ([], {})
    assert due(connect(simulated)) == ()


def test_the_loop_makes_up_such_a_restart_too_once_nobody_is_there() -> None:
    simulated = SimulatedHost.build(
        "2022", breakages=["rdp_denied"], traits=["many_sessions"], switches={"live_deny": "after_restart"}
    )
    assert loop(simulated, "run-1").verdict == "needs_restart"
    assert loop(simulated, "run-2").verdict == "needs_restart"
    simulated.windows.sessions.log_off_all()
    assert [change.kind for change in loop(simulated, "run-3").changes] == ["restart"]
    assert simulated.probe_view()["tls"] == "ok"


def test_a_value_that_is_live_at_once_leaves_nothing_due() -> None:
    simulated = SimulatedHost.build("2022", traits=["nla_off_by_intent", "many_sessions"])
    assert module(simulated, "nla", "run-1", state="required").waiting == {}
    assert notes(simulated) == []

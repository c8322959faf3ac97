# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run cut off between a write and the look at what it made live: the next run makes it live, or says what hinders it.

Each module that writes what some hosts read at once and others only when TermService starts, on hosts of both kinds.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._live import UNTOLD
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._owed import due
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._result import diagnosed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._writer import HeldByAnother, announcements
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.host import SimulatedHost
from tests.simulator.switches import AFTER_RESTART, WHEN
from tests.simulator.windows.certificates import LISTENER, Request
from tests.support.cutting import Before, Cut, Cuts, cuts, losses, lost, writes_of
from tests.support.in_process import connect, job, prober

LATER = 3600
"""Seconds after which the right to write of a run that was cut off has expired."""


@dataclass(frozen=True)
class Outcome:
    """What a run changed, and what it says is still to be done."""

    changes: Sequence[Change]
    waiting: Mapping[str, str]


@dataclass(frozen=True)
class Task:
    """What a module is asked for, on which host."""

    module: str
    given: Mapping[str, t.Any] = field(default_factory=dict)
    breakages: Sequence[str] = ()
    traits: Sequence[str] = ()

    def host(self, live: str) -> SimulatedHost:
        switches = dict.fromkeys(("live_deny", "live_security", "live_transport"), live)
        return SimulatedHost.build("2022", breakages=self.breakages, traits=self.traits, switches=switches)

    def run(self, doing: Job) -> Outcome:
        if self.module == "remediate":
            standing = examine(doing.host, doing.prober, 600)
            course = foresee(standing, Limits()) if doing.check else remediate(doing, standing, Limits())
            return Outcome(course.changes, course.waiting)
        done = fix(doing, REMEDIES[self.module], self.options)[1]
        return Outcome(done.changes, done.waiting)

    @property
    def options(self) -> dict[str, t.Any]:
        return {**defaults(REMEDIES[self.module].options), **self.given}

    @property
    def name(self) -> str:
        return "-".join((self.module, *map(str, self.given.values()), *self.breakages, *self.traits))


LOOPS = tuple(
    Task("remediate", {}, planted)
    for planted in (
        ("rdp_denied",),
        ("rdp_denied", "firewall_rule_disabled"),
        ("security_layer_rdp",),
        ("negotiation_disabled",),
        ("nla_value_invalid",),
        ("encryption_level_invalid",),
    )
)

TASKS = (
    Task("nla", {}, ("nla_value_invalid",)),
    Task("nla", {}, (), ("nla_off_by_intent",)),
    Task("nla", {"state": "off", "lease": "12h"}),
    Task("security_layer", {"encryption": "high"}, ("security_layer_rdp",)),
    Task("security_layer", {}, ("negotiation_disabled",)),
    Task("security_layer", {"layer": "negotiate", "accept_permanent_weakening": True}),
    Task("transport", {"mode": "tcp_only"}),
    Task("transport", {"mode": "tcp_and_udp"}, (), ("tcp_only",)),
    Task("remote_desktop", {}, ("rdp_denied",)),
    Task("remote_desktop", {"state": "disabled", "drain": "on"}),
    *LOOPS,
)

CASES = [pytest.param(task, live, id=f"{task.name}-{live}") for task in TASKS for live in WHEN]


def test_each_module_that_writes_what_is_unsettled_is_cut_off() -> None:
    unsettled = {
        name for name, remedy in REMEDIES.items() if any(SETTINGS[s].effect == "unsettled" for s in remedy.settings)
    }
    assert {task.module for task in TASKS} == {*unsettled, "remediate"}


def stale(simulated: SimulatedHost) -> set[str]:
    """What connections meet and is stored otherwise."""
    live, stored = (asdict(found()) for found in (simulated.windows.listener.live, simulated.windows.listener.stored))
    return {name for name in stored if live[name] != stored[name]}


def doubtful(run: Callable[[SimulatedHost, Before], object], simulated: SimulatedHost) -> list[int]:
    """The messages of a run that write, from the one on that first writes what the listener is to act on."""
    first, original = [], simulated.windows.listener.stored()

    def watched(host: SimulatedHost, before: Before) -> None:
        def watch(number: int, body: bytes) -> None:
            before(number, body)
            if not first and host.windows.listener.stored() != original:
                first.append(number - 1)

        run(host, watch)

    writes = writes_of(watched, simulated)
    return [number for number in writes if number >= first[0]]


def cut_off(task: Task, live: str, ends: Cuts) -> t.Iterator[tuple[int, SimulatedHost]]:
    """The host after the task was cut off at each of its writes."""

    def once(simulated: SimulatedHost, before: Before) -> None:
        task.run(job(simulated, "run-1", before=before))

    for number, cut in ends(doubtful(once, task.host(live))):
        simulated = task.host(live)
        try:
            once(simulated, cut)
        except (Cut, TransportFailed, ProofMissing):
            yield number, simulated


def again(simulated: SimulatedHost, run: Callable[[Job], object], ends: Cuts) -> None:
    """Run again: at once where the first run could end, unless that was lost while it announced itself."""
    if ends is losses:
        with suppress(HeldByAnother):
            run(job(simulated, "again"))
            return
    simulated.clock.advance(LATER)
    run(job(simulated, "again"))


def running(simulated: SimulatedHost) -> int:
    """The process of TermService, which is another one after a restart."""
    return simulated.windows.services["TermService"].process_id


def announced(simulated: SimulatedHost) -> list[str]:
    """What runs have announced on a host and not taken away."""
    return announcements(connect(simulated).registry.keys(ROOT) or [])


@pytest.mark.parametrize("ends", [cuts, losses])
@pytest.mark.parametrize(("task", "live"), CASES)
def test_the_next_run_makes_live_what_one_that_was_cut_off_has_written(task: Task, live: str, ends: Cuts) -> None:
    whole = task.host(live)
    task.run(job(whole, "run-1"))
    unseen = stale(whole)
    assert announced(whole) == []
    assert task.run(job(whole, "run-2")) == Outcome([], {}), "nothing was cut off"
    assert stale(whole) == unseen
    for number, simulated in cut_off(task, live, ends):
        process = running(simulated)
        again(simulated, task.run, ends)
        assert stale(simulated) <= unseen, f"cut off at {number}"
        assert live == AFTER_RESTART or running(simulated) == process, f"restarted after a cut at {number}"
        assert ends is losses or announced(simulated) == [], f"cut off at {number}"
        assert task.run(job(simulated, "run-3")) == Outcome([], {}), f"cut off at {number}"


@pytest.mark.parametrize("hindered", ["never", "users"])
@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_what_is_hindered_is_told_by_each_run_until_it_is_done(task: Task, hindered: str) -> None:
    """A module that may not go on tells why instead."""
    whole = task.host("after_restart")
    task.run(job(whole, "run-1"))
    unseen, policy = stale(whole), "never" if hindered == "never" else "when_idle"
    for number, simulated in cut_off(task, "after_restart", cuts):
        simulated.clock.advance(LATER)
        if hindered == "users":
            simulated.windows.sessions.add("user01")
        for run_id in ("run-2", "run-3"):
            assert stale(simulated) <= unseen or hint(task, simulated, run_id, policy), f"cut off at {number}"
        simulated.windows.sessions.log_off_all()
        task.run(job(simulated, "run-4"))
        assert stale(simulated) <= unseen, f"cut off at {number}"


def hint(task: Task, simulated: SimulatedHost, run_id: str, policy: str) -> str:
    """What a run that may not restart says of the restart that is due."""
    check = task.run(job(simulated, run_id, check=True, restart=policy))
    try:
        told = task.run(job(simulated, run_id, restart=policy)).waiting.get("restart", "")
    except ProofMissing as error:
        told = str(error)
    return told if check.waiting.get("restart") or check.changes else ""


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_a_run_at_once_after_the_cut_says_that_another_may_still_work(task: Task) -> None:
    """Nobody but the run that was cut off knows that it is gone."""
    whole = task.host("after_restart")
    task.run(job(whole, "run-1"))
    unseen = stale(whole)
    for number, simulated in cut_off(task, "after_restart", cuts):
        try:
            task.run(job(simulated, "run-2"))
        except HeldByAnother:
            continue
        assert stale(simulated) <= unseen, f"cut off at {number}"


@pytest.mark.parametrize(("task", "live"), [case for case in CASES if case.values[0] not in LOOPS])
def test_a_roll_back_that_was_cut_off_is_made_live_by_the_next_one(task: Task, live: str) -> None:
    def changed() -> SimulatedHost:
        simulated = task.host(live)
        task.run(job(simulated, "run-1"))
        return simulated

    def back(simulated: SimulatedHost, before: Before) -> None:
        rollback(job(simulated, "back", before=before), "all", force=False)

    whole = changed()
    writes = doubtful(back, whole)
    unseen = stale(whole)
    for number, cut in cuts(writes):
        simulated = changed()
        process = running(simulated)
        with pytest.raises((Cut, TransportFailed)):
            back(simulated, cut)
        simulated.clock.advance(LATER)
        rollback(job(simulated, "back-2"), "all", force=False)
        assert stale(simulated) <= unseen, f"cut off at {number}"
        assert live == AFTER_RESTART or running(simulated) == process, f"restarted after a cut at {number}"


STALE = Task("transport", {"mode": "tcp_only"})


def changed_at_once(task: Task) -> SimulatedHost:
    """A host that made live at once what a run changed, and does so no more: no note tells that it takes a restart."""
    simulated = task.host("at_once")
    task.run(job(simulated, "run-1"))
    simulated.set_switch("live_security", AFTER_RESTART)
    connect(simulated).shell.run("net stop TermService /y & net start TermService")
    return simulated


NLA = Task("nla", {}, (), ("nla_off_by_intent",))


def test_a_roll_back_that_failed_is_made_live_by_the_next_one() -> None:
    """It could end, and gave the right to write back; what it wrote was not live."""
    first = doubtful(
        lambda host, before: rollback(job(host, "back", before=before), "all", force=False), changed_at_once(NLA)
    )[0]
    simulated = changed_at_once(NLA)
    with pytest.raises(TransportFailed):
        rollback(job(simulated, "back", before=lost(first)), "all", force=False)
    assert stale(simulated)
    rollback(job(simulated, "back-2"), "all", force=False)
    assert not stale(simulated)


def changed_by_restart(task: Task) -> SimulatedHost:
    simulated = task.host(AFTER_RESTART)
    task.run(job(simulated, "run-1"))
    return simulated


@pytest.mark.parametrize("changed", [changed_at_once, changed_by_restart])
def test_a_roll_back_that_may_not_restart_says_so_each_time_until_one_may(
    changed: Callable[[Task], SimulatedHost],
) -> None:
    simulated = changed(NLA)
    for run_id in ("back-1", "back-2"):
        assert rollback(job(simulated, run_id, restart="never"), "all", force=False).waiting
    assert rollback(job(simulated, "back-3"), "all", force=False).waiting == {}
    assert not stale(simulated)
    process = running(simulated)
    assert rollback(job(simulated, "back-4", restart="always"), "all", force=False).waiting == {}
    assert running(simulated) == process, "nothing is due any more"


def test_a_roll_back_that_turns_out_to_be_live_at_once_leaves_no_restart_due() -> None:
    """It was noted before, since going forward took one."""
    simulated = changed_by_restart(NLA)
    simulated.set_switch("live_security", "at_once")
    process = running(simulated)
    for run_id in ("back-1", "back-2"):
        assert rollback(job(simulated, run_id), "all", force=False).waiting == {}
    assert running(simulated) == process
    assert due(connect(simulated)) == ()


def left_stale(task: Task) -> SimulatedHost:
    """A host on which a run was cut off when what it had written was not live."""
    simulated = next(host for _number, host in cut_off(task, "after_restart", cuts) if stale(host))
    simulated.clock.advance(LATER)
    return simulated


def test_a_run_that_writes_and_does_not_look_leaves_it_to_one_that_does() -> None:
    simulated = left_stale(STALE)
    with Run(connect(simulated), "run-2", []) as run:
        run.writer()
    assert stale(simulated)
    assert [change.kind for change in STALE.run(job(simulated, "run-3")).changes] == ["restart"]
    assert not stale(simulated)


def test_what_others_have_set_is_not_made_live_where_nothing_was_cut_off() -> None:
    task = Task("nla")
    simulated = task.host("after_restart")
    simulated.windows.registry.put_dword(LISTENER, "UserAuthentication", 0)
    simulated.windows.settle()
    simulated.windows.registry.put_dword(LISTENER, "UserAuthentication", 1)
    assert stale(simulated)
    assert task.run(job(simulated, "run-1")) == Outcome([], {})


def test_without_a_probe_it_is_told_that_nothing_tells_and_left_to_a_run_that_sees() -> None:
    simulated = left_stale(STALE)
    blind = replace(prober(simulated), enabled=False)
    done = fix(job(simulated, "run-2", prober=blind), REMEDIES["transport"], STALE.options)[1]
    assert (done.changes, done.waiting, done.notes) == ([], {}, [UNTOLD])
    doing = job(simulated, "run-3", prober=blind)
    assert UNTOLD in remediate(doing, examine(doing.host, blind, 600), Limits()).notes
    assert [change.kind for change in STALE.run(job(simulated, "run-4")).changes] == ["restart"]


def test_diagnosis_tells_of_it_and_changes_nothing() -> None:
    simulated = left_stale(Task("nla", {}, ("nla_value_invalid",)))
    written = simulated.counters.writes
    told = diagnosed(examine(connect(simulated), prober(simulated), 600))
    assert told["needs"]["restart"]
    assert simulated.counters.writes == written


def test_a_run_that_works_is_not_taken_for_one_that_was_cut_off() -> None:
    """What it has written is live: it goes on, and nothing is said of it."""
    simulated = STALE.host("at_once")
    with Run(connect(simulated), "works", []) as run:
        working = run.writer()
        assert STALE.run(job(simulated, "run-1", check=True)).waiting == {}
        assert Task("nla").run(job(simulated, "run-2")) == Outcome([], {})
        working.check()


def test_after_a_run_that_ended_none_is_asked_for() -> None:
    simulated = STALE.host("at_once")
    STALE.run(job(simulated, "run-1"))
    asked: list[bytes] = []
    STALE.run(job(simulated, "run-2", before=lambda _number, body: asked.append(body)))
    assert len(asked) == 3 + 1, "what the module decides on, and one look for what is due"


def test_a_run_does_not_take_itself_for_one_that_was_cut_off() -> None:
    simulated = STALE.host("at_once")
    limit = REMEDIES["connection_limit"]
    fix(job(simulated, "run-1", restart="never"), limit, {**defaults(limit.options), "pending": 5000})
    asked: list[bytes] = []
    doing = job(simulated, "run-2", before=lambda _number, body: asked.append(body))
    assert [change.kind for change in remediate(doing, examine(doing.host, doing.prober, 600), Limits()).changes] == [
        "restart"
    ]
    assert not [body for body in asked if b"fAllowSecProtocolNegotiation" in body], "what is only read after a cut"


@pytest.mark.parametrize("ends", [cuts, losses])
@pytest.mark.parametrize("live", WHEN)
def test_a_certificate_that_a_run_tied_which_was_cut_off_is_shown_after_the_next_one(live: str, ends: Cuts) -> None:
    def prepared() -> tuple[SimulatedHost, Task]:
        simulated = SimulatedHost.build("2022", switches={"live_pin": live})
        added = simulated.windows.certificates.add("rdp.corp.example", Request(key=3))
        return simulated, Task("certificate", {"state": "bound", "thumbprint": added.thumbprint})

    simulated, task = prepared()
    writes = writes_of(lambda host, before: task.run(job(host, "run-1", before=before)), simulated)
    for number, cut in ends(writes):
        simulated, task = prepared()
        with suppress(Cut, TransportFailed, ProofMissing):
            task.run(job(simulated, "run-1", before=cut))
        process = running(simulated)
        again(simulated, task.run, ends)
        shown = prober(simulated).look(lambda: 3389)
        assert shown is not None
        assert shown["tls"]["certificate"]["sha1"] == task.given["thumbprint"], f"cut off at {number}"
        assert live == AFTER_RESTART or running(simulated) == process
        assert task.run(job(simulated, "run-3")) == Outcome([], {})

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no handshake shows to be live: it is not restarted for, it is told, and it is left to a run that sees more."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field, replace

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._live import UNTOLD
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._settle import settle
from ansible_collections.winfleet.rdp.plugins.plugin_utils._writer import TENURE, announcements

from tests.simulator.host import SimulatedHost
from tests.simulator.switches import AFTER_RESTART, AT_ONCE, WHEN
from tests.simulator.windows.certificates import LISTENER
from tests.support.in_process import connect, job, prober, settings_state

BLIND = Prober("127.0.0.1", enabled=False)
NLA_NUMBERS = tuple({"type": "REG_DWORD", "data": number} for number in (1, 0))
CHANGE = Change("test", "registry", SETTINGS["nla"].path, *NLA_NUMBERS, "a test", restart=None)
DRAIN = Change("test", "registry", SETTINGS["drain_mode"].path, None, {"type": "REG_DWORD", "data": 2}, "a test")
INVALID = {"type": "REG_DWORD", "data": 7}
UNPROVED = "no handshake proves yet that the changes are live"


@dataclass(frozen=True)
class Task:
    """What a module is asked for that no host but one that is broken so has already."""

    module: str
    given: t.Mapping[str, t.Any] = field(default_factory=dict)
    breakages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "-".join((self.module, *map(str, self.given.values())))

    def run(self, simulated: SimulatedHost, run_id: str, **how: t.Any) -> Done:
        remedy = REMEDIES[self.module]
        return fix(job(simulated, run_id, **how), remedy, {**defaults(remedy.options), **self.given})[1]


NLA = Task("nla", {"state": "off", "accept_permanent_weakening": True})

TASKS = (
    Task("nla", {}, ("nla_value_invalid",)),
    NLA,
    Task("security_layer", {"layer": "negotiate", "accept_permanent_weakening": True}),
    Task("transport", {"mode": "tcp_only"}),
    Task("remote_desktop", {"state": "disabled"}),
)


@dataclass(frozen=True)
class Wall:
    """What stands between the probe and the listener."""

    name: str
    breakages: tuple[str, ...] = ()
    switches: t.Mapping[str, t.Any] = field(default_factory=dict)
    blind: bool = False

    def host(self, task: Task, live: str) -> SimulatedHost:
        moments = dict.fromkeys(("live_deny", "live_security", "live_transport"), live)
        return SimulatedHost.build(
            "2022", breakages=(*task.breakages, *self.breakages), switches={**moments, **self.switches}
        )

    def how(self) -> dict[str, t.Any]:
        return {"prober": BLIND} if self.blind else {}


STEALTH = {"firewall_stealth": True}
FIREWALL = Wall("firewall", ("firewall_rule_disabled",))
WALLS = (
    FIREWALL,
    Wall("blind", blind=True),
    Wall("denied", ("rdp_denied",)),
    Wall("denied, silent", ("rdp_denied",), STEALTH),
    Wall("denied, blind", ("rdp_denied",), blind=True),
    Wall("stopped", ("termservice_stopped",)),
    Wall("stopped, silent", ("termservice_stopped",), STEALTH),
    Wall("no listener", ("listener_disabled",)),
    Wall("no listener, silent", ("listener_disabled",), STEALTH),
    Wall("no listener, blind", ("listener_disabled",), blind=True),
    Wall("no sessions", ("sessions_disabled",), STEALTH),
    Wall("another program", ("port_taken",)),
)


def running(simulated: SimulatedHost) -> int:
    return simulated.windows.services["TermService"].process_id


def announced(simulated: SimulatedHost) -> list[str]:
    """What runs have announced on a host and not taken away."""
    return announcements(connect(simulated).registry.keys(ROOT) or [])


@pytest.mark.parametrize("live", WHEN)
@pytest.mark.parametrize("wall", WALLS, ids=[wall.name for wall in WALLS])
@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_a_second_run_changes_nothing_where_the_first_saw_nothing(task: Task, wall: Wall, live: str) -> None:
    simulated = wall.host(task, live)
    first = task.run(simulated, "run-1", restart="always", **wall.how())
    assert first.waiting == {}
    left = announced(simulated)
    state, writes, process = simulated.state(), simulated.counters.writes, running(simulated)
    second = task.run(simulated, "run-2", restart="always", **wall.how())
    assert (second.changes, second.waiting) == ([], {})
    assert (simulated.state(), simulated.counters.writes, running(simulated)) == (state, writes, process)
    assert (UNTOLD in second.notes) == bool(left)
    assert not left or UNPROVED in first.notes


UNTOUCHED = [wall for wall in WALLS if wall.name.startswith(("denied", "stopped", "no ", "firewall", "blind"))]


@pytest.mark.parametrize("wall", UNTOUCHED, ids=[wall.name for wall in UNTOUCHED])
def test_nothing_is_restarted_for_what_only_a_handshake_would_show(wall: Wall) -> None:
    """Least of all a service that somebody has stopped."""
    simulated = wall.host(NLA, AFTER_RESTART)
    process = running(simulated)
    assert [change.kind for change in NLA.run(simulated, "run-1", **wall.how()).changes] == ["registry"]
    assert running(simulated) == process


def unseen(live: str) -> SimulatedHost:
    """A host on which a run has written what a firewall keeps it from seeing."""
    simulated = FIREWALL.host(NLA, live)
    assert UNPROVED in NLA.run(simulated, "run-1").notes
    assert announced(simulated)
    return simulated


def opened(simulated: SimulatedHost) -> SimulatedHost:
    """The host with its firewall off."""
    simulated.windows.services["MpsSvc"].state = "Stopped"
    return simulated


@pytest.mark.parametrize("live", WHEN)
def test_a_run_that_sees_more_makes_it_live(live: str) -> None:
    simulated = opened(unseen(live))
    assert [change.kind for change in NLA.run(simulated, "run-2").changes] == (
        ["restart"] if live == AFTER_RESTART else []
    )
    assert announced(simulated) == []
    assert NLA.run(simulated, "run-3").notes == []


def test_a_later_step_of_a_run_does_not_prove_an_earlier_one() -> None:
    """As the loop goes on, step by step."""
    simulated = FIREWALL.host(NLA, AFTER_RESTART)
    doing = job(simulated)
    with Run(doing.host, "run-1", doing.made) as run:
        made = run.apply(CHANGE)
        settle(doing, run, Done([made] if made else []))
        settle(doing, run, Done([DRAIN]))
    assert announced(simulated)


def test_a_later_step_proves_an_earlier_one_where_it_is_seen_by_then() -> None:
    simulated = FIREWALL.host(NLA, AT_ONCE)
    doing = job(simulated)
    with Run(doing.host, "run-1", doing.made) as run:
        made = run.apply(CHANGE)
        settle(doing, run, Done([made] if made else []))
        opened(simulated)
        settle(doing, run, Done([]))
    assert announced(simulated) == []


def losing(simulated: SimulatedHost, lost: t.Container[int]) -> Prober:
    """A prober of which some packets are lost on the way."""
    whole, made = prober(simulated), itertools.count()

    def handshake(options: ProbeOptions) -> dict[str, t.Any]:
        found = whole.handshake(options)
        return {**found, **probe_of_nothing(options)} if next(made) in lost else found

    return replace(whole, handshake=handshake)


def probe_of_nothing(options: ProbeOptions) -> dict[str, t.Any]:
    skipped = {stage: {"verdict": "skipped"} for stage in ("x224", "tls", "ntlm", "udp")}
    return {**skipped, "port": options.port, "tcp": {"verdict": "timeout"}, "stage": "tcp", "passed": False}


BOUND = Task("certificate", {"state": "self_signed"})


@pytest.mark.parametrize("live", WHEN)
@pytest.mark.parametrize("lost", [{1}, {1, 2}, {1, 2, 3}])
def test_a_packet_that_is_lost_does_not_end_the_waiting(live: str, lost: set[int]) -> None:
    """It had seen the listener before."""
    simulated = SimulatedHost.build("2022", traits=["pinned_certificate"], switches={"live_pin": live})
    done = BOUND.run(simulated, "run-1", prober=losing(simulated, lost))
    restarts = ["restart"] if live == AFTER_RESTART else []
    assert [change.kind for change in done.changes] == ["registry", *restarts]
    assert (done.notes, announced(simulated)) == ([], [])


SHOWN = [task for task in TASKS if task.module != "security_layer"]
"""Whose work a handshake shows, which tells of no layer where NLA is required."""


@pytest.mark.parametrize("lost", range(4))
@pytest.mark.parametrize("live", WHEN)
@pytest.mark.parametrize("task", SHOWN, ids=[task.name for task in SHOWN])
def test_whichever_packet_is_lost_all_is_live_at_the_latest_after_the_next_run(
    task: Task, live: str, lost: int
) -> None:
    simulated = Wall("none").host(task, live)
    assert task.run(simulated, "run-1", prober=losing(simulated, {lost})).waiting == {}
    task.run(simulated, "run-2")
    assert simulated.windows.listener.live() == simulated.windows.listener.stored()
    assert announced(simulated) == []


def test_a_certificate_that_nothing_connects_to_is_put_back_and_what_was_seen_is_told() -> None:
    simulated = SimulatedHost.build("2022", traits=["pinned_certificate"])
    before = settings_state(simulated)
    with pytest.raises(ProofMissing, match=r"nothing connected \(TCP timeout\), so no TLS handshake was seen with"):
        BOUND.run(simulated, "run-1", prober=losing(simulated, range(1, 100)))
    assert settings_state(simulated) == before


@pytest.mark.parametrize("hindered", [False, True], ids=["cut off", "hindered"])
def test_what_a_restart_for_an_earlier_run_brings_to_light_is_planned_for(hindered: bool) -> None:
    """A number out of range had dropped each connection before TLS was tried, so nothing was planned."""
    simulated = SimulatedHost.build(
        "2022", breakages=["nla_value_invalid", "key_unreadable"], switches={"live_security": AFTER_RESTART}
    )
    if hindered:
        assert Task("nla").run(simulated, "run-1", restart="never").waiting
    else:
        doing = job(simulated)
        Run(doing.host, "cut off", doing.made).apply(replace(CHANGE, before=INVALID, after=NLA_NUMBERS[0]))
        simulated.clock.advance(TENURE.total_seconds() + 1)
    keys = Task("machine_keys")
    assert [change.kind for change in keys.run(simulated, "run-2").changes] == ["restart", "file_access"]
    assert keys.run(simulated, "run-3").changes == []
    assert simulated.probe_view()["tls"] == "ok"


EVENTS = ("restart", "reboot")


def happens(simulated: SimulatedHost, event: str) -> None:
    """What somebody else does to the host, some time later."""
    simulated.clock.advance(60)
    if event == "reboot":
        simulated.windows.reboot()
        simulated.clock.advance(300)
    else:
        connect(simulated).shell.run("net stop TermService /y & net start TermService")


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_is_told_any_more_once_termservice_was_started_by_others(event: str) -> None:
    simulated = unseen(AFTER_RESTART)
    assert UNTOLD in NLA.run(simulated, "run-2").notes
    happens(simulated, event)
    process = running(simulated)
    assert NLA.run(simulated, "run-3").notes == []
    assert (announced(simulated), running(simulated)) == ([], process)


@pytest.mark.parametrize("event", EVENTS)
def test_no_restart_is_due_once_termservice_was_started_by_others_whatever_a_handshake_shows(event: str) -> None:
    """What it shows then is no matter of ours."""
    simulated = unseen(AFTER_RESTART)
    happens(opened(simulated), event)
    simulated.windows.registry.put_dword(LISTENER, "UserAuthentication", 1)
    assert simulated.windows.listener.live() != simulated.windows.listener.stored()
    assert Task("nla").run(simulated, "run-2").changes == []


def test_a_start_before_the_run_tells_nothing() -> None:
    simulated = FIREWALL.host(NLA, AFTER_RESTART)
    happens(simulated, "restart")
    NLA.run(simulated, "run-1")
    simulated.clock.advance(60)
    assert UNTOLD in NLA.run(simulated, "run-2").notes


@pytest.mark.parametrize("taken", [False, True], ids=["as it was left", "with its right taken"])
def test_of_a_run_that_was_cut_off_it_is_told_until_termservice_starts_after_its_time(taken: bool) -> None:
    simulated = FIREWALL.host(NLA, AFTER_RESTART)
    doing = job(simulated)
    run = Run(doing.host, "cut off", doing.made)
    run.apply(CHANGE)
    happens(simulated, "restart")
    assert UNTOLD in NLA.run(simulated, "run-1").notes, "it may have written since"
    simulated.clock.advance(TENURE.total_seconds())
    if taken:
        with Run(connect(simulated), "taker", []) as taker:
            taker.writer()
    assert UNTOLD in NLA.run(simulated, "run-2").notes
    happens(simulated, "restart")
    assert NLA.run(simulated, "run-3").notes == []
    assert announced(simulated) == []


def test_of_two_runs_that_left_something_the_later_one_counts() -> None:
    simulated = unseen(AFTER_RESTART)
    happens(simulated, "restart")
    simulated.clock.advance(60)
    with Run(connect(simulated), "run-2", []) as run:
        run.apply(replace(CHANGE, item=SETTINGS["transport"].path, before={"type": "REG_DWORD", "data": 2}))
    assert len(announced(simulated)) == 2
    assert UNTOLD in NLA.run(simulated, "run-3").notes


def test_a_run_that_was_cut_off_before_it_said_who_it_is_left_nothing() -> None:
    simulated = SimulatedHost.build("2022")
    connect(simulated).registry.create_key(rf"{ROOT}\writer half-announced")
    assert Task("nla").run(simulated, "run-1", prober=BLIND).notes == []
    assert announced(simulated) == []


def test_what_is_put_back_is_to_be_looked_at_as_well() -> None:
    simulated = FIREWALL.host(NLA, AFTER_RESTART)
    doing = job(simulated)
    with Run(doing.host, "run-1", doing.made) as run:
        made = t.cast(Change, run.apply(CHANGE))
        run.proven()
        run.undo(made)
    assert announced(simulated)


def test_a_reboot_proves_all_that_was_written_before_it() -> None:
    simulated = FIREWALL.host(NLA, AFTER_RESTART)
    doing = job(simulated, allow_reboot=True)
    with Run(doing.host, "run-1", doing.made) as run:
        run.apply(CHANGE)
        settle(doing, run, Done([replace(DRAIN, reboot=True)]))
    assert announced(simulated) == []


def test_a_restart_proves_all_that_was_written_before_it() -> None:
    """Whatever shows of it: the port is read at a start as well."""
    simulated = FIREWALL.host(NLA, AFTER_RESTART)
    desk = Task("remote_desktop", {"state": "disabled", "port": 33890})
    assert "restart" in [change.kind for change in desk.run(simulated, "run-1", prober=BLIND).changes]
    assert announced(simulated) == []

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run cut off while it bound a gateway's certificate: the next one has it taken up, or says that it may not be."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._writer import announcements
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.host import SimulatedHost
from tests.simulator.switches import AT_ONCE, WHEN
from tests.simulator.windows.gateway import Gateway
from tests.support.cutting import Before, Cut, cut_after, cut_before, lost
from tests.support.in_process import connect, job, prober

LATER = 3600
"""Seconds after which the right to write of a run that was cut off has expired."""

CUTS = (cut_before, cut_after, lost)


@dataclass(frozen=True)
class Task:
    """The certificate of a name is to be bound, instead of another one or as the first."""

    name: str
    breakages: Sequence[str] = ()
    traits: Sequence[str] = ()

    def host(self, live: str) -> SimulatedHost:
        switches = {"live_gateway_certificate": live}
        return SimulatedHost.build("2022", breakages=self.breakages, traits=self.traits, switches=switches)

    def run(self, doing: Job) -> tuple[list[str], str]:
        """The kinds of changes of a run of the module, and all its notes."""
        remedy = REMEDIES["gateway"]
        plan, done = fix(doing, remedy, {**defaults(remedy.options), "name": self.name})
        return [change.kind for change in done.changes], " ".join((*plan.notes, *done.notes))

    def cut_off(self, live: str, cut: Callable[[int], Before]) -> t.Iterator[SimulatedHost]:
        """The host after a run was cut off at each step in which the certificate is bound."""
        for number in steps(lambda before: self.run(job(self.host(live), "run-1", before=before))):
            simulated = self.host(live)
            with pytest.raises((Cut, TransportFailed)):
                self.run(job(simulated, "run-1", before=cut(number)))
            simulated.clock.advance(LATER)
            yield simulated

    def half_way(self, live: str) -> t.Iterator[SimulatedHost]:
        """Those on which the certificate is bound and clients do not see it, of which there are some."""
        found = [host for host in self.cut_off(live, cut_after) if seen(host)[0] == self.name != seen(host)[1]]
        assert found
        yield from found


ANOTHER = Task("spare.corp.example", (), ("gateway_spare_certificate",))
FIRST = Task("gateway.corp.example", ("gateway_certificate_unbound",))
TASKS = [pytest.param(ANOTHER, id="another"), pytest.param(FIRST, id="first")]


STEPS = re.compile(rb"Win32_TSGatewayServerSettings/(SetCertificate|Configure|RefreshCertContext)</")


def steps(run: Callable[[Before], object]) -> list[int]:
    """The numbers of the messages of a run by which a certificate is bound."""
    found: list[int] = []
    run(lambda number, body: found.extend([number] if STEPS.search(body) else []))
    assert len(found) > 1
    return found


def role(simulated: SimulatedHost) -> Gateway:
    assert simulated.windows.gateway is not None
    return simulated.windows.gateway


def seen(simulated: SimulatedHost) -> tuple[str, str]:
    """The name in the certificate that is bound, and in the one that clients see."""
    bound, served = (_name(simulated, digest) for digest in (role(simulated).certificate, role(simulated).served))
    return bound, served


def _name(simulated: SimulatedHost, digest: bytes) -> str:
    found = simulated.windows.certificates.in_store("MY", digest.hex().upper())
    return found.certificate.subject.rfc4514_string().removeprefix("CN=") if found else ""


def left(simulated: SimulatedHost) -> list[str]:
    """What runs have announced and not taken away."""
    return announcements(connect(simulated).registry.keys(ROOT) or [])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("live", WHEN)
@pytest.mark.parametrize("task", TASKS)
def test_the_next_run_of_the_module_ends_what_one_began_that_was_cut_off(
    task: Task, live: str, cut: Callable[[int], Before]
) -> None:
    whole = task.host(live)
    task.run(job(whole, "run-1"))
    for simulated in task.cut_off(live, cut):
        foretold, _notes = task.run(job(simulated, "run-2", check=True))
        changes, told = task.run(job(simulated, "run-2"))
        assert changes == foretold
        assert (seen(simulated), role(simulated).configured) == (seen(whole), True)
        assert task.name == seen(simulated)[1] or "at the latest once TSGateway starts again" in told
        assert left(simulated) == []
        assert task.run(job(simulated, "run-3")) == ([], "")


@pytest.mark.parametrize("task", TASKS)
def test_a_dry_run_tells_of_it_and_leaves_it_to_the_next(task: Task) -> None:
    for simulated in task.half_way(AT_ONCE):
        writes, before = simulated.counters.writes, seen(simulated)
        assert "a run that is no dry run tells it" in task.run(job(simulated, "run-2", check=True))[1]
        assert (simulated.counters.writes, seen(simulated)) == (writes, before)


@pytest.mark.parametrize("task", TASKS)
def test_while_the_run_may_still_work_it_is_said_that_clients_may_not_see_it(task: Task) -> None:
    for simulated in task.half_way(AT_ONCE):
        simulated.clock.advance(-LATER)
        assert "one of them may still work" in task.run(job(simulated, "run-2"))[1]
        assert seen(simulated)[1] != task.name


@pytest.mark.parametrize("task", TASKS)
def test_what_the_gateway_refuses_is_told_and_tried_again(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    for simulated in task.half_way(AT_ONCE):
        with monkeypatch.context() as refusing:
            refusing.setattr("tests.simulator.providers.gateway.GatewaySettings._bind", lambda *_given: 0x80070005)
            assert "it answers 0x80070005" in task.run(job(simulated, "run-2"))[1]
        task.run(job(simulated, "run-3"))
        assert seen(simulated)[1] == task.name


def by_loop(doing: Job) -> list[str]:
    return remediate(doing, examine(doing.host, doing.prober, 600), Limits()).notes


def by_module(doing: Job) -> list[str]:
    return fix(doing, REMEDIES["nla"], defaults(REMEDIES["nla"].options))[1].notes


@pytest.mark.parametrize("run", [by_loop, by_module])
@pytest.mark.parametrize("task", TASKS)
def test_who_takes_the_announcement_away_ends_what_it_was_about(
    task: Task, run: Callable[[Job], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for simulated in task.half_way(AT_ONCE):
        with monkeypatch.context() as refusing:
            refusing.setattr("tests.simulator.providers.gateway.GatewaySettings._bind", lambda *_given: 0x80070005)
            assert any("it answers 0x80070005" in said for said in run(job(simulated, "run-1b")))
        run(job(simulated, "run-2"))
        assert (seen(simulated)[1], left(simulated)) == (task.name, [])


def test_what_others_left_stays_for_those_who_look_at_the_listener() -> None:
    simulated = ANOTHER.host(AT_ONCE)
    with Run(connect(simulated), "run-1", []) as run:
        run.writer()
        run.unseen.append(Change("nla", "registry", SETTINGS["nla"].path, None, None, "", restart=None))
    kept = left(simulated)
    assert ANOTHER.run(job(simulated, "run-2"))[0] == ["gateway_certificate"]
    assert "it was told now" in ANOTHER.run(job(simulated, "run-3"))[1]
    assert left(simulated) == kept != []


@pytest.mark.parametrize("probing", [True, False])
def test_roll_back_leaves_what_clients_see_as_it_was(probing: bool) -> None:
    """Also where nobody sees whether the listener is live, which is another matter."""
    for simulated in ANOTHER.cut_off(AT_ONCE, cut_after):
        blind = replace(prober(simulated), enabled=probing)
        rollback(job(simulated, "back", prober=blind), "all", force=False)
        assert seen(simulated) == ("gateway.corp.example", "gateway.corp.example")


@pytest.mark.parametrize(("cut", "probing"), [*((cut, True) for cut in CUTS), (cut_after, False)])
def test_a_roll_back_that_was_cut_off_is_ended_by_the_next_one(cut: Callable[[int], Before], probing: bool) -> None:
    def changed() -> SimulatedHost:
        simulated = ANOTHER.host(AT_ONCE)
        ANOTHER.run(job(simulated, "run-1"))
        return simulated

    def back(simulated: SimulatedHost, before: Before) -> None:
        rollback(job(simulated, "back", before=before), "all", force=False)

    for number in steps(lambda before: back(changed(), before)):
        simulated = changed()
        with pytest.raises((Cut, TransportFailed)):
            back(simulated, cut(number))
        simulated.clock.advance(LATER)
        rollback(job(simulated, "again", prober=replace(prober(simulated), enabled=probing)), "all", force=False)
        assert seen(simulated) == ("gateway.corp.example", "gateway.corp.example"), f"cut off at {number}"


def test_where_nothing_was_cut_off_it_costs_nothing() -> None:
    """What policies call the protocol tells what else would be asked for."""
    simulated, sent = ANOTHER.host(AT_ONCE), list[int]()
    ANOTHER.run(job(simulated, "run-1"))
    assert ANOTHER.run(job(simulated, "run-2", before=lambda number, _body: sent.append(number))) == ([], "")
    assert len(sent) == 16

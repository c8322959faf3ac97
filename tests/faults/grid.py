# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fault at the n-th operation, for every n: a task is run once, and forked at each operation for each kind of fault.

A fork is the cheapest copy of a run in the middle: of both sides, with all that they have in memory. What is held
against each case is in ``Verdicts``; most of it depends only on the state in which the host was left, so a state that
has passed once is not tried again.

Faults that the host answers without having acted, and that become the same exception, are run once for all of them,
provided that the client looked at nothing by which they differ: then the runs are the same but for the text of the
error. That is watched in the run; where the client did look, each is run by itself. Such cases count as alike.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import random
import re
import traceback
import typing as t
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from unittest import mock

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.services import ServiceError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.channel import Channel
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanError, WsmanFault
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.faults import read_fault
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import descendants

from tests.faults.edge import Result, perform
from tests.faults.kinds import KINDS, Killed, Kind, Line
from tests.faults.scenarios import Scenario
from tests.simulator.host import SimulatedHost
from tests.simulator.probe_view import probe_view
from tests.support.in_process import acts, settings_state
from tests.support.states import Path, State, differing, leaves, outside, unnamed

TENURE = 660
"""Seconds after which the right to write of a run that was cut off has expired."""

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

ENDINGS = (b"enumeration/Release<", b"transfer/Delete<", b"schtasks /delete")
"""Actions of messages that give back what is open; whom they do not reach ends it by itself."""

EXPIRY = 5400
"""Seconds after which the host has deleted a task that was to run once and whose run was cut off."""

STARTED = Change("a fault", "reboot", "host", None, None, "the host reboots by itself", undo="none")

ONCE = re.compile(r"winfleet\.rdp-once-(?:keys|[0-9a-f-]{36})")
"""What a task that is to run once is called, and what it writes for us."""


@dataclass(frozen=True)
class Case:
    """A fault of a kind at an operation of a scenario, and what was found wrong afterwards.

    Attributes:
        alike: the kind that was run in its place, since the client cannot have told them apart.
    """

    scenario: str
    kind: str
    at: int
    problems: tuple[str, ...] = ()
    alike: str = ""


@contextmanager
def same_every_time(seed: str) -> Iterator[None]:
    """Message, writer and shell ids are drawn in the same order in each run, and waits last as long."""
    rng = random.Random(seed)  # the same order each time, no secret

    def drawn() -> uuid.UUID:
        return uuid.UUID(int=rng.getrandbits(128), version=4)

    with (
        mock.patch("uuid.uuid4", drawn),
        mock.patch("secrets.randbelow", rng.randrange),
    ):
        yield


def prepared(scenario: Scenario) -> tuple[SimulatedHost, State]:
    """A host as the scenario finds it, and what it was before anybody touched it."""
    simulated = SimulatedHost.build("2022", breakages=scenario.breakages, traits=scenario.traits)
    original = stored(simulated)
    for number, task in enumerate(scenario.first):
        run(task, simulated, Line(simulated), f"first-{number}")
    return simulated, original


def run(scenario: Scenario, simulated: SimulatedHost, line: Line, run_id: str) -> Result:
    """Run the scenario's task."""
    with same_every_time(run_id):
        return perform(scenario.module, scenario.options, simulated, line, run_id, check=scenario.check)


def roll_back(simulated: SimulatedHost) -> Result:
    """Roll back all that any run did."""
    with same_every_time("back"):
        options = {"run": "all", "restart": "always"}
        return perform("rollback", options, simulated, Line(simulated), "back")


def stored(simulated: SimulatedHost) -> State:
    """The persistent state, where a certificate is called the same whichever it is, and a task whenever it is due."""
    state = settings_state(simulated)
    registry = {unnamed(key): data for key, data in state["registry"].items()}
    tasks = {name: {**task, "xml": MOMENT.sub("<moment>", task["xml"])} for name, task in state["tasks"].items()}
    return {**state, "registry": registry, "tasks": tasks}


def digest(simulated: SimulatedHost) -> str:
    """What a host is now, except for the time and what only tells the past."""
    volatile = {name: data for name, data in simulated.volatile().items() if name not in ("events", "now", "booted")}
    text = simulated.state_json() + json.dumps(volatile, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Clean:
    """A run without any fault, which the others are measured by.

    Attributes:
        operations: the messages that it sent.
        start: what the host was when it began.
        original: what it was before anybody touched it.
        end: what it was afterwards.
        seen: what a probe from outside sees then.
        booted: when the host had started.
        acts: what was done that has no undo.
    """

    operations: tuple[bytes, ...]
    start: str
    original: State
    end: State
    seen: t.Any
    booted: datetime
    acts: Sequence[Change]
    result: Result


@cache
def clean(scenario: Scenario) -> Clean:
    """Run a scenario without fault, and roll everything back."""
    simulated, original = prepared(scenario)
    start, line, booted = simulated.state_json(), Line(simulated), simulated.windows.booted
    result = run(scenario, simulated, line, "run-1")
    end, seen = stored(simulated), live(simulated)
    back = roll_back(simulated)
    if unlisted := outside(differing(original, stored(simulated)), listed(simulated, (result, back))):
        raise HarnessFailed(f"{scenario.name}: no roll-back lists what it leaves different: {unlisted}")
    return Clean(tuple(line.bodies), start, original, end, seen, booted, acts(simulated), result)


def listed(simulated: SimulatedHost, results: Collection[Result]) -> list[Change]:
    """The changes without undo that roll-backs list."""
    items = {entry["item"] for result in results for entry in result.get("not_undoable", ())}
    return [change for change in acts(simulated) if change.item in items]


def live(simulated: SimulatedHost) -> t.Any:
    """What the listener acts on and a probe sees, without the time and the certificate, which is always a new one."""
    simulated.clock.run_due()
    seen = {name: data for name, data in probe_view(simulated.windows).items() if name not in ("certificate", "ntlm")}
    return seen, dataclasses.asdict(simulated.windows.listener.live())


@dataclass
class Verdicts:
    """What must hold after a fault. ``passed`` are states from which all that is to come went well before."""

    scenario: Scenario
    clean: Clean
    passed: set[str] = field(default_factory=set)

    def of(self, simulated: SimulatedHost, line: Line, result: Result | None) -> tuple[list[str], str]:
        """What is wrong after a run that met a fault, and the state in which it left the host."""
        problems = [*self._said(simulated, result), *self._left_over(simulated, line)]
        left = digest(simulated)
        if self.scenario.reads:
            return problems + self._wrote_nothing(simulated), left
        if left not in self.passed:
            problems += branch(lambda: self._undone(simulated))
            problems += self._goes_on(simulated)
        return problems, left

    def _said(self, simulated: SimulatedHost, result: Result | None) -> Iterator[str]:
        """An error names the host, the step and what to do; nothing ends in what nobody foresaw."""
        if result is None or "error" not in result:
            return
        error, message = result["error"], result["msg"]
        if "This is a bug" in message:
            yield f"not foreseen: {message}\n{result.get('exception', '')}"
        if not message.startswith(f"{simulated.name}: "):
            yield f"the host is not named: {message}"
        if not isinstance(error, WsmanError):
            # No operation failed: what is not as it should be is named in a sentence, and so is what to do.
            return
        if not (error.hint and error.hint in message):
            yield f"what to do is not said: {message}"
        # What a service has not done in time is told as a step of its own.
        if not (error.step in message if error.step else isinstance(error, ServiceError)):
            yield f"the step is not named: {message}"

    def _left_over(self, simulated: SimulatedHost, line: Line) -> Iterator[str]:
        """Where the host can be reached and has told what it opened, nothing is left open there."""
        kind, struck = t.cast(t.Any, line.kind), line.bodies[line.at - 1]
        if kind.cuts or kind.breaks or any(ending in struck for ending in ENDINGS):
            return
        volatile = simulated.volatile()
        for what in ("open_shells", "open_enumerations"):
            if volatile[what]:
                yield f"{what}: {volatile[what]}"
        if left := once(simulated):
            yield f"left on the host: {sorted(left)}"

    def _wrote_nothing(self, simulated: SimulatedHost) -> list[str]:
        written = simulated.counters.last_writes
        changed = simulated.state_json() != self.clean.start
        return [f"a run that only reads wrote: {written}"] if written or changed else []

    def _undone(self, simulated: SimulatedHost) -> list[str]:
        """Each change is absent or journaled: a roll-back finds the way back to what was before."""
        owed = once(simulated)
        simulated.clock.advance(TENURE)
        result = roll_back(simulated)
        return [*_refusals("roll-back", result), *self._is_original(simulated, owed, "after the roll-back")]

    def _goes_on(self, simulated: SimulatedHost) -> list[str]:
        """The next run ends where a run without fault ends, and can be rolled back like it."""
        owed = once(simulated)
        simulated.clock.advance(TENURE)
        result = run(self.scenario, simulated, Line(simulated), "run-2")
        problems = list(_refusals("next run", result)) if "failed" not in self.clean.result else []
        state = stored(simulated)
        away = differing(self.clean.end, state)
        between = self._between(away, state)
        done = [*self.clean.acts, *self._done(simulated)]
        elsewhere = _but(owed, outside(away - between, done))
        seen = live(simulated)
        waits = (self.clean.result.get("needs") or {}).get("reboot")
        if seen != self.clean.seen and not between and not waits:
            problems.append(f"live after the next run: {seen} instead of {self.clean.seen}")
        result = roll_back(simulated)
        problems += [f"the next run ends elsewhere: {_shown(elsewhere, self.clean.end, state)}"] if elsewhere else []
        problems += _refusals("roll-back of both runs", result)
        return problems + self._is_original(simulated, owed, "after the roll-back of both runs")

    def _done(self, simulated: SimulatedHost) -> list[Change]:
        """What has no undo: what the journal has of it, and that the fault had the host start, which does as much."""
        started = simulated.windows.booted != self.clean.booted
        return [*acts(simulated), *([STARTED] if started else [])]

    def _between(self, away: Collection[Path], state: State) -> set[Path]:
        """The paths at which a run after a fault may end as well."""
        also, found = {name.lower(): tuple(value) for name, value in self.scenario.also.items()}, dict(leaves(state))
        other = {path for path in away if path[-1] in also and found.get(path) == also[path[-1]]}
        again = self.scenario.again
        return other | {path for path in away if again and path[0] == "files" and again in path[1].split("\\")}

    def _is_original(self, simulated: SimulatedHost, owed: Collection[str], when: str) -> list[str]:
        """What was is there again, but for what a change without undo has made; what is owed is gone some time later.

        Only tasks that ran once for the run that met the fault, and what they wrote, may be owed.
        """
        state = stored(simulated)
        away = _but(owed, outside(differing(self.clean.original, state), self._done(simulated)))
        simulated.clock.advance(EXPIRY)
        left = [f"{when} tasks are left: {simulated.state()['tasks']}"] if simulated.state()["tasks"] else []
        left += [f"{when} files are left: {sorted(once(simulated))}"] if once(simulated) else []
        return left + ([f"{when}: {_shown(away, self.clean.original, state)}"] if away else [])


def once(simulated: SimulatedHost) -> set[str]:
    """The names of tasks that were to run once and are there still, or whose files are."""
    state = settings_state(simulated)
    return {name for path in (*state["tasks"], *state["files"]) for name in ONCE.findall(path)}


def _but(owed: Collection[str], away: Collection[Path]) -> list[Path]:
    return [path for path in away if not any(name in part for name in owed for part in path)]


def _refusals(what: str, result: Result) -> Iterator[str]:
    if "failed" in result or "unreachable" in result:
        yield f"{what} failed: {result['msg']}"
    for name in ("left", "drifted", "foreign"):
        if result.get(name):
            yield f"{what} {name}: {result[name]}"


def _shown(paths: Collection[Path], wanted: State, found: State) -> str:
    one, other = dict(leaves(wanted)), dict(leaves(found))
    return "; ".join(
        f"{'/'.join(path)} is {other.get(path, '(absent)')!r} instead of {one.get(path, '(absent)')!r}"
        for path in sorted(paths)[:5]
    )


# --- forking


class HarnessFailed(Exception):
    """What was done in a copy of this process ended in what nobody foresaw; the message is its traceback."""


@dataclass(frozen=True)
class Failed:
    """What a copy of this process passes on instead of a result."""

    why: str


def branch(work: Callable[[], t.Any]) -> t.Any:
    """What the work gives, done in a copy of this process, which is as it was afterwards."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _report(writing, work)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    found = pickle.loads(data)
    if isinstance(found, Failed):
        raise HarnessFailed(found.why)
    return found


def _report(writing: int, work: Callable[[], t.Any]) -> t.NoReturn:
    """Do the work in the copy, pass on what it gives, and end without anything that the original does at its end."""
    try:
        found = work()
    except BaseException:  # noqa: BLE001  # the copy must not go on as if it were the original
        found = Failed(traceback.format_exc())
    with os.fdopen(writing, "wb") as stream:
        pickle.dump(found, stream)
    os._exit(0)


class Forking(Line):
    """A line on which the run is forked at each operation, once for each kind of fault that is wanted there."""

    def __init__(
        self, simulated: SimulatedHost, wanted: Callable[[int], Collection[str]], end: End, *, each: bool
    ) -> None:
        super().__init__(simulated)
        self._wanted = wanted
        self._end = end
        self._each = each
        self.writing: int | None = None
        self.looked: set[str] = set()

    def send(self, body: bytes) -> bytes:
        number = self.sent + 1
        if self.kind is None:
            kinds = [name for name in self._wanted(number) if KINDS[name].concerns(body)]
            for group in [[name] for name in kinds] if self._each else self._groups(body, kinds):
                self._try(group, number)
        return super().send(body)

    def _groups(self, body: bytes, kinds: Sequence[str]) -> list[list[str]]:
        """The kinds, those together that become the same exception."""
        answered = [name for name in kinds if KINDS[name].answered]
        found = branch(lambda: {name: _exception(self.simulated, KINDS[name], body) for name in answered})
        groups: dict[str, list[str]] = {}
        for name in kinds:
            groups.setdefault(found.get(name, name), []).append(name)
        return list(groups.values())

    def _try(self, group: Sequence[str], number: int) -> None:
        """Run the first of a group, and the others as well where the client looked at what tells them apart."""
        first, *others = group
        found = self._forked(first, number, bool(others))
        if found is None:
            return
        for name in others:
            if found[2]:
                self._forked(name, number, watched=False)
            else:
                self._end(name, number, found, first)

    def _forked(self, name: str, number: int, watched: bool) -> Found | None:
        """What came of a fault, noted; None in the copy of this process which meets it."""
        if self.writing is not None:
            return None
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            self.kind, self.at, self.writing = KINDS[name], number, writing
            if watched:
                _watch(self.looked)
            return None
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            data = stream.read()
        os.waitpid(child, 0)
        found = pickle.loads(data)
        if isinstance(found, Failed):
            found = ([f"the harness failed: {found.why}"], "", True)
        self._end(name, number, found, "")
        return t.cast(Found, found)


Found = tuple[list[str], str, bool]
"""What was wrong, the state in which the host was left, and whether the client looked into the fault."""

End = Callable[[str, int, Found, str], None]

DIFFERING = frozenset({"code", "subcode", "reason", "wmi_status", "provider", "provider_text", "detail"})
"""Attributes of a WsmanFault by which two of the same class may differ; its text goes to people alone."""


def _watch(looked: set[str]) -> None:
    """Note, in this copy of the process, which attributes are looked at of the fault that is made next."""
    plain: t.Any = WsmanFault.__getattribute__
    made: t.Any = WsmanFault.__init__
    ours: list[WsmanFault] = []

    def making(self: WsmanFault, *args: t.Any, **kwargs: t.Any) -> None:
        ours.extend([] if ours else [self])
        made(self, *args, **kwargs)

    def noting(self: WsmanFault, name: str) -> t.Any:
        if name in DIFFERING and ours and self is ours[0]:
            looked.add(name)
        return plain(self, name)

    patched: t.Any = WsmanFault
    patched.__init__, patched.__getattribute__ = making, noting


def _exception(simulated: SimulatedHost, kind: Kind, body: bytes) -> str:
    """The class of the exception that a fault becomes in the client."""
    answer = Channel(Line(simulated, kind, 1), "").send(body, repeatable=False)
    faults = list(descendants(xml.parse(answer), "Fault"))
    return type(read_fault(faults[0])).__name__


def cases(scenario: Scenario, wanted: Callable[[int], Collection[str]], *, each: bool = True) -> list[Case]:
    """Try a scenario with a fault of each kind that is wanted at an operation, for each operation.

    C(each) runs also those that the client cannot tell apart, one by one.
    """
    verdicts = Verdicts(scenario, clean(scenario))
    done: list[Case] = []

    def end(name: str, number: int, found: Found, alike: str) -> None:
        problems, left, _looked = found
        done.append(Case(scenario.name, name, number, tuple(problems), alike))
        if not problems:
            verdicts.passed.add(left)

    simulated, _original = prepared(scenario)
    simulated.counters.reset()
    line = Forking(simulated, wanted, end, each=each)
    try:
        result: Result | None = run(scenario, simulated, line, "run-1")
    except Killed:
        result = None
    except BaseException:
        if line.writing is None:
            raise
        _report(line.writing, lambda: ([f"raised: {traceback.format_exc()}"], "", True))
    if line.writing is not None:
        found, looked = result, bool(line.looked)
        _report(line.writing, lambda: (*verdicts.of(simulated, line, found), looked))
    return done

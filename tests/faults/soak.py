# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many hosts, of which one in ten fails in some way, and many rounds on one host: ``make soak``.

Each host has a breakage and, one in ten, a fault of any kind at any operation, all drawn from the seed. Every host must
have a verdict or an error that says what happened, a host without fault must end as if it were alone, and the rerun
must finish what is left; no host may keep its run longer than BOUND. Over the rounds neither memory nor what is open
on the host may grow.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.edge import Result
from tests.faults.grid import EXPIRY, TENURE, clean, roll_back, run, stored
from tests.faults.kinds import KINDS, Killed, Line
from tests.faults.scenarios import LOOPS, Scenario
from tests.simulator.host import Place, SimulatedHost
from tests.support.in_process import acts
from tests.support.states import Path, State, differing, outside

WARM = 5
"""Rounds until caches are filled."""

BOUND = 300.0
"""Seconds of a host's time that its run may take, whatever fault it meets: the longest waits for one service."""

SLACK = 16 * 1024
"""Bytes by which what is held may differ from one moment to another."""

COLLECTION = "ansible_collections.winfleet.rdp."


@dataclass
class Member:
    """One host of the fleet: what is wrong with it, what happens on its wire, what its run gave (None: killed).

    ``seconds`` is how long the longer of its runs took, by its own clock: the waits, since nothing else takes time.
    """

    simulated: SimulatedHost
    scenario: Scenario
    kind: str
    at: int
    result: Result | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.failing = bool(self.kind)
        self.kind_met = self.kind

    @property
    def name(self) -> str:
        return self.simulated.name

    def run(self, run_id: str) -> None:
        """Remediate it."""
        line = Line(self.simulated, KINDS[self.kind] if self.kind else None, self.at)
        began = self.simulated.clock.now()
        try:
            self.result = run(self.scenario, self.simulated, line, run_id)
        except Killed:
            self.result = None
        self.seconds = max(self.seconds, (self.simulated.clock.now() - began).total_seconds())

    @property
    def ended(self) -> str:
        """How its run ended, in a word."""
        if self.result is None:
            return "killed"
        return str(self.result.get("verdict") or ("unreachable" if "unreachable" in self.result else "failed"))


def built(scenario: Scenario, name: str) -> SimulatedHost:
    """A host of its own name, keys and SIDs, as the scenario finds it."""
    return SimulatedHost.build("2022", breakages=scenario.breakages, place=Place(name))


def fleet(size: int, seed: int) -> list[Member]:
    """Hosts as the seed says."""
    rng = random.Random(seed)  # the same fleet for the same seed
    members = []
    for number in range(1, size + 1):
        scenario = rng.choice(LOOPS)
        simulated = built(scenario, f"host{number:03}")
        failing = rng.random() < 0.1  # one in ten
        kind, at = (rng.choice(list(KINDS)), rng.randint(1, len(clean(scenario).operations))) if failing else ("", 0)
        members.append(Member(simulated, scenario, kind, at))
    return members


def wrong(member: Member) -> Iterator[str]:
    """What is wrong with how a host's first run ended."""
    alone = str(clean(member.scenario).result["verdict"])
    if not member.kind and member.ended != alone:
        yield f"{member.name}: {member.ended} instead of {alone}, though nothing happened to it"
    if member.result is not None and member.ended in ("failed", "unreachable"):
        message = member.result["msg"]
        if not message.startswith(f"{member.name}: ") or "This is a bug" in message:
            yield f"{member.name}: {message}"


def slow(member: Member) -> Iterator[str]:
    """What is wrong with how long a host kept its run."""
    if member.seconds > BOUND:
        yield f"{member.name}: {member.seconds:.0f} s with {member.kind_met or 'no fault'}"


def unfinished(member: Member) -> Iterator[str]:
    """What a rerun without faults has left undone."""
    alone = clean(member.scenario)
    if member.ended not in (str(alone.result["verdict"]), "healthy"):
        yield f"{member.name}: {member.ended} after the rerun instead of {alone.result['verdict']}"
    away: set[Path] = set()
    if member.failing:
        away = differing(settled(member.scenario, member.name), stored(member.simulated))
    also = {name.lower() for name in member.scenario.also}
    if left := [path for path in outside(away, acts(member.simulated)) if path[-1] not in also]:
        yield f"{member.name}: after the rerun {left[:3]} are not as on a host without fault"


def settled(scenario: Scenario, name: str) -> State:
    """What a host of this name is after a run without fault."""
    simulated = built(scenario, name)
    run(scenario, simulated, Line(simulated), "run-1")
    return stored(simulated)


def many_hosts(size: int, seed: int) -> list[str]:
    """Run all, then all again, and tell what is wrong."""
    members, began = fleet(size, seed), time.monotonic()
    for member in members:
        member.run("run-1")
    problems = [problem for member in members for problem in wrong(member)]
    faults = sum(bool(member.kind) for member in members)
    print(f"first run of {size} hosts, {faults} with a fault:", Counter(member.ended for member in members))
    for member in members:
        member.simulated.clock.advance(EXPIRY if member.kind else TENURE)
        member.kind = ""
        member.run("run-2")
    problems += [problem for member in members for check in (unfinished, slow) for problem in check(member)]
    print(f"the longest run took {max(member.seconds for member in members):.0f} s of its host's time")
    print("rerun:", Counter(member.ended for member in members), f"{time.monotonic() - began:.0f} s")
    return problems


def many_rounds(rounds: int) -> list[str]:
    """Repair, roll back, and count what stays: objects here; shells, enumerations and tasks on the host."""
    scenario = LOOPS[-1]
    simulated = SimulatedHost.build("2022", breakages=scenario.breakages)
    counts, sizes, problems = [], [], []
    tracemalloc.start()
    for number in range(rounds):
        run(scenario, simulated, Line(simulated), f"run-{number}")
        roll_back(simulated)
        simulated.clock.advance(60)
        volatile = simulated.volatile()
        if volatile["open_shells"] or volatile["open_enumerations"] or simulated.state()["tasks"]:
            problems.append(f"round {number}: something is left on the host")
        counts.append(ours())
        sizes.append(held() if number in (WARM, rounds - 1) else 0)
    tracemalloc.stop()
    print(f"{rounds} rounds: {sizes[WARM]} bytes held by the collection after {WARM}, {sizes[-1]} after the last")
    if sizes[-1] > sizes[WARM] + SLACK:
        problems.append(f"memory grows: {sizes}")
    print(f"{rounds} rounds: {counts[WARM]} objects of the collection after {WARM}, {counts[-1]} after the last")
    return problems if counts[-1] <= counts[WARM] else [*problems, f"objects grow: {counts}"]


def ours() -> int:
    """How many objects of the collection's own classes are alive. What the simulated host remembers is its own."""
    gc.collect()
    return sum(str(type(thing).__module__).startswith(COLLECTION) for thing in gc.get_objects())


def held() -> int:
    """Bytes that the collection's own code has asked for and that nobody has given back."""
    wanted = tracemalloc.Filter(inclusive=True, filename_pattern="*/plugins/*_utils/*")
    snapshot = tracemalloc.take_snapshot().filter_traces((wanted,))
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def main() -> int:
    """Soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    problems = [*many_hosts(options.hosts, options.seed), *many_rounds(options.rounds)]
    print(*problems, f"{len(problems)} problem(s)", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

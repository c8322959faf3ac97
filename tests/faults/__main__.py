# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fault at the n-th operation, for every n: ``make faults`` tries all, prints what passed and writes its page.

``python -m tests.faults --sample 3 --seed 7`` tries three operations for each kind of fault, drawn from all scenarios;
``--only`` and ``--kind`` take patterns, and may be given several times; ``--add`` puts what came of such a part below
what the page has. Of faults that the client cannot tell apart one is run, and the others count as alike; a sample, and
``--each``, run each of them. Ends with 1 when anything did not pass.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.faults.grid import Case, cases, clean
from tests.faults.kinds import KINDS
from tests.faults.page import add, write
from tests.faults.scenarios import SCENARIOS

Wanted = Mapping[int, tuple[str, ...]] | None
SHOWN = 40
FEW = 16
"""Scenarios that a sample is drawn from."""


def _column(kind: str) -> str:
    """The column of a kind: faults of the service and of WMI share one each, and so do HTTP's statuses."""
    family = kind.partition("_")[0]
    return family if family in ("http", "wsman", "wmi", "cim", "reset", "reboot", "killed") else kind


def _try(name: str, kinds: Sequence[str], wanted: Wanted, *, each: bool) -> list[Case]:
    gc.freeze()
    return cases(SCENARIOS[name], lambda number: kinds if wanted is None else wanted.get(number, ()), each=each)


def _drawn(names: Sequence[str], kinds: Iterable[str], count: int, seed: int) -> dict[str, dict[int, tuple[str, ...]]]:
    """For each kind some operations of some scenarios, the same ones for the same seed."""
    rng = random.Random(seed)  # a sample, no secret
    few = rng.sample(names, min(FEW, len(names)))
    drawn: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for kind in kinds:
        missing = count
        while missing:
            name = rng.choice(names if KINDS[kind].rare else few)
            meeting = [at for at, body in enumerate(clean(SCENARIOS[name]).operations, 1) if KINDS[kind].concerns(body)]
            if meeting:
                at, missing = rng.choice(meeting), missing - 1
                drawn[name][at] = (*drawn[name].get(at, ()), kind)
    return drawn


def _all(options: argparse.Namespace) -> Iterator[list[Case]]:
    names = [name for name in SCENARIOS if any(fnmatch.fnmatch(name, pattern) for pattern in options.only or "*")]
    kinds = [kind for kind in KINDS if any(fnmatch.fnmatch(kind, pattern) for pattern in options.kind or "*")]
    each = options.each or bool(options.sample)
    drawn = _drawn(names, kinds, options.sample, options.seed) if options.sample else None
    with ProcessPoolExecutor(options.jobs, get_context("fork")) as pool:
        waiting = [
            pool.submit(_try, name, kinds, None if drawn is None else drawn[name], each=each)
            for name in names
            if drawn is None or name in drawn
        ]
        for done in as_completed(waiting):
            yield done.result()


def _table(found: Sequence[Case]) -> Iterator[str]:
    """Passed of tried, for each scenario and family of kinds."""
    columns = list(dict.fromkeys(_column(kind) for kind in KINDS))
    row = "{:36} {:>4} " + " ".join(f"{{:>{max(len(column), 9)}}}" for column in (*columns, "all"))
    yield row.format("scenario", "n", *columns, "all")
    for name in SCENARIOS:
        mine = [case for case in found if case.scenario == name]
        if mine:
            counts = [_passed(case for case in mine if _column(case.kind) == column) for column in columns]
            yield row.format(name[:36], max(case.at for case in mine), *counts, _passed(mine))
    counts = [_passed(case for case in found if _column(case.kind) == column) for column in columns]
    yield row.format("all", "", *counts, _passed(found))


def _passed(found: Iterable[Case]) -> str:
    cases_ = list(found)
    return f"{sum(not case.problems for case in cases_)}/{len(cases_)}" if cases_ else "-"


def _by_kind(found: Sequence[Case]) -> Iterator[str]:
    for kind, known in KINDS.items():
        mine = [case for case in found if case.kind == kind]
        if mine:
            alike = sum(bool(case.alike) for case in mine)
            yield f"{kind:16} {_passed(mine):>13}{f' ({alike} alike)' if alike else '':16}  {known.meaning}"


def _problems(found: Sequence[Case]) -> Iterator[str]:
    """What did not pass, one example of each."""
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in found:
        if case.problems:
            groups[case.scenario, case.problems[0][:160]].append(case)
    for (name, _problem), alike in sorted(groups.items(), key=lambda group: -len(group[1]))[:SHOWN]:
        first = alike[0]
        yield f"{len(alike)} x {name}: {first.kind} at {first.at}: {' | '.join(first.problems)}"


def main() -> int:
    """Try what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", action="append", help="scenarios, as patterns")
    parser.add_argument("--kind", action="append", help="kinds of faults, as patterns")
    parser.add_argument("--sample", type=int, default=0, metavar="COUNT", help="so many operations for each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--each", action="store_true", help="run also faults that the client cannot tell apart")
    parser.add_argument("--add", action="store_true", help="put a part below what the page has, and do not replace it")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    began = time.monotonic()
    found: list[Case] = []
    for some in _all(options):
        found += some
        print(
            *_problems(some),
            f"{some[0].scenario}: {_passed(some)}" if some else "",
            sep="\n",
            file=sys.stderr,
            flush=True,
        )
    failed = sum(bool(case.problems) for case in found)
    alike = sum(bool(case.alike) for case in found)
    seconds = time.monotonic() - began
    summary = (
        f"{len(found) - failed} of {len(found)} passed in {seconds:.0f} s, {alike} of them alike to one that was run"
    )
    printed = [*_table(found), "", *_by_kind(found), "", *_problems(found), summary]
    print(*printed, sep="\n", flush=True)
    if options.add:
        add(printed)
    elif not (options.only or options.kind or options.sample):
        write(printed)
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())

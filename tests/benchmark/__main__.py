# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure what a fleet costs: ``make benchmark``, or ``python -m tests.benchmark --quick`` for a first look.

A whole run takes some twenty minutes on two cores. It writes build/benchmark.json and the page of the documentation; a
quick one, or one of other sizes, leaves that page alone and writes build/benchmark/benchmark.rst. What each play
printed is in build/benchmark/logs.
"""

from __future__ import annotations

import argparse
import sys
import time
import typing as t
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from scripts.reference_pages import RST
from tests.benchmark import figures, page
from tests.benchmark.measurements import AUTHS, QUICK, Bench, Results, Sizes
from tests.benchmark.runs import PLACE, BenchmarkFailed
from tests.running import BUILD

PLAY_SECONDS = 900.0
"""The longest that one play may take."""

TOTAL_SECONDS = 2400.0
"""When no further measurement begins."""

Step = tuple[str, Callable[[], None]]
K = t.TypeVar("K")
V = t.TypeVar("V")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when all could be measured, within its budget or not; else 1."""
    options = _parser().parse_args(arguments)
    sizes, machine = _sizes(options), figures.machine()
    results = Results(sizes)
    end = time.monotonic() + options.total
    for name, step in _steps(Bench.with_limit(options.limit), results):
        _take(name, step, results, end)
        figures.written(options.output, figures.document(results))
    for budget in figures.budgets(results):
        _say(f"{'held  ' if budget.held else 'BEYOND'} {budget.name}: {budget.measured:.3g}, at most {budget.most:.3g}")
    for failure in results.failures:
        _say(f"\nNOT MEASURED: {failure}")
    if not results.failures:
        _write_page(page.text(results, machine, _command(arguments)), RST if sizes == Sizes() else PLACE)
    return 1 if results.failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small fleets; the figures say little")
    parser.add_argument("--hosts", type=int, metavar="N", help="hosts on which ours and the peer are compared")
    parser.add_argument("--scale", type=_numbers, metavar="N[,N]", help="sizes of the fleets that are diagnosed")
    parser.add_argument("--floor", type=int, metavar="N", help="hosts of the play that is compared with doing nothing")
    parser.add_argument("--limit", type=float, default=PLAY_SECONDS, help="seconds that a play may take (%(default)s)")
    parser.add_argument("--total", type=float, default=TOTAL_SECONDS, help="seconds after which no more is measured")
    parser.add_argument("--output", type=Path, default=BUILD / "benchmark.json", metavar="FILE")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


def _sizes(options: argparse.Namespace) -> Sizes:
    given = {name: getattr(options, name) for name in ("hosts", "scale", "floor") if getattr(options, name)}
    return replace(QUICK if options.quick else Sizes(), **given)


def _steps(bench: Bench, results: Results) -> Iterator[Step]:
    """All measurements, by name; each puts what it finds into the results."""
    sizes = results.sizes
    yield "the peer's environment", bench.install_peer
    for auth in AUTHS:
        yield f"floor, {auth}", partial(_put, results.floors, auth, partial(bench.floor, sizes.floor, auth))
        yield f"all broken, {auth}", partial(_put, results.broken, auth, partial(bench.repair, sizes.hosts, auth))
    for auth, latency in product(AUTHS, sizes.latencies):
        compare = partial(bench.compare, sizes.hosts, auth, latency)
        yield f"ours and the peer, {auth}, {latency:g} ms", partial(_put, results.compared, (auth, latency), compare)
    yield "the probe", partial(_put, results.probed, sizes.probe, partial(bench.probe, sizes.probe))
    for hosts in sizes.scale:
        yield f"diagnosis of {hosts} hosts", partial(_put, results.scale, hosts, partial(bench.scale, hosts))


def _put(into: MutableMapping[K, V], key: K, measure: Callable[[], V]) -> None:
    into[key] = measure()


def _take(name: str, step: Callable[[], None], results: Results, end: float) -> None:
    started = time.monotonic()
    try:
        if started > end:
            raise BenchmarkFailed(f"{name}: the time was over before it began")
        step()
    except BenchmarkFailed as failure:
        results.failures.append(str(failure))
    _say(f"{time.monotonic() - started:6.1f} s  {name}")


def _command(arguments: Sequence[str] | None) -> str:
    """What a person types for this run."""
    given = " ".join(sys.argv[1:] if arguments is None else arguments)
    return f"make benchmark ARGS='{given}'" if given else "make benchmark"


def _write_page(text: str, directory: Path) -> None:
    path = directory / f"{page.NAME}.rst"
    path.write_text(text, encoding="utf-8")
    _say(f"Written: {path}")


def _say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a whole remediation costs on the wire: healthy, and with each breakage alone.

``make cost`` prints the table; ``python -m tests.cost --version 2019 key_unreadable`` what one breakage costs, by class
and method, and with ``--log`` message by message.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulator.breakages import BREAKAGES
from tests.support.meter import Amount, Cost, cost

HEALTHY = "healthy"
ROW = "{:32} {:14} {:>4} {:>8} {:>8} {:>8}"


def _measured(name: str, version: str) -> tuple[str, str, Amount]:
    found = cost(() if name == HEALTHY else (name,), version)
    return name, found.verdict, found.meter.total


def _table(version: str) -> Iterator[str]:
    yield ROW.format(f"breakage (version {version})", "verdict", "ops", "up", "down", "bytes")
    names = (HEALTHY, *BREAKAGES)
    with ProcessPoolExecutor() as pool:
        for name, verdict, total in pool.map(_measured, names, [version] * len(names)):
            yield ROW.format(name, verdict, total.operations, total.up, total.down, total.bytes)


def _parts(found: Cost, log: bool) -> Iterator[str]:
    yield ROW.format(
        f"{'+'.join(found.planted) or HEALTHY} ({found.version})", found.verdict, "ops", "up", "down", "bytes"
    )
    rows: Iterable[tuple[str, str, Amount]] = found.meter.log
    if not log:
        rows = ((kind, "", amount) for kind, amount in found.meter.by_kind().items())
    for kind, subject, amount in (*rows, ("total", "", found.meter.total)):
        yield f"{ROW.format(kind, '', amount.operations, amount.up, amount.down, amount.bytes)} {subject}".rstrip()


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.cost", description=__doc__)
    parser.add_argument("breakage", nargs="*", help="what to plant together; nothing measures each breakage alone")
    parser.add_argument("--version", default="2022", help="of Windows (default: 2022)")
    parser.add_argument("--log", action="store_true", help="message by message")
    options = parser.parse_args()
    planted = [name for name in options.breakage if name != HEALTHY]
    lines = _parts(cost(planted, options.version), options.log) if options.breakage else _table(options.version)
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make fuzz``: every target for FUZZ_TIME seconds, with new examples each time.

A failing example is printed, and kept in build/hypothesis, where the next run tries it first.
"""

from __future__ import annotations

import os
import sys
import time
import traceback

from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import TARGETS, Target

SECONDS = float(os.environ.get("FUZZ_TIME", "10"))
ROUND = 100
"""Examples between two looks at the clock."""


def main(names: list[str]) -> int:
    """Run the named targets, or all; return how many failed."""
    return sum(not run(name, TARGETS[name]) for name in names or TARGETS)


def run(name: str, target: Target) -> bool:
    """Run one target for its time; say what it did."""
    count = 0

    @settings(max_examples=ROUND, deadline=None, suppress_health_check=list(HealthCheck))
    @given(target.given)
    def once(value: object) -> None:
        nonlocal count
        count += 1
        target.check(value)

    end = time.monotonic() + SECONDS
    try:
        for value in target.once:
            target.check(value)
        while time.monotonic() < end:
            once()
    except Exception:  # noqa: BLE001  # whatever it is, it is what we look for
        print(f"{name}: FAILED after {count} examples\n{traceback.format_exc()}")
        return False
    print(f"{name}: {count} examples in {SECONDS:g} s")
    return True


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))

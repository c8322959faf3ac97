# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loss and latency of the path, by TCP connects.

FOR INTERNAL COLLECTION USE ONLY.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ConnectError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import connect


@dataclasses.dataclass(frozen=True)
class Quality:
    """What several connects show; times in milliseconds, None when all were lost."""

    samples: int
    lost: int
    loss_percent: float
    rtt_min_ms: float | None
    rtt_median_ms: float | None
    rtt_max_ms: float | None


def measure(address: str, port: int, samples: int, seconds: float, pause: float) -> Quality:
    """Connect `samples` times with a pause before each; the host counts each as an incomplete connection."""
    times = []
    for _dummy in range(samples):
        time.sleep(pause)
        times.append(_connect_ms(address, port, seconds))
    return summarise([elapsed for elapsed in times if elapsed is not None], samples)


def _connect_ms(address: str, port: int, seconds: float) -> float | None:
    """Time one connect; None when it failed."""
    started = time.monotonic()
    try:
        connect(address, port, seconds).close()
    except ConnectError:
        return None
    return (time.monotonic() - started) * 1000


def summarise(times: list[float], samples: int) -> Quality:
    """Form the figures from the times of those connects that came about."""
    lost = samples - len(times)
    return Quality(
        samples=samples,
        lost=lost,
        loss_percent=round(100 * lost / samples, 1),
        rtt_min_ms=round(min(times), 2) if times else None,
        rtt_median_ms=round(statistics.median(times), 2) if times else None,
        rtt_max_ms=round(max(times), 2) if times else None,
    )

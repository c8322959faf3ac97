# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was measured, as JSON for programs, as lines for the console, and against the budgets."""

from __future__ import annotations

import json
import os
import platform
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.benchmark.measurements import HEADLINE, Compared, Results
from tests.benchmark.runs import Figures

Json = dict[str, t.Any]

FRACTION_OF_BYTES = 50
FRACTION_OF_CPU = 5
MOST_TIMES_IDLE = {"basic": 2.5, "ntlm": 4.0}
MOST_GROWTH = 1.15


def document(results: Results) -> Json:
    """The figures in the shape that build/benchmark.json has; what was not measured is null."""
    both = headline(results)
    return {
        "hosts": results.sizes.hosts,
        "ours": _play(both.ours) if both else None,
        "peer": _play(both.peer) if both else None,
        "floor": _floor(results),
        "scale": {
            str(hosts): {**_play(both.diagnose), **_growth(results, hosts)} for hosts, both in results.scale.items()
        },
        "probe": _probe(results),
        "memory_mb": _memory(results),
    }


def headline(results: Results) -> Compared | None:
    """The comparison that the figures at the top are from."""
    return results.compared.get(HEADLINE)


def _play(figures: Figures) -> Json:
    return {
        "requests_per_host": round(figures.requests_per_host, 1),
        "bytes_per_host": round(figures.bytes_per_host),
        "controller_cpu_s_per_host": round(figures.cpu_per_host, 4),
        "wall_s": round(figures.usage.wall_s, 2),
    }


def _floor(results: Results) -> Json | None:
    floor = results.floors.get(HEADLINE[0])
    if floor is None:
        return None
    return {
        "noop_wall_s": round(floor.noop.usage.wall_s, 2),
        "diagnose_wall_s": round(floor.diagnose.usage.wall_s, 2),
        "ratio": round(floor.ratio, 2),
        "auth": floor.auth,
    }


def growth(results: Results, hosts: int) -> tuple[float, float]:
    """Seconds per host against those of the smallest fleet: of the diagnosis, and of the play that does nothing."""
    smallest, this = results.scale[min(results.scale)], results.scale[hosts]
    return (
        this.diagnose.wall_per_host / smallest.diagnose.wall_per_host,
        this.noop.wall_per_host / smallest.noop.wall_per_host,
    )


def _growth(results: Results, hosts: int) -> Json:
    both, (ours, idle) = results.scale[hosts], growth(results, hosts)
    return {
        "wall_s_per_host": round(both.diagnose.wall_per_host, 4),
        "growth": round(ours, 2),
        "noop_wall_s_per_host": round(both.noop.wall_per_host, 4),
        "noop_growth": round(idle, 2),
    }


def _probe(results: Results) -> Json | None:
    for probed in results.probed.values():
        nmap = probed.nmap_per_s
        return {"hosts_per_s": round(probed.per_s, 1), "nmap_hosts_per_s": nmap and round(nmap, 1)}
    return None


def _memory(results: Results) -> Json:
    main = {str(hosts): round(both.diagnose.usage.memory_mb) for hosts, both in results.scale.items()}
    forks = [both.diagnose.usage.fork_mb for both in results.scale.values()]
    return {**main, "fork": round(max(forks, default=0), 1)}


@dataclass(frozen=True)
class Budget:
    """What was promised, and what was measured of it."""

    name: str
    most: float
    measured: float

    @property
    def held(self) -> bool:
        return self.measured <= self.most


def budgets(results: Results) -> Iterator[Budget]:
    """The budgets that these measurements tell about."""
    for both in results.compared.values():
        where = f"{both.auth}, {both.latency_ms:g} ms"
        part = both.ours.bytes_per_host / both.peer.bytes_per_host
        yield Budget(f"bytes, part of the peer's ({where})", 1 / FRACTION_OF_BYTES, part)
        part = both.ours.cpu_per_host / both.peer.cpu_per_host
        yield Budget(f"controller's processor, part of the peer's ({where})", 1 / FRACTION_OF_CPU, part)
    for floor in results.floors.values():
        name = f"diagnosis of {floor.diagnose.hosts} hosts, times the same play that does nothing ({floor.auth})"
        yield Budget(name, MOST_TIMES_IDLE[floor.auth], floor.ratio)
    if len(results.scale) > 1:
        first, last = min(results.scale), max(results.scale)
        yield Budget(f"seconds per host, {last} hosts against {first}", MOST_GROWTH, growth(results, last)[0])


def machine() -> Json:
    """What the figures are measured on, and how busy it is now."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9),
        "python": platform.python_version(),
        "ansible_core": version("ansible-core"),
        "load": round(os.getloadavg()[0], 1),
    }


def written(path: Path, content: Json) -> None:
    """JSON in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

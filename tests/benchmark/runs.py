# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program and say what it took: seconds of wall and of processor, memory, and what went over the wire."""

from __future__ import annotations

import os
import subprocess
import time
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Event, Thread

from tests.running import BUILD, ROOT, RunningFleet

PLACE = BUILD / "benchmark"
LOGS = PLACE / "logs"
MEGABYTE = 1024 * 1024
SAMPLE_SECONDS = 1.0
TOLD_LINES = 25


class BenchmarkFailed(Exception):
    """A run that did not end as it must; the message says which, and shows the end of its output."""


@dataclass(frozen=True)
class Usage:
    """What a process and its children took.

    Attributes:
        wall_s: seconds until it ended.
        cpu_s: seconds of processor, user and system, of it and of all its children.
        memory_mb: the most resident memory of the largest of these processes.
        fork_mb: what a child had of memory for itself alone, the median of what was sampled; 0 without one.
    """

    wall_s: float
    cpu_s: float
    memory_mb: float
    fork_mb: float


@dataclass(frozen=True)
class Figures:
    """What a play took on so many hosts, the simulated hosts' own work aside."""

    hosts: int
    usage: Usage
    requests: int
    bytes: int
    operations: int

    @property
    def requests_per_host(self) -> float:
        return self.requests / self.hosts

    @property
    def bytes_per_host(self) -> float:
        return self.bytes / self.hosts

    @property
    def cpu_per_host(self) -> float:
        return self.usage.cpu_s / self.hosts

    @property
    def wall_per_host(self) -> float:
        return self.usage.wall_s / self.hosts


def measured(
    name: str, command: Sequence[str], environment: Mapping[str, str], limit: float, codes: Sequence[int] = (0,)
) -> Usage:
    """Run a command to its end, its output in build/benchmark/logs/NAME.log.

    Raises:
        BenchmarkFailed: it ended with another exit code, or not within so many seconds.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    usage = _watched(process, limit)
    if usage is None or process.returncode not in codes:
        ended = "did not end in time" if usage is None else f"ended with {process.returncode}"
        raise BenchmarkFailed(f"{name} {ended}; the end of {log}:\n{_tail(log)}")
    return usage


def _watched(process: subprocess.Popen[bytes], limit: float) -> Usage | None:
    """Wait for the end; None when the limit passed before, at which the process and its children are killed."""
    late, over = Event(), Event()
    forks: list[float] = []

    def watch() -> None:
        end = started + limit
        while not over.wait(SAMPLE_SECONDS):
            forks.extend(_fork_memory(process.pid))
            if time.monotonic() > end:
                late.set()
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                return

    started = time.monotonic()
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    _pid, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    over.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if late.is_set():
        return None
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, median(forks or [0.0]) / MEGABYTE)


def _fork_memory(pid: int) -> Iterator[float]:
    """Bytes that the oldest child of a process shares with nobody, if it has one (proc(5), smaps_rollup)."""
    with suppress(OSError, IndexError, ValueError):
        child = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0]
        lines = Path(f"/proc/{child}/smaps_rollup").read_text(encoding="ascii").splitlines()
        yield sum(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("Private_"))


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TOLD_LINES:])


@dataclass(frozen=True)
class Ansible:
    """An environment with ansible-playbook in it.

    Attributes:
        bin: where its programs are.
        collections: where it looks for collections beside its own.
        forks: how many hosts it serves at a time.
        limit: seconds that a play may take.
    """

    bin: Path
    collections: str
    forks: int
    limit: float

    def play(self, name: str, playbook: str, fleet: RunningFleet, hosts: int, *options: str) -> Figures:
        """Run a playbook on all hosts of a fleet, with what it printed in the log NAME.

        Raises:
            BenchmarkFailed: it failed.
        """
        program = str(self.bin / "ansible-playbook")
        command = [program, playbook, "-i", str(fleet.inventory), "--forks", str(self.forks), *options]
        (PLACE / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        before = t.cast("dict[str, int]", fleet.ask("/traffic"))
        usage = measured(name, command, self.environment, self.limit)
        after = fleet.ask("/traffic")
        spent = {kind: after[kind] - before[kind] for kind in before}
        return Figures(hosts, usage, spent["requests"], spent["bytes"] + spent["rdp_bytes"], spent["operations"])

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ANSIBLE_COLLECTIONS_PATH": self.collections,
            "ANSIBLE_CONFIG": str(PLACE / "ansible.cfg"),
            "ANSIBLE_HOME": str(PLACE / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "160",
        }

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One playbook over many machines, as AWX and Receptor do it: ``ansible-runner transmit | worker | process``.

Each slice is a private data directory of its own, which is streamed to a worker that shares nothing with the sender.
The worker's report is among the artifacts that it streams back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.running import BUILD

PATIENCE = 240
"""Seconds that a slice may take."""

IDENT = "slice"
"""The name of a slice's artifacts in its private data directory."""

REPORT = "{{ lookup('ansible.builtin.env', 'AWX_ISOLATED_DATA_DIR') }}/report"
"""The report's directory. The variable holds that of the artifacts (ansible_runner/config/_base.py)."""


def slice_of(hosts: Sequence[str], number: int, count: int) -> list[str]:
    """The hosts of slice ``number`` of ``count``, from 1: every count-th host in the order of names.

    That is AWX's rule: ``Inventory.get_script_data`` orders the hosts by name, ``get_sliced_hosts`` takes
    ``[number - 1::count]`` (awx/main/models/inventory.py at e21dd0a0933fd544d1fe2513c54fe41203775eb5).
    """
    return sorted(hosts)[number - 1 :: count]


def sliced(inventory: Path, number: int, count: int) -> dict[str, t.Any]:
    """An inventory of one group with the hosts of one slice alone."""
    content = yaml.safe_load(inventory.read_text(encoding="utf-8"))
    hosts = content["windows"]["hosts"]
    content["windows"]["hosts"] = {name: hosts[name] for name in slice_of(list(hosts), number, count)}
    return t.cast("dict[str, t.Any]", content)


def project(directory: Path, playbook: str, inventory: Mapping[str, t.Any], variables: Mapping[str, t.Any]) -> Path:
    """A private data directory that runs a playbook of the collection, as a project of AWX imports it."""
    files = {
        "project/play.yml": [{"import_playbook": f"winfleet.rdp.{playbook}"}],
        "inventory/hosts.yml": inventory,
        "env/extravars": {"rdp_report_dir": REPORT, **variables},
        "env/envvars": {
            "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
            "ANSIBLE_HOME": str(directory / "ansible"),
        },
    }
    for name, content in files.items():
        path = directory / "sent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return directory


@dataclass
class Slice:
    """One slice on its way: three processes in a row, of which the middle one is the far machine."""

    directory: Path
    forks: int = 5
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> Slice:
        """Send the slice off."""
        sent, far, back = (self.directory / name for name in ("sent", "far", "back"))
        back.mkdir(parents=True, exist_ok=True)
        steps: list[tuple[str, ...]] = [
            ("transmit", str(sent), "--playbook", "play.yml", "--ident", IDENT, "--forks", str(self.forks)),
            ("worker", "--private-data-dir", str(far)),
            ("process", str(back), "--ident", IDENT),
        ]
        feed: t.Any = subprocess.DEVNULL
        for step in steps:
            process = subprocess.Popen(
                [_program("ansible-runner"), *step], stdin=feed, stdout=subprocess.PIPE, env=_environment()
            )
            if feed is not subprocess.DEVNULL:
                feed.close()
            self.processes.append(process)
            feed = process.stdout
        return self

    def wait(self) -> str:
        """What the run printed, once the slice is back."""
        output, _nothing = self.processes[-1].communicate(timeout=PATIENCE)
        for process in self.processes:
            process.wait(PATIENCE)
        return output.decode("utf-8", "replace")

    def kill(self) -> None:
        """The far machine fails: all of its processes end at once, in the middle of whatever they do."""
        worker = self.processes[1].pid
        for pid in [*_descendants(worker), worker]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself since
        self.wait()

    @property
    def runs(self) -> bool:
        """Whether the far machine is still at it."""
        return self.processes[1].poll() is None

    @property
    def status(self) -> str:
        """How the run ended by what came back: ``successful``, ``failed``; empty where nothing came."""
        path = self.directory / "back" / "artifacts" / IDENT / "status"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def report(self) -> Path:
        """The slice's report, among what came back."""
        return self.directory / "back" / "artifacts" / IDENT / "report" / "report.json"


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _environment() -> dict[str, str]:
    """The programs of this environment first: runner calls ansible-playbook by its name."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _descendants(pid: int) -> Iterator[int]:
    """All processes below one, the youngest first (proc(5): the fourth field of stat is the parent)."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        parents[int(path.parent.name)] = int(after_name[1])
    yield from _below(pid, parents)


def _below(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    for child in [child for child, parent in parents.items() if parent == pid]:
        yield from _below(child, parents)
        yield child

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated fleet and playbooks as processes of their own, for the demo and for the tests of playbooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

PATIENCE = 20
"""Seconds that the simulator may take to stop."""


class FleetDied(Exception):
    """The simulator ended before it was ready; the message is what it said."""


@dataclass(frozen=True)
class RunningFleet:
    """A fleet that listens.

    Attributes:
        inventory: its hosts, in the group windows.
        control: host and port of its control port.
    """

    inventory: Path
    control: str

    def ask(self, path: str) -> t.Any:
        """What the control port answers to GET, such as ``/hosts/host001/state``."""
        connection = HTTPConnection(self.control, timeout=30)
        try:
            connection.request("GET", path)
            return json.load(connection.getresponse())
        finally:
            connection.close()

    def tell(self, path: str, **arguments: object) -> t.Any:
        """What the control port answers to POST, such as ``/hosts/host001/fault``."""
        connection = HTTPConnection(self.control, timeout=30)
        try:
            connection.request("POST", path, json.dumps(arguments))
            response = connection.getresponse()
            answer = json.load(response)
            if response.status != HTTPStatus.OK:
                raise ValueError(f"{path} takes no {arguments}: {answer}")
            return answer
        finally:
            connection.close()

    def advance(self, seconds: float, *hosts: str) -> None:
        """Let time pass on hosts."""
        self.tell("/clock", advance=seconds, hosts=hosts)

    def hosts(self) -> list[str]:
        return [host["name"] for host in self.ask("/hosts")]

    def states(self) -> dict[str, t.Any]:
        """The persistent state of every host."""
        return {host: self.ask(f"/hosts/{host}/state") for host in self.hosts()}

    def count(self, counter: str) -> int:
        """The sum of a counter over all hosts."""
        return sum(self.ask(f"/hosts/{host}/counters")[counter] for host in self.hosts())


@contextmanager
def running_fleet(directory: Path, *options: str) -> Iterator[RunningFleet]:
    """Start the simulator, wait until all listens, and stop it by its process id.

    Raises:
        FleetDied: it did not start.
    """
    inventory = directory / "inventory.yml"
    command = [sys.executable, "-m", "tests.simulator", "--with-parent", *options]
    command += ["--inventory", str(inventory), "--control", "0"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            yield RunningFleet(inventory, _control(process))
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def _control(process: subprocess.Popen[str]) -> str:
    """Read until the fleet is ready; it names its control port before."""
    said: list[str] = []
    for line in process.stdout or ():
        if line.strip() == "ready":
            return "".join(said).partition("http://")[2].split()[0]
        said.append(line)
    raise FleetDied("".join(said))


@dataclass(frozen=True)
class Played:
    """How a playbook ended: its exit code and all that it printed."""

    code: int
    output: str


def play(
    playbook: str,
    inventory: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    directory: Path = ROOT,
) -> Played:
    """Run a playbook with the collection as it stands in the working tree, from a directory."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), playbook, "-i", str(inventory), *options]
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
        "ANSIBLE_HOME": str(BUILD / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **settings, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Played(done.returncode, done.stdout)

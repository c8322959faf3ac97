# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured, on which fleets: each function gives figures, or fails with BenchmarkFailed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmark import plays
from tests.benchmark.runs import PLACE, Ansible, BenchmarkFailed, Figures, Usage, measured
from tests.running import BUILD, ROOT, FleetDied, RunningFleet, running_fleet

AUTHS = ("basic", "ntlm")
HEADLINE = ("ntlm", 0.0)
"""Authentication and latency of the figures that build/benchmark.json has of ours and the peer."""

SCALE_AUTH = "basic"
BROKEN = ("rdp_denied", "firewall_rule_disabled", "security_layer_rdp", "termservice_stopped", "key_unreadable")
"""Faults of what the peer's tasks see to, so that both have the same to repair."""

ONE_BROKEN_OF = 10
FORKS = 50
VENV = PLACE / "venv"
NMAP_SCRIPTS = "rdp-ntlm-info,rdp-enum-encryption,ssl-cert"
INSTALL_SECONDS = 900


@dataclass(frozen=True)
class Sizes:
    """How many hosts each measurement has, and what latencies, in milliseconds."""

    hosts: int = 100
    scale: tuple[int, ...] = (100, 1000, 5000)
    floor: int = 1000
    probe: int = 250
    latencies: tuple[float, ...] = (0, 5, 50)


QUICK = Sizes(hosts=6, scale=(6, 30), floor=30, probe=12, latencies=(0, 5))


@dataclass(frozen=True)
class Compared:
    """Both on the same fleet."""

    auth: str
    latency_ms: float
    ours: Figures
    peer: Figures


@dataclass(frozen=True)
class Floor:
    """A diagnosis, and the same play with a task that does nothing."""

    auth: str
    noop: Figures
    diagnose: Figures

    @property
    def ratio(self) -> float:
        return self.diagnose.usage.wall_s / self.noop.usage.wall_s


@dataclass(frozen=True)
class Probed:
    """Hosts that were probed in so many seconds; nmap's are None where it is not installed."""

    hosts: int
    ours: Figures
    nmap: Usage | None

    @property
    def per_s(self) -> float:
        return self.hosts / self.ours.usage.wall_s

    @property
    def nmap_per_s(self) -> float | None:
        return self.hosts / self.nmap.wall_s if self.nmap else None


@dataclass
class Results:
    """All that was measured, and what could not be."""

    sizes: Sizes
    compared: dict[tuple[str, float], Compared] = field(default_factory=dict)
    broken: dict[str, Figures] = field(default_factory=dict)
    floors: dict[str, Floor] = field(default_factory=dict)
    scale: dict[int, Floor] = field(default_factory=dict)
    probed: dict[int, Probed] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """The two environments, and where the fleets' files go."""

    ours: Ansible
    peer: Ansible

    @classmethod
    def with_limit(cls, seconds: float) -> Bench:
        """The peer's has no collections but those of its package; a play may take so many seconds."""
        here = Path(sys.executable).parent
        ours = Ansible(here, str(BUILD / "collections"), FORKS, seconds)
        return cls(ours, Ansible(VENV / "bin", str(PLACE / "no-collections"), FORKS, seconds))

    def install_peer(self) -> None:
        """Make the peer's environment, of the Python that runs this."""
        script = str(ROOT / "scripts" / "env.py")
        command = [sys.executable, script, "--python", sys.executable, "--venv", str(VENV), "benchmark"]
        measured("install-peer", command, {}, INSTALL_SECONDS)

    def compare(self, hosts: int, auth: str, latency: float) -> Compared:
        """The peer, then ours, on a fleet of which one host in ten is broken."""
        name = f"{auth}-{latency:g}ms"
        options = (*_broken(hosts, ONE_BROKEN_OF), "--instant-powershell", "--latency", str(latency))
        with _fleet(name, hosts, auth, *options) as fleet:
            playbook = plays.written(PLACE / "peer.yml", *plays.peer_tasks())
            peer = self.peer.play(f"peer-{name}", playbook, fleet, hosts)
            ours = self.ours.play(f"ours-{name}", "winfleet.rdp.remediate", fleet, hosts)
        return Compared(auth, latency, ours, peer)

    def repair(self, hosts: int, auth: str) -> Figures:
        """Ours on a fleet of which every host is broken."""
        with _fleet(f"broken-{auth}", hosts, auth, *_broken(hosts, 1)) as fleet:
            return self.ours.play(f"ours-broken-{auth}", "winfleet.rdp.remediate", fleet, hosts)

    def floor(self, hosts: int, auth: str) -> Floor:
        """A diagnosis of healthy hosts beside a task that does nothing."""
        noop, diagnose = (
            plays.written(PLACE / f"{name}.yml", task)
            for name, task in (("noop", plays.idle_task()), ("diagnose", plays.diagnosis_task()))
        )
        with _fleet(f"floor-{auth}", hosts, auth) as fleet:
            return Floor(
                auth,
                self.ours.play(f"noop-{auth}", noop, fleet, hosts),
                self.ours.play(f"diagnose-{auth}", diagnose, fleet, hosts),
            )

    def scale(self, hosts: int) -> Floor:
        """The playbook diagnose as users run it, with its report, beside a task that does nothing."""
        report = PLACE / f"report-{hosts}"
        shutil.rmtree(report, ignore_errors=True)
        noop = plays.written(PLACE / "noop.yml", plays.idle_task())
        with _fleet(f"scale-{hosts}", hosts, SCALE_AUTH, *_broken(hosts, ONE_BROKEN_OF)) as fleet:
            arguments = ("-e", f"rdp_report_dir={report}")
            return Floor(
                SCALE_AUTH,
                self.ours.play(f"scale-noop-{hosts}", noop, fleet, hosts),
                self.ours.play(f"scale-{hosts}", "winfleet.rdp.diagnose", fleet, hosts, *arguments),
            )

    def probe(self, hosts: int) -> Probed:
        """The handshake with each host, by a play with our module and by nmap's scripts for RDP."""
        playbook = plays.written(PLACE / "probe.yml", plays.probe_task())
        with _fleet("probe", hosts, SCALE_AUTH) as fleet:
            ours = self.ours.play("probe", playbook, fleet, hosts)
            return Probed(hosts, ours, self._nmap(fleet))

    def _nmap(self, fleet: RunningFleet) -> Usage | None:
        if shutil.which("nmap") is None:
            return None
        targets = PLACE / "targets"
        targets.write_text("\n".join(host["address"] for host in fleet.ask("/hosts")), encoding="utf-8")
        command = ["nmap", "-n", "-Pn", "-p", str(plays.PORT), "--script", NMAP_SCRIPTS, "-iL", str(targets)]
        return measured("nmap", command, {}, self.ours.limit)


@contextmanager
def _fleet(name: str, hosts: int, auth: str, *options: str) -> Iterator[RunningFleet]:
    """Hosts of all versions and languages, the same ones in every run."""
    place = PLACE / "fleets" / name
    place.mkdir(parents=True, exist_ok=True)
    try:
        with running_fleet(place, "--hosts", str(hosts), "--auth", auth, "--seed", "1", *options) as fleet:
            yield fleet
    except FleetDied as error:
        raise BenchmarkFailed(f"the fleet {name} did not start: {error}") from error


def _broken(hosts: int, one_of: int) -> Iterator[str]:
    """One host of so many broken, each in the next way, in the simulator's words."""
    width = max(3, len(str(hosts)))
    for count, number in enumerate(range(one_of, hosts + 1, one_of)):
        yield from ("--break", f"host{number:0{width}}={BROKEN[count % len(BROKEN)]}")

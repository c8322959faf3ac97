# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each piece of the benchmark on two hosts; what they measure is not judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmark import plays
from tests.benchmark.measurements import Bench
from tests.benchmark.runs import PLACE, Ansible, BenchmarkFailed, measured

BASH = ("bash", "-c")
MODULE = """\
#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
$module = [Ansible.Basic.AnsibleModule]::Create($args, @{})
$module.ExitJson()
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Ours, and as the peer the same environment with modules of the peer's names that are nothing but a frame."""
    for task in plays.peer_tasks():
        namespace, name, module = next(key for key in task if key != "name").split(".")
        modules = tmp_path / "ansible_collections" / namespace / name / "plugins" / "modules"
        modules.mkdir(parents=True, exist_ok=True)
        (modules / f"{module}.ps1").write_text(MODULE, encoding="utf-8")
    whole = Bench.with_limit(120)
    return Bench(whole.ours, Ansible(Path(sys.executable).parent, str(tmp_path), 2, 120))


def test_both_are_measured_on_the_same_hosts(bench: Bench) -> None:
    both = bench.compare(2, "ntlm", 1.0)
    assert both.peer.requests_per_host >= 14 * 6
    assert both.peer.usage.cpu_s > 0
    assert 3 < both.ours.requests_per_host < both.peer.requests_per_host
    assert both.ours.bytes_per_host > 1000


def test_a_diagnosis_is_measured_beside_nothing(bench: Bench) -> None:
    floor = bench.floor(2, "basic")
    assert floor.noop.requests == 0
    assert floor.noop.usage.wall_s < floor.diagnose.usage.wall_s
    assert floor.diagnose.requests_per_host >= 3


def test_what_fails_is_no_measurement() -> None:
    with pytest.raises(BenchmarkFailed, match=r"(?s)fails ended with 2;.*as it must"):
        measured("fails", (*BASH, "echo as it must; exit 2"), {}, 60)


def test_processor_time_of_children_is_counted() -> None:
    spins = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    usage = measured("spins", (*BASH, f'"{sys.executable}" -c "{spins}"; true'), {}, 60)
    assert usage.cpu_s >= 0.4
    assert usage.memory_mb > 1


def test_what_does_not_end_is_ended_with_its_children() -> None:
    with pytest.raises(BenchmarkFailed, match="did not end in time"):
        measured("endless", (*BASH, "sleep 3123 & wait"), {}, 0.1)
    left = subprocess.run(("ps", "-eo", "args"), capture_output=True, text=True, check=True).stdout
    assert "sleep 3123" not in left.splitlines()


def test_a_fleet_is_diagnosed_with_its_report(bench: Bench) -> None:
    both = bench.scale(2)
    assert both.noop.requests == 0
    assert both.diagnose.requests_per_host >= 3
    assert (PLACE / "report-2" / "report.html").stat().st_size > 1000


def test_a_machine_without_nmap_has_no_figure_for_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmark.measurements.shutil.which", lambda _name: None)
    probed = bench.probe(2)
    assert probed.nmap_per_s is None
    assert probed.ours.requests == 0
    assert probed.ours.bytes > 1000

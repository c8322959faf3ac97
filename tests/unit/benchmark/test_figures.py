# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of the figures: the file for programs, the budgets, the page."""

from __future__ import annotations

import pytest

from tests.benchmark import page
from tests.benchmark.__main__ import _command, _parser, _sizes, _take
from tests.benchmark.figures import budgets, document
from tests.benchmark.measurements import QUICK, Compared, Floor, Probed, Results, Sizes
from tests.benchmark.plays import peer_tasks
from tests.benchmark.runs import Figures, Usage

MACHINE = {"cores": 2, "memory_gb": 8, "python": "3.11.7", "ansible_core": "2.19.14", "load": 0.1}
PLAY = {"requests_per_host", "bytes_per_host", "controller_cpu_s_per_host", "wall_s"}


def figures(hosts: int, wall: float, cpu: float = 1.0, size: int = 1000) -> Figures:
    return Figures(hosts, Usage(wall, cpu, 80.0, 20.0), 10 * hosts, size * hosts, 9 * hosts)


@pytest.fixture
def results() -> Results:
    def compared(auth: str) -> Compared:
        return Compared(auth, 0.0, figures(10, 2.0, 1.0, 1000), figures(10, 20.0, 4.0, 60_000))

    return Results(
        Sizes(hosts=10, scale=(10, 100)),
        {(auth, 0.0): compared(auth) for auth in ("basic", "ntlm")},
        {"ntlm": figures(10, 9.0)},
        {"ntlm": Floor("ntlm", figures(10, 2.0), figures(10, 5.0))},
        {
            hosts: Floor("basic", figures(hosts, hosts / 20), figures(hosts, wall))
            for hosts, wall in ((10, 1.0), (100, 12.0))
        },
        {20: Probed(20, figures(20, 4.0), Usage(10.0, 1.0, 9.0, 0.0))},
    )


def test_the_file_has_the_shape_that_programs_read(results: Results) -> None:
    found = document(results)
    assert set(found) == {"hosts", "ours", "peer", "floor", "scale", "probe", "memory_mb"}
    assert set(found["ours"]) == set(found["peer"]) == PLAY
    assert found["ours"] == {
        "requests_per_host": 10.0,
        "bytes_per_host": 1000,
        "controller_cpu_s_per_host": 0.1,
        "wall_s": 2.0,
    }
    assert found["floor"] == {"noop_wall_s": 2.0, "diagnose_wall_s": 5.0, "ratio": 2.5, "auth": "ntlm"}
    growth = {hosts: (row["growth"], row["noop_growth"]) for hosts, row in found["scale"].items()}
    assert growth == {"10": (1.0, 1.0), "100": (1.2, 1.0)}
    assert found["probe"] == {"hosts_per_s": 5.0, "nmap_hosts_per_s": 2.0}
    assert found["memory_mb"] == {"10": 80, "100": 80, "fork": 20.0}


def test_what_was_not_measured_is_null() -> None:
    found = document(Results(QUICK))
    assert (found["ours"], found["peer"], found["floor"], found["probe"]) == (None, None, None, None)
    assert not list(budgets(Results(QUICK)))


def test_each_budget_says_whether_it_is_held(results: Results) -> None:
    held = {budget.name: budget.held for budget in budgets(results)}
    assert held == {
        "bytes, part of the peer's (basic, 0 ms)": True,
        "controller's processor, part of the peer's (basic, 0 ms)": False,
        "bytes, part of the peer's (ntlm, 0 ms)": True,
        "controller's processor, part of the peer's (ntlm, 0 ms)": False,
        "diagnosis of 10 hosts, times the same play that does nothing (ntlm)": True,
        "seconds per host, 100 hosts against 10": False,
    }


def test_the_page_says_what_the_peer_is_charged_for_and_how_much(results: Results) -> None:
    text = page.text(results, MACHINE, "make benchmark")
    assert "Its PowerShell is not executed" in text
    assert "``make benchmark`` on a machine with 2 cores" in text
    row = ("ntlm", "0 ms", "peer", "10", "10.0", "60.0", "400 ms", "20.0 s")
    assert "  * - " + "\n    - ".join(row) in text
    assert all(len(line) <= 120 or "licenses" in line for line in text.splitlines())


def test_the_peer_has_the_tasks_that_were_agreed() -> None:
    modules = [next(key for key in task if key != "name") for task in peer_tasks()]
    assert modules == [
        *["ansible.windows.win_regedit"] * 6,
        *["ansible.windows.win_service"] * 3,
        *["community.windows.win_firewall_rule"] * 2,
        "ansible.windows.win_certificate_info",
        "ansible.windows.win_acl",
        "ansible.windows.win_wait_for",
    ]


def test_sizes_follow_the_options() -> None:
    assert _sizes(_parser().parse_args([])) == Sizes()
    assert _sizes(_parser().parse_args(["--quick", "--hosts", "3"])).hosts == 3
    assert _sizes(_parser().parse_args(["--scale", "50,5"])).scale == (5, 50)


def test_what_finds_the_time_over_is_told_and_not_begun() -> None:
    found = Results(QUICK)
    _take("late", lambda: pytest.fail("begun"), found, end=0.0)
    _take("in time", lambda: None, found, end=float("inf"))
    assert found.failures == ["late: the time was over before it began"]


def test_the_page_names_the_command_that_made_it() -> None:
    assert _command([]) == "make benchmark"
    assert _command(["--quick", "--hosts", "3"]) == "make benchmark ARGS='--quick --hosts 3'"

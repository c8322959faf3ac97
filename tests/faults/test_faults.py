# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sample of the grid that ``make faults`` tries as a whole: every kind of fault, at operations drawn from a seed."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import CIM_STATUS, WsmanFault

from tests.faults import grid, soak
from tests.faults.grid import Case, HarnessFailed, cases, clean
from tests.faults.kinds import CIM, KINDS
from tests.faults.scenarios import SCENARIOS
from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("WINFLEET_FAULTS_SEED", "20261128")


def test_a_small_fleet_of_which_some_fail_and_a_few_rounds() -> None:
    assert soak.many_hosts(12, 4) == []
    assert soak.many_rounds(8) == []


@pytest.mark.parametrize("status", CIM)
def test_a_fault_with_a_cim_status_alone_is_told_by_that(status: int) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.injector.add(f"cim_{status}")
    with pytest.raises(WsmanFault) as caught:
        connect(simulated).registry.keys("HKLM\\SOFTWARE")
    assert caught.value.__class__ is CIM_STATUS[status]
    assert (caught.value.code, caught.value.wmi_status) == (None, None)
    assert caught.value.detail == {"CIMStatusCode": str(status)}


def test_what_a_roll_back_leaves_different_must_be_listed_as_having_no_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    clean(SCENARIOS["certificate"])
    monkeypatch.setattr(grid, "listed", lambda simulated, results: [])
    with pytest.raises(HarnessFailed, match="no roll-back lists"):
        clean.__wrapped__(SCENARIOS["certificate"])


@pytest.mark.parametrize("name", ["rollback of security_layer", "rollback of gateway policies"])
def test_a_roll_back_leaves_nothing_behind_that_a_wrong_answer_says_is_gone(name: str) -> None:
    done = cases(SCENARIOS[name], lambda _number: ["wsman_80338000"])
    assert len(done) > 40
    assert [case for case in done if case.problems] == []


ALIKE = ("wsman_5", "wmi_80041003", "cim_2", "wmi_80041010")
"""Three that are AccessRefused to the client, and one that is not."""


def _at_the_third(*, each: bool) -> list[Case]:
    return cases(SCENARIOS["transport"], lambda number: ALIKE if number == 3 else (), each=each)


def test_faults_that_the_client_cannot_tell_apart_are_run_once_and_all_counted() -> None:
    assert [(case.kind, case.alike) for case in _at_the_third(each=False)] == [
        ("wsman_5", ""), ("wmi_80041003", "wsman_5"), ("cim_2", "wsman_5"), ("wmi_80041010", "")
    ]  # fmt: skip
    assert [(case.kind, case.alike) for case in _at_the_third(each=True)] == [(kind, "") for kind in ALIKE]


def test_where_the_client_looks_at_what_differs_each_fault_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = CimClient._exchange

    def looking(self: CimClient, *args: t.Any, **kwargs: t.Any) -> t.Any:
        try:
            return plain(self, *args, **kwargs)
        except WsmanFault as error:
            if error.code == 5:
                raise ValueError("a mistake about one code alone") from error
            raise

    monkeypatch.setattr(CimClient, "_exchange", looking)
    found = _at_the_third(each=False)
    assert [(case.kind, case.alike) for case in found] == [(kind, "") for kind in ALIKE]
    assert [bool(case.problems) for case in found] == [True, False, False, False]


@pytest.mark.parametrize("half", [0, 1])
def test_a_sample_of_every_kind_of_fault_passes(half: int) -> None:
    kinds = [argument for kind in list(KINDS)[half::2] for argument in ("--kind", kind)]
    command = [sys.executable, "-m", "tests.faults", "--sample", "2", "--seed", SEED, "--jobs", "1", *kinds]
    paths = os.pathsep.join((str(ROOT / "build/collections"), str(ROOT)))
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the logon check tries, when it stops, and what it makes of the answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._credssp import Account
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import Finding, direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._logon import LogonCheck, Turnstile
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import logged_on, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.logon import LogonState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._result import diagnosed, remediated

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job, logon_check, prober

ANNA = Account(r"CORP\anna", "secret of anna")
ACCEPTED, REJECTED = LogonState("accepted", authorised=True), LogonState("rejected", "no", 0xC000006D)
DENIED, INTERCEPTED = LogonState("denied", "no", authorised=False), LogonState("intercepted", "no")


def counted(state: LogonState, calls: list[str]) -> Callable[[], LogonState]:
    def try_it() -> LogonState:
        calls.append(state.verdict)
        return state

    return try_it


@pytest.mark.parametrize("first", [REJECTED, INTERCEPTED], ids=lambda state: state.verdict)
def test_nobody_tries_after_one_was_not_taken(tmp_path: Path, first: LogonState) -> None:
    calls: list[str] = []
    assert Turnstile(tmp_path).take("host1", ANNA, counted(first, calls)) == first
    for host in ("host2", "host3"):
        stopped = Turnstile(tmp_path).take(host, ANNA, counted(ACCEPTED, calls))
        assert stopped.verdict == "stopped"
        assert "host1" in stopped.reason
    assert calls == [first.verdict]


@pytest.mark.parametrize(
    "first", [ACCEPTED, DENIED, LogonState("not_tried", "no TLS")], ids=lambda state: state.verdict
)
def test_the_next_tries_after_one_that_could_not_lock_the_account(tmp_path: Path, first: LogonState) -> None:
    calls: list[str] = []
    Turnstile(tmp_path).take("host1", ANNA, counted(first, calls))
    assert Turnstile(tmp_path).take("host2", ANNA, counted(ACCEPTED, calls)) == ACCEPTED
    assert len(calls) == 2


def test_another_account_is_not_stopped(tmp_path: Path) -> None:
    Turnstile(tmp_path).take("host1", ANNA, lambda: REJECTED)
    assert Turnstile(tmp_path).take("host2", Account("ben", "x"), lambda: ACCEPTED) == ACCEPTED
    assert Turnstile(tmp_path).take("host2", Account(r"corp\ANNA", "x"), lambda: ACCEPTED).verdict == "stopped"


def test_no_secret_is_left_in_the_directory(tmp_path: Path) -> None:
    Turnstile(tmp_path).take("host1", ANNA, lambda: REJECTED)
    left = "".join(path.name + path.read_text() for path in tmp_path.iterdir())
    assert "secret" not in left
    assert "anna" not in left


def test_forks_take_turns_and_only_one_is_rejected(tmp_path: Path) -> None:
    """As Ansible's forks do: processes that begin at the same moment and know nothing of each other."""
    log, children = tmp_path / "log", []
    (tmp_path / "shared").mkdir()

    def slow() -> LogonState:
        with log.open("a") as file:
            file.write("tried\n")
        time.sleep(0.1)
        return REJECTED

    for number in range(6):
        child = os.fork()
        if child == 0:
            state = Turnstile(tmp_path / "shared").take(f"host{number}", ANNA, slow)
            os._exit(0 if state.verdict in ("rejected", "stopped") else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert log.read_text() == "tried\n"


# --- in the diagnosis and the loop


def check(simulated: SimulatedHost, state: LogonState, calls: list[str]) -> LogonCheck:
    def attempt(host: str, port: int, account: Account) -> LogonState:
        calls.append(f"{account.name} at {host}:{port}")
        return state

    return replace(logon_check(simulated), account=ANNA, attempt=attempt)


def findings(simulated: SimulatedHost, state: LogonState, calls: list[str] | None = None) -> tuple[Finding, ...]:
    standing = examine(connect(simulated), prober(simulated), 600)
    return direct(check(simulated, state, [] if calls is None else calls)(standing).findings)


@pytest.mark.parametrize(
    ("state", "cause"),
    [(DENIED, "logon_right_missing"), (REJECTED, "logon_rejected"), (INTERCEPTED, "credssp_intercepted")],
    ids=lambda value: getattr(value, "verdict", None),
)
def test_each_refusal_is_a_finding(state: LogonState, cause: str) -> None:
    (finding,) = findings(SimulatedHost.build("2022"), state)
    assert finding.id == cause
    assert finding.by_hand
    assert not finding.remedies


def test_the_status_is_put_into_words() -> None:
    (finding,) = findings(SimulatedHost.build("2022"), REJECTED)
    assert {evidence.what for evidence in finding.evidence} == {"logon check", "STATUS_LOGON_FAILURE"}


@pytest.mark.parametrize("verdict", ["accepted", "stopped", "not_tried"])
def test_what_refuses_nobody_is_no_finding(verdict: str) -> None:
    # pytest hands each verdict over as a plain text.
    assert findings(SimulatedHost.build("2022"), LogonState(verdict, "no")) == ()  # type: ignore[arg-type]


def test_the_port_is_the_one_that_the_probe_reached() -> None:
    calls: list[str] = []
    findings(SimulatedHost.build("2022", traits=["custom_port"]), ACCEPTED, calls)
    assert len(calls) == 1
    assert not calls[0].endswith(":3389")


@pytest.mark.parametrize("breakage", ["rdp_denied", "security_layer_rdp", "key_unreadable"])
def test_nothing_is_tried_where_the_handshake_fails(breakage: str) -> None:
    calls: list[str] = []
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    findings(simulated, REJECTED, calls)
    assert calls == []


def test_nothing_is_tried_without_a_password_or_without_leave_to_probe() -> None:
    simulated, calls = SimulatedHost.build("2022"), list[str]()
    standing = examine(connect(simulated), prober(simulated), 600)
    for changed in ({"account": Account("anna", "")}, {"prober": replace(prober(simulated), enabled=False)}):
        after = replace(check(simulated, REJECTED, calls), **changed)(standing)
        assert diagnosed(after)["logon_check"]["verdict"] == "not_tried"
    assert calls == []


def test_a_repaired_host_is_tried_once_and_after_the_repair() -> None:
    simulated, calls = SimulatedHost.build("2022", breakages=["rdp_denied"]), list[str]()
    doing = job(simulated, logon=check(simulated, ACCEPTED, calls))
    result = remediated(remediate(doing, examine(doing.host, doing.prober, 600), Limits()), "run-1")
    assert (result["verdict"], result["logon_check"]["verdict"], len(calls)) == ("repaired", "accepted", 1)
    assert "secret" not in str(result)


def test_a_host_that_passes_but_lets_the_account_not_in_is_not_called_well() -> None:
    simulated = SimulatedHost.build("2022", breakages=["logon_right_missing"])
    doing = job(simulated, logon=logon_check(simulated))
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert remediated(course, "run-1")["after"]["findings"][0]["id"] == "logon_right_missing"


def test_check_mode_tries_too() -> None:
    simulated = SimulatedHost.build("2022", breakages=["logon_right_missing"])
    doing = job(simulated, check=True, logon=logon_check(simulated))
    course = foresee(logged_on(doing, examine(doing.host, doing.prober, 600)), Limits())
    assert remediated(course, "run-1")["logon_check"]["verdict"] == "denied"


def test_without_being_asked_nothing_is_tried() -> None:
    simulated = SimulatedHost.build("2022")
    doing = job(simulated)
    result = diagnosed(logged_on(doing, examine(doing.host, doing.prober, 600)))
    assert result["logon_check"] is None

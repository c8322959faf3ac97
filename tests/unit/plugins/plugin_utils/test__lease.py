# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Leases on simulated hosts: the host ends them by itself, whatever happens to it, to the controller or to the task."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _lease, _owed, _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import LeaseLost, ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.tasks import definition_xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import RECORDS, Lease
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import LISTENER
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.breakages import BREAKAGES
from tests.simulator.host import SimulatedHost
from tests.simulator.windows.security import SYSTEM_TOKEN
from tests.support.cutting import Cut, cut_after, cut_before, roll_back_all, writes_of
from tests.support.in_process import connect, job, prober, settings_state
from tests.support.meter import kind

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")
NLA, LAYER, ENCRYPTION = "UserAuthentication", "SecurityLayer", "MinEncryptionLevel"
HALF_AN_HOUR = 1800
OFF: dict[str, t.Any] = {"state": "off", "lease": "30m"}
WEAKENINGS = [
    ("nla", OFF, NLA, 1, 0),
    ("security_layer", {"layer": "negotiate", "lease": "30m"}, LAYER, 2, 1),
    ("security_layer", {"layer": "rdp", "lease": "30m"}, LAYER, 2, 0),
    ("security_layer", {"layer": "keep", "encryption": "low", "lease": "30m"}, ENCRYPTION, None, 1),
]


def do(
    simulated: SimulatedHost, name: str, run_id: str = "run", check: bool = False, **given: t.Any
) -> tuple[Plan, Done]:
    before = given.pop("before", None)
    doing = job(simulated, run_id, check, **({"before": before} if before else {}))
    return fix(doing, REMEDIES[name], {**defaults(REMEDIES[name].options), **given})


def stored(simulated: SimulatedHost, name: str = NLA) -> int | None:
    return simulated.windows.registry.dword(LISTENER, name)


def tasks(simulated: SimulatedHost) -> list[str]:
    return sorted(task.name for task in simulated.windows.tasks.all())


def standing(simulated: SimulatedHost, name: str = "nla", **given: t.Any) -> list[tuple[str, str, bool | None]]:
    """Setting, standing and effect of the leases as the next run finds them, without changing anything."""
    _plan, done = do(simulated, name, check=True, **(given or {"state": "keep"}))
    shown = _result.leases(done.leases or (), done.proof)
    return [(lease["setting"], lease["standing"], lease["effective"]) for lease in shown]


# --- granting

LEASABLE = (("nla", {"state": "off"}), ("security_layer", {"layer": "negotiate"}))
"""A wish to weaken a host of each module that can, without a lease."""


@pytest.mark.parametrize(("name", "given"), LEASABLE)
@pytest.mark.parametrize(
    ("asked", "lasts"),
    [("24h", 86400), ("1d", 86400), ("1440m", 86400), ("86400s", 86400), ("23h", 82800), ("60s", 60), ("1m", 60)],
)
def test_a_lease_from_a_minute_to_a_day_is_granted_in_any_unit(
    name: str, given: dict[str, t.Any], asked: str, lasts: int
) -> None:
    simulated = SimulatedHost.build("2022")
    ends = simulated.clock.now() + timedelta(seconds=lasts)
    plan, done = do(simulated, name, check=True, **given, lease=asked)
    assert plan.refused == ()
    granted = done.changes[0].after
    assert isinstance(granted, dict)
    assert (granted["lasts"], granted["until"]) == (lasts, f"{ends:%Y-%m-%dT%H:%M:%SZ}")


@pytest.mark.parametrize(("name", "given"), LEASABLE)
@pytest.mark.parametrize(
    "asked", ["1441m", "86401s", "25h", "2d", "24h1m", "24h 1m", "59s", "0m", "-1h", "1.5h", "30", "h", "", "1w", "1M"]
)
def test_a_lease_of_more_than_a_day_or_less_than_a_minute_or_of_no_length_is_refused(
    name: str, given: dict[str, t.Any], asked: str
) -> None:
    simulated = SimulatedHost.build("2022")
    before = simulated.state()
    plan, done = do(simulated, name, **given, lease=asked)
    (refusal,) = plan.refused
    assert f"lease is {asked!r}, no duration from 1m to 24h" in refusal.message
    assert (refusal.option, done.changes, simulated.counters.writes) == ("lease", [], 0)
    assert simulated.state() == before


def test_a_lease_whose_run_was_cut_off_before_it_weakened_anything_can_be_granted_again() -> None:
    register = next(
        number for number, name in enumerate(messages("nla", **OFF), 1) if name == "PS_ScheduledTask.RegisterByXml"
    )
    simulated = SimulatedHost.build("2022")
    with pytest.raises(Cut):
        do(simulated, "nla", before=cut_before(register + 1), **OFF)
    assert standing(simulated) == [("nla", "unbegun", True)]
    simulated.clock.advance(700)
    do(simulated, "nla", "run-2", **OFF)
    assert standing(simulated) == [("nla", "running", True)]
    assert stored(simulated) == 0
    connect(simulated).registry.write(LISTENER, NLA, RegistryValue("REG_DWORD", 1))
    assert standing(simulated)[0][1] == "superseded"


def messages(name: str, **given: t.Any) -> list[str]:
    """Class and method of what a run sends."""
    sent: list[str] = []
    do(SimulatedHost.build("2022"), name, before=lambda number, body: sent.append(kind(body)), **given)
    return sent


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "given", "value", "strong", "weak"), WEAKENINGS)
def test_a_weakening_ends_by_itself_and_only_reads_in_check_mode(
    name: str, given: dict[str, t.Any], value: str, strong: int | None, weak: int, version: str
) -> None:
    simulated = SimulatedHost.build(version)
    before = settings_state(simulated)
    original = stored(simulated, value)
    assert strong in (None, original)
    _plan, foretold = do(simulated, name, check=True, **given)
    assert simulated.counters.writes == 0

    simulated.clock.advance(90)
    plan, done = do(simulated, name, **given)
    assert [change.kind for change in plan.changes] == ["lease", "registry"]
    assert _result.diff(done.changes)[:2] == _result.diff(foretold.changes)
    broken = [item["item"] for item in _result.compliance(done.changes) if item["effect"] == "breaks"]
    assert bool(broken) is (strong is not None)
    assert stored(simulated, value) == weak
    assert len(tasks(simulated)) == 1

    writes = simulated.counters.writes
    _plan, again = do(simulated, name, "again", **given)
    assert again.changes == []
    assert simulated.counters.writes == writes

    simulated.clock.advance(HALF_AN_HOUR - 60)
    assert stored(simulated, value) == weak
    simulated.clock.advance(120)
    assert stored(simulated, value) == original
    assert tasks(simulated) == []
    assert settings_state(simulated) == before


@pytest.mark.parametrize("order", ["sequence", "any"])
@pytest.mark.parametrize("absent", [False, True])
def test_what_was_absent_is_absent_again(order: str, absent: bool) -> None:
    simulated = SimulatedHost.build("2022", switches={"task_trigger_order": order})
    if absent:
        simulated.windows.registry.delete_value(LISTENER, NLA)
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    assert stored(simulated) == 0
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == (None if absent else 1)
    assert settings_state(simulated) == before


@pytest.mark.parametrize(
    "given", [{}, {"lease": "2d"}, {"lease": "30s"}, {"lease": "30"}, {"lease": "1h30m"}, {"lease": ""}]
)
def test_without_a_fitting_lease_nothing_is_weakened(given: dict[str, t.Any]) -> None:
    simulated = SimulatedHost.build("2022")
    plan, done = do(simulated, "nla", state="off", **given)
    assert [refusal.option for refusal in plan.refused] == ["lease"]
    assert "18.10.57.3.9.4" in plan.refused[0].message
    assert "diagnosis_info" in plan.refused[0].message
    assert "such as 30m" in plan.refused[0].message
    assert done.changes == []
    assert simulated.counters.writes == 0


def test_a_permanent_weakening_is_accepted_journaled_and_named() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    plan, done = do(simulated, "nla", state="off", accept_permanent_weakening=True)
    assert done.changes[0].kind == "registry"
    assert "accept_permanent_weakening" in done.changes[0].reason
    assert "nothing on the host ends" in plan.notes[0]
    simulated.clock.advance(86400 * 3)
    assert stored(simulated) == 0
    rollback(job(simulated, "back"), "last", force=False)
    assert settings_state(simulated) == before


def test_a_lease_is_taken_where_both_are_given() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", accept_permanent_weakening=True, **OFF)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1


def test_a_running_lease_can_be_accepted_for_good_and_that_undone() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    do(simulated, "nla", "run-2", state="off", accept_permanent_weakening=True)
    assert tasks(simulated) == []
    rollback(job(simulated, "back"), "run-2", force=False)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1


@pytest.mark.parametrize("breakage", ["security_layer_rdp_by_policy"])
def test_policy_is_not_written_under(breakage: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    plan, done = do(simulated, "security_layer", layer="tls", negotiation="keep")
    assert plan.held
    assert done.changes == []


def test_policy_that_requires_holds_a_weakening() -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    key = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
    host.registry.create_key(key)
    host.registry.write(key, NLA, RegistryValue("REG_DWORD", 1))
    writes = simulated.counters.writes
    plan, done = do(simulated, "nla", remove_orphaned_policy=True, **OFF)
    assert [held.setting for held in plan.held] == ["nla"]
    assert done.changes == []
    assert simulated.counters.writes == writes


# --- ending


@pytest.mark.parametrize("cut", range(1, 60))
def test_the_controller_gone_at_any_message_leaves_no_weakening_without_an_end(cut: int) -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)

    class Gone(Exception):
        pass

    def gone(number: int, body: bytes) -> None:
        if number > cut:
            raise Gone

    with contextlib.suppress(Gone):
        do(simulated, "nla", before=gone, **OFF)
    if stored(simulated) == 0:
        assert tasks(simulated) == ["winfleet.rdp-lease-nla"]
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert settings_state(simulated) == before


@pytest.mark.parametrize(("name", "given", "value", "strong", "weak"), WEAKENINGS)
@pytest.mark.parametrize(
    ("cut", "kind"),
    [(cut_before, ("2016", "ja")), (cut_after, ("11", "de")), (cut_before, ("2022", "en"))],
)
def test_a_run_cut_off_at_any_write_can_be_rolled_back_and_run_again(
    cut: Callable[[int], Callable[[int, bytes], None]],
    kind: tuple[str, str],
    name: str,
    given: dict[str, t.Any],
    value: str,
    strong: int | None,
    weak: int,
) -> None:
    def run(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        do(simulated, name, before=before, **given)

    original = settings_state(SimulatedHost.build(*kind))
    writes = writes_of(run, SimulatedHost.build(*kind))
    assert len(writes) > 8
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = SimulatedHost.build(*kind)
        with pytest.raises((Cut, TransportFailed)):
            run(simulated, cut(number))
        simulated.clock.advance(700)  # the right to write expires
        roll_back_all(simulated)
        assert settings_state(simulated) == original, f"roll-back after a cut at message {number}"
        do(simulated, name, "again", **{**given, "renew_lease": True})
        assert stored(simulated, value) == weak
        simulated.clock.advance(HALF_AN_HOUR + 60)
        assert settings_state(simulated) == original


@pytest.mark.parametrize("cut", [cut_before, cut_after])
@pytest.mark.parametrize("layer", ["rdp", "negotiate"])
def test_an_early_end_cut_off_at_any_write_leaves_the_rest_to_the_host(
    layer: str, cut: Callable[[int], Callable[[int, bytes], None]]
) -> None:
    def leased() -> SimulatedHost:
        simulated = SimulatedHost.build("2022")
        do(simulated, "security_layer", layer=layer, lease="1h")
        return simulated

    def back(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        do(simulated, "security_layer", "back", before=before, layer="tls")

    original = settings_state(SimulatedHost.build("2022"))
    writes = writes_of(back, leased())
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = leased()
        with pytest.raises((Cut, TransportFailed)):
            back(simulated, cut(number))
        simulated.clock.advance(3600 + 60)
        assert settings_state(simulated) == original, f"cut at message {number}"


@pytest.mark.parametrize("available", ["bounded", "always"])
def test_a_host_that_is_off_across_the_end_restores_after_its_start(available: str) -> None:
    switches = {"start_when_available": available} if available == "always" else {}
    simulated = SimulatedHost.build("2022", switches=switches)
    do(simulated, "nla", **OFF)
    simulated.windows.shut_down()
    simulated.clock.advance(HALF_AN_HOUR * 3)
    assert stored(simulated) == 0
    simulated.windows.power_on()
    simulated.clock.advance(900)
    assert stored(simulated) == 1
    assert tasks(simulated) == []


def test_a_reboot_before_the_end_neither_ends_nor_loses_the_lease() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    simulated.windows.reboot()
    simulated.clock.advance(600)
    assert stored(simulated) == 0
    simulated.clock.advance(HALF_AN_HOUR)
    assert stored(simulated) == 1


def test_a_battery_does_not_matter() -> None:
    simulated = SimulatedHost.build("11")
    simulated.windows.on_battery = True
    do(simulated, "nla", **OFF)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1


def test_the_end_is_by_the_hosts_clock_whatever_its_zone() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.zone = timedelta(hours=9)
    do(simulated, "nla", **OFF)
    simulated.clock.advance(HALF_AN_HOUR - 60)
    assert stored(simulated) == 0
    simulated.clock.advance(120)
    assert stored(simulated) == 1


@pytest.mark.parametrize(
    ("given", "value", "hardened"),
    [({"layer": "rdp", "lease": "30m"}, LAYER, 1), ({"layer": "rdp", "lease": "30m"}, LAYER, 2)],
)
def test_what_somebody_has_hardened_meanwhile_is_not_touched(
    given: dict[str, t.Any], value: str, hardened: int
) -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "security_layer", **given)
    connect(simulated).registry.write(LISTENER, value, RegistryValue("REG_DWORD", hardened))
    assert standing(simulated, "security_layer", layer="keep")[0][1] == "superseded"
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated, value) == hardened
    assert tasks(simulated) == ([] if hardened == 2 else ["winfleet.rdp-lease-security_layer"])


def test_the_task_of_a_superseded_lease_is_cleared_by_the_next_run() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "security_layer", layer="rdp", lease="30m")
    connect(simulated).registry.write(LISTENER, LAYER, RegistryValue("REG_DWORD", 1))
    do(simulated, "security_layer", "run-2", layer="tls")
    assert tasks(simulated) == []
    assert stored(simulated, LAYER) == 2


def test_an_end_that_is_not_live_is_said_until_a_probe_proves_it() -> None:
    simulated = SimulatedHost.build("2022", switches={"live_security": "after_restart"})
    _plan, done = do(simulated, "nla", **OFF)
    assert _result.leases(done.leases or (), done.proof)[0]["effective"] is True
    restarts = [change for change in done.changes if change.kind == "restart"]
    assert len(restarts) == 1
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1
    assert standing(simulated) == [("nla", "lease_not_effective", False)]
    connect(simulated).shell.run("net stop TermService /y & net start TermService")
    simulated.clock.advance(30)
    assert standing(simulated) == [("nla", "ended", True)]


def test_an_end_by_the_host_may_wait_for_a_restart_where_the_providers_write_does_not() -> None:
    """The task writes to the registry alone, and no provider that would tell the listener."""
    simulated = SimulatedHost.build("2022", switches={"live_direct": "after_restart"})
    _plan, done = do(simulated, "nla", **OFF)
    assert [change.kind for change in done.changes] == ["lease", "registry"]
    assert _result.leases(done.leases or (), done.proof)[0]["effective"] is True
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert standing(simulated) == [("nla", "lease_not_effective", False)]
    _plan, done = do(simulated, "nla", "run-2", state="keep")
    assert [change.kind for change in done.changes] == ["restart"]
    assert standing(simulated) == [("nla", "ended", True)]


@pytest.mark.parametrize("harm", [None, "lost"])
def test_a_value_that_was_absent_is_live_again_though_no_provider_deletes_it(harm: str | None) -> None:
    simulated = SimulatedHost.build("2022", switches={"live_direct": "after_restart"})
    simulated.windows.registry.delete_value(LISTENER, NLA)
    do(simulated, "nla", **OFF)
    if harm:
        delete_task(simulated)
    _plan, done = do(simulated, "nla", "run-2", state="required")
    assert "restart" in [change.kind for change in done.changes]
    assert (stored(simulated), simulated.windows.listener.live().user_authentication) == (None, 1)


def ended_but_live() -> SimulatedHost:
    """A host that has ended a lease, whose listener acts on the weaker value still."""
    simulated = SimulatedHost.build("2022", switches={"live_security": "after_restart"})
    _plan, done = do(simulated, "nla", **OFF)
    assert _result.leases(done.leases or (), done.proof)[0]["effective"] is True
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert standing(simulated) == [("nla", "lease_not_effective", False)]
    return simulated


@pytest.mark.parametrize("state", ["required", "keep"])
def test_an_end_that_is_not_live_is_made_live_by_the_next_run_and_by_that_alone(state: str) -> None:
    simulated = ended_but_live()
    _plan, foreseen = do(simulated, "nla", "check", True, state=state)
    assert (foreseen.changes, list(foreseen.waiting)) == ([], ["restart"])
    _plan, done = do(simulated, "nla", "run-2", state=state)
    assert [change.kind for change in done.changes] == ["restart"]
    assert standing(simulated) == [("nla", "ended", True)]
    _plan, done = do(simulated, "nla", "run-3", state=state)
    assert (done.changes, done.waiting) == ([], {})


def test_users_keep_such_a_restart_waiting_and_the_loop_says_so_and_makes_it_later() -> None:
    simulated = ended_but_live()
    simulated.windows.sessions.add("anna")
    _plan, done = do(simulated, "nla", "run-2", state="required")
    assert "would cut" in done.waiting["restart"]
    doing = job(simulated, "run-3")
    standing_now = examine(doing.host, doing.prober, 600)
    assert foresee(standing_now, Limits()).waiting
    assert remediate(doing, standing_now, Limits()).verdict == "needs_restart"
    simulated.windows.sessions.log_off_all()
    doing = job(simulated, "run-4")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [change.kind for change in course.changes] == ["restart"]
    assert standing(simulated) == [("nla", "ended", True)]


def test_such_a_restart_is_made_beside_other_changes_of_a_module() -> None:
    simulated = ended_but_live()
    _plan, done = do(simulated, "security_layer", "run-2", encryption="high")
    assert [change.kind for change in done.changes] == ["registry", "restart"]
    _plan, done = do(simulated, "security_layer", "run-3", encryption="high")
    assert (done.changes, done.waiting) == ([], {})


def test_such_a_restart_is_made_beside_other_cures_of_the_loop() -> None:
    simulated = ended_but_live()
    BREAKAGES["remote_logons_disabled"].plant(simulated.windows)
    doing = job(simulated, "run-2")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert sorted(change.kind for change in course.changes) == ["registry", "restart"]
    assert course.verdict == "repaired"
    assert standing(simulated) == [("nla", "ended", True)]


def test_a_service_that_was_restarted_since_the_end_is_not_restarted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that still shows the weaker value then has it from elsewhere."""
    simulated = ended_but_live()
    connect(simulated).shell.run("net stop TermService /y & net start TermService")
    simulated.clock.advance(30)
    monkeypatch.setattr(_owed, "lease_effective", lambda _state, _probe: False)
    _plan, done = do(simulated, "nla", "run-2", state="required")
    assert (done.changes, done.waiting) == ([], {})


def test_without_a_probe_nothing_is_said_about_the_effect() -> None:
    simulated = SimulatedHost.build("2022")
    blind = job(simulated, prober=replace(prober(simulated), enabled=False))
    _plan, done = fix(blind, REMEDIES["nla"], {**defaults(REMEDIES["nla"].options), **OFF})
    assert [lease["effective"] for lease in _result.leases(done.leases or (), done.proof)] == [None]


def test_wanting_it_back_ends_the_lease_at_once_and_roll_back_does_not_weaken_again() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    _plan, done = do(simulated, "nla", "run-2", state="required")
    assert [change.kind for change in done.changes] == ["registry", "lease"]
    assert settings_state(simulated) == before
    undoing = rollback(job(simulated, "back"), "run-2", force=False)
    assert undoing.undone == []
    assert len(undoing.not_undoable) == 2
    assert settings_state(simulated) == before


@pytest.mark.parametrize("layer", ["rdp", "negotiate"])
@pytest.mark.parametrize("live", ["at_once", "after_restart"])
def test_an_early_end_of_a_weaker_layer_is_proved_on_the_way(layer: str, live: str) -> None:
    simulated = SimulatedHost.build("2022", switches={"live_security": live})
    before = settings_state(simulated)
    do(simulated, "security_layer", layer=layer, lease="30m")
    _plan, done = do(simulated, "security_layer", "run-2", layer="tls")
    assert done.proof is not None
    assert done.proof["passed"]
    assert settings_state(simulated) == before


def test_an_early_end_without_proof_leaves_the_lease_to_its_end() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable"])
    do(simulated, "security_layer", layer="rdp", lease="30m")
    with pytest.raises(ProofMissing):
        do(simulated, "security_layer", "run-2", layer="tls")
    assert stored(simulated, LAYER) == 0
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated, LAYER) == 2


def test_roll_back_of_the_run_ends_the_lease() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    undoing = rollback(job(simulated, "back"), "last", force=False)
    assert [target.entry.change.kind for target in undoing.undone] == ["registry", "lease"]
    assert settings_state(simulated) == before
    assert standing(simulated) == []


def test_roll_back_after_the_end_has_nothing_to_do() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    undoing = rollback(job(simulated, "back"), "last", force=False)
    assert (undoing.undone, undoing.drifted) == ([], [])
    assert settings_state(simulated) == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("which", ["last", "all"])
@pytest.mark.parametrize("known", [True, False])
def test_nor_where_the_end_leaves_something_else_than_the_weakening_found(known: bool, which: str, force: bool) -> None:
    """A lease that was widened found another weak value; of a number that Windows does not know the default is left."""
    simulated = SimulatedHost.build("2022", breakages=[] if known else ["security_layer_invalid"])
    for number, layer in enumerate(("negotiate", "rdp")):
        do(simulated, "security_layer", f"run-{number}", layer=layer, lease="30m")
    simulated.clock.advance(HALF_AN_HOUR + 60)
    ended = settings_state(simulated)
    undoing = rollback(job(simulated, "back"), which, force=force)
    assert (undoing.undone, undoing.drifted, undoing.left) == ([], [], {})
    assert settings_state(simulated) == ended
    assert stored(simulated, LAYER) == (2 if known else None)


def test_what_somebody_has_changed_after_the_end_of_a_lease_is_said() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "security_layer", layer="rdp", lease="30m")
    simulated.clock.advance(HALF_AN_HOUR + 60)
    simulated.windows.registry.put_dword(LISTENER, LAYER, 1)
    undoing = rollback(job(simulated, "back"), "last", force=False)
    assert [drift.found for drift in undoing.drifted] == [{"type": "REG_DWORD", "data": 1}]


# --- more than one, again, and longer


def test_two_leases_at_once_end_each_at_its_own_time() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "security_layer", layer="rdp", lease="1h")
    do(simulated, "nla", "run-2", **OFF)
    assert tasks(simulated) == ["winfleet.rdp-lease-nla", "winfleet.rdp-lease-security_layer"]
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert (stored(simulated), stored(simulated, LAYER)) == (1, 0)
    simulated.clock.advance(HALF_AN_HOUR)
    assert settings_state(simulated) == before


def test_another_value_is_taken_into_the_lease_and_its_end_stays() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "security_layer", layer="negotiate", lease="30m")
    simulated.clock.advance(1200)
    _plan, done = do(simulated, "security_layer", "run-2", layer="rdp", lease="30m")
    assert [change.kind for change in done.changes] == ["lease", "registry"]
    _plan, done = do(simulated, "security_layer", "run-3", layer="negotiate", lease="30m")
    assert stored(simulated, LAYER) == 1
    simulated.clock.advance(HALF_AN_HOUR - 1200 + 60)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("which", ["run-2", "all"])
def test_roll_back_of_the_second_value_returns_to_the_first_lease(which: str) -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "security_layer", "run-1", layer="negotiate", lease="30m")
    first = settings_state(simulated)
    do(simulated, "security_layer", "run-2", layer="rdp", lease="30m")
    rollback(job(simulated, "back"), which, force=False)
    assert settings_state(simulated) == (first if which == "run-2" else before)


def test_a_schedule_does_not_renew_a_lease() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    for hour in range(1, 20):
        simulated.clock.advance(3600)
        plan, done = do(simulated, "nla", f"run-{hour}", **OFF)
        assert done.changes == []
        assert [refusal.option for refusal in plan.refused] == ["renew_lease"]
        assert stored(simulated) == 1
    simulated.clock.advance(86400)
    assert do(simulated, "nla", "next day", **OFF)[1].changes


def test_somebody_can_renew_a_lease_while_it_runs_and_after() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    simulated.clock.advance(1200)
    _plan, done = do(simulated, "nla", "run-2", renew_lease=True, **OFF)
    assert [change.kind for change in done.changes] == ["lease"]
    simulated.clock.advance(1200)
    assert stored(simulated) == 0
    simulated.clock.advance(1200)
    assert settings_state(simulated) == before
    do(simulated, "nla", "run-3", renew_lease=True, **OFF)
    assert stored(simulated) == 0
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert settings_state(simulated) == before


def test_a_new_lease_after_one_that_has_ended_counts_as_running() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    do(simulated, "nla", "run-2", renew_lease=True, **OFF)
    assert standing(simulated) == [("nla", "running", True)]


def test_nla_is_not_required_where_tls_is_not_proved_to_work() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable"])
    for_good(simulated)
    with pytest.raises(ProofMissing):
        do(simulated, "nla", "run-2", state="required")
    assert stored(simulated) == 0


def test_what_was_set_right_during_a_lease_is_not_weakened_again_unasked() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    connect(simulated).registry.write(LISTENER, NLA, RegistryValue("REG_DWORD", 1))
    plan, _done = do(simulated, "nla", "run-2", **OFF)
    assert [refusal.option for refusal in plan.refused] == ["renew_lease"]
    do(simulated, "nla", "run-3", renew_lease=True, **OFF)
    assert stored(simulated) == 0
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1


# --- a task that is gone


def delete_task(simulated: SimulatedHost) -> None:
    for task in list(simulated.windows.tasks.all()):
        simulated.windows.tasks.delete(task)


def disable_task(simulated: SimulatedHost) -> None:
    for task in simulated.windows.tasks.all():
        simulated.windows.tasks.set_enabled(task, False)


def rewrite_task(simulated: SimulatedHost, old: str, new: str) -> None:
    """Register the task again with another definition, as somebody with rights can."""
    lease = _lease.record(connect(simulated), "nla")
    assert lease is not None
    written = definition_xml(_lease.definition(lease))
    assert old in written
    simulated.windows.tasks.register("\\winfleet.rdp-lease-nla", written.replace(old, new), SYSTEM_TOKEN, force=True)


def disarm_task(simulated: SimulatedHost) -> None:
    rewrite_task(simulated, "reg add", "rem reg add")


def postpone_task(simulated: SimulatedHost) -> None:
    rewrite_task(simulated, "<StartBoundary>2026", "<StartBoundary>2036")


def replace_program(simulated: SimulatedHost) -> None:
    rewrite_task(simulated, "<Command>cmd.exe<", "<Command>whoami.exe<")


@pytest.mark.parametrize("harm", [delete_task, disable_task, disarm_task, postpone_task, replace_program])
def test_a_lost_task_is_armed_again_until_the_old_end_by_a_run_that_wants_the_weakening(
    harm: Callable[[SimulatedHost], None],
) -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    harm(simulated)
    simulated.clock.advance(1200)
    assert standing(simulated)[0][1] == "lost"
    _plan, done = do(simulated, "nla", "run-2", **OFF)
    assert [change.kind for change in done.changes] == ["lease"]
    simulated.clock.advance(HALF_AN_HOUR - 1200 + 60)
    assert settings_state(simulated) == before


def test_a_task_whose_export_leaves_the_zone_out_is_known_and_left_alone() -> None:
    simulated = SimulatedHost.build("2022", switches={"task_export_zone": False})
    do(simulated, "nla", **OFF)
    before = settings_state(simulated)
    plan, done = do(simulated, "nla", "run-2", **OFF)
    assert (plan.changes, done.changes) == ((), [])
    assert standing(simulated)[0][1] == "running"
    assert settings_state(simulated) == before


@pytest.mark.parametrize("told", [False, True])
def test_a_task_that_somebody_has_disabled_is_lost_whether_or_not_its_export_says_so(told: bool) -> None:
    simulated = SimulatedHost.build("2022", switches={"task_export_disabled": told})
    do(simulated, "nla", **OFF)
    disable_task(simulated)
    assert standing(simulated)[0][1] == "lost"


@pytest.mark.parametrize("wait", [600, HALF_AN_HOUR + 60])
@pytest.mark.parametrize("given", [{"state": "keep"}, {"state": "required"}])
def test_a_lost_task_is_noticed_and_the_value_put_back_by_a_run_that_does_not_want_it(
    given: dict[str, t.Any], wait: float
) -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    delete_task(simulated)
    simulated.clock.advance(wait)
    do(simulated, "nla", "run-2", **given)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("wait", [600, HALF_AN_HOUR + 60])
@pytest.mark.parametrize("given", [{"layer": "keep"}, {"layer": "tls"}])
def test_a_lost_task_of_the_encryption_level_is_noticed_by_a_run_that_keeps_the_level(
    given: dict[str, t.Any], wait: float
) -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "security_layer", layer="keep", encryption="low", lease="30m")
    plan, _done = do(simulated, "security_layer", "run-2", check=True, **given)
    assert "MinEncryptionLevel is weakened on a lease until" in plan.notes[0]
    delete_task(simulated)
    simulated.clock.advance(wait)
    do(simulated, "security_layer", "run-3", **given)
    assert settings_state(simulated) == before


def test_a_lease_that_is_over_is_ended_without_proof_as_the_host_would_have_done() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable"])
    before = settings_state(simulated)
    do(simulated, "security_layer", layer="rdp", lease="30m")
    delete_task(simulated)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    do(simulated, "security_layer", "run-2", layer="tls")
    assert settings_state(simulated) == before


def test_a_lost_task_past_the_end_is_not_renewed_but_ended() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    do(simulated, "nla", **OFF)
    delete_task(simulated)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    plan, _done = do(simulated, "nla", "run-2", **OFF)
    assert [refusal.option for refusal in plan.refused] == ["renew_lease"]
    assert settings_state(simulated) == before


def test_a_task_that_vanishes_at_once_takes_the_weakening_with_it() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)

    def removed(number: int, body: bytes) -> None:
        if b"SetUserAuthenticationRequired" in body:
            delete_task(simulated)

    with pytest.raises(LeaseLost, match="security product"):
        do(simulated, "nla", before=removed, **OFF)
    assert settings_state(simulated) == before


LEASED: dict[str, tuple[str, dict[str, t.Any]]] = {
    "nla": ("nla", {"state": "off"}),
    "security_layer": ("security_layer", {"layer": "negotiate"}),
    "encryption": ("security_layer", {"layer": "keep", "encryption": "low"}),
}
"""How each setting that a lease can weaken is weakened."""


@pytest.mark.parametrize("setting", LEASED)
def test_a_security_product_that_is_slower_is_noticed_by_the_loop(setting: str) -> None:
    simulated = SimulatedHost.build("2022", switches={"edr_removes_tasks": True})
    before = settings_state(simulated)
    name, weak = LEASED[setting]
    do(simulated, name, **weak, lease="30m")
    simulated.clock.advance(60)
    doing = job(simulated, "loop")
    seen = examine(doing.host, doing.prober, 600)
    assert f"{setting}_lease_unended" in [finding.id for finding in seen.findings]
    assert foresee(seen, Limits()).verdict == "repairable"
    assert remediate(doing, seen, Limits()).verdict == "repaired"
    assert settings_state(simulated) == before


# --- clocks


def held_apart(simulated: SimulatedHost, ahead: timedelta, **given: t.Any) -> Plan:
    """The plan of a run whose controller's clock the host's is that far ahead of."""
    apart = replace(job(simulated), host=connect(simulated, behind=ahead))
    return fix(apart, REMEDIES["nla"], {**defaults(REMEDIES["nla"].options), **given})[0]


@pytest.mark.parametrize(
    ("minutes", "said"), [(540, "540 minutes ahead of"), (-540, "540 minutes behind"), (6, "ahead of"), (-6, "behind")]
)
def test_no_lease_is_granted_or_renewed_while_the_clocks_differ(minutes: int, said: str) -> None:
    simulated = SimulatedHost.build("2022")
    ahead = timedelta(minutes=minutes)
    (refusal,) = held_apart(simulated, ahead, **OFF).refused
    assert f"ends by the host's clock, which is {said}" in refusal.message.replace("6 minutes ", "")
    assert "w32tm /resync" in refusal.message
    assert (stored(simulated), tasks(simulated), simulated.counters.writes) == (1, [], 0)
    do(simulated, "nla", **OFF)
    before = settings_state(simulated)
    assert len(held_apart(simulated, ahead, renew_lease=True, **OFF).refused) == 1
    assert settings_state(simulated) == before


@pytest.mark.parametrize("minutes", [5, -5])
def test_clocks_that_differ_by_little_hinder_no_lease(minutes: int) -> None:
    simulated = SimulatedHost.build("2022")
    assert held_apart(simulated, timedelta(minutes=minutes), **OFF).refused == ()
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1


def set_back(hours: float, name: str = "nla", **given: t.Any) -> SimulatedHost:
    """A host that was weakened for half an hour while its clock was that far ahead, as its controller's was."""
    simulated = SimulatedHost.build("2022")
    do(simulated, name, **(given or OFF))
    simulated.clock.set(simulated.clock.now() - timedelta(hours=hours))
    return simulated


LOST_ENDS = [
    ("nla", NLA, {"state": "off"}, {"state": "keep"}, 1),
    ("nla", NLA, {"state": "off"}, {"state": "required"}, 1),
    ("security_layer", LAYER, {"layer": "rdp"}, {"layer": "keep"}, 2),
    ("security_layer", LAYER, {"layer": "rdp"}, {"layer": "tls"}, 2),
    ("security_layer", ENCRYPTION, {"layer": "keep", "encryption": "low"}, {"encryption": "keep"}, 2),
    ("security_layer", ENCRYPTION, {"layer": "keep", "encryption": "low"}, {"encryption": "high"}, 3),
]


@pytest.mark.parametrize("hours", [0.2, 2, 24 * 400])
@pytest.mark.parametrize(("name", "value", "weak", "given", "strong"), LOST_ENDS)
def test_a_lease_that_a_clock_set_back_would_prolong_is_ended_by_the_next_run(
    name: str, value: str, weak: dict[str, t.Any], given: dict[str, t.Any], strong: int, hours: float
) -> None:
    simulated = set_back(hours, name, lease="30m", **weak)
    assert standing(simulated, name)[0][1] == "lost"
    do(simulated, name, "run-2", **given)
    assert stored(simulated, value) == strong
    assert (tasks(simulated), standing(simulated, name)) == ([], [])


def test_the_loop_ends_a_lease_that_a_clock_set_back_would_prolong() -> None:
    simulated = set_back(9)
    doing = job(simulated, "loop")
    seen = examine(doing.host, doing.prober, 600)
    assert "nla_lease_unended" in [finding.id for finding in seen.findings]
    assert remediate(doing, seen, Limits()).verdict == "repaired"
    assert (stored(simulated), tasks(simulated)) == (1, [])


def test_a_clock_set_back_by_little_leaves_a_lease_as_it_is() -> None:
    simulated = set_back(0.08)
    assert standing(simulated)[0][1] == "running"
    assert do(simulated, "nla", "run-2", state="keep")[1].changes == []


def test_a_run_that_wants_the_weakening_still_does_not_renew_a_lease_whose_clock_was_set_back() -> None:
    simulated = set_back(9)
    plan, _done = do(simulated, "nla", "run-2", **OFF)
    assert [refusal.option for refusal in plan.refused] == ["renew_lease"]
    assert "the host's clock was set back" in plan.refused[0].message
    assert stored(simulated) == 1
    simulated.clock.advance(600)
    assert tasks(simulated) == []
    plan, done = do(simulated, "nla", "run-3", **OFF)
    assert (len(plan.refused), done.changes) == (1, [])
    do(simulated, "nla", "run-4", renew_lease=True, **OFF)
    assert standing(simulated)[0][1] == "running"
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert stored(simulated) == 1


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_such_an_end_cut_off_at_any_write_is_made_by_the_host_or_the_next_run(
    cut: Callable[[int], Callable[[int, bytes], None]],
) -> None:
    def again(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        do(simulated, "nla", "run-2", before=before, **OFF)

    for number in writes_of(again, set_back(9)):
        simulated = set_back(9)
        with pytest.raises((Cut, TransportFailed)):
            again(simulated, cut(number))
        simulated.clock.advance(700)
        do(simulated, "nla", "run-3", state="keep")
        assert stored(simulated) == 1, f"cut at message {number}"


# --- the way to another layer while TLS is broken


def layered(layer: int, nla: int, *breakages: str, **how: t.Any) -> SimulatedHost:
    """A host with this layer that is live, and the key of its certificate unreadable."""
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable", *breakages], **how)
    for name, number in ((LAYER, layer), (NLA, nla)):
        simulated.windows.registry.put_dword(LISTENER, name, number)
    simulated.windows.reboot()
    simulated.clock.advance(120)
    return simulated


LIVE = pytest.mark.parametrize("live", ["at_once", "after_restart"])


@LIVE
def test_who_gets_in_without_tls_is_not_shut_out_by_an_offer_of_it(live: str) -> None:
    simulated = layered(0, 1, switches={"live_security": live})
    before = settings_state(simulated)
    with pytest.raises(ProofMissing, match="nobody would get in"):
        do(simulated, "security_layer", layer="negotiate")
    assert settings_state(simulated) == before
    assert simulated.probe_view()["asked"]["0"] == ["selected", 0]


@LIVE
def test_nor_by_one_during_a_lease_which_ends_as_it_was_to(live: str) -> None:
    simulated = layered(2, 1, switches={"live_security": live})
    do(simulated, "security_layer", layer="rdp", lease="30m")
    with pytest.raises(ProofMissing, match="nobody would get in"):
        do(simulated, "security_layer", "run-2", layer="negotiate", lease="30m")
    assert stored(simulated, LAYER) == 0
    assert simulated.probe_view()["asked"]["0"] == ["selected", 0]
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert (stored(simulated, LAYER), tasks(simulated)) == (2, [])


def test_nor_by_the_early_end_of_a_lease() -> None:
    simulated = layered(1, 0)
    do(simulated, "security_layer", layer="rdp", lease="30m")
    simulated.windows.registry.put_dword(LISTENER, NLA, 1)
    with pytest.raises(ProofMissing, match="nobody would get in"):
        do(simulated, "security_layer", "run-2", layer="negotiate")
    assert standing(simulated, "security_layer", layer="keep")[0][1] == "running"


def test_nor_where_nobody_would_see_it() -> None:
    simulated = layered(0, 1)
    blind = job(simulated, prober=replace(prober(simulated), enabled=False))
    with pytest.raises(ProofMissing, match="the controller cannot see"):
        fix(blind, REMEDIES["security_layer"], {**defaults(REMEDIES["security_layer"].options), "layer": "negotiate"})
    assert stored(simulated, LAYER) == 0


def test_a_lease_outlives_a_way_beyond_what_was_there_before_it_that_fails() -> None:
    simulated = layered(1, 0)
    do(simulated, "security_layer", layer="rdp", lease="30m")
    with pytest.raises(ProofMissing, match="no TLS handshake"):
        do(simulated, "security_layer", "run-2", layer="tls")
    assert standing(simulated, "security_layer", layer="keep")[0][1] == "running"
    simulated.clock.advance(HALF_AN_HOUR + 60)
    assert (stored(simulated, LAYER), tasks(simulated)) == (1, [])


def let_it_end(simulated: SimulatedHost) -> None:
    delete_task(simulated)
    simulated.clock.advance(HALF_AN_HOUR + 60)


def set_clock_back(simulated: SimulatedHost) -> None:
    simulated.clock.set(simulated.clock.now() - timedelta(hours=9))


def unended(layer: int, *breakages: str, harm: Callable[[SimulatedHost], None], **how: t.Any) -> SimulatedHost:
    """A host with this layer and broken TLS, leased to rdp, that will not end the lease by itself."""
    simulated = layered(layer, 0, *breakages, **how)
    do(simulated, "security_layer", layer="rdp", negotiation="keep", lease="30m")
    harm(simulated)
    assert stored(simulated, LAYER) == 0
    return simulated


HARMS = pytest.mark.parametrize("harm", [delete_task, let_it_end, set_clock_back])


@LIVE
@HARMS
def test_what_a_lost_lease_owes_is_put_back_though_more_is_asked_that_nothing_proves(
    harm: Callable[[SimulatedHost], None], live: str
) -> None:
    simulated = unended(1, harm=harm, switches={"live_security": live})
    doing = job(simulated, "run-2")
    wanted = {**defaults(REMEDIES["security_layer"].options), "layer": "tls"}
    with pytest.raises(ProofMissing, match=r"no TLS handshake.*it has what it had before its lease, which is ended"):
        fix(doing, REMEDIES["security_layer"], wanted)
    put_back, ended = (change for change in doing.made if change.kind != "restart")
    assert (put_back.after, put_back.undo, ended.undo) == ({"type": "REG_DWORD", "data": 1}, "none", "none")
    assert (stored(simulated, LAYER), tasks(simulated)) == (1, [])
    assert simulated.windows.listener.live().security_layer == 1
    rollback(job(simulated, "back"), "run-2", force=False)
    simulated.clock.advance(86400)
    assert stored(simulated, LAYER) == 1


@HARMS
def test_what_a_lost_lease_owes_is_put_back_before_anything_that_may_be_refused(
    harm: Callable[[SimulatedHost], None],
) -> None:
    """Negotiation is off, and switching it on would shut out who gets in."""
    simulated = unended(1, harm=harm)
    for name, number in (("fAllowSecProtocolNegotiation", 0), (NLA, 1)):
        simulated.windows.registry.put_dword(LISTENER, name, number)
    with pytest.raises(ProofMissing, match="nobody would get in"):
        do(simulated, "security_layer", "run-2", layer="tls")
    assert (stored(simulated, LAYER), tasks(simulated)) == (1, [])


def test_so_is_one_that_is_over_by_a_run_that_wants_the_weakening_again() -> None:
    simulated = layered(1, 1)
    simulated.windows.registry.put_dword(LISTENER, "fAllowSecProtocolNegotiation", 0)
    weak: dict[str, t.Any] = {"layer": "keep", "encryption": "low", "lease": "30m"}
    do(simulated, "security_layer", negotiation="keep", **weak)
    let_it_end(simulated)
    with pytest.raises(ProofMissing, match="nobody would get in"):
        do(simulated, "security_layer", "run-2", **weak)
    assert stored(simulated, ENCRYPTION) == 2
    plan, _done = do(simulated, "security_layer", "run-3", negotiation="keep", **weak)
    assert [refusal.option for refusal in plan.refused] == ["renew_lease"]


def test_users_in_the_way_of_its_proof_keep_no_lost_lease() -> None:
    simulated = unended(1, harm=delete_task, switches={"live_security": "after_restart"})
    simulated.windows.sessions.add("anna")
    with pytest.raises(ProofMissing, match="it has what it had before its lease, which is ended"):
        do(simulated, "security_layer", "run-2", layer="tls")
    assert (stored(simulated, LAYER), tasks(simulated)) == (1, [])
    simulated.windows.sessions.log_off_all()
    with pytest.raises(ProofMissing):
        do(simulated, "security_layer", "run-3", layer="tls")
    assert simulated.windows.listener.live().security_layer == 1


@HARMS
def test_a_lost_lease_is_ended_by_who_wants_what_was_before_it_without_proof(
    harm: Callable[[SimulatedHost], None],
) -> None:
    simulated = unended(2, harm=harm)
    _plan, done = do(simulated, "security_layer", "run-2", layer="tls")
    assert "registry" in [change.kind for change in done.changes]
    assert (stored(simulated, LAYER), tasks(simulated)) == (2, [])


def test_a_way_beyond_what_was_there_before_a_lease_ends_it() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(LISTENER, LAYER, 1)
    do(simulated, "security_layer", layer="rdp", lease="30m")
    do(simulated, "security_layer", "run-2", layer="tls")
    assert (stored(simulated, LAYER), tasks(simulated), standing(simulated, "security_layer", layer="keep")) == (
        2, [], [],
    )  # fmt: skip
    rollback(job(simulated, "back"), "run-2", force=False)
    assert stored(simulated, LAYER) == 1


# --- the loop


@pytest.mark.parametrize(("name", "given"), [("nla", OFF), ("security_layer", {"layer": "negotiate", "lease": "30m"})])
def test_the_loop_says_leased_and_leaves_it(name: str, given: dict[str, t.Any]) -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, name, **given)
    doing = job(simulated, "loop")
    writes = simulated.counters.writes
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes) == ("leased", [])
    assert _result.remediated(course, "loop")["leases"][0]["standing"] == "running"
    assert simulated.counters.writes == writes


def test_the_loop_does_not_end_a_lease_that_keeps_modern_clients_out() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "security_layer", layer="rdp", lease="30m")
    doing = job(simulated, "loop")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes) == ("leased", [])
    assert "on a lease until" in course.refused[0].message
    simulated.clock.advance(HALF_AN_HOUR + 60)
    after = job(simulated, "later")
    assert remediate(after, examine(after.host, after.prober, 600), Limits()).verdict == "healthy"


# --- records


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"setting": "port"}', "\\"])
def test_a_damaged_record_weakens_nothing_and_does_not_stop_a_diagnosis(text: str) -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    host.registry.create_key(RECORDS)
    host.registry.write(RECORDS, "nla", RegistryValue("REG_SZ", text))
    plan, _done = do(simulated, "nla", **OFF)
    assert "damaged" in plan.refused[0].message
    assert stored(simulated) == 1
    doing = job(simulated, "loop")
    assert "leases" in examine(doing.host, doing.prober, 600).observation.unread


MARK = r'reg add "HKLM\SOFTWARE\winfleet.rdp\Leases" /v security_layer.ended /t REG_DWORD /d 1 /f'


def test_the_records_stand_under_the_journals_root_which_users_cannot_read() -> None:
    assert RECORDS.startswith(ROOT + "\\")


def by_hand(simulated: SimulatedHost) -> None:
    connect(simulated).registry.write(LISTENER, NLA, RegistryValue("REG_DWORD", 0))


def for_good(simulated: SimulatedHost) -> None:
    do(simulated, "nla", "for good", state="off", accept_permanent_weakening=True)


@pytest.mark.parametrize("how", [by_hand, for_good])
@pytest.mark.parametrize("harm", [None, delete_task])
def test_what_is_weakened_after_a_lease_has_ended_is_not_taken_for_its_own(
    how: Callable[[SimulatedHost], None], harm: Callable[[SimulatedHost], None] | None
) -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    if harm:
        harm(simulated)
    simulated.clock.advance(HALF_AN_HOUR + 60)
    do(simulated, "nla", "required", state="required")
    how(simulated)
    doing = job(simulated, "loop")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.changes == []
    assert stored(simulated) == 0
    assert do(simulated, "nla", "keep", state="keep")[1].changes == []


def test_a_lost_lease_accepted_for_good_is_left_by_the_loop() -> None:
    simulated = SimulatedHost.build("2022")
    do(simulated, "nla", **OFF)
    delete_task(simulated)
    for_good(simulated)
    assert do(simulated, "nla", "keep", state="keep")[1].changes == []
    assert stored(simulated) == 0


def test_the_line_restores_only_what_is_ours_and_contains_nothing_that_cmd_expands() -> None:
    lease = Lease("security_layer", (0, 1), 2, 1800, "2026-06-15T08:30:00Z")
    line = _lease.definition(lease).line
    assert line == (
        r'reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SecurityLayer'
        ' | findstr /e "0x0 0x1" && '
        r'reg add "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SecurityLayer'
        f" /t REG_DWORD /d 2 /f && {MARK} && schtasks /delete /tn winfleet.rdp-lease-security_layer /f & "
        r'reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SecurityLayer'
        f' | findstr /e "0x2" && {MARK} && schtasks /delete /tn winfleet.rdp-lease-security_layer /f'
    )
    assert "%" not in line


def losing(seen: Prober, first: int) -> Callable[[t.Any], t.Any]:
    """The handshake of a prober whose connections are lost from one look on."""
    looks: list[object] = []

    def handshake(options: t.Any) -> t.Any:
        looks.append(options)
        probe = seen.handshake(options)
        if len(looks) < first:
            return probe
        skipped = {part: {**probe[part], "verdict": "skipped"} for part in ("x224", "tls", "ntlm")}
        return {**probe, "passed": False, "stage": "tcp", "tcp": {**probe["tcp"], "verdict": "timeout"}, **skipped}

    return handshake


@pytest.mark.parametrize("name", ["nla", "security_layer"])
def test_an_early_end_that_no_handshake_confirms_leaves_the_lease(name: str) -> None:
    """However many looks are lost on the way: a value that is weak at the end is still on a lease."""
    weak: dict[str, t.Any] = {"state": "off"} if name == "nla" else {"layer": "rdp"}
    back = {"state": "required"} if name == "nla" else {"layer": "tls"}
    setting, strong = (NLA, 1) if name == "nla" else (LAYER, 2)
    before = SimulatedHost.build("2022")
    for first in range(1, 7):
        simulated = SimulatedHost.build("2022")
        do(simulated, name, "run-1", **weak, lease="30m")
        seen = prober(simulated)
        with contextlib.suppress(ProofMissing):
            doing = job(simulated, "run-2", prober=replace(seen, handshake=losing(seen, first)))
            fix(doing, REMEDIES[name], {**defaults(REMEDIES[name].options), **back})
        assert stored(simulated, setting) == strong or tasks(simulated), first
        simulated.clock.advance(3 * 3600)
        assert stored(simulated, setting) in (strong, stored(before, setting)), first

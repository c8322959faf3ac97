# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The closed loop on simulated hosts."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import RISKS, Change, Risk
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._result import summary
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.breakages import BREAKAGES, cause_of
from tests.simulator.host import SimulatedHost
from tests.simulator.traits import TRAITS
from tests.simulator.windows.events import REMOTE_CONNECTION_MANAGER, WARNING
from tests.simulator.windows.listener import TERMINAL_SERVER
from tests.support.in_process import connect, job, prober, settings_state
from tests.support.matrix import OTHER_WAYS

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")
UNSHOWN = {"logon_rejected", "logon_right_missing"}
"""What is seen only where a logon is tried (test__logon)."""

KNOWN = sorted(name for name in set(BREAKAGES) & set(CAUSES) - UNSHOWN if not CAUSES[name].contributes)
HINTS = sorted(set(BREAKAGES) & set(CAUSES) - set(KNOWN) - UNSHOWN)
HELD = {
    "rdp_denied_by_policy",
    "rdp_denied_by_orphan_policy",
    "security_layer_rdp_by_policy",
    "firewall_local_rules_ignored",
    "cipher_suites_empty",
    "cipher_suites_mismatch",
    "cipher_suites_for_rsa",
    "fips_mismatch",
}
LOCAL = {"firewall_shields_up"}
FULL = {"disk_full"}
"""What nothing is done about before somebody has made room."""

RISKY = {"firewall_public_network"}
"""What is cured only where high risk is allowed (test_firewall)."""

LEFT = HELD | LOCAL | FULL | RISKY
CURED = [name for name in (*KNOWN, *OTHER_WAYS) if CAUSES[cause_of(name)].cures and name not in LEFT]
CONSEQUENCES = {"folder_acl": ["certificate_expired"], "port_proxy": ["port_taken"]}
"""What is as true of such a host and comes after its cause."""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("breakage", [*KNOWN, *OTHER_WAYS])
def test_the_cause_that_was_planted_is_first_and_direct(breakage: str, version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=[breakage])
    standing = examine(connect(simulated), prober(simulated), 600)
    found = [finding.id for finding in direct(standing.findings)]
    assert found == [cause_of(breakage), *CONSEQUENCES.get(breakage, [])]
    assert simulated.counters.writes == 0


EACH_HINT = [
    (hint, VERSIONS[number % len(VERSIONS)]) for place, hint in enumerate(HINTS) for number in (place, place + 3)
]
"""Each on two versions in turn, so that all come up."""


@pytest.mark.parametrize(("breakage", "version"), EACH_HINT)
def test_what_only_contributes_is_listed_in_full_depth_and_is_no_fault(breakage: str, version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=[breakage])
    ours = connect(simulated, behind=timedelta(minutes=11 if breakage == "time_skew" else 0))
    standing = examine(ours, prober(simulated), 600, full=True)
    assert {finding.id: finding.relation for finding in standing.findings}[breakage] == "contributing"
    assert direct(standing.findings) == ()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("trait", [None, *sorted(TRAITS)])
def test_a_healthy_host_has_no_finding(trait: str | None, version: str) -> None:
    simulated = SimulatedHost.build(version, traits=[trait] if trait else [])
    standing = examine(connect(simulated), prober(simulated), 600)
    assert direct(standing.findings) == ()
    assert standing.healthy


@pytest.mark.parametrize("breakage", CURED)
def test_a_benchmark_item_that_a_cure_touches_is_told_with_the_finding(breakage: str) -> None:
    simulated = SimulatedHost.build("11", breakages=[breakage])
    course = foresee(examine(connect(simulated), prober(simulated), 600), Limits())
    told = {(item.benchmark, item.item): item.effect for found in course.before.findings for item in found.compliance}
    for item in (item for change in course.changes for item in change.compliance):
        assert told[item.benchmark, item.item] == {"restores": "breaks", "breaks": "meets"}[item.effect]


OFF = "5.21, in older ones 5.22 (TermService disabled)"


@pytest.mark.parametrize(("version", "broken"), [("11", [OFF]), ("2022", [])])
def test_the_start_of_a_service_breaks_what_benchmarks_of_clients_want(version: str, broken: list[str]) -> None:
    simulated = SimulatedHost.build(version, breakages=["termservice_disabled"])
    course = foresee(examine(connect(simulated), prober(simulated), 600), Limits())
    assert [item.item for change in course.changes for item in change.compliance if item.effect == "breaks"] == broken


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("breakage", CURED)
def test_the_loop_cures_as_foreseen_with_no_more_risk_than_told_and_can_be_undone(breakage: str, version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=[breakage])
    before = settings_state(simulated)
    foreseeing = job(simulated, check=True)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    assert foreseen.verdict == "repairable"
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)
    told = [RISKS.index(t.cast(Risk, finding.risk)) for finding in direct(foreseen.before.findings)]
    assert max(RISKS.index(change.risk) for change in foreseen.changes) <= max(told)

    doing = job(simulated, allow_reboot=True)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "repaired"
    exact = [change for change in course.changes if change.undo == "exact"]
    assert _is_subsequence(_foreseeable(exact), _foreseeable(foreseen.changes))

    again = job(simulated, "run-2")
    writes = simulated.counters.writes
    second = remediate(again, examine(again.host, again.prober, 600), Limits())
    assert (second.verdict, second.changes) == ("healthy", [])
    assert simulated.counters.writes == writes

    undoing = rollback(job(simulated, "back"), "last", force=False)
    made = [target for target in undoing.not_undoable if target.entry.change.kind not in ("restart", "reboot")]
    assert made or settings_state(simulated) == before


def test_a_full_disk_is_left_to_a_person_who_is_told_what_to_do() -> None:
    simulated = SimulatedHost.build("2022", breakages=["disk_full"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes) == ("unresolved", [])
    (refused,) = course.refused
    assert "has 0 bytes free" in refused.message
    assert "make room" in refused.message


def test_with_leave_to_reboot_the_loop_goes_on_after_it_to_what_shows_then() -> None:
    simulated = SimulatedHost.build("2022", breakages=["tls_server_disabled", "key_unreadable"])
    doing = job(simulated, allow_reboot=True)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, list(course.waiting)) == ("repaired", [])
    assert [change.kind for change in course.changes] == ["registry", "registry", "reboot", "file_access"]
    assert [(step.cause, step.kept) for step in course.steps] == [
        ("tls_server_disabled", True),
        ("key_unreadable", True),
    ]


@pytest.mark.parametrize("wrong", [timedelta(minutes=-11), timedelta(minutes=11)], ids=["slow", "fast"])
@pytest.mark.parametrize("version", ["2016", "2022"])
def test_a_clock_that_is_put_right_at_the_start_of_windows_does_not_keep_the_loop_from_going_on(
    version: str, wrong: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = SimulatedHost.build(version, breakages=["tls_server_disabled", "key_unreadable"])
    clock, come_up = simulated.clock, simulated.windows._start_up
    clock.set(clock.now() + wrong)

    def come_up_with_the_right_time() -> None:
        clock.set(clock.now() - clock.stepped)
        come_up()

    monkeypatch.setattr(simulated.windows, "_start_up", come_up_with_the_right_time)
    ours = prober(simulated, behind=lambda: clock.stepped)
    doing = job(simulated, allow_reboot=True, prober=ours)
    doing = replace(doing, host=connect(simulated, behind=lambda: clock.stepped))
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, list(course.waiting)) == ("repaired", [])
    assert [change.kind for change in course.changes] == ["registry", "registry", "reboot", "file_access"]


@pytest.mark.parametrize("probing", [True, False])
@pytest.mark.parametrize("breakage", CURED)
def test_an_edition_that_takes_no_connections_is_told_so_and_left_as_it_is(breakage: str, probing: bool) -> None:
    simulated = SimulatedHost.build("11home", breakages=[breakage])
    before, process = settings_state(simulated), simulated.windows.services["TermService"].process_id
    how = {} if probing else {"prober": Prober("127.0.0.1", enabled=False)}
    for check in (True, False):
        doing = job(simulated, check=check, allow_reboot=True, **how)
        standing = examine(doing.host, doing.prober, 600)
        course = foresee(standing, Limits()) if check else remediate(doing, standing, Limits())
        assert (course.changes, doing.made) == ([], [])
        assert course.verdict in ("unresolved", "not_rdp")
        assert "Windows 11 Home takes no Remote Desktop connections" in course.refused[0].message
    assert settings_state(simulated) == before
    assert simulated.windows.services["TermService"].process_id == process


LAYERS = ("security_layer_rdp", "security_layer_invalid")
TLS_BROKEN = ("certificate_pinned_missing", "store_acl", "key_unreadable", "key_missing", "machine_guid_changed")
DROPPED = ("nla_value_invalid", "encryption_level_invalid")
SHUT = {
    "rdp_denied_by_policy": "policy_held",
    "rdp_denied_by_orphan_policy": "policy_held",
    "firewall_local_rules_ignored": "policy_held",
    "port_taken": "not_rdp",
    "port_proxy": "not_rdp",
    "port_excluded": "unresolved",
    "foreign_protocol": "unresolved",
    "service_dll_replaced": "unresolved",
    "lan_adapter_missing": "unresolved",
    "cipher_suites_empty": "policy_held",
}
"""What only a person cures, so that no handshake shows more."""


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
@pytest.mark.parametrize("other", [*TLS_BROKEN, *DROPPED])
@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_layer_hides_and_what_hides_a_layer_is_cured_in_one_run(layer: str, other: str, moment: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[layer, other], switches={"live_security": moment})
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.refused) == ("repaired", [])
    assert sorted((step.cause, step.kept) for step in course.steps) == sorted([(layer, True), (other, True)])
    assert simulated.windows.listener.stored().security_layer == 2
    assert _second(simulated) == ("healthy", [])
    undoing = rollback(job(simulated, "back"), "all", force=False)
    made = [target for target in undoing.not_undoable if target.entry.change.kind != "restart"]
    assert made or settings_state(simulated) == before


def _second(simulated: SimulatedHost) -> tuple[str, list[Change]]:
    """What a second run does, which writes nothing."""
    again, writes = job(simulated, "run-2"), simulated.counters.writes
    course = remediate(again, examine(again.host, again.prober, 600), Limits())
    assert simulated.counters.writes == writes
    return course.verdict, again.made


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
@pytest.mark.parametrize("shut", SHUT)
@pytest.mark.parametrize("layer", LAYERS)
def test_no_layer_is_changed_where_no_handshake_would_show_what_comes_of_it(layer: str, shut: str, moment: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[layer, shut], switches={"live_security": moment})
    before, process = settings_state(simulated), simulated.windows.services["TermService"].process_id
    foreseeing, doing = job(simulated, check=True), job(simulated)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    for told in (foreseen, course):
        assert (told.verdict, told.changes) == (SHUT[shut], [])
        assert any(f"because of {shut}" in refusal.message for refusal in told.refused)
    assert simulated.counters.writes == 0
    assert _second(simulated) == (SHUT[shut], [])
    assert settings_state(simulated) == before
    assert simulated.windows.services["TermService"].process_id == process


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
def test_negotiation_is_not_switched_on_for_a_layer_that_a_policy_holds(moment: str) -> None:
    planted = ["negotiation_disabled", "security_layer_rdp_by_policy"]
    simulated = SimulatedHost.build("2022", breakages=planted, switches={"live_security": moment})
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, doing.made, simulated.counters.writes) == ("policy_held", [], 0)
    assert any("because of security_layer_rdp_by_policy" in refusal.message for refusal in course.refused)


def test_what_keeps_others_than_the_prober_away_is_not_in_the_way_of_a_proof() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_rdp"])
    silent = {"verdict": "timeout"}
    beyond = {"host": "127.0.0.1", "port": 3389, "vantage": "branch", "passed": False, "stage": "tcp", "tcp": silent}
    doing = job(simulated, prober=replace(prober(simulated), given=(beyond,)))
    standing = examine(doing.host, doing.prober, 600)
    assert "path_blocked_elsewhere" in {finding.id for finding in direct(standing.findings)}
    course = remediate(doing, standing, Limits())
    assert [(step.cause, step.kept) for step in course.steps] == [("security_layer_rdp", True)]
    assert simulated.windows.listener.stored().security_layer == 2


def test_a_flood_is_not_met_with_a_restart_where_the_listener_could_not_open_anyway() -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood", "lan_adapter_missing"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, doing.made, simulated.counters.writes) == ("unresolved", [], 0)
    assert "because of lan_adapter_missing" in course.refused[0].message


@pytest.mark.parametrize("shut", ["foreign_protocol", "port_excluded", "service_dll_replaced"])
def test_what_a_listener_complained_of_before_its_service_was_restarted_is_no_flood_of_now(shut: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood", shut])
    simulated.clock.advance(60)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [finding.id for finding in direct(course.before.findings)] == ["connection_flood"]
    assert [finding.id for finding in direct(course.after.findings)] == [shut]
    assert course.verdict == "unresolved"
    assert [change.kind for change in doing.made] == ["registry", "restart"]
    assert _second(simulated) == ("unresolved", [])


@pytest.mark.parametrize("later", [0, 0.6, 60])
def test_a_flood_that_goes_on_after_a_restart_is_one_still(later: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an event may be told in whole seconds, when that of a process is not."""
    simulated = SimulatedHost.build("2022", breakages=["connection_flood"])
    simulated.windows.services.force_stopped("TermService")
    simulated.clock.advance(60.3)
    simulated.windows.services.force_running("TermService")
    simulated.windows.listener.flooded = True
    simulated.clock.advance(later)
    told = simulated.clock.now().replace(microsecond=0)
    with monkeypatch.context() as patch:
        patch.setattr(simulated.clock, "now", lambda: told)
        simulated.windows.events.write(REMOTE_CONNECTION_MANAGER, 1006, WARNING)
    standing = examine(connect(simulated), prober(simulated), 600)
    assert [finding.id for finding in direct(standing.findings)] == ["connection_flood"]


def test_what_is_behind_a_flood_that_the_plan_meets_is_foreseen() -> None:
    simulated = SimulatedHost.build("2025", breakages=["connection_flood", "security_layer_rdp"])
    foreseeing, doing = job(simulated, check=True), job(simulated)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [(change.item, change.after) for change in course.changes if change.kind != "restart"] == [
        (change.item, change.after) for change in foreseen.changes
    ]
    assert course.verdict == "repaired"


def test_a_firewall_in_front_is_opened_before_a_flood_is_met() -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood", "firewall_rule_disabled"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.refused) == ("repaired", [])
    assert [step.cause for step in course.steps] == ["firewall_rule_disabled", "connection_flood"]
    assert _second(simulated) == ("healthy", [])


def test_tls_is_required_only_after_the_reboot_that_brings_it_back() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_rdp", "tls_server_disabled"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "needs_reboot"
    assert simulated.windows.listener.stored().security_layer == 0
    for run_id in ("run-2", "run-3"):
        again, written = job(simulated, run_id), simulated.counters.writes
        assert remediate(again, examine(again.host, again.prober, 600), Limits()).verdict == "needs_reboot"
        assert (again.made, simulated.windows.listener.stored().security_layer) == ([], 0)
    assert simulated.counters.writes == written
    rebooting = job(simulated, "run-4", allow_reboot=True)
    course = remediate(rebooting, examine(rebooting.host, rebooting.prober, 600), Limits())
    assert course.verdict == "repaired"
    assert simulated.windows.listener.stored().security_layer == 2


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
def test_who_got_in_before_does_while_the_cure_of_what_shows_then_waits_for_a_reboot(moment: str) -> None:
    planted = ["negotiation_disabled", "tls_server_disabled"]
    simulated = SimulatedHost.build("2022", breakages=planted, switches={"live_security": moment})
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, list(course.waiting)) == ("needs_reboot", ["reboot"])
    assert [(step.cause, step.kept) for step in course.steps] == [(planted[0], False), (planted[1], True)]
    assert simulated.windows.listener.stored().negotiation == 0
    assert simulated.probe_view()["asked"]["0"] == ["selected", 0]
    again = job(simulated, "run-2")
    assert remediate(again, examine(again.host, again.prober, 600), Limits()).verdict == "needs_reboot"
    assert again.made == []
    simulated.windows.reboot()
    simulated.clock.advance(600)
    then = job(simulated, "run-3")
    assert remediate(then, examine(then.host, then.prober, 600), Limits()).verdict == "repaired"
    assert simulated.windows.listener.stored().negotiation == 1


def test_what_waits_for_a_restart_lets_in_again_who_got_in_before() -> None:
    """What lets users in is stored and wants the restart alone, which the next run may make."""
    planted = ["negotiation_disabled", "certificate_pinned_missing"]
    switches = {"live_security": "at_once", "live_pin": "after_restart"}
    simulated = SimulatedHost.build("2022", breakages=planted, switches=switches)
    doing = job(simulated, restart="never")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, [step.kept for step in course.steps]) == ("needs_restart", [False, True])
    assert simulated.probe_view()["asked"]["0"] == ["selected", 0]
    again, writes = job(simulated, "run-2", restart="never"), simulated.counters.writes
    assert remediate(again, examine(again.host, again.prober, 600), Limits()).verdict == "needs_restart"
    assert (again.made, simulated.counters.writes) == ([], writes)
    then = job(simulated, "run-3")
    assert remediate(then, examine(then.host, then.prober, 600), Limits()).after.healthy
    assert sorted(change.kind for change in then.made) == ["registry", "restart"]
    assert simulated.windows.listener.stored().negotiation == 1


def test_what_waits_for_a_reboot_and_a_restart_lets_in_again_who_got_in_before() -> None:
    planted = ["negotiation_disabled", "certificate_wrong_usage", "tls_server_disabled"]
    simulated = SimulatedHost.build("2022", breakages=planted)
    doing = job(simulated, restart="never", allow_reboot=True)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert set(course.waiting) == {"reboot", "restart"}
    assert [step.kept for step in course.steps if step.cause == "negotiation_disabled"] == [False]
    assert simulated.windows.listener.stored().negotiation == 0
    assert simulated.probe_view()["asked"]["0"] == ["selected", 0]


FRONT = ("firewall_rule_disabled", "listener_disabled", "rdp_denied", "termservice_disabled", "termservice_stopped")
BEHIND = ("certificate_expired", "cipher_suites_empty", "key_missing", "key_unreadable", "security_layer_rdp")


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("front", FRONT)
def test_what_check_mode_cannot_foretell_it_says_and_the_run_tells(front: str, behind: str) -> None:
    """A handshake that never gets to a stage shows nothing of it, and check mode makes none after its changes."""
    simulated = SimulatedHost.build("2022", breakages=[front, behind])
    foreseeing, doing = job(simulated, check=True), job(simulated, allow_reboot=True)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)
    assert any(front in note and "may hide more" in note for note in foreseen.notes)

    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    told = {finding.id for finding in (*direct(course.before.findings), *course.revealed)}
    assert {front, behind} <= told
    cures = {cure.remedy for finding in course.revealed for cure in CAUSES[finding.id].cures}
    exact = [c for c in course.changes if c.undo == "exact" and c.remedy not in cures]
    assert _is_subsequence(exact, [c for c in foreseen.changes if c.remedy not in cures])


@pytest.mark.parametrize("breakage", sorted(BREAKAGES))
def test_check_mode_writes_nothing_and_opens_no_shell(breakage: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    foreseeing = job(simulated, check=True)
    foresee(examine(foreseeing.host, foreseeing.prober, 600, full=True), Limits())
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)


@pytest.mark.parametrize("breakage", sorted(HELD & set(KNOWN)))
def test_policy_is_respected_and_named(breakage: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "policy_held"
    assert course.held
    assert all(held.path.startswith("HKLM\\SOFTWARE\\Policies") for held in course.held)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("off", ["listener_disabled", "sessions_disabled"])
@pytest.mark.parametrize("held", ["rdp_denied_by_policy", "rdp_denied_by_orphan_policy"])
def test_what_a_policy_holds_has_no_step_of_what_is_for_another_cause(held: str, off: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[held, off])
    foreseeing, doing = job(simulated, check=True), job(simulated)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "policy_held"
    assert [(step.cause, step.kept) for step in course.steps] == [(off, True)]
    assert [change.kind for change in doing.made] == ["registry", "restart"]
    assert [change.item for change in foreseen.changes] == [doing.made[0].item]
    assert _second(simulated) == ("policy_held", [])


@pytest.mark.parametrize("other", ["firewall_wrong_profile", "port_excluded"])
def test_no_rule_is_opened_where_a_profile_stays_closed_to_all(other: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_shields_up", other])
    foreseeing, doing = job(simulated, check=True), job(simulated)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    for told in (foreseen, course):
        assert (told.verdict, told.changes, told.steps) == ("unresolved", [], [])
        assert any("blocks all incoming connections" in refusal.message for refusal in told.refused)
    assert simulated.counters.writes == 0


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_restart_that_one_cause_waits_for_ends_no_turn_of_another(version: str, moment: str) -> None:
    planted = ["certificate_pinned_missing", "key_missing"]
    simulated = SimulatedHost.build(version, breakages=planted, switches={"live_pin": moment})
    doing = job(simulated, restart="never")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [(step.cause, step.kept) for step in course.steps] == [(cause, True) for cause in planted]
    again, state = job(simulated, "run-2", restart="never"), settings_state(simulated)
    assert remediate(again, examine(again.host, again.prober, 600), Limits()).verdict == course.verdict
    assert (again.made, settings_state(simulated)) == ([], state)


WAITING = ["termservice_stopped", "key_not_imported", "listener_disabled"]
UNTIED_LATER = {"live_pin": "after_restart", "new_key_on_renewal": False}


@pytest.mark.parametrize("own", [None, "key_denied"])
def test_a_key_is_judged_by_the_certificate_that_serves_once_the_listener_is_untied(own: str | None) -> None:
    planted = [*([own] if own else []), *WAITING]
    simulated = SimulatedHost.build("11", breakages=planted, switches=UNTIED_LATER)
    doing = job(simulated, restart="never")
    first = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [change.kind for change in doing.made] == ["registry", "service_state", "registry"]
    state = simulated.state()
    looking, again = job(simulated, check=True, restart="never"), job(simulated, "run-2", restart="never")
    standing = examine(looking.host, looking.prober, 600)
    foreseen = foresee(standing, Limits(), allowed=looking.allowed)
    second = remediate(again, examine(again.host, again.prober, 600), Limits())
    for told in (first, foreseen, second):
        assert any(refusal.message.endswith("because of a restart that is due") for refusal in told.refused)
    assert (foreseen.changes, again.made, second.verdict) == ([], [], "needs_restart")
    assert simulated.state() == state

    restarting = job(simulated, "run-3")
    foreseen = foresee(standing, Limits(), allowed=restarting.allowed)
    assert [change.kind for change in foreseen.changes][:1] == ["file_access"]
    third = remediate(restarting, examine(restarting.host, restarting.prober, 600), Limits())
    assert [change.kind for change in restarting.made] == ["restart", *(["file_access"] if own else [])]
    assert (third.after.healthy, third.refused) == (True, [])


def test_what_a_restart_for_an_earlier_run_brings_to_light_is_told_as_that() -> None:
    simulated = SimulatedHost.build("2022", breakages=["listener_disabled", "certificate_wrong_usage"])
    waiting, doing = job(simulated, restart="never"), job(simulated, "run-2")
    remediate(waiting, examine(waiting.host, waiting.prober, 600), Limits())
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert ([finding.id for finding in course.revealed], course.verdict) == (["certificate_wrong_usage"], "repaired")


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
def test_two_certificates_that_have_one_cause_are_both_cured_where_the_first_waits(moment: str) -> None:
    broken, switches = ["key_not_imported", "key_missing"], {"live_pin": moment}
    simulated = SimulatedHost.build("11", breakages=broken, switches=switches)
    doing, again = job(simulated, restart="never"), job(simulated, "run-2", restart="never")
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [(step.cause, step.remedy) for step in course.steps] == [
        ("key_missing", "certificate"), ("key_missing", "machine_keys"),
    ]  # fmt: skip
    state = simulated.state()
    remediate(again, examine(again.host, again.prober, 600), Limits())
    assert (again.made, simulated.state()) == ([], state)


def test_a_listener_stays_tied_where_windows_makes_no_certificate_in_place_of_damaged_bytes() -> None:
    planted, switches = ["certificate_pinned_expired", "certificate_damaged"], {"own_while_pinned": False}
    simulated = SimulatedHost.build("2025", breakages=planted, switches=switches)
    doing, again = job(simulated), job(simulated, "run-2")
    remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert [change.item.rpartition("\\")[2] for change in doing.made] == ["Blob"]
    state, standing = settings_state(simulated), examine(again.host, again.prober, 600)
    assert [change.kind for change in foresee(standing, Limits()).changes] == ["renewal", "registry"]
    course = remediate(again, standing, Limits())
    assert "has made no certificate" in course.refused[0].message
    assert (again.made, settings_state(simulated)) == ([], state)


def test_a_profile_that_its_administrator_closed_stays_closed_and_is_named() -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_shields_up"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes, course.held) == ("unresolved", [], [])
    assert "blocks all incoming connections" in course.refused[0].message


@pytest.mark.parametrize(
    ("breakage", "verdict"),
    [("path_blocked", "blocked_on_path"), ("port_taken", "not_rdp")],
)
def test_what_cannot_be_cured_is_said_and_nothing_is_changed(breakage: str, verdict: str) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == verdict
    assert course.changes == []
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)


def test_a_healthy_host_is_asked_little() -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    assert examine(host, prober(simulated), 600).healthy
    assert host.cim.operations <= 10


def test_the_risk_limit_leaves_what_is_beyond_it() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_rdp"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits(max_risk="none"))
    assert course.changes == []
    assert "max_risk" in course.refused[0].message


def test_what_a_fix_notes_is_told_by_the_loop_too_foreseen_and_done() -> None:
    simulated = SimulatedHost.build("2022", breakages=["connection_flood"])
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600.0)
    foreseen = foresee(standing, Limits())
    done = remediate(doing, standing, Limits())
    assert "198.51.100.23 (4)" in done.notes[0]
    assert done.notes[0] in foreseen.notes


def test_a_step_that_helped_nothing_stays_where_taking_it_back_would_cut_users() -> None:
    """Somebody switches the sessions off again while the service starts, and the path is shut besides."""
    planted = ["sessions_disabled", "termservice_stopped", "firewall_shields_up"]
    switches = {"live_services": "never"}
    simulated = SimulatedHost.build("2022", breakages=planted, traits=["many_sessions"], switches=switches)

    def meddle(_number: int, body: bytes) -> None:
        if b"StartService" in body:
            simulated.windows.registry.put_dword(TERMINAL_SERVER, "TSEnabled", 0)

    doing = job(simulated, before=meddle)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    step = course.steps[0]
    assert (step.cause, step.kept) == ("sessions_disabled", True)
    assert step.reason.startswith("kept, since stopping TermService would cut 0 connected and 12 disconnected")
    assert step.reason.endswith("(it helped nothing)")
    assert simulated.windows.services.running("TermService")
    assert course.changes == doing.made


@pytest.mark.parametrize("breakages", [[], ["rdp_denied"]])
def test_a_verdict_without_a_probe_says_that_it_goes_by_the_host_alone(breakages: list[str]) -> None:
    for probing in (True, False):
        simulated = SimulatedHost.build("2022", breakages=breakages)
        how = {} if probing else {"prober": Prober("127.0.0.1", enabled=False)}
        doing = job(simulated, **how)
        course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
        assert course.verdict == ("repaired" if breakages else "healthy")
        assert summary(course).endswith("; no probe, host evidence alone") is not probing


def test_excluded_remedies_are_not_used() -> None:
    simulated = SimulatedHost.build("2022", breakages=["rdp_denied"])
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits(frozenset({"firewall"})))
    assert course.changes == []
    assert course.verdict == "unresolved"


def _foreseeable(changes: list[Change]) -> list[Change]:
    """What check mode can foretell: not what stood there of permissions that SYSTEM alone sees."""
    return [replace(change, before=None) if change.kind == "file_access" else change for change in changes]


def _is_subsequence(part: list[object], whole: list[object]) -> bool:
    remaining = iter(whole)
    return all(item in remaining for item in part)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roll-backs that meet what has happened since."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _journal, _result, _rollback, _undoing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import ApplyError, Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.services import ServiceError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._closing import may_close
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.rules import MADE, RULES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessRefused,
    AuthenticationFailed,
    BadAnswer,
    ProviderFailed,
    Timeout,
    TransportFailed,
    WsmanError,
)

from tests.simulator.breakages.gateway import TARGETS, USER, USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.probe_view import probe_view
from tests.simulator.windows.firewall import BLOCK, Rule
from tests.simulator.windows.gateway import Gateway
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.support.cutting import Cut
from tests.support.in_process import connect, job, settings_state
from tests.support.states import differing


def enabled() -> tuple[SimulatedHost, object]:
    """A host whose TermService was disabled and now runs, and what it was before."""
    simulated = SimulatedHost.build("2022", breakages=["termservice_disabled", "rdp_denied"])
    before = settings_state(simulated)
    fix(job(simulated), REMEDIES["remote_desktop"], defaults(REMEDIES["remote_desktop"].options))
    return simulated, before


def test_a_service_is_stopped_with_what_depends_on_it_after_a_reboot_has_started_both() -> None:
    simulated, before = enabled()
    simulated.windows.reboot()
    simulated.clock.advance(300)
    assert simulated.windows.services.running("UmRdpService")
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert undoing.left == {}
    assert settings_state(simulated) == before
    assert not simulated.windows.services.running("TermService")


def test_what_a_change_restored_of_a_benchmark_its_roll_back_breaks() -> None:
    simulated = SimulatedHost.build("2022", breakages=["nla_value_invalid"])
    done = fix(job(simulated), REMEDIES["nla"], defaults(REMEDIES["nla"].options))[1]
    (restored,) = _result.compliance(done.changes)
    back = job(simulated, "back")
    undoing = _rollback.rollback(back, "all", force=False)
    assert _result.rolled_back(undoing, False, back.made, "back")["compliance"] == [{**restored, "effect": "breaks"}]
    assert restored["effect"] == "restores"
    assert _rollback.rollback(job(simulated, "back-2"), "last", force=False).runs == [], "nothing is left open"


UNSETTLED: tuple[tuple[str, dict[str, t.Any], tuple[str, ...]], ...] = (
    ("remote_desktop", {}, ("rdp_denied",)),
    ("remote_desktop", {"state": "disabled"}, ()),
    ("transport", {"mode": "tcp_only"}, ()),
    ("nla", {"state": "off", "accept_permanent_weakening": True}, ()),
)


LIVE = {
    "at once": {},
    "after a restart": dict.fromkeys(("live_deny", "live_security", "live_transport"), "after_restart"),
    "at once by a provider alone": {"live_direct": "after_restart"},
}


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize(("name", "given", "broken"), UNSETTLED)
def test_what_the_listener_acts_on_comes_back_with_the_value(
    name: str, given: dict[str, t.Any], broken: tuple[str, ...], live: str
) -> None:
    simulated = SimulatedHost.build("2022", breakages=broken, switches=LIVE[live])
    was = {part: simulated.probe_view()[part] for part in ("tcp", "asked", "udp")}
    fix(job(simulated), REMEDIES[name], {**defaults(REMEDIES[name].options), **given})
    assert {part: simulated.probe_view()[part] for part in was} != was
    assert _rollback.rollback(job(simulated, "back"), "all", force=False).waiting == {}
    assert {part: simulated.probe_view()[part] for part in was} == was


def test_what_cannot_be_put_back_keeps_nothing_else_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated, before = enabled()
    undo = Run.undo

    def refusing(self: Run, change: Change) -> bool:
        if change.kind == "service_state":
            raise ServiceError(change.item, "stop", 5)
        return undo(self, change)

    monkeypatch.setattr(Run, "undo", refusing)
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert list(undoing.left) == ["TermService"]
    assert "cannot accept the control now" in undoing.left["TermService"]
    assert settings_state(simulated) == before


def test_an_earlier_change_of_what_cannot_be_put_back_is_left_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedHost.build("2022")
    for number in (25, 30):
        options = {**defaults(REMEDIES["connection_limit"].options), "sessions": number}
        fix(job(simulated, f"run-{number}"), REMEDIES["connection_limit"], options)
    asked: list[object] = []

    def refusing(_self: Run, change: Change) -> bool:
        asked.append(change.after)
        raise ServiceError(change.item, "stop", 5)

    monkeypatch.setattr(Run, "undo", refusing)
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert len(undoing.left) == 1
    assert asked == [{"type": "REG_DWORD", "data": 30}]


# --- what the host refuses


SETTER = {"class": "Win32_TSGeneralSetting", "method": "SetUserAuthenticationRequired"}


def without_nla_and_udp(**given: t.Any) -> tuple[SimulatedHost, object]:
    """A host on which UDP was switched off and then NLA, and what it was before."""
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    given = given or {"accept_permanent_weakening": True}
    for name, options in (("transport", {"mode": "tcp_only"}), ("nla", {"state": "off", **given})):
        fix(job(simulated, name), REMEDIES[name], {**defaults(REMEDIES[name].options), **options})
    return simulated, before


@pytest.mark.parametrize("fault", ["wmi_80041016", "wmi_80041001", "wmi_80041003", "quota_operations", "timeout"])
def test_what_the_host_refuses_to_put_back_keeps_nothing_older_from_it(fault: str) -> None:
    simulated, before = without_nla_and_udp()
    simulated.injector.add(fault, at=SETTER, count=9)
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert [target.entry.run for target in undoing.undone] == ["transport"]
    assert "SetUserAuthenticationRequired" in undoing.left[SETTINGS["nla"].path]
    simulated.injector.clear()
    assert _rollback.rollback(job(simulated, "back-2"), "all", force=False).left == {}
    assert settings_state(simulated) == before


@pytest.mark.parametrize("check", [True, False])
def test_what_is_gone_from_the_host_keeps_nothing_older_from_going_back(check: bool) -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_disabled"])
    for name, options in (("transport", {"mode": "tcp_only"}), ("firewall", {"transports": ["tcp"]})):
        fix(job(simulated, name), REMEDIES[name], {**defaults(REMEDIES[name].options), **options})
    simulated.windows.firewall.remove(RULES["tcp"])
    undoing = _rollback.rollback(job(simulated, "back", check=check), "all", force=False)
    assert [target.entry.run for target in undoing.undone] == ["transport"]
    assert "does not exist" in undoing.left[RULES["tcp"]]


@pytest.mark.parametrize("error", [TransportFailed, AuthenticationFailed, BadAnswer])
@pytest.mark.parametrize("word", [b"<m:sValueName>UserAuthentication<", b"SetUserAuthenticationRequired"])
def test_the_loss_of_the_channel_ends_a_roll_back(word: bytes, error: type[WsmanError]) -> None:
    """While it looks, and while it writes."""
    simulated, _before = without_nla_and_udp()

    def before(_number: int, body: bytes) -> None:
        if word in body:
            raise error("gone")

    with pytest.raises(error):
        _rollback.rollback(job(simulated, "back", before=before), "all", force=False)


def test_what_the_host_did_and_answered_that_it_did_not_is_back() -> None:
    simulated, before = without_nla_and_udp()

    def acting(_number: int, body: bytes) -> None:
        if b"SetUserAuthenticationRequired" in body:
            simulated.handle(body, "Administrator")
            raise ProviderFailed("it did not")

    undoing = _rollback.rollback(job(simulated, "back", before=acting), "all", force=False)
    assert undoing.left == {}
    assert settings_state(simulated) == before


@pytest.mark.parametrize("restarts", [False, True])
def test_what_may_go_back_yet_is_looked_at_by_the_next_run(restarts: bool) -> None:
    """The host was too slow to answer, and its listener acts on the value when it starts again."""
    simulated, _before = without_nla_and_udp()
    if restarts:
        limited(simulated)
    simulated.set_switch("live_security", "after_restart")
    late: list[bytes] = []

    def slow(_number: int, body: bytes) -> None:
        if b"SetUserAuthenticationRequired" in body:
            late.append(body)
            raise Timeout("not yet")

    assert _rollback.rollback(job(simulated, "back", before=slow), "all", force=False).left
    simulated.handle(late[0], "Administrator")
    assert simulated.windows.listener.live() != simulated.windows.listener.stored()
    _rollback.rollback(job(simulated, "back-2"), "all", force=False)
    assert simulated.windows.listener.live() == simulated.windows.listener.stored()


def limited(simulated: SimulatedHost, what: str = "pending") -> None:
    """A change that is read at a start alone, or at once."""
    options = {**defaults(REMEDIES["connection_limit"].options), what: 4000}
    fix(job(simulated, "limit"), REMEDIES["connection_limit"], options)


def test_a_roll_back_restarts_nothing_into_a_number_that_drops_each_connection() -> None:
    simulated = SimulatedHost.build("2022", switches={"live_security": "after_restart"})
    limited(simulated)
    simulated.windows.registry.put_dword(SETTINGS["nla"].key, SETTINGS["nla"].name, 77)
    process = simulated.windows.services["TermService"].process_id
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert "Run the module nla first" in undoing.waiting["restart"]
    assert simulated.windows.services["TermService"].process_id == process


NLA = SETTINGS["nla"]


def unknown_set_right() -> SimulatedHost:
    """A run has set a number right that Windows does not know, of which nothing is live before a restart."""
    simulated = SimulatedHost.build(
        "2022", breakages=["nla_value_invalid"], switches={"live_security": "after_restart"}
    )
    fix(job(simulated), REMEDIES["nla"], defaults(REMEDIES["nla"].options))
    assert simulated.windows.listener.live() == simulated.windows.listener.stored()
    return simulated


def unknown_is_live(simulated: SimulatedHost) -> bool:
    live, stored = simulated.windows.listener.live(), simulated.windows.listener.stored()
    assert stored.user_authentication not in NLA.choices
    return live == stored


def never_restarting(simulated: SimulatedHost, run_id: str) -> Job:
    return job(simulated, run_id, restart="never")


def unwatched(simulated: SimulatedHost, run_id: str) -> Job:
    at_work = job(simulated, run_id)
    return replace(at_work, prober=replace(at_work.prober, enabled=False))


@pytest.mark.parametrize(("hindered", "which"), [(never_restarting, "last"), (unwatched, "all")])
def test_a_number_that_drops_each_connection_is_made_live_by_the_next_roll_back_where_one_may_not(
    hindered: Callable[[SimulatedHost, str], Job], which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry tells that it is meant to be there, until it is live, also of a run whose history was trimmed."""
    simulated = unknown_set_right()
    if which == "all":
        monkeypatch.setattr(_journal, "KEPT_RUNS", 1)
        limited(simulated, "sessions")
    for run_id in ("back-1", "back-2"):
        _rollback.rollback(hindered(simulated, run_id), which, force=False)
        assert not unknown_is_live(simulated)
    assert _rollback.rollback(job(simulated, "back-3"), which, force=False).waiting == {}
    assert unknown_is_live(simulated)
    ended = _rollback.rollback(job(simulated, "back-4"), which, force=False)
    assert (ended.runs, ended.settled, ended.undone) == ([], [], [])


@pytest.mark.parametrize("check", [True, False])
def test_a_lease_stays_while_what_it_has_weakened_is_not_put_back(check: bool) -> None:
    simulated, before = without_nla_and_udp(lease="30m")

    def unreadable(_number: int, body: bytes) -> None:
        if b"<m:sValueName>UserAuthentication<" in body:
            raise ApplyError("denied")

    undoing = _rollback.rollback(job(simulated, "back", check=check, before=unreadable), "all", force=False)
    assert [target.entry.run for target in undoing.undone] == ["transport"]
    assert list(undoing.left) == [SETTINGS["nla"].path, "nla"]
    assert (undoing.left[SETTINGS["nla"].path], undoing.left["nla"]) == ("denied", _undoing.LEASED)
    assert list(simulated.state()["tasks"]) == [r"\winfleet.rdp-lease-nla"]
    _rollback.rollback(job(simulated, "back-2"), "all", force=False)
    assert settings_state(simulated) == before


# --- a policy that came since


SINCE: list[tuple[str, dict[str, t.Any], str, int]] = [
    ("transport", {"mode": "tcp_only"}, "transport", 0),
    ("nla", {"state": "off", "accept_permanent_weakening": True}, "nla", 0),
    ("security_layer", {"logon_prompt": "always"}, "logon_prompt", 1),
    ("remote_desktop", {"state": "disabled"}, "deny_connections", 0),
]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("name", "given", "setting", "number"), SINCE)
def test_nothing_goes_back_under_a_policy_that_came_since(
    name: str, given: dict[str, t.Any], setting: str, number: int, force: bool
) -> None:
    simulated = SimulatedHost.build("2022")
    policy = SETTINGS[setting].policy
    assert policy is not None
    before = settings_state(simulated)
    fix(job(simulated), REMEDIES[name], {**defaults(REMEDIES[name].options), **given})
    value = PolicyValue(policy.key, policy.name, Type.DWORD, number)
    simulated.windows.policy.link(PolicyObject("{0B1EC700-0000-4000-8000-000000000001}", "New", (value,)))
    held = settings_state(simulated)
    for check in (True, False):
        undoing = _rollback.rollback(job(simulated, "back", check=check), "all", force=force)
        assert "group policy 'New' decides it now" in undoing.left[SETTINGS[setting].path]
        assert [(found.state, found.setting, found.value) for found in undoing.held] == [
            ("policy_held", setting, number)
        ]
        assert settings_state(simulated)["registry"] == held["registry"]
    simulated.windows.policy.unlink("New")
    assert _rollback.rollback(job(simulated, "back-2"), "all", force=False).left == {}
    assert all("policies" in path[1] for path in differing(before, settings_state(simulated)))


def orphaned(simulated: SimulatedHost, number: int) -> None:
    """Somebody writes where policies are kept, and no policy does."""
    policy = SETTINGS["nla"].policy
    assert policy is not None
    simulated.windows.registry.put_dword(policy.key, policy.name, number)


def test_nothing_goes_back_under_a_policy_that_nobody_owns() -> None:
    simulated, _before = without_nla_and_udp()
    orphaned(simulated, 0)
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert [target.entry.run for target in undoing.undone] == ["transport"]
    assert [(found.state, found.owner, found.wanted) for found in undoing.held] == [("policy_orphaned", "", 1)]
    assert "take the value away, as remove_orphaned_policy does" in undoing.left[SETTINGS["nla"].path]


def test_a_policy_that_a_run_has_taken_away_comes_back_over_what_an_earlier_run_changed() -> None:
    simulated, before = without_nla_and_udp()
    orphaned(simulated, 0)
    options = {"remove_orphaned_policy": True}
    fix(job(simulated, "freed"), REMEDIES["nla"], {**defaults(REMEDIES["nla"].options), **options})
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert (undoing.left, undoing.held) == ({}, [])
    orphaned(original := SimulatedHost.build("2022"), 0)
    assert differing(before, settings_state(simulated)) == differing(before, settings_state(original))


@pytest.mark.parametrize("owned", [True, False])
def test_a_policy_that_sets_again_what_a_run_has_taken_away_is_not_overruled(owned: bool) -> None:
    """Not even where what was changed since is to be put back; a value that no policy owns is."""
    simulated = SimulatedHost.build("2022")
    orphaned(simulated, 0)
    fix(job(simulated), REMEDIES["nla"], {**defaults(REMEDIES["nla"].options), "remove_orphaned_policy": True})
    orphaned(simulated, 1)
    policy = SETTINGS["nla"].policy
    assert policy is not None
    if owned:
        value = PolicyValue(policy.key, policy.name, Type.DWORD, 1)
        simulated.windows.policy.link(PolicyObject("{0B1EC700-0000-4000-8000-000000000001}", "New", (value,)))
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=True)
    assert list(undoing.left) == ([policy.path] if owned else [])
    assert simulated.windows.registry.get(policy.key, policy.name) == int(owned)


def test_nothing_goes_back_under_a_policy_that_cannot_be_read() -> None:
    """The host refuses to read it, or it has a type that no policy has."""
    simulated, _before = without_nla_and_udp()
    path = SETTINGS["nla"].path

    def before(_number: int, body: bytes) -> None:
        if b"Policies" in body and b"GetDWORDValue" in body:
            raise AccessRefused("not for you")

    orphaned(simulated, 1)
    undoing = _rollback.rollback(job(simulated, "back", check=True, before=before), "all", force=False)
    assert "not for you" in undoing.left[path]
    policy = SETTINGS["nla"].policy
    assert policy is not None
    simulated.windows.registry.put(policy.key, policy.name, Type.NONE, b"1")
    undoing = _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert "cannot be read (type REG_" in undoing.left[path]


# --- a restart that a run before has left to be done


PORT_PATH = SETTINGS["port"].path
PORT = {**defaults(REMEDIES["remote_desktop"].options), "port": 3390}


def moved(before: Callable[[int, bytes], None] | None = None, **how: t.Any) -> SimulatedHost:
    """A host whose firewall lets the new port through and whose listener was told to move there."""
    simulated = SimulatedHost.build("2022")
    fix(job(simulated), REMEDIES["firewall"], {**defaults(REMEDIES["firewall"].options), "port": 3390})
    with contextlib.suppress(Cut):
        fix(job(simulated, **({"before": before} if before else {}), **how), REMEDIES["remote_desktop"], PORT)
    simulated.clock.advance(700)
    return simulated


def live_port(simulated: SimulatedHost) -> int | None:
    return simulated.windows.listener.live().port


def cut_after_the_port() -> Callable[[int, bytes], None]:
    """The controller is gone once the port was written."""
    written: list[int] = []

    def before(number: int, body: bytes) -> None:
        if written:
            raise Cut
        if b"<m:sValueName>PortNumber<" in body and b"SetDWORDValue" in body:
            written.append(number)

    return before


@pytest.mark.parametrize(
    "how", [{"before": cut_after_the_port()}, {"restart": "never"}], ids=["cut off", "not allowed"]
)
def test_the_next_run_restarts_what_one_before_it_could_not(how: dict[str, t.Any]) -> None:
    simulated = moved(**how)
    assert live_port(simulated) == 3389
    _plan, foretold = fix(job(simulated, check=True), REMEDIES["remote_desktop"], PORT)
    assert "only when it starts" in foretold.waiting["restart"]
    _plan, held = fix(job(simulated, restart="never"), REMEDIES["remote_desktop"], PORT)
    assert "restart is never" in held.waiting["restart"]
    assert live_port(simulated) == 3389
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], PORT)
    assert [change.kind for change in done.changes] == ["restart"]
    assert live_port(simulated) == 3390
    _plan, again = fix(job(simulated), REMEDIES["remote_desktop"], PORT)
    assert (again.changes, again.waiting) == ([], {})


def test_the_rest_of_a_plan_makes_up_for_the_restart_as_well() -> None:
    simulated = moved(restart="never")
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], {**PORT, "drain": "on"})
    assert [change.kind for change in done.changes] == ["registry", "restart"]
    assert live_port(simulated) == 3390


def test_a_service_that_was_restarted_since_is_left_alone() -> None:
    simulated = moved(restart="never")
    connect(simulated).shell.run("net stop TermService /y & net start TermService")
    simulated.clock.advance(30)
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], PORT)
    assert (done.changes, done.waiting) == ([], {})


def test_a_roll_back_that_was_cut_off_before_its_restart_makes_it_up() -> None:
    simulated = moved()
    assert live_port(simulated) == 3390
    with pytest.raises(Cut):
        _rollback.rollback(job(simulated, "back", before=cut_after_the_port()), "all", force=False)
    simulated.clock.advance(700)
    assert live_port(simulated) == 3390
    _rollback.rollback(job(simulated, "back"), "all", force=False)
    assert live_port(simulated) == 3389


def test_a_command_that_never_ran_is_no_restart() -> None:
    simulated = moved(restart="never")
    simulated.injector.add("wmi_80041062", {"kind": "shell_command"})
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], PORT)
    assert "still runs in the same process" in done.waiting["restart"]
    assert live_port(simulated) == 3389
    _plan, done = fix(job(simulated), REMEDIES["remote_desktop"], PORT)
    assert done.waiting == {}
    assert live_port(simulated) == 3390


# --- a port on which the listener still is


def on_another_port(*breakages: str, **given: t.Any) -> tuple[SimulatedHost, object]:
    """A host whose listener was moved to port 3390 while the firewall let in to both, and then to that one alone."""
    simulated = SimulatedHost.build("2022", breakages=breakages)
    if "block_rules" in given:
        simulated.windows.firewall.put(
            Rule("BLOCK", "B", action=BLOCK, enabled=True, protocol="TCP", local_ports=("3390",))
        )
    before = settings_state(simulated)
    firewall = {**defaults(REMEDIES["firewall"].options), **given}
    fix(job(simulated, "opened"), REMEDIES["firewall"], {**firewall, "port": 3390})
    fix(job(simulated, "moved"), REMEDIES["remote_desktop"], PORT)
    fix(job(simulated, "closed"), REMEDIES["firewall"], firewall)
    assert (live_port(simulated), reached(simulated)) == (3390, {3390})
    return simulated, before


def reached(simulated: SimulatedHost) -> set[int]:
    return {port for port in (3389, 3390) if probe_view(simulated.windows, port)["tcp"] == "open"}


MOVES: dict[str, tuple[tuple[str, ...], dict[str, t.Any]]] = {
    "ports": ((), {}),
    "a rule that was disabled": (("firewall_rule_disabled",), {}),
    "a rule that was missing": (("firewall_rule_missing",), {"built_in_rules": "restore"}),
    "a rule that blocked what it is for": (("firewall_rule_turned",), {"built_in_rules": "restore"}),
    "a rule for another profile": (("firewall_wrong_profile",), {}),
    "somebody's rule that blocked": ((), {"block_rules": "disable"}),
}


@pytest.mark.parametrize("policy", ["when_idle", "never"])
@pytest.mark.parametrize("move", MOVES)
def test_no_port_is_closed_while_the_listener_waits_there_for_its_restart(move: str, policy: str) -> None:
    breakages, given = MOVES[move]
    item = "BLOCK" if "block_rules" in given else RULES["tcp"]
    simulated, before = on_another_port(*breakages, **given)
    if policy == "when_idle":
        simulated.windows.sessions.add("anna")
    foretold = _rollback.rollback(job(simulated, "back", check=True, restart=policy), "all", force=False)
    for run_id in ("back", "back-2"):
        undoing = _rollback.rollback(job(simulated, run_id, restart=policy), "all", force=False)
        assert undoing.left == foretold.left
        assert "close port 3390, on which the listener is until TermService" in undoing.left[item]
        assert reached(simulated) == {3390}
        assert set(undoing.waiting) == {"restart"}
    simulated.windows.sessions.log_off_all()
    assert _rollback.rollback(job(simulated, "back-3"), "all", force=False).left == {}
    assert live_port(simulated) == 3389
    assert settings_state(simulated) == before


def test_after_a_reboot_users_get_in_on_the_port_that_went_back() -> None:
    simulated, before = on_another_port()
    fix(job(simulated, "both"), REMEDIES["firewall"], {**defaults(REMEDIES["firewall"].options), "port": 3389})
    undoing = _rollback.rollback(job(simulated, "back", restart="never"), "all", force=False)
    assert {target.entry.run for target in undoing.undone} == {"both", "closed", "moved"}
    simulated.windows.reboot()
    simulated.clock.advance(300)
    assert reached(simulated) == {3389}
    assert _rollback.rollback(job(simulated, "back-2", restart="never"), "all", force=False).left == {}
    assert settings_state(simulated) == before


@pytest.mark.parametrize("policy", ["when_idle", "always"])
def test_a_port_is_closed_once_the_listener_has_left_it(policy: str) -> None:
    """One restart does for all, and nobody has to roll back twice."""
    simulated, before = on_another_port()
    foretold = _rollback.rollback(job(simulated, "back", check=True, restart=policy), "all", force=False)
    working = job(simulated, "back", restart=policy)
    undoing = _rollback.rollback(working, "all", force=False)
    assert [change.kind for change in working.made] == ["restart"]
    assert foretold.left == undoing.left == {}
    assert foretold.undone == undoing.undone
    assert reached(simulated) == {3389}
    assert settings_state(simulated) == before


@pytest.mark.parametrize("check", [True, False])
def test_no_port_is_closed_that_the_listener_is_not_to_leave(check: bool) -> None:
    """Its own way back is hindered."""
    simulated, _before = on_another_port()

    def before(_number: int, body: bytes) -> None:
        if b"<m:sValueName>PortNumber<" in body and (check or b"SetDWORDValue" in body):
            raise ApplyError("denied")

    undoing = _rollback.rollback(job(simulated, "back", check=check, before=before), "all", force=False)
    assert undoing.left.keys() == {PORT_PATH, *RULES.values()}
    assert "close port 3390, on which the listener is and stays" in undoing.left[RULES["tcp"]]
    assert reached(simulated) == {3390}


CLOSING: list[tuple[str, object, object, bool]] = [
    (RULES["tcp"], {"local_ports": ["3389"]}, {"local_ports": ["3389", "3390"]}, True),
    (RULES["tcp"], {"local_ports": ["3389", "3390"]}, {"local_ports": ["3390"]}, False),
    (RULES["tcp"], {"enabled": False}, {"enabled": True}, True),
    (RULES["tcp"], {"enabled": True}, {"enabled": False}, False),
    (RULES["tcp"], {"action": 4}, {"action": 2}, True),
    (RULES["tcp"], {"profiles": 1}, {"profiles": 5}, True),
    (RULES["tcp"], {"profiles": 5}, {"profiles": 1}, True),
    (RULES["tcp"], {"remote_addresses": ["Any"]}, {"remote_addresses": ["192.0.2.7"]}, True),
    (RULES["tcp"], None, dict(MADE), True),
    ("somebody's rule that blocks", {"enabled": True}, {"enabled": False}, True),
]


@pytest.mark.parametrize(("item", "before", "after", "closing"), CLOSING)
def test_what_going_back_may_close(item: str, before: t.Any, after: t.Any, closing: bool) -> None:
    assert may_close(Change("firewall", "firewall_rule", item, before, after, "")) is closing
    assert not may_close(Change("firewall", "registry", item, before, after, ""))


# --- what check mode says of that


def tls_switched_on(allow_reboot: bool = False) -> SimulatedHost:
    simulated = SimulatedHost.build("2019", breakages=["tls_server_disabled"])
    fix(job(simulated, allow_reboot=allow_reboot), REMEDIES["schannel"], defaults(REMEDIES["schannel"].options))
    return simulated


def without_nla() -> SimulatedHost:
    simulated = SimulatedHost.build("2022")
    options = {**defaults(REMEDIES["nla"].options), "state": "off", "accept_permanent_weakening": True}
    fix(job(simulated), REMEDIES["nla"], options)
    return simulated


def serving() -> SimulatedHost:
    """A roll-back stops the service that reads what goes back with it when it starts."""
    simulated = SimulatedHost.build("2022", breakages=["termservice_disabled"])
    fix(job(simulated), REMEDIES["firewall"], {**defaults(REMEDIES["firewall"].options), "port": 3390})
    fix(job(simulated), REMEDIES["remote_desktop"], PORT)
    return simulated


def cut_off_while_late(first: str = "") -> SimulatedHost:
    """A run was cut off, whose value is not live: what goes back is."""
    simulated = SimulatedHost.build("2022", switches={"live_security": "after_restart"})
    if first:
        limit = {**defaults(REMEDIES["connection_limit"].options), "sessions": 25}
        fix(job(simulated, first), REMEDIES["connection_limit"], limit)
    with contextlib.suppress(Cut):
        options = {**defaults(REMEDIES["nla"].options), "state": "off", "accept_permanent_weakening": True}
        fix(job(simulated, before=cut_after_nla()), REMEDIES["nla"], options)
    simulated.clock.advance(700)
    return simulated


def cut_after_nla() -> Callable[[int, bytes], None]:
    written: list[int] = []

    def before(number: int, body: bytes) -> None:
        if written:
            raise Cut
        if b"SetUserAuthenticationRequired" in body:
            written.append(number)

    return before


FORETOLD: list[tuple[Callable[[], SimulatedHost], set[str]]] = [
    (moved, {"restart"}),
    (lambda: moved(restart="never"), {"restart"}),
    (tls_switched_on, {"reboot"}),
    (lambda: tls_switched_on(allow_reboot=True), {"reboot"}),
    (without_nla, set()),
    (serving, set()),
    (cut_off_while_late, set()),
]


@pytest.mark.parametrize(("made", "due"), FORETOLD)
def test_check_mode_says_what_a_run_that_may_restart_nothing_leaves(
    made: Callable[[], SimulatedHost], due: set[str]
) -> None:
    simulated = made()
    before = simulated.state()
    foretold = _rollback.rollback(job(simulated, "back", check=True, restart="never"), "all", force=False)
    assert simulated.state() == before
    left = _rollback.rollback(job(simulated, "back", restart="never"), "all", force=False)
    assert set(foretold.waiting) == set(left.waiting) == due
    again = _rollback.rollback(job(simulated, "again", check=True), "all", force=False)
    assert set(again.waiting) == due


def test_what_a_run_left_that_was_cut_off_is_made_live_where_it_does_not_go_back() -> None:
    """Nothing but the handshake tells."""
    simulated = cut_off_while_late("limit")
    foretold = _rollback.rollback(job(simulated, "back", check=True, restart="never"), "limit", force=False)
    assert set(foretold.waiting) == {"restart"}
    assert _rollback.rollback(job(simulated, "back"), "limit", force=False).waiting == {}
    assert simulated.windows.listener.live() == simulated.windows.listener.stored()


# --- what nothing shows to be live


def test_what_nobody_saw_to_be_live_is_looked_at_by_the_next_run() -> None:
    simulated, _before = without_nla_and_udp()
    simulated.set_switch("live_security", "after_restart")
    connect(simulated).shell.run("net stop TermService /y & net start TermService")
    simulated.clock.advance(30)
    undoing = _rollback.rollback(unwatched(simulated, "back"), "all", force=False)
    assert _result.rolled_back(undoing, False, [], "back")["notes"] == [_rollback.UNSEEN]
    assert simulated.windows.listener.live() != simulated.windows.listener.stored()
    assert _rollback.rollback(job(simulated, "back-2"), "all", force=False).notes == []
    assert simulated.windows.listener.live() == simulated.windows.listener.stored()


def made_by_restart() -> SimulatedHost:
    """The run restarted, so going back does too."""
    simulated = SimulatedHost.build("2022", switches={"live_security": "after_restart"})
    options = {**defaults(REMEDIES["nla"].options), "state": "off", "accept_permanent_weakening": True}
    fix(job(simulated), REMEDIES["nla"], options)
    return simulated


@pytest.mark.parametrize("made", [made_by_restart, serving, lambda: SimulatedHost.build("2022")])
def test_what_is_read_anew_needs_nobody_to_see_it(made: Callable[[], SimulatedHost]) -> None:
    simulated = made()
    assert _rollback.rollback(unwatched(simulated, "back"), "all", force=False).notes == []
    assert not any("writer" in key for key in simulated.state()["registry"])


# --- services that users are on


def gateway_started() -> tuple[SimulatedHost, Gateway, object]:
    """An RD Gateway whose service was stopped and now runs, what it was before, and a user who came through since."""
    simulated = SimulatedHost.build("2022", breakages=["gateway_service_stopped"])
    before = settings_state(simulated)
    fix(job(simulated), REMEDIES["gateway"], defaults(REMEDIES["gateway"].options))
    gateway = simulated.windows.gateway
    assert gateway is not None
    gateway.connect(USER, [USERS], TARGETS[0])
    return simulated, gateway, before


@pytest.mark.parametrize("policy", ["when_idle", "never"])
def test_a_gateway_goes_on_while_somebody_is_connected_by_way_of_it(policy: str) -> None:
    simulated, gateway, before = gateway_started()
    undoing = _rollback.rollback(job(simulated, "back", restart=policy), "all", force=False)
    assert undoing.undone == []
    assert undoing.left == {
        "TSGateway": r"stopping TSGateway would cut 1 connection(s) by way of the gateway: CORP\anna from "
        "198.51.100.7 to rdp01.corp.example; set restart to always to accept that"
    }
    assert gateway.open
    gateway.open.clear()
    assert _rollback.rollback(job(simulated, "back-2", restart=policy), "all", force=False).left == {}
    assert settings_state(simulated) == before


@pytest.mark.parametrize("service", ["TSGateway", "TermService"])
def test_who_may_be_cut_off_does_not_keep_a_service_running(service: str) -> None:
    if service == "TSGateway":
        simulated, _gateway, before = gateway_started()
    else:
        simulated, before = enabled()
        simulated.windows.sessions.add("anna")
    undoing = _rollback.rollback(job(simulated, "back", restart="always"), "all", force=False)
    assert undoing.left == {}
    assert not simulated.windows.services.running(service)
    assert settings_state(simulated) == before


def test_a_gateway_that_is_stopped_again_keeps_nobody_from_restarting_termservice() -> None:
    switches = {"live_transport": "after_restart"}
    simulated = SimulatedHost.build("2022", breakages=["gateway_service_stopped"], switches=switches)
    for name, given in (("gateway", {}), ("transport", {"mode": "tcp_only"})):
        fix(job(simulated), REMEDIES[name], {**defaults(REMEDIES[name].options), **given})
    assert not simulated.probe_view()["udp"]
    assert _rollback.rollback(job(simulated, "back"), "all", force=False).waiting == {}
    assert simulated.probe_view()["udp"]

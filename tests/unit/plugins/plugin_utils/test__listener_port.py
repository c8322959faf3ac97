# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving the listener to another port: what is refused, and that nobody is locked out."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import OutOfReach, ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._listener_port import is_shut
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.traits import apply_trait
from tests.simulator.windows.certificates import WINSTATIONS
from tests.simulator.windows.firewall import BLOCK, Rule
from tests.simulator.windows.system import Windows
from tests.support.in_process import connect, job, prober, settings_state

PORT = 33890
TLS12 = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Server"


def run(simulated: SimulatedHost, name: str = "remote_desktop", how: t.Any = None, **given: t.Any) -> tuple[Plan, Done]:
    options = {**defaults(REMEDIES[name].options), **given}
    return fix(job(simulated, f"run-{name}", **(how or {})), REMEDIES[name], options)


@pytest.mark.parametrize("port", [0, 70000, 5985, 5986, 47001, 15986])
def test_a_port_of_the_channel_is_refused(port: int) -> None:
    simulated = SimulatedHost.build("2022")
    plan, done = run(simulated, port=port, channel_port=15986)
    assert [refusal.option for refusal in plan.refused] == ["port"]
    assert done.changes == []
    assert simulated.counters.writes == 0


@pytest.mark.parametrize("port", [445, PORT])
def test_a_port_on_which_another_process_listens_is_refused(port: int) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.listener.port_taken = PORT
    plan, _done = run(simulated, port=port)
    assert "listens there" in plan.refused[0].message
    assert simulated.counters.writes == 0


def test_its_own_port_is_nothing_to_do() -> None:
    plan, done = run(SimulatedHost.build("2022"), port=3389)
    assert (plan.refused, done.changes) == ((), [])


@pytest.mark.parametrize(("port", "told"), [(49151, False), (49152, True)])
def test_a_port_that_windows_may_hand_out_is_told(port: int, told: bool) -> None:
    plan, _done = run(SimulatedHost.build("2022"), port=port, how={"check": True})
    assert any("hands out ports" in note for note in plan.notes) is told


def test_options_that_have_no_effect_while_remote_desktop_is_off_are_said() -> None:
    simulated = SimulatedHost.build("2022")
    given = {"port": 3390, "start_mode": "automatic", "drain": "on", "logons": "refused", "port_proxy": "remove"}
    plan, done = run(simulated, state="disabled", remove_orphaned_policy=True, **given)
    assert plan.notes == (f"state is disabled, so this has no effect: {', '.join(given)}",)
    assert plan.changes == (done.changes[0],)
    assert [change.item.rpartition("\\")[2] for change in plan.changes] == ["fDenyTSConnections"]
    assert run(simulated, state="disabled")[0].notes == ()


def test_who_listens_is_read_only_where_a_port_is_wanted() -> None:
    needs = REMEDIES["remote_desktop"].areas_for
    assert "listener" not in needs({"port": None})
    assert "listener" in needs({"port": PORT})


def test_with_the_firewall_first_the_listener_moves_and_goes_back() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    run(simulated, "firewall", port=PORT)
    _plan, done = run(simulated, port=PORT)
    assert done.proof is not None
    assert (done.proof["port"], done.proof["passed"], done.waiting) == (PORT, True, {})
    _plan, closing = run(simulated, "firewall")
    assert {str(change.after) for change in closing.changes} == {str({"local_ports": [str(PORT)]})}
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("enabled", [True, False])
def test_where_the_firewall_keeps_the_new_port_shut_the_listener_stays_where_it_is(enabled: bool) -> None:
    simulated = SimulatedHost.build("2022")
    before, process = simulated.state(), simulated.windows.services["TermService"].process_id
    for _attempt in range(2):
        with pytest.raises(OutOfReach, match=r"left as it is: the firewall lets nobody in .* Run the module firewall"):
            run(simulated, port=PORT, how={"prober": replace(prober(simulated), enabled=enabled)})
    assert (simulated.state(), simulated.windows.services["TermService"].process_id) == (before, process)


def elsewhere() -> SimulatedHost:
    """A host whose firewall lets clients in to the new port, but not the controller."""
    simulated = SimulatedHost.build("2022")
    run(simulated, "firewall", port=PORT, remote_addresses=["198.51.100.0/24"])
    return simulated


def test_where_nothing_connects_to_the_new_port_the_old_one_is_served_again() -> None:
    simulated = elsewhere()
    before = settings_state(simulated)
    with pytest.raises(OutOfReach, match=r"put back as it was, since nothing connects .* Run the module firewall"):
        run(simulated, port=PORT)
    assert settings_state(simulated) == before
    assert connect(simulated).port_use(3389).listeners


def test_where_going_back_needs_a_restart_that_is_hindered_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = elsewhere()
    answers = iter(["", "users came"])
    module = "ansible_collections.winfleet.rdp.plugins.plugin_utils._restart._in_the_way"
    monkeypatch.setattr(module, lambda host, policy, service: next(answers))
    with pytest.raises(OutOfReach, match="still has the new port: users came"):
        run(simulated, port=PORT)
    assert connect(simulated).listener_port() == 3389


def test_a_move_that_waits_for_a_restart_names_the_firewall() -> None:
    simulated = SimulatedHost.build("2022")
    plan, done = run(simulated, port=PORT, how={"restart": "never"})
    assert not plan.refused
    assert done.waiting
    assert any("firewall" in note for note in done.notes)


def moving(*traits: str) -> SimulatedHost:
    """A host whose listener moves to a port that the firewall keeps shut, once TermService starts again."""
    simulated = SimulatedHost.build("2022", traits=["negotiate_layer", *traits])
    run(simulated, port=PORT, how={"restart": "never"})
    return simulated


def listens_on(simulated: SimulatedHost) -> int:
    return simulated.windows.listener.live().port


@pytest.mark.parametrize(
    ("name", "given", "blind"),
    [("remote_desktop", {"port": PORT}, False), ("connection_limit", {"pending": 99}, True)],
)
def test_no_later_run_restarts_a_listener_into_a_port_that_is_shut(
    name: str, given: dict[str, t.Any], blind: bool
) -> None:
    simulated = moving()
    how = {"prober": replace(prober(simulated), enabled=not blind)}
    _plan, done = run(simulated, name, how, **given)
    assert (
        f"would move to port {PORT}, which is stored and which the firewall lets nobody in" in done.waiting["restart"]
    )
    assert listens_on(simulated) == 3389
    run(simulated, "firewall", port=PORT)
    _plan, done = run(simulated, name, how, **given)
    assert done.waiting == {}
    assert listens_on(simulated) == PORT


def test_a_listener_that_stays_where_it_is_may_be_restarted_behind_a_firewall() -> None:
    simulated = SimulatedHost.build("2022", breakages=["firewall_rule_disabled"])
    _plan, done = run(simulated, "connection_limit", pending=99)
    assert (done.waiting, [change.kind for change in done.changes]) == ({}, ["registry", "restart"])


def test_nor_does_the_loop_where_it_may_not_open_the_port() -> None:
    simulated = moving("device_managed")
    doing = job(simulated, "loop")
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert (course.verdict, course.changes) == ("needs_restart", [])
    assert "Run the module firewall first" in course.waiting["restart"]
    assert listens_on(simulated) == 3389


def ours(**fields: t.Any) -> Rule:
    """A rule of the host's own that lets in to the new port."""
    return Rule("own", "own", enabled=True, protocol="TCP", local_ports=(str(PORT),), **fields)


def everywhere(windows: Windows, **changes: t.Any) -> None:
    for profile in windows.firewall.profiles():
        windows.firewall.set_profile(profile.name, **changes)


@pytest.mark.parametrize(
    ("windows", "shut"),
    [
        (lambda windows: windows.firewall.put(ours()), False),
        (lambda windows: windows.firewall.put(ours(profiles=1)), True),
        (lambda windows: windows.firewall.put(ours(security="Authenticate")), False),
        (lambda windows: [windows.firewall.put(ours()), apply_trait(windows, "device_managed")], True),
        (
            lambda windows: [windows.firewall.put(ours()), windows.firewall.put(replace(ours(action=BLOCK), id="no"))],
            True,
        ),
        (lambda windows: everywhere(windows, enabled=False), False),
    ],
)
def test_a_port_is_shut_where_the_firewall_lets_in_nobody_at_all(
    windows: t.Callable[[Windows], object], shut: bool
) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(rf"{WINSTATIONS}\RDP-Tcp", "PortNumber", PORT)
    windows(simulated.windows)
    assert is_shut(connect(simulated)) is shut


def test_nor_is_a_reboot_made_into_it() -> None:
    simulated = moving()
    simulated.windows.registry.put_dword(TLS12, "Enabled", 0)
    booted = simulated.windows.booted
    _plan, done = run(simulated, "schannel", {"allow_reboot": True})
    assert "would move to port" in done.waiting["reboot"]
    assert simulated.windows.booted == booted


def test_a_listener_that_is_to_have_its_old_port_again_gets_it() -> None:
    simulated = moving()
    _plan, done = run(simulated, port=3389)
    assert (done.waiting, listens_on(simulated)) == ({}, 3389)
    assert connect(simulated).listener_port() == 3389


def test_what_wants_a_proof_waits_for_a_listener_that_has_to_move_yet() -> None:
    """On the port that is stored nobody is there, which says nothing of TLS."""
    simulated = moving()
    run(simulated, "firewall", {"restart": "never"}, port=PORT)
    with pytest.raises(ProofMissing, match=r"would show only after what is hindered.* restart is never"):
        run(simulated, "security_layer", {"restart": "never"})
    plan, done = run(simulated, "security_layer")
    assert [change.kind for change in done.changes] == ["restart", *(change.kind for change in plan.changes)]
    assert (done.waiting, listens_on(simulated)) == ({}, PORT)


def test_without_a_probe_the_move_stands_where_the_hosts_own_firewall_lets_users_in() -> None:
    simulated = SimulatedHost.build("2022")
    blind = replace(prober(simulated), enabled=False)
    run(simulated, "firewall", port=PORT)
    _plan, done = run(simulated, port=PORT, how={"prober": blind})
    assert done.proof is None
    assert connect(simulated).port_use(PORT).listeners


@pytest.mark.parametrize("enabled", [True, False])
def test_a_port_in_a_reserved_range_goes_back_with_a_probe_or_without(enabled: bool) -> None:
    """Nothing tells the range before; that nobody listens after the restart does."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.listener.excluded_ports.append((33800, 33899))
    before = settings_state(simulated)
    run(simulated, "firewall", port=PORT)
    with pytest.raises(OutOfReach, match=r"put back as it was, since nothing listens .* excludedportrange"):
        run(simulated, port=PORT, how={"prober": replace(prober(simulated), enabled=enabled)})
    assert connect(simulated).port_use(3389).listeners
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_the_port_that_the_listener_is_still_on_stays_open_until_it_has_moved() -> None:
    simulated = SimulatedHost.build("2022", traits=["many_sessions"])
    run(simulated, "firewall", port=PORT)
    _plan, moved = run(simulated, port=PORT)
    assert "restart" in moved.waiting
    plan, done = run(simulated, "firewall")
    assert done.changes == []
    assert any("port 3389 stays open" in note for note in plan.notes)
    connect(simulated).shell.run("net stop TermService /y & net start SessionEnv & net start TermService")
    simulated.clock.advance(60)
    plan, done = run(simulated, "firewall")
    assert {str(change.after) for change in done.changes} == {"{'local_ports': ['33890']}"}
    assert plan.notes == ()

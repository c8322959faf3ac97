# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every fix module on any host: random states, options and switches, in process."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import ApplyError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import Done, fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import Limits, examine, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change, Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import network
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._restart import SessionsInTheWay
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanError
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.services import RUNNING
from tests.support.hosts import CACHED, HostPlan, Stored, differing, hosts, options, outside, under_policy
from tests.support.in_process import job, prober, settings_state

NAMES = sorted(REMEDIES)
EXAMPLES = 8
"""For each module; the simulator's clock, not ours, passes while somebody waits."""

JOIN_INFO = r"HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo"

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""No shrinking: hosts are told by what was planted in them, and each try takes long."""

properties = settings(
    max_examples=EXAMPLES, phases=PHASES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@pytest.fixture(autouse=True, scope="module")
def resolver() -> Iterator[None]:
    """The resolver knows one name, and no other is asked for on any network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "resolve", lambda name: ("10.20.0.31",) if name == CACHED else ())
        yield


@dataclass(frozen=True)
class Outcome:
    """What came of a run: its plan and what was done, or the error that it ended with; and what stands on the host."""

    made: list[Change]
    plan: Plan | None = None
    done: Done | None = None
    error: str = ""

    @property
    def acts(self) -> bool:
        return any(change.undo == "none" for change in self.made)


def run(simulated: SimulatedHost, name: str, given: dict[str, t.Any], run_id: str = "run-1", **how: t.Any) -> Outcome:
    doing = job(simulated, run_id, **how)
    try:
        plan, done = fix(doing, REMEDIES[name], given)
    except (ApplyError, SessionsInTheWay, WsmanError) as error:
        return Outcome(doing.made, error=str(error))
    finally:
        doing.host.close()
    return Outcome(doing.made, plan, done)


def cases(name: str) -> st.SearchStrategy[tuple[HostPlan, dict[str, t.Any]]]:
    return st.tuples(hosts(name), options(name))


def built(planned: HostPlan) -> SimulatedHost:
    simulated = planned.build()
    assume(simulated.winrm_open())
    return simulated


def process(simulated: SimulatedHost) -> int:
    """The process of TermService, 0 while it does not run; another one after each restart."""
    service = simulated.windows.services["TermService"]
    return service.process_id if service.state == RUNNING else 0


def comes_back(planned: HostPlan) -> bool:
    """Whether a host that is rebooted is reached again without anybody's help."""
    return not {"winrm_manual", "bitlocker_pin"} & set(planned.traits)


def occupied(planned: HostPlan) -> bool:
    """Whether users have sessions that a restart would cut, with TermService there for them."""
    return "many_sessions" in planned.traits and not {"termservice_stopped", "termservice_disabled"} & {
        *planned.breakages
    }


def stored(state: t.Mapping[str, t.Any], key: str, name: str) -> t.Any:
    values = state["registry"].get(key, {}).get("values", {})
    return next((value for found, value in values.items() if found.lower() == name.lower()), None)


def held_by_policy(simulated: SimulatedHost, state: t.Mapping[str, t.Any], given: dict[str, t.Any]) -> dict[str, t.Any]:
    """What is stored, locally and by policy, of the settings that a policy decides which may not be taken away."""
    linked = {(v.key.lower(), v.name.lower()) for found in simulated.windows.policy.objects for v in found.values}
    held: dict[str, t.Any] = {}
    for setting in SETTINGS.values():
        policy = setting.policy
        if policy is None or stored(state, policy.key, policy.name) is None:
            continue
        if (policy.key.lower(), policy.name.lower()) in linked or not given.get("remove_orphaned_policy"):
            places = ((setting.key, setting.name), (policy.key, policy.name))
            held[setting.id] = [stored(state, key, name) for key, name in places]
    return held


def foreseeable(changes: t.Iterable[Change]) -> list[Change]:
    """What check mode can foretell: not what stood there of permissions that SYSTEM alone sees."""
    return [replace(change, before=None) if change.kind == "file_access" else change for change in changes]


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@properties
def test_check_mode_foretells_a_second_run_is_empty_and_roll_back_restores(name: str, data: st.DataObject) -> None:
    planned, given = data.draw(cases(name))
    simulated = built(planned)
    before = settings_state(simulated)

    foretold = run(simulated, name, given, check=True)
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)
    assert settings_state(simulated) == before

    allowed, ran, booted = data.draw(st.booleans()), process(simulated), simulated.windows.booted
    first = run(simulated, name, given, allow_reboot=allowed)
    after = settings_state(simulated)
    assert simulated.windows.booted == booted or (allowed and comes_back(planned))
    assert simulated.windows.booted == booted or not occupied(planned)
    assert process(simulated) == ran or not occupied(planned)
    assert outside(differing(before, after), first.made) == []
    held = held_by_policy(simulated, before, given)
    assert held_by_policy(simulated, after, given) == held
    if first.done is not None and foretold.done is not None:
        assert _result.diff(foreseeable(first.done.changes)) == _result.diff(foreseeable(foretold.done.changes))

    if not first.error:
        writes = simulated.counters.writes
        again = run(simulated, name, given, "run-2")
        assert (again.made, again.error) == ([], "")
        assert simulated.counters.writes == writes
        assert settings_state(simulated) == after

    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert not undoing.drifted
    assert not undoing.left
    listed = [target.entry.change.kind for target in reversed(undoing.not_undoable)]
    assert listed == [change.kind for change in first.made if change.undo == "none"]
    acts = [change for change in first.made if change.undo == "none"]
    assert outside(differing(before, settings_state(simulated)), acts) == []


HELD = sorted(n for n, remedy in REMEDIES.items() if any(SETTINGS[setting].policy for setting in remedy.settings))


@pytest.mark.parametrize("name", HELD)
@given(st.data())
@properties
def test_what_policy_holds_is_neither_written_under_nor_taken_away(name: str, data: st.DataObject) -> None:
    simulated = built(data.draw(under_policy(REMEDIES[name].settings)))
    given = {**data.draw(options(name)), "remove_orphaned_policy": data.draw(st.sampled_from([False, True]))}
    before = settings_state(simulated)
    held = held_by_policy(simulated, before, given)
    run(simulated, name, given)
    assert held_by_policy(simulated, settings_state(simulated), given) == held


STRENGTHENING: dict[str, tuple[dict[str, t.Any], ...]] = {
    "security_layer": (
        {},
        {"encryption": "high", "logon_prompt": "always", "rpc": "secure"},
        {"encryption": "fips", "remove_orphaned_policy": True},
    ),
    "nla": ({}, {"remove_orphaned_policy": True}),
    "schannel": ({}, {"remove_orphaned_policy": True}),
    "certificate": ({}, {"state": "self_signed"}, {"renew_before": 180}),
    "machine_keys": ({"method": "ace"}, {"method": "folder_acl"}, {"method": "key"}, {"method": "copy_aside"}),
    "remote_desktop": ({}, {"start_mode": "automatic"}),
    "firewall": ({}, {"profiles": ["active"]}, {"block_rules": "disable"}),
    "transport": ({"mode": "tcp_only"},),
    "connection_limit": ({"pending": 5000},),
}
"""What is asked of the modules that make a host safer or repair it; nobody asks to be shut out by it."""


HIDDEN = ("key_unreadable", "certificate_missing", "cipher_suites_empty", "tls_server_disabled", "key_in_cng")
"""What nobody notices while TLS is not required."""


KERBEROS = ((), (), ("ntlm_denied",), ("ntlm_denied", "domain_member"), ("ntlm_denied", "entra_joined"))
"""What nobody notices, while CredSSP is not required, where users have nothing else."""


def answering(name: str) -> st.SearchStrategy[HostPlan]:
    """Hosts most of which are weak, and most of which have something that a stronger value would bring to light."""
    names = {"security_layer": (0, 1), "negotiation": (0,), "nla": (0,)}
    weak = [(Stored(SETTINGS[s], "local", number, number),) for s, numbers in names.items() for number in numbers]
    orphan = (Stored(SETTINGS["nla"], "orphan", 0, 0), Stored(SETTINGS["nla"], "local", 1, 1))
    hidden = st.sampled_from([*((breakage,) for breakage in HIDDEN), (), ()])
    return st.builds(
        lambda host, more, broken, users: replace(
            host,
            stored=(*host.stored, *more),
            breakages=broken,
            traits=tuple(dict.fromkeys((*host.traits, *users))),
        ),
        hosts(name),
        st.sampled_from([*weak, orphan, ()]),
        hidden,
        st.sampled_from(KERBEROS),
    )


def vouched(simulated: SimulatedHost) -> bool:
    """Whether users can authenticate without NTLM."""
    return simulated.windows.machine.domain != "" or simulated.windows.registry.exists(JOIN_INFO)


def serves(simulated: SimulatedHost) -> bool:
    """Whether some client gets in: over TLS, CredSSP in it where that was agreed on, or as the oldest do without."""
    view = t.cast("dict[str, t.Any]", simulated.probe_view())
    selected = {code for kind, *codes in view["asked"].values() if kind == "selected" for code in codes}
    authenticates = view["ntlm"] != "closed" or vouched(simulated)
    over_tls = view["tls"] == "ok" and (1 in selected or authenticates)
    return view["tcp"] == "open" and (over_tls or 0 in selected)


def make_live(simulated: SimulatedHost) -> None:
    """What waits for a restart or a reboot gets it, as it will some day."""
    simulated.windows.reboot()
    simulated.clock.advance(600)


@pytest.mark.parametrize("name", sorted(STRENGTHENING))
@given(st.data())
@properties
def test_no_host_that_answered_is_silent_afterwards(name: str, data: st.DataObject) -> None:
    planned, asked = data.draw(answering(name)), data.draw(st.sampled_from(STRENGTHENING[name]))
    simulated = built(planned)
    make_live(simulated)
    assume(serves(simulated) and simulated.winrm_open())
    usual = {option: spec.get("default") for option, spec in REMEDIES[name].options.items()}
    run(simulated, name, {**usual, **asked}, allow_reboot=data.draw(st.booleans()))
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)


@pytest.mark.parametrize("vouches", [(), ("domain_member",), ("entra_joined",)])
@pytest.mark.parametrize("weak", ["nla_off", "nla_off_by_orphan", "layer_rdp", "negotiation_off"])
def test_authentication_is_not_required_where_nobody_could_authenticate(weak: str, vouches: tuple[str, ...]) -> None:
    values = {
        "nla_off": ("nla", [Stored(SETTINGS["nla"], "local", 0, 0)]),
        "nla_off_by_orphan": (
            "nla",
            [Stored(SETTINGS["nla"], place, n, n) for place, n in (("orphan", 0), ("local", 1))],
        ),
        "layer_rdp": ("security_layer", [Stored(SETTINGS["security_layer"], "local", 0, 0)]),
        "negotiation_off": ("security_layer", [Stored(SETTINGS["negotiation"], "local", 0, 0)]),
    }
    name, stored = values[weak]
    simulated = SimulatedHost.build("2022", traits=("ntlm_denied", *vouches))
    for value in stored:
        value.put(simulated)
    make_live(simulated)
    before = settings_state(simulated)
    assert serves(simulated)
    usual = {option: spec.get("default") for option, spec in REMEDIES[name].options.items()}
    result = run(simulated, name, {**usual, "remove_orphaned_policy": True})
    assert serves(simulated)
    assert bool(result.error) == (not vouches)
    if not vouches:
        assert settings_state(simulated) == before
    make_live(simulated)
    assert serves(simulated)


def test_an_orphaned_policy_comes_back_over_a_value_that_locks_out_where_tls_cannot_be_proved() -> None:
    simulated = SimulatedHost.build("2025", breakages=["key_in_cng"])
    for stored in (Stored(SETTINGS["nla"], "orphan", 77, 0), Stored(SETTINGS["security_layer"], "local", 1, 1)):
        stored.put(simulated)
    make_live(simulated)
    assert serves(simulated)
    usual = {option: spec.get("default") for option, spec in REMEDIES["nla"].options.items()}
    result = run(simulated, "nla", {**usual, "remove_orphaned_policy": True})
    assert "no TLS handshake" in str(result)
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)


HARDENED = {n: spec.get("default") for n, spec in REMEDIES["security_layer"].options.items()}


def silent_tls(hidden: str = "cipher_suites_empty", **how: t.Any) -> SimulatedHost:
    """A host that the oldest clients get into, and nobody would over TLS."""
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled", hidden], **how)
    assert serves(simulated)
    return simulated


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
def test_a_listener_that_does_not_negotiate_is_not_made_to_while_tls_is_broken(moment: str) -> None:
    simulated = silent_tls(switches={"live_security": moment})
    before = settings_state(simulated)
    result = run(simulated, "security_layer", HARDENED)
    assert "no TLS handshake succeeds: it was put back as it was" in result.error
    assert settings_state(simulated) == before
    assert [change.kind for change in result.made] == (["restart"] * 2 if moment == "after_restart" else [])
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)


def test_negotiation_does_not_wait_for_a_restart_after_which_nobody_could_take_it_back() -> None:
    simulated = silent_tls(traits=["many_sessions"], switches={"live_security": "after_restart"})
    result = run(simulated, "security_layer", HARDENED)
    assert "would show later: it was put back as it was. a restart of TermService would cut" in result.error
    make_live(simulated)
    assert serves(simulated)


def test_negotiation_is_not_switched_on_where_the_controller_would_not_see_what_comes_of_it() -> None:
    simulated = silent_tls()
    result = run(simulated, "security_layer", HARDENED, prober=Prober("127.0.0.1", enabled=False))
    assert "the controller cannot see" in result.error
    assert not result.made
    assert serves(simulated)


def test_the_loop_switches_negotiation_on_and_cures_what_shows_then() -> None:
    simulated = silent_tls("key_unreadable")
    doing = job(simulated, allow_reboot=True)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert [step.cause for step in course.steps if step.kept] == ["negotiation_disabled", "key_unreadable"]
    assert course.verdict == "repaired"
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
def test_the_loop_lets_in_again_who_got_in_where_it_cannot_cure_what_shows_then(moment: str) -> None:
    """The ciphers are a policy's, so nobody would get in any more."""
    simulated = silent_tls(switches={"live_security": moment})
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert settings_state(simulated) == before
    assert serves(simulated)
    assert course.verdict == "policy_held"
    assert {held.setting for held in course.held} == {"cipher_suites"}
    assert [step.kept for step in course.steps] == [False]
    assert [change.kind for change in course.changes] == (["restart"] * 2 if moment == "after_restart" else [])
    assert course.changes == doing.made
    assert {"negotiation_disabled", "cipher_suites_empty"} <= {finding.id for finding in course.after.findings}
    assert rollback(job(simulated, "back"), "all", force=False).undone == []


def test_the_loop_lets_in_again_who_got_in_where_nobody_could_authenticate_in_what_shows_then() -> None:
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled"], traits=["ntlm_denied"])
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert [(step.cause, step.kept) for step in course.steps] == [("negotiation_disabled", False)]
    assert settings_state(simulated) == before
    assert serves(simulated)


@pytest.mark.parametrize("hidden", ["cipher_suites_empty", "key_unreadable"])
@pytest.mark.parametrize("hindered", ["many_sessions", "no_shell"])
def test_the_loop_does_not_leave_negotiation_to_a_restart_that_nobody_watches(hidden: str, hindered: str) -> None:
    """Whatever lies behind it would shut everybody out when somebody restarts the service, and no run would see it."""
    simulated = silent_tls(hidden, traits=[hindered], switches={"live_security": "after_restart"})
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert settings_state(simulated) == before
    assert [(step.cause, step.kept) for step in course.steps] == [("negotiation_disabled", False)]
    assert "would show only after a restart" in course.steps[0].reason
    assert course.steps[0].reason in {refusal.message for refusal in course.refused}
    assert not course.waiting
    assert course.verdict == "unresolved"
    make_live(simulated)
    assert serves(simulated)


def test_the_loop_switches_negotiation_on_beside_sessions_where_that_is_live_at_once() -> None:
    simulated = silent_tls("key_unreadable", traits=["many_sessions"], switches={"live_security": "at_once"})
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert ("negotiation_disabled", True) in [(step.cause, step.kept) for step in course.steps]


def test_without_a_probe_of_its_own_the_loop_goes_by_the_hosts_state() -> None:
    """What another node has seen before tells nothing of afterwards."""
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled"])
    seen = prober(simulated).look(lambda: 3389)
    assert seen is not None
    doing = job(simulated, prober=Prober("127.0.0.1", enabled=False, given=(seen,)))
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert [step.kept for step in course.steps] == [True]
    assert simulated.windows.listener.stored().negotiation == 1

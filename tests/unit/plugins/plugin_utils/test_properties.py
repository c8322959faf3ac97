# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every fix module and the loop on any host: random states, options and switches, in process.

Examples on which nothing happens show nothing, so most begin with a way to a change (WAYS), and each test counts those
that tell something.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from zlib import crc32

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import ApplyError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import RISKS, Change, Plan, Risk
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import LONGEST
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import from_plain, to_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import network
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies._base import defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._restart import SessionsInTheWay
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import Timeout, WsmanError
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.services import RUNNING
from tests.support.hosts import (
    CACHED,
    HOME,
    WAYS,
    HostPlan,
    Stored,
    Way,
    hosts,
    named,
    options,
    starts,
    troubled,
    under_policy,
)
from tests.support.in_process import job, prober, settings_state
from tests.support.states import differing, outside

NAMES = sorted(REMEDIES)
EXAMPLES = 30
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
    unproven: bool = False

    @property
    def acts(self) -> bool:
        return any(change.undo == "none" for change in self.made)


def run(simulated: SimulatedHost, name: str, given: dict[str, t.Any], run_id: str = "run-1", **how: t.Any) -> Outcome:
    doing = job(simulated, run_id, **how)
    try:
        plan, done = fix(doing, REMEDIES[name], given)
    except (ApplyError, SessionsInTheWay, WsmanError) as error:
        return Outcome(doing.made, error=str(error), unproven=isinstance(error, ProofMissing))
    finally:
        doing.host.close()
    return Outcome(doing.made, plan, done)


Manner = dict[str, t.Any]

MANNERS: st.SearchStrategy[Manner] = st.fixed_dictionaries(
    {
        "restart": st.sampled_from(["when_idle", "when_idle", "always", "never"]),
        "allow_reboot": st.booleans(),
        "uri_style": st.sampled_from(["wmi", "dmtf"]),
        "probe_from": st.sampled_from(["controller", "controller", "controller", "none"]),
    }
)
"""How the module is told to work, whatever it does."""


@dataclass(frozen=True)
class Case:
    """A host, what a module is asked for there, and how it is to work."""

    planned: HostPlan
    given: dict[str, t.Any]
    manner: Manner = field(default_factory=dict)

    def built(self) -> tuple[SimulatedHost, dict[str, t.Any]]:
        """The host, and the options with names that it has."""
        simulated = built(self.planned)
        return simulated, named(simulated, self.given)

    def how(self) -> dict[str, t.Any]:
        """The manner as a job takes it; a prober that may not probe sees nothing."""
        how = {name: value for name, value in self.manner.items() if name != "probe_from"}
        return {**how, "prober": Prober("127.0.0.1", enabled=False)} if self.manner["probe_from"] == "none" else how


Cases = list[st.SearchStrategy[Case]]


def cases(name: str) -> Cases:
    """Random hosts and options for each way of a module to a change, and for none in particular."""
    return [st.builds(Case, hosts(name, way), options(name, way), MANNERS) for way in starts(name)]


def hold(statement: Callable[[str, Case], bool], name: str, drawn: Cases, least: float = 1 / 3) -> None:
    """Try a statement on random cases; it says of each whether it showed anything, as this part of them must have."""
    telling: list[bool] = []
    for number, strategy in enumerate(drawn):

        def shows(case: Case) -> None:
            telling.append(statement(name, case))

        some = settings(properties, max_examples=max(3, EXAMPLES // len(drawn)))
        apart = seed(crc32(f"{statement.__name__} {name} {number}".encode()))
        test = some(given(strategy)(shows))
        (apart(test) if some.derandomize else test)()
    assert sum(telling) >= least * len(telling), f"{sum(telling)} of {len(telling)} examples show something"


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


def spared(held: t.Iterable[str], changes: t.Iterable[Change]) -> bool:
    """Whether no change is to what policy decides, not even one that would be taken back again."""
    places = {place for name in held for place in (SETTINGS[name].path, getattr(SETTINGS[name].policy, "path", ""))}
    return places.isdisjoint(change.item for change in changes)


def foreseeable(changes: t.Iterable[Change]) -> list[Change]:
    """What check mode can foretell: not what stood there of permissions that SYSTEM alone sees."""
    return [replace(change, before=None) if change.kind == "file_access" else change for change in changes]


@pytest.mark.parametrize("name", NAMES)
def test_check_mode_foretells_a_second_run_is_empty_and_roll_back_restores(name: str) -> None:
    hold(_foretold_once_and_undone, name, cases(name))


def _foretold_once_and_undone(name: str, case: Case) -> bool:
    simulated, given = case.built()
    before, how, blind = settings_state(simulated), case.how(), unseen(simulated, case)

    foretold = run(simulated, name, given, check=True, **how)
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)
    assert settings_state(simulated) == before

    ran, booted = process(simulated), simulated.windows.booted
    first = run(simulated, name, given, **how)
    after = settings_state(simulated)
    _not_cut_off(simulated, case, ran, booted)
    assert outside(differing(before, after), first.made) == []
    held = held_by_policy(simulated, before, given)
    assert held_by_policy(simulated, after, given) == held
    if first.done is not None and foretold.done is not None:
        assert spared(held, foretold.done.changes)
        made = {(change.kind, change.item) for change in first.done.changes}
        sure = [c for c in foretold.done.changes if (c.kind, c.item) in made or not (blind and c.kind == "file_access")]
        assert _result.diff(foreseeable(first.done.changes)) == _result.diff(foreseeable(sure))

    if not first.error:
        _nothing_again(simulated, name, given, case)

    _undone(simulated, case, before, first.made, int(bool(first.error)))
    return lasting(first.made)


def unseen(simulated: SimulatedHost, case: Case) -> bool:
    """Whether no handshake shows that a key can be read: then SYSTEM alone may see it, and no plan does."""
    return case.manner["probe_from"] == "none" or simulated.probe_view()["tls"] != "ok"


def _nothing_again(simulated: SimulatedHost, name: str, given: dict[str, t.Any], case: Case) -> None:
    """A second run makes nothing, and writes nothing but a task that looks as SYSTEM where TLS is dropped still."""
    state, writes = simulated.state(), simulated.counters.writes
    again = run(simulated, name, given, "run-2", **case.how())
    assert (again.made, again.error) == ([], "")
    assert simulated.state() == state
    dropped = case.manner["probe_from"] != "none" and simulated.probe_view()["tls"] == "reset"
    looks = [change.kind == "file_access" and dropped for change in (again.plan.changes if again.plan else ())]
    assert all(looks)
    assert simulated.counters.writes == writes or looks


def lasting(made: list[Change]) -> bool:
    """Whether anything was changed, beyond what restarts by itself."""
    return any(change.kind not in ("restart", "reboot") for change in made)


def _not_cut_off(simulated: SimulatedHost, case: Case, ran: int, booted: object) -> None:
    """Nobody is cut off who may not be, and no host is rebooted that may not be or would stay away."""
    policy = case.manner["restart"]
    spared = policy == "never" or (policy == "when_idle" and occupied(case.planned))
    if simulated.windows.booted != booted:
        assert case.manner["allow_reboot"]
        assert comes_back(case.planned)
        assert not spared
    assert process(simulated) == ran or not spared or not ran


def _undone(simulated: SimulatedHost, case: Case, before: Mapping[str, t.Any], made: list[Change], failed: int) -> None:
    """Roll-back leaves the state of before but for what cannot be undone, which it lists.

    The journal comes before the change, so it may list one that was not made for each that failed. A service that was
    started is left running while users have sessions, and the reason told; what Windows made when it started stays.
    """
    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert not undoing.drifted
    assert all("many_sessions" in case.planned.traits and "would cut" in why for why in undoing.left.values())
    listed = [target.entry.change for target in reversed(undoing.not_undoable)]
    acts = [change.kind for change in made if change.undo == "none"]
    assert [change.kind for change in listed][: len(acts)] == acts
    assert len(listed) - len(acts) <= failed
    started = [change for change in made if change.kind == "service_state"]
    assert outside(differing(before, settings_state(simulated)), [*listed, *started]) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_a_function_of_observation_and_options(name: str) -> None:
    hold(_pure, name, cases(name))


def _pure(name: str, case: Case) -> bool:
    """The same plan again, from a copy too, and neither observation nor options are other ones afterwards."""
    simulated, given = case.built()
    planned: list[Plan] = []

    def plan(observation: Observation, asked: Mapping[str, t.Any]) -> Plan:
        data, words = json.dumps(to_plain(observation)), deepcopy(dict(asked))
        copy = from_plain(Observation, json.loads(data))
        assert copy == observation
        planned.append(REMEDIES[name].plan(observation, asked))
        assert REMEDIES[name].plan(copy, deepcopy(words)) == planned[0]
        assert REMEDIES[name].plan(observation, asked) == planned[0]
        assert (json.dumps(to_plain(observation)), words) == (data, asked)
        return planned[0]

    fix(job(simulated, check=True, **case.how()), replace(REMEDIES[name], plan=plan), given)
    return bool(planned[0].changes)


HELD = sorted(n for n, remedy in REMEDIES.items() if any(SETTINGS[setting].policy for setting in remedy.settings))


@pytest.mark.parametrize("name", HELD)
def test_what_policy_holds_is_neither_written_under_nor_taken_away(name: str) -> None:
    hold(_respected, name, [_under_policy(name, way) for way in WAYS[name]], least=0.1)


def _under_policy(name: str, way: Way) -> st.SearchStrategy[Case]:
    """What a way asks for, on a host that is not broken and where policy decides."""
    given = st.tuples(options(name, way), st.booleans()).map(
        lambda drawn: {**drawn[0], "remove_orphaned_policy": drawn[1]}
    )
    return st.builds(Case, under_policy(REMEDIES[name].settings), given)


def _respected(name: str, case: Case) -> bool:
    """It tells something where the module would have had it otherwise."""
    simulated, given = case.built()
    before = settings_state(simulated)
    held = held_by_policy(simulated, before, given)
    result = run(simulated, name, given)
    assert held_by_policy(simulated, settings_state(simulated), given) == held
    return result.plan is not None and bool(result.plan.held)


LEASING = sorted(name for name, remedy in REMEDIES.items() if "lease" in remedy.options)


@pytest.mark.parametrize("name", LEASING)
def test_a_host_ends_its_leases_by_itself(name: str) -> None:
    granted = [way for way in WAYS[name] if way.asked.get("lease")]
    hold(_ended, name, [st.builds(Case, hosts(name, way), options(name, way), MANNERS) for way in granted])


def _ended(name: str, case: Case) -> bool:
    """Nothing of what was weakened is left but a number unknown to Windows, in whose place its default counts again.

    Where a security product removes the task once the run has ended, only another run notices (test__lease.py).
    """
    if case.planned.switches.get("edr_removes_tasks"):
        return False
    simulated, given = case.built()
    before = settings_state(simulated)
    made = run(simulated, name, given, **case.how()).made
    simulated.clock.advance(LONGEST + 600)
    others = [change for change in made if not change.leased and change.kind != "lease"]
    unknown = [change for change in made if change.leased and not _known(change)]
    assert outside(differing(before, settings_state(simulated)), [*others, *unknown]) == []
    return len(others) < len(made)


def _known(change: Change) -> bool:
    """Whether what was there is absent, or one of the numbers that the setting has."""
    (setting,) = (found for found in SETTINGS.values() if found.path == change.item)
    return change.before is None or (isinstance(change.before, dict) and change.before["data"] in setting.choices)


LETTING_IN = ("firewall", "remote_desktop")
"""Modules whose work can be taken away on any edition."""

HOSTING = ("certificate", "connection_limit", "machine_keys", "nla", "security_layer", "transport", *LETTING_IN)
"""Modules that are about connections alone."""


@pytest.mark.parametrize("name", HOSTING)
def test_a_home_edition_is_refused_plainly_and_left_as_it_is(name: str) -> None:
    def for_connections(case: Case) -> Case:
        return replace(case, given={**case.given, "state": "enabled"}) if name in LETTING_IN else case

    hold(_refused, name, [strategy.map(for_connections) for strategy in cases(name)])


def _refused(name: str, case: Case) -> bool:
    """It tells something where another edition would be changed."""
    pro, given = replace(case, planned=replace(case.planned, version="11")).built()
    elsewhere = run(pro, name, given, check=True, **case.how()).plan
    simulated, given = replace(case, planned=replace(case.planned, version=HOME)).built()
    before = settings_state(simulated)
    result = run(simulated, name, given, **case.how())
    assert result.plan is not None
    assert "Windows 11 Home takes no Remote Desktop connections" in result.plan.refused[0].message
    assert (result.plan.changes, result.made, simulated.counters.writes) == ((), [], 0)
    assert settings_state(simulated) == before
    return bool(elsewhere and elsewhere.changes)


# --- the loop


def _limited(names: frozenset[str], risk: Risk) -> Limits:
    return Limits(frozenset(REMEDIES) - names, risk)


LIMITS = st.builds(_limited, st.frozensets(st.sampled_from(NAMES), max_size=2), st.sampled_from(RISKS[1:]))
TROUBLED = st.builds(Case, troubled(), st.fixed_dictionaries({"limits": LIMITS}), MANNERS)


def test_the_loop_does_as_foretold_once_and_can_be_undone() -> None:
    hold(_cured_once_and_undone, "remediate", [TROUBLED, TROUBLED], least=0.25)


def _cured_once_and_undone(_name: str, case: Case) -> bool:
    simulated, given = case.built()
    before, how = settings_state(simulated), case.how()
    looking = job(simulated, check=True, **how)
    foretold = foresee(examine(looking.host, looking.prober, 600), given["limits"])
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)
    assert settings_state(simulated) == before

    ran, booted = process(simulated), simulated.windows.booted
    course, made = _loop(simulated, given["limits"], "run-1", how)
    after = settings_state(simulated)
    _not_cut_off(simulated, case, ran, booted)
    assert outside(differing(before, after), made) == []
    held = held_by_policy(simulated, before, {})
    assert held_by_policy(simulated, after, {}) == held
    assert spared(held, [*foretold.changes, *made])
    _as_foretold(foretold, course)

    again, remade = _loop(simulated, given["limits"], "run-2", how)
    assert settings_state(simulated) == after
    assert remade == []
    _undone(simulated, case, before, [*made, *remade], len(course.refused) + len(again.refused))
    return lasting(made)


def _as_foretold(foretold: Course, course: Course) -> None:
    """What is changed was planned, in this order, but for what only the handshakes of the run brought to light."""
    if course.revealed:
        return
    planned = iter((change.kind, change.item) for change in foretold.changes)
    done = [(change.kind, change.item) for change in course.changes if change.undo == "exact"]
    assert [step for step in done if step not in planned] == []


def _loop(simulated: SimulatedHost, limits: Limits, run_id: str, how: dict[str, t.Any]) -> tuple[Course, list[Change]]:
    doing = job(simulated, run_id, **how)
    try:
        return remediate(doing, examine(doing.host, doing.prober, 600), limits), doing.made
    finally:
        doing.host.close()


STRENGTHENING: dict[str, tuple[dict[str, t.Any], ...]] = {
    "security_layer": (
        {},
        {"layer": "negotiate"},
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


NEXT_CERTIFICATE = (
    *(((), ()),) * 4,
    *(((), (trait,)) for trait in (
        "key_folder_hardened", "key_folder_hidden", "certificate_store_hardened", "certificate_store_hidden",
    )),
    (("certificate_expired",), ("certificate_store_hardened",)),
    (("certificate_missing", "certificate_pinned_expired"), ("key_folder_hidden",)),
    (("certificate_pinned_expired", "key_unreadable"), ()),
)  # fmt: skip
"""What nobody notices while the certificate that is there, or the one to which the listener is tied, serves."""


def _weak(**numbers: int) -> tuple[Stored, ...]:
    return tuple(Stored(SETTINGS[name], "local", number, number) for name, number in numbers.items())


NLA_ORPHAN = (Stored(SETTINGS["nla"], "orphan", 0, 0), Stored(SETTINGS["nla"], "local", 1, 1))
WEAK: Mapping[str, tuple[tuple[Stored, ...], ...]] = {
    "nla": (_weak(security_layer=1, nla=0), _weak(security_layer=1, nla=0), _weak(security_layer=2, nla=0), NLA_ORPHAN),
    "security_layer": (_weak(security_layer=0), _weak(security_layer=1), _weak(security_layer=1, nla=0),
                       _weak(negotiation=0)),
}  # fmt: skip
EVERY_WEAKNESS = [weakness for found in WEAK.values() for weakness in found]
"""Values under which the oldest clients get in, or all without authenticating, whatever is broken beside that."""


def answering(planned: st.SearchStrategy[HostPlan], weak: tuple[Stored, ...]) -> st.SearchStrategy[HostPlan]:
    """Such hosts that are weak, and most of which have something that a stronger value would bring to light."""
    hidden = st.sampled_from([*((breakage,) for breakage in HIDDEN), (), ()])
    return st.builds(
        lambda host, broken, users, later: replace(
            host,
            stored=(*host.stored, *weak),
            breakages=tuple(dict.fromkeys((*host.breakages, *broken, *later[0]))),
            traits=tuple(dict.fromkeys((*host.traits, *users, *later[1]))),
        ),
        planned,
        hidden,
        st.sampled_from(KERBEROS),
        st.sampled_from(NEXT_CERTIFICATE),
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


def strengthened(name: str) -> Cases:
    """Weak hosts, and what a module, or the loop, is asked for there that makes them safer."""
    asked = STRENGTHENING.get(name) or ({"limits": Limits()}, {"limits": Limits(max_risk="high")})
    planned = troubled() if name == "remediate" else st.one_of([hosts(name, way) for way in starts(name)])
    return [
        st.builds(Case, answering(planned, weak), st.sampled_from(asked), MANNERS)
        for weak in WEAK.get(name, EVERY_WEAKNESS)
    ]


@pytest.mark.parametrize("name", [*sorted(STRENGTHENING), "remediate"])
def test_no_host_that_answered_is_silent_afterwards(name: str) -> None:
    hold(_answers_still, name, strengthened(name), least=0.1)


def _answers_still(name: str, case: Case) -> bool:
    """It tells something where the host was made safer, or was not for want of proof that it would answer."""
    simulated, given = case.built()
    make_live(simulated)
    assume(serves(simulated) and simulated.winrm_open())
    if name == "remediate":
        return _answers_after_the_loop(simulated, given["limits"], case.how())
    usual = {option: spec.get("default") for option, spec in REMEDIES[name].options.items()}
    result = run(simulated, name, {**usual, **given}, **case.how())
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)
    return lasting(result.made) or result.unproven


def _answers_after_the_loop(simulated: SimulatedHost, limits: Limits, how: dict[str, t.Any]) -> bool:
    """Also before what waits for a restart gets it."""
    course, made = _loop(simulated, limits, "run-1", how)
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)
    return lasting(made) or any(not step.kept for step in course.steps)


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


def stored_late(stored: Stored, *live: Stored, breakage: str = "key_unreadable") -> SimulatedHost:
    """A host that somebody gets into without TLS, which nobody could use, and that has another value stored since."""
    switches: dict[str, object] = {"live_security": "after_restart"}
    simulated = SimulatedHost.build("2022", breakages=[breakage] if breakage else [], switches=switches)
    for value in live:
        value.put(simulated)
    make_live(simulated)
    stored.put(simulated)
    assert serves(simulated)
    return simulated


def local(name: str, number: int) -> Stored:
    return Stored(SETTINGS[name], "local", number, number)


LATE = [
    ("security_layer", local("security_layer", 77), (local("security_layer", 0), local("nla", 0))),
    ("security_layer", local("security_layer", 77), (local("security_layer", 1), local("nla", 0))),
    ("nla", local("nla", 77), (local("security_layer", 1), local("nla", 0))),
]
"""The module that mends a value which Windows does not know; that value; and what the listener goes on to act on."""


@pytest.mark.parametrize(("name", "stored", "live"), LATE)
def test_what_lets_nobody_in_once_it_is_live_is_not_what_a_step_back_leads_to(
    name: str, stored: Stored, live: tuple[Stored, ...]
) -> None:
    simulated = stored_late(stored, *live)
    before = settings_state(simulated)
    usual = {option: spec.get("default") for option, spec in REMEDIES[name].options.items()}
    result = run(simulated, name, usual)
    assert "no TLS handshake succeeds" in result.error
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("live", [local("security_layer", 0), local("negotiation", 0)])
def test_the_loop_leads_back_to_what_let_somebody_in_where_that_was_not_what_is_stored(live: Stored) -> None:
    simulated = stored_late(local("security_layer", 77), live, local("nla", 0))
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits(frozenset({"security_layer"})))
    assert [step.kept for step in course.steps] == [False]
    assert course.changes == doing.made
    assert serves(simulated)
    make_live(simulated)
    assert serves(simulated)


HARDENED = {n: spec.get("default") for n, spec in REMEDIES["security_layer"].options.items()}


@pytest.mark.parametrize(
    ("name", "blind"), [("connection_limit", False), ("connection_limit", True), ("security_layer", False)]
)
def test_a_restart_makes_nothing_live_that_somebody_stored_and_that_drops_each_connection(
    name: str, blind: bool
) -> None:
    simulated = stored_late(local("nla", 77), local("security_layer", 0), local("nla", 0))
    ran, how = process(simulated), {"prober": Prober("127.0.0.1", enabled=False)} if blind else {}
    given = HARDENED if name == "security_layer" else {**defaults(REMEDIES[name].options), "pending": 4000}
    result = run(simulated, name, given, **how)
    told = result.error or " ".join(result.done.waiting.values() if result.done else ())
    assert "UserAuthentication has a number that Windows does not know" in told
    assert process(simulated) == ran
    assert serves(simulated)


def test_the_loop_restarts_nothing_into_a_number_that_it_may_not_set_right() -> None:
    """Without a probe the layer is left as it is, and a restart that an earlier run owes makes it live."""
    simulated = stored_late(local("security_layer", 1), local("security_layer", 1), local("nla", 0), breakage="")
    given = {**defaults(REMEDIES["connection_limit"].options), "pending": 4000}
    run(simulated, "connection_limit", given, restart="never")
    local("security_layer", 77).put(simulated)
    course, made = _loop(simulated, Limits(), "run-2", {"prober": Prober("127.0.0.1", enabled=False)})
    assert (made, list(course.waiting)) == ([], ["restart"])
    assert serves(simulated)


def test_a_reboot_makes_no_such_number_live_either() -> None:
    simulated = stored_late(
        local("nla", 77), local("security_layer", 1), local("nla", 0), breakage="tls_server_disabled"
    )
    booted = simulated.windows.booted
    result = run(simulated, "schannel", defaults(REMEDIES["schannel"].options), allow_reboot=True)
    assert "Run the module nla first" in (result.done.waiting["reboot"] if result.done else "")
    assert simulated.windows.booted == booted


@pytest.mark.parametrize("ends", ["loop", "module"])
def test_a_write_that_the_host_makes_after_it_was_given_up_can_be_rolled_back(ends: str) -> None:
    simulated = silent_tls("key_unreadable")
    before, late = settings_state(simulated), list[bytes]()

    def slow(_number: int, body: bytes) -> None:
        if not late and b"fAllowSecProtocolNegotiation" in body and b"SetDWORDValue" in body:
            late.append(body)
            raise Timeout("not yet")

    if ends == "loop":
        with pytest.raises(Timeout, match="roll back this run"):
            _loop(simulated, Limits(frozenset({"security_layer"})), "run-1", {"before": slow})
    else:
        assert "roll back this run" in run(simulated, "security_layer", HARDENED, before=slow).error
    simulated.handle(late[0], "Administrator")
    assert not serves(simulated)
    simulated.clock.advance(3600)
    rollback(job(simulated, "back"), "all", force=False)
    assert serves(simulated)
    assert settings_state(simulated) == before


def test_a_restart_is_not_hindered_by_what_drops_each_connection_already() -> None:
    simulated = SimulatedHost.build("2022", breakages=["nla_value_invalid"])
    ran = process(simulated)
    given = {**defaults(REMEDIES["connection_limit"].options), "pending": 4000}
    assert run(simulated, "connection_limit", given).error == ""
    assert process(simulated) != ran


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
@pytest.mark.parametrize("ends", ["loop", "module"])
def test_an_error_that_ends_a_run_leaves_nobody_shut_out(ends: str, moment: str) -> None:
    """Whichever operation the host refuses, from the first write on, each third tried; what is lost is not answered."""

    def tried(refused: int | None) -> SimulatedHost:
        simulated = silent_tls("key_unreadable", switches={"live_security": moment})
        if refused is not None:
            simulated.injector.add("wmi_80041003", at=refused)
        if ends == "module":
            run(simulated, "security_layer", HARDENED)
            return simulated
        with suppress(WsmanError):
            _loop(simulated, Limits(), "run-1", {})
        return simulated

    whole = tried(None).counters.total
    for number in range(30, whole, 3):
        simulated = tried(number)
        assert serves(simulated), number
        make_live(simulated)
        assert serves(simulated), number


@pytest.mark.parametrize("moment", ["at_once", "after_restart"])
@pytest.mark.parametrize("front", ["negotiation_disabled", "security_layer_rdp"])
def test_the_loop_lets_in_again_who_got_in_where_it_cannot_cure_what_shows_then(front: str, moment: str) -> None:
    """It may not touch the key, so nobody would get in any more."""
    simulated = SimulatedHost.build("2022", breakages=[front, "key_unreadable"], switches={"live_security": moment})
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits(frozenset({"security_layer"})))
    assert settings_state(simulated) == before
    assert serves(simulated)
    assert course.verdict == "unresolved"
    assert [(step.cause, step.kept) for step in course.steps] == [(front, False)]
    assert "taken back" in course.steps[0].reason
    assert [change.kind for change in course.changes] == (["restart"] * 2 if moment == "after_restart" else [])
    assert course.changes == doing.made
    assert {finding.id for finding in course.revealed} == {"key_unreadable"}
    assert front in {finding.id for finding in direct(course.after.findings)}
    assert rollback(job(simulated, "back"), "all", force=False).undone == []
    make_live(simulated)
    assert serves(simulated)


@pytest.mark.parametrize("hidden", ["cipher_suites_empty", "cipher_suites_mismatch", "fips_mismatch"])
@pytest.mark.parametrize("front", ["negotiation_disabled", "security_layer_rdp"])
def test_the_loop_does_not_try_tls_where_no_cipher_suite_is_left_for_it(front: str, hidden: str) -> None:
    """The suites are a policy's, so each run would find the same again."""
    simulated = SimulatedHost.build("2022", breakages=[front, hidden], switches={"live_security": "after_restart"})
    before, ran = settings_state(simulated), process(simulated)
    for check in (True, False):
        doing = job(simulated, check=check)
        standing = examine(doing.host, doing.prober, 600.0)
        course = foresee(standing, Limits()) if check else remediate(doing, standing, Limits())
        assert (course.verdict, course.changes, course.steps) == ("policy_held", [], [])
        assert {front, hidden} <= {finding.id for finding in direct(course.before.findings)}
        assert any(f"because of {hidden}" in refusal.message for refusal in course.refused)
    assert (simulated.counters.writes, process(simulated)) == (0, ran)
    assert settings_state(simulated) == before


def test_the_loop_lets_in_again_who_got_in_where_nobody_could_authenticate_in_what_shows_then() -> None:
    simulated = SimulatedHost.build("2022", breakages=["negotiation_disabled"], traits=["ntlm_denied"])
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600.0), Limits())
    assert [(step.cause, step.kept) for step in course.steps] == [("negotiation_disabled", False)]
    assert settings_state(simulated) == before
    assert serves(simulated)


@pytest.mark.parametrize("hidden", ["key_missing", "key_unreadable"])
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


def blinded(simulated: SimulatedHost, taken_at: str = "") -> Prober:
    """A prober that may not probe, with what another node has seen, just now unless another time is given."""
    seen = prober(simulated).look(lambda: 3389)
    now = datetime.now(timezone.utc).isoformat()
    return Prober("127.0.0.1", enabled=False, given=({**(seen or {}), "taken_at": taken_at or now},))


def _loops(simulated: SimulatedHost, **how: t.Any) -> Iterator[Course]:
    """The loop in check mode and after it, which is to do what that foretold."""
    for check in (True, False):
        doing = job(simulated, check=check, **how)
        standing = examine(doing.host, doing.prober, 600.0)
        yield foresee(standing, Limits()) if check else remediate(doing, standing, Limits())


@pytest.mark.parametrize("brought", [True, False])
@pytest.mark.parametrize("front", ["negotiation_disabled", "security_layer_rdp"])
def test_without_a_probe_of_its_own_the_loop_leaves_what_could_shut_everybody_out(front: str, brought: bool) -> None:
    """What another node has seen before tells nothing of afterwards, but that somebody gets in."""
    simulated = SimulatedHost.build("2022", breakages=[front])
    eyes = blinded(simulated) if brought else Prober("127.0.0.1", enabled=False)
    for course in _loops(simulated, prober=eyes):
        assert (course.changes, course.verdict) == ([], "unresolved")
        assert any("the controller does not probe" in refusal.message for refusal in course.refused)
    assert simulated.counters.writes == 0


def test_nobody_is_shut_out_where_nobody_gets_in_as_another_node_has_just_seen() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_invalid"])
    eyes = blinded(simulated)
    foreseen, course = _loops(simulated, prober=eyes)
    assert [change.item for change in foreseen.changes] == [SETTINGS["security_layer"].path]
    assert [step.kept for step in course.steps] == [True]
    assert serves(simulated)


def test_nor_by_the_module_alone() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_invalid"])
    assert run(simulated, "security_layer", HARDENED, prober=blinded(simulated)).error == ""
    assert serves(simulated)


def test_what_another_node_saw_long_ago_shows_nothing_of_now() -> None:
    simulated = SimulatedHost.build("2022", breakages=["security_layer_invalid"])
    eyes = blinded(simulated, "2026-01-01T00:00:00Z")
    assert [course.changes for course in _loops(simulated, prober=eyes)] == [[], []]
    assert "cannot see" in run(simulated, "security_layer", HARDENED, prober=eyes).error
    assert simulated.counters.writes == 0

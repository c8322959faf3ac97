# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fix on every version and in every language, and under every value of every open fact.

Rounds turn many switches at once: a round has one version and one language, and of every switch one value; neighbouring
switches are a step apart. Over the rounds each value comes up. Beside that each switch is turned alone, to each of its
values, for each way of a module on one version and language or more: those switches that a host is asked for meanwhile,
since a run in which nobody asks for a switch is the same whatever its value is.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator import host as of_host
from tests.simulator.host import SimulatedHost
from tests.simulator.switches import SWITCHES, settle
from tests.simulator.windows.editions import EDITIONS, FLEET_VERSIONS, LANGUAGES, Edition
from tests.support.in_process import acts, connect, job, prober, settings_state
from tests.support.states import differing, outside


@dataclass(frozen=True, eq=False)
class Case:
    """A module, what is wrong with a host, and how the module is told to put it right."""

    module: str
    breakages: Sequence[str] = ()
    options: Mapping[str, t.Any] = field(default_factory=dict)
    traits: Sequence[str] = ()

    @property
    def name(self) -> str:
        return "-".join((self.module, *self.breakages))

    def build(self, version: str, language: str, turned: Mapping[str, object]) -> SimulatedHost:
        traits = ("dns_cache_stale", *self.traits)
        return SimulatedHost.build(version, language, breakages=self.breakages, traits=traits, switches=turned)

    def holds(self, simulated: SimulatedHost) -> None:
        """Do the work on a host, and assert that it is done, once, and can be undone."""
        before = settings_state(simulated)
        if self.module == "remediate":
            _repairs_once_and_sees_a_host_in_order(simulated)
        else:
            _does_as_foretold_once(self, simulated)
        undoing = rollback(job(simulated, "back", allow_reboot=True), "all", force=False)
        assert not undoing.drifted
        assert not undoing.left
        assert outside(differing(before, settings_state(simulated)), acts(simulated)) == []


_OTHERS_KEYS = ("iis_keys",)
CASES = (
    Case("remote_desktop", ("rdp_denied", "termservice_disabled"), {"start_mode": "automatic", "logons": "refused"}),
    Case("firewall", ("firewall_rule_disabled",), {"port": 33890, "remote_addresses": ["10.0.0.0/8"]}),
    Case("firewall", ("firewall_blocked_by_rule",), {"block_rules": "disable", "transports": ["tcp"]}),
    Case("firewall", ("firewall_rule_missing",), {"built_in_rules": "restore", "transports": ["tcp"]}),
    Case("transport", (), {"mode": "tcp_only"}),
    Case("connection_limit", ("connection_flood",), {"pending": 5000}),
    Case("certificate", ("certificate_expired",)),
    Case("certificate", ("certificate_pinned_missing",), {"state": "self_signed"}),
    Case("machine_keys", ("key_unreadable",)),
    Case("machine_keys", ("key_missing",), {"method": "rename", "accept_shared_keys": True}, _OTHERS_KEYS),
    Case("machine_keys", ("folder_acl",), {"method": "copy_aside"}, _OTHERS_KEYS),
    Case("schannel", ("tls_server_disabled",)),
    Case("network_stack", (), {"dns": "flush"}),
    Case("client_settings", (), {"udp": "off"}),
    Case("gateway", ("gateway_service_stopped",), {"udp": "off"}),
    Case("security_layer", ("security_layer_rdp",)),
    Case("nla", (), {"state": "off", "lease": "30m"}),
    Case("remediate", ("rdp_denied", "key_unreadable", "firewall_wrong_profile")),
)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def switches(round_: int) -> dict[str, object]:
    return {
        name: switch.choices[(round_ + place) % len(switch.choices)]
        for place, (name, switch) in enumerate(SWITCHES.items())
    }


def test_the_rounds_have_every_version_every_language_and_every_value() -> None:
    for name, switch in SWITCHES.items():
        assert {switches(round_)[name] for round_ in range(len(FLEET_VERSIONS))} == set(switch.choices), name
    assert len(LANGUAGES) < len(FLEET_VERSIONS)
    assert {case.module for case in CASES} == {*REMEDIES, "remediate"}


@pytest.mark.parametrize("round_", range(len(FLEET_VERSIONS)), ids=FLEET_VERSIONS)
@each_case
def test_a_fix_does_its_work_once_and_is_undone_with_many_switches_turned(case: Case, round_: int) -> None:
    language = LANGUAGES[(round_ + CASES.index(case)) % len(LANGUAGES)]
    case.holds(case.build(FLEET_VERSIONS[round_], language, switches(round_)))


def _does_as_foretold_once(case: Case, simulated: SimulatedHost) -> None:
    remedy = REMEDIES[case.module]
    wanted = {**defaults(remedy.options), **case.options}

    _plan, foretold = fix(job(simulated, check=True), remedy, wanted)
    assert simulated.counters.writes == 0
    plan, done = fix(job(simulated, allow_reboot=True), remedy, wanted)
    if case.module == "gateway" and not simulated.switches["gateway_stopped"]:
        assert [change.kind for change in done.changes] == ["service_state"]
        assert "run again" in plan.refused[0].message
        foretold.changes += fix(job(simulated, check=True), remedy, wanted)[1].changes
        plan, rest = fix(job(simulated, allow_reboot=True), remedy, wanted)
        assert rest.changes
        done.changes += rest.changes
    assert not plan.refused
    assert done.changes
    assert not done.waiting
    exact = [change.item for change in done.changes if change.undo == "exact"]
    assert exact == [change.item for change in foretold.changes if change.undo == "exact"]

    writes = simulated.counters.writes
    _plan, again = fix(job(simulated, "run-2"), remedy, wanted)
    assert again.changes == []
    assert simulated.counters.writes == writes


def _repairs_once_and_sees_a_host_in_order(simulated: SimulatedHost) -> None:
    doing = job(simulated, allow_reboot=True)
    assert remediate(doing, examine(doing.host, doing.prober, 600), Limits()).verdict == "repaired"
    writes = simulated.counters.writes
    again = job(simulated, "run-2")
    assert remediate(again, examine(again.host, again.prober, 600), Limits()).verdict == "healthy"
    standing = examine(connect(simulated), prober(simulated), 600, full=True)
    assert standing.healthy
    assert simulated.counters.writes == writes


# --- each switch alone


class Noting(dict[str, object]):
    """The values of switches, with a note of which a host was asked for."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> object:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: t.Any = None) -> t.Any:
        self.asked.add(name)
        return super().get(name, default)


@cache
def met(case: Case, version: str, language: str) -> frozenset[str]:
    """The switches that a host is asked for while a case holds on it, none of them turned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_host, "settle", lambda given: Noting(settle(given)))
        simulated = case.build(version, language, {})
        case.holds(simulated)
        return frozenset(t.cast("Noting", simulated.switches).asked)


def places() -> Iterator[tuple[Case, str, str]]:
    """Each case on a kind of host, the last ones on two, so that all kinds come up."""
    versions, languages = len(FLEET_VERSIONS), len(LANGUAGES)
    kinds = cycle(
        (EDITIONS[FLEET_VERSIONS[number % versions]], LANGUAGES[(number + number // versions) % languages])
        for number in range(versions * languages)
    )
    for case in (*CASES, *CASES[-3:]):
        edition, language = fitting(kinds, case)
        yield case, edition.key, language


def fitting(kinds: Iterator[tuple[Edition, str]], case: Case) -> tuple[Edition, str]:
    """The next kind of host that a case can be of: a gateway is a server."""
    return next(kind for kind in kinds if kind[0].server or case.module != "gateway")


PLACES = [pytest.param(*place, id=f"{place[0].name}-{place[1]}-{place[2]}") for place in places()]

MET_BY_NO_CASE = {
    # Accounts without rights, hosts with users or of Server Core, session hosts, hosts off across the end of a lease
    "access_denied", "remote_management_users", "reboot_blocked_by_users", "core_sessions", "licensing_numbers",
    "start_when_available",
    # Tasks that somebody has disabled
    "task_export_disabled",
    # Keys that belong to HTTP.sys, values and classes that no fix meets here, a listener whose limit nobody set
    "http_name_binding", "binary_by_get_binary", "expand_by_get_string", "missing_class", "outstanding_default",
    "own_while_pinned",
    # What is damaged goes before another certificate is made, so it does not matter whether Windows would make it
    "damaged_replaced",
    # What no fix asks a host to do: the self-test does
    "delete_key_with_subkeys", "embedded_type", "identify_version", "process_create", "put_thumbprint_checked",
}  # fmt: skip


def test_the_places_are_of_every_version_in_every_language_and_meet_every_switch_but_these() -> None:
    found = list(places())
    assert len({(version, language) for _case, version, language in found}) == len(FLEET_VERSIONS) * len(LANGUAGES)
    assert {name for case, *kind in found for name in met(case, *kind)} == set(SWITCHES) - MET_BY_NO_CASE


@pytest.mark.parametrize(("case", "version", "language"), PLACES)
def test_a_fix_does_its_work_once_and_is_undone_with_each_switch_that_it_meets_turned_alone(
    case: Case, version: str, language: str
) -> None:
    for name in sorted(met(case, version, language)):
        for value in SWITCHES[name].choices[1:]:
            case.holds(case.build(version, language, {name: value}))

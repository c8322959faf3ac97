# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fix on every version and in every language, and under every value of every open fact.

Six rounds for each fix. A round has one version and one language, and of every switch one value; neighbouring switches
are a step apart, so that rounds do not turn them all at once. Over the rounds each value comes up.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.switches import SWITCHES
from tests.simulator.windows.editions import LANGUAGES
from tests.support.in_process import connect, job, prober, settings_state

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")


@dataclass(frozen=True)
class Case:
    """What is wrong with a host, and how a fix is told to put it right."""

    breakages: tuple[str, ...] = ()
    options: t.Mapping[str, t.Any] = field(default_factory=dict)


CASES = {
    "remote_desktop": Case(("rdp_denied", "termservice_disabled"), {"start_mode": "automatic", "logons": "refused"}),
    "firewall": Case(("firewall_rule_disabled",), {"port": 33890, "remote_addresses": ["10.0.0.0/8"]}),
    "transport": Case((), {"mode": "tcp_only"}),
    "connection_limit": Case(("connection_flood",), {"pending": 5000}),
    "certificate": Case(("certificate_expired",)),
    "machine_keys": Case(("key_unreadable",)),
    "schannel": Case(("tls_server_disabled",)),
    "network_stack": Case((), {"dns": "flush"}),
    "client_settings": Case((), {"udp": "off"}),
    "gateway": Case(("gateway_service_stopped",), {"udp": "off"}),
    "security_layer": Case(("security_layer_rdp",)),
    "nla": Case((), {"state": "off", "lease": "30m"}),
}
LOOP = ("rdp_denied", "key_unreadable", "firewall_wrong_profile")


def switches(round_: int) -> dict[str, object]:
    return {
        name: switch.choices[(round_ + place) % len(switch.choices)]
        for place, (name, switch) in enumerate(SWITCHES.items())
    }


def build(round_: int, breakages: tuple[str, ...], turned: int = 0) -> SimulatedHost:
    language = LANGUAGES[(round_ + turned) % len(LANGUAGES)]
    planted: dict[str, t.Any] = {"breakages": breakages, "traits": ["dns_cache_stale"], "switches": switches(round_)}
    return SimulatedHost.build(VERSIONS[round_], language=language, **planted)


def test_the_rounds_have_every_version_every_language_and_every_value() -> None:
    for name, switch in SWITCHES.items():
        assert {switches(round_)[name] for round_ in range(len(VERSIONS))} == set(switch.choices), name
    assert len(LANGUAGES) < len(VERSIONS)
    assert list(CASES) == list(REMEDIES)


@pytest.mark.parametrize("round_", range(len(VERSIONS)), ids=VERSIONS)
@pytest.mark.parametrize("name", CASES)
def test_a_fix_does_its_work_once_and_is_undone(name: str, round_: int) -> None:
    remedy, case = REMEDIES[name], CASES[name]
    simulated = build(round_, case.breakages, list(CASES).index(name))
    before = settings_state(simulated)
    wanted = {**defaults(remedy.options), **case.options}

    _plan, foretold = fix(job(simulated, check=True), remedy, wanted)
    assert simulated.counters.writes == 0
    plan, done = fix(job(simulated, allow_reboot=True), remedy, wanted)
    if name == "gateway" and not switches(round_)["gateway_stopped"]:
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

    undoing = rollback(job(simulated, "back", allow_reboot=True), "all", force=False)
    assert not undoing.drifted
    assert not undoing.left
    assert undoing.not_undoable or settings_state(simulated) == before


@pytest.mark.parametrize("round_", range(len(VERSIONS)), ids=VERSIONS)
def test_the_loop_repairs_once_and_sees_a_host_in_order(round_: int) -> None:
    simulated = build(round_, LOOP)
    doing = job(simulated, allow_reboot=True)
    assert remediate(doing, examine(doing.host, doing.prober, 600), Limits()).verdict == "repaired"
    writes = simulated.counters.writes
    again = job(simulated, "run-2")
    assert remediate(again, examine(again.host, again.prober, 600), Limits()).verdict == "healthy"
    standing = examine(connect(simulated), prober(simulated), 600, full=True)
    assert standing.healthy
    assert simulated.counters.writes == writes

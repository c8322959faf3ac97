# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan, over random observations and options."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan, net_changes
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Identity, Observation, SettingState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import from_plain, to_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.project import project
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, unreadable, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS, compliance, effective
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies._base import is_client
from hypothesis import given
from hypothesis import strategies as st

from tests.support.observations import observations, options_of

NAMES = sorted(
    {
        "remote_desktop",
        "firewall",
        "transport",
        "connection_limit",
        "client_settings",
        "schannel",
        "security_layer",
        "nla",
    }
)
cases = st.one_of(
    *(st.tuples(st.just(name), observations(REMEDIES[name].settings), options_of(name)) for name in NAMES)
)
ASKING: dict[str, dict[str, t.Any]] = {
    "connection_limit": {"pending": 5000},
    "network_stack": {"dns": "flush", "winsock": "reset"},
}
"""Options without which a remedy wants nothing."""

POLICIES = "HKLM\\SOFTWARE\\Policies\\"
OURS = "HKLM\\SOFTWARE\\winfleet.rdp\\"
"""Where leases are noted as ended, which no policy decides."""

Case = tuple[str, Observation, dict[str, t.Any]]


def planned(case: Case) -> Plan:
    name, observation, options = case
    return REMEDIES[name].plan(observation, options)


@given(cases)
def test_a_plan_depends_on_nothing_but_observation_and_options(case: Case) -> None:
    name, observation, options = case
    copy = from_plain(Observation, json.loads(json.dumps(to_plain(observation))))
    assert copy == observation
    assert planned((name, copy, json.loads(json.dumps(options)))) == planned(case)


@given(cases)
def test_after_a_plan_nothing_is_left_to_do(case: Case) -> None:
    name, observation, options = case
    plan = planned(case)
    again = REMEDIES[name].plan(project(observation, plan.changes), options)
    assert again.changes == ()
    assert again.held == plan.held


@given(cases)
def test_every_change_starts_from_what_was_observed(case: Case) -> None:
    _name, observation, _options = case
    changes = planned(case).changes
    for position, change in enumerate(changes):
        now = project(observation, changes[:position])
        assert project(now, [change]) != now
        assert change.before != change.after
        assert change.reason


@given(cases)
def test_what_policy_decides_is_never_written_under(case: Case) -> None:
    _name, observation, options = case
    for change in planned(case).changes:
        if change.kind != "registry" or change.item.startswith(POLICIES):
            assert not change.item.startswith(POLICIES) or options.get("remove_orphaned_policy")
            continue
        if change.item.startswith(OURS):
            continue
        (state,) = (observation.settings[name] for name, entry in SETTINGS.items() if entry.path == change.item)
        assert not state.policy.is_value or (state.policy_owner == "" and options["remove_orphaned_policy"])


@given(cases)
def test_each_change_tells_what_it_does_to_a_benchmark_by_what_counts_before_and_after_it(case: Case) -> None:
    _name, observation, _options = case
    changes = planned(case).changes
    paths = {path: entry for entry in SETTINGS.values() for path in (entry.path, entry.policy and entry.policy.path)}
    for position, change in enumerate(changes):
        setting = paths.get(change.item)
        if setting is None or setting.by_policy_alone:
            continue
        found = [project(observation, changes[:number]).settings[setting.id] for number in (position, position + 1)]
        before, after = (effective(setting, state)[0] for state in found)
        assert change.compliance == compliance(setting, before, after, is_client(observation))


@pytest.mark.parametrize(("local", "told"), [(1, [["restores"]]), (0, [[], ["restores"]]), (None, [["restores"]])])
def test_an_orphan_of_policy_that_is_removed_tells_what_counts_then(local: int | None, told: list[list[str]]) -> None:
    stored = ABSENT if local is None else value(local, "REG_DWORD")
    orphaned = {"nla": SettingState(stored, value(0, "REG_DWORD"), "")}
    now = "2026-06-01T08:00:00+00:00"
    identity = Identity("HOST", "Windows", "10.0.20348", 20348, 3, 1033, now, now, 0.0)
    observation = Observation("host", identity=identity, settings=orphaned, leases=())
    options = {**defaults(REMEDIES["nla"].options), "remove_orphaned_policy": True}
    changes = REMEDIES["nla"].plan(observation, options).changes
    assert [[item.effect for item in change.compliance] for change in changes] == told


@given(cases)
def test_no_rule_is_widened_further_than_asked_and_none_is_opened_before_its_reach_is_right(case: Case) -> None:
    name, _observation, options = case
    if name != "firewall":
        return
    changes = planned(case).changes
    enabled = [position for position, change in enumerate(changes) if change.after == {"enabled": True}]
    for position in enabled:
        item = changes[position].item
        assert all(change.item != item for change in changes[position + 1 :])
    for change in changes:
        if isinstance(change.after, dict) and change.after.get("profiles") == 0:
            assert "any" in (options["profiles"] or [])


@given(cases)
def test_the_diff_is_the_same_however_the_plan_is_cut(case: Case) -> None:
    changes = planned(case).changes
    net = net_changes(changes)
    assert net == net_changes(list(changes))
    assert all(before != after for before, after in net.values())


@given(observations(REMEDIES["security_layer"].settings))
def test_the_layer_is_never_weakened_and_tls_never_required_without_proof(observation: Observation) -> None:
    for layer in ("rdp", "negotiate", "tls"):
        keep = dict.fromkeys(("encryption", "negotiation", "logon_prompt", "rpc"), "keep")
        given = {**keep, "layer": layer, "remove_orphaned_policy": False}
        options = {**given, "lease": None, "renew_lease": False, "accept_permanent_weakening": False}
        for change in REMEDIES["security_layer"].plan(replace(observation, leases=()), options).changes:
            before, after = (value["data"] if isinstance(value, dict) else 2 for value in (change.before, change.after))
            assert before not in (0, 1, 2) or after > before
            shuts_nobody_out = before not in (0, 1, 2) and change.then == "answer"
            assert change.proof == ("tls" if after == 2 and not shuts_nobody_out else "")


@pytest.mark.parametrize("name", sorted(REMEDIES))
def test_what_could_not_be_read_is_left_alone_and_said(name: str) -> None:
    empty = Observation("2026-01-01T00:00:00+00:00", unread=dict.fromkeys(REMEDIES[name].areas, "access denied"))
    options = {key: spec.get("default") for key, spec in REMEDIES[name].options.items()}
    plan = REMEDIES[name].plan(empty, {**options, **ASKING.get(name, {})})
    assert plan.changes == ()
    assert any("access denied" in refusal.message for refusal in plan.refused)
    assert unreadable("x").state == "unreadable"

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every plan that may weaken, over random observations, leases and options."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import Lease, LeaseState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import from_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.project import project
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies._weaken import plan_kept
from hypothesis import given
from hypothesis import strategies as st

from tests.support.observations import LEASABLE, NOW, observations, options_of

NAMES = ("nla", "security_layer")
cases = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), observations(), options_of(name)))
Case = tuple[str, Observation, dict[str, t.Any]]


def planned(case: Case) -> Plan:
    name, observation, options = case
    return REMEDIES[name].plan(observation, options)


def number(observation: Observation, setting: str) -> int | None:
    """The local number, or the default; None where Windows drops every connection because of it."""
    local = observation.settings[setting].local
    if local.type != "REG_DWORD":
        return SETTINGS[setting].default
    return t.cast(int, local.data) if local.data in SETTINGS[setting].choices else None


def lease(observation: Observation, setting: str) -> LeaseState | None:
    return next((state for state in observation.leases or () if state.lease.setting == setting), None)


def rested(state: LeaseState) -> bool:
    """Over for so long that a lease now is none of its renewal."""
    return datetime.fromisoformat(state.now) >= state.lease.ends + timedelta(days=1)


def is_permanent(options: dict[str, t.Any]) -> bool:
    return bool(options["accept_permanent_weakening"]) and options["lease"] is None


@given(cases)
def test_wherever_a_run_is_cut_off_what_it_weakened_has_an_end(case: Case) -> None:
    _name, observation, options = case
    if is_permanent(options):
        return
    changes = planned(case).changes
    for cut in range(len(changes) + 1):
        now = project(observation, changes[:cut])
        for setting in LEASABLE:
            before, after = number(observation, setting), number(now, setting)
            if before is None or after is None or after >= before:
                continue
            state = lease(now, setting)
            assert state is not None
            assert state.armed
            assert state.weak


@given(cases)
def test_no_step_weakens_without_the_lease_that_it_names(case: Case) -> None:
    _name, _observation, options = case
    if is_permanent(options):
        return
    for change in planned(case).changes:
        if change.kind == "registry" and change.risk == "high":
            assert SETTINGS[change.leased].path == change.item


@given(cases)
def test_a_lease_in_force_keeps_its_end_unless_renewal_is_asked_for(case: Case) -> None:
    _name, observation, options = case
    for change in planned(case).changes:
        state = lease(observation, change.item) if change.kind == "lease" else None
        in_force = state is not None and state.weak and not rested(state) and not state.astray
        if state is not None and in_force and isinstance(change.after, dict) and not options["renew_lease"]:
            assert change.after["until"] == state.lease.until


@given(cases)
def test_no_lease_ends_later_than_it_was_granted_for_or_by_a_clock_that_is_not_to_be_trusted(case: Case) -> None:
    _name, observation, _options = case
    for change in planned(case).changes:
        if change.kind != "lease" or not isinstance(change.after, dict):
            continue
        state = LeaseState(from_plain(Lease, change.after), True, None, NOW)
        assert not state.astray
        found = lease(observation, change.item)
        known = found is not None and found.weak
        assert known or (observation.identity and abs(observation.identity.clock_offset_s) < 300)
        assert known or state.lease.ends - datetime.fromisoformat(NOW) == timedelta(seconds=state.lease.lasts)


@given(cases)
def test_nothing_but_a_lease_whose_end_can_be_told_is_left_running_by_what_is_kept(case: Case) -> None:
    _name, observation, _options = case
    for setting in LEASABLE:
        state = lease(observation, setting)
        kept = plan_kept(observation, "nla", setting)
        if state is None or not state.weak or observation.settings[setting].policy.is_value:
            assert kept == Plan()
        elif state.armed and not state.spent:
            assert kept.changes == ()
        else:
            assert number(project(observation, kept.changes), setting) not in state.lease.weakened


@given(cases)
def test_what_a_lease_gave_away_is_never_forgotten(case: Case) -> None:
    _name, observation, _options = case
    for change in planned(case).changes:
        state = lease(observation, change.item) if change.kind == "lease" else None
        if state is not None and state.weak and isinstance(change.after, dict):
            assert change.after["restores"] == state.lease.restores
            assert set(t.cast(list[int], change.after["weakened"])) >= set(state.lease.weakened)


@given(cases)
def test_a_lease_restores_more_than_it_weakens(case: Case) -> None:
    for change in planned(case).changes:
        if change.kind == "lease" and isinstance(change.after, dict) and change.after["restores"] is not None:
            assert t.cast(int, change.after["restores"]) > max(t.cast(list[int], change.after["weakened"]))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run cut off at every one of its writes: each change is absent or journaled, and roll-back still restores."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import ProofMissing, fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import Limits, defaults, examine, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.host import SimulatedHost
from tests.support.cutting import Cut, cut_after, cut_before, roll_back_all, writes_of
from tests.support.in_process import job, settings_state
from tests.support.states import differing, outside

BREAKAGES = (
    "rdp_denied",
    "termservice_disabled",
    "firewall_rule_disabled",
    "firewall_port_mismatch",
    "security_layer_rdp",
)


def run_loop(simulated: SimulatedHost, before: Callable[[int, bytes], None] | None = None) -> str:
    doing = job(simulated, "run-1", **({"before": before} if before else {}))
    return remediate(doing, examine(doing.host, doing.prober, 600), Limits()).verdict


@pytest.mark.parametrize("cut", [cut_before, cut_after])
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_run_that_is_cut_off_anywhere_can_be_undone_and_goes_on(
    breakage: str, cut: Callable[[int], Callable[[int, bytes], None]]
) -> None:
    writes = writes_of(run_loop, SimulatedHost.build("2022", breakages=[breakage]))
    assert len(writes) > 5
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = SimulatedHost.build("2022", breakages=[breakage])
        before = settings_state(simulated)
        with pytest.raises((Cut, TransportFailed)):
            run_loop(simulated, cut(number))
        simulated.clock.advance(3600)  # the right to write expires

        changed = settings_state(simulated) != before
        undone = roll_back_all(simulated)
        assert undone or not changed, f"message {number} left a change without a journal entry"
        assert settings_state(simulated) == before, f"roll-back after a cut at message {number}"

        assert run_loop(simulated) == "repaired"
        roll_back_all(simulated)
        assert settings_state(simulated) == before


EXACT: dict[str, dict[str, t.Any]] = {
    "remote_desktop": {"drain": "on", "logons": "refused"},
    "firewall": {"remote_addresses": ["10.0.0.0/8"]},
    "transport": {"mode": "tcp_only"},
    "connection_limit": {"pending": 5000, "sessions": 25},
    "schannel": {"remove_orphaned_policy": True},
    "client_settings": {"udp": "off"},
    "security_layer": {"encryption": "fips"},
    "nla": {"state": "off", "accept_permanent_weakening": True},
}
"""Options under which a remedy changes something that has an exact undo."""


@pytest.mark.parametrize("name", sorted(EXACT))
def test_a_roll_back_that_is_cut_off_goes_on(name: str) -> None:
    options = {**defaults(REMEDIES[name].options), **EXACT[name]}
    breakages = {"schannel": ("tls_server_disabled", "cipher_suites_empty")}.get(name, ())

    def changed() -> SimulatedHost:
        simulated = SimulatedHost.build("2022", breakages=breakages)
        assert fix(job(simulated), REMEDIES[name], options)[1].changes
        return simulated

    def back(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        rollback(job(simulated, "back", before=before), "all", force=False)

    original = settings_state(SimulatedHost.build("2022", breakages=breakages))
    for number in writes_of(back, changed()):
        simulated = changed()
        with pytest.raises(Cut):
            back(simulated, cut_before(number))
        simulated.clock.advance(3600)
        rollback(job(simulated, "back"), "all", force=False)
        assert settings_state(simulated) == original


EVERY: dict[str, tuple[dict[str, t.Any], tuple[str, ...]]] = {
    "remote_desktop": ({"port_proxy": "remove"}, ("rdp_denied", "port_proxy")),
    "firewall": ({"block_rules": "disable", "transports": ["tcp"]}, ("firewall_blocked_by_rule",)),
    "transport": ({"mode": "tcp_only"}, ()),
    "connection_limit": ({"pending": 5000}, ("connection_flood",)),
    "schannel": ({}, ("tls_server_disabled",)),
    "client_settings": ({"udp": "off"}, ()),
    "security_layer": ({}, ("security_layer_rdp",)),
    "nla": ({}, ("nla_value_invalid",)),
    "network_stack": ({"dns": "flush", "winsock": "reset"}, ("winsock_layered",)),
    "certificate": ({"state": "self_signed"}, ("certificate_pinned_missing",)),
}
"""Options and breakages under which each module makes changes."""

ELSEWHERE = {"machine_keys": "test_key_repair.py", "gateway": "test_gateway.py"}
"""Where the others are cut off."""


def test_every_module_is_cut_off_somewhere() -> None:
    assert {*EVERY, *ELSEWHERE} == set(REMEDIES)


OF_ITS_OWN = ("remote_desktop", "firewall", "network_stack", "certificate")
"""Modules that do not write registry values alone, of which one answer that is lost is like the other."""


@pytest.mark.parametrize(
    ("name", "cut"),
    [*((name, cut_before) for name in sorted(EVERY)), *((name, cut_after) for name in OF_ITS_OWN)],
)
def test_a_module_that_is_cut_off_at_any_write_can_be_rolled_back_and_run_to_its_end(
    name: str, cut: Callable[[int], Callable[[int, bytes], None]]
) -> None:
    asked, breakages = EVERY[name]
    options = {**defaults(REMEDIES[name].options), **asked}

    def broken() -> SimulatedHost:
        return SimulatedHost.build("2022", breakages=breakages, traits=["dns_cache_stale"])

    def once(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        fix(job(simulated, "run-1", before=before), REMEDIES[name], options)

    original, whole = broken(), broken()
    writes = writes_of(once, whole)
    wanted = settings_state(whole)
    acts = [change for change in fix(job(broken(), check=True), REMEDIES[name], options)[0].changes if _lasts(change)]
    assert len(writes) > 5
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = broken()
        with pytest.raises((Cut, TransportFailed)):
            once(simulated, cut(number))
        simulated.clock.advance(3600)  # the right to write expires
        roll_back_all(simulated)
        left = differing(settings_state(original), settings_state(simulated))
        assert outside(left, acts) == [], f"rolled back after a cut at message {number}"

        _plan, done = fix(job(simulated, "run-2"), REMEDIES[name], options)
        assert done is not None
        assert outside(differing(wanted, settings_state(simulated)), acts) == [], f"at its end after a cut at {number}"
        assert fix(job(simulated, "run-3"), REMEDIES[name], options)[1].changes == []


def _lasts(change: Change) -> bool:
    """Whether roll-back leaves it, or what Windows made because of it."""
    return change.undo == "none"


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_negotiation_that_is_put_back_is_so_by_roll_back_too_when_the_run_is_cut_off(
    cut: Callable[[int], Callable[[int, bytes], None]],
) -> None:
    """The module alone puts it back where TLS is broken; a run that ends in between leaves it to roll-back."""
    options = defaults(REMEDIES["security_layer"].options)

    def once(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        with pytest.raises(ProofMissing):
            fix(job(simulated, "run-1", before=before), REMEDIES["security_layer"], options)

    def closed() -> SimulatedHost:
        return SimulatedHost.build("2022", breakages=["negotiation_disabled", "key_unreadable"])

    whole, original = closed(), settings_state(closed())
    writes = writes_of(once, whole)
    assert settings_state(whole) == original
    assert len(writes) > 5
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = closed()
        # Where only giving the right to write back is cut off, the reason is told all the same.
        with pytest.raises((Cut, TransportFailed, ProofMissing)):
            fix(job(simulated, "run-1", before=cut(number)), REMEDIES["security_layer"], options)
        simulated.clock.advance(3600)
        roll_back_all(simulated)
        assert settings_state(simulated) == original, f"rolled back after a cut at message {number}"
        once(simulated, lambda number, body: None)
        assert settings_state(simulated) == original, f"run again after a cut at message {number}"

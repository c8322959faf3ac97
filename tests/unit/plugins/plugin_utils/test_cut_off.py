# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run cut off at every one of its writes: each change is absent or journaled, and roll-back still restores.

Each module that writes is cut off, on hosts of all versions and languages in turn.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import climb, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.breakages.gateway import TARGETS
from tests.simulator.host import SimulatedHost
from tests.simulator.windows.editions import EDITIONS, FLEET_VERSIONS, LANGUAGES
from tests.support.cutting import Before, Cut, cut_after, cut_before, cuts, roll_back_all, writes_of
from tests.support.hosts import IN_STORE, named
from tests.support.in_process import acts, job, settings_state
from tests.support.states import differing, outside

MODULES = Path(__file__).parents[4] / "plugins" / "modules"
LATER = 2 * 3600
"""Seconds after which the right to write has expired, and what was to run once is gone."""


@dataclass(frozen=True)
class Task:
    """What a module is asked for, and what is wrong with the host that makes it write.

    Attributes:
        varies: kinds of changes that are not called for any more, or find another folder, where an earlier run has done
            what has no undo.
    """

    module: str
    given: Mapping[str, t.Any] = field(default_factory=dict)
    breakages: Sequence[str] = ()
    traits: Sequence[str] = ()
    varies: Sequence[str] = ()
    allow_reboot: bool = False

    def host(self, version: str, language: str) -> SimulatedHost:
        return SimulatedHost.build(version, language, breakages=self.breakages, traits=self.traits)

    def do(self, simulated: SimulatedHost, run_id: str, **how: t.Any) -> list[Change]:
        """Do it as the module does, and tell what was changed."""
        return self._run(simulated, job(simulated, run_id, allow_reboot=self.allow_reboot, **how))

    def _run(self, simulated: SimulatedHost, doing: Job) -> list[Change]:
        if self.module == "remediate":
            return remediate(doing, examine(doing.host, doing.prober, 600), Limits()).changes
        if self.module == "machine_keys" and not self.given:
            return climb(doing, "machine_keys").changes
        options = named(simulated, {**defaults(REMEDIES[self.module].options), **self.given})
        return fix(doing, REMEDIES[self.module], options)[1].changes

    @property
    def name(self) -> str:
        asked = ("reboot",) if self.allow_reboot else ()
        return "-".join((self.module, *asked, *map(str, self.given.values()), *self.breakages))

    @property
    def needs_server(self) -> bool:
        return self.module == "gateway"


TASKS = (
    Task("remote_desktop", {"port_proxy": "remove"}, ("rdp_denied", "port_proxy")),
    Task("remote_desktop", {"drain": "on", "logons": "refused"}, ("termservice_disabled",)),
    Task("remote_desktop", {"port": 3389}, (), ("custom_port",)),
    Task("remote_desktop", {"state": "disabled"}),
    Task("remote_desktop", {"remove_orphaned_policy": True}, ("rdp_denied_by_orphan_policy",)),
    Task("firewall", {"port": 33890, "transports": ["tcp"]}),
    Task("firewall", {"state": "disabled"}),
    Task("firewall", {"block_rules": "disable", "transports": ["tcp"]}, ("firewall_blocked_by_rule",)),
    Task("firewall", {"profiles": ["public"], "remote_addresses": ["192.0.2.0/24"], "transports": ["tcp"]},
         ("firewall_port_mismatch", "firewall_public_network")),
    Task("firewall", {"built_in_rules": "restore", "transports": ["tcp"]}, ("firewall_rule_missing",)),
    Task("firewall", {"built_in_rules": "restore", "transports": ["tcp"]}, ("firewall_rule_turned",)),
    Task("transport", {"mode": "tcp_only"}),
    Task("connection_limit", {"pending": 5000, "sessions": 25}),
    Task("certificate", {"state": "self_signed"}, ("certificate_pinned_missing",)),
    Task("certificate", {}, ("certificate_expired",)),
    Task("certificate", {}, ("certificate_pinned_expired",)),
    Task("certificate", {"state": "bound", "thumbprint": IN_STORE}, (), ("federation",)),
    Task("machine_keys", {}, ("key_unreadable",), ("iis_keys",)),
    *(Task("machine_keys", {"method": rung}, ("key_unreadable",)) for rung in ("ace", "certificate", "key")),
    Task("machine_keys", {"method": "folder_acl"}, ("folder_acl",)),
    Task("machine_keys", {"method": "store_acl"}, ("store_acl",), varies=("key_dacl",)),
    Task("machine_keys", {"method": "copy_aside"}, ("key_unreadable",), ("iis_keys",), ("key_copy",)),
    Task("machine_keys", {"method": "rename", "accept_shared_keys": True}, ("key_unreadable",), ("iis_keys",),
         ("key_folder",)),
    Task("schannel", {"remove_orphaned_policy": True}, ("tls_server_disabled", "cipher_suites_empty")),
    Task("network_stack", {"dns": "flush", "winsock": "reset"}, ("winsock_layered",), ("dns_cache_stale",)),
    Task("client_settings", {"udp": "off", "tls": "usable"}, ("client_tls12_disabled",)),
    Task("client_settings", {"tls": "usable"}, ("client_tls12_disabled",), allow_reboot=True),
    Task("schannel", {}, ("tls_server_disabled",), allow_reboot=True),
    Task("network_stack", {"winsock": "reset"}, ("winsock_layered",), allow_reboot=True),
    Task("remediate", {}, ("tls_server_disabled",), allow_reboot=True),
    Task("gateway", {"user_group": r"CORP\Others", "hosts": [*TARGETS], "udp": "off"}, ("gateway_service_disabled",),
         ("gateway_udp",)),
    Task("security_layer", {"encryption": "fips"}, ("security_layer_rdp",)),
    Task("nla", {}, ("nla_value_invalid",)),
    Task("nla", {"state": "off", "accept_permanent_weakening": True}),
    *(Task("remediate", {}, (breakage,)) for breakage in (
        "rdp_denied", "termservice_disabled", "firewall_rule_disabled", "firewall_port_mismatch", "security_layer_rdp",
        "key_unreadable", "certificate_expired",
    )),
)  # fmt: skip
"""Weakenings on a lease, which end by the host's clock, are cut off in test__lease.py."""

ELSEWHERE = {
    "rollback": "test_a_roll_back_that_is_cut_off_goes_on",
    "selftest": "_selftest/test_selftest.py",
}
"""Where modules are cut off that undo, or leave nothing, and so have no roll-back of their own."""

READERS = {"diagnosis_info", "host_info", "port_forward_info", "probe_info", "report"}


def _started(simulated: SimulatedHost) -> dict[str, object]:
    """What tells a host that was restarted, by what a journal calls that."""
    windows = simulated.windows
    return {"restart": windows.services["TermService"].process_id, "reboot": windows.booted}


def _unrecorded(simulated: SimulatedHost, at_first: Mapping[str, object]) -> list[str]:
    """What was restarted since without that being in the journal; a service that did not run is started instead."""
    told = {change.kind for change in acts(simulated)}
    now = _started(simulated)
    begun = [kind for kind, first in at_first.items() if first and now[kind] not in (0, first)]
    return [kind for kind in begun if kind not in told and "reboot" not in told]


def _places() -> list[tuple[Task, str, str]]:
    """Each task, on one version in one language after the other."""
    kinds = [(EDITIONS[version], language) for version, language in product(FLEET_VERSIONS, LANGUAGES)]
    turn, found = count(), []
    for task in TASKS:
        edition, language = next(
            kind for number in turn if (kind := kinds[number * 7 % len(kinds)])[0].server or not task.needs_server
        )
        found.append((task, edition.key, language))
    return found


PLACES = _places()
each_place = pytest.mark.parametrize(
    ("task", "version", "language"),
    [pytest.param(*place, id=f"{place[0].name}-{place[1]}-{place[2]}") for place in PLACES],
)


def test_every_module_that_writes_is_cut_off() -> None:
    modules = {path.stem for path in MODULES.glob("*.py")}
    assert {task.module for task in TASKS} == modules - READERS - set(ELSEWHERE)
    assert {task.module for task in TASKS} == {*REMEDIES, "remediate"}


def test_every_version_in_every_language_is_cut_off() -> None:
    assert {(version, language) for _task, version, language in PLACES} == {*product(FLEET_VERSIONS, LANGUAGES)}


@each_place
def test_a_run_that_is_cut_off_at_any_write_can_be_undone_and_run_to_its_end(
    task: Task, version: str, language: str
) -> None:
    made: list[Change] = []

    def once(simulated: SimulatedHost, before: Before) -> None:
        made.extend(task.do(simulated, "run-1", before=before))

    before, whole = settings_state(task.host(version, language)), task.host(version, language)
    writes = writes_of(once, whole)
    wanted, other = settings_state(whole), [change for change in made if change.undo == "none"]
    other += [change for change in made if change.kind in task.varies]
    assert len(writes) > 5
    for number, cut_off in cuts(writes):
        simulated = task.host(version, language)
        at_first = _started(simulated)
        with pytest.raises((Cut, TransportFailed)):
            once(simulated, cut_off)
        assert _unrecorded(simulated, at_first) == [], f"begun and cut off at message {number}"
        simulated.clock.advance(LATER)
        roll_back_all(simulated)
        left = differing(before, settings_state(simulated))
        assert outside(left, acts(simulated)) == [], f"rolled back after a cut at message {number}"

        task.do(simulated, "run-2")
        away = differing(wanted, settings_state(simulated))
        assert outside(away, [*other, *acts(simulated)]) == [], f"at its end after a cut at {number}"
        assert task.do(simulated, "run-3") == []
    roll_back_all(whole)
    assert outside(differing(before, settings_state(whole)), acts(whole)) == []


@each_place
def test_a_roll_back_that_is_cut_off_goes_on(task: Task, version: str, language: str) -> None:
    def changed() -> SimulatedHost:
        simulated = task.host(version, language)
        assert task.do(simulated, "run-1")
        return simulated

    def back(simulated: SimulatedHost, before: Before) -> None:
        rollback(job(simulated, "back", before=before), "all", force=False)

    original = settings_state(task.host(version, language))
    for number in writes_of(back, changed()):
        simulated = changed()
        with pytest.raises(Cut):
            back(simulated, cut_before(number))
        simulated.clock.advance(LATER)
        undoing = rollback(job(simulated, "back"), "all", force=False)
        assert (undoing.left, undoing.drifted) == ({}, [])
        away = differing(original, settings_state(simulated))
        assert outside(away, acts(simulated)) == [], f"after a cut at message {number}"


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_negotiation_that_is_put_back_is_so_by_roll_back_too_when_the_run_is_cut_off(
    cut: Callable[[int], Before],
) -> None:
    """The module alone puts it back where TLS is broken; a run that ends in between leaves it to roll-back."""
    options = defaults(REMEDIES["security_layer"].options)

    def once(simulated: SimulatedHost, before: Before) -> None:
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
        simulated.clock.advance(LATER)
        roll_back_all(simulated)
        assert settings_state(simulated) == original, f"rolled back after a cut at message {number}"
        once(simulated, lambda number, body: None)
        assert settings_state(simulated) == original, f"run again after a cut at message {number}"

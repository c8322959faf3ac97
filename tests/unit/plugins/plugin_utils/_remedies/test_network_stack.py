# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stale cache forgotten, a fresh one kept; a Winsock reset only where somebody else sits in the stack."""

from __future__ import annotations

import base64
import typing as t
from collections.abc import Callable
from datetime import timedelta

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import ApplyError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._journal import DNS_FLUSHED, WINSOCK_RESET
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import DnsState, Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import network, observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.network_stack import REMEDY
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.cmd import Output
from tests.simulator.windows.network import CacheEntry
from tests.simulator.windows.programs import PROGRAMS
from tests.simulator.windows.registry import Type
from tests.simulator.windows.winsock import BASE, CATALOG, ENTRIES, FOR_32_BIT, FOR_64_BIT, LAYERED, fill_catalog
from tests.support.cutting import Cut, cut_after, cut_before, writes_of
from tests.support.in_process import job, settings_state

NAME = "host17.example.com"


def options(**given: t.Any) -> dict[str, t.Any]:
    return {"dns": "stale", "names": [], "winsock": "keep", **given}


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    answers = {NAME: ("192.0.2.18", "2001:db8::18")}
    monkeypatch.setattr(network, "resolve", lambda name: answers.get(name, ()))
    return answers


def remembering(*addresses: str, name: str = NAME) -> SimulatedHost:
    simulated = SimulatedHost.build("11")
    simulated.windows.network.dns_cache = [CacheEntry(name, address) for address in addresses]
    return simulated


def test_a_stale_address_is_forgotten_and_a_second_run_has_nothing_to_do() -> None:
    simulated = remembering("192.0.2.17")
    before = settings_state(simulated)
    _plan, foretold = fix(job(simulated, check=True), REMEDY, options(names=[NAME.upper() + "."]))
    assert simulated.counters.writes == 0
    _plan, done = fix(job(simulated), REMEDY, options(names=[NAME]))
    assert done.changes == foretold.changes
    assert done.changes[0].before == {NAME: ["192.0.2.17"]}
    assert simulated.windows.network.dns_cache == []
    assert fix(job(simulated, "run-2"), REMEDY, options(names=[NAME]))[1].changes == []
    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert [target.entry.change.kind for target in undoing.not_undoable] == ["dns_cache"]
    assert settings_state(simulated) == before


def test_what_the_hosts_file_says_is_told_and_not_flushed_again_and_again() -> None:
    simulated = remembering("192.0.2.17")
    simulated.windows.network.hosts_file = (CacheEntry(NAME, "192.0.2.17"),)
    with pytest.raises(ApplyError, match=r"host17\.example\.com is remembered .* hosts file"):
        fix(job(simulated), REMEDY, options(names=[NAME]))
    writes = simulated.counters.writes
    plan, done = fix(job(simulated, "run-2"), REMEDY, options(names=[NAME]))
    assert (plan.changes, done.changes) == ((), [])
    assert [refusal.option for refusal in plan.refused] == ["names"]
    assert "192.0.2.17 a run before has flushed" in plan.refused[0].message
    assert simulated.counters.writes == writes


def test_what_the_machines_own_dns_server_says_is_told_and_not_flushed_again_and_again() -> None:
    simulated = remembering("192.0.2.17")
    assert len(fix(job(simulated), REMEDY, options(names=[NAME]))[1].changes) == 1
    simulated.windows.network.dns_cache = [CacheEntry(NAME, "192.0.2.17")]
    plan, _done = fix(job(simulated, "run-2"), REMEDY, options(names=[NAME]))
    assert (plan.changes, len(plan.refused)) == ((), 1)
    assert "its own DNS server answers otherwise" in plan.refused[0].message


def test_another_stale_address_is_flushed_and_what_was_flushed_before_is_not_forgotten(
    resolver: dict[str, tuple[str, ...]],
) -> None:
    resolver["other.example.com"] = ("192.0.2.20",)
    simulated = remembering("192.0.2.17")
    names = [NAME, "other.example.com"]
    fix(job(simulated), REMEDY, options(names=names))
    again = [CacheEntry(NAME, "192.0.2.17"), CacheEntry("other.example.com", "192.0.2.21")]
    simulated.windows.network.dns_cache = [*again]
    plan, done = fix(job(simulated, "run-2"), REMEDY, options(names=names))
    assert [change.before for change in done.changes] == [{"other.example.com": ["192.0.2.21"]}]
    assert len(plan.refused) == 1
    simulated.windows.network.dns_cache = [*again]
    plan, _done = fix(job(simulated, "run-3"), REMEDY, options(names=names))
    assert (plan.changes, len(plan.refused)) == ((), 2)


def test_a_name_that_moves_on_is_flushed_anew() -> None:
    simulated = remembering("192.0.2.17")
    fix(job(simulated), REMEDY, options(names=[NAME]))
    simulated.windows.network.dns_cache = [CacheEntry(NAME, "192.0.2.16")]
    assert len(fix(job(simulated, "run-2"), REMEDY, options(names=[NAME]))[1].changes) == 1


def test_a_note_that_is_none_of_ours_is_no_hindrance() -> None:
    simulated = remembering("192.0.2.17")
    simulated.windows.registry.put(ROOT, DNS_FLUSHED, Type.SZ, "nothing of ours")
    assert len(fix(job(simulated), REMEDY, options(names=[NAME]))[1].changes) == 1


@pytest.mark.parametrize(
    "simulated", [remembering("192.0.2.18"), remembering("192.0.2.99", "192.0.2.18"), remembering("2001:db8::18")]
)
def test_what_the_name_still_has_is_kept(simulated: SimulatedHost) -> None:
    assert fix(job(simulated), REMEDY, options(names=[NAME]))[0].changes == ()


def test_a_name_that_the_resolver_does_not_know_is_no_proof() -> None:
    simulated = remembering("192.0.2.17", name="elsewhere.example.com")
    plan, _done = fix(job(simulated), REMEDY, options(names=["elsewhere.example.com"]))
    assert plan.changes == ()
    assert "no answer here" in plan.notes[0]


@pytest.mark.parametrize(
    ("cached", "resolved", "stale"),
    [
        (("192.0.2.17",), ("2001:db8::18",), False),
        (("2001:db8::17",), ("192.0.2.18",), False),
        (("192.0.2.17",), ("2001:db8::18", "192.0.2.18"), True),
        (("192.0.2.17", "2001:db8::17"), ("2001:db8::18",), True),
        (("fe80::1%4",), ("192.0.2.18",), False),
    ],
)
def test_addresses_are_compared_with_those_of_their_own_family(
    cached: tuple[str, ...], resolved: tuple[str, ...], stale: bool
) -> None:
    seen = Observation("2026-06-01T00:00:00+00:00", dns=DnsState({NAME: cached}, {NAME: resolved}))
    assert bool(REMEDY.plan(seen, options(names=[NAME])).changes) is stale


def test_a_name_remembered_as_unknown_is_stale_once_it_has_an_address() -> None:
    dns = DnsState({NAME: ()}, {NAME: ("192.0.2.18",)})
    plan = REMEDY.plan(Observation("2026-06-01T00:00:00+00:00", dns=dns), options(names=[NAME]))
    assert "remembered as unknown" in plan.changes[0].reason


def test_a_flush_is_made_once_and_not_of_an_empty_cache() -> None:
    simulated = remembering("192.0.2.18")
    assert len(fix(job(simulated), REMEDY, options(dns="flush"))[1].changes) == 1
    assert fix(job(simulated, "run-2"), REMEDY, options(dns="flush"))[1].changes == []


class Busy(list[CacheEntry]):
    """A cache that is filled again as soon as it is emptied."""

    def clear(self) -> None:
        """Nothing is left of the flush when anybody looks."""


def test_a_busy_host_that_fills_its_cache_at_once_is_no_failure() -> None:
    simulated = remembering()
    simulated.windows.network.dns_cache = Busy([CacheEntry("busy.example.com", "192.0.2.1")])
    assert len(fix(job(simulated), REMEDY, options(dns="flush"))[1].changes) == 1


@pytest.mark.parametrize("dns", ["keep", "stale"])
def test_what_was_not_asked_for_is_not_even_read(dns: str) -> None:
    simulated = remembering("192.0.2.17")
    asked: list[bytes] = []
    doing = job(simulated, before=lambda _number, body: asked.append(body))
    plan, _done = fix(doing, REMEDY, options(dns=dns))
    assert plan.notes == (("no names are given, so no remembered address was looked at",) if dns == "stale" else ())
    assert len(asked) == 1, "whether an earlier run has left a reboot to be done"
    assert b"EnumKey" in asked[0]


RESET = options(dns="keep", winsock="reset")


def saved_entries(catalog: str) -> list[dict[str, str]]:
    """The layered entries as they are to be saved; they stand behind Windows' own."""
    return [
        {
            "name": entry.name,
            "library": entry.library,
            "entry": base64.b64encode(entry.packed).decode("ascii"),
            "key": rf"{catalog}\{place:012}",
        }
        for place, entry in enumerate(LAYERED, start=len(BASE) + 1)
    ]


def test_layered_providers_are_named_saved_in_full_and_taken_away() -> None:
    simulated = SimulatedHost.build("11")
    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
    plan, done = fix(job(simulated, allow_reboot=True), REMEDY, RESET)
    assert plan.changes[0].reason.count("SecureTunnel LSP over") == 1
    assert [change.kind for change in done.changes] == ["winsock", "reboot"]
    total = len(BASE) + len(LAYERED)
    counters = {"Num_Catalog_Entries": total, "Num_Catalog_Entries64": total, "Next_Catalog_Entry_ID": 1012}
    kept = {"providers": saved_entries(FOR_32_BIT) + saved_entries(FOR_64_BIT), "counters": counters}
    assert done.changes[0].before == kept
    listed = rollback(job(simulated, "back"), "all", force=False).not_undoable
    assert kept in [target.entry.change.before for target in listed], "the journal has it too"
    again, _done = fix(job(simulated, "run-2"), REMEDY, RESET)
    assert again.changes == ()
    assert "would change nothing" in again.notes[0]


@pytest.mark.parametrize("catalog", [FOR_32_BIT, FOR_64_BIT])
def test_a_provider_of_either_catalog_alone_is_seen_and_saved(catalog: str) -> None:
    simulated = SimulatedHost.build("11")
    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED), catalogs=(catalog,))
    before = fix(job(simulated), REMEDY, RESET)[1].changes[0].before
    assert isinstance(before, dict)
    assert before["providers"] == saved_entries(catalog)
    assert "reset at" in fix(job(simulated, "run-2"), REMEDY, RESET)[0].notes[0]


def test_windows_of_32_bits_has_the_one_catalog() -> None:
    simulated = SimulatedHost.build("10")
    registry = simulated.windows.registry
    registry.delete_tree(ENTRIES)
    registry.discard(CATALOG, "Num_Catalog_Entries64")
    fill_catalog(registry, (*BASE, *LAYERED), catalogs=(FOR_32_BIT,))
    before = fix(job(simulated), REMEDY, RESET)[1].changes[0].before
    assert before == {
        "providers": saved_entries(FOR_32_BIT),
        "counters": {"Num_Catalog_Entries": len(BASE) + len(LAYERED), "Next_Catalog_Entry_ID": 1012},
    }


def test_the_catalog_is_reset_once_between_two_starts_of_the_host() -> None:
    simulated = SimulatedHost.build("11")
    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
    wanted = options(dns="keep", winsock="reset")
    assert "reboot" in fix(job(simulated), REMEDY, wanted)[1].waiting
    waiting, _done = fix(job(simulated, "run-2"), REMEDY, wanted)
    assert "has not started since" in waiting.notes[0]

    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
    again, done = fix(job(simulated, "run-3"), REMEDY, wanted)
    assert (again.changes, done.changes) == ((), [])
    assert "SecureTunnel LSP" in again.refused[0].message
    assert again.refused[0].option == "winsock"

    simulated.windows.reboot()
    simulated.clock.advance(600)
    assert [change.kind for change in fix(job(simulated, "run-4"), REMEDY, wanted)[1].changes] == ["winsock"]


def layered() -> SimulatedHost:
    simulated = SimulatedHost.build("11")
    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
    return simulated


def reset_by(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
    fix(job(simulated, before=before), REMEDY, RESET)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_set_makes_no_host_look_started_since_the_reset(days: int) -> None:
    simulated = layered()
    fix(job(simulated), REMEDY, RESET)
    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
    simulated.clock.set(simulated.clock.now() + timedelta(days=days))
    assert [refusal.option for refusal in fix(job(simulated, "run-2"), REMEDY, RESET)[0].refused] == ["winsock"]
    simulated.windows.reboot()
    simulated.clock.advance(600)
    assert [change.kind for change in fix(job(simulated, "run-3"), REMEDY, RESET)[1].changes] == ["winsock"]


def test_a_note_of_a_reset_that_is_none_of_ours_is_no_hindrance() -> None:
    simulated = layered()
    simulated.windows.registry.put(ROOT, WINSOCK_RESET, Type.SZ, "nothing of ours")
    assert [change.kind for change in fix(job(simulated), REMEDY, RESET)[1].changes] == ["winsock"]


@pytest.mark.parametrize("cut", [cut_before, cut_after])
def test_a_run_that_is_cut_off_at_any_write_leaves_one_reset_between_two_starts_of_the_host(
    cut: Callable[[int], Callable[[int, bytes], None]],
) -> None:
    """The provider's own program puts it back, so that the catalog does not tell that it was reset."""
    done, writes = [], writes_of(reset_by, layered())
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = layered()
        untouched = settings_state(simulated)
        with pytest.raises((Cut, TransportFailed)):
            reset_by(simulated, cut(number))
        done.append(settings_state(simulated) != untouched)
        fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
        simulated.clock.advance(7200)
        plan, _done = fix(job(simulated, "run-2"), REMEDY, RESET)
        assert [change.kind for change in plan.changes] == ["winsock"] * (not done[-1]), f"cut off at message {number}"
        assert [refusal.option for refusal in plan.refused] == ["winsock"] * done[-1]
    assert set(done) == {False, True}


def test_without_a_shell_nothing_is_reset() -> None:
    simulated = SimulatedHost.build("11", traits=["no_shell"])
    fill_catalog(simulated.windows.registry, (*BASE, *LAYERED))
    before = settings_state(simulated)
    with pytest.raises(Exception, match="opens no cmd shell"):
        fix(job(simulated), REMEDY, options(dns="keep", winsock="reset"))
    assert settings_state(simulated) == before
    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert (undoing.not_undoable, undoing.undone) == ([], [])
    assert observe(job(simulated).host, {"owed"}).owed == ()


addresses = st.lists(st.ip_addresses().map(str), max_size=4, unique=True).map(tuple)


@given(addresses, addresses)
def test_stale_is_symmetric_in_nothing_but_disagreement(cached: tuple[str, ...], resolved: tuple[str, ...]) -> None:
    dns = DnsState({NAME: cached}, {NAME: resolved})
    plan = REMEDY.plan(Observation("2026-06-01T00:00:00+00:00", dns=dns), options(names=[NAME]))
    if set(cached) & set(resolved) or not resolved:
        assert plan.changes == ()
    for change in plan.changes:
        assert change.before == {NAME: list(cached)}
        assert (change.undo, change.after) == ("none", None)


def test_a_reset_that_fails_is_told_and_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = layered()
    with monkeypatch.context() as patched:
        patched.setitem(PROGRAMS, "netsh", lambda _context, _arguments: Output(code=1))
        with pytest.raises(ApplyError, match="ended with code 1: the catalog is as it was, or it was reset"):
            fix(job(simulated), REMEDY, RESET)
    assert [change.kind for change in fix(job(simulated, "run-2"), REMEDY, RESET)[1].changes] == ["winsock"]

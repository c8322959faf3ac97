# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _journal
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import Moved, NotKept, Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._journal import (
    Altered,
    Entry,
    Journal,
    JournalError,
    decode,
    encode,
    flushed,
    note_flushed,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies._base import registry_value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job, settings_state

DRAIN = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\TSServerDrainMode"


def test_a_flush_is_remembered_for_a_day() -> None:
    """What comes back later may be an old answer again."""
    host = connect(SimulatedHost.build("2022"))
    host.ensure_private()
    start = datetime(2026, 6, 15, tzinfo=timezone.utc)
    note_flushed(host.registry, start, {"a.example": ["192.0.2.1", "192.0.2.2"], "b.example": []})
    note_flushed(host.registry, start + timedelta(hours=12), {"b.example": ["192.0.2.3"]})
    assert flushed(host.registry, start + timedelta(hours=23)) == {
        "a.example": ("192.0.2.1", "192.0.2.2"),
        "b.example": ("192.0.2.3",),
    }
    assert list(flushed(host.registry, start + timedelta(hours=25))) == ["b.example"]
    note_flushed(host.registry, start + timedelta(days=3), {"c.example": []})
    assert flushed(host.registry, start + timedelta(days=3)) == {"c.example": ()}


OPTIONS = {**defaults(REMEDIES["remote_desktop"].options), "drain": "on"}

plains = st.none() | st.fixed_dictionaries(
    {"type": st.sampled_from(["REG_DWORD", "REG_SZ"]), "data": st.integers(0, 2**32 - 1) | st.text()}
)
entries = st.builds(
    Entry,
    version=st.just(1),
    machine=st.text(),
    run=st.text(),
    number=st.integers(1, 9999),
    at=st.just("2026-01-01T00:00:00+00:00"),
    change=st.builds(
        Change,
        remedy=st.just("remote_desktop"),
        kind=st.just("registry"),
        item=st.text(),
        before=plains,
        after=plains,
        reason=st.text(),
    ),
)


def change(before: int | None, after: int | None) -> Change:
    values = [None if number is None else registry_value(number) for number in (before, after)]
    return Change("remote_desktop", "registry", DRAIN, values[0], values[1], "a test")


@given(entries)
def test_an_entry_comes_back_as_it_was_put_in(entry: Entry) -> None:
    value = encode(entry)
    assert isinstance(value.data, tuple)
    assert all(chunk.isascii() and len(chunk) <= _journal.CHUNK for chunk in value.data)
    assert decode(value.data, "here") == entry


@given(entries, st.data())
def test_an_altered_entry_is_refused(entry: Entry, data: st.DataObject) -> None:
    value = encode(entry)
    assert isinstance(value.data, tuple)
    raw = bytearray(base64.b64decode("".join(value.data)))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 127))
    with pytest.raises(Altered):
        decode([base64.b64encode(bytes(raw)).decode()], "here")


@given(st.lists(st.text(max_size=30), max_size=4))
def test_anything_else_is_refused(chunks: list[str]) -> None:
    with pytest.raises(Altered):
        decode(chunks, "here")


def test_a_run_that_changes_nothing_leaves_no_trace() -> None:
    simulated = SimulatedHost.build("2022")
    fix(job(simulated), REMEDIES["remote_desktop"], defaults(REMEDIES["remote_desktop"].options))
    assert connect(simulated).registry.keys(ROOT) is None


def test_drift_is_left_and_listed_unless_forced() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    fix(job(simulated), REMEDIES["remote_desktop"], OPTIONS)
    key, _separator, name = DRAIN.rpartition("\\")
    connect(simulated).registry.write(key, name, RegistryValue("REG_DWORD", 1))

    undoing = rollback(job(simulated, "back"), "last", force=False)
    assert [drift.item for drift in undoing.drifted] == [DRAIN]
    assert undoing.undone == []
    undoing = rollback(job(simulated, "back"), "last", force=True)
    assert [target.entry.change.item for target in undoing.undone] == [DRAIN]
    assert settings_state(simulated) == before


def test_runs_are_undone_newest_first_one_at_a_time_or_all_at_once() -> None:
    for way in (["last", "last"], ["all"], ["b-second", "a-first"]):
        simulated = SimulatedHost.build("2022")
        before = settings_state(simulated)
        fix(job(simulated, "a-first"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "on"})
        fix(job(simulated, "b-second"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "until_restart"})
        for which in way:
            rollback(job(simulated, "back"), which, force=False)
        assert settings_state(simulated) == before


def test_check_mode_of_all_runs_foretells_the_whole_way_back() -> None:
    simulated = SimulatedHost.build("2022")
    fix(job(simulated, "a-first"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "on"})
    fix(job(simulated, "b-second"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "until_restart"})
    writes = simulated.counters.writes
    foretold = rollback(job(simulated, "back", check=True), "all", force=False)
    assert simulated.counters.writes == writes
    done = rollback(job(simulated, "back"), "all", force=False)
    assert foretold.changes == done.changes
    assert len(done.undone) == 2


def test_the_order_of_runs_is_the_order_of_writing_whatever_their_names() -> None:
    for way in (["all"], ["last", "last"]):
        simulated = SimulatedHost.build("2022")
        before = settings_state(simulated)
        fix(job(simulated, "zz-first"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "on"})
        fix(job(simulated, "aa-second"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "until_restart"})
        assert rollback(job(simulated, "back", check=True), "last", force=False).runs == ["aa-second"]
        for which in way:
            assert not rollback(job(simulated, "back"), which, force=False).drifted
        assert settings_state(simulated) == before


def test_a_run_that_goes_on_after_another_one_is_undone_in_the_order_of_writing() -> None:
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    for run_id, mode in (("play", "on"), ("other", "until_restart"), ("play", "on")):
        fix(job(simulated, run_id), REMEDIES["remote_desktop"], {**OPTIONS, "drain": mode})
    assert not rollback(job(simulated, "back"), "all", force=False).drifted
    assert settings_state(simulated) == before


def test_what_a_run_took_back_itself_is_not_undone_again() -> None:
    simulated = SimulatedHost.build("2022")
    with Run(connect(simulated), "a-1", []) as run:
        run.apply(change(0, 1))
        run.undo(change(0, 1))
    fix(job(simulated, "b-2"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "until_restart"})
    undoing = rollback(job(simulated, "back"), "a-1", force=False)
    assert undoing.undone == []
    assert connect(simulated).effective("drain_mode") == 1


def test_a_recorded_change_that_came_to_nothing_leaves_nothing_to_undo() -> None:
    """A host refused the write: whoever changes the item later is not taken for having changed what the run left."""
    host = connect(SimulatedHost.build("2022"))
    with Run(host, "run-1", []) as run:
        run.record(change(0, 1))
        assert not run.undo(change(0, 1))
    (stretch,) = run.journal.stretches()
    assert [recorded.undone for recorded in run.journal.entries(stretch)] == [True]


def test_the_older_of_two_runs_alone_is_drift() -> None:
    simulated = SimulatedHost.build("2022")
    fix(job(simulated, "a-first"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "on"})
    fix(job(simulated, "b-second"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": "until_restart"})
    assert rollback(job(simulated, "back"), "a-first", force=False).drifted


def test_an_unknown_run_names_the_known_ones() -> None:
    simulated = SimulatedHost.build("2022")
    fix(job(simulated, "a-first"), REMEDIES["remote_desktop"], OPTIONS)
    with pytest.raises(JournalError, match="a-first"):
        rollback(job(simulated, "back"), "no-such-run", force=False)


def test_a_journal_from_another_machine_is_not_played_back() -> None:
    simulated = SimulatedHost.build("2022")
    fix(job(simulated), REMEDIES["remote_desktop"], OPTIONS)
    changed = settings_state(simulated)
    clone = connect(simulated)
    clone.registry.write(
        r"HKLM\SOFTWARE\Microsoft\Cryptography", "MachineGuid", RegistryValue("REG_SZ", "another-machine")
    )
    undoing = rollback(job(simulated, "back"), "all", force=True)
    assert undoing.foreign == ["run-1"]
    assert undoing.undone == []
    assert connect(simulated).effective("drain_mode") == 2
    assert changed


def test_trimmed_runs_keep_the_first_before_and_the_last_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_journal, "KEPT_RUNS", 1)
    simulated = SimulatedHost.build("2022")
    before = settings_state(simulated)
    for number, mode in enumerate(["on", "until_restart", "on", "until_restart"]):
        fix(job(simulated, f"run-{number}"), REMEDIES["remote_desktop"], {**OPTIONS, "drain": mode})
    host = connect(simulated)
    journal = Journal(host.registry, host.machine_id, host.now)
    assert [stretch.run for stretch in journal.stretches()] == ["run-3"]
    (item,) = journal.trimmed()
    assert (item.change.before, item.change.after) == (registry_value(0), registry_value(2))
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_a_value_changed_since_the_plan_is_not_overwritten() -> None:
    simulated = SimulatedHost.build("2022")
    with Run(connect(simulated), "run-1", []) as run, pytest.raises(Moved, match="somebody changed it"):
        run.apply(change(1, 2))
    assert connect(simulated).effective("drain_mode") == 0


def test_a_value_that_windows_does_not_keep_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    write = host.registry.write

    def revert(path: str, name: str, value: RegistryValue) -> None:
        write(path, name, replace(value, data=0) if name == "TSServerDrainMode" else value)

    monkeypatch.setattr(host.registry, "write", revert)
    with Run(host, "run-1", []) as run, pytest.raises(NotKept, match="sets it back"):
        run.apply(change(0, 2))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repair of the listener's certificate and key: the smallest rung, other keys untouched, guards, ways back."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _hidden, _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import ApplyError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import key_folders as of_keys
from ansible_collections.winfleet.rdp.plugins.plugin_utils._apply import Run
from ansible_collections.winfleet.rdp.plugins.plugin_utils._carry_out import ProofMissing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import certificates as certificates_of
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.certificates import DamagedCertificate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.files import Files
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import Finding, direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.verdict import Standing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done, Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._journal import Entry, Journal
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import climb, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model import sddl
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import GENERATED, Change, Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import unreadable
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.breakages import cause_of
from tests.simulator.host import SimulatedHost
from tests.simulator.switches import SWITCHES as SWITCHES_OF
from tests.simulator.traits import apply_trait
from tests.simulator.windows.certificates import (
    CLIENT,
    KEY_FILE_2019,
    LISTENER,
    MACHINE_GUID,
    REMOTE_DESKTOP,
    REMOTE_DESKTOP_ONLY,
    STORES,
    WINSTATIONS,
    Request,
)
from tests.simulator.windows.clock import DEFAULT_START
from tests.simulator.windows.cmd import CommandShell, Output
from tests.simulator.windows.files import MACHINE_KEYS, MACHINE_KEYS_SDDL
from tests.simulator.windows.files import Entry as Stored
from tests.simulator.windows.keys import WEAK_KEY
from tests.simulator.windows.registry import Type
from tests.simulator.windows.security import Ace, SecurityDescriptor
from tests.simulator.windows.services import RUNNING, Service
from tests.simulator.windows.tasks import TERMINATED
from tests.simulator.windows.tenants import WSMAN
from tests.support.cutting import Cut, cut_after, cut_before, roll_back_all, writes_of
from tests.support.in_process import connect, job, prober, settings_state
from tests.support.states import State, differing, outside

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")
TENANTS = ("iis_keys", "sql_server", "federation", "azure_agent")

SMALLEST = {
    "key_unreadable": ["file_access"],
    "key_denied": ["file_access"],
    "key_missing": ["renewal"],
    "machine_guid_changed": ["renewal"],
    "certificate_expired": ["renewal"],
    "folder_acl": ["folder_dacl", "renewal"],
    "store_acl": ["key_dacl", "renewal"],
    "certificate_pinned_missing": ["registry"],
    "key_in_cng": ["file_access"],
    "certificate_missing": ["renewal"],
    "certificate_damaged": ["registry", "renewal"],
    "certificate_pinned_damaged": ["registry"],
}
"""The rung that cures each cause and touches least."""

SWITCHES: tuple[dict[str, object], ...] = (
    {"key_descriptor_readable": True},
    {"new_key_on_renewal": False},
    {"icacls_file_has_mark": False},
    {"pinned_missing": "own"},
    {"key_files_system": True},
    {"damaged_replaced": False},
)


def kinds(changes: t.Iterable[Change]) -> list[str]:
    return [change.kind for change in changes]


def built(version: str, breakage: str, switches: dict[str, object], traits: t.Sequence[str] = TENANTS) -> SimulatedHost:
    return SimulatedHost.build(version, breakages=[breakage] if breakage else [], traits=traits, switches=switches)


def cure(simulated: SimulatedHost, **how: t.Any) -> Course:
    doing = job(simulated, **how)
    return remediate(doing, examine(doing.host, doing.prober, 600), Limits())


def run(simulated: SimulatedHost, remedy: str, check: bool = False, **given: t.Any) -> tuple[Plan, Done]:
    return fix(job(simulated, check=check), REMEDIES[remedy], {**defaults(REMEDIES[remedy].options), **given})


def key_files(simulated: SimulatedHost, mine: bool = False) -> dict[str, object]:
    """The listener's key files in MachineKeys, or those of everybody else, with content and permissions."""
    files = t.cast("dict[str, object]", simulated.state()["files"])
    keys = {path: entry for path, entry in files.items() if "\\machinekeys\\" in path.lower()}
    return {path: entry for path, entry in keys.items() if ("\\f686aace" in path) is mine}


def unexplained(before: State, simulated: SimulatedHost, changes: t.Iterable[Change]) -> list[tuple[str, ...]]:
    """Where the host is other than before although no change accounts for it: nothing of ours is left there either."""
    return outside(differing(before, settings_state(simulated)), changes)


def acts(changes: t.Iterable[Change]) -> list[Change]:
    """Those that roll-back leaves, and lists."""
    return [change for change in changes if change.undo == "none"]


GONE = ("certificate_pinned_missing", "certificate_pinned_damaged")


def hosts(number: int) -> Iterator[tuple[str, dict[str, object]]]:
    """One of each version; and one with each switch turned, of a version on which the next breakage has another."""
    yield from ((version, {}) for version in VERSIONS)
    for place, switches in enumerate(SWITCHES):
        yield ("2016", "2022")[(number + place) % 2], switches


CASES = [
    pytest.param(version, switches, breakage, id="-".join((breakage, version, *switches)))
    for number, breakage in enumerate(sorted(SMALLEST))
    for version, switches in hosts(number)
    if not (breakage in GONE and switches == {"pinned_missing": "own"})  # that breaks nothing
]


@pytest.mark.parametrize(("version", "switches", "breakage"), CASES)
def test_the_smallest_rung_is_taken_and_proved_and_nobody_elses_key_is_touched(
    breakage: str, switches: dict[str, object], version: str
) -> None:
    simulated = built(version, breakage, switches)
    before, others = settings_state(simulated), key_files(simulated)

    foreseeing = job(simulated, check=True)
    standing = examine(foreseeing.host, foreseeing.prober, 600)
    assert [finding.id for finding in direct(standing.findings)][:1] == [cause_of(breakage)]
    foreseen = foresee(standing, Limits())
    assert (simulated.counters.writes, simulated.counters.shells_opened) == (0, 0)

    course = cure(simulated)
    assert course.verdict == "repaired"
    assert kinds(course.changes) == SMALLEST[breakage] == kinds(foreseen.changes)
    assert course.after.observation.probe is not None
    assert course.after.observation.probe["tls"]["verdict"] == "ok"
    assert not course.after.observation.probe["tls"]["certificate"]["expired"]
    assert key_files(simulated) == others
    assert unexplained(before, simulated, course.changes) == []

    writes = simulated.counters.writes
    assert (cure(simulated).verdict, simulated.counters.writes) == ("healthy", writes)

    back = rollback(job(simulated, "back"), "all", force=False)
    assert len(back.not_undoable) == len(acts(course.changes))
    assert unexplained(before, simulated, acts(course.changes)) == []


@pytest.mark.parametrize(("fallback", "made"), [("none", ["registry", "file_access"]), ("own", ["file_access"])])
@pytest.mark.parametrize("version", ["2016", "2022"])
def test_behind_a_certificate_that_is_gone_the_listeners_own_is_mended_whichever_it_takes(
    version: str, fallback: str, made: list[str]
) -> None:
    broken, switches = ["certificate_pinned_missing", "key_unreadable"], {"pinned_missing": fallback}
    simulated = SimulatedHost.build(version, breakages=broken, traits=TENANTS, switches=switches)
    before, others = settings_state(simulated), key_files(simulated)
    course = cure(simulated)
    assert (course.verdict, [kind for kind in kinds(course.changes) if kind != "restart"]) == ("repaired", made)
    assert key_files(simulated) == others
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_where_the_listener_takes_its_own_for_a_certificate_that_is_gone_nothing_is_broken() -> None:
    simulated = built("2022", "certificate_pinned_missing", {"pinned_missing": "own"})
    assert (cure(simulated).verdict, simulated.counters.writes) == ("healthy", 0)


@pytest.mark.parametrize("version", ["2016", "2022"])
@pytest.mark.parametrize("breakage", sorted(SMALLEST))
def test_what_is_known_after_a_repair_is_what_a_new_look_at_everything_would_show(breakage: str, version: str) -> None:
    simulated = built(version, breakage, {})
    after = cure(simulated).after.observation
    known, seen = after.keys, observe(connect(simulated), ("identity", "keys")).keys
    assert known is not None
    assert seen is not None
    assert replace(known, free_bytes=None) == replace(seen, free_bytes=None)
    for path, dacl in (after.key_stores or {}).items():
        stored = simulated.windows.registry.descriptor(path).to_sddl()
        assert sddl.parse(str(dacl.data)).dacl == sddl.parse(stored).dacl


METHODS = {
    "ace": ["file_access"],
    "certificate": ["certificate", "renewal"],
    "key": ["certificate", "key_file", "renewal"],
    "copy_aside": ["key_copy", "certificate", "key_file", "renewal"],
    "rename": ["key_folder", "certificate", "renewal"],
}


@pytest.mark.parametrize("marked", [False, True], ids=["plain", "system"])
@pytest.mark.parametrize("version", ["2016", "2022"])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_each_method_makes_tls_work_and_is_not_repeated(method: str, version: str, marked: bool) -> None:
    simulated = built(version, "key_unreadable", {"key_files_system": marked})
    before, others = settings_state(simulated), key_files(simulated)
    plan, foretold = run(simulated, "machine_keys", check=True, method=method, accept_shared_keys=True)
    assert simulated.counters.writes == 0

    _plan, done = run(simulated, "machine_keys", method=method, accept_shared_keys=True)
    assert kinds(done.changes) == METHODS[method]
    assert [(c.item, c.before, c.after) for c in done.changes] == [(c.item, c.before, c.after) for c in plan.changes]
    assert foretold.changes == done.changes
    assert done.proof is not None
    assert done.proof["tls"]["verdict"] == "ok"
    assert key_files(simulated) == others
    assert unexplained(before, simulated, done.changes) == []

    writes = simulated.counters.writes
    assert run(simulated, "machine_keys", method=method, accept_shared_keys=True)[1].changes == []
    assert simulated.counters.writes == writes


@pytest.mark.parametrize("method", ["copy_aside", "rename"])
@pytest.mark.parametrize("way", ["restored", "rollback"])
def test_what_was_put_aside_comes_back(method: str, way: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    folders = [path for path in t.cast("dict[str, object]", simulated.state()["files"]) if path.endswith("MachineKeys")]
    original, before = settings_state(simulated), key_files(simulated)
    lasting = acts(run(simulated, "machine_keys", method=method, accept_shared_keys=True)[1].changes)
    made = key_files(simulated, mine=True)
    if way == "restored":
        lasting += run(simulated, "machine_keys", state="restored")[1].changes
        assert run(simulated, "machine_keys", state="restored")[1].changes == []
    else:
        assert not rollback(job(simulated, "back"), "all", force=False).left
    state = t.cast("dict[str, object]", simulated.state()["files"])
    assert key_files(simulated) == before
    assert key_files(simulated, mine=True) == made
    assert unexplained(original, simulated, lasting) == []
    assert [path for path in state if path.endswith(("MachineKeys", "_old", ".part"))] == folders
    assert run(simulated, "machine_keys", method="ace")[1].changes == []


def test_folders_that_were_put_aside_one_after_the_other_all_come_back() -> None:
    simulated = built("2022", "key_unreadable", {})
    original, lasting = settings_state(simulated), []
    for end in ("_old", "_old2"):
        lasting += acts(run(simulated, "machine_keys", method="rename", accept_shared_keys=True)[1].changes)
        assert simulated.windows.files.find(f"{MACHINE_KEYS}{end}")
        simulated.clock.advance(7200)
        path = simulated.windows.certificates.key_file
        simulated.windows.files.set_descriptor(path, SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;;FA;;;SY)"))
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert unexplained(original, simulated, lasting) == []


def test_folders_that_somebody_else_put_aside_are_left_and_named() -> None:
    """The usual advice has MachineKeys renamed by hand; what lies there was replaced since, or never belonged there."""
    simulated = built("2022", "key_unreadable", {})
    aside = [f"{MACHINE_KEYS}{end}" for end in ("_old", "_backup2019")]
    for folder in aside:
        simulated.windows.files.add(folder, MACHINE_KEYS_SDDL, folder=True)
        simulated.windows.files.add(rf"{folder}\stray", MACHINE_KEYS_SDDL, content="key of somebody")
    run(simulated, "machine_keys", method="copy_aside")
    before = simulated.state()["files"]
    plan, done = run(simulated, "machine_keys", state="restored")
    assert [change.item.lower() for change in done.changes] == [f"{MACHINE_KEYS}_old2".lower()]
    assert sorted(folder for folder in aside if any(folder.lower() in note for note in plan.notes)) == sorted(aside)
    after = simulated.state()["files"]
    assert {path for path in before if path not in after} == {p for p in before if "_old2" in p}
    assert not [path for path in after if path not in before]


def test_whose_copies_lie_beside_is_asked_only_where_keys_are_to_come_back() -> None:
    simulated = built("2022", "key_unreadable", {})
    run(simulated, "machine_keys", method="copy_aside")

    def operations(*areas: str) -> int:
        host = connect(simulated)
        observe(host, areas)
        return host.cim.operations

    beside, asked = operations("keys"), operations("key_copies")
    simulated.windows.files.remove(f"{MACHINE_KEYS}_old")
    one_more_folder_and_its_task = 2
    assert beside - operations("keys") <= one_more_folder_and_its_task < asked - operations("key_copies")


def test_a_key_that_went_missing_comes_back_from_the_copy() -> None:
    simulated = built("2022", "key_unreadable", {})
    run(simulated, "machine_keys", method="copy_aside")
    others = key_files(simulated)
    lost = next(iter(others))
    simulated.windows.files.remove(lost)
    assert key_files(simulated) != others
    run(simulated, "machine_keys", state="restored")
    assert key_files(simulated) == others


def folder_of(simulated: SimulatedHost, path: str = MACHINE_KEYS) -> str:
    """The permissions of a folder itself, its owner included."""
    entry = simulated.windows.files.find(path)
    assert entry is not None
    return entry.descriptor.to_sddl()


def broken_folder(sddl_: str, **switches: object) -> SimulatedHost:
    """A host whose key cannot be read, and whose key folder has these permissions."""
    simulated = built("2022", "key_unreadable", switches)
    simulated.windows.files.set_descriptor(MACHINE_KEYS, SecurityDescriptor.from_sddl(sddl_))
    return simulated


BROKEN_FOLDERS = (
    MACHINE_KEYS_SDDL,
    "O:SYG:SYD:PAI(D;;0x12019f;;;SY)(A;;FA;;;BA)",
    "O:BAG:SYD:PAI(D;;FA;;;WD)(A;;FA;;;BA)",
    "O:BAG:BAD:AI(A;OICI;FA;;;BA)(A;OICIID;0x1200a9;;;BU)",
)


@pytest.mark.parametrize("taken", SWITCHES_OF["robocopy_folder"].choices)
@pytest.mark.parametrize("planted", BROKEN_FOLDERS)
def test_a_folder_beyond_repair_gets_the_default_permissions_and_takes_its_own_back(planted: str, taken: str) -> None:
    simulated = broken_folder(planted, robocopy_folder=taken)
    before, found = key_files(simulated), folder_of(simulated)
    mine = key_files(simulated, mine=True)
    _plan, done = run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    assert done.proof is not None
    assert done.proof["tls"]["verdict"] == "ok"
    assert key_files(simulated) == before
    assert folder_of(simulated) == MACHINE_KEYS_SDDL
    assert folder_of(simulated, f"{MACHINE_KEYS}_old") == found
    made = key_files(simulated, mine=True)
    assert not made.items() & mine.items()
    beside = {path for path in simulated.state()["files"] if path.lower().startswith(MACHINE_KEYS.lower())}
    assert {path.partition("MachineKeys")[2].partition("\\")[0] for path in beside} == {"", "_old"}

    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert (key_files(simulated), key_files(simulated, mine=True)) == (before, made)
    assert folder_of(simulated) == found


@pytest.mark.parametrize("taken", SWITCHES_OF["robocopy_folder"].choices)
@pytest.mark.parametrize("planted", BROKEN_FOLDERS)
def test_a_copy_has_the_default_permissions_and_leaves_the_folder_its_own(planted: str, taken: str) -> None:
    simulated = broken_folder(planted, robocopy_folder=taken)
    found, others = folder_of(simulated), key_files(simulated)
    copied = Change("machine_keys", "key_copy", f"{MACHINE_KEYS}_old", None, MACHINE_KEYS, "a copy")
    with Run(connect(simulated), "copying", []) as making:
        making.apply(copied)
    assert folder_of(simulated, f"{MACHINE_KEYS}_old") == MACHINE_KEYS_SDDL
    assert folder_of(simulated) == found
    lost = next(iter(others))
    simulated.windows.files.remove(lost)
    run(simulated, "machine_keys", state="restored")
    assert (key_files(simulated), folder_of(simulated)) == (others, found)
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None


@pytest.mark.parametrize("method", ["certificate", "key", "copy_aside"])
def test_no_key_is_given_up_where_windows_could_not_make_another(method: str) -> None:
    simulated = broken_folder(BROKEN_FOLDERS[1])
    _plan, done = run(simulated, "machine_keys", method=method)
    assert kinds(done.changes) == ["folder_dacl", *METHODS[method]]
    assert done.proof is not None
    assert done.proof["tls"]["verdict"] == "ok"
    assert folder_of(simulated) == MACHINE_KEYS_SDDL


@pytest.mark.parametrize("method", ["copy_aside", "rename"])
def test_a_folder_that_even_system_may_not_look_into_is_left_and_how_to_own_it_is_said(method: str) -> None:
    owner = "S-1-5-21-1-2-3-1001"
    simulated = broken_folder(f"O:{owner}G:SYD:PAI(A;;FA;;;{owner})")
    before = settings_state(simulated)
    with pytest.raises(ApplyError, match="takeown"):
        run(simulated, "machine_keys", method=method, accept_shared_keys=True)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("reach", SWITCHES_OF["folder_descriptor"].choices)
@pytest.mark.parametrize("method", ["folder_acl", "key"])
def test_a_folder_is_mended_and_given_its_own_back_and_no_key_of_others_is(method: str, reach: str) -> None:
    simulated = built("2016", "folder_acl", {"folder_descriptor": reach}, (*TENANTS, "winrm_https"))
    others, found = key_files(simulated), folder_of(simulated)
    _plan, done = run(simulated, "machine_keys", method=method)
    assert "folder_dacl" in kinds(done.changes)
    assert (key_files(simulated), folder_of(simulated)) == (others, MACHINE_KEYS_SDDL)
    assert not rollback(job(simulated, "back"), "all", force=False).left
    assert (key_files(simulated), folder_of(simulated)) == (others, found)


SECURED = {"key_folder_hardened": "folder_dacl", "certificate_store_hardened": "key_dacl"}
UNSEEN = {"key_folder_hidden": MACHINE_KEYS, "certificate_store_hidden": REMOTE_DESKTOP}
"""Permissions that keep Windows from making a certificate: what is put right first, and where they are not shown."""

GIVEN_UP: list[tuple[str, str, dict[str, t.Any]]] = [
    ("", "certificate", {"renew_before": 180}),
    *(
        ("certificate_expired", "machine_keys", {"method": m, "accept_shared_keys": True})
        for m in METHODS
        if m != "ace"
    ),
]
"""What deletes a certificate that still serves: the breakage, the module and what it is asked for."""


@pytest.mark.parametrize("trait", sorted(SECURED))
@pytest.mark.parametrize(("breakage", "remedy", "given"), GIVEN_UP)
def test_a_certificate_is_given_up_once_windows_can_make_another(
    breakage: str, remedy: str, given: dict[str, t.Any], trait: str
) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage] if breakage else [], traits=[trait])
    assert simulated.probe_view()["tls"] == "ok"
    foretold, _done = run(simulated, remedy, True, **given)
    _plan, done = run(simulated, remedy, **given)
    renamed = given.get("method") == "rename" and trait == "key_folder_hardened"
    assert kinds(done.changes)[0] == ("key_folder" if renamed else SECURED[trait])
    assert kinds(done.changes) == kinds(foretold.changes)
    assert done.proof is not None
    assert (done.proof["tls"]["verdict"], done.proof["tls"]["certificate"]["expired"]) == ("ok", False)


@pytest.mark.parametrize(
    ("breakage", "remedy", "given", "trait"),
    [
        (*case, trait)
        for case in GIVEN_UP
        for trait in sorted(UNSEEN)
        if (case[2].get("method"), trait) != ("rename", "key_folder_hidden")  # another folder takes its place
    ],
)
def test_a_certificate_that_serves_is_kept_where_nothing_shows_that_windows_can_make_another(
    breakage: str, remedy: str, given: dict[str, t.Any], trait: str
) -> None:
    simulated = SimulatedHost.build("2022", breakages=[breakage] if breakage else [], traits=[trait])
    before = settings_state(simulated)
    plan, done = run(simulated, remedy, **given)
    assert done.changes == []
    assert UNSEEN[trait] in plan.refused[0].message
    assert settings_state(simulated) == before
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize("of", ["folder", "store"])
def test_permissions_that_administrators_may_not_change_stop_the_run_before_anything_is_given_up(of: str) -> None:
    simulated = weak()
    if of == "folder":
        simulated.windows.files.set_descriptor(
            MACHINE_KEYS, SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;;0x1200a9;;;WD)")
        )
    else:
        shown = SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;CI;KR;;;SY)(A;CI;KR;;;BA)")
        simulated.windows.registry.set_descriptor(rf"{STORES}\{REMOTE_DESKTOP}\Certificates", shown)
    before = settings_state(simulated)
    with pytest.raises(ApplyError, match="make Administrators its owner first"):
        run(simulated, "certificate")
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600, full=True), Limits())
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert "its owner first" in str(course.refused)
    assert settings_state(simulated) == before
    assert rollback(job(simulated, "back"), "all", force=False).left == {}


def weak(*traits: str) -> SimulatedHost:
    """A host whose own certificate has a short key."""
    simulated = SimulatedHost.build("2022")
    certificates = simulated.windows.certificates
    certificates._take_key = lambda: WEAK_KEY  # type: ignore[method-assign]  # as Windows of long ago made it
    certificates.issue()
    del certificates._take_key
    for trait in traits:
        apply_trait(simulated.windows, trait)
    return simulated


@pytest.mark.parametrize("trait", [*sorted(SECURED), *sorted(UNSEEN)])
def test_the_loop_renews_a_weak_certificate_only_where_windows_can_make_another(trait: str) -> None:
    simulated = weak(trait)
    doing = job(simulated, check=True)
    foretold = foresee(examine(doing.host, doing.prober, 600), Limits())
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert simulated.probe_view()["tls"] == "ok"
    assert kinds(course.changes) == kinds(foretold.changes)
    assert course.verdict == ("repaired" if trait in SECURED else "unresolved")


def test_what_was_refused_has_another_turn_once_what_was_in_its_way_is_cured() -> None:
    simulated = SimulatedHost.build("2022", breakages=["sessionenv_disabled", "folder_acl"])
    foreseeing = job(simulated, check=True)
    foretold = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    course = cure(simulated)
    assert kinds(course.changes) == kinds(foretold.changes)
    assert kinds(course.changes) == ["service_start_mode", "folder_dacl", "renewal"]
    assert (course.verdict, course.refused, foretold.refused) == ("repaired", [], [])


def test_a_later_rung_finds_out_about_the_store_when_it_is_its_turn() -> None:
    """The key's content was replaced, so that no permission makes it usable."""
    simulated = SimulatedHost.build("2022", breakages=["key_unreadable"], traits=["certificate_store_hardened"])
    path = simulated.windows.certificates.key_file
    entry = simulated.windows.files.find(path)
    assert entry is not None
    simulated.windows.files.add(path, entry.descriptor.to_sddl(), content="key of nobody", size=1)
    course = cure(simulated)
    assert course.verdict == "repaired"
    assert kinds(course.changes)[-3:] == ["key_dacl", "certificate", "renewal"]


def test_a_listener_whose_certificate_is_gone_gets_its_own_back_though_that_is_weak_and_cannot_be_renewed() -> None:
    simulated = weak("key_folder_hidden")
    simulated.windows.registry.put(LISTENER, "SSLCertificateSHA1Hash", Type.BINARY, bytes(20))
    plan, done = run(simulated, "certificate")
    assert kinds(done.changes) == ["registry"]
    assert MACHINE_KEYS in plan.notes[0]
    assert simulated.probe_view()["tls"] == "ok"


STAYS_TIED = [(["pinned_certificate"], [], "self_signed"), ([], ["certificate_pinned_expired"], "valid")]


@pytest.mark.parametrize(("traits", "breakages", "state"), STAYS_TIED)
@pytest.mark.parametrize("own", ["certificate_missing", "certificate_expired"])
def test_a_listener_stays_tied_where_windows_makes_no_certificate_of_its_own(
    own: str, traits: list[str], breakages: list[str], state: str
) -> None:
    planted, odd = [own, *breakages], [*traits, "key_folder_hidden"]
    simulated = SimulatedHost.build("2022", breakages=planted, traits=odd)
    before, pinned = settings_state(simulated), simulated.windows.certificates.pinned()
    with pytest.raises(ApplyError, match="has made no certificate"):
        run(simulated, "certificate", state=state)
    cure(simulated)
    assert (settings_state(simulated), simulated.windows.certificates.pinned()) == (before, pinned)
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize(("traits", "breakages", "state"), STAYS_TIED)
def test_a_listener_stays_tied_where_windows_makes_none_of_its_own_for_that_reason(
    traits: list[str], breakages: list[str], state: str
) -> None:
    planted, switches = ["certificate_missing", *breakages], {"own_while_pinned": False}
    simulated = SimulatedHost.build("2022", breakages=planted, traits=traits, switches=switches)
    before = settings_state(simulated)
    with pytest.raises(ApplyError, match="Windows may make none"):
        run(simulated, "certificate", state=state)
    cure(simulated)
    assert settings_state(simulated) == before
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize(("traits", "breakages", "state"), STAYS_TIED)
def test_windows_own_certificate_is_made_before_the_listener_is_untied(
    traits: list[str], breakages: list[str], state: str
) -> None:
    planted, odd = ["certificate_missing", *breakages], [*traits, "key_folder_hardened"]
    simulated = SimulatedHost.build("2022", breakages=planted, traits=odd)
    _plan, done = run(simulated, "certificate", state=state)
    assert kinds(done.changes) == ["folder_dacl", "renewal", "registry"]
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize(
    ("version", "breakages", "refused"),
    [
        ("2016", ["certificate_pinned_expired"], False),
        ("2016", ["certificate_pinned_expired", "key_unreadable"], True),
        ("2022", ["certificate_pinned_expired"], True),
        ("2022", ["certificate_pinned_expired", "certificate_missing"], False),
        ("2022", ["certificate_pinned_missing", "key_unreadable"], False),
    ],
)
def test_without_a_probe_a_listener_is_untied_only_where_its_own_key_is_known_to_be_readable(
    version: str, breakages: list[str], refused: bool
) -> None:
    simulated = SimulatedHost.build(version, breakages=breakages)
    plan, done = fix(blind(simulated), REMEDIES["certificate"], defaults(REMEDIES["certificate"].options))
    assert ("Let the controller probe" in str(plan.refused)) is refused
    assert bool(done.changes) is not refused
    assert bool(simulated.windows.certificates.pinned()) is refused


def blind(simulated: SimulatedHost, **how: t.Any) -> Job:
    return job(simulated, prober=replace(prober(simulated), enabled=False, **how))


@pytest.mark.parametrize("given", [False, True], ids=["unseen", "seen_by_another_node"])
def test_without_a_probe_of_the_controller_the_loop_unties_nothing_that_it_could_not_tie_again(given: bool) -> None:
    simulated = beneath("", "certificate_pinned_expired")
    seen = prober(simulated).look(lambda: 3389)
    assert seen is not None
    doing = blind(simulated, given=(seen,) if given else ())
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert simulated.probe_view()["tls"] == "ok"


def spoiling(simulated: SimulatedHost, spoil: Callable[[Stored], Stored]) -> None:
    """From now on one key of others arrives otherwise than it is wherever it is copied to."""
    files = simulated.windows.files
    put, victim = files.put, next(iter(key_files(simulated))).rpartition("\\")[2].lower()

    def spoilt(entry: Stored) -> None:
        put(spoil(entry) if entry.name.lower() == victim else entry)

    files.put = spoilt  # type: ignore[method-assign]  # stands in for a copy that goes wrong


SPOILT: dict[str, Callable[[Stored], Stored]] = {
    "content": lambda entry: replace(entry, content="torn"),
    "permissions": lambda entry: replace(entry, descriptor=SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;;FA;;;SY)")),
    "denials": lambda entry: replace(
        entry, descriptor=replace(entry.descriptor, dacl=(*(entry.descriptor.dacl or ()), Ace(1, 0, 1, "S-1-5-20")))
    ),
}


@pytest.mark.parametrize("spoilt", sorted(SPOILT))
@pytest.mark.parametrize(
    ("method", "planted"), [("copy_aside", BROKEN_FOLDERS[0]), *(("rename", folder) for folder in BROKEN_FOLDERS[:2])]
)
def test_a_key_that_does_not_arrive_as_it_is_leaves_everything_as_it_was(
    method: str, planted: str, spoilt: str
) -> None:
    simulated = broken_folder(planted)
    before = settings_state(simulated)
    spoiling(simulated, SPOILT[spoilt])
    with pytest.raises(ApplyError, match="everything is as it was"):
        run(simulated, "machine_keys", method=method, accept_shared_keys=True)
    assert settings_state(simulated) == before


def test_a_folder_that_somebody_makes_at_the_last_moment_does_not_cost_the_keys() -> None:
    simulated = built("2022", "key_unreadable", {})
    before, files = settings_state(simulated), simulated.windows.files

    def make(source: str, _target: str) -> None:
        if source.lower() == MACHINE_KEYS.lower() and files.find(MACHINE_KEYS) is None:
            files.moved.remove(make)
            files.add(MACHINE_KEYS, MACHINE_KEYS_SDDL, folder=True)
            files.add(rf"{MACHINE_KEYS}\minted", MACHINE_KEYS_SDDL, content="minted")

    files.moved.append(make)
    with pytest.raises(ApplyError, match="SYSTEM could not rename"):
        run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    simulated.clock.advance(60)
    assert files.find(MINTED) is not None
    files.remove(MINTED)
    assert settings_state(simulated) == before


MINTED = rf"{MACHINE_KEYS}\minted"
CRYPTO_RSA = MACHINE_KEYS.rpartition("\\")[0]


def minting(simulated: SimulatedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that makes a key just before MachineKeys loses its name, once."""
    files = simulated.windows.files
    move = files.move

    def late(source: str, target: str, *rest: t.Any) -> t.Any:
        if source.lower() == MACHINE_KEYS.lower():
            monkeypatch.setattr(files, "move", move)
            files.add(MINTED, MACHINE_KEYS_SDDL, content="minted")
        return move(source, target, *rest)

    monkeypatch.setattr(files, "move", late)


def test_a_key_that_a_service_makes_while_the_folder_is_copied_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = built("2022", "key_unreadable", {})
    minting(simulated, monkeypatch)
    run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    assert simulated.windows.files.find(MINTED) is not None
    assert simulated.probe_view()["tls"] == "ok"


def test_a_key_that_a_service_makes_while_a_rename_is_rolled_back_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = built("2022", "key_unreadable", {})
    run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    minting(simulated, monkeypatch)
    assert rollback(job(simulated, "back"), "all", force=False).left == {}
    assert simulated.windows.files.find(MINTED) is not None


def spoiling_into(simulated: SimulatedHost, folder: str, name: str, spoil: Callable[[Stored], Stored]) -> None:
    """From now on a key of this name arrives otherwise than it is in this folder."""
    files = simulated.windows.files
    put, victim = files.put, rf"{folder}\{name}".lower()

    def spoilt(entry: Stored) -> None:
        put(spoil(entry) if entry.path.lower() == victim else entry)

    files.put = spoilt  # type: ignore[method-assign]  # stands in for a copy that goes wrong


OWN_READER = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;S-1-5-21-1-2-3-1001)"


@pytest.mark.parametrize("shut", BROKEN_FOLDERS[:2])
@pytest.mark.parametrize("spoilt", ["permissions", "denials"])
def test_a_rename_stays_while_a_key_that_was_made_since_would_come_back_with_other_permissions(
    spoilt: str, shut: str
) -> None:
    simulated = built("2022", "key_unreadable", {"keys_minted_in_gap": False})
    renamed(simulated)
    simulated.windows.files.add(MINTED, OWN_READER, content="minted")
    simulated.windows.files.set_descriptor(MACHINE_KEYS, SecurityDescriptor.from_sddl(shut))
    before = settings_state(simulated)
    spoiling_into(simulated, f"{MACHINE_KEYS}_old", "minted", SPOILT[spoilt])
    left = rollback(job(simulated, "back"), "all", force=False).left
    assert "give MachineKeys_old its name back" in "".join(left.values()).replace(f"{CRYPTO_RSA}\\", "")
    beside = {path for path in simulated.state()["files"] if path.startswith(f"{MACHINE_KEYS}_")}
    assert {path.partition("MachineKeys_")[2].partition("\\")[0] for path in beside} == {"old"}
    assert folder_of(simulated) == shut
    assert key_files(simulated) == {path: e for path, e in before["files"].items() if path in key_files(simulated)}


def test_what_was_done_to_permissions_of_keys_since_a_rename_stays_when_that_is_rolled_back() -> None:
    simulated = built("2022", "key_unreadable", {"keys_minted_in_gap": False})
    renamed(simulated)
    files, changed = simulated.windows.files, next(iter(key_files(simulated)))
    files.add(MINTED, OWN_READER, content="minted")
    files.set_descriptor(changed, SecurityDescriptor.from_sddl(OWN_READER))
    wanted = key_files(simulated)
    assert rollback(job(simulated, "back"), "all", force=False).left == {}
    assert key_files(simulated) == wanted


def test_keys_stay_aside_while_one_that_came_late_would_come_back_with_other_permissions() -> None:
    simulated, wanted, _made = cut_in_two()
    late = next(iter(wanted)).rpartition("\\")[2]
    spoiling_into(simulated, f"{MACHINE_KEYS}_old", late, SPOILT["permissions"])
    simulated.windows.files.remove(rf"{MACHINE_KEYS}_old\{late}")
    assert rollback(job(simulated, "back"), "all", force=False).left
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is not None
    assert simulated.windows.files.find(rf"{MACHINE_KEYS}_old.part\{late}") is not None


def test_a_rename_that_was_cut_off_between_its_names_can_be_rolled_back(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = built("2022", "key_unreadable", {})
    before, files = settings_state(simulated), simulated.windows.files
    move = files.move

    def dies(source: str, target: str, *rest: t.Any) -> t.Any:
        if source.lower().endswith(".part"):
            raise TransportFailed("the host died", sent=None)
        return move(source, target, *rest)

    monkeypatch.setattr(files, "move", dies)
    with pytest.raises(TransportFailed):
        run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    monkeypatch.undo()
    assert files.find(MACHINE_KEYS) is None
    assert rollback(job(simulated, "back"), "all", force=False).left == {}
    assert settings_state(simulated)["files"] == before["files"]


@pytest.mark.parametrize("marked", [False, True], ids=["plain", "system"])
def test_the_listeners_broken_key_is_not_taken_along(marked: bool) -> None:
    """Windows may make a certificate for the key that it finds, so there must be none."""
    simulated = built("2022", "key_unreadable", {"new_key_on_renewal": False, "key_files_system": marked})
    broken = {t.cast("dict[str, str]", entry)["content"] for entry in key_files(simulated, mine=True).values()}
    run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    now = {t.cast("dict[str, str]", entry)["content"] for entry in key_files(simulated, mine=True).values()}
    assert not now & broken


@pytest.mark.parametrize("method", ["copy_aside", "rename"])
def test_a_name_that_is_taken_is_left_to_who_has_it(method: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    taken = [f"{MACHINE_KEYS}_old", f"{MACHINE_KEYS}_OLD2"]
    for folder in taken:
        simulated.windows.files.add(folder, MACHINE_KEYS_SDDL, folder=True)
        simulated.windows.files.add(rf"{folder}\stray", MACHINE_KEYS_SDDL, content="key of somebody")
    _plan, done = run(simulated, "machine_keys", method=method, accept_shared_keys=True)
    change = done.changes[0]
    free = str(change.item if method == "copy_aside" else change.after)
    assert free.lower() == f"{MACHINE_KEYS}_old3".lower()
    assert [entry.name for folder in taken for entry in simulated.windows.files.below(folder)] == ["stray"] * 2


def test_a_copy_stays_while_a_key_of_it_is_missing() -> None:
    simulated = built("2022", "key_unreadable", {})
    run(simulated, "machine_keys", method="copy_aside")
    lost = next(iter(key_files(simulated)))
    simulated.windows.files.remove(lost)
    simulated.windows.files.full = True
    with pytest.raises(ApplyError, match="bring the keys"):
        run(simulated, "machine_keys", state="restored")
    assert simulated.windows.files.find(rf"{MACHINE_KEYS}_old\{lost.rpartition(chr(92))[2]}") is not None


@pytest.mark.parametrize("planted", BROKEN_FOLDERS[:2])
@pytest.mark.parametrize("spoilt", sorted(SPOILT))
def test_a_copy_stays_while_a_key_that_came_back_is_not_as_it_was(spoilt: str, planted: str) -> None:
    simulated = broken_folder(planted)
    copied = Change("machine_keys", "key_copy", f"{MACHINE_KEYS}_old", None, MACHINE_KEYS, "a copy")
    with Run(connect(simulated), "copying", []) as making:
        making.apply(copied)
    files, lost = simulated.windows.files, next(iter(key_files(simulated)))
    files.remove(lost)
    put, before = files.put, {path for path in simulated.state()["files"] if "_old" in path}

    def spoiling_what_comes_back(entry: Stored) -> None:
        put(SPOILT[spoilt](entry) if entry.path.lower() == lost.lower() else entry)

    files.put = spoiling_what_comes_back  # type: ignore[method-assign]  # stands in for a copy that goes wrong
    with pytest.raises(ApplyError, match="bring the keys"):
        run(simulated, "machine_keys", state="restored")
    assert {path for path in simulated.state()["files"] if "_old" in path} == before


def test_a_copy_of_which_nothing_is_missing_goes_also_where_the_disk_is_full() -> None:
    simulated = built("2022", "key_unreadable", {})
    run(simulated, "machine_keys", method="copy_aside")
    simulated.windows.files.full = True
    roll_back_all(simulated)
    assert not [path for path in simulated.state()["files"] if "_old" in path]


def test_permissions_that_were_changed_since_a_copy_was_made_stay() -> None:
    simulated = built("2022", "key_unreadable", {})
    run(simulated, "machine_keys", method="copy_aside")
    files, (lost, changed, *_others) = simulated.windows.files, list(key_files(simulated))
    entry = files.existing(lost)
    files.set_descriptor(changed, SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;NS)"))
    wanted = key_files(simulated)
    files.remove(lost)
    run(simulated, "machine_keys", state="restored")
    assert key_files(simulated) == wanted
    assert files.existing(lost).descriptor == entry.descriptor
    assert files.find(f"{MACHINE_KEYS}_old") is None


@pytest.mark.parametrize("after", [7.0, None])
def test_the_certificate_is_waited_for_and_its_absence_is_said(after: float | None) -> None:
    """SessionEnv makes it once it runs, and not before the command that started it returns."""
    simulated = built("2022", "key_missing", {})
    make = simulated.windows.certificates.ensure
    late = (lambda: simulated.clock.after(after, make)) if after else (lambda: None)
    simulated.windows.certificates.ensure = late  # type: ignore[method-assign]  # Windows takes its time
    if after is None:
        with pytest.raises(ApplyError, match="has made no certificate"):
            run(simulated, "machine_keys", method="restart")
        return
    _plan, done = run(simulated, "machine_keys", method="restart")
    assert done.proof is not None
    assert done.proof["tls"]["verdict"] == "ok"
    assert done.notes == []


@pytest.mark.parametrize("version", ["2016", "2022"])
@pytest.mark.parametrize("method", ["ace", "folder_acl", "store_acl"])
def test_a_method_after_which_tls_still_fails_says_so(method: str, version: str) -> None:
    """Nobody's permissions help with a key that was exchanged for another."""
    simulated = built(version, "key_unreadable", {})
    path = simulated.windows.certificates.key_file
    entry = simulated.windows.files.find(path)
    assert entry is not None
    simulated.windows.files.add(path, entry.descriptor.to_sddl(), content="key of nobody", size=1)
    for _run in range(2):
        plan, done = run(simulated, "machine_keys", method=method)
        assert f"with the method {method} no TLS handshake succeeds (it ends with reset)" in done.unreached
        assert all(change.before != change.after for change in plan.changes)
    assert run(simulated, "machine_keys", method="key")[1].unreached == ""


def test_what_a_method_would_do_is_not_judged_before_it_is_done() -> None:
    simulated = built("2016", "key_unreadable", {})
    assert run(simulated, "machine_keys", True, method="ace")[1].unreached == ""
    assert "no TLS" in run(simulated, "machine_keys", True, method="folder_acl")[1].unreached
    assert run(simulated, "machine_keys", method="ace")[1].unreached == ""
    assert run(simulated, "machine_keys", state="restored")[1].unreached == ""


def test_a_listener_without_a_certificate_is_no_success_either() -> None:
    simulated = built("2022", "certificate_pinned_missing", {})
    assert "has no certificate" in run(simulated, "machine_keys", method="folder_acl")[1].unreached


# --- guards


def test_a_rename_is_refused_while_the_folder_holds_keys_of_others_and_names_their_owners() -> None:
    simulated = built("2022", "key_unreadable", {})
    plan, done = run(simulated, "machine_keys", method="rename")
    assert done.changes == []
    (refusal,) = plan.refused
    for owner in ("IIS, its encrypted configuration", "CN=www.corp.example, for IIS on 0.0.0.0:443"):
        assert owner in refusal.message
    assert simulated.counters.writes == 0


@pytest.mark.parametrize("consent", [False, True])
def test_a_folder_that_shows_nothing_is_neither_renamed_nor_said_to_lack_a_key(
    monkeypatch: pytest.MonkeyPatch, consent: bool
) -> None:
    """As CIM_DataFile may list it for an account that has no right to."""
    simulated = built("2022", "key_unreadable", {})
    simulated.windows.files.set_descriptor(MACHINE_KEYS, SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;;FA;;;SY)"))
    monkeypatch.setattr(Files, "files", lambda _files, _folder: [])
    plan, done = run(simulated, "machine_keys", method="rename", accept_shared_keys=consent)
    assert (done.changes, simulated.counters.writes) == ([], 0)
    assert "shows this account neither its files nor its permissions" in plan.refused[0].message
    standing = examine(connect(simulated), prober(simulated), 600, full=True)
    assert "key_missing" not in {finding.id for finding in standing.findings}


USERS = {
    "iis_keys": ("CN=www.corp.example, for IIS on 0.0.0.0:443",),
    "sql_server": ("CN=sql.corp.example, for SQL Server (MSSQLSERVER)",),
    "federation": (
        "CN=fs.corp.example, for ",
        "AD FS on fs.corp.example:443",
        "AD FS on localhost:443",
        "AD FS on fs.corp.example:49443",
    ),
    "gateway_role": ("CN=gateway.corp.example, for the RD Gateway",),
    "azure_agent": ("CN=Windows Azure CRP Certificate Generator",),
}
"""Who is told to use a key, of each tenant of the folder."""


@pytest.mark.parametrize("named", SWITCHES_OF["http_name_binding"].choices)
@pytest.mark.parametrize("trait", sorted(USERS))
def test_a_rename_names_each_use_of_each_key(trait: str, named: str) -> None:
    simulated = built("2022", "key_unreadable", {"http_name_binding": named}, [trait])
    (refusal,) = run(simulated, "machine_keys", check=True, method="rename")[0].refused
    assert [used for used in USERS[trait] if used not in refusal.message] == []
    assert "an owner that is not known" not in refusal.message


def test_a_key_that_several_certificates_share_is_told_with_all_its_uses() -> None:
    """As after a renewal with the same key: the new one is bound, the old one still there."""
    simulated = built("2022", "key_unreadable", {}, ["iis_keys"])
    certificates, start = simulated.windows.certificates, simulated.clock.now() - timedelta(days=400)
    certificates.add("www.corp.example", Request(key=1, start=start))
    owners = observe(connect(simulated), ("key_owners",)).key_owners
    assert owners is not None
    file = certificates.path_of("tp-www.corp.example").rpartition("\\")[2].lower()
    assert owners.owners[file].count("the certificate CN=www.corp.example") == 2
    assert "for IIS on 0.0.0.0:443" in owners.owners[file]


@pytest.mark.parametrize("running", [True, False])
def test_a_gateway_that_tells_nothing_names_no_owner_and_leaves_them_unread_where_it_should_answer(
    running: bool,
) -> None:
    simulated = built("2022", "", {"gateway_stopped": False}, ["gateway_role"])
    if running:
        simulated.windows.gateway = None
    else:
        simulated.windows.services.force_stopped("TSGateway")
    seen = observe(connect(simulated), ("key_owners",))
    assert (seen.key_owners is None) == ("key_owners" in seen.unread) == running
    told = seen.key_owners.owners.values() if seen.key_owners else ()
    assert list(told) == ([] if running else ["the certificate CN=gateway.corp.example"])


@pytest.mark.parametrize("trait", [*sorted(USERS), "winrm_https"])
def test_binding_a_certificate_asks_nothing_of_who_uses_others(trait: str) -> None:
    simulated = built("2022", "", {}, [trait])
    added = simulated.windows.certificates.add("rdp.corp.example", Request(key=3))
    asked = [b"SslBindingInfo", b"SslSniBindingInfo", b"Microsoft SQL Server", b"TSGateway", b"WSMAN\\Listener"]
    sent: list[bytes] = []
    options = {**defaults(REMEDIES["certificate"].options), "state": "bound", "thumbprint": added.thumbprint}
    doing = job(simulated, check=True, before=lambda _number, body: sent.append(body))
    assert kinds(fix(doing, REMEDIES["certificate"], options)[0].changes)[-1] == "registry"
    assert [part for part in asked if any(part in body for body in sent)] == []


def test_a_rename_never_takes_winrms_own_key_away() -> None:
    simulated = built("2022", "key_unreadable", {}, ["winrm_https"])
    plan, done = run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    assert done.changes == []
    assert "WinRM's HTTPS listener" in plan.refused[0].message


def share_key(simulated: SimulatedHost) -> str:
    """WinRM's HTTPS listener serves a copy of the certificate of Remote Desktop's; the content of their key's file."""
    certificates, registry = simulated.windows.certificates, simulated.windows.registry
    own = certificates.own()
    blob = registry.get(rf"{STORES}\Remote Desktop\Certificates\{own.thumbprint}", "Blob")
    assert isinstance(blob, bytes)
    registry.put(rf"{STORES}\MY\Certificates\{own.thumbprint}", "Blob", Type.BINARY, blob)
    registry.put(rf"{WSMAN}\*+HTTPS", "certThumbprint", Type.SZ, own.thumbprint.lower())
    return key_content(simulated)


def key_content(simulated: SimulatedHost) -> str:
    found = simulated.windows.files.find(simulated.windows.certificates.key_file)
    return found.content if found else ""


REPLACING: list[tuple[str, str, dict[str, t.Any]]] = [
    *(("key_unreadable", "machine_keys", {"method": name}) for name in ("certificate", "key", "copy_aside")),
    ("key_unreadable", "machine_keys", {"method": "rename", "accept_shared_keys": True}),
    ("certificate_expired", "machine_keys", {"method": "restart"}),
    ("certificate_expired", "certificate", {}),
    ("", "certificate", {"renew_before": 180}),
]
"""What replaces the listener's key: the breakage, the module and what it is asked for."""


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("breakage", "remedy", "given"), REPLACING)
def test_a_key_that_winrm_serves_with_as_well_is_not_replaced(
    breakage: str, remedy: str, given: dict[str, t.Any], check: bool
) -> None:
    simulated = built("2022", breakage, {}, ["winrm_https"])
    content, before = share_key(simulated), settings_state(simulated)
    options = {**defaults(REMEDIES[remedy].options), **given}
    plan, done = fix(job(simulated, check=check), REMEDIES[remedy], options)
    assert "WinRM's HTTPS listener (*+HTTPS)" in plan.refused[0].message
    assert "key of its own" in plan.refused[0].message
    assert (done.changes, key_content(simulated), settings_state(simulated)) == ([], content, before)


@pytest.mark.parametrize(
    ("breakage", "made"), [("certificate_expired", []), ("key_unreadable", ["file_access"]), ("folder_acl", [])]
)
def test_the_loop_leaves_a_key_that_winrm_serves_with_as_well(breakage: str, made: list[str]) -> None:
    simulated = built("2022", breakage, {}, ["winrm_https"])
    content = share_key(simulated)
    foreseeing = job(simulated, check=True)
    foreseen = foresee(examine(foreseeing.host, foreseeing.prober, 600), Limits())
    course = cure(simulated)
    assert kinds(course.changes) == kinds(foreseen.changes) == made
    assert [("WinRM's HTTPS listener" in refusal.message) for refusal in course.refused] == [True] * (not made)
    assert key_content(simulated) == content


def test_a_key_is_replaced_where_winrm_serves_with_another() -> None:
    simulated = built("2022", "certificate_expired", {}, ["winrm_https"])
    content = key_content(simulated)
    assert cure(simulated).verdict == "repaired"
    assert key_content(simulated) != content


def test_a_key_that_is_gone_is_made_anew_and_nobody_asked_who_shared_it() -> None:
    simulated = built("2022", "key_unreadable", {}, ["winrm_https"])
    share_key(simulated)
    simulated.windows.files.remove(simulated.windows.certificates.key_file)
    sent: list[bytes] = []
    doing = job(simulated, before=lambda _number, body: sent.append(body))
    assert remediate(doing, examine(doing.host, doing.prober, 600), Limits()).verdict == "repaired"
    assert not any(b"WSMAN\\Listener" in body for body in sent)


@pytest.mark.parametrize(
    ("request_", "shared"),
    [
        (Request(key=3, container="TSSecKeySet1"), ("*+HTTPS",)),
        (Request(key=3, container="TSSecKeySet1", cng=True), ()),
        (Request(key=3), ()),
    ],
)
def test_winrm_shares_a_key_by_its_name_and_provider(request_: Request, shared: tuple[str, ...]) -> None:
    simulated = built("2022", "", {}, ["winrm_https"])
    added = simulated.windows.certificates.add("winrm.corp.example", request_)
    simulated.windows.registry.put(rf"{WSMAN}\*+HTTPS", "certThumbprint", Type.SZ, added.thumbprint)
    assert observe(connect(simulated), ("channel_key",)).channel_key == shared


def test_a_key_is_replaced_only_where_it_is_known_that_the_channel_has_another() -> None:
    seen = observe(connect(built("2022", "key_unreadable", {})), ("identity", "services", "keys"))
    options = {**defaults(REMEDIES["machine_keys"].options), "method": "key"}
    plans = REMEDIES["machine_keys"].plan
    assert plans(replace(seen, channel_key=(), key_stores={}), options).changes
    unread = replace(seen, key_stores={}, unread={"channel_key": "Access is denied"})
    assert "(Access is denied)" in plans(unread, options).refused[0].message
    assert seen.keys is not None
    unlisted = replace(seen.keys, own=None, files=(), folder_dacl=unreadable("denied"))
    shared = replace(seen, keys=unlisted, channel_key=("*+HTTPS",), key_stores={})
    assert "key of its own" in plans(shared, {**options, "method": "restart"}).refused[0].message


def test_who_serves_with_the_key_is_asked_only_where_it_is_to_be_replaced() -> None:
    simulated = built("2022", "key_unreadable", {}, ["winrm_https"])
    sent: list[bytes] = []
    doing = job(simulated, before=lambda _number, body: sent.append(body))
    done = fix(doing, REMEDIES["machine_keys"], defaults(REMEDIES["machine_keys"].options))[1]
    assert kinds(done.changes) == ["file_access"]
    assert not any(b"WSMAN\\Listener" in body for body in sent)


def test_a_rename_of_a_folder_in_use_leaves_everything_as_it_is() -> None:
    simulated = built("2022", "key_unreadable", {}, ["iis_keys", "machine_keys_in_use"])
    before = settings_state(simulated)
    with pytest.raises(Exception, match="SYSTEM could not rename"):
        run(simulated, "machine_keys", method="rename", accept_shared_keys=True)
    assert settings_state(simulated) == before


SELF_SIGNED = {"state": "self_signed", "renew_before": 180}
GUARDS = {
    "connection_broker": "connection broker",
    "certificate_template": "template",
    "pending_reboot": "waits for a restart",
}


@pytest.mark.parametrize("trait", sorted(GUARDS))
@pytest.mark.parametrize(("remedy", "given"), [("certificate", SELF_SIGNED), ("machine_keys", {})])
def test_where_others_manage_the_certificate_nothing_is_done_to_it(
    remedy: str, given: dict[str, t.Any], trait: str
) -> None:
    breakage = "certificate_expired" if trait == "pending_reboot" else ""
    simulated = built("2022", breakage, {}, [trait])
    before = settings_state(simulated)
    plan, done = run(simulated, remedy, **given)
    assert done.changes == []
    assert settings_state(simulated) == before
    if remedy == "certificate" or breakage:
        assert GUARDS[trait] in plan.refused[0].message


@pytest.mark.parametrize(("kilobytes", "made"), [(0, []), (65535, []), (65536, ["renewal"])])
def test_no_key_is_made_while_programs_can_commit_no_more_memory(kilobytes: int, made: list[str]) -> None:
    simulated = built("2022", "certificate_expired", {})
    simulated.windows.machine.free_memory = kilobytes
    course = cure(simulated)
    assert kinds(course.changes) == made
    assert [f"can commit {kilobytes * 1024} bytes" in refusal.message for refusal in course.refused] == [True] * (
        not made
    )


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("version", ["2016", "2022"])
@pytest.mark.parametrize(
    "entries", ["(D;;FR;;;NS)", "(D;;FR;;;NS)(A;;FR;;;NS)", "(A;;0x80;;;NS)", "(D;;FA;;;NS)(A;;0x80;;;NS)"]
)
def test_what_stood_there_is_journaled_as_it_was_also_where_only_system_sees_it(
    entries: str, version: str, shown: bool
) -> None:
    simulated = built(version, "", {"key_descriptor_readable": shown})
    path = simulated.windows.certificates.key_file
    own = simulated.windows.certificates.key_file_sddl.replace("(A;;FR;;;NS)", "")
    denials, grants = entries.partition("(A")[0], "".join(entries.partition("(A")[1:])
    planted = SecurityDescriptor.from_sddl(own.replace("D:PAI", f"D:PAI{denials}") + grants)
    simulated.windows.files.set_descriptor(path, planted)
    _plan, done = run(simulated, "machine_keys", method="ace")
    (change,) = done.changes
    assert isinstance(change.before, dict)
    assert change.before == {sddl.NETWORK_SERVICE: sddl.parse(f"D:{entries}").of(sddl.NETWORK_SERVICE)}
    assert done.proof is not None
    assert done.proof["tls"]["verdict"] == "ok"
    assert not rollback(job(simulated, "back"), "all", force=False).left
    entry = simulated.windows.files.find(path)
    assert entry is not None
    assert entry.descriptor == planted


def test_what_somebody_changed_since_is_put_back_whole_when_that_is_forced() -> None:
    simulated = built("2022", "key_denied", {})
    run(simulated, "machine_keys", method="ace")
    path = simulated.windows.certificates.key_file
    without = simulated.windows.certificates.key_file_sddl.replace("(A;;FR;;;NS)", "")
    simulated.windows.files.set_descriptor(path, SecurityDescriptor.from_sddl(f"{without}(A;;0x1;;;NS)"))
    assert [drift.item for drift in rollback(job(simulated, "back"), "all", force=False).drifted] == [path]
    assert not rollback(job(simulated, "forced"), "all", force=True).left
    entry = simulated.windows.files.find(path)
    assert entry is not None
    kept = sddl.parse(entry.descriptor.to_sddl()).of(sddl.NETWORK_SERVICE)
    assert kept == sddl.parse("D:(D;;FR;;;NS)(A;;FR;;;NS)").of(sddl.NETWORK_SERVICE)


def test_a_key_that_is_denied_to_a_group_of_the_service_needs_another_one() -> None:
    """No entry of its own would let it read, and the entries of others are theirs."""
    for shown in (False, True):
        simulated = built("2022", "", {"key_descriptor_readable": shown})
        path = simulated.windows.certificates.key_file
        denied = simulated.windows.certificates.key_file_sddl.replace("D:PAI", "D:PAI(D;;FR;;;AU)")
        simulated.windows.files.set_descriptor(path, SecurityDescriptor.from_sddl(denied))
        plan, _done = run(simulated, "machine_keys", True, method="ace")
        assert ([refused for refused in plan.refused if "one of its groups" in refused.message] != []) is shown
        foretold = climb(job(simulated, check=True), "machine_keys")
        course = climb(job(simulated), "machine_keys")
        assert kinds(course.changes) == ["certificate", "renewal"]
        assert _result.unsolved(course) == _result.unsolved(foretold) == ""


def test_without_a_shell_the_reason_is_told_and_nothing_is_changed() -> None:
    simulated = built("2022", "key_unreadable", {}, ["no_shell"])
    course = climb(job(simulated), "machine_keys")
    assert _result.unsolved(course) == "", "the next rung made TLS work"
    assert any("shown to SYSTEM alone" in refusal.message for refusal in course.refused)
    assert course.verdict == "repaired"
    assert kinds(course.changes) == ["certificate", "renewal"], "the next rung needs no shell"


def test_users_sessions_keep_what_needs_no_restart_of_theirs() -> None:
    simulated = built("2022", "certificate_expired", {}, ["many_sessions"])
    assert cure(simulated).verdict == "repaired"
    assert kinds(cure(simulated).changes) == []


def test_a_method_of_its_own_stops_at_the_smallest_that_helps() -> None:
    simulated = built("2022", "key_unreadable", {})
    course = climb(job(simulated), "machine_keys")
    assert kinds(course.changes) == ["file_access"]
    assert kinds(climb(job(simulated), "machine_keys").changes) == []


ELSEWHERE = {
    "certificate_pinned_missing": (True, "the module certificate cures that"),
    "certificate_wrong_usage": (True, "the module certificate cures that"),
    "cipher_suites_empty": (True, "the module schannel cures that"),
    "tls_server_disabled": (True, "the module schannel cures that"),
    "rdp_denied": (False, "the module remote_desktop cures that"),
    "port_taken": (False, "Move the program with that process id to another port"),
}
"""What no method cures: whether the module fails for it, and what it says to do."""


@pytest.mark.parametrize("breakage", sorted(ELSEWHERE))
def test_what_is_not_the_keys_fault_is_named_and_fails_where_it_ends_tls_or_is_the_certificates(breakage: str) -> None:
    fails, cure = ELSEWHERE[breakage]
    course = climb(job(built("2022", breakage, {})), "machine_keys")
    assert course.changes == []
    result = _result.climbed(course, "run-1")
    assert [breakage in note and cure in note for note in result["notes"]] == [True]
    assert (cure in _result.unsolved(course)) is fails
    assert bool(_result.unsolved(course)) is fails


def test_a_key_that_was_mended_is_no_success_while_tls_fails_for_another_reason() -> None:
    simulated = SimulatedHost.build("2022", breakages=["key_missing", "cipher_suites_empty", "listener_permissions"])
    assert _result.unsolved(climb(job(simulated, check=True), "machine_keys")) == ""
    for made in (["renewal", "restart"], []):
        course = climb(job(simulated), "machine_keys")
        assert kinds(course.changes) == made
        assert re.match(r"TLS fails \(it ends with \w+\): .*the module schannel cures that", _result.unsolved(course))


def failing(verdict: str, findings: tuple[Finding, ...]) -> Course:
    """A course in which nothing was done on a host whose TLS fails."""
    probe = {"passed": False, "stage": "tls", "tls": {"verdict": verdict}}
    standing = Standing(Observation("2026-01-01T00:00:00+00:00", probe=probe), findings)
    return Course(standing, standing)


@pytest.mark.parametrize("verdict", ["alert", "reset", "timeout"])
def test_tls_that_fails_for_no_reason_that_was_read_is_no_success(verdict: str) -> None:
    told = _result.unsolved(failing(verdict, ()))
    assert told.startswith(f"TLS fails (it ends with {verdict}): nothing that was read explains it; ask diagnosis_info")


def test_a_ladder_that_was_climbed_in_vain_names_the_methods_that_auto_does_not_take() -> None:
    simulated = built("2022", "key_unreadable", {})
    found = direct(examine(job(simulated).host, prober(simulated), 600).findings)
    assert "name copy_aside or rename" in _result.unsolved(failing("reset", found))


@pytest.mark.parametrize("shown", [False, True])
def test_a_key_that_the_handshake_shows_to_be_read_needs_no_entry(shown: bool) -> None:
    """Where only SYSTEM sees the permissions, an entry was foretold that the run then found to be there."""
    simulated = built("2019", "certificate_pinned_expired", {"key_descriptor_readable": shown})
    options = {**defaults(REMEDIES["machine_keys"].options), "method": "ace"}
    plan, _done = fix(job(simulated, check=True), REMEDIES["machine_keys"], options)
    assert plan.changes == ()
    assert "can read the key" in plan.notes[0]


def test_a_key_that_was_not_imported_is_not_made_by_a_restart() -> None:
    told = _result.unsolved(climb(job(built("2022", "key_not_imported", {})), "machine_keys"))
    assert "import its certificate again with the key" in told
    assert "method restart" not in told


def test_the_ladder_goes_on_where_a_rung_does_not_help() -> None:
    """The key's content was replaced, so that no permission makes it usable."""
    simulated = built("2022", "key_unreadable", {})
    path = simulated.windows.certificates.key_file
    entry = simulated.windows.files.find(path)
    assert entry is not None
    simulated.windows.files.add(path, entry.descriptor.to_sddl(), content="key of nobody", size=1)
    course = cure(simulated)
    assert course.verdict == "repaired"
    assert [(step.kept, step.remedy) for step in course.steps] == [(False, "machine_keys"), (True, "machine_keys")]
    assert kinds(course.changes) == ["restart", "certificate", "renewal"]  # none to take permissions back


# --- certificate


def bound_host(
    switches: t.Mapping[str, object] | None = None, traits: t.Sequence[str] = (), **request: t.Any
) -> tuple[SimulatedHost, str]:
    """A host with a certificate of the company's authority in its personal store."""
    simulated = SimulatedHost.build("2022", traits=traits, switches=switches or {})
    added = simulated.windows.certificates.add("rdp.corp.example", Request(**{"key": 3, **request}))
    return simulated, added.thumbprint


def test_a_certificate_is_bound_once_its_key_can_be_read_and_unbound_by_rollback() -> None:
    simulated, thumbprint = bound_host(sddl="O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)")
    before = settings_state(simulated)
    plan, done = run(simulated, "certificate", state="bound", thumbprint=thumbprint.lower())
    assert not plan.refused
    assert kinds(done.changes) == ["file_access", "registry"]
    assert done.proof is not None
    assert done.proof["tls"]["certificate"]["sha1"] == thumbprint
    assert run(simulated, "certificate", state="bound", thumbprint=thumbprint)[1].changes == []
    assert run(simulated, "certificate")[1].changes == [], "a pinned certificate that serves stays"
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def needing_session_env(*names: str, traits: t.Sequence[str] = ()) -> SimulatedHost:
    """A host whose certificate is over, where other vendors' services run, each of which depends on the one before."""
    simulated = built("2022", "certificate_expired", {}, traits)
    services = simulated.windows.services
    for needed, name in itertools.pairwise(("SessionEnv", *names)):
        services.add(Service(name, name, 3, "LocalSystem", "C:\\agent.exe", depends_on=(needed,)))
        services[name].state = RUNNING
    return simulated


@pytest.mark.parametrize("trait", ["", "no_shell"])
def test_what_stops_along_with_sessionenv_runs_again(trait: str) -> None:
    names = ("Vendor & Core", "Vendor Agent")
    simulated = needing_session_env(*names, traits=[trait] if trait else [])
    _plan, done = run(simulated, "certificate")
    assert kinds(done.changes) == ["renewal"]
    services = simulated.windows.services
    assert [services[name].state for name in ("SessionEnv", *names)] == [RUNNING] * 3
    assert {services[name].process_id for name in names}.isdisjoint({0}), "they were started again"


def test_a_service_that_could_not_be_started_again_keeps_sessionenv_from_being_restarted() -> None:
    simulated = needing_session_env("A\nB")
    process = simulated.windows.services["SessionEnv"].process_id
    with pytest.raises(ApplyError, match="could not be started again"):
        run(simulated, "certificate")
    assert simulated.windows.services["SessionEnv"].process_id == process


def test_a_certificate_for_remote_desktop_alone_is_bound_and_found_to_be_in_order() -> None:
    simulated, thumbprint = bound_host(usage=REMOTE_DESKTOP_ONLY)
    _plan, done = run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert done.proof is not None
    assert done.proof["tls"]["certificate"]["sha1"] == thumbprint
    doing = job(simulated, "looks")
    assert direct(examine(doing.host, doing.prober, 600, full=True).findings) == ()
    course = cure(simulated)
    assert (course.verdict, course.changes) == ("healthy", [])
    assert run(simulated, "certificate")[1].changes == []
    assert simulated.windows.certificates.pinned() == thumbprint


@pytest.mark.parametrize(
    ("days", "enrolled", "shown"), [(200, True, []), (400, True, ["probe"]), (200, False, ["its store"])]
)
def test_under_a_template_the_handshake_alone_tells_of_the_certificate_in_use(
    days: int, enrolled: bool, shown: list[str]
) -> None:
    """Windows' own is over in all cases: it lasts half a year, the enrolled one a year."""
    simulated = built("2022", "", {}, ["certificate_template"])
    if not enrolled:
        simulated.windows.registry.discard(WINSTATIONS, "TemplateCertificate")
    simulated.clock.advance(days * 86400)
    doing = job(simulated)
    for full in (False, True):
        found = direct(examine(doing.host, doing.prober, 600, full).findings)
        assert [finding.id for finding in found] == ["certificate_expired"] * len(shown)
        assert [proof.source for finding in found for proof in finding.evidence] == shown
    assert cure(simulated).changes == []


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_under_a_template_windows_own_certificate_is_not_judged_where_no_handshake_is_tried(missing: str) -> None:
    simulated = built("2022", "", {}, ["certificate_template"])
    own = simulated.windows.certificates.own()
    if missing == "key":
        simulated.windows.files.remove(simulated.windows.certificates.key_file)
    else:
        simulated.windows.registry.delete(rf"{STORES}\Remote Desktop\Certificates\{own.thumbprint}")
    blind = job(simulated, prober=replace(prober(simulated), enabled=False))
    standing = examine(blind.host, blind.prober, 600, True)
    assert (direct(standing.findings), standing.healthy) == ((), True)


def test_a_certificate_that_no_handshake_succeeds_with_is_unbound_again() -> None:
    simulated, thumbprint = bound_host()
    certificates = simulated.windows.certificates
    stored = certificates.in_store("MY", thumbprint)
    assert stored is not None
    path = certificates.file_of(stored)
    entry = simulated.windows.files.find(path)
    assert entry is not None
    simulated.windows.files.add(path, entry.descriptor.to_sddl(), content="key of nobody", size=1)
    with pytest.raises(ProofMissing, match="put back"):
        run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert certificates.pinned() == ""


def test_a_certificate_is_bound_also_where_the_service_that_would_make_one_is_disabled() -> None:
    simulated = SimulatedHost.build("2022", breakages=["sessionenv_disabled"])
    added = simulated.windows.certificates.add("rdp.corp.example", Request(key=3))
    _plan, done = run(simulated, "certificate", state="bound", thumbprint=added.thumbprint)
    assert kinds(done.changes)[-1] == "registry"
    assert (
        "SessionEnv" in run(simulated, "certificate", True, state="self_signed", renew_before=180)[0].refused[0].message
    )


MOMENTS = SWITCHES_OF["live_pin"].choices


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_certificate_that_is_bound_is_the_one_that_the_handshake_shows(moment: str) -> None:
    simulated, thumbprint = bound_host({"live_pin": moment})
    own = simulated.windows.certificates.own()
    assert own is not None
    _plan, done = run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert kinds(done.changes) == ["registry", *(["restart"] if moment == "after_restart" else [])]
    assert done.proof is not None
    assert done.proof["tls"]["certificate"]["sha1"] == thumbprint
    back = rollback(job(simulated, "back"), "all", force=False)
    assert back.proof is not None
    assert back.proof["tls"]["certificate"]["sha1"] == own.thumbprint


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_roll_back_sees_to_it_that_the_certificate_of_before_is_shown(moment: str) -> None:
    """What was bound without a look came to serve when the host was started again."""
    simulated, thumbprint = bound_host({"live_pin": moment})
    own = simulated.windows.certificates.own()
    assert own is not None
    given = {**defaults(REMEDIES["certificate"].options), "state": "bound", "thumbprint": thumbprint}
    plan, _done = fix(blind(simulated), REMEDIES["certificate"], given)
    assert "nothing shows that the listener can use the key" in " ".join(plan.notes)
    told = " ".join(run(simulated, "certificate", True, state="bound", thumbprint=thumbprint)[0].notes)
    assert ("once TermService starts again" in told) is (moment == "after_restart")
    simulated.windows.reboot()
    simulated.clock.advance(600)
    back = rollback(job(simulated, "back"), "all", force=False)
    assert back.proof is not None
    assert back.proof["tls"]["certificate"]["sha1"] == own.thumbprint


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("state", ["valid", "self_signed"])
def test_a_listener_that_is_untied_shows_windows_own_certificate(state: str, moment: str) -> None:
    switches: dict[str, object] = {"live_pin": moment}
    simulated = built("2022", "certificate_pinned_expired", switches)
    own = simulated.windows.certificates.own()
    assert own is not None
    _plan, done = run(simulated, "certificate", state=state)
    assert done.proof is not None
    assert done.proof["tls"]["certificate"]["sha1"] == own.thumbprint


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("hindered", ["many_sessions", "no_shell"])
def test_a_certificate_is_not_left_to_a_restart_that_nobody_watches(hindered: str, moment: str) -> None:
    readable = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;NS)(A;;FA;;;BA)"
    simulated, thumbprint = bound_host({"live_pin": moment}, [hindered], sddl=readable)
    before = settings_state(simulated)
    if moment == "at_once":
        run(simulated, "certificate", state="bound", thumbprint=thumbprint)
        assert simulated.windows.certificates.pinned() == thumbprint
        return
    with pytest.raises(ProofMissing, match=r"would show later: it was put back as it was\. (a restart|the host)"):
        run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("moment", MOMENTS)
def test_with_the_certificate_that_is_unbound_again_goes_the_access_to_its_key(moment: str) -> None:
    simulated, thumbprint = bound_host({"live_pin": moment}, sddl=HIDDEN["missing"])
    certificates = simulated.windows.certificates
    stored = certificates.in_store("MY", thumbprint)
    assert stored is not None
    path = certificates.file_of(stored)
    simulated.windows.files.add(path, HIDDEN["missing"], content="key of nobody", size=1)
    before = settings_state(simulated)
    with pytest.raises(ProofMissing, match="put back as it was"):
        run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert settings_state(simulated) == before
    simulated.windows.reboot()
    simulated.clock.advance(600)
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize("kept", [True, False])
def test_with_a_certificate_that_serves_nobody_the_listener_goes_back_to_the_one_that_it_showed(kept: bool) -> None:
    """Somebody has untied it since, or tied it to another one, and of that nobody could be served."""
    simulated, thumbprint = bound_host({"live_pin": "after_restart"})
    certificates, files = simulated.windows.certificates, simulated.windows.files
    shown = certificates.add("shown.corp.example", Request(key=4))
    certificates.pin(shown)
    simulated.windows.reboot()
    simulated.clock.advance(600)
    simulated.windows.registry.discard(LISTENER, "SSLCertificateSHA1Hash")
    spoil(simulated)
    bound = certificates.in_store("MY", thumbprint)
    assert bound is not None
    path = certificates.file_of(bound)
    files.add(path, files.existing(path).descriptor.to_sddl(), content="key of nobody", size=1)
    if not kept:
        simulated.windows.registry.delete_tree(f"{STORES}\\MY\\Certificates\\{shown.thumbprint}")
    before = settings_state(simulated)
    with pytest.raises(ProofMissing, match="what the listener acted on before" if kept else "put back as it was"):
        run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert certificates.pinned() == (shown.thumbprint if kept else "")
    assert (simulated.probe_view()["tls"] == "ok") is kept
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("thumbprint", [None, "", "12", "0" * 40])
def test_what_is_no_certificate_of_the_store_is_not_bound(thumbprint: str | None) -> None:
    simulated, _thumbprint = bound_host()
    plan, done = run(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert (done.changes, len(plan.refused)) == ([], 1)
    assert ("needs a thumbprint" in plan.refused[0].message) is (not thumbprint)


HIDDEN = {"missing": "O:SYG:SYD:PAI(A;;FA;;;SY)", "there": KEY_FILE_2019}
"""Permissions that administrators may not see: without the entry of NETWORK SERVICE, and with it."""


def blindly(simulated: SimulatedHost, remedy: str, check: bool = False, **given: t.Any) -> tuple[Plan, Done]:
    """A run that may not probe."""
    doing = job(simulated, check=check, prober=replace(prober(simulated), enabled=False))
    return fix(doing, REMEDIES[remedy], {**defaults(REMEDIES[remedy].options), **given})


@pytest.mark.parametrize("version", ["2019", "2025"])
@pytest.mark.parametrize("breakage", ["", "key_unreadable"])
def test_without_a_probe_a_hidden_entry_is_foretold_until_a_run_has_seen_it(breakage: str, version: str) -> None:
    simulated = built(version, breakage, {})
    before, given = settings_state(simulated), {"method": "ace"}
    for _check in range(2):
        assert kinds(blindly(simulated, "machine_keys", True, **given)[0].changes) == ["file_access"]
    assert kinds(blindly(simulated, "machine_keys", **given)[1].changes) == ["file_access"] * bool(breakage)

    state, writes = simulated.state(), simulated.counters.writes
    for check in (True, False):
        plan, done = blindly(simulated, "machine_keys", check, **given)
        assert (plan.changes, done.changes) == ((), [])
        assert "a run before this one saw that NETWORK SERVICE may" in plan.notes[0]
    assert (simulated.state(), simulated.counters.writes) == (state, writes)

    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before
    foretold = kinds(blindly(simulated, "machine_keys", True, **given)[0].changes)
    assert foretold == ["file_access"] * bool(breakage), "what was put back is not taken for seen"


def test_a_run_that_may_not_probe_says_that_nothing_shows_whether_tls_works() -> None:
    unproved = "no handshake was tried, so nothing shows whether TLS works"
    simulated = built("2016", "", {})
    assert blindly(simulated, "machine_keys", method="ace")[1].notes == [unproved]
    course = climb(job(simulated, prober=replace(prober(simulated), enabled=False)), "machine_keys")
    assert _result.climbed(course, "run-1")["notes"][-1] == unproved
    assert run(simulated, "machine_keys", method="ace")[1].notes == []
    assert blindly(simulated, "machine_keys", state="restored")[1].notes == []


@pytest.mark.parametrize("rolled_back", [False, True], ids=["by_hand", "rolled_back"])
def test_what_a_run_saw_is_not_believed_where_the_handshake_or_a_roll_back_shows_otherwise(rolled_back: bool) -> None:
    simulated = built("2022", "key_unreadable", {})
    path = simulated.windows.certificates.key_file
    closed = simulated.windows.files.find(path)
    assert closed is not None
    blindly(simulated, "machine_keys", method="ace")
    simulated.windows.files.set_descriptor(path, closed.descriptor)
    if rolled_back:
        rollback(job(simulated, "back"), "all", force=False)
        assert kinds(blindly(simulated, "machine_keys", True, method="ace")[0].changes) == ["file_access"]
    foretold = run(simulated, "machine_keys", True, method="ace")[0]
    assert kinds(foretold.changes) == ["file_access"]
    assert ["a run before this one saw" in note for note in foretold.notes] == [True, False][rolled_back:]
    assert kinds(climb(job(simulated), "machine_keys").changes)[0] == "file_access"


def test_permissions_that_are_shown_count_more_than_what_a_run_saw() -> None:
    simulated = built("2016", "key_unreadable", {})
    (change,) = blindly(simulated, "machine_keys", True, method="ace")[0].changes
    _hidden.keep(connect(simulated), change)
    assert blindly(simulated, "machine_keys", True, method="ace")[0].changes == (change,)


@pytest.mark.parametrize("entry", sorted(HIDDEN))
def test_a_certificate_that_is_bound_again_needs_no_entry_that_a_run_has_seen(entry: str) -> None:
    simulated, thumbprint = bound_host(sddl=HIDDEN[entry])
    given = {"state": "bound", "thumbprint": thumbprint}
    run(simulated, "certificate", **given)
    run(simulated, "certificate", state="self_signed")
    foretold, _done = run(simulated, "certificate", True, **given)
    assert kinds(foretold.changes) == ["registry"]
    assert tuple(run(simulated, "certificate", **given)[1].changes) == foretold.changes


@pytest.mark.parametrize("entry", sorted(HIDDEN))
def test_a_certificate_whose_keys_readers_are_hidden_is_bound_once(entry: str) -> None:
    simulated, thumbprint = bound_host(sddl=HIDDEN[entry])
    before, given = settings_state(simulated), {"state": "bound", "thumbprint": thumbprint}
    foretold, _done = run(simulated, "certificate", True, **given)
    assert kinds(foretold.changes) == ["file_access", "registry"]
    assert "check mode cannot foretell" in foretold.notes[0]
    assert simulated.counters.writes == 0

    _plan, done = run(simulated, "certificate", **given)
    assert kinds(done.changes) == ["file_access", "registry"][entry == "there" :]
    assert done.proof is not None
    assert done.proof["tls"]["certificate"]["sha1"] == thumbprint

    writes = simulated.counters.writes
    for check in (True, False):
        plan, done = run(simulated, "certificate", check, **given)
        assert (plan, done.changes) == (Plan(), [])
    assert simulated.counters.writes == writes
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("entry", sorted(HIDDEN))
def test_without_a_probe_a_certificate_that_is_bound_already_is_left_as_it_is_with_a_note(entry: str) -> None:
    simulated, thumbprint = bound_host(sddl=HIDDEN[entry])
    given = {"state": "bound", "thumbprint": thumbprint}
    blindly(simulated, "certificate", **given)
    assert simulated.windows.certificates.pinned() == thumbprint
    writes = simulated.counters.writes
    for check in (True, False):
        plan, done = blindly(simulated, "certificate", check, **given)
        assert (plan.changes, done.changes) == ((), [])
        assert "a run before this one saw that NETWORK SERVICE may" in plan.notes[0]
    assert simulated.counters.writes == writes


def test_without_a_probe_a_certificate_that_somebody_else_bound_is_left_as_it_is_with_a_note() -> None:
    simulated, thumbprint = bound_host(sddl=HIDDEN["missing"])
    stored = simulated.windows.certificates.in_store("MY", thumbprint)
    assert stored is not None
    simulated.windows.certificates.pin(stored)
    plan, _done = blindly(simulated, "certificate", state="bound", thumbprint=thumbprint)
    assert plan.changes == ()
    assert "no handshake shows" in plan.notes[0]


def test_a_bound_certificate_whose_key_the_handshake_shows_to_be_closed_gets_the_hidden_entry() -> None:
    simulated, thumbprint = bound_host(sddl=HIDDEN["missing"])
    certificates = simulated.windows.certificates
    stored = certificates.in_store("MY", thumbprint)
    assert stored is not None
    certificates.pin(stored)
    before, given = settings_state(simulated), {"state": "bound", "thumbprint": thumbprint}
    foretold, _done = run(simulated, "certificate", True, **given)
    assert [(entry.kind, entry.item) for entry in foretold.changes] == [("file_access", certificates.file_of(stored))]
    _plan, done = run(simulated, "certificate", **given)
    assert tuple(done.changes) == foretold.changes
    assert done.proof is not None
    assert done.proof["tls"]["verdict"] == "ok"
    assert run(simulated, "certificate", True, **given)[0] == Plan()
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_permissions_that_are_seen_decide_also_where_the_handshake_still_works() -> None:
    """The listener may have opened the key before the entry was taken away."""
    simulated, thumbprint = bound_host(sddl="O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)")
    given = {"state": "bound", "thumbprint": thumbprint}
    seen = {"tls": {"verdict": "ok", "certificate": {"sha1": thumbprint}}}
    observation = observe(connect(simulated), REMEDIES["certificate"].areas, probe=seen)
    plan = REMEDIES["certificate"].plan(observation, {**defaults(REMEDIES["certificate"].options), **given})
    assert kinds(plan.changes) == ["file_access", "registry"]
    assert plan.notes == ()


UNFIT: dict[str, tuple[dict[str, t.Any], str]] = {
    "expired": ({"start": DEFAULT_START - timedelta(days=366)}, "it expired on 2026-06-14T08:00:00+00:00"),
    "not yet valid": ({"start": DEFAULT_START + timedelta(days=1)}, "it is not valid before 2026-06-16T08:00:00+00:00"),
    "for clients": ({"usage": CLIENT}, "its usage does not include server authentication"),
    "short key": ({"key": WEAK_KEY}, "its RSA key has 1024 bits"),
    "outdated signature": ({"sha1": True}, "it is signed with SHA1"),
    "no link to a key": ({"linked": False}, "no private key belongs to it"),
    "key file gone": ({"sddl": ""}, "does not exist"),
}
"""What makes a certificate of no use to the listener, and how that is told. Nothing else is wrong with it."""


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
@pytest.mark.parametrize("fault", sorted(UNFIT))
def test_a_certificate_that_cannot_serve_is_not_bound_and_the_reason_is_told(fault: str, check: bool) -> None:
    request, reason = UNFIT[fault]
    simulated, thumbprint = bound_host(**request)
    before = simulated.state()
    plan, done = run(simulated, "certificate", check, state="bound", thumbprint=thumbprint)
    (refusal,) = plan.refused
    assert refusal.message.startswith(f"the certificate {thumbprint} cannot serve the listener: ")
    assert refusal.message.endswith(reason)
    assert ";" not in refusal.message
    assert (refusal.option, plan.changes, done.changes, done.proof) == ("thumbprint", (), [], None)
    assert simulated.counters.writes == 0
    assert simulated.state() == before, "neither written nor journaled"


@pytest.mark.parametrize("between", [" ", ":", "\u200e"])
def test_a_thumbprint_is_taken_as_windows_shows_it(between: str) -> None:
    simulated, thumbprint = bound_host()
    shown = between + between.join(thumbprint[number : number + 2] for number in range(0, 40, 2))
    assert kinds(run(simulated, "certificate", state="bound", thumbprint=shown)[1].changes)[-1] == "registry"
    assert simulated.windows.certificates.pinned() == thumbprint


@pytest.mark.parametrize("state", ["valid", "self_signed"])
def test_a_thumbprint_that_would_be_ignored_is_refused(state: str) -> None:
    simulated, thumbprint = bound_host()
    plan, done = run(simulated, "certificate", state=state, thumbprint=thumbprint, renew_before=180)
    assert done.changes == []
    assert "set state to bound" in plan.refused[0].message


@pytest.mark.parametrize("days", [-1, 181, 10**12])
def test_a_renewal_that_would_be_due_again_and_again_is_refused(days: int) -> None:
    plan, done = run(SimulatedHost.build("2022"), "certificate", renew_before=days)
    assert done.changes == []
    assert "from 0 to 180" in plan.refused[0].message


def test_a_certificate_is_renewed_before_it_expires() -> None:
    simulated = SimulatedHost.build("2022")
    assert run(simulated, "certificate", renew_before=14)[1].changes == []
    _plan, done = run(simulated, "certificate", renew_before=180)
    assert kinds(done.changes) == ["certificate", "renewal"]
    assert done.changes[-1].after == GENERATED
    assert run(simulated, "certificate", renew_before=170)[1].changes == []


# --- not again and again


def short_lived() -> SimulatedHost:
    """A host whose certificate is due, on a Windows that makes no longer ones than for three weeks."""
    simulated = SimulatedHost.build("2022")
    certificates = simulated.windows.certificates
    short = functools.partial(certificates.issue, validity=timedelta(days=21))
    certificates.issue = short  # type: ignore[method-assign]  # Windows makes one that ends soon
    short()
    return simulated


def renewed(simulated: SimulatedHost, run_id: str = "run-1", check: bool = False) -> tuple[Plan, list[str]]:
    """What a wish for a longer one comes to; the controller's clock is right, whatever the host's was set to."""
    host = connect(simulated, behind=simulated.clock.stepped, check=check)
    doing = Job(host, prober(simulated), run_id, check)
    options = {**defaults(REMEDIES["certificate"].options), "renew_before": 30}
    plan, done = fix(doing, REMEDIES["certificate"], options)
    return plan, kinds(done.changes)


AGAIN = ["certificate", "renewal"]


@pytest.mark.parametrize("other_run", [False, True])
@pytest.mark.parametrize(("seconds", "again"), [(0, False), (3590, False), (3610, True)])
def test_a_renewal_is_not_repeated_within_an_hour(seconds: float, again: bool, other_run: bool) -> None:
    simulated = short_lived()
    start = simulated.clock.now()
    assert renewed(simulated)[1] == AGAIN, "what was made without a run of ours does not count"
    (made,) = [entry.at for entry in journaled(simulated) if entry.change.kind == "renewal"]
    simulated.clock.advance(seconds - (simulated.clock.now() - datetime.fromisoformat(made)).total_seconds())
    assert simulated.clock.now() - start >= timedelta(seconds=seconds)
    if other_run:
        limit = {**defaults(REMEDIES["connection_limit"].options), "pending": 5000}
        assert fix(job(simulated, "run-2"), REMEDIES["connection_limit"], limit)[1].changes
    foretold, _kinds = renewed(simulated, "run-3", check=True)
    plan, made_now = renewed(simulated, "run-3")
    assert kinds(foretold.changes) == made_now == (AGAIN if again else [])
    assert foretold == plan
    assert ("within the last hour" in "".join(plan.notes)) is not again


def journaled(simulated: SimulatedHost) -> list[Entry]:
    host = connect(simulated)
    journal = Journal(host.registry, host.machine_id, host.now)
    return [found.entry for stretch in journal.stretches() for found in journal.entries(stretch)]


@pytest.mark.parametrize("wrong", [timedelta(), timedelta(hours=5)], ids=["right", "wrong"])
@pytest.mark.parametrize("step", [timedelta(hours=2), timedelta(hours=-2), timedelta(days=-3)])
def test_a_clock_that_is_set_neither_permits_nor_forbids_a_renewal(step: timedelta, wrong: timedelta) -> None:
    simulated = short_lived()
    simulated.clock.set(simulated.clock.now() + wrong)
    assert renewed(simulated)[1] == AGAIN
    simulated.clock.set(simulated.clock.now() + step)
    assert renewed(simulated, "run-2")[1] == []
    simulated.clock.advance(3600)
    assert renewed(simulated, "run-3")[1] == AGAIN


def test_what_somebody_else_renewed_is_renewed_again() -> None:
    simulated = short_lived()
    assert renewed(simulated)[1] == AGAIN
    simulated.clock.advance(3600)
    simulated.windows.certificates.issue()
    assert renewed(simulated, "run-2")[1] == AGAIN


def test_a_journal_that_came_with_the_disk_of_another_machine_forbids_nothing() -> None:
    simulated = short_lived()
    assert renewed(simulated)[1] == AGAIN
    registry = simulated.windows.registry
    registry.put(MACHINE_GUID, "MachineGuid", Type.SZ, "7f3b1c52-0000-4000-8000-000000000001")
    assert renewed(simulated, "run-2")[1] == AGAIN


@pytest.mark.parametrize("cut", [cut_before, cut_after])
@pytest.mark.parametrize(("remedy", "given"), [("certificate", {}), ("machine_keys", {"method": "restart"})])
def test_a_renewal_that_was_cut_off_goes_on_as_soon_as_a_run_may_write(
    remedy: str, given: dict[str, t.Any], cut: Callable[[int], Callable[[int, bytes], None]]
) -> None:
    def course(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        options = {**defaults(REMEDIES[remedy].options), **given}
        fix(job(simulated, before=before), REMEDIES[remedy], options)

    for number in writes_of(course, built("2022", "certificate_expired", {})):
        simulated = built("2022", "certificate_expired", {})
        with contextlib.suppress(Cut, TransportFailed):
            course(simulated, cut(number))
        simulated.clock.advance(601)
        run(simulated, remedy, **given)
        own = simulated.windows.certificates.own()
        assert own is not None
        assert own.certificate.not_valid_after_utc > simulated.clock.now(), f"after a cut at message {number}"


@pytest.mark.parametrize(("seconds", "again"), [(3590, False), (3610, True)])
def test_a_method_that_did_not_help_is_not_repeated_within_an_hour(seconds: float, again: bool) -> None:
    simulated = built("2022", "tls_server_disabled", {})
    assert kinds(run(simulated, "machine_keys", method="certificate")[1].changes)[:2] == AGAIN
    (made,) = [entry.at for entry in journaled(simulated) if entry.change.kind == "renewal"]
    simulated.clock.advance(seconds - (simulated.clock.now() - datetime.fromisoformat(made)).total_seconds())
    plan, done = run(simulated, "machine_keys", method="certificate")
    assert kinds(done.changes)[:2] == (AGAIN if again else [])
    assert ("take the next one" in "".join(plan.notes)) is not again


def test_a_listener_that_is_tied_to_a_good_certificate_is_untied_only_on_request() -> None:
    simulated = built("2022", "", {}, ["pinned_certificate"])
    assert run(simulated, "certificate")[1].changes == []
    _plan, done = run(simulated, "certificate", state="self_signed")
    assert kinds(done.changes) == ["registry"]
    assert simulated.windows.certificates.pinned() == ""


@pytest.mark.parametrize("trait", ["connection_broker", "certificate_template"])
@pytest.mark.parametrize(("remedy", "given"), [("certificate", {}), ("machine_keys", {"method": "restart"})])
def test_what_is_in_place_of_a_certificate_stays_where_others_manage_that(
    remedy: str, given: dict[str, t.Any], trait: str
) -> None:
    simulated = built("2022", "certificate_damaged", {}, [trait])
    simulated.windows.registry.discard(LISTENER, "SSLCertificateSHA1Hash")
    before = settings_state(simulated)
    plan, done = run(simulated, remedy, **given)
    assert GUARDS[trait] in plan.refused[0].message
    assert (done.changes, settings_state(simulated)) == ([], before)
    assert cure(simulated).changes == []


@pytest.mark.parametrize("replaced", [True, False])
@pytest.mark.parametrize("method", ["restart", "certificate", "key"])
def test_what_is_in_place_of_a_certificate_can_be_had_back(method: str, replaced: bool) -> None:
    simulated = built("2022", "certificate_damaged", {"damaged_replaced": replaced})
    before = settings_state(simulated)
    _plan, done = run(simulated, "machine_keys", method=method)
    assert kinds(done.changes)[0] == "registry"
    assert simulated.probe_view()["tls"] == "ok"
    assert run(simulated, "machine_keys", method=method)[1].changes == []
    back = rollback(job(simulated, "back"), "all", force=False)
    assert [target.entry.change.kind for target in back.undone] == ["registry"]
    assert unexplained(before, simulated, acts(done.changes)) == []
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize("breakage", ["certificate_damaged", "key_unreadable"])
def test_a_store_that_administrators_may_not_write_to_stops_no_run_before_its_end(breakage: str) -> None:
    simulated = built("2022", breakage, {}, ["certificate_store_hidden"])
    if breakage == "key_unreadable":
        spoil(simulated)
    before = settings_state(simulated)
    course = cure(simulated)
    assert course.verdict == "unresolved"
    assert any("Cannot delete" in refusal.message for refusal in course.refused)
    assert settings_state(simulated) == before


def test_a_certificate_that_is_whole_and_cannot_be_read_here_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an algorithm that the controller's library does not know."""

    def unknown(_blob: bytes) -> t.NoReturn:
        raise DamagedCertificate("an algorithm that is not known")

    simulated = built("2022", "key_unreadable", {})
    monkeypatch.setattr(certificates_of, "parse", unknown)
    plan, done = run(simulated, "machine_keys", method="restart")
    assert "an algorithm that is not known" in plan.refused[0].message
    assert done.changes == []


def test_the_listener_is_told_to_be_tied_to_what_is_no_certificate() -> None:
    simulated = built("2022", "certificate_pinned_damaged", {})
    (finding,) = direct(examine(connect(simulated), prober(simulated), 600).findings)
    assert "though named so" in str(finding.evidence)


KEY_CAUSES = ("key_missing", "key_unreadable", "machine_guid_changed", "key_in_cng")
"""What is wrong with the key of a certificate that is in order."""


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "hidden"])
@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
@pytest.mark.parametrize("breakage", KEY_CAUSES)
def test_where_the_cause_lies_in_the_key_it_is_named_with_the_module_that_mends_it(
    breakage: str, check: bool, shown: bool
) -> None:
    simulated = built("2022", breakage, {"key_descriptor_readable": shown})
    plan, done = run(simulated, "certificate", check)
    assert (plan.changes, done.changes, plan.refused) == ((), [], ())
    (note,) = _result.fixed(plan, done, "run-1")["notes"]
    assert f"({breakage})" in note
    assert "machine_keys mends that" in note
    doing = job(simulated, check=True)
    cause = direct(examine(doing.host, doing.prober, 600).findings)[0]
    assert (cause.id, "machine_keys" in cause.remedies) == (breakage, True)

    assert cure(simulated).verdict == "repaired"
    assert run(simulated, "certificate", check)[0] == Plan()


def test_a_key_of_cng_is_named_as_such_where_only_system_sees_who_may_read_it() -> None:
    simulated = built("2022", "key_in_cng", {})
    certificates = simulated.windows.certificates
    bound = certificates.bound()
    assert bound is not None
    simulated.windows.files.set_descriptor(certificates.file_of(bound), SecurityDescriptor.from_sddl(HIDDEN["missing"]))
    (note,) = run(simulated, "certificate")[0].notes
    assert "only SYSTEM sees" in note
    assert "(key_in_cng)" in note


def test_nothing_is_said_of_a_key_that_is_renewed_along_with_its_certificate() -> None:
    simulated = built("2022", "certificate_expired", {})
    simulated.windows.files.remove(simulated.windows.certificates.key_file)
    plan, done = run(simulated, "certificate")
    assert (kinds(done.changes), plan.notes) == (["renewal"], ())


def test_what_is_wrong_with_the_key_of_windows_own_certificate_is_told_when_the_listener_is_untied() -> None:
    simulated = built("2022", "key_missing", {}, ["pinned_certificate"])
    assert run(simulated, "certificate")[0] == Plan(), "the certificate in use is another one"
    plan, _done = run(simulated, "certificate", check=True, state="self_signed")
    assert kinds(plan.changes) == ["registry"]
    assert "(key_missing)" in plan.notes[0]


BENEATH = [("pinned_certificate", "", "self_signed"), ("", "certificate_pinned_expired", "valid")]
"""What the listener is tied to, beside a key of Windows' own certificate that nobody can read, and what is wanted."""


def beneath(trait: str, breakage: str, **switches: object) -> SimulatedHost:
    planted = ["key_unreadable", *([breakage] if breakage else [])]
    return SimulatedHost.build("2022", breakages=planted, traits=[trait] if trait else [], switches=switches)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("trait", "breakage", "state"), BENEATH)
def test_a_listener_stays_tied_where_windows_own_certificate_would_serve_nobody(
    trait: str, breakage: str, state: str, moment: str
) -> None:
    simulated = beneath(trait, breakage, live_pin=moment)
    before = settings_state(simulated)
    with pytest.raises(ProofMissing, match="put back"):
        run(simulated, "certificate", state=state)
    assert settings_state(simulated) == before
    assert simulated.probe_view()["tls"] == "ok"


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_loop_unties_it_and_cures_what_lies_beneath(moment: str) -> None:
    simulated = beneath("", "certificate_pinned_expired", live_pin=moment)
    course = cure(simulated)
    assert course.verdict == "repaired"
    assert [finding.id for finding in course.revealed] == ["key_unreadable"]
    assert simulated.windows.certificates.pinned() == ""


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_loop_ties_it_again_where_it_may_not_cure_what_lies_beneath(moment: str) -> None:
    simulated = beneath("", "certificate_pinned_expired", live_pin=moment)
    before = settings_state(simulated)
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits(frozenset({"certificate"})))
    assert [(step.remedy, step.kept) for step in course.steps] == [("certificate", False)]
    assert settings_state(simulated) == before
    assert simulated.probe_view()["tls"] == "ok"
    simulated.windows.reboot()
    simulated.clock.advance(600)
    assert simulated.probe_view()["tls"] == "ok"


# --- cut off

EXPIRY = 5400
"""Seconds after which the host has deleted a task that was to run once and whose run was cut off."""


@pytest.mark.parametrize("cut", [cut_before, cut_after])
@pytest.mark.parametrize(
    "breakage", ["key_unreadable", "folder_acl", "store_acl", "certificate_pinned_missing", "certificate_damaged"]
)
def test_a_repair_that_is_cut_off_anywhere_goes_on_and_leaves_no_task_behind(
    breakage: str, cut: Callable[[int], Callable[[int, bytes], None]]
) -> None:
    made: list[Change] = []

    def course(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        made.extend(cure(simulated, before=before).changes)

    writes = writes_of(course, built("2022", breakage, {}))
    lasting = acts(made)
    assert len(writes) > 5
    for number in writes if cut is cut_before else writes[:-1]:
        simulated = built("2022", breakage, {})
        before = settings_state(simulated)
        with pytest.raises((Cut, TransportFailed)):
            course(simulated, cut(number))
        simulated.clock.advance(EXPIRY)
        assert simulated.state()["tasks"] == {}, f"after a cut at message {number}"
        roll_back_all(simulated)
        assert unexplained(before, simulated, lasting) == [], f"after a cut at message {number}"
        assert cure(simulated).verdict in ("repaired", "healthy")


@pytest.mark.parametrize("minted", [False, True])
@pytest.mark.parametrize("method", ["copy_aside", "rename"])
def test_a_copy_or_rename_that_is_cut_off_anywhere_never_loses_a_key(method: str, minted: bool) -> None:
    def climbed(simulated: SimulatedHost, before: Callable[[int, bytes], None]) -> None:
        options = {**defaults(REMEDIES["machine_keys"].options), "method": method, "accept_shared_keys": True}
        made.extend(fix(job(simulated, before=before), REMEDIES["machine_keys"], options)[1].changes)

    made: list[Change] = []
    switches: dict[str, object] = {"keys_minted_in_gap": minted}
    writes = writes_of(climbed, built("2022", "key_unreadable", switches))
    lasting = acts(made)
    for number in writes:
        simulated = built("2022", "key_unreadable", switches)
        original, before = settings_state(simulated), key_files(simulated)
        with pytest.raises(Cut):
            climbed(simulated, cut_before(number))
        simulated.clock.advance(EXPIRY)
        assert key_files(simulated) == before, f"after a cut at message {number}"
        roll_back_all(simulated)
        assert key_files(simulated) == before, f"rolled back after a cut at message {number}"
        assert unexplained(original, simulated, lasting) == [], f"rolled back after a cut at message {number}"
        assert cure(simulated).verdict in ("repaired", "healthy")


# --- the host dies

RENAME = Change("machine_keys", "key_folder", MACHINE_KEYS, None, f"{MACHINE_KEYS}_old", "beyond repair")


def renamed(simulated: SimulatedHost) -> None:
    with Run(connect(simulated), "renaming", []) as making:
        making.apply(RENAME)


def steps_of(work: Callable[[], object], last: float = float("inf")) -> int:
    """How many programs on files a piece of work starts; the host dies before the one after the last."""
    count, program = 0, CommandShell._program

    def dies(shell: CommandShell, name: str, *rest: t.Any) -> Output:
        nonlocal count
        count += name.lower() not in ("net", "cmd", "cmd.exe")
        if count > last:
            raise TransportFailed("the host died", sent=None)
        return program(shell, name, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CommandShell, "_program", dies)
        work()
    return count


def changing(simulated: SimulatedHost) -> Callable[[], bool]:
    """A service that changes one of its keys just before MachineKeys loses its name; whether it has."""
    files, path = simulated.windows.files, next(iter(key_files(simulated)))
    move, sddl_ = files.move, files.existing(path).descriptor.to_sddl()

    def late(source: str, target: str, *rest: t.Any) -> t.Any:
        if source.lower() == MACHINE_KEYS.lower():
            files.move = move  # type: ignore[method-assign]  # the service writes once
            files.add(path, sddl_, content="changed")
        return move(source, target, *rest)

    files.move = late  # type: ignore[method-assign]  # stands in for the service
    return lambda: files.move is move


def with_change(wanted: dict[str, object]) -> dict[str, object]:
    path, entry = next(iter(t.cast("dict[str, dict[str, object]]", wanted).items()))
    return {**wanted, path: {**entry, "content": "changed"}}


def come_up(simulated: SimulatedHost, names: t.Iterable[str]) -> list[str]:
    """Services make keys anew where the folder is missing, one of them under a new name; the contents of them."""
    files = simulated.windows.files
    if files.find(MACHINE_KEYS) is not None:
        return []
    files.add(MACHINE_KEYS, MACHINE_KEYS_SDDL, folder=True)
    paths = [*names, MINTED]
    for path in paths:
        files.add(path, MACHINE_KEYS_SDDL, content=f"made anew: {path}")
    return [f"made anew: {path}" for path in paths]


def rolled_back(simulated: SimulatedHost) -> str:
    """Roll all back, in as many runs as that takes; what was left to tell at first."""
    simulated.clock.advance(660)
    left = rollback(job(simulated, "back"), "all", force=False).left
    assert rollback(job(simulated, "again"), "all", force=False).left == {}
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None
    return "".join(left.values())


def nothing_is_lost(simulated: SimulatedHost, wanted: dict[str, object], made: list[str], told: str, when: str) -> None:
    """All keys are where they were, those made anew somewhere, and it is told where."""
    stored = t.cast("dict[str, dict[str, str]]", simulated.state()["files"])
    files = {path.lower(): entry for path, entry in stored.items()}
    assert {path: files.get(path.lower()) for path in wanted} == wanted, when
    assert set(made) <= {entry["content"] for entry in files.values()}, when
    aside = f"{MACHINE_KEYS}_made".lower() in files
    assert aside or not made, when
    assert (f"{MACHINE_KEYS}_made has them" in told) is aside, when


@pytest.mark.parametrize("changes", [False, True])
def test_a_rename_during_which_the_host_dies_loses_no_key(changes: bool) -> None:
    def prepared() -> tuple[SimulatedHost, Callable[[], bool]]:
        simulated = built("2022", "key_unreadable", {"keys_minted_in_gap": False})
        return simulated, changing(simulated) if changes else lambda: False

    simulated, _changed = prepared()
    steps = steps_of(lambda: renamed(simulated))
    assert steps > 20
    met = set()
    for last in range(steps):
        simulated, changed = prepared()
        wanted = key_files(simulated)
        with pytest.raises(TransportFailed):
            steps_of(functools.partial(renamed, simulated), last)
        made, before = come_up(simulated, wanted), changed()
        met.add(bool(made))
        told = rolled_back(simulated)
        wanted = with_change(wanted) if before or (changed() and not made) else wanted
        nothing_is_lost(simulated, wanted, made, told, f"died after step {last}")
    assert met == {False, True}


def back(simulated: SimulatedHost) -> object:
    return rollback(job(simulated, "first"), "all", force=False)


@pytest.mark.parametrize("changes", [False, True])
def test_a_roll_back_during_which_the_host_dies_loses_no_key(changes: bool) -> None:
    def prepared() -> tuple[SimulatedHost, dict[str, object], Callable[[], bool]]:
        simulated = broken_folder(BROKEN_FOLDERS[1], keys_minted_in_gap=False, robocopy_folder="never")
        renamed(simulated)
        changed, files = next(iter(key_files(simulated))), simulated.windows.files
        for path in (changed, rf"{MACHINE_KEYS}\new"):
            files.add(path, MACHINE_KEYS_SDDL, content="of now")
        simulated.clock.advance(660)
        return simulated, key_files(simulated), changing(simulated) if changes else lambda: False

    simulated, _wanted, _changed = prepared()
    steps = steps_of(lambda: back(simulated))
    assert steps > 10
    met = set()
    for last in range(steps):
        simulated, wanted, changed = prepared()
        with pytest.raises(TransportFailed):
            steps_of(functools.partial(back, simulated), last)
        made, before = come_up(simulated, wanted), changed()
        met.add(bool(made))
        told = rolled_back(simulated)
        wanted = with_change(wanted) if before or (changed() and not made) else wanted
        nothing_is_lost(simulated, wanted, made, told, f"died after step {last}")
        assert folder_of(simulated) == BROKEN_FOLDERS[1], f"died after step {last}"
    assert met == {False, True}


ASIDE = {
    "copy": Change("machine_keys", "key_copy", f"{MACHINE_KEYS}_old", None, MACHINE_KEYS, "a copy"),
    "rename": RENAME,
}


def put_aside(simulated: SimulatedHost, way: str) -> None:
    with Run(connect(simulated), "aside", []) as making:
        making.apply(ASIDE[way])


@pytest.mark.parametrize("shut", BROKEN_FOLDERS[1:3])
@pytest.mark.parametrize("way", sorted(ASIDE))
def test_a_folder_that_was_opened_to_system_when_the_host_died_is_closed_by_roll_back(way: str, shut: str) -> None:
    """Nothing else is left of it either, and what is kept of the folder's permissions goes last."""

    def prepared() -> SimulatedHost:
        return broken_folder(shut, keys_minted_in_gap=False, robocopy_folder="never")

    steps, open_, simulated = steps_of(lambda: put_aside(prepared(), way)), 0, prepared()
    before = settings_state(simulated)
    for last in range(steps):
        simulated = prepared()
        with pytest.raises(TransportFailed):
            steps_of(functools.partial(put_aside, simulated, way), last)
        renamed_already = simulated.windows.files.find(f"{MACHINE_KEYS}_old") is not None
        open_ += not renamed_already and folder_of(simulated) != shut
        rolled_back(simulated)
        assert folder_of(simulated) == shut, f"died after step {last}"
        assert settings_state(simulated)["files"] == before["files"], f"died after step {last}"
    assert open_ >= 2


def stopping(simulated: SimulatedHost, last: int) -> None:
    """Windows stops the next task's run before the program on files after the last."""
    around = simulated.windows.tasks._around
    run_ = around.run

    def stopped(action: t.Any) -> int:
        around.run = run_
        codes: list[int] = []
        with contextlib.suppress(TransportFailed):
            steps_of(lambda: codes.append(run_(action)), last)
        return codes[0] if codes else TERMINATED

    around.run = stopped


@pytest.mark.parametrize("way", sorted(ASIDE))
def test_a_folder_that_was_opened_to_system_when_windows_stopped_the_line_is_closed_at_once(way: str) -> None:
    shut = BROKEN_FOLDERS[1]

    def prepared() -> SimulatedHost:
        return broken_folder(shut, keys_minted_in_gap=False, robocopy_folder="never")

    steps = steps_of(lambda: put_aside(prepared(), way))
    for last in range(steps):
        simulated = prepared()
        before = settings_state(simulated)
        stopping(simulated, last)
        with pytest.raises(ApplyError, match=r"was stopped|Roll back this run"):
            put_aside(simulated, way)
        if simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None:
            assert folder_of(simulated) == shut, f"stopped after step {last}"
        rolled_back(simulated)
        assert settings_state(simulated)["files"] == before["files"], f"stopped after step {last}"


@pytest.mark.parametrize("way", sorted(ASIDE))
def test_a_run_that_follows_one_which_was_stopped_closes_the_folder_first(way: str) -> None:
    shut, simulated = BROKEN_FOLDERS[1], broken_folder(BROKEN_FOLDERS[1], robocopy_folder="never")
    before = settings_state(simulated)
    last = next(n for n in range(99) if left_open(broken_folder(shut, robocopy_folder="never"), way, n))
    assert left_open(simulated, way, last)
    simulated.clock.advance(660)
    put_aside(simulated, way)
    assert folder_of(simulated, f"{MACHINE_KEYS}_old" if way == "rename" else MACHINE_KEYS) == shut
    rolled_back(simulated)
    assert settings_state(simulated)["files"] == before["files"]


def left_open(simulated: SimulatedHost, way: str, last: int) -> bool:
    """Whether a host that dies after so many steps has its folder of keys open to SYSTEM then."""
    shut = folder_of(simulated)
    with pytest.raises(TransportFailed):
        steps_of(functools.partial(put_aside, simulated, way), last)
    return folder_of(simulated) != shut


def cut_in_two() -> tuple[SimulatedHost, dict[str, object], list[str]]:
    """A host that died between the two names and came up again, its keys of before, and what was made since."""
    simulated = built("2022", "key_unreadable", {"keys_minted_in_gap": False})
    wanted, files = key_files(simulated), simulated.windows.files
    move = files.move

    def dies(source: str, target: str, *rest: t.Any) -> t.Any:
        if source.lower().endswith(".part"):
            raise TransportFailed("the host died", sent=None)
        return move(source, target, *rest)

    files.move = dies  # type: ignore[method-assign]  # the host dies between the two names
    with pytest.raises(TransportFailed):
        renamed(simulated)
    files.move = move  # type: ignore[method-assign]  # the host has come up again
    made = come_up(simulated, wanted)
    simulated.clock.advance(660)
    return simulated, wanted, made


def test_keys_that_a_rename_has_left_aside_come_back_with_state_restored_too() -> None:
    simulated, wanted, made = cut_in_two()
    with pytest.raises(ApplyError) as told:
        run(simulated, "machine_keys", state="restored")
    nothing_is_lost(simulated, wanted, made, str(told.value), "restored")
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None


def test_a_host_that_dies_again_while_that_is_put_right_loses_no_key() -> None:
    simulated, _wanted, _made = cut_in_two()
    steps = steps_of(lambda: back(simulated))
    assert steps > 10
    for last in range(steps):
        simulated, wanted, made = cut_in_two()
        with pytest.raises(TransportFailed):
            steps_of(functools.partial(back, simulated), last)
        come_up(simulated, wanted)
        rolled_back(simulated)
        aside = f"{MACHINE_KEYS}_made has them"
        nothing_is_lost(simulated, wanted, made, aside, f"died after step {last}")


def test_keys_stay_aside_while_somebody_holds_on_to_a_folder_that_was_made_in_the_gap() -> None:
    simulated = built("2022", "key_unreadable", {"keys_minted_in_gap": False})
    wanted, files, made = key_files(simulated), simulated.windows.files, []

    def make(source: str, _target: str) -> None:
        if source.lower() == MACHINE_KEYS.lower():
            files.moved.remove(make)
            made.extend(come_up(simulated, wanted))
            files.held.add(MINTED.lower())

    files.moved.append(make)
    with pytest.raises(ApplyError, match="Roll back this run"):
        renamed(simulated)
    files.held.clear()
    nothing_is_lost(simulated, wanted, made, rolled_back(simulated), "let go of")


@pytest.mark.parametrize("same", [False, True])
def test_a_key_that_somebody_makes_in_the_gap_takes_the_place_of_none(same: bool) -> None:
    simulated = built("2022", "key_unreadable", {"keys_minted_in_gap": False})
    wanted, files = key_files(simulated), simulated.windows.files
    path = next(iter(wanted)) if same else MINTED

    def make(source: str, _target: str) -> None:
        if source.lower() == MACHINE_KEYS.lower() and files.find(MACHINE_KEYS) is None:
            files.moved.remove(make)
            files.add(MACHINE_KEYS, MACHINE_KEYS_SDDL, folder=True)
            files.add(path, MACHINE_KEYS_SDDL, content="minted")

    files.moved.append(make)
    with pytest.raises(ApplyError) as told:
        renamed(simulated)
    nothing_is_lost(simulated, wanted, ["minted"] if same else [], str(told.value), "in the gap")
    assert same or files.existing(path).content == "minted"


# --- what takes long


def slow(simulated: SimulatedHost, seconds: float = 1800.0) -> None:
    """Folders have so many keys from now on that a line about them takes that long."""
    simulated.windows.tasks.lasts = lambda action: seconds if "robocopy" in action.arguments else 0.0


def give_up(simulated: SimulatedHost, work: Callable[[Callable[[int, bytes], None]], object]) -> None:
    """The controller is gone a minute after work has begun what takes long."""
    start = simulated.clock.now()

    def before(_number: int, _body: bytes) -> None:
        if simulated.clock.now() - start > timedelta(seconds=60):
            raise TransportFailed("connection lost", sent=True)

    with pytest.raises(TransportFailed):
        work(before)


def renaming(simulated: SimulatedHost, method: str, before: Callable[[int, bytes], None] | None = None) -> None:
    options = {**defaults(REMEDIES["machine_keys"].options), "method": method, "accept_shared_keys": True}
    fix(job(simulated, before=before), REMEDIES["machine_keys"], options)


LONG = ("copy_aside", "rename")


@pytest.mark.parametrize("method", LONG)
def test_a_folder_of_many_keys_is_waited_for_both_ways(method: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    before = key_files(simulated)
    slow(simulated)
    renaming(simulated, method)
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is not None
    simulated.clock.advance(660)
    roll_back_all(simulated)
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None
    assert (key_files(simulated), simulated.state()["tasks"]) == (before, {})


@pytest.mark.parametrize("method", LONG)
def test_what_goes_on_without_us_is_not_taken_for_undone_and_nothing_is_begun_beside_it(method: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    before, others = settings_state(simulated), key_files(simulated)
    slow(simulated)
    give_up(simulated, lambda stop: renaming(simulated, method, stop))
    simulated.clock.advance(660)
    with pytest.raises(ApplyError, match="still at work"):
        renaming(simulated, method)
    for _time in range(2):
        left = rollback(job(simulated, "back"), "all", force=False).left
        assert ["roll back or run again then" in why for why in left.values()] == [True]
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None

    simulated.clock.advance(1800)
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is not None
    assert roll_back_all(simulated)
    assert key_files(simulated) == others
    simulated.clock.advance(EXPIRY)
    assert settings_state(simulated) == before


def spoil(simulated: SimulatedHost) -> None:
    """The content of the listener's key is another one's, so that no permission makes it usable."""
    path = simulated.windows.certificates.key_file
    descriptor = simulated.windows.files.existing(path).descriptor
    simulated.windows.files.add(path, descriptor.to_sddl(), content="key of nobody", size=1)


def at_work(version: str = "2022", method: str = "rename", *before: str) -> SimulatedHost:
    """A host whose folder of keys is being copied or renamed for a run that is gone, after one that took this method.

    The folder that its line makes first is there at once; in the simulator all of the line happens at its end.
    """
    simulated = broken_folder(BROKEN_FOLDERS[1]) if before == ("folder_acl",) else built(version, "key_unreadable", {})
    for earlier in before:
        blindly(simulated, "machine_keys", method=earlier)
        spoil(simulated)
    slow(simulated)
    give_up(simulated, lambda stop: renaming(simulated, method, stop))
    simulated.windows.files.add(f"{MACHINE_KEYS}_old.part", MACHINE_KEYS_SDDL, folder=True)
    simulated.clock.advance(660)
    return simulated


MEANWHILE: list[tuple[str, dict[str, t.Any]]] = [
    *(("machine_keys", {"method": method, "accept_shared_keys": True}) for method in sorted(METHODS)),
    ("certificate", {"renew_before": 180}),
]


@pytest.mark.parametrize("version", ["2016", "2022"])
@pytest.mark.parametrize("running", LONG)
@pytest.mark.parametrize(("remedy", "given"), MEANWHILE)
def test_nothing_is_done_to_keys_while_their_folder_is_at_work(
    remedy: str, given: dict[str, t.Any], running: str, version: str
) -> None:
    simulated = at_work(version, running)
    before = settings_state(simulated)
    for check in (True, False):
        plan, done = run(simulated, remedy, check, **given)
        (refusal,) = plan.refused
        assert f"the task {of_keys.FOLDERS}" in refusal.message
        assert "roll back or run again then" in refusal.message
        assert (plan.changes, done.changes) == ((), [])
    assert settings_state(simulated) == before


@pytest.mark.parametrize("whole", [True, False], ids=["remediate", "auto"])
def test_the_loop_does_nothing_to_keys_while_their_folder_is_at_work_and_mends_them_afterwards(whole: bool) -> None:
    simulated = at_work()
    before = settings_state(simulated)
    course = cure(simulated) if whole else climb(job(simulated), "machine_keys")
    assert (course.verdict, course.changes) == ("unresolved", [])
    assert any(of_keys.FOLDERS in refusal.message for refusal in course.refused)
    assert settings_state(simulated) == before
    simulated.clock.advance(EXPIRY)
    roll_back_all(simulated)
    assert cure(simulated).verdict == "repaired"


@pytest.mark.parametrize("earlier", ["ace", "folder_acl"])
def test_a_roll_back_leaves_permissions_of_keys_while_their_folder_is_at_work(earlier: str) -> None:
    simulated = at_work("2022", "rename", earlier)
    before = settings_state(simulated)
    assert next(entry.change.kind for entry in journaled(simulated)) in ("file_access", "folder_dacl")
    left = rollback(job(simulated, "back"), "all", force=False).left
    assert settings_state(simulated) == before
    assert len(left) == (2 if earlier == "ace" else 1)  # the folder is one item, with its permissions and its name
    assert all(of_keys.FOLDERS in why for why in left.values())
    simulated.clock.advance(EXPIRY)
    assert rollback(job(simulated, "again"), "all", force=False).left == {}


@pytest.mark.parametrize("method", LONG)
def test_a_roll_back_that_goes_on_without_us_is_waited_for_by_the_next(method: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    before = key_files(simulated)
    renaming(simulated, method)
    slow(simulated)
    give_up(simulated, lambda stop: rollback(job(simulated, "back", before=stop), "all", force=False))
    simulated.clock.advance(660)
    assert "still at work" in "".join(rollback(job(simulated, "again"), "all", force=False).left.values())
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is not None
    simulated.clock.advance(1800)
    assert not roll_back_all(simulated), "the first roll-back has come to its end"
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is None
    assert key_files(simulated) == before


def test_a_line_that_windows_does_not_stop_either_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = built("2022", "key_unreadable", {})
    slow(simulated)
    monkeypatch.setattr(of_keys, "LIMIT", timedelta(minutes=10))
    with pytest.raises(ApplyError, match="still at work"):
        renaming(simulated, "rename")
    assert list(simulated.state()["tasks"]) == [f"\\{of_keys.FOLDERS}"]
    monkeypatch.undo()
    simulated.clock.advance(1800)
    assert simulated.windows.files.find(f"{MACHINE_KEYS}_old") is not None
    assert roll_back_all(simulated)


@pytest.mark.parametrize("method", LONG)
def test_a_line_that_windows_stops_is_told_with_what_may_be_left(method: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    before = settings_state(simulated)
    slow(simulated, 7200)
    with pytest.raises(ApplyError, match=r"was stopped.*MachineKeys_old\.part, which goes when"):
        renaming(simulated, method)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("method", LONG)
def test_what_a_reboot_ends_is_not_waited_for(method: str) -> None:
    simulated = built("2022", "key_unreadable", {})
    before = settings_state(simulated)["files"]
    slow(simulated)
    give_up(simulated, lambda stop: renaming(simulated, method, stop))
    simulated.windows.reboot()
    simulated.clock.advance(660)
    assert not roll_back_all(simulated)
    simulated.clock.advance(EXPIRY)
    assert settings_state(simulated)["files"] == before


@pytest.mark.parametrize("breakage", ["certificate_weak", "certificate_wrong_usage"])
def test_a_pinned_certificate_that_suits_nobody_is_found_where_everything_is_read_and_untied(breakage: str) -> None:
    simulated = built("2022", breakage, {})
    before = settings_state(simulated)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600, full=True)
    assert breakage in [finding.id for finding in direct(standing.findings)]
    course = remediate(doing, standing, Limits())
    assert course.verdict == "repaired"
    assert kinds(course.changes) == ["registry"]
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_check_mode_foretells_the_way_back_of_what_only_system_sees() -> None:
    simulated = built("2022", "key_unreadable", {})
    blindly(simulated, "machine_keys", method="ace")
    foretold = rollback(job(simulated, "back", True), "last", force=False)
    undone = rollback(job(simulated, "back"), "last", force=False)
    assert [target.entry.change.kind for target in foretold.undone] == ["file_access"]
    assert [target.entry for target in foretold.undone] == [target.entry for target in undone.undone]
    assert (foretold.left, undone.left) == ({}, {})

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a change accounts for, and that it excuses nothing beside it: a roll-back that leaves things would pass else."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import APPLIERS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import GENERATED, Change, Kind

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import REMOTE_DESKTOP, STORES
from tests.simulator.windows.files import MACHINE_KEYS, ORDINARY_SDDL
from tests.simulator.windows.registry import Type
from tests.simulator.windows.security import SYSTEM_TOKEN, SecurityDescriptor
from tests.simulator.windows.system import Windows
from tests.simulator.windows.winsock import reset_catalogs
from tests.support.in_process import settings_state
from tests.support.states import _OWNERS, differing, outside

OPEN = SecurityDescriptor.from_sddl("O:SYG:SYD:PAI(A;;FA;;;WD)")
STORE = f"{STORES}\\{REMOTE_DESKTOP}"
OTHER = f"{MACHINE_KEYS}\\stray"
TASK = (
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Principals><Principal id="A">'
    '<UserId>S-1-5-18</UserId></Principal></Principals><Actions Context="A"><Exec><Command>cmd.exe</Command></Exec>'
    "</Actions></Task>"
)


def change(kind: Kind, item: str, before: t.Any = "", after: t.Any = GENERATED) -> Change:
    return Change("a module", kind, item, before, after, "")


RENEWAL = change("renewal", "SessionEnv")
RESTART = change("restart", "TermService")


def own_key(windows: Windows) -> str:
    return windows.certificates.key_file


def renew(windows: Windows) -> None:
    windows.clock.advance(60)
    windows.certificates.issue()


def open_own_key(windows: Windows) -> None:
    windows.files.set_descriptor(own_key(windows), OPEN)


def open_key_of_others(windows: Windows) -> None:
    windows.files.set_descriptor(OTHER, OPEN)


def open_folder(windows: Windows) -> None:
    windows.files.set_descriptor(MACHINE_KEYS, OPEN)


def open_store(windows: Windows) -> None:
    windows.registry.set_descriptor(STORE, OPEN)


def pin(windows: Windows) -> None:
    own = windows.certificates.own()
    assert own is not None
    windows.certificates.pin(own)


def leave_a_task(windows: Windows) -> None:
    windows.tasks.register("\\winfleet.rdp-once-1", TASK, SYSTEM_TOKEN, force=True)


def leave_a_file(windows: Windows) -> None:
    windows.files.add(r"C:\Windows\Temp\winfleet.rdp-1.acl", ORDINARY_SDDL, content="D:")


def leave_a_rule(windows: Windows) -> None:
    rule = windows.firewall.rules()[0]
    windows.firewall.put(type(rule)(**{**vars(rule), "id": "winfleet.rdp-1"}))


def leave_a_key_beside_the_journal(windows: Windows) -> None:
    windows.registry.put(f"{ROOT}-1", "left", Type.SZ, "over")


def write_the_journal(windows: Windows) -> None:
    windows.registry.put(rf"{ROOT}\Runs\1", "0001", Type.SZ, "an entry")


def found(*events: Callable[[Windows], None], changes: t.Sequence[Change] = ()) -> list[tuple[str, ...]]:
    """Where a host is other than before although none of the changes accounts for it."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.files.add(OTHER, ORDINARY_SDDL, content="key of somebody")
    before = settings_state(simulated)
    for event in events:
        event(simulated.windows)
    away = differing(before, settings_state(simulated))
    return outside(away, changes)


def test_each_kind_of_change_accounts_for_something() -> None:
    assert set(_OWNERS) == {*APPLIERS, "restart", "reboot"}


def test_the_journal_is_no_part_of_a_state() -> None:
    assert found(write_the_journal) == []


@pytest.mark.parametrize(
    "event", [leave_a_task, leave_a_file, leave_a_rule, leave_a_key_beside_the_journal, open_store, open_folder, pin]
)
@pytest.mark.parametrize("changes", [(), (RENEWAL, RESTART, change("reboot", "host"), change("lease", "nla"))])
def test_what_is_left_over_shows_whatever_else_was_done(
    event: Callable[[Windows], None], changes: tuple[Change, ...]
) -> None:
    assert found(event, changes=changes)
    assert found(event, renew, changes=changes)


@pytest.mark.parametrize("done", [RENEWAL, RESTART, change("reboot", "host"), change("service_state", "TermService")])
def test_what_starts_sessionenv_accounts_for_the_certificate_that_it_makes_and_its_key(done: Change) -> None:
    assert found(renew)
    assert found(renew, changes=[done]) == []
    assert found(open_own_key, renew, changes=[done]) == []


@pytest.mark.parametrize("event", [open_own_key, open_key_of_others])
def test_where_no_certificate_was_made_no_key_is_excused(event: Callable[[Windows], None]) -> None:
    assert found(event, changes=[RENEWAL, RESTART])


def test_access_to_a_file_is_accounted_for_by_that_file_alone() -> None:
    of_other = change("file_access", OTHER)
    assert found(open_key_of_others, changes=[of_other]) == []
    for event in (open_own_key, open_folder):
        assert found(event, changes=[of_other])
    assert found(open_folder, changes=[change("folder_dacl", MACHINE_KEYS)]) == []
    assert found(open_key_of_others, changes=[change("folder_dacl", MACHINE_KEYS)])


def test_the_permissions_of_a_key_are_accounted_for_by_that_key_alone() -> None:
    assert found(open_store, changes=[change("key_dacl", STORE)]) == []
    assert found(open_store, changes=[change("key_dacl", rf"{STORE}\Certificates")])


def test_what_comes_out_of_a_copy_is_what_was_in_it() -> None:
    def put_aside(windows: Windows) -> None:
        windows.files.add(f"{MACHINE_KEYS}_old", ORDINARY_SDDL, folder=True)
        windows.files.add(f"{MACHINE_KEYS}_old\\stray", ORDINARY_SDDL, content="key of somebody")

    def lose(windows: Windows) -> None:
        windows.files.remove(OTHER)

    back = change("key_copy", f"{MACHINE_KEYS}_old", MACHINE_KEYS, None)
    assert found(put_aside, lose, changes=[back]) == []
    assert found(put_aside, open_own_key, changes=[back])
    assert found(put_aside, lose, changes=[change("key_copy", f"{MACHINE_KEYS}_old", None, MACHINE_KEYS)])


def test_a_reset_of_winsock_accounts_for_its_catalogs() -> None:
    def reset(windows: Windows) -> None:
        reset_catalogs(windows.registry)

    assert found(reset)
    assert found(reset, changes=[change("winsock", "catalog")]) == []


def test_a_list_is_compared_by_names_and_a_change_accounts_for_its_own() -> None:
    rows = [{"Name": "A", "Enabled": True}, {"Name": "B", "Enabled": True}]
    other = [rows[0], {"Name": "B", "Enabled": False}]
    away = differing({"gateway": {"connections": rows}}, {"gateway": {"connections": other}})
    assert away == {("gateway", "connections", "b", "enabled")}
    assert outside(away, [change("gateway_connection_policy", "B")]) == []
    assert outside(away, [change("gateway_connection_policy", "A")]) == sorted(away)
    assert outside(away, [change("gateway_resource_policy", "B")]) == sorted(away)


def test_what_is_emptied_is_told_by_what_was_in_it() -> None:
    assert differing({"tasks": {}}, {"tasks": {"\\a": {"enabled": True}}}) == {("tasks", "\\a", "enabled")}
    assert differing({"tasks": {}}, {}) == {("tasks",)}

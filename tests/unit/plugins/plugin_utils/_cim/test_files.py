# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, folders and permissions of a simulated host, as an administrator sees them."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.files import FileError, Hidden
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model import sddl

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect

RSA = r"C:\ProgramData\Microsoft\Crypto\RSA"
MACHINE_KEYS = rf"{RSA}\MachineKeys"


def test_files_and_folders_are_listed_within_a_folder_alone() -> None:
    files = connect(SimulatedHost.build("2022")).files
    (key,) = files.files(MACHINE_KEYS)
    assert key.name.startswith("f686aace6942fb7f7ceb231212eef4a4_")
    assert key.size > 0
    assert [path.lower() for path in files.folders(RSA)] == [MACHINE_KEYS.lower()]
    assert files.files(r"C:\nowhere") == files.folders(r"C:\nowhere") == []
    assert files.exists(MACHINE_KEYS)
    assert not files.exists(rf"{RSA}\nowhere")


@pytest.mark.parametrize("marked", [False, True])
def test_which_files_are_marked_as_the_systems_is_told(marked: bool) -> None:
    files = connect(SimulatedHost.build("2022", switches={"key_files_system": marked})).files
    assert files.are_system(MACHINE_KEYS) == [marked]
    assert files.are_system(RSA) == []


@pytest.mark.parametrize(("version", "seen"), [("2016", True), ("2019", False), ("2025", False)])
def test_permissions_that_only_system_sees_are_hidden(version: str, seen: bool) -> None:
    files = connect(SimulatedHost.build(version)).files
    key = files.files(MACHINE_KEYS)[0].path
    if seen:
        assert "S-1-5-20" in str(files.security(key))
    else:
        with pytest.raises(Hidden):
            files.security(key)
    assert files.security(rf"{MACHINE_KEYS}\nothing") is None


def test_who_may_not_see_permissions_is_told_at_which_step_and_what_to_do() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.injector.add("wmi_80041003", {"class": "Win32_LogicalFileSecuritySetting"})
    with pytest.raises(Hidden) as hidden:
        connect(simulated).files.security(MACHINE_KEYS)
    assert "while calling Win32_LogicalFileSecuritySetting.GetSecurityDescriptor" in str(hidden.value)
    assert "look at them on the host" in str(hidden.value)


def test_a_folder_gets_a_dacl_and_keeps_its_owner() -> None:
    simulated = SimulatedHost.build("2022")
    files = connect(simulated).files
    files.set_folder_dacl(MACHINE_KEYS, "D:PAI(A;;FA;;;BA)")
    assert sddl.parse(str(files.security(MACHINE_KEYS))) == sddl.parse("O:SYG:SYD:PAI(A;;FA;;;BA)")


def test_what_the_host_refuses_is_an_error_with_its_code() -> None:
    simulated = SimulatedHost.build("2022")
    text = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;BA)"
    simulated.windows.files.add(r"C:\locked", text, folder=True)
    with pytest.raises(FileError, match="code 2") as refused:
        connect(simulated).files.set_folder_dacl(r"C:\locked", "D:PAI(A;;FA;;;BA)")
    assert refused.value.code == 2

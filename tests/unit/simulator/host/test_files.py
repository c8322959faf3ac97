# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, permissions and the programs that change them: administrators, SYSTEM and users are different."""

from __future__ import annotations

import pytest

from tests.simulator.host import SimulatedHost
from tests.simulator.providers.descriptors import to_embedded
from tests.simulator.providers.files import Files, FileSecurity
from tests.simulator.switches import SWITCHES
from tests.simulator.windows.cmd import CommandShell, Output
from tests.simulator.windows.editions import FLEET_VERSIONS, LANGUAGES
from tests.simulator.windows.files import CNG_KEYS, MACHINE_KEYS, MACHINE_KEYS_SDDL
from tests.simulator.windows.security import SecurityDescriptor
from tests.simulator.windows.system import TASK_TOKEN
from tests.unit.simulator.host.wmi import Fault, Wmi

OLD = MACHINE_KEYS + "_old"
TEMP = r"C:\Windows\Temp"
INHERITABLE = to_embedded(SecurityDescriptor.from_sddl("D:PAI(A;OICI;FA;;;BA)"))
"""A descriptor on the wire, whose entry files and folders below inherit."""


def run(host: SimulatedHost, line: str, user: str = "Administrator") -> Output:
    caller = TASK_TOKEN if user == "SYSTEM" else host.caller_for(user)
    assert caller is not None
    return CommandShell(host.windows, caller, user).run(line)


def key_file(host: SimulatedHost) -> str:
    return host.windows.certificates.key_file


def sddl(host: SimulatedHost, path: str) -> str:
    return host.windows.files.existing(path).descriptor.to_sddl()


@pytest.mark.parametrize("version", FLEET_VERSIONS)
def test_only_system_changes_the_listeners_key_file(version: str) -> None:
    host = SimulatedHost.build(version, breakages=["key_unreadable"])
    grant = f'icacls "{key_file(host)}" /grant *S-1-5-20:R'
    assert run(host, grant).code == 5
    assert host.probe_view()["tls"] == "reset"
    assert run(host, grant, "SYSTEM").code == 0
    assert host.probe_view()["tls"] == "ok"


@pytest.mark.parametrize(("version", "readable"), [("2016", True), ("2022", False)])
def test_who_reads_the_key_files_descriptor(version: str, readable: bool) -> None:
    host = SimulatedHost.build(version)
    keys = {"Path": key_file(host)}
    code = Wmi(host).invoke("Win32_LogicalFileSecuritySetting", "GetSecurityDescriptor", keys=keys)["ReturnValue"]
    assert (code == "0") is readable
    assert run(host, f'icacls "{key_file(host)}" /remove *S-1-5-20').code == 5


def test_taking_ownership_gives_the_right_to_change_permissions(host: SimulatedHost) -> None:
    assert run(host, f'takeown /f "{key_file(host)}" /a').code == 0
    assert run(host, f'icacls "{key_file(host)}" /grant *S-1-5-32-544:F').code == 0
    assert run(host, f'takeown /f "{key_file(host)}"', "operator").code == 1


def test_save_and_restore_bring_a_dacl_back(host: SimulatedHost) -> None:
    path, before = key_file(host), sddl(host, key_file(host))
    assert run(host, f'icacls "{path}" /save {TEMP}\\acl.txt', "SYSTEM").code == 0
    run(host, f'icacls "{path}" /grant *S-1-1-0:F', "SYSTEM")
    assert sddl(host, path) != before
    assert run(host, f'icacls "{MACHINE_KEYS}" /restore {TEMP}\\acl.txt', "SYSTEM").code == 0
    assert sddl(host, path) == before
    assert run(host, f"type {TEMP}\\acl.txt").stdout.split("\r\n")[1] == before.partition("G:SY")[2]


def test_a_saved_file_without_a_mark_comes_with_zeros() -> None:
    host = SimulatedHost.build(switches={"icacls_file_has_mark": False})
    run(host, f'icacls "{MACHINE_KEYS}" /save {TEMP}\\acl.txt')
    assert run(host, f"type {TEMP}\\acl.txt").stdout.startswith("M\0a\0c\0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("/grant *S-1-5-20:(OI)(CI)RX", "(A;OICI;0x1200a9;;;NS)"),
        ("/deny *S-1-5-20:W", "(D;;0x100116;;;NS)"),
        ("/grant:r *S-1-1-0:R", "(A;;FR;;;WD)"),
        ("/grant *S-1-5-20:(RD,WDAC)", "(A;;0x40001;;;NS)"),
        ("/setowner *S-1-5-18", "O:SY"),
        ("/setowner *S-1-5-32-544", "O:BA"),
    ],
)
def test_icacls_writes(host: SimulatedHost, arguments: str, expected: str) -> None:
    assert run(host, f'icacls "{MACHINE_KEYS}" {arguments}').code == 0
    assert expected in sddl(host, MACHINE_KEYS)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (rf"icacls {TEMP}\absent", 2),
        (rf"icacls {TEMP} /grant nobody:R", 1332),
        (rf"icacls {TEMP} /grant *S-1-5-20:Q", 87),
        (rf"icacls {TEMP} /frobnicate", 87),
        (rf"icacls {TEMP}", 0),
        (rf"dir {TEMP}\absent", 1),
        (rf"type {TEMP}\absent", 1),
        (rf"mkdir {TEMP}", 1),
        (rf"mkdir {TEMP}\a\b && dir /b {TEMP}\a", 0),
        (rf"rmdir {TEMP}", 0),
        (rf"del {TEMP}\absent", 0),
        (rf"ren {TEMP} C:\Windows\Other", 1),
        (rf"if exist {TEMP} (exit 4) & echo x", 0),
        (rf"if not exist {TEMP} exit 4", 0),
        (rf"if exist {TEMP} (exit 4 & exit 5) else (exit 6)", 5),
        (rf"if not exist {TEMP} (exit 4 & exit 5) else (exit 6 & exit 7)", 7),
        (rf'if not exist "{TEMP}" ("a) else b" & exit 4) else exit 6', 6),
        ('echo abc| find "b"', 0),
        ('echo abc| find "x"', 1),
        ('echo 0x0| findstr /x /r /c:"0x[0-3]"', 0),
        ("echo 10x0| findstr /b /c:0x0", 1),
        ("echo 0x01| findstr /e /c:0x0", 1),
        ("echo 0x0| findstr /v 0x0", 1),
        ("echo a.c| findstr /l a.c", 0),
        ("echo abc| findstr /l a.c", 1),
        ("echo abc| findstr a.c", 0),
        ("(echo a && nonsense) || exit 7", 7),
        ("robocopy /frobnicate", 16),
    ],
)
def test_exit_codes(host: SimulatedHost, line: str, code: int) -> None:
    assert run(host, line).code == code


@pytest.mark.parametrize("language", LANGUAGES)
def test_exit_codes_do_not_depend_on_the_language(language: str) -> None:
    host = SimulatedHost.build(language=language)
    assert [run(host, line).code for line in (f"icacls {TEMP}", f"dir {TEMP}\\x", "takeown /f C:\\x")] == [0, 1, 1]


def test_german_builds_know_their_own_account_names_alone() -> None:
    assert run(SimulatedHost.build(language="de"), rf'icacls {TEMP} /grant "NETWORK SERVICE":R').code == 1332
    assert run(SimulatedHost.build(), rf'icacls {TEMP} /grant "NETWORK SERVICE":R').code == 0


def test_robocopy_in_backup_mode_copies_what_administrators_may_not_read(host: SimulatedHost) -> None:
    plain = run(host, f'robocopy "{MACHINE_KEYS}" "{TEMP}\\keys" /COPY:DATSO /R:0 /W:0')
    assert plain.code & 8
    command = f'robocopy "{MACHINE_KEYS}" "{OLD}" /B /COPY:DATSO /E /R:0 /W:0 /NP'
    assert run(host, f"{command} /L").code == 1
    assert not host.windows.files.find(OLD)
    assert run(host, command).code == 1
    assert run(host, f"{command} /L").code == 0
    copied = host.windows.files.existing(OLD + "\\" + key_file(host).rpartition("\\")[2])
    assert (copied.descriptor, copied.content) == (
        host.windows.files.existing(key_file(host)).descriptor, host.windows.files.existing(key_file(host)).content,
    )  # fmt: skip
    assert sddl(host, OLD) == MACHINE_KEYS_SDDL


@pytest.mark.parametrize("taken", SWITCHES["robocopy_folder"].choices)
def test_robocopy_gives_folders_the_permissions_of_the_source_as_the_switch_says(taken: str) -> None:
    host = SimulatedHost.build(switches={"robocopy_folder": taken})
    made, there = rf"{TEMP}\made", rf"{TEMP}\there"
    run(host, f'mkdir "{there}"')
    before = sddl(host, there)
    for folder in (made, there):
        run(host, f'robocopy "{MACHINE_KEYS}" "{folder}" /B /COPY:DATSO')
    assert (sddl(host, made) == MACHINE_KEYS_SDDL) is (taken != "never")
    assert sddl(host, there) == (MACHINE_KEYS_SDDL if taken == "always" else before)


def test_a_current_folder_makes_names_relative(host: SimulatedHost) -> None:
    line = f'pushd "{MACHINE_KEYS}" && (icacls * > "{TEMP}\\here" & popd) & icacls "{MACHINE_KEYS}\\*"'
    listed = run(host, line, "SYSTEM")
    here = host.windows.files.existing(rf"{TEMP}\here").content
    assert here.startswith("f686")
    assert "\\" not in here.split()[0]
    assert listed.stdout.startswith(MACHINE_KEYS)


def test_a_folder_that_denies_the_caller_to_traverse_it_does_not_become_the_current_one(host: SimulatedHost) -> None:
    host.windows.files.add(rf"{TEMP}\shut", "O:SYG:SYD:PAI(A;;FA;;;SY)", folder=True)
    assert run(host, f'pushd "{TEMP}\\shut" && echo in').stdout == ""
    assert run(host, f'icacls "{TEMP}\\shut\\*"').code == 5


def test_what_an_if_runs_is_redirected_by_itself(host: SimulatedHost) -> None:
    line = f'if exist "{TEMP}\\1" (exit 4) else ((echo one> "{TEMP}\\1") & (echo two> "{TEMP}\\2") & echo three)'
    assert run(host, line).stdout == "three\r\n"
    assert [run(host, f'type "{TEMP}\\{name}"').stdout for name in "12"] == ["one\r\n", "two\r\n"]


def test_fc_tells_whether_two_files_are_alike(host: SimulatedHost) -> None:
    run(host, f'(echo one> "{TEMP}\\1") & (echo one> "{TEMP}\\2") & (echo two> "{TEMP}\\3")')
    codes = [run(host, f'fc /b "{TEMP}\\1" "{TEMP}\\{other}"').code for other in "234"]
    assert codes == [0, 1, 2]


def test_files_of_the_system_are_passed_over_unless_asked_for_and_lose_that_attribute() -> None:
    host = SimulatedHost.build(switches={"key_files_system": True})
    path = key_file(host)
    moved = f'ren "{path}" moved'
    assert run(host, f'dir /b "{MACHINE_KEYS}"').code == 1
    assert run(host, f'dir /a /b "{MACHINE_KEYS}"').code == 0
    run(host, f'del /q "{MACHINE_KEYS}\\*"', "SYSTEM")
    assert run(host, moved, "SYSTEM").code == 1
    assert run(host, f'attrib -s "{path}"').code == 1
    assert run(host, f'attrib -s -h "{path}"', "SYSTEM").code == 0
    assert run(host, moved, "SYSTEM").code == 0
    assert run(host, f'attrib +s "{MACHINE_KEYS}\\moved"', "SYSTEM").code == 0
    run(host, f'robocopy "{MACHINE_KEYS}" "{OLD}" /B /COPY:DATSO')
    run(host, f'del /f /a /q "{MACHINE_KEYS}\\m*"', "SYSTEM")
    assert host.windows.files.below(MACHINE_KEYS) == []
    (copied,) = host.windows.files.below(OLD)
    assert copied.system
    assert run(host, f'rmdir /s /q "{OLD}"', "SYSTEM").code == 0


def test_robocopy_sees_extra_files_and_a_full_disk(host: SimulatedHost) -> None:
    run(host, f'robocopy "{MACHINE_KEYS}" "{OLD}" /B /COPY:DATSO')
    host.windows.files.remove(key_file(host))
    assert run(host, f'robocopy "{MACHINE_KEYS}" "{OLD}" /B /L').code == 2
    host.windows.files.full = True
    assert run(host, f'robocopy "{OLD}" "{MACHINE_KEYS}" /B').code == 8


def test_a_folder_is_renamed_with_all_below_unless_held(host: SimulatedHost) -> None:
    wmi = Wmi(host)
    keys = {"Name": MACHINE_KEYS}
    host.windows.files.held.add(key_file(host).lower())
    assert wmi.invoke("Win32_Directory", "Rename", keys=keys, FileName=OLD)["ReturnValue"] == "15"
    host.windows.files.held.clear()
    assert wmi.invoke("Win32_Directory", "Rename", keys=keys, FileName="MachineKeys_old")["ReturnValue"] == "21"
    assert wmi.invoke("Win32_Directory", "Rename", keys=keys, FileName=CNG_KEYS)["ReturnValue"] == "10"
    assert wmi.invoke("Win32_Directory", "Rename", keys=keys, FileName=r"D:\x")["ReturnValue"] == "13"
    assert wmi.invoke("Win32_Directory", "Rename", keys=keys, FileName=OLD)["ReturnValue"] == "0"
    assert host.windows.files.find(MACHINE_KEYS) is None
    assert sddl(host, OLD) == MACHINE_KEYS_SDDL
    assert host.windows.files.find(key_file(host).replace(MACHINE_KEYS, OLD)) is not None


def test_methods_of_files(host: SimulatedHost) -> None:
    wmi = Wmi(host)
    keys = {"Name": r"C:\Windows\System32\mstsc.exe"}
    target = TEMP + r"\mstsc.exe"
    assert wmi.invoke("CIM_DataFile", "Copy", keys=keys, FileName=target)["ReturnValue"] == "0"
    assert wmi.invoke("CIM_DataFile", "Copy", keys=keys, FileName=target)["ReturnValue"] == "10"
    assert wmi.invoke("CIM_DataFile", "DeleteEx", keys={"Name": target})["ReturnValue"] == "0"
    assert wmi.invoke("CIM_DataFile", "DeleteEx", keys=keys)["ReturnValue"] == "2"
    assert wmi.invoke("CIM_DataFile", "TakeOwnerShip", keys=keys)["ReturnValue"] == "0"
    assert sddl(host, str(keys["Name"])).startswith("O:BA")
    assert wmi.invoke("CIM_DataFile", "GetEffectivePermission", keys=keys, Permissions=1)["ReturnValue"] == "true"


@pytest.mark.parametrize(
    ("method", "given", "reached"),
    [
        ("ChangeSecurityPermissions", {}, True),
        ("ChangeSecurityPermissionsEx", {"Recursive": True}, True),
        ("ChangeSecurityPermissionsEx", {"Recursive": False}, False),
        ("ChangeSecurityPermissionsEx", {}, False),
        ("TakeOwnerShip", {}, True),
        ("TakeOwnerShipEx", {"Recursive": True}, True),
        ("TakeOwnerShipEx", {}, False),
    ],
)
def test_methods_of_folders_reach_what_they_contain_as_documented(
    host: SimulatedHost, method: str, given: dict[str, object], reached: bool
) -> None:
    folder, file = rf"{TEMP}\scratch", rf"{TEMP}\scratch\below\file"
    run(host, rf'mkdir "{folder}\below" & echo x> "{file}"')
    before = [sddl(host, path) for path in (folder, file)]
    wanted = {"SecurityDescriptor": INHERITABLE, "Option": 4} if method.startswith("Change") else {}
    provider = Files(host.windows, folders=True)
    assert provider.invoke(method, {"Name": folder}, {**wanted, **given}, TASK_TOKEN, {})["ReturnValue"] == 0
    after = [sddl(host, path) for path in (folder, file)]
    assert [old != new for old, new in zip(before, after, strict=True)] == [True, reached]


@pytest.mark.parametrize("reach", SWITCHES["folder_descriptor"].choices)
def test_a_descriptor_of_a_folder_is_handed_on_to_what_inherits_alone_if_at_all(reach: str) -> None:
    host = SimulatedHost.build(switches={"folder_descriptor": reach})
    folder = rf"{TEMP}\scratch"
    run(host, rf'mkdir "{folder}\below" & echo x> "{folder}\below\heir" & echo x> "{folder}\own"')
    run(host, rf'icacls "{folder}\own" /inheritance:d & icacls "{folder}\below\heir" /grant *S-1-5-20:R')
    own, heir = sddl(host, rf"{folder}\own"), sddl(host, rf"{folder}\below\heir")
    given = {"Descriptor": INHERITABLE}
    provider = FileSecurity(host.windows)
    assert provider.invoke("SetSecurityDescriptor", {"Path": folder}, given, TASK_TOKEN, {})["ReturnValue"] == 0
    assert sddl(host, rf"{folder}\own") == own
    handed = "O:BAG:SYD:AI(A;;FR;;;NS)(A;ID;FA;;;BA)"
    assert sddl(host, rf"{folder}\below\heir") == (handed if reach == "handed_on" else heir)


@pytest.mark.parametrize("given", [{"Option": 4, "Recursive": False}, {"Recursive": "perhaps"}])
def test_parameters_of_folders_methods_are_checked_against_their_class(
    host: SimulatedHost, given: dict[str, object]
) -> None:
    method = "ChangeSecurityPermissionsEx" if "Option" in given else "TakeOwnerShipEx"
    with pytest.raises(Fault):
        Wmi(host).invoke("Win32_Directory", method, keys={"Name": TEMP}, **given)


def test_a_new_file_inherits_and_its_writer_owns_it(host: SimulatedHost) -> None:
    run(host, rf"echo x > {TEMP}\x.txt")
    assert sddl(host, TEMP + r"\x.txt").startswith("O:BAG:SYD:AI(A;ID;FA;;;SY)")
    run(host, rf"echo y>> {TEMP}\x.txt")
    assert run(host, rf"type {TEMP}\x.txt").stdout == "x \r\ny\r\n"
    assert run(host, rf"echo x > {TEMP}\y.txt", "operator").code == 1

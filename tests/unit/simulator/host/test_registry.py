# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""StdRegProv: return values, types, access."""

from __future__ import annotations

import pytest

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.registry import KeyMissing, Registry, Type
from tests.simulator.windows.security import SecurityDescriptor
from tests.unit.simulator.host.wmi import Wmi

TS = r"SYSTEM\CurrentControlSet\Control\Terminal Server"
SCRATCH = r"SOFTWARE\Scratch"
MISMATCH = str(0x80041005)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("String", {"sValue": "text"}),
        ("ExpandedString", {"sValue": "text"}),
        ("MultiString", {"sValue": ["one", "two"]}),
        ("DWORD", {"uValue": "4294967295"}),
        ("QWORD", {"uValue": "18446744073709551615"}),
        ("Binary", {"uValue": ["1", "0", "255"]}),
    ],
)
def test_each_type_comes_back_as_written(wmi: Wmi, kind: str, values: dict[str, object]) -> None:
    assert wmi.registry("CreateKey", SCRATCH)["ReturnValue"] == "0"
    assert wmi.registry(f"Set{kind}Value", SCRATCH, "v", **values)["ReturnValue"] == "0"
    assert wmi.registry(f"Get{kind}Value", SCRATCH, "v") == {**values, "ReturnValue": "0"}


@pytest.mark.parametrize(
    ("method", "key", "name", "code"),
    [
        ("GetDWORDValue", TS, "fDenyTSConnections", "0"),
        ("GetDWORDValue", TS, "FDENYTSCONNECTIONS", "0"),
        ("GetDWORDValue", TS, "absent", "1"),
        ("GetDWORDValue", TS + r"\Absent", "absent", "2"),
        ("GetStringValue", TS, "fDenyTSConnections", MISMATCH),
        ("DeleteValue", TS, "absent", "2"),
        ("DeleteValue", TS + r"\Absent", "absent", "2"),
        ("EnumKey", TS + r"\Absent", None, "2"),
        ("DeleteKey", TS, None, "5"),
        ("DeleteKey", TS + r"\Absent", None, "2"),
        ("CreateKey", TS, None, "0"),
    ],
)
def test_return_values(wmi: Wmi, method: str, key: str, name: str | None, code: str) -> None:
    assert wmi.registry(method, key, name)["ReturnValue"] == code


def test_set_in_a_missing_key_is_refused(wmi: Wmi) -> None:
    assert wmi.registry("SetDWORDValue", r"SOFTWARE\Absent", "v", uValue=1)["ReturnValue"] == "2"


def test_unknown_hive(wmi: Wmi) -> None:
    answer = wmi.invoke("StdRegProv", "EnumKey", ns="root/default", hDefKey=1, sSubKeyName="x")
    assert answer["ReturnValue"] == "6"


def test_subkeys_prevent_deletion_with_the_code_of_the_switch() -> None:
    wmi = Wmi(SimulatedHost.build(switches={"delete_key_with_subkeys": 145}))
    assert wmi.registry("DeleteKey", TS)["ReturnValue"] == "145"


def test_expand_string_is_expanded_and_its_other_getter_is_a_switch() -> None:
    key = r"SYSTEM\CurrentControlSet\Services\TermService"
    strict, raw = Wmi(SimulatedHost.build()), Wmi(SimulatedHost.build(switches={"expand_by_get_string": "raw"}))
    assert str(strict.registry("GetExpandedStringValue", key, "ImagePath")["sValue"]).startswith(r"C:\Windows\System32")
    assert strict.registry("GetStringValue", key, "ImagePath")["ReturnValue"] == MISMATCH
    assert str(raw.registry("GetStringValue", key, "ImagePath")["sValue"]).startswith("%SystemRoot%")


def test_names_and_types_of_values(wmi: Wmi) -> None:
    wmi.registry("CreateKey", SCRATCH)
    assert wmi.registry("EnumValues", SCRATCH) == {"ReturnValue": "0"}
    wmi.registry("SetDWORDValue", SCRATCH, "Number", uValue=1)
    wmi.registry("SetStringValue", SCRATCH, "", sValue="default")
    answer = wmi.registry("EnumValues", SCRATCH)
    assert (answer["sNames"], answer["Types"]) == (["Number", ""], ["4", "1"])


def test_control_set_001_is_an_alias(wmi: Wmi) -> None:
    wmi.registry("SetDWORDValue", r"SYSTEM\ControlSet001\Control\Terminal Server", "fDenyTSConnections", uValue=1)
    assert wmi.registry("GetDWORDValue", TS, "fDenyTSConnections")["uValue"] == "1"


def test_a_plain_user_may_read_but_not_write(host: SimulatedHost) -> None:
    host.switches["remote_management_users"] = "allowed"
    registry, caller = host.windows.registry, host.caller_for("operator")
    assert caller is not None
    assert registry.value(f"HKLM\\{TS}", "fDenyTSConnections", caller).data == 0
    assert not registry.descriptor(f"HKLM\\{TS}").allows(caller, 2)


def test_a_protected_key_refuses_administrators(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.registry("CreateKey", SCRATCH)
    only_system = SecurityDescriptor.from_sddl("O:SYG:SYD:P(A;CI;KA;;;SY)")
    host.windows.registry.set_descriptor(f"HKLM\\{SCRATCH}", only_system)
    assert wmi.registry("SetDWORDValue", SCRATCH, "v", uValue=1)["ReturnValue"] == "5"
    assert wmi.registry("CreateKey", SCRATCH + r"\Below")["ReturnValue"] == "5"
    assert wmi.registry("CheckAccess", SCRATCH, uRequired=2) == {"bGranted": "false", "ReturnValue": "0"}


def test_the_default_of_a_new_key_is_inherited(host: SimulatedHost, wmi: Wmi) -> None:
    wmi.registry("CreateKey", SCRATCH)
    descriptor = host.windows.registry.descriptor(f"HKLM\\{SCRATCH}")
    assert descriptor.to_sddl() == "O:BAG:SYD:AI(A;CIID;KA;;;SY)(A;CIID;KA;;;BA)(A;CIID;KR;;;BU)"


def test_missing_hive_is_an_error_not_a_new_hive() -> None:
    with pytest.raises(KeyMissing):
        Registry().put(r"HKXX\Key", "v", Type.SZ, "x")


def test_a_copy_is_independent() -> None:
    one = Registry()
    one.put(r"HKLM\A", "v", Type.DWORD, 1)
    two = one.copy()
    two.put(r"HKLM\A", "v", Type.DWORD, 2)
    assert one.get(r"HKLM\A", "v") == 1

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import registry as r
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, WsmanError
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    WMI,
    Sent,
    Wire,
    output,
    properties,
)
from hypothesis import given
from hypothesis import strategies as st

PATH = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
KEY = [("hDefKey", "2147483650"), ("sSubKeyName", r"SYSTEM\CurrentControlSet\Control\Terminal Server")]
WRONG_TYPE = 0x80041005

VALUES = {
    "REG_SZ": ("GetStringValue", "sValue", ["TermService"], r.RegistryValue("REG_SZ", "TermService")),
    "REG_MULTI_SZ": ("GetMultiStringValue", "sValue", ["a", "b"], r.RegistryValue("REG_MULTI_SZ", ("a", "b"))),
    "REG_DWORD": ("GetDWORDValue", "uValue", ["1"], r.RegistryValue("REG_DWORD", 1)),
    "REG_QWORD": ("GetQWORDValue", "uValue", [str(2**40)], r.RegistryValue("REG_QWORD", 2**40)),
    "REG_BINARY": ("GetBinaryValue", "uValue", ["0", "255"], r.RegistryValue("REG_BINARY", b"\x00\xff")),
}


@pytest.fixture
def registry(client: CimClient) -> r.Registry:
    return r.Registry(client)


def answer(method: str, content: str = "", returned: int = 0) -> str:
    return output(method, content, returned)


def types(wire: Wire, returned: int = 0, **found: int) -> None:
    """Let the host list value names with their numeric types."""
    listed = properties(Types=[str(kind) for kind in found.values()], sNames=list(found))
    wire.on("EnumValues", answer("EnumValues", listed if found else "", returned)).expect(arguments=KEY)


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            (r"HKLM\A\B", (0x80000002, r"A\B")),
            (r"hklm:\A", (0x80000002, "A")),
            (r"HKEY_LOCAL_MACHINE\A", (0x80000002, "A")),
            ("HKLM", (0x80000002, "")),
            (r"HKU\S-1-5-20\A", (0x80000003, r"S-1-5-20\A")),
            ("HKCR\\A\\", (0x80000000, "A")),
        ],
    )
    def test_hives(self, path: str, expected: tuple[int, str]) -> None:
        assert r.split_path(path) == expected

    @pytest.mark.parametrize("path", ["", "A", r"C:\A", r"HKXX\A"])
    def test_no_hive(self, path: str) -> None:
        with pytest.raises(ValueError, match="hive"):
            r.split_path(path)


class TestRead:
    @pytest.mark.parametrize("kind", ["REG_MULTI_SZ", "REG_DWORD", "REG_QWORD", "REG_BINARY"])
    def test_one_operation_for_the_expected_type(self, wire: Wire, registry: r.Registry, kind: str) -> None:
        method, parameter, items, expected = VALUES[kind]
        wire.on(method, answer(method, properties(**{parameter: items}))).expect(
            uri=f"{WMI}/root/default/StdRegProv", arguments=[*KEY, ("sValueName", "x")], repeatable=True
        )
        assert registry.read(PATH, "x", kind) == expected

    def test_a_string_has_its_type_confirmed(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetStringValue", answer("GetStringValue", properties(sValue="y")))
        types(wire, X=1)
        assert registry.read(PATH, "x", "REG_SZ") == r.RegistryValue("REG_SZ", "y")

    def test_an_expanding_string_is_never_taken_for_what_is_stored(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetStringValue", answer("GetStringValue", properties(sValue=r"C:\Windows")))
        types(wire, x=2)
        assert registry.read(PATH, "x", "REG_SZ") == r.Unreadable("expands")

    def test_null_is_the_empty_string(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetStringValue", answer("GetStringValue", properties(sValue=None)))
        types(wire, x=1)
        assert registry.read(PATH, "x", "REG_SZ") == r.RegistryValue("REG_SZ", "")

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [("REG_BINARY", r.RegistryValue("REG_BINARY", b"")), ("REG_MULTI_SZ", r.RegistryValue("REG_MULTI_SZ", ()))],
    )
    def test_empty_arrays(self, wire: Wire, registry: r.Registry, kind: str, expected: r.RegistryValue) -> None:
        wire.on(VALUES[kind][0], answer(VALUES[kind][0]))
        assert registry.read(PATH, "x", kind) == expected

    @pytest.mark.parametrize(
        ("returned", "expected"),
        [
            (1, r.Absent(key_exists=True)),
            (2, r.Absent(key_exists=False)),
            (5, r.Unreadable("access denied")),
        ],
    )
    def test_what_cannot_be_read(self, wire: Wire, registry: r.Registry, returned: int, expected: r.Reading) -> None:
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=returned))
        assert registry.read(PATH, "x") == expected

    @pytest.mark.parametrize(("kind", "number"), [("REG_SZ", 1), ("REG_QWORD", 11), ("REG_BINARY", 3)])
    def test_another_type_is_found_and_read(self, wire: Wire, registry: r.Registry, kind: str, number: int) -> None:
        method, parameter, items, expected = VALUES[kind]
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=WRONG_TYPE))
        types(wire, other=4, X=number)
        wire.on(method, answer(method, properties(**{parameter: items})))
        assert registry.read(PATH, "x") == expected

    @pytest.mark.parametrize(("number", "reason"), [(2, "expands"), (0, "type REG_NONE"), (99, "type REG_99")])
    def test_types_without_a_getter(self, wire: Wire, registry: r.Registry, number: int, reason: str) -> None:
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=WRONG_TYPE))
        types(wire, x=number)
        assert registry.read(PATH, "x") == r.Unreadable(reason)

    def test_a_value_that_goes_away_meanwhile(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=WRONG_TYPE))
        types(wire, y=1)
        assert registry.read(PATH, "x") == r.Absent(key_exists=True)
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=WRONG_TYPE))
        types(wire, x=1)
        wire.on("GetStringValue", answer("GetStringValue", returned=1))
        assert registry.read(PATH, "x") == r.Absent(key_exists=None)
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=WRONG_TYPE))
        types(wire, returned=2)
        assert registry.read(PATH, "x") == r.Absent(key_exists=False)

    def test_a_getter_that_fails_in_the_end(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=WRONG_TYPE))
        types(wire, x=1)
        wire.on("GetStringValue", answer("GetStringValue", returned=87))
        assert registry.read(PATH, "x") == r.Unreadable("a parameter is invalid (code 87)")

    def test_success_without_a_value(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetDWORDValue", answer("GetDWORDValue"))
        with pytest.raises(BadAnswer):
            registry.read(PATH, "x")


class TestEnumeration:
    def test_values(self, wire: Wire, registry: r.Registry) -> None:
        types(wire, fDenyTSConnections=4, Path=2, Odd=77)
        assert registry.values(PATH) == {"fDenyTSConnections": "REG_DWORD", "Path": "REG_EXPAND_SZ", "Odd": "REG_77"}

    def test_the_default_value_has_an_empty_name(self, wire: Wire, registry: r.Registry) -> None:
        listed = properties(Types=["1", "4"], sNames=["", "x"])
        wire.on("EnumValues", answer("EnumValues", listed))
        assert registry.values(PATH) == {"": "REG_SZ", "x": "REG_DWORD"}

    def test_no_values_and_no_key(self, wire: Wire, registry: r.Registry) -> None:
        types(wire)
        types(wire, returned=2)
        assert registry.values(PATH) == {}
        assert registry.values(PATH) is None

    def test_names_without_types(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("EnumValues", answer("EnumValues", properties(Types=["1"], sNames=["a", "b"])))
        with pytest.raises(BadAnswer, match="2 value names but 1 types"):
            registry.values(PATH)

    def test_all_values(self, wire: Wire, registry: r.Registry) -> None:
        types(wire, a=4, b=1, c=2, d=0, e=4, f=4)
        wire.on("GetDWORDValue", answer("GetDWORDValue", properties(uValue="7")))
        wire.on("GetStringValue", answer("GetStringValue", properties(sValue="x")))
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=5))
        wire.on("GetDWORDValue", answer("GetDWORDValue", returned=1))
        assert registry.read_all(PATH) == {
            "a": r.RegistryValue("REG_DWORD", 7),
            "b": r.RegistryValue("REG_SZ", "x"),
            "c": r.Unreadable("expands"),
            "d": r.Unreadable("type REG_NONE"),
            "e": r.Unreadable("access denied"),
            "f": r.Absent(key_exists=None),
        }

    def test_all_values_of_no_key(self, wire: Wire, registry: r.Registry) -> None:
        types(wire, returned=2)
        assert registry.read_all(PATH) is None

    @pytest.mark.parametrize("names", [[], ["one"], ["one", "two"]])
    def test_subkeys(self, wire: Wire, registry: r.Registry, names: list[str]) -> None:
        wire.on("EnumKey", answer("EnumKey", properties(sNames=names))).expect(arguments=KEY)
        assert registry.keys(PATH) == names

    def test_subkeys_of_no_key(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("EnumKey", answer("EnumKey", returned=2))
        assert registry.keys(PATH) is None

    def test_denied(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("EnumKey", answer("EnumKey", returned=5))
        with pytest.raises(r.RegistryError, match="access is denied") as caught:
            registry.keys(PATH)
        assert (caught.value.code, caught.value.path) == (5, PATH)
        assert isinstance(caught.value, WsmanError)


class TestWrite:
    @pytest.mark.parametrize(
        ("value", "method", "written"),
        [
            (r.RegistryValue("REG_SZ", "x"), "SetStringValue", [("sValue", "x")]),
            (r.RegistryValue("REG_SZ", ""), "SetStringValue", [("sValue", "")]),
            (r.RegistryValue("REG_EXPAND_SZ", "%x%"), "SetExpandedStringValue", [("sValue", "%x%")]),
            (r.RegistryValue("REG_MULTI_SZ", ("a", "b")), "SetMultiStringValue", [("sValue", "a"), ("sValue", "b")]),
            (r.RegistryValue("REG_DWORD", 2**32 - 1), "SetDWORDValue", [("uValue", "4294967295")]),
            (r.RegistryValue("REG_QWORD", 2**64 - 1), "SetQWORDValue", [("uValue", str(2**64 - 1))]),
            (r.RegistryValue("REG_BINARY", b"\x01\xff"), "SetBinaryValue", [("uValue", "1"), ("uValue", "255")]),
            (r.RegistryValue("REG_BINARY", b""), "SetBinaryValue", []),
        ],
    )
    def test_all_types(
        self, wire: Wire, registry: r.Registry, value: r.RegistryValue, method: str, written: list[tuple[str, str]]
    ) -> None:
        wire.on(method, answer(method)).expect(arguments=[*KEY, ("sValueName", "x"), *written], repeatable=False)
        registry.write(PATH, "x", value)

    def test_a_missing_key(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("SetDWORDValue", answer("SetDWORDValue", returned=2))
        with pytest.raises(r.RegistryError, match=r"Cannot write .*\(default\)") as caught:
            registry.write(PATH, "", r.RegistryValue("REG_DWORD", 1))
        assert caught.value.code == 2

    @pytest.mark.parametrize(
        ("method", "action"),
        [
            ("DeleteValue", lambda registry: registry.delete_value(PATH, "x")),
            ("DeleteKey", lambda registry: registry.delete_key(PATH)),
        ],
    )
    def test_deleting(
        self, wire: Wire, registry: r.Registry, method: str, action: t.Callable[[r.Registry], None]
    ) -> None:
        for returned in (0, 2):
            wire.on(method, answer(method, returned=returned)).expect(repeatable=False)
            action(registry)
        wire.on(method, answer(method, returned=5))
        with pytest.raises(r.RegistryError):
            action(registry)

    def test_creating_a_key(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("CreateKey", answer("CreateKey")).expect(arguments=KEY, repeatable=False)
        registry.create_key(PATH)
        wire.on("CreateKey", answer("CreateKey", returned=5))
        with pytest.raises(r.RegistryError):
            registry.create_key(PATH)


SDDL = "O:BAD:P(A;;KA;;;BA)"
DESCRIPTOR = (
    f'<p:Descriptor xsi:type="d:Win32_SecurityDescriptor_Type" xmlns:d="{WMI}/root/cimv2/Win32_SecurityDescriptor">'
    "<d:ControlFlags>4</d:ControlFlags><d:DACL><d:AccessMask>983103</d:AccessMask></d:DACL></p:Descriptor>"
)


class TestSecurity:
    def test_reading(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetSecurityDescriptor", answer("GetSecurityDescriptor", DESCRIPTOR)).expect(arguments=KEY)
        wire.on("Win32SDToSDDL", answer("Win32SDToSDDL", properties(SDDL=SDDL))).check(self._holds_descriptor)
        assert registry.security(PATH) == SDDL

    def test_writing(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("SDDLToWin32SD", answer("SDDLToWin32SD", DESCRIPTOR)).expect(arguments=[("SDDL", SDDL)])
        wire.on("SetSecurityDescriptor", answer("SetSecurityDescriptor")).check(self._holds_descriptor).expect(
            repeatable=False
        )
        registry.set_security(PATH, SDDL)

    @staticmethod
    def _holds_descriptor(sent: Sent) -> None:
        assert b">983103<" in sent.bytes

    def test_refusals(self, wire: Wire, registry: r.Registry) -> None:
        wire.on("GetSecurityDescriptor", answer("GetSecurityDescriptor", returned=5))
        with pytest.raises(r.RegistryError):
            registry.security(PATH)
        wire.on("SDDLToWin32SD", answer("SDDLToWin32SD", returned=1336))
        with pytest.raises(r.RegistryError):
            registry.set_security(PATH, "nonsense")
        wire.on("GetSecurityDescriptor", answer("GetSecurityDescriptor"))
        with pytest.raises(BadAnswer):
            registry.security(PATH)


DATA = st.one_of(
    st.builds(r.RegistryValue, st.sampled_from(["REG_SZ", "REG_EXPAND_SZ"]), st.text()),
    st.builds(r.RegistryValue, st.sampled_from(["REG_DWORD", "REG_QWORD"]), st.integers(0, 2**32 - 1)),
    st.builds(r.RegistryValue, st.just("REG_BINARY"), st.binary()),
    st.builds(r.RegistryValue, st.just("REG_MULTI_SZ"), st.lists(st.text()).map(tuple)),
)


@given(DATA)
def test_a_value_survives_json(value: r.RegistryValue) -> None:
    assert r.RegistryValue.from_plain(json.loads(json.dumps(value.to_plain()))) == value


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("REG_DWORD", "1"),
        ("REG_DWORD", True),
        ("REG_SZ", 1),
        ("REG_BINARY", "AA=="),
        ("REG_MULTI_SZ", ["a"]),
        ("REG_MULTI_SZ", "a"),
        ("REG_NONE", b""),
    ],
)
def test_data_of_another_type_makes_no_value(kind: str, data: t.Any) -> None:
    with pytest.raises(ValueError, match=kind):
        r.RegistryValue(kind, data)


def test_broken_base64_makes_no_value() -> None:
    with pytest.raises(ValueError, match=r"."):
        r.RegistryValue.from_plain({"type": "REG_BINARY", "data": "%%"})

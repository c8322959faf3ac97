# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry of a host, typed.

PRIVATE to the collection. Source: StdRegProv (Microsoft Win32 documentation) and what public clients of it observe.
"""

from __future__ import annotations

import base64
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import descriptors
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import STD_REG_PROV
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance, Sendable, Value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, WsmanError

HIVES: Mapping[str, int] = {
    "HKCR": 0x80000000,
    "HKEY_CLASSES_ROOT": 0x80000000,
    "HKCU": 0x80000001,
    "HKEY_CURRENT_USER": 0x80000001,
    "HKLM": 0x80000002,
    "HKEY_LOCAL_MACHINE": 0x80000002,
    "HKU": 0x80000003,
    "HKEY_USERS": 0x80000003,
    "HKCC": 0x80000005,
    "HKEY_CURRENT_CONFIG": 0x80000005,
}

TYPE_NAMES: Mapping[int, str] = {
    0: "REG_NONE",
    1: "REG_SZ",
    2: "REG_EXPAND_SZ",
    3: "REG_BINARY",
    4: "REG_DWORD",
    5: "REG_DWORD_BIG_ENDIAN",
    6: "REG_LINK",
    7: "REG_MULTI_SZ",
    8: "REG_RESOURCE_LIST",
    9: "REG_FULL_RESOURCE_DESCRIPTOR",
    10: "REG_RESOURCE_REQUIREMENTS_LIST",
    11: "REG_QWORD",
}

PROTECTED = "O:S-1-5-32-544G:S-1-5-18D:PAI(A;CI;0xf003f;;;S-1-5-18)(A;CI;0xf003f;;;S-1-5-32-544)"
"""Full control for SYSTEM and Administrators, inherited by subkeys, nothing inherited from above."""

OK, VALUE_MISSING, KEY_MISSING, DENIED, WRONG_TYPE = 0, 1, 2, 5, 0x80041005

MEANINGS: Mapping[int, str] = {
    VALUE_MISSING: "the value does not exist",
    KEY_MISSING: "the key or value does not exist",
    DENIED: "access is denied, or the key has subkeys",
    6: "the key handle is invalid",
    87: "a parameter is invalid",
    WRONG_TYPE: "the value has another type",
}


class RegistryError(WsmanError):
    """A registry operation that the host refused: ``code`` is StdRegProv's return value."""

    default_hint = "Check the path, and that the account is an administrator of the host."

    def __init__(self, path: str, action: str, code: int) -> None:
        meaning = MEANINGS.get(code, "unknown code")
        super().__init__(f"Cannot {action} {path}: {meaning} (code {code})")
        self.path = path
        self.code = code


Data = str | bytes | int | tuple[str, ...]


@dataclass(frozen=True)
class _Type:
    """How StdRegProv reads and writes one registry type, and which Python type holds it."""

    getter: str
    setter: str
    parameter: str
    python: type[Data]

    def holds(self, data: object) -> bool:
        """Whether a value of this type can hold that; a bool is no number."""
        return isinstance(data, self.python) and not isinstance(data, bool)


_TYPES: Mapping[str, _Type] = {
    "REG_SZ": _Type("GetStringValue", "SetStringValue", "sValue", str),
    "REG_EXPAND_SZ": _Type("GetExpandedStringValue", "SetExpandedStringValue", "sValue", str),
    "REG_MULTI_SZ": _Type("GetMultiStringValue", "SetMultiStringValue", "sValue", tuple),
    "REG_DWORD": _Type("GetDWORDValue", "SetDWORDValue", "uValue", int),
    "REG_QWORD": _Type("GetQWORDValue", "SetQWORDValue", "uValue", int),
    "REG_BINARY": _Type("GetBinaryValue", "SetBinaryValue", "uValue", bytes),
}


@dataclass(frozen=True)
class RegistryValue:
    """A typed value: REG_SZ and REG_EXPAND_SZ hold str, REG_MULTI_SZ a tuple of str, REG_BINARY bytes, others int."""

    type: str
    data: Data

    def __post_init__(self) -> None:
        described = _TYPES.get(self.type)
        if described is None or not described.holds(self.data):
            raise ValueError(f"{self.data!r} is no {self.type}")

    def to_plain(self) -> dict[str, t.Any]:
        """Return ``{"type": …, "data": …}`` for JSON: bytes as base64, a tuple as a list."""
        data: t.Any = self.data
        if isinstance(data, bytes):
            data = base64.b64encode(data).decode("ascii")
        return {"type": self.type, "data": list(data) if isinstance(data, tuple) else data}

    @classmethod
    def from_plain(cls, plain: Mapping[str, t.Any]) -> RegistryValue:
        """Return the value that ``to_plain`` wrote; raise ValueError when it is none."""
        data = plain["data"]
        if plain["type"] == "REG_BINARY":
            data = base64.b64decode(data, validate=True)
        return cls(plain["type"], tuple(data) if isinstance(data, list) else data)


@dataclass(frozen=True)
class Absent:
    """There is no such value; ``key_exists`` is None where the host does not tell."""

    key_exists: bool | None


@dataclass(frozen=True)
class Unreadable:
    """The value may exist but cannot be read: ``reason`` is ``access denied``, ``expands`` or ``type NAME``.

    ``expands`` is REG_EXPAND_SZ: StdRegProv gives it expanded only, so what is stored cannot be known.
    """

    reason: str


Reading = RegistryValue | Absent | Unreadable


def split_path(path: str) -> tuple[int, str]:
    r"""Return hive and subkey of a path such as ``HKLM\SYSTEM\Setup``; raise ValueError for an unknown hive."""
    hive, _separator, subkey = path.replace(":\\", "\\", 1).partition("\\")
    if hive.upper() not in HIVES:
        raise ValueError(f"{path!r} does not begin with a registry hive")
    return HIVES[hive.upper()], subkey.strip("\\")


class Registry:
    """Typed reading and writing of a host's registry, in its 64-bit view."""

    def __init__(self, client: CimClient) -> None:
        self._client = client

    # --- reading ---

    def read(self, path: str, name: str, type_hint: str = "REG_DWORD", usual: str | None = None) -> Reading:
        """Return one value; ``type_hint`` is the type that it should have.

        One operation as a rule. When the type differs, or is REG_SZ (whose getter may answer for REG_EXPAND_SZ too),
        the key's types are read as well; not for the string ``usual``, which reads the same in either type.
        """
        outcome = self._call(_TYPES[type_hint].getter, path, sValueName=name)
        if outcome.return_value == VALUE_MISSING:
            return Absent(key_exists=True)
        if outcome.return_value == KEY_MISSING:
            return Absent(key_exists=False)
        if outcome.return_value == DENIED:
            return Unreadable("access denied")
        told = usual is not None and outcome.out.get("sValue") == usual
        if outcome.ok and (told or type_hint not in ("REG_SZ", "REG_EXPAND_SZ")):
            return _value(type_hint, outcome)
        return self._read_typed(path, name, {type_hint: outcome} if outcome.ok else {})

    def _read_typed(self, path: str, name: str, known: Mapping[str, Outcome]) -> Reading:
        """Return a value whose real type is looked up first; ``known`` are answers that we have already."""
        types = self.values(path)
        if types is None:
            return Absent(key_exists=False)
        actual = next((kind for found, kind in types.items() if found.casefold() == name.casefold()), None)
        if actual is None:
            return Absent(key_exists=True)
        return self._read_known(path, name, actual, known.get(actual))

    def text(self, path: str, name: str) -> str:
        """Return a REG_SZ for looking alone, in one operation; empty when there is none."""
        outcome = self._call("GetStringValue", path, sValueName=name)
        value = outcome.out.get("sValue")
        return value if outcome.ok and isinstance(value, str) else ""

    def expanded(self, path: str, name: str) -> str | None:
        """Return a REG_SZ or REG_EXPAND_SZ as Windows expands it; None when there is none.

        What was expanded cannot be written back, so this is for looking alone.
        """
        outcome = self._call("GetExpandedStringValue", path, sValueName=name)
        value = outcome.out.get("sValue")
        return value if outcome.ok and isinstance(value, str) else None

    def values(self, path: str) -> dict[str, str] | None:
        """Return the names of a key's values with their types; None when the key does not exist.

        Types without a name read as ``REG_`` and their number.
        """
        outcome = self._call("EnumValues", path)
        if outcome.return_value == KEY_MISSING:
            return None
        self._require(outcome, "list the values of", path)
        names, types = _strings(outcome.out["sNames"]), _integers(outcome.out["Types"])
        if len(names) != len(types):
            raise BadAnswer(f"{path} has {len(names)} value names but {len(types)} types")
        return {name: TYPE_NAMES.get(kind, f"REG_{kind}") for name, kind in zip(names, types, strict=True)}

    def read_all(self, path: str) -> dict[str, Reading] | None:
        """Return all values of a key, an operation each; None when the key does not exist."""
        types = self.values(path)
        if types is None:
            return None
        return {name: self._read_known(path, name, kind) for name, kind in types.items()}

    def _read_known(self, path: str, name: str, kind: str, outcome: Outcome | None = None) -> Reading:
        """Return a value of a known type; ``outcome`` is its getter's answer where we have it already."""
        if kind == "REG_EXPAND_SZ":
            return Unreadable("expands")
        if kind not in _TYPES:
            return Unreadable(f"type {kind}")
        outcome = outcome or self._call(_TYPES[kind].getter, path, sValueName=name)
        if outcome.ok:
            return _value(kind, outcome)
        return Absent(key_exists=None) if outcome.return_value in (VALUE_MISSING, KEY_MISSING) else _refused(outcome)

    def keys(self, path: str) -> list[str] | None:
        """Return the names of a key's subkeys; None when the key does not exist."""
        outcome = self._call("EnumKey", path)
        if outcome.return_value == KEY_MISSING:
            return None
        self._require(outcome, "list the subkeys of", path)
        return list(_strings(outcome.out["sNames"]))

    # --- writing ---

    def write(self, path: str, name: str, value: RegistryValue) -> None:
        """Write a value in an existing key; an empty name is the key's default value."""
        described = _TYPES[value.type]
        arguments: dict[str, Sendable] = {"sValueName": name, described.parameter: value.data}
        self._require(self._call(described.setter, path, **arguments), "write", _join(path, name))

    def delete_value(self, path: str, name: str) -> None:
        """Delete a value; one that does not exist is no error."""
        self._require(self._call("DeleteValue", path, sValueName=name), "delete", _join(path, name), KEY_MISSING)

    def create_key(self, path: str) -> None:
        """Create a key and its parents; one that exists is no error, so this cannot serve as a lock."""
        self._require(self._call("CreateKey", path), "create", path)

    def delete_key(self, path: str) -> None:
        """Delete a key without subkeys; one that does not exist is no error."""
        self._require(self._call("DeleteKey", path), "delete", path, KEY_MISSING)

    # --- security ---

    def security(self, path: str) -> str:
        """Return a key's security descriptor as SDDL."""
        outcome = self._call("GetSecurityDescriptor", path)
        self._require(outcome, "read the security of", path)
        helped = descriptors.as_sddl(self._client, _descriptor(outcome, path))
        self._require(helped, "express in SDDL the security of", path)
        return str(helped.out["SDDL"])

    def set_security(self, path: str, sddl: str) -> None:
        """Set a key's security descriptor from SDDL."""
        helped = descriptors.as_object(self._client, sddl)
        self._require(helped, "understand the SDDL for", path)
        outcome = self._call("SetSecurityDescriptor", path, Descriptor=_descriptor(helped, path))
        self._require(outcome, "set the security of", path)

    def protect(self, path: str) -> None:
        """Let SYSTEM and Administrators alone into a key and what will be below it."""
        self.set_security(path, PROTECTED)

    # --- the wire ---

    def _call(self, method: str, path: str, **arguments: Sendable) -> Outcome:
        hive, subkey = split_path(path)
        about = _join(path, str(arguments["sValueName"])) if "sValueName" in arguments else path
        sent = {"hDefKey": hive, "sSubKeyName": subkey, **arguments}
        return self._client.invoke(STD_REG_PROV, method, sent, about=about)

    @staticmethod
    def _require(outcome: Outcome, action: str, path: str, *accepted: int) -> None:
        if not outcome.ok and outcome.return_value not in accepted:
            raise RegistryError(path, action, outcome.return_value or 0)


def _value(kind: str, outcome: Outcome) -> RegistryValue:
    """Return the value in a getter's answer; an empty string comes as null."""
    described = _TYPES[kind]
    data = outcome.out.get(described.parameter)
    if data is None and described.python is str:
        data = ""
    if not described.holds(data):
        raise BadAnswer(f"{described.getter} answers without a value")
    return RegistryValue(kind, t.cast(Data, data))


def _refused(outcome: Outcome) -> Unreadable:
    code = outcome.return_value or 0
    return Unreadable("access denied" if code == DENIED else f"{MEANINGS.get(code, 'unknown code')} (code {code})")


def _strings(value: Value) -> tuple[str, ...]:
    return tuple(_only(value, str))


def _integers(value: Value) -> tuple[int, ...]:
    return tuple(_only(value, int))


T = t.TypeVar("T")


def _only(value: Value, kind: type[T]) -> Iterator[T]:
    return (item for item in (value if isinstance(value, Sequence) else ()) if isinstance(item, kind))


def _descriptor(outcome: Outcome, path: str) -> Instance:
    descriptor = outcome.out.get("Descriptor")
    if not isinstance(descriptor, Instance):
        raise BadAnswer(f"The host gives no security descriptor for {path}")
    return descriptor


def _join(path: str, name: str) -> str:
    return f"{path}\\{name or '(default)'}"

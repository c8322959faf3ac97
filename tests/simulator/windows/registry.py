# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The registry: typed values, keys with security descriptors, names that keep their case and compare without it.

Paths are written with the short hive name, as ``HKLM\SYSTEM\...``. ``CurrentControlSet`` is the stored name;
``ControlSet001`` is an alias for it, and ``HKCR`` for ``HKLM\SOFTWARE\Classes``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tests.simulator.windows.security import SYSTEM_TOKEN, SecurityDescriptor, Token

QUERY_VALUE, SET_VALUE, CREATE_SUB_KEY, ENUMERATE_SUB_KEYS = 1, 2, 4, 8
DEFAULT_DESCRIPTOR = SecurityDescriptor.from_sddl("O:BAG:SYD:PAI(A;CI;KA;;;SY)(A;CI;KA;;;BA)(A;CI;KR;;;BU)")
HIVES = ("HKLM", "HKU")
ALIASES = (
    ("hklm\\system\\controlset001", "HKLM\\SYSTEM\\CurrentControlSet"),
    ("hkcr", "HKLM\\SOFTWARE\\Classes"),
    ("hkcc", "HKLM\\SYSTEM\\CurrentControlSet\\Hardware Profiles\\Current"),
)


class RegistryError(Exception):
    """A refused operation."""


class KeyMissing(RegistryError):
    """ERROR_FILE_NOT_FOUND for a key."""


class ValueMissing(RegistryError):
    """ERROR_FILE_NOT_FOUND for a value of a key that exists."""


class AccessDenied(RegistryError):
    """ERROR_ACCESS_DENIED."""


class HasSubkeys(RegistryError):
    """A key with subkeys cannot be deleted."""


class Type(enum.IntEnum):
    """Value types (winnt.h). Python shapes: str, str, bytes, int, tuple of str, int; bytes for the rest."""

    NONE = 0
    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    MULTI_SZ = 7
    QWORD = 11


@dataclass(frozen=True)
class Value:
    """One value as stored."""

    name: str
    type: Type
    data: Any

    def to_state(self) -> list[object]:
        data = self.data.hex() if isinstance(self.data, bytes) else self.data
        return [f"REG_{self.type.name}", list(data) if isinstance(data, tuple) else data]


@dataclass
class Key:
    """A key; ``descriptor`` None inherits from its parent."""

    name: str
    values: dict[str, Value] = field(default_factory=dict)
    subkeys: dict[str, Key] = field(default_factory=dict)
    descriptor: SecurityDescriptor | None = None

    def copy(self) -> Key:
        subkeys = {name: key.copy() for name, key in self.subkeys.items()}
        return Key(self.name, dict(self.values), subkeys, self.descriptor)


@lru_cache(maxsize=8192)
def split(path: str) -> tuple[str, ...]:
    """The names of ``path``, aliases resolved."""
    for alias, target in ALIASES:
        if path[: len(alias)].lower() == alias and path[len(alias) : len(alias) + 1] in ("", "\\"):
            path = target + path[len(alias) :]
    return tuple(name for name in path.split("\\") if name)


@lru_cache(maxsize=8192)
def folded(path: str) -> tuple[str, ...]:
    """The same, for comparing."""
    return tuple(name.lower() for name in split(path))


class Registry:
    """All hives of a host. Every method takes the token that asks; without one it is the system itself."""

    def __init__(self, root: Key | None = None) -> None:
        self._root = root or Key("", subkeys={hive.lower(): Key(hive) for hive in HIVES})

    def copy(self) -> Registry:
        return Registry(self._root.copy())

    def exists(self, path: str) -> bool:
        return self._find(path) is not None

    def value(self, path: str, name: str, token: Token = SYSTEM_TOKEN) -> Value:
        """The stored value. Raises KeyMissing, ValueMissing, AccessDenied."""
        key = self._open(path, token, QUERY_VALUE)
        if name.lower() not in key.values:
            raise ValueMissing(f"{path}: {name}")
        return key.values[name.lower()]

    def get(self, path: str, name: str, default: Any = None) -> Any:
        """The data as the system sees it, or ``default`` when key or value is missing."""
        key = self._find(path)
        value = key.values.get(name.lower()) if key else None
        return default if value is None else value.data

    def dword(self, path: str, name: str) -> int | None:
        """The number, or None when missing or not a REG_DWORD."""
        key = self._find(path)
        value = key.values.get(name.lower()) if key else None
        return int(value.data) if value is not None and value.type is Type.DWORD else None

    def set(self, path: str, name: str, kind: Type, data: Any, token: Token = SYSTEM_TOKEN) -> None:
        """Write a value into a key that exists. The name keeps the case of its first writing."""
        _write(self._open(path, token, SET_VALUE), name, kind, data)

    def put(self, path: str, name: str, kind: Type, data: Any) -> None:
        """Create the key when needed, then write: what set-up and policy do."""
        _write(self._find(path) or self._make(path, SYSTEM_TOKEN), name, kind, data)

    def put_dword(self, path: str, name: str, number: int) -> None:
        self.put(path, name, Type.DWORD, number)

    def delete_value(self, path: str, name: str, token: Token = SYSTEM_TOKEN) -> None:
        key = self._open(path, token, SET_VALUE)
        if key.values.pop(name.lower(), None) is None:
            raise ValueMissing(f"{path}: {name}")

    def discard(self, path: str, name: str) -> None:
        """Remove a value if it is there."""
        key = self._find(path)
        if key is not None:
            key.values.pop(name.lower(), None)

    def create(self, path: str, token: Token = SYSTEM_TOKEN) -> bool:
        """Create a key with its parents; False when it was there already."""
        if self._find(path) is not None:
            return False
        self._make(path, token)
        return True

    def _make(self, path: str, token: Token) -> Key:
        key, walked = self._root, ""
        for name in split(path):
            below = key.subkeys.get(name.lower())
            if below is None:
                if key is self._root:
                    raise KeyMissing(path)
                self._demand(walked, token, CREATE_SUB_KEY)
                below = key.subkeys[name.lower()] = Key(name)
            key, walked = below, f"{walked}\\{name}" if walked else name
        return key

    def delete(self, path: str, token: Token = SYSTEM_TOKEN) -> None:
        """Delete a key without subkeys."""
        key = self._open(path, token, 0x10000)
        if key.subkeys:
            raise HasSubkeys(path)
        names = split(path)
        parent = self._open("\\".join(names[:-1]), SYSTEM_TOKEN, 0)
        del parent.subkeys[names[-1].lower()]

    def delete_tree(self, path: str) -> None:
        """Remove a key with all below, if it is there (what the system itself may do)."""
        names = split(path)
        parent = self._find("\\".join(names[:-1]))
        if parent is not None:
            parent.subkeys.pop(names[-1].lower(), None)

    def subkeys(self, path: str, token: Token = SYSTEM_TOKEN) -> list[str]:
        return [key.name for key in self._open(path, token, ENUMERATE_SUB_KEYS).subkeys.values()]

    def values(self, path: str, token: Token = SYSTEM_TOKEN) -> list[Value]:
        return list(self._open(path, token, QUERY_VALUE).values.values())

    def descriptor(self, path: str) -> SecurityDescriptor:
        """The key's own descriptor, or what it inherits. Raises KeyMissing."""
        self._open(path, SYSTEM_TOKEN, 0)
        key, descriptor = self._root, DEFAULT_DESCRIPTOR
        for name in split(path):
            key = key.subkeys[name.lower()]
            descriptor = key.descriptor or descriptor.inherited()
        return descriptor

    def set_descriptor(self, path: str, descriptor: SecurityDescriptor, token: Token = SYSTEM_TOKEN) -> None:
        self._open(path, token, 0x40000).descriptor = descriptor

    def allows(self, path: str, token: Token, wanted: int) -> bool:
        return token is SYSTEM_TOKEN or self.descriptor(path).allows(token, wanted)

    def to_state(self) -> dict[str, object]:
        """Every key: its values by name, and its descriptor where it has its own."""
        return {path: self._key_state(key) for path, key in self._walk(self._root, "")}

    def _key_state(self, key: Key) -> dict[str, object]:
        state: dict[str, object] = {"values": {value.name: value.to_state() for value in key.values.values()}}
        if key.descriptor is not None:
            state["descriptor"] = key.descriptor.to_sddl()
        return state

    def _walk(self, key: Key, path: str) -> Iterator[tuple[str, Key]]:
        for subkey in key.subkeys.values():
            below = f"{path}\\{subkey.name}" if path else subkey.name
            yield below, subkey
            yield from self._walk(subkey, below)

    def _find(self, path: str) -> Key | None:
        key = self._root
        for name in folded(path):
            below = key.subkeys.get(name)
            if below is None:
                return None
            key = below
        return key

    def _open(self, path: str, token: Token, wanted: int) -> Key:
        key = self._find(path)
        if key is None:
            raise KeyMissing(path)
        self._demand(path, token, wanted)
        return key

    def _demand(self, path: str, token: Token, wanted: int) -> None:
        if not self.allows(path, token, wanted):
            raise AccessDenied(path)


def _write(key: Key, name: str, kind: Type, data: Any) -> None:
    stored = key.values.get(name.lower())
    key.values[name.lower()] = Value(stored.name if stored else name, kind, data)

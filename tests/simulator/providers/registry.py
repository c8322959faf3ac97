# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""StdRegProv (Microsoft Learn, WMI StdRegProv class; return values as clients in production met them)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import HostProvider, number, text
from tests.simulator.providers.descriptors import from_embedded, merge, to_embedded
from tests.simulator.windows.registry import (
    AccessDenied,
    HasSubkeys,
    KeyMissing,
    RegistryError,
    Type,
    Value,
    ValueMissing,
)
from tests.simulator.windows.security import READ_CONTROL, InvalidDescriptor
from tests.simulator.wsman.provider import Caller, Values

HIVES = {0x80000000: "HKCR", 0x80000001: "HKCU", 0x80000002: "HKLM", 0x80000003: "HKU", 0x80000005: "HKCC"}
TYPE_MISMATCH = 0x80041005
INVALID_HANDLE, INVALID_PARAMETER, NOT_FOUND, ACCESS_DENIED, VALUE_MISSING = 6, 87, 2, 5, 1

GETTERS = {
    "GetStringValue": (Type.SZ, "sValue"), "GetExpandedStringValue": (Type.EXPAND_SZ, "sValue"),
    "GetMultiStringValue": (Type.MULTI_SZ, "sValue"), "GetDWORDValue": (Type.DWORD, "uValue"),
    "GetQWORDValue": (Type.QWORD, "uValue"), "GetBinaryValue": (Type.BINARY, "uValue"),
}  # fmt: skip
SETTERS = {name.replace("Get", "Set"): form for name, form in GETTERS.items()}
EMPTY: dict[Type, object] = {Type.DWORD: 0, Type.QWORD: 0, Type.BINARY: b"", Type.MULTI_SZ: ()}


class WrongType(RegistryError):
    """The value exists with another type."""


@dataclass
class RegistryProvider(HostProvider):
    """The class that reads and writes the registry; all methods are static."""

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        hive = HIVES.get(number(args.get("hDefKey", 0x80000002)))
        if hive is None:
            return {"ReturnValue": INVALID_HANDLE}
        root = f"HKU\\{caller.sid}" if hive == "HKCU" else hive
        path = f"{root}\\{text(args.get('sSubKeyName'))}".rstrip("\\")
        try:
            return {**self._run(method, path, args, caller), "ReturnValue": 0}
        except (RegistryError, InvalidDescriptor) as error:
            return {"ReturnValue": self._code(method, error)}

    def _code(self, method: str, error: Exception) -> int:
        if isinstance(error, ValueMissing):
            return VALUE_MISSING if method in GETTERS else NOT_FOUND
        if isinstance(error, HasSubkeys):
            return number(self.windows.switches["delete_key_with_subkeys"])
        table: dict[type[Exception], int] = {
            KeyMissing: NOT_FOUND,
            AccessDenied: ACCESS_DENIED,
            WrongType: TYPE_MISMATCH,
        }
        return table.get(type(error), INVALID_PARAMETER)

    def _run(self, method: str, path: str, args: Values, caller: Caller) -> Values:
        if method in GETTERS:
            return self._get(method, path, text(args.get("sValueName")), caller)
        if method in SETTERS:
            return self._set(method, path, args, caller)
        methods: dict[str, Callable[[str, Values, Caller], Values]] = {
            "EnumKey": self._enum_key, "EnumValues": self._enum_values, "CreateKey": self._create_key,
            "DeleteKey": self._delete_key, "DeleteValue": self._delete_value, "CheckAccess": self._check_access,
            "GetSecurityDescriptor": self._get_security, "SetSecurityDescriptor": self._set_security,
        }  # fmt: skip
        return methods[method](path, args, caller)

    def _get(self, method: str, path: str, name: str, caller: Caller) -> Values:
        kind, result = GETTERS[method]
        value = self.windows.registry.value(path, name, caller)
        if value.type is not kind and not self._reads_other(method, value):
            raise WrongType(name)
        return {result: self._shown(method, value)}

    def _reads_other(self, method: str, value: Value) -> bool:
        if method == "GetStringValue" and value.type is Type.EXPAND_SZ:
            return self.windows.switches["expand_by_get_string"] == "raw"
        untyped = method == "GetBinaryValue" and value.type is Type.NONE
        return untyped and bool(self.windows.switches["binary_by_get_binary"])

    def _shown(self, method: str, value: Value) -> object:
        if method == "GetExpandedStringValue":
            return self.windows.expand(value.data)
        return list(value.data) if value.type is Type.MULTI_SZ else value.data

    def _set(self, method: str, path: str, args: Values, caller: Caller) -> Values:
        kind, parameter = SETTERS[method]
        data = args.get(parameter)
        data = EMPTY.get(kind, "") if data is None else data
        stored = tuple(data) if isinstance(data, list) else data
        self.windows.registry.set(path, text(args.get("sValueName")), kind, stored, caller)
        return {}

    def _enum_key(self, path: str, args: Values, caller: Caller) -> Values:
        return {"sNames": self.windows.registry.subkeys(path, caller) or None}

    def _enum_values(self, path: str, args: Values, caller: Caller) -> Values:
        values = self.windows.registry.values(path, caller)
        return {
            "sNames": [value.name for value in values] or None,
            "Types": [int(value.type) for value in values] or None,
        }

    def _create_key(self, path: str, args: Values, caller: Caller) -> Values:
        self.windows.registry.create(path, caller)
        return {}

    def _delete_key(self, path: str, args: Values, caller: Caller) -> Values:
        self.windows.registry.delete(path, caller)
        return {}

    def _delete_value(self, path: str, args: Values, caller: Caller) -> Values:
        self.windows.registry.delete_value(path, text(args.get("sValueName")), caller)
        return {}

    def _check_access(self, path: str, args: Values, caller: Caller) -> Values:
        wanted = number(args.get("uRequired", 3))
        return {"bGranted": self.windows.registry.descriptor(path).allows(caller, wanted)}

    def _get_security(self, path: str, args: Values, caller: Caller) -> Values:
        descriptor = self.windows.registry.descriptor(path)
        if not descriptor.allows(caller, READ_CONTROL):
            raise AccessDenied(path)
        return {"Descriptor": to_embedded(descriptor)}

    def _set_security(self, path: str, args: Values, caller: Caller) -> Values:
        old = self.windows.registry.descriptor(path)
        new = merge(old, from_embedded(args.get("Descriptor")))
        self.windows.registry.set_descriptor(path, new, caller)
        return {}

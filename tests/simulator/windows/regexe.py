# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""reg.exe: query, add, delete."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.simulator.windows import cmd
from tests.simulator.windows.registry import AccessDenied, RegistryError, Type, Value
from tests.simulator.windows.security import Token
from tests.simulator.windows.texts import translate

if TYPE_CHECKING:
    from tests.simulator.windows.system import Windows

LONG_HIVES = {
    "HKEY_LOCAL_MACHINE": "HKLM", "HKEY_USERS": "HKU", "HKEY_CLASSES_ROOT": "HKCR", "HKEY_CURRENT_CONFIG": "HKCC",
}  # fmt: skip
FLAGS = frozenset({"/f", "/s", "/ve", "/va", "/reg:64"})


class InvalidSyntax(Exception):
    """Arguments that reg.exe does not take."""


def run(windows: Windows, token: Token, arguments: list[str]) -> cmd.Output:
    """``reg`` with these arguments."""
    verbs = {"query": _query, "add": _add, "delete": _delete}
    try:
        verb = verbs[arguments[0].lower()]
        return verb(windows, token, _path(arguments[1]), _options(arguments[2:]))
    except (InvalidSyntax, IndexError, KeyError):
        return _fail(windows, "invalid_syntax")
    except AccessDenied:
        return _fail(windows, "access_denied")
    except RegistryError:
        return _fail(windows, "not_found")


def _fail(windows: Windows, key: str) -> cmd.Output:
    return cmd.Output(stderr=translate("commands", key, windows.language), code=1)


def _path(text: str) -> str:
    hive, separator, rest = text.partition("\\")
    short = LONG_HIVES.get(hive.upper(), hive.upper())
    if short not in LONG_HIVES.values():
        raise InvalidSyntax(text)
    return short + separator + rest


def _options(arguments: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name = word.lower()
        if name in FLAGS:
            options[name] = ""
        elif name in ("/v", "/t", "/d", "/s"):
            options[name] = next(words)
        else:
            raise InvalidSyntax(word)
    return options


def _query(windows: Windows, token: Token, path: str, options: dict[str, str]) -> cmd.Output:
    long_path = next(name for name, hive in LONG_HIVES.items() if path.startswith(hive)) + path[path.find("\\") :]
    if "/v" in options or "/ve" in options:
        values = [windows.registry.value(path, options.get("/v", ""), token)]
        below: list[str] = []
    else:
        values = windows.registry.values(path, token)
        below = windows.registry.subkeys(path, token)
    lines = [f"    {value.name or '(Default)'}    REG_{value.type.name}    {_shown(value)}" for value in values]
    lines += [f"{long_path}\\{name}" for name in below]
    return cmd.Output("\r\n".join(["", long_path, *lines, ""]) + "\r\n")


def _shown(value: Value) -> str:
    if value.type in (Type.DWORD, Type.QWORD):
        return f"0x{value.data:x}"
    if value.type is Type.MULTI_SZ:
        return "\\0".join(value.data)
    return value.data.hex().upper() if isinstance(value.data, bytes) else str(value.data)


def _add(windows: Windows, token: Token, path: str, options: dict[str, str]) -> cmd.Output:
    if "/f" not in options and windows.registry.exists(path) and options.get("/v") in windows.value_names(path):
        raise InvalidSyntax("the value exists and nobody can answer the question")
    windows.registry.create(path, token)
    if "/v" in options or "/ve" in options:
        kind = Type[options.get("/t", "REG_SZ").upper().removeprefix("REG_")]
        windows.registry.set(path, options.get("/v", ""), kind, _parsed(kind, options.get("/d", "")), token)
    return cmd.Output(translate("commands", "done", windows.language))


def _parsed(kind: Type, text: str) -> Any:
    if kind in (Type.DWORD, Type.QWORD):
        if not re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", text):
            raise InvalidSyntax(text)
        return int(text, 0)
    if kind is Type.MULTI_SZ:
        return tuple(text.split("\\0"))
    return bytes.fromhex(text) if kind in (Type.BINARY, Type.NONE) else text


def _delete(windows: Windows, token: Token, path: str, options: dict[str, str]) -> cmd.Output:
    if "/f" not in options:
        raise InvalidSyntax("nobody can answer the question")
    if "/v" in options or "/ve" in options:
        windows.registry.delete_value(path, options.get("/v", ""), token)
    elif "/va" in options:
        for value in windows.registry.values(path, token):
            windows.registry.delete_value(path, value.name, token)
    else:
        _delete_tree(windows, token, path)
    return cmd.Output(translate("commands", "done", windows.language))


def _delete_tree(windows: Windows, token: Token, path: str) -> None:
    for name in windows.registry.subkeys(path, token):
        _delete_tree(windows, token, f"{path}\\{name}")
    windows.registry.delete(path, token)

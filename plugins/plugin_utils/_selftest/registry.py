# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: a key of our own in the registry. PRIVATE to the collection. The key is gone afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .._cim.client import CimClient
from .._cim.registry import OK, PROTECTED, WRONG_TYPE, Registry, RegistryValue, split_path
from .._cim.schema import STD_REG_PROV
from .._guard import ROOT
from .._host import Host
from .._model import sddl
from .._wsman.errors import BadAnswer, EncodingLimit
from ._base import Check, Scratch, Untold

SELFTEST = rf"{ROOT}\Selftest"

LARGE = 16384
"""Bytes of a value whose answer nearly fills the 512,000 bytes that the collection lets an answer have."""

SAMPLES: Mapping[str, RegistryValue] = {
    "text": RegistryValue("REG_SZ", "Grüße <&> 日本"),
    "empty text": RegistryValue("REG_SZ", ""),
    "list": RegistryValue("REG_MULTI_SZ", ("one", "two")),
    "number": RegistryValue("REG_DWORD", 0xFFFFFFFF),
    "large number": RegistryValue("REG_QWORD", 2**64 - 1),
    "bytes": RegistryValue("REG_BINARY", bytes(range(256))),
    "empty bytes": RegistryValue("REG_BINARY", b""),
}


@contextmanager
def scratch_key(host: Host) -> Iterator[str]:
    """A key of this check alone. What is above it goes as well where it was not there before."""
    path = rf"{SELFTEST}\{Scratch().token}"
    above = [parent for parent in (SELFTEST, ROOT) if host.registry.keys(parent) is None]
    host.registry.create_key(path)
    try:
        yield path
    finally:
        for key in (path, *above):
            host.registry.delete_key(key)


def _round_trip(host: Host) -> str:
    with scratch_key(host) as key:
        for name, value in SAMPLES.items():
            host.registry.write(key, name, value)
        other = [name for name, value in SAMPLES.items() if host.registry.read(key, name, value.type) != value]
    return f"differs: {', '.join(other)}" if other else "as written"


def _create_twice(host: Host) -> str:
    with scratch_key(host) as key:
        return f"code {_call(host, 'CreateKey', key)}"


def _expand(host: Host) -> str:
    with scratch_key(host) as key:
        host.registry.write(key, "path", RegistryValue("REG_EXPAND_SZ", r"%SystemRoot%\winfleet"))
        outcome = host.cim.invoke(STD_REG_PROV, "GetStringValue", _arguments(key, sValueName="path"))
    if outcome.return_value == WRONG_TYPE:
        return "type mismatch"
    return "as stored" if outcome.ok and "%" in str(outcome.out.get("sValue")) else "expanded"


def _untyped(host: Host) -> str:
    """Only reg.exe writes a value without a type."""
    with scratch_key(host) as key:
        if host.shell.run(f'reg add "{key}" /v none /t REG_NONE /d 00 /f').exit_code:
            raise Untold("reg.exe writes no value without a type here")
        return "read" if _call(host, "GetBinaryValue", key, sValueName="none") == OK else "not read"


def _delete_parent(host: Host) -> str:
    with scratch_key(host) as key:
        host.registry.create_key(rf"{key}\below")
        try:
            return f"code {_call(host, 'DeleteKey', key)}"
        finally:
            host.registry.delete_key(rf"{key}\below")


def _empty_list(host: Host) -> str:
    bodies: list[bytes] = []

    def send(body: bytes, *, repeatable: bool) -> bytes:
        bodies.append(host.channel.send(body, repeatable=repeatable))
        return bodies[-1]

    with scratch_key(host) as key:
        Registry(CimClient(send)).values(key)
    return "one nil element" if re.search(rb"nil=.true", bodies[-1]) else "left out"


def _protected(host: Host) -> str:
    with scratch_key(host) as key:
        host.registry.protect(key)
        found = sddl.dacl_of(host.registry.security(key))
    return "as set" if found == sddl.dacl_of(PROTECTED) else found


def _large(host: Host) -> str:
    """A number takes 24 bytes of XML (Win32_… arrays of uint8), so the answer has near 400,000."""
    data = bytes(range(256)) * (LARGE // 256)
    with scratch_key(host) as key:
        host.registry.write(key, "large", RegistryValue("REG_BINARY", data))
        try:
            found = host.registry.read(key, "large", "REG_BINARY")
        except (EncodingLimit, BadAnswer):
            return "refused"
    return "whole" if found == RegistryValue("REG_BINARY", data) else "cut off"


def _call(host: Host, method: str, key: str, **arguments: str) -> int:
    return host.cim.invoke(STD_REG_PROV, method, _arguments(key, **arguments)).return_value or OK


def _arguments(key: str, **arguments: str) -> dict[str, str | int]:
    hive, subkey = split_path(key)
    return {"hDefKey": hive, "sSubKeyName": subkey, **arguments}


CHECKS = (
    Check(
        "registry_round_trip",
        "Do values of all types come back as they were written, empty ones too?",
        "as written",
        {"as written": "roll-back restores values byte for byte"},
        _round_trip,
        writes=True,
    ),
    Check(
        "large_reply",
        "Is a value of 16 KB answered whole, in the 512,000 bytes that are asked for?",
        "whole",
        {
            "whole": "certificates and descriptors of every size are read",
            "refused": "large values count as unreadable; so may a certificate with a long chain of names",
        },
        _large,
        writes=True,
    ),
    Check(
        "registry_create_twice",
        "What does CreateKey answer where the key exists?",
        "code 0",
        {"code 0": "no lock can be built on it, as is assumed"},
        _create_twice,
        writes=True,
    ),
    Check(
        "registry_expanded",
        "What does GetStringValue give for a value with names of variables?",
        "type mismatch",
        {
            "type mismatch": "the type is looked up, and such a value is not planned",
            "as stored": "such values could be restored after all",
            "expanded": "the type is looked up, and such a value is not planned",
        },
        _expand,
        writes=True,
    ),
    Check(
        "registry_untyped",
        "Does GetBinaryValue read a value of a type that has no method of its own?",
        "read",
        {
            "read": "values of rare types could be saved",
            "not read": "values of rare types count as unreadable, as they do now",
        },
        _untyped,
        writes=True,
    ),
    Check(
        "registry_delete_parent",
        "What does DeleteKey answer where the key has keys below it?",
        "code 5",
        {"code 5": "reads as access denied", "code 145": "is told from access denied"},
        _delete_parent,
        writes=True,
    ),
    Check(
        "empty_array",
        "How does an empty list look on the wire?",
        "left out",
        {"left out": "read as empty", "one nil element": "read as empty as well"},
        _empty_list,
        writes=True,
    ),
    Check(
        "registry_protected",
        "Does a key keep permissions that inherit nothing?",
        "as set",
        {"as set": "the journal is closed to users"},
        _protected,
        writes=True,
    ),
)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module returned, held against the RETURN section of its documentation, however deep that goes."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Collection, Iterator, Mapping

Entries = Mapping[str, t.Any]

BY_NAME = frozenset({"effective"})
"""What is a dictionary by names that come from elsewhere: its documentation is that of each of the values."""

TYPES: Mapping[str, t.Any] = {
    "bool": bool, "dict": dict, "float": (int, float), "int": int, "list": list, "raw": object, "str": str,
}  # fmt: skip


def undocumented(documented: Entries, found: Entries, where: str = "", none: bool = False) -> Iterator[str]:
    """What was returned and is not documented, or is documented to be something else; none: whether all may be that."""
    for name, value in found.items():
        if name not in documented:
            yield f"{where}{name} is not documented"
        else:
            entry = documented[name]
            yield from _otherwise(entry, value, f"{where}{name}", none or _says_none(entry))


def _says_none(entry: Entries) -> bool:
    return re.search(r"\b([Nn]one|null)\b", said(entry)) is not None


def _otherwise(entry: Entries, value: object, where: str, may_be_none: bool) -> Iterator[str]:
    """A value that may be none is said to be so, where its type does not leave it open."""
    if value is None:
        if entry["type"] != "raw" and not may_be_none:
            yield f"{where} is none, and nothing says that it can be"
    elif entry["type"] == "raw":
        return
    elif not _is(entry["type"], value):
        yield f"{where} is of type {type(value).__name__}, not {entry['type']}"
    else:
        yield from _parts(entry, value, where)


def _parts(entry: Entries, value: t.Any, where: str) -> Iterator[str]:
    for item in _items(where, value):
        if isinstance(value, list) and not _is(entry["elements"], item):
            yield f"an element of {where} is of type {type(item).__name__}, not {entry['elements']}"
        elif "contains" in entry:
            yield from undocumented(entry["contains"], item, f"{where}.", none="is none" in said(entry))


def _items(where: str, value: t.Any) -> list[t.Any]:
    if isinstance(value, dict):
        return list(value.values()) if where in BY_NAME else [value]
    return value if isinstance(value, list) else []


def _is(name: str, value: object) -> bool:
    """A truth value is no number, though Python has it so."""
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("int", "float"))


def unseen(documented: Entries, results: Collection[Entries], where: str = "") -> Iterator[str]:
    """What is documented and was in none of the results, or none in all of them, unless it is said to be so always."""
    for name, entry in documented.items():
        if said(entry).startswith("Always"):
            continue
        values = [value for found in results if (value := found.get(name)) is not None]
        if not values:
            yield f"{where}{name} never has a value"
        elif "contains" in entry:
            parts = [part for value in values for part in _items(f"{where}{name}", value)]
            yield from unseen(entry["contains"], parts, f"{where}{name}.")


def said(entry: Entries) -> str:
    """The description in one text."""
    description = entry["description"]
    return description if isinstance(description, str) else " ".join(description)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WQL conditions from values: the only place that puts a value into a query.

PRIVATE to the collection. Source: Microsoft Win32 documentation, WmiSdk/wql-sql-for-wmi and like-operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

Literal = str | int | bool | datetime

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIKE_SPECIAL = re.compile(r"[\[%_]")


def literal(value: Literal) -> str:
    """Return a value as WQL writes it; raise ValueError for a time without zone.

    In strings, backslash and quote are escaped by a backslash. Times are in DMTF form, UTC.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"'{_dmtf(value)}'"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _dmtf(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return f"{value.astimezone(timezone.utc):%Y%m%d%H%M%S.%f}+000"


def compare(name: str, value: Literal, operator: str = "=") -> str:
    """Return ``name operator literal``."""
    return f"{checked(name)}{operator}{literal(value)}"


def any_of(name: str, values: Iterable[Literal]) -> str:
    """Return a condition that holds for each of the values; raise ValueError when there are none."""
    conditions = [compare(name, value) for value in values]
    if not conditions:
        raise ValueError(f"No values to compare {name} with")
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


def starts_with(name: str, prefix: str) -> str:
    """Return a condition that holds for strings that begin with the prefix."""
    return f"{checked(name)} like {literal(_plain(prefix) + '%')}"


def ends_with(name: str, suffix: str) -> str:
    """Return a condition that holds for strings that end with the suffix."""
    return f"{checked(name)} like {literal('%' + _plain(suffix))}"


def _plain(text: str) -> str:
    return _LIKE_SPECIAL.sub(lambda match: f"[{match.group()}]", text)


def all_of(*conditions: str) -> str:
    """Return a condition that holds when all hold."""
    return " and ".join(condition for condition in conditions if condition)


def either(*conditions: str) -> str:
    """Return a condition that holds when one of them does."""
    return f"({' or '.join(conditions)})"


def select(class_name: str, where: str = "", properties: Sequence[str] = ("*",)) -> str:
    """Return the query; the condition is one made by this module."""
    names = ",".join("*" if name == "*" else checked(name) for name in properties)
    return " ".join(["select", names, "from", checked(class_name), *(["where", where] if where else [])])


def checked(name: str) -> str:
    """Return a property or class name; raise ValueError for what is no name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no WQL name")
    return name

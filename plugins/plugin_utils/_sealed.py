# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain data as text that shows whether, and where, it was altered. PRIVATE to the collection.

The text is half a SHA-256, two hexadecimal digits for each field, and the data as JSON. There is no key that could be
kept from an administrator of the host, so this finds damage and hasty edits, not a forger: what a forger could make of
the data is bounded by _undoable.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from ._model.plain import Plain

_SHAPE = re.compile(r"(?P<digest>[0-9a-f]{32})(?P<checks>(?:[0-9a-f]{2})*)(?P<body>\{.*\})", re.DOTALL)


class Tampered(ValueError):
    """The text is not what seal made; the message says what differs."""


def seal(data: Mapping[str, Plain]) -> str:
    """The text for some data."""
    checked = "".join(_checks(data).values()) + json.dumps(data, sort_keys=True, separators=(",", ":"))
    return _digest(checked) + checked


def unseal(text: str) -> dict[str, Plain]:
    """The data in a text.

    Raises:
        Tampered: it was altered.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise Tampered("it has no digest and no data")
    try:
        data: dict[str, Plain] = json.loads(shape["body"])
        intact = _digest(shape["checks"] + shape["body"]) == shape["digest"]
        difference = "" if intact else _difference(data, shape["checks"])
    except (ValueError, RecursionError) as error:
        # Brackets within brackets are deeper than the interpreter's stack after a few kilobytes.
        raise Tampered(f"its data cannot be read: {error}") from error
    if difference:
        raise Tampered(difference)
    return data


def _difference(data: Mapping[str, Plain], checks: str) -> str:
    """Which fields are not as they were written; their own digits tell."""
    found = _checks(data)
    written = [checks[i : i + 2] for i in range(0, len(checks), 2)]
    if len(written) != len(found):
        return f"it has {len(found)} fields instead of {len(written)}"
    differing = [name for (name, now), then in zip(found.items(), written, strict=True) if now != then]
    if not differing:
        return "its digest does not match"
    names = ", ".join(".".join(name) for name in differing)
    return f"{names} {'is' if len(differing) == 1 else 'are'} not as written"


def _checks(data: Mapping[str, Plain]) -> dict[tuple[str, ...], str]:
    return {name: _digest(json.dumps(value, sort_keys=True))[:2] for name, value in sorted(_fields(data), key=_name)}


def _fields(data: Mapping[str, Plain]) -> Iterator[tuple[tuple[str, ...], Plain]]:
    """The fields by their names, those of data within data each by itself."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from (((name, inner), item) for inner, item in value.items())
        else:
            yield (name,), value


def _name(field: tuple[tuple[str, ...], Plain]) -> tuple[str, ...]:
    return field[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]

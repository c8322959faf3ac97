# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is ordered over the control port, read strictly: an order that would do nothing is refused with a sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

Arguments = Mapping[str, object]


class BadOrder(ValueError):
    """An order that cannot be carried out; the message says what is expected."""


def read(body: str, *known: str) -> Arguments:
    """The arguments in a request's body, of which no other than the known ones may be. Raises BadOrder."""
    try:
        document = json.loads(body or "{}")
    except ValueError as error:
        raise BadOrder(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadOrder("a JSON object is expected")
    strange = sorted(set(document) - set(known))
    if strange:
        raise BadOrder(f"unknown: {', '.join(strange)}; {_listed(known)}")
    return document


def _listed(known: tuple[str, ...]) -> str:
    return f"known: {', '.join(known)}" if known else "this order takes nothing"


def text(arguments: Arguments, name: str) -> str:
    """A text that must be there. Raises BadOrder."""
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise BadOrder(f"{name}: a text is expected")
    return value


def flag(arguments: Arguments, name: str, default: bool | None = None) -> bool:
    """True or false. Raises BadOrder."""
    value = arguments.get(name, default)
    if not isinstance(value, bool):
        raise BadOrder(f"{name}: true or false is expected")
    return value


def count(arguments: Arguments, name: str, default: int | None = None) -> int:
    """A whole number of one or more. Raises BadOrder."""
    value = arguments.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadOrder(f"{name}: a whole number of 1 or more is expected")
    return value


def seconds(arguments: Arguments, name: str) -> float:
    """Seconds, none of them back. Raises BadOrder."""
    value = arguments.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise BadOrder(f"{name}: seconds are expected")
    return value


def names(arguments: Arguments, name: str, known: Mapping[str, object]) -> list[str]:
    """A list of known names, empty where it is not given. Raises BadOrder."""
    value = arguments.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadOrder(f"{name}: a list of names is expected")
    strange = sorted(set(value) - set(known))
    if strange:
        raise BadOrder(f"{name}: {', '.join(strange)} unknown; known: {', '.join(known)}")
    return value

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the code that a client shows to what it says and what to look at. PRIVATE to the collection. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable

from .causes import CAUSES
from .codes import CODES, Code, Kind, look_up
from .families import FAMILIES

_HEX = re.compile(r"0x([0-9a-f]{1,8})\b", re.IGNORECASE)
_DECIMAL = re.compile(r"(?<![0-9a-zA-Z.])-?\d{1,10}\b(?!\.\d)")
_STATUS_BIT = 0x80000000

DENIED = 7
"""The extended code that clients fill in themselves when a socket dies before the host can send one."""


class NotACode(ValueError):
    """Something that holds no code."""


def explain(code: object, extended: object = None, kind: str = "auto") -> dict[str, t.Any]:
    """What a code, or a pair of codes, says.

    Args:
        code: a number, decimal or hexadecimal text, or the text of the dialogue with both codes in any language.
        extended: the extended code, where C(code) has it not.
        kind: one of CODES, or C(auto): a status where the highest bit is set, else a disconnect reason.

    Raises:
        NotACode: no number was found, more than two, or a kind that there is not.
    """
    if kind not in ("auto", *CODES):
        raise NotACode(f"kind {kind!r} is none of auto, {', '.join(CODES)}")
    numbers = [*_numbers(code), *(_numbers(extended) if extended is not None else ())]
    if not 1 <= len(numbers) <= 2:
        raise NotACode(f"{code!r} holds {len(numbers) or 'no'} codes: give one, or one and an extended one")
    first = look_up(_kind(numbers[0], kind), numbers[0])
    second = look_up("extended", numbers[1]) if len(numbers) == 2 else None
    return _explained(first, second)


def _numbers(text: object) -> tuple[int, ...]:
    """The numbers in a text; where some are hexadecimal, those alone, since dialogues have other digits beside them."""
    if isinstance(text, bool) or not isinstance(text, (int, str)):
        raise NotACode(f"{text!r} is no code")
    if isinstance(text, int):
        return (text & 0xFFFFFFFF,)
    found = [int(digits, 16) for digits in _HEX.findall(text)]
    return tuple(found or (int(digits) & 0xFFFFFFFF for digits in _DECIMAL.findall(text)))


def _kind(number: int, kind: str) -> Kind:
    if kind == "auto":
        return "status" if number & _STATUS_BIT else "disconnect"
    return t.cast(Kind, kind)


def _explained(first: Code, second: Code | None) -> dict[str, t.Any]:
    families = [FAMILIES[name] for name in _families(first, second)]
    return {
        **_code(first),
        "extended": None if second is None else _code(second),
        "causes": [
            {"id": cause, "title": CAUSES[cause].title}
            for cause in _each_once(cause for family in families for cause in family.causes)
        ],
        "gather": _each_once(item for family in families for item in family.gather),
        "note": _note(first, second),
    }


def _families(first: Code, second: Code | None) -> list[str]:
    """The family that says more comes first: an extended code that the host itself has sent."""
    if second is None or second.family == "ended":
        return [first.family]
    telling = second.number != DENIED and second.documented
    return _each_once([second.family, first.family] if telling else [first.family, second.family])


def _code(code: Code) -> dict[str, t.Any]:
    return {
        "code": code.number,
        "hex": f"0x{code.number:X}",
        "name": code.name,
        "meaning": code.meaning,
        "class": FAMILIES[code.family].title,
        "documented": code.documented,
        "source": code.source,
    }


def _note(first: Code, second: Code | None) -> str:
    if first.number == 0x904 and second is not None and second.number == DENIED:
        return (
            "A symptom of many causes: TCP came through, and the connection was dropped before the host could say why. "
            "A host can send the extended code only after the security negotiation, so before that the client has "
            "filled it in. A closed port shows as 0x204 or 0x108 instead, so opening the firewall rarely helps."
        )
    return "" if first.documented else "Not documented: take it for a hint."


def _each_once(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))

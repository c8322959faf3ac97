# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the code that a client shows to what it says and what to look at. PRIVATE to the collection. Pure."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Sequence

from .causes import CAUSES
from .codes import CODES, Code, Kind, kind_of, look_up
from .families import FAMILIES

_HEX = re.compile(r"0x([0-9a-f]{1,8})\b|\b(?=\d*[a-f])([0-9a-f]{8})\b", re.IGNORECASE)
"""With its prefix, or as event viewers show the data of an event: eight digits, one of them a letter."""

_DECIMAL = re.compile(r"(?<![0-9a-zA-Z.])-?\d{1,10}\b(?!\.\d)")
_PAIR = re.compile(r"\s*(0x[0-9a-f]{1,8}|-?\d{1,10})\s*[\s,;/|]\s*(0x[0-9a-f]{1,8}|\d{1,10})\s*", re.IGNORECASE)
"""Two codes and nothing else, each in the notation that it has."""

DENIED = 7
"""The extended code that clients fill in themselves when a socket dies before the host can send one."""


class NotACode(ValueError):
    """Something that holds no code."""


def explain(code: object, extended: object = None, kind: str = "auto") -> dict[str, t.Any]:
    """What a code, or a pair of codes, says.

    Args:
        code: a number, decimal or hexadecimal text, or the text of the dialogue with both codes in any language.
        extended: the extended code, where C(code) has it not.
        kind: one of CODES, or C(auto): what kind_of takes it for, and of a pair a disconnect reason or a status.

    Raises:
        NotACode: no number was found, more than two, or a kind that there is not.
    """
    if kind not in ("auto", *CODES):
        raise NotACode(f"kind {kind!r} is none of auto, {', '.join(CODES)}")
    numbers = [*_numbers(code), *(_numbers(extended) if extended is not None else ())]
    if not 1 <= len(numbers) <= 2:
        raise NotACode(f"{code!r} holds {len(numbers) or 'no'} codes: give one, or one and an extended one")
    first = look_up(_kind(numbers, kind), numbers[0])
    second = look_up("extended", numbers[1]) if len(numbers) == 2 else None
    return {**_explained(first, second), "note": _note(first, second) or _meant(code, first)}


def _numbers(text: object) -> tuple[int, ...]:
    """The numbers in a text; where some are hexadecimal, those alone, since dialogues have other digits beside them."""
    if isinstance(text, bool) or not isinstance(text, (int, str)):
        raise NotACode(f"{text!r} is no code")
    if isinstance(text, int):
        return (text & 0xFFFFFFFF,)
    pair = _PAIR.fullmatch(text)
    if pair:
        return tuple(int(code, 16 if code.lower().startswith("0x") else 10) & 0xFFFFFFFF for code in pair.groups())
    found = [int(prefixed or bare, 16) for prefixed, bare in _HEX.findall(text)]
    return tuple(found or (int(digits) & 0xFFFFFFFF for digits in _DECIMAL.findall(text)))


def _kind(numbers: Sequence[int], kind: str) -> Kind:
    if kind != "auto":
        return t.cast(Kind, kind)
    found = kind_of(numbers[0])
    return "disconnect" if len(numbers) == 2 and found != "status" else found


def _explained(first: Code, second: Code | None) -> dict[str, t.Any]:
    families = [FAMILIES[name] for name in _families(first, second)]
    return {
        **_code(first),
        "extended": None if second is None else _code(second),
        "causes": [
            {"id": cause, "title": CAUSES[cause].title}
            for cause in _each_once([*_likely(first, second), *(cause for f in families for cause in f.causes)])
        ],
        "gather": _each_once(item for family in families for item in family.gather),
    }


def _likely(first: Code, second: Code | None) -> tuple[str, ...]:
    """What the codes speak for by their own names."""
    return (*(second.likely if second else ()), *first.likely)


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
    return ""


def _meant(text: object, code: Code) -> str:
    """What to say of a code that no documentation has: a number may have lost its prefix."""
    if code.documented:
        return ""
    digits = text.strip() if isinstance(text, str) else ""
    other = CODES["disconnect"].get(int(digits, 16)) if re.fullmatch(r"[0-9]{3,4}", digits) else None
    asked = f" Read as a decimal number; 0x{digits} is {other.name or other.meaning}." if other else ""
    return f"Not documented: take it for a hint.{asked}"


def _each_once(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))

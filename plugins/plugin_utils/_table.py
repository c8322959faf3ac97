# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain text tables for the console. PRIVATE to the collection.

What hosts say is shown to an administrator's terminal, so control characters, which could move its cursor, and marks
that reorder text are made visible instead of being passed on.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

GAP = "  "
LEAST = 8
"""Characters that a column keeps, however narrow the terminal is."""

_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def neutral(text: object) -> str:
    """The text on one line, with nothing in it that a terminal would act upon."""
    return "".join(_visible(character) for character in " ".join(str(text).split()))


def _visible(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _REORDERING:
        return f"\\u{ord(character):04x}"
    return character


def text_width(text: str) -> int:
    """Terminal cells that the text takes: wide East Asian characters take two, combining ones none."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def render(header: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> list[list[str]]:
    """A table at most C(width) cells wide, as the lines of each row; the first is the header with its rule."""
    table = [[neutral(cell) for cell in row] for row in (header, *rows)]
    widths = fit([max(map(text_width, column)) for column in zip(*table, strict=True)], width)
    blocks = [list(_lines(row, widths)) for row in table]
    blocks[0].append(GAP.join("-" * cells for cells in widths))
    return blocks


def fit(natural: Sequence[int], width: int) -> list[int]:
    """Column widths for a total: narrow columns get what they need, wide ones share the rest evenly."""
    room = max(width - len(GAP) * (len(natural) - 1), LEAST * len(natural))
    widths = [0] * len(natural)
    left = sorted(range(len(natural)), key=lambda column: natural[column])
    while left:
        column = left.pop(0)
        widths[column] = min(natural[column], room // (len(left) + 1))
        room -= widths[column]
    return widths


def _lines(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        yield GAP.join(_pad(part, width) for part, width in zip(parts, widths, strict=True)).rstrip()


def _pad(text: str, width: int) -> str:
    return text + " " * (width - text_width(text))


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most C(width) cells, broken at spaces where there are any."""
    if text.isascii():
        return textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(joined) <= width:
            lines[-1] = joined
        else:
            lines[len(lines) - (not lines[-1]) :] = _pieces(word, width)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    pieces = [""]
    for character in word:
        if text_width(pieces[-1] + character) > width and pieces[-1]:
            pieces.append("")
        pieces[-1] += character
    return pieces

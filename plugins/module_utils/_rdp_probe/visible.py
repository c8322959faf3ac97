# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of hosts, made harmless for the terminals that they are shown on.

FOR INTERNAL COLLECTION USE ONLY. Ansible prints results as JSON in which control characters from U+0080 on stand as
they are, and those are as good as escape sequences (ECMA-48 5.3); it prints messages and differences as they are.
"""

from __future__ import annotations

import re
import typing as t

#: C0 without tabulators and ends of lines, DEL, C1, what separates or reorders text (UAX 9), lone surrogates.
_OBEYED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)


_BREAKS = re.compile("[\r\n]")


def visible(text: str) -> str:
    """Return the text with everything that a terminal would obey written as backslash, u and four digits."""
    return _OBEYED.sub(_written, text)


def one_line(text: str) -> str:
    """Return the text made visible, with its ends of lines made visible too: a name has none."""
    return _BREAKS.sub(_written, visible(text))


def _written(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def all_visible(value: t.Any) -> t.Any:
    """Return plain data with all texts in it made visible, names in mappings included."""
    if isinstance(value, str):
        return visible(value) if _OBEYED.search(value) else value
    if isinstance(value, t.Mapping):
        return {all_visible(key): all_visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_visible(item) for item in value]
    return value

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from hypothesis import given
from hypothesis import strategies as st


def read_literal(text: str) -> tuple[str, str]:
    """Read a WQL string as WMI's lexer does: return its value and what follows it."""
    assert text[0] == "'"
    value, position = [], 1
    while text[position] != "'":
        position += text[position] == "\\"
        value.append(text[position])
        position += 1
    return "".join(value), text[position + 1 :]


@given(st.text())
def test_a_string_comes_back_and_nothing_gets_out_of_it(value: str) -> None:
    assert read_literal(wql.literal(value) + " rest") == (value, " rest")


def like(pattern: str, value: str) -> bool:
    """Match as WQL's LIKE does: % any text, _ any character, [x] the character x."""
    tokens = re.findall(r"\[(.)\]|(%)|(_)|(.)", pattern, re.DOTALL)
    expression = "".join(
        ".*" if percent else "." if underscore else re.escape(bracketed or plain)
        for bracketed, percent, underscore, plain in tokens
    )
    return re.fullmatch(expression, value, re.DOTALL) is not None


@given(st.text("ab%_[]\\'-"), st.text("ab%_[]\\'-"))
def test_a_prefix_is_taken_literally(prefix: str, other: str) -> None:
    condition = wql.starts_with("InstanceID", prefix)
    pattern, rest = read_literal(condition.removeprefix("InstanceID like "))
    assert rest == ""
    assert like(pattern, prefix + other)
    assert like(pattern, other) == other.startswith(prefix)


@given(st.text("ab%_[]\\'-"), st.text("ab%_[]\\'-"))
def test_a_suffix_is_taken_literally(suffix: str, other: str) -> None:
    pattern, rest = read_literal(wql.ends_with("InstanceID", suffix).removeprefix("InstanceID like "))
    assert rest == ""
    assert like(pattern, other + suffix)
    assert like(pattern, other) == other.endswith(suffix)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        (-1, "-1"),
        (True, "TRUE"),
        (False, "FALSE"),
        ("it's", r"'it\'s'"),
        ("C:\\Windows", r"'C:\\Windows'"),
        (datetime(2024, 1, 31, 10, 15, tzinfo=timezone.utc), "'20240131101500.000000+000'"),
        (datetime(2024, 1, 31, 10, 15, 0, 7, timezone(timedelta(hours=1))), "'20240131091500.000007+000'"),
    ],
)
def test_literals(value: wql.Literal, expected: str) -> None:
    assert wql.literal(value) == expected


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        wql.literal(datetime(2024, 1, 31))  # the very thing that is refused


def test_conditions() -> None:
    one, two = wql.compare("A", 1), wql.any_of("B", ["x", "y"])
    assert wql.all_of(one, two) == "A=1 and (B='x' or B='y')"
    assert wql.all_of(one, "") == "A=1"
    assert wql.any_of("A", [1]) == "A=1"
    with pytest.raises(ValueError, match="No values"):
        wql.any_of("A", [])


def test_queries() -> None:
    assert wql.select("Win32_Service") == "select * from Win32_Service"
    assert wql.select("A", "B=1", ("C", "D")) == "select C,D from A where B=1"


@pytest.mark.parametrize("name", ["", "a b", "a;b", "1a", "a-b", "ä"])
def test_what_is_no_name_is_refused(name: str) -> None:
    for attempt in (lambda: wql.compare(name, 1), lambda: wql.select(name), lambda: wql.select("A", "", (name,))):
        with pytest.raises(ValueError, match="no WQL name"):
            attempt()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables: widths, wrapping and what a terminal must not be sent."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._table import fit, neutral, render, text_width, wrap
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\nlines", "two lines"),
        ("\x1b[31mred", r"\u001b[31mred"),
        ("a\u202eb", r"a\u202eb"),
        ("bell\x07", r"bell\u0007"),
        ("csi\x9b", r"csi\u009b"),
        ("Größe 設定", "Größe 設定"),
    ],
)
def test_neutral(text, shown):
    assert neutral(text) == shown


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("設定", 4), ("e\u0301", 1), ("", 0)])
def test_text_width(text, cells):
    assert text_width(text) == cells


def test_narrow_columns_keep_what_they_need_and_wide_ones_share():
    assert fit([4, 100, 100], 64) == [4, 28, 28]


def test_a_table_that_fits_is_not_stretched():
    assert fit([4, 10], 80) == [4, 10]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("abcdefghijkl", ["abcdefgh", "ijkl"]),
        ("", [""]),
        ("設定が必要です", ["設定が必", "要です"]),
        ("は 設定が必要です", ["は", "設定が必", "要です"]),
    ],
)
def test_wrap(text, lines):
    assert wrap(text, 8) == lines


def test_wide_characters_keep_columns_aligned():
    blocks = render(("A", "B"), [("設定", "x"), ("ab", "y")], 40)
    assert [text_width(block[0].rpartition(block[0][-1])[0]) for block in blocks] == [6, 6, 6]


@given(st.lists(st.text(max_size=60), min_size=3, max_size=3), st.integers(40, 200))
def test_no_line_is_too_wide_and_nothing_is_lost(cells, width):
    (header, row) = render(("a", "b", "c"), [cells], width)
    assert all(text_width(line) <= width for line in header + row)
    shown = "".join("".join(row).split())
    assert sorted(shown) == sorted("".join("".join(map(neutral, cells)).split()))

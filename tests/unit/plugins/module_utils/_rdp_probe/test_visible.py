# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import unicodedata

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.visible import all_visible, one_line, visible
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\u001b[2J"),
        ("\x9b2J", "\\u009b2J"),
        ("a\rb", "a\\u000db"),
        ("a\r\nb\tc\n", "a\r\nb\tc\n"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\ud800", "\\ud800"),
        ("Grüße, 世界 😀", "Grüße, 世界 😀"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_else_is_left_and_a_second_time_changes_nothing(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(left) not in ("Cc", "Cs") or left in "\t\n\r" for left in shown)
    assert visible(shown) == shown


def test_names_are_made_visible_too() -> None:
    data = {"a\x9b": ["b\x9b", ("c", None, True, 1.5)]}
    assert all_visible(data) == {"a\\u009b": ["b\\u009b", ["c", None, True, 1.5]]}


def test_a_name_has_no_ends_of_lines() -> None:
    assert one_line("a\r\nok: [x]\n\x9b") == "a\\u000d\\u000aok: [x]\\u000a\\u009b"

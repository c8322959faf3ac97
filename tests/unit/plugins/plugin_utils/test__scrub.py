# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No form of a secret survives, and words that are no secret do."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._scrub import password_in, scrub
from ansible_collections.winfleet.rdp.tests.support.secrets import forms, leaks
from hypothesis import given
from hypothesis import strategies as st

SECRET = 'Pa"ss & wörd/+%'


def test_every_form_that_is_looked_for_is_taken_out() -> None:
    for name, form in forms(SECRET).items():
        if not name.startswith(("utf-16", "NT hash")):  # raw bytes are no text, and no library has the hash
            text = f"error in {form.decode()} at 7"
            assert scrub(text, [SECRET]) == "error in ******** at 7", name


@given(
    secret=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=8, max_size=30),
    around=st.text(max_size=30),
)
def test_nothing_of_any_secret_is_left(secret: str, around: str) -> None:
    left = scrub(f"{around}{secret}{around}", [secret])
    assert leaks(left.encode("utf-8", "surrogatepass"), {"secret": secret}, tokens=()) == []


def test_a_short_secret_is_taken_out_where_it_stands_alone() -> None:
    assert scrub("the rdp port of ab, labels", ["ab"]) == "the rdp port of ********, labels"


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("http://user:p%40ss@proxy:8080", "p@ss"),
        ("http://proxy:8080", ""),
        ("http://[::1", ""),
        ("None", ""),
    ],
)
def test_the_password_of_a_proxy(url: str, password: str) -> None:
    assert password_in(url) == password

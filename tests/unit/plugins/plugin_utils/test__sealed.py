# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sealed data: what was altered is found and named."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._sealed import Tampered, seal, unseal
from hypothesis import example, given
from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers() | st.text()
datas = st.dictionaries(st.text(), scalars | st.lists(scalars) | st.dictionaries(st.text(), scalars))
SAMPLE: dict[str, t.Any] = {"run": "run-1", "number": 1, "change": {"item": "here", "before": None, "after": [1, 2]}}


@given(datas)
@example({".": False, "": {"": None}})
@example({"a.b": 1, "a": {"b": None}})
def test_what_is_sealed_comes_back(data: dict[str, t.Any]) -> None:
    assert unseal(seal(data)) == data


@given(datas, st.data())
def test_no_character_can_be_changed_unnoticed(data: dict[str, t.Any], draw: st.DataObject) -> None:
    text = seal(data)
    position = draw.draw(st.integers(0, len(text) - 1))
    other = draw.draw(st.characters().filter(lambda character: character != text[position]))
    with pytest.raises(Tampered):
        unseal(text[:position] + other + text[position + 1 :])


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Tampered):
        unseal(text)


@pytest.mark.parametrize(
    ("altered", "named"),
    [
        ({**SAMPLE, "run": "run-2"}, "run is"),
        ({**SAMPLE, "number": 2}, "number is"),
        ({**SAMPLE, "change": {**SAMPLE["change"], "item": "there"}}, "change.item is"),
        ({**SAMPLE, "change": {**SAMPLE["change"], "before": 1, "after": [2, 1]}}, "change.after, change.before are"),
        ({**SAMPLE, "more": 1}, "6 fields instead of 5"),
    ],
)
def test_what_differs_is_named(altered: dict[str, t.Any], named: str) -> None:
    body = json.dumps(altered, sort_keys=True, separators=(",", ":"))
    text = seal(SAMPLE)
    with pytest.raises(Tampered, match=named):
        unseal(text[: text.index("{")] + body)

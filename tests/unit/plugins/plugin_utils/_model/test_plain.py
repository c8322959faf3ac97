# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain data and back."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import NotPlain, from_plain, to_plain
from hypothesis import given

from tests.support.observations import observations


@dataclass(frozen=True)
class Leaf:
    number: int
    word: t.Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    named: Mapping[str, Leaf] = field(default_factory=dict)
    maybe: float | None = None


@given(observations())
def test_an_observation_survives_json(observation: Observation) -> None:
    assert from_plain(Observation, json.loads(json.dumps(to_plain(observation)))) == observation


def test_nested_data_is_built() -> None:
    tree = Tree((Leaf(1), Leaf(2, "b")), {"x": Leaf(3)}, 1.5)
    assert from_plain(Tree, to_plain(tree)) == tree


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "expected a mapping"),
        ({}, "leaves"),
        ({"leaves": [], "more": 1}, "unknown field more"),
        ({"leaves": "abc"}, "expected a list"),
        ({"leaves": [{"number": "1"}]}, "expected int, got str"),
        ({"leaves": [{"number": True}]}, "expected int, got bool"),
        ({"leaves": [{"number": 1, "word": "c"}]}, "is not one of"),
        ({"leaves": [], "named": []}, "expected a mapping"),
        ({"leaves": [], "maybe": "1"}, "fits none"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(data: object, said: str) -> None:
    with pytest.raises(NotPlain, match=said):
        from_plain(Tree, data)


def test_what_has_no_plain_form_is_refused() -> None:
    with pytest.raises(NotPlain, match="bytes has no plain form"):
        to_plain(b"")

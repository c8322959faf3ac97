# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo takes for a surprise."""

from __future__ import annotations

import typing as t
from itertools import count

import pytest

from tests import demo
from tests.running import Played


class Written:
    """A fleet that every step writes to."""

    inventory = demo.PLACE / "inventory.yml"

    def __init__(self) -> None:
        self._counter = count()

    def count(self, _counter: str) -> int:
        return next(self._counter)


def test_every_step_that_only_looks_is_caught_when_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "show", lambda _number, step, _inventory: Played(step.code, ""))
    monkeypatch.setattr(demo, "verdicts", lambda _directory: {})
    monkeypatch.setattr(demo, "judge", lambda _repaired, _afterwards: ())
    surprises = list(demo.run(t.cast(t.Any, Written())))
    assert surprises == [f"step {number} wrote to a host" for number in (1, 2, 4)]

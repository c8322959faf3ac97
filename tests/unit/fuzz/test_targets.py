# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each fuzz target for a moment, always with the same examples; ``make fuzz`` goes on with others."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import TARGETS

CASES = [(name, value) for name, target in TARGETS.items() for value in target.once]


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_for_a_moment(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=target.moment,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.given)
    def for_a_moment(value: object) -> None:
        target.check(value)

    for_a_moment()


@pytest.mark.parametrize(("name", "value"), CASES, ids=[name for name, _value in CASES])
def test_what_once_was_a_bug(name: str, value: object) -> None:
    TARGETS[name].check(value)


def test_a_target_lets_nothing_else_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        type(TARGETS["sddl"])(lambda value: 1 // value, TARGETS["sddl"].given, (ValueError,)).check(0)

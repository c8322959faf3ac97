# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two causes at once: both are listed or the one in front says that it hides more, and the loop ends honestly.

A sample by seed here; C(make matrix-of-causes) tries every pair. What single causes show is in test__loop.py.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.support.matrix import PAIR_VERSION, pairs, trial

SAMPLE = 40
SEED = os.environ.get("WINFLEET_PAIRS_SEED", "1")
"""A number, or C(all)."""

ALL = pairs()
PAIRS = ALL if SEED == "all" else random.Random(int(SEED)).sample(ALL, min(SAMPLE, len(ALL)))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_pair_is_seen_cured_as_far_as_can_be_and_told(one: str, other: str) -> None:
    tried = trial((one, other), PAIR_VERSION)
    assert tried.missed == ()
    assert tried.beyond == ()
    assert tried.honest, (tried.course.verdict, tried.left)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each cause, and two at once: both are listed or the one in front says that it hides more; the loop ends honestly.

Nothing is changed but by the remedies of what was planted. A sample of pairs by seed here; C(make matrix-of-causes)
tries every pair. What single causes show on every version is in test__loop.py.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.simulator.breakages import cause_of
from tests.support.matrix import KNOWN, OTHER_WAYS, PAIR_VERSION, pairs, trial

SAMPLE = 40
SEED = os.environ.get("WINFLEET_PAIRS_SEED", "1")
"""A number, or C(all)."""

ALL = pairs()
ONCE_MISSED = [("logon_right_missing", "logon_rejected"), ("key_unreadable", "time_skew")]
"""What fell short when every pair was tried."""

PAIRS = ALL if SEED == "all" else [*random.Random(int(SEED)).sample(ALL, min(SAMPLE, len(ALL))), *ONCE_MISSED]


@pytest.mark.parametrize("breakage", [*KNOWN, *OTHER_WAYS])
def test_a_cause_alone_is_cured_by_its_own_remedies(breakage: str) -> None:
    tried = trial((breakage,), PAIR_VERSION)
    assert tried.found[0] == cause_of(breakage)
    assert (tried.missed, tried.beyond) == ((), ())
    assert tried.honest, (tried.course.verdict, tried.left)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_pair_is_seen_cured_as_far_as_can_be_and_told(one: str, other: str) -> None:
    tried = trial((one, other), PAIR_VERSION)
    assert tried.missed == ()
    assert tried.beyond == ()
    assert tried.honest, (tried.course.verdict, tried.left)

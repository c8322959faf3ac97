# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for each unit test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.planted import all_met


@pytest.fixture(autouse=True)
def _no_fault_is_planned_for_nothing() -> Iterator[None]:
    with all_met():
        yield

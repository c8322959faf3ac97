# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.unit.simulator.wsman.fake_host import Wire


@pytest.fixture
def wire() -> Wire:
    """An engine with a fresh host."""
    return Wire()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.simulator.host import SimulatedHost
from tests.unit.simulator.host.wmi import Wmi


@pytest.fixture
def host() -> SimulatedHost:
    """A healthy Server 2022 that answers queries in one piece."""
    return SimulatedHost.build(switches={"enum_shape": "complete"})


@pytest.fixture
def wmi(host: SimulatedHost) -> Wmi:
    """A client of it."""
    return Wmi(host)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that are planned have to be met."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import WsmanError

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect
from tests.support.planted import all_met


def look(simulated: SimulatedHost) -> None:
    """Ask for a service while a fault waits at that class."""
    connect(simulated).service("TermService")


def test_a_fault_that_is_never_met_is_an_error() -> None:
    simulated = SimulatedHost.build("2022")

    def pass_by() -> None:
        with all_met():
            simulated.injector.add("access_denied", {"class": "Win32_Service"})
            connect(simulated).registry.keys("HKLM\\SOFTWARE")

    with pytest.raises(AssertionError, match="never met"):
        pass_by()
    with pytest.raises(WsmanError):
        look(simulated)


def test_a_fault_at_a_class_is_met_by_a_query_of_it() -> None:
    simulated = SimulatedHost.build("2022")
    with all_met():
        simulated.injector.add("access_denied", {"class": "Win32_Service"})
        with pytest.raises(WsmanError):
            look(simulated)

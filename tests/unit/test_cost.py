# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one host may cost on the wire, from the first probe to the verdict.

``make cost`` prints the figures of every version; here each breakage is measured on one.
"""

from __future__ import annotations

import pytest

from tests.simulator.breakages import BREAKAGES
from tests.support.matrix import VERSIONS
from tests.support.meter import Amount, Cost, cost

HEALTHY = Amount(10, 20_000, 20_000)
BROKEN = Amount(60, 100_000, 100_000)
"""The budget: operations, and bytes of SOAP in both directions together."""

VERSION = "2022"

BEYOND = {
    "connection_flood": (67, 185700),
    "listener_disabled": (61, 200000),
}
"""What is not within the budget yet, with its operations and bytes, which may only fall."""

DIGITS = 1000
"""Bytes by which one figure differs between checkouts: their keys are random, and a byte is sent as 1 to 3 digits."""


def _holds(measured: Cost, budget: Amount) -> None:
    total, most = measured.meter.total, budget
    assert total.operations <= most.operations, list(measured.meter.by_kind().items())
    assert total.bytes <= most.bytes, list(measured.meter.by_kind().items())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_host_is_within_its_budget(version: str) -> None:
    measured = cost((), version)
    assert measured.verdict == "healthy"
    _holds(measured, HEALTHY)


@pytest.mark.parametrize("breakage", sorted(set(BREAKAGES) - set(BEYOND)))
def test_a_broken_host_is_within_its_budget(breakage: str) -> None:
    _holds(cost((breakage,), VERSION), BROKEN)


@pytest.mark.parametrize("breakage", sorted(BEYOND))
def test_what_is_beyond_the_budget_comes_no_further_from_it(breakage: str) -> None:
    measured, (operations, size) = cost((breakage,), VERSION), BEYOND[breakage]
    _holds(measured, Amount(operations, size + DIGITS, 0))
    total = measured.meter.total
    assert total.operations > BROKEN.operations or total.bytes > BROKEN.bytes, "within the budget now: take it out"


def test_the_meter_counts_each_message_and_names_what_it_asked_for() -> None:
    meter = cost(("rdp_denied",), VERSION).meter
    counters = meter.simulated.counters
    assert (meter.total.operations, meter.total.up) == (counters.total, counters.bytes_in)
    assert meter.total.down == counters.bytes_out
    assert {"StdRegProv.SetMultiStringValue", "Enumerate Win32_Service"} <= set(meter.by_kind())

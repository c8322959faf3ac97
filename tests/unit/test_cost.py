# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one host may cost on the wire, from the first probe to the verdict.

``make cost`` prints the figures of every version; here each breakage is measured on one.
"""

from __future__ import annotations

import json

import pytest

from tests.simulator.breakages import BREAKAGES
from tests.support.matrix import VERSIONS
from tests.support.meter import Amount, Cost, cost

HEALTHY = Amount(10, 20_000, 20_000)
BROKEN = Amount(60, 100_000, 100_000)
"""The budget: operations, and bytes of SOAP in both directions together."""

VERSION = "2022"

KEYS_VERSION = "2016"
"""Where administrators see the permissions of the listener's key, which are large answers."""

OF_KEYS = ("certificate_expired", "certificate_missing", "folder_acl", "key_missing", "key_unreadable", "store_acl")

RESULT, DIAGNOSIS = 8_000, 5_000
"""Bytes of JSON that a remediation and a diagnosis leave on the controller for each host: evidence, no dumps."""

PAIRS = {
    ("drain_mode", "logons_disabled"): (36, 89260),
    ("rdp_denied", "drain_mode"): (53, 134907),
    ("rdp_denied", "firewall_rule_disabled"): (62, 169185),
    ("rdp_denied", "firewall_wrong_profile"): (58, 155379),
    ("rdp_denied", "key_unreadable"): (85, 249677),
    ("rdp_denied", "security_layer_rdp"): (62, 157435),
    ("rdp_denied", "termservice_disabled"): (62, 166800),
    ("rdp_denied", "termservice_stopped"): (57, 152353),
    ("nla_value_invalid", "certificate_expired"): (61, 202512),
}
"""What two breakages take together, which may only fall: of every step that is added, some ten operations."""

BEYOND = {
    "connection_flood": (66, 183411),
}
"""What is not within the budget yet, with its operations and bytes, which may only fall."""

DIGITS = 1000
"""Bytes by which one figure differs between checkouts: their keys are random, and a byte is sent as 1 to 3 digits."""


def _holds(measured: Cost, budget: Amount) -> None:
    total, most = measured.meter.total, budget
    assert len(json.dumps(measured.result)) <= RESULT
    assert len(json.dumps(measured.diagnosis)) <= DIAGNOSIS
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


@pytest.mark.parametrize("breakage", OF_KEYS)
def test_a_host_whose_keys_are_broken_is_within_its_budget_where_their_permissions_are_seen(breakage: str) -> None:
    _holds(cost((breakage,), KEYS_VERSION), BROKEN)


@pytest.mark.parametrize("pair", sorted(PAIRS))
def test_two_breakages_take_no_more_than_they_did(pair: tuple[str, str]) -> None:
    measured, (operations, size) = cost(pair, VERSION), PAIRS[pair]
    assert measured.verdict == "repaired"
    _holds(measured, Amount(operations, size + DIGITS, 0))


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

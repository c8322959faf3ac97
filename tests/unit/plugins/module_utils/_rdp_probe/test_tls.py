# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts in the clear, found among the records of a failed handshake."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.tls import find_alert
from hypothesis import given
from hypothesis import strategies as st

ALERT = bytes.fromhex("15 0303 0002 02 28")


@pytest.mark.parametrize(
    ("received", "alert"),
    [
        (b"", None),
        (ALERT, 40),
        (bytes.fromhex("15 0301 0002 02 46"), 70),
        (bytes.fromhex("16 0303 0003 020000") + ALERT, 40),
        (bytes.fromhex("15 0303 0002 01 00"), None),  # a warning
        (bytes.fromhex("15 0303 0013") + bytes(19), None),  # encrypted
        (ALERT[:-1], None),
        (bytes.fromhex("16 0303 4000 02") + ALERT, None),  # inside a record that is cut off
    ],
)
def test_find_alert(received: bytes, alert: int | None) -> None:
    assert find_alert(received) == alert


@given(st.binary(max_size=200))
def test_any_bytes_hold_an_alert_or_none(received: bytes) -> None:
    alert = find_alert(received)
    assert alert is None or 0 <= alert <= 255

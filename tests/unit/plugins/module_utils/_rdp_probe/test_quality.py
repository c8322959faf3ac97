# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures from connect times."""

from __future__ import annotations

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.quality import Quality, measure, summarise


def test_some_lost() -> None:
    assert summarise([3.0, 1.0, 10.0], 4) == Quality(4, 1, 25.0, 1.0, 3.0, 10.0)


def test_all_lost() -> None:
    assert summarise([], 3) == Quality(3, 3, 100.0, None, None, None)


def test_closed_port_loses_all() -> None:
    assert measure("127.0.0.1", 1, 2, 1.0, 0.0).lost == 2

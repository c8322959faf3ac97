# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The generated pages of the documentation are up to date."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES

from scripts.reference_pages import BREAKS, PAGES, RST


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_what_make_pages_writes(name: str) -> None:
    assert (RST / f"{name}.rst").read_text(encoding="utf-8") == PAGES[name]() + "\n"


def test_the_page_of_causes_has_every_cause() -> None:
    assert {cause.stage for cause in CAUSES.values()} <= set(BREAKS)
    text = PAGES["causes"]()
    assert [name for name in CAUSES if text.count(f"``{name}``") != 1] == []


def test_the_page_of_causes_names_risks_and_benchmarks() -> None:
    text = PAGES["causes"]()
    assert text.count("(risk: ") == sum(bool(cause.cures) for cause in CAUSES.values())
    for item in ("18.10.57.3.2.1", "18.10.57.3.9.3", "9.3.4", "5.21, in older ones 5.22", "2.3.11.7", "V-254480"):
        assert item in text
    assert "``deny_value_missing``\n    - fDenyTSConnections is missing" in text

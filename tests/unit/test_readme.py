# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import VERDICTS

ROOT = Path(__file__).parents[2]


def named(heading: str) -> list[str]:
    """What is code in the first column of the table that has the heading."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_every_module_is_in_the_table_once() -> None:
    assert sorted(named("Module")) == sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def test_every_verdict_is_in_the_table_once() -> None:
    assert sorted(named("Verdict")) == sorted(VERDICTS)

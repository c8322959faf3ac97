# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide of authentication shows what the integration tests prove."""

from __future__ import annotations

from pathlib import Path

from tests.support.authentication import COLUMNS, TABLE

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "guide_authentication.rst"
WORDS = {"sealed": "message encryption", "TLS": "TLS", "refused": "refused", "not offered": "not offered"}


def test_the_table_is_the_one_that_is_tested() -> None:
    names = [f"``{connection}``, {scheme.upper()}" for connection, scheme in COLUMNS]
    rows = [["Method", *names]]
    rows += [[f"``{method}``", *(WORDS[outcome] for outcome in outcomes)] for method, outcomes in TABLE.items()]
    table = "".join("  * - " + "\n    - ".join(row) + "\n" for row in rows)
    assert table in GUIDE.read_text(encoding="utf-8")

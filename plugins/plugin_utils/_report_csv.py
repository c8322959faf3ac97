# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as comma-separated values, one row for each host. PRIVATE to the collection.

RFC 4180: every field quoted, lines end with CR LF. A byte order mark comes first, without which Excel takes the file
for one in the system's code page.
"""

from __future__ import annotations

import csv
import io
import typing as t
from collections.abc import Callable, Mapping

from ._report import Entry, Report, causes, left, proof, what_was_done, what_was_wrong
from ._table import neutral

NOTHING = "-"
"""What the console shows where there is nothing to say."""

BYTE_ORDER_MARK = "\ufeff"

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet takes for the beginning of a formula (OWASP: CSV Injection), also in full width."""


def to_csv(report: Report) -> str:
    """A header and the hosts in the report's order."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    writer.writerows([cell(column(host)) for column in COLUMNS.values()] for host in report["hosts"])
    return BYTE_ORDER_MARK + text.getvalue()


def cell(value: t.Any) -> str:
    """On one line, and with an apostrophe before what would be a formula: hosts may send anything."""
    text = neutral("" if value is None or value == NOTHING else value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _ids(findings: list[dict[str, t.Any]]) -> str:
    return " ".join(finding["id"] for finding in findings)


COLUMNS: Mapping[str, Callable[[Entry], t.Any]] = {
    "host": lambda host: host["host"],
    "verdict": lambda host: host["verdict"],
    "at": lambda host: host["at"],
    "check_mode": lambda host: "yes" if host["check"] else "no",
    "causes": lambda host: _ids(causes(host)),
    "causes_left": lambda host: _ids(left(host)),
    "what_was_wrong": what_was_wrong,
    "what_was_done": what_was_done,
    "handshake": proof,
    "needs": lambda host: " ".join(what for what in ("restart", "reboot") if host["needs"][what]),
    "leases": lambda host: "; ".join(f"{lease['setting']} {lease['standing']}" for lease in host["leases"]),
    "run_id": lambda host: host["run_id"],
}
"""The columns in order, each with what a host has there."""

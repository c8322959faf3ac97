# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as CSV: rows, and cells that a spreadsheet takes for text."""

from __future__ import annotations

import csv
import io

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import entry, merge
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report_csv import cell, to_csv
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import fleet


def rows(report):
    text = to_csv(report)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_each_host_has_a_row_in_the_words_of_the_console():
    hosts = {row["host"].partition(".")[0]: row for row in rows(fleet(69))}
    assert len(hosts) == 69
    assert hosts["db0052"] == {
        "host": "db0052.example.org",
        "verdict": "repaired",
        "at": "2026-11-22T10:00:51.000+00:00",
        "check_mode": "no",
        "causes": "firewall_rule_disabled security_layer_rdp",
        "causes_left": "",
        "what_was_wrong": "no firewall rule lets Remote Desktop in; the built-in one is disabled; the listener offers "
        "RDP security alone, which clients refuse",
        "what_was_done": "RemoteDesktop-UserMode-In-TCP enabled; SecurityLayer 0 -> 2; TermService restarted",
        "handshake": "passes (TLSv1.3), no cause left",
        "needs": "",
        "leases": "",
        "run_id": "20261122T100000Z-00000033",
    }
    assert hosts["term0063"]["needs"] == "restart"
    assert hosts["build0061"]["leases"] == "nla running"
    assert hosts["vdi0054"]["causes_left"] == "firewall_rule_disabled"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1+1", "\r=1+1", "\n=1+1", "\uff1d1", "\uff0b", "\uff0d", "\uff20"],
)
def test_no_cell_begins_a_formula(text):
    assert cell(text).startswith("'")


def test_nothing_is_an_empty_cell():
    assert (cell("-"), cell(None), cell("")) == ("", "", "")


@given(st.text())
def test_whatever_a_host_sends_is_one_cell_of_text(text):
    report = merge(None, [entry(text, {"unreachable": True, "msg": text}, "2026", False)])
    (row,) = rows(report)
    for value in (row["host"], row["what_was_wrong"]):
        assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert value.isprintable() or not set(value) & set("\r\n\t\x00\x1b")


def test_lines_end_as_rfc_4180_wants():
    assert to_csv(merge(None, [])).count("\r\n") == 1

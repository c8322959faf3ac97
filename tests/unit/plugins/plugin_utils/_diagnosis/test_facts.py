# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of causes, events and codes against what the sources say, row by row (facts.yml), in both directions."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.codes import CODES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.families import FAMILIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe.access import LICENSING_EVENTS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe.events import SOURCES

FACTS = yaml.safe_load((Path(__file__).parent / "facts.yml").read_text(encoding="utf-8"))
LISTS = {"causes": range(1, 33), "recorded": range(1, 11), "fleet": range(29, 33)}
"""The rows that each list has in its source, by number."""

ROWS = [pytest.param(row, id=f"{name} {number}: {row['row']}") for name in LISTS for number, row in FACTS[name].items()]
EVENTS = [(source, number, how) for source, events in FACTS["events"].items() for number, how in events.items()]


@pytest.mark.parametrize("name", LISTS)
def test_no_row_is_left_out(name: str) -> None:
    assert list(FACTS[name]) == list(LISTS[name])


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_causes_or_says_why_it_cannot_be_seen(row: dict[str, t.Any]) -> None:
    assert ("causes" in row) is not ("unseen" in row)
    assert set(row.get("causes", ())) <= set(CAUSES)
    assert row.get("causes") or len(row["unseen"]) > 20


@pytest.mark.parametrize("row", [row for row in ROWS if "cures" in row.values[0]])
def test_a_row_is_cured_by_what_the_sources_say_and_nothing_else(row: dict[str, t.Any]) -> None:
    assert {cure.remedy for cause in row["causes"] for cure in CAUSES[cause].cures} == set(row["cures"])
    assert row["cures"] or all(CAUSES[cause].by_hand for cause in row["causes"])


@pytest.mark.parametrize("row", [row for row in ROWS if "events" in row.values[0]])
def test_the_events_of_a_row_are_read(row: dict[str, t.Any]) -> None:
    for source, numbers in row["events"].items():
        assert set(numbers) <= set(SOURCES[source])


@pytest.mark.parametrize("row", [row for row in ROWS if "codes" in row.values[0]])
def test_the_codes_of_a_row_lead_to_one_of_its_causes(row: dict[str, t.Any]) -> None:
    for kind, numbers in row["codes"].items():
        for number in numbers:
            code = CODES[kind][number]
            assert set(FAMILIES[code.family].causes) & set(row["causes"]), (kind, hex(number), code.family)


@pytest.mark.parametrize(("source", "number", "how"), EVENTS)
def test_an_event_that_proves_something_is_read_or_says_why_not(source: str, number: int, how: str) -> None:
    assert (how == "read") is (number in SOURCES.get(source, ()))
    assert how.endswith("(licensing)") is (number in LICENSING_EVENTS)


def test_the_recorded_causes_of_the_pair_are_its_likeliest() -> None:
    """But for a limit of NT 4, and for faults of clients and tunnels, which the host cannot show."""
    first = {row["causes"][0] for number, row in FACTS["recorded"].items() if "causes" in row and number < 9}
    assert first <= set(FAMILIES["dropped"].causes[:10])


def test_no_event_is_read_that_the_sources_do_not_have() -> None:
    known = {(source, number) for source, number, _how in EVENTS}
    others = {("Microsoft-Windows-LSA", 6167)}  # the other name that LsaSrv may have
    assert {(source, number) for source, numbers in SOURCES.items() for number in numbers} - others <= known


def test_every_cause_of_the_table_comes_from_somewhere() -> None:
    rowed = {cause for row in ROWS for cause in row.values[0].get("causes", ())}
    assert rowed | set(FACTS["other"]) == set(CAUSES)
    assert not rowed & set(FACTS["other"])

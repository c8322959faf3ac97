# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.wsman import wql
from tests.simulator.wsman.schema import parse_class

SCHEMA = parse_class(
    {
        "name": "Row",
        "namespace": "root/x",
        "source": "a test",
        "properties": {
            "Name": "string key",
            "Size": "uint32",
            "Level": "sint32",
            "Ratio": "real64",
            "Good": "boolean",
            "When": "datetime",
            "Span": "datetime",
            "Tags": "string[]",
            "Owner": "ref Row",
        },
    }
)
ROW: dict[str, object] = {
    "Name": "C:\\Windows\\it's [1]",
    "Size": 10,
    "Level": -5,
    "Ratio": 0.5,
    "Good": True,
    "When": datetime(2024, 1, 31, 10, 15, tzinfo=timezone.utc),
    "Span": timedelta(minutes=5),
    "Tags": ["a"],
}


def matches(condition: str, row: dict[str, object] | None = None) -> bool:
    _columns, predicate = wql.compile_query(wql.parse(f"select * from Row where {condition}"), SCHEMA)
    return predicate(ROW if row is None else row)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Size = 10", True),
        ("size=10", True),
        ("Size <> 10", False),
        ("Size != 11", True),
        ("Size > 9 and Size < 11", True),
        ("Size >= 10", True),
        ("Size <= 9", False),
        ("Size = '10'", True),
        ("Level = -5", True),
        ("Level < +1", True),
        ("Ratio = 0.5", True),
        ("Ratio > 1", False),
        (r"Name = 'C:\\Windows\\it\'s [1]'", True),
        (r"NAME = 'c:\\windows\\IT\'S [1]'", True),
        (r'Name = "C:\\Windows\\it' + "'" + r's [1]"', True),
        ("Name = ''", False),
        ("Good = TRUE", True),
        ("Good = 'false'", False),
        ("Good = 1", True),
        ("Good <> FALSE", True),
        ("When > '20240131101459.000000+000'", True),
        ("When = '20240131111500.000000+060'", True),
        ("When < '20240131101500.000000+000'", False),
        ("When >= '2024-01-31'", True),
        ("When > '02/01/2024'", False),
        ("Span = '00000000000500.000000:000'", True),
        ("Span > '00000000000459.999999:000'", True),
        ("When = '00000000000500.000000:000'", False),
        ("Name like '%IT%'", True),
        ("Name like 'C:_Windows%'", True),
        ("Name like '%[[]1]'", True),
        ("Name like '%[0-5]]'", True),
        ("Name like '%[^0-5]]'", False),
        ("Name like 'windows'", False),
        ("Name is null", False),
        ("Name is not null", True),
        ("Name = NULL", False),
        ("Name <> NULL", True),
        ("Tags is not null", True),
        ("not Size = 10", False),
        ("not not Size = 10", True),
        ("Size = 1 or Size = 2 or Size = 10", True),
        ("Size = 10 or Size = 10 and Good = FALSE", True),
        ("(Size = 10 or Size = 10) and Good = FALSE", False),
        ("not (Size = 10 and Good = FALSE)", True),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    assert matches(condition) is expected


@pytest.mark.parametrize(
    "condition", ["Size = 0", "Size <> 0", "Size < 1", "Name like '%'", "Good <> TRUE", "When > '2024-01-01'"]
)
def test_a_null_property_compares_with_nothing(condition: str) -> None:
    assert not matches(condition, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "select",
        "select from Row",
        "select * Row",
        "select *, Name from Row",
        "select Name, from Row",
        "select Name Size from Row",
        "select * from Row Name = 'x'",
        "select * from Row where",
        "select * from Row where Size",
        "select * from Row where Size = ",
        "select * from Row where Size == 10",
        "select * from Row where 10 = Size",
        "select * from Row where Size = 10x",
        "select * from Row where (Size = 10",
        "select * from Row where Size = 10)",
        "select * from Row where Name = 'C:\\Windows'",
        "select * from Row where Name = 'it's'",
        "select * from Row where Name = unquoted",
        "select * from Row where Name like 5",
        "select * from Row where Name is 5",
        "select * from Row; delete",
        "select * from Row order by Name",
        "select * from Row where Size = 10 limit 5",
        "associators of {Row.Name='x'}",
    ],
)
def test_what_is_no_query(text: str) -> None:
    with pytest.raises(wql.QueryError):
        wql.parse(text)


@pytest.mark.parametrize(
    "condition",
    [
        "Nothing = 1",
        "Size = 'ten'",
        "Size = TRUE",
        "Name = 5",
        "Good = 2",
        "Good < TRUE",
        "Good = 'maybe'",
        "When = 'yesterday'",
        "When = '20241331101500.000000+000'",
        "When > 5",
        "Tags = 'a'",
        "Owner = 'x'",
        "Size like '1%'",
        "Name isa 'Row'",
        "Size < NULL",
    ],
)
def test_what_does_not_fit_the_class(condition: str) -> None:
    with pytest.raises(wql.QueryError):
        matches(condition)


def test_columns_are_spelled_as_in_the_class() -> None:
    query = wql.parse("SELECT size , NAME FROM Row")
    assert wql.compile_query(query, SCHEMA)[0] == ("Size", "Name")
    with pytest.raises(wql.QueryError):
        wql.compile_query(wql.parse("select Colour from Row"), SCHEMA)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@given(st.text(max_size=30))
def test_a_doubled_backslash_and_an_escaped_quote_carry_any_text(text: str) -> None:
    row: dict[str, object] = {"Name": text}
    assert matches(f"Name = {quoted(text)}", row)
    assert not matches(f"Name = {quoted(text + 'x')}", row)


@given(st.text("ab%_", max_size=8), st.text("ab", max_size=8))
def test_like_is_a_glob(pattern: str, text: str) -> None:
    assert wql.like(pattern, text) is fnmatchcase(text, pattern.replace("%", "*").replace("_", "?"))


@given(st.integers(0, 50), st.integers(0, 50), st.sampled_from(["=", "<>", "<", ">", "<=", ">="]))
def test_numbers_compare_as_in_python(size: int, limit: int, sign: str) -> None:
    python = {"=": "==", "<>": "!="}.get(sign, sign)
    assert matches(f"Size {sign} {limit}", {"Size": size}) is eval(f"{size} {python} {limit}")


@given(
    st.recursive(
        st.sampled_from(["Size = 10", "Size = 11", "Name is null"]),
        lambda inner: st.one_of(
            inner.map(lambda text: f"not ({text})"),
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
            ),
        ),
        max_leaves=8,
    )
)
def test_conditions_combine_as_in_python(condition: str) -> None:
    python = condition.replace("Size = 10", "True").replace("Size = 11", "False").replace("Name is null", "False")
    assert matches(condition) is eval(python)

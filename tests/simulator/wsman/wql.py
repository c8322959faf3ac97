# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WQL SELECT queries (MS-WMI 2.2.1), parsed strictly and evaluated by the class schema.

Grammar::

    query      = SELECT ( "*" | name { "," name } ) FROM name [ WHERE condition ]
    condition  = term { OR term }          term = factor { AND factor }
    factor     = NOT factor | "(" condition ")" | comparison
    comparison = name ( "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | LIKE | ISA ) literal | name IS [ NOT ] NULL

A literal is a string in single or double quotes (backslash escapes a backslash or a quote, and nothing else), an
integer, a real number, TRUE, FALSE or NULL. A comparison with a null property is false.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.simulator.wsman.schema import INTEGER_RANGES, ClassSchema, TypeRef

Constant = str | int | float | bool | None
Predicate = Callable[[Mapping[str, object]], bool]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_ORDERED = frozenset({"<", ">", "<=", ">="})
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>[+-]?(?:\d+\.\d*|\.\d+|\d+)(?![A-Za-z_0-9.]))
  | (?P<string>'(?:[^'\\]|\\['"\\])*'|"(?:[^"\\]|\\['"\\])*")
  | (?P<symbol><>|!=|<=|>=|[=<>(),*])
  )""",
    re.VERBOSE,
)
_DMTF_TIME = re.compile(
    r"(?P<stamp>\d{14})\.(?P<micro>\d{6})(?P<offset>[+-]\d{3})|(?P<date>\d{4}-\d\d-\d\d.*|\d\d/\d\d/\d{4}.*)", re.ASCII
)
_DMTF_INTERVAL = re.compile(
    r"(?P<days>\d{8})(?P<hours>\d\d)(?P<minutes>\d\d)(?P<seconds>\d\d)\.(?P<micro>\d{6}):000", re.ASCII
)


class QueryError(Exception):
    """WBEM_E_INVALID_QUERY: no WQL, an unknown property, or a literal that does not fit it."""


@dataclass(frozen=True)
class Comparison:
    """One test on one property; `operation` is a sign, LIKE, ISA or IS."""

    name: str
    operation: str
    literal: Constant
    negated: bool = False


@dataclass(frozen=True)
class Not:
    """The opposite."""

    condition: Condition


@dataclass(frozen=True)
class Both:
    """AND."""

    left: Condition
    right: Condition


@dataclass(frozen=True)
class Either:
    """OR."""

    left: Condition
    right: Condition


Condition = Comparison | Not | Both | Either


@dataclass(frozen=True)
class Query:
    """A parsed query; `columns` is empty for ``*``."""

    class_name: str
    columns: tuple[str, ...] = ()
    condition: Condition | None = None


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def parse(text: str) -> Query:
    """Parse a query. Raises `QueryError`."""
    return _Parser(list(_tokens(text))).query()


def compile_query(query: Query, schema: ClassSchema) -> tuple[tuple[str, ...], Predicate]:
    """The columns as the schema spells them, and a test of an instance's values. Raises `QueryError`."""
    columns = tuple(_property(schema, name).name for name in query.columns)
    return columns, _always if query.condition is None else _compile(query.condition, schema)


def like(pattern: str, text: str) -> bool:
    """Match ``%`` (any text), ``_`` (one character), ``[a-z]`` and ``[^a-z]``, without regard to case."""
    return _like_expression(pattern).fullmatch(text) is not None


def _tokens(text: str) -> Iterator[_Token]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise QueryError(f"unexpected character in {text[position:]!r}")
        yield _Token(match.lastgroup, match.group(match.lastgroup))
        position = match.end()
    yield _Token("end", "")


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    def query(self) -> Query:
        self._expect("SELECT")
        columns = self._columns()
        self._expect("FROM")
        class_name = self._take("name")
        condition = self._condition() if self._accept("WHERE") else None
        self._take("end")
        return Query(class_name, columns, condition)

    def _columns(self) -> tuple[str, ...]:
        if self._accept("*"):
            return ()
        columns = [self._take("name")]
        while self._accept(","):
            columns.append(self._take("name"))
        return tuple(columns)

    def _condition(self) -> Condition:
        left = self._term()
        while self._accept("OR"):
            left = Either(left, self._term())
        return left

    def _term(self) -> Condition:
        left = self._factor()
        while self._accept("AND"):
            left = Both(left, self._factor())
        return left

    def _factor(self) -> Condition:
        if self._accept("NOT"):
            return Not(self._factor())
        if self._accept("("):
            inside = self._condition()
            self._expect(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Comparison:
        name = self._take("name")
        if self._accept("IS"):
            negated = self._accept("NOT")
            self._expect("NULL")
            return Comparison(name, "IS", None, negated)
        for word in ("LIKE", "ISA"):
            if self._accept(word):
                return Comparison(name, word, _unquote(self._take("string")))
        sign = self._take("symbol")
        if sign not in _COMPARE:
            raise QueryError(f"{sign!r} is no comparison")
        return Comparison(name, sign, self._literal())

    def _literal(self) -> Constant:
        token = self._next()
        if token.kind == "string":
            return _unquote(token.text)
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        words: dict[str, Constant] = {"TRUE": True, "FALSE": False, "NULL": None}
        if token.kind == "name" and token.text.upper() in words:
            return words[token.text.upper()]
        raise QueryError(f"{token.text!r} is no literal")

    def _next(self) -> _Token:
        token = self._tokens[self._position]
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def _take(self, kind: str) -> str:
        token = self._next()
        if token.kind != kind:
            raise QueryError(f"{token.text!r} stands where a {kind} is expected")
        return token.text

    def _accept(self, word: str) -> bool:
        token = self._tokens[self._position]
        if token.kind not in ("name", "symbol") or token.text.upper() != word:
            return False
        self._position += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise QueryError(f"{word} is expected")


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _always(values: Mapping[str, object]) -> bool:
    del values
    return True


def _compile(condition: Condition, schema: ClassSchema) -> Predicate:
    if isinstance(condition, Comparison):
        return _compile_comparison(condition, schema)
    if isinstance(condition, Not):
        inner = _compile(condition.condition, schema)
        return lambda values: not inner(values)
    left, right = _compile(condition.left, schema), _compile(condition.right, schema)
    if isinstance(condition, Both):
        return lambda values: left(values) and right(values)
    return lambda values: left(values) or right(values)


def _compile_comparison(test: Comparison, schema: ClassSchema) -> Predicate:
    column = _property(schema, test.name)
    if test.operation == "IS" or test.literal is None:
        return _compile_null(column.name, test)
    if column.type.array or column.type.name in ("instance", "reference") or test.operation == "ISA":
        raise QueryError(f"{column.name} cannot be compared")
    if test.operation == "LIKE":
        return _compile_like(column.name, column.type, str(test.literal))
    wanted = _coerce(column.type, test.literal)
    if isinstance(wanted, bool) and test.operation in _ORDERED:
        raise QueryError(f"{column.name} has no order")
    compare = _COMPARE[test.operation]
    name = column.name

    def predicate(values: Mapping[str, object]) -> bool:
        value = _comparable(values.get(name))
        return value is not None and _same_kind(value, wanted) and compare(value, wanted)

    return predicate


def _compile_null(name: str, test: Comparison) -> Predicate:
    if test.operation not in ("IS", "=", "<>", "!="):
        raise QueryError("NULL has no order")
    negated = test.negated or test.operation in ("<>", "!=")
    return lambda values: (values.get(name) is None) != negated


def _compile_like(name: str, kind: TypeRef, pattern: str) -> Predicate:
    if kind.name != "string":
        raise QueryError(f"{name} is no string")
    expression = _like_expression(pattern)
    return lambda values: isinstance(text := values.get(name), str) and expression.fullmatch(text) is not None


def _like_expression(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    for match in re.finditer(r"\[(\^?)([^\]]+)\]|(.)", pattern, re.DOTALL):
        negation, members, character = match.groups()
        if character is None:
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", members)
            parts.append(f"[{negation}{inside}]")
        else:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
    try:
        return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise QueryError(f"{pattern!r} is no pattern") from error


def _property(schema: ClassSchema, name: str) -> _Column:
    for prop in schema.properties.values():
        if prop.name.lower() == name.lower():
            return _Column(prop.name, prop.type)
    raise QueryError(f"{schema.name} has no property {name}")


@dataclass(frozen=True)
class _Column:
    name: str
    type: TypeRef


def _coerce(kind: TypeRef, literal: Constant) -> object:
    """The literal as a value that compares with the property's. Raises `QueryError`."""
    if kind.name == "boolean":
        return _to_boolean(literal)
    if kind.name in ("string", "char16") and isinstance(literal, str):
        return literal.casefold()
    if kind.name == "datetime" and isinstance(literal, str):
        return _to_time(literal)
    if kind.name in INTEGER_RANGES or kind.name in ("real32", "real64"):
        return _to_number(literal)
    raise QueryError(f"{literal!r} is no {kind.name}")


def _to_boolean(literal: Constant) -> bool:
    words: dict[object, bool] = {"true": True, "false": False, 1: True, 0: False}
    key = literal.casefold() if isinstance(literal, str) else literal
    if key not in words:
        raise QueryError(f"{literal!r} is no boolean")
    return words[key]


def _to_number(literal: Constant) -> float:
    """A number; WMI also takes one in quotes."""
    if isinstance(literal, (bool, type(None))):
        raise QueryError(f"{literal!r} is no number")
    try:
        return int(literal) if not isinstance(literal, float) else literal
    except ValueError as error:
        raise QueryError(f"{literal!r} is no number") from error


def _to_time(literal: str) -> datetime | timedelta:
    """A DMTF date and time, a DMTF interval, or a date as WMI takes it."""
    interval = _DMTF_INTERVAL.fullmatch(literal)
    if interval is not None:
        parts = {name: int(value) for name, value in interval.groupdict().items()}
        return timedelta(parts["days"], parts["seconds"], parts["micro"], 0, parts["minutes"], parts["hours"])
    match = _DMTF_TIME.fullmatch(literal)
    if match is None:
        raise QueryError(f"{literal!r} is no date and time")
    try:
        return _moment(match)
    except ValueError as error:
        raise QueryError(f"{literal!r} is no date and time") from error


def _moment(match: re.Match[str]) -> datetime:
    if match["stamp"]:
        zone = timezone(timedelta(minutes=int(match["offset"])))
        moment = datetime.strptime(match["stamp"], "%Y%m%d%H%M%S").replace(tzinfo=zone)
        return moment.replace(microsecond=int(match["micro"]))
    text = match["date"]
    if "/" in text:
        return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=timezone.utc)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _same_kind(value: object, wanted: object) -> bool:
    """A point in time does not compare with an interval."""
    return isinstance(value, timedelta) == isinstance(wanted, timedelta)


def _comparable(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value

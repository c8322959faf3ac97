# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frozen dataclasses to plain JSON data and back. PRIVATE to the collection.

Observations are saved and analysed later without a connection, and journal entries are read back from a host that
somebody may have touched, so reading back is strict: an unknown or missing field is an error, never a guess.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing as t


class NotPlain(ValueError):
    """Data that does not have the shape of the class it claims to be."""


Plain: t.TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def to_plain(value: object) -> t.Any:
    """Reduce dataclasses, tuples and mappings to what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, t.Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NotPlain(f"{type(value).__name__} has no plain form")


T = t.TypeVar("T")


def from_plain(cls: type[T], data: object) -> T:
    """Build C(cls), a dataclass, from plain data.

    Raises:
        NotPlain: the data does not fit the fields of the class.
    """
    return t.cast(T, _dataclass(cls, data, cls.__name__))


def _dataclass(cls: type, data: object, where: str) -> object:
    if not isinstance(data, t.Mapping):
        raise NotPlain(f"{where}: expected a mapping, got {type(data).__name__}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(str(key) for key in set(data) - set(fields))
    if unknown:
        raise NotPlain(f"{where}: unknown field {', '.join(unknown)}")
    hints = t.get_type_hints(cls)
    values = {name: _build(hints[name], data[name], f"{where}.{name}") for name in fields if name in data}
    try:
        return cls(**values)
    except TypeError as error:
        raise NotPlain(f"{where}: {error}") from error


def _build(hint: t.Any, data: object, where: str) -> object:
    origin, arguments = t.get_origin(hint), t.get_args(hint)
    if hint is t.Any or (origin in (list, dict) and isinstance(data, origin)):
        return data
    if origin in _BUILDERS:
        return _BUILDERS[origin](arguments, data, where)
    if dataclasses.is_dataclass(hint):
        return _dataclass(t.cast(type, hint), data, where)
    return _scalar(hint, data, where)


def _union(choices: tuple[t.Any, ...], data: object, where: str) -> object:
    failure: NotPlain | None = None
    for choice in choices:
        try:
            return _build(choice, data, where)
        except NotPlain as error:
            failure = error
    raise NotPlain(f"{where}: fits none of its types") from failure


def _member(choices: tuple[t.Any, ...], data: object, where: str) -> object:
    if data not in choices:
        raise NotPlain(f"{where}: {data!r} is not one of {', '.join(map(repr, choices))}")
    return data


def _tuple(arguments: tuple[t.Any, ...], data: object, where: str) -> object:
    if not isinstance(data, (list, tuple)):
        raise NotPlain(f"{where}: expected a list, got {type(data).__name__}")
    return tuple(_build(arguments[0], item, where) for item in data)


def _mapping(arguments: tuple[t.Any, ...], data: object, where: str) -> object:
    if not isinstance(data, t.Mapping):
        raise NotPlain(f"{where}: expected a mapping, got {type(data).__name__}")
    return {str(key): _build(arguments[1], item, f"{where}.{key}") for key, item in data.items()}


_BUILDERS: t.Mapping[t.Any, t.Callable[[tuple[t.Any, ...], object, str], object]] = types.MappingProxyType(
    {
        t.Union: _union,
        types.UnionType: _union,
        t.Literal: _member,
        tuple: _tuple,
        collections.abc.Mapping: _mapping,
    }
)


def _scalar(hint: t.Any, data: object, where: str) -> object:
    if hint is types.NoneType and data is None:
        return None
    simple = isinstance(hint, type) and t.get_origin(hint) is None
    if simple and isinstance(data, hint) and not (hint is int and isinstance(data, bool)):
        return data
    raise NotPlain(f"{where}: expected {getattr(hint, '__name__', hint)}, got {type(data).__name__}")

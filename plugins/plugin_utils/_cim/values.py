# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CIM values in Python and on the wire, both ways, by the types of the class's table.

PRIVATE to the collection. Source: DSP0230 (WS-CIM mapping), MS-WSMV 3.1.4.1.26, recordings of Windows.

=================  ==========================================================================================
CIM                Python
=================  ==========================================================================================
null               None
integers           int
boolean, string    bool, str
datetime           datetime (always aware; a host's value without zone is UTC) or timedelta (interval)
uint8[]            bytes
other arrays       tuple; Windows leaves null and empty arrays out, so both read as the empty tuple (or b"")
embedded instance  Instance
reference          EndpointReference
=================  ==========================================================================================
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import schema
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import CimClass, CimType, Kind, Typed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import (
    EndpointReference,
    read_reference,
    reference_content,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import Markup, element, escape, join, local

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element


@dataclass(frozen=True)
class Instance:
    """One object of a class: its known properties, and the reference to it where that was asked for.

    ``class_name`` is the object's own class, which may be a subclass of the one that was enumerated. ``whole`` is all
    of it as it came, beside its reference alone, for it to be changed.
    """

    class_name: str
    values: Mapping[str, Value]
    epr: EndpointReference | None = None
    whole: Element | None = field(default=None, compare=False, repr=False)

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def get(self, name: str, default: Value = None) -> Value:
        """Return a property; the default when the host left it out."""
        return self.values.get(name, default)

    def text(self, name: str) -> str:
        """Return a string property, empty for null."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """Return an integer property, None for null."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a string array property."""
        value = self.values.get(name)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, tuple) else ()


Scalar = bool | int | float | str | bytes | datetime | timedelta | Instance | EndpointReference | None
Value = Scalar | tuple[Scalar, ...]
Sendable = Scalar | Sequence[Scalar]

# --- from the wire ---------------------------------------------------------------------------------------------------


def read_instance(
    node: Element, declared: CimClass, *, selected: Iterable[str] = (), epr: EndpointReference | None = None
) -> Instance:
    """Return the object in an element: an instance, or a fragment with the ``selected`` properties alone.

    Derived classes come under their own element name, so that name's table is taken where there is one. Raise
    BadAnswer when a value does not fit its type.
    """
    if local(node) == "XmlFragment":
        wanted = set(selected)
        types: Typed = {name: kind for name, kind in declared.properties.items() if name in wanted}
        return Instance(declared.name, read_properties(node, types), epr)
    actual = schema.known(local(node)) or declared
    return Instance(local(node), read_properties(node, actual.properties), epr, node if epr else None)


def read_properties(parent: Element, types: Typed) -> dict[str, Value]:
    """Return the children of ``parent`` that have a type; arrays that are left out read as empty."""
    found: dict[str, list[Element]] = {}
    for node in parent:
        found.setdefault(local(node), []).append(node)
    values: dict[str, Value] = {}
    for name, kind in types.items():
        nodes = found.get(name, [])
        if kind.array:
            values[name] = _read_array(nodes, kind)
        elif nodes:
            values[name] = _read_scalar(nodes[0], kind)
    return values


def _read_array(nodes: Sequence[Element], kind: CimType) -> Value:
    if kind.kind is Kind.UINT8:
        return _read_bytes(nodes, kind)
    return tuple(_read_scalar(node, kind) for node in nodes if not xml.is_nil(node))


def _read_bytes(nodes: Sequence[Element], kind: CimType) -> bytes:
    """Read an element for each byte; as Windows writes them by a table, since a certificate has a thousand."""
    found = [_BYTES.get(node.text or "") for node in nodes]
    plain = [byte for byte in found if byte is not None]
    if len(plain) == len(found):
        return bytes(plain)
    items = [_read_scalar(node, kind) for node in nodes if not xml.is_nil(node)]
    try:
        return bytes(item for item in items if isinstance(item, int))
    except ValueError as error:
        raise BadAnswer("An element of a uint8 array is no byte") from error


def _read_scalar(node: Element, kind: CimType) -> Scalar:
    if xml.is_nil(node):
        return None
    try:
        return _READERS[kind.kind](node, kind)
    except (ValueError, OverflowError) as error:
        raise BadAnswer(f"The value of {local(node)} is no {kind.kind.value}: {xml.text(node)[:80]!r}") from error


def _read_boolean(node: Element, _kind: CimType) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[xml.text(node).lower()]


def _read_integer(node: Element, kind: CimType) -> int:
    """Read a number of as many bits as its type has; one with the other signedness, if no byte, is turned into its own.

    int() alone would read much more than numbers of CIM, and numbers that no later step expects.
    """
    text = xml.text(node)
    number = int(text) if _INTEGER.fullmatch(text) else None
    low, high = _RANGES[kind.kind]
    size = high - low + 1
    least = 0 if kind.kind is Kind.UINT8 else -size // 2
    if number is None or not least <= number < size:
        raise ValueError(text[:80])
    return (number - low) % size + low


def _read_real(node: Element, _kind: CimType) -> float:
    return float(xml.text(node))


def _read_string(node: Element, _kind: CimType) -> str:
    return node.text or ""


def _read_embedded(node: Element, kind: CimType) -> Instance:
    """Read an embedded instance; xsi:type names its class as ``prefix:Class_Type``."""
    named = node.get(f"{{{xml.XSI}}}type", "").rpartition(":")[2].removesuffix("_Type")
    table = schema.known(named) or schema.known(kind.class_name)
    if table is None:
        raise BadAnswer(f"The embedded object {local(node)} is of the unknown class {named or kind.class_name!r}")
    return Instance(table.name, read_properties(node, table.properties))


def _read_referenced(node: Element, _kind: CimType) -> EndpointReference:
    nested = xml.child(node, "EndpointReference")
    return read_reference(node if nested is None else nested)


_BYTES = {str(byte): byte for byte in range(256)}
_INTEGER = re.compile("[+-]?[0-9]{1,20}")
_DATETIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?")
_DURATION = re.compile(r"(-)?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?")
_DMTF = re.compile(r"(\d{14})\.(\d{6})([+-]\d{3})")


def _read_datetime(node: Element, _kind: CimType) -> datetime | timedelta:
    """Read ``cim:Datetime``, ``cim:Interval``, ``cim:Date`` or ``cim:CIM_DateTime`` below the property (DSP0230)."""
    inner = next(iter(node), node)
    text = xml.text(inner)
    if text.startswith(("P", "-P")):
        return _read_duration(text)
    if _DMTF.fullmatch(text):
        return _in_utc(_read_dmtf(text))
    match = _DATETIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, clock, fraction, zone = match.groups()
    micro = (fraction or "").ljust(6, "0")[:6]
    offset = "+00:00" if zone in (None, "Z") else zone
    return _in_utc(datetime.fromisoformat(f"{day}T{clock or '00:00:00'}.{micro}{offset}"))


def _in_utc(time: datetime) -> datetime:
    """Return the time as it is; raise ValueError for one that in UTC is before the year 1 or after 9999."""
    try:
        time.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError(time.isoformat()) from error
    return time


def _read_duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    sign, days, hours, minutes, seconds, fraction = match.groups()
    micro = int((fraction or "").ljust(6, "0")[:6])
    length = timedelta(int(days or 0), int(seconds or 0), micro, minutes=int(minutes or 0), hours=int(hours or 0))
    return -length if sign else length


def _read_dmtf(text: str) -> datetime:
    """Read ``yyyymmddHHMMSS.mmmmmm±UUU`` where UUU are minutes (DSP0004 5.2.4)."""
    zone = timezone(timedelta(minutes=int(text[21:])))
    day, clock = (text[:4], text[4:6], text[6:8]), (text[8:10], text[10:12], text[12:21])
    return datetime.fromisoformat(f"{'-'.join(day)}T{':'.join(clock)}").replace(tzinfo=zone)


def _checked(reader: Callable[[Element, CimType], Scalar]) -> Callable[[Element, CimType], Scalar]:
    """Return a reader whose table misses are ValueErrors, like those of the other readers."""

    def read(node: Element, kind: CimType) -> Scalar:
        try:
            return reader(node, kind)
        except KeyError as error:
            raise ValueError(str(error)) from error

    return read


_INTEGERS = (
    Kind.SINT8, Kind.SINT16, Kind.SINT32, Kind.SINT64, Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64,
)  # fmt: skip
_READERS: Mapping[Kind, Callable[[Element, CimType], Scalar]] = {
    **dict.fromkeys(_INTEGERS, _read_integer),
    Kind.BOOLEAN: _checked(_read_boolean),
    Kind.REAL: _read_real,
    Kind.STRING: _read_string,
    Kind.DATETIME: _read_datetime,
    Kind.REFERENCE: _read_referenced,
    Kind.INSTANCE: _read_embedded,
}

# --- to the wire -----------------------------------------------------------------------------------------------------


def write_properties(values: Mapping[str, Sendable], types: Typed, prefix: str, style: str) -> Markup:
    """Return ``<prefix:Name>…</prefix:Name>`` for each value; ``style`` is the URI style of embedded instances.

    Raise ValueError for a name without type or a value that does not fit its type: a mistake of the caller. Raise
    Unsendable for text that XML cannot carry.
    """
    writer = _Writer(style)
    return join(writer.property(f"{prefix}:{name}", value, _type_of(name, types)) for name, value in values.items())


def _type_of(name: str, types: Typed) -> CimType:
    if name not in types:
        raise ValueError(f"{name} is none of {', '.join(sorted(types))}")
    return types[name]


@dataclass(frozen=True)
class _Writer:
    """Writes properties; knows the URI style, which embedded instances need for their namespace."""

    style: str

    def property(self, tag: str, value: Sendable, kind: CimType) -> Markup:
        if not kind.array or value is None:
            return self._scalar(tag, t.cast(Scalar, value), kind)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ValueError(f"{tag} takes a sequence, not {value!r}")
        return join(self._scalar(tag, item, kind) for item in value)

    def _scalar(self, tag: str, value: Scalar, kind: CimType) -> Markup:
        if value is None:
            return element(tag, attributes={"xsi:nil": "true"})
        if isinstance(value, Instance):
            return self._embedded(tag, value, kind)
        return element(tag, _content(value, kind))

    def _embedded(self, tag: str, value: Instance, kind: CimType) -> Markup:
        """Return an embedded instance, which names its class by xsi:type (DSP0230 7.2); its nulls are left out."""
        table = schema.known(value.class_name)
        if kind.kind is not Kind.INSTANCE or table is None:
            raise ValueError(f"{tag} takes no {value.class_name}")
        filled = {name: t.cast(Sendable, inner) for name, inner in value.values.items() if inner is not None}
        attributes = {"xmlns:e": schema.resource_of(table, self.style).uri, "xsi:type": f"e:{table.name}_Type"}
        return element(tag, write_properties(filled, table.properties, "e", self.style), attributes)


def _content(value: Scalar, kind: CimType) -> Markup:
    """Return the content of a scalar's element, once its Python type fits the CIM type."""
    if isinstance(value, (datetime, timedelta)) and kind.kind is Kind.DATETIME:
        return _write_time(value)
    if isinstance(value, EndpointReference) and kind.kind is Kind.REFERENCE:
        return reference_content(value)
    return escape(plain(value, kind))


def plain(value: Scalar, kind: CimType) -> str:
    """Return a boolean, number or string as a selector or an element holds it; raise ValueError if it does not fit."""
    if kind.kind is Kind.BOOLEAN and isinstance(value, bool):
        return "true" if value else "false"
    if kind.kind is Kind.STRING and isinstance(value, str):
        return value
    if kind.kind is Kind.REAL and isinstance(value, (int, float)):
        return repr(float(value))
    if kind.kind in _INTEGERS and isinstance(value, int) and not isinstance(value, bool):
        low, high = _RANGES[kind.kind]
        if low <= value <= high:
            return str(value)
    raise ValueError(f"{value!r} is no {kind.kind.value}")


def _range(kind: Kind) -> tuple[int, int]:
    bits = int(kind.value.lstrip("usint"))
    return (0, 2**bits - 1) if kind.value.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


_RANGES = {kind: _range(kind) for kind in _INTEGERS}


def _write_time(value: datetime | timedelta) -> Markup:
    if isinstance(value, timedelta):
        return element("cim:Interval", escape(_duration(value)))
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return element("cim:Datetime", escape(f"{value.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}Z"))


def _duration(value: timedelta) -> str:
    length = abs(value)
    minutes, seconds = divmod(length.seconds, 60)
    sign = "-" if value < timedelta() else ""
    return f"{sign}P{length.days}DT{minutes // 60}H{minutes % 60}M{seconds}.{length.microseconds:06}S"

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enumerate, Pull and Release (MS-WSMV 3.1.4.8 to 3.1.4.10, 3.1.4.1.13 to 3.1.4.1.17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, wql, xml
from tests.simulator.wsman.calls import Call, Reply, key_value, same_path
from tests.simulator.wsman.enumeration import ENVELOPE_OVERHEAD, Enumeration, Enumerations
from tests.simulator.wsman.envelope import read_reference, read_selectors
from tests.simulator.wsman.fault_xml import WBEM_INVALID_QUERY
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import CimError, Instance, Reference, has_values
from tests.simulator.wsman.schema import ClassSchema
from tests.simulator.wsman.switches import switch
from tests.simulator.wsman.values import (
    instance_element,
    projection_element,
    reference_element,
    to_reference,
)

_MODES = ("EnumerateObject", "EnumerateEPR", "EnumerateObjectAndEPR")


@dataclass(frozen=True)
class _Wish:
    """What the body of an Enumerate says."""

    optimize: bool
    most: int
    mode: str
    filter: Element | None


@dataclass(frozen=True)
class _Selection:
    """Instances found, with columns for a projection."""

    instances: list[Instance]
    columns: tuple[str, ...] = ()


def enumerate_instances(call: Call, enumerations: Enumerations) -> Reply:
    """Find the instances; how many go into the first answer is a switch."""
    wish = _read_wish(call)
    selection = _select(call, wish)
    items = [_item(call, instance, selection.columns, wish.mode) for instance in selection.instances]
    enumeration = enumerations.start(call.caller.name, items, class_asked(call, enumerations))
    response = etree.Element(names.tag(names.ENUMERATION, "EnumerateResponse"), nsmap=names.PREFIXES)
    context = xml.add(response, names.tag(names.ENUMERATION, "EnumerationContext"))
    first = _first_batch(call, wish, enumeration)
    if first is not None:
        xml.add(response, names.tag(names.WSMAN, "Items")).extend(first)
    if first is not None and not enumeration.left and switch(call.host.switches, "enum_shape") != "first_item":
        xml.add(response, names.tag(names.WSMAN, "EndOfSequence"))
    else:
        context.text = enumerations.keep(enumeration)
    return Reply(f"{names.ENUMERATE}Response", [response])


def pull(call: Call, enumerations: Enumerations) -> Reply:
    """Send the next batch, with a new context unless it is the last."""
    body = _expected_body(call, "Pull")
    most = _count(body.find(names.tag(names.ENUMERATION, "MaxElements")))
    enumeration = enumerations.take(_context(body), call.caller.name)
    batch = enumeration.batch(most, _batch_bytes(call))
    response = etree.Element(names.tag(names.ENUMERATION, "PullResponse"), nsmap=names.PREFIXES)
    context = enumerations.keep(enumeration) if enumeration.left else None
    if context is not None:
        xml.add(response, names.tag(names.ENUMERATION, "EnumerationContext"), context)
    xml.add(response, names.tag(names.ENUMERATION, "Items")).extend(batch)
    if context is None:
        xml.add(response, names.tag(names.ENUMERATION, "EndOfSequence"))
    return Reply(f"{names.PULL}Response", [response])


def release(call: Call, enumerations: Enumerations) -> Reply:
    """Give an enumeration up."""
    enumerations.take(_context(_expected_body(call, "Release")), call.caller.name)
    return Reply(f"{names.RELEASE}Response")


def is_query(call: Call) -> bool:
    """Whether the operation is a WQL query, for the faults of which Windows has words of their own."""
    found = _find_filter(call.request.body)
    return found is not None and found.get("Dialect", names.WQL_DIALECT) == names.WQL_DIALECT


def query_text(call: Call) -> str:
    """The WQL text of a query."""
    found = _find_filter(call.request.body)
    return "" if found is None else xml.text_of(found).strip()


def class_asked(call: Call, enumerations: Enumerations) -> str:
    """The class that an operation is about: of a query the one after FROM, of a Pull that of its enumeration."""
    body, name = call.request.body, call.target.class_name
    if name != "*" or body is None:
        return name
    if call.request.action in (names.PULL, names.RELEASE):
        return enumerations.class_of(_context(body)) or name
    with suppress(wql.QueryError):
        return wql.parse(query_text(call)).class_name
    return name


def _expected_body(call: Call, name: str) -> Element:
    body = call.request.body
    if body is None or body.tag != names.tag(names.ENUMERATION, name):
        raise fault(faults.INVALID_BODY)
    return body


def _context(body: Element) -> str:
    return body.findtext(names.tag(names.ENUMERATION, "EnumerationContext"), "").strip()


def _count(element: Element | None) -> int:
    """MaxElements; one when it is missing (DMTF DSP0226 8.2.3, R8.7-1)."""
    if element is None:
        return 1
    text = xml.text_of(element).strip()
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise fault(faults.SCHEMA_VALIDATION)
    return int(text)


def _find_filter(body: Element | None) -> Element | None:
    return next((child for child in xml.children(body) if xml.local(child) == "Filter"), None)


def _read_wish(call: Call) -> _Wish:
    body = _expected_body(call, "Enumerate")
    mode = body.findtext(names.tag(names.WSMAN, "EnumerationMode"), _MODES[0]).strip()
    if mode not in _MODES:
        raise fault(faults.ENUMERATION_MODE)
    optimize = body.find(names.tag(names.WSMAN, "OptimizeEnumeration")) is not None
    return _Wish(optimize, _count(body.find(names.tag(names.WSMAN, "MaxElements"))), mode, _find_filter(body))


def _select(call: Call, wish: _Wish) -> _Selection:
    if call.selectors:
        raise fault(faults.ENUMERATE_WITH_KEYS)
    if wish.filter is None:
        if call.target.class_name == "*":
            raise fault(faults.CANNOT_PROCESS_FILTER)
        return _Selection(_all(call, call.schema))
    dialect = wish.filter.get("Dialect", names.WQL_DIALECT)
    if dialect == names.WQL_DIALECT:
        return _by_query(call, wish)
    if dialect == names.SELECTOR_DIALECT:
        return _Selection(_by_selectors(call, wish.filter))
    if dialect == names.ASSOCIATION_DIALECT:
        return _Selection(list(_by_association(call, wish.filter)))
    raise fault(faults.DIALECT_UNAVAILABLE)


def _all(call: Call, schema: ClassSchema) -> list[Instance]:
    return list(call.provider(schema).instances(call.caller, call.request.options))


def _by_query(call: Call, wish: _Wish) -> _Selection:
    if call.target.class_name != "*":
        raise fault(faults.WQL_NEEDS_STAR)
    try:
        query = wql.parse(query_text(call))
        schema = call.find_schema(query.class_name)
        columns, matches = wql.compile_query(query, schema)
    except wql.QueryError as error:
        raise CimError(WBEM_INVALID_QUERY) from error
    if columns and wish.mode != _MODES[0]:
        raise fault(faults.ENUMERATION_MODE)
    return _Selection([found for found in _all(call, schema) if matches(found.values)], columns)


def _by_selectors(call: Call, found: Element) -> list[Instance]:
    """Any property may be a selector, but no array, date or reference."""
    selector_set = found.find(names.tag(names.WSMAN, "SelectorSet"))
    if selector_set is None:
        raise fault(faults.INVALID_FILTER_XML)
    wanted: dict[str, object] = {}
    properties = {prop.name.lower(): prop for prop in call.schema.properties.values()}
    for name, value in read_selectors(selector_set).items():
        prop = properties.get(name.lower())
        if prop is None or prop.type.array or prop.type.name in ("datetime", "reference", "instance"):
            raise fault(faults.CANNOT_PROCESS_FILTER)
        wanted[prop.name] = key_value(value, prop.type, call.style)
    return [item for item in _all(call, call.schema) if has_values(item, wanted)]


def _by_association(call: Call, found: Element) -> Iterator[Instance]:
    """Instances associated with an object, or the associations themselves (DMTF DSP0227 8.2)."""
    query = next(xml.children(found), None)
    source = query.find(names.tag(names.CIM_BINDING, "Object")) if query is not None else None
    if query is None or source is None or xml.local(query) not in ("AssociatedInstances", "AssociationInstances"):
        raise fault(faults.INVALID_FILTER_XML)
    origin = to_reference(read_reference(source), call.style)
    words = {xml.local(child): xml.text_of(child).strip() for child in xml.children(query)}
    for schema in _association_classes(call, query, words):
        for instance in _all(call, schema):
            yield from _ends(call, instance, origin, words, whole=xml.local(query) == "AssociationInstances")


def _association_classes(call: Call, query: Element, words: dict[str, str]) -> list[ClassSchema]:
    whole = xml.local(query) == "AssociationInstances"
    name = words.get("AssociationClassName") or (words.get("ResultClassName") if whole else "")
    return [call.find_schema(name)] if name else call.schemas.associations(call.target.namespace)


def _ends(call: Call, link: Instance, origin: Reference, words: dict[str, str], *, whole: bool) -> Iterator[Instance]:
    """What one association gives for an origin: itself, or the instances at its other ends."""
    ends = {name: value for name, value in link.values.items() if isinstance(value, Reference)}
    here = {
        name
        for name, end in ends.items()
        if same_path(end, origin)
        and call.schemas.derives(call.target.namespace, end.class_name, origin.class_name)
        and words.get("Role", name) in (name, "")
    }
    if here and whole:
        yield link
    for name, end in ends.items() if here and not whole else ():
        if name not in here and words.get("ResultRole", name) in (name, ""):
            yield from _result(call, end, words.get("ResultClassName", ""))


def _result(call: Call, end: Reference, result_class: str) -> Iterator[Instance]:
    found = call.provider(call.find_schema(end.class_name)).get(end.keys, call.caller, call.request.options)
    if found is not None and (
        not result_class or call.schemas.derives(call.target.namespace, found.class_name, result_class)
    ):
        yield found


def _item(call: Call, instance: Instance, columns: tuple[str, ...], mode: str) -> Callable[[], Element]:
    def make() -> Element:
        if columns:
            return projection_element(instance, columns, call.style)
        if mode == "EnumerateEPR":
            return _epr(call, instance)
        element = instance_element(instance, call.style)
        if mode == "EnumerateObject":
            return element
        item = etree.Element(names.tag(names.WSMAN, "Item"), nsmap={"w": names.WSMAN})
        item.extend([element, _epr(call, instance)])
        return item

    return make


def _epr(call: Call, instance: Instance) -> Element:
    nsmap = {"a": names.ADDRESSING, "w": names.WSMAN}
    element = etree.Element(names.tag(names.ADDRESSING, "EndpointReference"), nsmap=nsmap)
    reference_element(element, call.reference(instance), call.style)
    return element


def _first_batch(call: Call, wish: _Wish, enumeration: Enumeration) -> list[Element] | None:
    """The items of the first answer, None where it has none at all."""
    shape = switch(call.host.switches, "enum_shape")
    if not wish.optimize or shape == "context_only":
        return None
    if not enumeration.left:
        return None if shape == "first_item" else []
    if shape == "complete" or wish.most == 1:
        return enumeration.batch(wish.most, _batch_bytes(call))
    return enumeration.batch(1, _batch_bytes(call))


def _batch_bytes(call: Call) -> int:
    limit = switch(call.host.switches, "batch_bytes")
    most = call.request.max_envelope - ENVELOPE_OVERHEAD
    return min(most, limit) if isinstance(limit, int) else most

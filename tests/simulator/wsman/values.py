# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CIM values in XML, both ways, strictly by the class schema (DMTF DSP0230; MS-WSMV 3.1.4.1.25, 3.1.4.1.26)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import count

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, xml
from tests.simulator.wsman.envelope import EndpointReference, duration, read_reference
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import Embedded, Instance, Reference
from tests.simulator.wsman.resource import NAMESPACE_SELECTOR, Target, is_cim, read_target
from tests.simulator.wsman.schema import INTEGER_RANGES, ClassSchema, ParamSchema, PropertySchema, SchemaSet, TypeRef
from tests.simulator.wsman.switches import switch

RETURN_VALUE = "ReturnValue"
_INTEGER = re.compile("[+-]?[0-9]{1,20}", re.ASCII)
_INSTANCE_NSMAP = {"xsi": names.XSI, "cim": names.CIM}
_IS_NULL_ARRAY = names.tag(names.WSMV, "IsNullArray")


class ProviderMistakeError(Exception):
    """A provider returned what its class schema does not allow: a bug of the simulator, never an answer."""


@dataclass(frozen=True)
class Style:
    """How a caller wants values: his target (for the URIs of classes), his wish for null arrays, the switches."""

    target: Target
    schemas: SchemaSet
    switches: Mapping[str, object]
    precise_arrays: bool = False

    def schema(self, class_name: str, namespace: str | None = None) -> ClassSchema | None:
        """The schema of a class in the target's namespace, or in another."""
        return self.schemas.find(namespace or self.target.namespace, class_name)


# --- writing ---------------------------------------------------------------------------------------------------------


def instance_element(instance: Instance, style: Style) -> Element:
    """``<p:Class xsi:type="p:Class_Type">`` with all properties in alphabetical order."""
    schema = style.schema(instance.class_name)
    if schema is None:
        raise ProviderMistakeError(f"class {instance.class_name} is not in the schemas")
    uri = style.target.uri_of(schema.name)
    root = etree.Element(names.tag(uri, schema.name), nsmap={"p": uri, **_INSTANCE_NSMAP})
    root.set(xml.XSI_TYPE, f"p:{schema.name}_Type")
    _write_properties(root, uri, schema, instance.values, style)
    return root


def projection_element(instance: Instance, columns: Sequence[str], style: Style) -> Element:
    """``<w:XmlFragment>`` with the named properties without a namespace (MS-WSMV notes 58 and 59)."""
    schema = style.schema(instance.class_name)
    if schema is None:
        raise ProviderMistakeError(f"class {instance.class_name} is not in the schemas")
    root = etree.Element(names.tag(names.WSMAN, "XmlFragment"), nsmap={"w": names.WSMAN, "xsi": names.XSI})
    for prop in _alphabetical(schema.properties[name] for name in columns):
        write_value(root, "", prop.name, prop.type, instance.values.get(prop.name), style)
    return root


def output_element(
    class_name: str, method: str, outputs: Iterable[ParamSchema], values: Mapping[str, object], style: Style
) -> Element:
    """``<p:Method_OUTPUT>``: out-parameters in alphabetical order, ReturnValue last."""
    uri = style.target.uri
    root = etree.Element(names.tag(uri, f"{method}_OUTPUT"), nsmap={"p": uri, **_INSTANCE_NSMAP})
    known = _alphabetical(outputs)
    unknown = set(values) - {param.name for param in known}
    if unknown:
        raise ProviderMistakeError(f"{class_name}.{method} has no out-parameter {', '.join(sorted(unknown))}")
    for param in sorted(known, key=lambda item: item.name == RETURN_VALUE):
        if values:
            write_value(root, uri, param.name, param.type, values.get(param.name), style)
    return root


def write_value(parent: Element, uri: str, name: str, kind: TypeRef, value: object, style: Style) -> None:
    """Append one property or parameter. Raises `ProviderMistakeError` for a value of another type."""
    tag = names.tag(uri, name) if uri else name
    if kind.array:
        _write_array(parent, tag, kind, value, style)
    elif value is None:
        _write_nil(parent, tag)
    else:
        _write_scalar(parent, tag, kind, value, style)


def reference_element(parent: Element, reference: Reference, style: Style) -> None:
    """Append address and parameters of an instance's path; ``__cimnamespace`` is part of it (MS-WSMV note 45)."""
    namespace = reference.namespace or style.target.namespace
    schema = style.schema(reference.class_name, namespace)
    xml.add(parent, names.tag(names.ADDRESSING, "Address"), names.ANONYMOUS)
    parameters = xml.add(parent, names.tag(names.ADDRESSING, "ReferenceParameters"))
    uri = style.target.uri_of(schema.name if schema else reference.class_name, namespace)
    xml.add(parameters, names.tag(names.WSMAN, "ResourceURI"), uri)
    selectors = xml.add(parameters, names.tag(names.WSMAN, "SelectorSet"))
    for name, value in sorted(reference.keys.items()):
        selector = xml.add(selectors, names.tag(names.WSMAN, "Selector"), attributes={"Name": name})
        if isinstance(value, Reference):
            reference_element(xml.add(selector, names.tag(names.ADDRESSING, "EndpointReference")), value, style)
        else:
            selector.text = xml.printable(key_text(value))
    xml.add(selectors, names.tag(names.WSMAN, "Selector"), namespace, {"Name": NAMESPACE_SELECTOR})


def key_text(value: object) -> str:
    """A key value as a selector carries it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def datetime_text(value: datetime) -> str:
    """``2013-04-15T16:28:43.488171Z``; another zone than UTC keeps its offset."""
    text = value.replace(tzinfo=None).isoformat(timespec="microseconds" if value.microsecond else "seconds")
    offset = value.utcoffset()
    if offset is None:
        raise ProviderMistakeError(f"{value!r} has no time zone")
    return f"{text}Z" if not offset else text + value.strftime("%z")[:3] + ":" + value.strftime("%z")[3:5]


def interval_text(value: timedelta) -> str:
    """``P0DT0H1M40S``."""
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    return f"P{value.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def _alphabetical(items: Iterable[PropertySchema | ParamSchema]) -> list[PropertySchema | ParamSchema]:
    return sorted(items, key=lambda item: item.name.lower())


def _write_properties(root: Element, uri: str, schema: ClassSchema, values: Mapping[str, object], style: Style) -> None:
    unknown = set(values) - set(schema.properties)
    if unknown:
        raise ProviderMistakeError(f"{schema.name} has no property {', '.join(sorted(unknown))}")
    for prop in _alphabetical(schema.properties.values()):
        write_value(root, uri, prop.name, prop.type, values.get(prop.name), style)


def _write_nil(parent: Element, tag: str) -> Element:
    return etree.SubElement(parent, tag, {xml.XSI_NIL: "true"}, nsmap={"xsi": names.XSI})


def _write_array(parent: Element, tag: str, kind: TypeRef, value: object, style: Style) -> None:
    """Null and empty arrays are left out, unless the caller wants nulls marked or the switch says otherwise."""
    if value is not None and not isinstance(value, (bytes, list, tuple)):
        raise ProviderMistakeError(f"{tag}: {value!r} is no array")
    if isinstance(value, (list, tuple)) and kind.is_bytes:
        raise ProviderMistakeError(f"{tag}: uint8[] is given as bytes, not {value!r}")
    if isinstance(value, bytes) and value and kind.is_bytes:
        for byte in value:
            etree.SubElement(parent, tag).text = str(byte)
    elif value:
        for item in value:
            _write_scalar(parent, tag, kind, item, style)
    elif value is None and style.precise_arrays:
        nil = etree.SubElement(parent, tag, {xml.XSI_NIL: "true"}, nsmap={"m": names.WSMV, "xsi": names.XSI})
        nil.set(_IS_NULL_ARRAY, "true")
    elif switch(style.switches, "empty_array") == "nil":
        _write_nil(parent, tag)


def _write_scalar(parent: Element, tag: str, kind: TypeRef, value: object, style: Style) -> None:
    if kind.name == "instance":
        _write_embedded(parent, tag, kind, value, style)
    elif kind.name == "reference":
        if not isinstance(value, Reference):
            raise ProviderMistakeError(f"{tag}: {value!r} is no reference")
        reference_element(etree.SubElement(parent, tag, nsmap={"a": names.ADDRESSING, "w": names.WSMAN}), value, style)
    elif kind.name == "datetime":
        _write_time(etree.SubElement(parent, tag), value, qualified=tag.startswith("{"))
    else:
        etree.SubElement(parent, tag).text = xml.printable(_scalar_text(tag, kind, value))


def _write_time(element: Element, value: object, *, qualified: bool) -> None:
    """``cim:Datetime`` or ``cim:Interval``; in fragments without the namespace."""
    if isinstance(value, timedelta):
        name, text = "Interval", interval_text(value)
    elif isinstance(value, datetime):
        name, text = "Datetime", datetime_text(value)
    else:
        raise ProviderMistakeError(f"{element.tag!s}: {value!r} is no time")
    tag = names.tag(names.CIM, name) if qualified else name
    etree.SubElement(element, tag, nsmap={"cim": names.CIM} if qualified else None).text = text


def _write_embedded(parent: Element, tag: str, kind: TypeRef, value: object, style: Style) -> None:
    if not isinstance(value, Embedded):
        raise ProviderMistakeError(f"{tag}: {value!r} is no embedded instance")
    schema = style.schema(value.class_name, value.namespace)
    if schema is None or not _fits(style, schema, kind.class_name):
        raise ProviderMistakeError(f"{tag}: {value.class_name} is not in the schemas, or no {kind.class_name}")
    uri = style.target.uri_of(schema.name, value.namespace)
    prefix = next(f"p{number}" for number in count(1) if f"p{number}" not in parent.nsmap)
    element = etree.SubElement(parent, tag, nsmap={prefix: uri, "xsi": names.XSI})
    element.set(xml.XSI_TYPE, f"{prefix}:{schema.name}_Type")
    _write_properties(element, uri, schema, value.values, style)


def _fits(style: Style, schema: ClassSchema, declared: str) -> bool:
    return declared in ("any", schema.name) or style.schemas.derives(schema.namespace, schema.name, declared)


def _scalar_text(tag: str, kind: TypeRef, value: object) -> str:
    if kind.name == "boolean" and isinstance(value, bool):
        return "true" if value else "false"
    if kind.name in ("string", "char16") and isinstance(value, str):
        return str(ord(value)) if kind.name == "char16" else value
    if kind.name in INTEGER_RANGES and isinstance(value, int) and not isinstance(value, bool):
        low, high = INTEGER_RANGES[kind.name]
        if low <= value <= high:
            return str(value)
    if kind.name in ("real32", "real64") and isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(float(value))
    raise ProviderMistakeError(f"{tag}: {value!r} is no {kind.name}")


# --- reading ---------------------------------------------------------------------------------------------------------


def read_members(
    parent: Element, members: Mapping[str, PropertySchema] | Mapping[str, ParamSchema], style: Style, unknown: int
) -> dict[str, object]:
    """The properties or parameters under an element; names are case-sensitive. Raises fault `unknown` for others."""
    groups: dict[str, list[Element]] = {}
    for child in xml.children(parent):
        if xml.namespace(child) == names.CIM and xml.local(child) == "Location":
            continue
        groups.setdefault(xml.local(child), []).append(child)
    if set(groups) - set(members):
        raise fault(unknown)
    return {name: read_value(elements, members[name].type, style) for name, elements in groups.items()}


def read_value(elements: Sequence[Element], kind: TypeRef, style: Style) -> object:
    """The value of all elements of one name. Raises a type mismatch fault."""
    if not kind.array:
        if len(elements) != 1:
            raise fault(faults.TYPE_MISMATCH)
        return None if xml.is_nil(elements[0]) else _read_scalar(elements[0], kind, style)
    if len(elements) == 1 and xml.is_nil(elements[0]):
        return None
    items = [_read_scalar(element, kind, style) for element in elements]
    return bytes(item for item in items if isinstance(item, int)) if kind.is_bytes else items


def read_text(text: str, kind: TypeRef, style: Style) -> object:
    """A simple value from text, as selectors and elements carry it. Raises ValueError."""
    if kind.name == "string":
        return text
    if kind.name == "boolean":
        return _read_boolean(text.strip(), style)
    if kind.name in INTEGER_RANGES and _INTEGER.fullmatch(text.strip()):
        low, high = INTEGER_RANGES[kind.name]
        if low <= int(text) <= high:
            return int(text)
    if kind.name == "char16" and _INTEGER.fullmatch(text.strip()) and 0 <= int(text) <= 0xFFFF:
        return chr(int(text))
    if kind.name in ("real32", "real64"):
        return float(text)
    raise ValueError(f"{text!r} is no {kind.name}")


def read_datetime(text: str) -> datetime:
    """A point in time; without a zone it is UTC. Raises ValueError."""
    value = datetime.fromisoformat(re.sub("Z$", "+00:00", text.strip()))
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def to_reference(found: EndpointReference, style: Style) -> Reference:
    """A reference from its resource URI and selectors; keys typed by the class where it is known. Raises a fault."""
    if not is_cim(found.resource_uri):
        raise fault(faults.INVALID_RESOURCE_URI)
    texts = {name.lower(): value for name, value in found.selectors.items()}
    target = read_target(found.resource_uri, texts.pop(NAMESPACE_SELECTOR, None))
    schema = style.schema(target.class_name, target.namespace)
    if schema is None:
        return Reference(target.class_name, texts, target.namespace)
    known = {name.lower(): schema.properties[name] for name in schema.keys}
    if set(texts) - set(known):
        raise fault(faults.UNEXPECTED_SELECTORS)
    try:
        keys = {known[name].name: read_text(text, known[name].type, style) for name, text in texts.items()}
    except ValueError as error:
        raise fault(faults.SELECTOR_TYPE) from error
    return Reference(schema.name, keys, schema.namespace)


def _read_scalar(element: Element, kind: TypeRef, style: Style) -> object:
    if kind.name == "instance":
        return _read_embedded(element, kind, style)
    if kind.name == "reference":
        return to_reference(read_reference(element), style)
    try:
        if kind.name == "datetime":
            return _read_time(element)
        if len(element):
            raise ValueError(f"{element.tag!s} has child elements")
        return read_text(xml.text_of(element), kind, style)
    except ValueError as error:
        raise fault(faults.TYPE_MISMATCH) from error


def _read_boolean(text: str, style: Style) -> bool:
    word = text.lower() if switch(style.switches, "boolean_case") == "any" else text
    if word not in ("true", "false"):
        raise ValueError(f"{text!r} is no boolean")
    return word == "true"


def _read_time(element: Element) -> datetime | timedelta:
    child = next(xml.children(element), None)
    if child is None or xml.namespace(child) != names.CIM:
        raise ValueError(f"{element.tag!s} has neither cim:Datetime nor cim:Interval")
    text = xml.text_of(child).strip()
    if xml.local(child) == "Datetime":
        return read_datetime(text)
    seconds = duration(text) if xml.local(child) == "Interval" else None
    if seconds is None:
        raise ValueError(f"{text!r} is no interval")
    return timedelta(seconds=seconds)


def _read_embedded(element: Element, kind: TypeRef, style: Style) -> Embedded:
    schema = style.schema(_embedded_class(element, kind, style))
    if schema is None or not _fits(style, schema, kind.class_name):
        raise fault(faults.TYPE_MISMATCH)
    values = read_members(element, schema.properties, style, faults.INVALID_PARAMETER_NAME)
    return Embedded(schema.name, values, schema.namespace)


def _embedded_class(element: Element, kind: TypeRef, style: Style) -> str:
    """The class that xsi:type names, whose prefix must be bound to the URI of that class."""
    prefix, separator, type_name = element.get(xml.XSI_TYPE, "").partition(":")
    if not separator:
        if switch(style.switches, "embedded_type") == "optional" and kind.class_name != "any":
            return kind.class_name
        raise fault(faults.TYPE_MISMATCH)
    class_name = type_name.removesuffix("_Type")
    uri = element.nsmap.get(prefix) or ""
    if class_name == type_name or uri.rpartition("/")[2].lower() != class_name.lower():
        raise fault(faults.TYPE_MISMATCH)
    return class_name

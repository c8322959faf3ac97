# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get, Put, Create, Delete and Invoke on CIM instances (MS-WSMV 3.1.4.3 to 3.1.4.6, 3.1.4.1.18, 3.1.4.1.32)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, xml
from tests.simulator.wsman.calls import Call, Reply
from tests.simulator.wsman.fault_xml import (
    WBEM_INVALID_METHOD,
    WBEM_INVALID_METHOD_PARAMETERS,
    WBEM_NOT_CAPABLE,
    WBEM_READ_ONLY,
)
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import CimError, Instance, Reference, Values
from tests.simulator.wsman.schema import ClassSchema, MethodSchema, ParamSchema, PropertySchema
from tests.simulator.wsman.switches import switch
from tests.simulator.wsman.values import (
    RETURN_VALUE,
    instance_element,
    output_element,
    read_members,
    reference_element,
    write_value,
)

MODIFIED_PROPERTIES = "__MIInstanceModifiedPropertiesList"
_FRAGMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[([1-9][0-9]{0,8})\])?")


def get(call: Call) -> Reply:
    """The instance, or a fragment of it."""
    instance = call.instance(call.keys())
    action = f"{names.GET}Response"
    if call.request.fragment is None:
        return Reply(action, [instance_element(instance, call.style)])
    return Reply(action, [_fragment_element(call, instance)], call.request.fragment)


def put(call: Call) -> Reply:
    """Change properties; answers with the whole instance."""
    if call.schema.put == "none":
        raise CimError(WBEM_NOT_CAPABLE)
    keys = call.keys()
    current = call.instance(keys)
    schema = call.find_schema(current.class_name)
    sent = _sent_fragment(call, schema) if call.request.fragment is not None else _sent_instance(call, schema)
    changes = _changes(schema, sent, current.values)
    path = {name: current.values.get(name) for name in schema.keys} if keys is None else keys
    updated = call.provider().put(path, changes, call.caller, call.request.options)
    return Reply(f"{names.PUT}Response", [instance_element(updated, call.style)], call.request.fragment)


def create(call: Call) -> Reply:
    """Make an instance; answers with its path."""
    if not call.schema.creatable:
        raise CimError(WBEM_NOT_CAPABLE)
    if call.selectors:
        raise fault(faults.UNEXPECTED_SELECTORS)
    values = _body_values(call, call.schema)
    keys = call.provider().create(values, call.caller, call.request.options)
    nsmap = {"x": names.TRANSFER, "a": names.ADDRESSING, "w": names.WSMAN}
    created = etree.Element(names.tag(names.TRANSFER, "ResourceCreated"), nsmap=nsmap)
    reference_element(created, Reference(call.schema.name, keys), call.style)
    return Reply(f"{names.CREATE}Response", [created])


def delete(call: Call) -> Reply:
    """Remove an instance."""
    keys = call.keys()
    if not call.schema.deletable or keys is None:
        raise CimError(WBEM_NOT_CAPABLE)
    call.instance(keys)
    call.provider().delete(keys, call.caller, call.request.options)
    return Reply(f"{names.DELETE}Response")


def method_name(call: Call) -> str | None:
    """The method that the action names, None when the action is not one on the resource."""
    resource, _separator, method = call.request.action.rpartition("/")
    return method if resource.lower() == call.request.resource_uri.lower() and method else None


def invoke(call: Call) -> Reply:
    """Run a static method, an instance's, or a singleton's."""
    name = method_name(call)
    if name is None:
        raise fault(faults.ACTION_NOT_SUPPORTED)
    method = call.schema.methods.get(name)
    if method is None:
        raise CimError(WBEM_INVALID_METHOD)
    keys = _method_keys(call, method)
    arguments = _arguments(call, method)
    if keys is not None:
        call.instance(keys)
    values = call.provider().invoke(name, keys, arguments, call.caller, call.request.options)
    element = output_element(call.schema.name, name, _outputs(method), values, call.style)
    return Reply(f"{call.request.action}Response", [element])


def _method_keys(call: Call, method: MethodSchema) -> Values | None:
    """Keys of an instance method; a static method may be called on an instance's path, as WMI allows."""
    if call.selectors:
        keys = call.read_keys(call.selectors)
        return None if method.static else keys
    return None if method.static or call.schema.selectors_optional else call.keys()


def _arguments(call: Call, method: MethodSchema) -> dict[str, object]:
    body = call.request.body
    if body is None:
        raise fault(faults.INVALID_BODY)
    if xml.local(body) != f"{method.name}_INPUT":
        raise fault(faults.SCHEMA_VALIDATION)
    arguments = read_members(body, method.inputs, call.style, faults.INVALID_PARAMETER_NAME)
    if any(param.required and arguments.get(param.name) is None for param in method.inputs.values()):
        raise CimError(WBEM_INVALID_METHOD_PARAMETERS)
    return arguments


def _outputs(method: MethodSchema) -> list[ParamSchema]:
    returned = [] if method.returns is None else [ParamSchema(RETURN_VALUE, method.returns)]
    return [*method.outputs.values(), *returned]


def _body_values(call: Call, schema: ClassSchema) -> dict[str, object]:
    """The properties in the body, whose element must be the class in the resource's namespace."""
    body = call.request.body
    if body is None:
        raise fault(faults.INVALID_BODY)
    if xml.local(body).lower() not in (schema.name.lower(), call.target.class_name.lower()):
        raise fault(faults.INVALID_REPRESENTATION)
    if xml.namespace(body).lower() not in (call.target.uri.lower(), call.target.uri_of(schema.name).lower()):
        raise fault(faults.INVALID_XML_NAMESPACE)
    return read_members(body, schema.properties, call.style, faults.INVALID_REPRESENTATION)


def _sent_instance(call: Call, schema: ClassSchema) -> dict[str, object]:
    sent = _body_values(call, schema)
    if not _partial_is_fine(call, schema):
        needed = {prop.name for prop in schema.properties.values() if not prop.type.array}
        if needed - set(sent):
            raise fault(faults.MISSING_VALUES)
    listed = call.request.options.get(MODIFIED_PROPERTIES)
    if not isinstance(listed, list):
        return sent
    return {name: value for name, value in sent.items() if name in listed or schema.properties[name].key}


def _partial_is_fine(call: Call, schema: ClassSchema) -> bool:
    choice = switch(call.host.switches, "put_partial")
    return choice == "accepted" or (choice == "schema" and schema.put == "partial")


def _changes(schema: ClassSchema, sent: Values, current: Values) -> dict[str, object]:
    """What may be written of what was sent; keys and read-only properties may only repeat what is there."""
    changes: dict[str, object] = {}
    for name, value in sent.items():
        prop = schema.properties[name]
        if prop.writable:
            changes[name] = value
        elif not _equal(value, current.get(name)):
            raise fault(faults.INVALID_VALUES) if prop.key else CimError(WBEM_READ_ONLY)
    return changes


def _equal(sent: object, current: object) -> bool:
    if isinstance(sent, str) and isinstance(current, str):
        return sent.casefold() == xml.printable(current).casefold()
    return sent == current or (not sent and not current)


def _fragment_property(call: Call, properties: Mapping[str, PropertySchema]) -> tuple[PropertySchema, int | None]:
    """The property, and for one item of an array its index from 0 (the path counts from 1)."""
    match = _FRAGMENT.fullmatch(call.request.fragment or "")
    prop = properties.get(match[1]) if match else None
    if match is None or prop is None or (match[2] and not prop.type.array):
        raise fault(faults.INVALID_FRAGMENT)
    return prop, int(match[2]) - 1 if match[2] else None


def _fragment_element(call: Call, instance: Instance) -> Element:
    prop, index = _fragment_property(call, call.find_schema(instance.class_name).properties)
    value, kind = instance.values.get(prop.name), prop.type
    if index is not None:
        items = list(value) if isinstance(value, (list, bytes)) else []
        if index >= len(items):
            raise fault(faults.INVALID_FRAGMENT)
        value, kind = items[index], replace(kind, array=False)
    uri = call.target.uri
    root = etree.Element(names.tag(names.WSMAN, "XmlFragment"), nsmap={"w": names.WSMAN, "p": uri, "xsi": names.XSI})
    write_value(root, uri, prop.name, kind, value, call.style)
    return root


def _sent_fragment(call: Call, schema: ClassSchema) -> dict[str, object]:
    prop, index = _fragment_property(call, schema.properties)
    body = call.request.body
    if body is None or body.tag != names.tag(names.WSMAN, "XmlFragment") or index is not None:
        raise fault(faults.INVALID_FRAGMENT)
    return read_members(body, {prop.name: prop}, call.style, faults.INVALID_REPRESENTATION)

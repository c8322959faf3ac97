# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One operation on a CIM class: who asks for what, its class, its keys; and the shape of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lxml.etree import _Element as Element

from tests.simulator.wsman import faults
from tests.simulator.wsman.envelope import EndpointReference, Request
from tests.simulator.wsman.fault_xml import WBEM_INVALID_CLASS, WBEM_INVALID_NAMESPACE, WBEM_NOT_FOUND
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import Caller, CimError, HostPort, Instance, Provider, Reference, Values
from tests.simulator.wsman.resource import NAMESPACE_SELECTOR, Target, target_of
from tests.simulator.wsman.schema import ClassSchema, SchemaSet, TypeRef
from tests.simulator.wsman.values import Style, key_text, read_text, to_reference


@dataclass(frozen=True)
class Reply:
    """An answer: its action, what its body holds, and a fragment path to repeat in the header."""

    action: str
    elements: list[Element] = field(default_factory=list)
    fragment: str | None = None


@dataclass(frozen=True)
class Call:
    """An operation on a class, or on a whole namespace (class ``*``)."""

    host: HostPort
    request: Request
    caller: Caller

    @cached_property
    def target(self) -> Target:
        """The class. Raises a fault."""
        return target_of(self.request)

    @cached_property
    def schemas(self) -> SchemaSet:
        """The host's classes."""
        return self.host.schemas()

    @cached_property
    def style(self) -> Style:
        """How the caller wants values."""
        return Style(self.target, self.schemas, self.host.switches, self.request.precise_arrays)

    @property
    def known_schema(self) -> ClassSchema | None:
        """The class's schema, or None."""
        return self.schemas.find(self.target.namespace, self.target.class_name)

    @cached_property
    def schema(self) -> ClassSchema:
        """The class's schema. Raises CimError for a missing namespace or class."""
        return self.find_schema(self.target.class_name)

    def find_schema(self, class_name: str) -> ClassSchema:
        """The schema of a class in the target's namespace. Raises CimError."""
        if not self.schemas.has_namespace(self.target.namespace):
            raise CimError(WBEM_INVALID_NAMESPACE)
        schema = self.schemas.find(self.target.namespace, class_name)
        if schema is None:
            raise CimError(WBEM_INVALID_CLASS)
        return schema

    def provider(self, schema: ClassSchema | None = None) -> Provider:
        """The provider of a class, by default the target's."""
        found = schema or self.schema
        return self.host.provider(found.namespace, found.name)

    @property
    def selectors(self) -> dict[str, str | EndpointReference]:
        """The selectors that name an instance, by lower-case name."""
        return {name: value for name, value in self.request.selectors.items() if name != NAMESPACE_SELECTOR}

    @property
    def parameter(self) -> str:
        """What a fault says about the instance: ``Class.Key="value"``."""
        schema = self.known_schema
        keys = {name.lower(): name for name in schema.keys} if schema else {}
        parts = [f'{keys.get(name, name)}="{_shown(value)}"' for name, value in self.selectors.items()]
        name = schema.name if schema else self.target.class_name
        return f"{name}.{','.join(parts)}" if parts else name

    def keys(self) -> Values | None:
        """The instance's keys, None where none are needed. Raises a fault for missing, unknown or ill-typed ones."""
        if not self.selectors:
            if self.schema.singleton:
                return None
            raise fault(faults.NOT_A_SINGLETON)
        return self.read_keys(self.selectors)

    def read_keys(self, selectors: Mapping[str, str | EndpointReference]) -> Values:
        """Key values by the schema's names and types. Raises a fault."""
        keys = {name.lower(): self.schema.properties[name] for name in self.schema.keys}
        if set(selectors) - set(keys):
            raise fault(faults.UNEXPECTED_SELECTORS)
        if set(keys) - set(selectors):
            raise fault(faults.INSUFFICIENT_SELECTORS)
        return {prop.name: key_value(selectors[name], prop.type, self.style) for name, prop in keys.items()}

    def instance(self, keys: Values | None) -> Instance:
        """The instance with these keys, or the only one. Raises CimError when there is none."""
        if keys is None:
            found = next(iter(self.provider().instances(self.caller, self.request.options)), None)
        else:
            found = self.provider().get(keys, self.caller, self.request.options)
        if found is None:
            raise CimError(WBEM_NOT_FOUND)
        return found

    def reference(self, instance: Instance) -> Reference:
        """The path of an instance."""
        schema = self.find_schema(instance.class_name)
        keys = {} if schema.singleton else {name: instance.values.get(name) for name in schema.keys}
        return Reference(schema.name, keys)


def _shown(value: str | EndpointReference) -> str:
    return value if isinstance(value, str) else value.resource_uri.rpartition("/")[2]


def key_value(value: str | EndpointReference, kind: TypeRef, style: Style) -> object:
    """A selector's value by the key's type. Raises a fault."""
    if (kind.name == "reference") != isinstance(value, EndpointReference):
        raise fault(faults.SELECTOR_TYPE)
    if isinstance(value, EndpointReference):
        return to_reference(value, style)
    try:
        return read_text(value, kind, style)
    except ValueError as error:
        raise fault(faults.SELECTOR_TYPE) from error


def same_path(left: Reference, right: Reference) -> bool:
    """Whether two paths name one instance; names and values without regard to case."""
    return _folded(left.keys) == _folded(right.keys)


def _folded(keys: Values) -> dict[str, str]:
    return {name.lower(): key_text(value).casefold() for name, value in keys.items()}

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each CIM class looks like: its keys, properties, methods and parameters.

Classes are described by YAML files. One file holds classes of one area::

    classes:
      - name: Win32_Service
        namespace: root/cimv2            # or a list: the class is then defined in each
        source: where these facts come from (required)
        provider: CIMWin32               # name in faults; default empty
        style: classic                   # or mi: the provider is of the newer kind and faults carry MSFT_WmiError
        superclass: CIM_Service          # optional; its properties and methods are inherited when the set has it
        singleton: false                 # true: no selectors needed for Get, Put and instance methods
        selectors_optional: false        # true: instance methods work without selectors
        put: none                        # none | partial (what is sent changes) | full (all must be sent)
        creatable: false
        deletable: false
        association: false               # true: the properties of type ref connect instances
        properties:
          Name: string key
          StartMode: string write
          Flags: uint8[]
          Trustee: Win32_Trustee         # an embedded instance; Win32_ACE[] for several
          GroupComponent: ref MSFT_NetFirewallRule key
        methods:
          StartService: {}               # no parameters, returns uint32, instance method, counts as a write
          GetSecurityDescriptor: {writes: false, out: {Descriptor: Win32_SecurityDescriptor}}
          Create: {static: true, in: {CommandLine: string required}, out: {ProcessId: uint32}}
          Enable: {returns: none}        # a method without ReturnValue

A type is a CIM type (boolean, uint8 … uint64, sint8 … sint64, real32, real64, char16, string, datetime), ``ref X``
or the name of an embedded class (``any`` for any class), ``[]`` for an array; flags follow: ``key``, ``write``,
``required``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar, cast

import yaml

INTEGER_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)}
    | {f"sint{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)}
)
SCALAR_TYPES = frozenset(INTEGER_RANGES) | {"boolean", "string", "char16", "datetime", "real32", "real64"}

PutMode = Literal["none", "partial", "full"]
Style = Literal["classic", "mi"]
Item = TypeVar("Item")


class SchemaError(Exception):
    """A schema file does not say what a schema must."""


@dataclass(frozen=True)
class TypeRef:
    """A CIM type: `name` is a scalar type, ``instance`` or ``reference``; `class_name` names the class of those two."""

    name: str
    array: bool = False
    class_name: str = ""

    @property
    def is_bytes(self) -> bool:
        """Whether the value is a Python bytes object."""
        return self.array and self.name == "uint8"


@dataclass(frozen=True)
class PropertySchema:
    """A property; `writable` as far as Put is concerned."""

    name: str
    type: TypeRef
    key: bool = False
    writable: bool = False


@dataclass(frozen=True)
class ParamSchema:
    """A parameter of a method."""

    name: str
    type: TypeRef
    required: bool = False


@dataclass(frozen=True)
class MethodSchema:
    """A method. `returns` is None for one whose output has no ReturnValue; `writes` whether it changes the host."""

    name: str
    static: bool = False
    writes: bool = True
    inputs: Mapping[str, ParamSchema] = field(default_factory=dict)
    outputs: Mapping[str, ParamSchema] = field(default_factory=dict)
    returns: TypeRef | None = TypeRef("uint32")


@dataclass(frozen=True)
class ClassSchema:
    """A class in one namespace (``root/cimv2``, forward slashes)."""

    name: str
    namespace: str
    source: str
    properties: Mapping[str, PropertySchema] = field(default_factory=dict)
    methods: Mapping[str, MethodSchema] = field(default_factory=dict)
    superclass: str = ""
    provider: str = ""
    style: Style = "classic"
    singleton: bool = False
    selectors_optional: bool = False
    put: PutMode = "none"
    creatable: bool = False
    deletable: bool = False
    association: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the key properties."""
        return tuple(name for name, prop in self.properties.items() if prop.key)


class SchemaSet:
    """The classes of a host, found without regard to case."""

    def __init__(self, classes: Iterable[ClassSchema]) -> None:
        self._classes = {(item.namespace.lower(), item.name.lower()): item for item in classes}
        self._namespaces = {namespace for namespace, _class_name in self._classes}

    def __iter__(self) -> Iterator[ClassSchema]:
        return iter(self._classes.values())

    def has_namespace(self, namespace: str) -> bool:
        """Whether any class lives in the namespace."""
        return namespace.lower() in self._namespaces

    def find(self, namespace: str, class_name: str) -> ClassSchema | None:
        """The class, or None."""
        return self._classes.get((namespace.lower(), class_name.lower()))

    def associations(self, namespace: str) -> list[ClassSchema]:
        """The association classes of a namespace."""
        return [item for item in self if item.association and item.namespace.lower() == namespace.lower()]

    def derives(self, namespace: str, class_name: str, ancestor: str) -> bool:
        """Whether a class is `ancestor` or derived from it."""
        found = self.find(namespace, class_name)
        while found is not None:
            if found.name.lower() == ancestor.lower():
                return True
            found = self.find(namespace, found.superclass) if found.superclass else None
        return False

    def without(self, *, namespaces: Iterable[str] = (), classes: Iterable[str] = ()) -> SchemaSet:
        """A set that lacks whole namespaces (a role or edition that is missing) or classes."""
        gone_namespaces = {name.lower() for name in namespaces}
        gone_classes = {name.lower() for name in classes}
        return SchemaSet(
            item
            for (namespace, name), item in self._classes.items()
            if namespace not in gone_namespaces and name not in gone_classes
        )

    @classmethod
    def load(cls, directory: Path) -> SchemaSet:
        """Read every ``*.yml`` of a directory. Raises `SchemaError`."""
        return cls.resolve(schema for path in sorted(directory.glob("*.yml")) for schema in read_file(path))

    @classmethod
    def resolve(cls, classes: Iterable[ClassSchema]) -> SchemaSet:
        """A set whose classes have what their superclasses in the set define."""
        own = cls(classes)
        return cls(_inherit(schema, own) for schema in own)


def read_file(path: Path) -> Iterator[ClassSchema]:
    """The classes of one file, without what they inherit. Raises `SchemaError`."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = _mapping(document, path.name).get("classes")
    for entry in entries if isinstance(entries, list) else []:
        fields = _mapping(entry, path.name)
        namespaces = fields.get("namespace")
        for namespace in namespaces if isinstance(namespaces, list) else [namespaces]:
            yield parse_class({**fields, "namespace": namespace})


_CLASS_FLAGS = ("singleton", "selectors_optional", "creatable", "deletable", "association")
_CLASS_FIELDS = frozenset(
    {"name", "namespace", "source", "provider", "style", "superclass", "put", "properties", "methods", *_CLASS_FLAGS}
)


def parse_class(fields: Mapping[str, object]) -> ClassSchema:
    """One class from its YAML mapping. Raises `SchemaError`."""
    where = str(fields.get("name"))
    _only(fields, _CLASS_FIELDS, where)
    for needed in ("name", "namespace", "source"):
        if not fields.get(needed):
            raise SchemaError(f"{where}: {needed} is missing")
    flags = {name: bool(fields.get(name, False)) for name in _CLASS_FLAGS}
    return ClassSchema(
        name=where,
        namespace=str(fields["namespace"]),
        source=str(fields["source"]),
        properties=_named(fields.get("properties"), where, _parse_property),
        methods=_named(fields.get("methods"), where, _parse_method),
        superclass=str(fields.get("superclass") or ""),
        provider=str(fields.get("provider") or ""),
        style=cast(Style, _choice(fields.get("style", "classic"), ("classic", "mi"), where)),
        put=cast(PutMode, _choice(fields.get("put", "none"), ("none", "partial", "full"), where)),
        **flags,
    )


def parse_type(text: str, where: str) -> tuple[TypeRef, frozenset[str]]:
    """``string[] key`` → (type, flags). Raises `SchemaError`."""
    words = text.split()
    reference = bool(words) and words[0] == "ref"
    words = words[1:] if reference else words
    if not words:
        raise SchemaError(f"{where}: a type is missing")
    name, array = words[0].removesuffix("[]"), words[0].endswith("[]")
    flags = frozenset(words[1:])
    if flags - {"key", "write", "required"}:
        raise SchemaError(f"{where}: unknown flag in {text!r}")
    if reference:
        return TypeRef("reference", array, name), flags
    if name in SCALAR_TYPES:
        return TypeRef(name, array), flags
    if name != "any" and not name[0].isupper():
        raise SchemaError(f"{where}: unknown type {name!r}")
    return TypeRef("instance", array, name), flags


def _parse_property(name: str, value: object, where: str) -> PropertySchema:
    kind, flags = parse_type(str(value), f"{where}.{name}")
    return PropertySchema(name, kind, key="key" in flags, writable="write" in flags)


def _parse_param(name: str, value: object, where: str) -> ParamSchema:
    kind, flags = parse_type(str(value), f"{where}.{name}")
    return ParamSchema(name, kind, required="required" in flags)


def _parse_method(name: str, value: object, where: str) -> MethodSchema:
    path = f"{where}.{name}"
    fields = _mapping(value or {}, path)
    _only(fields, frozenset({"static", "writes", "in", "out", "returns"}), path)
    returns = str(fields.get("returns", "uint32"))
    return MethodSchema(
        name=name,
        static=bool(fields.get("static", False)),
        writes=bool(fields.get("writes", True)),
        inputs=_named(fields.get("in"), path, _parse_param),
        outputs=_named(fields.get("out"), path, _parse_param),
        returns=None if returns == "none" else parse_type(returns, path)[0],
    )


def _inherit(schema: ClassSchema, known: SchemaSet) -> ClassSchema:
    """Add what the superclasses of the set define."""
    parent = known.find(schema.namespace, schema.superclass) if schema.superclass else None
    if parent is None:
        return schema
    above = _inherit(parent, known)
    return replace(
        schema,
        properties=MappingProxyType({**above.properties, **schema.properties}),
        methods=MappingProxyType({**above.methods, **schema.methods}),
    )


def _named(value: object, where: str, parse: Callable[[str, object, str], Item]) -> Mapping[str, Item]:
    entries = _mapping(value or {}, where)
    return MappingProxyType({name: parse(name, entry, where) for name, entry in entries.items()})


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise SchemaError(f"{where}: a mapping with text keys is expected")
    return cast("Mapping[str, object]", value)


def _only(fields: Mapping[str, object], known: frozenset[str], where: str) -> None:
    unknown = set(fields) - known
    if unknown:
        raise SchemaError(f"{where}: unknown fields {', '.join(sorted(unknown))}")


def _choice(value: object, choices: tuple[str, ...], where: str) -> str:
    if value not in choices:
        raise SchemaError(f"{where}: {value!r} is none of {', '.join(choices)}")
    return str(value)

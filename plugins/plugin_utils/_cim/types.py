# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a CIM class consists of, as data.

PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The CIM types that Windows' classes use (DMTF DSP0004); REAL covers real32 and real64."""

    BOOLEAN = "boolean"
    SINT8 = "sint8"
    SINT16 = "sint16"
    SINT32 = "sint32"
    SINT64 = "sint64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    REAL = "real"
    STRING = "string"
    DATETIME = "datetime"
    REFERENCE = "reference"
    INSTANCE = "instance"


@dataclass(frozen=True)
class CimType:
    """The type of a property or parameter; ``class_name`` is set for embedded instances."""

    kind: Kind
    array: bool = False
    class_name: str = ""


BOOLEAN = CimType(Kind.BOOLEAN)
SINT32 = CimType(Kind.SINT32)
UINT8 = CimType(Kind.UINT8)
UINT16 = CimType(Kind.UINT16)
UINT32 = CimType(Kind.UINT32)
UINT64 = CimType(Kind.UINT64)
STRING = CimType(Kind.STRING)
DATETIME = CimType(Kind.DATETIME)
REFERENCE = CimType(Kind.REFERENCE)


def array(element: CimType) -> CimType:
    """Return the array type of an element type; ``array(UINT8)`` is read and written as bytes."""
    return CimType(element.kind, True, element.class_name)


def instance(class_name: str) -> CimType:
    """Return the type of an embedded instance."""
    return CimType(Kind.INSTANCE, False, class_name)


Typed = Mapping[str, CimType]


@dataclass(frozen=True)
class Method:
    """A method's parameters in and out; ``static`` takes no instance, ``read_only`` may be sent again."""

    params: Typed = field(default_factory=dict)
    out: Typed = field(default_factory=dict)
    static: bool = False
    read_only: bool = False


@dataclass(frozen=True)
class CimClass:
    """A class: its namespace, key properties, properties and methods, with the source of these facts.

    A class without keys is a singleton or only a container of static methods. ``partial_put`` says that its provider
    takes a Put of the changed properties alone (MS-WSMV 3.1.4.1.26; MI providers).
    """

    name: str
    namespace: str
    source: str
    keys: tuple[str, ...] = ()
    properties: Typed = field(default_factory=dict)
    methods: Mapping[str, Method] = field(default_factory=dict)
    partial_put: bool = False


def of(kind: CimType, names: str) -> dict[str, CimType]:
    """Return one type for several names, which are separated by blanks."""
    return dict.fromkeys(names.split(), kind)

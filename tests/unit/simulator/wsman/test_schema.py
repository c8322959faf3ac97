# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.wsman.schema import SchemaError, SchemaSet, TypeRef, parse_class, parse_type
from tests.unit.simulator.wsman.fake_host import CLASSES

BASE = {"name": "Thing", "namespace": "root/x", "source": "a test"}


def test_the_shipped_schemas_can_be_read() -> None:
    shipped = SchemaSet.load(Path(__file__).parents[3] / "simulator" / "schemas")
    registry = shipped.find("ROOT/Default", "stdregprov")
    assert registry is not None
    assert registry.methods["GetBinaryValue"].outputs["uValue"].type.is_bytes
    assert not registry.methods["GetBinaryValue"].writes
    assert registry.methods["SetBinaryValue"].writes
    assert all(item.source for item in shipped)


@pytest.mark.parametrize(
    ("text", "kind", "flags"),
    [
        ("uint32", TypeRef("uint32"), set()),
        ("string[] key write", TypeRef("string", array=True), {"key", "write"}),
        ("Win32_ACE[]", TypeRef("instance", array=True, class_name="Win32_ACE"), set()),
        ("ref Win32_Service key", TypeRef("reference", class_name="Win32_Service"), {"key"}),
        ("any required", TypeRef("instance", class_name="any"), {"required"}),
    ],
)
def test_types(text: str, kind: TypeRef, flags: set[str]) -> None:
    assert parse_type(text, "X") == (kind, frozenset(flags))


@pytest.mark.parametrize("text", ["", "ref", "uint33", "string wriet", "int"])
def test_types_that_are_none(text: str) -> None:
    with pytest.raises(SchemaError):
        parse_type(text, "X")


@pytest.mark.parametrize(
    "change",
    [
        {"source": ""},
        {"name": ""},
        {"namespace": None},
        {"keys": ["Name"]},
        {"style": "modern"},
        {"put": "maybe"},
        {"methods": {"Go": {"input": {}}}},
        {"properties": ["Name"]},
    ],
)
def test_a_class_must_say_all_and_nothing_unknown(change: dict[str, object]) -> None:
    with pytest.raises(SchemaError):
        parse_class({**BASE, **change})


def test_a_class_inherits() -> None:
    special = CLASSES.find("root/cimv2", "SpecialThing")
    assert special is not None
    assert special.keys == ("Name",)
    assert "Start" in special.methods
    assert CLASSES.derives("root/cimv2", "SpecialThing", "thing")
    assert not CLASSES.derives("root/cimv2", "Thing", "SpecialThing")


def test_classes_and_namespaces_can_be_taken_away() -> None:
    fewer = CLASSES.without(classes=["Gadget"], namespaces=["ROOT/DEFAULT"])
    assert fewer.find("root/cimv2", "Gadget") is None
    assert fewer.find("root/cimv2", "Thing") is not None
    assert not fewer.has_namespace("root/default")

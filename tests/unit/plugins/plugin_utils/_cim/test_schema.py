# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import schema
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import CimClass, Kind


@pytest.mark.parametrize("cls", schema.CLASSES.values(), ids=lambda cls: cls.name)
def test_every_table_is_consistent(cls: CimClass) -> None:
    assert cls.source
    assert cls.namespace.startswith("root/")
    assert set(cls.keys) <= set(cls.properties)
    types = [
        *cls.properties.values(),
        *(kind for method in cls.methods.values() for kind in (*method.params.values(), *method.out.values())),
    ]
    embedded = [kind.class_name for kind in types if kind.kind is Kind.INSTANCE]
    assert all(schema.known(name) for name in embedded)


def test_names_are_found_in_any_case() -> None:
    assert schema.known("WIN32_service") is schema.WIN32_SERVICE
    assert schema.known("Win32_Unknown") is None


def test_only_reading_methods_may_be_repeated() -> None:
    repeatable = {name for cls in schema.CLASSES.values() for name, method in cls.methods.items() if method.read_only}
    changing = {"Set", "Create", "Delete", "Start", "Stop", "Change", "Enable", "Disable", "Reboot", "Clear"}
    assert not [name for name in repeatable if name.startswith(tuple(changing))]
    assert "GetDWORDValue" in repeatable

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import Resource, resource

WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
DMTF = "http://schemas.dmtf.org/wbem/wscim/1"


@pytest.mark.parametrize(
    ("namespace", "name", "style", "expected"),
    [
        ("root/cimv2", "Win32_Service", "wmi", Resource(f"{WMI}/root/cimv2/Win32_Service")),
        ("root\\StandardCimv2", "*", "wmi", Resource(f"{WMI}/root/StandardCimv2/*")),
        ("root/cimv2", "Win32_Service", "dmtf", Resource(f"{DMTF}/cim-schema/2/Win32_Service", "root/cimv2")),
        ("root/cimv2", "*", "dmtf", Resource(f"{DMTF}/*", "root/cimv2")),
    ],
)
def test_both_styles(namespace: str, name: str, style: str, expected: Resource) -> None:
    assert resource(namespace, name, style) == expected


def test_an_unknown_style_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="wmi, dmtf"):
        resource("root/cimv2", "Win32_Service", "cim")

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security descriptors: SDDL, binary form, access check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.windows.files import MACHINE_KEYS_SDDL, READ_DATA
from tests.simulator.windows.security import (
    ADMINISTRATORS,
    EVERYONE,
    NETWORK_SERVICE_TOKEN,
    SYSTEM_TOKEN,
    Ace,
    InvalidDescriptor,
    SecurityDescriptor,
    ServiceToken,
)
from tests.unit.simulator.host.wmi import Wmi

ADMINISTRATOR = ServiceToken("S-1-5-21-1-2-3-500", frozenset({ADMINISTRATORS, EVERYONE}))
SIDS = st.sampled_from([ADMINISTRATORS, EVERYONE, "S-1-5-18", "S-1-5-21-1-2-3-1001"])
ACES = st.builds(Ace, st.sampled_from([0, 1]), st.integers(0, 31), st.integers(0, 2**32 - 1), SIDS)
DESCRIPTORS = st.builds(
    lambda owner, aces: SecurityDescriptor(owner, owner, tuple(aces), 0x8004), SIDS, st.lists(ACES, max_size=6)
)


@given(DESCRIPTORS)
def test_both_forms_read_back(descriptor: SecurityDescriptor) -> None:
    assert SecurityDescriptor.from_sddl(descriptor.to_sddl()) == descriptor
    assert SecurityDescriptor.from_bytes(descriptor.to_bytes()) == descriptor


@pytest.mark.parametrize(
    "text", ["nonsense", "O:XX", "D:(A;;FA;;;BA", "D:(Z;;FA;;;BA)", "D:(A;;QQ;;;BA)", "D:(A;;FA;;BA)", "O:BAO:BA"]
)
def test_what_is_no_sddl(text: str) -> None:
    with pytest.raises(InvalidDescriptor):
        SecurityDescriptor.from_sddl(text)


@pytest.mark.parametrize(
    ("sddl", "wanted", "allowed"),
    [
        ("O:SYD:(A;;FR;;;BA)", READ_DATA, True),
        ("O:SYD:(A;;FR;;;BA)", 0x40000, False),
        ("O:BAD:", 0x40000, True),
        ("O:SYD:(D;;FR;;;BA)(A;;FA;;;WD)", READ_DATA, False),
        ("O:SYD:(A;;FA;;;WD)(D;;FR;;;BA)", READ_DATA, True),
        ("O:SYD:(A;IO;FA;;;BA)", READ_DATA, False),
        ("O:SYD:(A;;GR;;;BA)", READ_DATA, True),
        ("O:SY", 0xF01FF, True),
        ("O:SYD:", READ_DATA, False),
    ],
)
def test_access_check(sddl: str, wanted: int, allowed: bool) -> None:
    assert SecurityDescriptor.from_sddl(sddl).allows(ADMINISTRATOR, wanted) is allowed


def test_the_default_folder_lets_services_add_keys_but_not_read_those_of_others() -> None:
    folder = SecurityDescriptor.from_sddl(MACHINE_KEYS_SDDL)
    assert folder.allows(NETWORK_SERVICE_TOKEN, 2)
    assert folder.allows(SYSTEM_TOKEN, 2)
    assert folder.inherited(container=False).dacl == ()


def test_the_helper_class_converts_both_ways(wmi: Wmi) -> None:
    sddl = "O:BAG:SYD:PAI(A;CI;KA;;;SY)(A;CI;KR;;;BU)"
    binary = wmi.invoke("Win32_SecurityDescriptorHelper", "SDDLToBinarySD", SDDL=sddl)["BinarySD"]
    assert wmi.invoke("Win32_SecurityDescriptorHelper", "BinarySDToSDDL", BinarySD=binary)["SDDL"] == sddl
    assert wmi.invoke("Win32_SecurityDescriptorHelper", "SDDLToBinarySD", SDDL="x")["ReturnValue"] == "1336"

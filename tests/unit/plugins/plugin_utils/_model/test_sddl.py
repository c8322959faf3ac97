# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security descriptors: what SDDL says, compared without regard to how it is spelled."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model import sddl
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.sddl import (
    Ace,
    Descriptor,
    InvalidSddl,
    dacl_of,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

FOLDER = "O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)"
KEY_FILE = "O:SYG:SYD:PAI(A;;FA;;;SY)(A;;FR;;;NS)(A;;FR;;;BA)"

sids = st.sampled_from([sddl.SYSTEM, sddl.NETWORK_SERVICE, sddl.ADMINISTRATORS, sddl.EVERYONE, "S-1-5-21-1-2-3-500"])
flags = st.lists(st.sampled_from([1, 2, 4, 8, 16]), unique=True).map(sum)
aces = st.builds(Ace, st.sampled_from(["A", "D"]), flags, st.integers(0, 0xFFFFFFFF), sids)
descriptors = st.builds(Descriptor, sids | st.just(""), sids | st.just(""), st.booleans(), st.lists(aces).map(tuple))


@given(descriptors)
def test_what_is_written_is_read_back(descriptor: Descriptor) -> None:
    assert parse(str(descriptor)) == descriptor


@given(descriptors, sids, st.sampled_from([sddl.FILE_READ, sddl.KEY_ALL, sddl.ADD_FILE]))
def test_a_grant_gives_one_sid_what_nothing_else_denies(descriptor: Descriptor, sid: str, mask: int) -> None:
    granted = descriptor.granting(sid, mask)
    assert granted.of(sid) == str(Ace("A", 0, mask, sid))
    others = [ace for ace in descriptor.aces or () if ace.sid != sid or ace.flags & sddl.INHERITED]
    assert [ace for ace in granted.aces or () if ace != Ace("A", 0, mask, sid)] == [
        ace for ace in others if ace != Ace("A", 0, mask, sid)
    ]
    if not any(ace.kind == "D" for ace in others):
        assert granted.allows(frozenset({sid}), mask)


@given(descriptors, sids)
def test_without_denials_nobody_loses_a_right(descriptor: Descriptor, sid: str) -> None:
    token = frozenset({sid})
    freed = descriptor.without_denials(token, sddl.KEY_ALL)
    for mask in (1, 2, 4, sddl.READ_CONTROL):
        assert freed.allows(token, mask) or not descriptor.allows(token, mask)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FOLDER, "O:S-1-5-18G:S-1-5-18D:P(A;;0x0012019F;;;S-1-1-0)(A;;0x1f01ff;;;BA)"),
        ("D:AR(A;;GRGX;;;BU)", "D:AI(A;;0xa0000000;;;S-1-5-32-545)"),
        ("O:BAG:SYD:(A;OICI;FA;;;SY)S:AI(AU;SA;FA;;;WD)", "O:BAG:SYD:(A;CIOI;FA;;;SY)"),
        ("D:(A;;1179785;;;NS)", "D:(A;;FR;;;NS)"),
    ],
)
def test_the_same_permissions_compare_equal_however_they_are_spelled(one: str, other: str) -> None:
    assert dacl_of(one) == dacl_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("D:P(A;;FA;;;SY)", "D:(A;;FA;;;SY)"),
        ("D:(A;;FA;;;SY)", "D:(D;;FA;;;SY)"),
        ("D:(A;;FA;;;SY)", "D:(A;CI;FA;;;SY)"),
        ("D:(D;;FR;;;WD)(A;;FA;;;SY)", "D:(A;;FA;;;SY)(D;;FR;;;WD)"),
        ("D:(A;;FA;;;DA)", "D:(A;;FA;;;DU)"),
        ("D:", "O:SY"),
    ],
)
def test_other_permissions_do_not(one: str, other: str) -> None:
    assert dacl_of(one) != dacl_of(other)


@pytest.mark.parametrize(
    "text",
    ["", "x", "D:(A;;FA;;;SY", "D:(A;;FA;;SY)", "D:(A;;ZZ;;;SY)", "D:(XA;;FA;;;SY)", "D:(A;;FA;;;Administrators)",
     "D:(OA;;CR;00000000-0000-0000-0000-000000000000;;SY)", "D:Q(A;;FA;;;SY)", "O:SYSTEM"],
)  # fmt: skip
def test_what_is_no_sddl_is_refused(text: str) -> None:
    with pytest.raises(InvalidSddl):
        parse(text)


@pytest.mark.parametrize(
    ("text", "token", "mask", "allowed"),
    [
        (KEY_FILE, sddl.AS_NETWORK_SERVICE, sddl.FILE_READ, True),
        (KEY_FILE.replace("(A;;FR;;;NS)", ""), sddl.AS_NETWORK_SERVICE, sddl.FILE_READ, False),
        (KEY_FILE, frozenset({sddl.ADMINISTRATORS}), sddl.WRITE_DAC, False),
        ("O:BAG:SYD:(A;;FR;;;WD)", frozenset({sddl.ADMINISTRATORS}), sddl.WRITE_DAC, True),
        (FOLDER, sddl.AS_SYSTEM, sddl.ADD_FILE, True),
        ("O:SYG:SYD:PAI(D;;0x12019f;;;SY)(A;;FA;;;BA)", sddl.AS_SYSTEM, sddl.ADD_FILE, False),
        ("D:(A;IO;FA;;;SY)", sddl.AS_SYSTEM, sddl.ADD_FILE, False),
        ("D:(A;;GA;;;SY)", sddl.AS_SYSTEM, sddl.CREATE_SUB_KEY, True),
        ("O:SY", sddl.AS_NETWORK_SERVICE, sddl.FILE_ALL, True),
        ("D:", sddl.AS_SYSTEM, sddl.ADD_FILE, False),
    ],
)
def test_who_may_do_what(text: str, token: frozenset[str], mask: int, allowed: bool) -> None:
    assert parse(text).allows(token, mask) is allowed

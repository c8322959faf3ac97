# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security descriptors between objects and SDDL, held against the simulator's own conversion."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import descriptors
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import PROTECTED
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model import sddl
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.host import SimulatedHost
from tests.simulator.windows import security
from tests.support.in_process import connect

KEY = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop"
SIDS = st.builds(
    lambda authority, parts: "-".join(["S-1", str(authority), *map(str, parts)]),
    st.integers(0, 2**48 - 1),
    st.lists(st.integers(0, 2**32 - 1), max_size=15),
)


@given(SIDS)
def test_a_sid_is_packed_as_windows_packs_it(sid: str) -> None:
    packed = descriptors.pack_sid(sid)
    assert packed == security.pack_sid(sid)
    assert descriptors.unpack_sid(packed) == sid


@pytest.mark.parametrize("packed", [b"", b"\1\0\0", b"\1\2\0\0\0\0\0\5\0\0\0\0"])
def test_bytes_that_are_no_sid(packed: bytes) -> None:
    with pytest.raises(descriptors.Untold):
        descriptors.unpack_sid(packed)


def _with_descriptor(text: str) -> tuple[SimulatedHost, Host]:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.set_descriptor(KEY, security.SecurityDescriptor.from_sddl(text), security.SYSTEM_TOKEN)
    return simulated, connect(simulated)


@pytest.mark.parametrize(
    "text",
    [
        "O:BAG:SYD:PAI(A;CI;KA;;;SY)(A;CI;KA;;;BA)",
        "O:SYG:SYD:AI(D;;KR;;;S-1-5-21-1-2-3-1001)(A;CIIO;GA;;;CO)(A;CIID;0xf003f;;;BA)",
    ],
)
def test_one_operation_tells_a_keys_descriptor(text: str) -> None:
    simulated, host = _with_descriptor(text)
    before = simulated.counters.total
    assert sddl.parse(host.registry.security(KEY)) == sddl.parse(text)
    assert simulated.counters.total == before + 1


def test_where_the_object_leaves_a_doubt_the_host_is_asked() -> None:
    """No entry at all: an empty list or none, which look the same."""
    simulated, host = _with_descriptor("O:BAG:SYD:P")
    before = simulated.counters.total
    assert host.registry.security(KEY).startswith("O:BAG:SYD:P")
    assert simulated.counters.total == before + 2


ACES = st.builds(
    security.Ace,
    st.sampled_from([0, 1]),
    st.integers(0, 31),
    st.integers(0, 2**32 - 1),
    SIDS.filter(lambda sid: int(sid.split("-")[2]) < 10**15),
)


@given(st.lists(ACES, min_size=1, max_size=4), st.sampled_from(["", "P", "AI", "PAI", "ARAI"]), SIDS)
def test_plain_sddl_and_the_object_say_the_same(aces: list[security.Ace], flags: str, owner: str) -> None:
    """Held against the simulator's reading of the text, and back without the host's help."""
    entries = [f"({'AD'[ace.type]};{_words(ace.flags)};0x{ace.mask:x};;;{ace.sid})" for ace in aces]
    text = f"O:{owner}G:S-1-5-18D:{flags}{''.join(entries)}"
    made = descriptors.as_object(t.cast(t.Any, None), text).out["Descriptor"]
    assert isinstance(made, Instance)
    wanted = security.SecurityDescriptor.from_sddl(text)
    control = made.number("ControlFlags")
    assert control is not None
    assert control & ~descriptors.SELF_RELATIVE == wanted.control & ~descriptors.SELF_RELATIVE
    listed = t.cast("tuple[Instance, ...]", made["DACL"])
    assert wanted.dacl == tuple(
        security.Ace(*(ace.number(name) or 0 for name in ("AceType", "AceFlags", "AccessMask")), _sid_of(ace))
        for ace in listed
    )
    assert descriptors.as_sddl(t.cast(t.Any, None), made).out["SDDL"] == text


def _words(flags: int) -> str:
    return "".join(name for name, bit in security.ACE_FLAGS.items() if flags & bit)


def _sid_of(ace: Instance) -> str:
    trustee = t.cast(Instance, ace["Trustee"])
    return security.unpack_sid(t.cast(bytes, trustee["SID"]))[0]


@pytest.mark.parametrize("text", ["D:PAI(A;;FA;;;BA)", "D:P", "nonsense", "D:(OA;;0x1;guid;;S-1-1-0)"])
def test_what_is_not_plain_the_host_is_asked_to_read(text: str) -> None:
    simulated = SimulatedHost.build("2022")
    before = simulated.counters.total
    descriptors.as_object(connect(simulated).cim, text)
    assert simulated.counters.total == before + 1


def test_what_protect_sets_is_what_it_says() -> None:
    simulated = SimulatedHost.build("2022")
    connect(simulated).registry.protect(KEY)
    stored = simulated.windows.registry.descriptor(KEY)
    assert sddl.parse(stored.to_sddl()) == sddl.parse(PROTECTED)
    assert stored.control & security.DACL_PROTECTED

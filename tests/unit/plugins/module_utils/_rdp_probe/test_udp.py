# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDPEUDP datagrams, in network byte order (MS-RDPEUDP 2.2.2)."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.udp import build_syn, parse_syn_ack
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.messages import syn_ack
from hypothesis import given
from hypothesis import strategies as st


def test_syn() -> None:
    datagram = build_syn(0x12345678)
    assert len(datagram) == 1232
    assert datagram[:16] == bytes.fromhex("ffffffff 0040 0001 12345678 04d0 04d0")
    assert not any(datagram[16:])


@pytest.mark.parametrize("mtu", [1132, 1232])
def test_syn_ack(mtu: int) -> None:
    assert parse_syn_ack(syn_ack(b"\x12\x34\x56\x78", mtu), 0x12345678) == mtu


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        syn_ack(b"\x12\x34\x56\x78", 1232)[:15],
        syn_ack(b"\x78\x56\x34\x12", 1232),  # another's, or in the wrong byte order
        build_syn(0x12345678),  # our own, reflected
        bytes.fromhex("12345678 0040 0004 00000000 04d0 04d0"),  # no SYN
    ],
)
def test_no_answer(datagram: bytes) -> None:
    with pytest.raises(ParseError):
        parse_syn_ack(datagram, 0x12345678)


@given(st.binary(max_size=64), st.integers(0, 0xFFFFFFFF))
def test_any_datagram_is_an_answer_or_a_parse_error(datagram: bytes, sequence: int) -> None:
    with contextlib.suppress(ParseError):
        assert 0 <= parse_syn_ack(datagram, sequence) <= 0xFFFF

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MCS Connect Initial and Connect Response."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.mcs import (
    build_connect_initial,
    parse_connect_response,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.messages import connect_response
from hypothesis import given
from hypothesis import strategies as st

TPKT = 4


def test_connect_initial_is_consistent() -> None:
    packet = build_connect_initial()
    assert packet[:2] == b"\x03\x00"
    assert int.from_bytes(packet[2:4], "big") == len(packet)
    assert packet[4:10] == bytes.fromhex("02f080 7f65 82")
    assert int.from_bytes(packet[10:12], "big") == len(packet) - 12
    user_data = packet[packet.index(b"\x00\x05\x00\x14\x7c\x00\x01") :]
    assert int.from_bytes(user_data[7:9], "big") & 0x7FFF == len(user_data) - 9
    blocks = user_data[user_data.index(b"Duca") + 4 :]
    assert int.from_bytes(blocks[:2], "big") & 0x7FFF == len(blocks) - 2
    assert blocks[2:6] == bytes.fromhex("01c0d800")
    assert blocks[2 + 0xD8 :] == bytes.fromhex("02c00c00 1b000000 00000000")


def test_client_domain_parameters() -> None:
    target = bytes.fromhex("301a 020122 020102 020100 020101 020100 020101 020300ffff 020102")
    assert target in build_connect_initial()


@pytest.mark.parametrize(("method", "level"), [(0, 0), (2, 2), (0x10, 4)])
def test_connect_response(method: int, level: int) -> None:
    assert parse_connect_response(connect_response(method, level)[TPKT:]) == (method, level)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes.fromhex("02f080 2180"),
        connect_response(2, 2, result=2)[TPKT:],
        connect_response(2, 2)[TPKT:].replace(b"McDn", b"Duca"),
        connect_response(2, 2)[TPKT:].replace(bytes.fromhex("020c0c00"), bytes.fromhex("050c0c00")),
        connect_response(2, 2)[TPKT:].replace(bytes.fromhex("030c0800"), bytes.fromhex("030c0000")),
        connect_response(2, 2)[TPKT:-5],
    ],
)
def test_malformed(payload: bytes) -> None:
    with pytest.raises(ParseError):
        parse_connect_response(payload)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_result_or_a_parse_error(data: bytes) -> None:
    for octets in (data, bytes.fromhex("02f080 7f66 0a0100") + b"McDn" + data):
        try:
            method, level = parse_connect_response(octets)
        except ParseError:
            continue
        assert method >= 0
        assert level >= 0

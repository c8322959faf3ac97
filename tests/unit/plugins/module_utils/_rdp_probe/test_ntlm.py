# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CredSSP exchange, against messages formed from MS-CSSP 2.2.1 and MS-NLMP 2.2."""

from __future__ import annotations

import contextlib
import datetime
import struct

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.ntlm import (
    NtlmResult,
    negotiate_message,
    parse_reply,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.messages import (
    av_pair,
    challenge,
    request_reply,
    tlv,
)
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 6, 1, 12, 0, 0, tzinfo=datetime.timezone.utc)


def test_negotiate() -> None:
    message = negotiate_message()
    ntlm = bytes.fromhex("4e544c4d53535000 01000000 b78208e2") + bytes(16) + bytes.fromhex("0a00 6345 000000 0f")
    assert message == bytes.fromhex("3037 a003020106 a130302e302ca02a0428") + ntlm


def test_challenge() -> None:
    moment = NOW + datetime.timedelta(minutes=7)
    assert parse_reply(request_reply(challenge(moment)), NOW) == NtlmResult(
        "challenge",
        netbios_name="WIN01",
        netbios_domain="EXAMPLE",
        dns_name="win01.example.org",
        dns_domain="example.org",
        dns_forest="example.org",
        build="10.0.20348",
        server_time="2026-06-01T12:07:00Z",
        skew_seconds=420.0,
        credssp_version=6,
    )


def test_challenge_of_an_old_host() -> None:
    info = av_pair(1, "ALT".encode("utf-16-le")) + av_pair(0, b"")
    result = parse_reply(request_reply(challenge(info=info, flags=0x00890215), version=2), NOW)
    assert (result.netbios_name, result.build, result.server_time, result.credssp_version) == ("ALT", None, None, 2)


def test_challenge_inside_spnego() -> None:
    wrapped = tlv(0xA1, tlv(0x30, tlv(0xA0, b"\x0a\x01\x01") + tlv(0xA2, tlv(4, challenge(NOW)))))
    assert parse_reply(request_reply(wrapped), NOW).netbios_name == "WIN01"


@pytest.mark.parametrize(
    ("status", "text"), [(0xC000006D, "0xC000006D"), (0x8009030E, "0x8009030E"), (5, "0x00000005")]
)
def test_error(status: int, text: str) -> None:
    result = parse_reply(request_reply(None, status), NOW)
    assert (result.verdict, result.error) == ("refused", f"CredSSP error {text}")


def with_offset(message: bytes, offset: int) -> bytes:
    return message[:44] + struct.pack("<L", offset) + message[48:]


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"NTLMSSP\x00",
        challenge(NOW).replace(b"NTLMSSP\x00\x02", b"NTLMSSP\x00\x03"),
        with_offset(challenge(NOW), 0xFFFFFFFF),
        challenge(info=av_pair(1, b"ab")),
        challenge(info=b"\x01\x00\xff\xff"),
        challenge(info=av_pair(7, b"short") + av_pair(0, b"")),
        challenge(info=av_pair(7, b"\xff" * 8) + av_pair(0, b"")),
        challenge(NOW)[:-1],
    ],
)
def test_malformed(token: bytes) -> None:
    with pytest.raises(ParseError):
        parse_reply(request_reply(token), NOW)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_result_or_a_parse_error(data: bytes) -> None:
    for octets in (data, request_reply(data), request_reply(b"NTLMSSP\x00\x02\x00\x00\x00" + data)):
        try:
            result = parse_reply(octets, NOW)
        except ParseError:
            continue
        assert result.verdict in ("challenge", "refused")


@given(st.data())
@settings(max_examples=200)
def test_a_damaged_challenge_is_a_result_or_a_parse_error(data: st.DataObject) -> None:
    damaged = bytearray(request_reply(challenge(NOW)))
    for _dummy in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ParseError):
        assert parse_reply(bytes(damaged), NOW).verdict in ("challenge", "refused")

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection Request and Connection Confirm, against bytes written out from MS-RDPBCGR 2.2.1.1 and 2.2.1.2."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.x224 import (
    Answer,
    build_request,
    guess_protocol,
    parse_confirm,
)
from hypothesis import given
from hypothesis import strategies as st

TPKT = 4
NAMES = {
    1: "SSL_REQUIRED_BY_SERVER",
    2: "SSL_NOT_ALLOWED_BY_SERVER",
    3: "SSL_CERT_NOT_ON_SERVER",
    4: "INCONSISTENT_FLAGS",
    5: "HYBRID_REQUIRED_BY_SERVER",
    6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
    9: None,
}


@pytest.mark.parametrize("protocols", [0, 1, 3, 11])
def test_request(protocols: int) -> None:
    expected = f"03000013 0e e0 0000 0000 00 01 00 0800 {protocols:02x}000000"
    assert build_request(protocols) == bytes.fromhex(expected)


@pytest.mark.parametrize(("flags", "protocol"), [(0x00, 1), (0x1F, 2), (0x2F, 8), (0x0F, 0)])
def test_selected(flags: int, protocol: int) -> None:
    data = bytes.fromhex(f"03000013 0e d0 0000 1234 00 02 {flags:02x} 0800 {protocol:02x}000000")
    expected = Answer("selected", protocol=protocol, flags=flags, source_reference=0x1234)
    assert parse_confirm(data[TPKT:]) == expected


@pytest.mark.parametrize("code", sorted(NAMES))
def test_failure(code: int) -> None:
    data = bytes.fromhex(f"03000013 0e d0 0000 0000 00 03 00 0800 {code:02x}000000")
    expected = Answer("failure", failure=code, failure_name=NAMES[code], source_reference=0)
    assert parse_confirm(data[TPKT:]) == expected


@pytest.mark.parametrize("source", [0, 0x1234])
def test_legacy(source: int) -> None:
    data = bytes.fromhex(f"0300000b 06 d0 0000 {source:04x} 00")
    assert parse_confirm(data[TPKT:]) == Answer("legacy", source_reference=source)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "06",
        "06 d0 0000 1234",  # cut off
        "07 d0 0000 1234 00",  # length indicator too long
        "06 e0 0000 1234 00",  # a request
        "0e d0 0000 1234 00 02 1f 0800 02000000 00",  # something behind it
        "0d d0 0000 1234 00 02 1f 0800 020000",  # cut off
        "0e d0 0000 1234 00 04 1f 0800 02000000",  # unknown type
        "0e d0 0000 1234 00 02 1f 0900 02000000",  # wrong length
        "0e d0 0000 1234 00 02 1f 0008 02000000",  # wrong byte order
    ],
)
def test_malformed(data: str) -> None:
    with pytest.raises(ParseError):
        parse_confirm(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["02 f0 80 21 80", "06 80 0000 0000 00"])
def test_disconnected(data: str) -> None:
    assert parse_confirm(bytes.fromhex(data)).outcome == "reset"


@given(st.binary(max_size=64))
def test_any_bytes_are_an_answer_or_a_parse_error(data: bytes) -> None:
    try:
        answer = parse_confirm(data)
    except ParseError:
        return
    assert answer.outcome in ("selected", "failure", "legacy", "reset")


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"SSH-", "ssh"), (b"HTTP", "http"), (b"RFB ", "vnc"), (b"\x16\x03\x01", "tls"), (b"", None), (b"zzz", None)],
)
def test_guess(head: bytes, name: str | None) -> None:
    assert guess_protocol(head) == name

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DER reader: what X.690 allows, and nothing else."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError
from hypothesis import given
from hypothesis import strategies as st


def test_sequence() -> None:
    element = der.parse(bytes.fromhex("30 06 02 01 05 04 01 ff"))
    assert element.tag == der.SEQUENCE
    assert [(child.tag, child.content) for child in element.children()] == [(2, b"\x05"), (4, b"\xff")]
    assert element.children()[1].encoded == b"\x04\x01\xff"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "0 elements"),
        ("05", "cut off"),
        ("0402ff", "cut off"),
        ("04820002ff", "shortest"),
        ("0481 7f" + "00" * 127, "shortest"),
        ("3080 0000", "indefinite"),
        ("0485 0000000001 ff", "too long"),
        ("1f0100", "above 30"),
        ("0500 0500", "2 elements"),
    ],
)
def test_refused(data: str, reason: str) -> None:
    with pytest.raises(der.DerError, match=reason):
        der.parse(bytes.fromhex(data))


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths(length: int) -> None:
    data = der.encode(der.OCTET_STRING, bytes(length))
    assert der.parse(data).content == bytes(length)
    assert der.total_length(data) == len(data)


@given(st.integers(min_value=0, max_value=70000), st.integers(min_value=0, max_value=5))
def test_length_is_known_as_soon_as_its_octets_are_there(length: int, cut: int) -> None:
    data = der.encode(der.OCTET_STRING, bytes(length))
    header = len(data) - length
    assert der.total_length(data[:cut]) == (len(data) if cut >= header else None)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("550403", "2.5.4.3"),
        ("2a864886f70d01010b", "1.2.840.113549.1.1.11"),
        ("883703", "2.999.3"),
        ("00", "0.0"),
        ("27", "0.39"),
    ],
)
def test_object_identifiers(content: str, text: str) -> None:
    assert der.object_identifier(der.parse(der.encode(der.OID, bytes.fromhex(content)))) == text


@pytest.mark.parametrize("content", ["", "5504ff", "01" * 65])
def test_malformed_object_identifiers(content: str) -> None:
    with pytest.raises(der.DerError):
        der.object_identifier(der.parse(der.encode(der.OID, bytes.fromhex(content))))


@given(st.integers(min_value=-(2**70), max_value=2**70))
def test_integers(value: int) -> None:
    content = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    assert der.integer(der.parse(der.encode(der.INTEGER, content))) == value


def test_malformed_integer() -> None:
    with pytest.raises(der.DerError):
        der.integer(der.parse(b"\x02\x00"))
    with pytest.raises(der.DerError):
        der.integer(der.parse(b"\x04\x01\x00"))


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_raise_a_parse_error(data: bytes) -> None:
    with contextlib.suppress(der.DerError):
        assert der.parse(data).encoded == data
    with contextlib.suppress(der.DerError):
        assert (der.total_length(data) or 2) >= 2


def test_a_der_error_is_a_parse_error() -> None:
    assert issubclass(der.DerError, ParseError)


@given(st.integers(min_value=0, max_value=0x1E), st.binary(max_size=300))
def test_what_is_encoded_is_read_back(tag: int, content: bytes) -> None:
    element = der.parse(der.encode(tag, content))
    assert (element.tag, element.content) == (tag, content)

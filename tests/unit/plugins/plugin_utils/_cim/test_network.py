# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Catalog entries of Winsock, by the layout of WSAPROTOCOL_INFOW."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.network import parse_entry
from hypothesis import given
from hypothesis import strategies as st


def entry(library: str, name: str, chain_length: int) -> bytes:
    """Flags, ProviderId, dwCatalogEntryId, ProtocolChain, eleven numbers and szProtocol, in this order."""
    flags = struct.pack("<5I", 0x20066, 0, 0, 0, 8) + bytes(16) + struct.pack("<I", 1010)
    chain = struct.pack("<i7I", chain_length, *([0] * 7))
    rest = struct.pack("<11i", *range(11)) + name.encode("utf-16-le").ljust(512, b"\0")
    return library.encode("ascii").ljust(260, b"\0") + flags + chain + rest


@pytest.mark.parametrize("length", [0, 2])
def test_layered_providers_and_chains_have_name_and_library(length: int) -> None:
    found = parse_entry(entry(r"C:\Tunnel\lsp.dll", "Tunnel LSP", length))
    assert found is not None
    assert (found.name, found.library) == ("Tunnel LSP", r"C:\Tunnel\lsp.dll")


def test_base_providers_are_windows_own() -> None:
    assert parse_entry(entry(r"%SystemRoot%\system32\mswsock.dll", "MSAFD Tcpip [TCP/IP]", 1)) is None


@given(st.binary(max_size=1000))
def test_what_is_no_entry_is_left_out(data: bytes) -> None:
    found = parse_entry(data)
    assert found is None or found.entry == data

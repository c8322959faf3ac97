# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Winsock catalogs in the registry: transport providers as WSAPROTOCOL_INFOW behind the path of their library.

Sources: Winsock2.h (WSAPROTOCOL_INFOW, WSAPROTOCOLCHAIN: length 1 a base provider, 0 a layered one, more a chain),
registry dumps of Protocol_Catalog9: 64-bit Windows keeps one catalog for 32-bit programs (Catalog_Entries,
Num_Catalog_Entries) and one for 64-bit ones (Catalog_Entries64, Num_Catalog_Entries64), 32-bit Windows the first alone;
entries are named by twelve digits from 1 without a gap. Either catalog can be reset (event WINSOCK_WS2HELP_LSP_RESET,
Catalog 32 or 64): ``netsh winsock reset`` builds each that there is anew from the base providers. Name space providers
(NameSpace_Catalog5) stay (Microsoft's reference of netsh winsock).
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from functools import lru_cache

from tests.simulator.windows.registry import Registry, Type

CATALOG = r"HKLM\SYSTEM\CurrentControlSet\Services\WinSock2\Parameters\Protocol_Catalog9"
FOR_32_BIT, FOR_64_BIT = "Catalog_Entries", "Catalog_Entries64"
ENTRIES, ENTRIES_32 = rf"{CATALOG}\{FOR_64_BIT}", rf"{CATALOG}\{FOR_32_BIT}"
MSWSOCK = r"%SystemRoot%\system32\mswsock.dll"
PATH_BYTES, CHAIN_LENGTH, NAME_BYTES = 260, 7, 512


@dataclass(frozen=True)
class ProviderEntry:
    """One catalog entry; ``chain``: ids of the entries that a layered chain goes through."""

    number: int
    name: str
    library: str = MSWSOCK
    chain_length: int = 1
    chain: tuple[int, ...] = ()

    @property
    def packed(self) -> bytes:
        """PackedCatalogItem."""
        return _packed(self)


@lru_cache(maxsize=64)
def _packed(entry: ProviderEntry) -> bytes:
    chain = (*entry.chain, *([0] * (CHAIN_LENGTH - len(entry.chain))))
    head = struct.pack("<5I", 0x20066, 0, 0, 0, 8) + uuid.uuid5(uuid.NAMESPACE_OID, entry.name).bytes_le
    links = struct.pack("<Ii7I", entry.number, entry.chain_length, *chain)
    body = struct.pack("<11i", 2, 2, 16, 16, 1, 6, 0, 0, 0, 0, 0)
    name = entry.name.encode("utf-16-le").ljust(NAME_BYTES, b"\0")
    return entry.library.encode().ljust(PATH_BYTES, b"\0") + head + links + body + name


BASE = (
    ProviderEntry(1001, "MSAFD Tcpip [TCP/IP]"), ProviderEntry(1002, "MSAFD Tcpip [UDP/IP]"),
    ProviderEntry(1004, "MSAFD Tcpip [TCP/IPv6]"), ProviderEntry(1005, "MSAFD Tcpip [UDP/IPv6]"),
)  # fmt: skip
VENDOR = r"C:\Program Files\SecureTunnel\stlsp.dll"
LAYERED = (
    ProviderEntry(1010, "SecureTunnel LSP", VENDOR, chain_length=0),
    ProviderEntry(1011, "SecureTunnel LSP over [MSAFD Tcpip [TCP/IP]]", VENDOR, chain_length=2, chain=(1010, 1001)),
)


def fill_catalog(
    registry: Registry,
    entries: tuple[ProviderEntry, ...] = BASE,
    catalogs: tuple[str, ...] = (FOR_32_BIT, FOR_64_BIT),
) -> None:
    """Write these catalogs anew; any other is left."""
    for name in catalogs:
        _fill(registry, name, entries)
    following = max(entry.number for entry in entries) + 1
    registry.put_dword(CATALOG, "Next_Catalog_Entry_ID", following)
    registry.put_dword(CATALOG, "Serial_Access_Num", (registry.dword(CATALOG, "Serial_Access_Num") or 3) + 1)


def _fill(registry: Registry, name: str, entries: tuple[ProviderEntry, ...]) -> None:
    path = rf"{CATALOG}\{name}"
    registry.delete_tree(path)
    registry.create(path)
    for place, entry in enumerate(entries, start=1):
        registry.put(rf"{path}\{place:012}", "PackedCatalogItem", Type.BINARY, entry.packed)
    registry.put_dword(CATALOG, f"Num_{name}", len(entries))


def reset_catalogs(registry: Registry) -> None:
    """What ``netsh winsock reset`` does, to the catalogs that this Windows has."""
    fill_catalog(
        registry, catalogs=tuple(name for name in (FOR_32_BIT, FOR_64_BIT) if registry.exists(rf"{CATALOG}\{name}"))
    )

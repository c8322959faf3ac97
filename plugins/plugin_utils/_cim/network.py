# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The DNS client's cache and the Winsock catalog of a host.

PRIVATE to the collection. Sources: MSFT_DNSClientCache (Microsoft Win32 documentation, FWP/wmi/dnsclientcimprov);
Winsock2.h (WSAPROTOCOL_INFOW, WSAPROTOCOLCHAIN) for the entries below Protocol_Catalog9, each a library's path of 260
bytes before that structure.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import Registry, RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import MSFT_DNS_CLIENT_CACHE

ADDRESS_TYPES = (1, 28)
"""A and AAAA (RFC 1035, RFC 3596)."""

DOES_NOT_EXIST = 9003
"""DNS_ERROR_RCODE_NAME_ERROR as the Status of a cached answer."""

CATALOG = r"HKLM\SYSTEM\CurrentControlSet\Services\WinSock2\Parameters\Protocol_Catalog9"
ENTRIES = ("Catalog_Entries", "Catalog_Entries64")
"""The keys of entries: for 32-bit programs, which is all that 32-bit Windows has, and for 64-bit ones. A reset empties
both. It leaves name space providers (NameSpace_Catalog5) alone: Microsoft's reference of netsh winsock."""

COUNTERS = ("Num_Catalog_Entries", "Num_Catalog_Entries64", "Next_Catalog_Entry_ID")
"""How many entries each key has, named from 000000000001 without a gap, and the id of the next new one."""

PORT_PROXY = r"HKLM\SYSTEM\CurrentControlSet\Services\PortProxy"
"""Where netsh interface portproxy keeps what it forwards: C(ADDRESS/PORT) by C(ADDRESS/PORT), below C(v4tov4\\tcp) and
the like for each kind."""

BASE_PROVIDER = 1
"""WSAPROTOCOLCHAIN.ChainLen: 1 a base provider, 0 a layered one, more a chain through a layered one."""

_PATH, _CHAIN, _NAME = slice(0, 260), 300, slice(376, 888)
"""Where path, ChainLen and szProtocol lie in an entry, in bytes."""


@dataclass(frozen=True)
class CachedName:
    """What the DNS client remembers of a name: its addresses, or none where it remembers that there is no such name."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Provider:
    """A Winsock transport provider: its name, its library, its entry, and that entry's key below CATALOG."""

    name: str
    library: str
    entry: bytes
    key: str = ""

    def to_plain(self) -> dict[str, str]:
        """The provider as observations and changes carry it, the entry as base64."""
        entry = base64.b64encode(self.entry).decode("ascii")
        return {"name": self.name, "library": self.library, "entry": entry, "key": self.key}


def cached_names(client: CimClient, names: Iterable[str] = ()) -> tuple[CachedName, ...]:
    """Return what is cached of these names, of all where none is given (one query)."""
    wanted = tuple(names)
    found = client.query(
        MSFT_DNS_CLIENT_CACHE,
        wql.any_of("Entry", wanted) if wanted else "",
        ("Data", "Entry", "Name", "Status", "Type"),
    )
    cached: dict[str, list[str]] = {}
    for item in found:
        name, status = item.text("Entry").lower(), item.number("Status") or 0
        if status == DOES_NOT_EXIST:
            cached.setdefault(name, [])
        elif not status and item.number("Type") in ADDRESS_TYPES and item.text("Data"):
            cached.setdefault(name, []).append(item.text("Data"))
    return tuple(CachedName(name, tuple(sorted(addresses))) for name, addresses in sorted(cached.items()))


def clear_cache(client: CimClient) -> Outcome:
    """Forget all cached answers."""
    return client.invoke(MSFT_DNS_CLIENT_CACHE, "Clear")


def layered_providers(registry: Registry) -> tuple[Provider, ...]:
    """Return the providers that others put above Windows' own, in the catalogs' order (one operation an entry)."""
    keys = (rf"{catalog}\{key}" for catalog in ENTRIES for key in sorted(registry.keys(rf"{CATALOG}\{catalog}") or ()))
    return tuple(_layered(registry, keys))


def _layered(registry: Registry, keys: Iterable[str]) -> Iterator[Provider]:
    for key in keys:
        reading = registry.read(rf"{CATALOG}\{key}", "PackedCatalogItem", "REG_BINARY")
        if isinstance(reading, RegistryValue) and isinstance(reading.data, bytes):
            provider = parse_entry(reading.data)
            if provider is not None:
                yield replace(provider, key=key)


def catalog_counters(registry: Registry) -> dict[str, int]:
    """Return the catalogs' counters by name, those that there are (one operation each)."""
    found = ((name, registry.read(CATALOG, name)) for name in COUNTERS)
    return {
        name: int(value.data)
        for name, value in found
        if isinstance(value, RegistryValue) and isinstance(value.data, int)
    }


def parse_entry(entry: bytes) -> Provider | None:
    """Return a layered provider or a chain from its catalog entry; None for a base provider and what is none."""
    if len(entry) < _NAME.stop or struct.unpack_from("<i", entry, _CHAIN)[0] == BASE_PROVIDER:
        return None
    library = entry[_PATH].split(b"\0", 1)[0].decode("latin-1")
    name = entry[_NAME].decode("utf-16-le", "replace").split("\0", 1)[0]
    return Provider(name, library, entry)

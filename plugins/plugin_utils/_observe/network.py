# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers: what a host remembers of names, beside what the resolver says, and who sits in its network stack.

PRIVATE to the collection.
"""

from __future__ import annotations

import socket
from datetime import timezone

from .._cim.network import cached_names, catalog_counters, layered_providers
from .._guard import ROOT
from .._host import Host
from .._journal import WINSOCK_RESET, flushed
from .._model.observation import DnsState, ProviderState, WinsockState
from .._owed import due_since
from ._request import Request


def read_dns(request: Request) -> DnsState:
    """Of the names that were asked about, or all that is cached; the resolver is the controller's."""
    names = tuple(name.lower().rstrip(".") for name in request.names)
    cached = {entry.name: entry.addresses for entry in cached_names(request.host.cim, names)}
    before = flushed(request.host.registry, request.host.now().astimezone(timezone.utc)) if names and cached else {}
    return DnsState(cached, {name: resolve(name) for name in names}, before)


def resolve(name: str) -> tuple[str, ...]:
    """The addresses of a name as this machine resolves it; none where it has no answer."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(sorted({str(address[4][0]) for address in found}))


def read_winsock(request: Request) -> WinsockState:
    registry = request.host.registry
    providers = tuple(ProviderState(**provider.to_plain()) for provider in layered_providers(registry))
    return WinsockState(providers, _reset_at(request.host), catalog_counters(registry) if providers else {})


def _reset_at(host: Host) -> str:
    """When the catalog was reset, if Windows has not started since; empty where it was not."""
    at = due_since(host, host.registry.text(ROOT, WINSOCK_RESET))
    return at.isoformat() if at else ""

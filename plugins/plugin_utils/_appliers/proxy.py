# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applier: port proxies by name, with the C(ADDRESS/PORT) that they lead to. PRIVATE to the collection.

They are read in the registry and written by netsh, since the IP Helper service does not watch its keys (UNSURE; what
counts is that the value is as wanted afterwards). Source: Microsoft's reference of netsh interface portproxy.
"""

from __future__ import annotations

from .._cim.network import PORT_PROXY
from .._cim.registry import RegistryValue
from .._host import Host
from .._model.change import Change
from .._model.plain import Plain
from .._model.proxies import split
from ._base import Applier, ApplyError


def _read(host: Host, change: Change) -> Plain:
    kind, place = split(change.item)
    found = host.registry.read(rf"{PORT_PROXY}\{kind}\tcp", place, "REG_SZ")
    return str(found.data) if isinstance(found, RegistryValue) else None


def _write(host: Host, change: Change, value: Plain) -> None:
    """By the exit code: what netsh prints is localised."""
    kind, place = split(change.item)
    listen = _named("listen", place)
    verb = ["delete", kind, *listen] if value is None else ["add", kind, *listen, *_named("connect", value)]
    output = host.shell.run("netsh", "interface", "portproxy", *verb)
    if output.exit_code:
        raise ApplyError(f"the port proxy {change.item} was not changed: netsh ended with code {output.exit_code}")


def _named(end: str, place: Plain) -> tuple[str, str]:
    address, _slash, port = str(place).rpartition("/")
    return f"{end}port={port}", f"{end}address={address}"


APPLIER = Applier(_read, _write, by_shell=True)

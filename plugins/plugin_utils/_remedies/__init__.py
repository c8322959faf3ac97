# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixes: each module plans one, as a pure function. PRIVATE to the collection.

A remedy never touches the wire: it is given an observation and options and gives a plan. What it needs to have been
observed is named in its areas.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    certificate,
    client_settings,
    connection_limit,
    firewall,
    gateway,
    machine_keys,
    network_stack,
    nla,
    remote_desktop,
    schannel,
    security_layer,
    transport,
)
from ._base import Options, Remedy, defaults

__all__ = ["REMEDIES", "Options", "Remedy", "defaults", "filled"]

REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        fix.REMEDY.name: fix.REMEDY
        for fix in (
            remote_desktop,
            firewall,
            transport,
            connection_limit,
            certificate,
            machine_keys,
            schannel,
            network_stack,
            client_settings,
            gateway,
            security_layer,
            nla,
        )
    }
)


def filled(remedy: str, options: Options) -> Options:
    """The options of a module, those that are not given as they usually are."""
    return {**defaults(REMEDIES[remedy].options), **options}

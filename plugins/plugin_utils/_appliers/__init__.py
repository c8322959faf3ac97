# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliers: for each kind of change, how the item is read and written. PRIVATE to the collection.

They decide nothing. Apply and roll-back are the same two movements in opposite directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .._model.change import Kind
from . import firewall, gateway, key_folders, keys, lease, network, proxy, registry, services
from ._base import Applier, ApplyError, Moved, NotKept

__all__ = ["APPLIERS", "Applier", "ApplyError", "Moved", "NotKept"]

APPLIERS: Mapping[Kind, Applier] = MappingProxyType(
    {
        "registry": registry.APPLIER,
        "service_start_mode": services.START_MODE,
        "service_state": services.STATE,
        "firewall_rule": firewall.APPLIER,
        "file_access": keys.FILE_ACCESS,
        "folder_dacl": keys.FOLDER_DACL,
        "key_dacl": keys.KEY_DACL,
        "certificate": keys.CERTIFICATE,
        "key_file": keys.KEY_FILE,
        "renewal": keys.RENEWAL,
        "key_copy": key_folders.KEY_COPY,
        "key_folder": key_folders.KEY_FOLDER,
        "lease": lease.APPLIER,
        "dns_cache": network.DNS_CACHE,
        "winsock": network.WINSOCK,
        "port_proxy": proxy.APPLIER,
        "gateway_connection_policy": gateway.CONNECTION_POLICY,
        "gateway_resource_policy": gateway.RESOURCE_POLICY,
        "gateway_resource_group": gateway.RESOURCE_GROUP,
        "gateway_certificate": gateway.CERTIFICATE,
        "gateway_transport": gateway.TRANSPORT,
    }
)

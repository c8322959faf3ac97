# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who owns a value in the policy hive. PRIVATE to the collection.

A value there may be an orphan: hardening roles and even Microsoft's repair scripts write the hive directly on hosts
without any policy. The resulting set of policy (root/rsop/computer) names the policy object; a host that has none, or
has no record for the value, may still be ruled by its local policy file or by device management, so these are looked
at before anybody calls a value an orphan.
"""

from __future__ import annotations

import contextlib

from .._cim import wql
from .._cim.schema import CIM_DATA_FILE, RSOP_GPO, RSOP_REGISTRY_POLICY_SETTING
from .._host import Host
from .._wsman.errors import WsmanFault

REGISTRY_POL = r"System32\GroupPolicy\Machine\Registry.pol"
EMPTY_POL = 8
"""Bytes of a registry.pol with nothing in it: signature and version (MS-GPREG 2.2.1)."""

MDM = r"HKLM\SOFTWARE\Microsoft\PolicyManager\current\device\RemoteDesktopServices"


def find(host: Host, key: str, names: tuple[str, ...]) -> dict[str, str]:
    """Owners of values of a policy key, by value name; a name without one is left out."""
    owners = _from_rsop(host, key, names)
    for name in names:
        if name not in owners and (other := _other_owner(host)):
            owners[name] = other
    return owners


def _from_rsop(host: Host, key: str, names: tuple[str, ...]) -> dict[str, str]:
    with contextlib.suppress(WsmanFault):
        found = host.cim.query(
            RSOP_REGISTRY_POLICY_SETTING,
            wql.any_of("valueName", names),
            ("GPOID", "precedence", "registryKey", "valueName"),
        )
        path = key.partition("\\")[2].lower()
        ours = [item for item in found if item.text("registryKey").strip("\\").lower().endswith(path)]
        winners = sorted(ours, key=lambda item: item.number("precedence") or 0, reverse=True)
        ids = {_name(item.text("valueName"), names): item.text("GPOID") for item in winners}
        titles = _titles(host, set(ids.values()))
        return {name: f"group policy {titles.get(gpo, gpo)}" for name, gpo in ids.items()}
    return {}


def _titles(host: Host, ids: set[str]) -> dict[str, str]:
    """The names of policy objects, by id; one that cannot be found keeps its id as its name."""
    if not ids:
        return {}
    with contextlib.suppress(WsmanFault):
        found = host.cim.query(RSOP_GPO, select=("id", "name"))
        named = {item.text("id").lower(): item.text("name") for item in found if item.text("name")}
        return {gpo: repr(named[gpo.lower()]) for gpo in ids if gpo.lower() in named}
    return {}


def _name(found: str, names: tuple[str, ...]) -> str:
    return next((name for name in names if name.lower() == found.lower()), found)


def _other_owner(host: Host) -> str:
    """The local policy file, or device management, where either has anything to say."""
    with contextlib.suppress(WsmanFault):
        policy = host.cim.find(CIM_DATA_FILE, Name=rf"{host.windows}\{REGISTRY_POL}")
        if policy is not None and (policy.number("FileSize") or 0) > EMPTY_POL:
            return "the local group policy (Registry.pol)"
    if host.registry.values(MDM):
        return "device management (MDM)"
    return ""

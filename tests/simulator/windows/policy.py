# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Group Policy as a host sees it: objects of a domain or of the local policy that write values again and again."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.windows.registry import Registry, Type


@dataclass(frozen=True)
class PolicyValue:
    """One registry value that a policy object owns."""

    key: str
    name: str
    type: Type
    data: Any

    @property
    def raw(self) -> bytes:
        """The data as registry.pol and RSOP_RegistryPolicySetting.value hold it."""
        if self.type is Type.DWORD:
            return struct.pack("<I", self.data)
        if self.type is Type.MULTI_SZ:
            return "".join(f"{text}\0" for text in (*self.data, "")).encode("utf-16-le")
        return str(self.data).encode("utf-16-le") + b"\0\0"


@dataclass(frozen=True)
class PolicyObject:
    """A Group Policy object: ``guid`` with braces, its display ``name``."""

    guid: str
    name: str
    values: tuple[PolicyValue, ...] = ()
    start_modes: tuple[tuple[str, int], ...] = ()


@dataclass
class GroupPolicy:
    """All policy objects that apply to a host, lowest precedence first."""

    registry: Registry
    set_start_mode: Callable[[str, int], None]
    refreshed: Callable[[], None]
    objects: list[PolicyObject] = field(default_factory=list)

    def link(self, policy: PolicyObject) -> None:
        """Let a policy object apply, from now on."""
        self.objects.append(policy)
        self.refresh()

    def unlink(self, name: str) -> None:
        """Take a policy object away; the values it wrote in the policy hive go with it."""
        gone = [policy for policy in self.objects if policy.name == name]
        self.objects = [policy for policy in self.objects if policy.name != name]
        for policy in gone:
            for value in policy.values:
                self.registry.discard(value.key, value.name)
        self.refresh()

    def refresh(self) -> None:
        """What ``gpupdate`` and the background refresh do: write every owned value again."""
        for policy in self.objects:
            for value in policy.values:
                self.registry.put(value.key, value.name, value.type, value.data)
            for service, start in policy.start_modes:
                self.set_start_mode(service, start)
        self.refreshed()

    def owner(self, key: str, name: str) -> PolicyObject | None:
        """The object that decides a value, or None when nobody owns it."""
        for policy in reversed(self.objects):
            if any((value.key.lower(), value.name.lower()) == (key.lower(), name.lower()) for value in policy.values):
                return policy
        return None

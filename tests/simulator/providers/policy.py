# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resultant set of policy in root/rsop/computer: which policy object wrote which value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import HostProvider, require_administrator
from tests.simulator.windows.policy import PolicyObject
from tests.simulator.wsman.provider import Caller, Instance


def gpo_id(policy: PolicyObject) -> str:
    """GPOID as RSoP writes it."""
    return f"cn={policy.guid},cn=policies,cn=system,DC=corp,DC=example"


@dataclass
class RegistryPolicySettings(HostProvider):
    """RSOP_RegistryPolicySetting: one instance for each value that a policy object owns."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, "WMI")
        for place, policy in enumerate(reversed(self.windows.policy.objects), start=1):
            for index, value in enumerate(policy.values):
                yield Instance("RSOP_RegistryPolicySetting", {
                    "id": f"{policy.guid}/{index}", "precedence": place, "GPOID": gpo_id(policy), "name": value.name,
                    "registryKey": value.key.partition("\\")[2], "valueName": value.name, "valueType": int(value.type),
                    "value": value.raw, "deleted": False, "command": "", "currentUser": False,
                    "SOMID": "DC=corp,DC=example",
                })  # fmt: skip


@dataclass
class PolicyObjects(HostProvider):
    """RSOP_GPO: names of policy objects."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, "WMI")
        for policy in self.windows.policy.objects:
            yield Instance("RSOP_GPO", {
                "id": gpo_id(policy), "guidName": policy.guid, "name": policy.name, "enabled": True,
                "accessDenied": False, "filterAllowed": True, "version": 65537,
            })  # fmt: skip

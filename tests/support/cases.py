# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host on which each fix has something to do, and what it is told there."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.simulator.host import SimulatedHost


@dataclass(frozen=True)
class Case:
    """What a host runs, what is broken there, its traits, and what the module is told."""

    breakages: tuple[str, ...] = ()
    options: Mapping[str, t.Any] = field(default_factory=dict)
    traits: tuple[str, ...] = ()
    version: str = "2022"

    def build(self) -> SimulatedHost:
        return SimulatedHost.build(self.version, breakages=self.breakages, traits=self.traits)


CASES: Mapping[str, Sequence[Case]] = {
    "remote_desktop": (Case(("rdp_denied",), version="11"), Case(("rdp_denied_by_policy",))),
    "firewall": (Case(("firewall_rule_disabled",)),),
    "transport": (Case((), {"mode": "tcp_only"}), Case((), {"mode": "tcp_only"}, ("many_sessions",))),
    "connection_limit": (Case(("connection_flood",), {"pending": 5000}),),
    "certificate": (Case(("certificate_expired",)),),
    "machine_keys": (Case(("folder_acl",), {"method": "folder_acl"}),),
    "schannel": (Case(("tls_server_disabled",)),),
    "network_stack": (Case((), {"dns": "flush"}, ("dns_cache_stale",)),),
    "client_settings": (Case((), {"udp": "off"}, ("connects_to_others",)),),
    "gateway": (
        Case(("gateway_rap_denied",), {"user_group": r"CORP\Others", "hosts": ["rdp01"]}),
        Case(("gateway_certificate_unbound",)),
    ),
    "security_layer": (Case(("security_layer_rdp",)), Case((), {"layer": "rdp"}, ("many_sessions",))),
    "nla": (Case((), {"state": "off", "lease": "30m"}),),
}
"""The first of each is one that the fix does, with something of it that can be undone."""

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What faults are tried on: each remedy, the loop, roll-backs, and all that only reads."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Options = Mapping[str, t.Any]


@dataclass(frozen=True, eq=False)
class Scenario:
    """One task on one broken host.

    Attributes:
        name: as the table prints it.
        breakages: what is planted on the host.
        check: whether the task runs in check mode.
        reads: whether it may write nothing.
        first: tasks that have run on the host before.
        also: values at which a run after a fault may end as well, by the names of the values.
        again: what a run makes once more where the one before met a fault after it was made, by a part of its path.
    """

    name: str
    module: str
    options: Options = field(default_factory=dict)
    breakages: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    check: bool = False
    first: tuple[Scenario, ...] = ()
    also: Mapping[str, t.Any] = field(default_factory=dict)
    again: str = ""

    @property
    def reads(self) -> bool:
        return self.check or self.module in READERS


READERS = ("diagnosis_info", "host_info")


def _fix(module: str, breakages: str = "", *, name: str = "", traits: str = "", **options: t.Any) -> Scenario:
    return Scenario(name or module, module, options, tuple(breakages.split()), tuple(traits.split()))


def _loop(breakages: str) -> Scenario:
    return Scenario(f"remediate {breakages or 'healthy'}", "remediate", {}, tuple(breakages.split()), also=BETWEEN)


BETWEEN = {"SecurityLayer": ["REG_DWORD", 1], "fAllowSecProtocolNegotiation": ["REG_DWORD", 1]}
"""The loop lets TLS be negotiated, proves it, and then requires it. Cut off in between, it leaves a healthy host. It
switches negotiation on, and off again where that brings to light what it cannot cure; cut off in between, it leaves it
on, and the next run does not know who got in before."""


REBOOT = {"allow_reboot": True, "restart": "always"}
RENAMED = replace(
    _fix("machine_keys", "key_unreadable", name="machine_keys rename", method="rename", accept_shared_keys=True),
    again="machinekeys_old2",  # keys may have been made since
)

FIXES = (
    _fix("remote_desktop", "rdp_denied termservice_disabled drain_mode", drain="off"),
    replace(_fix("remote_desktop", name="remote_desktop port", port=3390), first=(_fix("firewall", port=3390),)),
    _fix("firewall", "firewall_rule_disabled firewall_port_mismatch", remote_addresses=["10.0.0.0/8"]),
    _fix("firewall", "firewall_blocked_by_rule", name="firewall block_rules", block_rules="disable"),
    _fix("remote_desktop", "port_proxy", name="remote_desktop port_proxy", port_proxy="remove"),
    _fix("transport", mode="tcp_only"),
    _fix("connection_limit", pending=5000, sessions=25),
    _fix("certificate", "certificate_expired"),
    _fix("certificate", "certificate_pinned_missing", name="certificate self_signed", state="self_signed"),
    _fix("machine_keys", "key_unreadable"),
    _fix("machine_keys", "key_missing", name="machine_keys key"),
    _fix("machine_keys", "store_acl", name="machine_keys store_acl", method="store_acl"),
    _fix("machine_keys", "folder_acl", name="machine_keys folder_acl", method="folder_acl"),
    _fix("machine_keys", "key_unreadable", name="machine_keys certificate", method="certificate"),
    replace(
        _fix("machine_keys", "key_unreadable", name="machine_keys copy_aside", method="copy_aside"),
        again="machinekeys_old2",  # keys may have been made since
    ),
    RENAMED,
    replace(_fix("machine_keys", "key_unreadable", name="machine_keys restored", state="restored"), first=(RENAMED,)),
    _fix("schannel", "tls_server_disabled cipher_suites_empty", remove_orphaned_policy=True),
    _fix("network_stack", "winsock_layered", traits="dns_cache_stale", dns="flush", winsock="reset"),
    replace(
        _fix("network_stack", "winsock_layered", name="network_stack reboot"), options={"winsock": "reset", **REBOOT}
    ),
    _fix("client_settings", "client_tls12_disabled", udp="off", tls="usable"),
    _fix("gateway", "gateway_rap_disabled gateway_cap_disabled gateway_service_disabled"),
    _fix(
        "gateway",
        traits="gateway_role",
        name="gateway policies",
        user_group=r"CONTOSO\RDP Users",
        hosts=["rdp01"],
        udp="off",
    ),
    _fix("security_layer", layer="rdp", lease="2h"),
    _fix("security_layer", name="security_layer encryption", encryption="fips"),
    _fix("nla", state="off", lease="2h"),
    _fix("nla", name="nla permanent", state="off", accept_permanent_weakening=True),
)
LOOPS = tuple(
    _loop(breakages)
    for breakages in (
        "",
        "rdp_denied",
        "termservice_disabled",
        "listener_disabled",
        "firewall_rule_disabled",
        "firewall_port_mismatch",
        "security_layer_rdp",
        "key_unreadable",
        "certificate_expired",
        "tls_server_disabled",
        "negotiation_disabled key_unreadable",
        "negotiation_disabled cipher_suites_empty",
        "rdp_denied firewall_rule_disabled key_unreadable",
    )
)
FLOODED = Scenario("remediate connection_flood", "remediate", {"since": "1h"}, ("connection_flood",))
"""What shows this cause are events, and the next run comes later than they are looked for unless it is told."""

REBOOTING = Scenario("remediate with reboot", "remediate", REBOOT, ("tls_server_disabled",), also=BETWEEN)


def _undone(done: Scenario) -> Scenario:
    options = {"run": "all"}
    return Scenario(
        f"rollback of {done.name}", "rollback", options, done.breakages, done.traits, first=(*done.first, done)
    )


def _checked(done: Scenario) -> Scenario:
    return replace(done, name=f"check of {done.name}", check=True)


ROLLBACKS = tuple(_undone(done) for done in (*FIXES, LOOPS[-1]))
READINGS = (
    *(_checked(done) for done in (*FIXES, *LOOPS[1:])),
    Scenario("diagnose", "diagnosis_info", {}, ("key_unreadable",)),
    Scenario("diagnose in full", "diagnosis_info", {"depth": "full"}, ("rdp_denied",)),
    Scenario("host_info", "host_info"),
)
SCENARIOS = {scenario.name: scenario for scenario in (*FIXES, *LOOPS, FLOODED, REBOOTING, *ROLLBACKS, *READINGS)}

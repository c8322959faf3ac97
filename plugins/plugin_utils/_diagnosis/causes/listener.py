# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in the deny flag, the listener and its services. PRIVATE to the collection."""

from __future__ import annotations

import typing as t

from ..._model.settings import AT_LEAST, service_off
from ..facts import Evidence, Facts
from ._base import (
    ENABLE,
    LISTENS,
    MANAGER,
    REPAIR,
    SUPPORT,
    Cause,
    Cure,
    Shown,
    by_policy,
    disabled_service,
    local,
    of_settings,
    on_clients,
)


def _deny_missing(facts: Facts) -> Shown:
    state = facts.state("deny_connections")
    missing = state is not None and state.local.state == "absent" and not state.policy.is_value
    return (facts.stored("deny_connections"),) if missing else ()


def _termservice_stopped(facts: Facts) -> Shown:
    service = facts.service("TermService")
    if service is None or service.start_mode == "Disabled" or service.state in ("Running", "Start Pending"):
        return ()
    return (Evidence("TermService state", service.state, "Win32_Service"),)


def _adapter(facts: Facts) -> Shown:
    bound = facts.number("network_adapter") not in (None, 0)
    return (facts.stored("network_adapter"),) if bound and facts.listening is False else ()


def _port_taken(facts: Facts) -> Shown:
    if facts.foreign_listener and facts.observation.listener is not None:
        owners = list(facts.observation.listener.process_ids)
        return (Evidence(f"owner of TCP port {facts.port}", t.cast(t.Any, owners), "MSFT_NetTCPConnection"),)
    return ()


def _flood(facts: Facts) -> Shown:
    service, events = facts.service("TermService"), facts.events(MANAGER, 1006)
    stopped = facts.listening is False and facts.number("deny_connections") == 0
    if not events or not stopped or service is None or service.state != "Running":
        return ()
    return (
        Evidence(f"{MANAGER} 1006", len(events), "Win32_NTLogEvent"),
        Evidence(f"TCP port {facts.port}", "no listener while TermService runs", "MSFT_NetTCPConnection"),
        *_sources(facts),
    )


def _sources(facts: Facts) -> Shown:
    """Who made the most of the connections."""
    busiest = list((facts.observation.attempts or {}).items())[:5]
    return tuple(Evidence(f"connections from {address}", count, "RdpCoreTS 131, 140") for address, count in busiest)


CAUSES = (
    Cause(
        "rdp_denied",
        "Remote Desktop is switched off",
        "tcp",
        "critical",
        local("deny_connections", 1),
        LISTENS,
        (ENABLE,),
        touches=of_settings("deny_connections"),
        sources=(SUPPORT,),
    ),
    Cause(
        "deny_value_missing",
        "fDenyTSConnections is missing, so the listener is stopped although WMI says that connections are allowed",
        "tcp",
        "critical",
        _deny_missing,
        LISTENS,
        (ENABLE,),
        touches=of_settings("deny_connections"),
        sources=(REPAIR,),
    ),
    Cause(
        "rdp_denied_by_policy",
        "a policy switches Remote Desktop off",
        "tcp",
        "critical",
        by_policy("deny_connections", 1, owned=True),
        LISTENS,
        (ENABLE,),
        by_hand="Change the policy that the evidence names; a local write would be without effect.",
        touches=of_settings("deny_connections"),
        sources=(SUPPORT,),
    ),
    Cause(
        "rdp_denied_by_orphan_policy",
        "a policy value that no policy owns switches Remote Desktop off",
        "tcp",
        "critical",
        by_policy("deny_connections", 1, owned=False),
        LISTENS,
        (ENABLE,),
        "medium",
        by_hand="Remove the orphaned value: remote_desktop with remove_orphaned_policy, once nobody claims it.",
        touches=of_settings("deny_connections"),
        sources=(REPAIR,),
    ),
    Cause(
        "listener_disabled",
        "the RDP-Tcp listener is disabled",
        "tcp",
        "critical",
        local("listener_enabled", 0),
        LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "sessions_disabled",
        "Remote Desktop Services are disabled (TSEnabled)",
        "tcp",
        "critical",
        local("sessions_enabled", 0),
        LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "termservice_disabled",
        "the service TermService is disabled",
        "tcp",
        "critical",
        disabled_service("TermService"),
        LISTENS,
        (ENABLE,),
        "medium",
        touches=on_clients(service_off("TermService", "meets")),
        sources=(SUPPORT,),
    ),
    Cause(
        "termservice_stopped",
        "the service TermService does not run",
        "tcp",
        "critical",
        _termservice_stopped,
        LISTENS,
        (ENABLE,),
        sources=(SUPPORT,),
    ),
    Cause(
        "lan_adapter_missing",
        "the listener is bound to a network adapter that is not there",
        "tcp",
        "high",
        _adapter,
        LISTENS,
        by_hand="Set LanAdapter of RDP-Tcp to 0 and restart TermService.",
        sources=(SUPPORT,),
    ),
    Cause(
        "connection_flood",
        "the listener stopped under a flood of connections that never finished negotiating",
        "tcp",
        "critical",
        _flood,
        LISTENS,
        (Cure("connection_limit", {"pending": 10000, AT_LEAST: True}),),
        "medium",
        by_hand="Keep the flood's sources away at the edge; a higher limit only gains time.",
        sources=("https://learn.microsoft.com/troubleshoot/windows-server/remote/troubleshoot-rdp-general-error",),
    ),
    Cause(
        "port_taken",
        "another program has the RDP port",
        "x224",
        "high",
        _port_taken,
        "host_info: the listener's process is TermService's",
        by_hand="Move the program with that process id to another port, then restart TermService.",
        sources=(SUPPORT,),
    ),
)

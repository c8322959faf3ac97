# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in an RD Gateway, on hosts that have the role. PRIVATE to the collection.

They keep users from other hosts and never explain why this one does not answer, so they only contribute.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..._model.gateway import SERVICE, GatewayState
from ..facts import Evidence, Facts
from ._base import Cause, Cure, Severity, Shown

GATEWAY = "https://learn.microsoft.com/windows/win32/termserv/win32-tsgatewayserversettings"
POLICIES = "https://learn.microsoft.com/windows/win32/termserv/win32-tsgatewayresourceauthorizationpolicy"
BY_HAND = "Run gateway with user_group and hosts: it makes exactly the policy that is missing."


def _seen(shows: Callable[[GatewayState], Shown]) -> Callable[[Facts], Shown]:
    """Shown only where the role is."""

    def shown(facts: Facts) -> Shown:
        gateway = facts.observation.gateway
        return shows(gateway) if gateway and gateway.present else ()

    return shown


def _read(shows: Callable[[GatewayState], Shown]) -> Callable[[Facts], Shown]:
    """Shown only where the role's provider has answered."""
    return _seen(lambda gateway: () if gateway.unread else shows(gateway))


def _disabled(gateway: GatewayState) -> Shown:
    if gateway.start_mode != "Disabled":
        return ()
    return (Evidence(f"{SERVICE} start mode", gateway.start_mode, "Win32_Service"),)


def _stopped(gateway: GatewayState) -> Shown:
    if gateway.state == "Running" or gateway.start_mode == "Disabled":
        return ()
    return (Evidence(f"state of {SERVICE}", gateway.state, "Win32_Service"),)


def _unbound(gateway: GatewayState) -> Shown:
    if gateway.bound:
        return ()
    return (Evidence("bound certificate", gateway.thumbprint or "none", "Win32_TSGatewayServerSettings"),)


def _expired(facts: Facts) -> Shown:
    gateway, identity = facts.observation.gateway, facts.observation.identity
    bound = gateway.bound if gateway else None
    if bound is None or identity is None:
        return ()
    ended = datetime.fromisoformat(bound.not_after) <= datetime.fromisoformat(identity.local_time)
    return (Evidence(f"{bound.subject} ended", bound.not_after, "the machine's personal store"),) if ended else ()


def _no_connection_policy(gateway: GatewayState) -> Shown:
    if gateway.central or any(policy.enabled for policy in gateway.connections):
        return ()
    return (Evidence("connection policies in force", 0, "Win32_TSGatewayConnectionAuthorizationPolicy"),)


def _no_resource_policy(gateway: GatewayState) -> Shown:
    if any(policy.enabled for policy in gateway.resources):
        return ()
    return (Evidence("resource policies in force", 0, "Win32_TSGatewayResourceAuthorizationPolicy"),)


def _cause(
    name: str, title: str, severity: Severity, shows: Callable[[Facts], Shown], verify: str, by_hand: str = ""
) -> Cause:
    """By hand where the module has to be told for whom."""
    cures = () if by_hand else (Cure("gateway"),)
    source = POLICIES if by_hand else GATEWAY
    return Cause(
        name, title, "session", severity, shows, verify, cures, contributes=True, by_hand=by_hand, sources=(source,)
    )


CAUSES = (
    _cause(
        "gateway_service_disabled",
        "the RD Gateway's service is disabled",
        "critical",
        _seen(_disabled),
        "host_info: the start mode is not Disabled",
    ),
    _cause(
        "gateway_service_stopped",
        "the RD Gateway's service does not run",
        "critical",
        _seen(_stopped),
        "host_info: the service runs",
    ),
    _cause(
        "gateway_certificate_unbound",
        "no certificate is bound to the RD Gateway that the machine's store has",
        "critical",
        _read(_unbound),
        "host_info: the bound certificate is one of the store",
    ),
    _cause(
        "gateway_certificate_expired",
        "the RD Gateway's certificate has expired",
        "critical",
        _expired,
        "host_info: the bound certificate ends later",
    ),
    _cause(
        "gateway_cap_disabled",
        "no connection policy of the RD Gateway is in force, so it lets nobody in (event 201)",
        "high",
        _read(_no_connection_policy),
        "host_info: a connection policy is in force",
        BY_HAND,
    ),
    _cause(
        "gateway_rap_disabled",
        "no resource policy of the RD Gateway is in force, so nobody reaches a host (event 301)",
        "high",
        _read(_no_resource_policy),
        "host_info: a resource policy is in force",
        BY_HAND,
    ),
)

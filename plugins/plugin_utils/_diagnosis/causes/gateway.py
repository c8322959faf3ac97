# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in an RD Gateway, on hosts that have the role. PRIVATE to the collection.

They keep users from other hosts and never explain why this one does not answer, so they only contribute. Events say
whom the gateway refused; a refusal counts until the same user has come through. Why a policy did not fit cannot be told
from the gateway alone: it does not say which groups a user is in, nor which port was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from ..._model.gateway import SERVICE, GatewayEvent, GatewayState, still_refused
from ..._model.keys import CertificateState
from ..facts import Evidence, Facts
from ._base import Cause, Cure, Severity, Shown

GATEWAY = "https://learn.microsoft.com/windows/win32/termserv/win32-tsgatewayserversettings"
POLICIES = "https://learn.microsoft.com/windows/win32/termserv/win32-tsgatewayresourceauthorizationpolicy"
EVENTS = (
    "https://learn.microsoft.com/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/ee891388(v=ws.10)"
)
BY_HAND = "Run gateway with user_group and hosts: it makes exactly the policy that is missing."
CHANNEL = "TerminalServices-Gateway/Operational"
NAMED = 5
"""Users or targets that evidence names; of more it tells the number."""


def _seen(shows: Callable[[GatewayState], Shown]) -> Callable[[Facts], Shown]:
    """Shown only where the role is."""

    def shown(facts: Facts) -> Shown:
        gateway = facts.observation.gateway
        return shows(gateway) if gateway and gateway.present else ()

    return shown


def _disabled(gateway: GatewayState) -> Shown:
    if gateway.start_mode != "Disabled":
        return ()
    return (Evidence(f"{SERVICE} start mode", gateway.start_mode, "Win32_Service"),)


def _stopped(gateway: GatewayState) -> Shown:
    if gateway.state == "Running" or gateway.start_mode == "Disabled":
        return ()
    return (Evidence(f"state of {SERVICE}", gateway.state, "Win32_Service"),)


def _unbound(facts: Facts) -> Shown:
    """None that could serve: the store does not have it, or the service cannot use its key."""
    gateway = _known(facts)
    if gateway is None:
        return ()
    none = Evidence("bound certificate", gateway.thumbprint or "none", "Win32_TSGatewayServerSettings")
    lack = _useless(gateway.bound) if gateway.bound else (none,)
    return (*lack, *_told(facts, 102, "no valid certificate")) if lack else ()


def _useless(bound: CertificateState) -> Shown:
    """Why the service cannot use a certificate's key; nothing where only SYSTEM may tell."""
    file = bound.key_file
    if file is None or not bound.has_key:
        path = file.path if file else "the store's link to a key"
        return (Evidence(f"private key of the certificate {bound.thumbprint}", "absent", path),)
    if bound.readable is not False:
        return ()
    return (Evidence(f"permissions of {file.path}", file.dacl.data, "Win32_LogicalFileSecuritySetting"),)


def _expired(facts: Facts) -> Shown:
    gateway, identity = facts.observation.gateway, facts.observation.identity
    bound = gateway.bound if gateway else None
    if bound is None or identity is None:
        return ()
    ended = datetime.fromisoformat(bound.not_after) <= datetime.fromisoformat(identity.local_time)
    return (Evidence(f"{bound.subject} ended", bound.not_after, "the machine's personal store"),) if ended else ()


def _no_connection_policy(facts: Facts) -> Shown:
    gateway = _known(facts)
    if gateway is None or gateway.admits:
        return ()
    none = Evidence("connection policies in force", 0, "Win32_TSGatewayConnectionAuthorizationPolicy")
    return (none, *_refused_users(_events(facts)))


def _no_resource_policy(facts: Facts) -> Shown:
    gateway = _known(facts)
    if gateway is None or gateway.in_force:
        return ()
    none = Evidence("resource policies in force", 0, "Win32_TSGatewayResourceAuthorizationPolicy")
    return (none, *_refused_targets(_through(facts)))


# --- what events tell


def _known(facts: Facts) -> GatewayState | None:
    """The role, where its provider has answered."""
    gateway = facts.observation.gateway
    return gateway if gateway and gateway.present and not gateway.unread else None


def _events(facts: Facts) -> tuple[GatewayEvent, ...]:
    return facts.observation.gateway_events or ()


def _told(facts: Facts, number: int, what: str) -> Shown:
    """How often the gateway tells of itself what is wrong."""
    times = sum(event.id == number for event in _events(facts))
    return (Evidence(f"{what} (event {number})", f"{times} times" if times > 1 else "once", CHANNEL),) if times else ()


def _listed(what: str, names: Iterable[str]) -> Shown:
    """The names, each once, as one piece of evidence."""
    found = sorted(set(names), key=str.lower)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return (Evidence(what, ", ".join(found[:NAMED]) + more, CHANNEL),) if found else ()


def _refused_users(events: Iterable[GatewayEvent]) -> Shown:
    users = (GatewayEvent(event.id, event.user) for event in events)
    refused = (event.user for event in still_refused(users, 201, 200))
    return _listed("users let in by no connection policy (event 201)", refused)


def _through(facts: Facts) -> tuple[GatewayEvent, ...]:
    """Users and the targets to which no resource policy lets them through."""
    return still_refused(_events(facts), 301, 300)


def _refused_targets(refused: Iterable[GatewayEvent]) -> Shown:
    return _listed("let through by no resource policy (event 301)", map(_way, refused))


def _way(event: GatewayEvent) -> str:
    return f"{event.user} to {event.target}"


def _refused_in(facts: Facts) -> Shown:
    """Where no policy is in force, that is the finding."""
    gateway = _known(facts)
    return _refused_users(_events(facts)) if gateway is None or gateway.admits else ()


def _unnamed(facts: Facts) -> Shown:
    """Targets that no policy in force names as the client does."""
    gateway = _known(facts)
    if gateway is None or not gateway.in_force:
        return ()
    return _refused_targets(event for event in _through(facts) if not gateway.may_cover(event.target))


def _refused_through(facts: Facts) -> Shown:
    """Targets that policies do name, or may name: what is left are the user's groups and the port."""
    gateway = _known(facts)
    if gateway is None:
        return _refused_targets(_through(facts))
    refused = [event for event in _through(facts) if gateway.may_cover(event.target)]
    ports = sorted({port for policy in gateway.in_force for port in policy.ports})
    allowed = Evidence("ports of the policies in force", ", ".join(ports), "Win32_TSGatewayResourceAuthorizationPolicy")
    return (*_refused_targets(refused), allowed) if refused else ()


def _not_reached(facts: Facts) -> Shown:
    return _listed(
        "not reached by the gateway (event 304)", (event.target for event in still_refused(_events(facts), 304, 302))
    )


def _at_limit(facts: Facts) -> Shown:
    gateway = _known(facts)
    told = _told(facts, 203, "as many connections as it may have")
    limit = gateway.limit if gateway else None
    return (*told, Evidence("limit", limit, "Win32_TSGatewayServerSettings")) if told and limit else told


def _cause(
    name: str,
    title: str,
    severity: Severity,
    shows: Callable[[Facts], Shown],
    verify: str,
    by_hand: str = "",
    *sources: str,
) -> Cause:
    """By hand where the module has to be told for whom, or has no part.

    A user whom one thing stops comes to nothing that is asked after it; the host behind the gateway is the last.
    """
    cures = () if by_hand else (Cure("gateway"),)
    read = sources or (POLICIES if by_hand else GATEWAY,)
    return Cause(
        name,
        title,
        "session",
        severity,
        shows,
        verify,
        cures,
        contributes=True,
        veils=name != "gateway_target_unreachable",
        by_hand=by_hand,
        sources=read,
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
        "no certificate is bound to the RD Gateway that the machine's store has with a key that its service can use",
        "critical",
        _unbound,
        "host_info: the bound certificate is one of the store, and NETWORK SERVICE may read its key",
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
        _no_connection_policy,
        "host_info: a connection policy is in force",
        BY_HAND,
    ),
    _cause(
        "gateway_rap_disabled",
        "no resource policy of the RD Gateway is in force, so nobody reaches a host (event 301)",
        "high",
        _no_resource_policy,
        "host_info: a resource policy is in force",
        BY_HAND,
    ),
    _cause(
        "gateway_cap_denied",
        "the RD Gateway refuses users whom none of its connection policies lets in (event 201)",
        "medium",
        _refused_in,
        "event 200 for the same user",
        f"{BY_HAND} Where another server (NPS) keeps connection policies, look at its own. A wrong password is refused "
        "so as well.",
        EVENTS,
        POLICIES,
    ),
    _cause(
        "gateway_rap_resource",
        "users ask the RD Gateway for hosts under names that none of its resource policies has (event 301)",
        "medium",
        _unnamed,
        "event 300 for the same user and name",
        f"{BY_HAND} A full name does not stand for the short one or for an address; give every one that users use.",
        EVENTS,
        POLICIES,
    ),
    _cause(
        "gateway_rap_denied",
        "the RD Gateway refuses users the way to hosts that its resource policies name (event 301)",
        "medium",
        _refused_through,
        "event 300 for the same user and name",
        f"{BY_HAND} Either the user is in none of the policies' groups, or the host listens on none of their ports.",
        EVENTS,
        POLICIES,
    ),
    _cause(
        "gateway_target_unreachable",
        "policies let users through, and the RD Gateway does not reach the host (event 304)",
        "medium",
        _not_reached,
        "event 302 for the same name",
        "Diagnose the named hosts, with a probe that is delegated to the gateway: the way from there is what fails.",
        EVENTS,
    ),
    _cause(
        "gateway_limit",
        "the RD Gateway has as many connections as it may have, so it refuses more (event 203)",
        "high",
        _at_limit,
        "no new event 203",
        "Raise the limit in the gateway's properties, or disconnect whom nobody needs connected.",
        EVENTS,
    ),
    _cause(
        "gateway_exception",
        "the RD Gateway's service fails and is started anew, which ends every connection (event 700)",
        "high",
        lambda facts: _told(facts, 700, "started anew after an exception"),
        "no new event 700",
        "Install the newest cumulative update, and look for the failing module in the Application log.",
        EVENTS,
    ),
)

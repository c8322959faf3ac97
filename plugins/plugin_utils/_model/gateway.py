# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""An RD Gateway: its service, certificate, policies, and whom they let through. PRIVATE to the collection.

Sources: Microsoft Win32 documentation, TermServ: lists are separated by semicolons, groups are written
C(Domain\UserGroupName), the port C(*) is any; resources are C(RG), a group kept by the gateway, C(CG), a computer
group of Active Directory, or C(ALL).
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .keys import CertificateState

SERVICE = "TSGateway"


def listed(text: object) -> frozenset[str]:
    """The parts of a list with semicolons, in lower case: names differ in nothing by case."""
    return frozenset(part.strip().lower() for part in str(text).split(";") if part.strip())


LOGON_WAYS = ("PasswordAllowed", "SmartcardAllowed", "SecureIdAllowed", "CookieAuthenticationAllowed")
"""How a connection policy may let users log on (Win32_TSGatewayConnectionAuthorizationPolicy)."""


@dataclass(frozen=True)
class GatewayItem:
    """A policy or a resource group, with all that Create takes of it by the names of its properties."""

    fields: Mapping[str, t.Any]

    @property
    def name(self) -> str:
        return str(self.fields["Name"])

    @property
    def enabled(self) -> bool:
        return self.fields["Enabled"] is True

    @property
    def groups(self) -> frozenset[str]:
        """The user groups that it is for."""
        return listed(self.fields["UserGroupNames"])

    @property
    def computers(self) -> frozenset[str]:
        """The groups that the computers of users have to be members of; empty where any computer will do."""
        return listed(self.fields["ComputerGroupNames"])

    @property
    def admits(self) -> bool:
        """Whether this connection policy is in force and takes any way to log on."""
        return self.enabled and any(self.fields[way] is True for way in LOGON_WAYS)

    @property
    def ports(self) -> frozenset[str]:
        return listed(self.fields["PortNumbers"])

    @property
    def resources(self) -> frozenset[str]:
        """What a resource group holds."""
        return listed(self.fields["Resources"])

    def uses(self, group: GatewayItem) -> bool:
        """Whether this resource policy is about that resource group."""
        kind, name = self.fields["ResourceGroupType"], self.fields["ResourceGroupName"]
        return bool(kind == "RG" and str(name).lower() == group.name.lower())


@dataclass(frozen=True)
class GatewayEvent:
    """What an RD Gateway tells of a connection, or of itself; ``target`` as the user's client has named it."""

    id: int
    user: str = ""
    target: str = ""


def still_refused(events: Iterable[GatewayEvent], refusal: int, *passes: int) -> tuple[GatewayEvent, ...]:
    """The refusals of one kind that nothing has set right since, each user and target once.

    Args:
        events: newest first.
        refusal: their id.
        passes: ids that tell that the same user came through to the same target.
    """
    newest: dict[tuple[str, str], GatewayEvent] = {}
    for event in events:
        if event.id in (refusal, *passes):
            newest.setdefault((event.user.lower(), event.target.lower()), event)
    return tuple(event for event in newest.values() if event.id == refusal)


@dataclass(frozen=True)
class GatewayState:
    """An RD Gateway as it is.

    Attributes:
        state: of its service, in Win32_Service's words; empty where the host does not have the role.
        start_mode: of its service, in the same way.
        unread: why the rest could not be read, as may be while the service is stopped; or empty.
        thumbprint: of the bound certificate, or empty.
        certificates: those of the machine's personal store.
        central: whether connection policies are kept by another server and not here.
        udp: whether the UDP transport is offered.
        limit: how many connections it takes; None without a limit.
        protocol: what it calls the protocol of Remote Desktop.
        addresses: of the names that were asked about, as the controller's resolver has them.
    """

    state: str = ""
    start_mode: str = ""
    unread: str = ""
    thumbprint: str = ""
    certificates: tuple[CertificateState, ...] = ()
    connections: tuple[GatewayItem, ...] = ()
    resources: tuple[GatewayItem, ...] = ()
    groups: tuple[GatewayItem, ...] = ()
    central: bool = False
    udp: bool = False
    limit: int | None = None
    protocol: str = "RDP"
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def admits(self) -> bool:
        """Whether a connection policy is in force, here or at the server that keeps them."""
        return self.central or any(policy.admits for policy in self.connections)

    @property
    def in_force(self) -> tuple[GatewayItem, ...]:
        """The resource policies in force."""
        return tuple(policy for policy in self.resources if policy.enabled)

    @property
    def present(self) -> bool:
        """Whether the host has the role."""
        return bool(self.state)

    @property
    def bound(self) -> CertificateState | None:
        """The bound certificate, where the store has it."""
        return self.certificate(self.thumbprint)

    def certificate(self, thumbprint: str) -> CertificateState | None:
        return next((item for item in self.certificates if item.thumbprint == thumbprint), None)

    def lets_in(self, group: str) -> Iterator[GatewayItem]:
        """The connection policies in force for a user group, which may be so from some computers alone."""
        return (policy for policy in self.connections if policy.admits and group.lower() in policy.groups)

    def lets_through(self, group: str, host: str, port: int) -> bool:
        """Whether a resource policy lets a user group reach a host under exactly this name on this port."""
        policies = (policy for policy in self.in_force if group.lower() in policy.groups)
        return any({"*", str(port)} & policy.ports and self.covers(policy, host) for policy in policies)

    def covers(self, policy: GatewayItem, host: str) -> bool:
        """Whether a policy's resources name a host; members of a computer group are not seen from here."""
        group = self.group_of(policy)
        named = group is not None and bool({"*", host.lower()} & group.resources)
        return policy.fields["ResourceGroupType"] == "ALL" or named

    def may_cover(self, host: str) -> bool:
        """Whether a resource policy in force names a host, or is for a computer group, whose members are not seen."""
        return any(p.fields["ResourceGroupType"] == "CG" or self.covers(p, host) for p in self.in_force)

    def group_of(self, policy: GatewayItem) -> GatewayItem | None:
        return next((group for group in self.groups if policy.uses(group)), None)

    def is_used(self, group: GatewayItem) -> bool:
        """Whether any policy is about a resource group."""
        return any(policy.uses(group) for policy in self.resources)

    def is_shared(self, group: GatewayItem) -> bool:
        """Whether more than one policy is about a resource group."""
        return sum(policy.uses(group) for policy in self.resources) > 1

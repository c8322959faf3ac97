# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RD Gateway role through its WMI provider.

PRIVATE to the collection. Source: Win32_TSGatewayServerSettings, …ConnectionAuthorizationPolicy,
…ResourceAuthorizationPolicy, …ResourceGroup, …Connection (Microsoft Win32 documentation, TermServ). Methods return 0,
else an HRESULT or a Win32 code. Without the role there are no such classes.

A record is what Create takes of a policy or a resource group, by the names of its properties; null reads as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    WIN32_TS_GATEWAY_CONNECTION,
    WIN32_TS_GATEWAY_CONNECTION_POLICY,
    WIN32_TS_GATEWAY_RESOURCE_GROUP,
    WIN32_TS_GATEWAY_RESOURCE_POLICY,
    WIN32_TS_GATEWAY_SERVER_SETTINGS,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import STRING, UINT32, CimClass
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance

CONNECTION_POLICY = WIN32_TS_GATEWAY_CONNECTION_POLICY
RESOURCE_POLICY = WIN32_TS_GATEWAY_RESOURCE_POLICY
RESOURCE_GROUP = WIN32_TS_GATEWAY_RESOURCE_GROUP

HTTP, UDP = 1, 2
"""TransportType: 0 RPC over HTTP, 1 HTTP, 2 UDP."""

_GIVEN_AS: Mapping[str, str] = MappingProxyType(
    {
        "PasswordAllowed": "Password",
        "SmartcardAllowed": "SmartCard",
        "SecureIdAllowed": "SecureId",
        "CookieAuthenticationAllowed": "CookieAuthentication",
    }
)
"""Properties of a connection policy whose parameter has another name."""

Field = bool | int | str
Record = Mapping[str, Field]


@dataclass(frozen=True)
class ServerSettings:
    """Settings of the role. ``thumbprint`` is the bound certificate's SHA-1 in upper case, or empty.

    ``central`` says that connection policies are kept by another server (NPS) and not here, ``configured`` that IIS and
    RPC are set up for the role.
    """

    thumbprint: str
    central: bool
    limit: int | None
    configured: bool


def settings(client: CimClient) -> ServerSettings:
    """Return the settings; ``limit`` is None where the number of connections is not limited."""
    found = client.get(WIN32_TS_GATEWAY_SERVER_SETTINGS)
    digest = found.get("CertHash")
    return ServerSettings(
        thumbprint=digest.hex().upper() if isinstance(digest, bytes) else "",
        central=found.get("CentralCAPEnabled") is True,
        limit=None if found.get("UnlimitedConnections") is True else found.number("MaxConnections"),
        configured=found.get("IsConfigured") is True,
    )


REMOTE_DESKTOP, USUAL_NAME = 0, "RDP"
"""ProtocolId of the one protocol that is supported: it is an index from zero (Microsoft Learn, GetProtocolName). Its
name is UNSURE, so the host is asked."""


def protocol(client: CimClient) -> str:
    """Return the name by which resource policies take the protocol of Remote Desktop, the usual one if none is told."""
    return told_protocol(client) or USUAL_NAME


def told_protocol(client: CimClient) -> str:
    """Return what GetProtocolName returns; empty where that is nothing.

    Microsoft Learn, Win32_TSGatewayResourceAuthorizationPolicy: a policy has to name the protocol so.
    """
    outcome = client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "GetProtocolName", {"ProtocolId": REMOTE_DESKTOP})
    told = outcome.out.get("ProtocolName")
    return told if outcome.ok and isinstance(told, str) else ""


def port(client: CimClient, transport: int) -> int | None:
    """Return the port that a transport is offered on; None where it is not told."""
    outcome = client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "GetIPAndPort", {"TransportType": transport})
    found = outcome.out.get("Port")
    return found if outcome.ok and isinstance(found, int) else None


def transport_enabled(client: CimClient, transport: int) -> bool:
    """Return whether a transport is offered."""
    outcome = client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "IsTransportEnabled", {"TransportType": transport})
    return outcome.out.get("Enabled") is True


def enable_transport(client: CimClient, transport: int, enable: bool) -> Outcome:
    """Offer a transport, or do not."""
    arguments = {"TransportType": transport, "Enable": enable}
    return client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "EnableTransport", arguments)


def bind_certificate(client: CimClient, thumbprint: str) -> Outcome:
    """Bind a certificate of the machine's personal store, and let the service take it up."""
    outcome = client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "SetCertificate", {"CertHash": bytes.fromhex(thumbprint)})
    return take_up(client, settings(client)) if outcome.ok else outcome


def take_up(client: CimClient, found: ServerSettings) -> Outcome:
    """Let the service take up the certificate that is bound by these settings; again where it has, to no effect.

    Microsoft Learn, SetCertificate: Configure has to follow, which sets up IIS and RPC for the role. Where that has
    been done it is not done again, since nobody would bring back what administrators have changed there.
    """
    outcome = None if found.configured else client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "Configure")
    if outcome is not None and not outcome.ok:
        return outcome
    arguments = {"CertHash": bytes.fromhex(found.thumbprint)}
    return client.invoke(WIN32_TS_GATEWAY_SERVER_SETTINGS, "RefreshCertContext", arguments)


@dataclass(frozen=True)
class Connection:
    r"""Somebody's connection by way of the gateway: the user as ``DOMAIN\name``, from where, and to which host."""

    user: str
    client: str
    resource: str

    def __str__(self) -> str:
        return f"{self.user} from {self.client} to {self.resource}"


def connections(client: CimClient) -> list[Connection]:
    """Return who is connected by way of the gateway now, by user."""
    found = client.query(WIN32_TS_GATEWAY_CONNECTION, select=("UserName", "ClientAddress", "ConnectedResource"))
    listed = (tuple(item.text(name) for name in ("UserName", "ClientAddress", "ConnectedResource")) for item in found)
    return [Connection(*fields) for fields in sorted(listed)]


def records(client: CimClient, cls: CimClass) -> list[Record]:
    """Return all policies or resource groups of a class."""
    return [_record(instance, cls) for instance in client.query(cls)]


def record(client: CimClient, cls: CimClass, name: str) -> Record | None:
    """Return the policy or resource group of a name, None when there is none."""
    found = client.find(cls, Name=name)
    return _record(found, cls) if found else None


def create(client: CimClient, cls: CimClass, wanted: Record) -> Outcome:
    """Create a policy or resource group."""
    return client.invoke(cls, "Create", _given(wanted))


def change(client: CimClient, cls: CimClass, present: Record, wanted: Record) -> Outcome:
    """Change what differs: one field by its own method where it has one, else the whole."""
    name = str(present["Name"])
    differing = [field for field in wanted if present.get(field) != wanted[field]]
    setter = f"Set{differing[0]}" if len(differing) == 1 else ""
    if setter in cls.methods:
        return client.invoke(cls, setter, {differing[0]: wanted[differing[0]]}, {"Name": name})
    return client.invoke(cls, "Update", _given(wanted), {"Name": name})


def delete(client: CimClient, cls: CimClass, name: str) -> Outcome:
    """Delete a policy or resource group."""
    return client.invoke(cls, "Delete", keys={"Name": name})


def _given(wanted: Record) -> dict[str, Field]:
    return {_GIVEN_AS.get(field, field): value for field, value in wanted.items()}


def _record(instance: Instance, cls: CimClass) -> Record:
    properties = {given: name for name, given in _GIVEN_AS.items()}
    names = (properties.get(given, given) for given in cls.methods["Create"].params)
    return {name: _field(instance, cls, name) for name in names}


def _field(instance: Instance, cls: CimClass, name: str) -> Field:
    kind = cls.properties[name]
    if kind == STRING:
        return instance.text(name)
    return (instance.number(name) or 0) if kind == UINT32 else instance.get(name) is True

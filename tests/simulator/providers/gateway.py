# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Win32_TSGateway*: settings and policies of the RD Gateway role. Methods return 0, an HRESULT or a Win32 code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import NOT_FOUND, HostProvider, number, require_administrator, text
from tests.simulator.windows.certificates import Request
from tests.simulator.windows.gateway import Gateway, Row
from tests.simulator.windows.tenants import NETWORK_SERVICE_KEY
from tests.simulator.wsman.provider import Caller, CimError, Instance, Values

PROVIDER = "AAGProvider"
INVALID_PARAMETER, EXISTS, MISSING, NO_CERTIFICATE = 0x80070057, 0x800700B7, 0x80070490, 0x80092004
RENAMED = {
    "SmartCard": "SmartcardAllowed", "Password": "PasswordAllowed", "SecureId": "SecureIdAllowed",
    "CookieAuthentication": "CookieAuthenticationAllowed",
}  # fmt: skip
SETTERS = {
    "DisableClipboard": "ClipboardDisabled", "DisableDiskDrives": "DiskDrivesDisabled",
    "DisablePrinters": "PrintersDisabled", "DisableSerialPorts": "SerialPortsDisabled",
    "DisablePlugAndPlayDevices": "PlugAndPlayDevicesDisabled", "SetPasswordAllowed": "PasswordAllowed",
    "SetSmartcardAllowed": "SmartcardAllowed", "SetSecureIdAllowed": "SecureIdAllowed",
    "SetCookieAuthenticationAllowed": "CookieAuthenticationAllowed",
}  # fmt: skip
FORBIDDEN = frozenset('<>:;"/\\|?*\t')


def gateway_of(provider: HostProvider, caller: Caller) -> Gateway:
    """The role's state, for administrators alone."""
    require_administrator(caller, PROVIDER)
    gateway = provider.windows.gateway
    if gateway is None or not (gateway.running() or provider.windows.switches["gateway_stopped"]):
        raise CimError(NOT_FOUND, provider=PROVIDER)
    return gateway


@dataclass
class GatewayRows(HostProvider):
    """Policies or resource groups: ``kind`` is the list of the role that holds them."""

    class_name: str = ""
    kind: str = ""

    def _rows(self, caller: Caller) -> list[Row]:
        gateway = gateway_of(self, caller)
        return {"connections": gateway.connections, "resources": gateway.resources, "groups": gateway.groups}[self.kind]

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        return [Instance(self.class_name, self._shown(row, caller)) for row in self._rows(caller)]

    def _shown(self, row: Row, caller: Caller) -> Row:
        if self.kind == "connections":
            return {**row, "Order": self._rows(caller).index(row) + 1}
        if self.kind == "groups":
            policies = gateway_of(self, caller).resources
            users = [text(item["Name"]) for item in policies if item["ResourceGroupName"] == row["Name"]]
            return {**row, "AssociatedRAPs": ";".join(users)}
        return row

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        rows = self._rows(caller)
        if method == "Create":
            return {"ReturnValue": self._create(rows, args, gateway_of(self, caller).protocol)}
        wanted = text((keys or {}).get("Name")).lower()
        row = next((item for item in rows if text(item["Name"]).lower() == wanted), None)
        if row is None:
            raise CimError(NOT_FOUND, operation="ExecMethod", provider=PROVIDER)
        return {"ReturnValue": self._change(method, rows, row, args)}

    def _create(self, rows: list[Row], args: Values, protocol: str) -> int:
        """A new connection policy comes first in the order."""
        if args.get("ProtocolNames") not in (None, protocol):
            return INVALID_PARAMETER
        name = text(args.get("Name"))
        if not name or len(name) > 64 or FORBIDDEN & set(name):
            return INVALID_PARAMETER
        if any(text(row["Name"]).lower() == name.lower() for row in rows):
            return EXISTS
        if args.get("ResourceGroupType") not in (None, "RG", "CG", "ALL"):
            return INVALID_PARAMETER
        rows.insert(0 if self.kind == "connections" else len(rows), self._row(args))
        return 0

    def _row(self, args: Values) -> Row:
        row = {RENAMED.get(name, name): value for name, value in args.items()}
        return {**row, "HasNapAttributes": False} if self.kind == "connections" else row

    def _change(self, method: str, rows: list[Row], row: Row, args: Values) -> int:
        if method == "Delete":
            rows.remove(row)
        elif method in ("MoveUp", "MoveDown"):
            self._move(rows, row, -1 if method == "MoveUp" else 1)
        elif method in SETTERS:
            row[SETTERS[method]] = next(iter(args.values()))
        elif method.startswith(("Add", "Remove")):
            self._listed(row, args, adding=method.startswith("Add"))
        else:
            row.update({RENAMED.get(name, name): value for name, value in args.items() if value is not None})
        return 0

    @staticmethod
    def _move(rows: list[Row], row: Row, step: int) -> None:
        place = min(max(rows.index(row) + step, 0), len(rows) - 1)
        rows.remove(row)
        rows.insert(place, row)

    @staticmethod
    def _listed(row: Row, args: Values, *, adding: bool) -> None:
        (name, value), *_rest = args.items()
        given, present = text(value).split(";"), [item for item in text(row.get(name)).split(";") if item]
        kept = [item for item in present if item.lower() not in {word.lower() for word in given}]
        row[name] = ";".join([*kept, *given] if adding else kept)


@dataclass
class GatewaySettings(HostProvider):
    """Win32_TSGatewayServerSettings."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        gateway = gateway_of(self, caller)
        yield Instance("Win32_TSGatewayServerSettings", {
            "MaxConnections": gateway.limit or 0xFFFFFFFF, "UnlimitedConnections": not gateway.limit,
            "MaximumAllowedConnectionsBySku": 0xFFFFFFFF, "SkuName": "Windows Server Standard", "MaxProtocols": 1,
            "MaxLogEvents": 7, "OnlyConsentCapableClients": False, "CentralCAPEnabled": gateway.central,
            "RequestSOH": False, "AuthenticationPluginName": "native", "AuthorizationPluginName": "native",
            "SslBridging": 0, "IsConfigured": gateway.configured, "CertHash": gateway.certificate or None,
            "EnforceChannelBinding": gateway.channel_binding,
        })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        gateway = gateway_of(self, caller)
        transport = number(args.get("TransportType"))
        if transport not in gateway.transports:
            return {"ReturnValue": INVALID_PARAMETER}
        if method == "GetProtocolName":
            return {"ProtocolName": gateway.protocol, "ReturnValue": 0}
        if method == "IsTransportEnabled":
            return {"Enabled": gateway.transports[transport], "ReturnValue": 0}
        if method == "GetIPAndPort":
            return {"IPAddress": "*", "Port": gateway.ports[transport], "ReturnValue": 0}
        if method == "QueryCertContext":
            code = 0 if gateway.certificate else NO_CERTIFICATE
            return {"CertHash": gateway.certificate or None, "ReturnValue": code}
        return {"ReturnValue": self._set(method, gateway, transport, args)}

    def _set(self, method: str, gateway: Gateway, transport: int, args: Values) -> int:
        if method == "EnableTransport":
            gateway.transports[transport] = bool(args.get("Enable"))
        elif method == "SetIPAndPort":
            gateway.ports[transport] = number(args.get("Port"))
        elif method == "SetMaxConnections":
            gateway.limit = 0 if args.get("IsUnlimited") else number(args.get("Connections"))
        elif method == "EnableCentralCAP":
            gateway.central = bool(args.get("CentralCAPEnabled"))
        elif method == "Configure":
            gateway.configured = True
        elif method == "SetEnforceChannelBinding":
            gateway.channel_binding = bool(args.get("EnforceChannelBinding"))
        elif method in ("SetCertificate", "RefreshCertContext", "SetCertificateACL"):
            return self._bind(method, gateway, args.get("CertHash"))
        return 0

    def _bind(self, method: str, gateway: Gateway, given: object) -> int:
        thumbprint = given.hex().upper() if isinstance(given, bytes) else ""
        if self.windows.certificates.in_store("MY", thumbprint) is None:
            return NO_CERTIFICATE
        if method == "SetCertificate":
            gateway.certificate = bytes.fromhex(thumbprint)
        if method == "RefreshCertContext":
            gateway.refresh(bytes.fromhex(thumbprint))
        return 0


@dataclass
class GatewayConnections(HostProvider):
    """Win32_TSGatewayConnection."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for item in gateway_of(self, caller).open:
            yield Instance("Win32_TSGatewayConnection", {
                "ConnectionKey": f"{item.tunnel}:{item.channel}", "TunnelId": item.tunnel, "ChannelId": item.channel,
                "UserName": item.user, "FullUserName": item.user.rpartition("\\")[2], "ClientAddress": item.client,
                "ConnectedTime": "20260601115900.000000+000", "IdleTime": "00000000000000.000000:000",
                "ConnectedResource": item.resource, "ProtocolName": "RDP", "ConnectedPort": item.port,
                "NumberOfKilobytesSent": 20423, "NumberOfKilobytesReceived": 3110,
                "ConnectionDuration": "00000000000100.000000:000", "TransportProtocol": item.transport,
            })  # fmt: skip


@dataclass
class GatewayServer(HostProvider):
    """Win32_TSGatewayServer."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        gateway_of(self, caller)
        yield Instance("Win32_TSGatewayServer", {"Name": self.windows.machine.computer_name})

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        gateway_of(self, caller)
        subject = text(args.get("SubjectName"))
        if not subject:
            return {"CertHash": None, "ReturnValue": INVALID_PARAMETER}
        made = self.windows.certificates.add(subject, Request(key=7, sddl=NETWORK_SERVICE_KEY))
        return {"CertHash": bytes.fromhex(made.thumbprint), "ReturnValue": 0}

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RDP listener: what the registry says, what is live, and how it answers a connection request.

Stored and live are two things: a value that takes effect only after a restart of TermService is read when that service
starts. Sources: TerminalServer.admx (policies), MS-RDPBCGR 2.2.1.1 and 2.2.1.2 (negotiation), Azure
repair-script-library win-fix-rdp-connectivity.ps1 (a missing fDenyTSConnections stops the listener; numbers out of
range drop every connection).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from tests.simulator.windows.certificates import LISTENER, POLICY, ListenerCertificates, StoredCertificate
from tests.simulator.windows.editions import Edition
from tests.simulator.windows.events import (
    ERROR,
    INFORMATION,
    MANAGER_LOG,
    RDP_CORE,
    RDP_CORE_LOG,
    REMOTE_CONNECTION_MANAGER,
    EventLog,
)
from tests.simulator.windows.registry import Registry, Type
from tests.simulator.windows.schannel import Schannel
from tests.simulator.windows.security import SecurityDescriptor

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
TERMINAL_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
SERVICE_PARAMETERS = r"HKLM\SYSTEM\CurrentControlSet\Services\TermService\Parameters"
SERVICE_DLL = r"%SystemRoot%\System32\termsrv.dll"
PROTOCOL_OBJECT = "{5828227c-20cf-4408-b73f-73ab70b8849f}"
FIPS_LEVEL = 4
UNKNOWN_CLIENT = "192.0.2.50:51000"
DEFAULT_SECURITY = SecurityDescriptor.from_sddl("O:SYG:SYD:(A;;0xf03bf;;;BA)(A;;0x121;;;RD)")

PROTOCOL_RDP, PROTOCOL_SSL, PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX = 0, 1, 2, 8
SSL_REQUIRED, SSL_NOT_ALLOWED, CERT_MISSING, HYBRID_REQUIRED = 1, 2, 3, 5


@dataclass(frozen=True)
class Source:
    """Where a setting lies and when it takes effect: ``family`` names the switch ``live_<family>``."""

    key: str
    value: str
    default: int | None
    policy: bool
    family: str


SOURCES: Mapping[str, Source] = {
    "deny": Source(TERMINAL_SERVER, "fDenyTSConnections", None, True, "deny"),
    "enabled": Source(LISTENER, "fEnableWinStation", None, False, "listener"),
    "services_enabled": Source(TERMINAL_SERVER, "TSEnabled", 1, False, "services"),
    "lan_adapter": Source(LISTENER, "LanAdapter", 0, False, "listener"),
    "port": Source(LISTENER, "PortNumber", 3389, False, "port"),
    "security_layer": Source(LISTENER, "SecurityLayer", 2, True, "security"),
    "user_authentication": Source(LISTENER, "UserAuthentication", 1, True, "security"),
    "min_encryption": Source(LISTENER, "MinEncryptionLevel", 2, True, "security"),
    "negotiation": Source(LISTENER, "fAllowSecProtocolNegotiation", 1, False, "security"),
    "transport": Source(LISTENER, "SelectTransport", 2, True, "transport"),
    "max_outstanding": Source(TERMINAL_SERVER, "MaxOutstandingConnections", None, False, "listener"),
    "max_instances": Source(LISTENER, "MaxInstanceCount", 0xFFFFFFFF, True, "sessions"),
    "disconnect_limit": Source(LISTENER, "MaxDisconnectionTime", 0, True, "sessions"),
}
RESTART_ONLY = frozenset({"listener"})
PROVIDED = frozenset({"deny", "security"})
"""Families with settings that a provider sets (Win32_TerminalServiceSetting, Win32_TSGeneralSetting): live_direct."""


@dataclass(frozen=True)
class Settings:
    """Values of the listener; None is a value that is missing where that matters."""

    deny: int | None
    enabled: int | None
    services_enabled: int
    lan_adapter: int | None
    port: int
    security_layer: int
    user_authentication: int
    min_encryption: int
    negotiation: int
    transport: int
    max_outstanding: int | None
    max_instances: int
    disconnect_limit: int

    @property
    def in_range(self) -> bool:
        """Numbers out of range are not clamped: every connection is dropped."""
        return (
            self.security_layer in (0, 1, 2)
            and self.user_authentication in (0, 1)
            and self.min_encryption in (1, 2, 3, 4)
        )


@dataclass(frozen=True)
class Reply:
    """Answer to a connection request. ``code`` is the protocol that was selected, or that of the failure."""

    kind: Literal["selected", "failure", "closed"]
    code: int = 0


TlsOutcome = Literal["ok", "reset", "alert_40", "alert_80"]


@dataclass
class Listener:
    """The RDP-Tcp listener of one host.

    ``port_taken`` is a port that a program other than TermService holds, 0 for none; ``path_blocked`` a device between
    the host and its clients that drops everything; ``flooded`` one that has stopped under incomplete connections;
    ``excluded_ports`` ranges that no program may bind.
    """

    registry: Registry
    certificates: ListenerCertificates
    log: EventLog
    edition: Edition
    switches: Mapping[str, object]
    service_running: Callable[[], bool]
    adapters: tuple[int, ...] = (1,)
    port_taken: int = 0
    path_blocked: bool = False
    flooded: bool = False
    ntlm_denied: bool = False
    excluded_ports: list[tuple[int, int]] = field(default_factory=list)
    _started_with: Settings | None = None
    _schannel: Schannel = field(default_factory=Schannel)

    def boot(self) -> None:
        """Schannel reads its settings once per boot."""
        self._schannel = Schannel.read(self.registry, self.edition)
        self.flooded = False

    def start(self) -> None:
        """TermService has started: read what is read then."""
        self._started_with = self.stored()
        self.flooded = False
        port = self._started_with.port
        if port == self.port_taken or any(start <= port <= end for start, end in self.excluded_ports):
            self.log.write(REMOTE_CONNECTION_MANAGER, 1036, ERROR)

    def stored(self) -> Settings:
        """Settings as registry and policy have them now; policy wins."""
        return Settings(**{name: self._read(source) for name, source in SOURCES.items()})  # type: ignore[arg-type]  # None only where the default is None

    def live(self) -> Settings:
        """Settings that connections meet: each from now or from the service's start, as its family's switch says."""
        stored, started = self.stored(), self._started_with or self.stored()
        live = Settings(**{
            item.name: getattr(started if self._needs_restart(SOURCES[item.name].family) else stored, item.name)
            for item in fields(Settings)
        })  # fmt: skip
        return replace(live, min_encryption=FIPS_LEVEL) if self._schannel.fips else live

    def told(self, name: str) -> None:
        """A provider has set a value and tells TermService, which reads it anew unless it does so at a start alone."""
        late = self.switches.get(f"live_{SOURCES[name].family}") == "after_restart"
        if self._started_with is not None and not late:
            self._started_with = replace(self._started_with, **{name: getattr(self.stored(), name)})

    def policy_value(self, name: str) -> int | None:
        """The policy's number for a setting, or None."""
        source = SOURCES[name]
        return self.registry.dword(POLICY, source.value) if source.policy else None

    def is_listening(self) -> bool:
        """Whether TermService accepts connections on its port."""
        live = self.live()
        return (
            self.service_running()
            and self._own_code()
            and live.deny == 0
            and live.enabled == 1
            and (live.services_enabled == 1 or self.switches.get("live_services") == "never")
            and (not live.lan_adapter or live.lan_adapter in self.adapters)
            and not self.flooded
            and self.port_taken != live.port
            and not any(start <= live.port <= end for start, end in self.excluded_ports)
        )

    def _own_code(self) -> bool:
        """Whether Windows' own library and protocol object drive the listener, on an edition that has one."""
        library = str(self.registry.get(SERVICE_PARAMETERS, "ServiceDll", SERVICE_DLL))
        protocol = str(self.registry.get(LISTENER, "LoadableProtocol_Object", PROTOCOL_OBJECT))
        ours = (library.lower(), protocol.lower()) == (SERVICE_DLL.lower(), PROTOCOL_OBJECT)
        return ours and self.edition.hosts_remote_desktop

    def _accepted(self, client: str) -> None:
        """RdpCoreTS 131 and RemoteConnectionManager 261: a connection has come in, whatever becomes of it."""
        self.log.write(RDP_CORE, 131, INFORMATION, "TCP", client, log=RDP_CORE_LOG)
        self.log.write(REMOTE_CONNECTION_MANAGER, 261, INFORMATION, "RDP-Tcp", log=MANAGER_LOG)

    def negotiate(self, requested: int, client: str = UNKNOWN_CLIENT) -> Reply:
        """The answer to ``requestedProtocols`` (MS-RDPBCGR 2.2.1.1.1), by the live settings."""
        self._accepted(client)
        live = self.live()
        if not live.in_range:
            return Reply("closed")
        reply = self._choose(live, requested)
        if reply.kind == "selected" and reply.code != PROTOCOL_RDP and self.certificates.bound() is None:
            return Reply("failure", CERT_MISSING)
        return reply

    def _choose(self, live: Settings, requested: int) -> Reply:
        hybrid = PROTOCOL_HYBRID_EX if requested & PROTOCOL_HYBRID_EX else PROTOCOL_HYBRID
        wants_hybrid = bool(requested & PROTOCOL_HYBRID)
        if live.security_layer == 0 or not live.negotiation:
            through = wants_hybrid and live.negotiation and self.switches["rdp_layer_credssp"]
            return Reply("selected", hybrid) if through else self._standard_only(requested)
        if wants_hybrid:
            return Reply("selected", hybrid)
        if live.user_authentication:
            return Reply("failure", HYBRID_REQUIRED)
        if requested & PROTOCOL_SSL:
            return Reply("selected", PROTOCOL_SSL)
        return Reply("failure", SSL_REQUIRED) if live.security_layer == 2 else Reply("selected", PROTOCOL_RDP)

    @staticmethod
    def _standard_only(requested: int) -> Reply:
        return Reply("failure", SSL_NOT_ALLOWED) if requested else Reply("selected", PROTOCOL_RDP)

    def security(self) -> SecurityDescriptor:
        """The descriptor that says who may use the listener: its own, else the default one."""
        stored = self.registry.get(LISTENER, "Security")
        return SecurityDescriptor.from_bytes(stored) if isinstance(stored, bytes) else DEFAULT_SECURITY

    def set_security(self, descriptor: SecurityDescriptor) -> None:
        self.registry.put(LISTENER, "Security", Type.BINARY, descriptor.to_bytes())

    def tls_attempt(self) -> tuple[TlsOutcome, StoredCertificate | None]:
        """A ClientHello has come: what happens, with the events that Windows writes for it."""
        certificate = self.certificates.bound()
        unusable = not self.protocols
        if not self._schannel.protocols or (unusable and self._schannel.fips):
            self.log.schannel(36871)
            return "alert_80", certificate
        if unusable:
            self.log.schannel(36874)
            return "alert_40", certificate
        if certificate is None or not self.certificates.key_usable(certificate):
            self.log.schannel(36870, times=2)
            return "reset", certificate
        return "ok", certificate

    @property
    def protocols(self) -> frozenset[str]:
        """TLS versions that Schannel serves since boot with the certificate that is bound now, as ``TLS 1.2``."""
        certificate = self.certificates.bound()
        return self._schannel.served(certificate is not None and certificate.elliptic)

    def udp_enabled(self) -> bool:
        return self.is_listening() and self.live().transport != 1

    def _needs_restart(self, family: str) -> bool:
        if family in PROVIDED and self.switches.get("live_direct") == "after_restart":
            return True
        return family in RESTART_ONLY or self.switches.get(f"live_{family}") == "after_restart"

    def _read(self, source: Source) -> int | None:
        policy = self.registry.dword(POLICY, source.value) if source.policy else None
        local = self.registry.dword(source.key, source.value)
        found = local if policy is None else policy
        return source.default if found is None else found

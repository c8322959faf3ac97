# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An observation: what was read from a host at one moment. PRIVATE to the collection.

Each item is a value, absent, or unreadable: "Windows does not have it" and "we may not see it" lead to different
conclusions, and neither is a fault by itself.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from .gateway import GatewayEvent, GatewayState
from .keys import CertificateState, KeyOwners, KeysState
from .lease import LeaseState
from .logon import LogonState
from .reading import ABSENT, Reading

CONTROLLER, ANOTHER_NODE = "controller", "another node"
"""Where a probe was made, where it does not say so in other words."""

HOME_EDITIONS = (98, 99, 100, 101)
"""PRODUCT_CORE_N, _COUNTRYSPECIFIC, _SINGLELANGUAGE and PRODUCT_CORE (GetProductInfo)."""


@dataclass(frozen=True)
class Identity:
    """Who the host says it is.

    Attributes:
        product_type: 1 workstation, 2 domain controller, 3 server (Win32_OperatingSystem.ProductType).
        local_time: the host's clock, ISO 8601 with offset.
        clock_offset_s: host clock minus controller clock, in seconds.
        sku: the edition (Win32_OperatingSystem.OperatingSystemSKU), 0 where it was not read.
    """

    computer_name: str
    caption: str
    version: str
    build: int
    product_type: int
    language: int
    boot_time: str
    local_time: str
    clock_offset_s: float
    sku: int = 0

    @property
    def home(self) -> bool:
        """Whether it is a Home edition, which takes no Remote Desktop connections."""
        return self.sku in HOME_EDITIONS


@dataclass(frozen=True)
class Membership:
    """Where a host belongs: the name of its domain, or of its workgroup."""

    domain: str
    in_domain: bool


@dataclass(frozen=True)
class SettingState:
    """A setting as stored locally and by policy.

    Attributes:
        policy_owner: what wrote the policy value; empty when it was looked for and nobody was found; None when it was
            not looked for.
    """

    local: Reading
    policy: Reading = ABSENT
    policy_owner: str | None = None


@dataclass(frozen=True)
class ServiceState:
    """A service. state and start_mode are Win32_Service's words; sessions count only for TermService."""

    name: str
    state: str
    start_mode: str
    process_id: int = 0
    account: str = ""
    path: str = ""
    total_sessions: int | None = None
    disconnected_sessions: int | None = None


@dataclass(frozen=True)
class RuleState:
    """A firewall rule with its port and address filters.

    Attributes:
        id: InstanceID, the locale-free rule name.
        profiles: bitmask, 0 any, 1 domain, 2 private, 4 public (MSFT_NetFirewallRule.Profiles).
        action: 2 allow, 3 allow and bypass, 4 block.
        store: 1 local, 2 group policy, 3 dynamic, 4 generated, 5 hardcoded, 6 MDM (PolicyStoreSourceType).
        program, service: whose connections it is about; read of a built-in rule only where it blocks or is unfinished.
        conditions: what else it demands, by name; not read of the built-in rules, nor of local ones that block some
            addresses alone.
        path: where policy keeps it; empty for a rule of the host's own.
    """

    id: str
    enabled: bool
    action: int
    profiles: int
    protocol: str
    local_ports: tuple[str, ...]
    remote_addresses: tuple[str, ...]
    store: int = 1
    program: str = "Any"
    service: str = "Any"
    conditions: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True)
class ProfileState:
    """One firewall profile. Each flag is None where nobody has configured it, so Windows' default applies.

    Attributes:
        inbound: DefaultInboundAction, C(allow), C(block) or None.
        local_rules: AllowLocalFirewallRules; False means that only rules from policy count.
        exceptions: AllowInboundRules; False is "shields up": no allow rule counts.
        by_policy: the values of policy that decide fields here, by the field's name.
    """

    name: str
    enabled: bool | None
    inbound: str | None
    local_rules: bool | None
    exceptions: bool | None
    by_policy: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FirewallState:
    """The rules that touch RDP, the profiles, and the profiles that are active on the host's networks now.

    Attributes:
        listening: other ports of the built-in rules than the listener's, on which it still is until its next start.
    """

    rules: tuple[RuleState, ...]
    profiles: Mapping[str, ProfileState]
    active: tuple[str, ...]
    running: bool
    listening: tuple[int, ...] = ()


@dataclass(frozen=True)
class ListenerState:
    """Who listens on the RDP port, nobody where process_ids is empty; peers counts connections by remote address."""

    port: int
    process_ids: tuple[int, ...]
    established: int = 0
    peers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClientState:
    """The Remote Desktop clients of a machine: the file version of each program that is there."""

    programs: Mapping[str, str]


@dataclass(frozen=True)
class ClientConnections:
    """Connections from this machine that went over to UDP of late, and how many of them broke off."""

    over_udp: int
    broken: int


IN_VAIN = (
    "remembered with the same address again: this machine's hosts file has it, or its own DNS server answers otherwise "
    "than the controller's resolver; correct it there, since a flush does not help"
)
"""Of a name whose address was flushed."""


@dataclass(frozen=True)
class DnsState:
    """What the DNS client remembers, none where it remembers that there is no such name, and what the resolver says.

    C(flushed) is what a run took away from it before, by name.
    """

    cached: Mapping[str, tuple[str, ...]]
    resolved: Mapping[str, tuple[str, ...]]
    flushed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ProviderState:
    """A layered Winsock provider; entry is its catalog entry, base64, and key that entry's key below the catalog's."""

    name: str
    library: str
    entry: str
    key: str = ""


@dataclass(frozen=True)
class WinsockState:
    """The layered providers of the catalogs for 32-bit and for 64-bit programs.

    Attributes:
        reset_at: when this collection last reset the catalogs since Windows started; empty if not.
        counters: the catalogs' counters by name, where there is a layered provider.
    """

    providers: tuple[ProviderState, ...]
    reset_at: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ListenerKey:
    """A listener beside RDP-Tcp as it is set up: its port, whether it is enabled, and the class that drives it."""

    name: str
    port: int | None
    enabled: bool
    protocol: str


@dataclass(frozen=True)
class ObstacleState:
    r"""What can stand in the listener's way though its own settings are right.

    Attributes:
        protocol: LoadableProtocol_Object, the class that drives the listener.
        library: ServiceDll of TermService, expanded.
        setup: the flags under C(SYSTEM\\Setup) that say that Windows is still being set up.
        port_proxies: what port proxies lead to, C(ADDRESS/PORT), by their names (see proxies.py).
        listeners: those beside RDP-Tcp.
        ipsec: the active connection security rules that drop what IPsec does not protect, with whom they are between
            where that is not everybody.
        program_data: the folder of all users' data, expanded; empty where it is not told.
        redirection: the address that a connection broker is told to send users to; empty where none is stored.
        addresses: the host's own; read only where there is such a one to compare them with.
        demands: what the built-in rule over TCP asks for beside port and addresses, by the names of its stored form.
    """

    protocol: str
    library: str
    setup: tuple[str, ...]
    port_proxies: Mapping[str, str]
    ipsec: tuple[str, ...]
    listeners: tuple[ListenerKey, ...] = ()
    program_data: str = ""
    redirection: str = ""
    addresses: tuple[str, ...] = ()
    demands: tuple[str, ...] = ()


@dataclass(frozen=True)
class AccountState:
    """What the listener lets an account do, as bitmasks of its rights (see access.py)."""

    sid: str
    allowed: int
    denied: int


@dataclass(frozen=True)
class LicensingState:
    """How a session host is licensed.

    Attributes:
        session_host: whether it takes more sessions than the two for administration; all else is about such hosts.
        mode: C(per_device), C(per_user), or empty where none is set.
        servers: the licence servers that it is told to ask.
        days_left: of the grace period; None where Windows does not tell.
        events: ids of the recent events that speak of licensing.
    """

    session_host: bool
    mode: str = ""
    servers: tuple[str, ...] = ()
    days_left: int | None = None
    events: tuple[int, ...] = ()


@dataclass(frozen=True)
class EventRecord:
    """One event; message is left out, since it is localised and may be null."""

    source: str
    id: int
    time: str
    strings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observation:
    """What was read. An area that was not asked for is None; one that could not be read is named in unread.

    Attributes:
        taken_at: the controller's clock, ISO 8601 UTC.
        settings: readings by setting id (see settings.py).
        keys: what the listener's TLS stands on; key_owners: who else keeps keys on the host; key_copies: the folders
            beside that of the keys which an earlier run of ours put there; key_stores: DACLs of the registry keys in
            which the listener's certificate is kept, by path, those that exist; channel_key: names of WinRM's HTTPS
            listeners that share the key of the listener's own certificate.
        certificates: those of the machine's personal store.
        leases: those that the host has a record of, also when they have ended.
        owed: C(restart) and C(reboot) that are due since an earlier run.
        probe: the result of the probe, as probe_info returns it; of several the one that got furthest.
        other_probes: the results from other places, which tell of the ways from there.
        gateway_events: what an RD Gateway tells of connections, newest first; none where the host is none.
        attempts: how many connections each address made of late, where the listener complained of too many.
        permissions: who may use the listener; nobody where the edition does not tell.
        logon: what came of an attempt to log on, where one was asked for.
        products: services that run of products which filter traffic (see neighbours.py).
        updates: ids of the installed updates.
        revision: the revision of the build (UBR), which cumulative updates raise.
        machine: MachineGuid and machine SID.
        membership: the host's domain or workgroup.
        unread: area or item to the reason why it could not be read.
    """

    taken_at: str
    identity: Identity | None = None
    settings: Mapping[str, SettingState] = field(default_factory=dict)
    leases: tuple[LeaseState, ...] | None = None
    owed: tuple[str, ...] | None = None
    keys: KeysState | None = None
    certificates: tuple[CertificateState, ...] | None = None
    key_owners: KeyOwners | None = None
    key_copies: tuple[str, ...] | None = None
    key_stores: Mapping[str, Reading] | None = None
    channel_key: tuple[str, ...] | None = None
    services: Mapping[str, ServiceState] | None = None
    firewall: FirewallState | None = None
    listener: ListenerState | None = None
    events: tuple[EventRecord, ...] | None = None
    attempts: Mapping[str, int] | None = None
    obstacles: ObstacleState | None = None
    client: ClientState | None = None
    client_connections: ClientConnections | None = None
    dns: DnsState | None = None
    winsock: WinsockState | None = None
    gateway: GatewayState | None = None
    gateway_events: tuple[GatewayEvent, ...] | None = None
    probe: Mapping[str, t.Any] | None = None
    other_probes: tuple[Mapping[str, t.Any], ...] = ()
    permissions: tuple[AccountState, ...] | None = None
    licensing: LicensingState | None = None
    logon: LogonState | None = None
    products: tuple[str, ...] | None = None
    updates: tuple[str, ...] | None = None
    revision: int | None = None
    machine: str | None = None
    membership: Membership | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def watched(self) -> bool:
        """Whether the controller itself probes the host, and so sees what comes of a change."""
        probes = (self.probe, *self.other_probes)
        return any(probe is not None and probe.get("vantage", CONTROLLER) == CONTROLLER for probe in probes)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong around Remote Desktop: limits, names, clocks, domains, disks, boots, other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.simulator.breakages.base import Breakage
from tests.simulator.windows import events
from tests.simulator.windows.certificates import LISTENER, Request
from tests.simulator.windows.firewall import Rule
from tests.simulator.windows.keys import EC_KEY
from tests.simulator.windows.listener import SERVICE_PARAMETERS, TERMINAL_SERVER
from tests.simulator.windows.network import PORT_PROXY_HOST
from tests.simulator.windows.programs.netsh import PORT_PROXY
from tests.simulator.windows.registry import Type
from tests.simulator.windows.schannel import FIPS, POLICY_CIPHERS, PROTOCOLS
from tests.simulator.windows.security import REMOTE_DESKTOP_USERS, Ace
from tests.simulator.windows.system import GRACE_PERIOD, GRACE_VALUE, Windows
from tests.simulator.windows.winsock import BASE, LAYERED, fill_catalog

ATTACKERS = ("203.0.113.7", "203.0.113.99", "198.51.100.23")
FLOOD = 4000
EXCLUDED_PORT = 33895
CLUSTER = TERMINAL_SERVER + r"\ClusterSettings"


def _flood(windows: Windows) -> None:
    """Incomplete connections from a few addresses pass the limit, and go on after a restart."""
    windows.flood = FLOOD
    windows.listener.flooded = True
    for number in range(12):
        address = ATTACKERS[number % len(ATTACKERS)]
        windows.events.write(events.RDP_CORE, 131, events.INFORMATION, "TCP", f"{address}:{50000 + number}",
                             log=events.RDP_CORE_LOG)  # fmt: skip
        if number % 2:
            windows.events.write(events.RDP_CORE, 140, events.WARNING, address, log=events.RDP_CORE_LOG)
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1006, events.WARNING)


def _session_limit(windows: Windows) -> None:
    windows.registry.put_dword(LISTENER, "MaxInstanceCount", 2)
    for name in ("anna", "ben"):
        windows.sessions.add(name)


def _grace_over(windows: Windows) -> None:
    windows.registry.put_dword(TERMINAL_SERVER, "TSAppCompat", 1)
    end = int((windows.clock.now() - timedelta(days=3)).timestamp())
    windows.registry.put(GRACE_PERIOD, GRACE_VALUE, Type.BINARY, end.to_bytes(8, "little") + bytes(8))
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1069, events.ERROR, log=events.MANAGER_ADMIN_LOG)


def _permissions(windows: Windows) -> None:
    """The listener's descriptor denies its users."""
    old = windows.listener.security()
    aces = (Ace(1, 0, 0x20, REMOTE_DESKTOP_USERS), *(ace for ace in old.dacl or () if ace.sid != REMOTE_DESKTOP_USERS))
    windows.listener.set_security(old.__class__(old.owner, old.group, aces, old.control))


def _group_missing(windows: Windows) -> None:
    """The listener's descriptor lets administrators alone in."""
    old = windows.listener.security()
    aces = tuple(ace for ace in old.dacl or () if ace.type or ace.sid != REMOTE_DESKTOP_USERS)
    windows.listener.set_security(old.__class__(old.owner, old.group, aces, old.control))


def _mode_missing(windows: Windows) -> None:
    """A session host within its grace period, to which nobody has said which licences it is to use."""
    windows.registry.put_dword(TERMINAL_SERVER, "TSAppCompat", 1)


def _broker_address(windows: Windows) -> None:
    """The address that this session host tells its broker is one that it had before."""
    windows.registry.put(CLUSTER, "SessionDirectoryRedirectionIP", Type.SZ, "10.99.0.1")


def _local_accounts_denied(windows: Windows) -> None:
    windows.machine.local_accounts_denied = True


def _ntlm_restricted(windows: Windows) -> None:
    windows.machine.ntlm_restricted = True


def _port_proxy(windows: Windows) -> None:
    port = windows.listener.stored().port
    windows.registry.put(PORT_PROXY, f"0.0.0.0/{port}", Type.SZ, "10.20.0.99/3389")
    windows.listener.port_taken, windows.network.taken_by = port, PORT_PROXY_HOST
    windows.firewall.put(Rule("PortProxy", "Port proxy", enabled=True, protocol="TCP", local_ports=(str(port),)))


def _excluded(windows: Windows) -> None:
    windows.registry.put_dword(LISTENER, "PortNumber", EXCLUDED_PORT)
    windows.firewall.put(Rule("RDP-excluded", "RDP", enabled=True, protocol="TCP", local_ports=(str(EXCLUDED_PORT),)))
    windows.listener.excluded_ports.append((33800, 33899))


def _service_dll(windows: Windows) -> None:
    library = r"%ProgramFiles%\RDP Wrapper\rdpwrap.dll"
    windows.registry.put(SERVICE_PARAMETERS, "ServiceDll", Type.EXPAND_SZ, library)


def _protocol_object(windows: Windows) -> None:
    windows.registry.put(LISTENER, "LoadableProtocol_Object", Type.SZ, "{18B726BB-6FE6-4FB9-9276-ED57CE7C7CB2}")


def _clock_wrong(windows: Windows) -> None:
    windows.clock.set(windows.clock.now() + timedelta(minutes=11))
    windows.events.write("Microsoft-Windows-Time-Service", 36, events.WARNING)


def _trust_broken(windows: Windows) -> None:
    windows.join_domain()
    windows.events.write("NETLOGON", 5719, events.ERROR, "CORP")


def _layered(windows: Windows) -> None:
    fill_catalog(windows.registry, (*BASE, *LAYERED))


def _disk_full(windows: Windows) -> None:
    """The certificate has expired and the disk has no room for a new key."""
    windows.certificates.issue(start=windows.clock.now() - timedelta(days=200))
    windows.files.full = True
    windows.events.write(events.REMOTE_CONNECTION_MANAGER, 1058, events.ERROR)


def _versions_off(*versions: str) -> Callable[[Windows], None]:
    def plant(windows: Windows) -> None:
        for version in versions:
            windows.registry.put_dword(f"{PROTOCOLS}\\{version}\\Server", "Enabled", 0)
            windows.registry.put_dword(f"{PROTOCOLS}\\{version}\\Server", "DisabledByDefault", 1)

    return plant


def _suites(*names: str, fips: bool = False) -> Callable[[Windows], None]:
    def plant(windows: Windows) -> None:
        windows.registry.put(POLICY_CIPHERS, "Functions", Type.SZ, ",".join(names))
        if fips:
            windows.registry.put_dword(FIPS, "Enabled", 1)

    return plant


def elliptic_certificate(windows: Windows) -> None:
    """The listener is tied to a certificate with a key for ECDSA; providers before CNG keep no such keys."""
    windows.certificates.pin(windows.certificates.add("rdp.corp.example", Request(key=EC_KEY, cng=True)))


def _suites_for_rsa(windows: Windows) -> None:
    elliptic_certificate(windows)
    _suites("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA")(windows)


SURROUNDINGS: Mapping[str, Breakage] = {
    "connection_flood": Breakage(
        "incomplete connections from a few addresses pile up: the listener stops (event 1006), again after a restart",
        _flood,
    ),
    "session_limit": Breakage("as many sessions as MaxInstanceCount allows", _session_limit),
    "license_grace_over": Breakage("a session host whose licensing grace period is over", _grace_over),
    "listener_permissions": Breakage("the listener's permissions deny Remote Desktop Users", _permissions),
    "listener_group_missing": Breakage(
        "the listener's permissions do not name Remote Desktop Users, so administrators alone get in", _group_missing
    ),
    "license_mode_missing": Breakage("a session host without a licensing mode", _mode_missing),
    "broker_address_stale": Breakage(
        "the broker sends users to an address that this session host no longer has", _broker_address
    ),
    "logon_right_missing": Breakage(
        "the user rights deny local accounts a logon with Remote Desktop; the handshake passes", _local_accounts_denied
    ),
    "logon_rejected": Breakage(
        "accounts may not log on by NTLM, as members of Protected Users; the handshake passes", _ntlm_restricted
    ),
    "port_proxy": Breakage("a port proxy holds the listener's port", _port_proxy),
    "port_excluded": Breakage("the listener's port lies in an excluded range, so it cannot be bound", _excluded),
    "service_dll_replaced": Breakage("TermService runs another library than Windows' own", _service_dll),
    "foreign_protocol": Breakage("another vendor's protocol object stands in the listener's place", _protocol_object),
    "time_skew": Breakage("the clock is eleven minutes ahead", _clock_wrong),
    "trust_broken": Breakage("no secure channel to the domain (NETLOGON 5719)", _trust_broken),
    "winsock_layered": Breakage("a vendor's layered provider stands in the Winsock catalog", _layered),
    "disk_full": Breakage(
        "the system disk is full, so the expired certificate cannot be renewed", _disk_full, "certificate_expired"
    ),
    "tls12_disabled": Breakage("only TLS 1.0 and 1.1 are left for servers", _versions_off("TLS 1.2", "TLS 1.3")),
    "cipher_suites_mismatch": Breakage(
        "policy's cipher suites all need another kind of key than the certificate's",
        _suites("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ),
    "cipher_suites_for_rsa": Breakage(
        "the listener's certificate has a key for ECDSA, and policy's cipher suites are all for RSA keys",
        _suites_for_rsa,
        "cipher_suites_mismatch",
    ),
    "fips_mismatch": Breakage(
        "FIPS mode is on and policy's cipher suites are none that it allows",
        _suites("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_RSA_WITH_RC4_128_SHA", fips=True),
    ),
}

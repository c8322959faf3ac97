# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schannel's policy as it is read once per boot: protocol versions, cipher suites, FIPS.

Sources: Microsoft Learn "Transport Layer Security (TLS) registry settings" and "Protocols in TLS/SSL (Schannel SSP)",
CipherSuiteOrder.admx, Azure repair-script-library win-fix-rdp-connectivity.ps1 (an empty list, or one without a suite
for the certificate's key, leaves no way to connect).
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.windows.editions import Edition
from tests.simulator.windows.registry import Registry

PROTOCOLS = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"
POLICY_CIPHERS = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"
LOCAL_CIPHERS = r"HKLM\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002"
FIPS = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
DEFAULT_SUITES = (
    "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA",
)  # fmt: skip
NOT_FIPS = ("RC4", "CHACHA20", "MD5", "NULL", "_DES_")


@dataclass(frozen=True)
class Schannel:
    """What Schannel serves since boot. ``suites`` are those that fit an RSA key and the versions that are on."""

    protocols: frozenset[str] = frozenset()
    suites: tuple[str, ...] = ()
    fips: bool = False

    @classmethod
    def read(cls, registry: Registry, edition: Edition) -> Schannel:
        """The policy as the registry has it now."""
        versions = ["TLS 1.0", "TLS 1.1", "TLS 1.2"] + (["TLS 1.3"] if edition.tls13 else [])
        protocols = frozenset(version for version in versions if _on(registry, version))
        fips = registry.dword(FIPS, "Enabled") == 1
        suites = tuple(name for name in _suites(registry) if _usable(name, protocols, fips))
        return cls(protocols, suites, fips)


def _on(registry: Registry, version: str) -> bool:
    key = f"{PROTOCOLS}\\{version}\\Server"
    enabled, by_default_off = registry.dword(key, "Enabled"), registry.dword(key, "DisabledByDefault")
    return enabled != 0 and not (enabled is None and by_default_off)


def _suites(registry: Registry) -> tuple[str, ...]:
    """Policy's list (one string with commas, or a list), else the local one, else the built-in one."""
    for key in (POLICY_CIPHERS, LOCAL_CIPHERS):
        found = registry.get(key, "Functions")
        if isinstance(found, str):
            return tuple(name.strip() for name in found.split(",") if name.strip())
        if isinstance(found, tuple):
            return tuple(str(name) for name in found)
    return DEFAULT_SUITES


def _usable(name: str, protocols: frozenset[str], fips: bool) -> bool:
    if fips and any(word in name for word in NOT_FIPS):
        return False
    newest = "_WITH_" not in name
    older = bool(protocols - {"TLS 1.3"})
    return "TLS 1.3" in protocols if newest else older and "_ECDSA_" not in name

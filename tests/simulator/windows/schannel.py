# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schannel's policy as it is read once per boot: protocol versions, cipher suites, FIPS.

Sources: Microsoft Learn "Transport Layer Security (TLS) registry settings", "Protocols in TLS/SSL (Schannel SSP)" and
"TLS cipher suites in Windows" (which versions a suite is for), CipherSuiteOrder.admx, Azure repair-script-library
win-fix-rdp-connectivity.ps1 (an empty list, or one without a suite for the certificate's key, lets nobody connect).
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
EXCHANGES = {True: {"ECDHE_ECDSA"}, False: {"ECDHE_RSA", "DHE_RSA", "RSA"}}
"""How keys are exchanged with a certificate whose key is on an elliptic curve, and with one whose key is for RSA."""

SINCE_TLS12 = ("_SHA256", "_SHA384")
"""Ends of suites that TLS 1.0 and 1.1 do not have; all with GCM or Poly1305 are among them (RFC 5246, RFC 5289)."""


@dataclass(frozen=True)
class Schannel:
    """What Schannel has read at boot: versions that are on for servers, suites that FIPS mode lets be used."""

    protocols: frozenset[str] = frozenset()
    suites: tuple[str, ...] = ()
    fips: bool = False

    @classmethod
    def read(cls, registry: Registry, edition: Edition) -> Schannel:
        """The policy as the registry has it now."""
        versions = ["TLS 1.0", "TLS 1.1", "TLS 1.2"] + (["TLS 1.3"] if edition.tls13 else [])
        protocols = frozenset(version for version in versions if _on(registry, version))
        fips = registry.dword(FIPS, "Enabled") == 1
        suites = tuple(name for name in _suites(registry) if not fips or not any(word in name for word in NOT_FIPS))
        return cls(protocols, suites, fips)

    def served(self, elliptic: bool) -> frozenset[str]:
        """The versions that can be served with a key of this kind: those that are on and have a suite for it."""
        return frozenset(
            version for version in self.protocols if any(_fits(name, version, elliptic) for name in self.suites)
        )


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


def _fits(name: str, version: str, elliptic: bool) -> bool:
    exchange, separator, cipher = name.removeprefix("TLS_").partition("_WITH_")
    if not separator or version == "TLS 1.3":
        return not separator and version == "TLS 1.3"
    known = version == "TLS 1.2" or not cipher.endswith(SINCE_TLS12)
    return known and exchange in EXCHANGES[elliptic] and "NULL" not in cipher

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cipher suites: which of a list the listener could use. PRIVATE to the collection.

A suite is for certificates with an RSA key, or for those with one for ECDSA, or from TLS 1.3 on for either. Windows
makes the listener's own certificate with an RSA key; one that the listener is tied to may have another. Sources:
CipherSuiteOrder.admx (the value, a list with commas), Microsoft's "TLS cipher suites in Windows" (names; TLS 1.3 from
Windows Server 2022), FIPS 140 (AES and Triple DES are approved; RC4, ChaCha20 and NULL are not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .observation import Observation
from .reading import Reading

TLS13_BUILD = 20348
"""The first build whose Schannel has TLS 1.3: Windows Server 2022."""

RSA, EC = "RSA", "EC"
"""Algorithms of a certificate's key, as the probe and the certificate's reader name them."""

_FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {RSA: ("TLS_ECDHE_RSA_WITH_", "TLS_DHE_RSA_WITH_", "TLS_RSA_WITH_"), EC: ("TLS_ECDHE_ECDSA_WITH_",)}
)
_ANY = "TLS_"
"""Which suites are for a key of another kind is not known here, so none is held against it."""

_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_APPROVED = ("_AES_", "_3DES_EDE_")


def suites(reading: Reading) -> tuple[str, ...] | None:
    """The names in a list that policy or Windows stored; None where there is no list."""
    if not reading.is_value:
        return None
    words = reading.data if isinstance(reading.data, list) else str(reading.data).split(",")
    return tuple(name for word in words if (name := str(word).strip().upper()))


def served_key(observation: Observation) -> str:
    """The algorithm of the key that the listener serves, or of what was read of it; RSA, Windows' own, else."""
    shown = ((observation.probe or {}).get("tls") or {}).get("certificate") or {}
    active = observation.keys.active if observation.keys else None
    return str(shown.get("key_algorithm") or (active.key_algorithm if active else "") or RSA)


def usable(names: Iterable[str], *, fips: bool, build: int, key: str) -> tuple[str, ...]:
    """Those that a certificate whose key has this algorithm can be served with on this build."""
    approved = (name for name in names if not fips or any(algorithm in name for algorithm in _APPROVED))
    return tuple(name for name in approved if _offered(name, build, key))


def _offered(name: str, build: int, key: str) -> bool:
    if name in _TLS13:
        return build >= TLS13_BUILD
    return "_NULL_" not in name and name.startswith(_FAMILIES.get(key, _ANY))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cipher suites: which of a list the listener could use. PRIVATE to the collection.

The listener's own certificate has an RSA key, so a suite that signs with ECDSA does not help it. Sources:
CipherSuiteOrder.admx (the value, a list with commas), Microsoft's "TLS cipher suites in Windows" (names; TLS 1.3 from
Windows Server 2022), FIPS 140 (AES and Triple DES are approved; RC4, ChaCha20 and NULL are not).
"""

from __future__ import annotations

from collections.abc import Iterable

from .reading import Reading

TLS13_BUILD = 20348
"""The first build whose Schannel has TLS 1.3: Windows Server 2022."""

_RSA = ("TLS_ECDHE_RSA_WITH_", "TLS_DHE_RSA_WITH_", "TLS_RSA_WITH_")
_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_APPROVED = ("_AES_", "_3DES_EDE_")


def suites(reading: Reading) -> tuple[str, ...] | None:
    """The names in a list that policy or Windows stored; None where there is no list."""
    if not reading.is_value:
        return None
    words = reading.data if isinstance(reading.data, list) else str(reading.data).split(",")
    return tuple(name for word in words if (name := str(word).strip().upper()))


def usable(names: Iterable[str], *, fips: bool, build: int) -> tuple[str, ...]:
    """Those that a certificate with an RSA key can be served with on this build."""
    return tuple(name for name in names if _offered(name, build) and (not fips or any(a in name for a in _APPROVED)))


def _offered(name: str, build: int) -> bool:
    if name in _TLS13:
        return build >= TLS13_BUILD
    return name.startswith(_RSA) and "_NULL_" not in name

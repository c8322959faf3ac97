# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cipher suites: which of a list the listener could use. PRIVATE to the collection.

A suite is for certificates with an RSA key, or for those with one for ECDSA, or from TLS 1.3 on for either. Windows
makes the listener's own certificate with an RSA key; one that the listener is tied to may have another. TLS 1.2 counts
as on, since an override of it is a fault by itself; one of TLS 1.3 is none while there are other suites. What nothing
shows decides nothing. UNSURE: what Schannel makes of a list of curves (EccCurves) that is empty or has no name which it
knows, so that is not read; the module schannel and the cause tls_unserved say so. Sources: CipherSuiteOrder.admx (the
value, a list with commas), Microsoft's "TLS cipher suites in Windows" (names; TLS 1.3 from Windows Server 2022) and
"Transport Layer Security (TLS) registry settings" (DisabledByDefault counts where Enabled is not stored), FIPS 140 (AES
and Triple DES are approved; RC4, ChaCha20 and NULL are not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from .observation import Observation
from .reading import Reading
from .scope import Scope
from .settings import TLS13_SETTINGS, number_of

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
    """The algorithm of the key that the handshake showed, or of what was read of it; empty where nothing shows it.

    Which certificate Windows has enrolled by a template that policy names, only the handshake shows.
    """
    shown = ((observation.probe or {}).get("tls") or {}).get("certificate")
    if shown:
        return str(shown.get("key_algorithm") or "")
    active = observation.keys.active if observation.keys and not observation.keys.template else None
    return active.key_algorithm if active else ""


def overrides(observation: Observation, enabled: str, by_default: str) -> tuple[str, ...]:
    """Which of its two settings switches a version of TLS off; DisabledByDefault counts where Enabled is not stored."""
    state = observation.settings.get(enabled)
    if number_of(observation, enabled) == 0:
        return (enabled,)
    if state is None or state.local.state != "absent" or number_of(observation, by_default) in (None, 0):
        return ()
    return (by_default,)


@dataclass(frozen=True)
class Basis:
    """What suites are judged by.

    Attributes:
        key: the algorithm of the key that is served; empty where nothing shows it.
        tls13: whether this version of Windows has TLS 1.3; one that was not read may have it.
        tls13_off: whether an override switches that off for servers.
        fips: whether only approved algorithms count.
    """

    key: str
    tls13: bool
    tls13_off: bool
    fips: bool

    @classmethod
    def of(cls, observation: Observation) -> Basis:
        """As Windows will judge when it starts."""
        identity = observation.identity
        return cls(
            key=served_key(observation),
            tls13=identity is None or identity.build >= TLS13_BUILD,
            tls13_off=bool(overrides(observation, *TLS13_SETTINGS)),
            fips=number_of(observation, "fips") not in (None, 0),
        )

    @property
    def freed(self) -> Basis:
        """The same without an override of TLS 1.3."""
        return replace(self, tls13_off=False)

    def usable(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that the listener can be served with."""
        approved = (name for name in names if not self.fips or any(algorithm in name for algorithm in _APPROVED))
        return tuple(name for name in approved if self._offered(name))

    def _offered(self, name: str) -> bool:
        if name in _TLS13:
            return self.tls13 and not self.tls13_off
        return "_NULL_" not in name and name.startswith(_FAMILIES.get(self.key, _ANY))


def undecided(observation: Observation) -> Scope:
    """What decides whether a stored list leaves anything, and mostly does not: the key, and an override of TLS 1.3."""
    state = observation.settings.get("cipher_suites")
    lists = [names for reading in (state.policy, state.local) if (names := suites(reading))] if state else []
    basis = Basis.of(observation)
    possible = [replace(basis, key=key) for key in ((basis.key,) if basis.key else _FAMILIES)]
    by_key = any(len({bool(one.usable(names)) for one in possible}) > 1 for names in lists)
    by_version = any(one.usable(names) and not replace(one, tls13_off=True).usable(names)
                     for one in possible for names in lists)  # fmt: skip
    return Scope(("keys",) if by_key else (), TLS13_SETTINGS if by_version else ())

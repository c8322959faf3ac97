# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in certificate, key, protocol versions and ciphers. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import replace

from ..._model.ciphers import Basis, suites
from ..._model.settings import TLS13_SETTINGS
from ..facts import Evidence, Facts
from ._base import REPAIR, Cause, Cure, Shown, of_settings, overridden

PROTOCOLS = "https://learn.microsoft.com/windows/win32/secauthn/protocols-in-tls-ssl--schannel-ssp-"
SUITES = "https://learn.microsoft.com/windows/win32/secauthn/cipher-suites-in-schannel"
CURVES = "https://learn.microsoft.com/windows/win32/secauthn/tls-elliptic-curves-in-windows-10-1607-and-later"
ALGORITHMS = (
    "https://learn.microsoft.com/troubleshoot/windows-server/windows-security/"
    "restrict-cryptographic-algorithms-protocols-schannel"
)
OUTDATED = "https://learn.microsoft.com/lifecycle/announcements/transport-layer-security-1x-disablement"
RFC8996 = "https://www.rfc-editor.org/rfc/rfc8996"
COMPLETES = "probe_info: the TLS stage completes"


def _tls_server_disabled(facts: Facts) -> Shown:
    """TLS 1.2 is what every client of today has, and older versions are better off; TLS 1.3 may be all that is left."""
    return (*overridden(facts, "tls12_enabled", "tls12_disabled_by_default"), *_tls13_needed(facts))


def _tls13_needed(facts: Facts) -> Shown:
    """An override of TLS 1.3 counts where the suites that are set would leave something without it."""
    offered, basis = _offered(facts), Basis.of(facts.observation)
    if not offered or basis.usable(offered) or not basis.freed.usable(offered):
        return ()
    return (*overridden(facts, *TLS13_SETTINGS), facts.stored("cipher_suites"))


def _offered(facts: Facts) -> tuple[str, ...] | None:
    """The cipher suites that are set, by policy before the host's own list; None where nothing is."""
    state = facts.state("cipher_suites")
    return suites(state.policy if state.policy.is_value else state.local) if state else None


def _left(facts: Facts, offered: tuple[str, ...], *, fips: bool) -> tuple[str, ...]:
    """Those that could be used if no version of TLS were switched off."""
    return replace(Basis.of(facts.observation).freed, fips=fips).usable(offered)


def _cipher_suites_empty(facts: Facts) -> Shown:
    return (facts.stored("cipher_suites"),) if _offered(facts) == () else ()


def _cipher_suites_mismatch(facts: Facts) -> Shown:
    offered = _offered(facts)
    if not offered or _left(facts, offered, fips=False):
        return ()
    return (facts.stored("cipher_suites"),)


def _fips_mismatch(facts: Facts) -> Shown:
    offered = _offered(facts)
    if offered is None or facts.number("fips") in (None, 0):
        return ()
    if _left(facts, offered, fips=True) or not _left(facts, offered, fips=False):
        return ()
    return (facts.stored("fips"), facts.stored("cipher_suites"))


def _tls_unserved(facts: Facts) -> Shown:
    """What Schannel's events say where none of its settings explains it."""
    events = facts.events_at_probe("Schannel", 36871, 36874)
    known = (_tls_server_disabled, _cipher_suites_empty, _cipher_suites_mismatch, _fips_mismatch)
    explained = any(shows(facts) for shows in known)
    if facts.probe_verdict("tls") not in ("alert", "reset") or not events or explained:
        return ()
    ids = ", ".join(sorted({str(event.id) for event in events}))
    return (facts.seen("tls"), Evidence("Schannel events around the probe", ids, "Win32_NTLogEvent"))


def _tls12_missing(facts: Facts) -> Shown:
    """The prober offers every version, so the host has no newer one.

    A hint alone: Windows' own client up to Windows 11 24H2 takes these, and clients without them are shut out.
    """
    version = facts.probed_value("tls", "version")
    return (Evidence("newest TLS version of the host", version, "probe"),) if version in ("TLSv1", "TLSv1.1") else ()


CAUSES = (
    Cause(
        "tls_server_disabled",
        "TLS 1.2 is switched off for servers, or the one version that the cipher suites are for",
        "tls",
        "critical",
        _tls_server_disabled,
        COMPLETES,
        (Cure("schannel"),),
        "medium",
        sources=(REPAIR, PROTOCOLS),
    ),
    Cause(
        "cipher_suites_empty",
        "the list of cipher suites is empty",
        "tls",
        "critical",
        _cipher_suites_empty,
        COMPLETES,
        (Cure("schannel"),),
        "medium",
        by_hand='Correct the policy "SSL Cipher Suite Order", or remove it once nobody claims it; then reboot.',
        sources=(REPAIR, SUITES),
    ),
    Cause(
        "cipher_suites_mismatch",
        "the cipher suites that are set have none that fits the key of the listener's certificate",
        "tls",
        "critical",
        _cipher_suites_mismatch,
        COMPLETES,
        (Cure("schannel"),),
        "medium",
        by_hand='Correct the policy "SSL Cipher Suite Order", or bind a certificate whose key the suites are for.',
        sources=(REPAIR, SUITES),
    ),
    Cause(
        "fips_mismatch",
        "FIPS mode is on and the cipher suites that are set have none that it approves",
        "tls",
        "critical",
        _fips_mismatch,
        COMPLETES,
        (Cure("schannel"),),
        "medium",
        by_hand="Add suites with AES to the list that the evidence names; FIPS mode is never switched off.",
        touches=of_settings("fips"),
        sources=(SUITES,),
    ),
    Cause(
        "tls_unserved",
        "Schannel cannot serve TLS and none of its settings that are looked at says why",
        "tls",
        "critical",
        _tls_unserved,
        COMPLETES,
        certain=False,
        by_hand="Look at the host's Schannel events, and at what else configures TLS there and is not looked at: "
        "Enabled=0 below Ciphers, Hashes and KeyExchangeAlgorithms beside Protocols (IIS Crypto writes such), and the "
        "policy ECC Curve Order (EccCurves), which has to name curves as Schannel calls them, such as NistP256.",
        sources=(REPAIR, CURVES, ALGORITHMS),
    ),
    Cause(
        "tls12_disabled",
        "the host serves TLS 1.0 or 1.1 alone, which clients without these versions refuse",
        "tls",
        "high",
        _tls12_missing,
        "probe_info: the TLS stage shows the version TLSv1.2 or newer",
        (Cure("schannel"),),
        "medium",
        contributes=True,
        sources=(OUTDATED, RFC8996),
    ),
)

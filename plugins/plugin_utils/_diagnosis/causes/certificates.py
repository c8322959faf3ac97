# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in the listener's certificate and its private key. PRIVATE to the collection.

Absent certificates and keys come back when SessionEnv starts; a valid certificate whose key cannot be read never heals
by itself (measured by Microsoft's Azure repair scripts). An expired certificate alone makes clients warn.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..._model.keys import CertificateState, KeysState, denied
from ..._model.plain import Plain
from ..facts import Evidence, Facts
from ._base import REPAIR, TERMSERV, Cause, Cure, Shown

KEYS = Cure("machine_keys")
RENEWED = Cure("machine_keys", {"method": "certificate"})
NEW_KEY = Cure("machine_keys", {"method": "key"})
VALID = Cure("certificate", {"state": "valid"})
COMPLETES = "probe_info: the TLS stage completes"
SHOWN = "probe_info: the TLS stage shows a certificate that is valid"

OfKeys = Callable[[Facts, KeysState, datetime], Shown]


def _of_keys(shows: OfKeys) -> Callable[[Facts], Shown]:
    """Shown by the observation's keys, by the host's clock; nothing where they were not read."""

    def shown(facts: Facts) -> Shown:
        keys, identity = facts.observation.keys, facts.observation.identity
        told = keys is not None and not _template_alone(facts)
        return shows(facts, keys, datetime.fromisoformat(identity.local_time)) if keys and told and identity else ()

    return shown


def _template_alone(facts: Facts) -> bool:
    """Whether policy gives the listener certificates of a template and no handshake shows which one that is."""
    keys = facts.observation.keys
    return keys is not None and bool(keys.template) and not facts.probed


def _about(what: str, value: Plain, source: str) -> Shown:
    return (Evidence(what, value, source),)


def _permissions(path: str, dacl: Plain) -> Shown:
    return _about(f"permissions of {path}", dacl, "Win32_LogicalFileSecuritySetting")


def _key_unreadable(facts: Facts) -> Shown:
    """By the file's permissions where they are shown, else by Schannel's events around a probe that was dropped."""
    keys = None if _template_alone(facts) else facts.observation.keys
    file = keys.active.key_file if keys and keys.active else None
    if file is not None and keys is not None:
        if file.cng or file.dacl.state == "absent" or keys.readable:
            return ()
        if keys.readable is False:
            return _permissions(file.path, file.dacl.data)
    events = facts.events_at_probe("Schannel", 36870)
    if facts.probe_verdict("tls") != "reset" or not events:
        return ()
    return (facts.seen("tls"), Evidence("Schannel 36870 around the probe", len(events), "Win32_NTLogEvent"))


def _key_in_cng(facts: Facts, keys: KeysState, _now: datetime) -> Shown:
    file = keys.active.key_file if keys.active else None
    dropped = facts.probe_verdict("tls") == "reset"
    if file is None or not file.cng or keys.readable or not (dropped or keys.readable is False):
        return ()
    return _about(f"key container of the certificate {keys.pinned or 'of the listener'}", file.container, file.path)


def _key_missing(_facts: Facts, keys: KeysState, _now: datetime) -> Shown:
    certificate = keys.active
    if certificate is None or not keys.key_gone:
        return ()
    path = certificate.key_file.path if certificate.key_file else "the store's link to a key"
    return _about(f"private key of the certificate {certificate.thumbprint}", "absent", path)


def _machine_guid_changed(_facts: Facts, keys: KeysState, _now: datetime) -> Shown:
    if not keys.guid_changed:
        return ()
    return (
        Evidence("MachineGuid", keys.machine_guid, r"HKLM\SOFTWARE\Microsoft\Cryptography"),
        Evidence("key file of another MachineGuid", keys.stranded[0], keys.folder),
    )


def _certificate_missing(facts: Facts, keys: KeysState, _now: datetime) -> Shown:
    if keys.own or keys.pinned or denied(facts.observation.key_stores):
        return ()
    damaged = keys.damaged if keys.damaged and keys.damaged.blob else None
    found = f"{damaged.thumbprint}, whose bytes are no certificate" if damaged else "absent"
    return _about("self-signed certificate of the listener", found, "the certificate store Remote Desktop")


def _store_acl(facts: Facts, keys: KeysState, now: datetime) -> Shown:
    stores = facts.observation.key_stores or {}
    if not denied(stores) or not keys.needs_making(now):
        return ()
    path = denied(stores)[0]
    return _about(f"permissions of {path}", stores[path].data, "StdRegProv")


def _folder_acl(_facts: Facts, keys: KeysState, now: datetime) -> Shown:
    if not keys.folder_denied or not keys.needs_making(now):
        return ()
    return _permissions(keys.folder, keys.folder_dacl.data)


def _pinned_missing(_facts: Facts, keys: KeysState, _now: datetime) -> Shown:
    if not keys.pinned or keys.pinned_certificate:
        return ()
    found = "no certificate, though named so," if keys.pinned_damaged else "not"
    return _about("SSLCertificateSHA1Hash", keys.pinned, f"{found} in the machine's personal store")


def _in_use(facts: Facts) -> CertificateState | None:
    """The certificate in use, where that is known.

    Which one Windows has enrolled by a template that policy names, only the handshake shows.
    """
    keys = facts.observation.keys
    if keys is None or keys.active is None:
        return None
    return keys.active if not keys.template or facts.shown_thumbprint == keys.active.thumbprint else None


def _expired(facts: Facts) -> Shown:
    """By the handshake, or by the store where no probe was made."""
    active, identity = _in_use(facts), facts.observation.identity
    if facts.expired_certificate_shown and not active:
        return (Evidence("certificate in the handshake", "expired", "probe"),)
    if active is None or identity is None:
        return ()
    over = datetime.fromisoformat(active.not_after) <= datetime.fromisoformat(identity.local_time)
    return _about(f"certificate {active.thumbprint}", f"expired on {active.not_after}", "its store") if over else ()


def _weak(facts: Facts) -> Shown:
    """By the store, or by the handshake where the store was not read."""
    if _in_use(facts) is not None:
        return _of_keys(_fault("signed with", "RSA key"))(facts)
    return tuple(Evidence("certificate in the handshake", fault, "probe") for fault in facts.shown_certificate_faults)


def _fault(*words: str) -> OfKeys:
    """Shown when the certificate in use has a fault that is told in one of these words."""

    def shows(facts: Facts, _keys: KeysState, now: datetime) -> Shown:
        active = _in_use(facts)
        faults = active.faults(now) if active else ()
        told = (fault for fault in faults if any(word in fault for word in words))
        return tuple(Evidence("certificate in use", fault, "its store") for fault in told)

    return shows


CAUSES = (
    Cause(
        "store_acl",
        "SYSTEM may not write to the certificate store of the listener, so it has no valid certificate",
        "x224",
        "critical",
        _of_keys(_store_acl),
        COMPLETES,
        (KEYS,),
        sources=(REPAIR,),
    ),
    Cause(
        "certificate_pinned_missing",
        "the listener is tied to a certificate that is gone",
        "x224",
        "critical",
        _of_keys(_pinned_missing),
        COMPLETES,
        (VALID,),
        "medium",
        by_hand="Import the certificate with its private key, or bind another one.",
        sources=(REPAIR, TERMSERV),
    ),
    Cause(
        "certificate_missing",
        "the listener has no certificate",
        "x224",
        "critical",
        _of_keys(_certificate_missing),
        COMPLETES,
        (KEYS, NEW_KEY),
        sources=(REPAIR,),
    ),
    Cause(
        "machine_guid_changed",
        "the MachineGuid was changed, so the key file of the listener's certificate has the name of another machine",
        "tls",
        "critical",
        _of_keys(_machine_guid_changed),
        COMPLETES,
        (KEYS, RENEWED, NEW_KEY),
        sources=(REPAIR,),
    ),
    Cause(
        "key_missing",
        "the private key of the listener's certificate is gone, so TLS is dropped after the first message",
        "tls",
        "critical",
        _of_keys(_key_missing),
        COMPLETES,
        (VALID, KEYS, RENEWED, NEW_KEY),  # the first unties the listener from such a certificate, and does no more
        "medium",
        by_hand="Where the listener is tied to that certificate, import it once more with its private key, or bind "
        "another one.",
        sources=(REPAIR,),
    ),
    Cause(
        "key_in_cng",
        "the private key of the listener's certificate is kept by CNG, where TermService may not read it",
        "tls",
        "critical",
        _of_keys(_key_in_cng),
        COMPLETES,
        (KEYS, Cure("certificate", {"state": "self_signed"})),
        "medium",
        certain=False,
        by_hand="Grant NETWORK SERVICE read access to that key, or bind another certificate.",
        sources=(REPAIR,),
    ),
    Cause(
        "key_unreadable",
        "the private key of the listener's certificate cannot be read, so TLS is dropped after the first message",
        "tls",
        "critical",
        _key_unreadable,
        COMPLETES,
        (KEYS, RENEWED, NEW_KEY),
        certain=False,
        by_hand="Give NETWORK SERVICE read access to the one key file of the certificate.",
        sources=(REPAIR,),
    ),
    Cause(
        "folder_acl",
        "the permissions of MachineKeys keep Windows from renewing the listener's key",
        "session",
        "high",
        _of_keys(_folder_acl),
        SHOWN,
        (KEYS,),
        sources=(REPAIR,),
    ),
    Cause(
        "certificate_expired",
        "the listener's certificate has expired, so clients warn or refuse",
        "session",
        "medium",
        _expired,
        SHOWN,
        (VALID, RENEWED),
        "medium",
        sources=(REPAIR,),
    ),
    Cause(
        "certificate_wrong_usage",
        "the listener's certificate is not for server authentication",
        "session",
        "medium",
        _of_keys(_fault("usage")),
        SHOWN,
        (VALID,),
        "medium",
        sources=(TERMSERV,),
    ),
    Cause(
        "certificate_weak",
        "the listener's certificate has a short key or an outdated signature",
        "session",
        "low",
        _weak,
        SHOWN,
        (VALID,),
        "medium",
        sources=(TERMSERV,),
    ),
)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in certificate, key, protocol versions and ciphers. PRIVATE to the collection."""

from __future__ import annotations

from ..facts import Evidence, Facts
from ._base import REPAIR, Cause, Shown


def _key_unreadable(facts: Facts) -> Shown:
    events = facts.events_at_probe("Schannel", 36870)
    if facts.probe_verdict("tls") != "reset" or not events:
        return ()
    return (facts.seen("tls"), Evidence("Schannel 36870 around the probe", len(events), "Win32_NTLogEvent"))


def _tls_server_disabled(facts: Facts) -> Shown:
    events = facts.events_at_probe("Schannel", 36871, 36874)
    if facts.probe_verdict("tls") not in ("alert", "reset") or not events:
        return ()
    ids = ", ".join(sorted({str(event.id) for event in events}))
    return (facts.seen("tls"), Evidence("Schannel events around the probe", ids, "Win32_NTLogEvent"))


CAUSES = (
    Cause(
        "key_unreadable",
        "the private key of the listener's certificate cannot be read, so TLS is dropped after the first message",
        "tls",
        "critical",
        _key_unreadable,
        "probe_info: the TLS stage completes",
        certain=False,
        by_hand="Give NETWORK SERVICE read access to the one key file of the certificate.",
        sources=(REPAIR,),
    ),
    Cause(
        "tls_server_disabled",
        "TLS cannot be served: no protocol version or cipher suite is left",
        "tls",
        "critical",
        _tls_server_disabled,
        "probe_info: the TLS stage completes",
        certain=False,
        by_hand="Remove the override under SCHANNEL\\Protocols\\TLS 1.2\\Server, then restart the host.",
        sources=(REPAIR,),
    ),
)

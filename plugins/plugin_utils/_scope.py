# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of a host is read, by how far the probe came. PRIVATE to the collection.

What the handshake got past is not what keeps users out: a cause of an earlier stage would be told as unrelated. So only
what can explain the stage that failed is read, and what no probe can see.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._diagnosis.facts import STAGES, Facts
from ._diagnosis.rank import Finding, direct
from ._model.ciphers import undecided
from ._model.scope import Scope
from ._model.settings import CLIENTS_OWN, SETTINGS, TLS13_SETTINGS, TLS_SETTINGS
from ._observe import AREAS

UNSEEN_SETTINGS = ("drain_mode", "logons_disabled", "remote_logons_disabled")
"""What the probe cannot see: read also where the handshake passes."""

UNSEEN_AREAS = ("identity", "services", "settings", "leases", "owed", "permissions", "licensing")
"""Areas that are read also where the handshake passes, for the same reason."""

_DOUBTED_SETTINGS = ("user_logons_disabled",)
"""What may mean nothing: read only where everything is."""

_BESIDE_THE_HANDSHAKE = {
    "max_disconnection_time",
    "logon_prompt",
    "secure_rpc",
    "transport",
    "session_limit",
    "pending_connections",
    "ntlm_inbound",
}
"""What cannot keep the probe's handshake from passing."""

_ELSEWHERE = {*_DOUBTED_SETTINGS, *_BESIDE_THE_HANDSHAKE, *TLS_SETTINGS, *TLS13_SETTINGS, *CLIENTS_OWN}
_SEEN_SETTINGS = tuple(name for name in SETTINGS if name not in _ELSEWHERE)

PROVED_SETTINGS = frozenset(_SEEN_SETTINGS).difference(UNSEEN_SETTINGS)
"""What a handshake that passes shows to be right."""

_ONLY_IN_FULL = (
    "obstacles", "attempts", "client", "client_connections", "dns", "winsock", "machine", "updates", "revision",
    "certificates", "key_owners", "key_copies", "key_stores", "channel_key", "gateway", "gateway_events",
    "membership",
)  # fmt: skip
"""What explains no stage of the handshake."""


_ONLY_IN_FULL_SETTINGS = {*_DOUBTED_SETTINGS, *CLIENTS_OWN, *TLS13_SETTINGS}
"""Settings that are for the same."""


def scope(facts: Facts, full: bool = False) -> Scope:
    """What the probe calls for; everything where C(full) is asked for or there was no probe."""
    if full or not facts.probed:
        skipped = () if full else _ONLY_IN_FULL
        known = tuple(name for name in SETTINGS if full or name not in _ONLY_IN_FULL_SETTINGS)
        return Scope(tuple(area for area in AREAS if area not in skipped), known)
    if facts.passed:
        return Scope((*UNSEEN_AREAS, *_keys(facts)), _unseen(facts))
    return Scope((*_around(facts), *_keys(facts)), _settings(facts))


def deeper(facts: Facts, findings: Iterable[Finding]) -> Scope:
    """What the first look leaves open, and little of which is read for most hosts.

    That is what stands in the way of a listener that is set up right, where the handshake fails for no known reason of
    its stage but that something on the path might drop it; whether the host belongs to a domain, where its firewall
    counts on the domain's network; whether Windows may keep the certificate that it has to make; what cipher suites
    there are, where TLS would be tried for the first time; and what those hang on.
    """
    reasons = [finding for finding in direct(findings) if finding.id != NOTHING_FOUND]
    explained = any(STAGES.index(finding.stage) <= facts.reached for finding in reasons)
    unexplained = facts.failed_stage in ("tcp", "x224") and (facts.foreign_listener or not explained)
    asked = {
        "obstacles": unexplained,
        "membership": facts.counts_on_domain,
        "key_stores": facts.needs_certificate,
    }
    suites = undecided(facts.observation)
    untried = any(finding.id in _TLS_UNTRIED for finding in direct(findings))
    settings = (*suites.settings, *(_SUITES if untried else ()))
    return Scope((*(area for area, wanted in asked.items() if wanted), *suites.areas), settings)


NOTHING_FOUND = "path_blocked"
"""The cause that is concluded where the host shows none."""

_TLS_UNTRIED = ("negotiation_disabled", "security_layer_rdp", "security_layer_invalid")
"""Causes whose cure makes the listener serve TLS, which no handshake has tried before."""

_SUITES = ("cipher_suites", "fips")
"""What shows that there would be none, whatever else is cured."""


def _keys(facts: Facts) -> tuple[str, ...]:
    """No keys before TLS was tried, nor where it showed nothing wrong."""
    return ("keys",) if facts.certificate_doubtful else ()


def _unseen(facts: Facts) -> tuple[str, ...]:
    """What the probe cannot see; how UDP and NTLM are set only where the one or the other stayed without answer."""
    udp = ("transport",) if facts.udp_silent else ()
    ntlm = ("ntlm_inbound",) if facts.probe_verdict("ntlm") in ("closed", "refused") else ()
    return (*UNSEEN_SETTINGS, *udp, *ntlm)


def _settings(facts: Facts) -> tuple[str, ...]:
    """What can keep the handshake from passing; once the listener negotiates, only what Schannel may serve."""
    if not facts.negotiated:
        return _SEEN_SETTINGS
    return (*UNSEEN_SETTINGS, "port", *(TLS_SETTINGS if facts.failed_stage == "tls" else ()))


def _around(facts: Facts) -> tuple[str, ...]:
    """All that can explain the stage that failed: no firewall once TCP opened, no owner of a port that speaks RDP."""
    opened = facts.failed_stage not in ("name", "tcp")
    skipped = {*_ONLY_IN_FULL, "keys", *(("firewall",) if opened else ()), *(("listener",) if facts.negotiated else ())}
    return tuple(area for area in AREAS if area not in skipped)

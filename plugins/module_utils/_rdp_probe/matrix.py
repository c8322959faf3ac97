# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers to all requests together say about the host's settings.

FOR INTERNAL COLLECTION USE ONLY. The matrix (MS-RDPBCGR 2.2.1.2 and 5.4.2; recorded answers of Windows hosts), S being
SecurityLayer and U UserAuthentication:

    asked   S=2 U=1      S=2 U=0      S=1 U=0      S=0
    0       failure 5    failure 1    selects 0    selects 0
    1       failure 5    selects 1    selects 1    failure 2
    3       selects 2    selects 2    selects 2    failure 2
    0xB     selects 8    selects 8    selects 8    failure 2
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.x224 import (
    PROTOCOL_RDP,
    PROTOCOL_SSL,
    WINDOWS_SOURCE_REFERENCE,
    Answer,
)

#: Everything modern clients ask first, as TLS and NTLM go on from there; Standard RDP alone last.
ASK_ORDER = (0xB, 3, 1, 0)
CREDSSP_ASKS = (0xB, 3)

_SSL_REQUIRED, _SSL_NOT_ALLOWED, _NO_CERTIFICATE, _HYBRID_REQUIRED, _USER_AUTH_REQUIRED = 1, 2, 3, 5, 6
_VERDICTS: tuple[tuple[str, str], ...] = (
    ("selected", "negotiates"),
    ("failure", "negotiates"),
    ("legacy", "legacy"),
    ("not_rdp", "not_rdp"),
    ("reset", "reset"),
)
NOTHING_ASKED: dict[int, Answer] = dict.fromkeys(sorted(ASK_ORDER), Answer("skipped"))


@dataclasses.dataclass(frozen=True)
class X224Result:
    """How the host negotiates.

    Attributes:
        verdict: `negotiates`, `legacy` (answers without negotiation: Windows XP, xrdp), `no_reply`, `reset`, `not_rdp`
            or `skipped`.
        windows: Whether the confirm has the source reference of Windows. None when there is no confirm, or one that
            takes less than CredSSP where that was offered, which Windows does not: xrdp sends the same reference.
        protocol_guess: What answers instead: http, ssh, tls, vnc, …
        asked: The answer by what was asked: 0, 1, 3, 11.
        security_layer: The live SecurityLayer; None where the answers leave it open, as they do when NLA is required.
        nla_required: Whether the host insists on NLA; None where the answers leave it open.
    """

    verdict: str = "skipped"
    windows: bool | None = None
    protocol_guess: str | None = None
    asked: t.Mapping[int, Answer] = dataclasses.field(default_factory=lambda: NOTHING_ASKED)
    security_layer: int | None = None
    nla_required: bool | None = None

    @property
    def selected(self) -> frozenset[int]:
        """The protocols that the host selected in any answer."""
        return frozenset(answer.protocol for answer in self.asked.values() if answer.protocol is not None)

    @property
    def failures(self) -> frozenset[int]:
        """The failure codes in any answer."""
        return frozenset(answer.failure for answer in self.asked.values() if answer.failure is not None)


def conclude(answers: t.Mapping[int, Answer]) -> X224Result:
    """Draw the conclusions from the answers by what was asked; all of `ASK_ORDER` must be there."""
    outcomes = {answer.outcome for answer in answers.values()}
    return X224Result(
        verdict=next((verdict for outcome, verdict in _VERDICTS if outcome in outcomes), "no_reply"),
        windows=_is_windows(answers),
        protocol_guess=next((answer.protocol_guess for answer in answers.values() if answer.protocol_guess), None),
        asked=answers,
        security_layer=_security_layer(answers[0], answers),
        nla_required=_nla_required(answers[0], answers[1]),
    )


def _is_windows(answers: t.Mapping[int, Answer]) -> bool | None:
    """Judge by the source reference, and by what is selected when CredSSP is offered."""
    references = {answer.source_reference for answer in answers.values()} - {None}
    if references and references != {WINDOWS_SOURCE_REFERENCE}:
        return False
    takes_less = any(answers[asked].protocol in (PROTOCOL_RDP, PROTOCOL_SSL) for asked in CREDSSP_ASKS)
    return True if references and not takes_less else None


def _security_layer(plain: Answer, answers: t.Mapping[int, Answer]) -> int | None:
    """Deduce SecurityLayer: 0 Standard RDP (which xrdp selects though TLS was asked), 1 negotiate, 2 TLS."""
    denies_tls = any(answer.failure == _SSL_NOT_ALLOWED for answer in answers.values())
    if denies_tls or any(answers[asked].protocol == PROTOCOL_RDP for asked in answers if asked):
        return 0
    if plain.failure == _SSL_REQUIRED:
        return 2
    offers_more = any(answer.protocol or answer.failure == _NO_CERTIFICATE for answer in answers.values())
    return 1 if plain.protocol == PROTOCOL_RDP and offers_more else None


def _nla_required(plain: Answer, tls_only: Answer) -> bool | None:
    """Deduce whether NLA is required from the answers to 0 and 1."""
    failures = {plain.failure, tls_only.failure}
    if failures & {_HYBRID_REQUIRED, _USER_AUTH_REQUIRED}:
        return True
    if plain.protocol == PROTOCOL_RDP or tls_only.protocol == PROTOCOL_SSL:
        return False
    return False if failures & {_SSL_REQUIRED, _SSL_NOT_ALLOWED} else None

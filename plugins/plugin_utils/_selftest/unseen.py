# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open facts that the self-test does not settle, and why. PRIVATE to the collection; for its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Unseen:
    """A fact that stays open: the question, and what keeps the self-test from asking a host."""

    asks: str
    why: str


UNSEEN: Mapping[str, Unseen] = MappingProxyType(
    {
        "gateway_certificate": Unseen(
            "Does a certificate serve that was bound to an RD Gateway before its service starts again?",
            "No handshake with gateways is made. The module gateway says that it serves at the latest then.",
        ),
        "live_logons": Unseen(
            "When is a refusal of new logons live?",
            "It shows behind the credentials, where a session would begin. What a client sees there is not published, "
            "and the checks log nobody on. Where logons are still refused, TermService has to be restarted.",
        ),
    }
)
"""By what it is about. The simulator shows no client what would be seen there, so it has no switch for it."""

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


UNSHOWN = "No handshake shows it: it takes users with sessions."

UNSEEN: Mapping[str, Unseen] = MappingProxyType(
    {
        "live_logons": Unseen("When is a refusal of new logons live?", UNSHOWN),
        "live_sessions": Unseen("When is a limit for disconnected sessions live?", UNSHOWN),
        "keys_minted_in_gap": Unseen(
            "Do services make new keys while the folder of keys has another name?",
            "It takes a renaming of the folder in which the keys of every service lie.",
        ),
        "outstanding_default": Unseen(
            "How many connections may be in negotiation where nobody has set it?",
            "It takes a flood of connections.",
        ),
        "process_create": Unseen(
            "Is a process that is born from WMI blocked?",
            "Security products take the attempt for an attack, and the collection makes none.",
        ),
    }
)
"""By the name of the simulator's switch."""

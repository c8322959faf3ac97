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
CERTIFICATE = "It takes a change of the listener's certificate, which cannot be undone."

UNSEEN: Mapping[str, Unseen] = MappingProxyType(
    {
        "live_logons": Unseen("When is a refusal of new logons live?", UNSHOWN),
        "live_sessions": Unseen("When is a limit for disconnected sessions live?", UNSHOWN),
        "new_key_on_renewal": Unseen("Does a renewed certificate get a new key in the same file?", CERTIFICATE),
        "keys_minted_in_gap": Unseen(
            "Do services make new keys while the folder of keys has another name?",
            "It takes a renaming of the folder in which the keys of every service lie.",
        ),
        "outstanding_default": Unseen(
            "How many connections may be in negotiation where nobody has set it?",
            "It takes a flood of connections.",
        ),
        "start_when_available": Unseen(
            "Is a missed start made up for where a task has no end and no repetition?",
            "The host has to be off while the task is due; the collection's tasks do not depend on it.",
        ),
        "reboot_blocked_by_users": Unseen("Do users who are logged on prevent a reboot?", "It takes a reboot."),
        "process_create": Unseen(
            "Is a process that is born from WMI blocked?",
            "Security products take the attempt for an attack, and the collection makes none.",
        ),
    }
)
"""By the name of the simulator's switch."""

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
        "live_logons": Unseen(
            "When is a refusal of new logons live?",
            "It shows behind the credentials, where a session would begin. What a client sees there is not published, "
            "and the checks log nobody on. Where logons are still refused, TermService has to be restarted.",
        ),
        "user_logons": Unseen(
            "Does TSUserEnabled, when it is 1, keep users from connecting, or only relax their programs' permissions?",
            "Either shows in a session alone, and the checks log nobody on. Microsoft's guides for Azure say the "
            "first, sources from Terminal Server 4.0 the second; 0 is Windows' own value and right by both.",
        ),
        "hidden_listing": Unseen(
            "Does CIM_DataFile list a folder of keys for an administrator who may neither list nor inspect it?",
            "Such a folder would have to be made where the keys of others are. One that shows neither files nor "
            "permissions counts as not readable: no key is called missing there, and the folder is not renamed.",
        ),
        "partial_put": Unseen(
            "Does Put take some properties alone where it is not about the filters of a firewall rule?",
            "The collection puts those filters alone, and firewall_partial_put asks about them. A check would have to "
            "put an instance of another class, which is the host's own.",
        ),
        "live_prompt": Unseen(
            "When is it live that the logon screen always asks for the password?",
            "It is asked in the pictures of a session, of a client that has sent a password. To see it a check had to "
            "begin a session, paint it, and log somebody on, or leave a failed logon behind; the checks do none of it, "
            "and the provider tells what is stored. Where a session that begins after the change does not ask, "
            "TermService has to be restarted, as security_layer says when it makes the change.",
        ),
        "live_rpc": Unseen(
            "When is a policy live that requires secure RPC, and what does Windows do without one?",
            "It shows to programs alone that call Remote Desktop's RPC interface without encryption, over a pipe of "
            "SMB, which no check opens. Nothing is decided by it: the collection writes no policy, and names the hosts "
            "that lack this one.",
        ),
    }
)
"""By what it is about.

The simulator shows no client what would be seen there, so it has no switch for most of these. It always lists the files
of a hidden folder, and what it takes of a partial Put is a switch that no check sees.
"""

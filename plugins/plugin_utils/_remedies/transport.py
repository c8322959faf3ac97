# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP alone, or UDP beside it: the host side of the transport. PRIVATE to the collection.

A session begins over TCP and moves its graphics to UDP where both sides may. A path that lets the first UDP packets
through and then drops them, or a client with a broken UDP stack, loses the session a moment after logon; TCP alone
then is a sound and reversible cure. No benchmark asks for either. Source: TerminalServer.admx, policy "Select RDP
transport protocols" (0 both, 1 TCP alone, 2 either, the default).
"""

from __future__ import annotations

from .._model.change import Plan
from .._model.observation import Observation
from .._model.settings import SETTINGS, effective
from ._base import POLICY_OPTION, Options, Remedy, Wish, hosting, plan_setting

NAME = "transport"

BOTH, TCP_ONLY, EITHER = 0, 1, 2
"""SelectTransport."""

OPTIONS = {
    "mode": {"type": "str", "choices": ["tcp_and_udp", "tcp_only"], "default": "tcp_and_udp"},
    **POLICY_OPTION,
}


@hosting
def plan(observation: Observation, options: Options) -> Plan:
    """Plan TCP alone, or Windows' default where UDP is not allowed."""
    state = observation.settings.get("transport")
    current = effective(SETTINGS["transport"], state)[0] if state else None
    allowing = current if current in (BOTH, EITHER) else EITHER
    wanted = TCP_ONLY if options["mode"] == "tcp_only" else allowing
    return plan_setting(
        observation, Wish(NAME, "transport", wanted, f"the transport is wanted {options['mode']}"), options
    )


REMEDY = Remedy(
    name=NAME,
    areas=("identity", "settings"),
    settings=("transport",),
    options=OPTIONS,
    plan=plan,
)

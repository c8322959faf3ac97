# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many connections may be pending, and how many sessions may be. PRIVATE to the collection.

A listener with too many connections that have not finished negotiating stops taking new ones and writes event 1006
("large number of incomplete connections"). That is a flood or a scan nearly always: the cure is to keep its sources
away, and a higher limit gains time. The limit is read when TermService starts; Windows' built-in number is not
documented. Sources: Microsoft KB954398 (MaxOutstandingConnections), TerminalServer.admx "Limit number of connections"
(MaxInstanceCount, 999999 and above is no limit).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .._model.change import Plan, Refusal
from .._model.observation import Observation
from .._model.settings import AT_LEAST, SETTINGS, UNLIMITED, effective, number_of
from ._base import POLICY_OPTION, Options, Remedy, Wish, hosting, plan_setting

NAME = "connection_limit"

AREAS = ("identity", "settings", "listener", "attempts")

MOST_PENDING = 65536
"""The most that anybody has reported to use."""

MOST_SESSIONS = 999999
"""What the policy takes as the largest number; it stands for no limit (TerminalServer.admx)."""

OPTIONS = {
    "pending": {"type": "int"},
    "sessions": {"type": "int"},
    **POLICY_OPTION,
}


@hosting
def plan(observation: Observation, options: Options) -> Plan:
    """Plan the limits that are given; the other stays."""
    return sum((step for step in _steps(observation, options)), Plan())


def _steps(observation: Observation, options: Options) -> Iterator[Plan]:
    pending, sessions = options["pending"], options["sessions"]
    if pending is not None:
        yield _out_of_range("pending", pending, 1, MOST_PENDING) or _pending(observation, pending, options)
    if sessions is not None:
        yield _out_of_range("sessions", sessions, 0, MOST_SESSIONS) or _sessions(observation, sessions, options)


def _out_of_range(option: str, number: int, least: int, most: int) -> Plan | None:
    if least <= number <= most:
        return None
    return Plan(refused=(Refusal(f"{option} is {number}: use a number from {least} to {most}", option),))


def _pending(observation: Observation, number: int, options: Options) -> Plan:
    reason = f"the number of connections that may be pending is wanted {number}"
    notes = tuple(_flood(observation))
    stored = number_of(observation, "pending_connections")
    if options.get(AT_LEAST) and stored is not None and stored >= number:
        return Plan(refused=(Refusal(_enough(stored)),), notes=notes)
    wish = Wish(NAME, "pending_connections", number, reason, risk="medium")
    return plan_setting(observation, wish, options) + Plan(notes=notes)


def _enough(stored: int) -> str:
    return (
        f"{SETTINGS['pending_connections'].path} is {stored} already, and more would only gain time: keep away whoever "
        "floods the listener, then restart TermService"
    )


def _flood(observation: Observation) -> Iterator[str]:
    """Who is to be kept away: by events where the listener complained of too many, else by connections open now."""
    listener, reason = observation.listener, observation.unread.get("attempts")
    if observation.attempts:
        yield _busiest("the connections that flooded the listener", observation.attempts)
    elif listener and listener.peers:
        yield _busiest("connections to the listener's port", listener.peers)
    if reason:
        yield f"who flooded the listener is not known beyond that, since its events could not be read: {reason}"


def _busiest(what: str, peers: Mapping[str, int]) -> str:
    busiest = sorted(peers.items(), key=lambda item: (-item[1], item[0]))[:5]
    named = ", ".join(f"{address} ({count})" for address, count in busiest)
    return f"{what} come from {named}: keep away those that are not your users'"


def needs(options: Options) -> tuple[str, ...]:
    """Who floods the listener matters only to the limit of pending connections."""
    return AREAS if options["pending"] is not None else tuple(area for area in AREAS if area != "attempts")


def _sessions(observation: Observation, number: int, options: Options) -> Plan:
    """Any number from MOST_SESSIONS means no limit, so a host without one is left as it is."""
    state = observation.settings.get("session_limit")
    current = effective(SETTINGS["session_limit"], state)[0] if state else None
    unlimited = current if current is not None and current >= MOST_SESSIONS else UNLIMITED
    wanted = number if 0 < number < MOST_SESSIONS else unlimited
    reason = f"the number of sessions is wanted {SETTINGS['session_limit'].word(wanted)}"
    return plan_setting(observation, Wish(NAME, "session_limit", wanted, reason), options)


REMEDY = Remedy(
    name=NAME,
    areas=AREAS,
    settings=("pending_connections", "session_limit"),
    spared={"pending_connections": "pending", "session_limit": "sessions"},
    options=OPTIONS,
    plan=plan,
    needs=needs,
)

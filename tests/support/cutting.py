# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are cut off: before a message is sent, or before its answer arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed

from tests.simulator.host import SimulatedHost
from tests.support.in_process import job

Before = Callable[[int, bytes], None]
"""Called with the number of each message, from 1, and its body before it is sent."""


class Cut(Exception):
    """The controller is gone."""


def cut_before(last: int) -> Before:
    """The controller is gone before it sends message number last."""

    def before(number: int, body: bytes) -> None:
        if number >= last:
            raise Cut

    return before


def cut_after(last: int) -> Before:
    """The host acts on message number last, and its answer never arrives; nothing can be sent from then on."""

    def before(number: int, body: bytes) -> None:
        if number > last:
            raise TransportFailed("connection lost", sent=True)

    return before


def lost(last: int) -> Before:
    """The connection is lost once, after the host has acted on message number last: the run fails, and still ends."""

    def before(number: int, body: bytes) -> None:
        if number == last + 1:
            raise TransportFailed("connection lost", sent=True)

    return before


Cuts = Callable[[Sequence[int]], list[tuple[int, Before]]]
"""What ends a run in each of the states that its writes leave a host in, and at which message."""


def cuts(writes: Sequence[int]) -> list[tuple[int, Before]]:
    """What cuts a run off with none of its writes done, with the first, and so on, but the last.

    By turns a write is not sent, or the answer to the one before it is lost: on the host that is the same.
    """
    return [
        (number, cut_after(writes[done - 1]) if done % 2 else cut_before(number)) for done, number in enumerate(writes)
    ]


def losses(writes: Sequence[int]) -> list[tuple[int, Before]]:
    """What loses the connection once after each write."""
    return [(number, lost(number)) for number in writes]


def writes_of(run: Callable[[SimulatedHost, Before], object], simulated: SimulatedHost) -> list[int]:
    """The numbers of the messages that write, when a run is not cut off."""
    before: list[int] = []

    def count(number: int, body: bytes) -> None:
        before.append(simulated.counters.writes)

    run(simulated, count)
    after = [*before[1:], simulated.counters.writes]
    return [number for number, pair in enumerate(zip(before, after, strict=True), 1) if pair[0] != pair[1]]


def roll_back_all(simulated: SimulatedHost) -> bool:
    """Roll everything back; whether there was anything to do."""
    undoing = rollback(job(simulated, "back"), "all", force=False)
    assert not undoing.left
    assert not undoing.drifted
    return bool(undoing.undone)

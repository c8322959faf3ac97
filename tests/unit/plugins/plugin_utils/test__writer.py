# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The right to write on a host."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guard import ROOT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._writer import (
    OVER,
    TENURE,
    HeldByAnother,
    Writer,
    announced,
    announcements,
    bury,
)

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job


class Clock:
    """The host's clock, moved by waiting."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def writer(simulated: SimulatedHost, clock: Clock, by: str) -> Writer:
    return Writer(connect(simulated).registry, clock.now, by, clock.sleep)


def left(simulated: SimulatedHost) -> list[str]:
    return announcements(connect(simulated).registry.keys(ROOT) or [])


def test_the_writer_leaves_no_announcement_behind() -> None:
    simulated = SimulatedHost.build("2022")
    fix(job(simulated), REMEDIES["remote_desktop"], {**defaults(REMEDIES["remote_desktop"].options), "drain": "on"})
    assert left(simulated) == []


def test_one_writer_at_a_time_and_the_later_one_says_who_holds_it() -> None:
    simulated, clock = SimulatedHost.build("2022"), Clock()
    with writer(simulated, clock, "run first"), pytest.raises(HeldByAnother, match="run first"):
        writer(simulated, clock, "run second").__enter__()
    with writer(simulated, clock, "run third"):
        pass


def test_a_dead_writer_does_not_hold_the_host_for_ever() -> None:
    simulated, clock = SimulatedHost.build("2022"), Clock()
    dead = writer(simulated, clock, "dead").__enter__()
    clock.sleep(TENURE.total_seconds() + 1)
    with writer(simulated, clock, "next") as living:
        living.check()
        with pytest.raises(HeldByAnother, match="is gone"):
            dead.check()
    assert left(simulated) == [dead.name], "for who looks at what it wrote"


def test_a_writer_cut_off_while_it_was_announced_does_not_hold_the_host() -> None:
    simulated, clock = SimulatedHost.build("2022"), Clock()
    connect(simulated).registry.create_key(rf"{ROOT}\writer half-announced")
    with writer(simulated, clock, "next") as living:
        living.check()
    assert left(simulated) == [], "it wrote nothing"


def test_a_writer_renews_its_right_while_it_works() -> None:
    simulated, clock = SimulatedHost.build("2022"), Clock()
    with writer(simulated, clock, "long") as working:
        for _step in range(10):
            clock.sleep(TENURE.total_seconds() * 0.6)
            working.check()


def test_a_writer_that_leaves_something_unproven_holds_nobody_up_and_is_seen() -> None:
    simulated, clock = SimulatedHost.build("2022"), Clock()
    with writer(simulated, clock, "unproven") as unproven:
        unproven.unproven = True
    before = clock.now()
    with writer(simulated, clock, "next"):
        pass
    assert clock.now() == before, "nobody was waited for"
    assert left(simulated) == [unproven.name]
    assert announced(connect(simulated).registry, unproven.name) == (int(clock.now().timestamp()), OVER)


def test_none_but_what_is_over_is_buried() -> None:
    simulated, clock = SimulatedHost.build("2022"), Clock()
    registry = connect(simulated).registry
    with writer(simulated, clock, "working") as working:
        bury(registry, clock.now(), working.name)
        working.check()
    dead = writer(simulated, clock, "dead").__enter__()
    clock.sleep(TENURE.total_seconds() + 1)
    bury(registry, clock.now(), dead.name)
    assert left(simulated) == []
    with pytest.raises(HeldByAnother, match="is gone"):
        dead.check()


def test_an_announcement_that_says_nothing_is_buried_too() -> None:
    simulated = SimulatedHost.build("2022")
    host = connect(simulated)
    host.ensure_private()
    name = f"writer {uuid.uuid4()}"
    host.registry.create_key(rf"{ROOT}\{name}")
    bury(host.registry, host.now(), name)
    assert announcements(host.registry.keys(ROOT) or []) == []

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of one host, and what happens on it later (services that start, certificates that appear)."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

DEFAULT_START = datetime(2026, 6, 15, 8, 0, tzinfo=timezone.utc)


@dataclass(order=True)
class Timer:
    """One thing that will happen. Ordered by time, then by the order of asking."""

    due: datetime
    number: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time as one host sees it: it stands still until advanced, or ticks with the machine when ``ticking``."""

    def __init__(self, start: datetime = DEFAULT_START, *, ticking: bool = False) -> None:
        self._base = start
        self._started = time.monotonic()
        self._ticking = ticking
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self.stepped = timedelta()
        """By how much it was set forward so far, all in all."""

    def now(self) -> datetime:
        """The host's time, aware, in UTC."""
        elapsed = time.monotonic() - self._started if self._ticking else 0.0
        return self._base + timedelta(seconds=elapsed)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` when ``seconds`` of the host's time have passed."""
        timer = Timer(self.now() + timedelta(seconds=seconds), next(self._numbers), action)
        heapq.heappush(self._timers, timer)
        return timer

    def run_due(self) -> bool:
        """Do what is due by now, in order; tell whether anything was."""
        happened = False
        while self._timers and self._timers[0].due <= self.now():
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.action()
                happened = True
        return happened

    def advance(self, seconds: float) -> None:
        """Let time pass; whatever falls due on the way happens at its own moment."""
        end = self.now() + timedelta(seconds=seconds)
        while self._timers and self._timers[0].due <= end:
            self._move_to(max(self._timers[0].due, self.now()))
            self.run_due()
        self._move_to(end)

    def set(self, moment: datetime) -> None:
        """Jump to ``moment`` without letting time pass (a clock that somebody sets wrong)."""
        step = moment - self.now()
        self._base += step
        self.stepped += step

    def _move_to(self, moment: datetime) -> None:
        self._base += moment - self.now()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that tests plan for simulated hosts in their own process."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.simulator.faults import FaultInjector, Planned


@contextmanager
def all_met() -> Iterator[None]:
    """Each fault that is planned meanwhile has to be met by its host: a test in which it is not shows nothing."""
    planned: list[Planned] = []
    plan = FaultInjector.add

    def add(injector: FaultInjector, *arguments: t.Any, **named: t.Any) -> Planned:
        planned.append(plan(injector, *arguments, **named))
        return planned[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaultInjector, "add", add)
        yield
    assert [fault for fault in planned if not fault.struck] == [], "planned, and never met"

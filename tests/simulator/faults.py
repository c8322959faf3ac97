# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the wire, planned by name and step: what goes wrong with which operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.simulator.wsman import faults as wsman_faults
from tests.simulator.wsman.provider import CimError, CimStatus, FaultPlan, Operation

HTTP_STATUSES = (400, 401, 403, 413, 500, 503)


@dataclass(frozen=True)
class Named:
    """A kind of fault: what it means, and its plan. ``reboots``: the host goes down at that moment."""

    meaning: str
    plan: Callable[[], FaultPlan]
    reboots: bool = False


def _effect(
    effect: Literal["reset", "truncate", "garble", "drip", "refuse", "delay"],
    *,
    after: bool = False,
    seconds: float = 0.0,
) -> Callable[[], FaultPlan]:
    return lambda: FaultPlan(effect, after_acting=after, seconds=seconds)


def _status(status: int) -> Callable[[], FaultPlan]:
    return lambda: FaultPlan("status", status=status)


def _wsman(code: int) -> Callable[[], FaultPlan]:
    return lambda: FaultPlan("fault", error=wsman_faults.fault(code))


def _cim(status: int) -> Callable[[], FaultPlan]:
    return lambda: FaultPlan("fault", error=CimStatus(status))


def _provider(status: int, message: str = "") -> Callable[[], FaultPlan]:
    return lambda: FaultPlan("fault", error=CimError(status, message))


NAMED: Mapping[str, Named] = {
    **{f"http_{status}": Named(f"HTTP {status} with an empty body", _status(status)) for status in HTTP_STATUSES},
    "reset_before": Named("connection reset, nothing done", _effect("reset")),
    "reset_after": Named("connection reset after the host has acted", _effect("reset", after=True)),
    "truncate": Named("the answer ends in the middle", _effect("truncate", after=True)),
    "garble": Named("the answer is no XML", _effect("garble", after=True)),
    "drip": Named("the answer comes in drops over 5 s", _effect("drip", after=True, seconds=5.0)),
    "refuse": Named("connections refused for 2 s", _effect("refuse", seconds=2.0)),
    "slow": Named("the answer comes after 3 s", _effect("delay", after=True, seconds=3.0)),
    "timeout": Named("operation timeout, w:TimedOut", _wsman(wsman_faults.TIMED_OUT)),
    "access_denied": Named("access denied by the service", _wsman(wsman_faults.ACCESS_DENIED)),
    "event_quota": Named(
        "Quota violation, as a query over a big event log gets", _provider(0x8004106C, "Quota violation ")
    ),
    "quota_operations": Named("too many concurrent operations", _wsman(wsman_faults.TOO_MANY_OPERATIONS)),
    "quota_shells": Named("too many shells", _wsman(wsman_faults.TOO_MANY_SHELLS)),
    "reboot": Named("the host reboots, nothing done", _effect("reset"), reboots=True),
    "reboot_after": Named("the host reboots after it has acted", _effect("reset", after=True), reboots=True),
}


class UnknownFault(ValueError):
    """A name that no fault has."""


def find(name: str) -> Named:
    """The fault of a name.

    ``wmi_80041003`` is that status from the provider, ``wsman_5`` that code of the service, ``cim_6`` that
    CIMStatusCode, in decimal, and nothing else. Raises UnknownFault.
    """
    match = re.fullmatch(r"(wmi|wsman)_([0-9a-fA-F]{1,8})", name)
    code = int(match[2], 16) if match else 0
    if match and match[1] == "wmi":
        return Named(f"provider status {match[2]}", _provider(code))
    if match and code in wsman_faults.KINDS:
        return Named(f"code {match[2]} of the service", _wsman(code))
    cim = re.fullmatch(r"cim_([0-9]{1,2})", name)
    if cim:
        return Named(f"CIMStatusCode {cim[1]} alone", _cim(int(cim[1])))
    if name not in NAMED:
        known = f"{', '.join(NAMED)}, wmi_<hexadecimal status>, wsman_<hexadecimal code>, cim_<decimal CIMStatusCode>"
        raise UnknownFault(f"unknown fault {name!r}; known: {known}")
    return NAMED[name]


@dataclass
class Planned:
    """A fault that waits. ``skip`` matching operations pass before it strikes ``count`` times, as ``struck`` counts."""

    name: str
    match: Mapping[str, object] = field(default_factory=dict)
    skip: int = 0
    count: int = 1
    struck: int = 0

    def strikes(self, op: Operation) -> bool:
        """Whether this operation meets it; counts down."""
        if self.count <= 0 or not self._matches(op):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.count -= 1
        self.struck += 1
        return True

    def _matches(self, op: Operation) -> bool:
        facts = {"kind": op.kind, "class": op.class_name, "method": op.method, "write": op.is_write}
        return all(str(facts.get(name)).lower() == str(value).lower() for name, value in self.match.items())


@dataclass
class FaultInjector:
    """The planned faults of one host."""

    reboot: Callable[[], None]
    planned: list[Planned] = field(default_factory=list)

    def add(self, name: str, at: int | Mapping[str, object] = 1, count: int = 1) -> Planned:
        """Plan a fault: at the ``at``-th operation from now, or at those that match. Raises UnknownFault."""
        find(name)
        matching = {} if isinstance(at, int) else at
        planned = Planned(name, matching, skip=at - 1 if isinstance(at, int) else 0, count=count)
        self.planned.append(planned)
        return planned

    def before(self, op: Operation) -> FaultPlan | None:
        """The plan for this operation, or None."""
        for planned in self.planned:
            if planned.strikes(op):
                named = find(planned.name)
                if named.reboots:
                    self.reboot()
                return named.plan()
        return None

    def clear(self) -> None:
        """Forget all of them."""
        self.planned.clear()

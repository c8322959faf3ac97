# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings in which a smaller number is weaker: what may weaken them, and for how long. PRIVATE to the collection.

A weakening needs a lease, which the host ends by itself, or the word of somebody who accepts that it stays. What counts
as weaker is judged by what the host had before a lease, not by what the lease made of it:

* a host has one lease for a setting; another value wanted during a lease is taken into it and moves its end no further;
* a lease is not renewed by a run that wants the same again, neither while it runs nor in the day after its end, unless
  C(renew_lease) says so: a schedule would make it permanent;
* a lease whose task is gone is armed again until its old end by a run that wants it still; another run ends it, as one
  that is over, before all else and without a proof: what was there before is owed, whatever else is wanted;
* the end is by the host's clock: none is granted while that differs from the controller's, and one whose end is further
  off than it lasts, since that clock was set back, is ended as if it were over;
* wanting the old value or a stronger one ends the lease: the value first, then the task. Roll-back does not undo that.

Sources: MS-TSCH (the task), CIS benchmarks (the items that a change breaks).
"""

from __future__ import annotations

import itertools
import re
import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .._model.change import Change, Plan, Refusal
from .._model.lease import LONGEST, RECORDS, SHORTEST, SKEW, Lease, LeaseState, mark, until
from .._model.observation import Observation, SettingState
from .._model.plain import Plain, to_plain
from .._model.project import project
from .._model.settings import SETTINGS, Setting, compliance, effective
from ._base import (
    Options,
    Wish,
    held,
    is_client,
    missing_area,
    plain_reading,
    plan_setting,
    registry_value,
    remove_policy,
)

LEASE_OPTIONS: Mapping[str, t.Any] = {
    "lease": {"type": "str"},
    "renew_lease": {"type": "bool", "default": False},
    "accept_permanent_weakening": {"type": "bool", "default": False},
}
"""Options of every module that can weaken a host."""

REST = timedelta(days=1)
"""How long after the end of a lease another one counts as its renewal."""

_DURATION = re.compile(r"(\d{1,6})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class _Case:
    """What a wish meets on a host."""

    observation: Observation
    wish: Wish
    options: Options
    setting: Setting
    stored: SettingState

    @property
    def state(self) -> LeaseState | None:
        """The lease of the setting, if the host has a record of one."""
        return next((found for found in self.observation.leases or () if found.lease.setting == self.setting.id), None)

    @property
    def number(self) -> int | None:
        """The local number, if the value is one of those that Windows knows."""
        local = self.stored.local
        known = local.type == self.setting.type and isinstance(local.data, int) and local.data in self.setting.choices
        return local.data if known and isinstance(local.data, int) else None

    @property
    def worth(self) -> int:
        """The number that counts: what a lease gave away, or what Windows acts on."""
        if self.state is not None and self.state.weak and not self.stored.policy.is_value:
            return self.worth_of(self.state.lease.restores)
        number, decider = effective(self.setting, self.stored)
        return self.worth_of(number if decider == "policy" or self.number is not None else None)

    def worth_of(self, number: int | None) -> int:
        """An absent or unknown value is worth Windows' default, or what benchmarks ask where that is not settled."""
        if number in self.setting.choices and number is not None:
            return number
        asked = (rule.least if rule.exactly is None else rule.exactly for rule in self.setting.rules)
        return self.setting.default if self.setting.default is not None else max(item or 0 for item in asked)


def plan_guarded(
    observation: Observation, wish: Wish, options: Options, steps: Callable[[Observation], Plan] | None = None
) -> Plan:
    """plan_setting for a setting in which a smaller number is weaker.

    Args:
        observation: what was read, leases included.
        wish: the number wanted.
        options: those of LEASE_OPTIONS and what plan_setting takes.
        steps: plans the way to the wish where that is no weakening; plan_setting when not given.
    """
    stored = observation.settings.get(wish.setting)
    if stored is None or "unreadable" in (stored.local.state, stored.policy.state):
        return plan_setting(observation, wish, options)
    if observation.leases is None or observation.identity is None:
        return missing_area("leases" if observation.leases is None else "identity", observation)
    case = _Case(observation, wish, options, SETTINGS[wish.setting], stored)
    if wish.number < case.worth and wish.at_least and not _may_weaken(options):
        return _exceeded(case)
    if wish.number < case.worth:
        return _weaken(case)
    if stored.policy_owner == "" and options.get("remove_orphaned_policy") and stored.policy.data != wish.number:
        return _beneath(case, steps)
    return _strengthen(case, steps or (lambda seen: plan_setting(seen, wish, options)))


def _may_weaken(options: Options) -> bool:
    return options["lease"] is not None or bool(options["accept_permanent_weakening"])


def _exceeded(case: _Case) -> Plan:
    """What a host has beyond the wish, kept; where a lease gave it away, that is ended."""
    setting, kept = case.setting, replace(case.wish, number=case.worth, at_least=False)
    beyond = f"{setting.name} {setting.word(kept.number)} is stronger than {setting.word(case.wish.number)}: it stays"
    return plan_guarded(case.observation, kept, case.options) + Plan(notes=(beyond,))


def _beneath(case: _Case, steps: Callable[[Observation], Plan] | None) -> Plan:
    """An orphaned policy taken away; what stands beneath it may be stronger than the wish, and is guarded as well."""
    removal = remove_policy(case.observation, case.wish)
    rest = plan_guarded(project(case.observation, removal.changes), case.wish, case.options, steps)
    return rest if rest.refused else removal + rest


def plan_kept(observation: Observation, remedy: str, setting: str) -> Plan:
    """Nothing, unless a weakening stands that nothing on the host ends, or that should have ended: put it back."""
    stored = observation.settings.get(setting)
    if stored is None:
        return Plan()
    case = _Case(observation, Wish(remedy, setting, 0, ""), {}, SETTINGS[setting], stored)
    state = case.state
    if state is None or not state.weak or stored.policy.is_value:
        return Plan()
    if state.standing == "running":
        return Plan(notes=(f"{case.setting.name} is weakened on a lease until {state.lease.until}",))
    return _settled(case, state)


def due_first(plans: Iterable[Plan]) -> Plan:
    """The plans one after the other, what their leases owe before all else: nothing that is refused keeps it back.

    What stands under a policy that is taken away first stays behind that.
    """
    parts = tuple(plans)
    plan = sum(parts, Plan())
    owed = [change for part in parts for change in itertools.takewhile(lambda change: change.stands, part.changes)]
    return replace(plan, changes=(*owed, *(change for change in plan.changes if change not in owed)))


# --- back, and beyond


def _strengthen(case: _Case, steps: Callable[[Observation], Plan]) -> Plan:
    state = case.state
    if state is None or state.standing == "ended" or case.stored.policy.is_value:
        return steps(case.observation)
    if not state.weak:
        return _lease_end(case, "the setting was changed meanwhile") + steps(case.observation)
    if state.standing != "running":
        owed = _settled(case, state)
        return owed + steps(project(case.observation, owed.changes))
    if case.wish.number == case.worth:
        return _ended(case, steps(case.observation))
    first = _put_back(case)
    under = project(case.observation, first.changes)
    return first + steps(under) + _lease_end(case, "it is ended early")


def _settled(case: _Case, state: LeaseState) -> Plan:
    """What a lease owes that nothing on the host ends in time: what was before, without proof, as its task would."""
    return _due(_put_back(case) + _lease_end(case, _why_ended(state)))


def _due(plan: Plan) -> Plan:
    return replace(plan, changes=tuple(replace(change, stands=True) for change in plan.changes))


def _ended(case: _Case, way: Plan) -> Plan:
    """The way back as steps that roll-back leaves, ending in exactly what was there before the lease."""
    if not way.changes or case.state is None:
        return way
    changes = [replace(change, undo="none") for change in way.changes]
    changes[-1] = replace(changes[-1], after=_plain(case.state.lease.restores))
    covered = _covered(case, changes[:-1])
    under = replace(case, observation=project(case.observation, covered.changes))
    return covered + replace(way, changes=tuple(changes)) + _lease_end(under, "it is ended early")


def _covered(case: _Case, between: t.Iterable[Change]) -> Plan:
    """The lease taking in the numbers on the way, so that it ends them too if the run is cut off there."""
    state = case.state
    numbers = [change.after["data"] for change in between if isinstance(change.after, dict)]
    wider = _widened(state.lease, [number for number in numbers if isinstance(number, int)]) if state else None
    if state is None or not state.armed or wider == state.lease:
        return Plan()
    return Plan(changes=(replace(_lease_change(case, wider, "the way back leads over another value"), undo="none"),))


def _put_back(case: _Case) -> Plan:
    """The value that the lease gave away, without waiting for its end."""
    if case.state is None:
        return Plan()
    restores = case.state.lease.restores
    change = Change(
        remedy=case.wish.remedy,
        kind="registry",
        item=case.setting.path,
        before=plain_reading(case.stored.local),
        after=_plain(restores),
        reason=f"the lease of {case.setting.name} until {case.state.lease.until} is ended",
        undo="none",
        restart=case.setting.restart,
        compliance=compliance(case.setting, case.state.number, restores, is_client(case.observation)),
    )
    return Plan(changes=(change,))


def _lease_end(case: _Case, why: str) -> Plan:
    """The task and the record deleted; where the task is gone already, the end noted."""
    if case.state is None:
        return Plan()
    change = _lease_change(case, None, why) if case.state.armed else _noted(case, why)
    return Plan(changes=(replace(change, undo="none"),))


def _noted(case: _Case, why: str) -> Change:
    return Change(
        remedy=case.wish.remedy,
        kind="registry",
        item=f"{RECORDS}\\{mark(case.setting.id)}",
        before=None,
        after=registry_value(1),
        reason=f"the lease of {case.setting.name} is noted as ended: {why}",
        risk="none",
    )


# --- weaker


def _weaken(case: _Case) -> Plan:
    if case.stored.policy.is_value:
        met = case.stored.policy.data == case.wish.number
        return Plan() if met else Plan(held=(held(case.setting, case.stored, case.wish),))
    if case.stored.local.is_value and case.stored.local.type != case.setting.type:
        return _refuse(case, f"it is stored as {case.stored.local.type}, which no lease can restore: repair it first")
    if case.options["lease"] is None and case.options["accept_permanent_weakening"]:
        return _permanent(case)
    renewed = case.options["renew_lease"] and case.options["lease"] is not None
    state = case.state
    if state is not None and state.standing not in ("ended", "unbegun") and not renewed and not _rested(state):
        return _under_lease(case, state)
    return _granted(case)


def _under_lease(case: _Case, state: LeaseState) -> Plan:
    """A lease was granted already, and this run may not renew it.

    One of which nothing is left is ended as its task would have.
    """
    if state.standing == "superseded":
        return _refuse(
            case, f"somebody has set another value during the lease until {state.lease.until}", "renew_lease"
        )
    if state.spent:
        return _recalled(case, state) + _refuse(
            case, f"{_why_ended(state)} and is not renewed by itself", "renew_lease"
        )
    lease = _widened(state.lease, [case.wish.number])
    note = f"{case.setting.name} is weakened until {lease.until}, which this run does not move"
    armed = Plan(notes=(note,))
    if not state.armed or lease != state.lease:
        why = "the lease takes in another value" if state.armed else "the task that ends the lease was gone"
        armed += Plan(changes=(_lease_change(case, lease, why),))
    return armed + _value(case)


def _recalled(case: _Case, state: LeaseState) -> Plan:
    """The value put back; the record stays, so that no later run takes the lease for a new one.

    The task sees that the value is right and deletes itself. An end that is too far off is moved near for that, but not
    so near that the task could be gone before it is read back.
    """
    noted = replace(_noted(case, _why_ended(state)), undo="none")
    if not (state.armed and state.astray):
        return _due(_put_back(case) + Plan(changes=(noted,)))
    near = replace(state.lease, until=until(state.now, round(SKEW.total_seconds())))
    moved = replace(_lease_change(case, near, _why_ended(state)), undo="none")
    return _due(Plan(changes=(moved,)) + _put_back(case) + Plan(changes=(noted,)))


def _why_ended(state: LeaseState) -> str:
    """Why nothing is left of a lease, or it is ended otherwise than by its task."""
    if state.astray:
        return f"its lease until {state.lease.until} cannot run so long: the host's clock was set back"
    return f"its lease was until {state.lease.until}"


def _granted(case: _Case) -> Plan:
    """A new lease, or with C(renew_lease) another one, then the weakening."""
    asked = case.options["lease"]
    lasts = seconds(asked) if asked is not None else None
    if asked is None:
        return _refuse(case, "it needs a lease, which the host ends by itself (set lease, such as 30m)", "lease")
    if lasts is None or not SHORTEST <= lasts <= LONGEST:
        return _refuse(case, f"lease is {asked!r}, no duration from 1m to 24h such as 30m", "lease")
    state = case.state
    if state is not None and state.standing == "ended" and not _rested(state) and not case.options["renew_lease"]:
        return _refuse(case, f"a lease of it ended at {state.lease.until} and is not renewed by itself", "renew_lease")
    skewed = _skewed(case)
    if skewed:
        return _refuse(case, skewed)
    change = _lease_change(case, _lease(case, lasts), f"a lease of {asked} is granted")
    return Plan(changes=(change,) if change.before != change.after else ()) + _value(case)


def _skewed(case: _Case) -> str:
    """Why the host's clock is not trusted to end a lease in time; empty where it is, or was not read.

    Which of the two clocks is wrong cannot be told, and either may be set right during the lease.
    """
    ahead = timedelta(seconds=case.observation.identity.clock_offset_s if case.observation.identity else 0)
    if abs(ahead) <= SKEW:
        return ""
    minutes = round(abs(ahead) / timedelta(minutes=1))
    return (
        f"a lease ends by the host's clock, which is {minutes} minutes {'ahead of' if ahead > SKEW else 'behind'} the "
        "controller's: set right whichever is wrong first, by w32tm /resync on the host or by the controller's own "
        "time service"
    )


def _lease(case: _Case, lasts: int) -> Lease:
    now = case.observation.identity.local_time if case.observation.identity else ""
    kept = case.state.lease if case.state is not None and case.state.weak else None
    first = Lease(case.setting.id, (case.wish.number,), case.number, lasts, until(now, lasts))
    return replace(_widened(kept, first.weakened), lasts=lasts, until=first.until) if kept else first


def _permanent(case: _Case) -> Plan:
    note = f"{case.setting.name} stays {case.setting.word(case.wish.number)}: nothing on the host ends this weakening"
    why, state = "the weakening is accepted for good", case.state
    ended = Plan()
    if state is not None and not state.ended:
        ended = Plan(changes=(_lease_change(case, None, why) if state.armed else _noted(case, why),))
    return ended + _value(case, leased=False) + Plan(notes=(note,))


def _value(case: _Case, leased: bool = True) -> Plan:
    """The weakening itself."""
    wish = replace(case.wish, risk="high", proof="")
    if not leased:
        wish = replace(wish, reason=f"{wish.reason}; accept_permanent_weakening is given")
    plan = plan_setting(case.observation, wish, {})
    guard = case.setting.id if leased else ""
    return replace(plan, changes=tuple(replace(change, leased=guard) for change in plan.changes))


def _lease_change(case: _Case, lease: Lease | None, why: str) -> Change:
    before = case.state.lease if case.state is not None and case.state.armed else None
    return Change(
        remedy=case.wish.remedy,
        kind="lease",
        item=case.setting.id,
        before=to_plain(before),
        after=to_plain(lease),
        reason=f"{case.setting.name}: {why}",
        risk="none",
    )


def _refuse(case: _Case, why: str, option: str = "") -> Plan:
    """A refusal says what it would cost and what repairs instead."""
    wanted = case.setting.word(case.wish.number)
    broken = compliance(case.setting, case.worth, case.wish.number, is_client(case.observation))
    cost = "".join(f"; it would break {item.benchmark} {item.item}" for item in broken)
    message = (
        f"{case.setting.name} {wanted} would weaken this host, and {why}: refused{cost}. Weakening hides a fault of "
        "TLS, key or credentials instead of repairing it; diagnosis_info names the cause"
    )
    return Plan(refused=(Refusal(message, option),))


def _rested(state: LeaseState) -> bool:
    return datetime.fromisoformat(state.now) - REST >= state.lease.ends


def _widened(lease: Lease, numbers: t.Iterable[int]) -> Lease:
    return replace(lease, weakened=tuple(sorted({*lease.weakened, *numbers})))


def _plain(restores: int | None) -> Plain:
    return None if restores is None else registry_value(restores)


def seconds(duration: str) -> int | None:
    """The seconds in a duration such as C(90s), C(30m) or C(2h); None when it is none."""
    match = _DURATION.fullmatch(duration.strip())
    return int(match[1]) * _SECONDS[match[2]] if match else None

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes, plans and what policy holds. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .plain import Plain

Kind = t.Literal["registry", "service_start_mode", "service_state", "firewall_rule", "lease", "restart", "reboot"]
Risk = t.Literal["none", "low", "medium", "high"]

RISKS: tuple[Risk, ...] = t.get_args(Risk)


@dataclass(frozen=True)
class Compliance:
    """An item of a benchmark that a change touches; effect is C(breaks) or C(restores)."""

    benchmark: str
    item: str
    effect: t.Literal["breaks", "restores"]


@dataclass(frozen=True)
class Change:
    r"""One step of a fix, decided before anything is written.

    Attributes:
        remedy: the module whose fix this is.
        kind: what sort of thing changes; _apply.py has one applier for each.
        item: its name in its own world: C(KEY\name) of a registry value, a service, a firewall rule's InstanceID.
        before: what was observed; None is "absent". A change is one write, so that a run which is cut off leaves the
            item as before or as after and never between.
        after: what is wanted; None is "absent".
        undo: C(exact) is undone by roll-back, C(none) is listed by it.
        reason: why, in one sentence.
        restart: True needs TermService restarted, None only where the live state differs afterwards (unsettled in the
            field: real hosts differ), False takes effect at once.
        reboot: whether it is read only when the host starts.
        proof: a probe stage that must succeed before this is applied, or empty.
        leased: the setting whose lease must stand before this is applied and after, or empty.
    """

    remedy: str
    kind: Kind
    item: str
    before: Plain
    after: Plain
    reason: str
    undo: t.Literal["exact", "none"] = "exact"
    risk: Risk = "low"
    restart: bool | None = False
    reboot: bool = False
    proof: str = ""
    leased: str = ""
    compliance: tuple[Compliance, ...] = ()

    @property
    def target(self) -> str:
        """What it writes: an item, or one field of a firewall rule."""
        fields = self.after if self.kind == "firewall_rule" and isinstance(self.after, dict) else {}
        return ":".join([self.kind, self.item, *fields])


@dataclass(frozen=True)
class Held:
    """A wanted value that policy decides otherwise.

    Attributes:
        state: C(policy_held) when something owns the policy value, C(policy_orphaned) when nobody was found.
        owner: the group policy object's name, or how the value came there, or empty.
    """

    state: t.Literal["policy_held", "policy_orphaned"]
    setting: str
    value: Plain
    wanted: Plain
    path: str
    policy: str
    owner: str = ""


@dataclass(frozen=True)
class Refusal:
    """Something wanted that is not done; message says what it would cost and what helps instead."""

    message: str
    option: str = ""


@dataclass(frozen=True)
class Plan:
    """What a remedy would do, in order. Pure data: made without touching the wire."""

    changes: tuple[Change, ...] = ()
    held: tuple[Held, ...] = ()
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        return Plan(
            self.changes + other.changes,
            self.held + other.held,
            self.refused + other.refused,
            self.notes + other.notes,
        )


def net_changes(changes: t.Iterable[Change]) -> dict[str, tuple[Plain, Plain]]:
    """The first before and the last after of each item, without items that end where they began.

    This is the diff: it does not depend on how many steps led there.
    """
    net: dict[str, tuple[Plain, Plain]] = {}
    for change in changes:
        key = f"{change.kind}:{change.item}"
        first, last = net.get(key, (change.before, change.after))
        net[key] = (_overlay(change.before, first), _overlay(last, change.after))
    return {key: pair for key, pair in net.items() if pair[0] != pair[1]}


def _overlay(lower: Plain, upper: Plain) -> Plain:
    """The upper value, over the fields that only the lower one names.

    A change of a firewall rule names the one field that it writes; a registry value is replaced whole.
    """
    if isinstance(lower, dict) and isinstance(upper, dict) and "type" not in upper:
        return {**lower, **upper}
    return upper

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a roll-back has to undo, and what has to wait or be left, told without touching the host. PRIVATE.

An item is put back only while it is as the run left it; one that somebody has changed since is left and listed, unless
forced. What is left keeps that from going back which was done to it before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ._journal import Entry, Recorded
from ._model.change import Change, Held
from ._model.plain import Plain
from ._owed import SERVICE
from ._proof import Probe, replaces_unknown, shows

LEASED = "it ends what it has weakened, which is not put back, so it stays"
"""Why a lease is left; without it the weakening would be for ever."""


@dataclass(frozen=True)
class Target:
    """An entry to undo: of a run, or what is left of runs whose history was trimmed."""

    recorded: Recorded
    trimmed: bool = False

    @property
    def entry(self) -> Entry:
        return self.recorded.entry

    @property
    def drops(self) -> bool:
        """Whether a number goes back that drops each connection once it is live.

        Nothing is restarted into one but by who knows that it is meant to be there. So the entry stays open until it is
        live, and tells that to the next roll-back where this one is cut off or may not restart.
        """
        return replaces_unknown(self.entry.change)


@dataclass(frozen=True)
class Drift:
    """An item that is neither as the run left it nor as it was before."""

    run_id: str
    item: str
    expected: Plain
    found: Plain


@dataclass(frozen=True)
class Sight:
    """An item as a roll-back finds it.

    Attributes:
        found: what it is.
        moves: whether it is to go back.
        held: what of policy decides it since, where it would move.
        over: whether the end of a lease has left it so, which is no change of somebody's.
    """

    found: Plain
    moves: bool
    held: Held | None = None
    over: bool = False


@dataclass
class Undoing:
    """What a roll-back did, or in check mode would do.

    Attributes:
        undone: the entries put back, with what each item went from and to.
        settled: entries whose item is as before already, or as the end of a lease has left it.
        drifted: left, since somebody changed them.
        not_undoable: entries with C(undo: none), by item, and why nothing is to be done.
        foreign: runs that were made on another machine.
        left: items that were not put back for another reason, and why.
        held: what of that policy decides since.
        waiting: what still has to be started anew, and why.
        notes: what nothing has shown.
        stuck: the targets of changes that are left, so that what was done to them before is left as well.
        unsure: whether an item was left that may go back later, since the host has not answered in time.
    """

    runs: list[str] = field(default_factory=list)
    undone: list[Target] = field(default_factory=list)
    settled: list[Target] = field(default_factory=list)
    drifted: list[Drift] = field(default_factory=list)
    not_undoable: list[Target] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    proof: Probe | None = None
    stuck: set[str] = field(default_factory=set)
    unsure: bool = False

    @property
    def put_back(self) -> set[str]:
        """The items that are as before the runs, by this roll-back or by one that was cut off."""
        return {target.entry.change.item for target in (*self.undone, *self.settled)}

    @property
    def dropping(self) -> list[Target]:
        """Entries whose item is a number again that drops each connection once it is live."""
        return [target for target in (*self.undone, *self.settled) if target.drops]

    def leave(self, change: Change, why: str) -> None:
        """Leave an item as it is, and the lease that ends what the change has weakened."""
        self.left[change.item] = why
        self.stuck.update({change.target, f"lease:{change.leased}"})

    def stays(self, change: Change) -> bool:
        """Whether something that was done later is left, so that this is too."""
        if change.target in self.stuck:
            self.left.setdefault(change.item, LEASED)
        return change.target in self.stuck

    def passes(self, target: Target) -> bool:
        """Whether an entry is not even looked at: there is nothing to undo, or it is left with what was done later."""
        change = target.entry.change
        if change.undo == "none":
            self.not_undoable.append(target)
            return True
        return self.stays(change)

    def sort(self, target: Target, sight: Sight) -> bool:
        """Note what becomes of an entry; whether its item goes back.

        What policy decides is left, also where somebody has changed it since and that is to be put back all the same.
        """
        change = target.entry.change
        if sight.held is not None:
            self.held.append(sight.held)
            self.leave(change, told(sight.held))
        elif sight.moves:
            return True
        elif sight.over or sight.found == change.before:
            self.settled.append(target)
        else:
            self.drifted.append(Drift(target.entry.run, change.item, change.after, sight.found))
        return False

    @property
    def changes(self) -> list[Change]:
        """The movements back, as changes."""
        return [reversal(target.entry.change) for target in self.undone]

    @property
    def unsettled(self) -> list[Change]:
        """Those of which only the live state tells when they take effect."""
        return [change for change in self.changes if change.unsettled]

    @property
    def stops(self) -> bool:
        """Whether TermService is stopped by what goes back."""
        stopped = ("service_state", SERVICE, "Stopped")
        return any((change.kind, change.item, change.after) == stopped for change in self.changes)

    @property
    def at_start(self) -> bool:
        """Whether TermService reads some of what goes back when it starts; one that is stopped by it reads it later."""
        return not self.stops and any(change.restart for change in self.changes)

    @property
    def at_boot(self) -> bool:
        """Whether Windows reads some of what goes back when it starts."""
        return any(change.reboot for change in self.changes)

    @property
    def stale(self) -> bool:
        """Whether the listener is seen to go on as before; where nothing tells, what took a restart takes another."""
        seen = shows(self.changes, self.proof)
        return seen is False or (seen is None and self.untold(self.changes))

    def untold(self, back: Iterable[Change]) -> bool:
        """Whether a restart made live what goes back, and one may be needed again, as only the live state tells."""
        restarted = any(target.entry.change.kind == "restart" for target in self.not_undoable)
        return restarted and any(change.unsettled for change in back)


def reversal(change: Change) -> Change:
    items = tuple(item.taken_back for item in change.compliance)
    reason = f"roll-back: {change.reason}"
    return replace(change, before=change.after, after=change.before, reason=reason, compliance=items)


def moves(change: Change, found: Plain, force: bool) -> bool:
    """Whether an item goes back that is found so."""
    return found != change.before and (found == change.after or force)


def told(held: Held) -> str:
    """Why an item is left, and what to do."""
    if held.state == "policy_orphaned":
        return (
            f"the policy value {held.path} decides it now, which no policy owns, and nothing is written under a "
            "policy: take the value away, as remove_orphaned_policy does, and roll back again"
        )
    return (
        f"{held.owner} decides it now by {held.path}, and nothing is written under a policy: change {held.policy} "
        "there, and roll back again"
    )

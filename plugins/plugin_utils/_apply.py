# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes made on a host: journaled before, verified after, one writer at a time. PRIVATE to the collection."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from . import _hidden
from ._appliers import APPLIERS, Applier, ApplyError, Moved, NotKept
from ._host import Host
from ._journal import Journal, Recorded
from ._model.change import GENERATED, Change
from ._model.plain import Plain
from ._owed import lay_to_rest, owe_reboot, owe_restart, tidy
from ._writer import Writer
from ._wsman.errors import BadAnswer, Timeout, TransportFailed

__all__ = ["ApplyError", "Moved", "NotKept", "Run", "seen"]


class Run:
    """The writes of one task on one host, under one run id. Nothing is written before the first change.

    Use as a context manager: leaving it gives the right to write back, also when the run fails. C(undone) counts the
    items that it has put back, C(unseen) are the writes of which nothing has shown yet that they are live: while there
    are any, the announcement stays. So it does where a write in steps was begun and not ended. C(doubtful) are writes
    that ended in an error, so that they may be made or not.
    """

    def __init__(self, host: Host, run_id: str, applied: list[Change], about: str = "") -> None:
        """Changes that stand are kept in C(applied), which outlives the run when it is cut off.

        C(about) names what alone the run is about, in its announcement.
        """
        self.host = host
        self.run_id = run_id
        self.journal = Journal(host.registry, host.machine_id, host.now, host.clock_ahead)
        self.applied = applied
        self.undone = 0
        self.unseen: list[Change] = []
        self.doubtful: list[Change] = []
        self._about = about
        self._half_way = False
        self._entries: list[Recorded] = []
        self._stack = ExitStack()
        self._writer: Writer | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.unproven = bool(self.unseen) or self._half_way
        self._stack.__exit__(kind, error, traceback)

    def writer(self) -> Writer:
        """The right to write, taken at the first use and checked at every other."""
        if self._writer is None:
            self.host.ensure_private()
            self._writer = self._stack.enter_context(
                Writer(self.host.registry, self.host.now, f"run {self.run_id}", self.host.sleep, about=self._about)
            )
            self.host.announced = self._writer.name
            self.host.tasks.while_waiting = self._writer.check
        else:
            self._writer.check()
        return self._writer

    def tidy(self) -> tuple[str, ...]:
        """Delete what tells no more of anything due: notes where this run has the right to write anyway.

        Returns what else is to be said.
        """
        if self._writer is not None:
            tidy(self.host)
        return lay_to_rest(self.host)

    def proven(self) -> None:
        """What was written so far is live, since it was seen or is read anew, or a note says what is due."""
        self.unseen.clear()

    def apply(self, change: Change) -> Change | None:
        """Make one change, and return it as it was made; None when the item has the value already.

        Raises:
            Moved: the item is neither as observed nor as wanted.
            NotKept: the item is not as wanted after the write.
        """
        applier = APPLIERS[change.kind]
        self.writer()
        found = applier.read(self.host, change)
        if _is_made(found, change.after, change.before):
            self._keep_hidden(applier, change)
            return None
        if found != change.before:
            change = self._as_found(applier, change, found)
        if applier.by_shell:
            self.host.shell.open()
        self._owe(change)
        self._entries.append(self.journal.record(self.run_id, change))
        self.unseen.extend([change] if change.unsettled else [])
        self.doubtful.append(change)
        self._write(applier, change)
        self.doubtful.remove(change)
        self.applied.append(change)
        self._keep_hidden(applier, change)
        return change

    def _keep_hidden(self, applier: Applier, change: Change) -> None:
        """What no plan can see is kept, so that check mode does not announce it for ever."""
        if applier.unseen is not None and applier.unseen(self.host, change):
            _hidden.keep(self.host, change)

    def _as_found(self, applier: Applier, change: Change, found: Plain) -> Change:
        """The change from what is there, where no plan can have seen that; so roll-back puts exactly that back."""
        if applier.unseen is None or not applier.unseen(self.host, change):
            raise Moved(f"{change.item} was {change.before!r} and is {found!r} now: somebody changed it; run again")
        return replace(change, before=found)

    def undo(self, change: Change) -> bool:
        """Put back what was before; False when it is so already. Not journaled: this run's entry is marked as undone.

        Raises:
            NotKept: the item is not as before after the write.
        """
        applier = APPLIERS[change.kind]
        self.writer()
        self.forget(change)
        found = seen(self.host, change)
        moves = found != change.before
        if moves:
            self._owe(change)
            back = replace(change, before=found, after=change.before)
            self.unseen.extend([back] if change.unsettled else [])
            self._make(applier, replace(change, after=found), change.before)
            self.undone += 1
        if change in self.applied:
            self.applied.remove(change)
        self._mark(change)
        return moves

    def forget(self, change: Change) -> None:
        """No longer take for granted what was seen of an item that a plan cannot see, since it is, or goes, back."""
        if APPLIERS[change.kind].unseen is not None:
            _hidden.forget(self.host, change)

    def _owe(self, change: Change) -> None:
        if change.restart and not self.host.owes.get("restart"):
            owe_restart(self.host)
        if change.reboot and "reboot" not in self.host.owes:
            owe_reboot(self.host)

    def _write(self, applier: Applier, change: Change) -> None:
        """Write, and say what was being written when the host's answer is lost."""
        try:
            self._make(applier, change, change.after)
        except (TransportFailed, BadAnswer, Timeout) as error:
            error.message = (
                f"{error.message.rstrip('. ')}. {change.item} was being changed: it is as before or as wanted, and the "
                f"journal on the host has it under run {self.run_id}"
            )
            raise

    def _make(self, applier: Applier, change: Change, wanted: Plain) -> None:
        """Write an item, and know that it was begun where it takes steps of which the last is not seen to be made."""
        self._half_way |= applier.in_steps
        _make(applier, self.host, change, wanted)
        self._half_way &= not applier.in_steps

    def _mark(self, change: Change) -> None:
        """So that a roll-back later does not take what others set since for what this run left.

        Where the host may yet make a change, of which it has not answered in time, its entry stays open.
        """
        if change in self.doubtful:
            return
        own = next((recorded for recorded in reversed(self._entries) if recorded.entry.change == change), None)
        if own is not None:
            self._entries.remove(own)
            self.journal.mark_undone(own)

    def record(self, change: Change) -> None:
        """Journal a change that an applier does not make, such as a restart."""
        self.writer()
        self._entries.append(self.journal.record(self.run_id, change))
        self.applied.append(change)


def seen(host: Host, change: Change) -> Plain:
    """What an item is that is to be put back. That it is gone has to be seen twice: it closes the entry for good.

    Of what was cut short, that which is left of it is taken for what was wanted, so that it is put back too.
    """
    applier = APPLIERS[change.kind]
    if applier.at_rest is not None:
        applier.at_rest(host)
    found = applier.read(host, change)
    found = applier.read(host, change) if found is None and change.before is None else found
    left = found == change.before and applier.cut_short is not None and applier.cut_short(host, change)
    return change.after if left else found


def _make(applier: Applier, host: Host, change: Change, wanted: Plain) -> None:
    """Write an item and read it back; by its other way, if it has one, where the first was without effect."""
    writes = (applier.write, applier.otherwise) if applier.otherwise else (applier.write,)
    written = change if wanted == change.after else replace(change, before=change.after, after=wanted)
    found = None
    for write in writes:
        write(host, written, wanted)
        if not applier.verified:
            return
        found = applier.read(host, change)
        if _is_made(found, wanted, change.before):
            return
    raise NotKept(
        f"{change.item} was written but is {found!r} instead of {wanted!r}: look for a policy or a security "
        "product that sets it back"
    )


def _is_made(found: Plain, wanted: Plain, before: Plain) -> bool:
    """Whether an item is as wanted; what Windows generates is there once it is another than before."""
    return found not in (None, before) if wanted == GENERATED else found == wanted

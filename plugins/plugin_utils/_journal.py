# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The journal: the changes of a run, on the host before each is made. PRIVATE to the collection.

It lives in the host's registry under ROOT, readable and writable by Administrators and SYSTEM alone:

    Runs\<n>~<run id>  REG_MULTI_SZ "0001", …        one entry each, base64 of sealed JSON
                       REG_SZ "0001.undone"         when it was undone
    Items\<hash>       REG_MULTI_SZ "entry"         first before and last after of an item of trimmed runs
    (root)             REG_SZ "WinsockReset"         the reboot that the last reset of the Winsock catalog waits for
                       REG_MULTI_SZ "DnsFlushed"    which remembered addresses were flushed

An entry is one registry value, so it is there whole or not at all. It names the machine that it was made on, so that a
journal which came with a cloned image is never played back on the clone. What is read back has to be unaltered, where
it was put, under keys that nobody else may write to, and a change that this collection makes. CreateKey answers success
for a key that exists, so no lock can be built on it; writers announce themselves and proceed only when alone.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import datetime, timedelta

from . import _undoable
from ._cim.registry import Registry, RegistryValue
from ._guard import ROOT, require_private
from ._model.change import Change
from ._model.plain import NotPlain, from_plain, to_plain
from ._sealed import Tampered, seal, unseal

WINSOCK_RESET = "WinsockReset"
"""Value under ROOT: the note of the reboot (see _owed.py) that the last reset of the Winsock catalog waits for."""

DNS_FLUSHED = "DnsFlushed"
"""Value under ROOT: each name whose cache entry was flushed, and after spaces its addresses."""

FLUSH_KEPT, FLUSH_STAMP = timedelta(days=1), "%Y%m%dT%H%M%SZ"
"""For how long a flush is remembered, and how its time is noted, in UTC."""

RUNS, ITEMS = (rf"{ROOT}\{name}" for name in ("Runs", "Items"))

CHUNK = 4000
"""Characters of base64 in one string of an entry."""

KEPT_RUNS = 50
"""Stretches of runs whose history is kept; of older ones, the first before and last after of each item."""

ENTRY_VERSION = 1


class JournalError(Exception):
    """The journal cannot be used; the message says why and what to do."""


class Altered(JournalError):
    """An entry is not what was written, or not where it was written."""

    def __init__(self, where: str, differs: str) -> None:
        super().__init__(
            f"the journal entry {where} was altered: {differs}. Nothing is undone; find out who did that, and delete "
            "the value to go on without it"
        )


@dataclass(frozen=True)
class Entry:
    """One journaled change.

    Attributes:
        machine: MachineGuid and machine SID of the host that it was made on.
        at: the host's clock, ISO 8601.
        ahead: by how many seconds that was ahead of the controller's.
    """

    version: int
    machine: str
    run: str
    number: int
    at: str
    change: Change
    ahead: int = 0

    @property
    def seen_at(self) -> datetime:
        """The controller's clock, which nobody sets back and forth to mend the host's."""
        return datetime.fromisoformat(self.at) - timedelta(seconds=self.ahead)


@dataclass(frozen=True, order=True)
class Stretch:
    """What a run wrote without another run in between; the host counts them, since ids and clocks tell no order."""

    number: int
    run: str

    @property
    def key(self) -> str:
        return rf"{RUNS}\{self.number:08}~{self.run}"


@dataclass(frozen=True)
class Recorded:
    """An entry as found on the host, the stretch it is in, and whether it has been undone."""

    entry: Entry
    undone: bool
    stretch: Stretch | None = None

    @property
    def name(self) -> str:
        return f"{self.entry.number:04}"


_DEFAULTS = {field.name: to_plain(field.default) for field in fields(Change) if field.default is not MISSING}


def encode(entry: Entry) -> RegistryValue:
    """The registry value that carries an entry; fields of the change that have their default are left out."""
    data = to_plain(entry)
    data["change"] = {name: value for name, value in data["change"].items() if value != _DEFAULTS.get(name, MISSING)}
    text = base64.b64encode(seal(data).encode()).decode("ascii")
    return RegistryValue("REG_MULTI_SZ", tuple(text[i : i + CHUNK] for i in range(0, len(text), CHUNK)))


def decode(chunks: Iterable[str], where: str) -> Entry:
    """The entry in a registry value.

    Raises:
        Altered: it is not what encode made.
    """
    try:
        data = unseal(base64.b64decode("".join(chunks), validate=True).decode())
        entry = from_plain(Entry, data)
        datetime.fromisoformat(entry.at)
    except Tampered as error:
        raise Altered(where, str(error)) from error
    except (ValueError, NotPlain) as error:
        raise Altered(where, f"it is damaged: {error}") from error
    if entry.version != ENTRY_VERSION:
        raise Altered(where, f"it has version {entry.version}; use a newer collection to undo it")
    return entry


def new_run_id(now: datetime) -> str:
    """A run id that sorts by time."""
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


class Journal:
    """Reads and writes the journal of one host."""

    def __init__(
        self,
        registry: Registry,
        machine: Callable[[], str],
        now: Callable[[], datetime],
        ahead: Callable[[], int] = lambda: 0,
    ) -> None:
        """C(now) is the host's clock, which is C(ahead) seconds ahead of ours."""
        self._registry = registry
        self._machine = machine
        self._now = now
        self._ahead = ahead
        self._open: tuple[Stretch, int] | None = None
        self._private: set[str] = set()

    def record(self, run: str, change: Change) -> Recorded:
        """Put an entry on the host. Only who has the right to write may call it, so no stretch is cut in two."""
        stretch, number = self._open or self._stretch(run)
        entry = Entry(ENTRY_VERSION, self._machine(), run, number, self._now().isoformat(), change, self._ahead())
        self._registry.write(stretch.key, f"{number:04}", encode(entry))
        self._open = stretch, number + 1
        return Recorded(entry, False, stretch)

    def stretches(self) -> list[Stretch]:
        """All stretches of all runs, the oldest first."""
        named = (name.partition("~") for name in self._registry.keys(RUNS) or [])
        return sorted(Stretch(int(number), run) for number, tilde, run in named if tilde and number.isdigit())

    def entries(self, stretch: Stretch) -> list[Recorded]:
        """The entries of a stretch, in the order in which they were made."""
        values = self._registry.values(stretch.key) or {}
        return [Recorded(self._entry(stretch, name), f"{name}.undone" in values, stretch) for name in _numbers(values)]

    def recent(self, within: timedelta) -> Iterator[Entry]:
        """Entries of this machine of the last while by the controller's clock, the newest first, read one by one."""
        ours = self._now() - timedelta(seconds=self._ahead())
        for stretch in reversed(self.stretches()):
            for name in reversed(_numbers(self._registry.values(stretch.key) or {})):
                entry = self._entry(stretch, name)
                if abs(ours - entry.seen_at) >= within:
                    return
                if self.is_ours(entry):
                    yield entry

    def trimmed(self) -> list[Entry]:
        """What is left of runs whose history was trimmed: one entry for each item."""
        keys = self._registry.keys(ITEMS) or []
        return [self._item(key) for key in sorted(keys)]

    def mark_undone(self, recorded: Recorded) -> None:
        """Note that an entry was undone, by a roll-back or by its own run."""
        if recorded.stretch is not None:
            noted = RegistryValue("REG_SZ", self._now().isoformat())
            self._registry.write(recorded.stretch.key, f"{recorded.name}.undone", noted)

    def forget_item(self, entry: Entry) -> None:
        """Drop a trimmed item that was rolled back."""
        self._registry.delete_key(rf"{ITEMS}\{_item_key(entry.change)}")

    def is_ours(self, entry: Entry) -> bool:
        """Whether an entry was made on this machine, not on the one that its disk was cloned from."""
        return entry.machine == self._machine()

    def _stretch(self, run: str) -> tuple[Stretch, int]:
        """The last stretch if it is this run's, else a new one; and the number of the next entry."""
        known = self.stretches()
        if known and known[-1].run == run:
            return known[-1], 1 + max((recorded.entry.number for recorded in self.entries(known[-1])), default=0)
        self._trim(known)
        stretch = Stretch(1 + max((found.number for found in known), default=0), run)
        self._registry.create_key(stretch.key)
        return stretch, 1

    def _trim(self, known: Sequence[Stretch]) -> None:
        """Make room for a new one: fold those beyond the kept ones into Items, oldest first."""
        for stretch in known[: 1 - KEPT_RUNS or None]:
            for recorded in self.entries(stretch):
                self._fold(recorded)
            self._registry.delete_key(stretch.key)

    def _entry(self, stretch: Stretch, name: str) -> Entry:
        entry = self._read(stretch.key, name)
        if (entry.run, entry.number) != (stretch.run, int(name)):
            raise Altered(rf"{stretch.key}\{name}", f"it is number {entry.number} of run {entry.run}, moved here")
        return entry

    def _item(self, key: str) -> Entry:
        entry = self._read(rf"{ITEMS}\{key}", "entry")
        if _item_key(entry.change) != key.lower():
            raise Altered(rf"{ITEMS}\{key}", f"it is about {entry.change.target}, moved here")
        return entry

    def _read(self, key: str, name: str) -> Entry:
        """An entry that this collection made, from keys that nobody else may write to."""
        self._require_private(key)
        where = rf"{key}\{name}"
        reading = self._registry.read(key, name, "REG_MULTI_SZ")
        if not isinstance(reading, RegistryValue) or not isinstance(reading.data, tuple):
            raise Altered(where, "it cannot be read as one")
        entry = decode(reading.data, where)
        objection = _undoable.objection(entry.change)
        if objection:
            raise Altered(where, objection)
        return entry

    def _require_private(self, key: str) -> None:
        """Each key, and those above it up to the root, once."""
        for path in (ROOT, key.rpartition("\\")[0], key):
            if path not in self._private:
                require_private(self._registry, path)
                self._private.add(path)

    def _fold(self, recorded: Recorded) -> None:
        entry = recorded.entry
        if recorded.undone or entry.change.undo == "none":
            return
        key = rf"{ITEMS}\{_item_key(entry.change)}"
        if self._registry.values(key) is not None:
            first = self._item(_item_key(entry.change))
            entry = replace(entry, change=replace(entry.change, before=first.change.before))
        self._registry.create_key(key)
        self._registry.write(key, "entry", encode(entry))


def flushed(registry: Registry, now: datetime) -> dict[str, tuple[str, ...]]:
    """The remembered addresses that runs of the last day have flushed, by name.

    What comes back later than that may be an old answer again: Windows keeps one for a day at the most (MaxCacheTtl,
    86,400 seconds; Microsoft Learn, "Disable client-side DNS caching on DNS clients").
    """
    since = (now - FLUSH_KEPT).strftime(FLUSH_STAMP)
    return {name: addresses for name, (stamp, addresses) in _flushes(registry).items() if stamp >= since}


def _flushes(registry: Registry) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What is noted of flushes: by name when, and which addresses were taken away."""
    noted = registry.read(ROOT, DNS_FLUSHED, "REG_MULTI_SZ")
    lines = noted.data if isinstance(noted, RegistryValue) and isinstance(noted.data, tuple) else ()
    parts = [str(line).split() for line in lines]
    return {part[1]: (part[0], tuple(part[2:])) for part in parts if len(part) > 1}


def note_flushed(registry: Registry, now: datetime, taken: Mapping[str, Sequence[str]]) -> None:
    """Note which remembered addresses were flushed now, beside those of runs in the last day."""
    since = (now - FLUSH_KEPT).strftime(FLUSH_STAMP)
    known = {name: noted for name, noted in _flushes(registry).items() if noted[0] >= since}
    known.update({name: (now.strftime(FLUSH_STAMP), tuple(addresses)) for name, addresses in taken.items()})
    lines = (" ".join((stamp, name, *addresses)) for name, (stamp, addresses) in sorted(known.items()))
    registry.write(ROOT, DNS_FLUSHED, RegistryValue("REG_MULTI_SZ", tuple(lines)))


def _numbers(values: Iterable[str]) -> list[str]:
    """The names of entries among those of a stretch's values, in order."""
    return sorted(name for name in values if name.isdigit())


def _item_key(change: Change) -> str:
    return hashlib.sha256(change.target.encode()).hexdigest()[:32]

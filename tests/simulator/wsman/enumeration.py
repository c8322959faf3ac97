# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open enumerations: what is still to be sent, to whom, and until when (MS-WSMV 3.1.4.1.36, 3.1.4.8, 3.1.4.9)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, xml
from tests.simulator.wsman.faults import fault

ENVELOPE_OVERHEAD = 2048


@dataclass
class Enumeration:
    """Items not yet sent, as functions that make their elements."""

    owner: str
    items: list[Callable[[], Element]]
    last_used: datetime
    class_name: str = ""
    position: int = 0

    @property
    def left(self) -> int:
        """How many items are still to be sent."""
        return len(self.items) - self.position

    def batch(self, most: int, most_bytes: int) -> list[Element]:
        """Take the next items: at least one, though it alone may be larger than `most_bytes`."""
        batch: list[Element] = []
        size = 0
        while self.left and len(batch) < most:
            element = self.items[self.position]()
            size += len(xml.serialize(element))
            if size > most_bytes and batch:
                break
            batch.append(element)
            self.position += 1
        return batch


@dataclass
class Enumerations:
    """The open enumerations of a host by context. Contexts are used once, and die when idle."""

    idle: timedelta
    now: Callable[[], datetime]
    _open: dict[str, Enumeration] = field(default_factory=dict)

    def count(self, owner: str) -> int:
        """How many enumerations of this caller are open; those count against his operations."""
        self._collect()
        return sum(1 for item in self._open.values() if item.owner == owner)

    @property
    def total(self) -> int:
        """How many enumerations are open."""
        self._collect()
        return len(self._open)

    def start(self, owner: str, items: Iterable[Callable[[], Element]], class_name: str) -> Enumeration:
        """A new enumeration of a class, not yet kept."""
        return Enumeration(owner, list(items), self.now(), class_name)

    def class_of(self, context: str) -> str:
        """The class that an open enumeration is of; empty for a context that is no more."""
        found = self._open.get(context)
        return found.class_name if found else ""

    def keep(self, enumeration: Enumeration) -> str:
        """Keep it for a Pull and return the context."""
        context = f"uuid:{str(uuid.uuid4()).upper()}"
        enumeration.last_used = self.now()
        self._open[context] = enumeration
        return context

    def take(self, context: str, owner: str) -> Enumeration:
        """Take an enumeration out by its context. Raises a fault for a context that is no more, or another caller's."""
        self._collect()
        found = self._open.get(context)
        if found is None or found.owner != owner:
            raise fault(faults.INVALID_CONTEXT)
        return self._open.pop(context)

    def forget(self) -> None:
        """End all of them."""
        self._open.clear()

    def _collect(self) -> None:
        horizon = self.now() - self.idle
        for context in [name for name, item in self._open.items() if item.last_used < horizon]:
            del self._open[context]

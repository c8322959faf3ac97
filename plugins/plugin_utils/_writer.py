# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The right to write on a host, held by one run at a time. PRIVATE to the collection.

CreateKey answers success for a key that exists, so no lock can be built on it: writers announce themselves, each by a
key under the journal's root, and proceed only when alone.

    writer <uuid>      REG_MULTI_SZ "writer"         until when it may write, seconds since 1970 by the host's clock;
                                                    who it is, or "over"
    writer gateway-<digits of a uuid>               the same, of a run that is about the RD Gateway alone

A run takes its announcement away when it ends. One that stays tells of a run that was cut off, or that ended without
having seen that what it wrote is live. The names under the root, which are read anyway, show it to the next run (see
_live.py). So who finds that the time of another is past takes the right from it, and leaves its announcement, with the
time after which it surely wrote nothing.
"""

from __future__ import annotations

import math
import re
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from types import TracebackType

from ._cim.registry import KEY_MISSING, Registry, RegistryError, RegistryValue
from ._guard import ROOT
from ._journal import JournalError
from ._wsman.errors import WsmanError

TENURE = timedelta(minutes=10)
"""How long an announced writer counts as alive; renewed while it works."""

NAME = re.compile(r"writer [\w-]{1,40}", re.ASCII)
"""Of an announcement."""

OVER = "over"
"""Who a writer is from whom the right was taken, or who gave it back and left the announcement."""

GONE = "this run's right to write on the host is gone; run again, it goes on where it stood"


class HeldByAnother(JournalError):
    """Another run writes on this host."""


def announcements(names: Iterable[str]) -> list[str]:
    """Those among the names of the keys under ROOT that announce a writer."""
    return [name for name in names if NAME.fullmatch(name)]


def is_about(name: str, what: str) -> bool:
    """Whether an announcement is that of a run which is about one thing alone."""
    return name.lower().startswith(f"writer {what}-")


def announced(registry: Registry, name: str) -> tuple[int, str] | None:
    """Until when a writer may write, and who it is; None where it has not said so."""
    reading = registry.read(rf"{ROOT}\{name}", "writer", "REG_MULTI_SZ")
    data = reading.data if isinstance(reading, RegistryValue) else None
    if not isinstance(data, tuple) or len(data) != 2 or not data[0].isdecimal():
        return None
    return int(data[0]), data[1]


class Writer:
    """The right to write on a host, held by one run at a time. Use as a context manager, when the root is private.

    Where C(unproven) is set, what it wrote may not be live: its announcement stays, as one that is over.

    Raises:
        HeldByAnother: another writer stayed alive for all attempts.
    """

    ATTEMPTS = 6

    def __init__(
        self,
        registry: Registry,
        now: Callable[[], datetime],
        by: str,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = lambda: 0.5 + secrets.randbelow(500) / 1000,
        about: str = "",
    ) -> None:
        self.name = f"writer {about}-{uuid.uuid4().hex}" if about else f"writer {uuid.uuid4()}"
        self.unproven = False
        self._registry = registry
        self._now = now
        self._by = by
        self._sleep = sleep
        self._jitter = jitter
        self._key = rf"{ROOT}\{self.name}"
        self._until: datetime | None = None
        self._unborn: Counter[str] = Counter()

    def __enter__(self) -> Writer:
        others: list[str] = []
        for attempt in range(self.ATTEMPTS):
            others = self._rivals()
            if not others:
                return self
            self._sleep(self._jitter() * 2**attempt * 0.25)
        raise HeldByAnother(
            f"another run writes on this host ({', '.join(others)}); run again when it has ended. One that was cut off "
            "gives the right back by itself at that time"
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the right back. When the run fails already, its error is the one to tell: the right expires."""
        try:
            if self.unproven:
                self._say(self._key, math.ceil(self._now().timestamp()), OVER)
            else:
                self._withdraw()
        except WsmanError:
            if error is None:
                raise

    def check(self) -> None:
        """Make sure that the right is still ours; renew it when it runs low.

        Raises:
            HeldByAnother: it is not, since another run took us for dead.
        """
        found = announced(self._registry, self.name)
        if found is None or found[1] == OVER:
            raise HeldByAnother(GONE)
        if self._until is None or self._until - self._now() < TENURE / 2:
            self._renew()

    def _rivals(self) -> list[str]:
        """Announce this run; who else is alive, in which case it is withdrawn again."""
        try:
            self._announce()
        except HeldByAnother:
            return ["one that took this run for dead while it was announced"]
        others = list(self._others())
        if others:
            self._withdraw()
        return others

    def _announce(self) -> None:
        """The key, which inherits the root's descriptor; then its content."""
        self._registry.create_key(self._key)
        self._renew()

    def _renew(self) -> None:
        self._until = self._now() + TENURE
        if not self._say(self._key, int(self._until.timestamp()), self._by):
            raise HeldByAnother(GONE)

    def _say(self, key: str, until: int, by: str) -> bool:
        """Say until when a writer may write; whether it is announced still."""
        try:
            self._registry.write(key, "writer", RegistryValue("REG_MULTI_SZ", (str(until), by)))
        except RegistryError as error:
            if error.code != KEY_MISSING:
                raise
            return False
        return True

    def _withdraw(self) -> None:
        self._registry.delete_key(self._key)

    def _others(self) -> Iterator[str]:
        """Who else is alive; the right is taken from the dead."""
        for name in announcements(self._registry.keys(ROOT) or []):
            if name.lower() == self.name:
                continue
            found = announced(self._registry, name)
            if found is None:
                yield from self._nameless(name)
                continue
            until, by = found
            if by == OVER:
                continue
            if until >= self._now().timestamp():
                yield f"{by}, until {datetime.fromtimestamp(until, timezone.utc):%H:%M:%S} UTC"
            else:
                self._say(rf"{ROOT}\{name}", until, OVER)

    def _nameless(self, name: str) -> Iterator[str]:
        """One that has not said who it is: at the third look it was cut off meanwhile, so it wrote nothing."""
        self._unborn[name] += 1
        if self._unborn[name] < 3:
            yield name
        else:
            self._registry.delete_key(rf"{ROOT}\{name}")


def is_over(registry: Registry, now: datetime, name: str) -> bool:
    """Whether an announcement is over, or its time is past, which that of a run that works now is not."""
    found = announced(registry, name)
    return found is None or found[1] == OVER or found[0] < now.timestamp()


def bury(registry: Registry, now: datetime, name: str) -> None:
    """Delete an announcement that is over."""
    if is_over(registry, now, name):
        registry.delete_key(rf"{ROOT}\{name}")

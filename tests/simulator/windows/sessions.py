# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Users' sessions: active, dropped by a restart, logged off when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.simulator.windows.clock import Clock, Timer

DESKTOP = ("rdpclip.exe", "explorer.exe", "sihost.exe", "explorer.exe", "notepad.exe")
"""Of a desktop: clipboard, shell, its infrastructure, the shell once more for a folder, and what a user started."""

CORE: Mapping[object, tuple[str, ...]] = {
    "desktop": ("rdpclip.exe", "sihost.exe"), "clipboard": ("rdpclip.exe",), "nothing": (),
}  # fmt: skip
"""Of Server Core beside its shell, by the value of the switch core_sessions."""

CONSOLE = 1
"""The session of the console, where nobody has come back to it by Remote Desktop."""


@dataclass
class Session:
    """One user's session; ``remote`` is the client's address while connected, ``programs`` run in it as its user.

    The session of the console has no client on the network and so an empty ``remote``.

    An empty ``domain`` stands for the machine itself, ``hidden`` keeps its processes' owner from administrators.
    """

    number: int
    user: str
    active: bool = True
    remote: str = "192.0.2.10"
    timer: Timer | None = None
    domain: str = ""
    programs: tuple[str, ...] = DESKTOP
    hidden: bool = False


class Sessions:
    """All RDP sessions of a host. ``disconnect_limit_ms`` gives the effective MaxDisconnectionTime, 0 for never."""

    def __init__(self, clock: Clock, disconnect_limit_ms: Callable[[], int]) -> None:
        self._clock = clock
        self._limit = disconnect_limit_ms
        self._sessions: dict[int, Session] = {}
        self._next = 2
        self.programs: tuple[str, ...] = DESKTOP
        self.logged_off: list[str] = []

    def add(self, user: str, *, active: bool = True) -> Session:
        session = Session(self._next, user, active, programs=self.programs)
        self._sessions[session.number] = session
        self._next += 1
        if not active:
            self._start_timer(session)
        return session

    def sit_down(self, user: str) -> Session:
        """Sign a user in at the console."""
        self._sessions[CONSOLE] = Session(CONSOLE, user, remote="", programs=self.programs)
        return self._sessions[CONSOLE]

    def all(self) -> list[Session]:
        return list(self._sessions.values())

    def active(self) -> list[Session]:
        return [session for session in self.all() if session.active]

    def disconnect_all(self) -> None:
        """What a stop of TermService does: connections drop, sessions stay for MaxDisconnectionTime."""
        for session in self.active():
            if session.remote:
                self.disconnect(session.number)

    def disconnect(self, number: int) -> bool:
        """Take its client from a session; False when it has none."""
        session = self._sessions.get(number)
        if session is None or not session.active:
            return False
        session.active = False
        self._start_timer(session)
        return True

    def log_off(self, number: int) -> bool:
        session = self._sessions.pop(number, None)
        if session is None:
            return False
        self.logged_off.append(session.user)
        return True

    def log_off_all(self) -> None:
        for session in self.all():
            self.log_off(session.number)

    def _start_timer(self, session: Session) -> None:
        limit = self._limit()
        if limit:
            session.timer = self._clock.after(limit / 1000, lambda: self._time_over(session))

    def _time_over(self, session: Session) -> None:
        if not session.active:
            self.log_off(session.number)

    def to_volatile(self) -> dict[str, object]:
        sessions = [{"id": item.number, "user": item.user, "active": item.active} for item in self.all()]
        return {"sessions": sessions, "logged_off": list(self.logged_off)}

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The logon check: whether the connection's own account could log on. PRIVATE to the collection.

Wrong credentials tried on many hosts lock an account, so the hosts of a run take turns, each tries once, and nobody
does any more once a host has not taken them. What the run has seen lies in a directory that its forks share.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ._credssp import Account, attempt
from ._diagnosis.facts import Facts
from ._diagnosis.rank import diagnose
from ._diagnosis.verdict import Standing
from ._model.logon import NOT_TAKEN, LogonState
from ._proof import Prober

Attempt = Callable[[str, int, Account], LogonState]


@dataclass(frozen=True)
class Turnstile:
    """Lets one host after the other try an account, until one has not taken it.

    Attributes:
        directory: shared by all forks of a run and by nobody else.
    """

    directory: Path

    def take(self, host: str, account: Account, try_it: Callable[[], LogonState]) -> LogonState:
        """What trying gave, or that nobody tries any more; waits for the host whose turn it is."""
        name = hashlib.sha256(account.name.lower().encode()).hexdigest()[:32]
        with (self.directory / f"rdp-logon-{name}").open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            before = file.read()
            if before:
                return LogonState("stopped", f"{before} has not taken these credentials, so they are not tried again")
            state = try_it()
            if state.verdict in NOT_TAKEN:
                file.write(host)
            return state


@dataclass(frozen=True)
class LogonCheck:
    """One attempt with an account on one host."""

    host: str
    account: Account
    prober: Prober
    turnstile: Turnstile
    attempt: Attempt = attempt

    def __call__(self, standing: Standing) -> Standing:
        """The standing with what came of the attempt; nothing is tried where the handshake does not get so far."""
        state = self._state(Facts(standing.observation))
        observation = replace(standing.observation, logon=state)
        return Standing(observation, diagnose(observation))

    def _state(self, facts: Facts) -> LogonState:
        objection = self._objection(facts)
        if objection:
            return LogonState("not_tried", objection)
        address, port = self.prober.address, int((facts.observation.probe or {})["port"])
        return self.turnstile.take(self.host, self.account, lambda: self.attempt(address, port, self.account))

    def _objection(self, facts: Facts) -> str:
        """What speaks against an attempt; empty where nothing does."""
        if not self.prober.enabled:
            return "the controller is not to connect to the listener (probe_from is none)"
        if not facts.passed:
            return "the handshake does not get so far"
        if facts.probe_verdict("ntlm") not in ("challenge", "skipped"):
            return "the host offers no NTLM, and the attempt knows no other way"
        if not self.account.name or not self.account.password:
            return "the connection of this host has no user name with a password"
        return ""

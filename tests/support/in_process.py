# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our code against a simulated host in one process: no sockets, and time passes only where somebody waits.

Here alone the plugins and the simulator meet in one module.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions
from ansible_collections.winfleet.rdp.plugins.plugin_utils._credssp import Account
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._journal import Journal
from ansible_collections.winfleet.rdp.plugins.plugin_utils._logon import LogonCheck, Turnstile
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.logon import LogonState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AuthenticationFailed,
    BadAnswer,
    TransportFailed,
)

from tests.simulator.host import SimulatedHost
from tests.simulator.probe_view import probe_view
from tests.support.states import State, without_journal


@dataclass
class Wire:
    """A channel that ends in a simulated host. before is called with the number of each message, from 1."""

    simulated: SimulatedHost
    before: Callable[[int, bytes], None] = lambda number, body: None
    timeout: int = 30
    sent: int = 0
    user: str = "Administrator"

    def send(self, body: bytes, *, repeatable: bool) -> bytes:
        self.sent += 1
        self.before(self.sent, body)
        try:
            status, answer = self.simulated.handle(body, self.user)
        except ConnectionError as error:
            raise TransportFailed(str(error), sent=None) from error
        if status == 401:
            raise AuthenticationFailed("the host rejected the credentials")
        if status not in (200, 500) or (status == 500 and not answer):
            raise BadAnswer(f"HTTP {status}")
        return answer

    def send_unauthenticated(self, body: bytes) -> bytes:
        answer = self.simulated.engine.handle(body, None, identify_header=True)
        if answer.status == 401:
            raise AuthenticationFailed("the host wants credentials")
        return answer.body

    def close(self) -> None:
        """Nothing to close."""


Behind = timedelta | Callable[[], timedelta]
"""How far the clock of the controller is behind a host's; a callable where that changes on the way."""


def _controllers(simulated: SimulatedHost, behind: Behind) -> datetime:
    return simulated.clock.now() - (behind if isinstance(behind, timedelta) else behind())


def connect(
    simulated: SimulatedHost,
    before: Callable[[int, bytes], None] | None = None,
    behind: Behind = timedelta(),
    check: bool = False,
    user: str = "Administrator",
    uri_style: str = "wmi",
) -> Host:
    """A host of ours over a simulated one; what waits moves the simulated clock, and ours is that much behind it."""
    wire = Wire(simulated, before, user=user) if before else Wire(simulated, user=user)
    clock = simulated.clock
    return Host(
        simulated.name,
        t.cast(t.Any, wire),
        uri_style,
        check=check,
        sleep=clock.advance,
        now=lambda: _controllers(simulated, behind),
        monotonic=lambda: clock.now().timestamp() - clock.stepped.total_seconds(),
    )


def prober(simulated: SimulatedHost, behind: Behind = timedelta()) -> Prober:
    """A prober that sees what a perfect probe from outside would see; its clock is that much behind the host's."""

    def handshake(options: ProbeOptions) -> dict[str, t.Any]:
        simulated.clock.run_due()
        now = _controllers(simulated, behind)
        result = probe_result(probe_view(simulated.windows, options.port), options.udp, now)
        return {**result, "taken_at": now.isoformat(timespec="seconds")}

    return Prober("127.0.0.1", sleep=simulated.clock.advance, handshake=handshake)


class Alone(Turnstile):
    """No other host is there to wait for."""

    def take(self, host: str, account: Account, try_it: Callable[[], LogonState]) -> LogonState:
        return try_it()


def logon_check(simulated: SimulatedHost) -> LogonCheck:
    """A check of the built-in Administrator that sees what the user rights say."""
    account = simulated.windows.machine.accounts["administrator"]

    def attempt(_host: str, _port: int, _account: Account) -> LogonState:
        if simulated.windows.machine.ntlm_restricted:
            return LogonState("rejected", "the host refuses the credentials", 0xC000006E)
        if simulated.windows.may_log_on(account):
            return LogonState("accepted", authorised=True)
        return LogonState("denied", "the host does not let this account log on", authorised=False)

    ours = Account(account.name, account.password)
    return LogonCheck(simulated.name, ours, prober(simulated), Alone(Path()), attempt)


def job(simulated: SimulatedHost, run_id: str = "run-1", check: bool = False, **options: t.Any) -> Job:
    """A job on a simulated host, with the probe."""
    host = connect(simulated, options.pop("before", None), check=check, uri_style=options.pop("uri_style", "wmi"))
    return Job(host, options.pop("prober", prober(simulated)), run_id, check, **options)


def settings_state(simulated: SimulatedHost) -> State:
    """The persistent state, the journal aside."""
    return without_journal(simulated.state())


def acts(simulated: SimulatedHost) -> list[Change]:
    """What has been done to a host that has no undo, as the journal there tells."""
    host = connect(simulated)
    journal = Journal(host.registry, host.machine_id, host.now)
    entries = (recorded.entry for stretch in journal.stretches() for recorded in journal.entries(stretch))
    return [entry.change for entry in entries if entry.change.undo == "none"]


# --- the probe's result, from what the simulator says that a probe would see

_FAILURES = {
    1: "SSL_REQUIRED_BY_SERVER",
    2: "SSL_NOT_ALLOWED_BY_SERVER",
    3: "SSL_CERT_NOT_ON_SERVER",
    5: "HYBRID_REQUIRED_BY_SERVER",
}


def probe_result(view: Mapping[str, t.Any], udp: bool = False, now: datetime | None = None) -> dict[str, t.Any]:
    """A result in the shape of probe_info; udp is whether a packet was sent over it, now the prober's clock."""
    stages = _Stages(view)
    return {
        "host": "127.0.0.1",
        "port": view["port"],
        "name": {"verdict": "literal", "addresses": ["127.0.0.1"], "error": None},
        "tcp": {"verdict": "open" if view["tcp"] == "not_rdp" else view["tcp"], "error": None},
        "x224": stages.x224(),
        "tls": {
            "verdict": stages.tls,
            "alert": None,
            "version": view["tls_version"],
            "certificate": _certificate(view.get("certificate"), now),
        },
        "ntlm": {"verdict": stages.ntlm},
        "udp": {"verdict": ("answers" if view["udp"] else "silent") if udp else "skipped"},
        "stage": stages.failed or "complete",
        "passed": stages.failed is None,
        "summary": f"simulated: {stages.failed or 'complete'}",
    }


def _certificate(seen: Mapping[str, t.Any] | None, now: datetime | None) -> dict[str, t.Any] | None:
    if seen is None:
        return None
    expired = now is not None and datetime.fromisoformat(seen["not_after"]) <= now
    return {
        "sha1": seen["thumbprint"],
        "not_after": seen["not_after"],
        "expired": expired,
        "key_usage_server_auth": seen["server_auth"],
        "signature_algorithm": f"{seen['hash']}WithRSAEncryption",
        "key_algorithm": "RSA" if seen["key_bits"] else "EC",
        "key_bits": seen["key_bits"],
    }


@dataclass
class _Stages:
    view: Mapping[str, t.Any]
    asked: dict[str, dict[str, t.Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.asked = {protocols: _answer(answer) for protocols, answer in self.view["asked"].items()}

    def x224(self) -> dict[str, t.Any]:
        return {
            "verdict": self._x224_verdict(),
            "asked": self.asked,
            "security_layer": self._layer(),
            "nla_required": self._nla(),
        }

    def _x224_verdict(self) -> str:
        if self.view["tcp"] == "not_rdp":
            return "not_rdp"
        if not self.asked:
            return "skipped"
        return "negotiates" if any(answer["outcome"] != "reset" for answer in self.asked.values()) else "reset"

    def _layer(self) -> int | None:
        if not self.asked or self._x224_verdict() == "reset":
            return None
        if self.asked["1"]["failure"] == 2:
            return 0
        if self.asked["0"]["outcome"] == "selected":
            return 1
        return 2 if self.asked["0"]["failure"] == 1 else None

    def _nla(self) -> bool | None:
        if not self.asked or self._x224_verdict() == "reset":
            return None
        if "failure" in (self.asked["0"]["outcome"], self.asked["1"]["outcome"]) and self.asked["1"]["failure"] == 5:
            return True
        return False if self.asked["1"]["outcome"] == "selected" else None

    @property
    def tls(self) -> str:
        outcome = self.view["tls"]
        if outcome is None:
            return "not_offered" if self.asked else "skipped"
        return "alert" if outcome.startswith("alert") else str(outcome)

    @property
    def ntlm(self) -> str:
        seen = self.view["ntlm"]
        return "skipped" if seen is None else "closed" if seen == "closed" else "challenge"

    @property
    def failed(self) -> str | None:
        if self.view["tcp"] in ("refused", "timeout"):
            return "tcp"
        if self._x224_verdict() != "negotiates" or all(a["outcome"] != "selected" for a in self._modern()):
            return "x224"
        return None if self.tls == "ok" else "tls"

    def _modern(self) -> list[dict[str, t.Any]]:
        """The answers to what today's clients ask for."""
        return [self.asked[protocols] for protocols in ("3", "11")]


def _answer(answer: list[t.Any]) -> dict[str, t.Any]:
    kind, code = answer[0], answer[1] if len(answer) > 1 else None
    return {
        "outcome": {"closed": "reset"}.get(kind, kind),
        "protocol": code if kind == "selected" else None,
        "failure": code if kind == "failure" else None,
        "failure_name": _FAILURES.get(code) if kind == "failure" and code is not None else None,
        "flags": None,
    }

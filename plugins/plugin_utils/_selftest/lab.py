# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: when changes of the listener are live, and what it does then. PRIVATE to the collection.

For idle lab hosts alone. They use the fixes themselves, so that each change is journaled, a weakening is on a lease,
and roll-back undoes what a run that was cut off has left.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from .._appliers import ApplyError
from .._fix import Done, Job, fix
from .._loop import defaults
from .._proof import Probe
from .._remedies import REMEDIES
from .._restart import SessionsInTheWay, sessions
from ._base import Check, Untold

LEASE = "10m"
REQUIRED, ALLOWED, TLS = 1, 0, 2
"""UserAuthentication, fDenyTSConnections and SecurityLayer of a host in order."""

SSL_NOT_ALLOWED = 2
"""The failure by which a listener says that its layer is rdp (MS-RDPBCGR 2.2.1.2.2)."""


@dataclass(frozen=True)
class LabCheck:
    """A check that changes the listener for a moment; see Check for what it says."""

    name: str
    asks: str
    expected: str
    means: Mapping[str, str]
    look: Callable[[Job], str]

    def on(self, job: Job) -> Check:
        """The check on one host. What keeps a fix from its work keeps the check from telling."""

        def told(_host: object) -> str:
            try:
                return self.look(job)
            except (ApplyError, SessionsInTheWay) as error:
                raise Untold(str(error)) from error

        return Check(self.name, self.asks, self.expected, self.means, told, writes=True)


def _live_nla(job: Job) -> str:
    with _changed(job, "nla", REQUIRED, {"state": "off", "lease": LEASE}, {"state": "required"}) as done:
        return "after a restart" if done.waiting else "at once"


def _live_deny(job: Job) -> str:
    with _denied(job) as probe:
        return "after a restart" if probe["tcp"]["verdict"] == "open" else "at once"


def _closed_port(job: Job) -> str:
    """A handshake has just shown that every firewall lets connections through to this port."""
    with _denied(job) as probe:
        if job.host.port_use().listeners:
            raise Untold("the host still listens on its port, so that is not closed")
        verdict = str(probe["tcp"]["verdict"])
    return {"timeout": "silent"}.get(verdict, verdict)


@contextmanager
def _denied(job: Job) -> Iterator[Probe]:
    """What the controller sees of the port while connections are refused."""
    with _changed(job, "deny_connections", ALLOWED, {"state": "disabled"}, {"state": "enabled"}):
        yield _seen(job)


def _layer_rdp(job: Job) -> str:
    """The answer to a client that speaks TLS alone shows that the layer is live; then one that speaks CredSSP too."""
    there = {"layer": "rdp", "negotiation": "keep", "lease": LEASE}
    with _changed(job, "security_layer", TLS, there, {"layer": "tls", "negotiation": "keep"}):
        asked = _seen(job)["x224"]["asked"]
    if asked["1"]["failure"] != SSL_NOT_ALLOWED:
        raise Untold("the layer rdp is not live here without a restart")
    return "let through" if asked["3"]["outcome"] == "selected" else "refused"


def _seen(job: Job) -> Probe:
    probe = job.prober.look(job.host.listener_port)
    if probe is None:
        raise Untold("the controller may not probe")
    return probe


_REMEDY = {"nla": "nla", "deny_connections": "remote_desktop", "security_layer": "security_layer"}


@contextmanager
def _changed(
    job: Job, setting: str, expected: int, there: Mapping[str, t.Any], back: Mapping[str, t.Any]
) -> Iterator[Done]:
    """The setting changed without a restart, for as long as this is open."""
    _need(job, setting, expected)
    try:
        yield _fixed(replace(job, restart="never"), setting, there)
    finally:
        _fixed(replace(job, restart="when_idle"), setting, back)


def _need(job: Job, setting: str, expected: int) -> None:
    """An idle host that answers, with the setting as it mostly is."""
    found = sessions(job.host)
    if not found.idle:
        raise Untold(f"there are {found}; use an idle lab host")
    if job.host.effective(setting) != expected:
        raise Untold(f"{setting} is not as on most hosts here")
    probe = job.prober.look(job.host.listener_port)
    if probe is None or not probe["passed"]:
        raise Untold("no handshake with this host succeeds, so nothing shows what is live")


def _fixed(job: Job, setting: str, given: Mapping[str, t.Any]) -> Done:
    remedy = REMEDIES[_REMEDY[setting]]
    plan, done = fix(job, remedy, {**defaults(remedy.options), **given})
    if plan.held or plan.refused:
        raise Untold(
            "; ".join([f"policy holds {item.setting}" for item in plan.held] + [r.message for r in plan.refused])
        )
    return done


LAB_CHECKS = (
    LabCheck(
        "live_nla",
        "When is a change of Network Level Authentication live?",
        "at once",
        {
            "at once": "no restart of TermService is needed; none is made",
            "after a restart": "TermService is restarted, as the handshake shows that it has to be",
        },
        _live_nla,
    ),
    LabCheck(
        "live_deny",
        "When is it live that connections are refused?",
        "at once",
        {
            "at once": "Remote Desktop is switched without a restart of TermService",
            "after a restart": "TermService is restarted, as the handshake shows that it has to be",
        },
        _live_deny,
    ),
    LabCheck(
        "closed_port",
        "Is a port silent on which nobody listens, though the firewall lets connections through to it?",
        "silent",
        {
            "silent": "as Microsoft documents its firewall (KB2586744), so a timeout alone does not blame a firewall",
            "refused": "a refused connection shows that nobody listens; a firewall on the way may refuse in its place",
        },
        _closed_port,
    ),
    LabCheck(
        "layer_rdp",
        "Does a listener with the layer rdp let clients through that offer CredSSP?",
        "refused",
        {
            "refused": "the layer rdp shuts out clients with CredSSP as it does those with TLS alone",
            "let through": "clients with CredSSP get in; the layer is known by the answer to TLS alone, as is done now",
        },
        _layer_rdp,
    ),
)

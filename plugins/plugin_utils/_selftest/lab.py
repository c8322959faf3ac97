# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: when changes of the listener are live, and what it does then. PRIVATE to the collection.

For idle lab hosts alone. They use the fixes themselves, so that each change is journaled, a weakening is on a lease,
and roll-back undoes what a run that was cut off has left.
"""

from __future__ import annotations

import base64
import typing as t
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from .. import _listener_certificate
from .._apply import ApplyError, Run, seen
from .._cim import terminal_services
from .._cim.registry import RegistryValue
from .._cim.schema import WIN32_TS_GENERAL_SETTING
from .._fix import fix
from .._host import Host
from .._job import Done, Job
from .._live import listens
from .._model.change import Change, Plan
from .._model.plain import Plain
from .._model.settings import LISTENER, PIN, SETTINGS
from .._proof import Probe, tls_works
from .._remedies import REMEDIES, defaults
from .._restart import SessionsInTheWay, restart, sessions
from .._wsman.errors import PolicyHeld, WsmanFault
from ._base import Check, Untold

LEASE = "10m"
REQUIRED, ALLOWED, TLS, EITHER = 1, 0, 2, 2
"""UserAuthentication, fDenyTSConnections, SecurityLayer and SelectTransport of a host in order."""

SSL_NOT_ALLOWED, SSL_CERT_NOT_ON_SERVER = 2, 3
"""The failures by which a listener says that its layer is rdp, or that it has no certificate (MS-RDPBCGR 2.2.1.2.2)."""

OTHER_PORT = 33891
"""Where the listener is for a moment: a port below those that Windows gives away by itself."""

DATAGRAMS = 3
"""Probes over UDP without an answer, from which on it is silence and no loss."""


@dataclass(frozen=True)
class LabCheck:
    """A check that changes the listener for a moment; see Check for what it says."""

    name: str
    asks: str
    expected: str
    means: Mapping[str, str]
    look: Callable[[Job], str]

    def on(self, job: Job) -> Check:
        """The check on one host. What keeps a fix from its work keeps the check from telling, without saying who."""
        job.host.discreet = True

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


def _direct_nla(job: Job) -> str:
    """Off on a lease meanwhile, so that the direct write makes the listener stricter."""
    with _changed(job, "nla", REQUIRED, {"state": "off", "lease": LEASE}, {"state": "required"}):
        return _directly(job, "nla", REQUIRED, lambda probe: probe["x224"]["nla_required"] is True)


def _direct_layer(job: Job) -> str:
    """The layer rdp on a lease meanwhile, for the same reason."""
    there = {"layer": "rdp", "negotiation": "keep", "lease": LEASE}
    with _changed(job, "security_layer", TLS, there, {"layer": "tls", "negotiation": "keep"}):
        return _directly(job, "security_layer", TLS, lambda probe: _failure(probe) != SSL_NOT_ALLOWED)


def _failure(probe: Probe) -> int | None:
    """What a client is told that speaks TLS alone."""
    answered: int | None = probe["x224"]["asked"]["1"]["failure"]
    return answered


def _directly(job: Job, setting: str, wanted: int, shown: Callable[[Probe], bool]) -> str:
    """When a number is live that is written past the provider; a handshake shows when it is."""
    if shown(_seen(job)):
        raise Untold(f"a change of {setting} is not live here without a restart")
    key, change = (SETTINGS[setting].key, SETTINGS[setting].name), number(job.host, setting, wanted)
    with tried_out(job, (change,), Run.record) as tried:
        job.host.registry.write(*key, RegistryValue("REG_DWORD", wanted))
        if shown(_seen(job)):
            return "at once"
        tried.restart()
        after = job.prober.look_until(lambda probe: _opened(probe) and shown(probe), job.host.listener_port)
        return "after a restart" if after is not None and shown(after) else "never"


def _live_port(job: Job) -> str:
    """The host says itself where it listens, whatever its firewall lets in."""
    need_idle(job)
    with tried_out(job, (number(job.host, "port", OTHER_PORT),)) as tried:
        if listens(job.host):
            return "at once"
        tried.restart()
        return "after a restart" if listens(job.host) else "never"


def _live_services(job: Job) -> str:
    """Whether anybody gets in while TSEnabled says no, before a restart and after one; it is restarted afterwards."""
    need_idle(job)
    with tried_out(job, (number(job.host, "sessions_enabled", 0),)) as tried:
        before = _opened(_seen(job))
        tried.restart()
        after = _opened(job.prober.look_until(_opened, job.host.listener_port) or _seen(job))
    if not before:
        return "at once"
    return "never" if after else "after a restart"


def _logons_back(job: Job) -> str:
    """What is stored after a restart of TermService; logons are refused until then."""
    need_idle(job)
    setting = SETTINGS["remote_logons_disabled"]
    with tried_out(job, (number(job.host, setting.id, 1),)) as tried:
        tried.restart()
        stored = job.host.stored(setting)
        return "kept" if isinstance(stored, RegistryValue) and setting.number(stored.data) else "put back"


def _live_transport(job: Job) -> str:
    """Silence over UDP shows something only where there were answers before, and are afterwards."""
    _need(job, "transport", EITHER)
    if not _answers_udp(job):
        raise Untold("the host does not answer over UDP, so its silence shows nothing")
    plan, _done = _planned(replace(job, check=True), "transport", {"mode": "tcp_only"})
    with tried_out(job, plan.changes) as tried:
        found = "after a restart" if _answers_udp(job) else "at once"
        if found != "at once":
            tried.restart()
            if _answers_udp(job):
                raise Untold("the host answers over UDP also where TCP alone is allowed")
    if not _answers_udp(job):
        raise Untold("the host answers over UDP no longer, though all is as before")
    return found


def _answers_udp(job: Job) -> bool:
    over_udp = replace(job, prober=replace(job.prober, udp=True))
    return any(_seen(over_udp)["udp"]["verdict"] == "answers" for _datagram in range(DATAGRAMS))


def _thumbprint(job: Job) -> str:
    need_idle(job)
    thumbprint, pin = no_certificate(job.host)
    if not terminal_services.general(job.host.cim):
        raise Untold("this edition lacks the provider")
    with tried_out(job, (pin,), Run.record):
        try:
            keys = {"TerminalName": terminal_services.LISTENER}
            job.host.cim.put(WIN32_TS_GENERAL_SETTING, keys, {"SSLCertificateSHA1Hash": thumbprint})
        except PolicyHeld as held:
            raise Untold(str(held)) from held
        except WsmanFault:
            return "refused"
        return "taken" if _pinned(job.host) == thumbprint else "without effect"


def _live_pin(job: Job) -> str:
    """Before a restart the listener goes on with its own certificate, or has none any more, as after one."""
    before, after = _tied_to_nothing(job)
    if tls_works([after]):
        raise Untold("a certificate that is gone makes no difference here")
    return "after a restart" if tls_works([before]) else "at once"


def _tied_to_nothing(job: Job) -> tuple[Probe, Probe]:
    """What is seen of a listener that is tied to a certificate which is gone: at once, and after a restart."""
    need_idle(job)
    _thumbprint, pin = no_certificate(job.host)
    with tried_out(job, (pin,)) as tried:
        before = _seen(job)
        tried.restart()
        return before, job.prober.look_until(_opened, job.host.listener_port) or _seen(job)


def _pinned_missing(job: Job) -> str:
    """TermService is restarted, so that what it has kept in mind counts for nothing."""
    _before, probe = _tied_to_nothing(job)
    if tls_works([probe]):
        return "its own certificate"
    failures = [answer["failure"] for answer in probe["x224"]["asked"].values()]
    return "no certificate" if SSL_CERT_NOT_ON_SERVER in failures else f"the stage {probe['stage']} fails"


def _opened(probe: Probe) -> bool:
    """A listener opens seconds after its service."""
    return bool(probe["tcp"]["verdict"] == "open")


def no_certificate(host: Host) -> tuple[str, Change]:
    """A thumbprint that no certificate has, and the listener tied to it."""
    if _pinned(host):
        raise Untold("the listener is tied to a certificate")
    thumbprint = f"{uuid.uuid4().hex}{'0' * 8}".upper()
    data = base64.b64encode(bytes.fromhex(thumbprint)).decode("ascii")
    reason = "the self-test ties the listener to a certificate that does not exist"
    after: Plain = {"type": "REG_BINARY", "data": data}
    return thumbprint, Change("selftest", "registry", PIN, None, after, reason, risk="high", restart=None)


def _pinned(host: Host) -> str:
    return _listener_certificate.hexadecimal(host, LISTENER, "SSLCertificateSHA1Hash")


@dataclass
class Tried:
    """Changes that stand for a moment; whether TermService was restarted with them."""

    job: Job
    run: Run
    restarted: bool = False

    def restart(self) -> None:
        """Restart TermService, so that what is stored is live for certain."""
        why = restart(self.job.host, self.run.record, "the self-test looks at what is live after it", "when_idle")
        if why:
            raise Untold(why)
        self.restarted = True


@contextmanager
def tried_out(
    job: Job, changes: Sequence[Change], write: Callable[[Run, Change], object] = Run.apply
) -> Iterator[Tried]:
    """Changes made without more ado, for as long as this is open, then undone, and TermService restarted once more."""
    with Run(job.host, job.run_id, job.made) as run:
        tried = Tried(job, run)
        try:
            for change in changes:
                write(run, change)
            yield tried
        finally:
            for change in reversed(changes):
                run.undo(change)
            if tried.restarted:
                tried.restart()


def number(host: Host, setting: str, wanted: int) -> Change:
    """The change that stores a number for a setting, whatever is there."""
    reason = "the self-test looks at what comes of it"
    after = SETTINGS[setting].stored(wanted)
    change = Change("selftest", "registry", SETTINGS[setting].path, None, after, reason, risk="high")
    return replace(change, before=seen(host, change))


def _seen(job: Job) -> Probe:
    probe = job.prober.look(job.host.listener_port)
    if probe is None:
        raise Untold("the controller may not probe")
    return probe


_REMEDY = {
    "nla": "nla", "deny_connections": "remote_desktop", "security_layer": "security_layer", "transport": "transport",
}  # fmt: skip


@contextmanager
def _changed(
    job: Job, setting: str, expected: int, there: Mapping[str, t.Any], back: Mapping[str, t.Any]
) -> Iterator[Done]:
    """The setting changed without a restart, for as long as this is open."""
    _need(job, setting, expected)
    try:
        yield _planned(replace(job, restart="never"), setting, there)[1]
    finally:
        _planned(replace(job, restart="when_idle"), setting, back)


def _need(job: Job, setting: str, expected: int) -> None:
    """An idle host that answers, with the setting as it mostly is."""
    need_idle(job)
    if job.host.effective(setting) != expected:
        raise Untold(f"{setting} is not as on most hosts here")


def need_idle(job: Job) -> None:
    """Raises Untold for a host that somebody uses, or that lets nobody in."""
    found = sessions(job.host)
    if not found.idle:
        raise Untold(f"there are {found}; use an idle lab host")
    if not _seen(job)["passed"]:
        raise Untold("no handshake with this host succeeds, so nothing shows what is live")


def _planned(job: Job, setting: str, given: Mapping[str, t.Any]) -> tuple[Plan, Done]:
    """The setting's fix, carried out unless the job only checks."""
    remedy = REMEDIES[_REMEDY[setting]]
    plan, done = fix(job, remedy, {**defaults(remedy.options), **given})
    if plan.held or plan.refused:
        raise Untold(
            "; ".join([f"policy holds {item.setting}" for item in plan.held] + [r.message for r in plan.refused])
        )
    return plan, done


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
        "direct_nla",
        "When is it live that Network Level Authentication is required, where the registry alone is written?",
        "at once",
        {
            "at once": "a direct write reaches the running listener; the provider is asked all the same",
            "after a restart": "a direct write waits for TermService; hosts without the provider need the restart",
            "never": "the stored value is not what the listener acts on; the provider is asked first",
        },
        _direct_nla,
    ),
    LabCheck(
        "direct_layer",
        "When is a change of SecurityLayer live, where the registry alone is written?",
        "at once",
        {
            "at once": "a direct write reaches the running listener; the provider is asked all the same",
            "after a restart": "a direct write waits for TermService; hosts without the provider need the restart",
            "never": "the stored value is not what the listener acts on; the provider is asked first",
        },
        _direct_layer,
    ),
    LabCheck(
        "live_port",
        "When does the listener move to another port?",
        "after a restart",
        {
            "after a restart": "remote_desktop restarts TermService, and the rule of the firewall is there before",
            "at once": "the listener moves with the value; TermService is restarted all the same",
            "never": "the listener is not moved by PortNumber; remote_desktop puts the value back and says so",
        },
        _live_port,
    ),
    LabCheck(
        "live_services",
        "When is it live that TSEnabled switches Remote Desktop Services off?",
        "after a restart",
        {
            "after a restart": "remote_desktop sets the value right, and TermService is restarted",
            "at once": "TermService is restarted all the same where remote_desktop sets the value right",
            "never": "the value keeps nobody out; where somebody cannot get in it is set right all the same",
        },
        _live_services,
    ),
    LabCheck(
        "logons_back",
        "Does a start of TermService let logons in again that change logon has disabled?",
        "put back",
        {
            "put back": "the refusal ends with the next restart of the service; remote_desktop ends it before",
            "kept": "the refusal stays until somebody ends it, as remote_desktop does",
        },
        _logons_back,
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
    LabCheck(
        "live_transport",
        "When is a change of the transports live?",
        "at once",
        {
            "at once": "new connections follow the setting, and TermService is not restarted",
            "after a restart": "TermService is restarted while UDP is still answered where it should not be",
        },
        _live_transport,
    ),
    LabCheck(
        "thumbprint",
        "Is a thumbprint refused that no certificate has?",
        "refused",
        {
            "refused": "the provider keeps others from tying the listener to nothing",
            "taken": "others may tie the listener to nothing; certificate looks before it writes, as is done now",
            "without effect": "the provider takes it and stores nothing; certificate writes to the registry",
        },
        _thumbprint,
    ),
    LabCheck(
        "live_pin",
        "When is it live to which certificate the listener is tied?",
        "at once",
        {
            "at once": "new connections get the certificate that is bound, and TermService is not restarted",
            "after a restart": "TermService is restarted while the handshake still shows the certificate of before",
        },
        _live_pin,
    ),
    LabCheck(
        "pinned_missing",
        "What does a listener show that is tied to a certificate which is gone?",
        "no certificate",
        {
            "no certificate": "nobody gets in; certificate unties it",
            "its own certificate": "clients get in with that of Windows; certificate unties it all the same",
        },
        _pinned_missing,
    ),
)

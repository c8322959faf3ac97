# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: what an RD Gateway says of itself. PRIVATE to the collection. They tell on gateways alone."""

from __future__ import annotations

from dataclasses import dataclass

from .._apply import Run
from .._cim import gateway
from .._host import Host
from .._job import Job
from .._model.change import Change
from .._model.gateway import SERVICE
from .._observe import observe
from .._remedies import _certificates as steps
from .._remedies.gateway import unfit
from .._restart import ensure_idle
from .._wsman.errors import WsmanFault
from . import _served
from ._base import Check, Untold

REASON = "the self-test asks what the gateway does then"

LOOKS, PAUSE = 4, 5.0
"""How often a gateway is looked at for what it may show in a moment, and the seconds between two looks."""


def _protocol(host: Host) -> str:
    _need(host)
    told = gateway.told_protocol(host.cim)
    if not told:
        raise Untold("the provider does not tell it")
    return gateway.USUAL_NAME if told == gateway.USUAL_NAME else "another name"


def _need(host: Host) -> None:
    if SERVICE not in host.services.list([SERVICE]):
        raise Untold("this host is no RD Gateway")


def stopped(job: Job) -> str:
    """The service is stopped for a moment, while nobody is connected by way of the gateway."""
    _need_running(job.host)
    with Run(job.host, job.run_id, job.made) as run:
        run.apply(STOPPED)
        try:
            gateway.settings(job.host.cim)
        except WsmanFault:
            return "silent"
        finally:
            run.undo(STOPPED)
    return "answers"


STOPPED = Change("selftest", "service_state", SERVICE, "Running", "Stopped", REASON, risk="high")


def live_certificate(job: Job) -> str:
    """Another certificate of the store is bound for a moment; a TLS handshake shows which one clients see."""
    _need_running(job.host)
    before, other = _two_certificates(job.host)
    clients = Clients(job, _port(job))
    if not clients.see(before):
        raise Untold(f"no handshake on port {clients.port} shows the certificate that is bound")
    bind = Change("selftest", "gateway_certificate", "the gateway's certificate", before, other, REASON, risk="high")
    with Run(job.host, job.run_id, job.made) as run:
        run.apply(bind)
        try:
            return "at once" if clients.see(other) else _after_a_restart(run, clients, other)
        finally:
            run.undo(bind)
            if not clients.see(before):
                _restart(run)


def _after_a_restart(run: Run, clients: Clients, thumbprint: str) -> str:
    _restart(run)
    return "after a restart" if clients.see(thumbprint) else "not after a restart either"


def _restart(run: Run) -> None:
    run.apply(STOPPED)
    run.undo(STOPPED)


@dataclass(frozen=True)
class Clients:
    """What clients see of a gateway: the controller asks as one."""

    job: Job
    port: int

    def see(self, thumbprint: str) -> bool:
        """Whether it shows this certificate, now or in a moment."""
        for look in range(LOOKS):
            if look:
                self.job.host.sleep(PAUSE)
            if _served.thumbprint(self.job.prober.address, self.port) == thumbprint:
                return True
        return False


def _port(job: Job) -> int:
    if not job.prober.enabled:
        raise Untold("the controller may not probe")
    port = gateway.port(job.host.cim, gateway.HTTP)
    if port is None:
        raise Untold("the provider does not tell the port")
    return port


def _two_certificates(host: Host) -> tuple[str, str]:
    """The thumbprint of the certificate that is bound, and that of another one which could serve as well."""
    seen = observe(host, {"identity", "gateway"})
    moment = steps.now(seen)
    if seen.gateway is None or seen.gateway.bound is None or moment is None:
        raise Untold("the gateway has no certificate that the machine's store has")
    others = (found for found in seen.gateway.certificates if found.thumbprint != seen.gateway.thumbprint)
    for other in others:
        if not unfit(other, (), moment):
            return seen.gateway.thumbprint, other.thumbprint
    raise Untold("the machine's personal store has no other certificate that could serve; import one with its key")


def _need_running(host: Host) -> None:
    """Raises Untold or SessionsInTheWay for a gateway whose service cannot be stopped for a moment."""
    _need(host)
    if not host.service(SERVICE).running:
        raise Untold(f"{SERVICE} does not run")
    ensure_idle(host, SERVICE)


CHECKS = (
    Check(
        "gateway_protocol",
        "What does an RD Gateway call the protocol of Remote Desktop? Tells on gateways alone.",
        "RDP",
        {"RDP": "as policies have it that were made by hand", "another name": "it is asked for, and taken"},
        _protocol,
    ),
)

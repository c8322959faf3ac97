# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: what an RD Gateway says of itself. PRIVATE to the collection. They tell on gateways alone."""

from __future__ import annotations

from .._apply import Run
from .._cim import gateway
from .._fix import Job
from .._host import Host
from .._model.change import Change
from .._model.gateway import SERVICE
from .._wsman.errors import WsmanFault
from ._base import Check, Untold


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
    """The service is stopped for a moment, which cuts off whoever is connected by way of the gateway."""
    _need(job.host)
    if not job.host.service(SERVICE).running:
        raise Untold(f"{SERVICE} does not run")
    reason = "the self-test asks what the provider says then"
    change = Change("selftest", "service_state", SERVICE, "Running", "Stopped", reason, risk="high")
    with Run(job.host, job.run_id, job.made) as run:
        run.apply(change)
        try:
            gateway.settings(job.host.cim)
        except WsmanFault:
            return "silent"
        finally:
            run.undo(change)
    return "answers"


CHECKS = (
    Check(
        "gateway_protocol",
        "What does an RD Gateway call the protocol of Remote Desktop? Tells on gateways alone.",
        "RDP",
        {"RDP": "as policies have it that were made by hand", "another name": "it is asked for, and taken"},
        _protocol,
    ),
)

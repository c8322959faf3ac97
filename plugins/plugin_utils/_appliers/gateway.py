# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliers: the RD Gateway's policies, certificate and transports. PRIVATE to the collection."""

from __future__ import annotations

import typing as t

from .._cim import gateway
from .._cim.client import Outcome
from .._cim.gateway import Record
from .._cim.types import CimClass
from .._host import Host
from .._model.change import Change
from .._model.plain import Plain
from ._base import Applier, ApplyError


def _listed(cls: CimClass) -> Applier:
    """Policies or resource groups of a class, whole, by name."""

    def read(host: Host, change: Change) -> Plain:
        found = gateway.record(host.cim, cls, change.item)
        return None if found is None else dict(found)

    def write(host: Host, change: Change, value: Plain) -> None:
        present = gateway.record(host.cim, cls, change.item)
        if not isinstance(value, dict):
            _done(gateway.delete(host.cim, cls, change.item), change)
            return
        wanted = t.cast(Record, value)
        made = gateway.change(host.cim, cls, present, wanted) if present else gateway.create(host.cim, cls, wanted)
        _done(made, change)

    return Applier(read, write)


def _read_certificate(host: Host) -> Plain:
    return gateway.settings(host.cim).thumbprint or None


def _bind(host: Host, change: Change, value: Plain) -> None:
    _done(gateway.bind_certificate(host.cim, str(value)), change)


def _read_transport(host: Host) -> Plain:
    return gateway.transport_enabled(host.cim, gateway.UDP)


def _enable(host: Host, change: Change, value: Plain) -> None:
    _done(gateway.enable_transport(host.cim, gateway.UDP, value is True), change)


def _done(outcome: Outcome, change: Change) -> None:
    if not outcome.ok:
        code = f"0x{outcome.return_value or 0:08X}"
        raise ApplyError(f"{change.kind} {change.item!r} was not written: the RD Gateway answers {code}")


CONNECTION_POLICY = _listed(gateway.CONNECTION_POLICY)
RESOURCE_POLICY = _listed(gateway.RESOURCE_POLICY)
RESOURCE_GROUP = _listed(gateway.RESOURCE_GROUP)
CERTIFICATE = Applier(lambda host, _bound: _read_certificate(host), _bind, in_steps=True)
TRANSPORT = Applier(lambda host, _offered: _read_transport(host), _enable)

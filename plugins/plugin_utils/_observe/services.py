# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: the services behind Remote Desktop. PRIVATE to the collection."""

from __future__ import annotations

from .._cim.services import Service
from .._model.observation import ServiceState
from ._request import Request

BROKER = "Tssdis"
"""The service of a Remote Desktop connection broker."""

SERVICES = ("TermService", "SessionEnv", "UmRdpService", BROKER)


def read(request: Request) -> dict[str, ServiceState]:
    return {name: _state(service) for name, service in request.services.items() if name in SERVICES}


def _state(service: Service) -> ServiceState:
    return ServiceState(
        name=service.name,
        state=service.state,
        start_mode=service.start_mode,
        process_id=service.process_id,
        account=service.account,
        path=service.path,
        total_sessions=service.sessions.total if service.sessions else None,
        disconnected_sessions=service.sessions.disconnected if service.sessions else None,
    )

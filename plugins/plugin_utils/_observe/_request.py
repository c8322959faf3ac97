# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What readers are asked for. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .._cim.services import Service
from .._host import Host
from .._model.gateway import SERVICE


@dataclass(frozen=True)
class Request:
    """What to read.

    Attributes:
        host: the host to ask.
        settings: ids of the settings.
        since: how many seconds back events are read.
        names: host names whose remembered addresses are read; none means all.
        wanted_port: the port that the listener is to have, whose use is read instead of that of its own port.
    """

    host: Host
    settings: tuple[str, ...]
    since: float
    names: tuple[str, ...] = ()
    wanted_port: int | None = None

    @cached_property
    def port(self) -> int:
        """The listener's port, read once for all readers."""
        return self.host.listener_port()

    @cached_property
    def gateway_service(self) -> Service | None:
        """The RD Gateway's service, read once for all readers; None on a host without the role."""
        return self.host.services.list([SERVICE]).get(SERVICE)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: who listens on the RDP port, or on the port that it is to be. PRIVATE to the collection."""

from __future__ import annotations

from .._model.observation import ListenerState
from ._request import Request


def read(request: Request) -> ListenerState:
    port = request.wanted_port or request.port
    use = request.host.port_use(port)
    owners = tuple(sorted({socket.process_id for socket in use.listeners}))
    return ListenerState(port, owners, use.established, use.peers)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: who listens on the RDP port. PRIVATE to the collection."""

from __future__ import annotations

from .._model.observation import ListenerState
from ._request import Request


def read(request: Request) -> ListenerState:
    use = request.host.port_use(request.port)
    owners = tuple(sorted({socket.process_id for socket in use.listeners}))
    return ListenerState(request.port, owners, use.established, use.peers)

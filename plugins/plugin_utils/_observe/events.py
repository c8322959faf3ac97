# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: Schannel's errors, which tell why a TLS handshake was dropped. PRIVATE to the collection.

36870: the private key of a server credential cannot be accessed; 36871: a credential cannot be created; 36874: no
cipher suite in common. Any TLS server on the host writes them, so they count only around a probe of ours whose TLS
failed.
"""

from __future__ import annotations

from datetime import timedelta

from .._cim.events import recent
from .._model.observation import EventRecord
from ._request import Request

SCHANNEL = (36870, 36871, 36874)


def read(request: Request) -> tuple[EventRecord, ...]:
    since = request.host.now() - timedelta(seconds=request.since)
    found = recent(request.host.cim, "Schannel", SCHANNEL, since, limit=20)
    return tuple(
        EventRecord(event.source, event.id, event.time.isoformat() if event.time else "", event.strings)
        for event in found
    )

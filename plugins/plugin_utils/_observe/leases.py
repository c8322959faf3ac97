# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: leases and how they stand. PRIVATE to the collection."""

from __future__ import annotations

from .. import _lease
from .._model.lease import LeaseState
from ._request import Request


def read(request: Request) -> tuple[LeaseState, ...]:
    """One operation on a host that never had a lease, one more on others, and five for each record."""
    return tuple(_lease.observe(request.host, lease) for lease in _lease.records(request.host, request.kept))

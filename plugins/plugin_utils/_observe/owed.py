# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: restarts and reboots that are due since an earlier run. PRIVATE to the collection."""

from __future__ import annotations

from .. import _owed
from ._request import Request


def read(request: Request) -> tuple[str, ...]:
    """No operation where the leases are read as well and nothing is noted; one or two more where something is."""
    return _owed.due(request.host, request.kept)

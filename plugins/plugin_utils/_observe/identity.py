# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: who the host is. PRIVATE to the collection."""

from __future__ import annotations

from .._model.observation import Identity
from ._request import Request


def read(request: Request) -> Identity:
    found = request.host.identity
    return Identity(
        computer_name=found.name,
        domain=found.domain,
        in_domain=found.in_domain,
        caption=found.caption,
        version=found.version,
        build=found.build,
        product_type=found.product_type,
        language=found.language,
        boot_time=found.boot_time.isoformat(),
        local_time=found.local_time.isoformat(),
        clock_offset_s=round(found.clock_offset.total_seconds(), 1),
        sku=found.sku,
    )

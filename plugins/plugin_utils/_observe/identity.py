# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers: who the host is, and where it belongs. PRIVATE to the collection."""

from __future__ import annotations

from .._cim import host as host_view
from .._model.observation import Identity, Membership
from ._request import Request


def read(request: Request) -> Identity:
    found = request.host.identity
    return Identity(
        computer_name=found.name,
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


def read_membership(request: Request) -> Membership:
    return Membership(*host_view.membership(request.host.cim))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: programs and updates that may have a part in a failure. PRIVATE to the collection."""

from __future__ import annotations

from .._cim.schema import WIN32_QUICK_FIX_ENGINEERING
from .._model.neighbours import AZURE_AGENT, PRODUCTS
from ._request import Request

SERVICES = (AZURE_AGENT, *PRODUCTS)


def read_products(request: Request) -> tuple[str, ...]:
    """Services of known products that run."""
    return tuple(sorted(name for name, service in request.services.items() if name in SERVICES and service.running))


def read_updates(request: Request) -> tuple[str, ...]:
    """Ids of the installed updates; Windows lists a cumulative update until the next replaces it."""
    found = request.host.cim.query(WIN32_QUICK_FIX_ENGINEERING, select=("HotFixID",))
    return tuple(sorted(item.text("HotFixID").upper() for item in found))


def read_revision(request: Request) -> int | None:
    """The revision of the build, which every cumulative update raises (one operation)."""
    return request.host.revision


def read_machine(request: Request) -> str:
    """MachineGuid and machine SID, by which clones of a disk are told (two operations)."""
    return request.host.machine_id()

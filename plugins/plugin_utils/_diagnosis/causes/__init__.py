# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of causes, as data: what shows each, which stage it breaks, what cures it. PRIVATE to the collection.

A cause is shown by evidence alone; that the probe got past its stage rules it out as the reason for the failure
(rank.py). Remedies are named smallest first, with the options that make them least. A cause that names no remedy is
reported with what to do by hand.

Sources: MS-RDPBCGR 2.2.1.2.2 (negotiation failures), Microsoft support articles "troubleshoot-rdp-general-error",
"troubleshoot-rdp-internal-error", "event-id-troubleshoot-vm-rdp-connecton", Microsoft's Azure repair scripts
(win-fix-rdp-certificate, win-fix-rdp-connectivity; values measured on builds 9600 to 26100), TerminalServer.admx.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import (
    access,
    certificates,
    client,
    gateway,
    leases,
    listener,
    obstacles,
    path,
    security,
    session,
    surroundings,
    tls,
)
from ._base import Cause, Cure, Severity

__all__ = ["CAUSES", "Cause", "Cure", "Severity"]

_TABLES = (
    obstacles.CAUSES,
    listener.CAUSES,
    path.CAUSES,
    security.CAUSES,
    certificates.CAUSES,
    tls.CAUSES,
    session.CAUSES,
    access.CAUSES,
    leases.CAUSES,
    surroundings.CAUSES,
    gateway.CAUSES,
    client.CAUSES,
)

CAUSES: Mapping[str, Cause] = MappingProxyType({cause.id: cause for table in _TABLES for cause in table})

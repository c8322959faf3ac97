# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes on a machine that connects to others. PRIVATE to the collection.

They keep its own users from other hosts and never explain why this one does not answer, so they only contribute.
"""

from __future__ import annotations

from ..._model.neighbours import CLIENT_UPDATES
from ..facts import Evidence, Facts
from ._base import Cause, Cure, Shown

RELEASES = "https://learn.microsoft.com/windows/release-health/"
PROTOCOLS = "https://learn.microsoft.com/windows/win32/secauthn/protocols-in-tls-ssl--schannel-ssp-"
MSTSC = "mstsc.exe"


def _tls12_off(facts: Facts) -> Shown:
    return (facts.stored("tls12_client_enabled"),) if facts.number("tls12_client_enabled") == 0 else ()


def _bad_updates(facts: Facts) -> Shown:
    installed = (name for name in facts.observation.updates or () if name in CLIENT_UPDATES)
    return tuple(
        Evidence(
            f"{name}: {CLIENT_UPDATES[name].effect}",
            f"mended by {CLIENT_UPDATES[name].mended_by}",
            "Win32_QuickFixEngineering",
        )
        for name in installed
    )


def _never_updated(facts: Facts) -> Shown:
    """The revision with which a version of Windows was released. UNSURE: not every update brings a new client."""
    client = facts.observation.client
    version = client.programs.get(MSTSC, "") if client else ""
    return (Evidence(f"version of {MSTSC}", version, "CIM_DataFile"),) if version.rpartition(".")[2] == "1" else ()


CAUSES = (
    Cause(
        "client_tls12_disabled",
        "TLS 1.2 is switched off for clients, so this machine cannot connect to hosts of today",
        "session",
        "high",
        _tls12_off,
        "host_info: tls12_client_enabled is not 0",
        (Cure("client_settings"),),
        contributes=True,
        sources=(PROTOCOLS,),
    ),
    Cause(
        "client_known_bad_update",
        "an update is installed that is known to harm connections from this machine",
        "session",
        "medium",
        _bad_updates,
        "host_info: the update that mends it is installed",
        contributes=True,
        by_hand="Install the update that the evidence names; do not uninstall.",
        sources=(RELEASES,),
    ),
    Cause(
        "client_too_old",
        "the Remote Desktop client of this machine is as old as its version of Windows",
        "session",
        "low",
        _never_updated,
        "client_settings with minimum_version refuses nothing",
        certain=False,
        contributes=True,
        by_hand="Install the updates of Windows.",
        sources=(RELEASES,),
    ),
)

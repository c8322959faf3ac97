# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Weakenings that should have ended. PRIVATE to the collection.

They keep nobody out, so no stage of the handshake rules them out; they are direct because they are ours to end.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._model.settings import SETTINGS
from ..facts import Evidence, Facts
from ._base import Cause, Cure, Shown, of_settings

TASKS = "https://learn.microsoft.com/openspecs/windows_protocols/ms-tsch/0d6383e4-de92-43e7-b0bb-a60cfa36379f"


def _unended(setting: str) -> Callable[[Facts], Shown]:
    """Shown when a weakening stands and nothing on the host ends it, or its end is past."""

    def shows(facts: Facts) -> Shown:
        return tuple(
            Evidence(
                f"{SETTINGS[setting].path} on a lease until {state.lease.until} ({state.standing})",
                state.number,
                "the record of the lease, its scheduled task and the value",
            )
            for state in facts.observation.leases or ()
            if state.lease.setting == setting and (state.standing in ("lost", "overdue"))
        )

    return shows


def _cause(setting: str, cure: Cure, verified_by: str) -> Cause:
    return Cause(
        f"{setting}_lease_unended",
        f"{SETTINGS[setting].name} was weakened on a lease that nothing on the host ends",
        "session",
        "high",
        _unended(setting),
        verified_by,
        (cure,),
        touches=of_settings(setting),
        sources=(TASKS,),
    )


NEGOTIATION = "probe_info: the negotiation shows the stronger value"

KEPT = Cure("security_layer", {"layer": "keep", "encryption": "keep", "negotiation": "keep"})
"""Ends what should have ended of the layer and of the encryption level, and sets neither."""

CAUSES = (
    _cause("nla", Cure("nla", {"state": "keep"}), NEGOTIATION),
    _cause("security_layer", KEPT, NEGOTIATION),
    _cause("encryption", KEPT, "host_info: MinEncryptionLevel has the stronger value"),
)

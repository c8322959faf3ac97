# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be read of a host. PRIVATE to the collection."""

from __future__ import annotations

from dataclasses import dataclass

from .observation import Observation


@dataclass(frozen=True)
class Scope:
    """What to read: areas, and ids of settings."""

    areas: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def beyond(self, seen: Observation) -> Scope:
        """What of it an observation has not, nor was refused."""
        areas = (area for area in self.areas if getattr(seen, area) is None and area not in seen.unread)
        settings = () if "settings" in seen.unread else (name for name in self.settings if name not in seen.settings)
        missing = tuple(settings)
        return Scope((*areas, *(("settings",) if missing else ())), missing)

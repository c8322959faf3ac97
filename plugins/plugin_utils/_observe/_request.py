# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What readers are asked for. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .._cim.firewall import Category
from .._cim.registry import Absent, Reading
from .._cim.services import Service
from .._guard import ROOT
from .._host import Host
from .._model.keys import KeysState
from .._model.observation import Observation
from .._model.settings import Setting

_BITS = {Category.DOMAIN: 1, Category.PRIVATE: 2, Category.PUBLIC: 4}


@dataclass(frozen=True)
class Request:
    """What to read, and what more than one reader needs, which is read once.

    Attributes:
        host: the host to ask.
        settings: ids of the settings.
        since: how many seconds back events are read.
        names: host names whose remembered addresses are read, or those behind a gateway; none means all that are
            remembered.
        wanted_port: the port that the listener is to have, whose use is read instead of that of its own port.
        base: what was observed before.
        probe: the result of the probe that belongs to what is read.
        watched: names of the services that any of the readers looks at.
    """

    host: Host
    settings: tuple[str, ...]
    since: float
    names: tuple[str, ...] = ()
    wanted_port: int | None = None
    watched: frozenset[str] = frozenset()
    base: Observation | None = None
    probe: Mapping[str, t.Any] | None = None
    _names: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _missing: set[str] = field(default_factory=set)

    @cached_property
    def port(self) -> int:
        """The listener's port."""
        return self.host.listener_port()

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """Those of the watched services that exist, by name; one query, whose objects mostly take a second answer."""
        return self.host.services.list(sorted(self.watched))

    @cached_property
    def categories(self) -> frozenset[Category]:
        """What Windows takes the networks for that the host is connected to."""
        return frozenset(map(Category, self.host.firewall.active_categories().values()))

    @property
    def active_profiles(self) -> int:
        """Their firewall profiles as bits; a network that Windows cannot identify is public."""
        return sum(_BITS[category] for category in self.categories or (Category.PUBLIC,))

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """The names of the keys that the collection keeps on the host; none where it never wrote."""
        found = tuple(self.host.registry.keys(ROOT) or ())
        self.host.kept = found if self.host.kept is None else self.host.kept
        return found

    @property
    def kept_before(self) -> tuple[str, ...]:
        """The same, before this task kept anything itself."""
        return self.kept if self.host.kept is None else self.host.kept

    @property
    def keys(self) -> KeysState | None:
        """What was read of the keys before, and still holds of what a renewal does not move."""
        return self.base.keys if self.base else None

    def stored(self, setting: Setting) -> Reading:
        """What is stored locally for a setting; a key that does not exist is not asked for another value."""
        if setting.key in self._missing:
            return Absent(key_exists=False)
        found = self.host.stored(setting)
        if isinstance(found, Absent) and found.key_exists is False:
            self._missing.add(setting.key)
        return found

    def value_names(self, key: str) -> Mapping[str, str]:
        """The names of a registry key's values, in lower case, with their types; none where there is no such key."""
        if key not in self._names:
            found = self.host.registry.values(key) or {}
            self._names[key] = {name.lower(): kind for name, kind in found.items()}
        return self._names[key]

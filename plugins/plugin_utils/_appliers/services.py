# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Appliers: start modes and states of services. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .._cim.services import StartMode
from .._host import Host
from .._model.change import Change
from .._model.plain import Plain
from .._restart import PENDING, ensure_idle
from ._base import Applier

_START_MODES: Mapping[str, StartMode] = MappingProxyType(
    {"Auto": "Automatic", "Manual": "Manual", "Disabled": "Disabled", "Boot": "Boot", "System": "System"}
)
"""Win32_Service reads C(Auto) and takes C(Automatic)."""


def _read_start_mode(host: Host, change: Change) -> Plain:
    return host.service(change.item).start_mode


def _write_start_mode(host: Host, change: Change, value: Plain) -> None:
    host.services.set_start_mode(change.item, _START_MODES[str(value)])


def _read_state(host: Host, change: Change) -> Plain:
    state = host.service(change.item).state
    return PENDING.get(state, state)


def _write_state(host: Host, change: Change, value: Plain) -> None:
    """Start, or stop with what depends on it: nothing of that can have run while the service did not."""
    if value == "Running":
        host.services.start(change.item)
    else:
        ensure_idle(host, change.item)
        host.services.stop_all(change.item)


START_MODE = Applier(_read_start_mode, _write_start_mode)
STATE = Applier(_read_state, _write_state)

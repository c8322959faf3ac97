# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to break a host. Each bears the id of the cause that it produces, or names it as another way there."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulator.breakages.base import Breakage
from tests.simulator.breakages.certificates import CERTIFICATES
from tests.simulator.breakages.client import CLIENT
from tests.simulator.breakages.gateway import GATEWAY
from tests.simulator.breakages.remote_desktop import CUSTOM_PORT, LISTENER_AND_FIREWALL
from tests.simulator.breakages.surroundings import SURROUNDINGS
from tests.simulator.windows.system import Windows

BREAKAGES: Mapping[str, Breakage] = {**LISTENER_AND_FIREWALL, **CERTIFICATES, **SURROUNDINGS, **GATEWAY, **CLIENT}
__all__ = ["BREAKAGES", "CUSTOM_PORT", "Breakage", "UnknownBreakage", "break_host", "cause_of"]


class UnknownBreakage(ValueError):
    """A name that no breakage has."""


def cause_of(name: str) -> str:
    """The id of the cause that a breakage produces."""
    return BREAKAGES[name].cause or name


def break_host(windows: Windows, name: str) -> None:
    """Plant a breakage; the host is then as if it had been so since its last boot. Raises UnknownBreakage."""
    if name not in BREAKAGES:
        raise UnknownBreakage(f"unknown breakage {name!r}; known: {', '.join(BREAKAGES)}")
    BREAKAGES[name].plant(windows)
    windows.settle()

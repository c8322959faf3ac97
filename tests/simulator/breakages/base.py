# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a breakage is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulator.windows.certificates import (
    POLICY,
)
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.simulator.windows.system import Windows


@dataclass(frozen=True)
class Breakage:
    """How a host comes to have a cause, and what that means. What ``plant`` returns does not matter.

    Attributes:
        cause: the id of the cause that it produces, where it is another way to a cause than the one of its own name.
    """

    meaning: str
    plant: Callable[[Windows], object]
    cause: str = ""


def value(key: str, name: str, number: int) -> Callable[[Windows], None]:
    """A DWORD of the registry has this number."""
    return lambda windows: windows.registry.put_dword(key, name, number)


def _policy_value(name: str, number: int) -> PolicyValue:
    return PolicyValue(POLICY, name, Type.DWORD, number)


def by_policy(title: str, name: str, number: int) -> Callable[[Windows], None]:
    """A policy object of this title holds a DWORD of Terminal Services' policy key."""
    guid = f"{{5A1F0C3E-0000-4000-8000-{abs(hash_of(title)):012X}}}"
    return lambda windows: windows.policy.link(PolicyObject(guid, title, (_policy_value(name, number),)))


def hash_of(text: str) -> int:
    """A number that follows from a text, the same in every process."""
    return int.from_bytes(text.encode()[:5], "big")


def service(name: str, *, disabled: bool) -> Callable[[Windows], None]:
    """A service is stopped, and disabled where asked."""

    def plant(windows: Windows) -> None:
        windows.services.force_stopped(name)
        if disabled:
            windows.services.configure(windows.services[name], 4)

    return plant

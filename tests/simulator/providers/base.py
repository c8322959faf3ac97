# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all providers share: the host behind them, and refusing."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.windows.system import Windows
from tests.simulator.wsman.provider import BaseProvider, Caller, CimError

INVALID_PARAMETER = 0x80041008
NOT_FOUND = 0x80041002
ACCESS_DENIED = 0x80041003
ALREADY_EXISTS = 0x80041019
INVALID_OPERATION = 0x80041016


@dataclass
class HostProvider(BaseProvider):
    """A provider of one host."""

    windows: Windows


@dataclass
class EmbeddedOnly(HostProvider):
    """A class that exists inside other values alone and has no instances."""


def require_administrator(caller: Caller, provider: str) -> None:
    """Refuse everybody else, as providers do that impersonate their caller."""
    if not caller.is_administrator:
        raise CimError(ACCESS_DENIED, provider=provider)


def text(value: object) -> str:
    """A string parameter; null is empty."""
    return "" if value is None else str(value)


def number(value: object) -> int:
    """An integer parameter; null is 0."""
    return value if isinstance(value, int) else 0

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One item as it was read: a value, absent, or unreadable. PRIVATE to the collection."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .plain import Plain


@dataclass(frozen=True)
class Reading:
    """One item as it was read.

    Attributes:
        state: C(value), C(absent) or C(unreadable).
        data: the value in plain form; a registry value is its data, binary as base64.
        type: the registry type (C(REG_DWORD), ...) where the item is a registry value, else empty.
        reason: why it could not be read, in words.
    """

    state: t.Literal["value", "absent", "unreadable"]
    data: Plain = None
    type: str = ""
    reason: str = ""

    @property
    def is_value(self) -> bool:
        return self.state == "value"


ABSENT = Reading("absent")


def value(data: Plain, registry_type: str = "") -> Reading:
    return Reading("value", data, registry_type)


def unreadable(reason: str) -> Reading:
    return Reading("unreadable", reason=reason)

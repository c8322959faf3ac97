# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of programs, which are compared as numbers. PRIVATE to the collection."""

from __future__ import annotations

import re

VERSION = re.compile(r"\d+(\.\d+){0,3}")


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a file version, none where there are none; what Windows writes behind them is its branch."""
    found = VERSION.match(version)
    return tuple(map(int, found[0].split("."))) if found else ()

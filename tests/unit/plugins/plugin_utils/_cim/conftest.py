# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures; the collection is imported when they are used, because its loader is not in place before."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from importlib import import_module

import pytest

COLLECTION = "ansible_collections.winfleet.rdp"


@pytest.fixture
def wire() -> Iterator[t.Any]:
    """A scripted host, all of whose steps must be played."""
    made = import_module(f"{COLLECTION}.tests.unit.plugins.plugin_utils._wsman.scripted_wire").Wire()
    yield made
    made.done()


@pytest.fixture
def client(wire: t.Any) -> t.Any:
    """A client of the scripted host."""
    return import_module(f"{COLLECTION}.plugins.plugin_utils._cim.client").CimClient(wire)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.gateway."""

from __future__ import annotations

from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import FixAction
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.gateway import REMEDY


class ActionModule(FixAction):
    """A fix: see the remedy."""

    remedy = REMEDY

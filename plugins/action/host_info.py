# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.host_info."""

from __future__ import annotations

import typing as t

from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import CONNECTION, SINCE, RdpAction, Spec, seconds
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import AREAS, observe


class ActionModule(RdpAction):
    """Read what the modules decide on."""

    spec: t.ClassVar[Spec] = {
        "areas": {"type": "list", "elements": "str", "choices": list(AREAS), "default": list(AREAS)},
        **SINCE,
        **CONNECTION,
    }

    def rdp_work(self, host: Host, options: dict[str, t.Any]) -> dict[str, t.Any]:
        observation = observe(host, options["areas"], SETTINGS, since=seconds(options["since"]))
        return {"changed": False, **_result.observed(observation)}

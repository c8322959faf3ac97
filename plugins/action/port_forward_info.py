# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.port_forward_info."""

from __future__ import annotations

import typing as t
from ipaddress import ip_address

from ansible.errors import AnsibleActionFail
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import RdpAction, Spec
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.guide import OPTIONS, guide
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.way import WrongWish


class ActionModule(RdpAction):
    """Say where the way to a host is blocked and what to enter there. No connection is made."""

    _requires_connection = False

    spec: t.ClassVar[Spec] = OPTIONS

    def rdp_run(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        known = {**options, "address": options["address"] or self._literal()}
        known["probes"] = [result.get("probe", result) for result in options["probes"]]
        try:
            return {"changed": False, **guide(self.rdp_name, known)}
        except WrongWish as error:
            raise AnsibleActionFail(f"{self.rdp_name}: {error}") from error

    def _literal(self) -> str | None:
        """The address in ansible_host, if it is one and no name."""
        try:
            return str(ip_address(self.rdp_address))
        except ValueError:
            return None

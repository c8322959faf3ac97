# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.selftest."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import CONNECTION, PROBE, RUN, RdpAction, Spec
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import (
    ACCOUNTS,
    ADMINISTRATOR,
    run,
    run_as,
    version,
)

LAB = {"restart": "when_idle"}
"""How the lab half works: users are not cut off."""

NEEDS = {"disposable": "lab_half", "allow_reboot": "disposable"}
"""What goes further than another option needs that one too."""


class ActionModule(RdpAction):
    """Find out what a host does where no public source says it."""

    spec: t.ClassVar[Spec] = {
        "write_half": {"type": "bool", "default": False},
        "lab_half": {"type": "bool", "default": False},
        "disposable": {"type": "bool", "default": False},
        "allow_reboot": {"type": "bool", "default": False},
        "account": {"type": "str", "choices": [*ACCOUNTS], "default": ADMINISTRATOR},
        **RUN,
        **PROBE,
        **CONNECTION,
    }

    def rdp_work(self, host: Host, options: dict[str, t.Any]) -> dict[str, t.Any]:
        for option, needed in NEEDS.items():
            if options[option] and not options[needed]:
                raise AnsibleActionFail(f"{self.rdp_name}: {option} needs {needed} as well")
        if options["account"] != ADMINISTRATOR:
            return self._rdp_without_rights(host, options)
        real = not self._task.check_mode
        lab = self.rdp_job(host, {**options, **LAB}) if options["lab_half"] and real else None
        outcomes = list(run(host, options["write_half"] and real, lab, options["disposable"]))
        return _result.tested(_result.windows(host.identity, host.revision), outcomes)

    def _rdp_without_rights(self, host: Host, options: dict[str, t.Any]) -> dict[str, t.Any]:
        if options["write_half"] or options["lab_half"]:
            raise AnsibleActionFail(f"{self.rdp_name}: write_half and lab_half need the account of an administrator")
        return _result.tested(_result.windows_by_version(version(host)), list(run_as(host, options["account"])))

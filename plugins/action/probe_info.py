# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try the RDP handshake, where it can be tried: on the controller for a Windows host, else on the node of the task."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import tls
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ProbeOptionError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.options import (
    ARGUMENT_SPEC,
    ProbeOptions,
    from_arguments,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import probe

tls.prepare()
"""Ansible loads an action before it forks for each host."""


class ActionModule(ActionBase):
    """In a play for Windows hosts the library runs in this process: no fork, no transfer, no use of the connection."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return `changed` and `probe`."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)[1]
        arguments["host"] = arguments["host"] or self._default_host(task_vars or {})
        options = self._options(arguments)
        if self._runs_here():
            return {**result, "changed": False, "probe": probe(options)}
        return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}

    def _default_host(self, task_vars: dict[str, t.Any]) -> str:
        """Return the address of the host that the task is for, which is not the one that it is delegated to."""
        own = task_vars.get("ansible_host") or task_vars["inventory_hostname"]
        return str(self._templar.template(own))

    def _options(self, arguments: dict[str, t.Any]) -> ProbeOptions:
        """Check the ranges before anything is sent anywhere."""
        try:
            return from_arguments(arguments)
        except ProbeOptionError as error:
            raise AnsibleActionFail(f"probe_info: {error}") from error

    def _runs_here(self) -> bool:
        """Whether this process probes: the node is this machine, or Windows, which has no Python."""
        windows = ".ps1" in self._connection.module_implementation_preferences
        if windows and self._task.delegate_to:
            raise AnsibleActionFail(
                f"probe_info cannot be delegated to the Windows host {self._task.delegate_to}: it runs in Python. "
                "Delegate it to a node with Python, or not at all to probe from the controller."
            )
        return windows or self._connection.transport == "local"

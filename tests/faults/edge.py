# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's task in process: the real action plugin and the real channel, over a line to a simulated host.

Only what Ansible would have done around it is missing: options come as they would after validation.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace

from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import EXPECTED, RdpAction
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.channel import Channel, Line

from tests.simulator.host import SimulatedHost
from tests.support.in_process import prober

Result = dict[str, t.Any]
ACTIONS = "ansible_collections.winfleet.rdp.plugins.action"


@lru_cache
def _plugin(module: str) -> type[RdpAction]:
    """The module's action plugin, ending in a simulated host instead of a connection."""
    plugin: type[RdpAction] = importlib.import_module(f"{ACTIONS}.{module}").ActionModule

    class InProcess(plugin):  # type: ignore[valid-type,misc]  # a class that is known at run time only
        simulated: SimulatedHost
        line: Line

        @contextmanager
        def rdp_host_open(self, options: Mapping[str, t.Any]) -> Iterator[Host]:
            clock = self.simulated.clock
            channel = Channel(self.line, "", options["uri_style"], lambda: clock.now().timestamp())
            host = Host(
                self.rdp_name,
                channel,
                options["uri_style"],
                check=bool(self._task.check_mode),
                sleep=clock.advance,
                now=clock.now,
                monotonic=lambda: clock.now().timestamp(),
            )
            try:
                yield host
            finally:
                host.close()
                channel.close()

        def rdp_prober(self, options: Mapping[str, t.Any]) -> Prober:
            return prober(self.simulated)

        def rdp_channel_port(self) -> int | None:
            return 5985

        def _rdp_failure(self, error: Exception, result: Result, made: list[t.Any]) -> Result:
            return {**super()._rdp_failure(error, result, made), "error": error}

    return InProcess


def perform(
    module: str, options: Mapping[str, t.Any], simulated: SimulatedHost, line: Line, run_id: str, *, check: bool = False
) -> Result:
    """Run a task; what it fails of is in the result under C(error), besides what users see."""
    plugin = _plugin(module)
    action: t.Any = object.__new__(plugin)
    action.simulated, action.line = simulated, line
    action.rdp_vars = {"inventory_hostname": simulated.name}
    action._task = SimpleNamespace(check_mode=check)
    action._connection = SimpleNamespace()
    defaults = {name: entry.get("default") for name, entry in plugin.spec.items()}
    given = {**defaults, **options, **({"run_id": run_id} if "run_id" in plugin.spec else {})}
    try:
        result: Result = action.rdp_run(given)
    except EXPECTED as error:
        result = action._rdp_failure(error, {}, [])
    except Exception as error:  # noqa: BLE001  # as the action plugin does
        result = action._rdp_mistake(error, {}, [])
    return result

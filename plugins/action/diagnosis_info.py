# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.diagnosis_info."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible.errors import AnsibleActionFail
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import (
    CONNECTION,
    GIVEN,
    LOGON,
    PROBE,
    SINCE,
    RdpAction,
    Spec,
    seconds,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import diagnose
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.verdict import Standing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import NotPlain, from_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Probe, Prober, flaw, telling


class ActionModule(RdpAction):
    """Diagnose a host, or a saved observation of one."""

    spec: t.ClassVar[Spec] = {
        "observation": {"type": "dict"},
        "depth": {"type": "str", "choices": ["auto", "full"], "default": "auto"},
        **LOGON,
        **SINCE,
        **PROBE,
        **GIVEN,
        **CONNECTION,
    }

    def rdp_run(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        if options["observation"] is None:
            return super().rdp_run(options)
        if options["logon_check"]:
            raise AnsibleActionFail("logon_check needs the host, not a saved observation: leave out one of them")
        observation = _seen_as_well(_saved(options["observation"]), self.rdp_prober(options))
        return {**_result.diagnosed(Standing(observation, diagnose(observation))), "operations": 0}

    def rdp_work(self, host: Host, options: dict[str, t.Any]) -> dict[str, t.Any]:
        full = options["depth"] == "full"
        standing = examine(host, self.rdp_prober(options), seconds(options["since"]), full)
        check = self.rdp_logon(options)
        return _result.diagnosed(check(standing) if check else standing)


def _saved(data: dict[str, t.Any]) -> Observation:
    try:
        observation = from_plain(Observation, data)
    except NotPlain as error:
        raise AnsibleActionFail(f"observation is not what host_info gives: {error}") from error
    for problem in filter(None, map(flaw, _probes(observation))):
        raise AnsibleActionFail(f"observation is not what host_info gives: probe: {problem}")
    return observation


def _probes(observation: Observation) -> tuple[Probe, ...]:
    first = () if observation.probe is None else (observation.probe,)
    return (*first, *observation.other_probes)


def _seen_as_well(observation: Observation, prober: Prober) -> Observation:
    """The observation with the probes that are given beside it; the one that got furthest tells of the host."""
    if not prober.given:
        return observation
    probe, others = telling(replace(prober, given=(*_probes(observation), *prober.given)), None)
    return replace(observation, probe=probe, other_probes=others)

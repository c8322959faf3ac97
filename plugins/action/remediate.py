# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.remediate."""

from __future__ import annotations

import typing as t

from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import (
    LOGON,
    SHARED,
    SINCE,
    ChangingAction,
    Spec,
    seconds,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits, foresee
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import logged_on, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import RISKS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._tried import Attempts


class ActionModule(ChangingAction):
    """Run the closed loop."""

    spec: t.ClassVar[Spec] = {
        "remedies": {"type": "list", "elements": "str", "choices": list(REMEDIES), "default": list(REMEDIES)},
        "exclude": {"type": "list", "elements": "str", "choices": list(REMEDIES), "default": []},
        "max_risk": {"type": "str", "choices": list(RISKS), "default": "medium"},
        **LOGON,
        **SINCE,
        **SHARED,
    }

    def rdp_change(self, job: Job, options: dict[str, t.Any]) -> dict[str, t.Any]:
        standing = examine(job.host, job.prober, seconds(options["since"]))
        limits = Limits(frozenset(options["remedies"]) - frozenset(options["exclude"]), options["max_risk"])
        if job.check:
            spared = Attempts(job, limits.told).spared
            foreseen = foresee(logged_on(job, standing), limits, spared, job.allowed)
            return _result.remediated(foreseen, job.run_id)
        return _result.remediated(remediate(job, standing, limits), job.run_id)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action of winfleet.rdp.rollback."""

from __future__ import annotations

import typing as t

from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import (
    CONNECTION,
    PROBE,
    RESTART,
    ChangingAction,
    Spec,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback


class ActionModule(ChangingAction):
    """Undo runs from the journal."""

    spec: t.ClassVar[Spec] = {
        "run": {"type": "str", "default": "last"},
        "force": {"type": "bool", "default": False},
        **RESTART,
        **PROBE,
        **CONNECTION,
    }

    def rdp_change(self, job: Job, options: dict[str, t.Any]) -> dict[str, t.Any]:
        undoing = rollback(job, options["run"], options["force"])
        return _result.rolled_back(undoing, job.check, job.made, job.run_id)

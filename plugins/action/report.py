# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merges the results of a batch into one report. The module's documentation is in plugins/modules/report.py."""

from __future__ import annotations

import os
import typing as t
from datetime import datetime, timezone
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import (
    OPTIONS,
    REQUIRED,
    Entry,
    Line,
    NotAResult,
    Report,
    entry,
    merge,
    table,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report_files import ReportError, read_all, write

GOOD = ("healthy", "repaired")
BAD = ("unreachable", "unresolved")


class ActionModule(ActionBase):
    """Needs no connection: it reads what earlier tasks registered, on the controller."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = False

    spec: t.ClassVar[t.Mapping[str, t.Mapping[str, t.Any]]] = OPTIONS

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Collect the hosts' results, write the report, show the table."""
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=dict(self.spec), required_one_of=REQUIRED)
        variables = task_vars or {}
        hosts = (options["hosts"] or variables["ansible_play_batch"]) if options["variable"] else []
        found, left_out = self._collect(hosts, options["variable"], variables["hostvars"])
        try:
            merged = merge(None, [*read_all(Path(str(path)) for path in options["merge"] or []), *found])
            report, files = self._write(merged, options)
        except ReportError as error:
            raise AnsibleActionFail(str(error)) from None
        if options["console"]:
            _show(table(merged["hosts"], _width()), files)
        return {**result, "changed": False, "files": files, "totals": report["totals"], "left_out": left_out}

    def _collect(self, hosts: list[str], variable: str, hostvars: t.Any) -> tuple[list[Entry], list[str]]:
        """An entry for each host that has the variable, and the hosts that have not.

        The variables are read raw: a registered result has nothing to template, which would take most of the time.
        """
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        results = {str(host): hostvars.raw_get(host).get(variable) for host in hosts if host in hostvars}
        try:
            entries = [entry(host, found, at, self._task.check_mode) for host, found in results.items() if found]
        except NotAResult as error:
            raise AnsibleActionFail(f"{error}; give its name as variable") from None
        present = {found["host"] for found in entries}
        return entries, [str(host) for host in hosts if str(host) not in present]

    def _write(self, batch: Report, options: dict[str, t.Any]) -> tuple[Report, list[str]]:
        """The whole report and its files; without a path nothing is written and the batch is the report."""
        if not options["path"]:
            return batch, []
        report, files = write(Path(str(options["path"])), batch["hosts"], map(str, options["formats"]))
        return report, [str(path) for path in files]


def _width() -> int:
    """The terminal's width; C(COLUMNS) is for where there is none."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() else t.cast(int, Display().columns)


def _show(lines: list[Line], files: list[str]) -> None:
    """Through Ansible's display, which colours terminals alone."""
    display = Display()
    for line in [Line(""), *lines, *(Line(f"Report: {name}") for name in files)]:
        display.display(line.text, color=_colour(line.verdict))


def _colour(verdict: str) -> str | None:
    if not verdict:
        return None
    return "green" if verdict in GOOD else "red" if verdict in BAD else "yellow"

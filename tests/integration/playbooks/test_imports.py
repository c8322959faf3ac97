# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports are paid once, when the action plugin is loaded and before the workers fork.

Ansible forks a worker for each host and task. What the collection imported there, it would import again for every host.
"""

from __future__ import annotations

import pytest

WATCH = '''
import os
import sys

forked = False


def _forked():
    global forked
    forked = True


def _caller():
    """The line of the collection that the import comes from, through whatever lies between."""
    frame = sys._getframe(2)
    while frame is not None:
        if "/winfleet/rdp/plugins/" in frame.f_code.co_filename:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _watch(event, arguments):
    if event != "import" or not forked or arguments[0] in sys.modules:
        return
    caller = _caller()
    if caller:
        with open(os.environ["IMPORTS_IN_WORKERS"], "a") as file:
            file.write(f"{arguments[0]} by {caller}\\n")


os.register_at_fork(after_in_child=_forked)
sys.addaudithook(_watch)
'''
"""A sitecustomize.py: Python runs it at its start, in the process that later forks the workers."""

PLAY = """
- hosts: windows
  gather_facts: false
  tasks:
    - winfleet.rdp.{module}:
      ignore_errors: true
"""


@pytest.mark.parametrize("module", ["remediate", "diagnosis_info"])
def test_a_worker_imports_nothing_for_the_collection(start_fleet, run, tmp_path, module):
    fleet = start_fleet("--hosts", "3", "--break", "host001=key_unreadable", "--break", "host002=rdp_denied")
    (tmp_path / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    playbook, seen = tmp_path / "play.yml", tmp_path / "imports"
    playbook.write_text(PLAY.format(module=module), encoding="utf-8")
    seen.write_text("", encoding="utf-8")
    played = run(playbook, fleet.inventory, PYTHONPATH=str(tmp_path), IMPORTS_IN_WORKERS=str(seen))
    assert played.code == 0, played.output
    assert "ignored=0" in played.output, played.output
    assert sorted(set(seen.read_text(encoding="utf-8").splitlines())) == []

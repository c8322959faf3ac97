# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs in its fork: all that can be done once, before Ansible forks, is done there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.running import BUILD

WATCH = """\
import os, sys

PARENT = os.getpid()


def note(event, arguments):
    if event == "import" and os.getpid() != PARENT:
        with open({log!r}, "a", encoding="utf-8") as log:
            log.write(arguments[0] + "\\n")


sys.addaudithook(note)
"""

READY = """\
import sys
from importlib import import_module
tls = import_module("ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.tls")
import_module("ansible_collections.winfleet.rdp.plugins.action." + sys.argv[1])
assert tls._context.cache_info().currsize == 1
"""

PLAY = """\
- name: Repair, and look again, in forks
  hosts: windows
  gather_facts: false
  strategy: {strategy}
  tasks:
    - name: Repair
      winfleet.rdp.remediate:
      register: repaired

    - name: Look
      winfleet.rdp.diagnosis_info:
      register: seen

    - name: Hold
      ansible.builtin.assert:
        that:
          - repaired.verdict in ['repaired', 'healthy']
          - seen.verdict == 'healthy'
        quiet: true
"""


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_nothing_is_imported_in_a_fork(start_fleet, run, tmp_path, strategy):
    log, play = tmp_path / "imported", tmp_path / "play.yml"
    (tmp_path / "sitecustomize.py").write_text(WATCH.format(log=str(log)), encoding="utf-8")
    play.write_text(PLAY.format(strategy=strategy), encoding="utf-8")
    fleet = start_fleet("--hosts", "2", "--break", "host001=rdp_denied")
    played = run(play, fleet.inventory, PYTHONPATH=str(tmp_path))
    assert played.code == 0, played.output
    names = log.read_text(encoding="utf-8").split() if log.exists() else []
    assert [name for name in names if name.partition(".")[0] != "ansible"] == []


@pytest.mark.parametrize("module", ["diagnosis_info", "probe_info", "remediate"])
def test_the_settings_of_tls_are_made_when_the_action_is_loaded(module):
    environment = {**os.environ, "PYTHONPATH": str(BUILD / "collections")}
    subprocess.run([sys.executable, "-c", READY, module], env=environment, check=True)

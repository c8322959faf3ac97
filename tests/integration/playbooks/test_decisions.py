# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that accept a loss, through variables of roles and playbooks: a truth value sets them, and nothing else.

ansible-core before 2.19 makes a truth value of the text True when a template gives it, before a module sees it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import STRICT

from tests.running import ROOT, play

MODULES = {
    "force": "rollback",
    "allow_reboot": "remote_desktop",
    "remove_orphaned_policy": "remote_desktop",
    "logon_check": "diagnosis_info",
    "write_half": "selftest",
}
REFUSED = "it takes true or false and nothing else"

NOWHERE = {
    "ansible_connection": "winrm",
    "ansible_host": "127.0.0.1",
    "ansible_port": 1,
    "ansible_user": "nobody",
    "ansible_password": "none",
    "ansible_winrm_transport": "basic",
    "ansible_winrm_scheme": "http",
}


def passed(path: Path) -> list[tuple[str, str]]:
    """The strict options that a role's tasks or a playbook pass on, each with the template of its value."""
    found: list[tuple[str, str]] = []

    def look(node: object) -> None:
        for name, value in node.items() if isinstance(node, dict) else ():
            if name in STRICT and isinstance(value, str):
                found.append((name, value))
            look(value)
        for item in node if isinstance(node, list) else ():
            look(item)

    look(yaml.safe_load(path.read_text(encoding="utf-8")))
    return found


ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/tasks/main.yml") if passed(path))


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """An inventory of a host on whose port nobody listens: options are checked before anything is sent."""
    path = tmp_path / "nowhere.yml"
    path.write_text(yaml.safe_dump({"windows": {"hosts": {"nowhere": NOWHERE}}}), encoding="utf-8")
    return path


def test_every_role_that_takes_decisions_is_known() -> None:
    assert set(ROLES) >= {"rdp_baseline", "rdp_client", "rdp_diagnose", "rdp_remediate", "rdp_rollback"}


@pytest.mark.parametrize("given", ["True", "yes"])
def test_a_text_is_no_decision_in_any_role(given: str, nowhere: Path, tmp_path: Path) -> None:
    """Every task gets its option by the role's own template and variables, all in one play."""
    options = sorted({(role, *pair) for role in ROLES for pair in passed(ROOT / f"roles/{role}/tasks/main.yml")})
    tasks = [
        {f"winfleet.rdp.{MODULES[option]}": {option: template}, "ignore_errors": True, "ignore_unreachable": True}
        for _role, option, template in options
    ]
    variables = [str(ROOT / f"roles/{role}/vars/main.yml") for role in ROLES]
    book = [{"hosts": "windows", "gather_facts": False, "vars_files": variables, "tasks": tasks}]
    playbook = tmp_path / "decisions.yml"
    playbook.write_text(yaml.safe_dump(book), encoding="utf-8")
    texts = {f"{role}_{option}": given for role, option, _template in options}
    done = play(str(playbook), nowhere, "-e", json.dumps(texts))
    assert done.output.count(REFUSED) >= len(options), done.output
    assert "refused" not in done.output, "something was sent"


@pytest.mark.parametrize("option", ["write_half", "lab_half", "disposable", "allow_reboot"])
def test_a_text_is_no_decision_in_the_playbook_of_the_self_test(nowhere: Path, option: str) -> None:
    assert REFUSED in play("winfleet.rdp.selftest", nowhere, "-e", f"rdp_{option}=True").output


@pytest.mark.parametrize(("option", "needed"), [("disposable", "lab_half"), ("allow_reboot", "disposable")])
def test_the_self_test_takes_no_decision_without_the_one_below_it(nowhere: Path, option: str, needed: str) -> None:
    done = play("winfleet.rdp.selftest", nowhere, "-e", json.dumps({f"rdp_{option}": True}))
    assert f"{option} needs {needed} as well" in done.output


def test_a_truth_value_is_one(nowhere: Path) -> None:
    done = play("winfleet.rdp.rollback", nowhere, "-e", json.dumps({"rdp_rollback_force": True}))
    assert REFUSED not in done.output

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks against a host whose texts hold something to be executed, rendered or obeyed by a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.running import Played, play
from tests.simulator.host import SimulatedHost
from tests.support.hostile.poison import payload, poisoned_host
from tests.support.hostile.server import hostile

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal acts upon, but for tabulators and line feeds."""

RUNS = {
    "diagnose": ("names", ["-e", "rdp_diagnose_depth=full"]),
    "remediate": ("everything", ["--check", "--diff"]),
    "baseline": ("names", ["--check", "--diff"]),
}
"""Playbooks, each with how much of what the host says is poisoned."""


def inventory(directory: Path, port: int, connection: str) -> Path:
    variables = {
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": "Administrator",
        "ansible_password": "Some-Passw0rd!",
        "ansible_connection": connection,
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "basic",
        "ansible_psrp_protocol": "http",
        "ansible_psrp_auth": "basic",
        "ansible_psrp_message_encryption": "never",
    }
    probing = {f"rdp_{role}_probe_from": "none" for role in ("diagnose", "remediate", "baseline", "rollback")}
    path = directory / "inventory.yml"
    path.write_text(yaml.safe_dump({"windows": {"hosts": {"evil": {**variables, **probing}}}}), encoding="utf-8")
    return path


def play_against(playbook: str, tmp_path: Path, path_of_another: str = "") -> tuple[Played, Path]:
    """Run a playbook, verbosely, against a host with poisoned texts; the second value is the report's directory."""
    what, options = RUNS[playbook]
    simulated = SimulatedHost.build(breakages=["rdp_denied"])
    reports = tmp_path / "reports"
    with hostile(poisoned_host(simulated, payload(tmp_path / "executed"), what)) as server:
        path = inventory(tmp_path, server.port, "psrp" if what == "names" else "winrm")
        more = [*options, "-vv", "-e", f"rdp_report_dir={reports}", "-e", '{"rdp_report_formats": ["html", "csv"]}']
        done = play(path_of_another or f"winfleet.rdp.{playbook}", path, *more, environment={"COLUMNS": "200"})
        assert server.requests > 1, done.output
    return done, reports


@pytest.mark.parametrize("playbook", RUNS)
def test_nothing_of_a_host_is_executed_or_obeyed(playbook: str, tmp_path: Path) -> None:
    done, reports = play_against(playbook, tmp_path)
    assert not (tmp_path / "executed").exists(), done.output
    assert "unexpected" not in done.output, done.output
    assert not OBEYED.findall(done.output), done.output
    assert "\nok: [host] => forged" not in done.output
    pages = {page.suffix: page.read_text(encoding="utf-8") for page in reports.iterdir()}
    assert {".html", ".csv"} <= set(pages)
    assert "<script>alert" not in pages[".html"]
    assert "<img src=x" not in pages[".html"]
    assert not re.search("""(^|[",\n])[=+@-]cmd""", pages[".csv"])


def test_what_a_host_says_is_shown_and_templated_by_nobody(tmp_path: Path) -> None:
    """In a play that passes results on as roles do: into facts, variables and messages."""
    playbook = tmp_path / "show.yml"
    playbook.write_text(SHOW, encoding="utf-8")
    done, _reports = play_against("diagnose", tmp_path, str(playbook))
    assert done.output.count("touch /") > 3, "nothing of the poison was shown"
    assert not (tmp_path / "executed").exists(), done.output
    assert not OBEYED.findall(done.output), done.output


SHOW = """
- hosts: windows
  gather_facts: false
  tasks:
    - winfleet.rdp.host_info:
      register: found
    - ansible.builtin.set_fact:
        identity: "{{ found.observation.identity }}"
        caption: "{{ found.observation.identity.caption | upper }}{{ found.observation.identity.caption }}"
    - ansible.builtin.debug:
        msg: "{{ identity }} {{ caption }} {{ joined }}"
      vars:
        joined: "{{ found.observation.values() | map('string') | join(' ') }}"
    - ansible.builtin.fail:
        msg: "{{ caption }}"
"""

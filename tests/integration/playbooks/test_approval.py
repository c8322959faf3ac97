# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pause before each batch: what is typed on a terminal decides, and without one nothing is repaired."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running import BUILD, ROOT

PROMPT = b"Type yes to go on"
PATIENCE = 120
SETTINGS = {
    "ANSIBLE_COLLECTIONS_PATH": str(BUILD / "collections"),
    "ANSIBLE_HOME": str(BUILD / "ansible"),
    "ANSIBLE_NOCOLOR": "1",
}


def typed(inventory, *answers):
    """Run the repair on a terminal of its own, answer each prompt with the next answer; gives code and output."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, "winfleet.rdp.remediate", "-i", str(inventory), "-e", "rdp_serial=1", "-e", "rdp_approve=true"]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLING, *command],
        cwd=ROOT,
        env={**os.environ, **SETTINGS},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        output = converse(master, list(answers))
        return process.wait(PATIENCE), output
    finally:
        process.kill()
        process.wait()
        os.close(master)


CONTROLLING = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Make the terminal the controlling one, as a login does; else nobody is asked."""


def converse(terminal, answers):
    """Read to the end, and type an answer after each prompt."""
    said, answered, end = b"", 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ready, _writable, _failed = select.select([terminal], [], [], 1)
        try:
            more = os.read(terminal, 65536) if ready else None
        except OSError:
            break
        if more == b"":
            break
        said += more or b""
        if said.count(PROMPT) > answered and answers:
            answered = said.count(PROMPT)
            time.sleep(1)  # what comes before the prompt waits is thrown away
            os.write(terminal, answers.pop(0).encode() + b"\r")
    return said.decode(errors="replace")


@pytest.fixture
def fleet(start_fleet):
    return start_fleet("--hosts", "2", "--break", "host001=rdp_denied", "--break", "host002=rdp_denied")


def writes(fleet):
    return [bool(fleet.ask(f"/hosts/{host}/counters")["writes"]) for host in ("host001", "host002")]


def test_each_batch_waits_for_a_yes_of_its_own(fleet):
    code, output = typed(fleet.inventory, "yes", "no")
    assert code == 2, output
    assert "nobody typed yes" in output
    assert writes(fleet) == [True, False]


def test_without_a_terminal_nothing_is_repaired_and_a_plan_needs_no_leave(fleet, run):
    refused = run("remediate", fleet.inventory, "-e", "rdp_approve=true")
    assert refused.code == 2
    assert "Without a terminal nobody can" in refused.output
    planned = run("remediate", fleet.inventory, "--check", "-e", "rdp_approve=true")
    assert planned.code == 0, planned.output
    assert writes(fleet) == [False, False]

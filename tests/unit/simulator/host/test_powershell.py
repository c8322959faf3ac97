# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PowerShell that runs nothing, and only where a fleet was asked for it."""

from __future__ import annotations

import json

import pytest

from tests.simulator.host import SimulatedHost
from tests.simulator.powershell import RESULTS, answer

LINE = "PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand UABTAA=="


def script(module: str) -> bytes:
    return b'{"params": {"Variables": [{"Name": "complex_args", "Value": {"_ansible_module_name": "%b"}}]}}' % (
        module.encode()
    )


@pytest.mark.parametrize("module", sorted(RESULTS))
def test_a_module_gets_what_its_documentation_promises(module: str) -> None:
    result = answer(LINE, script(f"ansible.windows.{module}"))
    assert result is not None
    assert json.loads(result.stdout) == {"changed": False, **RESULTS[module]}
    assert (result.exit_code, result.stderr, result.reads_stdin) == (0, b"", False)


def test_another_module_changes_nothing() -> None:
    result = answer(LINE, script("win_acl"))
    assert result is not None
    assert json.loads(result.stdout) == {"changed": False}


def test_nothing_is_answered_before_the_script_is_there() -> None:
    result = answer('"powershell.exe" -EncodedCommand UABTAA==', b"")
    assert result is not None
    assert result.reads_stdin
    assert not result.stdout


@pytest.mark.parametrize("line", ["powershellish", "cmd /c powershell", "whoami"])
def test_other_programs_are_left_to_the_host(line: str) -> None:
    assert answer(line, b"") is None


def test_a_host_has_it_only_where_it_was_asked_for() -> None:
    host = SimulatedHost.build()
    caller = host.caller_for("Administrator")
    assert caller is not None
    assert host.run_command(LINE, caller, b"").not_found
    host.powershell = answer
    assert host.run_command(LINE, caller, b"").reads_stdin
    assert host.run_command("hostname", caller, b"").stdout.strip() == host.computer_name.encode()

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cmd.exe subset."""

from __future__ import annotations

import pytest

from tests.simulator.counters import is_reading
from tests.simulator.host import SimulatedHost
from tests.simulator.windows.cmd import CommandShell, Output, split_commands
from tests.simulator.windows.editions import LANGUAGES

RESTART = "net stop TermService /y & net start SessionEnv & net start TermService & net start UmRdpService"
TS = r'"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"'


def run(host: SimulatedHost, line: str, user: str = "Administrator") -> Output:
    caller = host.caller_for(user)
    assert caller is not None
    return CommandShell(host.windows, caller, caller.name).run(line)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_restart_in_one_line_has_the_same_exit_codes_in_every_language(language: str) -> None:
    host = SimulatedHost.build(language=language)
    assert run(host, "net stop TermService").code == 2
    assert run(host, RESTART).code == 0
    assert host.windows.services.running("TermService")
    assert host.windows.services.running("UmRdpService")


def test_output_is_translated() -> None:
    texts = {run(SimulatedHost.build(language=language), "net start SessionEnv").stderr for language in LANGUAGES}
    assert len(texts) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("line", "code", "output"),
    [
        ("echo a& echo b", 0, "a\r\nb\r\n"),
        ("nonsense && echo b", 1, ""),
        ("nonsense || echo b", 0, "b\r\n"),
        ("nonsense & echo b", 0, "b\r\n"),
        ('echo "a & b"', 0, '"a & b"\r\n'),
        ("echo a ^& b", 0, "a & b\r\n"),
        ("echo %COMPUTERNAME%", 0, "HOST001\r\n"),
        ('cmd /d /c "echo a && exit 3"', 3, "a \r\n"),
        ("hostname", 0, "HOST001\r\n"),
        ("echo x > nul", 0, ""),
    ],
)
def test_lines(host: SimulatedHost, line: str, code: int, output: str) -> None:
    result = run(host, line)
    assert (result.code, result.stdout) == (code, output)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"reg query {TS} /v fDenyTSConnections", 0),
        (f"reg query {TS} /v absent", 1),
        (r"reg query HKLM\Absent", 1),
        (f"reg add {TS} /v New /t REG_DWORD /d 7 /f", 0),
        (f"reg add {TS} /v New /t REG_NONSENSE /d 7 /f", 1),
        (f"reg add {TS} /v fDenyTSConnections /t REG_DWORD /d 7", 1),
        (f"reg delete {TS} /v absent /f", 1),
        ("sc query TermService", 0),
        ("sc query Absent", 1060),
        ("sc start SessionEnv", 1056),
        ("sc stop TermService", 1051),
        ("sc config SessionEnv start= disabled", 0),
        ("sc config SessionEnv start= nonsense", 1639),
        ("net start Absent", 2),
        ("net frobnicate", 1),
        ("ipconfig /flushdns", 0),
        ("gpupdate /force", 0),
    ],
)
def test_exit_codes(host: SimulatedHost, line: str, code: int) -> None:
    assert run(host, line).code == code


def test_reg_shows_raw_expand_strings(host: SimulatedHost) -> None:
    key = r"HKLM\SYSTEM\CurrentControlSet\Services\TermService"
    assert "%SystemRoot%" in run(host, f"reg query {key} /v ImagePath").stdout


def test_a_user_without_rights_is_refused(host: SimulatedHost) -> None:
    assert run(host, "net stop SessionEnv", "operator").code == 2
    assert run(host, f"reg add {TS} /v x /t REG_DWORD /d 1 /f", "operator").code == 1
    assert host.windows.services.running("SessionEnv")


def test_splitting() -> None:
    assert split_commands('a "x & y" && b & c || d') == [("", 'a "x & y" '), ("&&", "b "), ("&", "c "), ("||", "d")]


@pytest.mark.parametrize(
    ("line", "reads"),
    [("whoami", True), (f"reg query {TS}", True), ("reg query x > file", False), ("reg query x >nul 2>&1", True),
     (RESTART, False), ("reg query x && reg add x", False), ("ipconfig /all", True), ("ipconfig /flushdns", False)],
)  # fmt: skip
def test_what_counts_as_a_write(line: str, reads: bool) -> None:
    assert is_reading(line) is reads

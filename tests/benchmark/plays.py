# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plays that are measured: the peer's, and those that show what Ansible itself takes."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import yaml

Task = dict[str, t.Any]

TERMINAL_SERVER = r"HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server"
LISTENER = rf"{TERMINAL_SERVER}\WinStations\RDP-Tcp"
MACHINE_KEYS = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
PORT = 3389

VALUES = (
    (TERMINAL_SERVER, "fDenyTSConnections", 0),
    (LISTENER, "UserAuthentication", 1),
    (LISTENER, "SecurityLayer", 2),
    (LISTENER, "MinEncryptionLevel", 3),
    (LISTENER, "SelectTransport", 2),
    (TERMINAL_SERVER, "MaxOutstandingConnections", 3000),
)
SERVICES = ("TermService", "SessionEnv", "UmRdpService")
RULES = (("Remote Desktop - User Mode (TCP-In)", "tcp"), ("Remote Desktop - User Mode (UDP-In)", "udp"))


def peer_tasks() -> Iterator[Task]:
    """What a careful person writes with general modules: each task reads, and sets what differs."""
    for path, name, data in VALUES:
        yield _task(f"See to {name}", "ansible.windows.win_regedit", path=path, name=name, data=data, type="dword")
    for service in SERVICES:
        yield _task(
            f"See to {service}", "ansible.windows.win_service", name=service, start_mode="manual", state="started"
        )
    for rule, protocol in RULES:
        yield _task(
            f"See to the rule for {protocol.upper()}",
            "community.windows.win_firewall_rule",
            name=rule, localport=PORT, protocol=protocol, action="allow", direction="in", state="present", enabled=True,
        )  # fmt: skip
    yield _task(
        "Look at the listener's certificate", "ansible.windows.win_certificate_info", store_name="Remote Desktop"
    )
    yield _task(
        "See to the key folder",
        "ansible.windows.win_acl",
        path=MACHINE_KEYS, user="S-1-5-20", rights="Read", type="allow", state="present",
    )  # fmt: skip
    yield _task("Wait for the port", "ansible.windows.win_wait_for", port=PORT, timeout=60)


def diagnosis_task() -> Task:
    """A diagnosis with its defaults."""
    return _task("Diagnose", "winfleet.rdp.diagnosis_info")


def idle_task() -> Task:
    """A task that takes what every task takes, and does nothing: it forks, loads its action and reports."""
    return _task("Do nothing", "ansible.builtin.debug", msg="", verbosity=4)


def probe_task() -> Task:
    """The handshake from the controller."""
    return _task("Probe", "winfleet.rdp.probe_info")


def _task(title: str, module: str, /, **arguments: object) -> Task:
    return {"name": title, module: arguments}


def play(name: str, tasks: list[Task]) -> Task:
    """A play of these tasks and nothing else."""
    return {"name": name, "hosts": "windows", "gather_facts": False, "tasks": tasks}


def written(path: Path, *tasks: Task) -> str:
    """The playbook of these tasks, in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(play("Measure", list(tasks))), encoding="utf-8")
    return str(path)


def text(*plays: Task) -> str:
    """Plays as YAML."""
    return yaml.safe_dump(list(plays), sort_keys=False, width=120)

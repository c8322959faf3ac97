# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a host, as far as anybody asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.simulator.windows.network import SYSTEM_PROCESS, Network
from tests.simulator.windows.services import RUNNING, ServiceManager
from tests.simulator.windows.sessions import Session

INITIAL_PROCESS, INITIAL_PATH = 588, r"C:\Windows\system32\wininit.exe"
OF_SESSIONS, APART = 20000, 40
"""Numbers of sessions' processes begin here, so many apart from those of the next session."""


@dataclass(frozen=True)
class Process:
    """One process; ``session`` is that of a user, None for services'."""

    number: int
    name: str
    path: str = ""
    session: Session | None = None
    started: datetime | None = None


def processes(services: ServiceManager, network: Network) -> list[Process]:
    """System, what starts the services, their hosts, the program that took the RDP port if one did, and users'."""
    rows = [Process(SYSTEM_PROCESS, "System"), Process(INITIAL_PROCESS, "wininit.exe", INITIAL_PATH)]
    for service in services:
        if service.state == RUNNING and not service.driver:
            program = service.path.split(" -k ")[0].replace("%SystemRoot%", r"C:\Windows")
            rows.append(Process(service.process_id, program.rpartition("\\")[2], program, started=service.started))
    if network.listener.port_taken:
        rows.append(Process(network.taken_by.process, network.taken_by.name, network.taken_by.path))
    return [*rows, *(process for session in network.sessions.all() for process in _of(session))]


def _of(session: Session) -> Iterator[Process]:
    """What runs in a session, numbered alike whenever it is asked for."""
    first = OF_SESSIONS + APART * session.number
    for number, name in enumerate(session.programs):
        yield Process(first + 4 * number, name, rf"C:\Windows\system32\{name}", session)

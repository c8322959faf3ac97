# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes of a host, as far as anybody asks for them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.windows.network import SYSTEM_PROCESS, Network
from tests.simulator.windows.services import RUNNING, ServiceManager

INITIAL_PROCESS, INITIAL_PATH = 588, r"C:\Windows\system32\wininit.exe"


@dataclass(frozen=True)
class Process:
    """One process."""

    number: int
    name: str
    path: str = ""


def processes(services: ServiceManager, network: Network) -> list[Process]:
    """System, what starts the services, the services' hosts, and the program that took the RDP port, if one did."""
    rows = [Process(SYSTEM_PROCESS, "System"), Process(INITIAL_PROCESS, "wininit.exe", INITIAL_PATH)]
    for service in services:
        if service.state == RUNNING and not service.driver:
            program = service.path.split(" -k ")[0].replace("%SystemRoot%", r"C:\Windows")
            rows.append(Process(service.process_id, program.rpartition("\\")[2], program))
    if network.listener.port_taken:
        rows.append(Process(network.taken_by.process, network.taken_by.name, network.taken_by.path))
    return rows

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the simulated command line, by name without ``.exe``."""

from __future__ import annotations

from tests.simulator.windows.programs import machine
from tests.simulator.windows.programs.base import Program
from tests.simulator.windows.programs.certutil import certutil
from tests.simulator.windows.programs.filecommands import FILE_COMMANDS
from tests.simulator.windows.programs.netsh import netsh
from tests.simulator.windows.programs.permissions import icacls, takeown
from tests.simulator.windows.programs.robocopy import robocopy
from tests.simulator.windows.programs.schtasks import schtasks
from tests.simulator.windows.programs.textfilters import find, findstr
from tests.simulator.windows.programs.wevtutil import wevtutil

PROGRAMS: dict[str, Program] = {
    **FILE_COMMANDS, "icacls": icacls, "takeown": takeown, "robocopy": robocopy, "find": find, "findstr": findstr,
    "schtasks": schtasks, "certutil": certutil, "netsh": netsh, "wevtutil": wevtutil,
    "shutdown": machine.shutdown, "quser": machine.quser, "query": machine.query,
    "logoff": machine.logoff, "change": machine.change, "tasklist": machine.tasklist,
    "ping": machine.ping, "tsdiscon": machine.tsdiscon,
}  # fmt: skip

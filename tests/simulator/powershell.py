# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PowerShell that runs nothing: what Ansible sends gets a well-formed result at once, as if nothing had to change.

For benchmarks, where other collections are charged for what their controller sends and for nothing that Windows would
do with it. A host has it where the fleet was asked for it; else it has no PowerShell at all. Ansible pipes a script
with the module and its arguments into ``PowerShell -EncodedCommand`` (ansible-core 2.16 to 2.21). The arguments name
the module, so that each gets the values that its documentation promises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tests.simulator.wsman.provider import CommandResult

_PROGRAM = re.compile(r'"?powershell(\.exe)?"?(\s|$)', re.IGNORECASE)
_MODULE = re.compile(rb'"_ansible_module_name"\s*:\s*"(?:[\w.]+\.)?(\w+)"')

RESULTS: Mapping[str, Mapping[str, object]] = {
    "win_regedit": {"data_changed": False, "data_type_changed": False},
    "win_service": {
        "exists": True, "name": "TermService", "display_name": "Remote Desktop Services", "state": "started",
        "start_mode": "manual", "path": r"C:\Windows\System32\svchost.exe -k NetworkService",
        "can_pause_and_continue": False, "description": "", "username": r"NT AUTHORITY\NetworkService",
        "desktop_interact": False, "dependencies": ["RPCSS"], "depended_by": ["UmRdpService"],
    },
    "win_firewall_rule": {"msg": "Firewall rule 'RemoteDesktop-UserMode-In-TCP' already exists"},
    "win_certificate_info": {"exists": True, "certificates": [{"has_private_key": True, "subject": "CN=host001"}]},
    "win_wait_for": {"elapsed": 0.0, "wait_attempts": 1},
}  # fmt: skip
"""What a module returns besides C(changed), by the RETURN section of its documentation."""


def answer(line: str, stdin: bytes) -> CommandResult | None:
    """What PowerShell gives back for a command line and its standard input; None for other programs."""
    if not _PROGRAM.match(line):
        return None
    if not stdin:
        return CommandResult(reads_stdin=True)
    module = _MODULE.search(stdin)
    values = RESULTS.get(module[1].decode(), {}) if module else {}
    return CommandResult(json.dumps({"changed": False, **values}).encode())

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was asked of a host: operations by kind, writes, bytes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from tests.simulator.windows.cmd import split_arguments, split_commands
from tests.simulator.wsman.provider import Operation

READING_PROGRAMS = frozenset(
    {
        "whoami",
        "hostname",
        "ver",
        "echo",
        "rem",
        "chcp",
        "set",
        "exit",
        "quser",
        "type",
        "dir",
        "find",
        "findstr",
        "query",
        "tasklist",
        "systeminfo",
    }
)
READING_VERBS = frozenset(
    {
        ("reg", "query"),
        ("sc", "query"),
        ("sc", "qc"),
        ("wevtutil", "qe"),
        ("net", "localgroup"),
        ("schtasks", "/query"),
        ("certutil", "-store"),
        ("certutil", "-verifystore"),
        ("sc", "qdescription"),
    }
)


def is_reading(line: str) -> bool:
    """Whether a command line only reads, as far as can be told from its programs and verbs."""
    return all(_reads(command) for _operator, command in split_commands(line))


def _reads(command: str) -> bool:
    words = [word.lower() for word in split_arguments(re.sub(r"(?i)\d?>\s*nul\b|2>&1", "", command))]
    if not words or ">" in "".join(words):
        return False
    program = re.sub(r"^.*\\|\.exe$", "", words[0])
    if program == "icacls":
        return len(words) == 2
    if program == "robocopy":
        return "/l" in words
    if program == "netsh":
        return "show" in words
    if program == "ipconfig":
        return not {"/flushdns", "/release", "/renew", "/registerdns"} & set(words)
    return program in READING_PROGRAMS or (program, words[1] if len(words) > 1 else "") in READING_VERBS


@dataclass
class Counters:
    """All counts since the host was built, or since `reset`."""

    operations: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    shells_opened: int = 0
    rdp_connections: int = 0
    last_writes: list[str] = field(default_factory=list)

    def before(self, op: Operation) -> None:
        """Count an operation."""
        self.requests += 1
        self.operations[op.kind] += 1
        self.shells_opened += op.kind == "shell_create"
        if op.is_write and not (op.command_line and is_reading(op.command_line)):
            self.writes += 1
            self.last_writes.append(op.command_line or f"{op.kind} {op.class_name} {op.method}".strip())

    def after(self, request_bytes: int, response_bytes: int) -> None:
        """Count its bytes: SOAP, without HTTP headers and message encryption."""
        self.bytes_in += request_bytes
        self.bytes_out += response_bytes

    @property
    def total(self) -> int:
        """SOAP operations of every kind."""
        return sum(self.operations.values())

    def reset(self) -> None:
        """Begin anew."""
        fresh = Counters()
        self.__dict__.update(fresh.__dict__)

    def to_json(self) -> dict[str, object]:
        """Shape of the control port's answer."""
        return {
            "operations": dict(sorted(self.operations.items())), "total": self.total, "writes": self.writes,
            "requests": self.requests, "bytes_in": self.bytes_in, "bytes_out": self.bytes_out,
            "shells_opened": self.shells_opened,
            "rdp_connections": self.rdp_connections, "write_list": list(self.last_writes),
        }  # fmt: skip

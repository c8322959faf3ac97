# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of cmd.exe that a task runs as SYSTEM. PRIVATE to the collection."""

from __future__ import annotations

from .._host import Host
from .._wsman.quote import quoted_path
from ._base import ApplyError

LOGS = "look at the host's Application and System logs"


def as_system(host: Host, line: str, doing: str) -> int:
    """Run a line and return its exit code."""
    return host.tasks.run_as_system(line, f"winfleet.rdp: {doing}")


def must(host: Host, line: str, doing: str, hint: str = LOGS) -> None:
    """Run a line as SYSTEM. Raises ApplyError when it does not end with 0."""
    require(as_system(host, line, doing), doing, hint)


def require(code: int, doing: str, hint: str = LOGS) -> None:
    """Raises ApplyError for an exit code that is not 0."""
    if code:
        raise ApplyError(f"SYSTEM could not {doing} (exit code {code}); {hint}")


def quoted(path: str) -> str:
    """A path or name in a line of cmd.exe. Raises ApplyError for one that the line would take for something else."""
    try:
        return quoted_path(path)
    except ValueError as error:
        raise ApplyError(f"{error}; do by hand what is wanted there") from error

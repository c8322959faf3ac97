# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: a folder of our own below that of Windows' temporary files. PRIVATE to the collection. It goes afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .._host import Host
from .._model import sddl
from ._base import Check, Scratch, Untold

DACL = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
"""Full control for SYSTEM and administrators, nothing inherited from above."""

COPYING = "/B /COPY:DATSO /E /R:0 /W:0 /NP"


@contextmanager
def _folder(host: Host) -> Iterator[str]:
    path = rf"{host.windows}\Temp\{Scratch().name}"
    if host.shell.run(f'mkdir "{path}"').exit_code:
        raise Untold(f"{path} could not be made")
    try:
        yield path
    finally:
        host.shell.run(f'rmdir /s /q "{path}"')


def _permissions(host: Host) -> str:
    with _folder(host) as path:
        host.files.set_folder_dacl(path, DACL)
        found = sddl.dacl_of(host.files.security(path) or "")
    return "as set" if sddl.parse(found).aces == sddl.parse(DACL).aces else found


def _mark(host: Host) -> str:
    """The command type converts a text with a mark, and gives one without a mark as it is."""
    with _folder(host) as path:
        saved = rf"{path}\saved"
        if host.shell.run(f'icacls "{path}" /save "{saved}"').exit_code:
            raise Untold("icacls does not save permissions here")
        return "without" if b"\0" in host.shell.run(f'type "{saved}"').stdout else "with"


def _held(host: Host) -> str:
    """The command's own output keeps a file in the folder open while the folder is renamed."""
    with _folder(host) as path:
        host.shell.run(f'mkdir "{path}\\before"')
        host.shell.run(f'(ren "{path}\\before" after) > "{path}\\before\\held"')
        renamed = host.shell.run(f'dir /ad /b "{path}\\after*"').exit_code == 0
    return "renamed" if renamed else "refused"


def _copy(host: Host) -> str:
    """As administrator, by the privileges to back up and restore; a second pass finds no difference."""
    with _folder(host) as path:
        source, copy = rf"{path}\source", rf"{path}\copy"
        host.shell.run(f'mkdir "{source}" & echo winfleet> "{source}\\file"')
        host.shell.run(f'robocopy "{source}" "{copy}" {COPYING}')
        again = host.shell.run(f'robocopy "{source}" "{copy}" {COPYING} /L').exit_code
    return "equal" if again == 0 else f"exit code {again}"


CHECKS = (
    Check(
        "folder_permissions",
        "Does a folder keep permissions that inherit nothing?",
        "as set",
        {"as set": "the permissions of the key folder can be put right"},
        _permissions,
        writes=True,
    ),
    Check(
        "icacls_mark",
        "Does a file of saved permissions begin with a byte order mark?",
        "with",
        {"with": "read as it is", "without": "read as well"},
        _mark,
        writes=True,
    ),
    Check(
        "rename_held",
        "Is a folder renamed while a program has a file in it open?",
        "refused",
        {
            "refused": "the folder of keys is renamed only while no service has one open, else machine_keys fails",
            "renamed": "a service may keep a key open whose folder machine_keys has renamed, until it starts again",
        },
        _held,
        writes=True,
    ),
    Check(
        "robocopy",
        "Is a copy in backup mode equal to its source?",
        "equal",
        {"equal": "the key folder can be copied aside and verified"},
        _copy,
        writes=True,
    ),
)

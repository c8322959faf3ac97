# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: a folder of our own below that of Windows' temporary files. PRIVATE to the collection. It goes afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .._appliers.key_folders import keeping
from .._host import Host
from .._model import sddl
from ._base import Check, Scratch, Untold

DACL = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
"""Full control for SYSTEM and administrators, nothing inherited from above."""

HANDED_ON = f"{DACL}(A;OICI;FR;;;NS)"
"""With an entry that nothing below the folder of temporary files has."""

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


def _reach(host: Host) -> str:
    """A file with permissions of its own, as keys have them, and one that inherits lie in the folder."""
    with _folder(host) as path:
        own, heir = rf"{path}\own", rf"{path}\heir"
        made = f'echo winfleet> "{own}" & echo winfleet> "{heir}"'
        if host.shell.run(f'{made} & icacls "{own}" /inheritance:d').exit_code:
            raise Untold("no file with permissions of its own could be made")
        before = [_aces(host, file) for file in (own, heir)]
        host.files.set_folder_dacl(path, HANDED_ON)
        kept = [_aces(host, file) == aces for file, aces in zip((own, heir), before, strict=True)]
    return "all that it contains" if not kept[0] else "that alone" if kept[1] else "what inherits from it as well"


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


def _taken(host: Host) -> str:
    """A folder with permissions of its own is copied into one that is there and into one that robocopy makes."""
    with _folder(host) as path:
        host.shell.run(f'mkdir "{path}\\source" "{path}\\there" & echo winfleet> "{path}\\source\\file"')
        host.files.set_folder_dacl(rf"{path}\source", DACL)
        for target in ("there", "made"):
            host.shell.run(f'robocopy "{path}\\source" "{path}\\{target}" {COPYING}')
        there, made = (_has(host, rf"{path}\{target}", DACL) for target in ("there", "made"))
    return ("always" if there else "when it makes the folder") if made else "never"


def _has(host: Host, path: str, dacl: str) -> bool:
    return _aces(host, path) == sddl.parse(dacl).aces


def _aces(host: Host, path: str) -> tuple[sddl.Ace, ...] | None:
    return sddl.parse(host.files.security(path) or "").aces


def _kept(host: Host) -> str:
    """The way in which machine_keys copies into a folder, here one with permissions of its own."""
    with _folder(host) as path:
        source, target = rf"{path}\source", rf"{path}\target"
        host.shell.run(f'mkdir "{source}" "{target}" & echo winfleet> "{source}\\file"')
        host.files.set_folder_dacl(target, DACL)
        host.shell.run(keeping(target, f'robocopy "{source}" "{target}" {COPYING}'))
        return "kept" if _has(host, target, DACL) else "lost"


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
        "folder_reach",
        "Whose permissions change with those of a folder?",
        "that alone",
        {
            "that alone": "machine_keys mends the key folder, and each key in it keeps its permissions",
            "what inherits from it as well": "keys have permissions of their own, which stay; only those that inherit "
            "from the folder follow it, as with icacls, and again when the change is rolled back",
            "all that it contains": "leave out machine_keys and certificate here while the key folder denies SYSTEM "
            "something: every key would get the permissions of the folder. Tell the maintainers",
        },
        _reach,
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
    Check(
        "robocopy_folder",
        "When does robocopy give a folder the permissions of the one that it copies from?",
        "always",
        {
            "always": "machine_keys gives a folder of keys its own back after it has copied into it",
            "when it makes the folder": "nothing has to be given back; machine_keys does it without effect",
            "never": "nothing has to be given back; machine_keys does it without effect",
        },
        _taken,
        writes=True,
    ),
    Check(
        "folder_kept",
        "Has a folder its own permissions after machine_keys has copied into it?",
        "kept",
        {
            "kept": "the new key folder has the default permissions, and others stay as they are",
            "lost": "a folder of keys ends with those of the other one: take neither copy_aside nor rename there",
        },
        _kept,
        writes=True,
    ),
)

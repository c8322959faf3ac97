# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Appliers: permissions, the listener's certificate and key. PRIVATE to the collection.

Administrators may neither change nor, from Server 2019 on, see the permissions of the listener's key file, and may not
open keys that are SYSTEM's alone. SYSTEM may: each such step is one line of cmd.exe in a scheduled task that is gone
afterwards, so that a run which is cut off never leaves half of it. Sources: Microsoft Learn, windows-commands (icacls,
ren).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType

from .. import _listener_certificate
from .._cim.files import FileError, Hidden
from .._cim.registry import RegistryError
from .._cim.tasks import NAME, Definition
from .._host import Host
from .._model import sddl
from .._model.change import Change
from .._model.plain import Plain
from .._restart import cycle
from .._wsman.errors import ShellRefused, WsmanError
from ._base import Applier, ApplyError
from ._system import as_system, must, quoted, require
from .key_folders import folders_at_rest

PRESENT = "present"
PATIENCE, POLL = 60.0, 2.0
"""Seconds in which SessionEnv makes a certificate, and between two looks; it took a few where that was measured."""

LATER = timedelta(minutes=15)
"""When the host begins to remove by itself what a run as SYSTEM left for us to read; longer than that reading takes."""

_RIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "DE": 0x10000, "RC": 0x20000, "WDAC": 0x40000, "WO": 0x80000, "S": 0x100000, "RD": 0x1, "WD": 0x2, "AD": 0x4,
        "REA": 0x8, "WEA": 0x10, "X": 0x20, "DC": 0x40, "RA": 0x80, "WA": 0x100, "GA": 0x10000000, "GE": 0x20000000,
        "GW": 0x40000000, "GR": 0x80000000,
    }
)  # fmt: skip
"""icacls' names of single rights."""

_VERBS = MappingProxyType({"D": ("/remove:d", "/deny"), "A": ("/remove:g", "/grant")})
"""How icacls takes a SID's denials and grants away, and how it adds one."""

_SID = re.compile("S-1-[0-9]{1,15}(-[0-9]{1,10}){0,15}")


def _sid(text: str) -> str:
    """A SID in a line of cmd.exe. Raises ApplyError for what is none."""
    if not _SID.fullmatch(text):
        raise ApplyError(f"{text[:80]!r} is no SID, so nobody's permissions were changed")
    return text


# --- who may read a file: the explicit entries of one SID


def _read_access(host: Host, change: Change) -> Plain:
    descriptor = sddl.parse(_file_sddl(host, change.item))
    wanted = change.after if isinstance(change.after, dict) else {}
    return {sid: descriptor.of(sid) for sid in wanted}


def _file_sddl(host: Host, path: str) -> str:
    """The permissions of a file, seen as SYSTEM where this account may not."""
    try:
        text = host.files.security(path)
    except Hidden:
        return _sddl_as_system(host, path)
    if text is None:
        raise ApplyError(f"{path} does not exist any more; run again")
    return text


def _is_hidden(host: Host, change: Change) -> bool:
    """Whether SYSTEM alone sees the permissions of a file."""
    try:
        host.files.security(change.item)
    except Hidden:
        return True
    return False


def _sddl_as_system(host: Host, path: str) -> str:
    """Icacls saves a DACL in UTF-16 to a file that administrators may read; whether it has a mark there is UNSURE.

    File and task go by one command once the file is read; where that does not come, the task removes both.
    """
    name = f"{NAME}-{uuid.uuid4()}"
    scratch = rf"{host.windows}\Temp\{name}.acl"
    doing = f"read the permissions of {path}"
    try:
        host.shell.open()
    except ShellRefused as refused:
        raise ApplyError(
            f"the permissions of {path} are shown to SYSTEM alone, and reading them from there takes the cmd shell, "
            f"which the host refuses ({refused.message}); grant NETWORK SERVICE read access to that file by hand"
        ) from refused
    line = _save_line(path, scratch, name)
    host.tasks.register(name, Definition(f"winfleet.rdp: {doing}", line, starts=host.now() + LATER))
    try:
        code = host.tasks.run(name)
    finally:
        saved = host.shell.run(_show_line(scratch, name)).stdout
    require(code, doing)
    match = re.search(r"D:\S+", saved.replace(b"\0", b"").decode("utf-8", "replace"))
    if match is None:
        raise ApplyError(f"the permissions of {path} could not be read as SYSTEM either; they are left as they are")
    return match[0]


def _save_line(path: str, scratch: str, task: str) -> str:
    """Save the permissions, or where they were saved before remove what was, and the task that runs this line.

    So it ends without either, whether the host starts it for the first time or after us.
    """
    save = f"icacls {quoted(path)} /save {quoted(scratch)}"
    return f"if exist {quoted(scratch)} ({_gone_line(scratch, task)}) else ({save})"


def _show_line(scratch: str, task: str) -> str:
    return f"type {quoted(scratch)} & {_gone_line(scratch, task)}"


def _gone_line(scratch: str, task: str) -> str:
    return f"del /q {quoted(scratch)} & schtasks /delete /tn {task} /f > nul"


def _write_access(host: Host, change: Change, value: Plain) -> None:
    before = change.before if isinstance(change.before, dict) else {}
    for sid, entries in value.items() if isinstance(value, dict) else ():
        line = _access_line(change.item, sid, str(before.get(sid, "")), str(entries))
        must(host, line, f"set who may read {change.item}")


def _access_line(path: str, sid: str, before: str, after: str) -> str:
    """Of the SID's denials, and of its grants, the explicit ones go where others are wanted, which then come.

    What stays keeps its place. That of one grant among others means nothing: grants add up (MS-DTYP 2.5.3.2).
    """
    steps = (step for kind in _VERBS for step in _steps(kind, _sid(sid), _entries(before, kind), _entries(after, kind)))
    return " && ".join(f"icacls {quoted(path)} {step}" for step in steps)


def _entries(text: str, kind: str) -> list[sddl.Ace]:
    return [ace for ace in sddl.parse(f"D:{text}").aces or () if ace.kind == kind]


def _steps(kind: str, sid: str, before: list[sddl.Ace], after: list[sddl.Ace]) -> Iterator[str]:
    remove, add = _VERBS[kind]
    if before and before != after:
        yield f"{remove} *{sid}"
    if before != after:
        yield from (f'{add} "*{sid}:({_letters(ace.mask)})"' for ace in after)


def _letters(mask: int) -> str:
    simple = {sddl.FILE_READ: "R", sddl.FILE_ALL: "F"}
    return simple.get(mask) or ",".join(name for name, bit in _RIGHTS.items() if mask & bit)


# --- whole DACLs of what administrators may change


def _read_folder(host: Host, change: Change) -> Plain:
    text = host.files.security(change.item)
    return None if text is None else sddl.dacl_of(text)


def _write_folder(host: Host, change: Change, value: Plain) -> None:
    try:
        host.files.set_folder_dacl(change.item, str(value))
    except FileError as error:
        raise _not_ours(error, f"takeown /F {change.item} /A, or the method rename") from error


def _not_ours(error: WsmanError, way: str) -> ApplyError:
    """Administrators see permissions that they may not change: only who owns the object, or becomes that, may."""
    return ApplyError(
        f"{error.message}. Nothing that hangs on it was done; make Administrators its owner first ({way})"
    )


def _read_key(host: Host, change: Change) -> Plain:
    return sddl.dacl_of(host.registry.security(change.item))


def _write_key(host: Host, change: Change, value: Plain) -> None:
    descriptor = sddl.parse(host.registry.security(change.item))
    try:
        host.registry.set_security(change.item, f"O:{descriptor.owner}G:{descriptor.group}{value}")
    except RegistryError as error:
        raise _not_ours(error, "by the permissions of the key in regedit") from error


# --- the listener's certificate and key


def _read_certificate(host: Host, change: Change) -> Plain:
    return None if host.registry.values(change.item) is None else PRESENT


def _delete_certificate(host: Host, change: Change, _value: Plain) -> None:
    try:
        host.registry.delete_key(change.item)
    except RegistryError as error:
        raise _not_ours(error, "by the permissions of the key in regedit") from error


def _names(host: Host, path: str) -> set[str]:
    """Names of the files beside a file, itself included, in lower case."""
    return {file.name.lower() for file in host.files.files(path.rpartition("\\")[0])}


def _read_key_file(host: Host, change: Change) -> Plain:
    return PRESENT if change.item.rpartition("\\")[2].lower() in _names(host, change.item) else None


def _move_key_file(host: Host, change: Change, _value: Plain) -> None:
    """Aside, in the same folder, so that its permissions stay."""
    name = change.item.rpartition("\\")[2]
    taken = _names(host, change.item)
    free = next(f"{name}.old{n or ''}" for n in range(len(taken) + 1) if f"{name}.old{n or ''}".lower() not in taken)
    must(host, _aside_line(change.item, free), f"move {change.item} aside")


def _aside_line(path: str, name: str) -> str:
    """Whether key files have the attribute System is UNSURE; ren finds no file that has it, nor a hidden one."""
    renamed = f"ren {quoted(path)} {quoted(name)}"
    return f"{renamed} || (attrib -s -h {quoted(path)} & {renamed})"


def _read_made(host: Host, _change: Change) -> Plain:
    return _listener_certificate.thumbprint(host)


def _renew(host: Host, change: Change, _value: Plain) -> None:
    """Restart SessionEnv, then wait for the certificate, which comes after the service runs."""
    _restart_session_env(host)
    for _look in range(int(PATIENCE / POLL)):
        host.sleep(POLL)
        if _read_made(host, change) not in (None, change.before):
            return
    raise ApplyError(
        "SessionEnv was restarted and has made no certificate: look for the events 1057 and 1058 of "
        "TerminalServices-RemoteConnectionManager, and at the permissions of MachineKeys and of the certificate's "
        "store. Where the listener is tied to another certificate, Windows may make none: bind a new one, or "
        "untie it by hand"
    )


def _restart_session_env(host: Host) -> None:
    """By one command, since it would stay stopped if the controller were gone in between.

    Windows comes with nothing that depends on it, so who does is asked only where net, which is told not to stop them
    too (/n: net.hlp, SYNTAX), leaves it running and ends with an error.
    """
    if not _run_either_way(host, "net stop SessionEnv /n & net start SessionEnv"):
        return
    dependents = host.services.running_dependents("SessionEnv")
    if not dependents:
        return
    try:
        line = cycle("SessionEnv", dependents)
    except ValueError as error:
        raise ApplyError(
            f"SessionEnv was not restarted, since what depends on it could not be started again ({error}); restart it "
            "by hand"
        ) from error
    _run_either_way(host, line)


def _run_either_way(host: Host, line: str) -> int:
    """The exit code of a line about SessionEnv, run as SYSTEM where the host refuses a shell."""
    try:
        return host.shell.run(line).exit_code
    except ShellRefused:
        return as_system(host, line, "restart SessionEnv")


FILE_ACCESS = Applier(_read_access, _write_access, unseen=_is_hidden, at_rest=folders_at_rest)
FOLDER_DACL = Applier(_read_folder, _write_folder, at_rest=folders_at_rest)
KEY_DACL = Applier(_read_key, _write_key)
CERTIFICATE = Applier(_read_certificate, _delete_certificate)
KEY_FILE = Applier(_read_key_file, _move_key_file)
RENEWAL = Applier(_read_made, _renew, verified=False)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Appliers: permissions, the listener's certificate and key, copies of the key folder. PRIVATE to the collection.

Administrators may neither change nor, from Server 2019 on, see the permissions of the listener's key file, and may not
open keys that are SYSTEM's alone. SYSTEM may: each such step is one line of cmd.exe in a scheduled task that is gone
afterwards, so that a run which is cut off never leaves half of it. Sources: Microsoft Learn, windows-commands (icacls,
robocopy, ren); "Return codes used by the Robocopy utility": 0 is no difference, from 8 on something was not copied.
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
from .._cim.tasks import LIMIT, NAME, TERMINATED, Definition, StillRuns
from .._host import Host
from .._model import sddl
from .._model.change import Change
from .._model.keys import CONTAINER_FILE
from .._model.plain import Plain
from .._wsman.errors import ShellRefused, WsmanError
from .._wsman.quote import quoted_path
from ._base import Applier, ApplyError

PRESENT = "present"
PATIENCE, POLL = 60.0, 2.0
"""Seconds in which SessionEnv makes a certificate, and between two looks; it took a few where that was measured."""

LATER = timedelta(minutes=15)
"""When the host begins to remove by itself what a run as SYSTEM left for us to read; longer than that reading takes."""

FOLDERS = f"{NAME}-keys"
"""The task that copies or renames folders of keys. There is one of them, so that each run sees what another has begun.
"""

GRACE = 300.0
"""Seconds that Windows may take to stop a task after LIMIT: three minutes (Microsoft Learn, ITask::SetMaxRunTime)."""

GOES_ON = (
    f"the task {FOLDERS}, which copies or renames folders of keys, is still at work on the host. It ends by itself, "
    f"after {LIMIT.total_seconds() / 60:.0f} minutes at the latest: roll back or run again then. The journal keeps the "
    "entry until a roll-back has seen what came of it"
)

STOPPED = (
    "it took longer than Windows lets a task run and was stopped. Look why; what it had copied lies in the folder "
    "{part}, which may be deleted"
)
"""What is left where a line was stopped before its end; nothing else has changed while no folder was renamed."""

COPYING = "/B /COPY:DATSO /R:0 /W:0 /NP"
"""By the privileges to back up and restore, with permissions and owners, without trying again."""

IN_THE_WAY = (
    "everything is as it was. Look for a program that has a file there open, for a folder within it, which is not "
    "copied, at the space that is left on the disk, and at the folder's owner, which has to be SYSTEM or "
    "Administrators (takeown /f FOLDER /a makes it so)"
)
"""What keeps a folder of keys from being copied or renamed."""

HALFWAY = (
    "its keys are in {old} now. Roll back this run, which brings them back, or take them from there with state restored"
)
"""Where its name could be neither given to the new folder nor given back."""

MADE_ASIDE = (
    "services have made keys of the same names while those of before were away; {made} has them now, and those of "
    "before are in their place. Restart the services that use them, and delete that folder once none is missed"
)
"""Where two keys have one name, that of before counts: what was encrypted with it can be read with nothing else."""

NOT_BACK = (
    "what was there before is as it was, and {copy} stays. Run again, for a service may have changed a key meanwhile; "
    "look at the space that is left on the disk and at the host's logs where that does not help"
)

FAIL = "cmd /d /c exit 9"
"""Fails within a line, which exit would end."""

QUOTE = '"'

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


def _as_system(host: Host, line: str, doing: str) -> int:
    return host.tasks.run_as_system(line, f"winfleet.rdp: {doing}")


def _on_folders(host: Host, line: str, doing: str) -> int:
    """Run a line that copies or renames folders of keys, which may have a million files, as SYSTEM.

    Raises:
        ApplyError: it is still at work.
    """
    patience = LIMIT.total_seconds() + GRACE
    try:
        return host.tasks.run_as_system(line, f"winfleet.rdp: {doing}", patience, name=FOLDERS)
    except StillRuns as error:
        raise ApplyError(GOES_ON) from error


def _folders_at_rest(host: Host) -> None:
    """Raises ApplyError while an earlier run copies or renames folders of keys: what is there now will not stay."""
    if host.tasks.is_under_way(FOLDERS):
        raise ApplyError(GOES_ON)


LOGS = "look at the host's Application and System logs"


def _must(host: Host, line: str, doing: str, hint: str = LOGS) -> None:
    """Run a line as SYSTEM. Raises ApplyError when it does not end with 0."""
    _require(_as_system(host, line, doing), doing, hint)


def _require(code: int, doing: str, hint: str = LOGS) -> None:
    if code:
        raise ApplyError(f"SYSTEM could not {doing} (exit code {code}); {hint}")


def _quoted(path: str) -> str:
    """A path or name in a line of cmd.exe. Raises ApplyError for one that the line would take for something else."""
    try:
        return quoted_path(path)
    except ValueError as error:
        raise ApplyError(f"{error}; do by hand what is wanted there") from error


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
    _require(code, doing)
    match = re.search(r"D:\S+", saved.replace(b"\0", b"").decode("utf-8", "replace"))
    if match is None:
        raise ApplyError(f"the permissions of {path} could not be read as SYSTEM either; they are left as they are")
    return match[0]


def _save_line(path: str, scratch: str, task: str) -> str:
    """Save the permissions, or where they were saved before remove what was, and the task that runs this line.

    So it ends without either, whether the host starts it for the first time or after us.
    """
    save = f"icacls {_quoted(path)} /save {_quoted(scratch)}"
    return f"if exist {_quoted(scratch)} ({_gone_line(scratch, task)}) else ({save})"


def _show_line(scratch: str, task: str) -> str:
    return f"type {_quoted(scratch)} & {_gone_line(scratch, task)}"


def _gone_line(scratch: str, task: str) -> str:
    return f"del /q {_quoted(scratch)} & schtasks /delete /tn {task} /f > nul"


def _write_access(host: Host, change: Change, value: Plain) -> None:
    before = change.before if isinstance(change.before, dict) else {}
    for sid, entries in value.items() if isinstance(value, dict) else ():
        line = _access_line(change.item, sid, str(before.get(sid, "")), str(entries))
        _must(host, line, f"set who may read {change.item}")


def _access_line(path: str, sid: str, before: str, after: str) -> str:
    """Of the SID's denials, and of its grants, the explicit ones go where others are wanted, which then come.

    What stays keeps its place. That of one grant among others means nothing: grants add up (MS-DTYP 2.5.3.2).
    """
    steps = (step for kind in _VERBS for step in _steps(kind, _sid(sid), _entries(before, kind), _entries(after, kind)))
    return " && ".join(f"icacls {_quoted(path)} {step}" for step in steps)


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
    host.registry.delete_key(change.item)


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
    _must(host, _aside_line(change.item, free), f"move {change.item} aside")


def _aside_line(path: str, name: str) -> str:
    """Whether key files have the attribute System is UNSURE; ren finds no file that has it, nor a hidden one."""
    renamed = f"ren {_quoted(path)} {_quoted(name)}"
    return f"{renamed} || (attrib -s -h {_quoted(path)} & {renamed})"


def _read_made(host: Host, _change: Change) -> Plain:
    return _listener_certificate.thumbprint(host)


def _renew(host: Host, change: Change, _value: Plain) -> None:
    """Restart SessionEnv by one command, since it would stay stopped if the controller were gone in between.

    Then wait for the certificate, which comes after the service runs.
    """
    line = "net stop SessionEnv /y & net start SessionEnv"
    try:
        host.shell.run(line)
    except ShellRefused:
        _as_system(host, line, "restart SessionEnv")
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


# --- copies of the key folder


def _read_copy(host: Host, change: Change) -> Plain:
    _folders_at_rest(host)
    return _source(change) if host.files.exists(change.item) else None


def _source(change: Change) -> str:
    """The folder that a copy is of."""
    return str(change.after or change.before)


def _write_copy(host: Host, change: Change, value: Plain) -> None:
    source, copy = _source(change), change.item
    if value is None:
        doing, made = f"bring the keys in {copy} back and remove it", _free(host, f"{source}_made")
        line = _resumed_line(source, copy, made) if _cut_off(host, copy) else _merge_line(copy, source)
        _require(_on_folders(host, line, doing), doing, NOT_BACK.format(copy=copy))
        _nothing_aside(host, made)
    else:
        doing = f"copy {source} to {copy}"
        code = _on_folders(host, _copy_line(source, copy), doing)
        _require(code, doing, _in_the_way(code, copy))


def _in_the_way(code: int, copy: str) -> str:
    return STOPPED.format(part=f"{copy}.part") if code == TERMINATED else IN_THE_WAY


def _copy_line(source: str, copy: str) -> str:
    """The copy gets its name only when nothing tells it from the source."""
    part = f"{copy}.part"
    named = f"ren {_quoted(part)} {_quoted(_last(copy))} && {_swept(part)}"
    return f"{_staged(source, part)} && {named} || ({_dropped(part)} & exit 9)"


def _staged(source: str, part: str) -> str:
    """All keys go into a folder beside that has the default permissions; the line ends with 0 where they are there.

    A second pass of robocopy compares sizes and times and no permissions (its author on Microsoft's Ask the Directory
    Services Team, 2008: "Robocopy /MIR switch - mirroring file permissions"), so these are compared as well.
    """
    copied = f"robocopy {_quoted(source)} {_quoted(part)} {COPYING}"
    made = f"{_dropped(part)} & mkdir {_quoted(part)} & {default_permissions(part)}"
    return f"{made} & {keeping(part, copied)} & {copied} /L && ({_alike(source, part)})"


def keeping(folder: str, copying: str) -> str:
    """Copy into a folder that keeps its own permissions and owner.

    Whether robocopy gives it those of the folder that it copies from is UNSURE: it is told of the folders that it makes
    and of others. So an empty folder, made before, holds its own, and gives them back the way they would be lost.
    """
    own = f"{folder}.own"
    saved = f"rmdir /s /q {_quoted(own)} & robocopy {_quoted(folder)} {_quoted(own)} {COPYING} /XF *"
    return f"{saved} & {copying} & robocopy {_quoted(own)} {_quoted(folder)} {COPYING} /XX & rmdir /s /q {_quoted(own)}"


def _alike(source: str, part: str) -> str:
    """Ends with 0 where the permissions of all files in two folders read the same, in the language of the host.

    icacls shows neither owners, which are copied and not compared, nor the flags that robocopy may drop (AI) nor, from
    within a folder, its path; NTFS lists names in one order. A source that does not let SYSTEM in is opened to it for
    that long. Listings of before would be alike still where none can be made now.
    """
    seen, wanted = f"{part}.new", f"{part}.old"
    listing, same = _listing(source, wanted), f"fc /b {_quoted(wanted)} {_quoted(seen)}"
    opened = _opened(source, listing, f"{part}.acl")
    return f"{_swept(part)} & {_listing(part, seen)} & {listing} & {same} || ({opened} && {same})"


def _listing(folder: str, file: str) -> str:
    return f"pushd {_quoted(folder)} && (icacls * /c > {_quoted(file)} & popd)"


def _opened(folder: str, line: str, saved: str) -> str:
    """Run a line while SYSTEM may do all in a folder, which it may see to where it, or Administrators, own that."""
    sids = " ".join(f"*{sid}" for sid in sorted(sddl.AS_SYSTEM))
    opened = f'icacls {_quoted(folder)} /remove:d {sids} /grant "*{sddl.SYSTEM}:(F)"'
    closed = f"icacls {_quoted(folder.rpartition(chr(92))[0])} /restore {_quoted(saved)}"
    return f"icacls {_quoted(folder)} /save {_quoted(saved)} && ({opened} & {line} & {closed})"


def _swept(part: str) -> str:
    """Remove what was noted about a folder, and _dropped the folder as well."""
    return f"del /q {_quoted(part)[:-1]}.*{QUOTE}"


def _dropped(part: str) -> str:
    return f"rmdir /s /q {_quoted(part)} & {_swept(part)}"


def _merge_line(copy: str, folder: str) -> str:
    """What is missing comes back, nothing that is there is overwritten; the copy goes when nothing is missing.

    Where something was, all is as it should be once the folder is like one that is made beside it: of the copy, and
    over that of what the folder has.
    """
    wanted = f"{copy}.wanted"
    over = f"robocopy {_quoted(folder)} {_quoted(wanted)} {COPYING} /IS /IT"
    there = f"{_brought(copy, folder)} & {_same(wanted, folder)} && ({_alike(folder, wanted)})"
    merged = f"{_staged(copy, wanted)} && ({keeping(wanted, over)} & {there}) && rmdir /s /q {_quoted(copy)}"
    whole = f"{_lacking(copy, folder)} /L && rmdir /s /q {_quoted(copy)}"
    return f"{whole} || ({merged}) & {_dropped(wanted)} & if exist {_quoted(copy)} exit 9"


def _lacking(source: str, folder: str) -> str:
    """Bring what is missing in a folder there, and overwrite nothing."""
    return f"robocopy {_quoted(source)} {_quoted(folder)} {COPYING} /XC /XN /XO /XX"


def _same(source: str, folder: str) -> str:
    """Ends with 0 where a folder has all files of another, of the same sizes and times."""
    return f"robocopy {_quoted(source)} {_quoted(folder)} {COPYING} /XX /L"


def _last(path: str) -> str:
    return path.rpartition("\\")[2]


def _read_renamed(host: Host, change: Change) -> Plain:
    """A roll-back that was cut off after the old folder had its name again, and before all was in it, is not over."""
    old = str(change.after or change.before)
    _folders_at_rest(host)
    return old if host.files.exists(old) or host.files.exists(f"{old}.since") else None


def _write_renamed(host: Host, change: Change, value: Plain) -> None:
    folder, old = change.item, str(change.after or change.before)
    made = _free(host, f"{folder}_made")
    if value is None:
        doing = f"give {old} its name back"
        _require(_on_folders(host, _back_line(host, folder, old, made), doing), doing)
        _nothing_aside(host, made)
    else:
        doing = f"rename {folder} and bring the keys of others back"
        code = _on_folders(host, _rename_line(folder, old, made), doing)
        _require(code, doing, _left(host, code, old, made) if code else "")


def _left(host: Host, code: int, old: str, made: str) -> str:
    """How a rename that failed has left the folders, and what to do."""
    if host.files.exists(old):
        return HALFWAY.format(old=old)
    return MADE_ASIDE.format(made=made) if host.files.exists(made) else _in_the_way(code, old)


def _free(host: Host, path: str) -> str:
    """The path, or the first with a number after it that nothing has."""
    taken = {found.lower() for found in host.files.folders(path.rpartition("\\")[0])}
    return next(f"{path}{n or ''}" for n in range(len(taken) + 1) if f"{path}{n or ''}".lower() not in taken)


def _nothing_aside(host: Host, made: str) -> None:
    """Raises ApplyError where keys were put aside, which somebody has to know of."""
    if host.files.exists(made):
        raise ApplyError(MADE_ASIDE.format(made=made))


def _rename_line(folder: str, old: str, made: str) -> str:
    """The new folder is made whole beside the old one, without the listener's key; then both change their names.

    What a service writes until then is in the old folder alone, and comes after it. Where the second name does not
    change, such as for a folder that somebody made meanwhile, that one is _retired and the old one gets its name
    back; where it cannot have that, the new folder stays beside it, and tells roll-back so. Without /a, del would pass
    over files with the attribute System, which the key may have.
    """
    part = f"{old}.part"
    without = f"del /f /a /q {_quoted(part)[:-1]}\\{CONTAINER_FILE}*{QUOTE}"
    late = _updating(old, folder, f"/XF {CONTAINER_FILE}*")
    gone = f"{_brought(folder, old)} & {_retired(folder, old, made)}"
    back = f"({gone}) & ren {_quoted(old)} {_quoted(_last(folder))} & {FAIL}"
    swap = f"ren {_quoted(folder)} {_quoted(_last(old))} && (ren {_quoted(part)} {_quoted(_last(folder))} || ({back}))"
    whole = f"{_staged(folder, part)} && {without} && {swap} && ({late}) && {_swept(part)}"
    failed = f"if exist {_quoted(old)} ({_swept(part)}) else ({_dropped(part)})"
    return f"{whole} || (({failed}) & exit 9)"


def _updating(source: str, folder: str, *besides: str) -> str:
    """Bring what is missing in a folder or older there; ends with 0 where nothing is any more."""
    copied = " ".join((f"robocopy {_quoted(source)} {_quoted(folder)} {COPYING} /XX /XO", *besides))
    return f"{keeping(folder, copied)} & {copied} /L"


def default_permissions(folder: str) -> str:
    """Give a folder of machine keys the permissions and the owner that Windows gives it, for a line of cmd.exe."""
    grants = f'"*{sddl.EVERYONE}:(R,W)" "*{sddl.ADMINISTRATORS}:(F)"'
    permissions = f"icacls {_quoted(folder)} /inheritance:r /grant:r {grants}"
    return f"{permissions} & icacls {_quoted(folder)} /setowner *{sddl.SYSTEM}"


def _brought(source: str, folder: str) -> str:
    return keeping(folder, _lacking(source, folder))


def _retired(folder: str, keys: str, made: str) -> str:
    """Delete a folder where all that it has is among the keys; else it has other ones, and is kept by another name."""
    gone = f"{_same(folder, keys)} && rmdir /s /q {_quoted(folder)}"
    return f"{gone} || ren {_quoted(folder)} {_quoted(_last(made))}"


def _back_line(host: Host, folder: str, old: str, made: str) -> str:
    """How a renamed folder gets its name back, from where a run that was cut off has left it."""
    if not host.files.exists(old):
        return _late_line(folder, old, made)
    return _resumed_line(folder, old, made) if _cut_off(host, old) else _unrename_line(folder, old, made)


def _cut_off(host: Host, old: str) -> bool:
    """Whether a run was cut off while no folder had the name: it has left .part or, a roll-back, .since."""
    return host.files.exists(f"{old}.part") or host.files.exists(f"{old}.since")


def _unrename_line(folder: str, old: str, made: str) -> str:
    """What was made or changed since goes into the old folder, the listener's new key included; then that has the name.

    What a service writes until then is in the other folder alone, and comes after it, before that one goes.
    """
    since = f"{old}.since"
    back = f"ren {_quoted(since)} {_quoted(_last(folder))} & {FAIL}"
    swap = f"ren {_quoted(folder)} {_quoted(_last(since))} && (ren {_quoted(old)} {_quoted(_last(folder))} || ({back}))"
    return f"mkdir {_quoted(folder)} & {_updating(folder, old)} && {swap} && ({_late_line(folder, old, made)})"


def _late_line(folder: str, old: str, made: str) -> str:
    """What came late to the folder that gave up the name comes as well, and that folder goes."""
    since = f"{old}.since"
    return f"{_updating(since, folder)} & ({_retired(since, folder, made)})"


def _resumed_line(folder: str, old: str, made: str) -> str:
    """Give the old folder its name after a run that was cut off while nothing had that.

    The old folder has all keys but those that came late to .since. A folder of the name has none of them: services have
    made keys anew there since the host came up again, some under the names of those that they missed and that what they
    keep was encrypted with. .part goes last, since it tells that it is so.
    """
    part, since = f"{old}.part", f"{old}.since"
    told = f"if exist {_quoted(since)} ren {_quoted(since)} {_quoted(_last(part))}"
    anew = f"if exist {_quoted(folder)} ({_brought(folder, old)} & ({_retired(folder, old, made)}))"
    named = f"ren {_quoted(old)} {_quoted(_last(folder))} && ({_dropped(part)})"
    return f"({told}) & {_updating(part, old)} && (({anew}) & {named})"


FILE_ACCESS = Applier(_read_access, _write_access, unseen=_is_hidden)
FOLDER_DACL = Applier(_read_folder, _write_folder)
KEY_DACL = Applier(_read_key, _write_key)
CERTIFICATE = Applier(_read_certificate, _delete_certificate)
KEY_FILE = Applier(_read_key_file, _move_key_file)
RENEWAL = Applier(_read_made, _renew, verified=False)
KEY_COPY = Applier(_read_copy, _write_copy)
KEY_FOLDER = Applier(_read_renamed, _write_renamed)

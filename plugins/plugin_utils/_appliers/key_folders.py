# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Appliers: copies of the folder of keys, and its rename. PRIVATE to the collection.

Each is one line of cmd.exe that SYSTEM runs, so that a run which is cut off never leaves half of it. Sources: Microsoft
Learn, windows-commands (icacls, robocopy, ren); "Return codes used by the Robocopy utility": 0 is no difference, from 8
on something was not copied.
"""

from __future__ import annotations

from .._cim.tasks import LIMIT, TERMINATED, StillRuns
from .._host import Host
from .._model import sddl
from .._model.change import Change
from .._model.keys import CONTAINER_FILE, FOLDERS, GOES_ON
from .._model.plain import Plain
from ._base import Applier, ApplyError
from ._system import must, quoted, require

GRACE = 300.0
"""Seconds that Windows may take to stop a task after LIMIT: three minutes (Microsoft Learn, ITask::SetMaxRunTime)."""

STOPPED = (
    "it took longer than Windows lets a task run and was stopped. Look why; what it had copied lies in the folder "
    "{part}, which goes when this run is rolled back"
)
"""What is left where a line was stopped before its end; nothing else has changed while no folder was renamed."""

OPENED = (
    "MachineKeys may have an entry more, which lets SYSTEM do all there, and lack what denied it something. Roll back "
    "this run, which tries again"
)

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


def _on_folders(host: Host, line: str, doing: str, beside: str) -> int:
    """Run a line that copies or renames folders of keys, which may have a million files, as SYSTEM.

    Where Windows stops it, the access that it may have had SYSTEM given meanwhile is taken back, see _opened; C(beside)
    is the folder by whose name the permissions of before are kept.

    Raises:
        ApplyError: it is still at work, or that access could not be taken back.
    """
    patience = LIMIT.total_seconds() + GRACE
    try:
        code = host.tasks.run_as_system(line, f"winfleet.rdp: {doing}", patience, name=FOLDERS)
    except StillRuns as error:
        raise ApplyError(GOES_ON) from error
    if code == TERMINATED:
        must(host, _closed(beside), "take its access back to a folder of keys that a line was stopped in", OPENED)
    return code


def folders_at_rest(host: Host) -> None:
    """Raises ApplyError while an earlier run copies or renames folders of keys: what is there now will not stay."""
    if host.tasks.is_under_way(FOLDERS):
        raise ApplyError(GOES_ON)


def _read_copy(host: Host, change: Change) -> Plain:
    folders_at_rest(host)
    return _source(change) if host.files.exists(change.item) else None


def _copy_cut_short(host: Host, change: Change) -> bool:
    return host.files.exists(f"{change.item}.part")


def _source(change: Change) -> str:
    """The folder that a copy is of."""
    return str(change.after or change.before)


def _write_copy(host: Host, change: Change, value: Plain) -> None:
    source, copy = _source(change), change.item
    if value is None:
        doing, made = f"bring the keys in {copy} back and remove it", _free(host, f"{source}_made")
        line, beside = _copy_back(host, source, copy, made)
        require(_on_folders(host, line, doing, beside), doing, NOT_BACK.format(copy=copy))
        _nothing_aside(host, made)
    else:
        doing = f"copy {source} to {copy}"
        code = _on_folders(host, _copy_line(source, copy), doing, f"{copy}.part")
        require(code, doing, _in_the_way(code, copy))


def _copy_back(host: Host, source: str, copy: str, made: str) -> tuple[str, str]:
    """The line that undoes a copy, from where a run that was cut off has left it, and what it may open a folder for."""
    if not host.files.exists(copy):
        return _given_up_line(f"{copy}.part"), f"{copy}.part"
    if _cut_off(host, copy):
        return _resumed_line(source, copy, made), _compared(copy)
    return _merge_line(copy, source), f"{copy}.wanted"


def _in_the_way(code: int, copy: str) -> str:
    return STOPPED.format(part=f"{copy}.part") if code == TERMINATED else IN_THE_WAY


def _copy_line(source: str, copy: str) -> str:
    """The copy gets its name only when nothing tells it from the source."""
    part = f"{copy}.part"
    named = f"({_swept(part)} & ren {quoted(part)} {quoted(_last(copy))})"
    return f"{_staged(source, part)} && {named} || ({_dropped(part)} & exit 9)"


def _staged(source: str, part: str) -> str:
    """All keys go into a folder beside that has the default permissions; the line ends with 0 where they are there.

    A second pass of robocopy compares sizes and times and no permissions (its author on Microsoft's Ask the Directory
    Services Team, 2008: "Robocopy /MIR switch - mirroring file permissions"), so these are compared as well.
    """
    copied = f"robocopy {quoted(source)} {quoted(part)} {COPYING}"
    made = f"{_dropped(part)} & mkdir {quoted(part)} & {default_permissions(part)}"
    return f"{made} & {keeping(part, copied)} & {copied} /L && ({_alike(source, part)})"


def keeping(folder: str, copying: str) -> str:
    """Copy into a folder that keeps its own permissions and owner.

    Whether robocopy gives it those of the folder that it copies from is UNSURE: it is told of the folders that it makes
    and of others. So an empty folder, made before, holds its own, and gives them back the way they would be lost.
    """
    own = _own(folder)
    saved = f"rmdir /s /q {quoted(own)} & robocopy {quoted(folder)} {quoted(own)} {COPYING} /XF *"
    return f"{saved} & {copying} & robocopy {quoted(own)} {quoted(folder)} {COPYING} /XX & rmdir /s /q {quoted(own)}"


def _own(folder: str) -> str:
    return f"{folder}.own"


def _alike(source: str, part: str) -> str:
    """Ends with 0 where the permissions of all files in two folders read the same, in the language of the host.

    icacls shows neither owners, which are copied and not compared, nor the flags that robocopy may drop (AI) nor, from
    within a folder, its path; NTFS lists names in one order. A source that does not let SYSTEM in is opened to it for
    that long, see _opened. Listings of before would be alike still where none can be made now.
    """
    seen, wanted = f"{part}.new", f"{part}.old"
    listing, same = _listing(source, wanted), f"fc /b {quoted(wanted)} {quoted(seen)}"
    opened = _opened(source, listing, part)
    return f"{_swept(part)} & {_listing(part, seen)} & {listing} & {same} || ({opened} && {same})"


def _listing(folder: str, file: str) -> str:
    return f"pushd {quoted(folder)} && (icacls * /c > {quoted(file)} & popd)"


def _opened(folder: str, line: str, part: str) -> str:
    """Run a line while SYSTEM may do all in a folder, which it may see to where it, or Administrators, own that.

    What permissions it had is kept beside until it has them again, for whoever finds it open, see _closed.
    """
    sids = " ".join(f"*{sid}" for sid in sorted(sddl.AS_SYSTEM))
    opened = f'icacls {quoted(folder)} /remove:d {sids} /grant "*{sddl.SYSTEM}:(F)"'
    return f"icacls {quoted(folder)} /save {quoted(_saved(part))} && ({opened} & {line} & {_closed(part)})"


def _saved(part: str) -> str:
    """Where they are kept: under a name that _swept does not take."""
    return f"{part}-acl"


def _closed(part: str) -> str:
    """Give a folder that was _opened its permissions back, and forget them only then; nothing where none was."""
    saved = quoted(_saved(part))
    restored = f"icacls {quoted(part.rpartition(chr(92))[0])} /restore {saved}"
    return f"(if exist {saved} ({restored} && del /q {saved}))"


def _swept(part: str) -> str:
    """Remove what was noted about a folder, and _dropped the folder as well; what was opened for it is closed first."""
    return f"({_closed(part)} & del /q {quoted(part)[:-1]}.*{QUOTE})"


def _given_up_line(part: str) -> str:
    """Take away what a line had copied that was stopped; fails while the folder that it may have opened is open."""
    return f"{_dropped(part)} & if exist {quoted(_saved(part))} exit 9"


def _dropped(part: str) -> str:
    return f"rmdir /s /q {quoted(part)} & rmdir /s /q {quoted(_own(part))} & {_swept(part)}"


def _merge_line(copy: str, folder: str) -> str:
    """What is missing comes back, nothing that is there is overwritten; the copy goes when nothing is missing.

    Where something was, all is as it should be once the folder is like one that is made beside it: of the copy, and
    over that of what the folder has.
    """
    wanted = f"{copy}.wanted"
    over = f"robocopy {quoted(folder)} {quoted(wanted)} {COPYING} /IS /IT"
    there = f"{_brought(copy, folder)} & {_same(wanted, folder)} && ({_alike(folder, wanted)})"
    merged = f"{_staged(copy, wanted)} && ({keeping(wanted, over)} & {there}) && rmdir /s /q {quoted(copy)}"
    whole = f"{_closed(wanted)} & {_lacking(copy, folder)} /L && rmdir /s /q {quoted(copy)}"
    return f"{whole} || ({merged}) & {_dropped(wanted)} & if exist {quoted(copy)} exit 9"


def _lacking(source: str, folder: str) -> str:
    """Bring what is missing in a folder there, and overwrite nothing."""
    return f"robocopy {quoted(source)} {quoted(folder)} {COPYING} /XC /XN /XO /XX"


def _same(source: str, folder: str) -> str:
    """Ends with 0 where a folder has all files of another, of the same sizes and times."""
    return f"robocopy {quoted(source)} {quoted(folder)} {COPYING} /XX /L"


def _last(path: str) -> str:
    return path.rpartition("\\")[2]


def _read_renamed(host: Host, change: Change) -> Plain:
    """A roll-back that was cut off after the old folder had its name again, and before all was in it, is not over."""
    old = str(change.after or change.before)
    folders_at_rest(host)
    return old if host.files.exists(old) or host.files.exists(f"{old}.since") else None


def _rename_cut_short(host: Host, change: Change) -> bool:
    return host.files.exists(f"{change.after or change.before}.part")


def _write_renamed(host: Host, change: Change, value: Plain) -> None:
    folder, old = change.item, str(change.after or change.before)
    made = _free(host, f"{folder}_made")
    if value is None:
        doing = f"give {old} its name back"
        require(_on_folders(host, _back_line(host, folder, old, made), doing, _compared(old)), doing)
        _nothing_aside(host, made)
    else:
        doing = f"rename {folder} and bring the keys of others back"
        code = _on_folders(host, _rename_line(folder, old, made), doing, f"{old}.part")
        require(code, doing, _left(host, code, old, made) if code else "")


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
    without = f"del /f /a /q {quoted(part)[:-1]}\\{CONTAINER_FILE}*{QUOTE}"
    late = _updating(old, folder, f"/XF {CONTAINER_FILE}*")
    gone = f"{_brought(folder, old)} & {_retired(folder, old, made)}"
    back = f"({gone}) & ren {quoted(old)} {quoted(_last(folder))} & {FAIL}"
    swap = f"ren {quoted(folder)} {quoted(_last(old))} && (ren {quoted(part)} {quoted(_last(folder))} || ({back}))"
    whole = f"{_staged(folder, part)} && {without} && ({_swept(part)} & {swap}) && ({late})"
    failed = f"if exist {quoted(old)} ({_swept(part)}) else ({_dropped(part)})"
    return f"{whole} || (({failed}) & exit 9)"


def _updating(source: str, folder: str, *besides: str) -> str:
    """Bring what is missing in a folder or older there; ends with 0 where nothing is any more."""
    copied = " ".join((_newer(source, folder), *besides))
    return f"{keeping(folder, copied)} & {copied} /L"


def _newer(source: str, folder: str) -> str:
    return f"robocopy {quoted(source)} {quoted(folder)} {COPYING} /XX /XO"


def default_permissions(folder: str) -> str:
    """Give a folder of machine keys the permissions and the owner that Windows gives it, for a line of cmd.exe."""
    grants = f'"*{sddl.EVERYONE}:(R,W)" "*{sddl.ADMINISTRATORS}:(F)"'
    permissions = f"icacls {quoted(folder)} /inheritance:r /grant:r {grants}"
    return f"{permissions} & icacls {quoted(folder)} /setowner *{sddl.SYSTEM}"


def _brought(source: str, folder: str) -> str:
    return keeping(folder, _lacking(source, folder))


def _retired(folder: str, keys: str, made: str) -> str:
    """Delete a folder where all that it has is among the keys; else it has other ones, and is kept by another name."""
    gone = f"{_same(folder, keys)} && rmdir /s /q {quoted(folder)}"
    return f"{gone} || ren {quoted(folder)} {quoted(_last(made))}"


def _back_line(host: Host, folder: str, old: str, made: str) -> str:
    """How a renamed folder gets its name back, from where a run that was cut off has left it."""
    if not host.files.exists(old):
        cut_short = not host.files.exists(f"{old}.since")
        return _given_up_line(f"{old}.part") if cut_short else _late_line(folder, old, made)
    return _resumed_line(folder, old, made) if _cut_off(host, old) else _unrename_line(folder, old, made)


def _cut_off(host: Host, old: str) -> bool:
    """Whether a run was cut off while no folder had the name: it has left .part or, a roll-back, .since."""
    return host.files.exists(f"{old}.part") or host.files.exists(f"{old}.since")


def _unrename_line(folder: str, old: str, made: str) -> str:
    """What was made or changed since goes into the old folder, the listener's new key included; then that has the name.

    What a service writes until then is in the other folder alone, and comes after it, before that one goes.
    """
    since = f"{old}.since"
    back = f"ren {quoted(since)} {quoted(_last(folder))} & {FAIL}"
    swap = f"ren {quoted(folder)} {quoted(_last(since))} && (ren {quoted(old)} {quoted(_last(folder))} || ({back}))"
    moved = f"{_dropped(_compared(old))} & {swap} && ({_late_line(folder, old, made)})"
    whole = f"{_following(folder, old)} && ({moved})"
    return f"mkdir {quoted(folder)} & {whole} || (({_dropped(_compared(old))}) & exit 9)"


def _compared(old: str) -> str:
    """The folder in which the keys of two folders are compared, beside the old one."""
    return f"{old}.now"


def _following(source: str, old: str) -> str:
    """What a folder has goes into the old one as it is now, permissions included; ends with 0 where all is there.

    The old one has other keys as well, so those that both have are copied from it over a copy of the other folder's,
    and what that makes of these is compared (/XL leaves out what the target lacks: Microsoft Learn, robocopy).
    """
    now = _compared(old)
    given = f"{keeping(old, f'{_newer(source, old)} /IS /IT')} & {_newer(source, old)} /L"
    copied = f"robocopy {quoted(source)} {quoted(now)} {COPYING}"
    over = f"robocopy {quoted(old)} {quoted(now)} {COPYING} /XL /IS /IT"
    made = f"{_dropped(now)} & mkdir {quoted(now)} & {keeping(now, f'{copied} & {over}')}"
    return f"{given} && ({made} & {_alike(source, now)})"


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
    told = f"if exist {quoted(since)} ren {quoted(since)} {quoted(_last(part))}"
    anew = f"if exist {quoted(folder)} ({_brought(folder, old)} & ({_retired(folder, old, made)}))"
    named = f"{_dropped(_compared(old))} & ren {quoted(old)} {quoted(_last(folder))} && ({_dropped(part)})"
    return f"({told}) & {_following(part, old)} && (({anew}) & {named})"


KEY_COPY = Applier(_read_copy, _write_copy, cut_short=_copy_cut_short)
KEY_FOLDER = Applier(_read_renamed, _write_renamed, cut_short=_rename_cut_short)

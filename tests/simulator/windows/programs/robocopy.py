# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""robocopy (Microsoft Learn, Windows commands; "Return codes used by the Robocopy utility").

Exit codes are bits: 1 copied, 2 extra files in the target, 8 could not be copied, 16 nothing could be done. ``/B``
reads and writes by the privileges to back up and restore, whatever the permissions say. A file with the same content
counts as the same, whatever its permissions are; another is newer, older or, where it was written at the same time,
changed.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace

from tests.simulator.windows import cmd
from tests.simulator.windows.files import ADD_FILE, READ_DATA, Entry, FileError, has_privileges
from tests.simulator.windows.programs.base import Context
from tests.simulator.windows.security import READ_CONTROL

COPIED, EXTRA, FAILED, FATAL = 1, 2, 8, 16
FLAGS = frozenset(
    {"/b", "/zb", "/e", "/s", "/l", "/np", "/njh", "/njs", "/nfl", "/ndl", "/nc", "/ns", "/fp", "/v", "/bytes", "/x",
     "/is", "/it", "/copyall", "/mir", "/purge", "/j", "/sec", "/xx", "/xc", "/xn", "/xo", "/xl"}
)  # fmt: skip
NUMBERS = re.compile(r"/(r|w|mt|lev):?\d*")
VALUES = re.compile(r"/(copy|dcopy):([a-zA-Z]+)")


@dataclass(frozen=True)
class Job:
    """What a command line asks for."""

    source: str
    target: str
    patterns: tuple[str, ...]
    flags: frozenset[str]
    copy: str
    excluded: tuple[str, ...] = ()

    @property
    def backup(self) -> bool:
        return bool({"/b", "/zb"} & self.flags)


def robocopy(context: Context, arguments: list[str]) -> cmd.Output:
    """Copy a folder."""
    job = _job(arguments)
    if job is None:
        return context.fail(FATAL, "invalid_syntax")
    if job.backup and not has_privileges(context.token):
        return context.fail(FATAL, "file_error", 5)
    source = context.windows.files.find(job.source)
    if source is None:
        return context.fail(FATAL, "file_error", 2)
    return _run(context, job, source)


def _job(arguments: list[str]) -> Job | None:
    arguments, excluded = _exclusions(arguments)
    words = [argument for argument in arguments if not argument.startswith("/")]
    given = [argument.lower() for argument in arguments if argument.startswith("/")]
    known = [item for item in given if item in FLAGS or NUMBERS.fullmatch(item) or VALUES.fullmatch(item)]
    if len(words) < 2 or known != given:
        return None
    copy = next((item.partition(":")[2] for item in given if item.startswith("/copy:")), "dat")
    everything = {"/copyall", "/sec"} & set(given)
    return Job(words[0].rstrip("\\"), words[1].rstrip("\\"), tuple(words[2:]) or ("*",), frozenset(given),
               "datsou" if everything else copy, excluded)  # fmt: skip


def _exclusions(arguments: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """The arguments without /XF and the patterns after it, which end at the next option; and those patterns."""
    start = next((i for i, argument in enumerate(arguments) if argument.lower() == "/xf"), len(arguments))
    rest = arguments[start + 1 :]
    end = next((i for i, argument in enumerate(rest) if argument.startswith("/")), len(rest))
    return arguments[:start] + rest[end:], tuple(rest[:end])


def _run(context: Context, job: Job, source: Entry) -> cmd.Output:
    code, lines = 0, []
    wanted = [entry for entry in _files(context, job) if _wanted(context, job, entry)]
    try:
        if "/l" not in job.flags:
            _make_target(context, job, source)
    except FileError as error:
        return context.fail(FATAL, "file_error", error.code)
    for entry in wanted:
        result = _copy(context, job, entry)
        code |= result
        lines.append(f"\t{'*FAILED*' if result & FAILED else 'New File' if result else 'same'}\t{entry.path}\r\n")
    if _extra(context, job):
        code |= EXTRA
    return cmd.Output("".join(lines), code=code)


def _wanted(context: Context, job: Job, entry: Entry) -> bool:
    """Whether the patterns take a file, and /XC, /XN, /XO and /XL leave it."""
    old = context.windows.files.find(_place(job, entry))
    if old is None and "/xl" in job.flags:
        return False
    if old is not None and old.content != entry.content and _kind(entry, old) in job.flags:
        return False
    named = any(_fits(entry, pattern) for pattern in job.patterns)
    return named and not any(_fits(entry, pattern) for pattern in job.excluded)


def _kind(entry: Entry, old: Entry) -> str:
    """The option that leaves a file out which differs from that of the target."""
    return "/xc" if entry.written == old.written else "/xn" if entry.written > old.written else "/xo"


def _fits(entry: Entry, pattern: str) -> bool:
    return fnmatch.fnmatch(entry.name.lower(), pattern.lower().replace("*.*", "*"))


def _files(context: Context, job: Job) -> list[Entry]:
    files = context.windows.files
    deep = {"/e", "/s", "/mir"} & job.flags
    entries = files.tree(job.source) if deep else files.below(job.source)
    return [entry for entry in entries if not entry.folder]


def _place(job: Job, entry: Entry) -> str:
    return job.target + entry.path[len(job.source) :]


def _make_target(context: Context, job: Job, source: Entry) -> None:
    """Make the target folder, and give it the permissions of the source as a switch says."""
    files, taken = context.windows.files, context.windows.switches["robocopy_folder"]
    made = files.find(job.target) is None
    if made:
        files.make_folder(job.target, context.token)
    if "s" in job.copy and (taken == "always" or (made and taken == "when_made")):
        owner = source if "o" in job.copy else files.existing(job.target)
        files.set_descriptor(job.target, replace(source.descriptor, owner=owner.descriptor.owner))


def _copy(context: Context, job: Job, entry: Entry) -> int:
    files = context.windows.files
    old = files.find(_place(job, entry))
    if old is not None and old.content == entry.content and not {"/is", "/it"} & job.flags:
        return 0
    needed = READ_DATA | (READ_CONTROL if "s" in job.copy else 0)
    if files.full or not (job.backup or _allowed(context, job, entry, needed)):
        return FAILED
    if "/l" not in job.flags:
        folder = files.existing(job.target)
        kept = entry.descriptor if "s" in job.copy else files.new_descriptor(folder, context.token)
        owner = entry.descriptor.owner if "o" in job.copy else files.new_descriptor(folder, context.token).owner
        files.put(replace(entry, path=_place(job, entry), descriptor=replace(kept, owner=owner)))
    return COPIED


def _allowed(context: Context, job: Job, entry: Entry, needed: int) -> bool:
    target = context.windows.files.find(job.target)
    writable = target is None or target.descriptor.allows(context.token, ADD_FILE)
    return writable and entry.descriptor.allows(context.token, needed)


def _extra(context: Context, job: Job) -> bool:
    """Whether the target has files that the source lacks; /MIR and /PURGE remove them."""
    files = context.windows.files
    names = {entry.name.lower() for entry in files.below(job.source)}
    extra = [entry for entry in files.below(job.target) if entry.name.lower() not in names]
    if {"/mir", "/purge"} & job.flags and "/l" not in job.flags:
        for entry in extra:
            files.remove(entry.path)
    return bool(extra) and "/xx" not in job.flags

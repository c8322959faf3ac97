# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file commands of cmd.exe: dir, type, copy, move, ren, del, mkdir, rmdir; fc and attrib. They end with 0 or 1.

dir and del pass over files with the attribute System unless asked for all with /a (Microsoft Learn, windows-commands);
ren, which cannot be asked, finds none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulator.windows import cmd
from tests.simulator.windows.files import FILE_NOT_FOUND, READ_DATA, Entry, FileError, parent
from tests.simulator.windows.programs.base import Context, Program, options

LIST_DIRECTORY, WRITE_ATTRIBUTES = 0x1, 0x100


def _guarded(act: Callable[[Context, list[str], dict[str, str]], cmd.Output], least: int) -> Program:
    """A command that needs ``least`` words and ends with 1 when the file system refuses."""

    def run(context: Context, arguments: list[str]) -> cmd.Output:
        words, given = options(arguments)
        if len(words) < least:
            return context.fail(1, "invalid_syntax")
        try:
            return act(context, [word.rstrip("\\") for word in words], given)
        except FileError as error:
            return context.fail(1, "file_error", error.code)

    return run


def _found(context: Context, pattern: str) -> list[Entry]:
    entries = context.windows.files.matching(pattern)
    if not entries:
        raise FileError(FILE_NOT_FOUND, pattern)
    return entries


def _dir(context: Context, words: list[str], given: dict[str, str]) -> cmd.Output:
    path = words[0] if words else "C:"
    folder = not set("*?") & set(path) and context.windows.files.existing(path).folder
    if folder:
        context.windows.files.demand(path, context.token, LIST_DIRECTORY)
    entries = context.windows.files.below(path) if folder else _found(context, path)
    wanted = [entry for entry in entries if _listed(entry, given)]
    if not wanted:
        raise FileError(FILE_NOT_FOUND, path)
    if "/b" in given:
        return cmd.Output("".join(f"{entry.name}\r\n" for entry in wanted))
    return cmd.Output(context.say("directory_of", path) + "".join(_line(entry) for entry in wanted))


def _shown(entry: Entry, given: dict[str, str]) -> bool:
    return not entry.system or any(option.startswith("/a") for option in given)


def _listed(entry: Entry, given: dict[str, str]) -> bool:
    if not _shown(entry, given):
        return False
    return not ("/ad" in given and not entry.folder) and not ("/a-d" in given and entry.folder)


def _line(entry: Entry) -> str:
    return f"2026-01-15  08:00    {'<DIR>         ' if entry.folder else f'{entry.size:14}'} {entry.name}\r\n"


def _type(context: Context, words: list[str], _given: dict[str, str]) -> cmd.Output:
    text = ""
    for entry in _found(context, words[0]):
        context.windows.files.demand(entry.path, context.token, READ_DATA)
        marked = not entry.wide or context.windows.switches["icacls_file_has_mark"]
        text += entry.content if marked else "".join(char + "\0" for char in entry.content)
    return cmd.Output(text)


def _copy(context: Context, words: list[str], _given: dict[str, str]) -> cmd.Output:
    entries = [entry for entry in _found(context, words[0]) if not entry.folder]
    for entry in entries:
        context.windows.files.copy(entry.path, _into(context, words[1], entry), context.token)
    return context.done("files_copied", len(entries))


def _move(context: Context, words: list[str], _given: dict[str, str]) -> cmd.Output:
    entries = _found(context, words[0])
    for entry in entries:
        context.windows.files.move(entry.path, _into(context, words[1], entry), context.token)
    return context.done("files_moved", len(entries))


def _into(context: Context, target: str, entry: Entry) -> str:
    """The target, or the place in it when it is a folder."""
    there = context.windows.files.find(target)
    return f"{target}\\{entry.name}" if there is not None and there.folder else target


def _ren(context: Context, words: list[str], _given: dict[str, str]) -> cmd.Output:
    if "\\" in words[1]:
        return context.fail(1, "invalid_syntax")
    if not _shown(context.windows.files.existing(words[0]), {}):
        raise FileError(FILE_NOT_FOUND, words[0])
    context.windows.files.move(words[0], f"{parent(words[0])}\\{words[1]}", context.token)
    return cmd.Output()


def _del(context: Context, words: list[str], given: dict[str, str]) -> cmd.Output:
    """A file that cannot be deleted leaves the exit code 0, as del does."""
    try:
        entries = [entry for entry in context.windows.files.matching(words[0]) if not entry.folder]
        entries = [entry for entry in entries if _shown(entry, given)]
    except FileError as error:
        return cmd.Output(stderr=context.say("file_error", error.code))
    text = ""
    for entry in entries:
        try:
            context.windows.files.delete(entry.path, context.token)
        except FileError as error:
            text += context.say("file_error", error.code)
    return cmd.Output(stderr=text)


def _attrib(context: Context, arguments: list[str]) -> cmd.Output:
    """``attrib -s -h FILE``: set and clear System; Hidden is taken and means nothing here."""
    changes = [argument.lower() for argument in arguments if argument.lower() in ("+s", "-s", "+h", "-h")]
    paths = [argument for argument in arguments if argument.lower() not in changes]
    try:
        for path in paths:
            entry = context.windows.files.demand(path, context.token, WRITE_ATTRIBUTES)
            context.windows.files.put(replace(entry, system=_last(changes, entry.system)))
    except FileError as error:
        return context.fail(1, "file_error", error.code)
    return cmd.Output()


def _last(changes: list[str], before: bool) -> bool:
    return next((change[0] == "+" for change in reversed(changes) if change[1] == "s"), before)


def _fc(context: Context, words: list[str], _given: dict[str, str]) -> cmd.Output:
    """Compare two files: 0 alike, 1 different, 2 where one cannot be read."""
    try:
        texts = [context.windows.files.demand(word, context.token, READ_DATA).content for word in words[:2]]
    except FileError as error:
        return context.fail(2, "file_error", error.code)
    return cmd.Output(code=int(texts[0] != texts[1]))


def _mkdir(context: Context, words: list[str], _given: dict[str, str]) -> cmd.Output:
    for word in words:
        context.windows.files.make_folder(word, context.token)
    return cmd.Output()


def _rmdir(context: Context, words: list[str], given: dict[str, str]) -> cmd.Output:
    context.windows.files.delete(words[0], context.token, recursive="/s" in given)
    return cmd.Output()


FILE_COMMANDS: dict[str, Program] = {
    "dir": _guarded(_dir, 0), "type": _guarded(_type, 1), "copy": _guarded(_copy, 2), "move": _guarded(_move, 2),
    "ren": _guarded(_ren, 2), "rename": _guarded(_ren, 2), "del": _guarded(_del, 1), "erase": _guarded(_del, 1),
    "mkdir": _guarded(_mkdir, 1), "md": _guarded(_mkdir, 1), "rmdir": _guarded(_rmdir, 1), "rd": _guarded(_rmdir, 1),
    "fc": _guarded(_fc, 2), "attrib": _attrib,
}  # fmt: skip

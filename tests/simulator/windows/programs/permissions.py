# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""icacls and takeown (Microsoft Learn, Windows commands). Exit codes are Win32 errors; 1332 is an unknown account."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tests.simulator.windows import cmd
from tests.simulator.windows.files import (
    ACCESS_DENIED,
    FILE_NOT_FOUND,
    INVALID_PARAMETER,
    Entry,
    FileError,
    has_privileges,
    owner_of,
    parent,
)
from tests.simulator.windows.programs.base import Context, options
from tests.simulator.windows.security import (
    ACCOUNT_NAMES,
    ACE_FLAGS,
    DACL_PROTECTED,
    READ_CONTROL,
    WRITE_DAC,
    WRITE_OWNER,
    Ace,
    InvalidDescriptor,
    SecurityDescriptor,
    is_sid,
)

NO_SUCH_ACCOUNT = 1332
LIST_DIRECTORY = 0x1
SIMPLE = {"N": 0, "F": 0x1F01FF, "M": 0x1301BF, "RX": 0x1200A9, "R": 0x120089, "W": 0x100116, "D": 0x110000}
SPECIFIC = {
    "DE": 0x10000, "RC": 0x20000, "WDAC": 0x40000, "WO": 0x80000, "S": 0x100000, "AS": 0x1000000, "MA": 0x2000000,
    "GR": 0x80000000, "GW": 0x40000000, "GE": 0x20000000, "GA": 0x10000000, "RD": 1, "WD": 2, "AD": 4, "REA": 8,
    "WEA": 0x10, "X": 0x20, "DC": 0x40, "RA": 0x80, "WA": 0x100,
}  # fmt: skip
Change = Callable[[SecurityDescriptor], SecurityDescriptor]


class UnknownAccount(Exception):
    """A name that the host does not know."""


class Usage(Exception):
    """Arguments that the program does not take."""


def icacls(context: Context, arguments: list[str]) -> cmd.Output:
    """Show, save, restore and change the permissions of files and folders."""
    if not arguments or arguments[0].startswith("/"):
        return context.fail(INVALID_PARAMETER, "invalid_parameter", " ".join(arguments))
    try:
        return _dispatch(context, arguments[0], arguments[1:])
    except FileError as error:
        failed = context.say("icacls_summary", 0, 1)
        return cmd.Output(failed, f"{arguments[0]}: {context.say('file_error', error.code)}", error.code)
    except UnknownAccount as error:
        return context.fail(NO_SUCH_ACCOUNT, "no_account", error)
    except (Usage, InvalidDescriptor) as error:
        return context.fail(INVALID_PARAMETER, "invalid_parameter", error)


def _dispatch(context: Context, target: str, arguments: list[str]) -> cmd.Output:
    verbs = [argument.lower() for argument in arguments]
    recursive = "/t" in verbs
    if "/save" in verbs:
        return _save(context, target, _operand(arguments, verbs, "/save"), recursive)
    if "/restore" in verbs:
        return _restore(context, target, _operand(arguments, verbs, "/restore"))
    entries = _entries(context, target, recursive)
    if "/setowner" in verbs:
        owner = _sid(context, _operand(arguments, verbs, "/setowner"))
        return _each(context, entries, lambda entry: _set_owner(context, entry, owner))
    changes = _changes(context, arguments)
    if not changes:
        return _show(context, entries, "/c" in verbs, "" if "\\" in target else context.folder)
    return _each(context, entries, lambda entry: _apply(context, entry, changes))


def _operand(arguments: list[str], verbs: list[str], verb: str) -> str:
    place = verbs.index(verb) + 1
    if place >= len(arguments):
        raise Usage(verb)
    return arguments[place]


def _entries(context: Context, target: str, recursive: bool) -> list[Entry]:
    files = context.windows.files
    found = files.matching(context.resolved(target))
    if set("*?") & set(target):
        files.demand(parent(context.resolved(target)), context.token, LIST_DIRECTORY)
    if not found:
        raise FileError(FILE_NOT_FOUND, target)
    return [item for entry in found for item in files.tree(entry.path)] if recursive else found


def _each(context: Context, entries: list[Entry], act: Callable[[Entry], None]) -> cmd.Output:
    for entry in entries:
        act(entry)
    lines = "".join(context.say("icacls_processed", entry.path) for entry in entries)
    return cmd.Output(lines + context.say("icacls_summary", len(entries), 0))


def _apply(context: Context, entry: Entry, changes: list[Change]) -> None:
    context.windows.files.demand(entry.path, context.token, READ_CONTROL | WRITE_DAC)
    new = entry.descriptor
    for change in changes:
        new = change(new)
    context.windows.files.set_descriptor(entry.path, new)


def _set_owner(context: Context, entry: Entry, owner: str) -> None:
    """Needs WRITE_OWNER; anybody but oneself may be named with the privilege to restore alone."""
    context.windows.files.demand(entry.path, context.token, WRITE_OWNER)
    if owner not in (context.token.sid, owner_of(context.token)) and not has_privileges(context.token):
        raise FileError(ACCESS_DENIED, entry.path)
    context.windows.files.set_descriptor(entry.path, replace(entry.descriptor, owner=owner))


def _show(context: Context, entries: list[Entry], goes_on: bool, folder: str) -> cmd.Output:
    """Names are relative to the current folder where the target was; ``/c`` goes on where access is denied."""
    lines, errors = "", []
    for entry in entries:
        name = entry.path[len(folder) + 1 :] if folder else entry.path
        try:
            context.windows.files.demand(entry.path, context.token, READ_CONTROL)
        except FileError as error:
            if not goes_on:
                raise
            errors.append(f"{name}: {context.say('file_error', error.code)}")
            continue
        aces = [_shown(ace) for ace in entry.descriptor.dacl or ()] or [""]
        margin = " " * (len(name) + 1)
        lines += f"{name} {aces[0]}\r\n" + "".join(f"{margin}{ace}\r\n" for ace in aces[1:]) + "\r\n"
    summary = context.say("icacls_summary", len(entries) - len(errors), len(errors))
    return cmd.Output(lines + summary, "".join(errors), ACCESS_DENIED if errors else 0)


def _shown(ace: Ace) -> str:
    flags = "".join(f"({name})" for name, short in (("I", "ID"), ("OI", "OI"), ("CI", "CI"), ("IO", "IO"))
                    if ace.flags & ACE_FLAGS[short])  # fmt: skip
    rights = next((name for name, mask in SIMPLE.items() if mask == ace.mask), "")
    names = rights or ",".join(name for name, bit in SPECIFIC.items() if ace.mask & bit)
    deny = "(DENY)" if ace.type == 1 else ""
    return f"{_account(ace.sid)}:{deny}{flags}({names})"


def _account(sid: str) -> str:
    domain, name = ACCOUNT_NAMES.get(sid, ("", sid))
    return f"{domain}\\{name}" if domain else name


def _sid(context: Context, text: str) -> str:
    """``*S-1-…`` or a name; names are the host's, and only those of English builds are known here."""
    if text.startswith("*"):
        if not is_sid(text[1:]):
            raise UnknownAccount(text)
        return text[1:]
    name = text.rpartition("\\")[2].lower()
    known = {} if context.windows.language == "de" else {item[1].lower(): sid for sid, item in ACCOUNT_NAMES.items()}
    accounts = {item.name.lower(): item.sid for item in context.windows.machine.accounts.values()}
    found = (known | accounts).get(name)
    if found is None:
        raise UnknownAccount(text)
    return found


def _changes(context: Context, arguments: list[str]) -> list[Change]:
    """Every /grant, /deny, /remove, /inheritance and /reset of a command line, in its order."""
    changes: list[Change] = []
    verb = ""
    for argument in arguments:
        lower = argument.lower()
        if lower in ("/t", "/c", "/l", "/q"):
            continue
        if lower.startswith("/"):
            verb = lower
            changes += _plain_change(lower)
        elif verb in ("/grant", "/grant:r", "/deny"):
            changes.append(_granted(context, argument, verb))
        elif verb in ("/remove", "/remove:g", "/remove:d"):
            changes.append(_removed(_sid(context, argument), verb))
        else:
            raise Usage(argument)
    return changes


def _plain_change(verb: str) -> list[Change]:
    if verb in ("/inheritance:r", "/inheritance:d"):
        return [_protected(drop=verb.endswith("r"))]
    if verb not in ("/grant", "/grant:r", "/deny", "/remove", "/remove:g", "/remove:d"):
        raise Usage(verb)
    return []


def _granted(context: Context, text: str, verb: str) -> Change:
    match = re.fullmatch(r"(\*?[^:]+):((?:\((?:OI|CI|IO|NP)\))*)\(?([A-Za-z,]+)\)?", text)
    if match is None:
        raise Usage(text)
    sid = _sid(context, match[1])
    flags = sum(ACE_FLAGS[name] for name in re.findall("OI|CI|IO|NP", match[2]))
    ace = Ace(1 if verb == "/deny" else 0, flags, _mask(match[3].upper()), sid)

    def change(old: SecurityDescriptor) -> SecurityDescriptor:
        dacl = list(old.dacl or ())
        same = [item for item in dacl if (item.type, item.sid, item.flags) == (ace.type, sid, flags)]
        gone = [i for i in dacl if i.type == 0 and i.sid == sid and not i.flags & 16] if verb == "/grant:r" else same
        mask = ace.mask if verb == "/grant:r" else ace.mask | sum(item.mask for item in same[:1])
        kept = [item for item in dacl if item not in gone]
        return replace(old, dacl=_in_order([*kept, replace(ace, mask=mask)]))

    return change


def _mask(names: str) -> int:
    if names in SIMPLE:
        return SIMPLE[names]
    mask = 0
    for name in names.split(","):
        if name not in SPECIFIC and name not in SIMPLE:
            raise Usage(names)
        mask |= SPECIFIC.get(name, SIMPLE.get(name, 0))
    return mask


def _removed(sid: str, verb: str) -> Change:
    types = {"/remove": (0, 1), "/remove:g": (0,), "/remove:d": (1,)}[verb]
    return lambda old: replace(
        old, dacl=tuple(ace for ace in old.dacl or () if ace.sid != sid or ace.type not in types or ace.flags & 16)
    )


def _protected(*, drop: bool) -> Change:
    inherited = ACE_FLAGS["ID"]

    def change(old: SecurityDescriptor) -> SecurityDescriptor:
        aces = [ace for ace in old.dacl or () if not (drop and ace.flags & inherited)]
        plain = tuple(replace(ace, flags=ace.flags & ~inherited) for ace in aces)
        return replace(old, dacl=plain, control=old.control | DACL_PROTECTED)

    return change


def _in_order(aces: list[Ace]) -> tuple[Ace, ...]:
    """Canonical order: explicit before inherited, denials before grants (MS-DTYP 2.4.5)."""
    return tuple(sorted(aces, key=lambda ace: (ace.flags & ACE_FLAGS["ID"], ace.type != 1)))


def _save(context: Context, target: str, file: str, recursive: bool) -> cmd.Output:
    """Names relative to the target's folder and DACLs as SDDL, two lines an entry, in UTF-16."""
    entries = _entries(context, target, recursive)
    base = len(target.rpartition("\\")[0]) + 1
    lines = ""
    for entry in entries:
        context.windows.files.demand(entry.path, context.token, READ_CONTROL)
        sddl = replace(entry.descriptor, owner="", group="", sacl=None).to_sddl()
        lines += f"{entry.path[base:]}\r\n{sddl}\r\n"
    context.windows.files.write(file, lines, context.token, wide=True)
    return cmd.Output(context.say("icacls_summary", len(entries), 0))


def _restore(context: Context, folder: str, file: str) -> cmd.Output:
    lines = context.windows.files.existing(file).content.split("\r\n")
    count = 0
    for name, sddl in zip(lines[::2], lines[1::2], strict=False):
        path = f"{folder.rstrip(chr(92))}\\{name}"
        entry = context.windows.files.demand(path, context.token, WRITE_DAC)
        saved = SecurityDescriptor.from_sddl(sddl)
        new = replace(entry.descriptor, dacl=saved.dacl, control=saved.control)
        context.windows.files.set_descriptor(path, new)
        count += 1
    return cmd.Output(context.say("icacls_summary", count, 0))


def takeown(context: Context, arguments: list[str]) -> cmd.Output:
    """Make oneself (``/a``: Administrators) the owner, by privilege whatever the permissions say."""
    words, given = options(arguments, frozenset({"/f", "/d", "/s", "/u", "/p"}))
    if words or not given.get("/f"):
        return context.fail(1, "invalid_syntax")
    if not has_privileges(context.token):
        return context.fail(1, "access_denied")
    try:
        entries = _entries(context, given["/f"], "/r" in given)
    except FileError:
        return context.fail(1, "file_missing")
    owner = "S-1-5-32-544" if "/a" in given else context.token.sid
    for entry in entries:
        context.windows.files.set_descriptor(entry.path, replace(entry.descriptor, owner=owner))
    return context.done("took_ownership", given["/f"])

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""find and findstr: 0 when something matches, 1 when nothing does."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.simulator.windows import cmd
from tests.simulator.windows.files import READ_DATA, FileError
from tests.simulator.windows.programs.base import Context


def find(context: Context, arguments: list[str]) -> cmd.Output:
    """``find [/v] [/i] [/c] "text" [file]``."""
    flags = {argument.lower() for argument in arguments if argument.startswith("/")}
    words = [argument for argument in arguments if not argument.startswith("/")]
    if not words or flags - {"/v", "/i", "/c", "/n"}:
        return context.fail(2, "invalid_syntax")
    wanted = words[0].lower() if "/i" in flags else words[0]
    return _filter(context, words[1:], lambda line: wanted in (line.lower() if "/i" in flags else line), flags)


def findstr(context: Context, arguments: list[str]) -> cmd.Output:
    """``findstr [/i] [/v] [/x] [/b] [/e] [/r|/l] [/c:text] words [file]``; words are alternatives."""
    flags = {argument.lower() for argument in arguments if argument.startswith("/") and ":" not in argument}
    literal = [argument[3:] for argument in arguments if argument.lower().startswith("/c:")]
    words = [argument for argument in arguments if not argument.startswith("/")]
    texts = literal or (words.pop(0).split() if words else [])
    if not texts or flags - {"/i", "/v", "/x", "/b", "/e", "/r", "/l", "/n", "/m"}:
        return context.fail(2, "invalid_syntax")
    by_expression = "/r" in flags or not (literal or "/l" in flags)
    case = re.IGNORECASE if "/i" in flags else re.RegexFlag(0)
    patterns = [re.compile(_expression(text, flags, by_expression), case) for text in texts]
    return _filter(context, words, lambda line: any(pattern.search(line) for pattern in patterns), flags)


def _expression(text: str, flags: set[str], by_expression: bool) -> str:
    r"""Findstr's expressions know . * ^ $ [] \< \> and \x for a plain x."""
    plain = re.escape(text)
    if by_expression:
        plain = re.sub(r"\\([.*^$\[\]\-])", r"\1", plain).replace(r"\\<", r"\b").replace(r"\\>", r"\b")
    start, end = "^" if flags & {"/x", "/b"} else "", "$" if flags & {"/x", "/e"} else ""
    return start + plain + end


def _filter(context: Context, files: list[str], fits: Callable[[str], object], flags: set[str]) -> cmd.Output:
    try:
        texts = [context.windows.files.demand(path, context.token, READ_DATA).content for path in files]
    except FileError as error:
        return context.fail(1, "file_error", error.code)
    lines = "\n".join(texts or [context.stdin]).replace("\r", "").split("\n")
    found = [line for line in lines if bool(fits(line)) != ("/v" in flags) and (line or "/v" not in flags)]
    text = f"{len(found)}\r\n" if "/c" in flags else "".join(f"{line}\r\n" for line in found)
    return cmd.Output(text, code=0 if found else 1)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments for a command line that cmd.exe and then the program itself take apart.

PRIVATE to the collection. Sources: Microsoft's CommandLineToArgvW documentation, and "Everyone quotes command line
arguments the wrong way" (Microsoft Learn archive, twistylittlepassagesallalike).
"""

from __future__ import annotations

import re

_HARMLESS = re.compile(r"[A-Za-z0-9_.:/\\=,@{}+~-]+")
# Microsoft Learn, "Naming Files, Paths, and Namespaces": what a name does not hold; and the percent sign.
_PATH = re.compile(r"""(?:[A-Za-z]:\\)?[^\x00-\x1f"<>|*?/:%]*[^\x00-\x1f"<>|*?/:%\\]""")
_META = re.compile(r'[()%!^"<>&|]')
_BACKSLASHES_BEFORE_QUOTE = re.compile(r'(\\*)"')
_BACKSLASHES_AT_END = re.compile(r"(\\+)$")


def quote(argument: str) -> str:
    """Return the argument so that ``cmd /c program …`` gives it to the program as it stands.

    Raise ValueError for line breaks and NUL, which no quoting carries through cmd.exe.
    """
    if re.search("[\r\n\0]", argument):
        raise ValueError(f"No command line can carry the argument {argument!r}")
    if _HARMLESS.fullmatch(argument):
        return argument
    return _for_cmd(_for_program(argument))


def quoted_path(path: str) -> str:
    """Return a path or a file's name in quotation marks, for a command line that is ours but for such names.

    Raise ValueError for what no path of Windows holds, and for a percent sign, which may be in one, but which cmd.exe
    expands in quotation marks too. A backslash at the end would take the mark after it for its own.
    """
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path[:200]!r} is no path that a command line can carry")
    return f'"{path}"'


def _for_program(argument: str) -> str:
    """Quote for CommandLineToArgvW: backslashes count only before a quotation mark."""
    inner = _BACKSLASHES_BEFORE_QUOTE.sub(lambda match: match.group(1) * 2 + r"\"", argument)
    return '"' + _BACKSLASHES_AT_END.sub(lambda match: match.group(1) * 2, inner) + '"'


def _for_cmd(quoted: str) -> str:
    """Take every special character's meaning for cmd.exe by a caret, so that it never sees a quotation mark.

    Variables are replaced before carets are, hence the caret after each percent sign as well: it makes the name one
    that no variable has, also in ``%NAME:old=new%``.
    """
    escaped = _META.sub(lambda match: f"^{match.group()}", quoted)
    return re.sub(r"%(?!\^)", "%^", escaped)

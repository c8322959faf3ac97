# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A model of what cmd.exe and the program that it starts make of a command line.

Written from the documented rules, not from the code that quotes. Sources: Microsoft Learn, windows-commands, cmd
(special characters, C(/c) and the outer quotation marks, conditional processing), and CommandLineToArgvW; "Everyone
quotes command line arguments the wrong way" (Microsoft, twistylittlepassagesallalike); for the order of the phases,
"How does the Windows Command Interpreter parse scripts?" (Stack Overflow 4094699).
"""

from __future__ import annotations

import re

VARIABLES = {"PATH": "C:\\windows", "A": "1 2", "X Y": "&calc", "USERNAME": "ann"}


class Injected(Exception):
    """The command line has more than one command, or redirects."""


def expand_variables(line: str) -> str:
    """Phase 1 of cmd.exe on a command line (not a batch file): %NAME%, %NAME:~0,1%, %NAME:old=new%.

    An undefined variable leaves the first percent sign in place, and scanning goes on after it.
    """
    out, position = [], 0
    while position < len(line):
        end = line.find("%", position + 1)
        if line[position] != "%" or end < 0:
            out.append(line[position])
            position += 1
            continue
        name, colon, _modifier = line[position + 1 : end].partition(":")
        if name.upper() not in VARIABLES:
            out.append("%")
            position += 1
            continue
        out.append("MODIFIED" if colon else VARIABLES[name.upper()])
        position = end + 1
    return "".join(out)


def interpret_specials(line: str) -> str:
    """Phase 2: carets escape outside quotation marks, & | < > ( ) act outside quotation marks."""
    out, position, quoted = [], 0, False
    while position < len(line):
        char = line[position]
        if char == "^" and not quoted:
            position += 1
            out.append(line[position : position + 1])
        else:
            quoted ^= char == '"'
            if char in "&|<>()" and not quoted:
                raise Injected(line)
            out.append(char)
        position += 1
    return "".join(out)


def split_arguments(line: str) -> list[str]:
    """CommandLineToArgvW after the program's name: 2n backslashes and a quote toggle, 2n+1 and a quote are a quote."""
    arguments: list[str] = []
    current: str | None = None
    quoted = False
    for token in re.findall(r'\\*"|\\+|[ \t]|[^\\" \t]', line):
        if token.endswith('"'):
            slashes = len(token) - 1
            current = (current or "") + "\\" * (slashes // 2)
            if slashes % 2:
                current += '"'
            else:
                quoted = not quoted
        elif token in " \t" and not quoted:
            if current is not None:
                arguments.append(current)
            current = None
        else:
            current = (current or "") + token
    return [*arguments, current] if current is not None else arguments


def outer(line: str) -> str:
    """What C(cmd /c) runs of its argument: without the first and the last quotation mark when it begins with one.

    It keeps both only where there are exactly two, no special character between them, and white space; none of our
    lines is such a one.
    """
    text = line.strip()
    if not text.startswith('"'):
        return text
    last = text.rindex('"')
    return text[1:last] + text[last + 1 :]


def commands(line: str) -> list[list[str]]:
    """The commands and operators of a line, in order: each command as the arguments that its program gets."""
    parts: list[list[str]] = []
    for piece, operator in _pieces(expand_variables(line)):
        if piece.strip():
            parts.append(split_arguments(piece))
        if operator:
            parts.append([operator])
    return parts


def _pieces(line: str) -> list[tuple[str, str]]:
    """What stands between operators, and the operator after it; carets escape outside quotation marks."""
    found: list[tuple[str, str]] = []
    piece, position, quoted = "", 0, False
    while position < len(line):
        char = line[position]
        if char == "^" and not quoted:
            position += 1
            piece += line[position : position + 1]
        elif char in "&|<>()\r\n" and not quoted:
            double = line[position : position + 2] in ("&&", "||", ">>")
            found.append((piece, char * (1 + double)))
            piece, position = "", position + double
        else:
            quoted ^= char == '"'
            piece += char
        position += 1
    return [*found, (piece, "")]

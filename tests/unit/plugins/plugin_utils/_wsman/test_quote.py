# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quoting, judged by models of cmd.exe and CommandLineToArgvW that share nothing with the code under test."""

from __future__ import annotations

import re

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.quote import quote
from hypothesis import given
from hypothesis import strategies as st

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


def received(*arguments: str) -> list[str]:
    """Return what a program gets that cmd.exe starts with these arguments, each quoted."""
    return split_arguments(interpret_specials(expand_variables(" ".join(map(quote, arguments)))))


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n\0"), max_size=40)
NASTY = st.text(st.sampled_from(list('%^"\\&|<>()! :=~,0aAPTHpath')), max_size=40)


@given(st.lists(TEXT | NASTY, min_size=1, max_size=4))
def test_a_program_receives_what_was_quoted(arguments: list[str]) -> None:
    assert received(*arguments) == arguments


@pytest.mark.parametrize(
    "argument",
    [
        "",
        " ",
        "%PATH%",
        "%PATH:windows=x%",
        "%PATH:~0,3%",
        "100%",
        "%%",
        "%X Y%",
        "a&calc",
        "a|b>c<d",
        'say "hi"',
        "C:\\Program Files\\",
        "trailing\\\\",
        '\\"',
        "^",
        "!PATH!",
        "ü(ß)",
    ],
)
def test_known_traps(argument: str) -> None:
    assert received("before", argument, "after") == ["before", argument, "after"]


def test_the_models_see_what_a_naive_quoting_does() -> None:
    assert split_arguments(interpret_specials(expand_variables('"%PATH%"'))) == ["C:\\windows"]
    assert split_arguments(interpret_specials(expand_variables("^%PATH:windows=x^%"))) == ["MODIFIED"]
    with pytest.raises(Injected):
        interpret_specials('"a" & calc')


def test_plain_words_stay_readable() -> None:
    assert quote("HKLM\\SOFTWARE\\Winfleet") == "HKLM\\SOFTWARE\\Winfleet"
    assert quote("/flushdns") == "/flushdns"


@pytest.mark.parametrize("argument", ["a\nb", "a\rb", "a\0b"])
def test_what_no_command_line_carries_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="No command line"):
        quote(argument)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quoting, judged by models of cmd.exe and CommandLineToArgvW that share nothing with the code under test."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.quote import quote, quoted_path
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command_line import Injected, expand_variables, interpret_specials, split_arguments


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


@given(NASTY | TEXT)
def test_a_path_is_refused_or_arrives_as_it_is(path: str) -> None:
    try:
        line = quoted_path(path)
    except ValueError:
        return
    assert split_arguments(interpret_specials(expand_variables(f"before {line} after"))) == ["before", path, "after"]


@pytest.mark.parametrize("path", [r"C:\Windows", r"C:\a & b (c) ^ !x!\d.acl", "f686aace_1.old2", r"C:\Üç"])
def test_paths_that_windows_has_are_taken(path: str) -> None:
    assert quoted_path(path) == f'"{path}"'


@pytest.mark.parametrize("path", ["", "C:\\", 'a"b', "%PATH%", "a\nb", "a\0", "a|b", "a<b", "C:a:b", "C:\\a\\"])
def test_what_is_no_path_for_a_command_line_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        quoted_path(path)

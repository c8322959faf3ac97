# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every line that reaches cmd.exe, with what hosts and inventories may put into it: it stays the same commands.

A line is taken apart by a model of cmd.exe. With hostile names it must be the line with harmless ones, the names
exchanged in whole arguments; or be refused.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from datetime import datetime, timezone
from xml.etree import ElementTree

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _lease, _restart
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers import key_folders, keys
from ansible_collections.winfleet.rdp.plugins.plugin_utils._appliers._base import ApplyError
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.tasks import Definition, definition_xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import Lease
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import NotPlain, from_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import Unsendable
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.command_line import commands, outer

NASTY = st.text(st.sampled_from(list('%^"\\&|<>()! :=~,;\r\n\0\taC/')), max_size=12)
NAMES = st.one_of(NASTY, st.text(max_size=12), st.sampled_from(["%PATH%", '" & calc & "', "a\\", "a & b", "^", "$(x)"]))
PATHS = st.builds(lambda name: f"C:\\{name}", NAMES) | NAMES

LINES: dict[str, tuple[Callable[..., str], int]] = {
    "copy": (key_folders._copy_line, 2),
    "merge": (key_folders._merge_line, 2),
    "take up a rename": (lambda folder, old: key_folders._resumed_line(folder, old, f"{folder}.made"), 2),
    "take up a roll-back": (lambda folder, old: key_folders._late_line(folder, old, f"{folder}.made"), 2),
    "rename": (lambda folder, old: key_folders._rename_line(folder, old, f"{folder}.made"), 2),
    "give the name back": (lambda folder, old: key_folders._unrename_line(folder, old, f"{folder}.made"), 2),
    "permissions": (lambda path: keys._access_line(path, "S-1-5-20", "(D;;0x1;;;S-1-5-20)", "(A;;0x1;;;S-1-5-20)"), 1),
    "save permissions": (lambda path, scratch: keys._save_line(path, scratch, "task"), 2),
    "show what was saved": (lambda scratch: keys._show_line(scratch, "task"), 1),
    "move aside": (keys._aside_line, 2),
    "restart": (lambda *names: _restart.cycle("TermService", names, before=("SessionEnv",)), 2),
}
HARMLESS = (r"C:\first\one", r"C:\second\two")


def exchanged(parts: list[list[str]], names: t.Sequence[str]) -> list[list[str]]:
    """The same commands with other names; the last part of a path is a name as well."""
    pairs = [(r"C:\first\one", names[0]), (r"C:\second\two", names[-1])]
    pairs += [(plain.rpartition("\\")[part], name.rpartition("\\")[part]) for part in (2, 0) for plain, name in pairs]
    return [[_exchange(argument, pairs) for argument in part] for part in parts]


def _exchange(argument: str, pairs: list[tuple[str, str]]) -> str:
    for plain, name in pairs:
        if argument == plain or argument.startswith((f"{plain}.", f"{plain}\\")):
            return name + argument[len(plain) :]
    return argument


@pytest.mark.parametrize("line", LINES)
@given(names=st.lists(PATHS, min_size=2, max_size=2))
@example(names=['C:\\x" & calc & "', "C:\\b"])
@example(names=["C:\\%COMSPEC%", "C:\\b"])
@example(names=["C:\\a & b", "C:\\c ^ d"])
def test_a_line_stays_the_same_commands(line: str, names: list[str]) -> None:
    build, count = LINES[line]
    try:
        written = build(*names[:count])
    except (ApplyError, ValueError):
        return
    expected = exchanged(commands(build(*HARMLESS[:count])), names[:count])
    assert commands(written) == expected
    if line != "restart":
        assert commands(outer(Definition("", written).arguments.removeprefix("/d /c "))) == expected


LONGEST = 8191
"""Characters that cmd.exe takes (Microsoft KB830473)."""


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_one_that_cmd_takes(line: str) -> None:
    build, count = LINES[line]
    folder = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
    written = build(*[folder, f"{folder}_old999"][:count])
    assert len(Definition("", written).arguments) < LONGEST


@given(sid=st.one_of(NAMES, st.from_regex(r"S-1-[0-9-]*", fullmatch=True)))
def test_what_is_no_sid_reaches_no_line(sid: str) -> None:
    try:
        written = keys._access_line(r"C:\x", sid, "", "(A;;0x120089;;;S-1-5-20)")
    except ApplyError:
        return
    harmless = keys._access_line(r"C:\x", "S-1-1-0", "", "(A;;FR;;;WD)")
    assert commands(written) == commands(harmless.replace("S-1-1-0", sid))
    assert set(sid) <= set("S-0123456789")


ANYTHING = st.one_of(NAMES, st.integers(), st.none(), st.booleans(), st.lists(NAMES | st.integers(), max_size=3))


@given(st.fixed_dictionaries(dict.fromkeys(("weakened", "restores", "lasts", "until"), ANYTHING)))
def test_a_record_of_a_lease_brings_nothing_but_numbers_into_its_line(record: dict[str, t.Any]) -> None:
    """Records are on the host, where an administrator may have changed them."""
    try:
        lease = from_plain(Lease, {**TRUE_RECORD, **record})
        written = _lease._line(lease, SETTINGS["nla"], r"HKLM\X")
    except (NotPlain, ValueError):
        return
    true = _lease._line(from_plain(Lease, TRUE_RECORD), SETTINGS["nla"], r"HKLM\X")
    assert [part[:1] for part in commands(written)] == [part[:1] for part in commands(true)]


TRUE_RECORD: dict[str, t.Any] = {
    "setting": "nla",
    "weakened": [0],
    "restores": 1,
    "lasts": 60,
    "until": "2026-01-01T00:00:00Z",
}


@given(st.text(max_size=60) | NASTY, st.text(max_size=60) | NASTY)
def test_the_xml_of_a_task_holds_what_was_put_into_it(description: str, line: str) -> None:
    try:
        document = definition_xml(Definition(description, line, datetime(2026, 1, 1, tzinfo=timezone.utc)))
    except (ValueError, Unsendable):
        return
    root = ElementTree.fromstring(document)
    tags = [node.tag.rpartition("}")[2] for node in root.iter()]
    assert tags == [node.tag.rpartition("}")[2] for node in ElementTree.fromstring(HARMLESS_TASK).iter()]
    assert (root.findtext(".//{*}Description") or "") == description
    assert root.findtext(".//{*}Arguments") == f'/d /c "{line}"'


HARMLESS_TASK = definition_xml(Definition("x", "y", datetime(2026, 1, 1, tzinfo=timezone.utc)))


@pytest.mark.parametrize("line", ["echo %PATH%", "a\nb", "a\rb", "a\0b"])
def test_a_task_refuses_a_line_that_would_not_run_as_it_stands(line: str) -> None:
    with pytest.raises(ValueError, match="No task can run"):
        Definition("x", line)

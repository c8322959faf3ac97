# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every program of the simulated command line works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulator.windows import cmd
from tests.simulator.windows.files import FileError
from tests.simulator.windows.security import Token
from tests.simulator.windows.texts import translate

if TYPE_CHECKING:
    from tests.simulator.windows.system import Windows


@dataclass(frozen=True)
class Context:
    """Who runs a program, on which host, what came through the pipe, and the current folder."""

    windows: Windows
    token: Token
    user: str
    stdin: str = ""
    folder: str = ""

    def resolved(self, path: str) -> str:
        """A path, from the current folder where it is relative to it."""
        return path if "\\" in path or not self.folder else f"{self.folder}\\{path}"

    def say(self, key: str, *arguments: object) -> str:
        """A text in the host's language."""
        return translate("commands", key, self.windows.language, *arguments)

    def done(self, key: str, *arguments: object) -> cmd.Output:
        """Success with a text."""
        return cmd.Output(self.say(key, *arguments))

    def fail(self, code: int, key: str, *arguments: object) -> cmd.Output:
        """Failure with a text."""
        return cmd.Output(stderr=self.say(key, *arguments), code=code)


Program = Callable[[Context, list[str]], "cmd.Output"]


def options(arguments: Iterable[str], with_value: frozenset[str] = frozenset()) -> tuple[list[str], dict[str, str]]:
    """Plain words, and options (``/x`` or ``-x``, lower case, with a slash) with the value of those that take one."""
    words: list[str] = []
    found: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name = "/" + argument[1:].lower()
        if argument[:1] not in "/-" or len(argument) < 2:
            words.append(argument)
        elif name in with_value:
            found[name] = next(rest, "")
        else:
            found[name] = ""
    return words, found


def exists(windows: Windows, path: str) -> bool:
    """Whether a file, a folder or anything that a pattern finds is there."""
    try:
        return bool(windows.files.matching(path.rstrip("\\")))
    except FileError:
        return False

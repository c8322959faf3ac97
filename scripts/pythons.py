# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Pythons of this machine: those on PATH and those of pyenv, as far as they run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SERIES = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")


@cache
def executable(command: Path) -> Path | None:
    """The interpreter that answers, if any: pyenv puts a python3.N on PATH for each one it has, some of which fail."""
    tell = "import sys, venv, ensurepip; print(sys._base_executable)"
    try:
        answer = subprocess.run([command, "-c", tell], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return Path(answer.strip())


def candidates(series: str) -> Iterator[Path]:
    """Where that Python may be, best first."""
    for directory in os.get_exec_path():
        yield Path(directory, f"python{series}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{series}.*/bin/python{series}"), reverse=True)


def find_pythons() -> dict[str, Path]:
    """The Python of each series that this machine has, by series."""
    found = {series: next(filter(None, map(executable, candidates(series))), None) for series in SERIES}
    return {series: python for series, python in found.items() if python}


def search_path(links: Path) -> str:
    """Link the Pythons that run into a directory, and give a PATH on which ansible-test finds these and no others."""
    links.mkdir(parents=True, exist_ok=True)
    for series, python in find_pythons().items():
        link = links / f"python{series}"
        link.unlink(missing_ok=True)
        link.symlink_to(python)
    others = [name for name in os.get_exec_path() if all(map(executable, numbered_pythons(Path(name))))]
    return os.pathsep.join([str(links), *others])


def numbered_pythons(directory: Path) -> list[Path]:
    """What a directory offers as python3.N."""
    return [path for path in directory.glob("python3.*") if path.suffix[1:].isdigit()]

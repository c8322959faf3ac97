# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a virtual environment of pinned requirements and the live view of the collection.

    python3 scripts/env.py [--python PYTHON] [--venv DIRECTORY] dev|lint|galaxy|benchmark|kerberos

Does nothing when the environment is there already, of the same Python and the same pins. Without ``--python`` an
existing environment keeps its Python. Needs the standard library alone, and speaks up where Debian has split it.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 10)

DESCRIBE = """
import sys
try:
    import ensurepip, venv
    parts = "whole"
except ImportError:
    parts = "split"
print("%d.%d" % sys.version_info[:2], sys.version.split()[0], parts, sys.executable)
"""


class EnvironmentProblem(Exception):
    """What is missing on this machine, and what to do about it."""


class Python:
    """An interpreter: how it is called, its version, and whether it can make environments."""

    def __init__(self, command: str) -> None:
        try:
            answer = subprocess.run([command, "-c", DESCRIBE], check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise EnvironmentProblem(f"{command} does not run: {error}") from error
        self.command = command
        self.series, self.version, parts, self.executable = answer.strip().split(" ", 3)
        self.whole = parts == "whole"

    def require_usable(self) -> None:
        """Raise EnvironmentProblem when this Python is too old, or cannot make a virtual environment."""
        if tuple(map(int, self.series.split("."))) < OLDEST:
            raise EnvironmentProblem(
                f"{self.command} is Python {self.version}; 3.10 or newer is needed. "
                "Name another one: make PYTHON=/path/to/python3.11 env"
            )
        if not self.whole:
            raise EnvironmentProblem(
                f"{self.command} (Python {self.version}) comes without venv or ensurepip. "
                f"On Debian and Ubuntu install them as root: apt-get install python{self.series}-venv"
            )


def wanted_python(venv: Path, named: str | None) -> Python:
    """The Python that was named; else the one that the environment has; else the one that runs this script."""
    if named:
        return Python(named)
    try:
        return Python(str(venv / "bin" / "python"))
    except EnvironmentProblem:
        return Python(sys.executable)


def recipe(python: Python, requirements: Path) -> str:
    """What an environment is made of, as one line: same line, same environment."""
    return f"{python.version} {hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"


def make_venv(venv: Path, python: Python) -> None:
    """Make an empty environment of that Python, in place of one of another Python."""
    present = venv / "bin" / "python"
    if present.exists() and Python(str(present)).version == python.version:
        return
    python.require_usable()
    print(f"Making {venv} with Python {python.version}", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([python.command, "-m", "venv", str(venv)], check=True)


def make_environment(venv: Path, python: Python, requirements: Path) -> None:
    """Install the requirements into the environment, unless its stamp says that they are there."""
    stamp = venv / f".installed-{requirements.stem}"
    wanted = recipe(python, requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    make_venv(venv, python)
    print(f"Installing {requirements.name} into {venv}: this takes a minute or two", flush=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if subprocess.run([*pip, "--requirement", str(requirements)], check=False).returncode:
        raise EnvironmentProblem("pip could not install the requirements: its own message is above")
    stamp.write_text(wanted)


def main() -> int:
    """Make what the command line asks for; 1 with one line of explanation when the machine lacks something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", metavar="PYTHON")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("requirements", choices=["dev", "lint", "galaxy", "benchmark", "kerberos"])
    options = parser.parse_args()
    try:
        python = wanted_python(options.venv, options.python)
        make_environment(options.venv, python, ROOT / "requirements" / f"{options.requirements}.txt")
    except EnvironmentProblem as problem:
        print(f"make env: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the checkout and homes for the tools that insist on a place of their own."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP_VERSION = re.compile(r"""\bpip='([0-9.]+)'""")

GET_PIP = """\
# Stands in for the script with which ansible-test bootstraps pip, and which it would download.
import subprocess
import sys

options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *options]))
"""


def git(*arguments: str, directory: Path = ROOT) -> str:
    """What git answers in that directory."""
    return subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout


def copy_collection(place: Path) -> Path:
    """Copy all that git tracks, or would, to ``place/ansible_collections/winfleet/rdp``: a git checkout of its own.

    Returns:
        The path of the copy.
    """
    copy = place / "ansible_collections" / "winfleet" / "rdp"
    shutil.rmtree(copy, ignore_errors=True)
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    git("init", "--quiet", directory=copy)
    git("add", "--all", directory=copy)
    return copy


def ansible_test_home(home: Path, python: Path) -> Path:
    """Make a home directory in which ansible-test installs what it needs from package indexes alone.

    ansible-test downloads the script that bootstraps pip, unless its cache has it, and hides the environment from pip.
    So the cache gets a script that uses ensurepip, and the home a copy of the pip settings in force.

    Returns:
        The home directory.
    """
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions(python):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {value}\n" for name, value in {**pip_settings(python), "quiet": "2"}.items()]
    settings.write_text("".join(["[global]\n", *lines]))
    return home


def pip_versions(python: Path) -> set[str]:
    """The versions of pip that the ansible-test beside that Python may ask for."""
    locate = "import ansible_test._internal as tests; print(tests.__path__[0])"
    package = subprocess.run([python, "-c", locate], check=True, capture_output=True, text=True).stdout.strip()
    return set(PIP_VERSION.findall(Path(package, "python_requirements.py").read_text()))


def pip_settings(python: Path) -> dict[str, str]:
    """The settings of pip, by name; those of the environment come last and win."""
    listed = subprocess.run([python, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True).stdout
    lines = sorted(listed.splitlines(), key=lambda line: line.startswith(":env:"))
    pairs = (line.split("=", 1) for line in lines)
    return {name.rpartition(".")[2]: str(ast.literal_eval(value)).replace("\n", "\n  ") for name, value in pairs}

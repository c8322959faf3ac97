# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of ``make lint`` and the rows of ``make matrix``, one session each.

They use the tools of .venv/, which are pinned: ``make check-NAME`` runs one of them.
license-check and extra-checks are antsibull-nox's. Its other sessions want containers or archives of ansible-core,
which not every network lets through; those here need a package index alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import antsibull_nox
import nox

sys.path.insert(0, str(Path(__file__).parent))

from scripts.places import ansible_test_home, copy_collection
from scripts.pythons import find_pythons, search_path

ROOT = Path(__file__).parent
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"

nox.options.default_venv_backend = "none"
nox.options.envdir = str(BUILD / "nox")

antsibull_nox.load_antsibull_nox_toml()


def path_with(venv: Path) -> str:
    """The search path on which the programs of that environment come first."""
    return os.pathsep.join([str(venv / "bin"), os.environ["PATH"]])


def make_environment(session: nox.Session, requirements: str, venv: Path, python: Path = VENV_PYTHON) -> None:
    """Install requirements/REQUIREMENTS.txt into an environment of that Python; what is compiled is not optimised."""
    command = ("python", "scripts/env.py", "--python", str(python), "--venv", str(venv), requirements)
    session.run(*command, env={"CFLAGS": "-O0"})


def run_sanity(session: nox.Session, venv: Path, place: Path, *which: str) -> None:
    """Run sanity tests, all or which, on a copy of the collection and with each Python that ansible-core supports."""
    home = ansible_test_home(place / "home", venv / "bin" / "python")
    path = os.pathsep.join([str(venv / "bin"), search_path(place / "pythons")])
    with session.chdir(copy_collection(place)):
        command = (f"{venv}/bin/ansible-test", "sanity", "--venv", "--color", "no", *which)
        session.run(*command, env={"HOME": str(home), "PATH": path})


@nox.session(python=False)
def sanity(session: nox.Session) -> None:
    """Run ansible-test sanity, which has nothing to ignore; pylint apart."""
    run_sanity(session, VENV, BUILD / "sanity", "--skip-test", "pylint")


@nox.session(python=False)
def pylint(session: nox.Session) -> None:
    """Run ansible-test's pylint, which takes about as long as all its other tests, beside those."""
    run_sanity(session, VENV, BUILD / "pylint", "--test", "pylint")


@nox.session(python=False)
def code(session: nox.Session) -> None:
    """Run ruff and mypy."""
    session.run("ruff", "check", "--quiet", "--output-format", "concise")
    session.run("ruff", "format", "--check", "--quiet")
    session.run("mypy")


@nox.session(python=False)
def yaml(session: nox.Session) -> None:
    """Run yamllint."""
    session.run("yamllint", "--strict", ".")


@nox.session(name="ansible-lint", python=False)
def ansible_lint(session: nox.Session) -> None:
    """Run ansible-lint with its production profile, on the files that the guides show too."""
    place = BUILD / "ansible-lint"
    shown = BUILD / "doc-files"
    session.run("python", "-m", "scripts.doc_files", str(shown))
    with session.chdir(copy_collection(place)):
        session.run("ansible-lint", "--offline", "--strict", env={"ANSIBLE_COLLECTIONS_PATH": str(place)})
        config = str(Path.cwd() / ".ansible-lint")
    for guide in sorted(shown.iterdir()):
        with session.chdir(guide):
            session.run("yamllint", "--strict", "--config-file", str(ROOT / ".yamllint"), ".")
            files = [str(path.relative_to(guide)) for path in sorted(guide.rglob("*.yml"))]
            lint = ("ansible-lint", "--offline", "--strict", "--config-file", config, *files)
            session.run(*lint, env={"ANSIBLE_COLLECTIONS_PATH": str(place)})


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Run the checks of documentation and changelog."""
    place = BUILD / "docs"
    with session.chdir(copy_collection(place)):
        session.run("antsibull-changelog", "lint")
        lint = ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", ".")
        # antsibull-docs leaves a log in the home directory.
        session.run(*lint, env={"ANSIBLE_COLLECTIONS_PATH": str(place), "HOME": str(place)})


@nox.session(python=False)
def galaxy(session: nox.Session) -> None:
    """Build the collection and import it as Galaxy does."""
    place = BUILD / "galaxy"
    venv = place / "venv"
    make_environment(session, "galaxy", venv)
    with session.chdir(copy_collection(place)):
        session.run("ansible-galaxy", "collection", "build", "--force", "--output-path", str(place), silent=True)
    tarball = max(place.glob("winfleet-rdp-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    settings = {
        "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true",
        "GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP": str(place / "tmp"),
        "PATH": path_with(venv),
    }
    with session.chdir(place):
        session.run(f"{venv}/bin/python", "-m", "galaxy_importer.main", tarball.name, env=settings)


@nox.session(python=False)
@nox.parametrize("series", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def matrix(session: nox.Session, series: str) -> None:
    """Run sanity, unit and integration tests with one Python and the ansible-core that requirements/ pin for it.

    Kerberos is among them where it can be compiled (Debian: libkrb5-dev).
    """
    python = find_pythons().get(series)
    if not python:
        session.skip(f"no Python {series} on PATH or in pyenv")
    place = BUILD / "matrix" / series
    venv = place / "venv"
    make_environment(session, "lint", venv, python)
    if shutil.which("krb5-config"):
        make_environment(session, "kerberos", venv, python)
    pytest = (f"{venv}/bin/python", "-m", "pytest", "-n", "2", "--dist", "worksteal", "-rs")
    session.run(*pytest, *session.posargs, env={"PATH": path_with(venv)})
    run_sanity(session, venv, place)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment, by ansible-builder itself: the context of the build needs no container engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = ROOT / "execution-environment.yml"
COLLECTIONS = ROOT / "build" / "collections"
PYTHON_REQUIREMENTS = ROOT / "meta" / "ee-requirements.txt"


def builder(*arguments: str) -> str:
    """What ansible-builder prints; its own complaint where it fails."""
    program = Path(sys.executable).parent / "ansible-builder"
    environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    command = [program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", name="context")
def fixture_context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ee") / "context"
    builder("create", "--file", str(DEFINITION), "--context", str(place), "--output-filename", "Containerfile")
    return place


def requirements(text: str) -> set[str]:
    """The requirements of a file, without comments and the remarks that name whose they are."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {re.sub(r"\s+", "", line) for line in lines if line}


def test_the_context_installs_what_the_definition_names(context: Path) -> None:
    wanted = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    steps = (context / "Containerfile").read_text(encoding="utf-8")
    build = context / "_build"

    assert f'ARG EE_BASE_IMAGE="{wanted["images"]["base_image"]["name"]}"' in steps
    for tool in ("ansible_core", "ansible_runner"):
        assert wanted["dependencies"][tool]["package_pip"] in steps
    assert yaml.safe_load((build / "requirements.yml").read_text()) == wanted["dependencies"]["galaxy"]
    assert (build / "requirements.txt").read_text().split() == wanted["dependencies"]["python"]
    assert (build / "bindep.txt").read_text().splitlines() == wanted["dependencies"]["system"]


def test_the_builder_finds_what_the_collection_asks_for() -> None:
    found = yaml.safe_load(builder("introspect", "--sanitize", str(COLLECTIONS)))

    assert requirements("\n".join(found["python"])) == requirements(PYTHON_REQUIREMENTS.read_text(encoding="utf-8"))

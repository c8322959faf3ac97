# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the guides show: taken out whole, and naming only what the collection has."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts.doc_files import files_of, write_files

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"playbooks": "*.yml", "plugins/modules": "*.py", "roles": "*"}

GUIDE = """\
Text.

.. code-block:: yaml
    :caption: one.yml

    - a: b

      c:
        - d

.. code-block:: console

    $ not a file

.. code-block:: yaml+jinja
    :caption: dir/two.yml

    e: f
The end.
"""


class Unsafe(yaml.SafeLoader):
    """Reads ``!unsafe`` as Ansible does: the string as it stands."""


Unsafe.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(t.cast("yaml.ScalarNode", node)))


@pytest.fixture(name="files", scope="module")
def fixture_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    place = tmp_path_factory.mktemp("doc-files")
    paths = write_files(place)
    return {str(path.relative_to(place)): yaml.load(path.read_text(), Loader=Unsafe) for path in paths}


def strings(content: t.Any) -> Iterator[str]:
    """Every key and string in it."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(content, list):
        for value in content:
            yield from strings(value)
    elif isinstance(content, str):
        yield content


def tasks(content: t.Any) -> Iterator[dict[str, t.Any]]:
    for play in content:
        yield from play.get("tasks", ())


def test_a_captioned_block_is_a_file_and_no_other() -> None:
    assert dict(files_of(GUIDE)) == {"one.yml": "- a: b\n\n  c:\n    - d\n", "dir/two.yml": "e: f\n"}


def test_what_is_named_of_the_collection_exists(files: dict[str, t.Any]) -> None:
    named = {
        word.removeprefix("winfleet.rdp.")
        for text in strings(list(files.values()))
        for word in text.split()
        if word.startswith("winfleet.rdp.")
    }
    existing = {path.stem for place, pattern in KINDS.items() for path in (ROOT / place).glob(pattern)}
    assert named
    assert named <= existing


def test_every_template_that_is_run_is_made(files: dict[str, t.Any]) -> None:
    """The workflow and the rulebook name templates and playbooks; a misspelled one would be found at the first run."""
    made: dict[str, str] = {}
    nodes: list[dict[str, t.Any]] = []
    for task in tasks(files["guide_awx/controller.yml"]):
        if "awx.awx.job_template" in task:
            made |= {item["name"]: item["playbook"] for item in task["loop"]}
        nodes += task.get("awx.awx.workflow_job_template", {}).get("workflow_nodes", [])
    run = {node["unified_job_template"]["name"] for node in nodes if "organization" in node["unified_job_template"]}
    rules = files["guide_awx/rulebooks/remote-desktop.yml"][0]["rules"]
    asked = {rule["action"]["run_job_template"]["name"] for rule in rules}

    assert run
    assert asked
    assert run | asked <= set(made)
    assert {f"guide_awx/{playbook}" for playbook in made.values()} <= set(files)


def test_every_node_of_the_workflow_is_reached_from_the_first(files: dict[str, t.Any]) -> None:
    nodes: dict[str, set[str]] = {}
    for task in tasks(files["guide_awx/controller.yml"]):
        for node in task.get("awx.awx.workflow_job_template", {}).get("workflow_nodes", []):
            related = node.get("related", {}).values()
            nodes[node["identifier"]] = {after["identifier"] for several in related for after in several}

    reached: set[str] = set()
    ahead = {next(iter(nodes))}
    while ahead:
        reached |= ahead
        ahead = set().union(*(nodes[name] for name in ahead)) - reached
    assert reached == set(nodes)

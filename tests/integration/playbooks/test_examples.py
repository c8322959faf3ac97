# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the documentation, as they stand there, each against a simulated host that it is made for.

Modules have a host each and run side by side in one play; roles and guides follow on some of these hosts.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import textwrap
import threading
from contextlib import contextmanager

import pytest
import yaml

from tests.running import ROOT, play, running_fleet

MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[!_]*.py"))
FILTERS = sorted((ROOT / "plugins" / "filter").glob("*.yml"))
BREAKAGES = {
    "diagnosis_info": "key_unreadable",
    "firewall": "firewall_rule_disabled",
    "machine_keys": "key_unreadable",
    "network_stack": "winsock_layered",
    "remediate": "rdp_denied+security_layer_rdp",
    "remote_desktop": "rdp_denied",
    "schannel": "tls12_disabled",
    "security_layer": "security_layer_rdp",
}
TRAITS = {
    "certificate": "pinned_certificate",
    "gateway": "gateway_role",
    "network_stack": "dns_cache_stale",
    "nla": "nla_off_by_intent",
}
VERSIONS, LANGUAGES = ("2019", "2022", "11", "2025", "10", "2016"), ("en", "de", "ja")
"""Of the hosts, in turns."""

PASSING = ("schannel", "selftest", "network_stack")
"""Hosts on which time passes faster: they reboot, or wait for leases to end."""

IDLE = {
    "certificate": 2,  # it is valid for longer, and bound already
    "client_settings": 2,  # the client has no such name in its cache; one example is in check mode
    "connection_limit": 1,  # sessions have no limit
    "machine_keys": 1,  # a new key was made within the hour, so no larger method makes another: test_keys has rename
    "gateway": 1,  # it serves under its name
    "network_stack": 1,  # the host's entries for that name are not stale
    "remediate": 2,  # nothing is left of low risk, and a look at the verdict
    "remote_desktop": 1,  # the value is no longer there
    "rollback": 2,  # check mode, and nothing is left
    "security_layer": 1,  # negotiation is on
    # The others only look, or keep on the controller what they saw
    "diagnosis_info": 7, "host_info": 3, "port_forward_info": 4, "probe_info": 4, "report": 6, "selftest": 3,
}  # fmt: skip
"""How many tasks of a module find nothing to do."""

SKIPPED = {"remote_desktop": 1}
"""Tasks that are for what is left to do."""

NODES = ("jumphost.example.org", "outside.example.net")
RUN = "20260601T120000Z-5f0c1a2b"
"""The run that an example of rollback undoes."""

BEFORE = {
    "diagnosis_info": [
        {"winfleet.rdp.host_info": {}, "register": "seen"},
        {"ansible.builtin.copy": {"content": "{{ seen.observation | to_json }}", "dest": "observations/win01.json"},
         "delegate_to": "localhost"},
    ],
    "report": [
        {"winfleet.rdp.diagnosis_info": {}, "register": "sliced"},
        {"winfleet.rdp.report": {"path": "reports/1", "variable": "sliced"}},
        {"ansible.builtin.copy": {"src": "reports/1/report.json", "dest": "slices/1.json"}, "delegate_to": "localhost"},
    ],
    "rollback": [
        {"winfleet.rdp.remote_desktop": {"drain": "on", "run_id": RUN}},
        {"winfleet.rdp.transport": {"mode": "tcp_only"}},
    ],
}  # fmt: skip
"""What an example takes for granted."""


MEANWHILE = {
    "firewall": {3: "firewall_blocked_by_rule"},
    "machine_keys": {1: "key_unreadable"},
}
"""What breaks before an example, by its place, so that it finds what it is for."""


def examples(module):
    loaded = importlib.import_module(f"ansible_collections.winfleet.rdp.plugins.modules.{module}")
    return yaml.safe_load(loaded.EXAMPLES)


def number(module):
    """The host that a module has."""
    return f"host{MODULES.index(module) + 1:03}"


def tasks_of(module, control):
    """What an example takes for granted, then the examples, with what breaks in between."""
    yield from BEFORE.get(module, [])
    for place, example in enumerate(examples(module)):
        if breakage := MEANWHILE.get(module, {}).get(place):
            url = f"http://{control}/hosts/{number(module)}/break"
            order = {"url": url, "method": "POST", "body_format": "json", "body": {"breakages": [breakage]}}
            yield {"ansible.builtin.uri": order, "delegate_to": "localhost"}
        yield example


def planted(option, what):
    return [f"--{option}={number(module)}={names}" for module, names in what.items()]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    options = [
        f"--hosts={len(MODULES)}",
        *planted("version", {module: VERSIONS[place % len(VERSIONS)] for place, module in enumerate(MODULES)}),
        *planted("language", {module: LANGUAGES[place * 7 // 6 % 3] for place, module in enumerate(MODULES)}),
        *planted("break", BREAKAGES),
        *planted("trait", TRAITS),
    ]
    with running_fleet(tmp_path_factory.mktemp("examples"), "--max-seconds", "1800", *options) as up:
        yield up


@pytest.fixture(scope="module")
def inventory(fleet):
    """The fleet with its hosts named by their modules, and the other nodes and groups that examples name."""
    hosts = yaml.safe_load(fleet.inventory.read_text(encoding="utf-8"))["windows"]
    named = {module: hosts["hosts"][number(module)] for module in MODULES}
    named["certificate"]["rdp_thumbprint"] = fleet.ask(f"/hosts/{number('certificate')}/probe")["certificate"][
        "thumbprint"
    ]
    named["selftest"]["vault_operator_password"] = hosts["vars"]["ansible_password"]
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    content = {
        "windows": {**hosts, "hosts": named},
        "gateways": {"hosts": {"gateway": {}}},
        "clients": {"hosts": {"client_settings": {}}},
        "nodes": {"hosts": dict.fromkeys((*NODES, "localhost"), local)},
    }
    path = fleet.inventory.parent / "named.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@contextmanager
def passing_time(fleet):
    """Let time pass faster on some hosts."""
    over = threading.Event()

    def pass_time():
        while not over.wait(2):
            fleet.advance(40, *map(number, PASSING))

    thread = threading.Thread(target=pass_time)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def recap(output):
    """The counts of each host."""
    rows = re.findall(r"^(\S+) +: (ok=.*)$", output, re.MULTILINE)
    return {host: {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", row)} for host, row in rows}


def test_the_examples_of_every_module_run(fleet, inventory, tmp_path):
    for folder in ("observations", "slices", "tasks"):
        (tmp_path / folder).mkdir()
    tasks = {module: list(tasks_of(module, fleet.control)) for module in MODULES}
    for module, steps in tasks.items():
        (tmp_path / "tasks" / f"{module}.yml").write_text(yaml.safe_dump(steps, sort_keys=False), encoding="utf-8")
    include = [{"ansible.builtin.include_tasks": "tasks/{{ inventory_hostname }}.yml"}]
    plays = [
        {"hosts": "windows:!report", "strategy": "ansible.builtin.free", "gather_facts": False, "tasks": include},
        {"hosts": "report", "gather_facts": False, "tasks": include},
    ]
    book = tmp_path / "examples.yml"
    book.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    with passing_time(fleet):
        played = play(str(book), inventory, "--forks=20", directory=tmp_path)
    assert played.code == 0, played.output
    counts = recap(played.output)
    assert sorted(counts) == MODULES
    for module in MODULES:
        assert counts[module]["failed"] == counts[module]["unreachable"] == 0, module
        assert counts[module]["skipped"] == SKIPPED.get(module, 0), module
        assert counts[module]["ok"] + counts[module]["skipped"] == 1 + len(tasks[module])
    idle = {module: len(steps) - counts[module]["changed"] for module, steps in tasks.items()}
    idle = {module: count - len(MEANWHILE.get(module, {})) for module, count in idle.items()}
    assert {module: count for module, count in idle.items() if count} == IDLE
    assert (tmp_path / "observations" / "host_info.json").exists()
    assert json.loads((tmp_path / "reports" / "2026-06-01" / "report.json").read_text(encoding="utf-8"))["hosts"]


TEXTS = [*sorted(ROOT.glob("roles/*/README.md")), *sorted((ROOT / "docs" / "docsite" / "rst").glob("guide_*.rst"))]
FENCED = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
DIRECTIVE = re.compile(r"^\.\. code-block:: yaml\S*\n\n((?:(?: +.*)?\n)+)", re.MULTILINE)


def books():
    """Every play that a role's description or a guide shows."""
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        for number, block in enumerate([*FENCED.findall(text), *map(textwrap.dedent, DIRECTIVE.findall(text))]):
            content = yaml.safe_load(block)
            if isinstance(content, list) and "hosts" in content[0]:
                yield f"{path.parent.name}-{path.stem}-{number}", block


def test_every_role_shows_a_play():
    roles = {name.partition("-")[0] for name, _block in books()}
    assert roles >= {path.name for path in (ROOT / "roles").iterdir()}


def test_the_plays_of_roles_and_guides_run(fleet, inventory, tmp_path):
    """One after the other on three hosts; rolled back at last."""
    paths = []
    for name, block in sorted(books(), key=lambda book: "rollback" in book[0]):
        paths.append(tmp_path / f"{name}.yml")
        paths[-1].write_text(block, encoding="utf-8")
    site = tmp_path / "site.yml"
    site.write_text(
        yaml.safe_dump([{"ansible.builtin.import_playbook": str(path)} for path in paths]), encoding="utf-8"
    )
    limit = f"--limit=remediate,gateway,client_settings,{NODES[0]}"
    played = play(str(site), inventory, limit, "--forks=20", directory=tmp_path)
    assert played.code == 0, played.output
    counts = recap(played.output)
    assert all(not count["failed"] and not count["unreachable"] for count in counts.values())
    assert played.output.count("\nPLAY [") >= len(paths)


def test_the_examples_of_the_filters_run(inventory, tmp_path):
    """In check mode, since one of them writes for all users of the controller."""
    (tmp_path / "host17.rdp").write_text("full address:s:host17.example.com\r\n", encoding="utf-8")
    (tmp_path / "saved.rdp").write_bytes("full address:s:saved.example.com\r\n".encode("utf-16"))
    tasks = [
        task
        for path in FILTERS
        for task in yaml.safe_load(yaml.safe_load(path.read_text(encoding="utf-8"))["EXAMPLES"])
    ]
    book = tmp_path / "filters.yml"
    book.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    played = play(str(book), inventory, "--check", directory=tmp_path)
    assert played.code == 0, played.output
    assert recap(played.output)["localhost"]["ok"] == len(tasks)
    for said in ("A symptom of many causes", "host17.example.com", "33890", "saved.example.com"):
        assert said in played.output

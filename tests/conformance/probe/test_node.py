# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe through ansible-playbook: on the controller for a Windows host, and sent to a node as a module."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.messages import (
    challenge,
    request_reply,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.scripted import (
    ScriptedServer,
    answering,
    fails,
    make_certificate,
    selects,
    wait_for_end,
)
from cryptography.hazmat.primitives import serialization

if t.TYPE_CHECKING:
    from collections.abc import Iterator

#: A node that Ansible does not take for the controller, though it is this machine.
CONNECTION = """
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = '''
name: node
short_description: another machine, as it were
description: [Runs modules here as if the machine were remote.]
author: winfleet.rdp contributors
extends_documentation_fragment: [connection_pipelining]
'''


class Connection(Local):
    transport = "node"
"""
PLAY = """
- hosts: win
  gather_facts: false
  tasks:
    - winfleet.rdp.probe_info: {port: "{{ rdp_port }}", timeout: 20}
      register: here
    - winfleet.rdp.probe_info: {port: "{{ rdp_port }}", timeout: 20}
      delegate_to: node
      check_mode: true
      register: there
    - ansible.builtin.copy:
        content: "{{ {'here': here, 'there': there} | to_json }}"
        dest: "{{ result }}"
      delegate_to: localhost
"""


def interpreters() -> list[str]:
    """The Python of the tests, and the oldest that a node may have, where there is one."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which("python3.9"), *(str(path) for path in sorted(versions.glob("3.9.*/bin/python")))]
    return [sys.executable, *[path for path in candidates if path and runs(path)][:1]]


def runs(python: str) -> bool:
    """Whether this is a Python and not a stand-in for one."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedServer]:
    """A host that requires NLA and answers CredSSP."""
    certificate, key = make_certificate()
    file = tmp_path / "server.pem"
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    file.write_bytes(certificate.public_bytes(pem) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def credssp(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            tls.sendall(request_reply(challenge()))
            wait_for_end(tls)

    server = ScriptedServer(answering({0: fails(5), 1: fails(5), 3: selects(2), 11: selects(8)}, credssp)).start()
    yield server
    server.stop()


def play(folder: Path, port: int, interpreter: str) -> dict[str, t.Any]:
    """Run the play; returns both results."""
    (folder / "connection_plugins").mkdir()
    (folder / "connection_plugins" / "node.py").write_text(CONNECTION)
    (folder / "play.yml").write_text(PLAY)
    windows = "ansible_host=127.0.0.1 ansible_connection=winrm ansible_user=nobody ansible_password=none"
    node = f"ansible_connection=node ansible_python_interpreter={interpreter}"
    (folder / "hosts").write_text(f"win01 {windows}\nnode {node}\n[win]\nwin01\n")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts", "play.yml"]
    values = ["-e", json.dumps({"rdp_port": port, "result": str(folder / "result.json")})]
    done = subprocess.run([*command, *values], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return t.cast("dict[str, t.Any]", json.loads((folder / "result.json").read_text()))


def without_measurements(report: dict[str, t.Any]) -> dict[str, t.Any]:
    """The report without what differs from run to run."""
    del report["taken_at"], report["tcp"]["connect_ms"], report["ntlm"]["server_time"], report["ntlm"]["skew_seconds"]
    del report["tls"]["received_bytes"]
    return report


@pytest.mark.parametrize("interpreter", interpreters(), ids=lambda path: Path(path).name)
def test_controller_and_node_see_the_same(server: ScriptedServer, tmp_path: Path, interpreter: str) -> None:
    results = play(tmp_path, server.port, interpreter)
    here, there = results["here"], results["there"]
    assert here["changed"] is there["changed"] is False
    assert here["probe"]["stage"] == "complete"
    assert here["probe"]["ntlm"]["verdict"] == "challenge"
    assert without_measurements(here["probe"]) == without_measurements(there["probe"])
    assert "invocation" not in here  # the sign that no module was sent
    server.wait_for_connections(8)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way to authenticate, what it does with the messages, and a fleet on which each has a host of its own.

TABLE is what the guide of authentication shows, and what the tests prove.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.running import Played, RunningFleet, play
from tests.simulator.fleet import HTTP_PORT, HTTPS_PORT
from tests.simulator.host import DEFAULT_CREDENTIAL
from tests.support.kdc import REALM
from tests.support.secrets import leaks, leaks_below

Connection = t.Literal["winrm", "psrp"]
Scheme = t.Literal["http", "https"]
Outcome = t.Literal["sealed", "TLS", "refused", "not offered"]

COLUMNS: tuple[tuple[Connection, Scheme], ...] = (
    ("winrm", "http"), ("winrm", "https"), ("psrp", "http"), ("psrp", "https"),
)  # fmt: skip
TABLE: Mapping[str, tuple[Outcome, Outcome, Outcome, Outcome]] = {
    "basic": ("refused", "TLS", "refused", "TLS"),
    "certificate": ("refused", "TLS", "refused", "TLS"),
    "ntlm": ("sealed", "TLS", "sealed", "TLS"),
    "negotiate": ("not offered", "not offered", "sealed", "TLS"),
    "kerberos": ("sealed", "TLS", "sealed", "TLS"),
    "credssp": ("sealed", "TLS", "sealed", "TLS"),
}
"""By method, in the order of COLUMNS: message encryption, TLS alone, refused, or unknown to that connection."""

SERVICE = "host.winfleet.test"
"""The host's name in its service principals."""

WRONG = "Wr0ng-Passw0rd"

PLAYBOOK = """
- name: Ask who it is
  hosts: windows
  gather_facts: false
  tasks:
    - name: Ask
      winfleet.rdp.host_info:
        areas: [identity, membership]
"""


@dataclass(frozen=True)
class Cell:
    """One way to authenticate, and further variables of the host that is reached by it."""

    connection: Connection
    method: str
    scheme: Scheme
    variables: tuple[tuple[str, object], ...] = ()

    @property
    def outcome(self) -> Outcome:
        return TABLE[self.method][COLUMNS.index((self.connection, self.scheme))]


def cells(methods: Iterable[str]) -> list[Cell]:
    return [Cell(connection, method, scheme) for method in methods for connection, scheme in COLUMNS]


@dataclass(frozen=True)
class Seen:
    """What became of a cell: how it ended and what it said, and what the host saw of it."""

    ended: t.Literal["ok", "unreachable", "failed"]
    message: str
    sealed: int
    unsealed: int
    logons: Mapping[str, int]


def try_cells(
    fleet: RunningFleet, tried: Iterable[Cell], place: Path, password: str = DEFAULT_CREDENTIAL
) -> dict[Cell, Seen]:
    """Ask a host for its identity in every way, each on its own host, all by one play.

    With another password than the account's the client's certificate is one that no account is mapped to, as well.

    Raises:
        AssertionError: a secret is in what the play printed or left, at the highest verbosity.
    """
    place.mkdir()
    content = yaml.safe_load(fleet.inventory.read_text(encoding="utf-8"))["windows"]
    hosts = dict(zip(content["hosts"], tried, strict=False))
    folder = Path(content["vars"]["ansible_winrm_ca_trust_path"]).parent
    client = folder / ("client.pem" if password == DEFAULT_CREDENTIAL else "stranger.pem")
    variables = {
        name: {**content["hosts"][name], **_variables(cell, password), **_files(cell, folder, client)}
        for name, cell in hosts.items()
    }
    for name in hosts:
        fleet.tell(f"/hosts/{name}/counters", reset=True)
    (place / "inventory.yml").write_text(yaml.safe_dump({"windows": {"hosts": variables}}), encoding="utf-8")
    (place / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    played = _play(place)
    secrets = {"password": password}
    found = leaks(played.output.encode(), secrets) + leaks_below(place / "results", secrets)
    if found:
        raise AssertionError(f"secrets were told: {', '.join(found)}")
    return {cell: _seen(fleet, name, place / "results", played) for name, cell in hosts.items()}


def _play(place: Path) -> Played:
    environment = {
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.tree", "ANSIBLE_CALLBACK_TREE_DIR": str(place / "results"),
    }  # fmt: skip
    return play(str(place / "play.yml"), place / "inventory.yml", "-vvvvv", environment=environment)


def _seen(fleet: RunningFleet, name: str, results: Path, played: Played) -> Seen:
    if not (results / name).exists():
        raise AssertionError(f"{name} has no result: {played.output}")
    result = json.loads((results / name).read_text(encoding="utf-8"))
    counters = fleet.ask(f"/hosts/{name}/counters")
    ended: t.Literal["ok", "unreachable", "failed"] = "ok" if "observation" in result else "failed"
    return Seen(
        "unreachable" if result.get("unreachable") else ended, str(result.get("msg", "")),
        counters["sealed_messages"], counters["unsealed_messages"], counters["logons"],
    )  # fmt: skip


def _variables(cell: Cell, password: str) -> dict[str, object]:
    account = f"Administrator@{REALM}" if cell.method == "kerberos" else "Administrator"
    return {
        "ansible_connection": cell.connection, "ansible_user": account, "ansible_password": password,
        "ansible_port": HTTPS_PORT if cell.scheme == "https" else HTTP_PORT,
        **(_winrm if cell.connection == "winrm" else _psrp)(cell), **dict(cell.variables),
    }  # fmt: skip


def _winrm(cell: Cell) -> dict[str, object]:
    return {
        "ansible_winrm_scheme": cell.scheme, "ansible_winrm_transport": cell.method,
        "ansible_winrm_kerberos_hostname_override": SERVICE, "ansible_winrm_kinit_env_vars": ["KRB5_CONFIG"],
    }  # fmt: skip


def _psrp(cell: Cell) -> dict[str, object]:
    override = cell.method in ("kerberos", "negotiate")
    return {
        "ansible_psrp_protocol": cell.scheme, "ansible_psrp_auth": cell.method,
        **({"ansible_psrp_negotiate_hostname_override": SERVICE} if override else {}),
    }  # fmt: skip


def _files(cell: Cell, folder: Path, client: Path) -> dict[str, object]:
    """Whom the controller trusts, and the certificate that it shows."""
    named = {"certificate": client, "key": folder / "client-key.pem", "authority": folder / "authority.pem"}
    variables = {
        "winrm": ("ansible_winrm_cert_pem", "ansible_winrm_cert_key_pem", "ansible_winrm_ca_trust_path"),
        "psrp": ("ansible_psrp_certificate_pem", "ansible_psrp_certificate_key_pem", "ansible_psrp_ca_cert"),
    }[cell.connection]
    return dict(zip(variables, map(str, named.values()), strict=True))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fix module on every version of Windows in every language: a change, none the second time, and the way back.

So are the playbooks of machines that connect and of gateways played, which other tests play on single hosts.
"""

from __future__ import annotations

import base64
import json
import re

import pytest
import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change

from tests.simulator.breakages.gateway import TARGETS
from tests.simulator.windows.editions import EDITIONS, FLEET_VERSIONS, LANGUAGES
from tests.support.states import differing, outside, without_journal, without_journals

KINDS = {
    f"host{number:03}": (version, language)
    for number, (version, language) in enumerate(
        ((version, language) for version in FLEET_VERSIONS for language in LANGUAGES), 1
    )
}
SERVERS = {host: EDITIONS[version].server for host, (version, _language) in KINDS.items()}
"""Whether a host can have the role of a gateway."""

BREAKAGES = "rdp_denied+firewall_rule_disabled+key_unreadable+security_layer_rdp+tls12_disabled"
FIXES = [
    ("schannel", {}),
    ("remote_desktop", {"drain": "off", "start_mode": "automatic"}),
    ("firewall", {"transports": ["tcp", "udp"]}),
    ("transport", {"mode": "tcp_only"}),
    ("connection_limit", {"pending": 5000, "sessions": 25}),
    ("machine_keys", {"method": "ace"}),
    ("certificate", {"renew_before": 180}),
    ("security_layer", {"encryption": "fips"}),
    ("nla", {"state": "off", "lease": "30m"}),
    ("network_stack", {"dns": "flush"}),
    ("client_settings", {"udp": "off"}),
    ("gateway", {"state": "keep", "udp": "off"}),
]
"""In this order, each finds something to do on a host with these breakages; gateway on servers, which have its role."""

NOT_UNDONE = [
    Change(name, kind, kind, None, None, "") for name, kind in (("certificate", "renewal"), ("dns", "dns_cache"))
]
"""Windows' new certificate stays, and what the cache held is not put back."""

SOME = {f"host{3 * place + place % 3 + 1:03}" for place in range(len(FLEET_VERSIONS))}
"""One host of each version, two of each language or more; what all others do twice is shown in process."""


def tasks(run_id, wanted):
    """Every module under one run; it fails where it does not change what it should, or changes what it should not."""
    changed = "" if wanted else "not "
    for name, options in FIXES:
        task = {
            "name": f"{name} is {changed}changed",
            f"winfleet.rdp.{name}": {"run_id": run_id, **options},
            "register": "done",
            "failed_when": f"done.failed | default(false) or done.changed != {wanted} or done.run_id != '{run_id}'",
        }
        asked = [*(["server"] if name == "gateway" else []), *([] if wanted else ["twice"])]
        yield {**task, "when": asked} if asked else task


def site():
    """The module rollback takes the first run back, and has nothing of the second one."""
    back = {
        "name": "Take all back",
        "winfleet.rdp.rollback": {"run": "all"},
        "register": "undone",
        "failed_when": "undone.failed | default(false) or undone.runs != ['first'] or undone.left | length > 0",
    }
    steps = [*tasks("first", True), *tasks("second", False), back]
    return [{"hosts": "windows", "strategy": "ansible.builtin.free", "gather_facts": False, "tasks": steps}]


@pytest.fixture
def every_kind(start_fleet):
    """A fleet of a host of each kind, with what is planted: ``every_kind({"host001": ["--break=…"]})``."""

    def start(planted):
        options = [
            option.replace("=", f"={host}=", 1)
            for host, (version, language) in KINDS.items()
            for option in (f"--version={version}", f"--language={language}", *planted.get(host, ()))
        ]
        return start_fleet(f"--hosts={len(KINDS)}", "--auth=basic", "--https", *options)

    return start


def test_every_fix_on_every_version_and_language(every_kind, run, with_hosts, tmp_path):
    usual = [f"--break={BREAKAGES}", "--trait=dns_cache_stale"]
    fleet = every_kind({host: [*usual, *["--trait=gateway_role"] * server] for host, server in SERVERS.items()})
    before = fleet.states()

    book = tmp_path / "site.yml"
    book.write_text(yaml.safe_dump(site(), sort_keys=False), encoding="utf-8")
    inventory = with_hosts(
        fleet.inventory, {host: {"server": server, "twice": host in SOME} for host, server in SERVERS.items()}
    )
    played = run(book, inventory, "--forks=18")
    assert played.code == 0, played.output
    rows = dict(re.findall(r"^(host\d+) +: ok=(\d+)", played.output, re.MULTILINE))
    fixes = {host: len(FIXES) - (not server) for host, server in SERVERS.items()}
    assert rows == {host: str(count * (2 if host in SOME else 1) + 1) for host, count in fixes.items()}
    after = fleet.states()
    for host in KINDS:
        differ = differing(without_journal(before[host]), without_journal(after[host]))
        assert outside(differ, NOT_UNDONE) == [], host


PLAYBOOKS = {
    "client": (
        {"rdp_client_udp": "off", "rdp_client_names": ["localhost"]},
        ["--break=client_tls12_disabled", "--trait=dns_cache_stale"],
        {"registry": "DisableUDPTransport"},
    ),
    "gateway": (
        {
            "rdp_gateway_name": "spare.corp.example",
            "rdp_gateway_user_group": r"CORP\Remote Users",
            "rdp_gateway_hosts": list(TARGETS),
            "rdp_gateway_udp": "off",
        },
        [
            "--break=gateway_service_disabled+gateway_cap_disabled+gateway_rap_resource",
            "--trait=gateway_spare_certificate",
        ],
        {
            "service_start_mode": "Disabled",
            "service_state": "Running",
            "gateway_certificate": "the gateway's certificate",
            "gateway_connection_policy": "PasswordAllowed",
            "gateway_resource_group": TARGETS[2],
            "gateway_resource_policy": "PortNumbers",
            "gateway_transport": "UDP",
        },
    ),
}
"""What each is asked for, on which hosts, and the kinds of changes that it makes there with what their diff shows."""


def telling(playbook, hosts):
    """The playbook, and what it has set then: the changes of each host."""
    found = f"hosts | map('extract', hostvars, 'rdp_{playbook}_result') | map(attribute='changes')"
    text = f"changes: {{{{ dict(hosts | zip({found})) | to_json | b64encode }}}}"
    tell = {"name": "Tell", "ansible.builtin.debug": {"msg": text}, "vars": {"hosts": hosts}}
    plays = {"hosts": "localhost", "gather_facts": False, "tasks": [tell]}
    return [{"import_playbook": f"winfleet.rdp.{playbook}"}, plays]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_on_every_version_and_in_every_language(every_kind, run, tmp_path, playbook):
    """Dry run, apply, apply again, roll back. Gateways are servers."""
    wanted, planted, kinds = PLAYBOOKS[playbook]
    hosts = [host for host, server in SERVERS.items() if host in SOME and (server or playbook == "client")]
    fleet = every_kind(dict.fromkeys(hosts, planted))
    found = fleet.states()
    book = tmp_path / "site.yml"
    book.write_text(yaml.safe_dump(telling(playbook, hosts), sort_keys=False), encoding="utf-8")
    options = ("--forks=18", "-e", json.dumps({**wanted, "rdp_hosts": hosts}))

    def play(*more):
        played = run(book, fleet.inventory, *options, *more)
        assert played.code == 0, played.output
        return played.output, json.loads(base64.b64decode(re.search('changes: ([^"]+)', played.output)[1]))

    said, planned = play("--check", "--diff")
    assert [text for text in kinds.values() if text not in said] == []
    assert fleet.states() == found
    _said, made = play()
    assert {host: {change["kind"] for change in changes} for host, changes in made.items()} == {
        host: set(kinds) for host in hosts
    }
    assert made == planned
    writes = fleet.count("writes")
    _said, again = play()
    assert again == {host: [] for host in hosts}
    assert fleet.count("writes") == writes
    undone = run("rollback", fleet.inventory, *options)
    assert undone.code == 0, undone.output
    assert without_journals(fleet.states()) == without_journals(found)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fix module on every version of Windows in every language: a change, none the second time, and the way back."""

from __future__ import annotations

import re

import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change

from tests.simulator.windows.editions import EDITIONS, FLEET_VERSIONS, LANGUAGES
from tests.support.states import differing, outside, without_journal

KINDS = {
    f"host{number:03}": (version, language)
    for number, (version, language) in enumerate(
        ((version, language) for version in FLEET_VERSIONS for language in LANGUAGES), 1
    )
}
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

TWICE = {f"host{3 * place + place % 3 + 1:03}" for place in range(len(FLEET_VERSIONS))}
"""One host of each version, two of each language; the other second runs are shown in process."""


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


def test_every_fix_on_every_version_and_language(start_fleet, run, with_hosts, tmp_path):
    servers = {host: EDITIONS[version].server for host, (version, _language) in KINDS.items()}
    planted = [f"--version={host}={version}" for host, (version, _language) in KINDS.items()]
    planted += [f"--language={host}={language}" for host, (_version, language) in KINDS.items()]
    planted += [f"--break={host}={BREAKAGES}" for host in KINDS]
    planted += [f"--trait={host}=dns_cache_stale" for host in KINDS]
    planted += [f"--trait={host}=gateway_role" for host, server in servers.items() if server]
    fleet = start_fleet(f"--hosts={len(KINDS)}", "--auth=basic", "--https", *planted)
    before = fleet.states()

    book = tmp_path / "site.yml"
    book.write_text(yaml.safe_dump(site(), sort_keys=False), encoding="utf-8")
    inventory = with_hosts(
        fleet.inventory, {host: {"server": server, "twice": host in TWICE} for host, server in servers.items()}
    )
    played = run(book, inventory, "--forks=18")
    assert played.code == 0, played.output
    rows = dict(re.findall(r"^(host\d+) +: ok=(\d+)", played.output, re.MULTILINE))
    fixes = {host: len(FIXES) - (not server) for host, server in servers.items()}
    assert rows == {host: str(count * (2 if host in TWICE else 1) + 1) for host, count in fixes.items()}
    after = fleet.states()
    for host in KINDS:
        differ = differing(without_journal(before[host]), without_journal(after[host]))
        assert outside(differ, NOT_UNDONE) == [], host

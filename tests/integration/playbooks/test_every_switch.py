# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role rdp_baseline and the loop on every version of Windows, and in every language, with every open fact turned.

In process all values are tried with each module (test_open_facts). Every other fleet has the defaults; this one has of
every switch the last choice, which is another.
"""

from __future__ import annotations

import json

import pytest

from tests.simulator.switches import SWITCHES
from tests.simulator.windows.editions import FLEET_VERSIONS, LANGUAGES
from tests.support.states import without_journals

KINDS = [(version, LANGUAGES[place % len(LANGUAGES)]) for place, version in enumerate(FLEET_VERSIONS)]
HOSTS = [f"host{number:03}" for number in range(1, len(KINDS) + 1)]
LISTENER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"
BREAKAGES = "rdp_denied+firewall_rule_disabled+security_layer_rdp"


PLAYED = [("baseline", 2), ("remediate", 1)]
"""Playbooks, and the place of the values that they are played with: the last one of a switch that has fewer."""


def turned(switch, place):
    return switch.choices[min(place, len(switch.choices) - 1)]


def planted(place):
    """Options for a fleet of every kind of host, each broken, with every switch turned."""
    for host, (version, language) in zip(HOSTS, KINDS, strict=True):
        yield from (f"--version={host}={version}", f"--language={host}={language}", f"--break={host}={BREAKAGES}")
        yield f"--trait={host}=nla_off_by_intent"
    for name, switch in SWITCHES.items():
        yield f"--switch={name}={turned(switch, place)}"


def verdicts(directory):
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {host["host"]: host["verdict"] for host in report["hosts"]}


def secured(state):
    """SecurityLayer and UserAuthentication; the loop leaves what somebody meant, the baseline does not."""
    values = state["registry"][LISTENER]["values"]
    return tuple(values[name][1] for name in ("SecurityLayer", "UserAuthentication"))


@pytest.mark.parametrize(("playbook", "place"), PLAYED)
def test_a_fleet_is_repaired_once_and_put_back(start_fleet, run, tmp_path, playbook, place):
    fleet = start_fleet(f"--hosts={len(HOSTS)}", "--auth=basic", "--https", *planted(place))
    found = without_journals(fleet.states())
    report = tmp_path / playbook
    options = (f"--forks={len(HOSTS)}", "-e", f"rdp_report_dir={report}")
    played = run(playbook, fleet.inventory, *options)
    assert played.code == 0, played.output
    assert verdicts(report) == dict.fromkeys(HOSTS, "repaired"), played.output
    assert playbook != "baseline" or {secured(state) for state in fleet.states().values()} == {(2, 1)}
    writes = fleet.count("writes")
    again = run(playbook, fleet.inventory, *options)
    assert again.code == 0, again.output
    assert fleet.count("writes") == writes, again.output
    undone = run("rollback", fleet.inventory, f"--forks={len(HOSTS)}")
    assert undone.code == 0, undone.output
    assert without_journals(fleet.states()) == found


def test_every_switch_is_turned():
    left = {
        (name, value)
        for name, switch in SWITCHES.items()
        for value in {*switch.choices[1:]} - {turned(switch, place) for _playbook, place in PLAYED}
    }
    assert left == {("enum_shape", SWITCHES["enum_shape"].choices[3])}, "which the wire's own tests have"

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Weakening as a user asks for it, on every version: a lease that the host ends, and what is refused."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from tests.running import RunningFleet, running_fleet
from tests.support.states import without_journal

from .conftest import RunModule

VERSIONS = ("10", "11", "2016", "2019", "2022", "2025")
LANGUAGES = {"10": "de", "2019": "ja"}
WEAKENINGS: list[tuple[str, dict[str, t.Any], bool | None]] = [
    ("nla", {"state": "off", "lease": "30m"}, True),
    ("security_layer", {"layer": "negotiate", "lease": "30m"}, None),
]
"""Module, options, and whether the handshake shows it: NLA, while required, hides whether TLS is."""

HOSTS = {f"host{number:03}": version for number, version in enumerate(VERSIONS * len(WEAKENINGS), 1)}
"""Each has one lease: its clock is ahead of the controller's afterwards, so that no other would be granted."""


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """A host of each version for each weakening, some of them in other languages."""
    options = [f"--version={host}={version}" for host, version in HOSTS.items()]
    options += [f"--language={host}={LANGUAGES[version]}" for host, version in HOSTS.items() if version in LANGUAGES]
    with running_fleet(tmp_path_factory.mktemp("versions"), f"--hosts={len(HOSTS)}", *options) as up:
        yield up


@pytest.mark.parametrize(
    ("host", "module", "options", "effective"),
    [(host, *WEAKENINGS[number // len(VERSIONS)]) for number, host in enumerate(sorted(HOSTS))],
)
def test_the_host_ends_a_lease_by_itself(
    host: str,
    module: str,
    options: dict[str, t.Any],
    effective: bool | None,
    run_alone: RunModule,
    versions: RunningFleet,
) -> None:
    def run(name: str, **given: t.Any) -> dict[str, t.Any]:
        return run_alone(host, name, versions.inventory, **given)

    before = without_journal(versions.ask(f"/hosts/{host}/state"))
    result = run(module, **options)
    assert result["changed"], result
    (lease,) = [entry for entry in result["leases"] if entry["setting"] == module]
    assert (lease["standing"], lease["effective"], lease["lasts"]) == ("running", effective, 1800)
    assert run(module, **options)["changed"] is False
    assert run("diagnosis_info")["verdict"] == "leased"

    versions.advance(1860, host)
    assert without_journal(versions.ask(f"/hosts/{host}/state")) == before
    again = run(module, **options)
    assert again["failed"]
    assert "not renewed by itself" in again["msg"]
    assert run("diagnosis_info")["verdict"] == "healthy"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"state": "off"}, "needs a lease"),
        ({"state": "off", "lease": "25h"}, "no duration from 1m to 24h"),
        ({"state": "off", "accept_permanent_weakening": "yes"}, "takes true or false"),
        ({"state": "off", "lease": "30m", "renew_lease": 1}, "takes true or false"),
    ],
)
def test_what_is_refused_is_said_and_changes_nothing(
    options: dict[str, t.Any], said: str, run_alone: RunModule, versions: RunningFleet
) -> None:
    before = versions.ask("/hosts/host001/state")
    result = run_alone("host001", "nla", versions.inventory, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert versions.ask("/hosts/host001/state") == before

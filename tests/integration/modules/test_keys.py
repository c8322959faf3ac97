# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two largest rungs of key repair, with real handshakes, beside the keys of others.

More in process: test_key_repair and test_cut_off.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest

from tests.running import RunningFleet, running_fleet

from .conftest import RunModule

METHODS = {"host001": "copy_aside", "host002": "rename"}
KINDS = {"host001": ("2016", "de"), "host002": ("2022", "ja")}
TENANTS = "iis_keys+sql_server+federation"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    planted = [
        option
        for host, (version, language) in KINDS.items()
        for option in (f"--version={host}={version}", f"--language={host}={language}", f"--trait={host}={TENANTS}",
                       f"--break={host}=key_unreadable")
    ]  # fmt: skip
    with running_fleet(tmp_path_factory.mktemp("keys"), "--hosts=2", *planted, "--auth=basic") as up:
        yield up


def _of_others(fleet: RunningFleet, host: str) -> dict[str, t.Any]:
    """The other key files that lie in MachineKeys itself, with content and permissions."""
    files = fleet.ask(f"/hosts/{host}/state")["files"]
    return {
        path: entry
        for path, entry in files.items()
        if "\\machinekeys\\" in path.lower() and "\\f686aace" not in path.lower()
    }


def _tls(fleet: RunningFleet, host: str) -> str:
    return str(fleet.ask(f"/hosts/{host}/probe")["tls"])


@pytest.mark.parametrize("host", sorted(METHODS))
def test_a_large_rung_repairs_the_key_and_leaves_those_of_others_as_they_are(
    host: str, run_module: RunModule, fleet: RunningFleet
) -> None:
    before = _of_others(fleet, host)
    assert len(before) > len(TENANTS.split("+"))
    assert _tls(fleet, host) != "ok"
    refused = run_module(host, "machine_keys", method="rename")
    assert refused["failed"]
    assert [refusal["option"] for refusal in refused["refused"]] == ["accept_shared_keys"], refused["msg"]
    assert _of_others(fleet, host) == before
    made = run_module(host, "machine_keys", method=METHODS[host], accept_shared_keys=True)
    assert {"copy_aside": "key_copy", "rename": "key_folder"}[METHODS[host]] in [c["kind"] for c in made["changes"]]
    assert _tls(fleet, host) == made["proof"]["tls"]["verdict"] == "ok"
    assert _of_others(fleet, host) == before
    assert run_module(host, "machine_keys", method=METHODS[host], accept_shared_keys=True)["changed"] is False
    assert run_module(host, "machine_keys", state="restored")["changed"]
    assert _of_others(fleet, host) == before
    assert _tls(fleet, host) == "ok"
    assert run_module(host, "machine_keys", state="restored")["changed"] is False

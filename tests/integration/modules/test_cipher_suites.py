# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cipher suites and the key of the certificate, with the TLS handshakes of both kinds of key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import RunningFleet, running_fleet

from .conftest import Result, RunModule

UNFIT = {"host001": ("cipher_suites_mismatch", "RSA"), "host002": ("cipher_suites_for_rsa", "EC")}
"""What is planted, and the kind of key that the listener's certificate has."""

FIT = "host003"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    planted = [f"--break={host}={name}" for host, (name, _key) in UNFIT.items()]
    directory = tmp_path_factory.mktemp("suites")
    with running_fleet(directory, "--hosts=3", *planted, f"--trait={FIT}=ecdsa_certificate", "--auth=basic") as up:
        yield up


def _key(diagnosis: Result) -> object:
    return (diagnosis["probe"]["tls"]["certificate"] or {}).get("key_algorithm")


@pytest.mark.parametrize("host", sorted(UNFIT))
def test_suites_for_another_kind_of_key_are_found_and_give_way(
    host: str, run_module: RunModule, fleet: RunningFleet
) -> None:
    broken = run_module(host, "diagnosis_info")
    assert (broken["probe"]["tls"]["verdict"], _key(broken)) == ("alert", None)
    assert broken["findings"][0]["id"] == "cipher_suites_mismatch"
    result = run_module(host, "schannel", remove_orphaned_policy=True)
    assert [change["kind"] for change in result["changes"]] == ["registry"]
    assert result["needs"]["reboot"]
    fleet.tell(f"/hosts/{host}/reboot")
    fleet.advance(120, host)
    well = run_module(host, "diagnosis_info")
    assert (well["verdict"], _key(well)) == ("healthy", UNFIT[host][1])


def test_a_certificate_for_ecdsa_is_served_and_nothing_is_changed(run_module: RunModule, fleet: RunningFleet) -> None:
    well = run_module(FIT, "diagnosis_info", logon_check=True)
    assert (well["verdict"], _key(well)) == ("healthy", "EC")
    assert fleet.ask(f"/hosts/{FIT}/volatile")["logons"] == ["accepted"]
    for probe_from in ("controller", "none"):
        assert run_module(FIT, "schannel", probe_from=probe_from)["changed"] is False
    assert run_module(FIT, "remediate")["changed"] is False

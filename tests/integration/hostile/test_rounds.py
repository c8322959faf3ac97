# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many rounds over real sockets: what is open on the controller stays the same, and nothing is left on the host."""

from __future__ import annotations

import gc
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._host import Host
from ansible_collections.winfleet.rdp.plugins.plugin_utils._proof import Prober
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.channel import open_channel

from tests.running import RunningFleet, running_fleet
from tests.support.connections import NTLM, connection

ROUNDS, WARM = 50, 5
"""Rounds, and those until all is loaded and cached."""

OPEN = Path("/proc/self/fd")

pytestmark = pytest.mark.skipif(not OPEN.is_dir(), reason="open files are counted in /proc, which Linux alone has")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    with running_fleet(tmp_path_factory.mktemp("rounds"), "--hosts", "1", "--max-seconds", "600") as running:
        yield running


def one_round(plugin: str, variables: t.Mapping[str, t.Any]) -> str:
    """Diagnose the host by probe and CIM, and use a shell; how far the handshake came."""
    address = variables["ansible_host"]
    channel = open_channel(connection(plugin, 5985, **variables, **NTLM))
    host = Host("host001", channel)
    try:
        standing = examine(host, Prober(address), 600)
        host.shell.run("ver")
    finally:
        host.close()
        channel.close()
    probe = standing.observation.probe
    return str(probe["stage"]) if probe else "none"


@pytest.mark.parametrize("plugin", ["winrm", "psrp"])
def test_sockets_stay_as_many_as_they_are_and_no_shell_is_left(fleet: RunningFleet, plugin: str) -> None:
    content = yaml.safe_load(fleet.inventory.read_text(encoding="utf-8"))["windows"]
    address = content["hosts"]["host001"]["ansible_host"]
    account = {name: content["vars"][name] for name in ("ansible_user", "ansible_password")}
    counts = []
    for _number in range(ROUNDS):
        assert one_round(plugin, {"ansible_host": address, **account}) == "complete"
        gc.collect()
        counts.append(len(list(OPEN.iterdir())))
    assert max(counts[WARM:]) <= counts[WARM], counts
    left = fleet.ask("/hosts/host001/volatile")
    assert (left["open_shells"], left["open_enumerations"]) == (0, 0)
    assert fleet.ask("/hosts/host001/counters")["shells_opened"] % ROUNDS == 0

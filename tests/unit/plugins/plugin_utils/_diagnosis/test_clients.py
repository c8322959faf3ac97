# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the connections of a machine's own client ended, and what is said of that."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.channels import ChannelEvent
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import Finding
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import ClientConnections
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe.client import counted
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults

from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, job, prober

BEGINS, OVER_UDP = ChannelEvent(1024, ()), ChannelEvent(1103, ())


def ends(reason: int) -> ChannelEvent:
    return ChannelEvent(1026, (), {"Value": str(reason)})


@pytest.mark.parametrize(
    ("events", "over_udp", "broken"),
    [
        ([], 0, 0),
        ([BEGINS, OVER_UDP, ends(2308)], 1, 1),
        ([BEGINS, OVER_UDP, OVER_UDP, ends(2308)], 1, 1),
        ([BEGINS, OVER_UDP, ends(2)], 1, 0),
        ([BEGINS, OVER_UDP], 1, 0),
        ([BEGINS, ends(2308)], 0, 0),
        ([BEGINS, OVER_UDP, ends(2308), BEGINS, ends(2308)], 1, 1),
        ([BEGINS, OVER_UDP, BEGINS, ends(2308)], 1, 0),
        ([ends(2308), BEGINS, OVER_UDP, ends(2308)], 1, 1),
        ([BEGINS, OVER_UDP, ChannelEvent(1026, ())], 1, 0),
    ],
)
def test_a_connection_counts_as_broken_only_where_it_had_udp(
    events: list[ChannelEvent], over_udp: int, broken: int
) -> None:
    assert counted(events) == ClientConnections(over_udp, broken)


def found(simulated: SimulatedHost) -> dict[str, Finding]:
    standing = examine(connect(simulated), prober(simulated), 600, full=True)
    return {finding.id: finding for finding in standing.findings}


@pytest.mark.parametrize("language", ["de", "ja"])
def test_a_broken_path_for_udp_is_told_in_every_language_and_goes_away_with_udp(language: str) -> None:
    simulated = SimulatedHost.build("11", language=language, breakages=["client_udp_path_broken"])
    cause = found(simulated)["client_udp_path_broken"]
    assert [evidence.value for evidence in cause.evidence] == ["3 of 3"]
    cure = CAUSES[cause.id].cures[0]
    fix(job(simulated), REMEDIES[cure.remedy], {**defaults(REMEDIES[cure.remedy].options), **cure.options})
    assert "client_udp_path_broken" not in found(simulated)


def test_connections_of_long_ago_say_nothing() -> None:
    simulated = SimulatedHost.build("11", breakages=["client_udp_path_broken"])
    simulated.clock.advance(3600)
    assert "client_udp_path_broken" not in found(simulated)


def test_what_connects_to_other_hosts_without_trouble_has_no_finding_of_clients() -> None:
    simulated = SimulatedHost.build("2022", traits=["connects_to_others"])
    assert not [name for name in found(simulated) if "client" in name]
    seen = examine(connect(simulated), prober(simulated), 600, full=True).observation
    assert seen.client_connections == ClientConnections(over_udp=4, broken=1)
    assert seen.client is not None
    assert "msrdc.exe" in seen.client.programs


def test_where_no_shell_opens_it_says_that_connections_were_not_read() -> None:
    simulated = SimulatedHost.build("2022", traits=["no_shell"], breakages=["client_udp_path_broken"])
    observation = examine(connect(simulated), prober(simulated), 600, full=True).observation
    assert observation.client_connections is None
    assert "client_connections" in observation.unread


def test_strict_authentication_is_named_with_its_owner_and_never_lowered() -> None:
    simulated = SimulatedHost.build("11", breakages=["client_authentication_strict"])
    cause = found(simulated)["client_authentication_strict"]
    assert cause.evidence[0].what == "policy AuthenticationLevel"
    assert cause.remedies == ()
    assert cause.by_hand


@pytest.mark.parametrize("breakages", [[], ["rdp_denied"], ["key_unreadable"]])
def test_a_host_that_is_not_looked_at_in_full_is_not_asked_for_its_clients(breakages: list[str]) -> None:
    simulated = SimulatedHost.build("11", breakages=["client_udp_path_broken", *breakages])
    observation = examine(connect(simulated), prober(simulated), 600).observation
    assert (observation.client_connections, observation.client) == (None, None)
    assert "client_authentication" not in observation.settings

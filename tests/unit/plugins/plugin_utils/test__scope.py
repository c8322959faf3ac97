# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much is read, by how far the probe came."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.facts import STAGES, Facts
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import TLS_SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._scope import deeper, scope

from tests.simulator.breakages import BREAKAGES
from tests.simulator.host import SimulatedHost
from tests.support.in_process import connect, prober


def _examined(breakage: str) -> SimulatedHost:
    return SimulatedHost.build("2022", breakages=(breakage,))


@pytest.mark.parametrize("breakage", sorted(BREAKAGES))
def test_what_is_left_out_would_have_shown_nothing_direct(breakage: str) -> None:
    """A look at everything finds no cause of the failed handshake that the look in proportion has not found."""
    simulated = _examined(breakage)
    found = examine(connect(simulated), prober(simulated), 600)
    stage = Facts(found.observation).failed_stage
    everything = examine(connect(simulated), prober(simulated), 600, full=True)
    wanted = {finding.id for finding in direct(everything.findings) if finding.stage == stage}
    assert wanted <= {finding.id for finding in found.findings}


def test_what_the_probe_got_past_is_not_read() -> None:
    simulated = _examined("key_unreadable")
    seen = examine(connect(simulated), prober(simulated), 600).observation
    assert Facts(seen).failed_stage == "tls"
    assert set(TLS_SETTINGS) <= set(seen.settings)
    assert "deny_connections" not in seen.settings
    assert seen.listener is None
    assert seen.keys is not None


def test_only_what_is_missing_is_read_when_the_stage_moves_on() -> None:
    simulated = _examined("rdp_denied")
    seen = examine(connect(simulated), prober(simulated), 600).observation
    reset = {**(seen.probe or {}), "stage": "tls", "tls": {"verdict": "reset", "certificate": None}}
    newly = scope(Facts(Observation("", probe=reset))).beyond(seen)
    assert set(newly.areas) == {"keys", "settings"}
    assert set(newly.settings) == set(TLS_SETTINGS)
    assert STAGES.index("tls") > STAGES.index(str((seen.probe or {})["stage"]))


@pytest.mark.parametrize(("breakage", "asked"), [("certificate_missing", True), ("key_unreadable", False)])
def test_who_may_write_to_the_store_is_asked_where_windows_has_to_make_a_certificate(
    breakage: str, asked: bool
) -> None:
    seen = observe(connect(_examined(breakage)), ("identity", "keys"))
    assert ("key_stores" in deeper(Facts(seen), ()).areas) is asked


def test_what_was_refused_is_not_asked_again() -> None:
    simulated = _examined("rdp_denied")
    seen = examine(connect(simulated), prober(simulated), 600).observation
    refused = Observation("", probe=seen.probe, unread={"firewall": "denied", "settings": "denied"})
    newly = scope(Facts(refused)).beyond(refused)
    assert "firewall" not in newly.areas
    assert newly.settings == ()
    assert "settings" not in newly.areas

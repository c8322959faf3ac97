# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reboots: only of hosts that come back, only when users allow it, and waited for until they are true."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _reboot
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._reboot import (
    ASKS_AT_START,
    PATIENCE,
    accepted,
    objection,
    reboot,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._restart import Policy
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.boot import Volume
from tests.support.in_process import connect, job


@pytest.mark.parametrize(
    ("allowed", "policy", "trait", "why"),
    [
        (False, "always", None, "allow_reboot is not set"),
        (True, "never", None, "restart is never"),
        (True, "when_idle", None, ""),
        (True, "when_idle", "many_sessions", "a reboot would end"),
        (True, "always", "many_sessions", ""),
        (True, "always", "winrm_manual", "WinRM's start mode is Manual"),
        (True, "always", "bitlocker_pin", "BitLocker asks for a PIN"),
        (True, "when_idle", "bitlocker_tpm", ""),
    ],
)
def test_who_may_be_rebooted(allowed: bool, policy: Policy, trait: str | None, why: str) -> None:
    simulated = SimulatedHost.build("2022", traits=[trait] if trait else [])
    found = objection(connect(simulated), allowed, policy)
    assert found.startswith(why)
    assert bool(found) is bool(why)
    assert (r"signed in: HOST001\user00, " in found) is ("would end" in found)
    assert simulated.counters.writes == 0


@pytest.mark.parametrize("counted", [False, True])
def test_who_sits_at_the_console_is_not_logged_off(counted: bool) -> None:
    simulated = SimulatedHost.build("11", traits=["console_user"], switches={"services_session_counted": counted})
    host = connect(simulated)
    assert r"HOST001\anna" in objection(host, True, "when_idle")
    assert objection(host, True, "always") == ""
    host.discreet = True
    unnamed = objection(host, True, "when_idle")
    assert unnamed
    assert "anna" not in unnamed


def test_who_is_hidden_at_the_console_is_not_logged_off() -> None:
    simulated = SimulatedHost.build("11", traits=["console_user"])
    simulated.windows.sessions.all()[0].hidden = True
    assert objection(connect(simulated), True, "when_idle").startswith("a reboot would log off 1 user(s)")


def test_a_host_that_does_not_show_who_is_signed_in_is_not_rebooted() -> None:
    simulated = SimulatedHost.build("11")

    def refuse(_number: int, body: bytes) -> None:
        if b"from Win32_Process" in body:
            simulated.injector.add("access_denied")

    host = connect(simulated, refuse)
    assert "log off whoever is signed in, which the host does not show" in objection(host, True, "when_idle")
    assert accepted(host, "always") == "; it was accepted to log off whoever is signed in, which the host does not show"


def test_who_is_logged_off_where_that_was_accepted_is_told() -> None:
    at_console = connect(SimulatedHost.build("11", traits=["console_user"]))
    assert accepted(at_console, "always") == r"; it was accepted to log off HOST001\anna"
    assert accepted(connect(SimulatedHost.build("2022")), "always") == ""
    used = SimulatedHost.build("2022", traits=["many_sessions"])
    assert accepted(connect(used), "always").startswith("; it was accepted to end 8 connected and 4 disconnected")
    assert accepted(connect(used), "when_idle") == ""
    used.injector.add("access_denied", {"class": "MSFT_NetTCPConnection"}, 1)
    assert accepted(connect(used), "always").startswith("; whom it logs off is not known (")


def test_a_reboot_that_a_fix_makes_tells_who_was_logged_off_and_so_does_its_roll_back() -> None:
    simulated = SimulatedHost.build("11", breakages=["tls_server_disabled"], traits=["console_user"])
    given = defaults(REMEDIES["schannel"].options)
    done = fix(job(simulated, allow_reboot=True, restart="always"), REMEDIES["schannel"], given)[1]
    assert done.changes[-1].reason.endswith(r"; it was accepted to log off HOST001\anna")
    simulated.windows.sessions.add("bert")
    back = job(simulated, "back", allow_reboot=True, restart="always")
    rollback(back, "all", force=False)
    (made,) = (change for change in back.made if change.kind == "reboot")
    assert r"HOST001\bert" in made.reason


def test_a_host_on_which_nothing_but_services_runs_is_rebooted() -> None:
    simulated = SimulatedHost.build("2022", switches={"services_session_counted": True})
    assert objection(connect(simulated), True, "when_idle") == ""


RECOVERY = 3
"""The numerical password that BitLocker keeps beside what opens the disk at start."""


@pytest.mark.parametrize(
    ("protectors", "asked"),
    [
        ((4, RECOVERY), "a PIN"),
        ((5, RECOVERY), "a startup key"),
        ((6, RECOVERY), "a PIN and a startup key"),
        ((8, RECOVERY), "a passphrase"),
        ((2, RECOVERY), "a startup key"),
        ((RECOVERY, 8, 2), "a passphrase"),
        ((1, 2, RECOVERY), ""),
        ((1, RECOVERY), ""),
    ],
)
def test_a_host_that_waits_for_somebody_at_its_start_is_not_rebooted(protectors: tuple[int, ...], asked: str) -> None:
    """And it would have stayed away; the others do not."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.volume = Volume(protectors)
    said = f"BitLocker asks for {asked} when the host starts: it was not rebooted" if asked else ""
    assert objection(connect(simulated), True, "always") == said
    simulated.windows.reboot()
    simulated.clock.advance(PATIENCE)
    assert simulated.windows.is_up is not bool(asked)


@pytest.mark.parametrize("kind", [2, *ASKS_AT_START])
def test_a_host_whose_protection_is_suspended_comes_back(kind: int) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.volume = Volume((kind, RECOVERY), suspended=1)
    assert objection(connect(simulated), True, "always") == ""
    assert reboot(connect(simulated), [].append, "a test") == ""


def test_a_host_whose_winrm_is_started_by_hand_would_stay_away() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.services.configure(simulated.windows.services["WinRM"], 3)
    assert "WinRM's start mode is Manual" in objection(connect(simulated), True, "always")


def test_the_host_is_waited_for_until_it_has_started_again() -> None:
    simulated = SimulatedHost.build("2022")
    recorded: list[Change] = []
    before = simulated.windows.booted
    assert reboot(connect(simulated), recorded.append, "a test") == ""
    assert simulated.windows.booted > before
    assert [(change.kind, change.undo) for change in recorded] == [("reboot", "none")]


def test_a_host_that_does_not_tell_the_mark_of_its_boot_is_waited_for_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reboot, "boot_mark", lambda _client: "")
    simulated = SimulatedHost.build("2022")
    before = simulated.windows.booted
    assert reboot(connect(simulated), [].append, "a test") == ""
    assert simulated.windows.booted > before


def test_a_clock_that_is_set_forward_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves the time of the last start forward as well."""
    simulated = SimulatedHost.build("2022")

    def set_forward() -> None:
        simulated.clock.set(simulated.clock.now() + timedelta(days=30))

    monkeypatch.setattr(simulated.windows, "reboot", set_forward)
    assert "has not started anew" in reboot(connect(simulated), [].append, "a test")


def test_a_reboot_that_a_user_holds_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedHost.build("2022")
    monkeypatch.setattr(simulated.windows, "reboot", lambda: None)
    start = simulated.clock.now()
    assert "has not started anew" in reboot(connect(simulated), [].append, "a test")
    assert (simulated.clock.now() - start).total_seconds() >= PATIENCE


def test_a_host_that_comes_back_without_the_listener_is_told() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.services.configure(simulated.windows.services["TermService"], 4)
    simulated.windows.services.force_stopped("TermService")
    assert "TermService does not run" in reboot(connect(simulated), [].append, "a test")

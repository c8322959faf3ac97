# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS made possible again: what is taken away, what is never touched, and the reboot that it takes."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import Limits, examine, remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.schannel import REMEDY

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.support.in_process import job, settings_state

OPTIONS = {"state": "usable", "remove_orphaned_policy": False}
REMOVING = {**OPTIONS, "remove_orphaned_policy": True}
CIPHERS = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"
SCHANNEL = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"
FIPS = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
LOCAL = r"HKLM\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002"
TLS12 = f"{SCHANNEL}\\TLS 1.2\\Server"


def owned_ciphers(simulated: SimulatedHost, text: str) -> None:
    values = (PolicyValue(CIPHERS, "Functions", Type.SZ, text),)
    simulated.windows.policy.link(PolicyObject("{C1F3E200-0000-4000-8000-000000000001}", "Hardening", values))
    simulated.windows.settle()


@pytest.mark.parametrize("version", ["2016", "2022", "11"])
def test_tls_comes_back_with_a_reboot_and_only_tls_1_2_does(version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=["tls_server_disabled"])
    doing = job(simulated, allow_reboot=True)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "repaired"
    assert [change.kind for change in course.changes] == ["registry", "registry", "reboot"]
    assert simulated.windows.listener.protocols == {"TLS 1.2"}


def test_without_leave_to_reboot_the_host_waits_for_one() -> None:
    simulated = SimulatedHost.build("2022", breakages=["tls_server_disabled"])
    booted = simulated.windows.booted
    doing = job(simulated)
    course = remediate(doing, examine(doing.host, doing.prober, 600), Limits())
    assert course.verdict == "needs_reboot"
    assert course.waiting == {"reboot": "allow_reboot is not set: the host was not rebooted"}
    assert simulated.windows.booted == booted
    assert fix(job(simulated), REMEDY, OPTIONS)[0].changes == ()


@pytest.mark.parametrize(
    ("enabled", "by_default", "taken"),
    [
        (None, 1, ["DisabledByDefault"]),
        (0, 1, ["Enabled", "DisabledByDefault"]),
        (0, 0, ["Enabled"]),
        (1, 1, []),
        (0xFFFFFFFF, 0, []),
        (None, None, []),
    ],
)
def test_only_what_blocks_is_taken_away(enabled: int | None, by_default: int | None, taken: list[str]) -> None:
    simulated = SimulatedHost.build("2022")
    for name, number in {"Enabled": enabled, "DisabledByDefault": by_default}.items():
        if number is not None:
            simulated.windows.registry.put_dword(TLS12, name, number)
    simulated.windows.registry.put_dword(f"{SCHANNEL}\\TLS 1.0\\Server", "Enabled", 0)
    plan, _done = fix(job(simulated, check=True), REMEDY, OPTIONS)
    assert [change.item.rpartition("\\")[2] for change in plan.changes] == taken
    assert all(change.item.startswith(TLS12) and change.after is None and change.reboot for change in plan.changes)


def test_a_cipher_policy_that_somebody_owns_is_held_and_named() -> None:
    simulated = SimulatedHost.build("2022")
    owned_ciphers(simulated, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
    before = settings_state(simulated)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert [finding.id for finding in direct(standing.findings)] == ["cipher_suites_mismatch"]
    course = remediate(doing, standing, Limits())
    assert course.verdict == "policy_held"
    assert [held.owner for held in course.held] == ["group policy 'Hardening'"]
    plan, _done = fix(job(simulated), REMEDY, REMOVING)
    assert plan.changes == ()
    assert settings_state(simulated) == before


def test_a_list_that_fits_the_key_of_the_certificate_that_is_served_is_left() -> None:
    """As the probe shows it of a listener that is tied to a certificate with a key for ECDSA."""
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
    doing = job(simulated, check=True)
    assert fix(doing, REMEDY, REMOVING)[0].changes != ()

    def serving_ecdsa(options: ProbeOptions) -> dict[str, t.Any]:
        seen = doing.prober.handshake(options)
        return {**seen, "tls": {**seen["tls"], "certificate": {**seen["tls"]["certificate"], "key_algorithm": "EC"}}}

    shown = replace(doing, prober=replace(doing.prober, handshake=serving_ecdsa))
    plan, _done = fix(shown, REMEDY, REMOVING)
    assert (plan.changes, plan.held, plan.refused) == ((), (), ())


def test_an_orphaned_cipher_policy_goes_only_when_told_to() -> None:
    simulated = SimulatedHost.build("2022", breakages=["cipher_suites_empty"])
    plan, _done = fix(job(simulated, check=True), REMEDY, OPTIONS)
    assert (plan.changes, plan.held[0].state) == ((), "policy_orphaned")
    _plan, done = fix(job(simulated, allow_reboot=True), REMEDY, REMOVING)
    assert done.proof is not None
    assert done.proof["passed"]


def test_fips_mode_stays_on_and_its_mismatch_is_named() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put_dword(FIPS, "Enabled", 1)
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, "TLS_RSA_WITH_RC4_128_SHA")
    plan, _done = fix(job(simulated, check=True), REMEDY, REMOVING)
    assert [change.item for change in plan.changes] == [f"{CIPHERS}\\Functions"]
    simulated.windows.registry.put_dword(FIPS, "Enabled", 0)
    assert fix(job(simulated, check=True), REMEDY, REMOVING)[0].changes == ()


def test_windows_own_list_is_left_to_a_person() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.create(LOCAL)
    simulated.windows.registry.put(LOCAL, "Functions", Type.MULTI_SZ, ("TLS_RSA_WITH_NULL_SHA256",))
    plan, _done = fix(job(simulated), REMEDY, REMOVING)
    assert plan.changes == ()
    assert "Enable-TlsCipherSuite" in plan.refused[0].message

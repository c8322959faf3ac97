# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS made possible again: what is taken away, what is never touched, and the reboot that it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.schannel import REMEDY

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.support.in_process import job, settings_state
from tests.support.meter import subject

OPTIONS = {"state": "usable", "remove_orphaned_policy": False}
REMOVING = {**OPTIONS, "remove_orphaned_policy": True}
CIPHERS = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"
SCHANNEL = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"
FIPS = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\FIPSAlgorithmPolicy"
LOCAL = r"HKLM\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002"
TLS12, TLS13 = (f"{SCHANNEL}\\{version}\\Server" for version in ("TLS 1.2", "TLS 1.3"))
RSA, ECDSA = (f"TLS_ECDHE_{key}_WITH_AES_256_GCM_SHA384" for key in ("RSA", "ECDSA"))
NEWEST = "TLS_AES_256_GCM_SHA384"


def rebooted(simulated: SimulatedHost) -> None:
    simulated.windows.reboot()
    simulated.clock.advance(120)


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


def unprobed(doing: Job) -> Job:
    return replace(doing, prober=replace(doing.prober, enabled=False))


@pytest.mark.parametrize(
    ("traits", "names", "goes"),
    [
        ([], ECDSA, True),
        ([], RSA, False),
        (["pinned_certificate"], ECDSA, True),
        (["ecdsa_certificate"], ECDSA, False),
        (["ecdsa_certificate"], RSA, True),
        (["certificate_template"], ECDSA, False),
        (["certificate_template"], "", True),
    ],
)
@pytest.mark.parametrize("version", ["2016", "2022"])
def test_a_list_is_judged_by_the_key_of_the_certificate_also_where_no_handshake_shows_it(
    version: str, traits: list[str], names: str, goes: bool
) -> None:
    """Which certificate was enrolled by policy's template, nothing but a handshake shows."""
    simulated = SimulatedHost.build(version, traits=traits)
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, names)
    plan, _done = fix(unprobed(job(simulated, check=True)), REMEDY, REMOVING)
    assert ([change.item for change in plan.changes] == [f"{CIPHERS}\\Functions"]) is goes
    assert (plan.held, plan.refused) == ((), ())


@pytest.mark.parametrize("names", ["", f"{RSA},{ECDSA}", f"{RSA},{ECDSA},{NEWEST}"])
def test_neither_a_key_nor_tls_1_3_is_read_of_where_it_decides_nothing(names: str) -> None:
    simulated = SimulatedHost.build("2022")
    if names:
        simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, names)
    asked: list[str] = []
    fix(unprobed(job(simulated, check=True, before=lambda _number, body: asked.append(subject(body)))), REMEDY, OPTIONS)
    assert any("TLS 1.2" in what for what in asked)
    assert not [what for what in asked if "TLS 1.3" in what or "SSLCertificateSHA1Hash" in what]


def test_a_list_that_fits_the_key_that_the_handshake_shows_is_left() -> None:
    """Where the list came after the host had started, nothing else has to be read of the certificate."""
    simulated = SimulatedHost.build("2022", traits=["ecdsa_certificate"])
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, ECDSA)
    asked: list[str] = []
    doing = job(simulated, check=True, before=lambda _number, body: asked.append(subject(body)))
    plan, _done = fix(doing, REMEDY, REMOVING)
    assert (plan.changes, plan.held, plan.refused) == ((), (), ())
    assert not [what for what in asked if "SSLCertificateSHA1Hash" in what]


@pytest.mark.parametrize("breakage", ["cipher_suites_mismatch", "cipher_suites_for_rsa"])
@pytest.mark.parametrize("version", ["2016", "2022", "11"])
def test_suites_for_another_kind_of_key_give_way_and_the_handshake_passes(breakage: str, version: str) -> None:
    simulated = SimulatedHost.build(version, breakages=[breakage])
    doing = job(simulated, allow_reboot=True)
    standing = examine(doing.host, doing.prober, 600)
    assert [finding.id for finding in direct(standing.findings)] == ["cipher_suites_mismatch"]
    _plan, done = fix(doing, REMEDY, REMOVING)
    assert done.proof is not None
    assert done.proof["passed"]


@pytest.mark.parametrize("override", [{"Enabled": 0}, {"DisabledByDefault": 1}, {"Enabled": 0, "DisabledByDefault": 1}])
@pytest.mark.parametrize("owned", [False, True])
def test_tls_1_3_comes_back_where_the_suites_are_for_it_alone(override: dict[str, int], owned: bool) -> None:
    """Whoever owns the list: that its version is off is all that it lacks."""
    simulated = SimulatedHost.build("2022")
    if owned:
        owned_ciphers(simulated, NEWEST)
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, NEWEST)
    for name, number in override.items():
        simulated.windows.registry.put_dword(TLS13, name, number)
    rebooted(simulated)
    doing = job(simulated, allow_reboot=True)
    standing = examine(doing.host, doing.prober, 600)
    (found,) = direct(standing.findings)
    assert found.id == "tls_server_disabled"
    assert [evidence.what for evidence in found.evidence] == [next(iter(override)), "policy Functions"]
    course = remediate(doing, standing, Limits())
    assert course.verdict == "repaired"
    assert [c.item for c in course.changes if c.kind == "registry"] == [f"{TLS13}\\{name}" for name in override]
    assert simulated.windows.listener.protocols == {"TLS 1.3"}


@pytest.mark.parametrize("names", [NEWEST, f"{NEWEST},{ECDSA}"])
def test_what_keeps_tls_1_3_off_goes_where_windows_own_list_needs_it(names: str) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put(LOCAL, "Functions", Type.MULTI_SZ, tuple(names.split(",")))
    simulated.windows.registry.put_dword(TLS13, "Enabled", 0)
    simulated.windows.registry.put_dword(TLS12, "Enabled", 0)
    rebooted(simulated)
    _plan, done = fix(job(simulated, allow_reboot=True), REMEDY, OPTIONS)
    assert [c.item for c in done.changes if c.kind == "registry"] == [f"{TLS12}\\Enabled", f"{TLS13}\\Enabled"]
    assert done.proof is not None
    assert done.proof["passed"]


def test_tls_1_3_stays_off_where_there_are_other_suites() -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, f"{NEWEST},{RSA}")
    simulated.windows.registry.put_dword(TLS13, "Enabled", 0)
    rebooted(simulated)
    plan, _done = fix(job(simulated, check=True), REMEDY, REMOVING)
    assert (plan.changes, plan.held, plan.refused) == ((), (), ())
    assert simulated.windows.listener.protocols == {"TLS 1.2"}
    doing = job(simulated, check=True)
    everything = examine(doing.host, doing.prober, 600, full=True)
    assert "tls13_enabled" in everything.observation.settings
    assert not {finding.id for finding in everything.findings if finding.stage == "tls"}


def test_where_windows_has_no_tls_1_3_its_suites_are_a_mismatch() -> None:
    simulated = SimulatedHost.build("2019")
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, NEWEST)
    simulated.windows.registry.put_dword(TLS13, "Enabled", 0)
    rebooted(simulated)
    doing = job(simulated)
    standing = examine(doing.host, doing.prober, 600)
    assert [finding.id for finding in direct(standing.findings)] == ["cipher_suites_mismatch"]
    plan, _done = fix(job(simulated, check=True), REMEDY, REMOVING)
    assert [change.item for change in plan.changes] == [f"{CIPHERS}\\Functions"]


def test_suites_of_tls_1_2_alone_are_of_no_use_while_it_is_off() -> None:
    """Older versions are on and have none of them; with TLS 1.2 the list is right, so it is left."""
    simulated = SimulatedHost.build("2016")
    simulated.windows.registry.put(CIPHERS, "Functions", Type.SZ, RSA)
    simulated.windows.registry.put_dword(TLS12, "Enabled", 0)
    rebooted(simulated)
    assert simulated.windows.listener.protocols == frozenset()
    doing = job(simulated, allow_reboot=True)
    standing = examine(doing.host, doing.prober, 600)
    assert [finding.id for finding in direct(standing.findings)] == ["tls_server_disabled"]
    course = remediate(doing, standing, Limits())
    assert course.verdict == "repaired"
    assert [c.item for c in course.changes if c.kind == "registry"] == [f"{TLS12}\\Enabled"]
    assert simulated.windows.listener.protocols == {"TLS 1.2"}


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

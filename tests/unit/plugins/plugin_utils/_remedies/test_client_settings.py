# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines that connect: UDP and TLS of the client, its age, and updates that are known to harm it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Refusal
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.neighbours import (
    BAD_UPDATES,
    CLIENT_UPDATES,
    BadUpdate,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import ClientState, Identity, Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import network
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies.client_settings import REMEDY
from ansible_collections.winfleet.rdp.plugins.plugin_utils._result import fixed
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.network import CacheEntry
from tests.simulator.windows.registry import Type
from tests.support.in_process import job, settings_state

CLIENT = r"HKLM\SOFTWARE\Microsoft\Terminal Server Client"
TLS12 = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client"


def options(**given: t.Any) -> dict[str, t.Any]:
    usual = {
        "udp": "keep",
        "tls": "keep",
        "minimum_mstsc": None,
        "minimum_msrdc": None,
        "names": [],
        "remove_orphaned_policy": False,
    }
    return {**usual, **given}


@pytest.mark.parametrize("version", ["10", "11", "2022"])
def test_udp_off_and_back(version: str) -> None:
    simulated = SimulatedHost.build(version)
    before = settings_state(simulated)
    _plan, foretold = fix(job(simulated, check=True), REMEDY, options(udp="off"))
    _plan, done = fix(job(simulated), REMEDY, options(udp="off"))
    assert done.changes == foretold.changes
    assert simulated.windows.registry.dword(CLIENT, "DisableUDPTransport") == 1
    assert fix(job(simulated, "run-2"), REMEDY, options(udp="off"))[0].changes == ()
    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


def test_an_address_that_a_host_no_longer_has_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "resolve", lambda _name: ("192.0.2.18",))
    simulated = SimulatedHost.build("11")
    simulated.windows.network.dns_cache = [CacheEntry("rdp.corp.example", "192.0.2.17")]
    assert fix(job(simulated), REMEDY, options())[0].changes == ()
    assert fix(job(simulated), REMEDY, options(names=["other.corp.example"]))[0].changes == ()
    _plan, foretold = fix(job(simulated, check=True), REMEDY, options(names=["rdp.corp.example"]))
    _plan, done = fix(job(simulated), REMEDY, options(names=["rdp.corp.example"]))
    assert [(change.remedy, change.kind) for change in done.changes] == [("client_settings", "dns_cache")]
    assert done.changes == foretold.changes
    assert simulated.windows.network.dns_cache == []
    assert fix(job(simulated), REMEDY, options(names=["rdp.corp.example"]))[0].changes == ()


def test_the_policy_of_clients_is_held_and_has_its_own_key() -> None:
    simulated = SimulatedHost.build("11", traits=["client_udp_off"])
    plan, done = fix(job(simulated), REMEDY, options(udp="on"))
    assert done.changes == []
    assert plan.held[0].path.endswith(r"\Terminal Services\Client\fClientDisableUDP")
    assert fix(job(simulated), REMEDY, options(udp="off"))[0].held == ()


def test_tls_for_clients_is_freed_without_touching_that_of_servers() -> None:
    simulated = SimulatedHost.build("11")
    simulated.windows.registry.put_dword(TLS12, "Enabled", 0)
    simulated.windows.registry.put_dword(TLS12.replace("Client", "Server"), "Enabled", 1)
    plan, done = fix(job(simulated), REMEDY, options(tls="usable"))
    assert [change.item for change in plan.changes] == [rf"{TLS12}\Enabled"]
    assert "allow_reboot" in done.waiting["reboot"]


@pytest.mark.parametrize(
    ("minimum", "message"),
    [
        ("10.0.10240", None),
        ("10.0.99999.1", "mstsc.exe is 10.0."),
        ("newest", "is no version"),
    ],
)
def test_an_old_client_is_told_with_what_to_do(minimum: str, message: str | None) -> None:
    plan, _done = fix(job(SimulatedHost.build("11")), REMEDY, options(minimum_mstsc=minimum))
    assert [message in refusal.message for refusal in plan.refused if message] == [True] * bool(message)
    assert bool(plan.refused) is bool(message)


def test_versions_are_compared_as_numbers_whatever_follows_them() -> None:
    assert [item.option for item in too_old("10.0.9.5 (WinBuild.160101.0800)", "1.2.10", minimum_mstsc="10.0.10")] == [
        "minimum_mstsc"
    ]
    assert too_old("10.0.10.5 (WinBuild.160101.0800)", "1.2.10", minimum_mstsc="10.0.10") == ()


def test_each_client_is_compared_with_its_own_numbers() -> None:
    today = {"minimum_mstsc": "10.0.19041", "minimum_msrdc": "1.2.4066"}
    assert too_old("10.0.26100.1", "1.2.6424.0", **today) == ()
    (old,) = too_old("10.0.26100.1", "1.2.999", **today)
    assert (old.option, old.message.partition(" ")[0]) == ("minimum_msrdc", "msrdc.exe")
    assert too_old("10.0.26100.1", None, **today) == ()


def too_old(mstsc: str, msrdc: str | None, **least: str) -> tuple[Refusal, ...]:
    programs = {"mstsc.exe": mstsc, "msrdc.exe": msrdc}
    client = ClientState({name: version for name, version in programs.items() if version})
    return REMEDY.plan(Observation("2026-06-01T00:00:00+00:00", client=client), options(**least)).refused


def listing(*updates: str, build: int = 26100, revision: int | None = None) -> list[str]:
    """The updates that are named of a machine with these installed, by the words before the first blank."""
    then = "2026-06-01T00:00:00+00:00"
    identity = Identity("HOST", "Windows 11", f"10.0.{build}", build, 1, 1033, then, then, 0.0)
    seen = Observation(then, identity=identity, updates=updates, revision=revision)
    return [note.partition(" ")[0] for note in REMEDY.plan(seen, options()).notes]


def test_updates_with_a_known_regression_are_named() -> None:
    seen = Observation("2026-06-01T00:00:00+00:00", updates=("KB5050094", "KB5000001"))
    assert REMEDY.plan(seen, options()).notes == (
        (
            "KB5050094 is installed: UDP sessions to Server 2016 end after 65 s, those over TCP alone do not; mended "
            "by KB5055523"
        ),
    )


@pytest.mark.parametrize(
    ("revision", "named"), [(3037, ["KB5050094"]), (3194, ["KB5051987"]), (3476, ["KB5053598"]), (3775, [])]
)
def test_updates_are_named_by_their_revision(revision: int, named: list[str]) -> None:
    assert listing(revision=revision) == named


@pytest.mark.parametrize("update", sorted(CLIENT_UPDATES))
def test_a_listed_update_is_named_until_the_revision_that_mends_it_and_on_no_later_build(update: str) -> None:
    known = CLIENT_UPDATES[update]
    for build, mended in known.mended_from.items():
        assert listing(update, build=build, revision=mended - 1) == [update]
        assert listing(update, build=build) == [update], "nothing tells that a later one is installed"
        assert listing(update, build=build, revision=mended) == []
        assert listing(update, known.mended_by, build=build) == []
    assert listing(update, build=28000, revision=1) == []


@pytest.mark.parametrize("known", [*BAD_UPDATES.values(), *CLIENT_UPDATES.values()])
def test_every_known_update_has_the_revision_that_mends_each_build_that_it_is_for(known: BadUpdate) -> None:
    assert {**known.brought}.keys() == {**known.mended_from}.keys()
    assert all(known.brought[build] < mended for build, mended in known.mended_from.items())
    assert known.mended_by.startswith("KB")


CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PROMPTS: dict[str, tuple[str, str, int]] = {
    "10": ("KB5073724", "KB5077796", 6811),
    "11": ("KB5074109", "KB5077744", 7627),
    "2016": ("KB5073722", "KB5075999", 8868),
    "2019": ("KB5073723", "KB5077795", 8280),
    "2022": ("KB5073457", "KB5077800", 4650),
    "2025": ("KB5073379", "KB5077793", 32234),
}
"""Of each Windows the update of 2026-01-13 that breaks credential prompts, what mends it, and its revision (Microsoft's
release information)."""


def harmed(version: str) -> SimulatedHost:
    return SimulatedHost.build(version, breakages=["client_known_bad_update"])


def notes_of(simulated: SimulatedHost) -> tuple[str, ...]:
    return fix(job(simulated), REMEDY, options())[0].notes


@pytest.mark.parametrize("version", PROMPTS)
def test_each_bad_update_is_named_with_what_mends_it(version: str) -> None:
    bad, mending, _revision = PROMPTS[version]
    (note,) = notes_of(harmed(version))
    assert note.startswith(f"{bad} is installed: ")
    assert note.endswith(f"mended by {mending}")


@pytest.mark.parametrize("version", PROMPTS)
def test_a_bad_update_that_is_mended_is_not_named(version: str) -> None:
    _bad, mending, revision = PROMPTS[version]
    listed, raised, before = harmed(version), harmed(version), harmed(version)
    listed.windows.updates.append(mending)
    assert notes_of(listed) == ()
    raised.windows.registry.put_dword(CURRENT_VERSION, "UBR", revision)
    assert notes_of(raised) == (), "a cumulative update holds what those before it mended"
    before.windows.registry.put_dword(CURRENT_VERSION, "UBR", revision - 1)
    assert notes_of(before) != ()


@pytest.mark.parametrize("version", PROMPTS)
def test_a_bad_update_shows_in_the_revision_where_it_is_not_listed(version: str) -> None:
    simulated = harmed(version)
    simulated.windows.updates.pop()
    assert PROMPTS[version][0] in notes_of(simulated)[0]


def test_a_host_without_bad_updates_has_nothing_to_say_also_without_a_revision() -> None:
    simulated = SimulatedHost.build("2022")
    assert notes_of(simulated) == ()
    simulated.windows.registry.discard(CURRENT_VERSION, "UBR")
    assert notes_of(simulated) == ()


def test_the_result_tells_the_versions_that_were_found() -> None:
    simulated = harmed("11")
    plan, done = fix(job(simulated), REMEDY, options())
    assert fixed(plan, done, "run-1")["found"] == {
        "programs": {"mstsc.exe": f"{simulated.windows.edition.version}.{simulated.windows.edition.revision}"},
        "build": 26100,
        "revision": 7623,
    }


POLICY_CIPHERS = r"HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002"


@pytest.mark.parametrize(
    ("stored", "tls", "noted"), [("", "usable", True), ("", "keep", False), ("TLS_RSA_WITH_NULL_SHA", "usable", False)]
)
def test_a_cipher_policy_that_leaves_clients_nothing_is_noted(stored: str, tls: str, noted: bool) -> None:
    simulated = SimulatedHost.build("2022")
    simulated.windows.registry.put(POLICY_CIPHERS, "Functions", Type.SZ, stored)
    plan, done = fix(job(simulated), REMEDY, options(tls=tls))
    assert [("the module schannel" in note) for note in plan.notes] == [True] * noted
    assert done.changes == []


def test_both_values_that_keep_clients_from_tls_1_2_are_taken_away() -> None:
    simulated = SimulatedHost.build("11")
    server = TLS12.replace("Client", "Server")
    for key in (TLS12, server):
        simulated.windows.registry.put_dword(key, "DisabledByDefault", 1)
    plan, _done = fix(job(simulated), REMEDY, options(tls="usable"))
    assert [change.item for change in plan.changes] == [rf"{TLS12}\DisabledByDefault"]
    assert simulated.windows.registry.dword(server, "DisabledByDefault") == 1

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes that no simulated host has, on observations made by hand; and what holds for the whole table."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import diagnose, open_questions
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.verdict import Standing, before_repair
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.gateway import GatewayState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import (
    ClientConnections,
    ClientState,
    EventRecord,
    Identity,
    Observation,
    ObstacleState,
    ProviderState,
    ServiceState,
    SettingState,
    WinsockState,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import from_plain, to_plain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, value

from tests.simulator.breakages import BREAKAGES, cause_of

HEALTHY: t.Mapping[str, t.Any] = {
    "host": "win01.example.org",
    "taken_at": "2026-06-01T12:00:00Z",
    "name": {"verdict": "resolved"},
    "tcp": {"verdict": "open"},
    "x224": {"verdict": "negotiates", "asked": {}},
    "tls": {"verdict": "ok", "certificate": {"sha1": "AA"}},
    "ntlm": {"verdict": "challenge", "netbios_name": "WIN01", "credssp_version": 6},
    "stage": "complete",
    "passed": True,
}
IDENTITY = Identity("WIN01", "Windows", "10.0.20348", 20348, 3, 1033, "", "", 0.0)
NEWER = replace(IDENTITY, build=26100)


def probe(stage: str = "complete", **stages: t.Any) -> dict[str, t.Any]:
    return {**HEALTHY, "stage": stage, "passed": stage == "complete", **stages}


def seen(*probes: t.Mapping[str, t.Any] | None, **areas: t.Any) -> Observation:
    """An observation of a host whose probe passes unless others are given, with these areas."""
    found, *others = probes or (HEALTHY,)
    return replace(
        Observation("2026-06-01T12:00:05+00:00", identity=IDENTITY, probe=found, other_probes=tuple(others)), **areas
    )


def event(source: str, number: int, time: str = "2026-06-01T12:00:02+00:00") -> EventRecord:
    return EventRecord(source, number, time)


BLOCKED = probe("tcp", tcp={"verdict": "timeout"}, tls={"verdict": "skipped"}, ntlm={}, vantage="the branch office")
UNNAMED = probe("name", name={"verdict": "failed"}, tls={}, ntlm={}, vantage="the branch office")
DROPPED = probe("tls", tls={"verdict": "reset"}, ntlm={}, vantage="the branch office")
INSPECTED = probe(tls={"verdict": "ok", "certificate": {"sha1": "BB"}}, vantage="the branch office")
SILENT = probe("ntlm", ntlm={"verdict": "timeout"})
STALLED = probe("tls", tls={"verdict": "timeout", "received_bytes": 0}, ntlm={})

SHOWN: t.Mapping[str, Observation] = {
    "path_blocked_elsewhere": seen(HEALTHY, BLOCKED),
    "name_unresolved_elsewhere": seen(HEALTHY, UNNAMED),
    "handshake_broken_elsewhere": seen(HEALTHY, DROPPED),
    "other_certificate_elsewhere": seen(HEALTHY, INSPECTED),
    "wrong_host": seen(probe(ntlm={"verdict": "challenge", "netbios_name": "OTHER"})),
    "path_mtu": seen(STALLED),
    "credssp_silent": seen(SILENT),
    "credssp_unpatched": seen(probe(ntlm={"verdict": "challenge", "credssp_version": 4})),
    "duplicate_machine_sid": seen(events=(event("LsaSrv", 6167),)),
}
STALE = ObstacleState("", "", (), {}, (), redirection="10.20.0.9", addresses=("10.20.0.11", "fe80::1"))


def seen_by_name(addresses: list[str], **stages: t.Any) -> dict[str, t.Any]:
    return {**HEALTHY, "name": {"verdict": "resolved", "addresses": addresses}, **stages}


ELSEWHERE = {**BLOCKED, "name": {"verdict": "resolved", "addresses": ["192.0.2.99", "2001:db8::1"]}}
HINTS: t.Mapping[str, Observation] = {
    "broker_address_stale": seen(obstacles=STALE),
    "name_differs_elsewhere": seen(seen_by_name(["192.0.2.11"]), ELSEWHERE),
    "client_ntlm_denied": seen(settings={"client_ntlm_outbound": SettingState(value(2, "REG_DWORD"))}),
    "client_ntlm_old": seen(settings={"client_ntlm_level": SettingState(value(2, "REG_DWORD"))}),
    "path_poor": seen(probe(quality={"loss_percent": 10.0, "rtt_median_ms": 20.0})),
    "trust_broken": seen(events=(event("NETLOGON", 5719),)),
    "time_skew": seen(identity=replace(IDENTITY, clock_offset_s=-400.0)),
    "ntlm_refused": seen(probe(ntlm={"verdict": "closed"})),
    "client_known_bad_update": seen(identity=NEWER, updates=("KB5074109",)),
    "client_too_old": seen(client=ClientState({"mstsc.exe": "10.0.20348.1"})),
    "tls12_disabled": seen(probe(tls={"verdict": "ok", "version": "TLSv1.1", "certificate": {"sha1": "AA"}})),
    "rd_client_too_old": seen(client=ClientState({"msrdc.exe": "1.2.3918.0"})),
    "client_udp_path_broken": seen(client_connections=ClientConnections(over_udp=5, broken=2)),
    "client_authentication_strict": seen(
        settings={"client_authentication": SettingState(ABSENT, value(1, "REG_DWORD"), "group policy 'Clients'")}
    ),
    "winsock_layered": seen(winsock=WinsockState((ProviderState("Layer", r"C:\layer.dll", ""),))),
    "client_tls12_disabled": seen(settings={"tls12_client_enabled": SettingState(value(0, "REG_DWORD"))}),
    "ports_exhausted": seen(events=(event("Tcpip", 4231),)),
    "security_product": seen(DROPPED, products=("CSFalconService",)),
    "known_bad_update": seen(identity=NEWER, updates=("KB5051987",)),
}


@pytest.mark.parametrize("cause", sorted(SHOWN))
def test_the_evidence_shows_the_cause(cause: str) -> None:
    found = {finding.id: finding for finding in diagnose(SHOWN[cause])}
    assert found[cause].relation == "direct"
    assert found[cause].evidence


@pytest.mark.parametrize("cause", sorted(HINTS))
def test_a_hint_contributes_and_is_never_the_reason(cause: str) -> None:
    found = {finding.id: finding for finding in diagnose(HINTS[cause])}
    assert found[cause].relation == "contributing"


@pytest.mark.parametrize("cause", sorted({*SHOWN, *HINTS}))
def test_a_healthy_host_does_not_show_it(cause: str) -> None:
    assert diagnose(seen(events=(), products=(), updates=("KB5055523",))) == ()


CLIENTS_IN_ORDER: t.Mapping[str, t.Any] = {
    "a client of today": {"client": ClientState({"mstsc.exe": "10.0.20348.2849", "msrdc.exe": "1.2.4066.0"})},
    "a short version": {"client": ClientState({"msrdc.exe": "1.2.4066"})},
    "a version that says nothing": {"client": ClientState({"msrdc.exe": "unknown"})},
    "one connection that broke off": {"client_connections": ClientConnections(over_udp=5, broken=1)},
    "UDP switched off since": {
        "client_connections": ClientConnections(over_udp=5, broken=5),
        "settings": {"client_udp_off": SettingState(value(1, "REG_DWORD"))},
    },
    "a client that warns": {"settings": {"client_authentication": SettingState(value(2, "REG_DWORD"))}},
    "NTLM that is only audited": {"settings": {"client_ntlm_outbound": SettingState(value(1, "REG_DWORD"))}},
    "NTLMv2": {"settings": {"client_ntlm_level": SettingState(value(3, "REG_DWORD"))}},
    "NTLM as Windows sets it": {
        "settings": {"client_ntlm_level": SettingState(ABSENT), "client_ntlm_outbound": SettingState(ABSENT)}
    },
    "an address of the host's own": {"obstacles": replace(STALE, redirection="fe80::1")},
    "no address for a broker": {"obstacles": replace(STALE, redirection="")},
    "addresses that were not told": {"obstacles": replace(STALE, addresses=())},
    "an update that is mended": {
        "identity": NEWER,
        "updates": ("KB5051987", "KB5053598", "KB5055523", "KB5074109", "KB5077744"),
    },
    "a revision that has what mends an update": {
        "identity": NEWER,
        "updates": ("KB5051987", "KB5053598", "KB5073379"),
        "revision": 32234,
    },
    "TLS 1.2 that clients have to ask for, overruled": {
        "settings": {
            "tls12_client_enabled": SettingState(value(1, "REG_DWORD")),
            "tls12_client_disabled_by_default": SettingState(value(1, "REG_DWORD")),
        }
    },
    "a client that connects": {"settings": {"client_authentication": SettingState(value(0, "REG_DWORD"))}},
    "providers of Windows alone": {"winsock": WinsockState(())},
}


@pytest.mark.parametrize("areas", CLIENTS_IN_ORDER.values(), ids=CLIENTS_IN_ORDER)
def test_a_machine_whose_clients_are_in_order_has_no_finding(areas: dict[str, t.Any]) -> None:
    assert diagnose(seen(**areas)) == ()


def test_tls_1_2_that_clients_have_to_ask_for_is_told_by_that_value() -> None:
    stored = {
        "tls12_client_enabled": SettingState(ABSENT),
        "tls12_client_disabled_by_default": SettingState(value(1, "REG_DWORD")),
    }
    (finding,) = diagnose(seen(settings=stored))
    assert finding.id == "client_tls12_disabled"
    (shown,) = finding.evidence
    assert shown.what == "DisabledByDefault"
    assert shown.source.endswith(r"TLS 1.2\Client")


def test_a_path_that_is_blocked_for_users_alone_is_no_fault_of_the_host() -> None:
    observation = seen(HEALTHY, BLOCKED)
    standing = Standing(observation, diagnose(observation))
    assert before_repair(standing, curable=False, held=False) == "blocked_on_path"
    assert any("the branch office" in question for question in open_questions(observation, standing.findings))


def test_that_the_controller_alone_cannot_reach_the_port_is_no_finding() -> None:
    observation = seen({**HEALTHY, "vantage": "the branch office"}, {**BLOCKED, "vantage": "controller"})
    standing = Standing(observation, diagnose(observation))
    assert standing.findings == ()
    assert standing.healthy
    assert any("controller" in question for question in open_questions(observation, ()))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["192.0.2.11"], ["192.0.2.11"]),
        (["192.0.2.11"], ["192.0.2.99", "192.0.2.11"]),
        (["2001:db8::2"], ["192.0.2.99"]),
        ([], ["192.0.2.99"]),
    ],
)
def test_a_name_that_may_lead_to_the_same_host_is_no_hint(ours: list[str], theirs: list[str]) -> None:
    view = {**BLOCKED, "name": {"verdict": "resolved", "addresses": theirs}}
    assert "name_differs_elsewhere" not in {f.id for f in diagnose(seen(seen_by_name(ours), view))}


def test_another_address_that_leads_to_the_host_is_no_hint() -> None:
    translated = {**seen_by_name(["203.0.113.7"]), "vantage": "the internet"}
    assert diagnose(seen(seen_by_name(["192.0.2.11"]), translated)) == ()


def test_that_ntlm_is_denied_by_setting_is_told_with_the_refusal() -> None:
    denied = seen(probe(ntlm={"verdict": "closed"}), settings={"ntlm_inbound": SettingState(value(2, "REG_DWORD"))})
    (found,) = diagnose(denied)
    assert [evidence.value for evidence in found.evidence] == ["closed", "2 (denied)"]


def test_without_a_probe_nothing_is_called_blocked() -> None:
    assert not {"path_blocked", "path_blocked_elsewhere"} & {f.id for f in diagnose(seen(None))}


def test_schannel_counts_only_around_the_probe_by_the_hosts_clock() -> None:
    ahead = replace(IDENTITY, clock_offset_s=3600.0)
    noise, ours = (
        event("Schannel", 36870, time) for time in ("2026-06-01T12:00:02+00:00", "2026-06-01T13:00:02+00:00")
    )
    assert "key_unreadable" not in {f.id for f in diagnose(seen(DROPPED, identity=ahead, events=(noise,)))}
    assert "key_unreadable" in {f.id for f in diagnose(seen(DROPPED, identity=ahead, events=(noise, ours)))}


def schannel(*seconds: int) -> tuple[EventRecord, ...]:
    """Events at seconds from the beginning of the probe."""
    began = datetime(2026, 6, 1, 12, 0, 0, tzinfo=timezone.utc)
    return tuple(event("Schannel", 36870, (began + timedelta(seconds=step)).isoformat()) for step in seconds)


NOISE = tuple(range(-590, 30, 30))
"""Another server on the host fails every half minute, once while the probe goes on."""


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (NOISE, False),
        ((*NOISE, 1, 1), True),
        ((-300, -299, -200, -199, 1), True),
        ((1,), True),
        (tuple(range(-590, 20, 5)), False),
        ((*range(-590, 20, 5), 1, 1, 2, 2), True),
        (tuple(range(-590, -10, 30)), False),
    ],
)
def test_schannel_counts_where_it_tracks_our_probe_and_not_where_it_goes_its_own_pace(
    seconds: tuple[int, ...], told: bool
) -> None:
    assert ("key_unreadable" in {f.id for f in diagnose(seen(DROPPED, events=schannel(*seconds)))}) is told


def test_events_count_where_the_time_of_the_probe_is_not_known() -> None:
    old = {name: data for name, data in DROPPED.items() if name != "taken_at"}
    assert "key_unreadable" in {f.id for f in diagnose(seen(old, events=(event("Schannel", 36870, ""),)))}


CLIENT, SERVER = replace(IDENTITY, product_type=1), IDENTITY
RDP_OFF = {"settings": {"deny_connections": SettingState(value(1, "REG_DWORD"))}}
RDP_LAYER = {"settings": {"security_layer": SettingState(value(0, "REG_DWORD"))}}
OFF = {"services": {name: ServiceState(name, "Stopped", "Disabled") for name in ("TermService", "SessionEnv")}}


@pytest.mark.parametrize(
    ("cause", "identity", "areas", "expected"),
    [
        ("rdp_denied", CLIENT, RDP_OFF, {("18.10.57.3.2.1", "meets")}),
        ("rdp_denied", SERVER, RDP_OFF, set()),
        ("security_layer_rdp", SERVER, RDP_LAYER, {("18.10.57.3.9.3", "breaks")}),
        ("termservice_disabled", CLIENT, OFF, {("5.21, in older ones 5.22 (TermService disabled)", "meets")}),
        ("sessionenv_disabled", CLIENT, OFF, {("5.20, in older ones 5.21 (SessionEnv disabled)", "meets")}),
        ("termservice_disabled", SERVER, OFF, set()),
    ],
)
def test_a_finding_tells_the_benchmark_items_that_it_is_about(
    cause: str, identity: Identity, areas: dict[str, t.Any], expected: set[tuple[str, str]]
) -> None:
    (found,) = (f for f in diagnose(seen(None, identity=identity, **areas)) if f.id == cause)
    assert {(item.item, item.effect) for item in found.compliance} == expected


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ({"key_algorithm": "RSA", "key_bits": 1024}, "its RSA key has 1024 bits"),
        ({"signature_algorithm": "sha1WithRSAEncryption"}, "it is signed with SHA1"),
        ({"signature_algorithm": "md5WithRSAEncryption"}, "it is signed with MD5"),
    ],
)
def test_a_weak_certificate_is_told_by_the_handshake_where_the_store_was_not_read(
    certificate: dict[str, t.Any], said: str
) -> None:
    (found,) = diagnose(seen(probe(tls={"verdict": "ok", "certificate": {"sha1": "AA", **certificate}})))
    assert (found.id, [evidence.value for evidence in found.evidence]) == ("certificate_weak", [said])


@pytest.mark.parametrize(
    "certificate",
    [
        {"key_algorithm": "RSA", "key_bits": 2048, "signature_algorithm": "sha256WithRSAEncryption"},
        {"key_algorithm": "EC", "key_bits": None, "signature_algorithm": "ecdsa-with-SHA256"},
        {"key_algorithm": None, "key_bits": None, "signature_algorithm": None},
    ],
)
def test_a_certificate_that_is_not_weak_is_no_finding(certificate: dict[str, t.Any]) -> None:
    assert diagnose(seen(probe(tls={"verdict": "ok", "certificate": {"sha1": "AA", **certificate}}))) == ()


def test_an_update_that_harms_gateways_is_named_on_gateways_alone() -> None:
    plain = seen(identity=replace(IDENTITY, build=14393), updates=("KB5040434",))
    gateway = replace(plain, gateway=GatewayState("Running", "Auto"))
    assert "known_bad_update" not in {f.id for f in diagnose(plain)}
    assert "known_bad_update" in {f.id for f in diagnose(gateway)}


def test_saved_observations_keep_every_probe() -> None:
    observation = seen(HEALTHY, BLOCKED, updates=("KB5051987",), products=())
    assert from_plain(Observation, to_plain(observation)) == observation


# --- the whole table


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.id)
def test_every_cause_says_how_to_see_it_and_what_to_do(cause: t.Any) -> None:
    assert cause.verify
    assert cause.ruled_out_by
    assert all(source.startswith("https://") for source in cause.sources)
    assert cause.sources
    assert cause.cures or cause.by_hand
    assert all(cure.remedy for cure in cause.cures)


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_every_breakage_of_the_simulator_is_a_way_to_a_cause(breakage: str) -> None:
    assert cause_of(breakage) in CAUSES
    assert BREAKAGES[breakage].cause != breakage

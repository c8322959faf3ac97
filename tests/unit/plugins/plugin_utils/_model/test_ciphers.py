# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cipher suites the listener could use, from lists as Windows and policy store them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.ciphers import (
    EC,
    RSA,
    Basis,
    served_key,
    suites,
    undecided,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.keys import CertificateState, KeysState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Identity, Observation, SettingState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, Reading, unreadable, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.scope import Scope
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import TLS13_SETTINGS

AES = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
ECDSA = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
TLS13 = "TLS_AES_256_GCM_SHA384"
OFF, ON = SettingState(value(0, "REG_DWORD")), SettingState(value(1, "REG_DWORD"))


def usable(names: list[str], *, fips: bool, build: int, key: str) -> tuple[str, ...]:
    return Basis(key, tls13=build >= 20348, tls13_off=False, fips=fips).usable(names)


def observed(build: int = 20348, /, *names: str, **settings: SettingState) -> Observation:
    """A host with this list of cipher suites and these settings."""
    identity = Identity("WIN01", "Windows", f"10.0.{build}", build, 3, 1033, "", "", 0.0)
    listed = {"cipher_suites": SettingState(value(list(names), "REG_MULTI_SZ"))} if names else {}
    return Observation("", identity=identity, settings={**listed, **settings})


@pytest.mark.parametrize(
    ("reading", "names"),
    [
        (value(f"{AES}, {TLS13.lower()},", "REG_SZ"), (AES, TLS13)),
        (value([AES, ""], "REG_MULTI_SZ"), (AES,)),
        (value("", "REG_SZ"), ()),
        (value([], "REG_MULTI_SZ"), ()),
        (ABSENT, None),
        (unreadable("access denied"), None),
    ],
)
def test_lists_are_read_as_policy_and_windows_store_them(reading: Reading, names: tuple[str, ...] | None) -> None:
    assert suites(reading) == names


@pytest.mark.parametrize(
    ("name", "build", "fips", "expected"),
    [
        (AES, 14393, True, True),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", 14393, False, True),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", 14393, True, True),
        ("TLS_RSA_WITH_RC4_128_SHA", 14393, False, True),
        ("TLS_RSA_WITH_RC4_128_SHA", 14393, True, False),
        ("TLS_RSA_WITH_NULL_SHA256", 14393, False, False),
        (ECDSA, 20348, False, False),
        ("TLS_PSK_WITH_AES_256_GCM_SHA384", 20348, False, False),
        (TLS13, 17763, False, False),
        (TLS13, 20348, True, True),
        ("TLS_CHACHA20_POLY1305_SHA256", 20348, False, True),
        ("TLS_CHACHA20_POLY1305_SHA256", 20348, True, False),
    ],
)
def test_usable_by_a_certificate_with_an_rsa_key(name: str, build: int, fips: bool, expected: bool) -> None:
    assert bool(usable([name], fips=fips, build=build, key=RSA)) is expected


@pytest.mark.parametrize(
    ("name", "build", "key", "expected"),
    [
        (ECDSA, 14393, EC, True),
        (AES, 14393, EC, False),
        (TLS13, 20348, EC, True),
        ("TLS_RSA_WITH_NULL_SHA256", 20348, EC, False),
    ],
)
def test_usable_by_a_certificate_with_another_key(name: str, build: int, key: str, expected: bool) -> None:
    assert bool(usable([name], fips=True, build=build, key=key)) is expected


@pytest.mark.parametrize("key", ["1.3.101.112", "Ed25519", "DSA", ""])
@pytest.mark.parametrize("name", [AES, ECDSA, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"])
def test_a_key_of_another_kind_is_held_against_no_suite(name: str, key: str) -> None:
    assert usable([name], fips=True, build=14393, key=key) == (name,)
    assert usable([TLS13, "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_NULL_MD5"], fips=True, build=14393, key=key) == ()


def keys(algorithm: str = EC, template: str = "") -> KeysState:
    own = CertificateState("AA", "CN=host", "", "", True, True, algorithm, 256, "sha256", None)
    return KeysState(None, "AA", own, template, False, "MachineKeys", ABSENT, (), (), {}, "", False, None)


def test_the_key_is_that_of_the_certificate_that_is_shown_else_the_one_that_was_read() -> None:
    shown = {"tls": {"certificate": {"key_algorithm": "RSA"}}}
    assert served_key(Observation("", keys=keys())) == EC
    assert served_key(Observation("", keys=keys(), probe=shown)) == RSA
    assert served_key(Observation("", keys=keys(), probe={"tls": {"certificate": None}})) == EC


def test_a_key_that_nothing_shows_is_not_known() -> None:
    """Nor which certificate was enrolled by policy's template, nor the algorithm of one whose bytes were not told."""
    assert served_key(Observation("")) == ""
    assert served_key(Observation("", keys=keys(template="RemoteDesktopComputer"))) == ""
    assert served_key(Observation("", keys=keys(), probe={"tls": {"certificate": {"sha1": "AA"}}})) == ""
    without = KeysState(None, "AA", None, "", False, "MachineKeys", ABSENT, (), (), {}, "", False, None)
    assert served_key(Observation("", keys=without)) == ""


@pytest.mark.parametrize(
    ("settings", "off"),
    [
        ({"tls13_enabled": OFF, "tls13_disabled_by_default": OFF}, True),
        ({"tls13_enabled": ON, "tls13_disabled_by_default": ON}, False),
        ({"tls13_enabled": SettingState(ABSENT), "tls13_disabled_by_default": ON}, True),
        ({"tls13_enabled": SettingState(ABSENT), "tls13_disabled_by_default": SettingState(ABSENT)}, False),
        ({"tls13_enabled": SettingState(unreadable("denied")), "tls13_disabled_by_default": ON}, False),
        (
            {"tls13_enabled": SettingState(ABSENT), "tls13_disabled_by_default": SettingState(unreadable("denied"))},
            False,
        ),
        ({}, False),
    ],
)
def test_suites_of_a_version_that_is_off_are_not_usable(settings: dict[str, SettingState], off: bool) -> None:
    basis = Basis.of(observed(**settings))
    assert basis.usable([TLS13, AES]) == ((AES,) if off else (TLS13, AES))
    assert basis.freed.usable([TLS13]) == (TLS13,)


def test_what_was_not_read_of_a_host_is_held_against_no_suite() -> None:
    listed = (TLS13, AES, ECDSA, "TLS_RSA_WITH_RC4_128_SHA")
    assert Basis.of(Observation("")).usable(listed) == listed
    assert Basis.of(observed(17763)).usable([TLS13]) == ()


@pytest.mark.parametrize(
    ("build", "names", "wanted"),
    [
        (20348, [AES, ECDSA], Scope()),
        (20348, [AES, ECDSA, TLS13], Scope()),
        (14393, [AES], Scope(("keys",))),
        (14393, [ECDSA], Scope(("keys",))),
        (14393, [TLS13, ECDSA], Scope(("keys",))),
        (14393, [TLS13], Scope()),
        (20348, [TLS13], Scope((), TLS13_SETTINGS)),
        (20348, [TLS13, ECDSA], Scope((), TLS13_SETTINGS)),
        (20348, ["TLS_RSA_WITH_NULL_SHA256"], Scope()),
        (20348, [], Scope()),
    ],
)
def test_what_a_list_hangs_on_is_asked_for_and_nothing_else(build: int, names: list[str], wanted: Scope) -> None:
    assert undecided(observed(build, *names)) == wanted


def test_what_is_known_is_not_asked_for_again() -> None:
    tied = {"keys": keys()}
    off = {"tls13_enabled": OFF, "tls13_disabled_by_default": ON}
    assert undecided(observed(20348, TLS13, ECDSA, **off)) == Scope(("keys",))
    assert undecided(replace(observed(20348, TLS13, AES, **off), **tied)) == Scope()
    assert undecided(replace(observed(20348, TLS13, ECDSA), **tied)) == Scope()
    assert undecided(replace(observed(20348, TLS13, AES), **tied)) == Scope((), TLS13_SETTINGS)


def test_the_list_beneath_a_policy_counts_too() -> None:
    """A policy that nobody owns may be taken away."""
    both = SettingState(value([AES], "REG_MULTI_SZ"), value("TLS_RSA_WITH_NULL_SHA256", "REG_SZ"), "")
    assert undecided(observed(14393, cipher_suites=both)) == Scope(("keys",))

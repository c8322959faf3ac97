# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cipher suites the listener could use, from lists as Windows and policy store them."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.ciphers import EC, RSA, served_key, suites, usable
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.keys import CertificateState, KeysState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, Reading, unreadable, value

AES = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
TLS13 = "TLS_AES_256_GCM_SHA384"


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
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 20348, False, False),
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
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 14393, EC, True),
        (AES, 14393, EC, False),
        (TLS13, 20348, EC, True),
        ("TLS_RSA_WITH_NULL_SHA256", 20348, EC, False),
    ],
)
def test_usable_by_a_certificate_with_another_key(name: str, build: int, key: str, expected: bool) -> None:
    assert bool(usable([name], fips=True, build=build, key=key)) is expected


@pytest.mark.parametrize("key", ["1.3.101.112", "Ed25519", "DSA", ""])
@pytest.mark.parametrize("name", [AES, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_DHE_DSS_WITH_AES_256_CBC_SHA"])
def test_a_key_of_another_kind_is_held_against_no_suite(name: str, key: str) -> None:
    assert usable([name], fips=True, build=14393, key=key) == (name,)
    assert usable([TLS13, "TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_NULL_MD5"], fips=True, build=14393, key=key) == ()


def test_the_key_is_that_of_the_certificate_that_is_shown_else_the_one_that_was_read_else_windows_own() -> None:
    read = CertificateState("AA", "CN=host", "", "", True, EC, 256, "sha256", None)
    keys = KeysState(None, "AA", read, "", False, "MachineKeys", ABSENT, (), (), {}, "", False, None)
    shown = {"tls": {"certificate": {"key_algorithm": "RSA"}}}
    assert served_key(Observation("")) == RSA
    assert served_key(Observation("", keys=keys)) == EC
    assert served_key(Observation("", keys=keys, probe=shown)) == RSA
    assert served_key(Observation("", keys=keys, probe={"tls": {"certificate": None}})) == EC

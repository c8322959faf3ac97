# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes recorded from real servers and written in specifications; skipped where the collection of samples is absent."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import mcs, ntlm, tls, udp, x224

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(os.environ.get("WINFLEET_SAMPLES", ROOT.parent / "shared" / "samples")) / "rdp"
TPKT = 4
LEGACY = {"cc-xp-no-nego.hex", "cc-xrdp-no-nego.hex", "cc-virtualbox.hex"}

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no samples: {SAMPLES} does not exist")


def names(*prefixes: str) -> list[str]:
    """The samples whose names begin so; none where there are none."""
    return sorted(path.name for path in SAMPLES.glob("*.hex") if path.name.startswith(prefixes))


def read(name: str) -> bytes:
    return bytes.fromhex((SAMPLES / name).read_text())


def meanings() -> dict[str, str]:
    with (SAMPLES / "INDEX.tsv").open() as index:
        return {row["file"]: row["meaning"] for row in csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE)}


def test_there_are_samples_of_each_kind() -> None:
    kinds = {name.split("-")[0] for name in meanings()}
    assert kinds >= {"cr", "cc", "nego", "mcs", "credssp", "udp", "tls"}
    assert len(names("cc-")) >= 20


@pytest.mark.parametrize("name", names("cc-"))
def test_confirms(name: str) -> None:
    data = read(name)
    answer = x224.parse_confirm(data[TPKT:])
    assert answer.outcome == ("legacy" if name in LEGACY else "selected")
    assert answer.source_reference == int.from_bytes(data[8:10], "big")
    if answer.outcome == "selected":
        assert answer.flags == data[12]
        assert answer.protocol == selected_by_name(name)


def selected_by_name(name: str) -> int:
    """What the file's name says was selected."""
    protocols = {"rdp": 0, "ssl": 1, "hyperv": 1, "hybridex": 8}
    return protocols.get(name.split("-")[1], 2)


@pytest.mark.parametrize("name", names("nego-failure-"))
def test_failures(name: str) -> None:
    answer = x224.parse_confirm(read(name)[TPKT:])
    assert answer.outcome == "failure"
    assert answer.failure == int(name.split("-")[2][0])
    assert answer.failure_name


@pytest.mark.parametrize("name", names("mcs-disconnect"))
def test_disconnects(name: str) -> None:
    assert x224.parse_confirm(read(name)[TPKT:]).outcome == "reset"


@pytest.mark.parametrize("name", names("mcs-connect-response"))
def test_connect_responses(name: str) -> None:
    assert mcs.parse_connect_response(read(name)[TPKT:]) == (2, 2)


@pytest.mark.parametrize(
    ("name", "protocols"),
    [
        ("cr-nocookie-rdp.hex", 0),
        ("cr-nocookie-ssl.hex", 1),
        ("cr-nocookie-ssl-hybrid.hex", 3),
        ("cr-nocookie-ssl-hybrid-ex.hex", 11),
    ],
)
def test_requests_are_those_of_others(name: str, protocols: int) -> None:
    assert x224.build_request(protocols) == read(name)


def test_ntlm_negotiate_differs_from_others_in_the_credssp_version_alone() -> None:
    other, ours = read("credssp-ntlm-negotiate.hex"), ntlm.negotiate_message()
    version = slice(6, 7)
    assert (other[version], ours[version]) == (b"\x60", b"\x06")
    assert (other[:6], other[7:]) == (ours[:6], ours[7:])


@pytest.mark.parametrize("name", names("udp-synack"))
def test_udp_answers(name: str) -> None:
    data = read(name)
    assert udp.parse_syn_ack(data, int.from_bytes(data[:4], "big")) == 1232


def test_udp_request() -> None:
    assert udp.build_syn(0x12345678)[:16] == read("udp-syn-v1-min.hex")


@pytest.mark.parametrize("name", names("tls-alert-"))
def test_alerts(name: str) -> None:
    assert tls.find_alert(read(name)) == int(name.removeprefix("tls-alert-").removesuffix(".hex"))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe against a port that is out to harm it: a verdict each time, after a bounded time and few connections."""

from __future__ import annotations

import json
import re
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions, probe

from tests.support.hostile import rdp

TIMEOUT = 0.3
CONNECTIONS = 4
"""One for each request of the negotiation matrix; the TCP stage's is the first of them."""

STAGES = 3
"""X.224, TLS, NTLM: each may take its time on one connection."""

SLACK = 10.0
"""Seconds that a busy machine may take on top."""

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rdp.poisoned_certificate(tmp_path_factory.mktemp("poisoned"))


def probed(script: rdp.Script) -> dict[str, t.Any]:
    """The report on a hostile port, once its cost has been looked at."""
    with rdp.listening(script) as server:
        started = time.monotonic()
        options = ProbeOptions("127.0.0.1", server.port, timeout=TIMEOUT, pause=0.0)
        report = probe(options)
        assert time.monotonic() - started < CONNECTIONS * STAGES * TIMEOUT + SLACK
        assert server.connections <= CONNECTIONS
    assert len(json.dumps(report)) < 100_000
    assert not [text for text in texts(report) if OBEYED.search(text)]
    assert report["summary"]
    return report


def texts(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@pytest.mark.parametrize("script", rdp.X224.values(), ids=rdp.X224)
def test_hostile_x224(script: rdp.Script) -> None:
    report = probed(script)
    assert report["tcp"]["verdict"] == "open"
    assert not report["passed"]


@pytest.mark.parametrize("script", rdp.TLS.values(), ids=rdp.TLS)
def test_hostile_tls(script: rdp.Script) -> None:
    report = probed(rdp.after(rdp.SELECTS_CREDSSP, script))
    assert report["x224"]["verdict"] == "negotiates"
    assert report["tls"]["verdict"] not in ("ok", "skipped")
    assert report["stage"] == "tls"


@pytest.mark.parametrize("script", rdp.CREDSSP.values(), ids=rdp.CREDSSP)
def test_hostile_credssp_with_a_poisoned_certificate(script: rdp.Script, pem: Path) -> None:
    report = probed(rdp.after(rdp.SELECTS_CREDSSP, rdp.inside_tls(pem, script)))
    assert report["tls"]["verdict"] == "ok"
    assert report["tls"]["certificate"]["sha1"]
    assert report["ntlm"]["verdict"] != "skipped"


@pytest.mark.parametrize("datagram", [b"", b"\0", bytes(2048), bytes(60000)], ids=["none", "short", "long", "longest"])
def test_a_flood_over_udp(datagram: bytes) -> None:
    with rdp.udp_flood(datagram) as port:
        started = time.monotonic()
        report = probe(ProbeOptions("127.0.0.1", port, timeout=TIMEOUT, udp=True, stages=("name",)))
        assert time.monotonic() - started < 2 * TIMEOUT + SLACK
    assert report["udp"]["verdict"] in ("silent", "unreachable")

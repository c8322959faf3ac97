# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A WinRM port that is out to harm the controller, over the transports of both connection plugins.

Whatever it does ends in one of our errors, which says what to do, after a bounded number of requests and bytes.
"""

from __future__ import annotations

import base64
import time
import tracemalloc
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import spnego
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import WIN32_SERVICE
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import bounds, enumeration, xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.channel import Channel, open_channel
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    Timeout,
    TransportFailed,
    WsmanError,
    WsmanFault,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.shell import CmdShell

from tests.support.connections import NTLM, PASSWORD, connection
from tests.support.hostile import http, soap
from tests.support.hostile.server import Attack, HostileServer, Request, hostile

ON_THE_WAY = 16 * 1024 * 1024
"""Bytes that the sockets of this system may hold between a writer and a reader that has stopped."""

MEMORY = 160 * 1024 * 1024


@pytest.fixture(params=["winrm", "psrp"])
def plugin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def attacked(plugin: str, attack: Attack, **variables: t.Any) -> Iterator[tuple[Channel, HostileServer]]:
    with hostile(attack) as server:
        channel = open_channel(connection(plugin, server.port, **variables))
        try:
            yield channel, server
        finally:
            channel.close()


def refused(use: Callable[[], object]) -> WsmanError:
    """The error in which a use ends: it says what to do, and nothing secret."""
    with pytest.raises(WsmanError) as caught:
        use()
    error = caught.value
    assert error.hint or isinstance(error, Timeout)
    said = str(error)
    assert len(said) < 1000
    assert PASSWORD not in said
    return error


# --- HTTP


@pytest.mark.parametrize("attack", http.ENDLESS.values(), ids=http.ENDLESS)
def test_what_has_no_end_is_cut_off(plugin: str, attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_BYTES", 2**20)
    with attacked(plugin, attack) as (channel, server):
        refused(lambda: channel.send(b"<write/>", repeatable=False))
        assert server.requests <= 2
        assert server.sent < bounds.MAX_BYTES + bounds.MAX_HEAD + ON_THE_WAY


SLOW = {
    "head": b"HTTP/1.1 200 OK\r\nX: ",
    "interim answers": b"",
    "body": http.head(Content_Length="1000000", Content_Type=http.SOAP),
    "chunks": http.head(Transfer_Encoding="chunked", Content_Type=http.SOAP),
    "trailers": http.head(Transfer_Encoding="chunked", Content_Type=http.SOAP) + b"0\r\n",
}


@pytest.mark.parametrize("part", SLOW)
def test_what_drips_is_given_up(plugin: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.2)
    drop = {"interim answers": b"HTTP/1.1 100 Continue\r\n\r\n", "chunks": b"1\r\nx\r\n", "trailers": b"X: y\r\n"}

    def drip(request: Request) -> Iterable[bytes]:
        yield from [SLOW[part]] if SLOW[part] else []
        while True:
            yield drop.get(part, b"x")
            time.sleep(0.01)

    with attacked(plugin, drip) as (channel, server):
        error = refused(lambda: channel.send(b"<write/>", repeatable=False))
        assert isinstance(error, TransportFailed)
        assert "takes longer than" in error.message
        assert server.requests == 1


@pytest.mark.parametrize("redirect", http.REDIRECTS.values(), ids=http.REDIRECTS)
def test_no_redirection_is_followed(plugin: str, redirect: bytes) -> None:
    with attacked(plugin, http.always(redirect)) as (channel, server):
        assert "redirects" in refused(lambda: channel.send(b"<write/>", repeatable=False)).message
        assert (server.requests, server.connections) == (1, 1)


@pytest.mark.parametrize("attack", http.ODD.values(), ids=http.ODD)
def test_odd_answers_are_no_crash(plugin: str, attack: Attack) -> None:
    """Some are taken for an answer, which is then no SOAP."""
    with attacked(plugin, attack, **_retrying(plugin)) as (channel, server):
        monkey = CimClient(channel.send)
        refused(monkey.identify)
        assert server.requests <= 4


def _retrying(plugin: str) -> Mapping[str, t.Any]:
    """A user who lets pypsrp try again: a host must not say for how long."""
    return {"ansible_psrp_reconnection_retries": 1, "ansible_psrp_reconnection_backoff": 0} if plugin == "psrp" else {}


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_authentication_comes_to_an_end(plugin: str, scheme: str) -> None:
    variables = {**NTLM, "ansible_psrp_auth": scheme.lower()}
    with attacked(plugin, http.endless_authentication(scheme), **variables) as (channel, server):
        refused(lambda: channel.send(b"<write/>", repeatable=False))
        assert server.requests <= bounds.MAX_ANSWERS


def authenticated(then: bytes) -> Attack:
    """Authenticate the controller by NTLM as a host does, and then answer what is encrypted with something."""
    contexts: list[spnego.ContextProxy] = []

    def attack(request: Request) -> list[bytes]:
        words = request.head.split(b"Authorization: NTLM ")[1:]
        if b"multipart/encrypted" in request.head:
            return [then]
        token = base64.b64decode(words[0].split(b"\r\n")[0]) if words else b""
        if token[8:9] == b"\x01":
            contexts[:] = [spnego.server(protocol="ntlm")]
        if not token:
            return [http.answer(b"", "401 Unauthorized", WWW_Authenticate="NTLM")]
        back = contexts[0].step(token)
        if back is None:
            return [http.answer(b"")]
        return [http.answer(b"", "401 Unauthorized", WWW_Authenticate=f"NTLM {base64.b64encode(back).decode()}")]

    return attack


@pytest.mark.parametrize("forged", http.ENCRYPTED.values(), ids=http.ENCRYPTED)
def test_nobody_without_the_key_can_answer_an_encrypted_message(
    plugin: str, forged: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = tmp_path / "users"
    users.write_text(f":admin:{PASSWORD}\n", encoding="utf-8")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    with attacked(plugin, authenticated(forged), **NTLM) as (channel, server):
        error = refused(lambda: CimClient(channel.send).invoke(WIN32_SERVICE, "StopService", keys={"Name": "x"}))
        assert not isinstance(error, WsmanFault), "a forged fault was taken for the host's"
        assert "forged" not in str(error)
        assert server.requests == 4


# --- SOAP


@pytest.mark.parametrize("body", soap.REFUSED.values(), ids=soap.REFUSED)
def test_hostile_soap_is_refused_over_the_channel(plugin: str, body: soap.Body) -> None:
    with attacked(plugin, soap.soap(body)) as (channel, server):
        refused(lambda: CimClient(channel.send).query(WIN32_SERVICE))
        assert server.requests <= 2


@pytest.mark.parametrize("body", soap.REFUSED.values(), ids=soap.REFUSED)
def test_hostile_soap_takes_little_memory(body: soap.Body) -> None:
    answer: list[bytes] = []

    def send(message: bytes, *, repeatable: bool) -> bytes:
        answer.append(body(Request(b"", message, 1)))
        tracemalloc.start()
        return answer[-1]

    try:
        refused(lambda: CimClient(send).query(WIN32_SERVICE))
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [1, 200_000], ids=["small", "large"])
def test_an_enumeration_comes_to_an_end(plugin: str, size: int) -> None:
    with attacked(plugin, soap.endless_pulls(size)) as (channel, server):
        error = refused(lambda: CimClient(channel.send).query(WIN32_SERVICE))
        assert "does not end" in error.message
        assert server.requests <= enumeration.MAX_PULLS + 2
        assert server.sent < enumeration.MAX_TOTAL_BYTES + xml.MAX_BYTES


def test_a_host_that_always_asks_for_patience(plugin: str) -> None:
    with attacked(plugin, soap.patient_host) as (channel, server):
        assert isinstance(refused(lambda: CimClient(channel.send).query(WIN32_SERVICE)), Timeout)
        assert server.requests <= 2 + enumeration.PATIENCE


@pytest.mark.parametrize("body", soap.SHELL.values(), ids=soap.SHELL)
def test_a_hostile_shell(body: soap.Body) -> None:
    """In process; the clock stands still, so that only the amount of output can end it."""
    sent: list[bytes] = []

    def send(message: bytes, *, repeatable: bool) -> bytes:
        sent.append(message)
        return body(Request(b"", message, len(sent)))

    channel = type("Wire", (), {"timeout": 20, "send": staticmethod(send)})()
    ticks = iter(range(10_000))
    error = refused(lambda: CmdShell(channel, clock=lambda: float(next(ticks))).run("echo"))
    assert len(sent) < 400
    assert isinstance(error, WsmanError)


def test_the_limits_are_those_of_the_documentation() -> None:
    """docs/docsite/rst/limits.rst names them."""
    text = (Path(__file__).parents[3] / "docs" / "docsite" / "rst" / "limits.rst").read_text(encoding="utf-8")
    for limit in (
        f"{xml.MAX_BYTES // 2**20} MiB",
        f"{xml.MAX_ELEMENTS:,} elements",
        f"{xml.MAX_DEPTH} levels",
        f"{bounds.BODY_SECONDS:g} seconds",
        f"{bounds.MAX_ANSWERS} HTTP answers",
        f"{enumeration.MAX_PULLS} Pulls",
        f"{enumeration.MAX_TOTAL_BYTES // 2**20} MiB",
    ):
        assert limit in text, limit

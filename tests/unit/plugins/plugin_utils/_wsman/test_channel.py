# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The channel over real connection plugins of Ansible, against a small HTTP server of this test's own."""

from __future__ import annotations

import gzip
import os
import socket
import tempfile
import threading
import typing as t
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import Mock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs, bounds, channel, http
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.channel import Channel, open_channel
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    ChannelUnavailable,
    ConnectionLost,
    EncodingLimit,
    NoTicket,
    TransportFailed,
    WsmanError,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import MAX_BYTES

from tests.support.connections import NTLM, PASSWORD, connection

ANSWER = b"<Envelope>answer</Envelope>"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.seen.append((self.headers.get("Authorization", ""), body))
        self.server.encodings.append(self.headers.get("Accept-Encoding", ""))
        self.server.identifies.append(self.headers.get("WSMANIDENTIFY", ""))
        self.server.next_step()(self)

    def answer(self, status: int = 200, body: bytes = ANSWER, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_arguments: object) -> None:
        return


Step = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    """Plays a script of answers; after its end it answers normally."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, bytes]] = []
        self.encodings: list[str] = []
        self.identifies: list[str] = []
        self.script: list[Step] = []

    def next_step(self) -> Step:
        return self.script.pop(0) if self.script else Handler.answer

    @property
    def bodies(self) -> list[bytes]:
        return [body for _authorization, body in self.seen]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(params=["winrm", "psrp"])
def plugin(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(server: Server, plugin: str) -> Iterator[Channel]:
    made = open_channel(connection(plugin, server.server_port))
    yield made
    made.close()


def test_a_message_is_one_request_and_no_shell_is_opened(opened: Channel, server: Server) -> None:
    assert opened.send(b"<a/>", repeatable=True) == ANSWER
    assert opened.send(b"<b/>", repeatable=False) == ANSWER
    assert server.bodies == [b"<a/>", b"<b/>"]
    assert all(authorization.startswith("Basic ") for authorization, _body in server.seen)


def test_what_the_channel_knows_about_its_connection(opened: Channel) -> None:
    assert (opened.host, opened.timeout, opened.uri_style) == ("127.0.0.1", 20, "wmi")


def test_an_unauthenticated_identify_carries_no_credentials(opened: Channel, server: Server) -> None:
    opened.send(b"<a/>", repeatable=True)
    assert opened.send_unauthenticated(b"<b/>") == ANSWER
    assert server.seen[-1] == ("", b"<b/>")
    assert server.identifies == ["", "unauthenticated"]


def test_an_unauthenticated_identify_takes_the_proxy(
    server: Server, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    used = open_channel(connection(plugin, 5985, ansible_host="host.invalid"))
    assert used.send_unauthenticated(b"<a/>") == ANSWER
    assert server.seen == [("", b"<a/>")]


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationFailed), (404, BadAnswer), (307, BadAnswer)])
def test_an_unauthenticated_identify_that_is_refused(
    opened: Channel, server: Server, status: int, error: type[WsmanError]
) -> None:
    elsewhere = f"http://127.0.0.1:{server.server_port}/elsewhere"
    server.script = [lambda on: on.answer(status, b"", Location=elsewhere)]
    with pytest.raises(error) as raised:
        opened.send_unauthenticated(b"<a/>")
    assert raised.value.host == "127.0.0.1"
    assert len(server.seen) == 1


def test_an_unauthenticated_identify_shows_no_client_certificate(server: Server, monkeypatch: t.Any) -> None:
    mutual = Mock(verify="ca.pem", proxies={}, cert=("cert.pem", "key.pem"), headers={"Authorization": "mutual"})
    sessions = []
    monkeypatch.setattr(http, "bounded", lambda session: sessions.append(session) or session)
    endpoint = f"http://127.0.0.1:{server.server_port}/wsman"
    assert http.without_credentials(mutual, endpoint, b"<a/>", 5) == ANSWER
    assert [(session.verify, session.cert, session.auth) for session in sessions] == [("ca.pem", None, None)]
    assert server.seen == [("", b"<a/>")]


def test_a_proxy_of_the_environment_is_used(server: Server, plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    used = open_channel(connection(plugin, 5985, ansible_host="host.invalid"))
    assert [used.send(body, repeatable=False) for body in (b"<a/>", b"<b/>")] == [ANSWER, ANSWER]
    assert server.bodies == [b"<a/>", b"<b/>"]


def test_a_host_that_the_environment_exempts_is_reached_without_proxy(
    server: Server, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    used = open_channel(connection(plugin, server.server_port))
    assert [used.send(body, repeatable=False) for body in (b"<a/>", b"<b/>")] == [ANSWER, ANSWER]


def test_the_environment_is_not_searched_with_every_message(
    opened: Channel, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.send(b"<a/>", repeatable=True)
    monkeypatch.setattr("requests.utils.getproxies", lambda: pytest.fail("the environment was searched again"))
    monkeypatch.setattr("requests.utils.get_environ_proxies", lambda *_a, **_b: pytest.fail("searched again"))
    assert opened.send(b"<b/>", repeatable=True) == ANSWER


def test_nothing_is_sent_before_the_first_message(opened: Channel, server: Server) -> None:
    assert server.seen == []


def test_a_soap_fault_is_an_answer(opened: Channel, server: Server) -> None:
    fault = "<s:Envelope>fault für Sie</s:Envelope>".encode()
    server.script = [lambda on: on.answer(500, fault, Content_Type="application/soap+xml;charset=UTF-8")]
    assert opened.send(b"<a/>", repeatable=True) == fault


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"", ConnectionLost),
        (401, b"", AuthenticationFailed),
        (403, b"", AccessDenied),
        (404, b"", BadAnswer),
        (404, b"<html>Not Found</html>", BadAnswer),
        (413, b"", EncodingLimit),
        (418, b"", BadAnswer),
        (500, b"", AccessDenied),
        (503, b"<html>busy</html>", TransportFailed),
    ],
)
def test_http_statuses(opened: Channel, server: Server, status: int, body: bytes, error: type[WsmanError]) -> None:
    server.script = [lambda on: on.answer(status, body)]
    with pytest.raises(error) as caught:
        opened.send(b"<a/>", repeatable=False)
    assert caught.type is error
    assert caught.value.host == "127.0.0.1"
    assert caught.value.hint
    assert PASSWORD not in repr(caught.value) + str(caught.value)
    assert len(server.seen) == 1


STALE: dict[str, Step] = {"HTTP 400": lambda on: on.answer(400, b""), "closed": Handler.hang_up}


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
def test_a_stale_channel_is_made_anew_for_reads(opened: Channel, server: Server, stale: Step) -> None:
    server.script = [Handler.answer, stale]
    opened.send(b"<first/>", repeatable=True)
    assert opened.send(b"<second/>", repeatable=True) == ANSWER
    assert server.bodies == [b"<first/>", b"<second/>", b"<second/>"]


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
def test_it_is_made_anew_once(opened: Channel, server: Server, stale: Step) -> None:
    server.script = [stale, stale]
    with pytest.raises(ConnectionLost):
        opened.send(b"<a/>", repeatable=True)
    assert len(server.seen) == 2


@pytest.mark.parametrize("stale", STALE.values(), ids=STALE)
def test_a_write_is_never_sent_twice(opened: Channel, server: Server, stale: Step) -> None:
    server.script = [stale]
    with pytest.raises(ConnectionLost) as caught:
        opened.send(b"<write/>", repeatable=False)
    assert caught.value.sent is (False if stale is STALE["HTTP 400"] else None)
    assert server.bodies == [b"<write/>"]
    assert opened.send(b"<next/>", repeatable=False) == ANSWER


def test_an_idle_channel_is_made_anew_before_a_write(
    server: Server, plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = channel._OPENERS[plugin](connection(plugin, server.server_port))
    now = [0.0]
    used = Channel(line, "host", clock=lambda: now[0])
    dropped: list[float] = []
    monkeypatch.setattr(line, "drop", lambda: dropped.append(now[0]))
    for now[0] in (0.0, 59.0, 118.0, 179.0):
        used.send(b"<a/>", repeatable=False)
    assert dropped == [179.0]


def test_redirects_are_not_followed(opened: Channel, server: Server) -> None:
    elsewhere = f"http://127.0.0.1:{server.server_port}/elsewhere"
    server.script = [lambda on: on.answer(307, b"", Location=elsewhere)]
    with pytest.raises(BadAnswer, match="redirects"):
        opened.send(b"<a/>", repeatable=True)
    assert len(server.seen) == 1


def test_an_endless_body_is_cut_off(opened: Channel, server: Server) -> None:
    def flood(on: Handler) -> None:
        on.send_response(200)
        on.send_header("Connection", "close")
        on.end_headers()
        try:
            while True:
                on.wfile.write(b"x" * 65536)
                sent.append(65536)
        except OSError:
            on.close_connection = True

    sent: list[int] = []
    server.script = [flood]
    with pytest.raises(BadAnswer, match="larger than"):
        opened.send(b"<a/>", repeatable=True)
    assert sum(sent) < 3 * MAX_BYTES


def test_the_steps_of_authentication_are_bounded_too(server: Server, plugin: str) -> None:
    large = b"x" * (MAX_BYTES + bounds.MAX_HEAD + 1)
    server.script = [
        lambda on: on.answer(401, b"", WWW_Authenticate="NTLM"),
        lambda on: on.answer(401, large, WWW_Authenticate="NTLM"),
    ]
    used = open_channel(connection(plugin, server.server_port, **NTLM))
    with pytest.raises(BadAnswer, match="larger than"):
        used.send(b"<a/>", repeatable=False)
    assert len(server.seen) == 2


@pytest.mark.parametrize(("status", "error"), [(403, AccessDenied), (404, BadAnswer), (503, TransportFailed)])
def test_a_refusal_within_the_handshake_of_credssp_is_told_by_its_status(
    server: Server, plugin: str, status: int, error: type[WsmanError]
) -> None:
    server.script = [
        lambda on: on.answer(401, b"", WWW_Authenticate="CredSSP"),
        lambda on: on.answer(status, b""),
    ]
    asked = {"ansible_winrm_transport": "credssp", "ansible_psrp_auth": "credssp"}
    used = open_channel(connection(plugin, server.server_port, **asked))
    with pytest.raises(error, match=f"HTTP {status}"):
        used.send(b"<a/>", repeatable=False)
    assert [authorization[:8] for authorization, _body in server.seen] == ["", "CredSSP "]


def test_a_compressed_answer_is_refused_before_it_is_unpacked(opened: Channel, server: Server) -> None:
    bomb = gzip.compress(gzip.compress(b" " * MAX_BYTES))
    server.script = [lambda on: on.answer(200, bomb, Content_Encoding="gzip, gzip")]
    with pytest.raises(BadAnswer, match="compressed"):
        opened.send(b"<a/>", repeatable=True)
    assert server.encodings == ["identity"]


def test_the_largest_body_is_read_whole(opened: Channel, server: Server) -> None:
    whole = b"<Envelope>" + b"x" * (MAX_BYTES - 10)
    server.script = [lambda on: on.answer(200, whole)]
    assert opened.send(b"<a/>", repeatable=True) == whole


def test_a_chunked_answer_is_read(opened: Channel, server: Server) -> None:
    def chunked(on: Handler) -> None:
        on.send_response(200)
        on.send_header("Transfer-Encoding", "chunked")
        on.end_headers()
        on.wfile.write(b"5\r\n<Enve\r\n4\r\nlope\r\n2\r\n/>\r\n0\r\n\r\n")

    server.script = [chunked]
    assert opened.send(b"<a/>", repeatable=True) == b"<Envelope/>"


def test_a_body_that_ends_early_is_a_lost_connection(opened: Channel, server: Server) -> None:
    def short(on: Handler) -> None:
        on.send_response(200)
        on.send_header("Content-Length", "100")
        on.end_headers()
        on.wfile.write(b"<Enve")
        on.close_connection = True

    server.script = [short]
    with pytest.raises(ConnectionLost):
        opened.send(b"<a/>", repeatable=False)


def test_a_body_that_drips_is_given_up(opened: Channel, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(on: Handler) -> None:
        on.send_response(200)
        on.end_headers()
        try:
            for _byte in range(1000):
                on.wfile.write(b"x")
                threading.Event().wait(0.01)
        except OSError:
            on.close_connection = True

    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.1)
    server.script = [drip]
    with pytest.raises(TransportFailed, match="longer than"):
        opened.send(b"<a/>", repeatable=False)


def test_a_closed_port(server: Server, plugin: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        used = open_channel(connection(plugin, closed.getsockname()[1]))
        with pytest.raises(TransportFailed, match="refused") as caught:
            used.send(b"<a/>", repeatable=True)
    assert caught.value.sent is False
    assert caught.type is TransportFailed


def test_a_host_that_does_not_answer(server: Server, plugin: str) -> None:
    variables = {"ansible_winrm_connection_timeout": 1, "ansible_psrp_read_timeout": 1}
    made = connection(plugin, server.server_port, **variables)
    used = open_channel(made)
    if plugin == "winrm":
        made.protocol.transport.read_timeout_sec = 1
    release = threading.Event()
    server.script = [lambda on: (release.wait(10), on.answer())[1]]
    with pytest.raises(TransportFailed, match="in time") as caught:
        used.send(b"<a/>", repeatable=True)
    release.set()
    assert caught.value.sent is None
    assert len(server.seen) == 1


def test_tls_to_a_plain_port(server: Server, plugin: str) -> None:
    variables = {"ansible_winrm_scheme": "https", "ansible_psrp_protocol": "https"}
    used = open_channel(connection(plugin, server.server_port, **variables))
    with pytest.raises(TransportFailed, match="TLS failed") as caught:
        used.send(b"<a/>", repeatable=True)
    assert "certificate" in caught.value.hint


def test_wrong_encrypted_framing_is_no_crash(plugin: str, server: Server) -> None:
    used = open_channel(connection(plugin, server.server_port, **NTLM))
    with pytest.raises(WsmanError) as caught:
        used.send(b"<secret/>", repeatable=False)
    assert isinstance(caught.value, (AuthenticationFailed, BadAnswer))
    assert all(b"secret" not in body for body in server.bodies)


def test_a_message_is_never_sent_plain_when_its_encryption_failed(plugin: str, server: Server) -> None:
    """Pywinrm keeps a session whose set-up failed, and would send the next message over it without encryption."""
    used = open_channel(connection(plugin, server.server_port, **NTLM))
    server.script = [lambda on: on.answer(503, b"")]
    for _attempt in range(3):
        with pytest.raises(WsmanError):
            used.send(b"<secret/>", repeatable=True)
    assert all(b"secret" not in body for body in server.bodies)


def test_the_winrm_plugin_is_left_as_it_was(server: Server) -> None:
    made = connection("winrm", server.server_port)
    used = open_channel(made)
    assert made.shell_id is None
    used.send(b"<a/>", repeatable=True)
    used.close()
    assert (made.protocol, made.shell_id, made.connected) == (None, None, False)


def test_a_winrm_connection_that_the_plugin_has_opened_is_borrowed(server: Server) -> None:
    made = connection("winrm", server.server_port)
    made.protocol = protocol = open_protocol(server)
    made.shell_id = "the plugin's own"
    used = open_channel(made)
    used.send(b"<a/>", repeatable=True)
    used.close()
    assert made.protocol is protocol
    assert made.shell_id == "the plugin's own"


def open_protocol(server: Server) -> t.Any:
    helper = connection("winrm", server.server_port)
    open_channel(helper)
    return helper.protocol


def test_several_transports_are_tried_by_the_plugin_itself(server: Server) -> None:
    shell = b'<e><x Name="ShellId">S1</x></e>'
    server.script = [lambda on: on.answer(401, b""), lambda on: on.answer(200, shell)]
    made = connection("winrm", server.server_port, ansible_winrm_transport=["plaintext", "basic"])
    used = open_channel(made)
    assert made.shell_id == "S1"
    assert used.send(b"<a/>", repeatable=True) == ANSWER
    used.close()
    assert made.protocol is not None


def test_missing_credentials_are_reported_before_anything_is_sent(server: Server) -> None:
    with pytest.raises(TransportFailed, match="requires a username") as caught:
        open_channel(connection("winrm", server.server_port, ansible_user=None))
    assert caught.value.sent is False


def test_an_impossible_psrp_configuration(server: Server) -> None:
    with pytest.raises(ChannelUnavailable, match="encryption"):
        open_channel(connection("psrp", server.server_port, ansible_psrp_message_encryption="always"))


@pytest.mark.parametrize("name", ["ssh", "local"])
def test_other_connections_are_named_with_what_to_do(name: str) -> None:
    made = connection_loader.get(f"ansible.builtin.{name}", PlayContext(), os.devnull)
    with pytest.raises(ChannelUnavailable, match=name) as caught:
        open_channel(made)
    assert "winrm or psrp" in caught.value.hint


def test_become_is_refused(plugin: str) -> None:
    made = connection(plugin, 5985)
    made.set_become_plugin(become_loader.get("ansible.builtin.runas"))
    with pytest.raises(ChannelUnavailable, match="become"):
        open_channel(made)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_libs, "PYPSRP", None)
    with pytest.raises(ChannelUnavailable, match="pypsrp is not installed"):
        open_channel(connection("psrp", 5985))


def test_a_missing_library_of_the_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = connection("winrm", 5985)
    monkeypatch.setitem(type(made)._connect.__globals__, "HAS_WINRM", False)
    monkeypatch.setitem(type(made)._connect.__globals__, "WINRM_IMPORT_ERR", ImportError("no winrm"))
    with pytest.raises(ChannelUnavailable, match="winrm or requests is not installed"):
        open_channel(made)
    assert made.shell_id is None


def test_an_unknown_style_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="uri_style"):
        open_channel(connection("psrp", 5985), uri_style="cim")


def test_translate_keeps_our_own_errors_and_knows_every_other() -> None:
    own = BadAnswer("x")
    assert http.translate(own) is own
    assert isinstance(http.translate(IndexError("list index out of range")), BadAnswer)
    assert isinstance(http.translate(PermissionError("no challenge")), AuthenticationFailed)
    assert isinstance(http.translate(ConnectionResetError(104, "Connection reset by peer")), ConnectionLost)


@pytest.fixture
def tickets() -> Iterator[t.Any]:
    """The file that the winrm plugin lets kinit write to."""
    with tempfile.NamedTemporaryFile() as file:
        yield file


def test_tickets_that_kinit_was_asked_for_do_not_outlive_the_task(server: Server, tickets: t.Any) -> None:
    opened = connection("winrm", server.server_port)
    made = open_channel(opened)
    opened._kerb_ccache = tickets
    made.send(b"<a/>", repeatable=True)
    assert os.path.exists(tickets.name)
    made.close()
    assert not os.path.exists(tickets.name)


def test_the_file_for_tickets_goes_where_kinit_fails(
    server: Server, tickets: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = connection("winrm", server.server_port)
    opened._kerb_ccache = tickets

    def refused() -> None:
        raise AnsibleConnectionFailure("Kerberos auth failure for principal somebody: no such client")

    monkeypatch.setattr(opened, "_connect", refused)
    with pytest.raises(NoTicket, match="no such client"):
        open_channel(opened)
    assert not os.path.exists(tickets.name)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verdict of the probe against a scripted server."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import socket
import ssl
import threading
import time
import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import tls
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ProbeOptionError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions, probe
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.messages import (
    challenge,
    connect_response,
    request_reply,
    syn_ack,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.module_utils._rdp_probe.scripted import (
    LEGACY,
    Identity,
    Script,
    ScriptedServer,
    answering,
    fails,
    make_certificate,
    read_hello,
    read_request,
    reset,
    selects,
    wait_for_end,
)
from cryptography.hazmat.primitives import serialization

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Serve = Callable[..., ScriptedServer]
    TlsThen = Callable[..., Script]


@pytest.fixture
def serve() -> t.Iterator[t.Callable[..., ScriptedServer]]:
    """Start servers that stop with the test; what went wrong in a script fails the test."""
    servers: list[ScriptedServer] = []

    def start(script: Script, **options: t.Any) -> ScriptedServer:
        servers.append(ScriptedServer(script, **options).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """One certificate for all servers of the session."""
    certificate, key = make_certificate()
    path = tmp_path_factory.mktemp("identity") / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Identity(str(path), certificate.public_bytes(serialization.Encoding.DER))


@pytest.fixture
def tls_then(identity: Identity) -> t.Callable[..., Script]:
    """Make scripts that do TLS as a server and then run another script on the TLS socket."""

    def make(then: Script, adjust: t.Callable[[ssl.SSLContext], None] | None = None) -> Script:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.path)
        if adjust:
            adjust(context)

        def script(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                then(tls)

        return script

    return make


NLA_REQUIRED = {0: fails(5), 1: fails(5), 3: selects(2), 11: selects(8)}
TLS_WITHOUT_NLA = {0: fails(1), 1: selects(1), 3: selects(2), 11: selects(8)}
NEGOTIATE = {0: selects(0), 1: selects(1), 3: selects(2), 11: selects(8)}
STANDARD_RDP = {0: selects(0), 1: fails(2), 3: fails(2), 11: fails(2)}
TLS_ONLY = {0: fails(1), 1: selects(1, source=0), 3: selects(1, source=0), 11: selects(1, source=0)}
NO_CERTIFICATE = {0: fails(1), 1: fails(3), 3: fails(3), 11: fails(3)}


def run(port: int, **options: t.Any) -> dict[str, t.Any]:
    """Probe 127.0.0.1 without pauses; the report is what JSON can carry."""
    report = probe(ProbeOptions(**{"host": "127.0.0.1", "port": port, "timeout": 3.0, "pause": 0.0, **options}))
    assert json.loads(json.dumps(report)) == report
    assert report["summary"].endswith(".")
    assert report["passed"] is (report["stage"] == "complete")
    return report


def reply_to_negotiate(data: bytes) -> Script:
    """Read the NTLM NEGOTIATE in TLS, and answer it."""

    def script(connection: socket.socket) -> None:
        assert b"NTLMSSP\x00\x01\x00\x00\x00" in connection.recv(4096)
        connection.sendall(data)
        wait_for_end(connection)

    return script


def hang_up_after_negotiate(connection: socket.socket) -> None:
    connection.recv(4096)


def expect_nothing(connection: socket.socket) -> None:
    assert connection.recv(4096) == b""


def send_then_wait(data: bytes) -> Script:
    """Read the first packet, send this and nothing more."""

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)
        wait_for_end(connection)

    return script


def drip(connection: socket.socket, data: bytes) -> None:
    """Send a byte every 50 ms, round and round, until the peer hangs up."""
    with contextlib.suppress(OSError):
        while True:
            for index in range(len(data)):
                connection.sendall(data[index : index + 1])
                time.sleep(0.05)


def send_after_hello(data: bytes) -> Script:
    """Read the ClientHello and send these bytes instead of a ServerHello."""

    def script(connection: socket.socket) -> None:
        read_hello(connection)
        connection.sendall(data)
        wait_for_end(connection)

    return script


class TestName:
    def test_unknown_name(self) -> None:
        report = run(3389, host="no-such-host.invalid")
        assert report["name"]["verdict"] == "failed"
        assert report["name"]["error"]
        assert report["address"] is None
        assert report["stage"] == "name"
        assert report["tcp"]["verdict"] == "skipped"
        assert "does not resolve" in report["summary"]

    def test_malformed_name(self) -> None:
        assert run(3389, host="two..dots")["name"]["verdict"] == "failed"

    def test_literal(self) -> None:
        report = run(3389, stages=("name",))
        assert report["name"] == {"verdict": "literal", "addresses": ["127.0.0.1"], "error": None}
        assert report["passed"]

    def test_name_that_resolves(self, serve: Serve) -> None:
        server = serve(wait_for_end)
        report = run(server.port, host="localhost", stages=("tcp",))
        assert report["name"]["verdict"] == "resolved"
        assert "127.0.0.1" in report["name"]["addresses"]
        assert report["address"] == "127.0.0.1"
        assert report["tcp"]["verdict"] == "open"

    def test_slow_name_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answered = threading.Event()

        def look_up(*_arguments: t.Any, **_options: t.Any) -> list[t.Any]:
            answered.wait(20)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        started = time.monotonic()
        report = run(3389, host="slow.example", timeout=0.2)
        answered.set()
        assert report["name"]["verdict"] == "failed"
        assert "in time" in report["name"]["error"]
        assert time.monotonic() - started < 5


class TestTcp:
    def test_open(self, serve: Serve) -> None:
        report = run(serve(wait_for_end).port, stages=("tcp",))
        assert report["tcp"]["verdict"] == "open"
        assert 0 < report["tcp"]["connect_ms"] < 3000
        assert report["stage"] == "complete"

    def test_refused(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            report = run(unused.getsockname()[1])
        assert report["tcp"]["verdict"] == "refused"
        assert report["stage"] == "tcp"
        assert report["x224"]["asked"]["0"]["outcome"] == "skipped"

    def test_timeout_with_a_full_backlog(self) -> None:
        with socket.socket() as listener, contextlib.ExitStack() as waiting:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _dummy in range(4):
                filler = waiting.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            started = time.monotonic()
            report = run(listener.getsockname()[1], timeout=0.5)
        assert report["tcp"]["verdict"] == "timeout"
        assert report["stage"] == "tcp"
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize(
        ("error", "verdict"),
        [(113, "unreachable"), (101, "unreachable"), (110, "timeout"), (111, "refused"), (99, "error")],
    )
    def test_errors_of_the_system(self, monkeypatch: pytest.MonkeyPatch, error: int, verdict: str) -> None:
        def fail(*dummy: t.Any, **ignored: t.Any) -> t.NoReturn:
            raise OSError(error, "as the system says")

        monkeypatch.setattr(socket, "create_connection", fail)
        report = run(3389)
        assert report["tcp"]["verdict"] == verdict
        assert report["tcp"]["error"] == "as the system says"

    def test_the_second_address_answers(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        server = serve(answering(NLA_REQUIRED))
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", _only_for_name(found))
        report = run(server.port, host="two.example", stages=("x224",))
        assert report["name"]["addresses"] == ["127.0.0.2", "127.0.0.1"]
        assert report["address"] == "127.0.0.1"
        assert [attempt["verdict"] for attempt in report["tcp"]["attempts"]] == ["refused"]
        assert server.connections == 4

    def test_the_most_telling_failure_of_several(self, monkeypatch: pytest.MonkeyPatch) -> None:
        errors = {"127.0.0.2": 101, "127.0.0.3": 110, "127.0.0.4": 113}

        def fail(target: tuple[str, int], **dummy: t.Any) -> t.NoReturn:
            raise OSError(errors[target[0]], "as the system says")

        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in errors]
        monkeypatch.setattr(socket, "getaddrinfo", _only_for_name(found))
        monkeypatch.setattr(socket, "create_connection", fail)
        report = run(3389, host="three.example")
        assert report["tcp"]["verdict"] == "timeout"
        assert report["address"] == "127.0.0.3"

    def test_ipv6(self, serve: Serve) -> None:
        try:
            server = serve(answering(NLA_REQUIRED), family=socket.AF_INET6)
        except OSError as error:
            pytest.skip(f"no IPv6 loopback here: {error}")
        report = run(server.port, host="::1", stages=("x224",))
        assert report["address"] == "::1"
        assert report["x224"]["verdict"] == "negotiates"


def _only_for_name(found: list[t.Any]) -> Callable[..., list[t.Any]]:
    """Replace name resolution, but not the one that create_connection does with a literal."""
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: t.Any, **options: t.Any) -> list[t.Any]:
        return found if host.endswith(".example") else list(real(host, *arguments, **options))

    return look_up


class TestX224:
    @pytest.mark.parametrize(
        ("answers", "security_layer", "nla_required"),
        [
            (NLA_REQUIRED, None, True),
            (TLS_WITHOUT_NLA, 2, False),
            (NEGOTIATE, 1, False),
            (STANDARD_RDP, 0, False),
            (dict.fromkeys(NLA_REQUIRED, selects(0)), 0, False),
            (dict.fromkeys(NLA_REQUIRED, selects(2)), None, None),
            ({**NO_CERTIFICATE, 0: selects(0)}, 1, False),
            (TLS_ONLY, 2, False),
            (NO_CERTIFICATE, 2, False),
        ],
    )
    def test_matrix(
        self, serve: Serve, answers: dict[int, bytes], security_layer: int | None, nla_required: object
    ) -> None:
        server = serve(answering(answers))
        report = run(server.port, stages=("x224",))
        assert report["x224"]["verdict"] == "negotiates"
        assert report["x224"]["security_layer"] == security_layer
        assert report["x224"]["nla_required"] is nla_required
        assert server.connections == 4
        assert report["tls"]["verdict"] == "skipped"

    def test_answers_as_they_came(self, serve: Serve) -> None:
        asked = run(serve(answering(TLS_WITHOUT_NLA)).port, stages=("x224",))["x224"]["asked"]
        assert list(asked) == ["0", "1", "3", "11"]
        assert (asked["0"]["outcome"], asked["0"]["failure"]) == ("failure", 1)
        assert asked["0"]["failure_name"] == "SSL_REQUIRED_BY_SERVER"
        assert (asked["11"]["outcome"], asked["11"]["protocol"], asked["11"]["flags"]) == ("selected", 8, 0x1F)

    def test_who_answers(self, serve: Serve) -> None:
        assert run(serve(answering(NLA_REQUIRED)).port, stages=("x224",))["x224"]["windows"] is True
        xrdp = {0: selects(0, 1), 1: selects(1, 1), 3: selects(1, 1), 11: selects(1, 1)}
        assert run(serve(answering(xrdp)).port, stages=("x224",))["x224"]["windows"] is None
        gnome = dict.fromkeys(NLA_REQUIRED, selects(2, source=0))
        assert run(serve(answering(gnome)).port, stages=("x224",))["x224"]["windows"] is False

    @pytest.mark.parametrize("answers", [STANDARD_RDP, NO_CERTIFICATE, dict.fromkeys(NLA_REQUIRED, fails(4))])
    def test_what_turns_clients_away(self, serve: Serve, answers: dict[int, bytes]) -> None:
        report = run(serve(answering(answers)).port)
        assert report["stage"] == "x224"
        assert report["tls"]["verdict"] == "not_offered"
        assert report["ntlm"]["verdict"] == "not_offered"

    def test_summary_names_the_cause(self, serve: Serve) -> None:
        stubborn = dict.fromkeys(NLA_REQUIRED, selects(0))
        assert "SecurityLayer 0" in run(serve(answering(stubborn)).port)["summary"]
        assert "SecurityLayer 0" in run(serve(answering(STANDARD_RDP)).port)["summary"]
        assert "certificate" in run(serve(answering(NO_CERTIFICATE)).port)["summary"]
        odd = dict.fromkeys(NLA_REQUIRED, fails(4))
        assert "INCONSISTENT_FLAGS" in run(serve(answering(odd)).port)["summary"]

    def test_legacy(self, serve: Serve) -> None:
        report = run(serve(answering(dict.fromkeys(NLA_REQUIRED, LEGACY))).port)
        assert report["x224"]["verdict"] == "legacy"
        assert report["x224"]["windows"] is True
        assert report["stage"] == "x224"

    @pytest.mark.parametrize(
        ("greeting", "guess"),
        [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh"),
            (b"RFB 003.008\n", "vnc"),
            (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
            (b"\x00\x01\x02\x03\x04", None),
            (b"\x03\x00\xff\xff", None),
            (b"\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00", None),
            (b"NO", None),
        ],
    )
    def test_another_protocol(self, serve: Serve, greeting: bytes, guess: str | None) -> None:
        server = serve(send_then_wait(greeting))
        report = run(server.port, timeout=0.5)
        assert report["x224"]["verdict"] == "not_rdp"
        assert report["x224"]["protocol_guess"] == guess
        assert report["stage"] == "x224"
        assert server.connections == 1

    @pytest.mark.parametrize(
        "data", [b"\x03\x00\x00\x09\x02\xf0\x80\x21\x80", b"\x03\x00\x00\x0b\x06\x80\x00\x00\x00\x00\x00"]
    )
    def test_disconnected_politely(self, serve: Serve, data: bytes) -> None:
        assert run(serve(send_then_wait(data)).port)["x224"]["verdict"] == "reset"

    @pytest.mark.parametrize("end", [reset, socket.socket.close])
    def test_dropped(self, serve: Serve, end: Script) -> None:
        def script(connection: socket.socket) -> None:
            read_request(connection)
            end(connection)

        server = serve(script)
        report = run(server.port)
        assert report["x224"]["verdict"] == "reset"
        assert server.connections == 2

    def test_silence(self, serve: Serve) -> None:
        server = serve(wait_for_end)
        started = time.monotonic()
        report = run(server.port, timeout=0.3)
        assert report["x224"]["verdict"] == "no_reply"
        assert {answer["outcome"] for answer in report["x224"]["asked"].values()} == {"no_reply", "skipped"}
        assert server.connections == 2
        assert time.monotonic() - started < 3

    def test_tarpit(self, serve: Serve) -> None:
        server = serve(lambda connection: drip(connection, b"\x03\x00\x01\x00" + bytes(252)))
        started = time.monotonic()
        report = run(server.port, timeout=0.4)
        assert report["x224"]["verdict"] == "no_reply"
        assert report["x224"]["asked"]["11"]["outcome"] == "timeout"
        assert time.monotonic() - started < 3

    def test_one_silence_does_not_end_the_matrix(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            asked = read_request(connection)
            connection.sendall(b"" if asked == 11 else NLA_REQUIRED[asked])
            wait_for_end(connection)

        report = run(serve(script).port, timeout=0.5, stages=("x224",))
        assert report["x224"]["asked"]["11"]["outcome"] == "no_reply"
        assert report["x224"]["nla_required"] is True

    def test_listener_that_stops_half_way(self, serve: Serve) -> None:
        server: list[ScriptedServer] = []

        def script(connection: socket.socket) -> None:
            asked = read_request(connection)
            if asked == 3:
                server[0].close_listener()
            connection.sendall(NLA_REQUIRED[asked])

        server.append(serve(script))
        asked = run(server[0].port, stages=("x224",))["x224"]["asked"]
        assert asked["11"]["outcome"] == asked["3"]["outcome"] == "selected"
        assert asked["1"]["outcome"] == "refused"


class TestTls:
    def test_ok(self, serve: Serve, tls_then: TlsThen, identity: Identity) -> None:
        server = serve(answering(TLS_ONLY, tls_then(expect_nothing)))
        report = run(server.port)
        assert report["tls"]["verdict"] == "ok"
        assert report["tls"]["version"] == "TLSv1.3"
        assert report["tls"]["cipher"]
        assert report["tls"]["certificate"]["common_name"] == "win01.example.org"
        assert report["ntlm"]["verdict"] == "not_offered"
        assert report["stage"] == "complete"
        assert server.connections == 4

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    @pytest.mark.parametrize(("version", "name"), [("TLSv1", "TLSv1"), ("TLSv1_1", "TLSv1.1"), ("TLSv1_2", "TLSv1.2")])
    def test_old_versions(self, serve: Serve, tls_then: TlsThen, version: str, name: str) -> None:
        def only(context: ssl.SSLContext) -> None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

        report = run(serve(answering(TLS_ONLY, tls_then(wait_for_end, only))).port)
        assert (report["tls"]["verdict"], report["tls"]["version"]) == ("ok", name)

    @pytest.mark.parametrize("end", [reset, socket.socket.close])
    def test_dropped_after_client_hello(self, serve: Serve, end: Script) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            end(connection)

        report = run(serve(answering(NLA_REQUIRED, script)).port)
        assert report["tls"]["verdict"] == "reset"
        assert report["ntlm"]["verdict"] == "skipped"
        assert report["stage"] == "tls"
        assert "private key" in report["summary"]

    @pytest.mark.parametrize(
        ("alert", "name"), [(40, "handshake_failure"), (70, "protocol_version"), (80, "internal_error")]
    )
    def test_alerts(self, serve: Serve, alert: int, name: str) -> None:
        record = bytes((0x15, 3, 3, 0, 2, 2, alert))
        report = run(serve(answering(NLA_REQUIRED, send_after_hello(record))).port)
        assert (report["tls"]["verdict"], report["tls"]["alert"]) == ("alert", alert)
        assert report["stage"] == "tls"
        assert f"alert {alert} {name}" in report["summary"]

    def test_silent_after_client_hello(self, serve: Serve) -> None:
        started = time.monotonic()
        report = run(serve(answering(NLA_REQUIRED, wait_for_end)).port, timeout=0.5)
        assert report["tls"]["verdict"] == "timeout"
        assert report["tls"]["received_bytes"] == 0
        assert "MTU" in report["summary"]
        assert time.monotonic() - started < 3

    def test_tarpit(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            drip(connection, b"\x16\x03\x03\x3f\xff" + bytes(0x3FFF))

        started = time.monotonic()
        report = run(serve(answering(NLA_REQUIRED, script)).port, timeout=0.5)
        assert report["tls"]["verdict"] == "timeout"
        assert report["tls"]["received_bytes"] > 0
        assert time.monotonic() - started < 3

    def test_something_else_than_tls(self, serve: Serve) -> None:
        report = run(serve(answering(NLA_REQUIRED, send_after_hello(b"HTTP/1.1 400 Bad Request\r\n\r\n"))).port)
        assert report["tls"]["verdict"] == "not_tls"
        assert report["stage"] == "tls"

    def test_endless_data(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            record = b"\x16\x03\x03\x40\x00\x02\x7f\xff\xff" + bytes(0x4000 - 4)
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(record)

        report = run(serve(answering(NLA_REQUIRED, script)).port)
        assert report["tls"]["verdict"] in ("not_tls", "controller_cannot")
        assert report["tls"]["received_bytes"] < 300_000

    def test_more_data_than_sensible(self, serve: Serve, tls_then: TlsThen, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tls, "_LONGEST_FLIGHT", 100)
        report = run(serve(answering(TLS_ONLY, tls_then(wait_for_end))).port)
        assert report["tls"]["verdict"] == "not_tls"
        assert "without end" in report["tls"]["error"]

    def test_version_that_this_machine_refuses(self, serve: Serve) -> None:
        hello = b"\x03\x00" + bytes(32) + b"\x00" + b"\x00\x2f" + b"\x00"
        message = b"\x02" + len(hello).to_bytes(3, "big") + hello
        record = b"\x16\x03\x00" + len(message).to_bytes(2, "big") + message
        report = run(serve(answering(NLA_REQUIRED, send_after_hello(record))).port)
        assert report["tls"]["verdict"] == "controller_cannot"
        assert "this machine" in report["summary"]

    def test_library_without_the_context(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> t.NoReturn:
            raise ssl.SSLError("no ciphers available")

        monkeypatch.setattr(tls, "_context", refuse)
        report = run(serve(answering(NLA_REQUIRED)).port)
        assert report["tls"]["verdict"] == "controller_cannot"
        assert "no ciphers" in report["tls"]["error"]


class TestNtlm:
    def test_challenge(self, serve: Serve, tls_then: TlsThen) -> None:
        moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=400)
        reply = reply_to_negotiate(request_reply(challenge(moment=moment)))
        server = serve(answering(NLA_REQUIRED, tls_then(reply)))
        report = run(server.port)
        ntlm = report["ntlm"]
        assert ntlm["verdict"] == "challenge"
        assert ntlm["build"] == "10.0.20348"
        assert (ntlm["netbios_name"], ntlm["dns_name"]) == ("WIN01", "win01.example.org")
        assert ntlm["skew_seconds"] == pytest.approx(-400, abs=5)
        assert report["stage"] == "complete"
        assert "win01.example.org" in report["summary"]
        assert server.connections == 4

    def test_reply_in_pieces(self, serve: Serve, tls_then: TlsThen) -> None:
        def script(connection: socket.socket) -> None:
            connection.recv(4096)
            for octet in request_reply(challenge()):
                connection.sendall(bytes((octet,)))
            wait_for_end(connection)

        assert run(serve(answering(NLA_REQUIRED, tls_then(script))).port)["ntlm"]["verdict"] == "challenge"

    def test_closed_is_healthy(self, serve: Serve, tls_then: TlsThen) -> None:
        report = run(serve(answering(NLA_REQUIRED, tls_then(hang_up_after_negotiate))).port)
        assert report["ntlm"]["verdict"] == "closed"
        assert report["passed"] is True
        assert "Kerberos" in report["summary"]

    def test_refused_is_healthy(self, serve: Serve, tls_then: TlsThen) -> None:
        reply = reply_to_negotiate(request_reply(None, status=0xC000006D))
        report = run(serve(answering(NLA_REQUIRED, tls_then(reply))).port)
        assert report["ntlm"]["verdict"] == "refused"
        assert report["ntlm"]["error"] == "CredSSP error 0xC000006D"
        assert report["passed"] is True

    def test_silence(self, serve: Serve, tls_then: TlsThen) -> None:
        report = run(serve(answering(NLA_REQUIRED, tls_then(wait_for_end))).port, timeout=0.5)
        assert report["ntlm"]["verdict"] == "timeout"
        assert report["stage"] == "ntlm"

    @pytest.mark.parametrize(
        "data", [b"HTTP/1.1 400\r\n\r\n", b"\x30\x84\x7f\xff\xff\xff", b"\x30\x80", request_reply(b"no NTLM")]
    )
    def test_garbage(self, serve: Serve, tls_then: TlsThen, data: bytes) -> None:
        report = run(serve(answering(NLA_REQUIRED, tls_then(reply_to_negotiate(data)))).port, timeout=1)
        assert report["ntlm"]["verdict"] == "not_ntlm"
        assert report["stage"] == "ntlm"


class TestNative:
    def test_encryption(self, serve: Serve) -> None:
        def script(connection: socket.socket) -> None:
            asked = read_request(connection)
            connection.sendall(STANDARD_RDP[asked])
            if asked == 0:
                assert b"\x7f\x65" in connection.recv(4096)
                connection.sendall(connect_response(method=8, level=2))

        report = run(serve(script).port, stages=("native",))
        assert report["native"] == {"verdict": "ok", "encryption_level": 2, "encryption_method": 8}

    @pytest.mark.parametrize(
        ("reply", "verdict"),
        [(None, "closed"), (b"\x03\x00\x00\x09\x02\xf0\x80\x21\x80", "not_mcs"), (b"", "timeout")],
    )
    def test_no_encryption(self, serve: Serve, reply: bytes | None, verdict: str) -> None:
        def script(connection: socket.socket) -> None:
            asked = read_request(connection)
            connection.sendall(STANDARD_RDP[asked])
            if asked == 0 and connection.recv(4096) and reply is not None:
                connection.sendall(reply)
                wait_for_end(connection)

        assert run(serve(script).port, stages=("native",), timeout=0.5)["native"]["verdict"] == verdict

    def test_only_where_standard_rdp_is_selected(self, serve: Serve) -> None:
        assert run(serve(answering(NLA_REQUIRED)).port, stages=("native",))["native"]["verdict"] == "skipped"


class TestUdp:
    @pytest.fixture
    def udp(self) -> t.Iterator[socket.socket]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(5)
            yield sock

    def probe_udp(self, sock: socket.socket, answer: Callable[[bytes], list[bytes]]) -> dict[str, t.Any]:
        """Probe UDP while another thread answers the first datagram."""
        seen: list[bytes] = []

        def serve_one() -> None:
            data, sender = sock.recvfrom(4096)
            seen.append(data)
            for reply in answer(data):
                sock.sendto(reply, sender)

        thread = threading.Thread(target=serve_one)
        thread.start()
        report = run(sock.getsockname()[1], stages=("name",), udp=True, timeout=0.6)
        thread.join()
        assert len(seen[0]) == 1232
        return t.cast("dict[str, t.Any]", report["udp"])

    def test_answers(self, udp: socket.socket) -> None:
        result = self.probe_udp(udp, lambda data: [syn_ack(data[8:12], 1200)])
        assert result["verdict"] == "answers"
        assert result["mtu"] == 1200
        assert result["rtt_ms"] > 0

    def test_stray_datagrams_are_passed_over(self, udp: socket.socket) -> None:
        result = self.probe_udp(
            udp, lambda data: [b"", b"\xff" * 40, syn_ack(b"abcd", 1200), syn_ack(data[8:12], 1232)]
        )
        assert (result["verdict"], result["mtu"]) == ("answers", 1232)

    def test_silent(self, udp: socket.socket) -> None:
        assert self.probe_udp(udp, lambda _data: [])["verdict"] == "silent"

    def test_unreachable(self, udp: socket.socket) -> None:
        port = udp.getsockname()[1]
        udp.close()
        report = run(port, stages=("name",), udp=True)
        assert report["udp"]["verdict"] == "unreachable"
        assert report["passed"] is True


class TestQuality:
    def test_not_measured_by_default(self, serve: Serve) -> None:
        server = serve(wait_for_end)
        assert run(server.port, stages=("tcp",))["quality"] is None
        server.wait_for_connections(1)

    def test_measured(self, serve: Serve) -> None:
        server = serve(wait_for_end)
        quality = run(server.port, stages=("tcp",), samples=5)["quality"]
        assert (quality["samples"], quality["lost"], quality["loss_percent"]) == (5, 0, 0.0)
        assert 0 < quality["rtt_min_ms"] <= quality["rtt_median_ms"] <= quality["rtt_max_ms"]
        server.wait_for_connections(6)


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"host": ""},
            {"host": "a\x00b"},
            {"host": "a" * 256},
            {"port": 0},
            {"port": 65536},
            {"timeout": 0},
            {"timeout": float("nan")},
            {"timeout": 1000},
            {"samples": -1},
            {"samples": 101},
            {"pause": -1},
            {"stages": ()},
            {"stages": ("tls", "magic")},
        ],
    )
    def test_out_of_range(self, options: dict[str, t.Any]) -> None:
        with pytest.raises(ProbeOptionError, match=next(iter(options))) as caught:
            ProbeOptions(**{"host": "win01", **options})
        assert isinstance(caught.value, ValueError)

    def test_a_stage_brings_those_that_it_needs(self) -> None:
        options = ProbeOptions("win01", stages=("tls",))
        assert [stage for stage in ("name", "tcp", "x224", "tls", "ntlm", "native") if options.runs(stage)] == [
            "name",
            "tcp",
            "x224",
            "tls",
        ]


def test_pause_between_connections(serve: Serve) -> None:
    server = serve(answering(NLA_REQUIRED))
    started = time.monotonic()
    run(server.port, stages=("x224",), pause=0.1)
    assert time.monotonic() - started >= 0.3


def test_many_threads_at_once(serve: Serve, tls_then: TlsThen) -> None:
    reply = reply_to_negotiate(request_reply(challenge()))
    server = serve(answering(NLA_REQUIRED, tls_then(reply)), backlog=128)
    reports: list[dict[str, t.Any]] = []
    threads = [threading.Thread(target=lambda: reports.append(run(server.port, timeout=20))) for dummy in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report["stage"] for report in reports] == ["complete"] * 24
    assert server.connections == 24 * 4


def test_certificate_is_the_one_served(serve: Serve, tls_then: TlsThen, identity: Identity) -> None:
    report = run(serve(answering(TLS_ONLY, tls_then(wait_for_end))).port)
    assert report["tls"]["certificate"]["sha256"] == hashlib.sha256(identity.der).hexdigest().upper()
    assert report["tls"]["certificate"]["sha1"] == hashlib.sha1(identity.der).hexdigest().upper()

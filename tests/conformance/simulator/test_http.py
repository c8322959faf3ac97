# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP side of the simulated service: what is refused before SOAP, disturbances, and counting."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from xml.etree.ElementTree import ParseError

import pytest
import requests
import requests_ntlm
import spnego
from pypsrp.exceptions import WinRMTransportError

from tests.conformance.simulator.peers import Running, running
from tests.conformance.simulator.test_peers import pypsrp_client, selectors
from tests.simulator.http.acceptor import Acceptor, RejectedError, read_account
from tests.simulator.http.encryption import EncryptionError, seal, unseal
from tests.simulator.http.server import serve
from tests.simulator.wsman import names
from tests.simulator.wsman.provider import FaultPlan
from tests.unit.simulator.wsman.fake_host import PASSWORD, THING, FakeHost, envelope

GET_BETA = envelope(names.GET, THING, selectors={"Name": "beta"})
HEADERS = {"Content-Type": "application/soap+xml;charset=UTF-8"}
BASIC = ("Administrator", PASSWORD)
IDENTIFY = (
    f'<s:Envelope xmlns:s="{names.SOAP}" xmlns:i="{names.IDENTITY}"><s:Header/>'
    "<s:Body><i:Identify/></s:Body></s:Envelope>"
).encode()


@pytest.fixture(name="service")
def _service() -> Iterator[Running]:
    with running(FakeHost(config={"Basic": True, "AllowUnencrypted": True})) as service:
        yield service


def post(service: Running, data: bytes | Iterator[bytes] = GET_BETA, **options: object) -> requests.Response:
    """Post with Basic credentials."""
    settings = {"headers": HEADERS, "auth": BASIC, "timeout": 10, **options}
    return requests.post(service.url, data=data, **settings)  # type: ignore[arg-type]  # options of requests


def test_an_operation_over_plain_http_where_the_host_allows_it(service: Running) -> None:
    answer = post(service)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/soap+xml;charset=UTF-8"
    assert b"note 1" in answer.content


def test_a_mistake_of_the_host_is_a_500_and_a_line_in_the_log(
    service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(service.host.things, "get", lambda *_arguments: 1 / 0)
        assert post(service).status_code == 500
    assert "host001" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert post(service).status_code == 200


@pytest.mark.parametrize("config", [{"AllowUnencrypted": False, "Basic": True}, {"AllowUnencrypted": False}])
def test_unencrypted_traffic_is_refused_with_an_empty_500(service: Running, config: dict[str, object]) -> None:
    service.host.config = config
    auth = BASIC if config.get("Basic") else requests_ntlm.HttpNtlmAuth(*BASIC)
    answer = post(service, auth=auth)
    assert (answer.status_code, answer.content) == (500, b"")
    assert service.host.operations == []


@pytest.mark.parametrize("auth", [None, ("Administrator", "wrong"), ("nobody", PASSWORD)])
def test_nobody_is_told_how_to_prove_himself(service: Running, auth: tuple[str, str] | None) -> None:
    answer = post(service, auth=auth)
    assert answer.status_code == 401
    assert answer.raw.headers.getlist("WWW-Authenticate") == ["Negotiate", 'Basic realm="WSMAN"']


@pytest.mark.parametrize(
    "value", ["Basic", "Basic !!", "Basic bm9jb2xvbg==", "Negotiate", "Negotiate !!", "NTLM AAAA", "Digest x", "x"]
)
def test_authorization_that_is_none(service: Running, value: str) -> None:
    assert post(service, auth=None, headers={**HEADERS, "Authorization": value}).status_code == 401


def test_methods_that_are_switched_off(service: Running) -> None:
    service.host.config = {"Basic": False, "Negotiate": False, "AllowUnencrypted": True}
    assert post(service).status_code == 401
    answer = post(service, auth=requests_ntlm.HttpNtlmAuth(*BASIC))
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers


def test_other_paths_and_methods(service: Running) -> None:
    root = service.url.removesuffix("/wsman")
    assert requests.post(f"{root}/other", data=GET_BETA, timeout=10).status_code == 404
    assert requests.post(f"{root}/", data=GET_BETA, timeout=10).status_code == 404
    assert requests.get(service.url, timeout=10).status_code == 405
    assert requests.post(f"{root}/WSMAN", data=GET_BETA, timeout=10).status_code == 401


def test_chunks_are_refused(service: Running) -> None:
    answer = post(service, iter([GET_BETA]))
    assert answer.status_code == 500
    assert b'Code="50"' in answer.content
    assert service.host.operations == []


def test_a_body_beyond_all_limits_is_413(service: Running) -> None:
    assert post(service, b"x" * 600_000).status_code == 413
    assert post(service, b"x" * 2_000_000).status_code == 413


def test_identify_without_credentials(service: Running) -> None:
    service.host.config["AllowUnencrypted"] = False
    assert post(service, IDENTIFY, auth=None).status_code == 401
    answer = post(service, IDENTIFY, auth=None, headers={**HEADERS, "WSMANIDENTIFY": "unauthenticated"})
    assert answer.status_code == 200
    assert b"OS: 0.0.0" in answer.content
    refused = post(service, auth=None, headers={**HEADERS, "WSMANIDENTIFY": "unauthenticated"})
    assert refused.status_code == 401


def test_ntlm_belongs_to_the_connection(service: Running) -> None:
    with requests.Session() as session:
        session.auth = requests_ntlm.HttpNtlmAuth(*BASIC)
        assert session.post(service.url, data=GET_BETA, headers=HEADERS, timeout=10).status_code == 200
        session.auth = None
        assert session.post(service.url, data=GET_BETA, headers=HEADERS, timeout=10).status_code == 200
    assert post(service, auth=None).status_code == 401


def first_token(scheme: str) -> dict[str, str]:
    """The header with which a handshake begins."""
    token = spnego.client(*BASIC, protocol=scheme.lower(), options=spnego.NegotiateOptions.use_ntlm).step()
    return {**HEADERS, "Authorization": f"{scheme} {base64.b64encode(token or b'').decode()}"}


@pytest.mark.parametrize(("enabled", "answered"), [(True, True), (False, False)])
def test_a_handshake_goes_on_only_where_it_is_switched_on(service: Running, enabled: bool, answered: bool) -> None:
    service.host.config["Negotiate"] = enabled
    answer = post(service, auth=None, headers=first_token("NTLM"))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("NTLM TlRMTVNTUAAC") is answered


def test_a_new_handshake_ends_the_old_session(service: Running) -> None:
    with requests.Session() as session:
        session.auth = requests_ntlm.HttpNtlmAuth(*BASIC)
        assert session.post(service.url, data=GET_BETA, headers=HEADERS, timeout=10).status_code == 200
        session.auth = None
        assert session.post(service.url, headers=first_token("NTLM"), timeout=10).status_code == 401
        assert session.post(service.url, data=GET_BETA, headers=HEADERS, timeout=10).status_code == 401


def test_an_encrypted_message_needs_keys_and_a_frame(service: Running) -> None:
    headers = {"Content-Type": 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted"'}
    answer = post(service, b"--Encrypted Boundary\r\nnonsense", headers=headers)
    assert (answer.status_code, answer.content) == (400, b"")


# --- disturbances ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 413, 500, 503])
def test_a_status_without_a_body(service: Running, status: int) -> None:
    service.host.plan = FaultPlan("status", status=status)
    answer = post(service)
    assert (answer.status_code, answer.content) == (status, b"")


def test_a_truncated_answer(service: Running) -> None:
    service.host.plan = FaultPlan("truncate")
    with pytest.raises(requests.exceptions.RequestException):
        post(service)


def test_a_garbled_answer(service: Running) -> None:
    service.host.plan = FaultPlan("garble")
    answer = post(service)
    assert answer.status_code == 200
    assert b"<" not in answer.content


def test_a_garbled_answer_is_encrypted_all_the_same(service: Running) -> None:
    service.host.plan = FaultPlan("garble")
    client = pypsrp_client(service, "ntlm")
    with pytest.raises(ParseError):
        client.get(THING, selector_set=selectors(Name="beta"))


def test_a_dripping_answer_is_whole_in_the_end(service: Running) -> None:
    service.host.plan = FaultPlan("drip", seconds=0.4)
    start = time.monotonic()
    answer = post(service)
    assert b"note 1" in answer.content
    assert time.monotonic() - start >= 0.3


def test_a_delayed_answer(service: Running) -> None:
    service.host.plan = FaultPlan("delay", seconds=0.3)
    start = time.monotonic()
    assert post(service).status_code == 200
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize("effect", ["reset", "refuse"])
def test_a_dropped_connection(service: Running, effect: str) -> None:
    service.host.plan = FaultPlan(effect, seconds=0.4)  # type: ignore[arg-type]  # a parameter
    with pytest.raises(requests.exceptions.ConnectionError):
        post(service)
    service.host.plan = None
    if effect == "refuse":
        time.sleep(0.1)
        with pytest.raises(requests.exceptions.ConnectionError):
            post(service)
        time.sleep(1.2)
    assert post(service).status_code == 200


def test_a_service_that_stops_and_starts_again(service: Running) -> None:
    port = service.server.http_port
    service.run(service.server.stop_listening())
    with pytest.raises(requests.exceptions.ConnectionError):
        post(service)
    service.run(service.server.start_listening())
    assert service.server.http_port == port
    assert post(service).status_code == 200


# --- counting --------------------------------------------------------------------------------------------------------


def test_traffic_counts_bytes_with_headers(service: Running) -> None:
    answer = post(service)
    traffic = service.server.traffic
    assert (traffic.connections, traffic.requests) == (1, 1)
    head = sum(len(name) + len(value) + 4 for name, value in answer.request.headers.items())
    assert len(GET_BETA) + head < traffic.received < len(GET_BETA) + head + 200
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    assert len(answer.content) + head < traffic.sent < len(answer.content) + head + 100
    assert service.host.sizes == [(len(GET_BETA), len(answer.content))]


def test_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match="loopback"):
        asyncio.run(serve(FakeHost(), "0.0.0.0", 0, None, None))


# --- parts -----------------------------------------------------------------------------------------------------------


class Plain:
    """A context that does not hide anything."""

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        if header != b"SIGN":
            raise ValueError(header)
        return data

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]:
        return b"SIGN", data, 0


@pytest.mark.parametrize("message", [b"", b"<s:Envelope/>", b"--Encrypted Boundary\r\n", bytes(range(256))])
def test_a_sealed_message_can_be_unsealed(message: bytes) -> None:
    sealed = seal(Plain(), message)
    assert unseal(Plain(), sealed) == message
    assert b"\r\n\tContent-Type: application/octet-stream\r\n" in sealed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Length=2", b"Length=3"),
        (b"SIGN", b"SING"),
        (b"octet-stream", b"pdf"),
        (b"Boundary--", b"Boundary"),
        (b"\x04\0", b"\xff\xff"),
    ],
)
def test_a_broken_message_cannot_be_unsealed(old: bytes, new: bytes) -> None:
    broken = seal(Plain(), b"<>").replace(old, new)
    with pytest.raises(EncryptionError):
        unseal(Plain(), broken)


def test_the_account_in_an_authenticate_message() -> None:
    domain, user = "CORP".encode("utf-16-le"), "Jürgen".encode("utf-16-le")
    fields = b"".join(
        len(part).to_bytes(2, "little") * 2 + offset.to_bytes(4, "little")
        for part, offset in ((b"", 64), (b"", 64), (domain, 64), (user, 64 + len(domain)), (b"", 64), (b"", 64))
    )
    message = b"NTLMSSP\0\x03\0\0\0" + fields + b"\x01\0\0\0" + domain + user
    assert read_account(message) == ("CORP", "Jürgen")


@pytest.mark.parametrize("token", [b"", b"NTLMSSP\0\x03\0\0\0", b"nonsense"])
def test_tokens_that_are_none(token: bytes) -> None:
    with pytest.raises(RejectedError):
        Acceptor("NTLM", lambda _user: PASSWORD).step(token)


def test_pypsrp_gets_the_status_of_a_refused_request(service: Running) -> None:
    service.host.plan = FaultPlan("status", status=503)
    with pytest.raises(WinRMTransportError) as caught:
        pypsrp_client(service, "negotiate").get(THING, selector_set=selectors(Name="beta"))
    assert caught.value.code == 503

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that are not what the inventory says: one clear message with the host and what to do, and no change."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.running import RunningFleet, running_fleet

from .conftest import RunModule

BOMB = b"""<?xml version="1.0"?><!DOCTYPE s:Envelope [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>&b;</s:Body></s:Envelope>"""
PAGE = b"<html><body>It works!</body></html>"


class Answering(HTTPServer):
    """A server that answers every POST with the same body."""

    daemon_threads = True

    def __init__(self, body: bytes, content_type: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = body
        self.content_type = content_type


class Handler(BaseHTTPRequestHandler):
    server: Answering
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", self.server.content_type)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def serve(server: HTTPServer) -> Iterator[HTTPServer]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def inventory(directory: Path, port: int, **variables: object) -> Path:
    shared = {
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": "Administrator",
        "ansible_password": "Some-Passw0rd!",
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "basic",
    }
    path = directory / "strange.yml"
    path.write_text(yaml.safe_dump({"windows": {"hosts": {"strange": {**shared, **variables}}}}))
    return path


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (PAGE, "text/html", "ansible_port"),
        (BOMB, "application/soap+xml;charset=UTF-8", "ansible_port"),
    ],
    ids=["web page", "entity bomb"],
)
def test_what_is_no_windows_says_so(
    body: bytes, content_type: str, said: str, run_alone: RunModule, tmp_path: Path
) -> None:
    for server in serve(Answering(body, content_type)):
        result = run_alone("strange", "remediate", inventory(tmp_path, server.server_port), probe_from="none")
        assert result["failed"]
        assert result["changed"] is False
        assert "strange" in result["msg"]
        assert said in result["msg"]
        assert "Some-Passw0rd!" not in str(result)


def expired_certificate(directory: Path) -> Path:
    """A certificate and its key, valid until yesterday."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now - datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = directory / "expired.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_an_expired_certificate_of_the_winrm_listener_is_refused(run_alone: RunModule, tmp_path: Path) -> None:
    pem = expired_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = Answering(PAGE, "text/html")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    for running in serve(server):
        strange = inventory(
            tmp_path, running.server_port, ansible_winrm_scheme="https", ansible_winrm_ca_trust_path=str(pem)
        )
        result = run_alone("strange", "host_info", strange)
        assert result["unreachable"]
        assert "strange" in result["msg"]
        assert "certificate" in result["msg"].lower()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """A Home edition, which has no TerminalServices namespace; and a server."""
    directory = tmp_path_factory.mktemp("home")
    options = ["--version=host001=11home", "--version=host002=2022"]
    with running_fleet(directory, "--hosts=2", *options, "--auth=basic", "--https") as fleet:
        yield fleet


def test_a_missing_namespace_does_not_keep_a_value_from_being_set(run_alone: RunModule, home: RunningFleet) -> None:
    result = run_alone("host001", "remote_desktop", home.inventory, state="disabled")
    assert result["changed"]
    assert "invoke StdRegProv SetDWORDValue" in home.ask("/hosts/host001/counters")["write_list"]


@pytest.mark.parametrize("module", ["machine_keys", "transport"])
def test_what_is_for_connections_alone_is_refused_where_the_edition_takes_none(
    module: str, run_alone: RunModule, home: RunningFleet
) -> None:
    result = run_alone("host001", module, home.inventory)
    assert (result["failed"], result["changed"]) == (True, False)
    assert "Windows 11 Home takes no Remote Desktop connections" in result["msg"]


RIGHTS = "Use an account in the host's Administrators group"


def as_operator(home: RunningFleet, directory: Path) -> Path:
    """The inventory with an account that WinRM lets in and WMI does not."""
    data = yaml.safe_load(home.inventory.read_text())
    data["windows"]["vars"]["ansible_user"] = "operator"
    limited = directory / "operator.yml"
    limited.write_text(yaml.safe_dump(data))
    return limited


@pytest.mark.parametrize("module", ["remote_desktop", "diagnosis_info", "remediate", "rollback"])
def test_an_account_without_rights_fails_and_is_told_which_it_needs(
    module: str, run_alone: RunModule, home: RunningFleet, tmp_path: Path
) -> None:
    before = home.ask("/hosts/host002/state")
    result = run_alone("host002", module, as_operator(home, tmp_path))
    assert (result["failed"], result["changed"], result["changes"]) == (True, False, [])
    assert result["msg"].startswith("host002: while calling StdRegProv.")
    assert RIGHTS in result["msg"]
    assert home.ask("/hosts/host002/state") == before


def test_a_look_without_rights_says_of_every_area_which_it_needs(
    run_alone: RunModule, home: RunningFleet, tmp_path: Path
) -> None:
    before = home.ask("/hosts/host002/state")
    result = run_alone("host002", "host_info", as_operator(home, tmp_path))
    assert not result.get("failed")
    unread = result["observation"]["unread"]
    assert {"identity", "settings", "services", "listener"} <= set(unread)
    assert {area for area, why in unread.items() if RIGHTS not in why} <= {"client_connections"}
    assert "the account is no administrator" in unread["client_connections"]
    assert home.ask("/hosts/host002/state") == before

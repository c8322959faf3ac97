# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Independent RDP servers, seen by the probe and by nmap: both must say the same; and logons by CredSSP.

The servers are those of the Debian packages xrdp and freerdp2-shadow-x11, nmap's scripts the other observer.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import random
import re
import shutil
import socket
import subprocess
import time
import typing as t
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import ProbeOptions, probe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._credssp import Account, attempt

from tests.simulator.host import DEFAULT_CREDENTIAL, SimulatedHost
from tests.simulator.rdp.ntlm import md4
from tests.support.listening import listening

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PORT = 3389  # nmap's scripts know RDP by its port; the address is what makes it ours
SECONDS = 15
#: nmap's names of what it asks; of the early user authorisation it asks in another way than we do.
ASKS = {"Native RDP": "0", "SSL": "1", "CredSSP (NLA)": "3"}


def tool(name: str) -> str:
    """The path of a program; skips the test when it is not installed."""
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture
def address() -> str:
    """A loopback address whose RDP port is free."""
    for _dummy in range(50):
        candidate = f"127.{random.randint(2, 250)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind((candidate, PORT))
            return candidate
    pytest.skip("no loopback address is free")


@pytest.fixture
def run_server(tmp_path: Path, address: str) -> Iterator[Callable[..., None]]:
    """Start a server, wait until it listens on the address, and end it with the test."""
    with contextlib.ExitStack() as stack:

        def start(*command: str, **environment: str) -> None:
            log = stack.enter_context((tmp_path / "server.log").open("w+"))
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment}
            )
            stack.callback(end, process)
            if not listens(process, address):
                complain(f"{command[0]} does not listen: {(tmp_path / 'server.log').read_text()[-300:]}")

        yield start


def end(process: subprocess.Popen[t.Any]) -> None:
    process.terminate()
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def listens(process: subprocess.Popen[t.Any], address: str) -> bool:
    """Wait until somebody accepts connections there."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((address, PORT), 1):
            return True
        time.sleep(0.1)
    return False


def complain(message: str) -> None:
    """Fail; xrdp's keys can only be read by root, so skip for others."""
    if os.geteuid():
        pytest.skip(f"not root, and {message}")
    pytest.fail(message)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    names = ["-subj", "/CN=peer.example.org", "-addext", "subjectAltName=DNS:peer.example.org"]
    files = ["-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return paths


def see(address: str) -> dict[str, t.Any]:
    """What the probe sees."""
    return probe(ProbeOptions(address, stages=("ntlm", "native"), timeout=10))


def see_with_nmap(address: str) -> dict[str, ET.Element]:
    """What nmap's scripts see, by the name of the script."""
    command = [tool("nmap"), "-n", "-Pn", "-p", str(PORT), "-oX", "-", address, "--script"]
    scripts = "rdp-enum-encryption,rdp-ntlm-info"
    done = subprocess.run([*command, scripts], check=True, capture_output=True, timeout=120)
    # The report of a program that we started ourselves.
    return {str(script.get("id")): script for script in ET.fromstring(done.stdout).iter("script")}


def granted(report: dict[str, t.Any]) -> dict[str, int]:
    """The protocols selected, by what was asked."""
    answers = report["x224"]["asked"].items()
    return {asked: answer["protocol"] for asked, answer in answers if answer["outcome"] == "selected"}


def compare(address: str, certificate: Path) -> dict[str, t.Any]:
    """Hold what both see against each other and the server's file; returns the probe's report."""
    report, scripts = see(address), see_with_nmap(address)
    compare_layers(report, scripts.get("rdp-enum-encryption"))
    compare_certificate(report, certificate)
    compare_identity(report, scripts.get("rdp-ntlm-info"))
    return report


def compare_layers(report: dict[str, t.Any], script: ET.Element | None) -> None:
    """Both are granted the same requests. Of xrdp with TLS alone nmap reports nothing: its survey of ciphers fails."""
    output = "" if script is None else str(script.get("output"))
    successes = re.findall(r"^\s+(.+): SUCCESS$", output, re.MULTILINE)
    if not successes:
        assert report["x224"]["asked"]["0"]["failure_name"] == "SSL_REQUIRED_BY_SERVER"
        assert report["x224"]["windows"] is None
        return
    assert set(granted(report)) - {"11"} == {ASKS[name] for name in successes if name in ASKS}


def compare_certificate(report: dict[str, t.Any], file: Path) -> None:
    """The certificate seen is the one in the server's file by OpenSSL's account; nmap 7.93 cannot fetch it over RDP."""
    if report["tls"]["verdict"] != "ok":
        assert report["tls"]["verdict"] == "not_offered"
        return
    account = describe(file)
    ours = report["tls"]["certificate"]
    assert ours["error"] is None
    assert ours["sha1"] == account["sha1 Fingerprint"].replace(":", "")
    assert f"CN={ours['common_name']}" in account["subject"].replace(" ", "")
    end = datetime.datetime.strptime(account["notAfter"], "%b %d %H:%M:%S %Y GMT")
    assert ours["not_after"] == end.strftime("%Y-%m-%dT%H:%M:%SZ")


def describe(file: Path) -> dict[str, str]:
    """What OpenSSL says about a certificate."""
    command = [tool("openssl"), "x509", "-in", str(file), "-noout", "-fingerprint", "-sha1", "-subject", "-enddate"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def compare_identity(report: dict[str, t.Any], script: ET.Element | None) -> None:
    """Both are told the same names and build; nmap tries NTLM also where CredSSP was refused."""
    if report["ntlm"]["verdict"] != "challenge":
        assert report["ntlm"]["verdict"] == "not_offered"
        return
    assert script is not None
    seen = {str(element.get("key")): element.text for element in script.iter("elem")}
    assert report["ntlm"]["netbios_name"] == seen["NetBIOS_Computer_Name"]
    assert report["ntlm"]["netbios_domain"] == seen["NetBIOS_Domain_Name"]
    assert report["ntlm"]["dns_name"] == seen["DNS_Computer_Name"]
    assert report["ntlm"]["build"] == seen["Product_Version"]


@pytest.mark.parametrize(
    ("layer", "expected", "stage"),
    [
        ("rdp", {"0": 0, "1": 0, "3": 0, "11": 0}, "x224"),
        ("tls", {"1": 1, "3": 1, "11": 1}, "complete"),
        ("negotiate", {"0": 0, "1": 1, "3": 1, "11": 1}, "complete"),
    ],
)
def test_xrdp(
    run_server: Callable[..., None],
    certificate: tuple[Path, Path],
    address: str,
    tmp_path: Path,
    layer: str,
    expected: dict[str, int],
    stage: str,
) -> None:
    program = tool("xrdp")
    (tmp_path / "xrdp.ini").write_text(
        "[Globals]\nini_version=1\nfork=true\ncrypt_level=high\nssl_protocols=TLSv1.2, TLSv1.3\n"
        f"port=tcp://{address}:{PORT}\nsecurity_layer={layer}\ncertificate={certificate[0]}\nkey_file={certificate[1]}\n"
        f"[Logging]\nLogFile={tmp_path / 'xrdp.log'}\nLogLevel=INFO\nEnableSyslog=false\n"
        "[Xorg]\nname=Xorg\nlib=libxup.so\nusername=ask\npassword=ask\nip=127.0.0.1\nport=-1\ncode=20\n"
    )
    run_server(program, "--nodaemon", "--config", str(tmp_path / "xrdp.ini"))
    report = compare(address, certificate[0])
    assert granted(report) == expected
    assert report["stage"] == stage
    assert report["x224"]["security_layer"] == {"rdp": 0, "tls": 2, "negotiate": 1}[layer]
    assert report["x224"]["nla_required"] is False
    assert report["native"]["verdict"] == ("ok" if "0" in expected else "skipped")
    if report["native"]["verdict"] == "ok":
        assert report["native"]["encryption_level"] == 3  # crypt_level=high


@pytest.fixture
def display() -> Iterator[str]:
    """An X display without a screen, which stays as it is when its last client has gone."""
    program = tool("Xvfb")
    reading, writing = os.pipe()
    command = [program, "-displayfd", str(writing), "-screen", "0", "320x240x24", "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    try:
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}"
    finally:
        end(process)


@pytest.mark.parametrize(
    ("options", "expected", "stage"),
    [
        (("+sec-nla", "+sec-tls", "+sec-rdp"), {"0": 0, "1": 1, "3": 2, "11": 2}, "complete"),
        (("/sec:rdp",), {"0": 0}, "x224"),
        (("/sec:tls",), {"1": 1, "3": 1, "11": 1}, "complete"),
        (("/sec:nla",), {"3": 2, "11": 2}, "complete"),
    ],
)
def test_freerdp_shadow(
    run_server: Callable[..., None],
    display: str,
    address: str,
    tmp_path: Path,
    options: tuple[str, ...],
    expected: dict[str, int],
    stage: str,
) -> None:
    program = tool("freerdp-shadow-cli")
    run_server(program, f"/port:{PORT}", f"/bind-address:{address}", *options, DISPLAY=display, HOME=str(tmp_path))
    report = compare(address, tmp_path / ".config" / "freerdp" / "shadow" / "shadow.crt")
    assert granted(report) == expected
    assert report["stage"] == stage
    assert report["x224"]["windows"] is False
    assert report["x224"]["nla_required"] is ("/sec:nla" in options)
    assert report["ntlm"]["verdict"] == ("challenge" if 2 in expected.values() else "not_offered")


def test_credentials_are_judged_by_freerdp_shadow(
    run_server: Callable[..., None], display: str, address: str, tmp_path: Path
) -> None:
    """The server checks NTLM, the binding to its certificate and the credentials with code of its own."""
    program, accounts = tool("freerdp-shadow-cli"), tmp_path / "accounts"
    accounts.write_text(f"anna:::{md4('Pass-Word1'.encode('utf-16-le')).hex()}:::\n")
    options = (f"/port:{PORT}", f"/bind-address:{address}", "/sec:nla", "+auth", f"/sam-file:{accounts}")
    run_server(program, *options, DISPLAY=display, HOME=str(tmp_path))
    verdicts = [
        attempt(address, PORT, Account(name, password)).verdict
        for name, password in (("anna", "Pass-Word1"), ("anna", "wrong"), ("ben", "Pass-Word1"))
    ]
    assert verdicts == ["accepted", "rejected", "rejected"]


def test_freerdps_client_logs_on_to_the_simulator_as_ours_does(display: str, address: str, tmp_path: Path) -> None:
    """By CredSSP without the early authorization result, with which FreeRDP 2 cannot connect to anybody."""
    program, simulated = tool("xfreerdp"), SimulatedHost.build("2022")
    environment = {**os.environ, "DISPLAY": display, "HOME": str(tmp_path)}
    with listening(simulated, address, PORT):
        for password in (DEFAULT_CREDENTIAL, "wrong"):
            command = [program, f"/v:{address}", "/u:Administrator", f"/p:{password}", "/cert:ignore", "+auth-only"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert ("LOGON_FAILURE" in done.stdout + done.stderr) is (password == "wrong")
    assert simulated.windows.logons == ["accepted", "rejected"]

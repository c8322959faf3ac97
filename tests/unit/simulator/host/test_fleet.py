# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line, the ports and the control port, from outside and with independent clients."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import winrm
import yaml
from winrm.protocol import Protocol

from tests.simulator.__main__ import main
from tests.simulator.fleet import Fleet, FleetOptions, claim_network, plan_fleet
from tests.simulator.host import DEFAULT_CREDENTIAL

ROOT = Path(__file__).parents[4]
NTLM_NEGOTIATE = b"NTLMSSP\x00\x01\x00\x00\x00\x97\x82\x08\xe2" + bytes(16) + b"\x0a\x00\x61\x4a\x00\x00\x00\x0f"
TS_REQUEST = b"\x30\x37\xa0\x03\x02\x01\x06\xa1\x30\x30\x2e\x30\x2c\xa0\x2a\x04\x28" + NTLM_NEGOTIATE
ARGUMENTS = (
    "--hosts", "7", "--seed", "3", "--control", "0", "--max-seconds", "120",
    "--version", "host001=2022", "--language", "host002=de",
    "--break", "host002=rdp_denied", "--break", "host003=key_unreadable", "--break", "host004=firewall_rule_disabled",
    "--break", "host005=port_taken", "--trait", "host006=custom_port",
)  # fmt: skip


@dataclass
class Running:
    """A fleet in another process."""

    addresses: dict[str, str]
    control: str
    variables: dict[str, str]

    def get(self, path: str) -> object:
        return requests.get(self.control + path, timeout=10).json()

    def post(self, path: str, **arguments: object) -> requests.Response:
        return requests.post(self.control + path, json=arguments, timeout=10)


def start(inventory: Path, *arguments: str) -> tuple[subprocess.Popen[str], list[str]]:
    """Start the command and wait for ``ready``; the lines before it."""
    command = [sys.executable, "-m", "tests.simulator", "--with-parent", "--inventory", str(inventory), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n":
            return process, lines
        lines.append(line.strip())
    raise AssertionError(f"the simulator ended: {lines}")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    inventory = tmp_path_factory.mktemp("fleet") / "hosts.yml"
    process, lines = start(inventory, *ARGUMENTS)
    group = yaml.safe_load(inventory.read_text())["windows"]
    addresses = {name: host["ansible_host"] for name, host in group["hosts"].items()}
    yield Running(addresses, lines[0].removeprefix("control "), group["vars"])
    process.terminate()
    assert process.wait(10) == 0


def connect(address: str, port: int = 3389) -> socket.socket:
    return socket.create_connection((address, port), timeout=2)


def ask(address: str, protocols: int, port: int = 3389) -> tuple[socket.socket, bytes]:
    connection = connect(address, port)
    connection.sendall(bytes.fromhex("030000130ee0000000000001000800") + struct.pack("<I", protocols))
    return connection, connection.recv(100)


def secure(connection: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def test_a_healthy_host_negotiates_does_tls_and_challenges(fleet: Running) -> None:
    _plain, refused = ask(fleet.addresses["host001"], 0)
    assert refused == bytes.fromhex("030000130ed000001234000300080005000000")
    connection, selected = ask(fleet.addresses["host001"], 3)
    assert selected == bytes.fromhex("030000130ed00000123400021f080002000000")
    with secure(connection) as tls:
        tls.sendall(TS_REQUEST)
        challenge = tls.recv(4096)
    position = challenge.index(b"NTLMSSP\x00\x02\x00\x00\x00")
    assert struct.unpack_from("<H", challenge, position + 50)[0] == 20348
    assert "HOST001".encode("utf-16-le") in challenge


def test_udp_answers_a_syn(fleet: Running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        syn = struct.pack(">IHHIHH", 0xFFFFFFFF, 64, 1, 0x12345678, 1232, 1232).ljust(1232, b"\0")
        client.sendto(syn, (fleet.addresses["host001"], 3389))
        answer = client.recv(2000)
    assert struct.unpack_from(">IHH", answer)[0::2] == (0x12345678, 5)
    assert len(answer) == 1232


def test_denied_refused_and_firewalled_silent(fleet: Running) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(fleet.addresses["host002"])
    with pytest.raises(TimeoutError):
        connect(fleet.addresses["host004"])


def test_an_unreadable_key_resets_after_the_hello(fleet: Running) -> None:
    before = [event["code"] for event in fleet.get("/hosts/host003/volatile")["events"]].count(36870)  # type: ignore[index]  # JSON
    connection, _selected = ask(fleet.addresses["host003"], 3)
    with pytest.raises(ConnectionResetError):
        secure(connection)
    after = [event["code"] for event in fleet.get("/hosts/host003/volatile")["events"]].count(36870)  # type: ignore[index]  # JSON
    assert after - before == 2


def test_a_port_of_another_program(fleet: Running) -> None:
    _connection, answer = ask(fleet.addresses["host005"], 3)
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_custom_port(fleet: Running) -> None:
    _connection, answer = ask(fleet.addresses["host006"], 3, 33890)
    assert answer[11] == 2


def test_pywinrm_runs_a_command_with_encryption_and_it_is_counted(fleet: Running) -> None:
    address = fleet.addresses["host007"]
    session = winrm.Session(
        f"http://{address}:5985/wsman", auth=("Administrator", DEFAULT_CREDENTIAL), transport="ntlm"
    )
    result = session.run_cmd("hostname")
    assert (result.status_code, result.std_out) == (0, b"HOST007\r\n")
    counted = fleet.get("/hosts/host007/counters")
    assert isinstance(counted, dict)
    assert (counted["shells_opened"], counted["writes"]) == (1, 0)
    assert counted["wire_bytes_in"] > counted["bytes_in"]


def test_a_change_through_winrm_opens_the_port(fleet: Running) -> None:
    address = fleet.addresses["host002"]
    session = winrm.Session(
        f"http://{address}:5985/wsman", auth=("Administrator", DEFAULT_CREDENTIAL), transport="ntlm"
    )
    key = r'"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"'
    before = requests.get(f"{fleet.control}/hosts/host002/state", timeout=10).text
    result = session.run_cmd(f"reg add {key} /v fDenyTSConnections /t REG_DWORD /d 0 /f")
    assert result.status_code == 0
    _connection, answer = ask(address, 3)
    assert answer[11] == 2
    assert requests.get(f"{fleet.control}/hosts/host002/state", timeout=10).text != before


def test_the_control_port_breaks_and_lets_time_pass(fleet: Running) -> None:
    name = "host007"
    assert fleet.post(f"/hosts/{name}/break", breakages=["termservice_stopped"]).status_code == 200
    with pytest.raises(ConnectionRefusedError):
        connect(fleet.addresses[name])
    assert fleet.post(f"/hosts/{name}/reboot").status_code == 200
    with pytest.raises(ConnectionRefusedError):
        connect(fleet.addresses[name], 5985)
    assert fleet.post("/clock", advance=60, hosts=[name]).status_code == 200
    time.sleep(0.5)
    connect(fleet.addresses[name]).close()
    connect(fleet.addresses[name], 5985).close()


def test_somebody_else_works_on_the_host_and_switches_it_off(fleet: Running) -> None:
    done = fleet.post("/hosts/host007/command", line="whoami").json()["result"]
    assert (done["code"], done["stdout"].strip().rpartition("\\")[2]) == (0, "system")
    fleet.post("/hosts/host007/power", on=False)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{fleet.addresses['host007']}:5985/wsman", timeout=5)
    fleet.post("/hosts/host007/power", on=True)
    assert requests.get(f"http://{fleet.addresses['host007']}:5985/wsman", timeout=5).status_code >= 400


@pytest.mark.parametrize(
    ("path", "arguments", "status"),
    [
        ("/hosts/host999/state", None, 404),
        ("/hosts/host001/break", {"breakages": ["nonsense"]}, 400),
        ("/hosts/host001/fault", {"name": "nonsense"}, 400),
        ("/hosts/host001/switch", {"name": "live_deny", "value": "never"}, 400),
        ("/clock", {"advance": "soon"}, 400),
        ("/hosts/host001/session", {"user": "somebody"}, 200),
        ("/hosts/host001/battery", {"on": False}, 200),
        ("/hosts/host001/command", {"line": "whoami"}, 200),
        ("/hosts/host001/policy_refresh", {}, 200),
    ],
)
def test_control_port_answers(fleet: Running, path: str, arguments: dict[str, object] | None, status: int) -> None:
    answer = requests.get(fleet.control + path, timeout=10) if arguments is None else fleet.post(path, **arguments)
    assert answer.status_code == status
    assert ("error" in answer.json()) is (status != 200)


@pytest.mark.parametrize(
    ("path", "arguments", "said"),
    [
        ("hosts/host001/break", {"breakage": "rdp_denied"}, "unknown: breakage; known: breakages, traits"),
        ("hosts/host001/break", {}, "a name or more are expected in breakages or traits"),
        ("hosts/host001/break", {"breakages": []}, "a name or more are expected in breakages or traits"),
        ("hosts/host001/break", {"breakages": "rdp_denied"}, "breakages: a list of names is expected"),
        ("hosts/host001/break", {"breakages": ["rdp_denied"], "traits": ["no"]}, "traits: no unknown; known: custom"),
        ("hosts/host001/fault", {}, "name: a text is expected"),
        ("hosts/host001/fault", {"clear": False}, "clear: true is expected, and nothing else beside it"),
        ("hosts/host001/fault", {"name": "garble", "times": 3}, "unknown: times; known: name, at, count, clear"),
        ("hosts/host001/fault", {"name": "garble", "at": 0}, "at: a whole number of 1 or more is expected"),
        ("hosts/host001/fault", {"name": "garble", "at": {"klass": "X"}}, "at: a number, or some of kind, class, "),
        ("hosts/host001/fault", {"name": "garble", "count": "3"}, "count: a whole number of 1 or more is expected"),
        ("hosts/host001/switch", {"name": "live_deny"}, "name and value are expected; switches: "),
        ("hosts/host001/session", {}, "user: a text is expected"),
        ("hosts/host001/session", {"logoff": 4711}, "logoff: there is no session 4711"),
        ("hosts/host001/power", {}, "on: true or false is expected"),
        ("hosts/host001/battery", {"on": "no"}, "on: true or false is expected"),
        ("hosts/host001/command", {}, "line: a text is expected"),
        ("hosts/host001/counters", {}, "reset: true or false is expected"),
        ("hosts/host001/reboot", {"now": True}, "unknown: now; this order takes nothing"),
        ("clock", {}, "advance: seconds are expected"),
        ("clock", {"advance": -1}, "advance: seconds are expected"),
        ("clock", {"advance": 1, "host": ["host001"]}, "unknown: host; known: advance, hosts"),
        ("clock", {"advance": 1, "hosts": ["host001", "host999"]}, "hosts: host999 unknown; known: host001, "),
    ],
)
def test_an_order_that_would_do_nothing_is_refused_with_a_sentence(
    fleet: Running, path: str, arguments: dict[str, object], said: str
) -> None:
    before = fleet.get("/hosts"), fleet.get("/hosts/host001/state")
    answer = fleet.post(f"/{path}", **arguments)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)
    assert (fleet.get("/hosts"), fleet.get("/hosts/host001/state")) == before


@pytest.mark.parametrize("body", ["{", "[]", '{"advance": NaN}'])
def test_what_is_no_order_is_refused(fleet: Running, body: str) -> None:
    answer = requests.post(f"{fleet.control}/clock", data=body, timeout=10)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_what_was_planted_later_is_listed_as_well(fleet: Running) -> None:
    assert fleet.post("/hosts/host002/break", breakages=["drain_mode"], traits=["on_battery"]).status_code == 200
    hosts = fleet.get("/hosts")
    assert isinstance(hosts, list)
    assert (hosts[1]["breakages"], hosts[1]["traits"]) == (["rdp_denied", "drain_mode"], ["on_battery"])


def test_the_list_of_hosts(fleet: Running) -> None:
    hosts = fleet.get("/hosts")
    assert isinstance(hosts, list)
    assert [host["name"] for host in hosts] == list(fleet.addresses)
    assert (hosts[0]["version"], hosts[1]["language"], hosts[5]["rdp_port"]) == ("2022", "de", 33890)


def test_it_stops_with_its_time_and_says_so(tmp_path: Path) -> None:
    process, _lines = start(tmp_path / "hosts.yml", "--hosts", "1", "--max-seconds", "1")
    assert process.communicate(timeout=10)[1] == "simulator: stopped after 1 s (--max-seconds)\n"
    assert process.returncode == 0


def start_from_a_shell_that_ends(out: Path, *arguments: str) -> int:
    """The process id of a simulator that has outlived the shell that started it until it was ready."""
    command = f"{shlex.join([sys.executable, '-m', 'tests.simulator', '--hosts', '1', *arguments])} > {out} 2>&1 &"
    wait = f"echo $!; until grep -q ready {out}; do sleep 0.1; done"
    shell = subprocess.run(["/bin/sh", "-c", command + wait], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(shell.stdout)


def ends(process: int, seconds: float) -> bool:
    """Whether a process that is no child of this one ends by then."""
    status, end = Path(f"/proc/{process}/stat"), time.monotonic() + seconds
    while time.monotonic() < end:
        if not status.exists() or status.read_text().split()[2] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_it_outlives_the_shell_that_started_it_and_stops_on_sigterm(tmp_path: Path) -> None:
    process = start_from_a_shell_that_ends(tmp_path / "out", "--max-seconds", "60")
    assert not ends(process, 2)
    os.kill(process, signal.SIGTERM)
    assert ends(process, 10)
    assert (tmp_path / "out").read_text() == "ready\n"


def test_it_stops_with_its_parent_where_asked(tmp_path: Path) -> None:
    process = start_from_a_shell_that_ends(tmp_path / "out", "--max-seconds", "60", "--with-parent")
    assert ends(process, 10)
    assert (tmp_path / "out").read_text() == "ready\nsimulator: stopped with its parent process\n"


@pytest.mark.parametrize("auth", ["basic", "certificate"])
def test_inventories_of_other_authentications(tmp_path: Path, auth: str) -> None:
    inventory = tmp_path / "hosts.yml"
    process, _lines = start(inventory, "--hosts", "1", "--auth", auth, "--max-seconds", "60")
    try:
        group = yaml.safe_load(inventory.read_text())["windows"]
        variables, address = group["vars"], group["hosts"]["host001"]["ansible_host"]
        session = Protocol(
            f"{variables['ansible_winrm_scheme']}://{address}:{variables['ansible_port']}/wsman",
            transport="basic" if auth == "basic" else "certificate",
            username=variables["ansible_user"], password=variables["ansible_password"],
            ca_trust_path=variables.get("ansible_winrm_ca_trust_path"),
            cert_pem=variables.get("ansible_winrm_cert_pem"), cert_key_pem=variables.get("ansible_winrm_cert_key_pem"),
        )  # fmt: skip
        shell = session.open_shell()
        output = session.get_command_output(shell, session.run_command(shell, "hostname"))
        assert output == (b"HOST001\r\n", b"", 0)
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    "arguments",
    [["--break", "host001=nonsense"], ["--break", "host009=rdp_denied"], ["--switch", "nonsense=1"], ["--hosts", "0"],
     ["--version", "host001=xp"], ["--trait", "host001"]],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("simulator: ")


def test_an_inventory_makes_no_directories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = tmp_path / "absent" / "hosts.yml"
    assert main(["--inventory", str(wanted)]) == 2
    assert capsys.readouterr().err == (
        f"simulator: --inventory {wanted}: a file in a directory that exists is expected\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_control_port_is_a_port(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--control={port}"]) == 2
    assert capsys.readouterr().err == f"simulator: --control {port}: a port of 0 to 65535 is expected\n"


def test_a_control_port_that_is_taken_is_named_on_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "tests.simulator", "--with-parent", "--control", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("simulator: ")
    assert done.stderr.count("\n") == 1
    assert port in done.stderr


@pytest.mark.parametrize("what", ["breakages", "traits", "switches", "faults"])
def test_lists_are_name_and_meaning(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--list-{what}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 9
    assert all(": " in line for line in lines)


def test_the_list_says_of_another_way_to_a_cause_which_cause_that_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-breakages"]) == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["disk_full"].endswith(" (cause certificate_expired)")
    assert "(cause" not in lines["certificate_expired"]


def test_the_mix_follows_from_the_seed() -> None:
    plans = [plan_fleet(FleetOptions(hosts=40, seed=seed), "127.9") for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    assert {plan.language for plan in plans[0]} == {"en", "de", "ja"}
    assert len({plan.version for plan in plans[0]}) == 6


def test_two_fleets_do_not_share_a_network() -> None:
    network, guard = claim_network()
    with guard, pytest.raises(OSError, match="no free network"):
        claim_network(network)


def test_the_report_of_the_state_is_json(fleet: Running) -> None:
    text = requests.get(f"{fleet.control}/hosts/host001/state", timeout=10).text
    assert json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, indent=1) == text


def test_a_host_that_fails_leaves_the_others_running(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        fleet, stop = Fleet(FleetOptions(hosts=2)), asyncio.Event()
        await fleet.start()
        monkeypatch.setattr(fleet.members["host001"], "tick", lambda: 1 / 0)
        monkeypatch.setattr(fleet.members["host002"], "tick", stop.set)
        await asyncio.wait_for(fleet.run(stop), 10)
        await fleet.close()

    asyncio.run(run())
    assert "host001" in caplog.text
    assert "ZeroDivisionError" in caplog.text

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client over Ansible's own connections against simulated hosts, which were written from the same sources."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import typing as t
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import yaml
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import (
    firewall,
    host,
    registry,
    schema,
    services,
    tcp,
    terminal_services,
    wql,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, read_identity
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.channel import open_channel
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessDenied,
    AccessRefused,
    AuthenticationFailed,
    BadAnswer,
    ConnectionLost,
    EncodingLimit,
    NotFound,
    QuotaExceeded,
    Timeout,
    TransportFailed,
    WsmanError,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.shell import CmdShell

ROOT = Path(__file__).resolve().parents[3]
LISTENER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"

Variables = dict[str, t.Any]


class Simulator(t.NamedTuple):
    """A running fleet of one host."""

    process: subprocess.Popen[str]
    variables: Variables
    control: str

    def post(self, path: str, body: object) -> None:
        """Act behind the host's back."""
        requests.post(f"{self.control}/hosts/host001/{path}", json=body, timeout=10).raise_for_status()


def start(folder: Path, *options: str) -> Simulator:
    inventory = folder / "hosts.yml"
    port = free_port()
    command = [sys.executable, "-m", "tests.simulator", "--hosts", "1", "--inventory", str(inventory)]
    command += ["--with-parent", "--control", str(port), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while (line := process.stdout.readline()) != "ready\n":
        assert line, f"the simulator ended with {process.wait()}"
    windows = yaml.safe_load(inventory.read_text())["windows"]
    variables = {**windows["vars"], **windows["hosts"]["host001"]}
    return Simulator(process, variables, f"http://127.0.0.1:{port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", params=["ntlm", "basic", "https"])
def simulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    options = {"ntlm": ["--auth", "ntlm"], "basic": ["--auth", "basic"], "https": ["--auth", "ntlm", "--https"]}
    made = start(tmp_path_factory.mktemp("fleet"), *options[request.param], "--version", "host001=2022")
    yield made
    made.process.terminate()
    made.process.wait(20)


def connection(plugin: str, variables: Variables) -> t.Any:
    """Return a connection of Ansible, with the inventory's variables in the words of the plugin."""
    made = connection_loader.get(f"ansible.builtin.{plugin}", PlayContext(), os.devnull)
    transport = variables.get("ansible_winrm_transport")
    secure = variables.get("ansible_winrm_scheme") == "https"
    psrp = {
        "ansible_psrp_protocol": variables.get("ansible_winrm_scheme"),
        "ansible_psrp_auth": transport,
        "ansible_psrp_cert_validation": "ignore",
        "ansible_psrp_message_encryption": "never" if transport == "basic" or secure else "always",
    }
    winrm = {"ansible_winrm_transport": [transport]}
    extras = {"ansible_winrm_server_cert_validation": "ignore"}
    made.set_options(var_options={**variables, **psrp, **winrm, "_extras": extras})
    return made


@pytest.fixture(params=["winrm", "psrp"])
def channel(request: pytest.FixtureRequest, simulator: Simulator) -> Iterator[t.Any]:
    made = open_channel(connection(request.param, simulator.variables))
    yield made
    made.close()


@pytest.fixture(params=["wmi", "dmtf"])
def client(request: pytest.FixtureRequest, channel: t.Any) -> CimClient:
    return CimClient(channel.send, request.param, channel.timeout)


def test_identity(client: CimClient) -> None:
    who = host.identity(client)
    assert (who.build, who.product_type) == (20348, host.SERVER)
    assert abs(who.clock_offset) < timedelta(days=1)
    assert who.boot_time < who.local_time
    assert client.identify().vendor == "Microsoft Corporation"
    assert host.machine_sid(client).startswith("S-1-5-21-")
    assert uuid.UUID(host.machine_guid(client))


def test_identity_before_a_logon(channel: t.Any) -> None:
    request = envelope.build_identify()
    anonymous = read_identity(envelope.parse(channel.send_unauthenticated(request.body), request))
    assert (anonymous.vendor, anonymous.version) == ("Microsoft Corporation", "OS: 0.0.0 SP: 0.0 Stack: 3.0")


def test_registry_round_trip(client: CimClient) -> None:
    reg = registry.Registry(client)
    path = rf"HKLM\SOFTWARE\Winfleet\{uuid.uuid4()}"
    assert reg.read(path, "x") == registry.Absent(key_exists=False)
    reg.create_key(path)
    reg.create_key(path)
    values = {
        "s": registry.RegistryValue("REG_SZ", "Größe <&>"),
        "d": registry.RegistryValue("REG_DWORD", 2**32 - 1),
        "q": registry.RegistryValue("REG_QWORD", 2**64 - 1),
        "b": registry.RegistryValue("REG_BINARY", bytes(range(256))),
        "m": registry.RegistryValue("REG_MULTI_SZ", ("a", "b")),
    }
    for name, value in values.items():
        reg.write(path, name, value)
    reg.write(path, "e", registry.RegistryValue("REG_EXPAND_SZ", "%SystemRoot%\\x"))
    assert reg.read_all(path) == {**values, "e": registry.Unreadable("expands")}
    assert reg.read(path, "s", "REG_DWORD") == values["s"]
    assert reg.read(path, "none") == registry.Absent(key_exists=True)
    reg.set_security(path, "O:BAG:SYD:P(A;;KA;;;SY)(A;;KA;;;BA)")
    assert "(A;;0xf003f;;;S-1-5-32-544)" in reg.security(path)
    reg.delete_value(path, "s")
    assert "s" not in reg.values(path)
    reg.delete_key(path)
    assert reg.values(path) is None


def test_services(client: CimClient) -> None:
    control = services.Services(client, sleep=lambda _seconds: None)
    found = control.list(["TermService", "UmRdpService", "NoSuchService"])
    assert sorted(found) == ["TermService", "UmRdpService"]
    assert found["TermService"].running
    assert found["TermService"].sessions is not None
    assert "UmRdpService" in [service.name for service in control.dependents("TermService")]
    with pytest.raises(services.ServiceError, match="depend"):
        control.stop("TermService")
    with pytest.raises(NotFound):
        control.start("NoSuchService")


def test_firewall(client: CimClient) -> None:
    wall = firewall.Firewall(client)
    rules = {rule.instance_id: rule for rule in wall.rdp_rules()}
    rule = wall.rule("RemoteDesktop-UserMode-In-TCP", ports=True, addresses=True)
    assert rules[rule.instance_id] == rule
    assert (rule.protocol, rule.ports, rule.direction) == ("TCP", ("3389",), firewall.INBOUND)
    wall.set_enabled(rule, not rule.enabled)
    wall.set_profiles(rule, firewall.Profiles.DOMAIN)
    wall.set_local_port(rule, [3390])
    wall.set_remote_addresses(rule, ["10.0.0.0/255.0.0.0"])
    changed = next(found for found in wall.rdp_rules(3390) if found.instance_id == rule.instance_id)
    assert changed.enabled is not rule.enabled
    assert (changed.profiles, changed.ports) == (firewall.Profiles.DOMAIN, ("3390",))
    assert changed.remote_addresses == ("10.0.0.0/255.0.0.0",)
    wall.set_enabled(rule, rule.enabled)
    wall.set_profiles(rule, rule.profiles)
    wall.set_local_port(rule, rule.ports)
    wall.set_remote_addresses(rule, rule.remote_addresses)
    assert next(found for found in wall.rdp_rules() if found.instance_id == rule.instance_id) == rule
    assert sorted(wall.profiles()) == ["Domain", "Private", "Public"]
    assert wall.active_categories()


def test_terminal_services(client: CimClient) -> None:
    before = terminal_services.general(client)
    assert before is not None
    other = 1 if before.security_layer == 2 else 2
    assert terminal_services.set_security_layer(client, other).ok
    assert terminal_services.general(client).security_layer == other
    assert terminal_services.set_security_layer(client, before.security_layer).ok
    settings = terminal_services.service_settings(client)
    assert settings is not None
    assert terminal_services.set_allow_connections(client, settings, bool(settings.allow_connections)).ok


def test_listeners(client: CimClient) -> None:
    use = tcp.port_use(client, 3389)
    assert {listener.port for listener in use.listeners} == {3389}
    assert use.established == 0
    assert tcp.port_use(client, 1) == tcp.PortUse((), 0)


def test_what_is_missing(client: CimClient) -> None:
    assert client.find(schema.WIN32_SERVICE, Name="NoSuchService") is None
    assert client.query(schema.WIN32_SERVICE, wql.compare("Name", "it's \\ no")) == []
    assert terminal_services.general(client, "No-Such-Listener") is None


def test_a_command(channel: t.Any) -> None:
    with CmdShell(channel) as shell:
        output = shell.run("echo", "a&b")
        assert (output.stdout.strip(), output.exit_code) == (b'"a&b"', 0)
        assert shell.run("reg query", LISTENER, "/v", "PortNumber").exit_code == 0
        assert shell.run("reg query", r"HKLM\SOFTWARE\No Such Key").exit_code == 1


@pytest.mark.parametrize("plugin", ["winrm", "psrp"])
def test_a_wrong_password(simulator: Simulator, plugin: str) -> None:
    made = open_channel(connection(plugin, {**simulator.variables, "ansible_password": "wr0ng-Password"}))
    with pytest.raises(AuthenticationFailed) as caught:
        CimClient(made.send).get(schema.WIN32_OPERATING_SYSTEM)
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("plugin", ["winrm", "psrp"])
def test_no_host(simulator: Simulator, plugin: str) -> None:
    made = open_channel(connection(plugin, {**simulator.variables, "ansible_port": 1}))
    with pytest.raises(TransportFailed) as caught:
        made.send(b"<a/>", repeatable=True)
    assert caught.value.sent is False


# What each fault of the wire becomes: for a write, and for a read, which None says to succeed at the second attempt.
FAULTS: dict[str, tuple[type[WsmanError], type[WsmanError] | None]] = {
    "http_400": (ConnectionLost, None),
    "http_401": (AuthenticationFailed, AuthenticationFailed),
    "http_403": (AccessDenied, AccessDenied),
    "http_413": (EncodingLimit, EncodingLimit),
    "http_500": (AccessDenied, AccessDenied),
    "http_503": (TransportFailed, TransportFailed),
    "reset_before": (ConnectionLost, None),
    "reset_after": (ConnectionLost, None),
    "garble": (BadAnswer, BadAnswer),
    "timeout": (Timeout, Timeout),
    "access_denied": (AccessRefused, AccessRefused),
    "quota_operations": (QuotaExceeded, QuotaExceeded),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_wire(channel: t.Any, simulator: Simulator, fault: str) -> None:
    client = CimClient(channel.send)
    reg = registry.Registry(client)
    path = r"HKLM\SOFTWARE\Winfleet"
    reg.create_key(path)
    for_write, for_read = FAULTS[fault]
    simulator.post("fault", {"name": fault, "at": {"class": "StdRegProv", "method": "SetDWORDValue"}})
    with pytest.raises(for_write) as caught:
        reg.write(path, "x", registry.RegistryValue("REG_DWORD", 1))
    assert caught.type is for_write
    reg.write(path, "x", registry.RegistryValue("REG_DWORD", 2))
    simulator.post("fault", {"clear": True})
    simulator.post("fault", {"name": fault, "at": {"class": "StdRegProv", "method": "GetDWORDValue"}})
    if for_read is not None:
        with pytest.raises(for_read):
            reg.read(path, "x")
    assert reg.read(path, "x") == registry.RegistryValue("REG_DWORD", 2)
    simulator.post("fault", {"clear": True})

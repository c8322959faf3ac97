# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Independent clients against the simulated WinRM service: pywinrm and pypsrp."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
import winrm
import winrm.exceptions
from pypsrp.exceptions import AuthenticationError, WinRMError, WSManFaultError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import NAMESPACES, OptionSet, SelectorSet, WSMan

from tests.conformance.simulator.peers import Certificates, Running, make_certificates, running
from tests.simulator.wsman.provider import CimError, CommandResult, FaultPlan
from tests.unit.simulator.wsman.fake_host import ADMINISTRATOR, PASSWORD, REGISTRY, THING, FakeHost

USER = "Administrator"


@pytest.fixture(name="service")
def _service() -> Iterator[Running]:
    with running(FakeHost()) as service:
        yield service


@pytest.fixture(name="certificates", scope="module")
def _certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(name="secure")
def _secure(certificates: Certificates) -> Iterator[Running]:
    host = FakeHost(config={"Basic": True, "Certificate": True})
    host.certificates[certificates.client_der] = ADMINISTRATOR
    with running(host, certificates.server_context()) as service:
        yield service


def pypsrp_client(service: Running, auth: str, password: str = PASSWORD, user: str = USER) -> WSMan:
    """A pypsrp WSMan that insists on message encryption."""
    return WSMan(
        "127.0.0.1",
        port=service.server.http_port,
        username=user,
        password=password,
        ssl=False,
        auth=auth,
        encryption="always",
        connection_timeout=10,
        read_timeout=30,
        operation_timeout=20,
        reconnection_retries=0,
    )


def certificate_session(service: Running, certificates: Certificates) -> winrm.Session:
    """A pywinrm session that shows a client certificate."""
    return winrm.Session(
        service.secure_url,
        auth=("", ""),
        transport="certificate",
        cert_pem=str(certificates.client),
        cert_key_pem=str(certificates.client_key),
        server_cert_validation="ignore",
    )


def selectors(**values: str) -> SelectorSet:
    """A pypsrp selector set."""
    found = SelectorSet()
    for name, value in values.items():
        found.add_option(name, value)
    return found


@pytest.mark.parametrize("user", [USER, f"{USER.upper()}", f"CORP\\{USER}", f".\\{USER}"])
def test_pywinrm_runs_a_command_over_ntlm_with_encryption(service: Running, user: str) -> None:
    session = winrm.Session(service.url, auth=(user, PASSWORD), transport="ntlm", message_encryption="always")
    result = session.run_cmd("echo", ["hi"])
    assert (result.status_code, result.std_out, result.std_err) == (0, b"hi\r\n", b"")
    assert service.host.commands == [("echo hi", b"")]
    kinds = [operation.kind for operation in service.host.operations]
    assert kinds == ["shell_create", "shell_command", "shell_receive", "shell_signal", "shell_delete"]


def test_pywinrm_runs_a_command_over_https_with_basic(secure: Running) -> None:
    session = winrm.Session(
        secure.secure_url, auth=(USER, PASSWORD), transport="basic", server_cert_validation="ignore"
    )
    assert session.run_cmd("ver").std_out == b"hi\r\n"


def test_pywinrm_runs_a_command_with_a_client_certificate(secure: Running, certificates: Certificates) -> None:
    session = certificate_session(secure, certificates)
    assert session.run_cmd("ver").std_out == b"hi\r\n"


def test_an_unmapped_certificate_is_refused(secure: Running, certificates: Certificates) -> None:
    secure.host.certificates.clear()
    session = certificate_session(secure, certificates)
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        session.run_cmd("ver")


def test_certificates_can_be_switched_off(secure: Running, certificates: Certificates) -> None:
    secure.host.config["Certificate"] = False
    session = certificate_session(secure, certificates)
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        session.run_cmd("ver")


def test_pywinrm_sees_a_fault_with_its_codes(service: Running) -> None:
    service.host.config["MaxShellsPerUser"] = 0
    session = winrm.Session(service.url, auth=(USER, PASSWORD), transport="ntlm", message_encryption="always")
    with pytest.raises(winrm.exceptions.WSManFaultError) as caught:
        session.run_cmd("ver")
    assert caught.value.wmierror_code == 2150859173
    assert caught.value.fault_subcode == "w:QuotaLimit"


def test_pywinrm_waits_for_a_command_that_runs_on(service: Running) -> None:
    service.host.result = CommandResult(b"late", seconds=0.2)
    session = winrm.Session(
        service.url, auth=(USER, PASSWORD), transport="ntlm", operation_timeout_sec=1, read_timeout_sec=5
    )
    shell = session.protocol.open_shell()
    command = session.protocol.run_command(shell, "slow")
    with pytest.raises(winrm.exceptions.WinRMOperationTimeoutError):
        session.protocol.get_command_output_raw(shell, command)
    service.host.clock += timedelta(seconds=1)
    stdout, _stderr, code, done = session.protocol.get_command_output_raw(shell, command)
    assert (stdout, code, done) == (b"late", 0, True)


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_pypsrp_gets_enumerates_and_invokes(service: Running, auth: str) -> None:
    client = pypsrp_client(service, auth)
    got = client.get(THING, selector_set=selectors(Name="beta"))
    assert got.findtext(f".//{{{THING}}}Note") == "note 1"
    body = ET.Element(f"{{{NAMESPACES['wsen']}}}Enumerate")
    ET.SubElement(body, f"{{{NAMESPACES['wsman']}}}OptimizeEnumeration")
    ET.SubElement(body, f"{{{NAMESPACES['wsman']}}}MaxElements").text = "10"
    listed = client.enumerate(THING, resource=body)
    assert [item.text for item in listed.iter(f"{{{THING}}}Name")] == ["alpha"]
    arguments = ET.Element(f"{{{REGISTRY}}}GetText_INPUT")
    ET.SubElement(arguments, f"{{{REGISTRY}}}hDefKey").text = "7"
    answer = client.invoke(f"{REGISTRY}/GetText", REGISTRY, resource=arguments)
    assert answer.findtext(f".//{{{REGISTRY}}}ReturnValue") == "0"
    client.close()


def test_pypsrp_sees_a_provider_fault(service: Running) -> None:
    service.host.things.refusal = CimError(0x80041016, operation="ExecMethod", provider="ThingProv")
    client = pypsrp_client(service, "ntlm")
    with pytest.raises(WSManFaultError) as caught:
        client.get(THING, selector_set=selectors(Name="beta"))
    assert caught.value.code == 0x80041016
    assert caught.value.provider == "WMI Provider"


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_pypsrp_runs_a_command(service: Running, auth: str) -> None:
    service.host.result = CommandResult(b"\xc3\xa4\r\n", b"oops", 7)
    with pypsrp_client(service, auth) as client, WinRS(client) as shell:
        process = Process(shell, "cmd.exe", ["/c", "echo", "ä"])
        process.invoke()
        process.signal(SignalCode.CTRL_C)
        assert (process.stdout, process.stderr, process.rc) == (b"\xc3\xa4\r\n", b"oops", 7)
    assert service.call(lambda: service.server.engine.open_shells) == 0


def test_pypsrp_sends_standard_input(service: Running) -> None:
    service.host.result = CommandResult(reads_stdin=True)
    with pypsrp_client(service, "ntlm") as client, WinRS(client) as shell:
        process = Process(shell, "sort")
        process.begin_invoke()
        process.send(b"abc", end=True)
        process.poll_invoke()
        assert (process.stdout, process.rc) == (b"ABC", 3)


def test_pypsrp_reads_the_configuration(service: Running) -> None:
    service.host.config["MaxEnvelopeSizekb"] = 150
    client = pypsrp_client(service, "ntlm")
    client.update_max_payload_size()
    assert client.max_envelope_size == 150 * 1024


def test_pypsrp_may_send_options(service: Running) -> None:
    options = OptionSet()
    options.add_option("wmi:Flavour", "sweet", {"Type": "xs:string"})
    client = pypsrp_client(service, "negotiate")
    assert client.get(THING, selector_set=selectors(Name="beta"), option_set=options) is not None


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_are_refused(service: Running, auth: str, user: str, password: str) -> None:
    with pytest.raises((AuthenticationError, WinRMError)) as caught:
        pypsrp_client(service, auth, password, user).get(THING, selector_set=selectors(Name="beta"))
    assert "401" in str(caught.value) or isinstance(caught.value, AuthenticationError)
    assert service.host.operations == []


def test_pywinrm_is_told_of_a_wrong_password(service: Running) -> None:
    session = winrm.Session(service.url, auth=(USER, "wrong"), transport="ntlm")
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        session.run_cmd("ver")


def test_hosts_with_different_passwords_share_a_process(certificates: Certificates) -> None:
    hosts = [FakeHost(users={USER: f"secret {number}"}) for number in range(2)]
    with running(hosts[0]) as first, running(hosts[1]) as second:
        for number, service in enumerate((first, second)):
            good = pypsrp_client(service, "ntlm", f"secret {number}")
            assert good.get(THING, selector_set=selectors(Name="beta")) is not None
            with pytest.raises(WinRMError):
                pypsrp_client(service, "ntlm", f"secret {1 - number}").get(THING, selector_set=selectors(Name="beta"))


def test_keys_that_were_idle_for_too_long_are_stale(service: Running) -> None:
    client = pypsrp_client(service, "ntlm")
    client.get(THING, selector_set=selectors(Name="beta"))
    service.host.clock += timedelta(minutes=6)
    with pytest.raises(WinRMError, match="400"):
        client.get(THING, selector_set=selectors(Name="beta"))


def test_a_reset_before_acting_leaves_the_host_alone(service: Running) -> None:
    service.host.plan = FaultPlan("reset")
    client = pypsrp_client(service, "ntlm")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.invoke(f"{THING}/Start", THING, _input("Start"), selector_set=selectors(Name="beta"))
    assert service.host.things.started == []


def test_a_reset_after_acting_loses_only_the_answer(service: Running) -> None:
    service.host.plan = FaultPlan("reset", after_acting=True)
    client = pypsrp_client(service, "ntlm")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.invoke(f"{THING}/Start", THING, _input("Start"), selector_set=selectors(Name="beta"))
    assert service.host.things.started == [{"Name": "beta"}]


def _input(method: str) -> ET.Element:
    return ET.Element(f"{{{THING}}}{method}_INPUT")

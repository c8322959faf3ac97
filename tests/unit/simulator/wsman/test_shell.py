# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The remote shell (MS-WSMV 3.1.4.1.31) as recorded from Windows."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from lxml import etree

from tests.simulator.wsman import names
from tests.simulator.wsman.provider import ADMINISTRATORS, Caller, CommandResult
from tests.unit.simulator.wsman.fake_host import (
    ADMINISTRATOR,
    NSMAP,
    PLAIN_USER,
    SHELL_URI,
    Fault,
    Wire,
    envelope,
    find_all,
    first_of_body,
)

STREAMS = "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams>"
OPEN = f"<rsp:Shell>{STREAMS}</rsp:Shell>"
TERMINATE = f"{names.SHELL}/signal/terminate"
DONE = f"{names.SHELL}/CommandState/Done"
RUNNING = f"{names.SHELL}/CommandState/Running"


def open_shell(wire: Wire, caller: Caller = ADMINISTRATOR) -> dict[str, str]:
    """Open a shell and return its selectors."""
    root = wire.ask(names.CREATE, SHELL_URI, OPEN, caller=caller)
    return {"ShellId": root.findtext(".//rsp:ShellId", "", NSMAP)}


def run(wire: Wire, shell: dict[str, str], *words: str, extra: str = "") -> str:
    """Start a command and return its id."""
    root = wire.ask(f"{names.SHELL}/Command", SHELL_URI, command_body(*words), shell, extra)
    return root.findtext(".//rsp:CommandId", "", NSMAP)


def command_body(*words: str) -> str:
    arguments = "".join(f"<rsp:Arguments>{word}</rsp:Arguments>" for word in words[1:])
    return f"<rsp:CommandLine><rsp:Command>{words[0]}</rsp:Command>{arguments}</rsp:CommandLine>"


def receive_body(command: str) -> str:
    return f'<rsp:Receive><rsp:DesiredStream CommandId="{command}">stdout stderr</rsp:DesiredStream></rsp:Receive>'


def receive(wire: Wire, shell: dict[str, str], command: str, extra: str = "") -> etree._Element:
    return first_of_body(wire.ask(f"{names.SHELL}/Receive", SHELL_URI, receive_body(command), shell, extra))


def output(response: etree._Element, name: str) -> bytes:
    streams = find_all(response, f"*[local-name()='Stream'][@Name='{name}']")
    return b"".join(base64.b64decode(stream.text or "") for stream in streams)


def state(response: etree._Element) -> tuple[str, str]:
    found = response.find("rsp:CommandState", NSMAP)
    assert found is not None
    return found.get("State", ""), found.findtext("rsp:ExitCode", "", NSMAP)


def signal_body(command: str, code: str = TERMINATE) -> str:
    return f'<rsp:Signal CommandId="{command}"><rsp:Code>{code}</rsp:Code></rsp:Signal>'


def test_a_command_from_beginning_to_end(wire: Wire) -> None:
    wire.host.result = CommandResult(b"out", b"err", 5)
    shell = open_shell(wire)
    command = run(wire, shell, "net", "stop", '"Remote Desktop"', "/y")
    assert wire.host.commands == [('net stop "Remote Desktop" /y', b"")]
    response = receive(wire, shell, command)
    assert (output(response, "stdout"), output(response, "stderr"), state(response)) == (b"out", b"err", (DONE, "5"))
    assert len(find_all(response, "*[local-name()='Stream'][@End='true']")) == 2
    wire.ask(f"{names.SHELL}/Signal", SHELL_URI, signal_body(command), shell)
    wire.ask(names.DELETE, SHELL_URI, selectors=shell)
    assert wire.engine.open_shells == 0


def test_a_new_shell_says_what_it_is(wire: Wire) -> None:
    root = wire.ask(names.CREATE, SHELL_URI, OPEN)
    created, shell = find_all(root, "//*[local-name()='Body']/*")
    assert created.tag == f"{{{names.TRANSFER}}}ResourceCreated"
    assert created.findtext(".//w:Selector[@Name='ShellId']", "", NSMAP) == shell.findtext("rsp:ShellId", "", NSMAP)
    assert shell.findtext("rsp:Owner", "", NSMAP) == "Administrator"
    assert shell.findtext("rsp:IdleTimeOut", "", NSMAP) == "PT7200.000S"


def test_ids_do_not_mind_case_and_a_client_may_choose_the_commands(wire: Wire) -> None:
    shell = {"shellid": open_shell(wire)["ShellId"].lower()}
    body = command_body("ver").replace("<rsp:CommandLine", '<rsp:CommandLine CommandId="abc-1"')
    wire.ask(f"{names.SHELL}/Command", SHELL_URI, body, shell)
    assert state(receive(wire, shell, "ABC-1"))[0] == DONE


def test_a_slow_command_times_out_until_it_ends(wire: Wire) -> None:
    wire.host.result = CommandResult(b"late", seconds=30)
    shell = open_shell(wire)
    command = run(wire, shell, "slow")
    request = envelope(
        f"{names.SHELL}/Receive",
        SHELL_URI,
        receive_body(command),
        shell,
        "<w:OperationTimeout>PT20S</w:OperationTimeout>",
    )
    answer = wire.send(request)
    fault = Fault(etree.fromstring(answer.body))
    assert (answer.status, answer.delay, fault.code, fault.subcode) == (500, 20, 2150858793, "w:TimedOut")
    wire.host.clock += timedelta(seconds=20)
    assert wire.send(request).delay == 10
    wire.host.clock += timedelta(seconds=10)
    assert output(receive(wire, shell, command), "stdout") == b"late"


def test_the_service_caps_the_time_that_a_client_waits(wire: Wire) -> None:
    wire.host.result = CommandResult(seconds=900)
    shell = open_shell(wire)
    body = receive_body(run(wire, shell, "slow"))
    patient = "<w:OperationTimeout>PT300S</w:OperationTimeout>"
    delays = [
        wire.send(envelope(f"{names.SHELL}/Receive", SHELL_URI, body, shell, extra)).delay for extra in (patient, "")
    ]
    wire.host.config["MaxTimeoutms"] = 5000
    delays.append(wire.send(envelope(f"{names.SHELL}/Receive", SHELL_URI, body, shell, patient)).delay)
    assert delays == [60, 60, 5]


def test_long_output_comes_in_pieces_that_fit(wire: Wire) -> None:
    wire.host.result = CommandResult(bytes(range(256)) * 100, b"e" * 5000)
    shell = open_shell(wire)
    command = run(wire, shell, "type")
    small = "<w:MaxEnvelopeSize>8192</w:MaxEnvelopeSize>"
    stdout = stderr = b""
    states = []
    while DONE not in states:
        response = receive(wire, shell, command, small)
        stdout, stderr = stdout + output(response, "stdout"), stderr + output(response, "stderr")
        states.append(state(response)[0])
    assert (stdout, stderr) == (bytes(range(256)) * 100, b"e" * 5000)
    assert set(states[:-1]) == {RUNNING}


def test_output_is_given_once(wire: Wire) -> None:
    shell = open_shell(wire)
    command = run(wire, shell, "ver")
    receive(wire, shell, command)
    fault = wire.fault(f"{names.SHELL}/Receive", SHELL_URI, receive_body(command), shell)
    assert (fault.code, fault.subcode, fault.detail) == (2150858843, "w:InvalidSelectors", "UnexpectedSelectors")
    assert "command identifier that does not exist" in fault.text(".//f:Message")


@pytest.mark.parametrize("action", ["Receive", "Signal", "Send"])
def test_an_unknown_command(wire: Wire, action: str) -> None:
    shell = open_shell(wire)
    bodies = {
        "Receive": receive_body("NONE"),
        "Signal": signal_body("NONE"),
        "Send": '<rsp:Send><rsp:Stream Name="stdin" CommandId="NONE">YQ==</rsp:Stream></rsp:Send>',
    }
    fault = wire.fault(f"{names.SHELL}/{action}", SHELL_URI, bodies[action], shell)
    assert fault.code == 2150858843
    assert fault.root.find(".//f:ProviderFault", NSMAP) is None


def test_an_unknown_shell_or_another_callers(wire: Wire) -> None:
    other = Caller("other", "S-1-5-21-9", frozenset({ADMINISTRATORS}))
    shell = open_shell(wire)
    for selectors, caller in (({"ShellId": "NONE"}, ADMINISTRATOR), ({}, ADMINISTRATOR), (shell, other)):
        fault = wire.fault(names.DELETE, SHELL_URI, selectors=selectors, caller=caller)
        assert (fault.code, fault.detail) == (2150858843, "UnexpectedSelectors")
        provider = fault.root.find(".//f:ProviderFault", NSMAP)
        assert provider is not None
        assert provider.get("provider") == "Shell provider"
    assert wire.engine.open_shells == 1


def test_an_idle_shell_is_closed(wire: Wire) -> None:
    wire.host.config["IdleTimeout"] = 60000
    shell = open_shell(wire)
    wire.host.clock += timedelta(seconds=50)
    receive(wire, shell, run(wire, shell, "ver"))
    wire.host.commands.clear()
    wire.host.clock += timedelta(seconds=50)
    assert wire.engine.open_shells == 1
    wire.host.clock += timedelta(seconds=11)
    assert wire.engine.open_shells == 0
    assert wire.fault(f"{names.SHELL}/Command", SHELL_URI, command_body("ver"), shell).code == 2150858843
    assert wire.host.commands == []


def test_too_many_shells(wire: Wire) -> None:
    wire.host.config["MaxShellsPerUser"] = 2
    shells = [open_shell(wire) for _number in range(2)]
    fault = wire.fault(names.CREATE, SHELL_URI, OPEN)
    assert (fault.subcode, fault.code) == ("w:QuotaLimit", 0)
    assert fault.wmi_error["error_Code"] == "2150859173"
    assert (fault.wmi_error["CIMStatusCode"], fault.wmi_error["MessageID"]) == ("27", "HRESULT 0x803381a5")
    assert "maximum number of 2 concurrent shells" in fault.wmi_error["Message"]
    wire.ask(names.DELETE, SHELL_URI, selectors=shells[0])
    open_shell(wire)


def test_remote_shell_access_can_be_disabled(wire: Wire) -> None:
    wire.host.config["AllowRemoteShellAccess"] = False
    fault = wire.fault(names.CREATE, SHELL_URI, OPEN)
    assert (fault.code, fault.subcode) == (5, "w:AccessDenied")


def test_a_plain_user_gets_no_shell(wire: Wire) -> None:
    assert wire.fault(names.CREATE, SHELL_URI, OPEN, caller=PLAIN_USER).subcode == "w:AccessDenied"


def test_started_commands_keep_their_slots_until_the_shell_closes(wire: Wire) -> None:
    wire.host.config["MaxConcurrentOperationsPerUser"] = 3
    shell = open_shell(wire)
    for _number in range(3):
        command = run(wire, shell, "ver")
        receive(wire, shell, command)
        wire.ask(f"{names.SHELL}/Signal", SHELL_URI, signal_body(command), shell)
    assert wire.fault(f"{names.SHELL}/Command", SHELL_URI, command_body("ver"), shell).code == 0x803381A6
    wire.ask(names.DELETE, SHELL_URI, selectors=shell)
    run(wire, open_shell(wire), "ver")


def test_standard_input_is_collected_until_its_end(wire: Wire) -> None:
    wire.host.result = CommandResult(reads_stdin=True)
    shell = open_shell(wire)
    command = run(wire, shell, "sort")
    assert wire.fault(f"{names.SHELL}/Receive", SHELL_URI, receive_body(command), shell).subcode == "w:TimedOut"
    for text, end in (("YWI=", "false"), ("Yw==", "true")):
        stream = f'<rsp:Stream Name="stdin" CommandId="{command}" End="{end}">{text}</rsp:Stream>'
        wire.ask(f"{names.SHELL}/Send", SHELL_URI, f"<rsp:Send>{stream}</rsp:Send>", shell)
    response = receive(wire, shell, command)
    assert (output(response, "stdout"), state(response)) == (b"ABC", (DONE, "3"))
    assert wire.host.commands == [("sort", b""), ("sort", b"abc")]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ('<rsp:Stream Name="stdin" CommandId="{0}">YQ==</rsp:Stream>', 109),
        ('<rsp:Stream Name="stdout" CommandId="{0}">YQ==</rsp:Stream>', 0x80338041),
        ('<rsp:Nothing CommandId="{0}"/>', 0x80338041),
    ],
)
def test_input_that_is_not_taken(wire: Wire, stream: str, code: int) -> None:
    shell = open_shell(wire)
    command = run(wire, shell, "ver")
    body = f"<rsp:Send>{stream.format(command)}</rsp:Send>"
    assert wire.fault(f"{names.SHELL}/Send", SHELL_URI, body, shell).code == code


def test_input_that_is_not_base64(wire: Wire) -> None:
    wire.host.result = CommandResult(reads_stdin=True)
    shell = open_shell(wire)
    body = f'<rsp:Send><rsp:Stream Name="stdin" CommandId="{run(wire, shell, "sort")}">a b!</rsp:Stream></rsp:Send>'
    assert wire.fault(f"{names.SHELL}/Send", SHELL_URI, body, shell).code == 0x80338041


SKIP = '<w:OptionSet><w:Option Name="WINRS_SKIP_CMD_SHELL">TRUE</w:Option></w:OptionSet>'


def test_a_missing_program_without_cmd(wire: Wire) -> None:
    wire.host.result = CommandResult(b"", b"not recognized", 9009, not_found=True)
    shell = open_shell(wire)
    assert run(wire, shell, "nothing", extra=SKIP)
    wire.host.switches["skip_cmd_shell"] = "honoured"
    assert run(wire, shell, "nothing")
    fault = wire.fault(f"{names.SHELL}/Command", SHELL_URI, command_body("nothing"), shell, SKIP)
    assert (fault.code, fault.subcode) == (2147942402, "w:InternalError")
    assert fault.text(".//f:ProviderFault") == "The system cannot find the file specified. "


@pytest.mark.parametrize(
    ("action", "body"),
    [
        (names.CREATE, ""),
        (f"{names.SHELL}/Command", "<rsp:Shell/>"),
        (f"{names.SHELL}/Command", "<rsp:CommandLine/>"),
        (f"{names.SHELL}/Receive", "<rsp:Receive/>"),
        (f"{names.SHELL}/Signal", signal_body("X", "urn:other")),
    ],
)
def test_bodies_that_do_not_fit(wire: Wire, action: str, body: str) -> None:
    shell = open_shell(wire)
    fault = wire.fault(action, SHELL_URI, body, shell)
    assert (fault.code, fault.subcode) == (0x80338041, "w:SchemaValidationError")


def test_what_a_shell_cannot_do(wire: Wire) -> None:
    assert wire.fault(names.GET, SHELL_URI).subcode == "a:DestinationUnreachable"

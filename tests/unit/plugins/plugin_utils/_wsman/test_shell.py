# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessDenied,
    BadAnswer,
    ConnectionLost,
    EncodingLimit,
    QuotaExceeded,
    ShellRefused,
    WsmanError,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.shell import (
    MAX_RECEIVED,
    CmdShell,
    CommandOutput,
    CommandTimedOut,
)
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    NS,
    Sent,
    Wire,
    mi_fault,
    wmi_fault,
)

CREATED = (
    "<x:ResourceCreated><a:Address>http://host:5985/wsman</a:Address><a:ReferenceParameters>"
    f"<w:ResourceURI>{NS['rsp']}/cmd</w:ResourceURI>"
    '<w:SelectorSet><w:Selector Name="ShellId">S1</w:Selector></w:SelectorSet></a:ReferenceParameters>'
    "</x:ResourceCreated><rsp:Shell><rsp:ShellId>S1</rsp:ShellId></rsp:Shell>"
)
STARTED = "<rsp:CommandResponse><rsp:CommandId>C1</rsp:CommandId></rsp:CommandResponse>"
TIMED_OUT = wmi_fault(0x80338029, "w:TimedOut")


def output(name: str, data: bytes) -> str:
    return f'<rsp:Stream Name="{name}" CommandId="C1">{base64.b64encode(data).decode()}</rsp:Stream>'


def received(*streams: str, exit_code: str | None = None) -> str:
    state = "Running" if exit_code is None else "Done"
    code = "" if exit_code is None else f"<rsp:ExitCode>{exit_code}</rsp:ExitCode>"
    return (
        f"<rsp:ReceiveResponse>{''.join(streams)}"
        f'<rsp:CommandState CommandId="C1" State="{NS["rsp"]}/CommandState/{state}">{code}</rsp:CommandState>'
        "</rsp:ReceiveResponse>"
    )


def started(wire: Wire) -> None:
    wire.on("Create", CREATED)
    wire.on("Command", STARTED)


def test_a_command_from_opening_to_closing() -> None:
    wire = Wire()
    wire.on("Create", CREATED).expect(repeatable=False)
    wire.on("Command", STARTED).expect(
        arguments=[("Command", "net stop TermService /y & net start TermService")], selectors={"ShellId": "S1"}
    )
    wire.on("Receive", received(output("stdout", "für".encode()), output("stderr", b"e")))
    wire.on("Receive", received(output("stdout", b"!"), exit_code="0"))
    wire.on("Delete", "").expect(selectors={"ShellId": "S1"})
    with CmdShell(wire) as shell:
        result = shell.run("net stop TermService /y & net start TermService")
    assert result == CommandOutput("für!".encode(), b"e", 0)
    wire.done()


def test_the_shell_is_opened_once_and_only_when_needed() -> None:
    wire = Wire()
    with CmdShell(wire):
        pass
    wire.on("Create", CREATED)
    wire.on("Command", STARTED)
    wire.on("Receive", received(exit_code="0"))
    wire.on("Signal", "").expect(selectors={"ShellId": "S1"})
    wire.on("Command", STARTED)
    wire.on("Receive", received(exit_code="0"))
    wire.on("Delete", "")
    with CmdShell(wire) as shell:
        shell.run("ver")
        shell.run("hostname")
    wire.done()


def test_a_shell_that_is_opened_anew_has_nothing_to_release() -> None:
    wire = Wire()
    shell = CmdShell(wire)
    for _shell in range(2):
        started(wire)
        wire.on("Receive", received(exit_code="0"))
        wire.on("Delete", "")
        shell.run("ver")
        shell.close()
    wire.done()


def test_a_request_that_is_too_large_is_no_refusal_of_shells() -> None:
    wire = Wire()
    wire.on("Create", EncodingLimit("The request is too large for the host (HTTP 413)"))
    with pytest.raises(EncodingLimit, match="while using the host's cmd shell: "):
        CmdShell(wire).run("ver")


def test_the_shell_can_be_opened_before_it_is_needed() -> None:
    wire = Wire()
    wire.on("Create", CREATED)
    shell = CmdShell(wire)
    shell.open()
    wire.done()
    wire.on("Command", STARTED)
    wire.on("Receive", received(exit_code="0"))
    shell.run("ver")
    wire.done()
    wire.on("Create", wmi_fault(5, "w:AccessDenied"))
    with pytest.raises(ShellRefused):
        CmdShell(wire).open()


def test_arguments_are_quoted_and_the_command_is_not() -> None:
    wire = Wire()
    started(wire)
    wire.script[-1].check(_quoted)
    wire.on("Receive", received(exit_code="0"))
    CmdShell(wire).run("reg query", "HKLM\\SOFTWARE\\A B&C", "/v", "x")


def _quoted(sent: Sent) -> None:
    assert sent.arguments == [
        ("Command", "reg query"),
        ("Arguments", '^"HKLM\\SOFTWARE\\A B^&C^"'),
        ("Arguments", "/v"),
        ("Arguments", "x"),
    ]


@pytest.mark.parametrize(("written", "code"), [("0", 0), ("9009", 9009), ("4294967295", 2**32 - 1), ("-1", 2**32 - 1)])
def test_exit_codes(written: str, code: int) -> None:
    wire = Wire()
    started(wire)
    wire.on("Receive", received(exit_code=written))
    assert CmdShell(wire).run("x").exit_code == code


def test_a_time_out_of_receive_is_no_end() -> None:
    wire = Wire()
    started(wire)
    wire.on("Receive", TIMED_OUT)
    wire.on("Receive", received(output("stdout", b"late"), exit_code="0"))
    assert CmdShell(wire).run("slow").stdout == b"late"


def test_a_command_without_end_is_terminated() -> None:
    wire = Wire()
    started(wire)
    wire.on("Receive", TIMED_OUT)
    wire.on("Receive", TIMED_OUT)
    wire.on("Signal", "")
    times = iter([0.0, 1.0, 20.0, 40.0])
    with pytest.raises(CommandTimedOut):
        CmdShell(wire, clock=lambda: next(times)).run("pause", timeout=30)
    wire.done()


@pytest.mark.parametrize("fault", [wmi_fault(5, "w:AccessDenied"), wmi_fault(0x80070005), mi_fault(0x803381AB, 1)])
def test_a_host_that_opens_no_shell(fault: str) -> None:
    wire = Wire()
    wire.on("Create", fault)
    with pytest.raises(ShellRefused) as caught:
        CmdShell(wire).run("ver")
    assert "Allow Remote Shell Access" in caught.value.hint
    assert caught.value.__cause__ is not None


def test_too_many_shells_is_not_a_refusal() -> None:
    wire = Wire()
    wire.on("Create", mi_fault(0x803381A5, 27))
    with pytest.raises(QuotaExceeded):
        CmdShell(wire).run("ver")


def test_a_shell_that_the_host_has_forgotten_closes_quietly() -> None:
    for gone in (wmi_fault(0x8033805B, "w:InvalidSelectors"), ConnectionLost("reset")):
        wire = Wire()
        started(wire)
        wire.on("Receive", received(exit_code="0"))
        wire.on("Delete", gone)
        shell = CmdShell(wire)
        shell.run("ver")
        shell.close()
        shell.close()
        wire.done()


@pytest.mark.parametrize("spoilt", [BadAnswer("no XML"), ConnectionLost("reset"), AccessDenied("HTTP 403")])
def test_tidying_up_that_fails_spoils_nothing_that_was_done(spoilt: WsmanError) -> None:
    wire = Wire()
    started(wire)
    wire.on("Receive", received(output("stdout", b"done"), exit_code="0"))
    wire.on("Signal", spoilt)
    wire.on("Command", STARTED)
    wire.on("Receive", received(exit_code="0"))
    wire.on("Delete", spoilt)
    with CmdShell(wire) as shell:
        assert shell.run("ver").stdout == b"done"
        shell.run("ver")
    wire.done()


def test_a_lost_connection_is_not_hidden() -> None:
    wire = Wire()
    started(wire)
    wire.on("Receive", ConnectionLost("reset"))
    wire.on("Signal", "")
    with pytest.raises(ConnectionLost):
        CmdShell(wire).run("ver")


def test_an_argument_that_cannot_be_quoted_sends_nothing() -> None:
    wire = Wire()
    with pytest.raises(ValueError, match="No command line"):
        CmdShell(wire).run("echo", "a\nb")
    assert not wire.sent


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("Create", "<x:ResourceCreated/>"),
        ("Create", CREATED.replace('Name="ShellId"', 'Name="Other"')),
        ("Command", "<rsp:CommandResponse/>"),
        ("Receive", received('<rsp:Stream Name="stdout">%%%</rsp:Stream>')),
        ("Receive", received(output("stdout", b"x" * MAX_RECEIVED))),
        ("Receive", received(exit_code="none")),
    ],
    ids=["no reference", "no shell id", "no command id", "no base64", "too much", "no exit code"],
)
def test_broken_answers(action: str, answer: str) -> None:
    wire = Wire()
    started(wire)
    wire.on("Receive", received(exit_code="0"))
    wire.on("Signal", "")
    next(step for step in wire.script if step.action == action).answer = answer
    with pytest.raises(BadAnswer):
        CmdShell(wire).run("ver")

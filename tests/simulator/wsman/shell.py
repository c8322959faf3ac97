# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Windows remote shell with cmd.exe (MS-WSMV 3.1.4.1.31, 3.1.4.5.2, 3.1.4.11 to 3.1.4.14)."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, xml
from tests.simulator.wsman.calls import Reply
from tests.simulator.wsman.envelope import Request
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import Caller, CommandResult, HostPort
from tests.simulator.wsman.switches import switch

INTERNAL = frozenset(
    {"ver", "echo", "dir", "type", "set", "mkdir", "rmdir", "ren", "del", "copy", "move", "rem", "if", "exit"}
)
"""Commands of cmd.exe itself, for which there is no program."""

CMD_PLUGIN = ("Shell cmd plugin", r"%systemroot%\system32\winrscmd.dll")
_SHELL_PROVIDER = ("Shell provider", r"%systemroot%\system32\WsmSvc.dll")
_NO_COMMAND = (
    "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. "
    "Either the command has completed execution or the client specified an invalid command identifier. "
)
_SIGNALS = frozenset(f"{names.SHELL}/signal/{name}" for name in ("terminate", "ctrl_c", "ctrl_break"))
_NSMAP = {"rsp": names.SHELL}


def _tag(name: str) -> str:
    return names.tag(names.SHELL, name)


@dataclass
class Command:
    """A command that was started: what it gave so far, how much of it was sent, when it ends."""

    line: str
    result: CommandResult
    ends: datetime
    stdin: bytes = b""
    sent: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    reported: bool = False


@dataclass
class Shell:
    """An open shell. A started command keeps its operation slot until the shell closes (MS-WSMV note 118)."""

    owner: Caller
    opened: datetime
    last_used: datetime
    idle: timedelta
    streams: str
    commands: dict[str, Command] = field(default_factory=dict)
    started: int = 0


@dataclass
class Shells:
    """The open shells of a host by id."""

    host: HostPort
    setting: Callable[[str], int]
    _open: dict[str, Shell] = field(default_factory=dict)

    def operations(self, owner: str) -> int:
        """How many operation slots the commands of this caller hold."""
        self._collect()
        return sum(shell.started for shell in self._open.values() if shell.owner.name == owner)

    @property
    def total(self) -> int:
        """How many shells are open."""
        self._collect()
        return len(self._open)

    def forget(self) -> None:
        """End all of them."""
        self._open.clear()

    def create(self, request: Request, caller: Caller) -> Reply:
        """Open a shell, unless policy forbids it or the caller has too many."""
        self._collect()
        if not self.host.winrm_config().get("AllowRemoteShellAccess", True):
            raise fault(faults.ACCESS_DENIED)
        most = self.setting("MaxShellsPerUser")
        if sum(1 for shell in self._open.values() if shell.owner.name == caller.name) >= most:
            text = (
                "The WS-Management service cannot process the request. This user is allowed a maximum number of "
                f"{most} concurrent shells, which has been exceeded. Close existing shells or raise the quota for this "
                "user. "
            )
            raise fault(faults.TOO_MANY_SHELLS, text=text, wmi_error=True)
        body = self._body(request, "Shell")
        now = self.host.now()
        idle = timedelta(milliseconds=self.setting("IdleTimeout"))
        shell = Shell(caller, now, now, idle, body.findtext(_tag("OutputStreams"), "stdout stderr"))
        shell_id = _new_id()
        self._open[shell_id] = shell
        return Reply(f"{names.CREATE}Response", [_resource_created(request, shell_id), _shell_element(shell_id, shell)])

    def command(self, request: Request, caller: Caller) -> Reply:
        """Start a command; cmd.exe runs it at once unless it waits for standard input."""
        shell = self._shell(request, caller)
        line = command_line(request)
        result = self.host.run_command(line, caller, b"")
        honoured = switch(self.host.switches, "skip_cmd_shell") == "honoured"
        unknown = result.not_found or line.split()[0].lower() in INTERNAL
        if unknown and honoured and request.raw_options.get("WINRS_SKIP_CMD_SHELL", "").lower() == "true":
            raise fault(faults.FILE_NOT_FOUND, provider=CMD_PLUGIN)
        command_id = (self._body(request, "CommandLine").get("CommandId") or _new_id()).upper()
        shell.commands[command_id] = Command(line, result, self._end(result))
        shell.started += 1
        response = etree.Element(_tag("CommandResponse"), nsmap=_NSMAP)
        xml.add(response, _tag("CommandId"), command_id)
        return Reply(f"{names.SHELL}/CommandResponse", [response])

    def send(self, request: Request, caller: Caller) -> Reply:
        """Take standard input; the end of the stream lets the command run."""
        shell = self._shell(request, caller)
        for stream in xml.children(self._body(request, "Send")):
            if xml.local(stream) != "Stream" or stream.get("Name") != "stdin":
                raise fault(faults.SCHEMA_VALIDATION)
            command = _command(shell, stream.get("CommandId", ""))
            if not command.result.reads_stdin:
                raise fault(faults.BROKEN_PIPE, provider=CMD_PLUGIN)
            command.stdin += _decoded(stream)
            if stream.get("End", "false").lower() in ("true", "1"):
                command.result = self.host.run_command(command.line, caller, command.stdin)
                command.ends = self._end(command.result)
        return Reply(f"{names.SHELL}/SendResponse", [etree.Element(_tag("SendResponse"), nsmap=_NSMAP)])

    def receive(self, request: Request, caller: Caller) -> Reply:
        """Send output; a command that still runs gives a time-out after `Reply.delay` seconds."""
        shell = self._shell(request, caller)
        desired = self._body(request, "Receive").find(_tag("DesiredStream"))
        if desired is None:
            raise fault(faults.SCHEMA_VALIDATION)
        command_id = desired.get("CommandId", "")
        command = _command(shell, command_id)
        if command.reported:
            raise fault(faults.UNEXPECTED_SELECTORS, text=_NO_COMMAND)
        left = (command.ends - self.host.now()).total_seconds()
        if command.result.reads_stdin or left > 0:
            raise StillRunningError(request.timeout if command.result.reads_stdin else min(left, request.timeout))
        return Reply(f"{names.SHELL}/ReceiveResponse", [_output(command, command_id.upper(), desired, request)])

    def signal(self, request: Request, caller: Caller) -> Reply:
        """End a command."""
        shell = self._shell(request, caller)
        body = self._body(request, "Signal")
        if body.findtext(_tag("Code"), "").strip() not in _SIGNALS:
            raise fault(faults.SCHEMA_VALIDATION)
        command_id = body.get("CommandId", "").upper()
        _command(shell, command_id)
        del shell.commands[command_id]
        return Reply(f"{names.SHELL}/SignalResponse", [etree.Element(_tag("SignalResponse"), nsmap=_NSMAP)])

    def delete(self, request: Request, caller: Caller) -> Reply:
        """Close a shell and give its slots back."""
        self._shell(request, caller)
        del self._open[_shell_id(request)]
        return Reply(f"{names.DELETE}Response")

    def _end(self, result: CommandResult) -> datetime:
        return self.host.now() + timedelta(seconds=result.seconds)

    def _shell(self, request: Request, caller: Caller) -> Shell:
        self._collect()
        shell = self._open.get(_shell_id(request))
        if shell is None or shell.owner.name != caller.name:
            raise fault(faults.UNEXPECTED_SELECTORS, provider=_SHELL_PROVIDER)
        shell.last_used = self.host.now()
        return shell

    def _collect(self) -> None:
        now = self.host.now()
        for shell_id in [name for name, shell in self._open.items() if now - shell.last_used > shell.idle]:
            del self._open[shell_id]

    @staticmethod
    def _body(request: Request, name: str) -> Element:
        if request.body is None or request.body.tag != _tag(name):
            raise fault(faults.SCHEMA_VALIDATION, text=_invalid_element(request.body))
        return request.body


class StillRunningError(Exception):
    """Nothing to receive yet: a time-out after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def command_line(request: Request) -> str:
    """The command and its arguments as one line, as cmd.exe gets it."""
    parts = [xml.text_of(child) for child in xml.children(request.body) if xml.local(child) in ("Command", "Arguments")]
    if not parts:
        raise fault(faults.SCHEMA_VALIDATION, text=_invalid_element(request.body))
    return " ".join(parts)


def _invalid_element(body: Element | None) -> str:
    name = "Body" if body is None else xml.local(body)
    return (
        f"The Windows Remote Shell cannot process the request. The SOAP packet contains an element {name} that is "
        "invalid. Retry the request with the correct XML element. "
    )


def _new_id() -> str:
    return str(uuid.uuid4()).upper()


def _shell_id(request: Request) -> str:
    value = request.selectors.get("shellid", "")
    return value.upper() if isinstance(value, str) else ""


def _command(shell: Shell, command_id: str) -> Command:
    found = shell.commands.get(command_id.upper())
    if found is None:
        raise fault(faults.UNEXPECTED_SELECTORS, text=_NO_COMMAND)
    return found


def _decoded(stream: Element) -> bytes:
    try:
        return base64.b64decode(xml.text_of(stream), validate=True)
    except binascii.Error as error:
        raise fault(faults.SCHEMA_VALIDATION) from error


def _resource_created(request: Request, shell_id: str) -> Element:
    nsmap = {"x": names.TRANSFER, "a": names.ADDRESSING, "w": names.WSMAN}
    created = etree.Element(names.tag(names.TRANSFER, "ResourceCreated"), nsmap=nsmap)
    xml.add(created, names.tag(names.ADDRESSING, "Address"), request.to)
    parameters = xml.add(created, names.tag(names.ADDRESSING, "ReferenceParameters"))
    xml.add(parameters, names.tag(names.WSMAN, "ResourceURI"), names.CMD_SHELL)
    selectors = xml.add(parameters, names.tag(names.WSMAN, "SelectorSet"))
    xml.add(selectors, names.tag(names.WSMAN, "Selector"), shell_id, {"Name": "ShellId"})
    return created


def _shell_element(shell_id: str, shell: Shell) -> Element:
    element = etree.Element(_tag("Shell"), nsmap=_NSMAP)
    fields: Mapping[str, str] = {
        "ShellId": shell_id,
        "ResourceUri": names.CMD_SHELL,
        "Owner": shell.owner.name,
        "ClientIP": "127.0.0.1",
        "IdleTimeOut": f"PT{shell.idle.total_seconds():.3f}S",
        "InputStreams": "stdin",
        "OutputStreams": shell.streams,
        "ShellRunTime": "P0DT0H0M0S",
        "ShellInactivity": "P0DT0H0M0S",
    }
    for name, value in fields.items():
        xml.add(element, _tag(name), value)
    return element


def _output(command: Command, command_id: str, desired: Element, request: Request) -> Element:
    """What fits of the output; with the last of it the ends of the streams, the state and the exit code."""
    response = etree.Element(_tag("ReceiveResponse"), nsmap=_NSMAP)
    room = (request.max_envelope - 4096) * 3 // 4
    wanted = [name for name in xml.text_of(desired).split() if name in command.sent]
    for name in wanted:
        data: bytes = getattr(command.result, name)
        piece = data[command.sent[name] :][:room]
        command.sent[name] += len(piece)
        room -= len(piece)
        if piece:
            _stream(response, name, command_id, base64.b64encode(piece).decode())
    command.reported = all(command.sent[name] == len(getattr(command.result, name)) for name in wanted)
    for name in wanted if command.reported else ():
        _stream(response, name, command_id, "").set("End", "true")
    _state(response, command, command_id)
    return response


def _stream(response: Element, name: str, command_id: str, text: str) -> Element:
    return xml.add(response, _tag("Stream"), text, {"Name": name, "CommandId": command_id})


def _state(response: Element, command: Command, command_id: str) -> None:
    word = "Done" if command.reported else "Running"
    attributes = {"CommandId": command_id, "State": f"{names.SHELL}/CommandState/{word}"}
    state = xml.add(response, _tag("CommandState"), None, attributes)
    if command.reported:
        xml.add(state, _tag("ExitCode"), str(command.result.exit_code))

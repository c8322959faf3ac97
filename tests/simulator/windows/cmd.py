# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cmd.exe, as far as tools that repair Remote Desktop use it. Output is in the host's language; exit codes are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulator.windows import regexe
from tests.simulator.windows.files import FileError, has_privileges
from tests.simulator.windows.programs import PROGRAMS
from tests.simulator.windows.programs.base import Context, exists
from tests.simulator.windows.security import Token
from tests.simulator.windows.services import DISABLED, OK, RUNNING, START_PENDING, STOP_PENDING, STOPPED, Service
from tests.simulator.windows.texts import translate

if TYPE_CHECKING:
    from tests.simulator.windows.system import Windows

CODEPAGE = "utf-8"
NOT_RECOGNIZED = 1
TRAVERSE = 0x100020
"""FILE_TRAVERSE and SYNCHRONIZE, with which a process opens its current folder."""

PRIVILEGES = (
    "SeChangeNotifyPrivilege", "SeBackupPrivilege", "SeRestorePrivilege", "SeSecurityPrivilege",
    "SeTakeOwnershipPrivilege", "SeDebugPrivilege", "SeShutdownPrivilege",
)  # fmt: skip
"""Of those that an elevated administrator has; the first is everybody's."""

SC_STATES = {STOPPED: 1, START_PENDING: 2, STOP_PENDING: 3, RUNNING: 4}
SERVICE_ERRORS = {2: 5, 3: 1051, 5: 1052, 10: 1056, 13: 1068, DISABLED: 1058}


@dataclass(frozen=True)
class Output:
    """What one command gave back."""

    stdout: str = ""
    stderr: str = ""
    code: int = 0
    known: bool = True

    def __add__(self, other: Output) -> Output:
        return Output(self.stdout + other.stdout, self.stderr + other.stderr, other.code, other.known)


_IF = re.compile(r"\s*if\s", re.IGNORECASE)


def split_commands(line: str) -> list[tuple[str, str]]:
    """A line as (operator before, command) pairs; operators in quotes or parentheses are text, ``^`` escapes one."""
    commands: list[tuple[str, str]] = []
    operator, text, quoted, position, depth = "", "", False, 0, 0
    while position < len(line):
        char = line[position]
        pair = line[position : position + 2]
        if char == '"':
            quoted = not quoted
        if not quoted and char in "()" and (depth or not text.strip() or _IF.match(text)):
            depth += 1 if char == "(" else -1
        if char == "^" and not quoted:
            text += line[position + 1 : position + 2] if not depth else pair
            position += 2
        elif not quoted and not depth and char in "&|" and not text.endswith(">"):
            commands.append((operator, text.lstrip()))
            operator = pair if pair in ("&&", "||") else char
            text, position = "", position + len(operator)
        else:
            text += char
            position += 1
    commands.append((operator, text.lstrip()))
    return [(operator, command) for operator, command in commands if command.strip()]


def split_arguments(command: str) -> list[str]:
    """Arguments as the Microsoft C runtime splits them."""
    return [
        re.sub(r'\\"', '"', re.sub(r'(?<!\\)"', "", part))
        for part in re.findall(r'(?:[^\s"]|"(?:\\"|[^"])*")+', command)
    ]


class CommandShell:
    """Runs command lines against a host as one caller."""

    def __init__(self, windows: Windows, token: Token, user: str) -> None:
        self._windows = windows
        self._token = token
        self._user = user
        self._folders: list[str] = []
        self._commands: dict[str, Callable[[list[str], str], Output]] = {
            "net": self._net, "sc": self._sc, "reg": self._reg, "ipconfig": self._ipconfig, "whoami": self._whoami,
            "hostname": self._hostname, "echo": self._echo, "ver": self._ver, "gpupdate": self._gpupdate,
            "exit": self._exit, "rem": self._nothing, "cmd": self._cmd, "chcp": self._nothing, "set": self._nothing,
            "if": self._if, "pushd": self._pushd, "popd": self._popd,
        }  # fmt: skip

    def run(self, line: str) -> Output:
        """Run a line with ``&``, ``&&``, ``||`` and ``|``; the exit code is that of the last command that ran."""
        done, now = Output(), Output()
        skipped = False
        for operator, command in split_commands(line):
            if operator == "|":
                now = now if skipped else self._piped(now, command)
                continue
            done = done if skipped else done + now
            skipped = (operator == "&&" and done.code != 0) or (operator == "||" and done.code == 0)
            now = Output() if skipped else self._one(command)
        return done if skipped else done + now

    def execute(self, program: str, arguments: str) -> Output:
        """Start a program as CreateProcess does, without a shell that would read ``&`` and the like."""
        return self._program(self._expand(program).strip('" '), " " + self._expand(arguments))

    def _piped(self, before: Output, command: str) -> Output:
        after = self._one(command, before.stdout)
        return Output(after.stdout, before.stderr + after.stderr, after.code, after.known)

    def _one(self, command: str, stdin: str = "") -> Output:
        group, command = _group(self._expand(command))
        command, targets = (command, {}) if _IF.match(command) else _redirected(command)
        match = re.match(r'"([^"]*)"|([^\s"/(]+)', command)
        with self._windows.files.opened(target for target, _append in targets.values()):
            if group is not None:
                output = self.run(group)
            else:
                name = "" if match is None else match[1] or match[2]
                output = self._program(name, command[match.end() if match else 0 :], stdin)
        return self._write_streams(output, targets)

    def _program(self, name: str, rest: str, stdin: str = "") -> Output:
        program = re.sub(r"(?i)^.*\\|\.exe$", "", name).lower()
        if program in PROGRAMS:
            context = Context(self._windows, self._token, self._user, stdin, "".join(self._folders[-1:]))
            return PROGRAMS[program](context, split_arguments(rest))
        if program in self._commands:
            return self._commands[program](split_arguments(rest), rest)
        return Output(stderr=self._say("unknown_command", name), code=NOT_RECOGNIZED, known=False)

    def _write_streams(self, output: Output, targets: dict[int, tuple[str, bool]]) -> Output:
        """Send the redirected streams where they belong."""
        streams = {1: output.stdout, 2: output.stderr}
        try:
            for number, (target, append) in targets.items():
                text, streams[number] = streams[number], ""
                if target == "&1":
                    streams[1] += text
                elif target.lower() != "nul":
                    self._windows.files.write(target, text, self._token, append=append)
        except FileError as error:
            return Output(stderr=self._say("file_error", error.code), code=1)
        return Output(streams[1], streams[2], output.code, output.known)

    def _pushd(self, arguments: list[str], _rest: str) -> Output:
        """Make a folder the current one, which takes the right to traverse it."""
        try:
            self._windows.files.demand(" ".join(arguments), self._token, TRAVERSE)
        except FileError as error:
            return Output(stderr=self._say("file_error", error.code), code=1)
        self._folders.append(" ".join(arguments))
        return Output()

    def _popd(self, _arguments: list[str], _rest: str) -> Output:
        del self._folders[-1:]
        return Output()

    def _if(self, _arguments: list[str], rest: str) -> Output:
        """``if [not] exist PATH command``, with ``else`` after a command in parentheses: all that is known here."""
        match = re.fullmatch(r'(?i)\s*(not\s+)?exist\s+("[^"]*"|\S+)\s+(.*)', rest, re.DOTALL)
        if match is None:
            return Output(stderr=self._say("invalid_syntax"), code=1)
        there = exists(self._windows, match[2].strip('"'))
        then, otherwise = _branches(match[3])
        return self.run(then if there != bool(match[1]) else otherwise)

    def _expand(self, command: str) -> str:
        return self._windows.expand(command)

    def _say(self, key: str, *arguments: object) -> str:
        return translate("commands", key, self._windows.language, *arguments)

    def _nothing(self, _arguments: list[str], _rest: str) -> Output:
        return Output()

    def _exit(self, arguments: list[str], _rest: str) -> Output:
        numbers = [argument for argument in arguments if argument.lstrip("-").isdigit()]
        return Output(code=int(numbers[0]) if numbers else 0)

    def _echo(self, _arguments: list[str], rest: str) -> Output:
        return Output(rest.removeprefix(" ") + "\r\n")

    def _cmd(self, _arguments: list[str], rest: str) -> Output:
        match = re.search(r"(?i)/c\s+(.*)$", rest, re.DOTALL)
        line = match[1].strip() if match else ""
        return self.run(line[1:-1] if line.startswith('"') and line.endswith('"') else line)

    def _hostname(self, _arguments: list[str], _rest: str) -> Output:
        return Output(self._windows.machine.computer_name + "\r\n")

    def _whoami(self, arguments: list[str], _rest: str) -> Output:
        words = [argument.lower() for argument in arguments]
        if "/priv" in words:
            held = PRIVILEGES if has_privileges(self._token) else PRIVILEGES[:1]
            return Output("".join(f'"{privilege}","…","…"\r\n' for privilege in held))
        name = f"{self._windows.machine.computer_name}\\{self._user}".lower()
        return Output(f'"{name}","{self._token.sid}"\r\n' if "/user" in words else name + "\r\n")

    def _ver(self, _arguments: list[str], _rest: str) -> Output:
        edition = self._windows.edition
        return Output(self._say("version", f"{edition.version}.{edition.revision}"))

    def _ipconfig(self, arguments: list[str], _rest: str) -> Output:
        if [argument.lower() for argument in arguments] == ["/flushdns"]:
            self._windows.network.flush_dns()
            return Output(self._say("flushed"))
        return Output(f"\r\n   IPv4 . . . : {self._windows.machine.own_address}\r\n")

    def _gpupdate(self, _arguments: list[str], _rest: str) -> Output:
        self._windows.policy.refresh()
        return Output(self._say("policy_updated"))

    def _reg(self, arguments: list[str], _rest: str) -> Output:
        return regexe.run(self._windows, self._token, arguments)

    def _net(self, arguments: list[str], _rest: str) -> Output:
        verb = arguments[0].lower() if arguments else ""
        if verb not in ("start", "stop") or len(arguments) < 2:
            return Output(stderr=self._say("invalid_syntax"), code=1)
        service = self._service(arguments[1])
        if service is None:
            return Output(stderr=self._say("invalid_service"), code=2)
        force = "/y" in [argument.lower() for argument in arguments[2:]]
        return self._net_start(service) if verb == "start" else self._net_stop(service, force)

    def _service(self, name: str) -> Service | None:
        found = self._windows.services.find(name)
        by_title = (item for item in self._windows.services if item.display_name.lower() == name.lower())
        return found or next(by_title, None)

    def _net_start(self, service: Service) -> Output:
        code = self._windows.services.start(service.name, self._token)
        if code != OK:
            return self._service_error(code, "already_started")
        self._windows.services.finish(service.name)
        words = self._say("starting", service.display_name)
        if service.state != RUNNING:
            return Output(words, self._say("system_error", service.exit_code), 2)
        return Output(words + self._say("started", service.display_name))

    def _net_stop(self, service: Service, force: bool) -> Output:
        running = [item for item in self._windows.services.dependents(service) if item.state != STOPPED]
        if running and not force:
            return Output(stderr=self._say("system_error", 1051), code=2)
        output = Output()
        for item in running:
            output += self._net_stop(item, True)
        code = self._windows.services.stop(service.name, self._token)
        if service.state == STOPPED:
            return output + Output(stderr=self._say("not_started", service.display_name), code=2)
        if code != OK:
            return output + self._service_error(code, "not_started")
        self._windows.services.finish(service.name)
        words = self._say("stopping", service.display_name)
        if service.state != STOPPED:
            return output + Output(words, self._say("system_error", 1053), 2)
        return output + Output(words + self._say("stopped", service.display_name))

    def _service_error(self, code: int, running: str) -> Output:
        words = self._say(running) if code == 10 else self._say("system_error", SERVICE_ERRORS.get(code, code))
        return Output(stderr=words, code=2)

    def _sc(self, arguments: list[str], _rest: str) -> Output:
        verb = arguments[0].lower() if arguments else ""
        service = self._windows.services.find(arguments[1]) if len(arguments) > 1 else None
        if service is None:
            return Output(f"[SC] OpenService 1060:\r\n\r\n{self._say('invalid_service')}", code=1060)
        if verb == "query":
            return Output(_sc_query(service))
        if verb in ("start", "stop"):
            return self._sc_control(service, verb)
        return self._sc_config(service, arguments) if verb == "config" else Output(code=1639)

    def _sc_control(self, service: Service, verb: str) -> Output:
        manager = self._windows.services
        code = manager.start(service.name, self._token) if verb == "start" else manager.stop(service.name, self._token)
        if code == OK:
            return Output(_sc_query(service))
        error = 1062 if verb == "stop" and service.state == STOPPED else SERVICE_ERRORS.get(code, code)
        return Output(f"[SC] {verb.title()}Service {error}:\r\n\r\n{self._say('system_error', error)}", code=error)

    def _sc_config(self, service: Service, arguments: list[str]) -> Output:
        options = dict(zip(arguments[2::2], arguments[3::2], strict=False))
        modes = {"demand": "Manual", "auto": "Automatic", "disabled": "Disabled", "delayed-auto": "Automatic"}
        wanted = options.get("start=", "")
        if wanted not in modes:
            return Output(code=1639)
        code = self._windows.services.change_start(service.name, modes[wanted], self._token)
        if code != OK:
            return Output(
                f"[SC] OpenService FAILED {SERVICE_ERRORS.get(code, code)}:\r\n", code=SERVICE_ERRORS.get(code, 87)
            )
        if wanted == "delayed-auto":
            self._windows.services.configure(service, 2, delayed=True)
        return Output("[SC] ChangeServiceConfig SUCCESS\r\n")


def _sc_query(service: Service) -> str:
    return (
        f"\r\nSERVICE_NAME: {service.name}\r\n        TYPE               : 20  WIN32_SHARE_PROCESS\r\n"
        f"        STATE              : {SC_STATES.get(service.state, 0)}  {service.state.upper().replace(' ', '_')}\r\n"
        f"        WIN32_EXIT_CODE    : {service.exit_code}  (0x{service.exit_code:x})\r\n"
    )


def _closing(text: str) -> int | None:
    """Where the parenthesis closes with which a text begins; None where it begins with none."""
    depth, quoted = 0, False
    for position, char in enumerate(text if text.startswith("(") else ""):
        quoted ^= char == '"'
        depth += 0 if quoted else (char == "(") - (char == ")")
        if not depth:
            return position
    return None


def _branches(text: str) -> tuple[str, str]:
    """What an ``if`` does, and what it does otherwise, which is told only where the first is in parentheses."""
    end = _closing(text)
    match = None if end is None else re.fullmatch(r"\)\s*else\s+(.*)", text[end:], re.DOTALL | re.IGNORECASE)
    return (text[: match.start() + (end or 0) + 1], match[1]) if match else (text, "")


def _group(command: str) -> tuple[str | None, str]:
    """What stands in parentheses, if a command begins with them, and what comes after; else None and the command."""
    end = _closing(command)
    return (None, command) if end is None else (command[1:end], command[end + 1 :])


def _redirected(command: str) -> tuple[str, dict[int, tuple[str, bool]]]:
    """The command without redirections, and where each stream goes: (target, whether it is appended)."""
    targets: dict[int, tuple[str, bool]] = {}

    def take(match: re.Match[str]) -> str:
        if match[3] is None:
            return match[0]
        targets[int(match[1] or 1)] = (match[3].strip('"'), match[2] == ">>")
        return ""

    rest = re.sub(r'"[^"]*"|(?:(?<=\s)([12]))?(>>?)\s*("[^"]*"|&\d|[^\s&|<>)]+)', take, command)
    return rest, dict(sorted(targets.items(), reverse=True))

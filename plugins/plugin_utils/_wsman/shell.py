# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cmd shell of WS-Management (WinRS), for the few things that no CIM class does.

PRIVATE to the collection. Source: MS-WSMV 3.1.4.5, recordings of pypsrp against Windows.
"""

from __future__ import annotations

import base64
import contextlib
import re
import time
import types
import typing as t
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import envelope
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import Reply, Request
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    BadAnswer,
    EncodingLimit,
    QuotaExceeded,
    ShellForbidden,
    ShellRefused,
    Timeout,
    WsmanError,
    WsmanFault,
    during,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.quote import quote
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import child, children, text

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element

MAX_RECEIVED = 6 * 1024 * 1024
"""Bytes of the answers that bring a command's output, which is at most 4 MB, as base64 takes a third more."""

DONE = "CommandState/Done"
STEP = "using the host's cmd shell"

_EXIT_CODE = re.compile("-?[0-9]{1,10}")


class Sender(t.Protocol):
    """What a shell needs of a channel."""

    timeout: int

    def send(self, body: bytes, *, repeatable: bool) -> bytes:
        """Send a message and return the answer."""


class CommandTimedOut(WsmanError):
    """A command did not end in time; it was terminated."""

    default_hint = "Look at the host's load, and whether the command waits for input."


@dataclass(frozen=True)
class CommandOutput:
    """What a command left: its streams in UTF-8, localised, and its exit code, an unsigned 32-bit number."""

    stdout: bytes
    stderr: bytes
    exit_code: int


class CmdShell:
    """A cmd shell that opens with the first command and closes with ``close`` or a ``with`` statement.

    Where it is ``forbidden`` it never opens: ShellForbidden says so, and nothing is sent.
    """

    def __init__(
        self, channel: Sender, clock: Callable[[], float] = time.monotonic, *, forbidden: bool = False
    ) -> None:
        self._channel = channel
        self._clock = clock
        self.forbidden = forbidden
        self._shell_id = ""
        self._over = ""

    def __enter__(self) -> CmdShell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.close()

    @during(STEP)
    def run(self, command: str, *arguments: str, timeout: float = 300.0) -> CommandOutput:
        """Run a command line and return its output.

        ``command`` is ours and goes to cmd.exe as it stands; ``arguments`` are quoted. Raise ShellRefused when the host
        opens no shell, CommandTimedOut after ``timeout`` seconds, ValueError for an argument that cannot be quoted.
        """
        words = [quote(argument) for argument in arguments]
        shell_id = self._open()
        self._release(shell_id)
        request = envelope.build_shell_command(shell_id, command, words, timeout=self._channel.timeout)
        reply = self._exchange(request)
        command_id = text(child(reply.body, "CommandResponse", "CommandId"))
        if not command_id:
            raise BadAnswer("The answer to a command names no command")
        try:
            return self._collect(shell_id, command_id, self._clock() + timeout)
        finally:
            if self._over != command_id:
                self._end(shell_id, command_id)

    @during(STEP)
    def open(self) -> None:
        """Open the shell now instead of with the first command. Raise ShellRefused when the host opens none."""
        self._open()

    def close(self) -> None:
        """Close the shell if one is open. That this fails spoils nothing that was done: the host ends it when idle."""
        if not self._shell_id:
            return
        shell_id, self._shell_id, self._over = self._shell_id, "", ""
        with contextlib.suppress(WsmanError):
            self._exchange(envelope.build_shell_delete(shell_id, timeout=self._channel.timeout))

    def _open(self) -> str:
        if self.forbidden:
            raise ShellForbidden("Check mode opens no shell")
        if not self._shell_id:
            created = self._create()
            shell_id = envelope.read_created(created).selectors.get("ShellId", "")
            if not shell_id or not isinstance(shell_id, str):
                raise BadAnswer("The answer to the request for a shell names no shell")
            self._shell_id = shell_id
        return self._shell_id

    def _create(self) -> Reply:
        try:
            return self._exchange(envelope.build_shell_create(timeout=self._channel.timeout))
        except (EncodingLimit, QuotaExceeded, Timeout):
            raise
        except WsmanFault as fault:
            raise ShellRefused(f"The host opens no cmd shell: {fault.message}") from fault

    def _collect(self, shell_id: str, command_id: str, end: float) -> CommandOutput:
        """Receive until the command is done; a time-out of Receive only says that there is no output yet."""
        streams = {"stdout": bytearray(), "stderr": bytearray()}
        received = 0
        while self._clock() < end:
            with contextlib.suppress(Timeout):
                request = envelope.build_shell_receive(shell_id, command_id, timeout=self._channel.timeout)
                reply = self._exchange(request)
                received += reply.size
                if received > MAX_RECEIVED:
                    raise BadAnswer(f"The output of a command comes in more than {MAX_RECEIVED} bytes")
                response = child(reply.body, "ReceiveResponse")
                _append(response, streams)
                state = child(response, "CommandState")
                if state is not None and state.get("State", "").endswith(DONE):
                    self._over = command_id
                    return CommandOutput(bytes(streams["stdout"]), bytes(streams["stderr"]), _exit_code(state))
        raise CommandTimedOut("A command did not end in time and was terminated")

    def _release(self, shell_id: str) -> None:
        """Release the slot of the command before this one.

        That of the last one is released by closing the shell, which frees all that belongs to it (MS-WSMV 3.1.4.4.1).
        """
        command_id, self._over = self._over, ""
        if command_id:
            self._end(shell_id, command_id)

    def _end(self, shell_id: str, command_id: str) -> None:
        """End a command, and release its slot; that this fails spoils nothing."""
        with contextlib.suppress(WsmanError):
            request = envelope.build_shell_signal(shell_id, command_id, timeout=self._channel.timeout)
            self._exchange(request)

    def _exchange(self, request: Request) -> Reply:
        return envelope.parse(self._channel.send(request.body, repeatable=False), request)


def _append(response: Element | None, streams: dict[str, bytearray]) -> None:
    """Add the output in an answer; a host has no other streams than those two (MS-WSMV 3.1.4.14)."""
    for stream in children(response, "Stream"):
        try:
            data = base64.b64decode(text(stream), validate=True)
        except ValueError as error:
            # binascii.Error for what is no base64, ValueError itself for what is not ASCII.
            raise BadAnswer("The output of a command is no base64") from error
        if stream.get("Name") in streams:
            streams[stream.get("Name", "")].extend(data)


def _exit_code(state: Element) -> int:
    code = text(child(state, "ExitCode"))
    if not _EXIT_CODE.fullmatch(code):
        raise BadAnswer(f"The exit code of a command is no number: {code[:80]!r}")
    return int(code) & 0xFFFFFFFF

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fault on the wire at one operation: what the host does, and what the connection library then raises.

The faults of the service and of WMI are those that clients are known to meet: access, quotas, time-outs, missing
objects, classes and namespaces, wrong arguments (MS-WSMV 2.2.4.43 and the WMI error constants of the Win32 reference).
The exceptions are those of pywinrm and requests, which the plugins translate.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.bounds import BODY_SECONDS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import TransportFailed
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError

from tests.simulator.host import SimulatedHost


class Killed(BaseException):
    """The controller is gone: nothing of ours runs any more."""


@dataclass
class Line:
    """A library's session to a simulated host. ``kind`` strikes at operation ``at``, counted from 1."""

    simulated: SimulatedHost
    kind: Kind | None = None
    at: int = 0
    timeout: int = 30
    sent: int = 0
    struck: bool = False
    dead: Callable[[], Exception | Killed] | None = None
    bodies: list[bytes] = field(default_factory=list)

    def send(self, body: bytes) -> bytes:
        """POST a message; raises what pywinrm raises."""
        self.sent += 1
        self.bodies.append(body)
        if self.dead:
            raise self.dead()
        if self.kind and self.sent == self.at and self.kind.concerns(body):
            self.struck = True
            return self.kind.strike(self, body)
        return self.deliver(body)

    def deliver(self, body: bytes) -> bytes:
        """What the host answers when nothing is wrong with the line."""
        try:
            status, answer = self.simulated.handle(body)
        except ConnectionRefusedError:
            raise refused() from None
        except ConnectionResetError:
            raise broken() from None
        if status != 200:
            raise WinRMTransportError("http", status, answer.decode(errors="replace"))
        return answer

    def send_unauthenticated(self, body: bytes) -> bytes:
        """POST an Identify as nobody."""
        return self.simulated.engine.handle(body, None, identify_header=True).body

    def drop(self) -> None:
        """Forget the session; the simulated host keeps none."""

    def close(self) -> None:
        """Give back nothing."""


def refused() -> Exception:
    """What requests raises when nobody listens."""
    pool = HTTPConnection("127.0.0.1")
    cause = NewConnectionError(pool, "Failed to establish a new connection: [Errno 111] Connection refused")
    return RequestsConnectionError(MaxRetryError(t.cast(t.Any, None), "/wsman", cause))


def broken() -> Exception:
    """What requests raises when the connection is reset."""
    return RequestsConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset")))


def _everything(body: bytes) -> bool:
    return True


def _shell_create(body: bytes) -> bool:
    return b"transfer/Create<" in body and b"windows/shell/cmd<" in body


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        meaning: what it stands for.
        strike: what is done instead of delivering a message.
        cuts: whether the host cannot be reached for the rest of the run, so nothing can be tidied up.
        breaks: whether the connection breaks or an answer is lost, so that the host alone may know what is open there;
            it ends that by itself, by EnumerationTimeoutms and IdleTimeout.
        concerns: the messages that can meet it.
        answered: whether the host answers with a SOAP fault and has not acted.
    """

    meaning: str
    strike: Callable[[Line, bytes], bytes]
    cuts: bool = False
    breaks: bool = False
    concerns: Callable[[bytes], bool] = _everything
    answered: bool = False

    @property
    def rare(self) -> bool:
        """Whether only some messages can meet it."""
        return self.concerns is not _everything


def _raises(error: Callable[[], Exception], *, acts: bool = False) -> Callable[[Line, bytes], bytes]:
    def strike(line: Line, body: bytes) -> bytes:
        if acts:
            line.simulated.handle(body)
        raise error()

    return strike


def _status(status: int, *, breaks: bool = False) -> Kind:
    strike = _raises(lambda: WinRMTransportError("http", status, ""))
    return Kind(f"HTTP {status} without a body", strike, breaks=breaks)


def _named(name: str) -> Callable[[Line, bytes], bytes]:
    """A fault that the simulator knows by name."""

    def strike(line: Line, body: bytes) -> bytes:
        line.simulated.injector.add(name)
        return line.deliver(body)

    return strike


def _fault(name: str, meaning: str) -> Kind:
    """A fault that the simulator knows by name, as its answer instead of acting."""
    return Kind(meaning, _named(name), answered=True)


def _spoilt(spoil: Callable[[bytes], bytes]) -> Callable[[Line, bytes], bytes]:
    return lambda line, body: spoil(line.deliver(body))


def _late(line: Line, body: bytes) -> bytes:
    answer = line.deliver(body)
    line.simulated.clock.advance(0.75 * BODY_SECONDS)
    return answer


def _too_late(line: Line, body: bytes) -> bytes:
    line.deliver(body)
    line.simulated.clock.advance(BODY_SECONDS)
    raise TransportFailed(f"The answer takes longer than {BODY_SECONDS:g} seconds to arrive", sent=True)


def _timed_out_after(line: Line, body: bytes) -> bytes:
    line.deliver(body)
    return _named("timeout")(line, body)


def _service_restarts(line: Line, body: bytes) -> bytes:
    line.simulated.handle(body)
    line.simulated.engine.restart()
    raise broken()


def _dies(dead: Callable[[], Exception | Killed], *, acts: bool) -> Callable[[Line, bytes], bytes]:
    """From here on nothing gets through; acts: but this message does, and its answer is lost."""

    def strike(line: Line, body: bytes) -> bytes:
        if acts:
            line.simulated.handle(body)
        line.dead = dead
        raise dead()

    return strike


WSMAN = (0x5, 0xAA, 0x80338000, 0x8033801A, 0x80338029, 0x8033805B, 0x803380FA, 0x803381A5, 0x803381A6)
WMI = (
    0x80041002, 0x80041003, 0x80041004, 0x80041005, 0x80041008, 0x8004100C, 0x8004100E, 0x80041010, 0x80041013,
    0x80041016, 0x80041017, 0x80041023, 0x80041024, 0x8004102E, 0x8004102F, 0x80041062,
)  # fmt: skip
CIM = (1, 2, 3, 4, 5, 6, 7, 11, 16, 27)
"""CIMStatusCode, where a fault holds nothing else (DMTF DSP0200, "CIM error codes")."""

KINDS: Mapping[str, Kind] = {
    "http_400": _status(400, breaks=True),
    "http_401": Kind("credentials rejected", _raises(lambda: InvalidCredentialsError("rejected"))),
    "http_403": _status(403),
    "http_413": _status(413),
    "http_500": _status(500),
    "http_503": _status(503, breaks=True),
    **{f"wsman_{code:x}": _fault(f"wsman_{code:x}", f"fault of the service 0x{code:X}") for code in WSMAN},
    **{f"wmi_{code:x}": _fault(f"wmi_{code:x}", f"fault of WMI 0x{code:X}") for code in WMI},
    **{f"cim_{code}": _fault(f"cim_{code}", f"fault with CIMStatusCode {code} alone") for code in CIM},
    "refused": Kind("connection refused", _raises(refused), breaks=True),
    "reset_before": Kind("connection reset, nothing done", _raises(broken), breaks=True),
    "reset_after": Kind("connection reset after the host acted", _raises(broken, acts=True), breaks=True),
    "truncated": Kind("half of the answer", _spoilt(lambda answer: answer[: len(answer) // 2]), breaks=True),
    "garbled": Kind("an answer that is no XML", _spoilt(lambda _answer: b"\x00garbled"), breaks=True),
    "slow": Kind("the answer drips in within its time", _late),
    "too_slow": Kind("the answer drips in beyond its time", _too_late, breaks=True),
    "timeout_after": Kind("operation timeout, though the host acted", _timed_out_after, breaks=True),
    "winrm_restart": Kind("answer lost, WinRM restarted", _service_restarts, breaks=True),
    "reboot_before": Kind("the host reboots, nothing done", _named("reboot"), breaks=True),
    "reboot_after": Kind("the host reboots after it acted", _named("reboot_after"), breaks=True),
    "shell_refused": Kind("no cmd shell", _named("access_denied"), concerns=_shell_create),
    "killed_before": Kind("controller killed before it sends", _dies(Killed, acts=False), cuts=True),
    "killed_after": Kind("controller killed before it hears", _dies(Killed, acts=True), cuts=True),
    "unplugged": Kind("answer lost, host out of reach for good", _dies(refused, acts=True), cuts=True),
}

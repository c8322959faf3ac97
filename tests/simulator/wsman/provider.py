# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The seam between the WS-Management engine and a simulated host.

The engine (``tests/simulator/wsman``) knows SOAP, WS-Management and CIM typing and nothing about Windows' services,
registry or firewall. A host knows those and nothing about XML. Between them stand the names in this file: the host
implements `HostPort`, each CIM class behind it implements `Provider`, and everything that crosses is a plain Python
value.

Values, in both directions, are typed by the class schema:

==================  ==================================================================
CIM                 Python
==================  ==================================================================
boolean             bool
uint8 … sint64      int
real32, real64      float
string, char16      str
datetime            datetime (aware) for a point in time, timedelta for an interval
instance            Embedded(class name, values)
reference           Reference(class name, keys)
array of uint8      bytes
array of other      list
null                None
==================  ==================================================================

A null array and an absent parameter are both None to a provider; an absent parameter has no entry in the mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from tests.simulator.wsman.schema import SchemaSet

ADMINISTRATORS = "S-1-5-32-544"

Values = Mapping[str, object]

OperationKind = Literal[
    "get",
    "enumerate",
    "pull",
    "release",
    "invoke",
    "put",
    "create",
    "delete",
    "identify",
    "end",
    "config",
    "class",
    "shell_create",
    "shell_command",
    "shell_send",
    "shell_receive",
    "shell_signal",
    "shell_delete",
    "powershell",
    "invalid",
]


@dataclass(frozen=True)
class Caller:
    """Who is logged on: account name as the host spells it, its SID, and the SIDs of its groups."""

    name: str
    sid: str
    groups: frozenset[str] = frozenset()

    @property
    def is_administrator(self) -> bool:
        """Whether the token carries the built-in Administrators group."""
        return ADMINISTRATORS in self.groups


@dataclass(frozen=True)
class Embedded:
    """An instance inside a value; `namespace` when it differs from that of the class around it."""

    class_name: str
    values: Values
    namespace: str | None = None


@dataclass(frozen=True)
class Reference:
    """The path of another instance."""

    class_name: str
    keys: Values
    namespace: str | None = None


@dataclass(frozen=True)
class Instance:
    """One instance of a class; `class_name` may be a class derived from the one that was asked for."""

    class_name: str
    values: Values


class CimError(Exception):
    """A provider refuses an operation.

    `hresult` is a WBEM status (0x80041002), an HRESULT or a Win32 code. The engine renders it as Windows does:
    WSManFault with ProviderFault and __ExtendedStatus, or with MSFT_WmiError for classes whose provider is of the
    newer kind.
    """

    def __init__(
        self, hresult: int, message: str = "", *, operation: str = "", parameter: str = "", provider: str = ""
    ) -> None:
        super().__init__(message or f"0x{hresult:08X}")
        self.hresult = hresult
        self.message = message
        self.operation = operation
        self.parameter = parameter
        self.provider = provider


class CimStatus(CimError):
    """A fault that says nothing but a CIMStatusCode (DMTF DSP0200), as providers of the newer kind may."""

    def __init__(self, status: int) -> None:
        super().__init__(0, f"CIM status {status}")
        self.status = status


class WsmanFault(Exception):
    """A fault of the WS-Management service itself.

    `subcode` is a prefixed name such as ``w:InvalidSelectors``; `detail` the last part of the w:FaultDetail URI or
    empty; `provider` is (name, path) when the fault's text comes from a plug-in.
    """

    def __init__(
        self,
        code: int,
        subcode: str = "w:InternalError",
        *,
        detail: str = "",
        text: str = "",
        reason: str | None = None,
        sender: bool = True,
        provider: tuple[str, str] | None = None,
        wmi_error: bool = False,
    ) -> None:
        super().__init__(text or f"{subcode} {code}")
        self.code = code
        self.subcode = subcode
        self.detail = detail
        self.text = text
        self.reason = text if reason is None else reason
        self.sender = sender
        self.provider = provider
        self.wmi_error = wmi_error


@dataclass(frozen=True)
class CommandResult:
    """What cmd.exe gave back.

    `seconds`: how long the command takes by the host's clock before its end is reported. `not_found`: the program does
    not exist (its message and exit code are cmd.exe's). `reads_stdin`: nothing has run yet, the command waits for
    standard input; the engine calls `run_command` again with all of it when the client has ended the stream.
    """

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0
    seconds: float = 0.0
    not_found: bool = False
    reads_stdin: bool = False


@dataclass(frozen=True)
class Operation:
    """One WS-Management operation, as counted and as matched by fault injection.

    `n` is its number on this host, from 1. `class_name` and `method` are as the schema spells them where the class is
    known; a query is about the class after FROM, and so is each Pull of its instances. `is_write`: Put, Create, Delete,
    a method that the schema does not declare ``writes: false``, or a command of the shell (the engine cannot know what
    a command line does; `command_line` is for the host to judge).
    """

    kind: OperationKind
    n: int
    namespace: str = ""
    class_name: str = ""
    method: str = ""
    is_write: bool = False
    command_line: str = ""


@dataclass(frozen=True)
class FaultPlan:
    """What goes wrong with one operation, and whether the host has acted by then.

    effect: ``fault`` answers with `error`; ``status`` with the HTTP `status` and no body (400, 401, 403, 413, 500,
    503); ``reset`` drops the connection without an answer; ``truncate`` ends it in the middle of the body; ``garble``
    sends a body that is no XML; ``drip`` spreads the answer over `seconds`; ``refuse`` drops the connection and
    refuses new ones for `seconds`; ``delay`` answers after `seconds`.
    """

    effect: Literal["fault", "status", "reset", "truncate", "garble", "drip", "refuse", "delay"]
    after_acting: bool = False
    error: CimError | WsmanFault | None = None
    status: int = 500
    seconds: float = 0.0


class Provider(Protocol):
    """What stands behind one CIM class, or several. Every method may raise `CimError`.

    `keys` holds key values by the schema's names and types. `options` is the operation's context (``wmi:X`` → X, a
    ``wmiarray:X`` → X as a list).
    """

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """All instances, those of derived classes included."""

    def get(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance | None:
        """The instance with these keys, or None."""

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        """Out-parameters and "ReturnValue", {} for no output; `keys` is None for static methods and singletons."""

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        """Change the given properties and return the whole instance."""

    def create(self, values: Values, caller: Caller, options: Mapping[str, object]) -> Values:
        """Make an instance and return its keys."""

    def delete(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> None:
        """Remove the instance with these keys."""


@dataclass
class BaseProvider:
    """Defaults: finds an instance among all of them, refuses the rest as a provider that lacks the capability does."""

    provider_name: str = field(default="", kw_only=True)

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        """None."""
        return ()

    def get(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance | None:
        """The first of `instances` whose values equal the keys; strings without regard to case."""
        return next((item for item in self.instances(caller, options) if has_values(item, keys)), None)

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        """WBEM_E_METHOD_NOT_IMPLEMENTED."""
        raise CimError(0x80041055, operation="ExecMethod", parameter=method, provider=self.provider_name)

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        """WBEM_E_PROVIDER_NOT_CAPABLE."""
        raise CimError(0x80041024, operation="PutInstance", provider=self.provider_name)

    def create(self, values: Values, caller: Caller, options: Mapping[str, object]) -> Values:
        """WBEM_E_PROVIDER_NOT_CAPABLE."""
        raise CimError(0x80041024, operation="PutInstance", provider=self.provider_name)

    def delete(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> None:
        """WBEM_E_PROVIDER_NOT_CAPABLE."""
        raise CimError(0x80041024, operation="DeleteInstance", provider=self.provider_name)


def has_values(instance: Instance, wanted: Values) -> bool:
    """Whether an instance has all these values; strings without regard to case."""
    return all(_same(instance.values.get(name), value) for name, value in wanted.items())


def _same(left: object, right: object) -> bool:
    """Whether two values are one; strings, and the names in references, without regard to case."""
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if isinstance(left, Reference) and isinstance(right, Reference):
        names = {name.casefold(): value for name, value in left.keys.items()}
        return (
            _same(left.class_name, right.class_name)
            and len(names) == len(right.keys)
            and all(_same(names.get(name.casefold()), value) for name, value in right.keys.items())
        )
    return left == right


class HostPort(Protocol):
    """What the engine and the HTTP server need of a host."""

    @property
    def name(self) -> str:
        """The host's name in the fleet (``host001``)."""

    @property
    def computer_name(self) -> str:
        """The name Windows gives itself; appears as @Machine in faults."""

    @property
    def switches(self) -> Mapping[str, object]:
        """Values of the switches for unproven facts; see `tests.simulator.wsman.switches` for those of the wire."""

    def schemas(self) -> SchemaSet:
        """The classes that this host has now."""

    def provider(self, namespace: str, class_name: str) -> Provider:
        """The provider of a class that `schemas` lists; names as the schema spells them."""

    def now(self) -> datetime:
        """The host's clock, aware."""

    def identify(self) -> Mapping[str, str]:
        """ProductVendor, ProductVersion."""

    def winrm_config(self) -> Mapping[str, object]:
        """WinRM's settings by the names of its own configuration; missing ones have Windows' defaults.

        MaxEnvelopeSizekb, MaxTimeoutms, AllowUnencrypted, AllowRemoteShellAccess, MaxShellsPerUser,
        MaxConcurrentOperationsPerUser, EnumerationTimeoutms, MaxBatchItems, and Basic, Negotiate, Certificate (bool).
        """

    def authenticate_basic(self, user: str, password: str) -> Caller | None:
        """The caller, or None when the pair is wrong or the account may not log on over the network."""

    def password_of(self, user: str) -> str | None:
        """The password of an account, with or without a domain before a backslash, for the NTLM acceptor."""

    def caller_for(self, user: str) -> Caller | None:
        """The caller of an account that has proven itself by NTLM; None when it may not log on."""

    def caller_for_certificate(self, der: bytes) -> Caller | None:
        """The caller that a client certificate is mapped to."""

    def run_command(self, command_line: str, caller: Caller, stdin: bytes) -> CommandResult:
        """Run one line in cmd.exe."""

    def before_operation(self, op: Operation) -> FaultPlan | None:
        """Count the operation and say what goes wrong with it."""

    def after_operation(self, op: Operation, request_bytes: int, response_bytes: int) -> None:
        """Count the SOAP bytes of the operation; also called for operations that failed."""

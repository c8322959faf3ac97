# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WS-Management service of one simulated host: bytes of a request in, bytes of an answer out, no sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, instances, management, names, queries, xml
from tests.simulator.wsman.calls import Call, Reply
from tests.simulator.wsman.enumeration import Enumerations
from tests.simulator.wsman.envelope import (
    ECHOED,
    Limits,
    Request,
    is_end,
    is_identify,
    message_id,
    new_envelope,
    open_envelope,
    read_request,
)
from tests.simulator.wsman.fault_xml import FaultContext, fault_document
from tests.simulator.wsman.faults import fault
from tests.simulator.wsman.provider import (
    Caller,
    CimError,
    FaultPlan,
    HostPort,
    Operation,
    OperationKind,
    WsmanFault,
)
from tests.simulator.wsman.resource import is_cim
from tests.simulator.wsman.shell import Shells, StillRunningError
from tests.simulator.wsman.switches import switch

REMOTE_MANAGEMENT_USERS = "S-1-5-32-580"
_CIM_KINDS: dict[str, OperationKind] = {
    names.GET: "get",
    names.PUT: "put",
    names.CREATE: "create",
    names.DELETE: "delete",
    names.ENUMERATE: "enumerate",
    names.PULL: "pull",
    names.RELEASE: "release",
}
_SHELL_KINDS: dict[str, OperationKind] = {
    names.CREATE: "shell_create",
    f"{names.SHELL}/Command": "shell_command",
    f"{names.SHELL}/Send": "shell_send",
    f"{names.SHELL}/Receive": "shell_receive",
    f"{names.SHELL}/Signal": "shell_signal",
    names.DELETE: "shell_delete",
}
_WRITES = frozenset({"put", "create", "delete", "shell_command"})
_NEEDS_SLOT = frozenset({"get", "put", "create", "delete", "invoke", "enumerate", "shell_create", "shell_command"})
_WMI_OPERATIONS = {
    "get": "GetObject",
    "put": "PutInstance",
    "create": "PutInstance",
    "delete": "DeleteInstance",
    "invoke": "ExecMethod",
    "enumerate": "CreateInstanceEnum",
}


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP.

    `delay`: seconds that the service takes to answer. `disturbance`: what is to happen to the connection or the bytes.
    """

    status: int
    body: bytes = b""
    delay: float = 0.0
    disturbance: FaultPlan | None = None


@dataclass(frozen=True)
class _Message:
    """A request on its way through: as far as it could be read, and what went wrong with the rest."""

    kind: OperationKind
    request: Request | None = None
    relates_to: str = ""
    error: WsmanFault | None = None


@dataclass
class Engine:
    """The service of a host. Not thread-safe: a host handles one request at a time."""

    host: HostPort
    _count: int = field(default=0, init=False)
    _enumerations: Enumerations = field(init=False)
    _shells: Shells = field(init=False)

    def __post_init__(self) -> None:
        idle = timedelta(milliseconds=management.number(self.host, "EnumerationTimeoutms"))
        self._enumerations = Enumerations(idle, self.host.now)
        self._shells = Shells(self.host, lambda name: management.number(self.host, name))

    @property
    def open_enumerations(self) -> int:
        """How many enumerations are open."""
        return self._enumerations.total

    @property
    def open_shells(self) -> int:
        """How many shells are open."""
        return self._shells.total

    def restart(self) -> None:
        """Start anew: shells and enumerations are forgotten."""
        self._enumerations.forget()
        self._shells.forget()

    def handle(
        self, body: bytes, caller: Caller | None, *, encrypted: bool = True, identify_header: bool = False
    ) -> Answer:
        """Answer one request.

        `caller` is None when nobody has authenticated: 401, except for Identify with the HTTP header that allows it
        (`identify_header`). `encrypted` is whether TLS or message encryption protects the message: without it the
        service answers 500 with an empty body unless AllowUnencrypted (MS-WSMV 3.1.4.1.29.1).
        """
        if len(body) > self.limits.envelope:
            return Answer(413)
        if caller is None:
            return self._identify_unauthenticated(body) if identify_header else Answer(401)
        if not encrypted and not management.setting(self.host, "AllowUnencrypted"):
            return Answer(500)
        message = self._read(body)
        operation = self._operation(message)
        plan = self.host.before_operation(operation)
        answer = self._disturbed(message, plan, lambda: self._perform(message, caller))
        self.host.after_operation(operation, len(body), len(answer.body))
        return answer

    def not_supported(self) -> Answer:
        """Refuse a request in chunks (MS-WSMV 3.1.4.1.31.8)."""
        return Answer(500, fault_document(fault(faults.NOT_SUPPORTED), self._context(_Message("invalid"))))

    @property
    def limits(self) -> Limits:
        """The service's limits as configured now."""
        envelope = management.number(self.host, "MaxEnvelopeSizekb") * 1024
        return Limits(envelope, management.number(self.host, "MaxTimeoutms") / 1000)

    def _identify_unauthenticated(self, body: bytes) -> Answer:
        try:
            identify = is_identify(open_envelope(xml.parse(body))[1])
        except WsmanFault:
            return Answer(401)
        if not identify:
            return Answer(401)
        hidden = switch(self.host.switches, "identify_version") == "hidden"
        return Answer(200, management.identify(self.host, authenticated=False, hide_version=hidden))

    def _read(self, body: bytes) -> _Message:
        relates_to = ""
        try:
            header, soap_body = open_envelope(xml.parse(body))
            if is_identify(soap_body):
                return _Message("identify")
            if is_end(header):
                return _Message("end")
            relates_to = message_id(header)
            request = read_request(header, soap_body, self.limits)
        except WsmanFault as error:
            return _Message("invalid", None, relates_to, error)
        return _Message(_kind(request), request, request.message_id)

    def _operation(self, message: _Message) -> Operation:
        self._count += 1
        request = message.request
        if request is None or message.kind == "invalid":
            return Operation(message.kind, self._count)
        line = ""
        if message.kind == "shell_command":
            line = " ".join(xml.text_of(part) for part in xml.children(request.body))
        plain = Operation(message.kind, self._count, is_write=message.kind in _WRITES, command_line=line)
        return self._cim_operation(plain, request) if message.kind in {*_CIM_KINDS.values(), "invoke"} else plain

    def _cim_operation(self, plain: Operation, request: Request) -> Operation:
        """Add namespace, class and method, as the schema spells them where it knows them."""
        call = Call(self.host, request, Caller("", ""))
        try:
            target, asked = call.target, queries.class_asked(call, self._enumerations)
        except WsmanFault:
            return plain
        schema = call.schemas.find(target.namespace, asked)
        class_name = schema.name if schema else asked
        namespace = schema.namespace if schema else target.namespace
        operation = replace(plain, namespace=namespace, class_name=class_name)
        if plain.kind != "invoke":
            return operation
        name = instances.method_name(call) or ""
        method = schema.methods.get(name) if schema else None
        return replace(operation, method=name, is_write=method is None or method.writes)

    def _disturbed(self, message: _Message, plan: FaultPlan | None, perform: Callable[[], Answer]) -> Answer:
        """Perform, or not, and let the plan spoil what comes of it."""
        if plan is None:
            return perform()
        acts = plan.after_acting or plan.effect in ("truncate", "garble", "drip", "delay")
        answer = perform() if acts else Answer(500)
        if plan.effect == "fault" and plan.error is not None:
            return Answer(500, fault_document(plan.error, self._context(message)))
        if plan.effect == "status":
            return Answer(plan.status)
        if plan.effect == "delay":
            return replace(answer, delay=answer.delay + plan.seconds)
        return replace(answer, disturbance=plan)

    def _perform(self, message: _Message, caller: Caller) -> Answer:
        try:
            if message.error is not None:
                raise message.error
            if message.kind == "end":
                return Answer(202)
            if message.request is None:
                return Answer(200, management.identify(self.host, authenticated=True, hide_version=False))
            return self._reply(message.request, self._dispatch(message, message.request, caller))
        except StillRunningError as running:
            document = fault_document(fault(faults.TIMED_OUT), self._context(message))
            return Answer(500, document, running.seconds)
        except (WsmanFault, CimError) as error:
            return Answer(500, fault_document(error, self._context(message)))

    def _dispatch(self, message: _Message, request: Request, caller: Caller) -> Reply:
        self._authorize(message.kind, caller)
        self._check_quota(message.kind, caller)
        if message.kind.startswith("shell_"):
            return self._shell(message.kind, request, caller)
        if message.kind == "config":
            return management.config(request, self.host)
        if message.kind == "class":
            return management.class_definition(request, self.host)
        if message.kind == "powershell":
            raise fault(
                faults.ACCESS_DENIED, provider=("microsoft.powershell", r"%systemroot%\system32\pwrshplugin.dll")
            )
        if message.kind == "invalid":
            raise fault(faults.ACTION_NOT_SUPPORTED if is_cim(request.resource_uri) else faults.INVALID_RESOURCE_URI)
        return self._cim(message.kind, Call(self.host, request, caller))

    def _authorize(self, kind: str, caller: Caller) -> None:
        """Administrators may do all; others nothing, or by the switch use WMI (MS-WSMV 3.1.4.1.28)."""
        if caller.is_administrator:
            return
        member = REMOTE_MANAGEMENT_USERS in caller.groups
        if member and kind in _WMI_OPERATIONS and switch(self.host.switches, "remote_management_users") == "allowed":
            return
        shape = switch(self.host.switches, "access_denied")
        if shape == "wmi_service":
            raise CimError(0x80041003)
        raise fault(faults.ACCESS_DENIED, wmi_error=shape == "wmi_error")

    def _check_quota(self, kind: str, caller: Caller) -> None:
        """Open enumerations and started commands count against MaxConcurrentOperationsPerUser."""
        if kind not in _NEEDS_SLOT:
            return
        used = self._enumerations.count(caller.name) + self._shells.operations(caller.name)
        most = management.number(self.host, "MaxConcurrentOperationsPerUser")
        if used >= most:
            text = (
                "The WS-Management service cannot process the request. This user is allowed a maximum number of "
                f"{most} concurrent operations, which has been exceeded. Close existing operations for this user, or "
                "raise the quota for this user. "
            )
            raise fault(faults.TOO_MANY_OPERATIONS, text=text)

    def _shell(self, kind: str, request: Request, caller: Caller) -> Reply:
        operations: dict[str, Callable[[Request, Caller], Reply]] = {
            "shell_create": self._shells.create,
            "shell_command": self._shells.command,
            "shell_send": self._shells.send,
            "shell_receive": self._shells.receive,
            "shell_signal": self._shells.signal,
            "shell_delete": self._shells.delete,
        }
        return operations[kind](request, caller)

    def _cim(self, kind: str, call: Call) -> Reply:
        if call.request.must_comply:
            raise fault(faults.OPTIONS_NOT_SUPPORTED)
        operations: dict[str, Callable[[Call], Reply]] = {
            "get": instances.get,
            "put": instances.put,
            "create": instances.create,
            "delete": instances.delete,
            "invoke": instances.invoke,
            "enumerate": lambda it: queries.enumerate_instances(it, self._enumerations),
            "pull": lambda it: queries.pull(it, self._enumerations),
            "release": lambda it: queries.release(it, self._enumerations),
        }
        return operations[kind](call)

    def _reply(self, request: Request, reply: Reply) -> Answer:
        root, body = new_envelope(reply.action, request.message_id, request.echo)
        if reply.fragment is not None:
            header = body.getprevious()
            attributes = {xml.MUST_UNDERSTAND: "true"}
            xml.add(_present(header), names.tag(names.WSMAN, "FragmentTransfer"), reply.fragment, attributes)
        body.extend(reply.elements)
        document = xml.serialize(root)
        if len(document) > request.max_envelope:
            raise fault(faults.ENVELOPE_EXCEEDED)
        return Answer(200, document)

    def _context(self, message: _Message) -> FaultContext:
        """What a fault about this message needs to say."""
        request = message.request
        plain = FaultContext(self.host.computer_name, self.host.switches, message.relates_to)
        if request is None:
            return plain
        plain = replace(plain, echo={name: request.echo[name] for name in ECHOED if name in request.echo})
        if not is_cim(request.resource_uri):
            return plain
        call = Call(self.host, request, Caller("", ""))
        try:
            place = replace(plain, target=call.target, schema=call.known_schema, parameter=call.parameter)
        except WsmanFault:
            return plain
        operation = _WMI_OPERATIONS.get(message.kind, "")
        if message.kind == "enumerate" and queries.is_query(call):
            return replace(place, operation="ExecQuery", parameter=queries.query_text(call))
        if message.kind == "invoke":
            return replace(place, operation=operation, parameter=f"{place.parameter}::{instances.method_name(call)}")
        return replace(place, operation=operation)


def _present(header: Element | None) -> Element:
    if header is None:
        raise TypeError("an envelope has a header before its body")
    return header


def _kind(request: Request) -> OperationKind:
    """What kind of operation a request is; ``invalid`` for an action that its resource does not have."""
    uri = request.resource_uri.lower()
    if is_cim(uri):
        invokes = request.action.lower().startswith(f"{uri}/")
        return _CIM_KINDS.get(request.action, "invoke" if invokes else "invalid")
    if uri == names.CMD_SHELL:
        return _SHELL_KINDS.get(request.action, "invalid")
    if management.is_config(uri):
        return "config"
    if uri == names.CIM_XML_ALL:
        return "class"
    return "powershell" if uri.startswith(names.POWERSHELL_PREFIX) else "invalid"

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WS-Management messages: requests as bytes, answers as element trees.

PRIVATE to the collection. Sources: DSP0226, MS-WSMV 3.1.4, recorded requests of Windows' CIM cmdlets. Requests are put
together from escaped text, which costs a tenth of building a tree and serialising it.
"""

from __future__ import annotations

import typing as t
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import uri, xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, EncodingLimit, FaultFacts
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.faults import read_fault
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import Resource
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import (
    NOTHING,
    Markup,
    child,
    children,
    element,
    escape,
    join,
    local,
    text,
)

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
BINDING = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/common"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
ANONYMOUS = f"{ADDRESSING}/role/anonymous"

MAX_ENVELOPE = 512_000
"""Bytes: MaxEnvelopeSizekb's default since Server 2012. pywinrm's 153600 would cap a uint8[] answer at about 6 KB."""
MAX_ELEMENTS = 32_000
"""WinRM's MaxBatchItems, which Windows' own client asks for."""
TIMEOUT = 20
"""Seconds of OperationTimeout; below the read timeout of pywinrm and pypsrp (30)."""

_OPEN = f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:w="{WSMAN}"'
_HEADER = (
    "><s:Header><a:To>http://windows-host:5985/wsman</a:To><a:ReplyTo>"
    f'<a:Address s:mustUnderstand="true">{ANONYMOUS}</a:Address></a:ReplyTo>'
    f'<w:MaxEnvelopeSize s:mustUnderstand="true">{MAX_ENVELOPE}</w:MaxEnvelopeSize>'
    '<w:Locale xml:lang="en-US" s:mustUnderstand="false"/>'
)
"""Without p:DataLocale, which clients MAY send (MS-WSMV 3.2.4.1.5; its messages 4.1 have none): CIM has no locale."""
_OF_BODIES = {"n": ENUMERATION, "cim": CIM, "b": BINDING, "rsp": uri.SHELL, "xsi": xml.XSI}
"""Prefixes that bodies may use. Declared where they occur: all of them would be a fifth of a small request."""


@dataclass(frozen=True)
class EndpointReference:
    """A WS-Addressing reference to one instance; a selector's value is text or another reference."""

    resource_uri: str
    selectors: Mapping[str, Selector] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """The class, which is the last part of the resource URI."""
        return self.resource_uri.rpartition("/")[2]


Selector = str | EndpointReference


@dataclass(frozen=True)
class Option:
    """One ``w:Option``: ``wmi:X`` and ``wmiarray:X`` reach the provider as context values (MS-WSMV 3.1.4.1.10)."""

    name: str
    value: str
    type: str = ""


@dataclass(frozen=True)
class Request:
    """A message to send, with what its answer is checked against; ``message_id`` is empty for Identify."""

    body: bytes
    message_id: str


@dataclass(frozen=True)
class Reply:
    """A checked answer: the ``s:Body`` element of a message that is no fault, and the message's size in bytes."""

    body: Element
    size: int

    @property
    def first(self) -> Element | None:
        """The first child of the body: by position, because servers differ in its name."""
        return next(iter(self.body), None)


@dataclass(frozen=True)
class Item:
    """One enumerated object, with its reference when that was asked for."""

    value: Element | None
    reference: EndpointReference | None


@dataclass(frozen=True)
class Batch:
    """What one Enumerate or Pull brought; ``context`` is empty when the server named no new one."""

    items: tuple[Item, ...]
    context: str
    ended: bool


# --- requests --------------------------------------------------------------------------------------------------------


def build_get(target: Resource, selectors: Mapping[str, Selector], *, timeout: int = TIMEOUT) -> Request:
    """Return a Get of the instance that the selectors name; a singleton has none."""
    return _request(target, f"{TRANSFER}/Get", NOTHING, selectors, timeout=timeout)


def build_put(
    target: Resource,
    selectors: Mapping[str, Selector],
    instance: Markup,
    options: Sequence[Option] = (),
    *,
    timeout: int = TIMEOUT,
) -> Request:
    """Return a Put of an instance element."""
    return _request(target, f"{TRANSFER}/Put", instance, selectors, options, timeout=timeout)


def build_create(
    target: Resource, instance: Markup, options: Sequence[Option] = (), *, timeout: int = TIMEOUT
) -> Request:
    """Return a Create of an instance element."""
    return _request(target, f"{TRANSFER}/Create", instance, {}, options, timeout=timeout)


def build_delete(target: Resource, selectors: Mapping[str, Selector], *, timeout: int = TIMEOUT) -> Request:
    """Return a Delete of the instance that the selectors name."""
    return _request(target, f"{TRANSFER}/Delete", NOTHING, selectors, timeout=timeout)


def build_invoke(
    target: Resource, method: str, selectors: Mapping[str, Selector], parameters: Markup, *, timeout: int = TIMEOUT
) -> Request:
    """Return an Invoke; a static method and one of a singleton have no selectors (MS-WSMV 3.1.4.2)."""
    body = element(f"m:{method}_INPUT", parameters, {"xmlns:m": target.uri})
    return _request(target, f"{target.uri}/{method}", body, selectors, timeout=timeout)


def build_enumerate(
    target: Resource,
    filter_: Markup = NOTHING,
    *,
    with_epr: bool = False,
    max_elements: int = MAX_ELEMENTS,
    timeout: int = TIMEOUT,
) -> Request:
    """Return an optimised Enumerate, whose answer already carries the first objects."""
    mode = element("w:EnumerationMode", escape("EnumerateObjectAndEPR")) if with_epr else NOTHING
    count = element("w:MaxElements", escape(str(max_elements)))
    body = element("n:Enumerate", join([Markup("<w:OptimizeEnumeration/>"), count, mode, filter_]))
    return _request(target, f"{ENUMERATION}/Enumerate", body, {}, timeout=timeout)


def build_pull(target: Resource, context: str, *, max_elements: int = MAX_ELEMENTS, timeout: int = TIMEOUT) -> Request:
    """Return a Pull of the next objects."""
    parts = [element("n:EnumerationContext", escape(context)), element("n:MaxElements", escape(str(max_elements)))]
    return _request(target, f"{ENUMERATION}/Pull", element("n:Pull", join(parts)), {}, timeout=timeout)


def build_release(target: Resource, context: str, *, timeout: int = TIMEOUT) -> Request:
    """Return a Release, which gives an enumeration's slot in the host's quota back."""
    body = element("n:Release", element("n:EnumerationContext", escape(context)))
    return _request(target, f"{ENUMERATION}/Release", body, {}, timeout=timeout)


def build_identify() -> Request:
    """Return an Identify (DSP0226 11)."""
    opened = f'<s:Envelope xmlns:s="{SOAP}" xmlns:i="{IDENTITY}">'
    return Request(f"{opened}<s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>".encode(), "")


def wql_filter(query: str) -> Markup:
    """Return the filter element for a WQL query (MS-WSMV 3.1.4.1.14)."""
    return element("w:Filter", escape(query), {"Dialect": "http://schemas.microsoft.com/wbem/wsman/1/WQL"})


def association_filter(source: EndpointReference, association: str, role: str, result_role: str) -> Markup:
    """Return the filter for the instances tied to ``source`` by an association class (DSP0227 16.3)."""
    parts = [
        element("b:Object", reference_content(source)),
        element("b:AssociationClassName", escape(association)),
        element("b:Role", escape(role)),
        element("b:ResultRole", escape(result_role)),
    ]
    dialect = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"
    return element("w:Filter", element("b:AssociatedInstances", join(parts)), {"Dialect": dialect})


def reference_content(reference: EndpointReference) -> Markup:
    """Return the children of an endpoint reference element."""
    inside = element("w:ResourceURI", escape(reference.resource_uri)) + _selector_set(reference.selectors)
    return join([element("a:Address", escape(ANONYMOUS)), element("a:ReferenceParameters", Markup(inside))])


SHELL_STREAMS = "stdout stderr"


def build_shell_create(*, timeout: int = TIMEOUT) -> Request:
    """Return the request for a cmd shell that speaks UTF-8 and loads no profile (MS-WSMV 3.1.4.5.2)."""
    streams = [element("rsp:InputStreams", escape("stdin")), element("rsp:OutputStreams", escape(SHELL_STREAMS))]
    options = (Option("WINRS_NOPROFILE", "TRUE"), Option("WINRS_CODEPAGE", "65001"))
    body = element("rsp:Shell", join(streams))
    return _request(Resource(uri.CMD), f"{TRANSFER}/Create", body, {}, options, timeout=timeout)


def build_shell_command(
    shell_id: str, command: str, arguments: Sequence[str] = (), *, timeout: int = TIMEOUT
) -> Request:
    """Return the request that starts a command line; cmd.exe reads command and arguments joined by blanks."""
    parts = [element("rsp:Command", escape(command)), *(element("rsp:Arguments", escape(word)) for word in arguments)]
    options = (Option("WINRS_CONSOLEMODE_STDIN", "TRUE"), Option("WINRS_SKIP_CMD_SHELL", "FALSE"))
    body = element("rsp:CommandLine", join(parts))
    return _shell_request("Command", shell_id, body, options, timeout=timeout)


def build_shell_receive(shell_id: str, command_id: str, *, timeout: int = TIMEOUT) -> Request:
    """Return the request for a command's next output."""
    stream = element("rsp:DesiredStream", escape(SHELL_STREAMS), {"CommandId": command_id})
    return _shell_request("Receive", shell_id, element("rsp:Receive", stream), timeout=timeout)


def build_shell_signal(shell_id: str, command_id: str, *, timeout: int = TIMEOUT) -> Request:
    """Return the request that ends a command."""
    code = element("rsp:Code", escape(f"{uri.SHELL}/signal/terminate"))
    return _shell_request("Signal", shell_id, element("rsp:Signal", code, {"CommandId": command_id}), timeout=timeout)


def build_shell_delete(shell_id: str, *, timeout: int = TIMEOUT) -> Request:
    """Return the request that closes the shell."""
    return build_delete(Resource(uri.CMD), {"ShellId": shell_id}, timeout=timeout)


def _shell_request(
    action: str, shell_id: str, body: Markup, options: Sequence[Option] = (), *, timeout: int
) -> Request:
    return _request(Resource(uri.CMD), f"{uri.SHELL}/{action}", body, {"ShellId": shell_id}, options, timeout=timeout)


def _request(
    target: Resource,
    action: str,
    body: Markup,
    selectors: Mapping[str, Selector],
    options: Sequence[Option] = (),
    *,
    timeout: int,
) -> Request:
    """Return the finished message; raise EncodingLimit when the host would refuse it for its size."""
    message_id = f"uuid:{str(uuid.uuid4()).upper()}"
    if target.namespace:
        selectors = {uri.NAMESPACE_SELECTOR: target.namespace, **selectors}
    message = (
        f'{_OPEN}{_declared(body)}{_HEADER}<w:ResourceURI s:mustUnderstand="true">{escape(target.uri)}</w:ResourceURI>'
        f'<a:Action s:mustUnderstand="true">{escape(action)}</a:Action><a:MessageID>{message_id}</a:MessageID>'
        f"{_selector_set(selectors)}{_option_set(options)}<w:OperationTimeout>PT{timeout}S</w:OperationTimeout>"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
    if len(message) > MAX_ENVELOPE:
        raise EncodingLimit(
            f"The request has {len(message)} bytes, more than the {MAX_ENVELOPE} that Windows accepts",
            FaultFacts(subcode="EncodingLimit"),
        )
    return Request(message, message_id)


def _declared(body: Markup) -> str:
    """The declarations of the prefixes in a body; one more than it needs does no harm."""
    return "".join(f' xmlns:{prefix}="{name}"' for prefix, name in _OF_BODIES.items() if f"{prefix}:" in body)


def _selector_set(selectors: Mapping[str, Selector]) -> Markup:
    if not selectors:
        return NOTHING
    return element("w:SelectorSet", join(_selector(name, value) for name, value in selectors.items()))


def _selector(name: str, value: Selector) -> Markup:
    if isinstance(value, EndpointReference):
        return element("w:Selector", element("a:EndpointReference", reference_content(value)), {"Name": name})
    return element("w:Selector", escape(value), {"Name": name})


def _option_set(options: Sequence[Option]) -> Markup:
    if not options:
        return NOTHING
    return element("w:OptionSet", join(_option(option) for option in options))


def _option(option: Option) -> Markup:
    typed = {"Type": option.type} if option.type else {}
    return element("w:Option", escape(option.value), {"Name": option.name, **typed})


# --- answers ---------------------------------------------------------------------------------------------------------


def parse(answer: bytes, request: Request) -> Reply:
    """Return the checked answer; raise WsmanFault for a fault, BadAnswer for what is no answer to ``request``."""
    root = xml.parse(answer)
    if root.tag != f"{{{SOAP}}}Envelope":
        raise BadAnswer(f"The answer is <{local(root)}>, not a SOAP 1.2 envelope")
    body = child(root, "Body")
    if body is None:
        raise BadAnswer("The answer has no SOAP body")
    fault = child(body, "Fault")
    _check_relation(text(child(root, "Header", "RelatesTo")), request, is_fault=fault is not None)
    if fault is not None:
        raise read_fault(fault)
    return Reply(body, len(answer))


def _check_relation(relates_to: str, request: Request, *, is_fault: bool) -> None:
    """Faults of early errors and Identify carry no RelatesTo; everything else must name the request."""
    if not relates_to and (is_fault or not request.message_id):
        return
    if relates_to.casefold() != request.message_id.casefold():
        raise BadAnswer("The answer belongs to another request (wrong RelatesTo)")


def read_batch(reply: Reply) -> Batch:
    """Return the objects of an EnumerateResponse or PullResponse, whichever of the known shapes it has."""
    response = reply.first
    if response is None or local(response) not in ("EnumerateResponse", "PullResponse"):
        raise BadAnswer("The answer to an enumeration holds no EnumerateResponse or PullResponse")
    listed = child(response, "Items")
    items = tuple(_read_item(node) for node in (() if listed is None else listed))
    context = text(child(response, "EnumerationContext"))
    return Batch(items, context, child(response, "EndOfSequence") is not None)


def _read_item(node: Element) -> Item:
    """Read ``w:Item`` with object and reference, a bare object, a bare fragment or a bare reference."""
    parts = list(node) if local(node) == "Item" else [node]
    references = [part for part in parts if local(part) == "EndpointReference"]
    values = [part for part in parts if local(part) != "EndpointReference"]
    reference = read_reference(references[0]) if references else None
    return Item(values[0] if values else None, reference)


def read_reference(node: Element) -> EndpointReference:
    """Return the reference that an endpoint reference element holds; raise BadAnswer when it names no resource."""
    parameters = child(node, "ReferenceParameters")
    resource_uri = text(child(parameters, "ResourceURI"))
    if not resource_uri:
        raise BadAnswer("A reference in the answer names no resource")
    return EndpointReference(resource_uri, dict(_read_selectors(child(parameters, "SelectorSet"))))


def _read_selectors(selector_set: Element | None) -> Iterator[tuple[str, Selector]]:
    for selector in children(selector_set, "Selector"):
        nested = child(selector, "EndpointReference")
        yield selector.get("Name", ""), selector.text or "" if nested is None else read_reference(nested)


def read_created(reply: Reply) -> EndpointReference:
    """Return the reference in an answer to Create."""
    created = child(reply.body, "ResourceCreated")
    if created is None:
        raise BadAnswer("The answer to Create does not say what was created")
    return read_reference(created)

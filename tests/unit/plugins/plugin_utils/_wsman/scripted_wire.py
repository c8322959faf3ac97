# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted host: a list of expected requests, each with the answer that it gets.

The envelopes are built from the shapes that MS-WSMV and recordings of Windows show, in Windows' own prefixes.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "b": "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd",
    "cim": "http://schemas.dmtf.org/wbem/wscim/1/common",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
TRANSFER = NS["x"]
ENUMERATION = NS["n"]
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


class Sent:
    """A request as the host reads it, with a namespace-aware parser of its own."""

    def __init__(self, body: bytes, repeatable: bool) -> None:
        self.bytes = body
        self.repeatable = repeatable
        self.root = ElementTree.fromstring(body)

    def text(self, path: str) -> str:
        return self.root.findtext(path, "", NS)

    @property
    def action(self) -> str:
        return self.text("s:Header/a:Action")

    @property
    def uri(self) -> str:
        return self.text("s:Header/w:ResourceURI")

    @property
    def message_id(self) -> str:
        return self.text("s:Header/a:MessageID")

    @property
    def wql(self) -> str:
        return self.text("s:Body/n:Enumerate/w:Filter")

    @property
    def selectors(self) -> dict[str, str]:
        found = self.root.findall("s:Header/w:SelectorSet/w:Selector", NS)
        return {selector.get("Name", ""): selector.text or "" for selector in found}

    @property
    def options(self) -> list[tuple[str, str]]:
        found = self.root.findall("s:Header/w:OptionSet/w:Option", NS)
        return [(option.get("Name", ""), option.text or "") for option in found]

    @property
    def body(self) -> ElementTree.Element:
        return next(iter(self.root.find("s:Body", NS)))

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """The local names and texts of the body's children."""
        return [(local(node.tag), node.text or "") for node in self.body]


@dataclass
class Expected:
    """One step of the script: what the request must be, and the answer."""

    action: str
    answer: str | bytes | Exception
    checks: list[Callable[[Sent], None]] = field(default_factory=list)
    relates_to: str | None = None

    def check(self, check: Callable[[Sent], None]) -> Expected:
        self.checks.append(check)
        return self

    def expect(self, **wanted: t.Any) -> Expected:
        """Compare attributes of the request: ``expect(uri=…, selectors={…}, repeatable=False)``."""
        return self.check(lambda sent: _compare(sent, wanted))


def _compare(sent: Sent, wanted: dict[str, t.Any]) -> None:
    for name, value in wanted.items():
        assert getattr(sent, name) == value, name


class Wire:
    """Plays the script, asserting order, and fails when a step was not asked for."""

    timeout = 20

    def __init__(self) -> None:
        self.script: list[Expected] = []
        self.sent: list[Sent] = []

    def __call__(self, body: bytes, *, repeatable: bool) -> bytes:
        sent = Sent(body, repeatable)
        self.sent.append(sent)
        assert self.script, f"no further request was expected, but {sent.action} came"
        step = self.script.pop(0)
        assert local_action(sent.action) == step.action
        for check in step.checks:
            check(sent)
        if isinstance(step.answer, Exception):
            raise step.answer
        if isinstance(step.answer, bytes):
            return step.answer
        return envelope(step.answer, sent.message_id if step.relates_to is None else step.relates_to)

    send = __call__

    def on(self, action: str, answer: str | bytes | Exception, relates_to: str | None = None) -> Expected:
        """Add a step: the last part of the action's URI, and the content of the answer's body."""
        step = Expected(action, answer, relates_to=relates_to)
        self.script.append(step)
        return step

    def done(self) -> None:
        assert not self.script, f"never asked for: {[step.action for step in self.script]}"


def local_action(action: str) -> str:
    return action.rpartition("/")[2]


def envelope(body: str, relates_to: str) -> bytes:
    """Return an answer as Windows frames it."""
    related = f"<a:RelatesTo>{relates_to}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="en-US" {_DECLARED}><s:Header><a:Action>http://example.invalid/Response</a:Action>'
        f"<a:MessageID>uuid:11111111-2222-3333-4444-555555555555</a:MessageID>"
        f"<a:To>{NS['a']}/role/anonymous</a:To>{related}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def instance(class_name: str, properties: str, namespace: str = "root/cimv2") -> str:
    """Return an instance whose properties are written with the prefix p."""
    return (
        f'<p:{class_name} xmlns:p="{WMI}/{namespace}/{class_name}" xsi:type="p:{class_name}_Type">'
        f"{properties}</p:{class_name}>"
    )


def properties(**values: str | int | list[str] | None) -> str:
    """Return simple properties in alphabetical order, as Windows writes them; None is nil."""
    return "".join(_property(name, values[name]) for name in sorted(values))


def _property(name: str, value: str | int | list[str] | None) -> str:
    if value is None:
        return f'<p:{name} xsi:nil="true"/>'
    items = value if isinstance(value, list) else [value]
    return "".join(f"<p:{name}>{item}</p:{name}>" for item in items)


def output(method: str, content: str = "", returned: int | None = 0) -> str:
    """Return the output of a method."""
    value = "" if returned is None else f"<p:ReturnValue>{returned}</p:ReturnValue>"
    return f'<p:{method}_OUTPUT xmlns:p="{WMI}/x/Y">{content}{value}</p:{method}_OUTPUT>'


def epr(class_name: str, namespace: str = "root/cimv2", **selectors: str) -> str:
    """Return a reference as Windows adds it to enumerated objects, with the namespace among the selectors."""
    keys = "".join(f'<w:Selector Name="{name}">{value}</w:Selector>' for name, value in selectors.items())
    return (
        f"<a:EndpointReference><a:Address>{NS['a']}/role/anonymous</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{WMI}/{namespace}/{class_name}</w:ResourceURI><w:SelectorSet>"
        f'<w:Selector Name="__cimnamespace">{namespace}</w:Selector>{keys}</w:SelectorSet>'
        "</a:ReferenceParameters></a:EndpointReference>"
    )


def enumerated(*items: str, context: str = "", ended: bool = True) -> str:
    """Return an EnumerateResponse; without items the element is missing."""
    return _batch("EnumerateResponse", "w:Items", items, context, ended)


def pulled(*items: str, context: str = "", ended: bool = True) -> str:
    """Return a PullResponse, whose Items are of another namespace."""
    return _batch("PullResponse", "n:Items", items, context, ended)


def _batch(name: str, items_name: str, items: tuple[str, ...], context: str, ended: bool) -> str:
    held = f"<{items_name}>{''.join(items)}</{items_name}>" if items else ""
    end = "<w:EndOfSequence/>" if ended else ""
    return f"<n:{name}><n:EnumerationContext>{context}</n:EnumerationContext>{held}{end}</n:{name}>"


def item(value: str, reference: str = "") -> str:
    return f"<w:Item>{value}{reference}</w:Item>"


def fragment(content: str) -> str:
    """Return a fragment with properties in no namespace, as a query for single properties brings it."""
    return f"<w:XmlFragment>{content}</w:XmlFragment>"


def wmi_fault(code: int, subcode: str = "w:InternalError", text: str = "the provider's words", inner: int = 0) -> str:
    """Return a fault of the WMI plugin, with the nested shape that Windows uses."""
    namespace = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
    return (
        f"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        '<s:Reason><s:Text xml:lang="">The WS-Management service cannot process the request. </s:Text></s:Reason>'
        f'<s:Detail><f:WSManFault xmlns:f="{namespace}" Code="{code}" Machine="host"><f:Message>'
        f'<f:ProviderFault provider="WMI Provider" path="WsmWmiPl.dll">'
        f'<f:WSManFault Code="{inner or code}" Machine="host">'
        f"<f:Message>{text} </f:Message></f:WSManFault></f:ProviderFault></f:Message></f:WSManFault>"
        "</s:Detail></s:Fault>"
    )


def mi_fault(code: int, cim_status: int, text: str = "the provider's words") -> str:
    """Return a fault of Windows' MI stack."""
    namespace = f"{WMI}/root/standardcimv2/MSFT_WmiError"
    return (
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code>"
        "<s:Reason><s:Text/></s:Reason>"
        f'<s:Detail><p:MSFT_WmiError xmlns:p="{namespace}" b:IsCIM_Error="true">'
        f"<p:CIMStatusCode>{cim_status}</p:CIMStatusCode><p:Message>{text}</p:Message>"
        f"<p:MessageID>HRESULT 0x{code:08x}</p:MessageID><p:error_Code>{code}</p:error_Code>"
        "</p:MSFT_WmiError></s:Detail></s:Fault>"
    )

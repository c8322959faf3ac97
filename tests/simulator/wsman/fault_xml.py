# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fault answers in the shapes recorded from Windows: WSManFault, WSManFault with ProviderFault, MSFT_WmiError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, xml
from tests.simulator.wsman.envelope import new_envelope
from tests.simulator.wsman.faults import KINDS, FaultKind
from tests.simulator.wsman.provider import CimError, CimStatus, WsmanFault
from tests.simulator.wsman.resource import Target
from tests.simulator.wsman.schema import ClassSchema
from tests.simulator.wsman.switches import switch

WBEM_NOT_FOUND = 0x80041002
WBEM_ACCESS_DENIED = 0x80041003
WBEM_INVALID_NAMESPACE = 0x8004100E
WBEM_INVALID_CLASS = 0x80041010
WBEM_INVALID_QUERY = 0x80041017
WBEM_READ_ONLY = 0x80041023
WBEM_NOT_CAPABLE = 0x80041024
WBEM_INVALID_METHOD = 0x8004102E
WBEM_INVALID_METHOD_PARAMETERS = 0x8004102F

WMI_PLUGIN = ("WMI Provider", r"%systemroot%\system32\WsmWmiPl.dll")
_ACTIONS = {"a": names.ADDRESSING, "n": names.ENUMERATION, "x": names.TRANSFER, "": names.ADDRESSING}
_WSMAN_FAULT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_TRANSLATED = {
    WBEM_NOT_FOUND: faults.NOT_FOUND,
    WBEM_ACCESS_DENIED: faults.WMI_ACCESS_DENIED,
    0x80070005: faults.WMI_ACCESS_DENIED,
    0x80041008: faults.PROVIDER_INVALID_PARAMETER,
    0x80041019: faults.ALREADY_EXISTS,
    WBEM_NOT_CAPABLE: faults.PROVIDER_NOT_CAPABLE,
}
_CIM_STATUS = {
    WBEM_NOT_FOUND: 6,
    WBEM_ACCESS_DENIED: 2,
    0x80070005: 2,
    0x80041008: 4,
    0x8004100C: 7,
    WBEM_INVALID_NAMESPACE: 3,
    WBEM_INVALID_CLASS: 5,
    WBEM_INVALID_QUERY: 15,
    0x80041019: 11,
    WBEM_NOT_CAPABLE: 7,
    WBEM_INVALID_METHOD: 17,
    WBEM_INVALID_METHOD_PARAMETERS: 4,
    faults.ACCESS_DENIED: 2,
    faults.TOO_MANY_SHELLS: 27,
    faults.TOO_MANY_OPERATIONS: 27,
}
_WBEM_TEXTS = {
    0x80041001: "Generic failure ",
    WBEM_NOT_FOUND: "Not found ",
    WBEM_ACCESS_DENIED: "Access denied ",
    0x80041004: "Provider failure ",
    0x80041005: "Type mismatch ",
    0x80041008: "Invalid parameter ",
    0x8004100C: "Not supported ",
    WBEM_INVALID_NAMESPACE: "Invalid namespace ",
    WBEM_INVALID_CLASS: "Invalid class ",
    0x80041013: "Provider load failure ",
    0x80041016: "Invalid operation ",
    WBEM_INVALID_QUERY: "Invalid query ",
    0x80041019: "Object or property already exists ",
    WBEM_READ_ONLY: "Property is read only ",
    WBEM_NOT_CAPABLE: "Provider is not capable of the attempted operation ",
    WBEM_INVALID_METHOD: "Invalid method ",
    WBEM_INVALID_METHOD_PARAMETERS: "Invalid method Parameter(s) ",
    0x80041055: "Method not implemented in this class ",
    0x80041062: "Privilege not held ",
}


@dataclass(frozen=True)
class FaultContext:
    """What a fault answers: the request's id and echoes, the host, and where it was when the provider refused."""

    machine: str
    switches: Mapping[str, object]
    relates_to: str = ""
    echo: Mapping[str, str] = field(default_factory=dict)
    target: Target | None = None
    schema: ClassSchema | None = None
    operation: str = ""
    parameter: str = ""


def fault_document(error: WsmanFault | CimError, context: FaultContext) -> bytes:
    """The whole envelope of a fault."""
    if isinstance(error, CimStatus):
        return _bare_status(error.status, context)
    if isinstance(error, CimError):
        return _cim_fault(error, context)
    kind = FaultKind(error.subcode, error.reason, error.detail, error.sender)
    root, detail = _frame(kind, context)
    if error.wmi_error:
        _wmi_error(detail, error.code, error.text or error.reason, context)
        return xml.serialize(root)
    message = _wsman_fault(detail, error.code, context.machine)
    if error.provider is not None:
        message = _provider_fault(message, error.provider)
        if error.code == faults.UNEXPECTED_SELECTORS:
            message = _wsman_fault(message, error.code, context.machine)
    message.text = xml.printable(error.text)
    return xml.serialize(root)


def _bare_status(status: int, context: FaultContext) -> bytes:
    """``MSFT_WmiError`` with a CIMStatusCode and nothing else that tells anything: no text, no HRESULT."""
    root, detail = _frame(FaultKind("w:InternalError", "", sender=False), context)
    error, uri = _error_element(detail, context)
    _member(error, uri, "CIMStatusCode", str(status), "cimUnsignedInt")
    return xml.serialize(root)


def _cim_fault(error: CimError, context: FaultContext) -> bytes:
    code = _outer_code(error, context)
    text = error.message or _WBEM_TEXTS.get(error.hresult) or _unknown(error.hresult)
    kind = KINDS.get(code) or FaultKind("w:InternalError", _unknown(error.hresult), sender=False)
    if _wants_wmi_error(context):
        root, detail = _frame(FaultKind(kind.subcode, text, "", kind.sender), context)
        _wmi_error(detail, error.hresult, text, context)
        return xml.serialize(root)
    root, detail = _frame(kind, context)
    provider_fault = _provider_fault(_wsman_fault(detail, code, context.machine), WMI_PLUGIN)
    _wsman_fault(provider_fault, code, context.machine).text = xml.printable(_inner_text(code, text, kind, error))
    _extended_status(provider_fault, error, context)
    return xml.serialize(root)


def _inner_text(code: int, text: str, kind: FaultKind, error: CimError) -> str:
    if code != faults.CANNOT_PROCESS_FILTER:
        return error.message or kind.text
    if error.hresult == WBEM_INVALID_CLASS:
        return "The specified class does not exist in the given namespace. "
    return text


def _outer_code(error: CimError, context: FaultContext) -> int:
    """How the WMI plug-in translates a status of WMI into a code of the service."""
    if context.operation == "ExecQuery" and error.hresult in (WBEM_INVALID_CLASS, WBEM_INVALID_QUERY):
        return faults.CANNOT_PROCESS_FILTER
    if error.hresult == WBEM_INVALID_CLASS and switch(context.switches, "missing_class") == "not_found":
        return faults.NOT_FOUND
    return _TRANSLATED.get(error.hresult, error.hresult)


def _unknown(hresult: int) -> str:
    return f"The WMI service or the WMI provider returned an unknown error: HRESULT 0x{hresult:08x} "


def _wants_wmi_error(context: FaultContext) -> bool:
    shape = switch(context.switches, "fault_shape")
    if shape != "by_provider":
        return shape == "wmi_error"
    if context.schema is not None:
        return context.schema.style == "mi"
    return context.target is not None and context.target.style == "dmtf" and context.operation != "ExecQuery"


def _frame(kind: FaultKind, context: FaultContext) -> tuple[Element, Element]:
    """Envelope, code and reason; returns the envelope and its s:Detail."""
    prefix = kind.subcode.partition(":")[0]
    action = _WSMAN_FAULT if prefix == "w" else f"{_ACTIONS[prefix]}/fault"
    root, body = new_envelope(action, context.relates_to, context.echo)
    found = xml.add(body, names.tag(names.SOAP, "Fault"))
    code = xml.add(found, names.tag(names.SOAP, "Code"))
    value = ("s:Sender" if kind.sender else "s:Receiver") if kind.subcode else "s:MustUnderstand"
    xml.add(code, names.tag(names.SOAP, "Value"), value)
    if kind.subcode:
        xml.add(xml.add(code, names.tag(names.SOAP, "Subcode")), names.tag(names.SOAP, "Value"), kind.subcode)
    reason = xml.add(found, names.tag(names.SOAP, "Reason"))
    xml.add(reason, names.tag(names.SOAP, "Text"), kind.text, {names.tag(names.XML, "lang"): "en-US"})
    detail = xml.add(found, names.tag(names.SOAP, "Detail"))
    if kind.detail:
        xml.add(detail, names.tag(names.WSMAN, "FaultDetail"), names.FAULT_DETAIL + kind.detail)
    return root, detail


def _wsman_fault(parent: Element, code: int, machine: str) -> Element:
    """Append f:WSManFault and return its f:Message."""
    attributes = {"Code": str(code), "Machine": machine}
    found = etree.SubElement(parent, names.tag(names.FAULT, "WSManFault"), attributes, nsmap={"f": names.FAULT})
    return xml.add(found, names.tag(names.FAULT, "Message"))


def _provider_fault(message: Element, plugin: tuple[str, str]) -> Element:
    return xml.add(message, names.tag(names.FAULT, "ProviderFault"), None, {"provider": plugin[0], "path": plugin[1]})


def _extended_status(provider_fault: Element, error: CimError, context: FaultContext) -> None:
    """``__ExtendedStatus`` as recorded: typed for cim-schema URIs, plain for wmi URIs."""
    uri = context.target.uri_of("__ExtendedStatus") if context.target else f"{names.DMTF_PREFIX}__ExtendedStatus"
    holder = xml.add(provider_fault, names.tag(names.FAULT, "ExtendedError"))
    nsmap = {"xsi": names.XSI, "p": uri, "cim": names.CIM}
    status = etree.SubElement(holder, names.tag(uri, "__ExtendedStatus"), nsmap=nsmap)
    status.set(xml.XSI_TYPE, "p:__ExtendedStatus_Type")
    provider = error.provider or (context.schema.provider if context.schema else "") or "WinMgmt"
    _member(status, uri, "Description", None, "cimString")
    _member(status, uri, "Operation", error.operation or context.operation, "cimString")
    _member(status, uri, "ParameterInfo", error.parameter or context.parameter, "cimString")
    _member(status, uri, "ProviderName", provider, "cimString")
    _member(status, uri, "StatusCode", None, "cimUnsignedInt")
    if context.target is not None and context.target.style == "wmi":
        for child in xml.children(status):
            del child.attrib[xml.XSI_TYPE]


def _error_element(detail: Element, context: FaultContext) -> tuple[Element, str]:
    """An empty ``MSFT_WmiError`` in the namespace of the request, and that namespace."""
    target = context.target
    uri = f"{names.DMTF_PREFIX}MSFT_WmiError"
    if target is not None and target.style == "wmi":
        uri = f"{names.WMI_PREFIX}{target.namespace.lower()}/MSFT_WmiError"
    nsmap = {"b": names.CIM_BINDING, "cim": names.CIM, "p": uri, "xsi": names.XSI}
    error = etree.SubElement(detail, names.tag(uri, "MSFT_WmiError"), nsmap=nsmap)
    error.set(names.tag(names.CIM_BINDING, "IsCIM_Error"), "true")
    error.set(xml.XSI_TYPE, "p:MSFT_WmiError_Type")
    return error, uri


def _wmi_error(detail: Element, hresult: int, text: str, context: FaultContext) -> None:
    """``MSFT_WmiError`` as recorded."""
    error, uri = _error_element(detail, context)
    status = _CIM_STATUS.get(hresult, 1)
    for name, value, kind in (
        ("CIMStatusCode", str(status), "cimUnsignedInt"),
        ("CIMStatusCodeDescription", None, "cimString"),
        ("ErrorSource", None, "cimString"),
        ("ErrorSourceFormat", "0", "cimUnsignedShort"),
        ("ErrorType", "0", "cimUnsignedShort"),
        ("Message", text, "cimString"),
        ("MessageID", f"HRESULT 0x{hresult:08x}", "cimString"),
        ("OtherErrorSourceFormat", None, "cimString"),
        ("OtherErrorType", None, "cimString"),
        ("OwningEntity", None, "cimString"),
        ("PerceivedSeverity", "0", "cimUnsignedShort"),
        ("ProbableCause", "0", "cimUnsignedShort"),
        ("ProbableCauseDescription", None, "cimString"),
        ("error_Category", "30" if status == 27 else "0", "cimUnsignedInt"),
        ("error_Code", str(hresult), "cimUnsignedInt"),
        ("error_Type", "HRESULT", "cimString"),
        ("error_WindowsErrorMessage", text, "cimString"),
    ):
        _member(error, uri, name, value, kind)


def _member(parent: Element, uri: str, name: str, value: str | None, kind: str) -> None:
    child = xml.add(parent, names.tag(uri, name), value)
    if value is None:
        child.set(xml.XSI_NIL, "true")
    child.set(xml.XSI_TYPE, f"cim:{kind}")

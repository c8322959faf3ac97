# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SOAP envelopes: what a request says, checked as Windows checks it, and the frame of an answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import faults, names, xml
from tests.simulator.wsman.faults import fault

SMALLEST_ENVELOPE = 8192
ECHOED = ("OperationID", "SequenceId")
_SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"
_UNDERSTOOD = frozenset(
    {names.tag(names.ADDRESSING, name) for name in ("To", "Action", "MessageID", "ReplyTo", "FaultTo", "From")}
    | {
        names.tag(names.WSMAN, name)
        for name in (
            "FragmentTransfer",
            "Locale",
            "MaxEnvelopeSize",
            "OperationTimeout",
            "OptionSet",
            "RequestEPR",
            "ResourceURI",
            "SelectorSet",
        )
    }
    | {
        names.tag(names.WSMV, name)
        for name in ("DataLocale", "SessionId", "OperationID", "SequenceId", "ActivityId", "CompressionType")
    }
)
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?", re.ASCII
)


@dataclass(frozen=True)
class Limits:
    """The service's own limits: bytes of an envelope, seconds of an operation."""

    envelope: int = 512000
    timeout: float = 60.0


@dataclass(frozen=True)
class EndpointReference:
    """A selector whose value is the path of another instance."""

    resource_uri: str
    selectors: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """A checked request: `selectors` by lower-case name, `options` the WMI context, `body` the first child of Body."""

    action: str
    resource_uri: str
    message_id: str
    body: Element | None
    to: str = names.ANONYMOUS
    max_envelope: int = 512000
    timeout: float = 60.0
    selectors: Mapping[str, str | EndpointReference] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    raw_options: Mapping[str, str] = field(default_factory=dict)
    must_comply: bool = False
    fragment: str | None = None
    echo: Mapping[str, str] = field(default_factory=dict)

    @property
    def precise_arrays(self) -> bool:
        """Whether null arrays are to be marked (msftwinrm:UsePreciseArrays)."""
        return self.raw_options.get("msftwinrm:UsePreciseArrays", "").lower() == "true"


def open_envelope(root: Element) -> tuple[Element | None, Element]:
    """Return header and body of an envelope. Raises a fault when there is no SOAP 1.2 body."""
    if xml.local(root) != "Envelope" or xml.namespace(root) != names.SOAP:
        raise fault(faults.INVALID_XML)
    body = root.find(names.tag(names.SOAP, "Body"))
    if body is None:
        raise fault(faults.INVALID_BODY)
    return root.find(names.tag(names.SOAP, "Header")), body


def is_identify(body: Element) -> bool:
    """Whether the request is Identify, which needs no header."""
    return any(child.tag == names.tag(names.IDENTITY, "Identify") for child in xml.children(body))


def is_end(header: Element | None) -> bool:
    """Whether the message is the one-way End with which Windows' MI client gives an operation up."""
    action = header.find(names.tag(names.ADDRESSING, "Action")) if header is not None else None
    return action is not None and _text(action) == names.FULL_DUPLEX_END


def message_id(header: Element | None) -> str:
    """The message's id as far as there is one, for a fault about the rest of the header."""
    found = header.find(names.tag(names.ADDRESSING, "MessageID")) if header is not None else None
    return (found.text or "").strip() if found is not None else ""


def read_request(header: Element | None, body: Element, limits: Limits) -> Request:
    """Check a header by the rules of MS-WSMV 3.1.4.1 and take it apart. Raises a fault."""
    if header is None:
        raise fault(faults.HEADER_REQUIRED)
    fields = _fields(header)
    _check_addressing(fields)
    _check_locale(fields)
    options, raw_options, must_comply = _options(fields)
    return Request(
        action=_required(fields, names.ADDRESSING, "Action"),
        resource_uri=_resource_uri(fields),
        message_id=_message_id(fields),
        to=_required(fields, names.ADDRESSING, "To"),
        max_envelope=_max_envelope(fields, limits),
        timeout=_timeout(fields, limits),
        selectors=_selectors(fields),
        options=options,
        raw_options=raw_options,
        must_comply=must_comply,
        fragment=_fragment(fields),
        body=next(xml.children(body), None),
        echo={
            name: _text(fields[names.tag(names.WSMV, name)]) for name in ECHOED if names.tag(names.WSMV, name) in fields
        },
    )


def new_envelope(action: str, relates_to: str, echo: Mapping[str, str] | None = None) -> tuple[Element, Element]:
    """Return an answer's envelope and its empty Body."""
    root = etree.Element(names.tag(names.SOAP, "Envelope"), nsmap=names.PREFIXES)
    root.set(names.tag(names.XML, "lang"), "en-US")
    header = xml.add(root, names.tag(names.SOAP, "Header"))
    xml.add(header, names.tag(names.ADDRESSING, "Action"), action)
    xml.add(header, names.tag(names.ADDRESSING, "MessageID"), f"uuid:{uuid.uuid4()}".upper().replace("UUID", "uuid"))
    xml.add(header, names.tag(names.ADDRESSING, "To"), names.ANONYMOUS)
    for name, value in (echo or {}).items():
        attributes = {xml.MUST_UNDERSTAND: "false"} if name == "OperationID" else {}
        xml.add(header, names.tag(names.WSMV, name), value, attributes)
    if relates_to:
        xml.add(header, names.tag(names.ADDRESSING, "RelatesTo"), relates_to)
    return root, xml.add(root, names.tag(names.SOAP, "Body"))


def duration(text: str) -> float | None:
    """Seconds of an xs:duration in days and smaller units, None when it is none."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT") or text.endswith("T"):
        return None
    part = {name: float(value) for name, value in match.groupdict(default="0").items()}
    return part["days"] * 86400 + part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"]


def read_selectors(selector_set: Element) -> dict[str, str | EndpointReference]:
    """The selectors of a w:SelectorSet by name as written. Raises a fault for a name that comes twice."""
    found: dict[str, str | EndpointReference] = {}
    for selector in xml.children(selector_set):
        name = selector.get("Name", "")
        if xml.local(selector) != "Selector" or not name:
            raise fault(faults.SCHEMA_VALIDATION)
        if name.lower() in {known.lower() for known in found}:
            raise fault(faults.DUPLICATE_SELECTORS)
        found[name] = _selector_value(selector)
    return found


def read_reference(element: Element) -> EndpointReference:
    """The resource URI and selectors of an endpoint reference. Raises a fault."""
    uri = element.find(f".//{names.tag(names.WSMAN, 'ResourceURI')}")
    if uri is None:
        raise fault(faults.INVALID_RESOURCE_URI)
    selector_set = element.find(f".//{names.tag(names.WSMAN, 'SelectorSet')}")
    selectors = read_selectors(selector_set) if selector_set is not None else {}
    return EndpointReference(_text(uri), {name: str(value) for name, value in selectors.items()})


def _selector_value(selector: Element) -> str | EndpointReference:
    nested = next(xml.children(selector), None)
    return xml.text_of(selector) if nested is None else read_reference(nested)


def _fields(header: Element) -> dict[str, Element]:
    fields: dict[str, Element] = {}
    for child in xml.children(header):
        if xml.understood(child) and child.tag not in _UNDERSTOOD:
            raise fault(faults.MUST_UNDERSTAND)
        if child.tag in fields and child.tag in _UNDERSTOOD:
            raise fault(faults.INVALID_HEADER)
        fields[str(child.tag)] = child
    return fields


def _text(element: Element) -> str:
    return xml.text_of(element).strip()


def _required(fields: Mapping[str, Element], namespace: str, name: str) -> str:
    found = fields.get(names.tag(namespace, name))
    if found is None or not _text(found):
        raise fault(faults.HEADER_REQUIRED)
    return _text(found)


def _check_addressing(fields: Mapping[str, Element]) -> None:
    """ReplyTo is required and anonymous, FaultTo may only be anonymous (3.1.4.1.3, 3.1.4.1.4)."""
    reply_to = fields.get(names.tag(names.ADDRESSING, "ReplyTo"))
    if reply_to is None:
        raise fault(faults.HEADER_REQUIRED)
    for target in (reply_to, fields.get(names.tag(names.ADDRESSING, "FaultTo"))):
        if (
            target is not None
            and target.findtext(names.tag(names.ADDRESSING, "Address"), "").strip() != names.ANONYMOUS
        ):
            raise fault(faults.ADDRESSING_MODE)


def _check_locale(fields: Mapping[str, Element]) -> None:
    """A locale is a hint (3.1.4.1.8, 3.1.4.1.9)."""
    for namespace, name in ((names.WSMAN, "Locale"), (names.WSMV, "DataLocale")):
        found = fields.get(names.tag(namespace, name))
        if found is not None and xml.understood(found):
            raise fault(faults.LOCALE, detail=name)


def _resource_uri(fields: Mapping[str, Element]) -> str:
    found = fields.get(names.tag(names.WSMAN, "ResourceURI"))
    if found is None or not _text(found):
        raise fault(faults.INVALID_RESOURCE_URI)
    return _text(found)


def _message_id(fields: Mapping[str, Element]) -> str:
    """Required, up to 2 KB in any form (3.1.4.1.5, note 47)."""
    found = fields.get(names.tag(names.ADDRESSING, "MessageID"))
    if found is None or not 0 < len(_text(found)) <= 2048:
        raise fault(faults.INVALID_HEADER)
    return _text(found)


def _max_envelope(fields: Mapping[str, Element], limits: Limits) -> int:
    """At least 8192, capped by the service (3.1.4.1.7)."""
    found = fields.get(names.tag(names.WSMAN, "MaxEnvelopeSize"))
    if found is None:
        return limits.envelope
    if not re.fullmatch("[0-9]{1,18}", _text(found)):
        raise fault(faults.INVALID_HEADER)
    if int(_text(found)) < SMALLEST_ENVELOPE:
        raise fault(faults.ENVELOPE_TOO_SMALL)
    return min(int(_text(found)), limits.envelope)


def _timeout(fields: Mapping[str, Element], limits: Limits) -> float:
    """Capped by MaxTimeoutms (3.1.4.1.6)."""
    found = fields.get(names.tag(names.WSMAN, "OperationTimeout"))
    if found is None:
        return limits.timeout
    seconds = duration(_text(found))
    if seconds is None or seconds <= 0:
        raise fault(faults.INVALID_TIMEOUT)
    return min(seconds, limits.timeout)


def _selectors(fields: Mapping[str, Element]) -> dict[str, str | EndpointReference]:
    found = fields.get(names.tag(names.WSMAN, "SelectorSet"))
    selectors = read_selectors(found) if found is not None else {}
    return {name.lower(): value for name, value in selectors.items()}


def _options(fields: Mapping[str, Element]) -> tuple[dict[str, object], dict[str, str], bool]:
    """The WMI context, all options as text, and whether one must be complied with (3.1.4.1.10)."""
    context: dict[str, object] = {}
    arrays: dict[str, list[str]] = {}
    raw: dict[str, str] = {}
    must_comply = False
    for option in xml.children(fields.get(names.tag(names.WSMAN, "OptionSet"))):
        name, value = option.get("Name", ""), xml.text_of(option)
        if xml.local(option) != "Option" or not name:
            raise fault(faults.SCHEMA_VALIDATION)
        must_comply = must_comply or option.get("MustComply", option.get("mustComply", "false")).lower() in (
            "true",
            "1",
        )
        raw[name] = value
        if name.startswith("wmiarray:"):
            arrays.setdefault(name.removeprefix("wmiarray:"), []).append(value)
        elif name.startswith("wmi:"):
            context[name.removeprefix("wmi:")] = value
    return {**context, **arrays}, raw, must_comply


def _fragment(fields: Mapping[str, Element]) -> str | None:
    """The fragment path; the header must be understood (3.1.4.1.18)."""
    found = fields.get(names.tag(names.WSMAN, "FragmentTransfer"))
    if found is None:
        return None
    if not xml.understood(found):
        raise fault(faults.INVALID_HEADER)
    return _text(found)

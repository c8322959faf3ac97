# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the WS-Management service: codes, texts and subcodes of wsmerror.h (Windows SDK)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.wsman.provider import WsmanFault


@dataclass(frozen=True)
class FaultKind:
    """What always goes with a code: subcode, last part of the w:FaultDetail URI, text, and whose mistake it is."""

    subcode: str
    text: str
    detail: str = ""
    sender: bool = True


_SERVICE = "The WS-Management service cannot process the request"

NOT_FOUND = 0x80338000
INVALID_HEADER = 0x8033800F
MUST_UNDERSTAND = 0x80338010
HEADER_REQUIRED = 0x80338011
ACTION_NOT_SUPPORTED = 0x80338013
INVALID_REPRESENTATION = 0x80338015
DIALECT_UNAVAILABLE = 0x80338019
CANNOT_PROCESS_FILTER = 0x8033801A
INVALID_CONTEXT = 0x8033801B
INVALID_BODY = 0x80338027
TIMED_OUT = 0x80338029
ALREADY_EXISTS = 0x80338033
INVALID_RESOURCE_URI = 0x8033803B
INVALID_CIM_NAMESPACE = 0x8033803D
SCHEMA_VALIDATION = 0x80338041
INVALID_XML = 0x80338043
ENVELOPE_EXCEEDED = 0x80338048
OPTIONS_NOT_SUPPORTED = 0x80338051
TYPE_MISMATCH = 0x80338054
INVALID_PARAMETER_NAME = 0x80338055
INVALID_VALUES = 0x80338056
MISSING_VALUES = 0x80338057
INVALID_XML_NAMESPACE = 0x80338058
INSUFFICIENT_SELECTORS = 0x8033805A
UNEXPECTED_SELECTORS = 0x8033805B
SELECTOR_TYPE = 0x8033805C
DUPLICATE_SELECTORS = 0x8033805F
ADDRESSING_MODE = 0x80338076
ENVELOPE_TOO_SMALL = 0x8033807E
INVALID_TIMEOUT = 0x80338081
ENUMERATION_MODE = 0x80338086
LOCALE = 0x80338087
INVALID_FRAGMENT = 0x80338093
NOT_A_SINGLETON = 0x803380FA
WQL_NEEDS_STAR = 0x803380FB
PROVIDER_NOT_CAPABLE = 0x80338102
WMI_ACCESS_DENIED = 0x80338104
INVALID_FILTER_XML = 0x80338107
ENUMERATE_WITH_KEYS = 0x80338108
PROVIDER_INVALID_PARAMETER = 0x8033811E
TOO_MANY_SHELLS = 0x803381A5
TOO_MANY_OPERATIONS = 0x803381A6
ACCESS_DENIED = 5
NOT_SUPPORTED = 50
BUSY = 170
BROKEN_PIPE = 109
FILE_NOT_FOUND = 0x80070002

KINDS: dict[int, FaultKind] = {
    NOT_FOUND: FaultKind(
        "a:DestinationUnreachable",
        f"{_SERVICE}. The service cannot find the resource identified by the resource URI and selectors. ",
        "InvalidResourceURI",
    ),
    INVALID_HEADER: FaultKind(
        "a:InvalidMessageInformationHeader", f"{_SERVICE}. The request contains one or more invalid SOAP headers. "
    ),
    MUST_UNDERSTAND: FaultKind(
        "",
        "The WS-Management service cannot process a SOAP header in the request that is marked as mustUnderstand by "
        "the client. This could be caused by the use of a version of the protocol which is not supported, or may be an "
        "incompatibility between the client and server implementations. ",
    ),
    HEADER_REQUIRED: FaultKind(
        "a:MessageInformationHeaderRequired", f"{_SERVICE}. The request does not have all the expected SOAP headers. "
    ),
    ACTION_NOT_SUPPORTED: FaultKind(
        "a:ActionNotSupported", "The WS-Management service does not support the action specified in the request. "
    ),
    INVALID_REPRESENTATION: FaultKind(
        "x:InvalidRepresentation",
        "The WS-Management service cannot identify the format of the object passed to a Put or Create method. The "
        "input XML may not be appropriate for the resource or uses the wrong schema for the resource. ",
    ),
    DIALECT_UNAVAILABLE: FaultKind(
        "n:FilterDialectRequestedUnavailable",
        "The filter dialect (the type associated with the filter) was not supported for this resource. Change the "
        "filter dialect or remove it from the request and try the request again. ",
    ),
    CANNOT_PROCESS_FILTER: FaultKind(
        "n:CannotProcessFilter",
        "The data source could not process the filter. The filter might be missing or it might be invalid. Change the "
        "filter and try the request again.  ",
    ),
    INVALID_CONTEXT: FaultKind(
        "n:InvalidEnumerationContext",
        "The WS-Enumeration context in the enumeration is not valid. Enumeration may have been completed or "
        "canceled. You cannot use this enumeration context anymore. Start a new enumeration. ",
        sender=False,
    ),
    INVALID_BODY: FaultKind(
        "w:SchemaValidationError", f"{_SERVICE} because the request packet does not have a valid SOAP body. "
    ),
    TIMED_OUT: FaultKind(
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ",
        sender=False,
    ),
    ALREADY_EXISTS: FaultKind(
        "w:AlreadyExists", "The WS-Management service cannot create the resource because it already exists. "
    ),
    INVALID_RESOURCE_URI: FaultKind(
        "a:DestinationUnreachable",
        f"{_SERVICE}. The resource URI is missing or it has an incorrect format. ",
        "InvalidResourceURI",
    ),
    INVALID_CIM_NAMESPACE: FaultKind(
        "w:InternalError", f"{_SERVICE} because the selectors for the resource are not valid. ", sender=False
    ),
    SCHEMA_VALIDATION: FaultKind(
        "w:SchemaValidationError",
        "The SOAP XML in the message does not match the corresponding XML schema definition. Change the XML and "
        "retry. ",
    ),
    INVALID_XML: FaultKind("w:SchemaValidationError", f"{_SERVICE} because the XML is invalid. "),
    ENVELOPE_EXCEEDED: FaultKind(
        "w:EncodingLimit",
        "The response that the WS-Management service computed exceeds the maximum envelope size in the request. ",
        "MaxEnvelopeSizeExceeded",
    ),
    OPTIONS_NOT_SUPPORTED: FaultKind(
        "w:InvalidOptions",
        "The WS-Management provider does not support the specified option set because mustComply for one of the "
        "options is set to true. Change mustComply for one of the options to false. ",
        "NotSupported",
    ),
    TYPE_MISMATCH: FaultKind(
        "w:InvalidParameter",
        f"{_SERVICE}. A parameter that is required for the operation is not the correct type. ",
        "TypeMismatch",
    ),
    INVALID_PARAMETER_NAME: FaultKind(
        "w:InvalidParameter", f"{_SERVICE}. A parameter name is invalid. ", "InvalidName"
    ),
    INVALID_VALUES: FaultKind(
        "x:InvalidRepresentation", f"{_SERVICE} because the XML content has invalid values. ", "InvalidValues"
    ),
    MISSING_VALUES: FaultKind(
        "x:InvalidRepresentation", f"{_SERVICE} because the XML content has missing values. ", "MissingValues"
    ),
    INVALID_XML_NAMESPACE: FaultKind(
        "x:InvalidRepresentation",
        "The WS-Management service cannot identify the format of the object passed to a Put or Create method. The XML "
        "namespace for the input XML is invalid. Change the XML namespace for the input XML in the request. ",
        "InvalidNamespace",
    ),
    INSUFFICIENT_SELECTORS: FaultKind(
        "w:InvalidSelectors",
        f"{_SERVICE} because the request did not contain all required selectors. ",
        "InsufficientSelectors",
    ),
    UNEXPECTED_SELECTORS: FaultKind(
        "w:InvalidSelectors",
        f"{_SERVICE} because the request contained invalid selectors for the resource. ",
        "UnexpectedSelectors",
    ),
    SELECTOR_TYPE: FaultKind(
        "w:InvalidSelectors", f"{_SERVICE} because a value for a selector is of the wrong type. ", "TypeMismatch"
    ),
    DUPLICATE_SELECTORS: FaultKind(
        "w:InvalidSelectors", f"{_SERVICE} because the request contains duplicate selectors. ", "DuplicateSelectors"
    ),
    ADDRESSING_MODE: FaultKind(
        "w:UnsupportedFeature", "The WS-Management service does not support the addressing mode. ", "AddressingMode"
    ),
    ENVELOPE_TOO_SMALL: FaultKind(
        "w:EncodingLimit",
        f"{_SERVICE} because the envelope size in the request is too small. ",
        "MinimumEnvelopeLimit",
    ),
    INVALID_TIMEOUT: FaultKind(
        "a:InvalidMessageInformationHeader", f"{_SERVICE} because the timeout header in the request is invalid. "
    ),
    ENUMERATION_MODE: FaultKind(
        "w:UnsupportedFeature",
        "The WS-Management service does not support the specified enumeration mode. ",
        "EnumerationMode",
    ),
    LOCALE: FaultKind(
        "w:UnsupportedFeature",
        "The WS-Management service cannot guarantee that all data is returned in the requested locale as some data "
        "sources may not be able to comply. Resend the remote request with locale as a hint (the SOAP header should "
        "have "
        'mustUnderstand="false") ',
        "Locale",
    ),
    INVALID_FRAGMENT: FaultKind(
        "n:CannotProcessFilter",
        "Cannot execute the Fragment-Level operation because the fragment path is invalid. Check the syntax of the "
        "fragment path string. ",
    ),
    NOT_A_SINGLETON: FaultKind(
        "w:InvalidSelectors",
        "The WinRM client cannot process the request. The resource URI is not valid: it does not contain keys, but "
        "the class selected is not a singleton. To access an instance which is not a singleton, keys must be "
        "provided. ",
        "InsufficientSelectors",
    ),
    WQL_NEEDS_STAR: FaultKind(
        "a:DestinationUnreachable",
        "The WinRM client cannot process the request. The resource URI for an enumeration operation with WQL filter "
        "must not contain keys and the class name must be '*' (star). ",
        "InvalidResourceURI",
    ),
    PROVIDER_NOT_CAPABLE: FaultKind(
        "a:ActionNotSupported",
        f"{_SERVICE}. The WMI service reported that the WMI provider could not perform the requested operation. ",
    ),
    WMI_ACCESS_DENIED: FaultKind("w:AccessDenied", f"{_SERVICE}. The WMI service returned an 'access denied' error. "),
    INVALID_FILTER_XML: FaultKind("n:CannotProcessFilter", f"{_SERVICE} because the filter XML is invalid. "),
    ENUMERATE_WITH_KEYS: FaultKind(
        "w:InvalidSelectors",
        f"{_SERVICE}. The resource URI for an Enumerate operation must not contain keys. ",
        "UnexpectedSelectors",
    ),
    PROVIDER_INVALID_PARAMETER: FaultKind(
        "w:InvalidParameter", f"{_SERVICE}. The WMI provider returned an 'invalid parameter' error. "
    ),
    TOO_MANY_SHELLS: FaultKind(
        "w:QuotaLimit",
        f"{_SERVICE}. The maximum number of concurrent shells for this user has been exceeded. Close existing shells "
        f"or "
        "raise the quota for this user. ",
    ),
    TOO_MANY_OPERATIONS: FaultKind(
        "w:QuotaLimit",
        f"{_SERVICE}. The maximum number of concurrent operations for this user has been exceeded. Close existing "
        f"operations "
        "for this user, or raise the quota for this user. ",
    ),
    ACCESS_DENIED: FaultKind("w:AccessDenied", "Access is denied. "),
    NOT_SUPPORTED: FaultKind("w:InternalError", "The request is not supported. ", sender=False),
    BUSY: FaultKind("w:InternalError", "The requested resource is in use. ", sender=False),
    BROKEN_PIPE: FaultKind("w:InternalError", "The pipe has been ended. ", sender=False),
    FILE_NOT_FOUND: FaultKind("w:InternalError", "The system cannot find the file specified. ", sender=False),
}


def fault(
    code: int,
    *,
    text: str = "",
    detail: str | None = None,
    provider: tuple[str, str] | None = None,
    wmi_error: bool = False,
) -> WsmanFault:
    """A fault of the service by its code; `text` replaces the usual text inside f:WSManFault."""
    kind = KINDS[code]
    return WsmanFault(
        code,
        kind.subcode,
        detail=kind.detail if detail is None else detail,
        text=text or kind.text,
        reason=kind.text,
        sender=kind.sender,
        provider=provider,
        wmi_error=wmi_error,
    )

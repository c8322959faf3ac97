# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between us and a host's WS-Management service.

PRIVATE to the collection. One hierarchy; every error says what happened (``message``) and what to do next (``hint``).
Codes: MS-WSMV 2.2.4.43, WinRM and WMI error constants as documented by Microsoft.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


class WsmanError(Exception):
    """Anything that keeps a WS-Management operation from succeeding.

    ``host`` is empty until the edge, which knows the inventory name, fills it in. ``step`` is what was being done,
    such as ``reading Win32_Service``.
    """

    default_hint: t.ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", host: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.host = host
        self.step = ""

    def __str__(self) -> str:
        return f"{self.host}: {self.told}" if self.host else self.told

    @property
    def told(self) -> str:
        """What happened, at which step, and what to do next; without the host."""
        text = f"while {self.step}: {self.message}" if self.step else self.message
        return f"{text.rstrip('. ')}. {self.hint}".rstrip() if self.hint else text


@contextmanager
def during(step: str) -> Iterator[None]:
    """Name the step in whatever goes wrong meanwhile; the innermost name is kept."""
    try:
        yield
    except WsmanError as error:
        error.step = error.step or step
        raise


class ChannelUnavailable(WsmanError):
    """The play's connection cannot carry WS-Management."""


class TransportFailed(WsmanError):
    """No answer came. ``sent`` says whether the request may have reached the host: yes, no, or None for unknown."""

    default_hint = "Check that WinRM listens on the host and that the port is reachable from this controller."

    def __init__(self, message: str, *, sent: bool | None = None, hint: str = "", host: str = "") -> None:
        super().__init__(message, hint=hint, host=host)
        self.sent = sent


class ConnectionLost(TransportFailed):
    """The connection broke, or its encryption went stale: a new one may well work."""

    default_hint = "Run the task again; if it happens again, look for a proxy or firewall that cuts idle connections."


class AuthenticationFailed(WsmanError):
    """The host rejected the credentials, or no authentication method is common to both sides."""

    default_hint = (
        "Check ansible_user, ansible_password and the transport. A local account that is not the built-in Administrator"
        " needs LocalAccountTokenFilterPolicy=1 on the host."
    )


class NoTicket(AuthenticationFailed):
    """Kerberos gave no ticket for the host, or the host's answer does not prove that it is the host."""

    default_hint = (
        "Check user@REALM and the password, that the KDC is reachable and the clocks agree, and that the name in the"
        " host's service principal is used: by ansible_host, or by the connection's option for another host name."
    )


class AccessDenied(WsmanError):
    """The HTTP layer refused an authenticated request."""

    default_hint = "Use an account that WinRM accepts, and message encryption (ntlm, kerberos, credssp) or HTTPS."


class BadAnswer(WsmanError):
    """The answer is not what a WS-Management service sends: malformed, too large, or not for this request."""

    default_hint = "Check that ansible_host and ansible_port name a WinRM listener, no proxy or other service."


class Unsendable(WsmanError):
    """A value cannot be written in XML, so nothing was sent."""

    default_hint = "Remove control characters and unpaired surrogates from the value."


@dataclass(frozen=True)
class FaultFacts:
    """What a SOAP fault says.

    ``code`` is the WinRM, WMI or Win32 code, ``subcode`` the WS-Management one without prefix, ``wmi_status`` a WBEM
    status (0x800410xx) from anywhere in the fault, ``provider`` and ``provider_text`` what the WMI provider said
    (localised), ``detail`` the properties of the provider's extended error.
    """

    code: int | None = None
    subcode: str = ""
    reason: str = ""
    wmi_status: int | None = None
    provider: str = ""
    provider_text: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


class WsmanFault(WsmanError):
    """The host answered with a SOAP fault; the attributes are those of FaultFacts."""

    default_hint = "Look at the event logs of Windows Remote Management and WMI-Activity on the host."

    def __init__(self, message: str, facts: FaultFacts | None = None, *, hint: str = "", host: str = "") -> None:
        super().__init__(message, hint=hint, host=host)
        facts = facts or FaultFacts()
        self.code = facts.code
        self.subcode = facts.subcode
        self.reason = facts.reason or message
        self.wmi_status = facts.wmi_status
        self.provider = facts.provider
        self.provider_text = facts.provider_text
        self.detail = facts.detail


class NotFound(WsmanFault):
    """No such instance, or no such resource."""

    default_hint = "The object does not exist on this host."


class InvalidClass(WsmanFault):
    """The WMI class does not exist on this host."""

    default_hint = "This Windows edition or role lacks the class; what depends on it is out of reach here."


class InvalidNamespace(WsmanFault):
    """The WMI namespace does not exist on this host."""

    default_hint = "This Windows edition or role lacks the namespace; what depends on it is out of reach here."


class AccessRefused(WsmanFault):
    """The account may use WinRM but not this object."""

    default_hint = "Use an account in the host's Administrators group, or grant it the WMI namespace rights."


class PolicyHeld(WsmanFault):
    """Group Policy holds the property, so the provider refuses to set it (WBEM_E_INVALID_OPERATION)."""

    default_hint = "Change the setting in the Group Policy that sets it."


class Timeout(WsmanFault):
    """The host did not finish within OperationTimeout; the operation may go on."""

    default_hint = "Raise the connection's operation timeout, and look at the load of the host."


class QuotaExceeded(WsmanFault):
    """A WinRM or WMI quota of the host is used up."""

    default_hint = "Wait for other sessions to end or raise the quota in the host's WinRM configuration."


class AlreadyExists(WsmanFault):
    """The instance to create exists."""

    default_hint = "Read the existing object before creating it."


class InvalidQuery(WsmanFault):
    """The filter could not be processed: a WQL error, or the class is not in the namespace."""

    default_hint = "The class is missing on this host, or it does not have the properties asked for."


class InvalidMethod(WsmanFault):
    """The method or its parameters do not exist in the class."""

    default_hint = "This Windows version lacks the method."


class InvalidArgument(WsmanFault):
    """The host refused a selector, value or option of the request."""

    default_hint = "The value is not one that this Windows version accepts."


class EncodingLimit(WsmanFault):
    """Request or answer is larger than MaxEnvelopeSizekb allows."""

    default_hint = "Raise MaxEnvelopeSizekb in the host's WinRM configuration (500 is the Windows default)."


class ProviderFailed(WsmanFault):
    """The WMI provider failed inside the host."""

    default_hint = "Look at the host's WMI-Activity event log; restarting the WMI service or the host often helps."


class ShellRefused(WsmanError):
    """The host does not open a cmd shell for this account."""

    default_hint = (
        "Allow Remote Shell Access is off or the account is no administrator; what needs a shell is left out,"
        " everything else works without."
    )


class ShellForbidden(ShellRefused):
    """No shell is opened, since the task is not to leave even that on the host."""

    default_hint = "What only a shell can read is left out."


@dataclass(frozen=True)
class FaultKind:
    """A known fault code: its constant's name, the exception it becomes, and a hint where the class's is no help."""

    code: int
    name: str
    error: type[WsmanFault]
    hint: str = ""


KINDS: Mapping[int, FaultKind] = {
    kind.code: kind
    for kind in (
        FaultKind(0x5, "ERROR_ACCESS_DENIED", AccessRefused),
        FaultKind(0x80070005, "E_ACCESSDENIED", AccessRefused),
        FaultKind(0x2, "ERROR_FILE_NOT_FOUND", NotFound),
        FaultKind(0x80070002, "ERROR_FILE_NOT_FOUND", NotFound),
        FaultKind(0x80070490, "ERROR_NOT_FOUND", NotFound),
        FaultKind(0xAA, "ERROR_BUSY", QuotaExceeded, "The host is busy with an earlier request; try again."),
        FaultKind(0x80041001, "WBEM_E_FAILED", ProviderFailed),
        FaultKind(0x80041002, "WBEM_E_NOT_FOUND", NotFound),
        FaultKind(0x80041003, "WBEM_E_ACCESS_DENIED", AccessRefused),
        FaultKind(0x80041004, "WBEM_E_PROVIDER_FAILURE", ProviderFailed),
        FaultKind(0x80041005, "WBEM_E_TYPE_MISMATCH", InvalidArgument),
        FaultKind(0x80041008, "WBEM_E_INVALID_PARAMETER", InvalidArgument),
        FaultKind(0x8004100C, "WBEM_E_NOT_SUPPORTED", InvalidMethod),
        FaultKind(0x8004100E, "WBEM_E_INVALID_NAMESPACE", InvalidNamespace),
        FaultKind(0x80041010, "WBEM_E_INVALID_CLASS", InvalidClass),
        FaultKind(0x80041013, "WBEM_E_PROVIDER_LOAD_FAILURE", ProviderFailed),
        FaultKind(0x80041016, "WBEM_E_INVALID_OPERATION", PolicyHeld),
        FaultKind(0x80041017, "WBEM_E_INVALID_QUERY", InvalidQuery),
        FaultKind(0x80041019, "WBEM_E_ALREADY_EXISTS", AlreadyExists),
        FaultKind(0x80041023, "WBEM_E_READ_ONLY", InvalidArgument, "The property is read-only."),
        FaultKind(0x80041024, "WBEM_E_PROVIDER_NOT_CAPABLE", InvalidMethod),
        FaultKind(0x80041032, "WBEM_E_CALL_CANCELLED", QuotaExceeded, "Ask for fewer objects at once."),
        FaultKind(0x8004102E, "WBEM_E_INVALID_METHOD", InvalidMethod),
        FaultKind(0x8004102F, "WBEM_E_INVALID_METHOD_PARAMETERS", InvalidMethod),
        FaultKind(0x80041062, "WBEM_E_PRIVILEGE_NOT_HELD", AccessRefused),
        FaultKind(0x8004106C, "WBEM_E_QUOTA_VIOLATION", QuotaExceeded, "Ask for fewer objects at once."),
        FaultKind(0x80338000, "ERROR_WSMAN_RESOURCE_NOT_FOUND", NotFound),
        FaultKind(0x8033801A, "ERROR_WSMAN_CANNOT_PROCESS_FILTER", InvalidQuery),
        FaultKind(0x80338029, "ERROR_WSMAN_OPERATION_TIMEDOUT", Timeout),
        FaultKind(0x8033805B, "ERROR_WSMAN_INVALID_SELECTORS", InvalidArgument),
        FaultKind(0x803380FA, "ERROR_WSMAN_NO_KEYS", InvalidArgument, "The object must be named by its keys."),
        FaultKind(0x803381A5, "ERROR_WSMAN_QUOTA_MAX_SHELLS", QuotaExceeded),
        FaultKind(0x803381A6, "ERROR_WSMAN_QUOTA_MAX_OPERATIONS", QuotaExceeded),
    )
}

# DSP0226 subcodes, for faults whose code is not in the table (MS-WSMV 2.2.4.43).
SUBCODES: Mapping[str, type[WsmanFault]] = {
    "AccessDenied": AccessRefused,
    "AlreadyExists": AlreadyExists,
    "CannotProcessFilter": InvalidQuery,
    "DestinationUnreachable": NotFound,
    "EncodingLimit": EncodingLimit,
    "InvalidParameter": InvalidArgument,
    "InvalidSelectors": InvalidArgument,
    "QuotaLimit": QuotaExceeded,
    "TimedOut": Timeout,
}

# CIMStatusCode of MSFT_WmiError (DMTF DSP0200).
CIM_STATUS: Mapping[int, type[WsmanFault]] = {
    1: ProviderFailed,
    2: AccessRefused,
    3: InvalidNamespace,
    4: InvalidArgument,
    5: InvalidClass,
    6: NotFound,
    7: InvalidMethod,
    11: AlreadyExists,
    16: InvalidMethod,
    27: QuotaExceeded,
}

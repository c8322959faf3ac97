# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks: what a host answers to an account without rights. PRIVATE to the collection. They only read.

The connection itself has that account, as it would have any other, so no second password has to be passed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from .._cim.schema import WIN32_OPERATING_SYSTEM
from .._host import Host
from .._wsman.errors import AccessDenied, AccessRefused, WsmanError
from ._base import Check, Untold

ADMINISTRATOR, UNPRIVILEGED, MEMBER = "administrator", "unprivileged", "remote_management_user"
ACCOUNTS = (ADMINISTRATOR, UNPRIVILEGED, MEMBER)
"""What an account may be: with all rights, with none, or in the group S-1-5-32-580 and in no other with rights."""

WIN32_ACCESS_DENIED = 5
BY_WMI = frozenset({0x80041003, 0x80338104})
"""WBEM_E_ACCESS_DENIED, and the service's own code for "the WMI service returned an access denied error" (winrm
helpmsg)."""
_VERSION = re.compile(r"OS: (\d+\.\d+\.(\d+))")


def version(host: Host) -> tuple[str, int] | None:
    """Version and build of Windows, which the service tells whoever has logged on; None where it does not."""
    with contextlib.suppress(WsmanError):
        match = _VERSION.match(host.cim.identify().version)
        return (match[1], int(match[2])) if match else None
    return None


def _refusal(host: Host) -> str:
    try:
        host.cim.get(WIN32_OPERATING_SYSTEM)
    except AccessDenied:
        return "HTTP status"
    except AccessRefused as fault:
        return _shape(fault)
    raise Untold("this account is let in")


def _shape(fault: AccessRefused) -> str:
    if "CIMStatusCode" in fault.detail or "MessageID" in fault.detail:
        return "MSFT_WmiError"
    if {fault.wmi_status, fault.code} & BY_WMI:
        return "WMI status"
    return "service code" if fault.code == WIN32_ACCESS_DENIED else f"code 0x{fault.code or 0:08X}"


def _member(host: Host) -> str:
    try:
        host.cim.get(WIN32_OPERATING_SYSTEM)
    except (AccessDenied, AccessRefused):
        return "refused"
    return "let in"


REFUSAL = Check(
    "access_denied",
    "How is an account without rights refused?",
    "service code",
    {
        "service code": "the message says that the account may not do this",
        "WMI status": "the message says the same",
        "MSFT_WmiError": "the message says the same",
        "HTTP status": "the host counts as unreachable, and the message says that it refuses the account",
    },
    _refusal,
)
MEMBERSHIP = Check(
    "remote_management_users",
    "Do members of Remote Management Users reach WMI?",
    "refused",
    {
        "refused": "the collection needs an administrator, as is documented",
        "let in": "such an account could read; what it may not do is refused one by one, and named",
    },
    _member,
)
ACCOUNT_CHECKS: Mapping[str, Sequence[Check]] = MappingProxyType(
    {UNPRIVILEGED: (REFUSAL,), MEMBER: (REFUSAL, MEMBERSHIP)}
)
"""By what the account is."""

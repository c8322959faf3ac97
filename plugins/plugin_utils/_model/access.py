# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may log on through Remote Desktop: rights of the listener, and who has them. PRIVATE to the collection.

Sources: Win32_TSAccount (Microsoft Win32 documentation, TermServ: the bits of PermissionsAllowed), MS-DTYP 2.4.2.4
(well-known SIDs). Names of groups are localised, so SIDs stand for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .observation import AccountState

LOGON = 0x20
"""WINSTATION_LOGON: begin a session on the host."""

ADMINISTRATORS, REMOTE_DESKTOP_USERS = "S-1-5-32-544", "S-1-5-32-555"

DEFAULT_GROUPS: Mapping[str, str] = MappingProxyType(
    {ADMINISTRATORS: "Administrators", REMOTE_DESKTOP_USERS: "Remote Desktop Users"}
)
"""Who may log on through a listener as Windows sets it up."""

EVERYBODY: Mapping[str, str] = MappingProxyType(
    {
        **DEFAULT_GROUPS,
        "S-1-1-0": "Everyone",
        "S-1-5-4": "Interactive",
        "S-1-5-11": "Authenticated Users",
        "S-1-5-14": "Remote Interactive Logon",
        "S-1-5-32-545": "Users",
    }
)
"""Groups that ordinary users of Remote Desktop are in; what is denied to one of them is denied to its members."""


def may_log_on(account: AccountState) -> bool:
    """Whether a listener grants an account the right to log on, and does not deny it."""
    return bool(account.allowed & LOGON) and not account.denied & LOGON


def left_out(accounts: Iterable[AccountState]) -> tuple[str, ...]:
    """SIDs of the groups that a listener grants the right by default, and this one does not."""
    granted = {account.sid for account in accounts if account.allowed & LOGON}
    return tuple(sid for sid in DEFAULT_GROUPS if sid not in granted)

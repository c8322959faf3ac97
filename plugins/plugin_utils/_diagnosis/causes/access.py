# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in who may log on, and in licences. PRIVATE to the collection.

Who may log on is somebody's decision, and licences are bought: both are named with what to do by hand. The key of the
grace period is never touched, since that would get around licensing.
"""

from __future__ import annotations

from collections.abc import Callable

from ..._model.access import DEFAULT_GROUPS, EVERYBODY, LOGON, left_out, may_log_on
from ..._model.change import Compliance
from ..._model.logon import LogonVerdict
from ..._model.observation import AccountState, LicensingState
from ..._model.settings import BASELINE, CIS_L1
from ..codes import look_up
from ..facts import Evidence, Facts
from ._base import BCGR, Cause, Shown

DENY_RIGHT = (
    "https://learn.microsoft.com/previous-versions/windows/it-pro/windows-10/security/threat-protection/"
    "security-policy-settings/deny-log-on-through-remote-desktop-services"
)
CREDSSP = "https://learn.microsoft.com/openspecs/windows_protocols/ms-cssp/6aac4dea-08ef-47a6-8747-22ea7f6d8685"
ACCOUNTS = "https://learn.microsoft.com/windows/win32/termserv/win32-tsaccount"
GRACE = (
    "https://learn.microsoft.com/windows/win32/termserv/getgraceperioddays-method-in-class-win32-terminalservicesetting"
)
LICENSES = "https://learn.microsoft.com/windows-server/remote/remote-desktop-services/rds-license-session-hosts"
RESTORE = (
    "Win32_TSPermissionsSetting.RestoreDefaults for RDP-Tcp (root/cimv2/TerminalServices) puts Windows' own rights "
    "back once nobody claims these; or take the entry away with Win32_TSAccount"
)


DENIED_LOGON = (
    Compliance(CIS_L1, "2.2 (Deny log on through Remote Desktop Services)", "touches"),
    Compliance(
        "DISA STIG (Windows Server 2022: V-254439; 2025: V-278188; 2019: V-205733; 11: V-253495; 10: V-220972)",
        "SeDenyRemoteInteractiveLogonRight",
        "touches",
    ),
    Compliance(BASELINE, "SeDenyRemoteInteractiveLogonRight", "touches"),
)
"""All want that right denied to local accounts on members of a domain, the first two to guests as well."""


def _told(account: AccountState, what: str) -> Evidence:
    name = EVERYBODY.get(account.sid, "an account")
    return Evidence(f"right to log on of {name} ({account.sid})", what, "Win32_TSPermissionsSetting")


def _denied(facts: Facts) -> Shown:
    """A deny for a group that users are in, or no right for any group that has one by default."""
    accounts = facts.observation.permissions or ()
    closed = (account for account in accounts if account.sid in EVERYBODY and account.denied & LOGON)
    denied = tuple(_told(account, "denied") for account in closed)
    if denied or not accounts or any(map(may_log_on, accounts)):
        return denied
    return (Evidence("right to log on through RDP-Tcp", "granted to nobody", "Win32_TSPermissionsSetting"),)


def _group_missing(facts: Facts) -> Shown:
    """Others may log on, so that somebody meant it so cannot be ruled out."""
    accounts = facts.observation.permissions or ()
    if not any(map(may_log_on, accounts)):
        return ()
    return tuple(
        Evidence(f"right to log on of {DEFAULT_GROUPS[sid]} ({sid})", "not granted", "Win32_TSPermissionsSetting")
        for sid in left_out(accounts)
    )


def _unlicensed(licensing: LicensingState) -> Shown:
    """What a session host lacks to get licences."""
    mode = Evidence("licensing mode", "not set", "TerminalServer.admx LicensingMode")
    servers = Evidence("licence servers", "none named", "GetSpecifiedLicenseServerList")
    return (*((mode,) if not licensing.mode else ()), *((servers,) if not licensing.servers else ()))


def _grace_over(facts: Facts) -> Shown:
    """With mode and server set, that the grace period is over says nothing, but for events that complain."""
    licensing = facts.observation.licensing
    if licensing is None or licensing.days_left != 0:
        return ()
    complaints = (Evidence("event", number, "RemoteConnectionManager/Admin") for number in licensing.events)
    lacking = (*_unlicensed(licensing), *complaints)
    return (Evidence("days left of the licensing grace period", 0, "GetGracePeriodDays"), *lacking) if lacking else ()


def _mode_missing(facts: Facts) -> Shown:
    licensing = facts.observation.licensing
    if licensing is None or not licensing.session_host or licensing.days_left == 0:
        return ()
    days = Evidence("days left of the licensing grace period", licensing.days_left, "GetGracePeriodDays")
    lacking = _unlicensed(licensing)
    return (*lacking, days) if lacking else ()


def _told_of_logon(facts: Facts) -> Shown:
    """What the host said to the credentials, with the meaning of its status where that is known."""
    logon = facts.observation.logon
    if logon is None:
        return ()
    said = (Evidence("logon check", logon.reason, "CredSSP"),)
    if logon.status is None:
        return said
    code = look_up("status", logon.status)
    return (*said, Evidence(code.name or f"NTSTATUS 0x{logon.status:08X}", code.meaning, "MS-ERREF 2.3.1"))


def _logon(verdict: LogonVerdict) -> Callable[[Facts], Shown]:
    """Shown when the logon check ended so."""

    def shows(facts: Facts) -> Shown:
        logon = facts.observation.logon
        return _told_of_logon(facts) if logon and logon.verdict == verdict else ()

    return shows


CAUSES = (
    Cause(
        "logon_right_missing",
        "the host knows the account of the connection and does not let it log on with Remote Desktop",
        "session",
        "high",
        _logon("denied"),
        "diagnosis_info with logon_check: the verdict of the check is accepted",
        by_hand="Put the account into Remote Desktop Users, and look at the user rights Allow and Deny log on through "
        "Remote Desktop Services (SeRemoteInteractiveLogonRight, SeDenyRemoteInteractiveLogonRight) and the "
        "listener's permissions. Hardened hosts deny local accounts on purpose.",
        touches=lambda _facts: DENIED_LOGON,
        sources=(BCGR, DENY_RIGHT),
    ),
    Cause(
        "logon_rejected",
        "the host takes the credentials of the connection over WinRM and not over CredSSP",
        "session",
        "high",
        _logon("rejected"),
        "diagnosis_info with logon_check: the verdict of the check is accepted",
        certain=False,
        veils=True,
        by_hand="Look up the status with explain_code. The check uses NTLM: accounts in Protected Users and domains "
        "that deny NTLM are rejected though Kerberos would let them in. Do not repeat it before the reason is known, "
        "since attempts with a wrong password lock accounts.",
        sources=(CREDSSP,),
    ),
    Cause(
        "credssp_intercepted",
        "something between controller and host ends TLS and shows a certificate of its own",
        "session",
        "critical",
        _logon("intercepted"),
        "diagnosis_info with logon_check: the verdict of the check is accepted",
        veils=True,
        by_hand="Find the proxy or the TLS inspection on the way and exempt Remote Desktop from it.",
        sources=(CREDSSP,),
    ),
    Cause(
        "listener_permissions",
        "the listener's permissions keep users from logging on",
        "session",
        "high",
        _denied,
        "host_info: area permissions shows the right to log on (0x20) for the groups of its users",
        by_hand=f"{RESTORE}.",
        sources=(ACCOUNTS,),
    ),
    Cause(
        "listener_group_missing",
        "a group that may log on by default has no right on the listener",
        "session",
        "low",
        _group_missing,
        "host_info: area permissions shows the right to log on (0x20) for that group",
        certain=False,
        contributes=True,
        by_hand=f"Where its members should get in: {RESTORE}.",
        sources=(ACCOUNTS,),
    ),
    Cause(
        "license_grace_over",
        "the licensing grace period of this session host is over, and it has no way to licences",
        "session",
        "critical",
        _grace_over,
        "host_info: area licensing names mode and servers, and no new licensing event is written",
        by_hand="Set the licensing mode and name a licence server by policy; until then administrators get in with "
        "mstsc /admin. The key of the grace period is not to be deleted: that gets around licensing.",
        sources=(GRACE, LICENSES),
    ),
    Cause(
        "license_mode_missing",
        "this session host has no way to licences, so it refuses users once its grace period is over",
        "session",
        "low",
        _mode_missing,
        "host_info: area licensing names mode and servers",
        contributes=True,
        by_hand="Set the licensing mode and name a licence server by policy.",
        sources=(GRACE, LICENSES),
    ),
)

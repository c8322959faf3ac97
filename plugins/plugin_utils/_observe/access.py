# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Readers: who may log on through the listener, and whether a session host has licences. PRIVATE to the collection.

Sources: Win32_TSPermissionsSetting, Win32_TSAccount, Win32_TerminalServiceSetting.GetGracePeriodDays (Microsoft Win32
documentation, TermServ); TerminalServer.admx (C(LicensingMode) 2 per device, 4 per user; C(LicenseServers));
C(TSAppCompat), which the role sets.
The numbers of LicensingType are documented in two ways, so the mode is read where it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from .._cim import channels, terminal_services
from .._cim.registry import RegistryValue
from .._cim.terminal_services import ServiceSettings
from .._host import Host
from .._model import sddl
from .._model.observation import AccountState, LicensingState
from .._model.settings import POLICY, TERMINAL_SERVER
from .._wsman.errors import ShellRefused
from ._request import Request

LICENSING = TERMINAL_SERVER + r"\RCM\Licensing Core"
MODES: Mapping[int, str] = MappingProxyType({2: "per_device", 4: "per_user"})
ADMIN_CHANNEL = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Admin"

LICENSING_EVENTS = (1068, 1069, 1128, 1130, 50280, 50282)
"""Mode not set, grace period over, no licence server. UNSURE: which of the ids a version writes; all are looked for."""


def read_permissions(request: Request) -> tuple[AccountState, ...]:
    """Rights of the listener RDP-Tcp: by its descriptor, in one operation, or account by account.

    UNSURE: whether every version tells the descriptor, which the class has.
    """
    try:
        return tuple(_by_sid(sddl.parse(terminal_services.permissions(request.host.cim) or "")))
    except sddl.InvalidSddl:
        found = terminal_services.accounts(request.host.cim)
        return tuple(AccountState(account.sid, account.allowed, account.denied) for account in found)


def _by_sid(descriptor: sddl.Descriptor) -> Iterator[AccountState]:
    masks: dict[str, dict[str, int]] = {}
    for ace in descriptor.aces or ():
        kinds = masks.setdefault(ace.sid, {"A": 0, "D": 0})
        kinds[ace.kind] |= ace.mask
    return (AccountState(sid, kinds["A"], kinds["D"]) for sid, kinds in masks.items())


def read_licensing(request: Request) -> LicensingState:
    """One operation on a host that is no session host; a command for the events where nothing is left of the grace."""
    host = request.host
    if not _number(host, TERMINAL_SERVER, "TSAppCompat"):
        return LicensingState(session_host=False)
    settings = terminal_services.service_settings(host.cim)
    days = terminal_services.grace_days(host.cim, settings) if settings else None
    return LicensingState(
        session_host=True,
        mode=next((MODES[number] for number in _modes(host) if number is not None and number in MODES), ""),
        servers=tuple(sorted(_servers(host, settings))),
        days_left=days,
        events=tuple(_events(host, request.since)) if days == 0 else (),
    )


def _modes(host: Host) -> Iterator[int | None]:
    """What policy says before what is stored."""
    yield _number(host, POLICY, "LicensingMode")
    yield _number(host, LICENSING, "LicensingMode")


def _servers(host: Host, settings: ServiceSettings | None) -> Iterable[str]:
    by_policy = host.registry.text(POLICY, "LicenseServers").split(",")
    specified = terminal_services.license_servers(host.cim, settings) if settings else ()
    return {name.strip() for name in (*by_policy, *specified) if name.strip()}


def _events(host: Host, seconds: float) -> Iterator[int]:
    """Where the host opens no shell, the days that are left tell enough."""
    try:
        found = channels.recent(host.shell, ADMIN_CHANNEL, LICENSING_EVENTS, seconds, limit=20)
    except ShellRefused:
        return
    yield from sorted({event.id for event in found})


def _number(host: Host, key: str, name: str) -> int | None:
    reading = host.registry.read(key, name)
    return reading.data if isinstance(reading, RegistryValue) and isinstance(reading.data, int) else None

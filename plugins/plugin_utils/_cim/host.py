# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a host is, and what its clock says.

PRIVATE to the collection. Source: Win32_OperatingSystem, Win32_ComputerSystem, Win32_UserAccount (Microsoft Win32
documentation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.registry import Registry, RegistryValue
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    WIN32_COMPUTER_SYSTEM,
    WIN32_OPERATING_SYSTEM,
    WIN32_PROCESS,
    WIN32_USER_ACCOUNT,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer

CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
CRYPTOGRAPHY = r"HKLM\SOFTWARE\Microsoft\Cryptography"
JOIN_INFO = r"HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo"

YEARS = 1970, 9998
"""Of a clock that can be reckoned with: leases, rights to write and tasks end later, and some begin a day earlier."""

WORKSTATION, DOMAIN_CONTROLLER, SERVER = 1, 2, 3


def utc_now() -> datetime:
    """Return the controller's time."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Identity:
    r"""A host. ``product_type``: 1 workstation, 2 domain controller, 3 server. ``language`` is an LCID.

    ``clock_offset`` is the host's clock minus the controller's, ``windows`` the folder such as ``C:\Windows``.
    """

    name: str
    caption: str
    version: str
    build: int
    product_type: int
    language: int
    boot_time: datetime
    local_time: datetime
    clock_offset: timedelta
    sku: int = 0
    free_memory: int | None = None
    windows: str = ""


def identity(client: CimClient, now: Callable[[], datetime] = utc_now) -> Identity:
    """Return who the host is (one operation)."""
    before = now()
    system = client.get(WIN32_OPERATING_SYSTEM)
    middle = before + (now() - before) / 2
    local_time, free = _time(system, "LocalDateTime"), system.number("FreeVirtualMemory")
    return Identity(
        name=system.text("CSName"),
        caption=system.text("Caption").strip(),
        version=system.text("Version"),
        build=_number(system.text("BuildNumber")),
        product_type=system.number("ProductType") or 0,
        language=system.number("OSLanguage") or 0,
        boot_time=_time(system, "LastBootUpTime"),
        local_time=local_time,
        clock_offset=local_time - middle,
        sku=system.number("OperatingSystemSKU") or 0,
        free_memory=None if free is None else free * 1024,
        windows=system.text("WindowsDirectory"),
    )


def boot_time(client: CimClient) -> datetime:
    """Return when the host started (one operation)."""
    return _time(client.get(WIN32_OPERATING_SYSTEM), "LastBootUpTime")


def boot_mark(client: CimClient) -> str:
    """Return when this start of Windows began by the clock of that moment (one operation); empty where it is not told.

    It is the creation time of wininit.exe, which each start of Windows creates once. The kernel keeps that time as it
    was when the clock is set afterwards (Microsoft Learn, PsGetProcessCreateTimeQuadPart), unlike LastBootUpTime.
    """
    found = client.query(WIN32_PROCESS, wql.compare("Name", "wininit.exe"), ("CreationDate",))
    times = [process.get("CreationDate") for process in found]
    began = min((time for time in times if isinstance(time, datetime) and _reckoned(time)), default=None)
    return began.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ") if began else ""


def process_start(client: CimClient, process_id: int) -> datetime | None:
    """Return when a process was created, by the clock of that moment (one operation); None where it is not told."""
    found = client.query(WIN32_PROCESS, wql.compare("Handle", str(process_id)), ("CreationDate",))
    times = [process.get("CreationDate") for process in found]
    return next((time for time in times if isinstance(time, datetime) and _reckoned(time)), None)


def machine_sid(client: CimClient) -> str | None:
    """Return the SID of the machine, from its administrator's; None on a domain controller, which has none.

    That account may be renamed and disabled, never deleted; its relative id is 500 everywhere (well-known SIDs), and
    public scripts find it by such a query. One object is complete in the first answer; all would take a second one.
    """
    administrator = wql.all_of(wql.compare("LocalAccount", True), wql.ends_with("SID", "-500"))
    accounts = client.query(WIN32_USER_ACCOUNT, administrator, ("SID",))
    sids = sorted(account.text("SID") for account in accounts)
    return next((sid.rpartition("-")[0] for sid in sids if sid.startswith("S-1-5-21-")), None)


def machine_guid(client: CimClient) -> str | None:
    """Return MachineGuid, which clone tools change; None when it is not readable."""
    return Registry(client).text(CRYPTOGRAPHY, "MachineGuid") or None


def membership(client: CimClient) -> tuple[str, bool]:
    """Return the domain or workgroup, and whether it is a domain (one operation)."""
    found = client.query(WIN32_COMPUTER_SYSTEM, select=("Domain", "PartOfDomain"))
    if not found:
        raise BadAnswer("The host has no Win32_ComputerSystem")
    return found[0].text("Domain"), found[0].get("PartOfDomain") is True


def vouched(client: CimClient) -> bool:
    """Return whether a domain or Entra ID vouches for the host's users, who then need no NTLM (one or two operations).

    A domain brings Kerberos, Entra ID brings PKU2U; CredSSP negotiates either as well as NTLM (MS-CSSP 3.1.5, SPNEGO).
    JoinInfo has a subkey for each join to Entra ID, and is read so by inventory agents; Microsoft documents only
    C(dsregcmd /status), which says the same.
    """
    return membership(client)[1] or bool(Registry(client).keys(JOIN_INFO))


def revision(client: CimClient) -> int | None:
    """Return the UBR, which updates raise (one operation); None where it is not readable."""
    reading = Registry(client).read(CURRENT_VERSION, "UBR")
    return reading.data if isinstance(reading, RegistryValue) and isinstance(reading.data, int) else None


def _time(instance: Instance, name: str) -> datetime:
    value = instance.get(name)
    if not isinstance(value, datetime):
        raise BadAnswer(f"{instance.class_name}.{name} holds no time")
    if not _reckoned(value):
        raise BadAnswer(f"{instance.class_name}.{name} is {value.isoformat()}, which no clock of Windows says")
    return value


def _reckoned(time: datetime) -> bool:
    return YEARS[0] <= time.year <= YEARS[1]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0

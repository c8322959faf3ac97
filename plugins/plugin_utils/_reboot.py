# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rebooting a host that will come back, and waiting until it has. PRIVATE to the collection.

A host that asks for a PIN, a key or a password before Windows starts, or whose WinRM has to be started by hand, would
stay away: it is not rebooted. Win32_OperatingSystem.Reboot does not force; users' programs can hold it up although it
answers success, so only a new start counts, which boot_mark tells however the clock was set meanwhile. Sources:
Win32_OperatingSystem and Win32_EncryptableVolume (GetKeyProtectors, ProtectKeyWithExternalKey) in the Win32 reference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from ._cim import wql
from ._cim.host import boot_mark, boot_time
from ._cim.schema import WIN32_ENCRYPTABLE_VOLUME, WIN32_OPERATING_SYSTEM
from ._cim.services import ServiceError
from ._cim.users import NOBODY
from ._host import Host
from ._model.change import Change
from ._owed import SERVICE, TOLERANCE, rebooted
from ._restart import Policy, sessions
from ._wsman.errors import InvalidClass, InvalidNamespace, TransportFailed, WsmanError

ASKS_AT_START = {4: "a PIN", 5: "a startup key", 6: "a PIN and a startup key", 8: "a passphrase"}
"""Types of BitLocker key protectors without which Windows does not start unattended."""

ACCEPT = "set restart to always to accept that"

TPM, EXTERNAL_KEY = 1, 2
"""Beside a TPM an external key is there for recovery; without one it is the startup key, on a USB drive."""

PROTECTION_ON = 1
"""Win32_EncryptableVolume.ProtectionStatus."""

PATIENCE, POLL = 900.0, 5.0
"""Seconds until a host that did not come back is given up, and between looks."""


def objection(host: Host, allowed: bool, policy: Policy) -> str:
    """Why the host may not be rebooted now; empty when it may."""
    if not allowed:
        return "allow_reboot is not set: the host was not rebooted"
    if policy == "never":
        return "restart is never: the host was not rebooted"
    return _stays_away(host) or ("" if policy == "always" else _users(host))


def _stays_away(host: Host) -> str:
    mode = host.service("WinRM").start_mode
    if mode != "Auto":
        return f"WinRM's start mode is {mode}, so the host could not be reached after a reboot: it was not rebooted"
    asked = _asked_at_start(host)
    return f"BitLocker asks for {asked} when the host starts: it was not rebooted" if asked else ""


def _asked_at_start(host: Host) -> str:
    """What BitLocker wants of a person at start; a host without BitLocker's classes has none."""
    with contextlib.suppress(InvalidNamespace, InvalidClass):
        drive = str(host.cim.get(WIN32_OPERATING_SYSTEM).text("SystemDrive"))
        volumes = host.cim.query(WIN32_ENCRYPTABLE_VOLUME, wql.compare("DriveLetter", drive))
        for volume in volumes:
            if volume.number("ProtectionStatus") == PROTECTION_ON:
                return _protector(host, volume.text("DeviceID"))
    return ""


def _protector(host: Host, device: str) -> str:
    for kind, word in ASKS_AT_START.items():
        if _has(host, device, kind):
            return word
    return "a startup key" if _has(host, device, EXTERNAL_KEY) and not _has(host, device, TPM) else ""


def _has(host: Host, device: str, kind: int) -> bool:
    found = host.cim.invoke(
        WIN32_ENCRYPTABLE_VOLUME, "GetKeyProtectors", {"KeyProtectorType": kind}, {"DeviceID": device}
    )
    return bool(found.out.get("VolumeKeyProtectorID"))


def _users(host: Host) -> str:
    """Whom a reboot would log off; also who sits at the console, whom neither connections nor counters show."""
    told = _logged_off(host)
    return f"a reboot would {told}; {ACCEPT}" if told else ""


def _logged_off(host: Host) -> str:
    """What a reboot does to users, in words; empty where nobody is there."""
    found = sessions(host, named=True)
    if not found.idle:
        return f"end {found}"
    if not found.users.told:
        return "log off whoever is signed in, which the host does not show"
    if found.users == NOBODY:
        return ""
    return f"log off {str(found.users) or f'{found.users.more} user(s) who are signed in'}"


def accepted(host: Host, policy: Policy) -> str:
    """Whom a reboot logs off where that was accepted, in words that end its reason; empty where it is nobody.

    Whoever accepts that has the host rebooted also where it does not tell.
    """
    if policy != "always":
        return ""
    try:
        told = _logged_off(host)
    except WsmanError as error:
        return f"; whom it logs off is not known ({error.message})"
    return f"; it was accepted to {told}" if told else ""


def reboot(host: Host, record: Callable[[Change], None], reason: str) -> str:
    """Reboot and wait until the host is back; returns why that did not happen, or empty."""
    host.shell.close()
    mark, asked = boot_mark(host.cim), host.now()
    name, before = host.identity.name, host.identity.boot_time
    record(Change("reboot", "reboot", name, before.isoformat(), "started again", reason, undo="none", risk="medium"))
    with contextlib.suppress(TransportFailed):
        outcome = host.cim.invoke(WIN32_OPERATING_SYSTEM, "Reboot", keys={})
        if not outcome.ok:
            return f"Windows refused to reboot (code {outcome.return_value}); reboot the host"
    if not _came_back(host, mark, asked - TOLERANCE):
        return (
            f"the host was told to reboot and has not started anew after {PATIENCE:g} s; look whether a program or a "
            "user holds the reboot up"
        )
    rebooted(host)
    return _serving(host)


def _came_back(host: Host, mark: str, earliest: datetime) -> bool:
    """Poll until the host has started anew; an error meanwhile means that it is on its way."""
    end = host.monotonic() + PATIENCE
    while host.monotonic() < end:
        host.sleep(POLL)
        with contextlib.suppress(WsmanError):
            if _started_anew(host, mark, earliest):
                return True
    return False


def _started_anew(host: Host, mark: str, earliest: datetime) -> bool:
    """Whether the mark of the boot is another one; by the time of the boot where the host tells no mark."""
    now = boot_mark(host.cim) if mark else ""
    return now != mark if now else boot_time(host.cim) >= earliest


def _serving(host: Host) -> str:
    try:
        host.services.wait(SERVICE, "Running", timeout=PATIENCE / 5)
    except ServiceError as error:
        return f"the host is back and {SERVICE} does not run ({error}); look at the host's System events"
    return ""

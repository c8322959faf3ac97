# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Leases on a host: the task that ends one, and the record that outlives the task. PRIVATE to the collection.

The task is registered before the weakening and works without us. It is one line of cmd.exe:

    reg query KEY /v NAME | findstr /e "OURS" && reg add … && reg add MARK && schtasks /delete …
    & reg query KEY /v NAME | findstr /e "AS GOOD OR BETTER" && reg add MARK && schtasks /delete …

The first chain restores while the value is still ours, notes the end, and deletes the task once that has succeeded; a
failed restore is tried again five minutes later. The second does so where somebody has set the value right meanwhile.
Several actions in one task would run whatever became of the one before, hence one line. findstr matches the end of
reg's line for the value; several strings of equal length are alternatives. Sources: Microsoft Learn, windows-commands
(cmd, reg query, findstr, schtasks delete); Win32 TaskSchd, "Actions".

The record is a value under the journal's root. It tells the next run that a lease was granted, also when somebody has
deleted the task, and after the end that a new one would be a renewal. The mark beside it tells that the lease has
ended, so that what somebody sets later is not taken for what the lease left. Records are sealed and bound to the
machine as journal entries are: one that came with a cloned image counts for nothing, and the task that came with it
ends what there is to end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ._cim.registry import Absent, RegistryValue, Unreadable
from ._cim.tasks import COMMAND, SYSTEM, Definition, Registered
from ._guard import ROOT, require_private
from ._host import Host
from ._model.lease import LONGEST, RECORDS, Lease, LeaseState, mark, pending
from ._model.plain import NotPlain, from_plain, to_plain
from ._model.settings import SETTINGS, Setting
from ._sealed import Tampered, seal, unseal
from ._wsman.errors import WsmanError

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
LEASES = RECORDS.rpartition("\\")[2].lower()


class LeaseError(WsmanError):
    """The record of a lease on the host cannot be used."""

    default_hint = rf"Look at the values under {RECORDS}; each should be as this collection wrote it."


def task_name(setting: str) -> str:
    """The task that ends the lease of a setting: one for each, so that a new one replaces it in one step."""
    return f"winfleet.rdp-lease-{setting}"


def definition(lease: Lease) -> Definition:
    """The task that ends a lease."""
    return ending(lease, SETTINGS[lease.setting], RECORDS)


def ending(lease: Lease, setting: Setting, records_key: str) -> Definition:
    """The task that ends a lease of any setting, in the catalogue or not, and notes the end in a key."""
    back = "its default" if lease.restores is None else setting.word(lease.restores)
    return Definition(
        description=f"winfleet.rdp: sets {setting.path} back to {back} at {lease.until}, unless it was changed since",
        line=_line(lease, setting, records_key),
        starts=lease.ends,
    )


def _line(lease: Lease, setting: Setting, records_key: str) -> str:
    place = f'"{setting.key}" /v {setting.name}'
    note = f'reg add "{records_key}" /v {mark(lease.setting)} /t REG_DWORD /d 1 /f'
    delete = f"{note} && schtasks /delete /tn {task_name(lease.setting)} /f"
    restore = f"reg delete {place} /f"
    if lease.restores is not None:
        restore = f"reg add {place} /t REG_DWORD /d {lease.restores} /f"
    look = f"reg query {place} | findstr /e"
    ours, good = (_strings(numbers) for numbers in (lease.weakened, _good(lease, setting)))
    return f"{look} {ours} && {restore} && {delete} & {look} {good} && {delete}"


def _good(lease: Lease, setting: Setting) -> list[int]:
    """The numbers that are at least as strong as what the lease gave away; larger ones are stronger."""
    floor = max(lease.weakened) + 1 if lease.restores is None else lease.restores
    return [number for number in setting.choices if number >= floor and number not in lease.weakened]


def _strings(numbers: Iterable[int]) -> str:
    return '"' + " ".join(f"0x{number:x}" for number in numbers) + '"'


@dataclass(frozen=True)
class Record:
    """A lease as it is noted on a host: machine is MachineGuid and machine SID of the host that it was granted on."""

    machine: str
    lease: Lease


def records(host: Host, kept: Iterable[str] | None = None) -> list[Lease]:
    """The leases that were granted on a host, whatever has become of them; one operation where there are none.

    C(kept) are the names of the keys under the journal's root, where they were just read.

    Raises:
        LeaseError: a record was altered.
        Exposed: others than Administrators and SYSTEM may write records.
    """
    known = host.registry.keys(ROOT) or () if kept is None else kept
    leased = any(name.lower() == LEASES for name in known)
    names = host.registry.values(RECORDS) or {} if leased else {}
    if names:
        require_private(host.registry, RECORDS)
    found = (_record(host, name) for name in sorted(names) if not name.endswith((mark(""), pending(""))))
    return [lease for lease in found if lease is not None]


def record(host: Host, setting: str) -> Lease | None:
    """The last lease that was granted for a setting on this machine."""
    found = host.registry.read(RECORDS, setting, "REG_SZ")
    return None if isinstance(found, Absent) else _record(host, setting)


def _record(host: Host, name: str) -> Lease | None:
    """A record as it was made; None where it was made on another machine."""
    found = host.registry.read(RECORDS, name, "REG_SZ")
    if not isinstance(found, RegistryValue):
        raise LeaseError(f"the record of the lease {name} cannot be read")
    try:
        noted = from_plain(Record, unseal(str(found.data)))
    except (Tampered, NotPlain) as error:
        raise LeaseError(f"the record of the lease {name} is damaged or was altered ({error})") from error
    wrong = flaw(noted.lease, name)
    if wrong:
        raise LeaseError(f"the record of the lease {name} was altered: {wrong}")
    return noted.lease if noted.machine == host.machine_id() else None


def flaw(lease: Lease, setting: str) -> str:
    """What no lease of a setting has, and a forged one may; empty when it has nothing of the kind.

    The end of a lease can only strengthen. One that is further off than any lease lasts is no flaw by itself: a clock
    that was set back makes such a one as well, and both are ended as LeaseState.astray says.
    """
    if lease.setting != setting or setting not in SETTINGS:
        return f"it is of {lease.setting}"
    shown = (
        (not lease.weakened or not set(lease.weakened) <= set(SETTINGS[setting].choices), "weakened"),
        (lease.restores is not None and lease.restores <= max(lease.weakened, default=0), "restores"),
        (not 0 < lease.lasts <= LONGEST, "lasts"),
        (not _is_moment(lease.until), "until"),
    )
    return ", ".join(f"{name} cannot be {getattr(lease, name)!r}" for true, name in shown if true)


def _is_moment(text: str) -> bool:
    try:
        return MOMENT.fullmatch(text) is not None and datetime.fromisoformat(text[:-1]) is not None
    except ValueError:
        return False


def observe(host: Host, lease: Lease) -> LeaseState:
    """How a lease stands now: the value that it weakened, what was noted of it, its task (five operations).

    Raises:
        LeaseError: its value cannot be read.
    """
    number = _number(host, SETTINGS[lease.setting])
    ended, unbegun = (
        isinstance(host.registry.read(RECORDS, name(lease.setting)), RegistryValue) for name in (mark, pending)
    )
    return LeaseState(lease, armed(host, lease), number, host.now().isoformat(), ended, unbegun)


def _number(host: Host, setting: Setting) -> int | None:
    value = host.registry.read(setting.key, setting.name, setting.type)
    if isinstance(value, Unreadable):
        raise LeaseError(f"{setting.path} cannot be read ({value.reason}), so how its lease stands is not known")
    return value.data if isinstance(value, RegistryValue) and isinstance(value.data, int) else None


def armed(host: Host, lease: Lease) -> bool:
    """Whether the task that ends the lease is on the host, as it was registered, and enabled."""
    found = host.tasks.find(task_name(lease.setting))
    return found is not None and _as_registered(found, definition(lease))


def _as_registered(found: Registered, wanted: Definition) -> bool:
    """A start without a zone is taken as it is: whether an export keeps the Z is UNSURE."""
    starts = [start for start in found.starts if start.tzinfo is not None]
    return (
        found.enabled
        and found.user.upper() in (SYSTEM, "SYSTEM", "NT AUTHORITY\\SYSTEM")
        and (found.command, found.arguments) == (COMMAND, wanted.arguments)
        and len(found.starts) > 0
        and all(start == wanted.starts for start in starts)
    )


def grant(host: Host, lease: Lease) -> None:
    """Record a lease and register the task that ends it, in place of an earlier one of the same setting.

    Where nothing is weakened yet it is noted as pending, so that one whose run is cut off now can be granted again.
    """
    host.registry.create_key(RECORDS)
    if _number(host, SETTINGS[lease.setting]) not in lease.weakened:
        host.registry.write(RECORDS, pending(lease.setting), RegistryValue("REG_DWORD", 1))
    noted = seal(to_plain(Record(host.machine_id(), lease)))
    host.registry.write(RECORDS, lease.setting, RegistryValue("REG_SZ", noted))
    host.registry.delete_value(RECORDS, mark(lease.setting))
    host.tasks.register(task_name(lease.setting), definition(lease))


def begin(host: Host, setting: str) -> None:
    """Note that the weakening was made, so that another value from now on is somebody else's."""
    host.registry.delete_value(RECORDS, pending(setting))


def end(host: Host, setting: str) -> None:
    """Delete the task of a lease, then its record. The value is put back before."""
    host.tasks.delete(task_name(setting))
    for name in (setting, mark(setting), pending(setting)):
        host.registry.delete_value(RECORDS, name)

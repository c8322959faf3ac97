# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes made on a host: journaled before, verified after, one writer at a time. PRIVATE to the collection.

Nothing here decides. For each kind of change there is one applier that can read the item and write it; apply and
roll-back are the same two movements in opposite directions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType, TracebackType

from ._cim.firewall import Profiles, Rule
from ._cim.registry import Absent, RegistryValue, Unreadable
from ._cim.services import StartMode
from ._host import Host
from ._journal import Journal, Writer
from ._model.change import Change, Kind
from ._model.plain import Plain
from ._model.settings import SETTINGS
from ._restart import PENDING, ensure_idle


class ApplyError(Exception):
    """A change was not made as planned; the message says what is on the host now and what to do."""


class Moved(ApplyError):
    """Somebody changed the item between observation and write, so the plan no longer holds."""


class NotKept(ApplyError):
    """Windows accepted the write but does not have the value afterwards."""


@dataclass(frozen=True)
class Applier:
    """How one kind of item is read and written.

    Attributes:
        read: the item's plain value now; for a firewall rule, of the fields that a change names.
        write: makes it so; None is "absent".
    """

    read: Callable[[Host, Change], Plain]
    write: Callable[[Host, Change, Plain], None]


# --- registry values

_BY_PATH = {setting.path.lower(): setting for setting in SETTINGS.values()}


def _split(item: str) -> tuple[str, str]:
    key, _separator, name = item.rpartition("\\")
    return key, name


def _registry_type(change: Change) -> str:
    values = (value for value in (change.after, change.before) if isinstance(value, dict))
    return next((str(value["type"]) for value in values), "REG_DWORD")


def _read_registry(host: Host, change: Change) -> Plain:
    reading = host.registry.read(*_split(change.item), _registry_type(change))
    if isinstance(reading, Unreadable):
        raise ApplyError(f"{change.item} cannot be read now ({reading.reason}); it is left as it is")
    return None if isinstance(reading, Absent) else reading.to_plain()


def _write_registry(host: Host, change: Change, value: Plain) -> None:
    """By the WMI setter where there is one, since a direct write may not reach the running listener; else directly."""
    key, name = _split(change.item)
    if not isinstance(value, dict):
        host.registry.delete_value(key, name)
    elif not _set_by_wmi(host, change, value):
        host.registry.write(key, name, RegistryValue.from_plain(value))


def _set_by_wmi(host: Host, change: Change, value: Plain) -> bool:
    """Whether the provider took the value and the registry has it.

    The class and the method of SecurityLayer are documented with different numbers, and Home editions have no such
    namespace: what the registry says afterwards decides, not the provider's answer. Values out of range, which a
    roll-back may have to put back, the provider refuses.
    """
    setting = _BY_PATH.get(change.item.lower())
    number = value["data"] if isinstance(value, dict) else None
    if setting is None or number not in setting.choices or not isinstance(number, int):
        return False
    host.set_by_wmi(setting, number)
    return _read_registry(host, change) == value


# --- services


_START_MODES: Mapping[str, StartMode] = MappingProxyType(
    {"Auto": "Automatic", "Manual": "Manual", "Disabled": "Disabled", "Boot": "Boot", "System": "System"}
)
"""Win32_Service reads C(Auto) and takes C(Automatic)."""


def _read_start_mode(host: Host, change: Change) -> Plain:
    return host.service(change.item).start_mode


def _write_start_mode(host: Host, change: Change, value: Plain) -> None:
    host.services.set_start_mode(change.item, _START_MODES[str(value)])


def _read_state(host: Host, change: Change) -> Plain:
    state = host.service(change.item).state
    return PENDING.get(state, state)


def _write_state(host: Host, change: Change, value: Plain) -> None:
    if value == "Running":
        host.services.start(change.item)
    else:
        ensure_idle(host, f"stopping {change.item}")
        host.services.stop(change.item)


# --- firewall rules


_RULE_READERS: Mapping[str, Callable[[Rule], Plain]] = MappingProxyType(
    {
        "enabled": lambda rule: rule.enabled,
        "profiles": lambda rule: int(rule.profiles),
        "local_ports": lambda rule: list(rule.ports),
        "remote_addresses": lambda rule: list(rule.remote_addresses),
    }
)


def _read_rule(host: Host, change: Change) -> Plain:
    rule = host.rule(change.item)
    fields = change.after if isinstance(change.after, dict) else {}
    return {name: _RULE_READERS[name](rule) for name in fields}


def _write_rule(host: Host, change: Change, value: Plain) -> None:
    rule = host.rule(change.item)
    for name, setting in value.items() if isinstance(value, dict) else ():
        _write_field(host, rule, name, setting)


def _write_field(host: Host, rule: Rule, name: str, value: Plain) -> None:
    if name == "enabled" and isinstance(value, bool):
        host.firewall.set_enabled(rule, value)
    elif name == "profiles" and isinstance(value, int):
        host.firewall.set_profiles(rule, Profiles(value))
    elif name == "local_ports" and isinstance(value, list):
        host.firewall.set_local_port(rule, [str(port) for port in value])
    elif name == "remote_addresses" and isinstance(value, list):
        host.firewall.set_remote_addresses(rule, [str(address) for address in value])
    else:
        raise ApplyError(f"{rule.instance_id}: a change cannot set {name} to {value!r}")


APPLIERS: Mapping[Kind, Applier] = MappingProxyType(
    {
        "registry": Applier(_read_registry, _write_registry),
        "service_start_mode": Applier(_read_start_mode, _write_start_mode),
        "service_state": Applier(_read_state, _write_state),
        "firewall_rule": Applier(_read_rule, _write_rule),
    }
)


class Run:
    """The writes of one task on one host, under one run id. Nothing is written before the first change.

    Use as a context manager: leaving it gives the right to write back, also when the run fails.
    """

    def __init__(self, host: Host, run_id: str, applied: list[Change]) -> None:
        """Changes that stand are kept in C(applied), which outlives the run when it is cut off."""
        self.host = host
        self.run_id = run_id
        self.journal = Journal(host.registry, host.machine_id, host.now)
        self.applied = applied
        self._stack = ExitStack()
        self._writer: Writer | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def writer(self) -> Writer:
        """The right to write, taken at the first use and checked at every other."""
        if self._writer is None:
            self._writer = self._stack.enter_context(
                Writer(self.host.registry, self.host.now, f"run {self.run_id}", self.host.sleep)
            )
        else:
            self._writer.check()
        return self._writer

    def apply(self, change: Change) -> bool:
        """Make one change; False when the item has the value already.

        Raises:
            Moved: the item is neither as observed nor as wanted.
            NotKept: the item is not as wanted after the write.
        """
        applier = APPLIERS[change.kind]
        self.writer()
        found = applier.read(self.host, change)
        if found == change.after:
            return False
        if found != change.before:
            raise Moved(f"{change.item} was {change.before!r} and is {found!r} now: somebody changed it; run again")
        self.journal.record(self.run_id, change)
        applier.write(self.host, change, change.after)
        _verify(applier, self.host, change, change.after)
        self.applied.append(change)
        return True

    def undo(self, change: Change) -> bool:
        """Put back what was before; False when it is so already. Not journaled: the entry stands until it is marked.

        Raises:
            NotKept: the item is not as before after the write.
        """
        applier = APPLIERS[change.kind]
        self.writer()
        back = replace(change, before=change.after, after=change.before)
        if applier.read(self.host, change) == change.before:
            return False
        applier.write(self.host, back, change.before)
        _verify(applier, self.host, change, change.before)
        if change in self.applied:
            self.applied.remove(change)
        return True

    def record(self, change: Change) -> None:
        """Journal a change that an applier does not make, such as a restart."""
        self.writer()
        self.journal.record(self.run_id, change)
        self.applied.append(change)


def _verify(applier: Applier, host: Host, change: Change, wanted: Plain) -> None:
    found = applier.read(host, change)
    if found != wanted:
        raise NotKept(
            f"{change.item} was written but is {found!r} instead of {wanted!r}: look for a policy or a security "
            "product that sets it back"
        )

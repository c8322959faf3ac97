# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applier: registry values. PRIVATE to the collection."""

from __future__ import annotations

from .._cim.registry import Absent, RegistryValue, Unreadable
from .._host import Host
from .._model.change import Change
from .._model.plain import Plain
from .._model.settings import SETTINGS
from ._base import Applier, ApplyError

_BY_PATH = {setting.path.lower(): setting for setting in SETTINGS.values()}


def _split(item: str) -> tuple[str, str]:
    key, _separator, name = item.rpartition("\\")
    return key, name


def _registry_type(change: Change) -> str:
    values = (value for value in (change.after, change.before) if isinstance(value, dict))
    return next((str(value["type"]) for value in values), "REG_DWORD")


def _read(host: Host, change: Change) -> Plain:
    reading = host.registry.read(*_split(change.item), _registry_type(change))
    if isinstance(reading, Unreadable):
        raise ApplyError(f"{change.item} cannot be read now ({reading.reason}); it is left as it is")
    return None if isinstance(reading, Absent) else reading.to_plain()


def _write(host: Host, change: Change, value: Plain) -> None:
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
    return _read(host, change) == value


APPLIER = Applier(_read, _write)

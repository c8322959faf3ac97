# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applier: registry values. PRIVATE to the collection."""

from __future__ import annotations

from .._cim.registry import Absent, RegistryError, RegistryValue, Unreadable
from .._host import SET_BY_WMI, Host
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
    if _by_wmi(change, value) and _set_by_wmi(host, change, value):
        return
    _write_directly(host, change, value)


def _write_directly(host: Host, change: Change, value: Plain) -> None:
    key, name = _split(change.item)
    if isinstance(value, dict):
        host.registry.write(key, name, RegistryValue.from_plain(value))
    else:
        _delete(host, key, name)
    if change.item == SETTINGS["port"].path:
        host.forget_port()


def _delete(host: Host, key: str, name: str) -> None:
    """Delete a value. Raises ApplyError where this account may not, which is no reason to try nothing else."""
    try:
        host.registry.delete_value(key, name)
    except RegistryError as error:
        raise ApplyError(f"{error.message}. It was left as it is: look at who may write there, in regedit") from error


def _by_wmi(change: Change, value: Plain) -> bool:
    """Whether a provider is to be asked; values out of range, which a roll-back may have to put back, it refuses."""
    setting = _BY_PATH.get(change.item.lower())
    number = value["data"] if isinstance(value, dict) else None
    return setting is not None and setting.id in SET_BY_WMI and number in setting.choices


def _set_by_wmi(host: Host, change: Change, value: Plain) -> bool:
    """Whether there is a provider; Home editions have none.

    The class and the method of SecurityLayer are documented with different numbers: what the registry says afterwards
    decides, not the provider's answer.
    """
    number = value["data"] if isinstance(value, dict) else None
    return isinstance(number, int) and host.set_by_wmi(_BY_PATH[change.item.lower()], number) is not None


def _otherwise(host: Host, change: Change, value: Plain) -> None:
    """Directly, where the provider was asked first and the registry has not what it was asked for."""
    if _by_wmi(change, value):
        _write_directly(host, change, value)


APPLIER = Applier(_read, _write, otherwise=_otherwise)

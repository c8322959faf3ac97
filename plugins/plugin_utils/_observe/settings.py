# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: settings as stored locally and by policy, and who owns a policy value. PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Mapping

from .._cim.registry import Absent, Reading, RegistryValue
from .._model import reading as plain_reading
from .._model.observation import SettingState
from .._model.settings import SETTINGS, Setting
from . import _owners
from ._request import Request


def read(request: Request) -> dict[str, SettingState]:
    """Read the wanted settings: an operation for each, one for each policy key, and more only where policy decides."""
    wanted = [SETTINGS[name] for name in request.settings]
    keys = dict.fromkeys(setting.policy.key for setting in wanted if setting.policy)
    policies: dict[str, plain_reading.Reading] = {}
    owners: dict[str, str] = {}
    for key in keys:
        found = _policies(request, key, wanted)
        policies.update({f"{key}\\{name}": reading for name, reading in found.items()})
        named = _owners.find(request.host, key, tuple(found)) if found else {}
        owners.update({f"{key}\\{name}": owner for name, owner in named.items()})
    return {setting.id: _state(request, setting, policies, owners) for setting in wanted}


def _state(
    request: Request, setting: Setting, policies: Mapping[str, plain_reading.Reading], owners: Mapping[str, str]
) -> SettingState:
    local = plain_reading.ABSENT if setting.by_policy_alone else _plain(request.stored(setting))
    path = setting.policy.path if setting.policy else ""
    if path not in policies:
        return SettingState(local)
    return SettingState(local, policies[path], owners.get(path, ""))


def _policies(request: Request, key: str, wanted: list[Setting]) -> dict[str, plain_reading.Reading]:
    """The values of a policy key among those that override a wanted setting, by name."""
    policies = [setting.policy for setting in wanted if setting.policy and setting.policy.key == key]
    names = {policy.name.lower(): policy.name for policy in policies}
    present = [names[name] for name in request.value_names(key) if name in names]
    return {name: _plain(request.host.registry.read(key, name)) for name in present}


def _plain(reading: Reading) -> plain_reading.Reading:
    if isinstance(reading, RegistryValue):
        plain = reading.to_plain()
        return plain_reading.value(plain["data"], plain["type"])
    return plain_reading.ABSENT if isinstance(reading, Absent) else plain_reading.unreadable(reading.reason)

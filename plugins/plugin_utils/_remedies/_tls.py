# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of TLS for servers and for clients, whose overrides are alike. PRIVATE to the collection.

Source: Microsoft's "Transport Layer Security (TLS) registry settings": an absent value is the version's default, and
DisabledByDefault counts only where Enabled does not say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._model.change import Plan
from .._model.observation import Observation, SettingState
from .._model.settings import SETTINGS
from ._base import Options, Wish, plan_setting


@dataclass(frozen=True)
class Side:
    """A version for servers or for clients: the ids of its two settings, and the remedy that plans them."""

    remedy: str
    enabled: str
    disabled_by_default: str
    whose: str
    version: str = "TLS 1.2"


def allow_tls(observation: Observation, side: Side, options: Options) -> Plan:
    """Take away the overrides that block; DisabledByDefault only where Enabled does not overrule it from then on."""
    enabled = observation.settings.get(side.enabled)
    by_default = observation.settings.get(side.disabled_by_default)
    plan = Plan()
    if enabled is None or not _is_on(enabled):
        wish = default_of(side.remedy, side.enabled, f"{side.version} is switched off for {side.whose}")
        plan += plan_setting(observation, wish, options)
    overruled = enabled is not None and enabled.local.is_value and _is_on(enabled)
    if not overruled and (by_default is None or by_default.local.data != 0):
        reason = f"{side.version} is left to {side.whose} that ask for it"
        plan += plan_setting(observation, default_of(side.remedy, side.disabled_by_default, reason), options)
    return plan


def _is_on(enabled: SettingState) -> bool:
    return enabled.local.state == "absent" or (enabled.local.is_value and enabled.local.data != 0)


def default_of(remedy: str, setting: str, reason: str) -> Wish:
    """The wish that Windows' own default counts."""
    return Wish(remedy, setting, SETTINGS[setting].default or 0, reason, risk="medium", absent=True)

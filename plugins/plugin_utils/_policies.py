# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a policy decides that was not there when a run wrote a value, so that it is not put back. PRIVATE.

Nothing is written under a policy: it would show when that is taken away, long after anybody thinks of it.
"""

from __future__ import annotations

from ._apply import ApplyError
from ._host import Host
from ._model.change import Change, Held
from ._model.observation import SettingState
from ._model.settings import SETTINGS, Policy, Setting
from ._observe import observe

_BENEATH = {setting.path.lower(): setting for setting in SETTINGS.values() if setting.policy}
_POLICIES = {setting.policy.path.lower(): setting for setting in SETTINGS.values() if setting.policy}


def is_policy(change: Change) -> bool:
    """Whether it is a policy value itself."""
    return change.kind == "registry" and change.item.lower() in _POLICIES


class Policies:
    """The policies of a host; the names in each key of theirs are read once, before anything is put back."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._names: dict[str, frozenset[str]] = {}

    def over(self, change: Change) -> Held | None:
        """What decides an item that is to go back; None where nothing does.

        A policy value itself is decided by whoever owns it.

        Raises:
            ApplyError: it cannot be read.
        """
        setting = _BENEATH.get(change.item.lower()) or _POLICIES.get(change.item.lower())
        policy = setting.policy if setting and change.kind == "registry" else None
        if setting is None or policy is None or policy.name.lower() not in self._listed(policy.key):
            return None
        state = self._state(setting)
        free = is_policy(change) and not state.policy_owner
        return None if free or not state.policy.is_value else _held(change, setting, policy, state)

    def _listed(self, key: str) -> frozenset[str]:
        if key not in self._names:
            self._names[key] = frozenset(name.lower() for name in self._host.registry.values(key) or ())
        return self._names[key]

    def _state(self, setting: Setting) -> SettingState:
        seen = observe(self._host, ("settings",), (setting.id,))
        state = seen.settings.get(setting.id)
        if state is None or state.policy.state == "unreadable":
            why = state.policy.reason if state else seen.unread.get("settings", "")
            raise ApplyError(f"what policy says of {setting.path} cannot be read ({why}), so it is left as it is")
        return state


def _held(change: Change, setting: Setting, policy: Policy, state: SettingState) -> Held:
    return Held(
        state="policy_held" if state.policy_owner else "policy_orphaned",
        setting=setting.id,
        value=state.policy.data,
        wanted=change.before["data"] if isinstance(change.before, dict) else None,
        path=policy.path,
        policy=policy.gpo,
        owner=state.policy_owner or "",
    )

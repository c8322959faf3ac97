# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all remedies share. PRIVATE to the collection."""

from __future__ import annotations

import functools
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .._model.change import Change, Held, Plan, Refusal, Risk
from .._model.observation import Observation, SettingState
from .._model.plain import Plain
from .._model.reading import Reading
from .._model.scope import Scope
from .._model.settings import SETTINGS, Setting, compliance, effective

Options = Mapping[str, t.Any]
Planner = Callable[[Observation, Options], Plan]

WORKSTATION = 1
"""Win32_OperatingSystem.ProductType of a client version of Windows."""

CHANNEL_PORT = "channel_port"
"""Key of the options under which the edge says which port the channel in use goes to; no module has such an option."""

POLICY_OPTION: Mapping[str, t.Any] = {"remove_orphaned_policy": {"type": "bool", "default": False}}
"""Option of every module whose settings can be overridden by a policy value that nobody owns."""


def _nothing(_observation: Observation, _options: Options) -> Scope:
    return Scope()


@dataclass(frozen=True)
class Remedy:
    """One fix.

    Attributes:
        name: the module's name.
        areas: what has to be observed before it can plan.
        settings: ids of the settings that it decides on.
        options: its argument spec, without the options that all modules share.
        plan: the pure planner.
        probed: whether it decides on the live handshake too.
        climbs: the options with which the loop tries its methods one after the other, as its causes name them.
        needs: the areas that some options are about, where those differ; all of them otherwise.
        shows: further parts of the module's result, from what was observed before the changes.
        spared: settings that are read only where an option, which it names, is given and does not keep them.
        undecided: what the plan turns out to hang on by what was observed, and mostly does not.
        beside: further areas that the module reads to name what stands in the way; the loop's findings name it.
    """

    name: str
    areas: tuple[str, ...]
    settings: tuple[str, ...]
    options: Mapping[str, t.Any]
    plan: Planner
    probed: bool = False
    climbs: Mapping[str, str] = field(default_factory=dict)
    needs: Callable[[Options], tuple[str, ...]] | None = None
    beside: Callable[[Options], tuple[str, ...]] | None = None
    undecided: Callable[[Observation, Options], Scope] = _nothing
    spared: Mapping[str, str] = field(default_factory=dict)
    shows: Callable[[Observation], dict[str, t.Any]] | None = None

    def areas_for(self, options: Options) -> tuple[str, ...]:
        """What has to be observed for these options."""
        return self.needs(options) if self.needs else self.areas

    def settings_for(self, options: Options) -> tuple[str, ...]:
        """The settings that have to be read for these options: not what they keep."""
        asked = {name: options[option] for name, option in self.spared.items()}
        return tuple(name for name in self.settings if asked.get(name, True) not in ("keep", None))

    def areas_alone(self, options: Options) -> tuple[str, ...]:
        """What has to be observed where the remedy is all that a task does."""
        return (*self.areas_for(options), *(self.beside(options) if self.beside else ()))


def defaults(spec: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The options of a module when none is given."""
    return {name: entry.get("default") for name, entry in spec.items()}


def registry_value(number: int) -> Plain:
    """The plain form of a DWORD, as changes and the journal carry it."""
    return {"type": "REG_DWORD", "data": number}


def plain_reading(reading: Reading) -> Plain:
    """The plain form of what a registry value was; absent is None."""
    return {"type": reading.type, "data": reading.data} if reading.is_value else None


@dataclass(frozen=True)
class Wish:
    """A setting that is wanted to have a value, by which remedy, and why."""

    remedy: str
    setting: str
    number: int
    reason: str
    risk: Risk = "low"
    proof: str = ""
    then: str = ""
    explicit: bool = False
    """Write the value although its absence would mean the same to Windows."""
    absent: bool = False
    """Take the value away, so that Windows' own default counts, which the number is."""
    at_least: bool = False
    """A larger number, which is stronger, meets it as well."""


def plan_setting(observation: Observation, wish: Wish, options: Options) -> Plan:
    """The least change that makes a setting effective: nothing, a local value, or the policy that stands above it."""
    setting = SETTINGS[wish.setting]
    state = observation.settings.get(wish.setting)
    if state is None or "unreadable" in (state.local.state, state.policy.state):
        return Plan(refused=(Refusal(_unread_message(setting, state, observation)),))
    if not state.policy.is_value:
        return _plan_local(observation, setting, state, wish)
    if state.policy.data == wish.number:
        return Plan()
    if state.policy_owner == "" and options.get("remove_orphaned_policy"):
        return remove_policy(observation, wish) + _plan_local(observation, setting, state, wish)
    return Plan(held=(held(setting, state, wish),))


def _plan_local(observation: Observation, setting: Setting, state: SettingState, wish: Wish) -> Plan:
    local = SettingState(state.local)
    number = effective(setting, local)[0]
    if wish.absent:
        fulfilled = not state.local.is_value
    else:
        right_type = not state.local.is_value or state.local.type == setting.type
        fulfilled = right_type and number == wish.number and (state.local.is_value or not wish.explicit)
    if fulfilled:
        return Plan()
    before = setting.number(state.local.data)
    change = Change(
        remedy=wish.remedy,
        kind="registry",
        item=setting.path,
        before=plain_reading(state.local),
        after=None if wish.absent else setting.stored(wish.number),
        reason=wish.reason,
        risk=wish.risk,
        restart=setting.restart,
        reboot=setting.effect == "reboot",
        proof=wish.proof,
        then=wish.then,
        compliance=compliance(setting, before, wish.number, is_client(observation)),
    )
    return Plan(changes=(change,))


def remove_policy(observation: Observation, wish: Wish) -> Plan:
    """Take away the policy value that nobody owns; what then counts may be the wish, which wants its proof."""
    setting, state = SETTINGS[wish.setting], observation.settings[wish.setting]
    policy = setting.policy
    if policy is None:
        return Plan()
    beneath = effective(setting, SettingState(state.local))[0]
    change = Change(
        remedy=wish.remedy,
        kind="registry",
        item=policy.path,
        before=plain_reading(state.policy),
        after=None,
        reason=f"a policy value that no policy owns overrides {setting.name}",
        risk="medium",
        restart=setting.restart,
        reboot=setting.effect == "reboot",
        proof=wish.proof if beneath == wish.number else "",
        then=wish.then,
        compliance=compliance(setting, setting.number(state.policy.data), beneath, is_client(observation)),
    )
    return Plan(changes=(change,))


def held(setting: Setting, state: SettingState, wish: Wish) -> Held:
    """What policy decides otherwise than wished."""
    policy = setting.policy
    return Held(
        state="policy_orphaned" if state.policy_owner == "" else "policy_held",
        setting=setting.id,
        value=state.policy.data,
        wanted=wish.number,
        path=policy.path if policy else "",
        policy=policy.gpo if policy else "",
        owner=state.policy_owner or "",
    )


def _unread_message(setting: Setting, state: SettingState | None, observation: Observation) -> str:
    if state is None:
        reason = observation.unread.get("settings", "it was not observed")
    else:
        reason = state.local.reason or state.policy.reason
    return f"{setting.path} could not be read ({reason}); it is left as it is"


def is_client(observation: Observation) -> bool:
    """Whether the host runs a client version of Windows; an unread identity counts as one, to report more."""
    return observation.identity is None or observation.identity.product_type == WORKSTATION


def no_connections(observation: Observation) -> str:
    """Why this edition of Windows takes no connections, and what to do; empty where it takes them."""
    identity = observation.identity
    if identity is None or not identity.home:
        return ""
    return (
        f"{identity.caption} takes no Remote Desktop connections: no setting changes that in a Home edition of "
        "Windows; upgrade it to Pro, or use another way in"
    )


def useless(observation: Observation) -> Plan:
    """The plan for what is for connections alone, on an edition that takes none; empty where it takes them."""
    why = no_connections(observation)
    return Plan(refused=(Refusal(why),) if why else ())


def hosting(plan: Planner) -> Planner:
    """A planner of what is for connections alone: elsewhere it would be stored to no effect."""

    @functools.wraps(plan)
    def planned(observation: Observation, options: Options) -> Plan:
        refused = useless(observation)
        return refused if refused.refused else plan(observation, options)

    return planned


def missing_area(area: str, observation: Observation) -> Plan:
    """The plan when an area that is needed could not be read."""
    reason = observation.unread.get(area, "it was not observed")
    return Plan(refused=(Refusal(f"the host's {area} could not be read ({reason}); nothing is changed there"),))

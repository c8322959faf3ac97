# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan would make of an observation, without a host. PRIVATE to the collection.

Check mode plans one remedy after the other; the second must be planned on what the first would leave behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from .change import Change, Kind
from .lease import RECORDS, Lease, LeaseState, mark
from .observation import Observation, RuleState, ServiceState, SettingState, WinsockState
from .plain import Plain, from_plain
from .project_gateway import GATEWAY_PROJECTIONS, with_service
from .project_keys import KEY_PROJECTIONS, pinned
from .reading import ABSENT, Reading, value
from .rules import LOCAL, MADE, blank
from .settings import PIN, SETTINGS


def project(observation: Observation, changes: Iterable[Change]) -> Observation:
    """The observation as it would be after the changes; the probe, which only a host can give, stays."""
    for change in changes:
        observation = _PROJECTIONS[change.kind](observation, change)
    return observation


def _registry(observation: Observation, change: Change) -> Observation:
    if change.item == PIN:
        return pinned(observation, change)
    observation = _noted_end(observation, change)
    settings = dict(observation.settings)
    for setting in SETTINGS.values():
        state = settings.get(setting.id)
        if state is None:
            continue
        if setting.path == change.item:
            settings[setting.id] = replace(state, local=_reading(change.after))
            observation = _leased_value(observation, setting.id, change.after)
        elif setting.policy and f"{setting.policy.key}\\{setting.policy.name}" == change.item:
            settings[setting.id] = SettingState(state.local, _reading(change.after))
    return replace(observation, settings=settings)


def _noted_end(observation: Observation, change: Change) -> Observation:
    if not change.item.startswith(RECORDS) or observation.leases is None:
        return observation
    noted = (f"{RECORDS}\\{mark(state.lease.setting)}" == change.item for state in observation.leases)
    marked = zip(observation.leases, noted, strict=True)
    leases = tuple(replace(state, ended=change.after is not None) if hit else state for state, hit in marked)
    return replace(observation, leases=leases)


def _leased_value(observation: Observation, setting: str, after: Plain) -> Observation:
    if observation.leases is None:
        return observation
    number = after["data"] if isinstance(after, dict) and isinstance(after["data"], int) else None
    leases = (replace(s, number=number) if s.lease.setting == setting else s for s in observation.leases)
    return replace(observation, leases=tuple(leases))


def _reading(plain: Plain) -> Reading:
    return value(plain["data"], str(plain["type"])) if isinstance(plain, dict) else ABSENT


def _start_mode(service: ServiceState, mode: Plain) -> ServiceState:
    return replace(service, start_mode=str(mode))


def _state(service: ServiceState, state: Plain) -> ServiceState:
    return replace(service, state=str(state))


def _service(
    moved: Callable[[ServiceState, Plain], ServiceState],
) -> Callable[[Observation, Change], Observation]:
    def projected(observation: Observation, change: Change) -> Observation:
        services = dict(observation.services or {})
        if change.item in services:
            services[change.item] = moved(services[change.item], change.after)
        return with_service(replace(observation, services=services), change)

    return projected


def _firewall_rule(observation: Observation, change: Change) -> Observation:
    if observation.firewall is None or not isinstance(change.after, dict):
        return observation
    if change.after == MADE:
        rules = (*observation.firewall.rules, blank(change.item))
        return replace(observation, firewall=replace(observation.firewall, rules=rules))
    fields = {name: tuple(data) if isinstance(data, list) else data for name, data in change.after.items()}
    rules = tuple(
        _with(rule, fields) if (rule.id, rule.store) == (change.item, LOCAL) else rule
        for rule in observation.firewall.rules
    )
    return replace(observation, firewall=replace(observation.firewall, rules=rules))


def _with(rule: RuleState, fields: Mapping[str, object]) -> RuleState:
    return RuleState(**{**rule.__dict__, **fields})


def _lease(observation: Observation, change: Change) -> Observation:
    """What was granted is armed; what was ended is forgotten."""
    others = tuple(state for state in observation.leases or () if state.lease.setting != change.item)
    if change.after is None:
        return replace(observation, leases=others)
    lease = from_plain(Lease, change.after)
    now = observation.identity.local_time if observation.identity else lease.until
    return replace(observation, leases=(*others, LeaseState(lease, True, _local_number(observation, change.item), now)))


def _local_number(observation: Observation, setting: str) -> int | None:
    state = observation.settings.get(setting)
    return state.local.data if state and isinstance(state.local.data, int) else None


def _dns_cache(observation: Observation, *_flush: Change) -> Observation:
    dns = observation.dns
    return observation if dns is None else replace(observation, dns=replace(dns, cached={}))


def _winsock(observation: Observation, *_reset: Change) -> Observation:
    """The catalog as after a reset, which is live once the host has started again."""
    at = observation.identity.local_time if observation.identity else observation.taken_at
    return replace(observation, winsock=WinsockState((), at))


def _port_proxy(observation: Observation, change: Change) -> Observation:
    if observation.obstacles is None:
        return observation
    others = {name: to for name, to in observation.obstacles.port_proxies.items() if name != change.item}
    proxies = others if change.after is None else {**others, change.item: str(change.after)}
    return replace(observation, obstacles=replace(observation.obstacles, port_proxies=proxies))


_PROJECTIONS: Mapping[Kind, Callable[[Observation, Change], Observation]] = MappingProxyType(
    {
        "registry": _registry,
        "service_start_mode": _service(_start_mode),
        "service_state": _service(_state),
        "firewall_rule": _firewall_rule,
        "lease": _lease,
        "restart": lambda observation, *_restart: observation,
        "reboot": lambda observation, *_reboot: observation,
        "dns_cache": _dns_cache,
        "winsock": _winsock,
        "port_proxy": _port_proxy,
        **KEY_PROJECTIONS,
        **GATEWAY_PROJECTIONS,
    }
)

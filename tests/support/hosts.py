# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random simulated hosts, random options, and which part of a host's state belongs to a change."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS, Setting
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from hypothesis import strategies as st

from tests.simulator.breakages import BREAKAGES, cause_of
from tests.simulator.breakages.gateway import GATEWAY, TARGETS, USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.switches import HOST_SWITCHES
from tests.simulator.traits import LANGUAGE_TRAITS, TRAITS
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.support.matrix import VERSIONS
from tests.support.observations import options_of

CACHED = "rdp.corp.example"
"""The name that the trait dns_cache_stale is about."""

TAKES_LONG = {"stop_hangs", "schannel_noise"}
"""Traits that keep a restart waiting, or write events for ever: each of their runs costs seconds of our own time."""


KEY_GONE = ("key_missing", "machine_guid_changed")
"""Breakages after which the key has no file whose permissions could be broken as well: planted last."""

OF_GATEWAYS = {name for name in TRAITS if name.startswith("gateway_")}
"""Traits that install the role, whose service and ports are more to restart and read."""


@dataclass(frozen=True)
class Stored:
    """A number stored for a setting: locally, or with that above it by a policy object or in its hive by nobody."""

    setting: Setting
    place: str
    local: int
    number: int

    def put(self, simulated: SimulatedHost) -> None:
        registry, policy = simulated.windows.registry, self.setting.policy
        registry.put_dword(self.setting.key, self.setting.name, self.local)
        if self.place == "local" or policy is None:
            return
        if self.place == "orphan":
            registry.put_dword(policy.key, policy.name, self.number)
        else:
            value = PolicyValue(policy.key, policy.name, Type.DWORD, self.number)
            simulated.windows.policy.link(PolicyObject("{0B1EC700-0000-4000-8000-000000000001}", "Random", (value,)))


@dataclass(frozen=True)
class HostPlan:
    """All that decides how a simulated host is built, so that equal plans give equal hosts."""

    version: str
    language: str
    breakages: tuple[str, ...]
    traits: tuple[str, ...]
    switches: Mapping[str, object]
    stored: tuple[Stored, ...]

    def build(self) -> SimulatedHost:
        planted = sorted(self.breakages, key=lambda name: name in KEY_GONE)
        simulated = SimulatedHost.build(
            self.version, self.language, breakages=planted, traits=self.traits, switches=self.switches
        )
        for value in self.stored:
            value.put(simulated)
        simulated.windows.settle()
        return simulated


def _stored(setting: Setting) -> st.SearchStrategy[Stored]:
    numbers = st.sampled_from([*setting.choices, 77] if setting.choices else [3389, 33890])
    places = st.sampled_from(["policy", "orphan", "local"] if setting.policy else ["local"])
    return st.builds(Stored, st.just(setting), places, numbers, numbers)


def _some(names: Iterable[str], all_names: Iterable[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """None to two of the names, each as likely one of the first as one of all."""
    first, every = sorted(names), sorted(all_names)
    one = st.sampled_from(first) | st.sampled_from(every) if first else st.sampled_from(every)
    return st.lists(one, max_size=2, unique=True).map(tuple)


def _values(settings: Iterable[str]) -> st.SearchStrategy[tuple[Stored, ...]]:
    """One or two stored numbers, more often of these settings than of all others."""
    numbers = [setting for setting in SETTINGS.values() if setting.type == "REG_DWORD"]
    mine = [_stored(setting) for setting in numbers if setting.id in settings]
    likely = st.one_of(mine) if mine else st.nothing()
    return st.lists(likely | st.one_of(*map(_stored, numbers)), min_size=1, max_size=2).map(tuple)


_SWITCHES = st.one_of(*(st.tuples(st.just(n), st.sampled_from(s.choices)) for n, s in HOST_SWITCHES.items()))
_OF_ROLE = {name for name in BREAKAGES if name in GATEWAY}
_TRAITS = sorted(set(TRAITS) - set(LANGUAGE_TRAITS) - TAKES_LONG - OF_GATEWAYS)


def cured_by(remedy: str) -> set[str]:
    """The breakages that a module cures."""
    cures = {name: {cure.remedy for cure in cause.cures} for name, cause in CAUSES.items()}
    return {name for name in BREAKAGES if remedy in cures[cause_of(name)]}


def hosts(remedy: str) -> st.SearchStrategy[HostPlan]:
    """Hosts with up to two breakages, traits, turned switches and stored values each, likeliest what it is about."""
    role = remedy == "gateway"
    return st.builds(
        HostPlan,
        st.sampled_from([name for name in VERSIONS if not role or name.startswith("20")]),
        st.sampled_from(["en", "de", "ja"]),
        _some(cured_by(remedy), _OF_ROLE if role else set(BREAKAGES) - _OF_ROLE),
        st.lists(st.sampled_from(_TRAITS), max_size=2, unique=True).map(lambda names: (*names, *_role(role))),
        st.lists(_SWITCHES, max_size=2).map(dict),
        _values(REMEDIES[remedy].settings),
    )


def under_policy(settings: Iterable[str]) -> st.SearchStrategy[HostPlan]:
    """Hosts without any fault where policy decides each of the settings that it can."""
    held = [SETTINGS[name] for name in settings if SETTINGS[name].policy and SETTINGS[name].type == "REG_DWORD"]
    places = st.sampled_from(["policy", "orphan"])
    values = [st.builds(replace, _stored(setting), place=places) for setting in held]
    versions = st.sampled_from(VERSIONS)
    return st.builds(HostPlan, versions, st.just("en"), st.just(()), st.just(()), st.just({}), st.tuples(*values))


def _role(wanted: bool) -> tuple[str, ...]:
    return ("gateway_role",) if wanted else ()


_ASKED: Mapping[str, Mapping[str, st.SearchStrategy[t.Any]]] = {
    "nla": {"renew_lease": st.just(False)},
    "security_layer": {"renew_lease": st.just(False)},
    "network_stack": {"names": st.just([CACHED])},
    "client_settings": {"names": st.just([CACHED])},
    "connection_limit": {"pending": st.sampled_from([None, 5000]), "sessions": st.sampled_from([None, 0, 25])},
    "certificate": {"thumbprint": st.none(), "renew_before": st.sampled_from([0, 180])},
    "remote_desktop": {"port": st.sampled_from([None, 33890])},
    "firewall": {"port": st.sampled_from([None, 33890])},
    "gateway": {
        "name": st.none(),
        "thumbprint": st.none(),
        "user_group": st.sampled_from([None, USERS]),
        "hosts": st.just(list(TARGETS)),
        "ports": st.just([3389]),
    },
}
"""Options whose random values would all be refused, or that ask for a change each time."""


def options(remedy: str) -> st.SearchStrategy[dict[str, t.Any]]:
    """All options of a module, a random few of them other than their defaults."""
    usual, asked = defaults(REMEDIES[remedy].options), _ASKED.get(remedy, {})

    def laid(found: dict[str, t.Any], kept: set[str]) -> dict[str, t.Any]:
        return {**usual, **{name: value for name, value in found.items() if name in kept}}

    names = st.sets(st.sampled_from(sorted(usual)))
    return st.builds(lambda some, mine, kept: laid({**some, **mine}, kept), options_of(remedy), _fixed(asked), names)


def _fixed(asked: Mapping[str, st.SearchStrategy[t.Any]]) -> st.SearchStrategy[dict[str, t.Any]]:
    return st.fixed_dictionaries(dict(asked))


# --- what of a state belongs to a change

Path = tuple[str, ...]


def leaves(state: t.Any, path: Path = ()) -> Iterator[tuple[Path, t.Any]]:
    """Each value of a state with its path, in lower case since Windows' names have no case."""
    if isinstance(state, Mapping) and state:
        for name, value in state.items():
            yield from leaves(value, (*path, str(name).lower()))
    else:
        yield path, tuple(state) if isinstance(state, list) else state


def differing(before: t.Any, after: t.Any) -> set[Path]:
    """The paths whose values differ."""
    one, other = dict(leaves(before)), dict(leaves(after))
    return {path for path in {*one, *other} if one.get(path, _NONE) != other.get(path, _NONE)}


_NONE = object()
_CERTIFICATES = (
    r"systemcertificates\remote desktop",
    r"\machinekeys",
    r"\crypto\keys",
    "selfsignedcertificate",
    "sslcertificatesha1hash",
)
_FIREWALL_RULES = r"hklm\system\currentcontrolset\services\sharedaccess\parameters\firewallpolicy\firewallrules"

_WAITING = ("\\rebootpending", "\\rebootrequired")
_RENAMED = r"hklm\system\currentcontrolset\control\session manager"
"""Windows clears these when it starts: marks of updates that waited for it, and there the files to be renamed."""


def outside(paths: Iterable[Path], changes: Iterable[Change]) -> list[Path]:
    """The paths that no change is about."""
    owners = [_owner(change) for change in changes]
    return sorted(path for path in paths if not any(owns(path) for owns in owners))


def _owner(change: Change) -> Callable[[Path], bool]:
    """Whether a path belongs to a change; what repairs, starts or restarts something may renew the certificate."""
    item = change.item.lower()
    owners: dict[str, Callable[[Path], bool]] = {
        "registry": lambda path: path[0] == "registry" and _registry_path(path, item),
        "firewall_rule": lambda path: item in path and (path[0] == "firewall" or path[1] == _FIREWALL_RULES),
        "service_start_mode": lambda path: item in path[1] and path[-1] == "start",
        "lease": lambda path: path[0] == "tasks" and item in path[1],
        "winsock": lambda path: path[0] == "registry" and r"\winsock2\parameters" in path[1],
        "dns_cache": lambda path: False,
        "reboot": lambda path: _is_certificates(path) or _waits_for_a_reboot(path),
    }
    gateway = change.kind.startswith("gateway")
    return (lambda path: "gateway" in "".join(path)) if gateway else owners.get(change.kind, _is_certificates)


def _waits_for_a_reboot(path: Path) -> bool:
    """Marks that Windows takes away when it starts, which the trait pending_reboot leaves."""
    if path[0] != "registry":
        return False
    renamed = path[1] == _RENAMED and path[2:] in (("values",), ("values", "pendingfilerenameoperations"))
    return renamed or path[1].endswith(_WAITING)


def _registry_path(path: Path, item: str) -> bool:
    """The value itself, or a key above it that had to be made."""
    key, _backslash, name = item.rpartition("\\")
    return path[1:] == (key, "values", name) or (path[2:] == ("values",) and f"{key}\\".startswith(f"{path[1]}\\"))


def _is_certificates(path: Path) -> bool:
    """What repair of certificate and key touches, and what Windows renews when a service or the host starts."""
    return any(part in name for name in path for part in _CERTIFICATES)

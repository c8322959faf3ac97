# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random observations and options, for property tests."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import Lease, LeaseState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import (
    FirewallState,
    Identity,
    Membership,
    Observation,
    ProfileState,
    RuleState,
    ServiceState,
    SettingState,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, Reading, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS, Setting
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from hypothesis import strategies as st

PROFILES = ("domain", "private", "public")


def _dwords(setting: Setting) -> st.SearchStrategy[Reading]:
    legal = sorted(setting.choices) or [3389, 33890]
    return st.sampled_from([*legal, 77]).map(lambda number: value(number, "REG_DWORD"))


def _local(setting: Setting) -> st.SearchStrategy[Reading]:
    return st.just(ABSENT) | _dwords(setting) | st.just(value("1", "REG_SZ"))


def _states(setting: Setting) -> st.SearchStrategy[SettingState]:
    if setting.policy is None:
        return st.builds(SettingState, _local(setting))
    under_policy = st.builds(
        SettingState, _local(setting), _dwords(setting), st.sampled_from([None, "", "group policy 'RDP'"])
    )
    return st.builds(SettingState, _local(setting)) | under_policy


_SETTINGS = {name: _states(setting) for name, setting in SETTINGS.items()}


def _service(name: str) -> st.SearchStrategy[ServiceState]:
    return st.builds(
        ServiceState,
        st.just(name),
        st.sampled_from(["Running", "Stopped"]),
        st.sampled_from(["Auto", "Manual", "Disabled"]),
    )


services = st.fixed_dictionaries({name: _service(name) for name in ("TermService", "SessionEnv", "UmRdpService")})


def _rule(name: str, protocol: str) -> st.SearchStrategy[RuleState]:
    return st.builds(
        RuleState,
        st.just(name),
        st.booleans(),
        st.just(2),
        st.integers(0, 7),
        st.just(protocol),
        st.sampled_from([("3389",), ("33890",), ("3389", "33890")]),
        st.sampled_from([("Any",), ("LocalSubnet",), ("10.0.0.0/8", "192.168.0.0/16")]),
    )


_flag = st.sampled_from([None, True, False])
firewalls = st.builds(
    FirewallState,
    st.tuples(_rule("RemoteDesktop-UserMode-In-TCP", "TCP"), _rule("RemoteDesktop-UserMode-In-UDP", "UDP")),
    st.fixed_dictionaries(
        {
            name: st.builds(ProfileState, st.just(name), _flag, st.sampled_from([None, "allow", "block"]), _flag, _flag)
            for name in PROFILES
        }
    ),
    st.lists(st.sampled_from(PROFILES), unique=True).map(lambda names: tuple(sorted(names))),
    st.booleans(),
)

identities = st.builds(
    Identity,
    st.just("HOST"),
    st.just("Windows"),
    st.just("10.0.20348"),
    st.just(20348),
    st.sampled_from([1, 2, 3]),
    st.just(1033),
    st.just("2026-01-01T00:00:00+00:00"),
    st.just("2026-01-01T00:00:00+00:00"),
    st.sampled_from([0.0, 0.0, 299.0, 3600.0, -3600.0]),
)


NOW = "2026-01-01T00:00:00+00:00"
LEASABLE = ("nla", "security_layer", "encryption")


def _leased(observation: Observation, setting: str) -> st.SearchStrategy[LeaseState]:
    """A lease as an observation with these settings can hold it."""
    legal = sorted(SETTINGS[setting].choices)
    local = observation.settings[setting].local.data
    number = local if isinstance(local, int) else None

    def lease(restores: int | None, reach: int, until: str, armed: bool, ended: bool) -> LeaseState:
        weaker = legal[:1] if restores is None else [item for item in legal if item < restores]
        return LeaseState(
            Lease(setting, tuple(weaker[:reach]), restores, 1800, until), armed, number, NOW, ended and not armed
        )

    ends = st.sampled_from(
        ["2025-12-30T00:00:00Z", "2025-12-31T23:50:00Z", "2026-01-01T00:10:00Z", "2026-01-02T00:00:00Z"]
    )
    return st.builds(
        lease, st.none() | st.sampled_from(legal[1:]), st.integers(1, 3), ends, st.booleans(), st.booleans()
    )


def _with_leases(observation: Observation) -> st.SearchStrategy[Observation]:
    leases = st.tuples(*(st.none() | _leased(observation, setting) for setting in LEASABLE))
    return leases.map(lambda found: replace(observation, leases=tuple(filter(None, found))))


def observations(settings: Iterable[str] = ()) -> st.SearchStrategy[Observation]:
    """Observations with these settings and those that leases are about, without a probe."""
    return _observations((*settings, *LEASABLE)).flatmap(_with_leases)


def _observations(settings: Iterable[str]) -> st.SearchStrategy[Observation]:
    return st.builds(
        Observation,
        st.just("2026-01-01T00:00:00+00:00"),
        identity=identities,
        membership=st.builds(Membership, st.just("WORKGROUP"), st.booleans()),
        settings=st.fixed_dictionaries({name: _SETTINGS[name] for name in settings}),
        services=services,
        firewall=firewalls,
    )


def options_of(remedy: str) -> st.SearchStrategy[dict[str, t.Any]]:
    """Options that a remedy accepts."""
    return st.fixed_dictionaries({name: _option(name, spec) for name, spec in REMEDIES[remedy].options.items()})


def _option(name: str, spec: t.Mapping[str, t.Any]) -> st.SearchStrategy[t.Any]:
    if spec["type"] == "bool":
        return st.booleans()
    if spec["type"] == "int":
        return st.none() | st.integers(1, 65535)
    if spec["type"] == "list":
        element = st.sampled_from(spec["choices"]) if "choices" in spec else st.sampled_from(["10.0.0.0/8", "Any"])
        lists = st.lists(element, min_size=1, unique=True)
        return lists if "default" in spec else st.none() | lists
    if name == "lease":
        return st.sampled_from([None, "30m", "2d"])
    return st.sampled_from(spec.get("choices", [None, "10.0.19041", "newest"]))

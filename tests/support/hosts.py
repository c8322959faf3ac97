# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random simulated hosts and random options."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS, Setting
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from hypothesis import strategies as st

from tests.simulator.breakages import BREAKAGES, cause_of
from tests.simulator.breakages.gateway import GATEWAY, TARGETS, USERS
from tests.simulator.host import SimulatedHost
from tests.simulator.switches import HOST_SWITCHES
from tests.simulator.traits import LANGUAGE_TRAITS, TRAITS
from tests.simulator.windows.certificates import MY, STORES
from tests.simulator.windows.policy import PolicyObject, PolicyValue
from tests.simulator.windows.registry import Type
from tests.support.matrix import VERSIONS
from tests.support.observations import options_of

CACHED = "rdp.corp.example"
"""The name that the trait dns_cache_stale is about."""

TAKES_LONG = {"stop_hangs", "schannel_noise"}
"""Traits that keep a restart waiting, or write events for ever: each of their runs costs seconds of our own time."""


GONE = ("key_missing", "machine_guid_changed", "firewall_rule_missing")
"""Breakages after which there is no file of the key, or no rule, that could be broken as well: planted last."""

OF_GATEWAYS = {name for name in TRAITS if name.startswith("gateway_")}
"""Traits that install the role, whose service and ports are more to restart and read."""


@dataclass(frozen=True)
class Stored:
    """Data stored for a setting: locally, or with that above it by a policy object or in its hive by nobody.

    None stored locally is an absent value.
    """

    setting: Setting
    place: str
    local: t.Any
    number: t.Any

    def put(self, simulated: SimulatedHost) -> None:
        registry, policy = simulated.windows.registry, self.setting.policy
        registry.discard(self.setting.key, self.setting.name)
        if self.local is not None:
            registry.put(self.setting.key, self.setting.name, *_typed(self.setting, self.local))
        if self.place == "local" or policy is None:
            return
        kind, data = _typed(self.setting, self.number)
        if self.place == "orphan":
            registry.put(policy.key, policy.name, kind, data)
        else:
            value = PolicyValue(policy.key, policy.name, kind, data)
            simulated.windows.policy.link(PolicyObject("{0B1EC700-0000-4000-8000-000000000001}", "Random", (value,)))


def _typed(setting: Setting, data: t.Any) -> tuple[Type, t.Any]:
    """As it is stored; a list that is given as text is one with commas, as CipherSuiteOrder.admx writes it."""
    if setting.type == "REG_DWORD":
        return Type.DWORD, data
    if isinstance(data, tuple):
        return Type.MULTI_SZ, list(data)
    return Type.SZ, str(data)


@dataclass(frozen=True)
class Way:
    """One way in which a module comes to change something: what it is asked for, on which host."""

    asked: Mapping[str, t.Any] = field(default_factory=dict)
    breakages: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    stored: tuple[Stored, ...] = ()


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
        planted = sorted(self.breakages, key=lambda name: name in GONE)
        simulated = SimulatedHost.build(
            self.version, self.language, breakages=planted, traits=self.traits, switches=self.switches
        )
        for value in self.stored:
            value.put(simulated)
        simulated.windows.settle()
        return simulated


SUITES = (
    (),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
)
"""Lists of cipher suites: of no use to anybody, to the listener's own certificate, and good ones."""


def _data(setting: Setting) -> st.SearchStrategy[t.Any]:
    if setting.type == "REG_MULTI_SZ":
        return st.sampled_from([*SUITES, *map(",".join, SUITES)])
    return st.sampled_from([*setting.choices, 77] if setting.choices else [3389, 33890])


def _stored(setting: Setting) -> st.SearchStrategy[Stored]:
    places = st.sampled_from(["policy", "orphan", "local"] if setting.policy else ["local"])
    return st.builds(Stored, st.just(setting), places, _data(setting) | st.none(), _data(setting))


def _some(names: Iterable[str], all_names: Iterable[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    """None to so many of the names, each as likely one of the first as one of all."""
    first, every = sorted(names), sorted(all_names)
    one = st.sampled_from(first) | st.sampled_from(every) if first else st.sampled_from(every)
    return st.lists(one, max_size=most, unique=True).map(tuple)


def _values(settings: Iterable[str], least: int, most: int) -> st.SearchStrategy[tuple[Stored, ...]]:
    """So many stored values, more often of these settings than of all others."""
    mine = [_stored(SETTINGS[name]) for name in settings]
    likely = st.one_of(mine) if mine else st.nothing()
    return st.lists(likely | st.one_of(*map(_stored, SETTINGS.values())), min_size=least, max_size=most).map(tuple)


_SWITCHES = st.one_of(*(st.tuples(st.just(n), st.sampled_from(s.choices)) for n, s in HOST_SWITCHES.items()))
_OF_ROLE = {name for name in BREAKAGES if name in GATEWAY}
_TRAITS = [*sorted(set(TRAITS) - set(LANGUAGE_TRAITS) - TAKES_LONG - OF_GATEWAYS), *["many_sessions"] * 4]
"""Users who would be cut off more often than by chance: most changes do without a restart."""

HOME = "11home"


def cured_by(remedy: str) -> set[str]:
    """The breakages that a module cures."""
    cures = {name: {cure.remedy for cure in cause.cures} for name, cause in CAUSES.items()}
    return {name for name in BREAKAGES if remedy in cures[cause_of(name)]}


def hosts(remedy: str, way: Way | None = None) -> st.SearchStrategy[HostPlan]:
    """Hosts with up to two breakages, traits, turned switches and stored values each, likeliest what it is about.

    Where a way is given they have what it needs, and beside that at most one of each.
    """
    role, given, most = remedy == "gateway", way or Way(), 1 if way else 2
    return st.builds(
        HostPlan,
        st.sampled_from([name for name in (*VERSIONS, HOME) if not role or name.startswith("20")]),
        st.sampled_from(["en", "de", "ja"]),
        _some(cured_by(remedy), _OF_ROLE if role else set(BREAKAGES) - _OF_ROLE, most).map(_after(given.breakages)),
        st.lists(st.sampled_from(_TRAITS), max_size=most, unique=True).map(_after((*_role(role), *given.traits))),
        st.lists(_SWITCHES, max_size=2).map(dict),
        _values(REMEDIES[remedy].settings, most - 1, most).map(lambda values: (*values, *given.stored)),
    )


def _after(first: tuple[str, ...]) -> Callable[[Iterable[str]], tuple[str, ...]]:
    return lambda more: tuple(dict.fromkeys((*first, *more)))


def under_policy(settings: Iterable[str]) -> st.SearchStrategy[HostPlan]:
    """Hosts without any fault where policy decides each of the settings that it can."""
    held = [SETTINGS[name] for name in settings if SETTINGS[name].policy]
    places = st.sampled_from(["policy", "orphan"])
    values = [st.builds(replace, _stored(setting), place=places) for setting in held]
    versions = st.sampled_from(VERSIONS)
    return st.builds(HostPlan, versions, st.just("en"), st.just(()), st.just(()), st.just({}), st.tuples(*values))


def troubled() -> st.SearchStrategy[HostPlan]:
    """Hosts with two to four breakages at once, as the closed loop meets them."""
    every = st.sampled_from(sorted(set(BREAKAGES) - _OF_ROLE))
    return st.builds(
        HostPlan,
        st.sampled_from((*VERSIONS, HOME)),
        st.sampled_from(["en", "de", "ja"]),
        st.lists(every, min_size=2, max_size=4, unique=True).map(tuple),
        st.lists(st.sampled_from(_TRAITS), max_size=2, unique=True).map(tuple),
        st.lists(_SWITCHES, max_size=2).map(dict),
        _values((), 0, 1),
    )


def _role(wanted: bool) -> tuple[str, ...]:
    return ("gateway_role",) if wanted else ()


IN_STORE = "a certificate of the machine's personal store"
"""Stands for the thumbprint of one, which a host has that is built."""

_THUMBPRINTS = st.sampled_from([None, None, IN_STORE, "A1" * 20])

_ASKED: Mapping[str, Mapping[str, st.SearchStrategy[t.Any]]] = {
    "nla": {"renew_lease": st.just(False)},
    "security_layer": {"renew_lease": st.just(False)},
    "network_stack": {"names": st.just([CACHED])},
    "client_settings": {"names": st.just([CACHED])},
    "connection_limit": {"pending": st.sampled_from([None, 5000]), "sessions": st.sampled_from([None, 0, 25])},
    "certificate": {"thumbprint": _THUMBPRINTS, "renew_before": st.sampled_from([0, 180])},
    "remote_desktop": {"port": st.sampled_from([None, 33890])},
    "firewall": {"port": st.sampled_from([None, 33890])},
    "gateway": {
        "name": st.none(),
        "thumbprint": _THUMBPRINTS,
        "user_group": st.sampled_from([None, USERS]),
        "hosts": st.just(list(TARGETS)),
        "ports": st.just([3389]),
    },
}
"""Options whose random values would all be refused, or that ask for a change each time."""


def options(remedy: str, way: Way | None = None) -> st.SearchStrategy[dict[str, t.Any]]:
    """All options of a module, a random few of them other than their defaults; what a way asks for is asked for."""
    usual, asked = defaults(REMEDIES[remedy].options), _ASKED.get(remedy, {})
    wanted, most = (way.asked, 1) if way else ({}, None)

    def laid(found: dict[str, t.Any], kept: set[str]) -> dict[str, t.Any]:
        return {**usual, **{name: value for name, value in found.items() if name in kept}, **wanted}

    names = st.sets(st.sampled_from(sorted(usual)), max_size=most)
    return st.builds(lambda some, mine, kept: laid({**some, **mine}, kept), options_of(remedy), _fixed(asked), names)


def _fixed(asked: Mapping[str, st.SearchStrategy[t.Any]]) -> st.SearchStrategy[dict[str, t.Any]]:
    return st.fixed_dictionaries(dict(asked))


def named(simulated: SimulatedHost, given: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options, with a thumbprint as people copy it where one of the machine's store is asked for."""
    stored = simulated.windows.registry
    store = f"{STORES}\\{MY}\\Certificates"
    found = sorted(stored.subkeys(store)) if stored.exists(store) else []
    thumbprint = found[-1].lower() if found else "B2" * 20
    return {name: thumbprint if value == IN_STORE else value for name, value in given.items()}


# --- ways in which each module comes to change something


def _breakages(*names: str, **asked: t.Any) -> tuple[Way, ...]:
    """A way for each of the breakages, with the same asked of the module."""
    return tuple(Way(asked, (name,)) for name in names)


def _local(setting: str, number: int | None) -> tuple[Stored, ...]:
    return (Stored(SETTINGS[setting], "local", number, number),)


def _orphan(setting: str, local: t.Any, policy: t.Any) -> Way:
    """A policy value that nobody owns, and that may go."""
    return Way({"remove_orphaned_policy": True}, stored=(Stored(SETTINGS[setting], "orphan", local, policy),))


_LET_THROUGH = {"user_group": USERS, "hosts": list(TARGETS)}
_RUNGS = ("ace", "certificate", "key", "copy_aside", "rename")

WAYS: Mapping[str, tuple[Way, ...]] = {
    "remote_desktop": (
        *_breakages("rdp_denied", "deny_value_missing", "listener_disabled", "sessions_disabled"),
        *_breakages("termservice_stopped", "termservice_disabled", "sessionenv_disabled", "umrdpservice_disabled"),
        *_breakages("rdp_denied_by_orphan_policy", remove_orphaned_policy=True),
        *_breakages("port_proxy", port_proxy="remove"),
        *_breakages("remote_logons_disabled", "logons_disabled", logons="accepted"),
        Way({"state": "disabled"}),
        Way({"port": 33890}),
        Way({"drain": "on", "logons": "refused", "start_mode": "automatic"}),
    ),
    "firewall": (
        *_breakages("firewall_rule_disabled", "firewall_port_mismatch", "firewall_wrong_profile"),
        *_breakages("firewall_blocked_by_rule", block_rules="disable"),
        Way({"state": "disabled"}),
        Way({"port": 33890, "profiles": ["domain"]}),
        Way({"remote_addresses": ["10.0.0.0/8"]}),
    ),
    "transport": (
        Way({"mode": "tcp_only"}),
        Way(stored=_local("transport", 1)),
        _orphan("transport", 0, 1),
    ),
    "connection_limit": (
        Way({"pending": 5000, "sessions": 25}),
        *_breakages("connection_flood", pending=5000),
        *_breakages("session_limit", sessions=0),
        replace(_orphan("session_limit", 33890, 3389), asked={"sessions": 25, "remove_orphaned_policy": True}),
    ),
    "certificate": (
        *_breakages("certificate_expired", "certificate_missing", "certificate_pinned_missing", "key_not_imported"),
        *_breakages("certificate_damaged", "certificate_pinned_damaged"),
        *_breakages("certificate_wrong_usage", "certificate_weak", "certificate_pinned_expired"),
        Way({"state": "self_signed"}, traits=("pinned_certificate",)),
        *(Way({"state": "bound", "thumbprint": IN_STORE}, traits=(name,)) for name in ("iis_keys", "federation")),
    ),
    "machine_keys": (
        *_breakages("key_unreadable", "key_missing", "certificate_expired", "certificate_missing"),
        *_breakages("store_acl", "folder_acl", "machine_guid_changed", "certificate_damaged"),
        *(Way({"method": rung, "accept_shared_keys": True}, ("key_unreadable",)) for rung in _RUNGS),
    ),
    "schannel": (
        *_breakages("tls_server_disabled", "tls12_disabled"),
        *_breakages("cipher_suites_empty", "cipher_suites_mismatch", "fips_mismatch", remove_orphaned_policy=True),
        *(_orphan("cipher_suites", SUITES[2], suites) for suites in (SUITES[0], SUITES[1], SUITES[1][0])),
        Way(stored=_local("tls12_disabled_by_default", 1)),
    ),
    "network_stack": (
        Way({"dns": "flush"}, traits=("dns_cache_stale",)),
        Way({"names": [CACHED]}, traits=("dns_cache_stale",)),
        *_breakages("winsock_layered", winsock="reset"),
        Way({"names": [CACHED], "winsock": "reset"}, ("winsock_layered",), ("dns_cache_stale",)),
    ),
    "client_settings": (
        Way({"udp": "off"}),
        Way({"udp": "on", "remove_orphaned_policy": True}, traits=("client_udp_off",)),
        Way({"names": [CACHED], "udp": "off"}, traits=("dns_cache_stale",)),
        *_breakages("client_tls12_disabled"),
        Way(stored=_local("tls12_client_disabled_by_default", 1)),
    ),
    "gateway": (
        *_breakages("gateway_service_stopped", "gateway_service_disabled"),
        *_breakages("gateway_cap_denied", "gateway_cap_disabled", "gateway_rap_denied", **_LET_THROUGH),
        *_breakages("gateway_rap_disabled", "gateway_rap_resource", "gateway_rap_port", **_LET_THROUGH),
        *_breakages("gateway_certificate_unbound", thumbprint=IN_STORE),
        Way({"thumbprint": IN_STORE}, traits=("winrm_https",)),
        Way({"udp": "on"}),
        Way({"udp": "off"}, traits=("gateway_udp",)),
    ),
    "security_layer": (
        *_breakages("security_layer_rdp", "security_layer_invalid", "negotiation_disabled"),
        *_breakages("encryption_level_invalid", encryption="high"),
        Way(traits=("negotiate_layer",)),
        Way({"layer": "rdp", "lease": "30m"}),
        Way({"layer": "negotiate", "encryption": "low", "lease": "1d"}),
        Way({"layer": "negotiate", "accept_permanent_weakening": True}),
        Way({"encryption": "fips", "logon_prompt": "always", "rpc": "secure"}),
        _orphan("security_layer", 0, 1),
    ),
    "nla": (
        *_breakages("nla_value_invalid"),
        Way(traits=("nla_off_by_intent",)),
        Way({"state": "off", "lease": "30m"}),
        Way({"state": "off", "lease": "2h"}, stored=_local("nla", None)),
        Way({"state": "off", "lease": "1d"}, traits=("on_battery",)),
        Way({"state": "off", "accept_permanent_weakening": True}),
        _orphan("nla", 1, 0),
    ),
}


def starts(remedy: str) -> tuple[Way | None, ...]:
    """All ways of a module to a change, and for each four or fewer of them nothing in particular."""
    known = WAYS[remedy]
    return (*known, *[None] * (1 + len(known) // 4))

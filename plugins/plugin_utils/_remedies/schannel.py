# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schannel settings that leave no way to serve TLS. PRIVATE to the collection.

Only what blocks is taken away, so that Windows' own default counts again: an override that switches TLS 1.2 off for
servers, one of TLS 1.3 where the cipher suites that could be used are for that version alone, and a cipher policy with
nothing in it that could be used. Nothing is switched on that a version does not have, older protocols stay as they are,
and FIPS mode is never switched off. Schannel reads all this when the host starts.
Sources: Microsoft's "Protocols in TLS/SSL (Schannel SSP)" (an absent key is the version's default),
CipherSuiteOrder.admx, Microsoft's Azure repair scripts (only TLS 1.2 disabled for servers is a fault).
"""

from __future__ import annotations

from dataclasses import replace

from .._model.change import Held, Plan, Refusal
from .._model.ciphers import Basis, suites, undecided
from .._model.observation import Observation, SettingState
from .._model.settings import SETTINGS, TLS13_SETTINGS, TLS_SETTINGS
from ._base import POLICY_OPTION, Options, Remedy, Wish, held, missing_area, plan_setting, remove_policy
from ._tls import Side, allow_tls, default_of

NAME = "schannel"

SERVERS = Side(NAME, "tls12_enabled", "tls12_disabled_by_default", "servers")
NEWEST = Side(NAME, *TLS13_SETTINGS, "servers", "TLS 1.3")

OPTIONS = {
    "state": {"type": "str", "choices": ["usable"], "default": "usable"},
    **POLICY_OPTION,
}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan the removal of what keeps Schannel from serving TLS 1.2, or TLS with any cipher suite."""
    if observation.identity is None:
        return missing_area("identity", observation)
    return allow_tls(observation, SERVERS, options) + _cipher_suites(observation, options)


def _cipher_suites(observation: Observation, options: Options) -> Plan:
    state = observation.settings.get("cipher_suites")
    wish = default_of(NAME, "cipher_suites", "the cipher policy leaves no suite that the listener could use")
    if state is None or "unreadable" in (state.local.state, state.policy.state):
        return plan_setting(observation, wish, options)
    if not state.policy.is_value:
        return _local_list(observation, state, options)
    served = _served(observation, suites(state.policy), options)
    if served is not None:
        return served
    if state.policy_owner == "" and options["remove_orphaned_policy"]:
        return remove_policy(observation, wish) + _local_list(observation, state, options)
    return Plan(held=(_held(state, wish),))


def _held(state: SettingState, wish: Wish) -> Held:
    return replace(held(SETTINGS["cipher_suites"], state, wish), wanted="a list with a suite that the listener can use")


def _local_list(observation: Observation, state: SettingState, options: Options) -> Plan:
    """Windows' own list has no default to fall back to, so an unusable one is left to a person."""
    served = _served(observation, suites(state.local), options)
    if served is not None:
        return served
    message = (
        f"{SETTINGS['cipher_suites'].path} has no cipher suite that the listener could use, and Windows keeps no copy "
        "of its default list: add one there by Enable-TlsCipherSuite, such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    )
    return Plan(refused=(Refusal(message),))


def _served(observation: Observation, names: tuple[str, ...] | None, options: Options) -> Plan | None:
    """What has to be done for a list to leave something; None where nothing helps. No list leaves what Windows has."""
    basis = Basis.of(observation)
    if names is None or basis.usable(names):
        return Plan()
    return allow_tls(observation, NEWEST, options) if basis.freed.usable(names) else None


REMEDY = Remedy(
    name=NAME,
    areas=("identity", "settings"),
    settings=TLS_SETTINGS,
    options=OPTIONS,
    plan=plan,
    probed=True,
    undecided=lambda observation, _options: undecided(observation),
)

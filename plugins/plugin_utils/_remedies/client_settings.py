# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Machines that connect: UDP, TLS, stale addresses, and whether the client is recent enough. PRIVATE.

Programs and updates are named and never installed or removed. Sources: TerminalServer.admx "Turn Off UDP On Client",
Microsoft's support tool MSRD-Collect (Terminal Server Client\DisableUDPTransport), release notes of the updates.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

from .._model.change import Plan, Refusal
from .._model.ciphers import suites
from .._model.neighbours import CLIENT_UPDATES, harmed_by
from .._model.observation import ClientState, Observation
from .._model.settings import CLIENT_SETTINGS
from .._model.versions import VERSION, numbers
from ._base import POLICY_OPTION, Options, Remedy, Wish, missing_area, plan_setting
from ._tls import Side, allow_tls
from .network_stack import stale

NAME = "client_settings"

CLIENTS = Side(NAME, "tls12_client_enabled", "tls12_client_disabled_by_default", "clients")

OPTIONS = {
    "udp": {"type": "str", "choices": ["keep", "on", "off"], "default": "keep"},
    "tls": {"type": "str", "choices": ["keep", "usable"], "default": "usable"},
    "minimum_mstsc": {"type": "str"},
    "minimum_msrdc": {"type": "str"},
    "names": {"type": "list", "elements": "str", "default": []},
    **POLICY_OPTION,
}

_UDP_OFF = {"on": 0, "off": 1}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan UDP and TLS of the client, and say what is too old or known to be bad."""
    plan = Plan(notes=tuple(_bad_updates(observation)))
    if options["udp"] != "keep":
        reason = f"the client's UDP is wanted {options['udp']}"
        plan += plan_setting(observation, Wish(NAME, "client_udp_off", _UDP_OFF[options["udp"]], reason), options)
    if options["tls"] == "usable":
        plan += allow_tls(observation, CLIENTS, options) + Plan(notes=tuple(_no_suites(observation)))
    if options["names"]:
        plan += stale(observation.dns, NAME) if observation.dns is not None else missing_area("dns", observation)
    return plan + sum((_version(observation, option, options[option]) for option in _LEAST), Plan())


def needs(options: Options) -> tuple[str, ...]:
    """What is remembered of names matters only where some are given."""
    return (*_AREAS, "dns") if options["names"] else _AREAS


_LEAST = {
    "minimum_mstsc": ("mstsc.exe", "update Windows"),
    "minimum_msrdc": ("msrdc.exe", "update the Remote Desktop client"),
}
"""The program that an option is about, and what makes it newer. Each has numbers of its own, 10.0 and 1.2."""


def _version(observation: Observation, option: str, wanted: str | None) -> Plan:
    if wanted is None:
        return Plan()
    if not VERSION.fullmatch(wanted):
        return Plan(refused=(Refusal(f"{wanted!r} is no version: use up to four numbers with dots", option),))
    if observation.client is None:
        return missing_area("client", observation)
    return Plan(refused=tuple(_too_old(observation.client, option, wanted)))


def _too_old(client: ClientState, option: str, wanted: str) -> Iterator[Refusal]:
    program, cure = _LEAST[option]
    version = client.programs.get(program)
    if version is not None and numbers(version) < numbers(wanted):
        yield Refusal(f"{program} is {version}, older than {wanted}: {cure}", option)


def _bad_updates(observation: Observation) -> Iterator[str]:
    for name in harmed_by(CLIENT_UPDATES, observation):
        known = CLIENT_UPDATES[name]
        yield f"{name} is installed: {known.effect}; mended by {known.mended_by}"


def _no_suites(observation: Observation) -> Iterator[str]:
    """An empty list stops clients as it stops servers; whose it is, the module schannel knows."""
    state = observation.settings.get("cipher_suites")
    if state is not None and suites(state.policy if state.policy.is_value else state.local) == ():
        yield (
            "the list of cipher suites is empty, so clients of this machine have none to offer either: see the module "
            "schannel"
        )


def shows(observation: Observation) -> dict[str, t.Any]:
    """The programs with their versions, and the build with its revision, none where it was not read."""
    return {
        "found": {
            "programs": dict(observation.client.programs) if observation.client else {},
            "build": observation.identity.build if observation.identity else None,
            "revision": observation.revision,
        }
    }


_AREAS = ("identity", "settings", "client", "updates", "revision")

REMEDY = Remedy(
    name=NAME,
    areas=(*_AREAS, "dns"),
    needs=needs,
    settings=(*CLIENT_SETTINGS, "cipher_suites"),
    options=OPTIONS,
    plan=plan,
    shows=shows,
)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules return of simulated hosts, held against their documentation: nothing more, nothing less, of its types.

The results are formed as the actions form them; an action adds how many operations it took.
"""

from __future__ import annotations

import importlib
import typing as t
from collections.abc import Iterator
from functools import lru_cache

import pytest
import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.guide import OPTIONS as GUIDANCE
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.guide import guide
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Job
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import POLICY, SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._observe import AREAS, observe
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import run

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import LISTENER
from tests.support.cases import CASES
from tests.support.in_process import connect, job, logon_check
from tests.support.returned import undocumented, unseen

PLUGINS = "ansible_collections.winfleet.rdp.plugins"
Result = dict[str, t.Any]
DAY = 86400


def documented(name: str) -> Result:
    return t.cast(Result, yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{name}").RETURN))


def acted(result: Result) -> Result:
    """A result as the action completes it, but for what every module returns."""
    return {name: value for name, value in {**result, "operations": 9}.items() if name != "changed"}


def fixed(name: str) -> Iterator[Result]:
    remedy = REMEDIES[name]
    for case in CASES[name]:
        for check in (True, False):
            done = fix(job(case.build(), check=check), remedy, {**defaults(remedy.options), **case.options})
            yield acted(_result.fixed(*done, "run"))


@lru_cache
def results(name: str) -> tuple[Result, ...]:
    return tuple(OTHERS[name]() if name in OTHERS else fixed(name))


HOSTS: list[dict[str, t.Any]] = [
    {},
    {"breakages": ["rdp_denied"]},
    {"breakages": ["key_unreadable"], "traits": ["many_sessions"]},
    {"breakages": ["rdp_denied_by_policy", "connection_flood"]},
    {
        "breakages": ["certificate_expired", "gateway_rap_denied"],
        "traits": ["iis_keys", "connects_to_others", "dns_cache_stale"],
    },
    {"breakages": ["security_layer_rdp"]},
    {"breakages": ["firewall_public_network"], "traits": ["session_host_role", "security_products"]},
    {"breakages": ["certificate_expired", "logon_rejected"], "traits": ["connection_broker"]},
]
"""Hosts that have something to tell in every area."""


def weakened() -> SimulatedHost:
    """A host on which a lease runs."""
    simulated = SimulatedHost.build("2022")
    remedy = REMEDIES["nla"]
    fix(job(simulated, "before"), remedy, {**defaults(remedy.options), "state": "off", "lease": "30m"})
    return simulated


def hosts() -> Iterator[SimulatedHost]:
    yield from (SimulatedHost.build("2022", **planted) for planted in HOSTS)
    yield weakened()


def observed() -> Iterator[Result]:
    for simulated in hosts():
        yield acted(_result.observed(observe(connect(simulated), AREAS, SETTINGS, since=DAY)))


def doing(simulated: SimulatedHost, run_id: str = "run-1") -> Job:
    return job(simulated, run_id, logon=logon_check(simulated))


def diagnosed() -> Iterator[Result]:
    for simulated in hosts():
        at_work = doing(simulated)
        seen = examine(at_work.host, at_work.prober, DAY, full=True)
        yield acted(_result.diagnosed(seen))
        yield acted(_result.diagnosed(logon_check(simulated)(seen)))


def remediated() -> Iterator[Result]:
    for simulated in hosts():
        at_work = doing(simulated)
        yield acted(_result.remediated(remediate(at_work, examine(at_work.host, at_work.prober, DAY), Limits()), "run"))


def rolled_back() -> Iterator[Result]:
    """Of a renewed certificate, which has no undo, of a benchmark's item, and of one that is changed or held since."""
    for breakage, key, since in (
        ("certificate_expired", LISTENER, None),
        ("security_layer_rdp", LISTENER, None),
        ("security_layer_rdp", LISTENER, 3),
        ("security_layer_rdp", POLICY, 2),
    ):
        simulated = SimulatedHost.build("2022", breakages=[breakage])
        at_work = job(simulated)
        remediate(at_work, examine(at_work.host, at_work.prober, DAY), Limits())
        if since is not None:
            simulated.windows.registry.put_dword(key, "SecurityLayer", since)
        back = job(simulated, "back")
        yield acted(_result.rolled_back(rollback(back, "all", force=False), False, back.made, "back"))


def self_tested() -> Iterator[Result]:
    host = connect(SimulatedHost.build("2022", switches={"permissions_descriptor": False}))
    yield acted(_result.tested(_result.windows(host.identity, host.revision), list(run(host, False))))


def guided() -> Iterator[Result]:
    given = {"source": ["203.0.113.0/24"], "address": "192.168.1.10", "device": "aws"}
    yield guide("host001", {**defaults(GUIDANCE), **given})


OTHERS: dict[str, t.Callable[[], Iterator[Result]]] = {
    "host_info": observed,
    "diagnosis_info": diagnosed,
    "remediate": remediated,
    "rollback": rolled_back,
    "selftest": self_tested,
    "port_forward_info": guided,
}


@pytest.mark.parametrize("name", [*REMEDIES, *OTHERS])
def test_what_is_returned_is_documented_however_deep(name: str) -> None:
    entries = documented(name)
    assert "\n".join(sorted({found for result in results(name) for found in undocumented(entries, result)})) == ""


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_documented_is_returned(name: str) -> None:
    assert "\n".join(sorted(unseen(documented(name), results(name)))) == ""


def test_what_fixes_document_some_fix_returns() -> None:
    """They share most of their results' shape; not every one of them meets everything that there is."""
    every = [result for name in REMEDIES for result in results(name)]
    assert "\n".join(sorted({missing for name in REMEDIES for missing in unseen(documented(name), every)})) == ""

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logons that Winlogon refuses, or the listener, or both: found, cured, and put back as they were."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course, Limits
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.rank import direct
from ansible_collections.winfleet.rdp.plugins.plugin_utils._examine import examine
from ansible_collections.winfleet.rdp.plugins.plugin_utils._fix import fix
from ansible_collections.winfleet.rdp.plugins.plugin_utils._loop import remediate
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults
from ansible_collections.winfleet.rdp.plugins.plugin_utils._rollback import rollback

from tests.simulator.host import SimulatedHost
from tests.simulator.windows.certificates import LISTENER
from tests.simulator.windows.registry import Type
from tests.support.in_process import connect, job, prober, settings_state

SETTING = SETTINGS["remote_logons_disabled"]
REMOTE_DESKTOP = REMEDIES["remote_desktop"]
ACCEPTED = {**defaults(REMOTE_DESKTOP.options), "logons": "accepted"}

STORED: t.Final = [(Type.SZ, "1"), (Type.DWORD, 1)]
"""As change logon and scripts store it, and as somebody may have by mistake."""

FINE: t.Final = [None, (Type.SZ, "0"), (Type.SZ, ""), (Type.EXPAND_SZ, "0")]


def host(stored: tuple[Type, t.Any] | None, version: str = "2022") -> SimulatedHost:
    simulated = SimulatedHost.build(version)
    simulated.windows.registry.discard(SETTING.key, SETTING.name)
    if stored is not None:
        simulated.windows.registry.put(SETTING.key, SETTING.name, *stored)
    return simulated


def found(simulated: SimulatedHost) -> list[str]:
    standing = examine(connect(simulated), prober(simulated), 600)
    return [f"{finding.id}: {proof.what}" for finding in direct(standing.findings) for proof in finding.evidence]


def cured(simulated: SimulatedHost) -> Course:
    doing = job(simulated)
    return remediate(doing, examine(doing.host, doing.prober, 600), Limits())


@pytest.mark.parametrize("stored", STORED)
def test_what_refuses_is_named_set_right_as_a_string_and_put_back_as_it_was(stored: tuple[Type, t.Any]) -> None:
    simulated = host(stored)
    before = settings_state(simulated)
    assert found(simulated) == ["logons_disabled: WinStationsDisabled"]

    course = cured(simulated)
    assert course.verdict == "repaired"
    assert [change.item for change in course.changes] == [SETTING.path]
    value = simulated.windows.registry.value(SETTING.key, SETTING.name)
    assert (value.type, value.data) == (Type.SZ, "0")

    rollback(job(simulated, "back"), "all", force=False)
    assert settings_state(simulated) == before


@pytest.mark.parametrize("stored", FINE)
def test_what_refuses_nobody_is_left(stored: tuple[Type, t.Any] | None) -> None:
    simulated = host(stored)
    assert found(simulated) == []
    assert fix(job(simulated), REMOTE_DESKTOP, ACCEPTED)[1].changes == []


def test_either_is_evidence_and_both_are_cured_at_once() -> None:
    simulated = SimulatedHost.build("11", breakages=["logons_disabled", "remote_logons_disabled"])
    assert found(simulated) == ["logons_disabled: fLogonDisabled", "logons_disabled: WinStationsDisabled"]
    course = cured(simulated)
    assert course.verdict == "repaired"
    assert {change.item for change in course.changes} == {SETTING.path, SETTINGS["logons_disabled"].path}


def test_the_listeners_own_refusal_leaves_winlogons_value_alone() -> None:
    simulated = SimulatedHost.build("11", breakages=["logons_disabled"])
    changes = cured(simulated).changes
    assert [change.item for change in changes] == [SETTINGS["logons_disabled"].path]


def test_refused_is_the_listeners_value_alone() -> None:
    simulated = host((Type.SZ, "1"))
    fix(job(simulated), REMOTE_DESKTOP, {**ACCEPTED, "logons": "refused"})
    assert simulated.windows.registry.dword(LISTENER, "fLogonDisabled") == 1
    assert simulated.windows.registry.get(SETTING.key, SETTING.name) == "1"


@pytest.mark.parametrize(("verb", "listed"), [("/disable", ["logons_disabled: WinStationsDisabled"]), ("/enable", [])])
def test_change_logon_is_winlogons_value(verb: str, listed: list[str]) -> None:
    simulated = host((Type.SZ, "1"))
    connect(simulated).shell.run(f"change logon {verb}")
    assert found(simulated) == listed

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What security_layer does about the logon screen and secure RPC, as the benchmarks' items of the listener want."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation, SettingState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, Reading, unreadable, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES

POLICIES = "HKLM\\SOFTWARE\\Policies\\"
NAMES = ("fPromptForPassword", "fEncryptRPCTraffic", "SecurityLayer", "UserAuthentication", "MinEncryptionLevel")
"""The values behind the items 18.10.57.3.9.1 to 5 of the CIS benchmarks, in their order; all are L1."""

ON, OFF = value(1, "REG_DWORD"), value(0, "REG_DWORD")


def plan(setting: str, state: SettingState, **options: str) -> Plan:
    usual = dict.fromkeys(("layer", "encryption", "negotiation", "logon_prompt", "rpc"), "keep")
    observation = Observation("2026-01-01T00:00:00+00:00", settings={setting: state})
    return REMEDIES["security_layer"].plan(observation, {**usual, **options})


@pytest.mark.parametrize("local", [ABSENT, OFF])
def test_the_prompt_is_a_local_value_and_restores_the_benchmarks(local: Reading) -> None:
    planned = plan("logon_prompt", SettingState(local), logon_prompt="always")
    (change,), (note,) = planned.changes, planned.notes
    assert "restart TermService where a session that begins after the change does not ask" in note
    assert change.item.endswith(r"\RDP-Tcp\fPromptForPassword")
    assert change.after == {"type": "REG_DWORD", "data": 1}
    assert [(item.item, item.effect) for item in change.compliance] == [
        ("18.10.57.3.9.1", "restores"), ("fPromptForPassword", "restores"),
    ]  # fmt: skip


@pytest.mark.parametrize("state", [SettingState(ON), SettingState(OFF, ON)])
def test_a_host_that_prompts_is_left_alone(state: SettingState) -> None:
    assert plan("logon_prompt", state, logon_prompt="always") == Plan()


def test_a_policy_against_the_prompt_is_told_and_not_written_under() -> None:
    planned = plan("logon_prompt", SettingState(ON, OFF, "group policy 'RDP'"), logon_prompt="always")
    assert [(held.setting, held.owner) for held in planned.held] == [("logon_prompt", "group policy 'RDP'")]
    assert planned.changes == ()


def test_the_prompt_is_kept_unless_asked_for() -> None:
    assert plan("logon_prompt", SettingState(OFF)) == Plan()


@pytest.mark.parametrize(
    ("policy", "said"),
    [(ABSENT, "is not set"), (OFF, "is 0 (not_required)"), (unreadable("denied"), "could not be read")],
)
def test_secure_rpc_is_left_to_policy_and_told(policy: Reading, said: str) -> None:
    planned = plan("secure_rpc", SettingState(ABSENT, policy), rpc="secure")
    (note,) = planned.notes
    assert said in note
    assert planned == Plan(notes=(note,))


def test_the_note_names_the_policy_and_the_items() -> None:
    (note,) = plan("secure_rpc", SettingState(ABSENT), rpc="secure").notes
    assert "Require secure RPC communication" in note
    assert "18.10.57.3.9.2" in note


def test_nothing_is_told_where_policy_requires_it_or_nobody_asks() -> None:
    assert plan("secure_rpc", SettingState(ABSENT, ON), rpc="secure") == Plan()
    assert plan("secure_rpc", SettingState(ABSENT)) == Plan()


def test_secure_rpc_alone_is_a_matter_of_policy() -> None:
    alone = [name for name, setting in SETTINGS.items() if setting.path.startswith(POLICIES)]
    assert alone == ["secure_rpc"]
    assert [name for name, setting in SETTINGS.items() if setting.by_policy_alone] == alone


def test_the_catalogue_has_every_item_of_the_security_of_the_listener() -> None:
    found = {rule.item: setting.name for setting in SETTINGS.values() for rule in setting.rules}
    items = {item: name for item, name in found.items() if item.startswith("18.10.57.3.9.")}
    assert items == {f"18.10.57.3.9.{number}": name for number, name in enumerate(NAMES, 1)}


def test_what_is_kept_is_not_read() -> None:
    remedy = REMEDIES["security_layer"]
    usual = {name: spec.get("default") for name, spec in remedy.options.items()}
    assert remedy.settings_for(usual) == ("security_layer", "encryption", "negotiation")
    assert remedy.settings_for({**usual, "logon_prompt": "always", "rpc": "secure"}) == remedy.settings

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of settings."""

from __future__ import annotations

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import SettingState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, unreadable, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import (
    BASELINE,
    SETTINGS,
    compliance,
    effective,
)

LAYER = SETTINGS["security_layer"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (SettingState(ABSENT), (2, "default")),
        (SettingState(value(1, "REG_DWORD")), (1, "local")),
        (SettingState(value(1, "REG_DWORD"), value(0, "REG_DWORD")), (0, "policy")),
        (SettingState(value("1", "REG_SZ")), (2, "default")),
        (SettingState(unreadable("denied"), value(0, "REG_DWORD")), (0, "policy")),
    ],
)
def test_policy_before_local_before_default(state: SettingState, expected: tuple[int, str]) -> None:
    assert effective(LAYER, state) == expected


def test_a_weaker_layer_breaks_the_benchmark_and_a_stronger_one_restores_it() -> None:
    (broken,) = compliance(LAYER, 2, 1, client=False)
    assert (broken.effect, broken.item.endswith(".3.9.3")) == ("breaks", True)
    (restored,) = compliance(LAYER, 0, 2, client=False)
    assert restored.effect == "restores"
    assert compliance(LAYER, 0, 1, client=False) == ()


def test_what_microsofts_baselines_want_is_what_the_published_lists_have() -> None:
    rules = [(name, rule) for name, setting in SETTINGS.items() for rule in setting.rules if rule.benchmark == BASELINE]
    assert {name: (rule.item, rule.least or rule.exactly) for name, rule in rules} == {
        "encryption": ("MinEncryptionLevel", 3),
        "logon_prompt": ("fPromptForPassword", 1),
        "secure_rpc": ("fEncryptRPCTraffic", 1),
        "client_ntlm_level": ("LmCompatibilityLevel", 5),
    }


def test_the_benchmark_that_wants_rdp_off_is_for_clients_alone() -> None:
    deny = SETTINGS["deny_connections"]
    assert compliance(deny, 1, 0, client=False) == ()
    assert [item.effect for item in compliance(deny, 1, 0, client=True)] == ["breaks"]


def test_every_setting_says_what_it_is() -> None:
    for name, setting in SETTINGS.items():
        assert setting.id == name
        assert setting.key.startswith("HKLM\\")
        assert len(setting.meaning) > 15
        if setting.policy:
            assert setting.policy.gpo.startswith("Computer Configuration\\")
        assert setting.default is None or not setting.choices or setting.default in setting.choices


def test_no_two_settings_share_a_value() -> None:
    paths = [setting.path.lower() for setting in SETTINGS.values()]
    assert len(set(paths)) == len(paths)


def test_words() -> None:
    assert LAYER.word(2) == "2 (tls)"
    assert LAYER.word(7) == "7"
    assert LAYER.word(None) == "None"

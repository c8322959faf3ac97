# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What security_layer does about the logon screen and secure RPC, as the benchmarks' items of the listener want."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.lease import Lease, LeaseState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Identity, Observation, SettingState
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT, Reading, unreadable, value
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES, defaults

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
        ("18.10.57.3.9.1", "restores"), ("fPromptForPassword", "restores"), ("fPromptForPassword", "restores"),
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


# --- high encryption, and more


NOW = "2026-01-01T00:00:00+00:00"
IDENTITY = Identity("HOST", "Windows", "10.0.20348", 20348, 3, 1033, NOW, NOW, 0.0)
HIGH, FIPS = value(3, "REG_DWORD"), value(4, "REG_DWORD")


def encrypted(state: SettingState, leases: tuple[LeaseState, ...] = (), **options: t.Any) -> Plan:
    usual = {**defaults(REMEDIES["security_layer"].options), "layer": "keep", "negotiation": "keep"}
    observation = Observation(NOW, IDENTITY, {"encryption": state}, leases)
    return REMEDIES["security_layer"].plan(observation, {**usual, "encryption": "high", **options})


@pytest.mark.parametrize(
    "state", [SettingState(FIPS), SettingState(OFF, FIPS, "group policy 'RDP'"), SettingState(ABSENT, FIPS, "")]
)
@pytest.mark.parametrize("options", [{}, {"remove_orphaned_policy": True}])
def test_fips_is_all_that_high_encryption_asks_for(state: SettingState, options: dict[str, t.Any]) -> None:
    assert encrypted(state, **options) == Plan(
        notes=("MinEncryptionLevel 4 (fips) is stronger than 3 (high): it stays",)
    )


def test_nothing_is_told_where_the_level_is_high() -> None:
    assert encrypted(SettingState(HIGH)) == Plan()


def test_what_an_orphaned_policy_hides_is_kept_where_it_is_stronger() -> None:
    planned = encrypted(SettingState(FIPS, value(2, "REG_DWORD"), ""), remove_orphaned_policy=True)
    assert [(change.item.startswith(POLICIES), change.after) for change in planned.changes] == [(True, None)]
    assert planned.refused == ()


@pytest.mark.parametrize(
    ("options", "kinds"),
    [({"lease": "30m"}, ["lease", "registry"]), ({"accept_permanent_weakening": True}, ["registry"])],
)
def test_fips_can_be_weakened_to_high_on_purpose(options: dict[str, t.Any], kinds: list[str]) -> None:
    planned = encrypted(SettingState(FIPS), **options)
    assert [change.kind for change in planned.changes] == kinds
    assert planned.changes[-1].after == {"type": "REG_DWORD", "data": 3}


def test_less_than_high_is_refused_on_such_a_host() -> None:
    planned = encrypted(SettingState(FIPS), encryption="client_compatible")
    assert [refusal.option for refusal in planned.refused] == ["lease"]


def test_high_encryption_ends_a_lease_that_gave_fips_away() -> None:
    """It goes back to what was there, as the host would have set it in the end."""
    lease = Lease("encryption", (1,), 4, 1800, "2026-01-01T00:10:00Z")
    planned = encrypted(SettingState(ON), (LeaseState(lease, True, 1, NOW),))
    assert [(change.kind, change.after, change.undo) for change in planned.changes] == [
        ("registry", {"type": "REG_DWORD", "data": 4}, "none"),
        ("lease", None, "none"),
    ]


# --- from Standard RDP Security to negotiation


@pytest.mark.parametrize(("layer", "then"), [(0, "answer"), (7, "answer"), (2, "")])
def test_who_got_in_before_tls_is_offered_has_to_get_in_afterwards(layer: int, then: str) -> None:
    usual = {**defaults(REMEDIES["security_layer"].options), "layer": "negotiate", "negotiation": "keep", "lease": "1h"}
    state = SettingState(value(layer, "REG_DWORD"))
    observation = Observation(NOW, IDENTITY, {"security_layer": state}, ())
    planned = REMEDIES["security_layer"].plan(observation, usual)
    assert [change.then for change in planned.changes if change.kind == "registry"] == [then]
    orphaned = replace(observation, settings={"security_layer": SettingState(value(1, "REG_DWORD"), state.local, "")})
    planned = REMEDIES["security_layer"].plan(orphaned, {**usual, "remove_orphaned_policy": True})
    assert [change.then for change in planned.changes if change.kind == "registry"] == ([then] if layer == 0 else [])

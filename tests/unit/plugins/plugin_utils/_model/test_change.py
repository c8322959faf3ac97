# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes and what remains of them."""

from __future__ import annotations

from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change, Plan, Refusal, net_changes
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.plain import Plain


def layer(before: int | None, after: int | None) -> Change:
    values = [None if number is None else {"type": "REG_DWORD", "data": number} for number in (before, after)]
    return Change("security_layer", "registry", "KEY\\SecurityLayer", values[0], values[1], "a test")


def rule(field: str, before: Plain, after: Plain) -> Change:
    return Change("firewall", "firewall_rule", "RULE", {field: before}, {field: after}, "a test")


def test_steps_of_one_item_become_its_first_before_and_last_after() -> None:
    assert net_changes([layer(0, 1), layer(1, 2)]) == {
        "registry:KEY\\SecurityLayer": ({"type": "REG_DWORD", "data": 0}, {"type": "REG_DWORD", "data": 2})
    }


def test_a_step_and_its_way_back_leave_nothing() -> None:
    assert net_changes([layer(None, 1), layer(1, None)]) == {}


def test_fields_of_a_rule_come_together() -> None:
    assert net_changes([rule("profiles", 0, 2), rule("enabled", False, True)]) == {
        "firewall_rule:RULE": ({"profiles": 0, "enabled": False}, {"profiles": 2, "enabled": True})
    }


def test_each_field_of_a_rule_is_a_target_of_its_own() -> None:
    assert rule("profiles", 0, 2).target != rule("enabled", False, True).target
    assert layer(0, 1).target == layer(1, 2).target


def test_plans_add_up_in_order() -> None:
    plan = Plan(changes=(layer(0, 1),)) + Plan(changes=(layer(1, 2),), refused=(Refusal("no"),))
    assert [change.after for change in plan.changes] == [
        {"type": "REG_DWORD", "data": 1},
        {"type": "REG_DWORD", "data": 2},
    ]
    assert plan.refused == (Refusal("no"),)

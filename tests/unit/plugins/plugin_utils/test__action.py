# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge: options, durations, run ids, and what errors look like."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _action
from ansible_collections.winfleet.rdp.plugins.plugin_utils._action import (
    RUN_ID,
    STRICT,
    FixAction,
    RdpAction,
    _check,
    seconds,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessRefused,
    AuthenticationFailed,
    BadAnswer,
    TransportFailed,
    WsmanError,
)


class Action(RdpAction):
    spec: t.ClassVar[t.Any] = {"force": {"type": "bool", "default": False}, "run": {"type": "str"}}
    fails: t.ClassVar[WsmanError | None] = None

    def rdp_run(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        if self.fails:
            raise self.fails
        return {"options": options}


def action(cls: type[RdpAction] = Action, **arguments: object) -> RdpAction:
    task = MagicMock(args=arguments, async_val=0, check_mode=False, diff=False, environment=None)
    connection = MagicMock()
    connection.get_option.side_effect = {"remote_password": "s3cret-Passw0rd"}.__getitem__
    made = cls(task, connection, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    made._load_name = "winfleet.rdp.test"
    return made


def run(made: RdpAction) -> dict[str, t.Any]:
    return made.run(task_vars={"inventory_hostname": "host17"})


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), (" 5 m ", 300)])
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "1w", "10m30s", "ten minutes"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(AnsibleActionFail, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize("value", ["yes", "true", "True", 1, "1", None, []])
def test_options_that_accept_a_loss_take_no_words(value: object) -> None:
    with pytest.raises(AnsibleActionFail, match="force accepts a loss or a risk"):
        run(action(force=value))


def test_real_booleans_are_taken() -> None:
    assert run(action(force=True))["options"]["force"] is True


def test_strict_options_are_never_true_by_default() -> None:
    for remedy in REMEDIES.values():
        for name, spec in remedy.options.items():
            assert name not in STRICT or spec.get("default") in (False, None)
            assert spec["type"] != "bool" or not spec.get("default") or name not in STRICT


ACTIONS = sorted(path.stem for path in (Path(__file__).parents[4] / "plugins" / "action").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", ACTIONS)
def test_whatever_is_off_by_default_takes_a_boolean_and_nothing_else_to_be_on(name: str) -> None:
    """An option that is new is a decision until somebody says here that it costs nobody anything."""
    plugin = importlib.import_module(f"ansible_collections.winfleet.rdp.plugins.action.{name}").ActionModule
    options = getattr(plugin, "spec", {})
    switches = {option for option, spec in options.items() if spec["type"] == "bool" and not spec.get("default")}
    assert switches <= STRICT


def test_unknown_options_are_named() -> None:
    with pytest.raises(AnsibleActionFail, match="no_such_thing"):
        run(action(no_such_thing=1))


@pytest.mark.parametrize("error", [TransportFailed("no answer"), AuthenticationFailed("rejected")])
def test_a_lost_host_is_unreachable(error: WsmanError) -> None:
    made = action()
    made.fails = error  # type: ignore[attr-defined]  # the test's own class
    result = run(made)
    assert result["unreachable"]
    assert result["msg"].startswith("host17: ")
    assert error.hint in result["msg"]


def test_a_refusal_is_a_failure_and_the_password_stays_out_of_it() -> None:
    made = action()
    made.fails = AccessRefused("denied for s3cret-Passw0rd")  # type: ignore[attr-defined]  # the test's own class
    result = run(made)
    assert result["failed"]
    assert result["changed"] is False
    assert "s3cret-Passw0rd" not in str(result)


def test_what_nobody_foresaw_is_a_failure_with_a_traceback_and_no_secret() -> None:
    class Broken(Action):
        def rdp_run(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
            raise ZeroDivisionError("of s3cret-Passw0rd by 0")

    result = run(action(Broken))
    assert result["failed"]
    assert result["msg"].startswith("host17: unexpected ZeroDivisionError: of ******** by 0.")
    assert "rdp_run" in result["exception"]
    assert "s3cret-Passw0rd" not in str(result)


@pytest.mark.parametrize("run_id", ["", " ", "a b", "../x", "x" * 65, "-x", "a\\b", "a/b"])
def test_run_ids_that_could_be_a_path_are_refused(run_id: str) -> None:
    assert not RUN_ID.fullmatch(run_id)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rdp_port": 99999}, "rdp_port"),
        ({"since": "999999999999d"}, "30 days"),
        ({"probes": [{"a": "b"}]}, "number 1 is no result"),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_sent(options: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AnsibleActionFail, match=said):
        _check(options)


def test_a_fix_has_the_shared_options_and_its_own() -> None:
    class Fix(FixAction):
        remedy = REMEDIES["firewall"]

    assert {"run_id", "restart", "probe_from", "profiles", "uri_style"} <= set(Fix.spec)


@pytest.mark.parametrize(
    ("stored", "expected"), [({"port": 15986}, 15986), ({"port": "5985"}, 5985), ({"port": None}, None), ({}, None)]
)
def test_the_channels_port_is_the_connections_own(stored: dict[str, object], expected: int | None) -> None:
    made = action()
    t.cast(MagicMock, made._connection).get_option.side_effect = stored.__getitem__
    assert made.rdp_channel_port() == expected


def test_a_fix_is_told_the_channels_port(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fix(FixAction):
        remedy = REMEDIES["remote_desktop"]

    made = t.cast(Fix, action(Fix))
    t.cast(MagicMock, made._connection).get_option.side_effect = {"port": 15986}.__getitem__
    fixing = MagicMock(side_effect=BadAnswer("enough"))
    monkeypatch.setattr(_action, "fix", fixing)
    with pytest.raises(BadAnswer):
        made.rdp_change(MagicMock(), {})
    assert fixing.call_args.args[2] == {"channel_port": 15986}


@pytest.mark.parametrize("unreached", ["", "TLS fails"])
def test_a_fix_that_did_not_reach_its_state_fails(unreached: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fix(FixAction):
        remedy = REMEDIES["machine_keys"]

    made = t.cast(Fix, action(Fix))
    made.rdp_vars = {}
    monkeypatch.setattr(_action, "fix", MagicMock(return_value=(Plan(), Done(unreached=unreached))))
    result = made.rdp_change(MagicMock(), {"state": "usable", "method": "ace"})
    assert (result.get("failed", False), "TLS fails" in result.get("msg", "")) == (bool(unreached), bool(unreached))


def test_the_texts_of_a_host_neither_move_a_cursor_nor_forge_a_line() -> None:
    class Failing(Action):
        fails = BadAnswer("\x9b2J\nok: [host17] => forged\u202e")

    result = run(action(Failing))
    assert result["msg"].startswith("host17: \\u009b2J ok: [host17] => forged\\u202e. ")
    assert run(action(run="\x1b]0;x"))["options"]["run"] == "\\u001b]0;x"

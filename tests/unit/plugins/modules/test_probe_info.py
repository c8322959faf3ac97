# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module and the action: options, where the probe runs, and whether the documentation says what is so."""

from __future__ import annotations

import json
import typing as t
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.module_utils import basic
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible_collections.winfleet.rdp.plugins.action import probe_info as action_file
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.certificate import Certificate
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.options import (
    ARGUMENT_SPEC,
    DEFAULT_STAGES,
    ProbeOptions,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.probe import probe
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.quality import summarise
from ansible_collections.winfleet.rdp.plugins.modules import probe_info as module_file

DOCUMENTATION = yaml.safe_load(module_file.DOCUMENTATION)
RETURN = yaml.safe_load(module_file.RETURN)
ARGUMENTS = {"host": "192.0.2.7", "port": 3389, "timeout": 5.0, "samples": 0, "udp": False, "stages": ["tcp"]}
REPORT = {"stage": "complete"}


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[ProbeOptions]:
    """Replace the probe in both files; the list fills with its options."""
    calls: list[ProbeOptions] = []

    def record(options: ProbeOptions) -> dict[str, str]:
        calls.append(options)
        return REPORT

    monkeypatch.setattr(action_file, "probe", record)
    monkeypatch.setattr(module_file, "probe", record)
    return calls


class TestDocumentation:
    def test_options_are_those_of_the_code(self) -> None:
        documented = {
            name: {key: value for key, value in option.items() if key != "description"}
            for name, option in DOCUMENTATION["options"].items()
        }
        assert documented == ARGUMENT_SPEC

    def test_defaults_are_those_of_the_library(self) -> None:
        options = ProbeOptions("win01")
        defaults = {name: spec["default"] for name, spec in ARGUMENT_SPEC.items() if "default" in spec}
        assert defaults == {name: getattr(options, name) for name in defaults if name != "stages"} | {
            "stages": list(DEFAULT_STAGES)
        }

    def test_result_is_described_to_the_last_key(self) -> None:
        report = probe(ProbeOptions("127.0.0.1", stages=("name",)))
        report["tls"]["certificate"] = vars(Certificate("", ""))
        report["quality"] = vars(summarise([], 1))
        assert documented_keys(RETURN["probe"]["contains"]) == actual_keys(report)

    def test_sample_is_of_the_documented_shape(self) -> None:
        sample = RETURN["probe"]["sample"]
        assert set(sample) == set(RETURN["probe"]["contains"])
        for key, part in sample.items():
            if isinstance(part, dict):
                assert set(part) == set(RETURN["probe"]["contains"][key]["contains"])

    def test_examples_use_documented_options(self) -> None:
        tasks = [task for task in yaml.safe_load(module_file.EXAMPLES) if "winfleet.rdp.probe_info" in task]
        assert len(tasks) == 3
        for task in tasks:
            assert set(task["winfleet.rdp.probe_info"] or {}) <= set(ARGUMENT_SPEC)


def documented_keys(contains: dict[str, t.Any]) -> dict[str, t.Any]:
    """The tree of keys in the documentation of a result."""
    return {key: documented_keys(value.get("contains", {})) for key, value in contains.items()}


def actual_keys(report: dict[str, t.Any]) -> dict[str, t.Any]:
    """The tree of keys of a result; what was asked is described in words."""
    return {
        key: actual_keys(value) if isinstance(value, dict) and key != "asked" else {} for key, value in report.items()
    }


class TestModule:
    def run(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **arguments: t.Any) -> t.Any:
        """Run the module as the node would; returns its result."""
        given = {"ANSIBLE_MODULE_ARGS": arguments}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(given).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit):
            module_file.main()
        return json.loads(capsys.readouterr().out)

    def test_probes(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], probed: list[ProbeOptions]
    ) -> None:
        result = self.run(monkeypatch, capsys, host="win01", timeout="2.5", _ansible_check_mode=True)
        assert result["probe"] == REPORT
        assert result["changed"] is False
        assert probed == [ProbeOptions("win01", timeout=2.5)]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [({}, "host must be"), ({"host": "win01", "samples": 1000}, "samples must be"), ({"hots": "win01"}, "hots")],
    )
    def test_wrong_options(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        probed: list[ProbeOptions],
        arguments: dict[str, t.Any],
        message: str,
    ) -> None:
        result = self.run(monkeypatch, capsys, **arguments)
        assert result["failed"] is True
        assert message in result["msg"]
        assert probed == []


WINDOWS = (".ps1", ".exe", "")


class TestAction:
    def run(
        self,
        arguments: dict[str, t.Any],
        variables: dict[str, t.Any] | None = None,
        transport: str = "winrm",
        delegate_to: str | None = None,
    ) -> tuple[dict[str, t.Any], MagicMock]:
        """Run the action as the play would; returns its result and what would send a module."""
        connection = MagicMock(transport=transport)
        connection.module_implementation_preferences = ("",) if transport in ("ssh", "local") else WINDOWS
        task = MagicMock(Task)
        task.args, task.check_mode, task.async_val, task.delegate_to = arguments, True, 0, delegate_to
        loader = DataLoader()
        action = action_file.ActionModule(task, connection, MagicMock(), loader, Templar(loader), None)
        send = MagicMock(return_value={"changed": False, "probe": "from the node"})
        action._load_name, action._execute_module = "winfleet.rdp.probe_info", send
        return action.run(task_vars={"inventory_hostname": "win01", **(variables or {})}), send

    @pytest.mark.parametrize("transport", ["winrm", "psrp", "local"])
    def test_runs_in_this_process(self, probed: list[ProbeOptions], transport: str) -> None:
        result, send = self.run(dict(ARGUMENTS), transport=transport)
        assert result["probe"] == REPORT
        assert result["changed"] is False
        assert probed == [ProbeOptions("192.0.2.7", stages=("tcp",))]
        send.assert_not_called()

    @pytest.mark.parametrize("delegate_to", ["jump", None])
    def test_runs_on_a_node_with_python(self, probed: list[ProbeOptions], delegate_to: str | None) -> None:
        result, send = self.run({"udp": "yes"}, {"ansible_host": "10.0.0.9"}, "ssh", delegate_to)
        assert result["probe"] == "from the node"
        assert probed == []
        sent = send.call_args.kwargs["module_args"]
        assert sent == {**ARGUMENTS, "host": "10.0.0.9", "udp": True, "stages": list(DEFAULT_STAGES)}

    @pytest.mark.parametrize(
        ("variables", "host"),
        [({}, "win01"), ({"ansible_host": "10.0.0.9"}, "10.0.0.9"), ({"ansible_host": ""}, "win01")],
    )
    def test_host_by_default(self, probed: list[ProbeOptions], variables: dict[str, str], host: str) -> None:
        self.run({}, variables)
        assert probed[0].host == host

    def test_not_delegated_to_windows(self, probed: list[ProbeOptions]) -> None:
        with pytest.raises(AnsibleActionFail, match="Windows host win02"):
            self.run({}, delegate_to="win02")
        assert probed == []

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [({"port": 0}, "port must be"), ({"stages": ["magic"]}, "stages"), ({"hots": "win01"}, "hots")],
    )
    @pytest.mark.parametrize("transport", ["winrm", "ssh"])
    def test_wrong_options_go_nowhere(
        self, probed: list[ProbeOptions], arguments: dict[str, t.Any], message: str, transport: str
    ) -> None:
        with pytest.raises(AnsibleActionFail, match=message):
            self.run(arguments, transport=transport)
        assert probed == []

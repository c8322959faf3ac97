# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module report in a play of its own, with results that a play has at hand: no host is asked for anything."""

from __future__ import annotations

import csv
import importlib
import json

import pytest
import yaml

from tests.running import play
from tests.support.returned import undocumented, unseen

INVENTORY = """
windows:
  hosts:
    win01: {diagnosis: {verdict: healthy, findings: [], probe: null}}
    win02: {diagnosis: {unreachable: true, msg: "=cmd|' /C calc'!A0 </script>"}}
    win03: {}
"""

PLAYBOOK = """
- name: Report
  hosts: {hosts}
  gather_facts: false
  tasks:
    - name: Report
      winfleet.rdp.report: {options}
      run_once: true
      register: reported
    - name: Show
      ansible.builtin.copy:
        content: "{{{{ reported }}}}"
        dest: {place}/reported.json
        mode: "0600"
      run_once: true
      delegate_to: localhost
      check_mode: false
"""


RETURN = yaml.safe_load(importlib.import_module("ansible_collections.winfleet.rdp.plugins.modules.report").RETURN)


def documented(result):
    """A result, every part of which the module's documentation names, and the other way round."""
    own = {name: value for name, value in result.items() if name not in ("changed", "failed")}
    assert sorted(undocumented(RETURN, own)) == []
    assert sorted(unseen(RETURN, [own])) == []
    return result


@pytest.fixture
def report(tmp_path):
    """Run the module with options on the hosts of a pattern; gives its result, or what was said when it failed."""

    def report(*options, hosts="windows", **arguments):
        inventory, playbook = tmp_path / "inventory.yml", tmp_path / "play.yml"
        inventory.write_text(INVENTORY, encoding="utf-8")
        text = PLAYBOOK.format(hosts=hosts, options=json.dumps(arguments), place=tmp_path)
        playbook.write_text(text, encoding="utf-8")
        played = play(str(playbook), inventory, *options)
        return documented(json.loads((tmp_path / "reported.json").read_text())) if played.code == 0 else played.output

    return report


def names(path):
    return [host["host"] for host in json.loads(path.read_text(encoding="utf-8"))["hosts"]]


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_every_format_is_written_also_in_check_mode(report, tmp_path, options):
    place = tmp_path / "report"
    result = report(*options, path=str(place), formats=["html", "csv"], variable="diagnosis")
    assert result["files"] == [str(place / f"report.{name}") for name in ("json", "html", "csv")]
    assert (result["changed"], result["left_out"]) == (False, ["win03"])
    page = (place / "report.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    with (place / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["what_was_wrong"] for row in csv.DictReader(file)] == ["", "'=cmd|' /C calc'!A0 </script>"]


def test_slices_are_merged_without_any_host_at_hand(report, tmp_path):
    slices = [tmp_path / "slices" / name for name in ("one", "two")]
    report("--limit", "win01", path=str(slices[0]), variable="diagnosis")
    report("--limit", "win02", path=str(slices[1]), variable="diagnosis")
    paths = [str(place / "report.json") for place in slices]
    result = report(hosts="localhost", path=str(tmp_path / "all"), formats=["html"], merge=paths)
    assert (result["totals"]["hosts"], result["left_out"]) == (2, [])
    assert names(tmp_path / "all" / "report.json") == ["win01", "win02"]
    merged = (tmp_path / "all" / "report.json").read_bytes()
    report(hosts="localhost", path=str(tmp_path / "all"), merge=paths[::-1])
    assert (tmp_path / "all" / "report.json").read_bytes() == merged


def test_a_slice_that_is_missing_fails_before_anything_is_written(report, tmp_path):
    said = report(path=str(tmp_path / "all"), variable="diagnosis", merge=[str(tmp_path / "none.json")])
    assert "none.json does not exist" in said
    assert not (tmp_path / "all").exists()


def test_an_error_is_told_once(report):
    said = report(variable="inventory_hostname").partition("fatal:")[2]
    assert said.count("win01: the variable does not hold a result of diagnosis_info or remediate") == 1


def test_something_to_report_has_to_be_named(report, tmp_path):
    assert "one of the following is required: variable, merge" in report(path=str(tmp_path / "all"))

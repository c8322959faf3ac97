# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work in slices, each through ansible-runner on a machine of its own, as AWX splits it."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from contextlib import ExitStack

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import Change

from scripts.doc_files import GUIDES, files_of
from tests.running import play, running_fleet
from tests.support.slicing import Slice, project, slice_of, sliced
from tests.support.states import differing, outside, without_journals

COUNT = 2
FLEET = shlex.split("""
    --hosts 5 --seed 11 --max-seconds 1800
    --break host001=rdp_denied --break host002=firewall_rule_disabled --break host004=security_layer_rdp
    --break host005=rdp_denied
""")
SHARED = "/srv/rdp-reports"
"""The directory that the guide's jobs share."""
RUN = {"rdp_remediate_run_id": "change-4711"}

MADE_BY_WINDOWS = [Change("windows", "renewal", "SessionEnv", None, None, "each fleet's Windows made its own")]

MOMENTS = {"at", "taken_at", "local_time", "server_time", "clock_offset_s", "connect_ms"}
"""What belongs to the moment at which a host was looked at, not to the host."""


@pytest.fixture
def start_fleet(tmp_path):
    """Start fleets that end with the test."""
    with ExitStack() as stack:

        def start(name):
            directory = tmp_path / name
            directory.mkdir()
            return stack.enter_context(running_fleet(directory, *FLEET))

        yield start


def in_slices(fleet, playbook, directory, forks=5, **variables):
    """All slices of a run, not yet started."""
    return [
        Slice(project(directory / str(number), playbook, sliced(fleet.inventory, number, COUNT), variables), forks)
        for number in range(1, COUNT + 1)
    ]


def merged(slices, tmp_path):
    """The reports of the slices, merged by the playbook that the guide to AWX shows."""
    shown = dict(files_of((GUIDES / "guide_awx.rst").read_text(encoding="utf-8")))["report.yml"]
    playbook = tmp_path / "report.yml"
    playbook.write_text(shown.replace(SHARED, str(tmp_path / "shared")), encoding="utf-8")
    for number, part in enumerate(slices):
        job = tmp_path / "shared" / "jobs" / str(number)
        job.mkdir(parents=True)
        shutil.copy(part.report, job)
    done = play(str(playbook), slices[0].directory / "sent" / "inventory")
    assert done.code == 0, done.output
    return read(tmp_path / "shared" / "fleet" / "report.json")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def timeless(value):
    """A report without what belongs to the moment at which a host was looked at, not to the host."""
    if isinstance(value, dict):
        return {name: timeless(data) for name, data in value.items() if name not in MOMENTS}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def differences(one, other, path=""):
    """Where two plain values differ, for a message that can be read."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for name in sorted({*one, *other})
            for found in differences(one.get(name), other.get(name), f"{path}/{name}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            f
            for number, (a, b) in enumerate(zip(one, other, strict=True))
            for f in differences(a, b, f"{path}/{number}")
        ]
    return [] if one == other else [f"{path}: {one!r} != {other!r}"]


def writes(fleet, host):
    return fleet.ask(f"/hosts/{host}/counters")["writes"]


def kill_amid_writes(part, fleet, host):
    """Kill a slice as soon as it has begun to write on a host."""
    deadline = time.monotonic() + 120
    while writes(fleet, host) < 5 and part.runs and time.monotonic() < deadline:
        time.sleep(0.005)
    part.kill()


def test_slices_take_every_host_once():
    hosts = ["b", "a", "d", "c", "e"]
    assert slice_of(hosts, 1, 2) == ["a", "c", "e"]
    assert slice_of(hosts, 2, 2) == ["b", "d"]


def test_a_diagnosis_in_slices_reports_what_an_unsliced_one_does(start_fleet, tmp_path):
    fleet = start_fleet("fleet")
    whole = play("winfleet.rdp.diagnose", fleet.inventory, "-e", f"rdp_report_dir={tmp_path / 'whole'}")
    assert whole.code == 0, whole.output
    slices = in_slices(fleet, "diagnose", tmp_path)
    outputs = [part.start() for part in slices]
    outputs = [part.wait() for part in outputs]
    assert [part.status for part in slices] == ["successful"] * COUNT, outputs
    one, other = read(tmp_path / "whole" / "report.json"), merged(slices, tmp_path)
    assert differences(timeless(one), timeless(other)) == []
    assert fleet.count("writes") == 0


def test_a_slice_killed_and_rerun_changes_nothing_twice(start_fleet, tmp_path):
    """One slice loses its machine between two writes; run again, all ends as if nothing had happened."""
    fleet, other = start_fleet("sliced"), start_fleet("unsliced")
    found = without_journals(fleet.states())
    whole = play("winfleet.rdp.remediate", other.inventory, "-e", json.dumps(RUN))
    assert whole.code == 0, whole.output

    first, *rest = in_slices(fleet, "remediate", tmp_path, forks=1, **RUN)
    first.start()
    kill_amid_writes(first, fleet, "host001")
    assert first.status == ""
    assert 0 < writes(fleet, "host001") < writes(other, "host001")
    assert [part.start().wait() and part.status for part in rest] == ["successful"] * (COUNT - 1)

    fleet.advance(601)  # the right to write of the run that was cut off ends by itself
    again = Slice(project(tmp_path / "again", "remediate", sliced(fleet.inventory, 1, COUNT), RUN)).start()
    output = again.wait()
    assert again.status == "successful", output
    ends, wanted = without_journals(fleet.states()), without_journals(other.states())
    away = {host: outside(differing(wanted[host], ends[host]), MADE_BY_WINDOWS) for host in wanted}
    assert [(host, paths) for host, paths in away.items() if paths] == []
    assert {host["verdict"] for host in read(again.report)["hosts"]} <= {"repaired", "healthy"}

    before = fleet.count("writes")
    third = play("winfleet.rdp.remediate", fleet.inventory)
    assert third.code == 0, third.output
    assert fleet.count("writes") == before
    undone = play("winfleet.rdp.rollback", fleet.inventory, "-e", "rdp_rollback_run=all")
    assert undone.code == 0, undone.output
    assert without_journals(fleet.states()) == found

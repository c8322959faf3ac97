# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report files: one writer at a time, whole files, and nothing of somebody else's overwritten."""

from __future__ import annotations

import errno
import json
import threading

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _report_files
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import entry
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report_files import ReportError, read_all, write


def host(name):
    return entry(name, {"verdict": "healthy", "findings": [], "probe": None}, "2026-11-22T10:00:00+00:00", False)


def names(directory):
    return [known["host"] for known in json.loads((directory / "report.json").read_text(encoding="utf-8"))["hosts"]]


def test_the_directory_is_made_and_the_files_are_named(tmp_path):
    report, files = write(tmp_path / "new" / "dir", [host("a")], ["json"])
    assert files == [tmp_path / "new" / "dir" / "report.json"]
    assert json.loads(files[0].read_text(encoding="utf-8")) == report


def test_batches_come_together(tmp_path):
    write(tmp_path, [host("b")], ["json"])
    write(tmp_path, [host("a")], ["json"])
    assert names(tmp_path) == ["a", "b"]


def test_writers_take_turns(tmp_path, monkeypatch):
    """Between reading and writing there is time enough for every other writer to read the same."""
    start = threading.Barrier(8)
    merge = _report_files.merge
    pause = threading.Event()
    monkeypatch.setattr(_report_files, "merge", lambda old, new: pause.wait(0.02) or merge(old, new))

    def batch(number):
        start.wait()
        write(tmp_path, [host(f"host{number}")], ["json"])

    threads = [threading.Thread(target=batch, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == [f"host{number}" for number in range(8)]


def test_a_failed_write_leaves_the_old_report_whole(tmp_path, monkeypatch):
    write(tmp_path, [host("a")], ["json"])

    def full(_number):
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr(_report_files.os, "fsync", full)
    with pytest.raises(ReportError, match="No space left"):
        write(tmp_path, [host("b")], ["json"])
    assert names(tmp_path) == ["a"]


def test_a_reader_sees_the_old_report_or_the_new_one_whole(tmp_path):
    write(tmp_path, [host("a")], ["json"])
    with (tmp_path / "report.json").open(encoding="utf-8") as old:
        write(tmp_path, [host("b")], ["json"])
        assert [known["host"] for known in json.load(old)["hosts"]] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".report.lock", "report.json"]


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        '{"schema": 2, "hosts": []}',
        "[]",
        '{"schema": 1}',
        '{"schema": 1, "hosts": [7]}',
        '{"schema": 1, "hosts": [{"host": "a"}]}',
    ],
)
def test_a_file_that_is_no_report_is_kept(tmp_path, text):
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match="move it away"):
        write(tmp_path, [host("a")], ["json"])
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text


def test_a_path_that_is_no_directory_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match="cannot be written"):
        write(tmp_path / "file", [host("a")], ["json"])


def test_every_format_has_its_file(tmp_path):
    _report, files = write(tmp_path, [host("a")], ["html", "csv", "html"])
    assert [path.name for path in files] == ["report.json", "report.html", "report.csv"]
    assert all(path.read_bytes() for path in files)


def test_a_host_may_send_what_no_encoding_holds(tmp_path):
    failed = entry("a", {"failed": True, "msg": "half a pair: \ud800"}, "2026-11-22T10:00:00+00:00", False)
    report, files = write(tmp_path, [failed], ["json", "csv", "html"])
    assert json.loads(files[0].read_text(encoding="utf-8"))["hosts"] == report["hosts"]
    assert r"\ud800" in files[1].read_text(encoding="utf-8")


def test_reports_of_slices_are_read_together(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, [host(name)], ["json"])
    entries = read_all(tmp_path / name / "report.json" for name in ("a", "b"))
    assert [found["host"] for found in entries] == ["a", "b"]


def test_a_slice_that_is_missing_is_told(tmp_path):
    with pytest.raises(ReportError, match="does not exist"):
        read_all([tmp_path / "report.json"])
    with pytest.raises(ReportError, match="cannot be read"):
        read_all([tmp_path])

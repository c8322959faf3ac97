# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports on the controller's disk. PRIVATE to the collection.

Several batches, forks or playbooks may write to one directory at once: a lock makes them take turns, and readers see
the old report or the new one whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ._report import FIELDS, SCHEMA, Entry, Report, merge
from ._report_csv import to_csv
from ._report_page import to_html

LOCK = ".report.lock"
STORE = "report.json"
"""The file that batches are merged in; every other format is made from it."""


class ReportError(Exception):
    """The report cannot be kept; the message says why and what to do."""


def write(directory: Path, entries: Iterable[Entry], formats: Iterable[str]) -> tuple[Report, list[Path]]:
    """Merge entries into the report of a directory; returns the whole report and the files written.

    Raises:
        ReportError: the directory cannot be written, or the file there is no report.
    """
    try:
        with _locked(directory):
            report = merge(read(directory / STORE), entries)
            files = {directory / f"report.{name}": WRITERS[name](report) for name in dict.fromkeys(["json", *formats])}
            for path, text in files.items():
                _replace(path, text)
    except OSError as error:
        raise ReportError(f"the report cannot be written to {directory}: {error.strerror or error}") from error
    return report, list(files)


def read_all(paths: Iterable[Path]) -> list[Entry]:
    """The entries of several reports, such as those of job slices.

    Raises:
        ReportError: one is missing, unreadable or no report.
    """
    return [host for path in paths for host in _present(path)["hosts"]]


def _present(path: Path) -> Report:
    try:
        report = read(path)
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror or error}") from error
    if report is None:
        raise ReportError(f"{path} does not exist")
    return report


def read(path: Path) -> Report | None:
    """The report in a file; None when there is no such file.

    Raises:
        ReportError: it is no report of this schema.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ReportError(f"{path} is not JSON ({error}); move it away or name another directory") from error
    if not _is_report(report):
        raise ReportError(f"{path} is no report of schema {SCHEMA}; move it away or name another directory")
    return t.cast(Report, report)


def _is_report(found: t.Any) -> bool:
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not isinstance(found.get("hosts"), list):
        return False
    return all(isinstance(host, dict) and set(host) >= FIELDS for host in found["hosts"])


def _to_json(report: Report) -> str:
    """One line for each host: reports of thousands of hosts are written for every batch."""
    hosts = ",\n".join(map(_compact, report["hosts"]))
    return f'{{"schema": {SCHEMA}, "totals": {_compact(report["totals"])}, "hosts": [\n{hosts}\n]}}\n'


def _compact(value: t.Any) -> str:
    return json.dumps(value, ensure_ascii=False)


WRITERS: Mapping[str, Callable[[Report], str]] = {"json": _to_json, "csv": to_csv, "html": to_html}
"""One function for each format: the report's text."""


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, making the directory where it is missing; the system releases it with the process."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    """Put a file there whole: written beside, synced, then renamed over the old one.

    Half a surrogate pair, which a hostile host may send and UTF-8 cannot hold, becomes the escape that JSON has for it.
    """
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8", errors="backslashreplace", newline="") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)

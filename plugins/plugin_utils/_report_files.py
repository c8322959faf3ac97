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

from ._report import SCHEMA, Entry, Report, merge

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
    if not isinstance(report, dict) or report.get("schema") != SCHEMA or not isinstance(report.get("hosts"), list):
        raise ReportError(f"{path} is no report of schema {SCHEMA}; move it away or name another directory")
    return t.cast(Report, report)


def _to_json(report: Report) -> str:
    """One line for each host: reports of thousands of hosts are written for every batch."""
    hosts = ",\n".join(map(_compact, report["hosts"]))
    return f'{{"schema": {SCHEMA}, "totals": {_compact(report["totals"])}, "hosts": [\n{hosts}\n]}}\n'


def _compact(value: t.Any) -> str:
    return json.dumps(value, ensure_ascii=False)


WRITERS: Mapping[str, Callable[[Report], str]] = {"json": _to_json}
"""One function for each format: the report's text."""


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, making the directory where it is missing; the system releases it with the process."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    """Put a file there whole: written beside, synced, then renamed over the old one."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""schtasks (Microsoft Learn, Windows commands): query, delete, run, end, change, create from XML. Exit codes: 0, 1."""

from __future__ import annotations

from tests.simulator.windows import cmd
from tests.simulator.windows.files import READ_DATA, FileError
from tests.simulator.windows.programs.base import Context, options
from tests.simulator.windows.security import SYSTEM
from tests.simulator.windows.tasks import Task, TaskError, split_uri

WITH_VALUE = frozenset({"/tn", "/fo", "/xml", "/ru", "/rp", "/sc", "/tr", "/st", "/u", "/p", "/s"})


def schtasks(context: Context, arguments: list[str]) -> cmd.Output:
    """Look at and change scheduled tasks."""
    verbs = {"/query": _query, "/delete": _delete, "/run": _run, "/end": _end, "/change": _change, "/create": _create}
    verb = verbs.get(arguments[0].lower() if arguments else "/query")
    _words, given = options(arguments[1:], WITH_VALUE - ({"/xml"} if verb is _query else set()))
    if verb is None:
        return context.fail(1, "invalid_syntax")
    try:
        return verb(context, given)
    except (TaskError, FileError):
        return context.fail(1, "task_error")


def _task(context: Context, given: dict[str, str]) -> Task:
    return context.windows.tasks.find(*split_uri("\\" + given.get("/tn", "").strip("\\")))


def _query(context: Context, given: dict[str, str]) -> cmd.Output:
    tasks = [_task(context, given)] if "/tn" in given else context.windows.tasks.all()
    if "/xml" in given:
        return cmd.Output("".join(task.xml + "\r\n" for task in tasks))
    lines = [f'"{task.uri}","N/A","{context.say("task_ready" if task.active else "task_disabled")}"' for task in tasks]
    return cmd.Output("".join(line + "\r\n" for line in lines))


def _delete(context: Context, given: dict[str, str]) -> cmd.Output:
    task = _task(context, given)
    if "/f" not in given or not _may_write(context):
        return context.fail(1, "access_denied")
    context.windows.tasks.delete(task)
    return context.done("task_deleted", task.uri)


def _run(context: Context, given: dict[str, str]) -> cmd.Output:
    task = _task(context, given)
    context.windows.tasks.start(task)
    return context.done("task_started", task.uri)


def _end(context: Context, given: dict[str, str]) -> cmd.Output:
    _task(context, given)
    return context.done("done")


def _change(context: Context, given: dict[str, str]) -> cmd.Output:
    task = _task(context, given)
    if not _may_write(context) or not {"/enable", "/disable"} & set(given):
        return context.fail(1, "access_denied")
    context.windows.tasks.set_enabled(task, "/enable" in given)
    return context.done("done")


def _create(context: Context, given: dict[str, str]) -> cmd.Output:
    """From an XML file alone; the many other ways are not known here."""
    if "/xml" not in given or not given.get("/tn"):
        return context.fail(1, "invalid_syntax")
    xml = context.windows.files.demand(given["/xml"], context.token, READ_DATA).content
    uri = "\\" + given["/tn"].strip("\\")
    context.windows.tasks.register(uri, xml, context.token, force="/f" in given)
    return context.done("task_created", uri)


def _may_write(context: Context) -> bool:
    return "S-1-5-32-544" in context.token.groups or context.token.sid == SYSTEM

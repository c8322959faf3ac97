# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""Checks: leases, with the very task that ends one, on a value of our own. PRIVATE to the collection.

The value lies in the scratch key, and both are gone afterwards. A check takes two minutes of the host's time at most.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .. import _lease
from .._cim.client import CimClient
from .._cim.registry import RegistryValue
from .._cim.schema import PS_SCHEDULED_TASK
from .._cim.tasks import FOLDER, Definition, Tasks, definition_xml
from .._cim.values import Sendable
from .._host import Host
from .._model import sddl
from .._model.lease import Lease, until
from .._model.settings import Setting
from .._wsman.errors import NotFound, WsmanFault
from ._base import Altered, Check, Scratch
from .registry import scratch_key

LASTS, PATIENCE, POLL = 60, 300.0, 5.0
"""Seconds: how long the lease is, how long its end is waited for, and how often it is looked for."""

WEAK, STRONG, STRONGER = 0, 1, 2
CODE = 7
LOCKED = "D:P(D;;0x6;;;SY)(A;;KA;;;BA)"
"""SYSTEM may read the key and set nothing in it; administrators may."""

AT_ONCE = 1.0
"""Seconds within which a run counts as done at once."""


@dataclass(frozen=True)
class Trial:
    """A lease of a setting that is nobody's."""

    host: Host
    setting: Setting
    lease: Lease

    @property
    def task(self) -> str:
        return _lease.task_name(self.lease.setting)

    @property
    def definition(self) -> Definition:
        return _lease.ending(self.lease, self.setting, self.setting.key)

    def wait(self) -> bool:
        """Whether the task was gone in time."""
        waited = 0.0
        while self.host.tasks.find(self.task) is not None:
            if waited >= PATIENCE:
                return False
            self.host.sleep(POLL)
            waited += POLL
        return True

    def has_run(self) -> bool:
        """Whether the task came to an end in time; not where it has gone meanwhile."""
        waited = 0.0
        with contextlib.suppress(NotFound):
            while self.host.tasks.result(self.task) is None and waited < PATIENCE:
                self.host.sleep(POLL)
                waited += POLL
            return waited < PATIENCE
        return False

    def set(self, number: int) -> None:
        self.host.registry.write(self.setting.key, self.setting.name, RegistryValue("REG_DWORD", number))

    def number(self) -> int | None:
        found = self.host.registry.read(self.setting.key, self.setting.name)
        return found.data if isinstance(found, RegistryValue) and isinstance(found.data, int) else None


@contextmanager
def _trial(host: Host) -> Iterator[Trial]:
    name = Scratch().name
    with scratch_key(host) as key:
        choices = {WEAK: "weak", STRONG: "strong", STRONGER: "stronger"}
        setting = Setting(name, key, "value", "nothing", STRONG, "at_once", choices)
        ends = until(host.now().isoformat(), LASTS)
        trial = Trial(host, setting, Lease(name, (WEAK,), STRONG, LASTS, ends))
        host.tasks.register(trial.task, trial.definition)
        try:
            trial.set(WEAK)
            yield trial
        finally:
            host.tasks.delete(trial.task)
            host.registry.delete_value(key, "value")


def _ends(host: Host) -> str:
    with _trial(host) as trial:
        gone = trial.wait()
        restored = trial.number() == STRONG
    if gone and not restored:
        return "the task was removed before its time"
    return f"{'restored' if restored else 'not restored'}, task {'gone' if gone else 'still there'}"


def _leaves(host: Host) -> str:
    with _trial(host) as trial:
        trial.set(STRONGER)
        gone = trial.wait()
        kept = trial.number() == STRONGER
    return f"{'left alone' if kept else 'overwritten'}, task {'gone' if gone else 'still there'}"


def _fails(host: Host) -> str:
    """SYSTEM is kept from restoring, then let."""
    with _trial(host) as trial:
        before = sddl.dacl_of(host.registry.security(trial.setting.key))
        host.registry.set_security(trial.setting.key, LOCKED)
        try:
            stays = trial.has_run() and host.tasks.find(trial.task) is not None
            weak = trial.number() == WEAK
        finally:
            host.registry.set_security(trial.setting.key, before)
        if not (stays and weak):
            return f"{'not restored' if weak else 'restored'}, task {'still there' if stays else 'gone'}"
        host.tasks.start(trial.task)
        gone = trial.wait()
        return "tried again" if gone and trial.number() == STRONG else "not tried again"


def _as_system(host: Host) -> str:
    began = host.monotonic()
    code = host.tasks.run_as_system(f"exit {CODE}", "winfleet.rdp self-test")
    late = "" if host.monotonic() - began < AT_ONCE else ", after a while"
    return f"{'its own' if code == CODE else code}{late}"


def _boolean(host: Host) -> str:
    """A task that nothing starts, registered with TRUE in place of true."""
    name = Scratch().name
    tasks = Tasks(CimClient(Altered(host.channel, b">true</", b">TRUE</").send))
    try:
        tasks.register(name, Definition("winfleet.rdp self-test", "exit 0"))
    except NotFound:
        raise
    except WsmanFault:
        return "refused"
    finally:
        host.tasks.delete(name)
    return "taken"


def _export(host: Host) -> str:
    with _trial(host) as trial:
        found, wanted = host.tasks.find(trial.task), trial.definition
    if found is None:
        return "not found"
    parts = {
        "arguments": found.arguments == wanted.arguments,
        "user": found.user.upper() in ("S-1-5-18", "SYSTEM", "NT AUTHORITY\\SYSTEM"),
        "starts": bool(found.starts) and all(start == wanted.starts for start in found.starts if start.tzinfo),
        "zone": all(start.tzinfo for start in found.starts),
    }
    other = [name for name, same in parts.items() if not same]
    return f"differs: {', '.join(other)}" if other else "as registered"


def _disabled(host: Host) -> str:
    with _trial(host) as trial:
        host.tasks.disable(trial.task)
        told = not host.tasks.exported(trial.task).enabled
    return "told" if told else "not told"


def _order(host: Host) -> str:
    """A definition whose trigger has its children the other way round; it is never due."""
    name = Scratch().name
    xml = definition_xml(Definition("winfleet.rdp self-test", "exit 0", host.now().replace(year=host.now().year + 1)))
    turned = re.sub(r"(<StartBoundary>[^<]*</StartBoundary>)(<Repetition>.*?</Repetition>)", r"\2\1", xml)
    arguments: dict[str, Sendable] = {"TaskName": name, "TaskPath": FOLDER, "Xml": turned, "Force": True}
    try:
        taken = host.cim.invoke(PS_SCHEDULED_TASK, "RegisterByXml", arguments).ok
    except NotFound:
        raise
    except WsmanFault:
        taken = False
    finally:
        host.tasks.delete(name)
    return "taken" if taken else "refused"


CHECKS = (
    Check(
        "lease_ends",
        "Does the host end a lease by itself, and does its task go away?",
        "restored, task gone",
        {
            "restored, task gone": "leases work as documented",
            "not restored, task still there": "leases must not be used here: the host does not run the task",
            "the task was removed before its time": "leases must not be used here: something removes the task",
        },
        _ends,
        writes=True,
    ),
    Check(
        "lease_leaves",
        "Does the end of a lease leave a value that was hardened meanwhile?",
        "left alone, task gone",
        {
            "left alone, task gone": "leases work as documented",
            "left alone, task still there": "the next run removes the task; tell the maintainers",
        },
        _leaves,
        writes=True,
    ),
    Check(
        "lease_fails",
        "Does the task of a lease stay while it cannot restore, and restore later?",
        "tried again",
        {
            "tried again": "leases work as documented",
            "not tried again": "leases must not be used here: a restore that fails once is lost",
            "not restored, task gone": "leases must not be used here: something removes the task",
        },
        _fails,
        writes=True,
    ),
    Check(
        "task_result",
        "Which exit code does a task give that runs once, as SYSTEM?",
        "its own",
        {
            "its own": "what only SYSTEM may do can be done and is told",
            "its own, after a while": "what only SYSTEM may do can be done and is told; it is waited for",
        },
        _as_system,
        writes=True,
    ),
    Check(
        "boolean_case",
        "Does the service take TRUE for true?",
        "refused",
        {
            "refused": "the spelling that is sent is needed",
            "taken": "the spelling that is sent is not needed",
        },
        _boolean,
        writes=True,
    ),
    Check(
        "task_export",
        "Does an exported task say what was registered?",
        "as registered",
        {
            "as registered": "a task that somebody has altered is recognised",
            "differs: zone": "an export has no zone; the start is then not compared, as is done now",
        },
        _export,
        writes=True,
    ),
    Check(
        "task_disabled",
        "Does the export of a task that somebody has disabled say so?",
        "not told",
        {
            "not told": "its state is read as well, as is done now",
            "told": "its state need not be read; it is read all the same",
        },
        _disabled,
        writes=True,
    ),
    Check(
        "task_order",
        "Does the Task Scheduler take a trigger whose parts are not in the schema's order?",
        "refused",
        {
            "refused": "the order that is sent is needed",
            "taken": "the order that is sent is not needed",
        },
        _order,
        writes=True,
    ),
)

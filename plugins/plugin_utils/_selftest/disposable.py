# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that cannot be undone, or reboot the host. PRIVATE to the collection. For lab hosts that may be thrown away.

What they change is journaled, so that roll-back lists it. Scheduled tasks of their own go afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from .._apply import Run
from .._cim.host import boot_time
from .._cim.registry import RegistryValue
from .._cim.schema import PS_SCHEDULED_TASK, WIN32_PROCESS
from .._cim.tasks import FOLDER, Definition, definition_xml
from .._cim.values import Sendable
from .._host import Host
from .._job import Job
from .._model.gateway import SERVICE
from .._model.settings import SETTINGS
from .._reboot import objection, reboot
from .._restart import Policy, restart, sessions
from .._wsman.errors import AccessDenied, WsmanFault
from . import _burst, gateway
from ._base import Scratch, Untold, wait
from .keys import REASON, keys_in_gap, made_while_tied, renewed_key
from .lab import LabCheck, need_idle
from .sessions import live_sessions

EVERY, STARTS = timedelta(seconds=15), 16
"""Between the starts of the scratch tasks, and how many of them there are: no reboot falls between all of these."""

MANY = 150
"""Connections: between the 100 and the 3,000 that are told of as the built-in limit (no public source settles it)."""

LATE = 900.0
"""Seconds in which a missed start is made up for; documented are ten minutes (Win32 TaskSchd,
tasksettings-startwhenavailable)."""


def _missed_start(job: Job) -> str:
    """Of tasks that are due every few seconds some have to be so while the host is off."""
    need_idle(job)
    _need_reboot(job, "when_idle")
    with _due(job.host) as due:
        _rebooted(job)
        wait(job.host, lambda: job.host.now() > due[-1][1] + EVERY, LATE)
        missed = [name for name, _at in due if job.host.tasks.result(name) is None]
        if not missed:
            raise Untold("no start fell into the time in which the host was off")
        made_up = wait(job.host, lambda: all(job.host.tasks.result(name) is not None for name in missed), LATE)
    return "made up for" if made_up else "left out"


@contextmanager
def _due(host: Host) -> Iterator[Sequence[tuple[str, datetime]]]:
    """Tasks without an end or a repetition, with when each is to start, until they are deleted."""
    scratch, now = Scratch().name, host.now()
    due = [(f"{scratch}-{number}", now + number * EVERY) for number in range(1, STARTS + 1)]
    try:
        for name, at in due:
            definition = definition_xml(Definition("winfleet.rdp self-test", "exit 0", starts=at))
            once = re.sub(r"<Repetition>.*?</Repetition>|<BootTrigger>.*?</BootTrigger>", "", definition)
            arguments: dict[str, Sendable] = {"TaskName": name, "TaskPath": FOLDER, "Xml": once, "Force": True}
            host.cim.invoke(PS_SCHEDULED_TASK, "RegisterByXml", arguments)
        yield due
    finally:
        for name, _at in due:
            host.tasks.delete(name)


def _reboot_with_users(job: Job) -> str:
    """Windows answers that it reboots all the same, so only a new boot time tells."""
    if not sessions(job.host).connected:
        raise Untold("nobody is connected; log a user on with Remote Desktop first")
    _need_reboot(job, "always")
    before = boot_time(job.host.cim)
    with Run(job.host, job.run_id, job.made) as run:
        reboot(job.host, run.record, REASON)
    return "held up" if boot_time(job.host.cim) == before else "reboots"


def _need_reboot(job: Job, policy: Policy) -> None:
    why = objection(job.host, job.allow_reboot, policy)
    if why:
        raise Untold(why)


def _rebooted(job: Job) -> None:
    with Run(job.host, job.run_id, job.made) as run:
        why = reboot(job.host, run.record, REASON)
    if why:
        raise Untold(why)


def _process(job: Job) -> str:
    """Attack surface reduction can block it (rule d1e49aac-8f56-4280-b9ba-993a6d77406c); by which code is UNSURE."""
    try:
        outcome = job.host.cim.invoke(WIN32_PROCESS, "Create", {"CommandLine": "cmd.exe /d /c exit"})
    except (AccessDenied, WsmanFault):
        return "blocked"
    return "started" if outcome.ok else "blocked"


def _pending(job: Job) -> str:
    """As many connections as exceed the smaller of the numbers that are told of; none of them goes on to TLS."""
    need_idle(job)
    if isinstance(job.host.stored(SETTINGS["pending_connections"]), RegistryValue):
        raise Untold("the limit is set here")
    port = job.prober.port or job.host.listener_port()
    with _burst.held(job.prober.address, port, MANY) as opened:
        stopped = opened < MANY or not job.host.port_use().listeners
    _recover(job)
    return f"up to {MANY}" if stopped else f"more than {MANY}"


def _recover(job: Job) -> None:
    """Once the connections are closed the listener comes back; where it does not, TermService is restarted."""
    probe = job.prober.look_until(lambda seen: bool(seen["passed"]), job.host.listener_port)
    if probe is None or not probe["passed"]:
        with Run(job.host, job.run_id, job.made) as run:
            why = restart(job.host, run.record, "the listener stopped under the self-test's connections", "when_idle")
        if why:
            raise Untold(f"the listener stopped and has not come back: {why}; restart TermService there")


DISPOSABLE_CHECKS = (
    LabCheck(
        "pending_connections",
        "How many connections may be in negotiation where nobody has set it?",
        f"up to {MANY}",
        {
            f"up to {MANY}": "some hundred idle connections shut everybody out; connection_limit raises that",
            f"more than {MANY}": "it takes more of them to shut everybody out",
        },
        _pending,
    ),
    LabCheck(
        "renewed_key",
        "Which key does a renewed certificate of the listener have?",
        "a new key in the same file",
        {
            "a new key in the same file": "a certificate that was deleted is of no more use, so renewals have no undo",
            "the same key": "the certificate before could be put back; renewals are taken to have no undo all the same",
            "a new key in another file": "the old file is left over; machine_keys looks for the listener's by its name",
        },
        renewed_key,
    ),
    LabCheck(
        "made_while_tied",
        "Does Windows make its own certificate while the listener is tied to another one?",
        "made",
        {
            "made": "certificate has it made before it unties the listener, which serves somebody all the time",
            "none made": "where its own is missing or has expired, certificate leaves the listener tied and says so",
        },
        made_while_tied,
    ),
    LabCheck(
        "keys_in_gap",
        "Do services make new keys while the folder of keys has another name?",
        "made",
        {
            "made": "a folder of keys must not be renamed without another in its place, as machine_keys knows",
            "none made": "services wait; machine_keys leaves no such gap all the same",
        },
        keys_in_gap,
    ),
    LabCheck(
        "process_create",
        "Is a process started that is born from WMI?",
        "started",
        {
            "started": "the collection starts none, so either answer is the same to it",
            "blocked": "a security product or rule keeps others from starting programs so; the collection starts none",
        },
        _process,
    ),
    LabCheck(
        "missed_start",
        "Is a start that was missed made up for where a task has neither an end nor a repetition?",
        "left out",
        {
            "left out": "leases need the endless repetition that they have",
            "made up for": "leases end after a shutdown as well; their endless repetition is not what it takes",
        },
        _missed_start,
    ),
    LabCheck(
        "gateway_stopped",
        "Does an RD Gateway's provider answer while its service is stopped? Tells on gateways alone.",
        "answers",
        {
            "answers": "a gateway that is stopped is read, started and mended in one run",
            "silent": "the service is started first, and the module says that it has to be run again",
        },
        gateway.stopped,
    ),
    LabCheck(
        "live_gateway_certificate",
        "When does a certificate serve that is bound to an RD Gateway? Tells on gateways alone.",
        "at once",
        {
            "at once": "clients see it as soon as gateway has bound it",
            "after a restart": f"clients see it once {SERVICE} starts again, as the notes of gateway say",
            "not after a restart either": "something else on the gateway decides what clients see; look at IIS there",
        },
        gateway.live_certificate,
    ),
    LabCheck(
        "live_sessions",
        "When is a limit for disconnected sessions live?",
        "at once",
        {
            "at once": "users whom a restart cuts off are logged off as its message says",
            "not at once": "users may keep their sessions for longer, where the limit came after TermService's start",
        },
        live_sessions,
    ),
    LabCheck(
        "reboot_with_users",
        "Do users who are logged on prevent a reboot?",
        "reboots",
        {
            "reboots": "their sessions end, as restart set to always accepts",
            "held up": "the host is waited for, and the message says that a program or a user holds the reboot up",
        },
        _reboot_with_users,
    ),
)

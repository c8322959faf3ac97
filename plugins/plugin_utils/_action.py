# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge: Ansible's options in, results out, errors in words. PRIVATE to the collection.

Here and in the channel alone Ansible is imported. An action plugin names its work by deriving from one of these
classes; module options are validated against the same table that its documentation is held to.
"""

from __future__ import annotations

import re
import traceback
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._rdp_probe import tls
from ..module_utils._rdp_probe.visible import all_visible
from . import _result
from ._apply import ApplyError
from ._course import Course
from ._credssp import Account
from ._fix import fix
from ._host import Host
from ._job import Job
from ._journal import JournalError, new_run_id
from ._logon import LogonCheck, Turnstile
from ._loop import climb
from ._proof import Prober, flaw
from ._remedies import Remedy
from ._remedies._base import CHANNEL_PORT
from ._restart import SessionsInTheWay
from ._scrub import password_in, scrub
from ._wsman.channel import open_channel
from ._wsman.errors import AccessDenied, AuthenticationFailed, TransportFailed, WsmanError

Spec = Mapping[str, Mapping[str, t.Any]]
Options = dict[str, t.Any]
Result = dict[str, t.Any]

tls.prepare()
"""Ansible loads an action before it forks for each host."""

CONNECTION: Spec = {
    "uri_style": {"type": "str", "choices": ["wmi", "dmtf"], "default": "wmi"},
}
PROBE: Spec = {
    "rdp_host": {"type": "str"},
    "rdp_port": {"type": "int"},
    "probe_from": {"type": "str", "choices": ["controller", "none"], "default": "controller"},
}
GIVEN: Spec = {
    "probes": {"type": "list", "elements": "dict", "default": []},
}
RESTART: Spec = {
    "restart": {"type": "str", "choices": ["never", "when_idle", "always"], "default": "when_idle"},
    "allow_reboot": {"type": "bool", "default": False},
}
RUN: Spec = {
    "run_id": {"type": "str"},
}
SINCE: Spec = {
    "since": {"type": "str", "default": "10m"},
}
LOGON: Spec = {
    "logon_check": {"type": "bool", "default": False},
}
SHARED: Spec = {**RUN, **RESTART, **PROBE, **GIVEN, **CONNECTION}
"""Options of every module that changes something."""

STRICT = frozenset(
    {
        "force",
        "allow_reboot",
        "remove_orphaned_policy",
        "renew_lease",
        "accept_permanent_weakening",
        "write_half",
        "lab_half",
        "disposable",
        "accept_internet_exposure",
        "accept_shared_keys",
        "logon_check",
    }
)
"""Options that accept a loss or a risk: only a real boolean sets them, never a string that happens to read as one."""

LONGEST_SINCE = 30 * 86400
"""Seconds; older events prove nothing of a failure now."""

EXPECTED = (WsmanError, ApplyError, JournalError, SessionsInTheWay)
"""What keeps a task from its work and says by itself what happened and what to do."""

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DURATION = re.compile(r"(\d+)\s*([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class RdpAction(ActionBase):
    """Validate, borrow the channel, work, and say what happened.

    Subclasses set C(spec) and implement C(rdp_work).
    """

    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    spec: t.ClassVar[Spec] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        del tmp
        self.rdp_vars = task_vars or {}
        return t.cast(Result, all_visible(self._rdp_result(result, self._rdp_options())))

    def _rdp_result(self, result: Result, options: Options) -> Result:
        """The whole result, or the failed one."""
        try:
            result.update(self.rdp_run(options))
        except EXPECTED as error:
            return self._rdp_failure(error, result, [])
        except AnsibleError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever went wrong, Ansible would show it with its secrets
            return self._rdp_mistake(error, result, [])
        return result

    def rdp_run(self, options: Options) -> Result:
        """Do the task with the channel open."""
        with self.rdp_host_open(options) as host:
            return {**self.rdp_work(host, options), "operations": host.cim.operations}

    def rdp_work(self, host: Host, options: Options) -> Result:
        """What the module does with the host."""
        raise NotImplementedError  # a hook of the template method: each module implements its own

    @contextmanager
    def rdp_host_open(self, options: Options) -> Iterator[Host]:
        """The host of the task, over the play's own connection."""
        channel = open_channel(self._connection, uri_style=options["uri_style"])
        host = Host(self.rdp_name, channel, options["uri_style"], check=bool(self._task.check_mode))
        try:
            yield host
        finally:
            host.close()
            channel.close()

    @property
    def rdp_name(self) -> str:
        return str(self.rdp_vars.get("inventory_hostname", "host"))

    @property
    def rdp_address(self) -> str:
        """What the inventory gives as ansible_host, empty where it gives none; variables come untemplated."""
        return str(self._templar.template(self.rdp_vars.get("ansible_host") or ""))

    def rdp_channel_port(self) -> int | None:
        """The host's port that the task's own connection goes to; None where the plugin names none."""
        try:
            return int(self._connection.get_option("port"))
        except (KeyError, TypeError, ValueError):
            return None

    def rdp_prober(self, options: Options) -> Prober:
        """Where and whether to probe."""
        address = options["rdp_host"] or self.rdp_address or self.rdp_name
        given = tuple(result.get("probe", result) for result in options.get("probes") or ())
        return Prober(address, options["rdp_port"], options["probe_from"] == "controller", given)

    def rdp_logon(self, options: Options) -> LogonCheck | None:
        """The one attempt to log on that the task may make; None where none is asked for."""
        if not options.get("logon_check"):
            return None
        option = self._rdp_connection_option
        account = Account(str(option("remote_user") or ""), str(option("remote_password") or ""))
        shared = Turnstile(Path(t.cast(t.Any, constants).DEFAULT_LOCAL_TMP))
        return LogonCheck(self.rdp_name, account, self.rdp_prober(options), shared)

    def rdp_job(self, host: Host, options: Options) -> Job:
        """How to work, from the options that all changing modules share."""
        run_id = options.get("run_id") or new_run_id(datetime.now(timezone.utc))
        if not RUN_ID.fullmatch(run_id):
            raise AnsibleActionFail(f"run_id {run_id!r}: use letters, digits, dots, dashes and underscores, at most 64")
        return Job(
            host,
            self.rdp_prober(options),
            run_id,
            bool(self._task.check_mode),
            options["restart"],
            allow_reboot=options["allow_reboot"],
            logon=self.rdp_logon(options),
        )

    def _rdp_options(self) -> Options:
        """The options, checked.

        Raises:
            AnsibleActionFail: what is wrong with them, and on which host.
        """
        try:
            _check_decisions(self._task.args)
            _validation, options = self.validate_argument_spec(argument_spec=dict(self.spec))
            _check(options)
        except AnsibleActionFail as error:
            raise AnsibleActionFail(f"{self.rdp_name}: {error.message}") from error
        return t.cast(Options, options)

    def _rdp_failure(self, error: Exception, result: Result, made: list[t.Any]) -> Result:
        """A failed result that names the host, what happened, what to do, and what had been changed by then."""
        unreachable = isinstance(error, (TransportFailed, AuthenticationFailed, AccessDenied))
        # On one line: what follows a line feed in a host's text would look like another line of Ansible's.
        message = " ".join(f"{self.rdp_name}: {self._rdp_scrubbed(str(error))}".split())
        result.update(_result.changed(made), msg=message)
        result["unreachable" if unreachable else "failed"] = True
        return result

    def _rdp_mistake(self, error: Exception, result: Result, made: list[t.Any]) -> Result:
        """A failed result for what nobody foresaw, with the traceback that a report of it needs."""
        shows = "what a run with -vvv and ANSIBLE_DISPLAY_TRACEBACK=always shows"
        found = f"unexpected {type(error).__name__}: {error}. This is a bug: report it, with {shows}"
        result = self._rdp_failure(ApplyError(found), result, made)
        result["exception"] = self._rdp_scrubbed("".join(traceback.format_exception(error)))
        return result

    def _rdp_scrubbed(self, text: str) -> str:
        """The text without the connection's secrets, in case a library put them there."""
        extras = self._rdp_connection_option("_extras")
        proxies = [self._rdp_connection_option("proxy"), dict(extras or {}).get("ansible_winrm_proxy")]
        secrets = [self._rdp_connection_option("remote_password"), *(password_in(str(proxy)) for proxy in proxies)]
        return scrub(text, [str(secret) for secret in secrets if secret])

    def _rdp_connection_option(self, name: str) -> t.Any:
        """An option of the connection plugin; None where it has none of that name."""
        try:
            return self._connection.get_option(name)
        except (KeyError, AttributeError):
            return None


def seconds(since: str) -> float:
    """A duration such as C(90s), C(10m), C(2h) or C(1d), at most LONGEST_SINCE, in seconds.

    Raises:
        AnsibleActionFail: it is none, or longer.
    """
    match = DURATION.fullmatch(since.strip())
    if match is None:
        raise AnsibleActionFail(f"since: {since!r} is no duration: use a number and s, m, h or d, such as 10m")
    found = float(match[1]) * SECONDS[match[2]]
    if found > LONGEST_SINCE:
        raise AnsibleActionFail(f"since: {since!r} is longer than 30 days")
    return found


def _check_decisions(arguments: Mapping[str, t.Any]) -> None:
    """What accepts a loss or a risk is a real boolean; before validation, which would take a text for one.

    Raises:
        AnsibleActionFail: it is something else.
    """
    for name in sorted(STRICT & set(arguments)):
        if not isinstance(arguments[name], bool):
            raise AnsibleActionFail(
                f"{name} accepts a loss or a risk, so it takes true or false and nothing else, and got "
                f"{arguments[name]!r}. With -e every value is a text, unless it is JSON: -e '{{\"VARIABLE\": true}}'"
            )


def _check(options: Options) -> None:
    """What a type cannot say of the shared options; before anything is sent, so that nothing is half done.

    Raises:
        AnsibleActionFail: an option is out of range, or no result of probe_info.
    """
    port = options.get("rdp_port")
    if port is not None and not 0 < port < 65536:
        raise AnsibleActionFail(f"rdp_port is {port}: use a port from 1 to 65535")
    if options.get("since") is not None:
        seconds(options["since"])
    for number, result in enumerate(options.get("probes") or (), 1):
        problem = flaw(result.get("probe", result))
        if problem:
            raise AnsibleActionFail(f"probes: number {number} is no result of probe_info: {problem}")


class ChangingAction(RdpAction):
    """A module that changes hosts: what it had changed is told even when it fails half-way."""

    def rdp_run(self, options: Options) -> Result:
        with self.rdp_host_open(options) as host:
            job = self.rdp_job(host, options)
            try:
                result = self.rdp_change(job, options)
            except EXPECTED as error:
                return {**self._rdp_failure(error, {}, job.made), "run_id": job.run_id}
            except Exception as error:
                if not job.made:
                    raise
                return {**self._rdp_mistake(error, {}, job.made), "run_id": job.run_id}
            return {**result, "operations": host.cim.operations}

    def rdp_change(self, job: Job, options: Options) -> Result:
        """What the module changes."""
        raise NotImplementedError  # a hook of the template method: each module implements its own


class FixAction(ChangingAction):
    """A fix module: it names its remedy."""

    remedy: t.ClassVar[Remedy]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.spec = {**SHARED, **cls.remedy.options}

    def rdp_change(self, job: Job, options: Options) -> Result:
        if self.remedy.climbs and self.remedy.climbs.items() <= options.items():
            return self._rdp_climbed(climb(job, self.remedy.name), job)
        plan, done = fix(job, self.remedy, {**options, CHANNEL_PORT: self.rdp_channel_port()})
        result = _result.fixed(plan, done, job.run_id)
        blocking = [*(refusal.message for refusal in plan.refused), *filter(None, [done.unreached])]
        if blocking:
            result.update(failed=True, msg=f"{self.rdp_name}: {'; '.join(blocking)}")
        return result

    def _rdp_climbed(self, course: Course, job: Job) -> Result:
        """The result of a ladder of methods, which failed when nothing helped."""
        unsolved = _result.unsolved(course)
        failure = {"failed": True, "msg": f"{self.rdp_name}: {unsolved}"} if unsolved else {}
        return {**_result.climbed(course, job.run_id), **failure}

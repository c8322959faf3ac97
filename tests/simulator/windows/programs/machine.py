# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""shutdown, quser, logoff, change logon, tasklist: what concerns the machine and its sessions."""

from __future__ import annotations

from tests.simulator.windows import cmd
from tests.simulator.windows.files import has_privileges
from tests.simulator.windows.listener import TERMINAL_SERVER, WINLOGON
from tests.simulator.windows.processes import processes
from tests.simulator.windows.programs.base import Context, options
from tests.simulator.windows.registry import Type

NOT_FOUND = 1
LOGON_VERBS = {"/enable": (0, 0), "/disable": (1, 0), "/drain": (0, 2), "/drainuntilrestart": (0, 1)}


def shutdown(context: Context, arguments: list[str]) -> cmd.Output:
    """Reboot or power off, by force with ``/f`` or a delay, as Windows' own program."""
    _words, given = options(arguments, frozenset({"/t", "/c", "/m", "/d"}))
    if not has_privileges(context.token):
        return context.fail(5, "access_denied")
    force = "/f" in given or given.get("/t", "30") != "0"
    if "/r" in given or "/g" in given:
        context.windows.ask_reboot(force=force)
    elif "/s" in given:
        context.windows.shut_down()
    elif "/a" not in given:
        return context.fail(1, "invalid_syntax")
    return cmd.Output()


def quser(context: Context, _arguments: list[str]) -> cmd.Output:
    """Sessions as a table in the host's language; without any, 1."""
    sessions = context.windows.sessions.all()
    if not sessions:
        return context.fail(NOT_FOUND, "no_user")
    rows = "".join(
        f" {item.user:<21} {'rdp-tcp#' + str(item.number) if item.active else '':<17} {item.number:>3}  "
        f"{context.say('session_active' if item.active else 'session_disconnected')}\r\n"
        for item in sessions
    )
    return cmd.Output(context.say("session_head") + rows)


def query(context: Context, arguments: list[str]) -> cmd.Output:
    """``query user`` and ``query session``."""
    if not arguments or arguments[0].lower() not in ("user", "session"):
        return context.fail(1, "invalid_syntax")
    return quser(context, arguments[1:])


def logoff(context: Context, arguments: list[str]) -> cmd.Output:
    """Log a session off by its number."""
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    if not numbers or not context.windows.sessions.log_off(numbers[0]):
        return context.fail(1, "file_error", 7022)
    return cmd.Output()


def tsdiscon(context: Context, arguments: list[str]) -> cmd.Output:
    """Disconnect a session by its number; one that has no client is no longer there to be disconnected."""
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    if not numbers or not context.windows.sessions.disconnect(numbers[0]):
        return context.fail(1, "file_error", 7022)
    return cmd.Output()


def change(context: Context, arguments: list[str]) -> cmd.Output:
    """``change logon /enable``, ``/disable``, ``/drain``, ``/drainuntilrestart``, ``/query``.

    A restart accepts logons again (Microsoft Learn, windows-commands/change-logon); UNSURE: whether it sets the value
    of Winlogon back, which scripts set for good, so here it stays.
    """
    words = [argument.lower() for argument in arguments]
    if words[:1] != ["logon"] or len(words) != 2:
        return context.fail(1, "invalid_syntax")
    if words[1] == "/query":
        return context.done("done")
    if words[1] not in LOGON_VERBS or not has_privileges(context.token):
        return context.fail(1, "access_denied")
    disabled, drain = LOGON_VERBS[words[1]]
    context.windows.registry.put(WINLOGON, "WinStationsDisabled", Type.SZ, str(disabled))
    context.windows.registry.put_dword(TERMINAL_SERVER, "TSServerDrainMode", drain)
    return context.done("done")


def ping(context: Context, arguments: list[str]) -> cmd.Output:
    """``ping [-n count] 127.0.0.1``: a second lies between two packets, and this host answers itself."""
    words, given = options(arguments, frozenset({"/n"}))
    count = given.get("/n", "4")
    if words != ["127.0.0.1"] or not count.isdigit():
        return context.fail(1, "invalid_syntax")
    context.windows.clock.advance(max(int(count) - 1, 0))
    return cmd.Output("".join(f"127.0.0.1: {number}\r\n" for number in range(int(count))))


def tasklist(context: Context, _arguments: list[str]) -> cmd.Output:
    """Processes with their numbers."""
    running = processes(context.windows.services, context.windows.network)
    return cmd.Output("".join(f'"{item.name}","{item.number}"\r\n' for item in running))

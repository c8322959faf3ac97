# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes behind the handshake, which the probe cannot see. PRIVATE to the collection."""

from __future__ import annotations

from ..._model.settings import service_off
from ..facts import Evidence, Facts
from ._base import ENABLE, SUPPORT, TWO_WAYS, Cause, Cure, Shown, disabled_service, either, local, on_clients

TRANSPORT = "https://learn.microsoft.com/windows/client-management/mdm/policy-csp-admx-terminalserver"


def _session_limit(facts: Facts) -> Shown:
    limit = facts.number("session_limit")
    if limit is None or facts.sessions < max(limit, 1):
        return ()
    counted = Evidence("sessions, the disconnected ones included", facts.sessions, "Win32_TerminalService")
    return (counted, facts.stored("session_limit"))


def _udp_unanswered(facts: Facts) -> Shown:
    if not facts.udp_silent or facts.number("transport") not in (0, 2):
        return ()
    return (facts.seen("udp"), facts.stored("transport"))


CAUSES = (
    Cause(
        "sessionenv_disabled",
        "the service SessionEnv is disabled, so the listener's certificate is not renewed",
        "session",
        "medium",
        disabled_service("SessionEnv"),
        "host_info: the start mode is not Disabled",
        (ENABLE,),
        touches=on_clients(service_off("SessionEnv", "meets")),
        sources=(SUPPORT,),
    ),
    Cause(
        "umrdpservice_disabled",
        "the service UmRdpService is disabled, so devices, printers and the clipboard are not redirected",
        "session",
        "medium",
        disabled_service("UmRdpService"),
        "host_info: the start mode is not Disabled",
        (ENABLE,),
        touches=on_clients(service_off("UmRdpService", "meets")),
        sources=(SUPPORT,),
    ),
    Cause(
        "logons_disabled",
        "new logons are refused (by the listener, or by change logon /disable)",
        "session",
        "high",
        either(local("logons_disabled", 1), local("remote_logons_disabled", 1)),
        "host_info: logons_disabled and remote_logons_disabled are 0",
        (Cure("remote_desktop", {"state": "enabled", "logons": "accepted"}),),
        sources=(SUPPORT, TWO_WAYS),
    ),
    Cause(
        "user_logons_disabled",
        "users may be kept from connecting (TSUserEnabled)",
        "session",
        "low",
        local("user_logons_disabled", 1),
        "host_info: user_logons_disabled is 0",
        certain=False,
        contributes=True,
        by_hand="Set TSUserEnabled to 0 where users are refused after they logged on: sources differ on what 1 means.",
        sources=(SUPPORT,),
    ),
    Cause(
        "drain_mode",
        "the session host is in drain mode and takes no new sessions",
        "session",
        "high",
        local("drain_mode", 1, 2),
        "host_info: drain_mode is 0",
        (Cure("remote_desktop", {"state": "enabled", "drain": "off"}),),
        sources=(SUPPORT,),
    ),
    Cause(
        "session_limit",
        "the listener has as many sessions as it may, so it takes no new ones",
        "session",
        "high",
        _session_limit,
        "host_info: fewer sessions than session_limit",
        by_hand="Log off sessions that nobody needs; a limit that is a mistake is raised by connection_limit.",
        sources=(SUPPORT,),
    ),
    Cause(
        "udp_path_silent",
        "UDP is allowed and the path may not carry it, which shows as sessions that freeze or end soon after logon",
        "session",
        "low",
        _udp_unanswered,
        "sessions hold with TCP alone",
        (Cure("transport", {"mode": "tcp_only"}),),
        certain=False,
        contributes=True,
        by_hand="Where sessions drop soon after logon, try TCP alone; else let UDP through to the listener's port.",
        sources=(TRANSPORT,),
    ),
)

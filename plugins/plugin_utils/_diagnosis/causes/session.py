# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes behind the handshake, which the probe cannot see. PRIVATE to the collection."""

from __future__ import annotations

from ._base import ENABLE, SUPPORT, Cause, Cure, disabled_service, local

CAUSES = (
    Cause(
        "sessionenv_disabled",
        "the service SessionEnv is disabled, so the listener's certificate is not renewed",
        "session",
        "medium",
        disabled_service("SessionEnv"),
        "host_info: the start mode is not Disabled",
        (ENABLE,),
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
        sources=(SUPPORT,),
    ),
    Cause(
        "logons_disabled",
        "new logons are refused (change logon /disable)",
        "session",
        "high",
        local("logons_disabled", 1),
        "host_info: logons_disabled is 0",
        (Cure("remote_desktop", {"state": "enabled", "logons": "accepted"}),),
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
)

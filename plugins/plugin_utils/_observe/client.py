# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers: the Remote Desktop clients of a machine that connects, and how their connections ended. PRIVATE.

The client writes 1024 when it begins to connect, 1103 once it has its connection over UDP ("has established a
multi-transport connection") and 1026 when the connection ends, with the disconnect reason as C(Value). Sources: the
manifest of the provider Microsoft-Windows-TerminalServices-ClientActiveXCore (Windows 11, build 26200) and TechNet
Wiki 37847 (the order of a real connection). Nothing in them tells connections apart that overlap, but their order.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._cim import channels
from .._cim.channels import ChannelEvent
from .._cim.schema import CIM_DATA_FILE, WIN32_OPERATING_SYSTEM
from .._model.observation import ClientConnections, ClientState
from ._request import Request

RD_CLIENT = r"Program Files\Remote Desktop\msrdc.exe"
"""Where the client of Windows App and Azure Virtual Desktop is installed for all users."""


def read(request: Request) -> ClientState:
    """The versions of the programs that are there, by exact path: a search would walk the disk."""
    system = request.host.cim.get(WIN32_OPERATING_SYSTEM)
    paths = (rf"{system.text('WindowsDirectory')}\System32\mstsc.exe", rf"{system.text('SystemDrive')}\{RD_CLIENT}")
    found = (request.host.cim.find(CIM_DATA_FILE, Name=path) for path in paths)
    versions = {path.rpartition("\\")[2]: file.text("Version") for path, file in zip(paths, found, strict=True) if file}
    return ClientState({name: version for name, version in versions.items() if version})


CHANNEL = "Microsoft-Windows-TerminalServices-RDPClient/Operational"
BEGINS, OVER_UDP, ENDS = 1024, 1103, 1026

SOCKET_CLOSED = "2308"
"""The disconnect reason 0x904: what was connected fell silent or was cut. Every other one is somebody's decision, or
tells of a stage before."""


def read_connections(request: Request) -> ClientConnections:
    """One command; it counts the newest events of the time that is asked about."""
    found = channels.recent(request.host.shell, CHANNEL, (BEGINS, OVER_UDP, ENDS), request.since)
    return counted(reversed(found))


def counted(events: Iterable[ChannelEvent]) -> ClientConnections:
    """Connections over UDP among events in the order of their time; one that still holds counts as whole."""
    going, over, broken = False, 0, 0
    for event in events:
        began_udp = event.id == OVER_UDP and not going
        over += began_udp
        broken += going and event.id == ENDS and event.fields.get("Value") == SOCKET_CLOSED
        going = event.id == OVER_UDP
    return ClientConnections(over, broken)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reader: the Remote Desktop clients of a machine that connects. PRIVATE to the collection."""

from __future__ import annotations

from .._cim.schema import CIM_DATA_FILE, WIN32_OPERATING_SYSTEM
from .._model.observation import ClientState
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

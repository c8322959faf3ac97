# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files and folders that matter to Remote Desktop: key files, the folder they lie in, system programs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.simulator.windows.security import SYSTEM_TOKEN, SecurityDescriptor, Token

MACHINE_KEYS = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
CNG_KEYS = r"C:\ProgramData\Microsoft\Crypto\Keys"
MACHINE_KEYS_SDDL = "O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)"
SYSTEM_FILE_SDDL = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;;FR;;;BA)(A;;FR;;;SY)"
ADD_FILE = 0x2
READ_DATA = 0x1


@dataclass(frozen=True)
class Entry:
    """A file, or a folder when ``folder``. ``content`` names what is inside (a key's id, a version), never bytes."""

    path: str
    descriptor: SecurityDescriptor
    folder: bool = False
    content: str = ""
    size: int = 0
    version: str = ""


class FileSystem:
    """Files by path, without regard to case."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, path: str, sddl: str, *, folder: bool = False, content: str = "", size: int = 0) -> Entry:
        entry = Entry(path, SecurityDescriptor.from_sddl(sddl), folder, content, size)
        self._entries[path.lower()] = entry
        return entry

    def put(self, entry: Entry) -> None:
        self._entries[entry.path.lower()] = entry

    def find(self, path: str) -> Entry | None:
        return self._entries.get(path.lower().rstrip("\\"))

    def remove(self, path: str) -> None:
        self._entries.pop(path.lower(), None)

    def set_descriptor(self, path: str, descriptor: SecurityDescriptor) -> None:
        entry = self._entries[path.lower()]
        self._entries[path.lower()] = replace(entry, descriptor=descriptor)

    def below(self, folder: str) -> list[Entry]:
        """What lies directly in ``folder``."""
        return [entry for entry in self._entries.values() if parent(entry.path).lower() == folder.lower()]

    def all(self) -> list[Entry]:
        return list(self._entries.values())

    def allows(self, path: str, token: Token, wanted: int) -> bool:
        """Whether the object exists and grants ``wanted``."""
        entry = self.find(path)
        return entry is not None and entry.descriptor.allows(token, wanted)

    def may_create_in(self, folder: str, token: Token = SYSTEM_TOKEN) -> bool:
        """Whether ``token`` may add a file; a missing folder is made by the system."""
        entry = self.find(folder)
        return entry is None or entry.descriptor.allows(token, ADD_FILE)

    def to_state(self) -> dict[str, object]:
        return {
            entry.path: {"descriptor": entry.descriptor.to_sddl(), "content": entry.content, "folder": entry.folder}
            for entry in self._entries.values()
        }


def parent(path: str) -> str:
    """The folder in which ``path`` lies."""
    return path.rpartition("\\")[0]

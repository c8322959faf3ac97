# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and folders: key files, the folder they lie in, system programs, and what commands leave behind."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

from tests.simulator.windows.security import (
    ACE_FLAGS,
    ADMINISTRATORS,
    DACL_AUTO_INHERITED,
    DACL_PROTECTED,
    DELETE,
    SYSTEM,
    SYSTEM_TOKEN,
    SecurityDescriptor,
    Token,
)

RSA_KEYS = r"C:\ProgramData\Microsoft\Crypto\RSA"
MACHINE_KEYS = rf"{RSA_KEYS}\MachineKeys"
CNG_KEYS = r"C:\ProgramData\Microsoft\Crypto\Keys"
MACHINE_KEYS_SDDL = "O:SYG:SYD:PAI(A;;0x12019f;;;WD)(A;;FA;;;BA)"
SYSTEM_FILE_SDDL = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;;FR;;;BA)(A;;FR;;;SY)"
ORDINARY_SDDL = "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)"
READ_DATA, ADD_FILE, ADD_SUBDIRECTORY, DELETE_CHILD = 0x1, 0x2, 0x4, 0x40

# Win32 error codes
FILE_NOT_FOUND, PATH_NOT_FOUND, ACCESS_DENIED, NOT_SAME_DEVICE = 2, 3, 5, 17
SHARING_VIOLATION, INVALID_PARAMETER, DISK_FULL, NOT_EMPTY, ALREADY_EXISTS = 32, 87, 112, 145, 183


class FileError(Exception):
    """A refused operation; ``code`` is the Win32 error."""

    def __init__(self, code: int, path: str = "") -> None:
        super().__init__(f"{path}: error {code}")
        self.code = code


@dataclass(frozen=True)
class Entry:
    """A file, or a folder when ``folder``. ``content`` names what is inside (a key's id), or is a text file's text.

    ``wide``: the text is stored as UTF-16. ``system``: the file has the attribute System.
    ``written``: which of all writes on the host was the last to this file; it stands for the time of that.
    """

    path: str
    descriptor: SecurityDescriptor
    folder: bool = False
    content: str = ""
    size: int = 0
    version: str = ""
    wide: bool = False
    system: bool = False
    written: int = 0

    @property
    def name(self) -> str:
        return self.path.rpartition("\\")[2]


def has_privileges(token: Token) -> bool:
    """Whether the token carries SeBackup, SeRestore and SeTakeOwnership (elevated administrators and SYSTEM)."""
    return ADMINISTRATORS in token.groups or token.sid == SYSTEM


def owner_of(token: Token) -> str:
    """The owner of what a token creates: Administrators for its members, else the account itself."""
    return ADMINISTRATORS if ADMINISTRATORS in token.groups and token.sid != SYSTEM else token.sid


@lru_cache(maxsize=256)
def descriptor(sddl: str) -> SecurityDescriptor:
    """A parsed descriptor, shared by all hosts."""
    return SecurityDescriptor.from_sddl(sddl)


class FileSystem:
    """Files by path, without regard to case. Folders exist when they are entries or something lies in them.

    ``held``: paths on which some process has a handle open that forbids renaming. ``full``: the disk has no space left.
    ``moved``: told of each rename. ``renames_refused``: whether a file that a program has open forbids it.
    ``keys_are_system``: whether the files of new keys have the attribute System.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.held: set[str] = set()
        self.moved: list[Callable[[str, str], None]] = []
        self.full = False
        self.renames_refused = True
        self.keys_are_system = False
        self._writes = itertools.count(1)

    # What the system itself does

    def add(self, path: str, sddl: str, *, folder: bool = False, content: str = "", size: int = 0) -> Entry:
        system = self.keys_are_system and not folder and is_key(path)
        return self.write_anew(Entry(path, descriptor(sddl), folder, content, size, system=system))

    def write_anew(self, entry: Entry) -> Entry:
        """Put an entry there that is written now."""
        new = replace(entry, written=next(self._writes))
        self.put(new)
        return new

    def put(self, entry: Entry) -> None:
        self._entries[entry.path.lower()] = entry

    def find(self, path: str) -> Entry | None:
        return self._entries.get(path.lower().rstrip("\\"))

    def remove(self, path: str) -> None:
        self._entries.pop(path.lower(), None)

    def set_descriptor(self, path: str, descriptor: SecurityDescriptor) -> None:
        entry = self._entries[path.lower()]
        self._entries[path.lower()] = replace(entry, descriptor=descriptor)

    def hand_on(self, folder: str) -> None:
        """Give what lies in ``folder``, and is not protected, what it is to inherit from there in place of before."""
        above = self.existing(folder).descriptor
        for item in self.below(folder):
            old = item.descriptor
            if old.dacl is not None and not old.control & DACL_PROTECTED:
                own = tuple(ace for ace in old.dacl if not ace.flags & ACE_FLAGS["ID"])
                handed = above.inherited(container=item.folder).dacl or ()
                control = old.control | DACL_AUTO_INHERITED
                self.set_descriptor(item.path, replace(old, dacl=own + handed, control=control))
                self.hand_on(item.path)

    def below(self, folder: str) -> list[Entry]:
        """What lies directly in ``folder``, by name, as NTFS lists it."""
        found = (entry for entry in self._entries.values() if parent(entry.path).lower() == folder.lower())
        return sorted(found, key=lambda entry: entry.name.upper())

    def tree(self, folder: str) -> list[Entry]:
        """``folder`` itself and all below, the upper ones first."""
        start = folder.lower()
        found = [e for key, e in self._entries.items() if key == start or key.startswith(start + "\\")]
        return sorted(found, key=lambda entry: entry.path.count("\\"))

    def all(self) -> list[Entry]:
        return list(self._entries.values())

    def allows(self, path: str, token: Token, wanted: int) -> bool:
        """Whether the object exists and grants ``wanted``."""
        entry = self.find(path)
        return entry is not None and entry.descriptor.allows(token, wanted)

    def may_create_in(self, folder: str, token: Token = SYSTEM_TOKEN) -> bool:
        """Whether ``token`` may add a file; a missing folder is made by the system."""
        entry = self.find(folder)
        return not self.full and (entry is None or entry.descriptor.allows(token, ADD_FILE))

    @contextmanager
    def opened(self, paths: Iterable[str]) -> Iterator[None]:
        """While a program has these open, for writing or reading."""
        new = {path.lower() for path in paths} - self.held if self.renames_refused else set()
        self.held |= new
        try:
            yield
        finally:
            self.held -= new

    # What somebody asks for. All raise FileError.

    def existing(self, path: str) -> Entry:
        """The file or folder; one that only others imply has an ordinary descriptor."""
        entry = self.find(path)
        if entry is None and any(key.startswith(path.lower().rstrip("\\") + "\\") for key in self._entries):
            return Entry(path.rstrip("\\"), descriptor(ORDINARY_SDDL), folder=True)
        if entry is None:
            raise FileError(FILE_NOT_FOUND, path)
        return entry

    def demand(self, path: str, token: Token, wanted: int) -> Entry:
        """The entry, if it grants ``wanted``."""
        entry = self.existing(path)
        if not entry.descriptor.allows(token, wanted):
            raise FileError(ACCESS_DENIED, path)
        return entry

    def matching(self, pattern: str) -> list[Entry]:
        """The entry of a path, or those that a pattern in its last part finds."""
        folder, _separator, name = pattern.rpartition("\\")
        if not set("*?") & set(name):
            return [self.existing(pattern)]
        return [entry for entry in self.below(folder) if fnmatch.fnmatch(entry.name.lower(), name.lower())]

    def write(self, path: str, text: str, token: Token, *, append: bool = False, wide: bool = False) -> None:
        """Write a text file, a new one with what it inherits."""
        old = self.find(path)
        if self.full:
            raise FileError(DISK_FULL, path)
        if old is None:
            folder = self._folder(parent(path), token, ADD_FILE)
            self.write_anew(Entry(path, self.new_descriptor(folder, token), content=text, size=len(text), wide=wide))
            return
        self.demand(path, token, ADD_FILE)
        content = old.content + text if append else text
        self.write_anew(replace(old, content=content, size=len(content), wide=wide))

    def make_folder(self, path: str, token: Token) -> None:
        """Make a folder, with its parents (as cmd.exe does)."""
        path = path.rstrip("\\")
        if self._is_there(path):
            raise FileError(ALREADY_EXISTS, path)
        if not self._is_there(parent(path)):
            self.make_folder(parent(path), token)
        folder = self._folder(parent(path), token, ADD_SUBDIRECTORY)
        self.put(Entry(path, self.new_descriptor(folder, token, container=True), folder=True))

    def copy(self, source: str, target: str, token: Token) -> None:
        """Copy a file's content; the copy has what it inherits, not the source's descriptor."""
        entry = self.demand(source, token, READ_DATA)
        if self.full:
            raise FileError(DISK_FULL, target)
        if entry.folder:
            raise FileError(ACCESS_DENIED, source)
        old = self.find(target)
        if old is not None:
            kept = self.demand(target, token, ADD_FILE).descriptor
        else:
            kept = self.new_descriptor(self._folder(parent(target), token, ADD_FILE), token)
        self.put(replace(entry, path=target, descriptor=kept))

    def move(self, source: str, target: str, token: Token) -> None:
        """Rename or move within the drive: the object keeps its descriptor, and so does all below it."""
        entry = self.existing(source)
        if source[:2].lower() != target[:2].lower():
            raise FileError(NOT_SAME_DEVICE, target)
        if self._is_there(target):
            raise FileError(ALREADY_EXISTS, target)
        self._demand_delete(entry, token)
        self._folder(parent(target), token, ADD_SUBDIRECTORY if entry.folder else ADD_FILE)
        self._refuse_held(entry)
        for item in self.tree(entry.path):
            self.remove(item.path)
            self.put(replace(item, path=target + item.path[len(entry.path) :]))
        for told in self.moved:
            told(entry.path, target)

    def delete(self, path: str, token: Token, *, recursive: bool = False) -> None:
        """Delete a file or a folder, an empty one unless ``recursive``."""
        entry = self.existing(path)
        if entry.folder and self.below(entry.path) and not recursive:
            raise FileError(NOT_EMPTY, path)
        self._refuse_held(entry)
        for item in reversed(self.tree(entry.path)):
            self._demand_delete(item, token)
            self.remove(item.path)

    def new_descriptor(self, folder: Entry, token: Token, *, container: bool = False) -> SecurityDescriptor:
        """What a new child of ``folder`` gets from it, or from the token where there is nothing to inherit."""
        inherited = folder.descriptor.inherited(container=container)
        owner = owner_of(token)
        if inherited.dacl:
            return replace(inherited, owner=owner, group=SYSTEM)
        return replace(descriptor("D:(A;;FA;;;SY)(A;;FA;;;BA)"), owner=owner, group=SYSTEM)

    def _is_there(self, path: str) -> bool:
        try:
            self.existing(path)
        except FileError:
            return False
        return True

    def _folder(self, path: str, token: Token, wanted: int) -> Entry:
        if not self._is_there(path):
            raise FileError(PATH_NOT_FOUND, path)
        return self.demand(path, token, wanted)

    def _demand_delete(self, entry: Entry, token: Token) -> None:
        above = self.existing(parent(entry.path))
        if not (entry.descriptor.allows(token, DELETE) or above.descriptor.allows(token, DELETE_CHILD)):
            raise FileError(ACCESS_DENIED, entry.path)

    def _refuse_held(self, entry: Entry) -> None:
        below = entry.path.lower()
        if any(path == below or path.startswith(below + "\\") for path in self.held):
            raise FileError(SHARING_VIOLATION, entry.path)

    def to_state(self) -> dict[str, object]:
        return {entry.path: self._entry_state(entry) for entry in self._entries.values()}

    @staticmethod
    def _entry_state(entry: Entry) -> dict[str, object]:
        shown = {"descriptor": entry.descriptor.to_sddl(), "content": entry.content, "folder": entry.folder}
        return {**shown, "system": True} if entry.system else shown


def is_key(path: str) -> bool:
    r"""Whether a file lies where legacy keys are kept: ``…\Crypto\RSA\FOLDER\FILE``."""
    return parent(parent(path)).lower() == RSA_KEYS.lower()


def parent(path: str) -> str:
    """The folder in which ``path`` lies."""
    return path.rpartition("\\")[0]

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and folders: CIM_DataFile, Win32_Directory and their methods, Win32_LogicalFileSecuritySetting.

Return codes (Microsoft Learn, CIM_LogicalFile methods): 2 access denied, 8 unspecified, 9 invalid object, 10 exists,
13 another drive, 14 folder not empty, 15 sharing violation, 21 invalid parameter. Of a folder, TakeOwnerShip and
ChangeSecurityPermissions take all that it contains (Microsoft Learn, the same methods of Win32_Directory); those with
Ex do so where Recursive is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tests.simulator.providers.base import NOT_FOUND, HostProvider, number, text
from tests.simulator.providers.descriptors import from_embedded, merge, to_embedded
from tests.simulator.windows import files
from tests.simulator.windows.files import Entry, FileError, has_privileges, owner_of, parent
from tests.simulator.windows.security import (
    READ_CONTROL,
    SACL_PRESENT,
    WRITE_DAC,
    WRITE_OWNER,
    InvalidDescriptor,
    SecurityDescriptor,
)
from tests.simulator.wsman.provider import Caller, CimError, Instance, Values

OK, ACCESS_DENIED, UNSPECIFIED, INVALID_OBJECT, EXISTS, INVALID_PARAMETER = 0, 2, 8, 9, 10, 21
CODES = {
    files.FILE_NOT_FOUND: INVALID_OBJECT, files.PATH_NOT_FOUND: INVALID_OBJECT, files.ACCESS_DENIED: ACCESS_DENIED,
    files.ALREADY_EXISTS: EXISTS, files.NOT_SAME_DEVICE: 13, files.NOT_EMPTY: 14, files.SHARING_VIOLATION: 15,
}  # fmt: skip
OWNER, GROUP, DACL, SACL = 1, 2, 4, 8


@dataclass
class Files(HostProvider):
    """CIM_DataFile, Win32_Directory with ``folders``, or both with None."""

    folders: bool | None = False

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        return [self._instance(entry) for entry in self.windows.files.all() if self.folders in (None, entry.folder)]

    def get(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance | None:
        entry = self.windows.files.find(text(keys.get("Name")))
        return None if entry is None or self.folders not in (None, entry.folder) else self._instance(entry)

    def _instance(self, entry: Entry) -> Instance:
        stem, _dot, extension = entry.name.rpartition(".") if "." in entry.name else (entry.name, "", "")
        values: dict[str, object] = {
            "Name": entry.path.lower(), "Caption": entry.path.lower(), "Drive": "c:",
            "Path": parent(entry.path)[2:].lower() + "\\", "FileName": stem.lower(), "Extension": extension,
            "FileType": "", "Hidden": False, "System": entry.system, "Readable": True, "Writeable": True,
            "AccessMask": 0x1200A9, "CreationDate": self.windows.booted, "LastModified": self.windows.booted,
        }  # fmt: skip
        if entry.folder:
            return Instance("Win32_Directory", values)
        return Instance("CIM_DataFile", {**values, "FileSize": entry.size, "Version": entry.version or None,
                                         "Manufacturer": "Microsoft Corporation"})  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        entry = self.windows.files.find(text((keys or {}).get("Name")))
        if entry is None or self.folders not in (None, entry.folder):
            raise CimError(NOT_FOUND, operation="ExecMethod", provider="CIMWin32")
        if method == "GetEffectivePermission":
            return {"ReturnValue": entry.descriptor.allows(caller, number(args.get("Permissions")))}
        plain = method.removesuffix("Ex")
        whole = {**args, "Recursive": True} if plain == method else args
        code, stopped = self._attempt(plain, entry, whole, caller)
        return {"ReturnValue": code} | ({"StopFileName": stopped or None} if plain != method else {})

    def _attempt(self, method: str, entry: Entry, args: Values, caller: Caller) -> tuple[int, str]:
        """The method's return code, and the path at which it stopped."""
        acts: Mapping[str, Callable[[Entry, Values, Caller], None]] = {
            "TakeOwnerShip": self._take, "ChangeSecurityPermissions": self._secure, "Copy": self._copy,
            "Rename": self._rename, "Delete": self._delete,
        }  # fmt: skip
        try:
            acts[method](entry, args, caller)
        except FileError as error:
            return CODES.get(error.code, UNSPECIFIED), entry.path
        except InvalidDescriptor:
            return INVALID_PARAMETER, entry.path
        return OK, ""

    def _scope(self, entry: Entry, args: Values) -> list[Entry]:
        return self.windows.files.tree(entry.path) if args.get("Recursive") else [entry]

    def _take(self, entry: Entry, args: Values, caller: Caller) -> None:
        for item in self._scope(entry, args):
            if not has_privileges(caller):
                self.windows.files.demand(item.path, caller, WRITE_OWNER)
            owned = replace(item.descriptor, owner=owner_of(caller))
            self.windows.files.set_descriptor(item.path, owned)

    def _secure(self, entry: Entry, args: Values, caller: Caller) -> None:
        new, option = from_embedded(args.get("SecurityDescriptor")), number(args.get("Option"))
        for item in self._scope(entry, args):
            wanted = WRITE_DAC if option & DACL else 0
            wanted |= WRITE_OWNER if option & (OWNER | GROUP) and not has_privileges(caller) else 0
            self.windows.files.demand(item.path, caller, wanted)
            self.windows.files.set_descriptor(item.path, _selected(item.descriptor, new, option))

    def _copy(self, entry: Entry, args: Values, caller: Caller) -> None:
        target = _full(args)
        if self.windows.files.find(target) is not None:
            raise FileError(files.ALREADY_EXISTS, target)
        if not entry.folder:
            self.windows.files.copy(entry.path, target, caller)
            return
        self.windows.files.make_folder(target, caller)
        for item in self.windows.files.below(entry.path):
            if not item.folder:
                self.windows.files.copy(item.path, f"{target}\\{item.name}", caller)

    def _rename(self, entry: Entry, args: Values, caller: Caller) -> None:
        self.windows.files.move(entry.path, _full(args), caller)

    def _delete(self, entry: Entry, args: Values, caller: Caller) -> None:
        self.windows.files.delete(entry.path, caller, recursive=entry.folder)


def _full(args: Values) -> str:
    """FileName, which must be a whole path. Raises InvalidDescriptor, which is 21 as for any wrong parameter."""
    path = text(args.get("FileName")).rstrip("\\")
    if path[1:3] != ":\\":
        raise InvalidDescriptor(path)
    return path


def _selected(old: SecurityDescriptor, new: SecurityDescriptor, option: int) -> SecurityDescriptor:
    """``old`` with the parts that the Option bits name taken from ``new``."""
    control = new.control if option & DACL else old.control
    return SecurityDescriptor(
        new.owner if option & OWNER and new.owner else old.owner,
        new.group if option & GROUP and new.group else old.group,
        new.dacl if option & DACL else old.dacl,
        control,
        new.sacl if option & SACL and new.control & SACL_PRESENT else old.sacl,
    )


@dataclass
class FileSecurity(HostProvider):
    """Win32_LogicalFileSecuritySetting: descriptors of files and folders, as far as the caller may see them."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for entry in self.windows.files.all():
            yield Instance("Win32_LogicalFileSecuritySetting", {
                "Path": entry.path, "Caption": entry.path, "ControlFlags": entry.descriptor.control,
                "OwnerPermissions": False,
            })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        entry = self.windows.files.find(text((keys or {}).get("Path")))
        if entry is None:
            raise CimError(NOT_FOUND, operation="ExecMethod", provider="SECRCW32")
        if method == "GetSecurityDescriptor":
            if not self._may_read(entry, caller):
                return {"Descriptor": None, "ReturnValue": ACCESS_DENIED}
            return {"Descriptor": to_embedded(entry.descriptor), "ReturnValue": OK}
        return {"ReturnValue": self._set(entry, args, caller)}

    def _may_read(self, entry: Entry, caller: Caller) -> bool:
        if "\\crypto\\" in entry.path.lower() and not entry.folder and self.windows.switches["key_descriptor_readable"]:
            return caller.is_administrator
        return entry.descriptor.allows(caller, READ_CONTROL)

    def _set(self, entry: Entry, args: Values, caller: Caller) -> int:
        try:
            new = merge(entry.descriptor, from_embedded(args.get("Descriptor")))
        except InvalidDescriptor:
            return INVALID_PARAMETER
        wanted = WRITE_DAC | (WRITE_OWNER if new.owner != entry.descriptor.owner else 0)
        if not entry.descriptor.allows(caller, wanted):
            return ACCESS_DENIED
        self.windows.files.set_descriptor(entry.path, new)
        if self.windows.switches["folder_descriptor"] == "handed_on":
            self.windows.files.hand_on(entry.path)
        return OK

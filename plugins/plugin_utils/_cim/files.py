# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and folders of a host, and who may use them.

PRIVATE to the collection. Source: Win32_Directory, CIM_DataFile, Win32_LogicalFileSecuritySetting (recorded class
definitions; Microsoft Win32 documentation, CIMWin32Prov). Paths in these classes are in lower case. Contents cannot be
read this way, and permissions are seen as the account of the connection sees them: not those of SYSTEM's own files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import descriptors, wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    CIM_DATA_FILE,
    WIN32_DIRECTORY,
    WIN32_LOGICAL_DISK,
    WIN32_LOGICAL_FILE_SECURITY_SETTING,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance, Sendable
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    AccessRefused,
    BadAnswer,
    InvalidClass,
    NotFound,
    WsmanError,
)

DENIED, PRIVILEGE_MISSING = 2, 9
MEANINGS: Mapping[int, str] = {
    DENIED: "access is denied",
    8: "unspecified failure",
    9: "the object is invalid, or a privilege is missing",
    11: "the file system is not NTFS",
    15: "the object is in use",
    17: "a privilege is not held",
    21: "a parameter is invalid",
}


class FileError(WsmanError):
    """An operation on a file or folder that the host refused: ``code`` is the method's return value."""

    default_hint = "Check that the account is an administrator of the host, and who owns the object."

    def __init__(self, path: str, action: str, code: int) -> None:
        super().__init__(f"Cannot {action} {path}: {MEANINGS.get(code, 'unknown code')} (code {code})")
        self.path = path
        self.code = code


class Hidden(WsmanError):
    """Permissions that this account may not see; SYSTEM may."""

    default_hint = "Only SYSTEM and the owner may see them: look at them on the host, as SYSTEM or as the owner."


@dataclass(frozen=True)
class File:
    """A file; ``size`` in bytes. Name and path are in lower case."""

    path: str
    size: int

    @property
    def name(self) -> str:
        return self.path.rpartition("\\")[2]


class Files:
    """Looking at files and folders."""

    def __init__(self, client: CimClient) -> None:
        self._client = client
        self._hidden: dict[str, Hidden] = {}

    def files(self, folder: str) -> list[File]:
        """Return the files in a folder; none for a folder that does not exist."""
        found = self._client.query(CIM_DATA_FILE, _within(folder), ("FileSize", "Name"))
        return sorted((File(item.text("Name"), item.number("FileSize") or 0) for item in found), key=lambda f: f.path)

    def are_system(self, folder: str) -> list[bool]:
        """Return for each file in a folder whether it has the attribute System."""
        found = self._client.query(CIM_DATA_FILE, _within(folder), ("Name", "System"))
        return [bool(item.get("System")) for item in found]

    def folders(self, folder: str) -> list[str]:
        """Return the paths of the folders in a folder."""
        return sorted(item.text("Name") for item in self._client.query(WIN32_DIRECTORY, _within(folder), ("Name",)))

    def exists(self, folder: str) -> bool:
        """Whether there is such a folder."""
        return self._client.find(WIN32_DIRECTORY, Name=folder) is not None

    def security(self, path: str) -> str | None:
        """Return the permissions of a file or folder as SDDL, None when it does not exist.

        Raise Hidden when this account may not see them, which is asked once: nobody lets it see more meanwhile.
        """
        if (hidden := self._hidden.get(path.lower())) is not None:
            raise hidden
        try:
            return self._security(path)
        except Hidden as found:
            self._hidden[path.lower()] = found
            raise

    def _security(self, path: str) -> str | None:
        try:
            outcome = self._client.invoke(
                WIN32_LOGICAL_FILE_SECURITY_SETTING, "GetSecurityDescriptor", keys={"Path": path}
            )
        except NotFound:
            return None
        except AccessRefused as refused:
            hidden = Hidden(f"The permissions of {path} are not shown: {refused.message}")
            hidden.step = refused.step
            raise hidden from refused
        if outcome.return_value in (DENIED, PRIVILEGE_MISSING):
            raise Hidden(f"The permissions of {path} are not shown: {MEANINGS[outcome.return_value]}")
        _require(outcome, "read the permissions of", path)
        return self._sddl(outcome.out.get("Descriptor"), path)

    def set_folder_dacl(self, path: str, dacl: str) -> None:
        """Set a folder's own DACL from SDDL; its owner and group stay, and so does what lies in it.

        SetSecurityDescriptor sets of one object what it is given: Microsoft's XCACLS.VBS gives it the DACL alone, and
        goes through files and subfolders itself. Win32_Directory's ChangeSecurityPermissions changes all that the
        folder contains; of that with Ex, Microsoft's page says so too, and that Recursive decides it. UNSURE: whether
        entries that are to be inherited reach at once what inherits there; MachineKeys' default ones are no such.
        """
        helped = descriptors.as_object(self._client, dacl)
        _require(helped, "understand the SDDL for", path)
        descriptor = helped.out.get("Descriptor")
        if not isinstance(descriptor, Instance):
            raise BadAnswer(f"The host makes no security descriptor of the SDDL for {path}")
        arguments: dict[str, Sendable] = {"Descriptor": descriptor}
        outcome = self._client.invoke(
            WIN32_LOGICAL_FILE_SECURITY_SETTING, "SetSecurityDescriptor", arguments, {"Path": path}
        )
        _require(outcome, "set the permissions of", path)

    def free_bytes(self, drive: str) -> int | None:
        """Return the free space of a drive such as ``C:``; None where it is not told."""
        try:
            return self._client.get(WIN32_LOGICAL_DISK, DeviceID=drive).number("FreeSpace")
        except (NotFound, InvalidClass, AccessRefused):
            return None

    def _sddl(self, descriptor: object, path: str) -> str:
        if not isinstance(descriptor, Instance):
            raise BadAnswer(f"The host gives no security descriptor for {path}")
        helped = descriptors.as_sddl(self._client, descriptor)
        _require(helped, "express in SDDL the permissions of", path)
        return str(helped.out["SDDL"])


def _within(folder: str) -> str:
    """Queries without drive and path would walk the whole disk."""
    drive, path = folder[:2], folder[2:].rstrip("\\") + "\\"
    return wql.all_of(wql.compare("Drive", drive), wql.compare("Path", path))


def _require(outcome: Outcome, action: str, path: str) -> None:
    if not outcome.ok:
        raise FileError(path, action, outcome.return_value or 0)

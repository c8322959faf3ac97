# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system volume: Win32_LogicalDisk and, where BitLocker is installed, Win32_EncryptableVolume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulator.providers.base import NOT_FOUND, HostProvider, number, require_administrator, text
from tests.simulator.windows.boot import DISK_BYTES, FREE_BYTES
from tests.simulator.wsman.provider import Caller, CimError, Instance, Values

VOLUME_ID = r"\\?\Volume{4c1b02c1-0000-0000-0000-501f00000000}" + "\\"
NO_SUCH_PROTECTOR = 0x80070057
ALL_TYPES = 0


@dataclass
class LogicalDisks(HostProvider):
    """Win32_LogicalDisk: drive C."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        free = 0 if self.windows.files.full else FREE_BYTES
        yield Instance("Win32_LogicalDisk", {
            "DeviceID": "C:", "Caption": "C:", "Name": "C:", "DriveType": 3, "FileSystem": "NTFS", "Size": DISK_BYTES,
            "FreeSpace": free, "VolumeName": "", "SystemName": self.windows.machine.computer_name,
        })  # fmt: skip


@dataclass
class EncryptableVolumes(HostProvider):
    """Win32_EncryptableVolume: drive C and its key protectors, whose ids are ``{type}-{place}``."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, "Win32_EncryptableVolumeProvider")
        volume = self.windows.volume
        yield Instance("Win32_EncryptableVolume", {
            "DeviceID": VOLUME_ID, "DriveLetter": "C:", "PersistentVolumeID": "", "VolumeType": 0,
            "ProtectionStatus": int(volume.protected), "ConversionStatus": int(bool(volume.protectors)),
        })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, "Win32_EncryptableVolumeProvider")
        if text((keys or {}).get("DeviceID")).rstrip("\\") != VOLUME_ID.rstrip("\\"):
            raise CimError(NOT_FOUND, operation="ExecMethod", provider="Win32_EncryptableVolumeProvider")
        volume = self.windows.volume
        if method == "GetProtectionStatus":
            return {"ProtectionStatus": int(volume.protected), "ReturnValue": 0}
        if method == "GetKeyProtectors":
            return {"VolumeKeyProtectorID": self._ids(number(args.get("KeyProtectorType"))), "ReturnValue": 0}
        if method == "GetKeyProtectorType":
            return self._type(text(args.get("VolumeKeyProtectorID")))
        volume.suspended = 0 if method == "EnableKeyProtectors" else number(args.get("DisableCount")) or 10**6
        return {"ReturnValue": 0}

    def _ids(self, wanted: int) -> list[str]:
        protectors = self.windows.volume.protectors
        return [f"{{{kind}-{place}}}" for place, kind in enumerate(protectors) if wanted in (ALL_TYPES, kind)]

    def _type(self, identity: str) -> Values:
        if identity not in self._ids(ALL_TYPES):
            return {"KeyProtectorType": None, "ReturnValue": NO_SUCH_PROTECTOR}
        return {"KeyProtectorType": int(identity[1:].partition("-")[0]), "ReturnValue": 0}

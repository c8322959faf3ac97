# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a boot depends on, and what waits for one: BitLocker protectors, pending-reboot marks, the system disk.

Sources: Microsoft Learn "Win32_EncryptableVolume class" (GetKeyProtectorType: 1 TPM, 2 external key, which starts a
host without a TPM, 3 numerical password, 4 TPM and PIN, 5 TPM and startup key, 6 TPM, PIN and startup key,
8 passphrase); component-based servicing's RebootPending key.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.windows.registry import Registry, Type

SERVICING = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
WINDOWS_UPDATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update"
SESSION_MANAGER = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
TPM, EXTERNAL_KEY, TPM_AND_PIN, PASSWORD = 1, 2, 4, 8
ASK_AT_BOOT = frozenset({EXTERNAL_KEY, TPM_AND_PIN, 5, 6, PASSWORD})
DISK_BYTES, FREE_BYTES = 136_365_211_648, 81_604_378_624


@dataclass
class Volume:
    """The system volume. ``protectors``: types of BitLocker's key protectors; ``suspended``: boots without them."""

    protectors: tuple[int, ...] = ()
    suspended: int = 0

    @property
    def protected(self) -> bool:
        return bool(self.protectors) and not self.suspended

    @property
    def asks_at_boot(self) -> bool:
        """Whether somebody must be there when the host boots."""
        return self.protected and bool(ASK_AT_BOOT & set(self.protectors)) and TPM not in self.protectors

    def booted(self) -> None:
        self.suspended = max(0, self.suspended - 1)


@dataclass
class Waiting:
    """Marks that a reboot is due."""

    registry: Registry

    def mark(self) -> None:
        """As after an update."""
        self.registry.create(SERVICING + r"\RebootPending")
        self.registry.create(WINDOWS_UPDATE + r"\RebootRequired")
        names = (r"\??\C:\Windows\Temp\old.tmp", "")
        self.registry.put(SESSION_MANAGER, "PendingFileRenameOperations", Type.MULTI_SZ, names)

    def clear(self) -> None:
        """As a boot does."""
        self.registry.delete_tree(SERVICING + r"\RebootPending")
        self.registry.delete_tree(WINDOWS_UPDATE + r"\RebootRequired")
        self.registry.discard(SESSION_MANAGER, "PendingFileRenameOperations")

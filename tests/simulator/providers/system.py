# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operating system, the computer, its accounts, processes and updates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from tests.simulator.providers.base import HostProvider, number, require_administrator, text
from tests.simulator.windows.cmd import CommandShell
from tests.simulator.windows.editions import CULTURE, LCID
from tests.simulator.windows.processes import Process, processes
from tests.simulator.windows.texts import translate
from tests.simulator.wsman.provider import Caller, Instance, Values

SHUTDOWN, REBOOT, FORCE = 1, 2, 4
ACCESS_DENIED, UNKNOWN_FAILURE, PATH_NOT_FOUND = 2, 8, 9
SYSTEM_32 = r"C:\Windows\system32"


@dataclass
class OperatingSystem(HostProvider):
    """Win32_OperatingSystem."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        windows, edition = self.windows, self.windows.edition
        yield Instance("Win32_OperatingSystem", {
            "Name": f"{edition.caption}|C:\\Windows|\\Device\\Harddisk0\\Partition2", "Caption": edition.caption,
            "Version": edition.version, "BuildNumber": str(edition.build), "ProductType": edition.product_type,
            "OperatingSystemSKU": edition.sku, "OSArchitecture": "64-bit", "OSLanguage": LCID[windows.language],
            "MUILanguages": [CULTURE[windows.language]], "CSName": windows.machine.computer_name,
            "LastBootUpTime": windows.last_boot.astimezone(timezone(windows.zone)),
            "LocalDateTime": windows.clock.now().astimezone(timezone(windows.zone)),
            "InstallDate": datetime(2025, 3, 4, 10, 0, tzinfo=windows.clock.now().tzinfo), "SystemDrive": "C:",
            "SystemDirectory": SYSTEM_32, "WindowsDirectory": r"C:\Windows",
            "FreeVirtualMemory": windows.machine.free_memory,
        })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, "CIMWin32")
        if method == "SetDateTime":
            moment = args.get("LocalDateTime")
            if not isinstance(moment, datetime):
                return {"ReturnValue": 87}
            self.windows.clock.set(moment)
            return {"ReturnValue": 0}
        return {"ReturnValue": self._shutdown(method, number(args.get("Flags")))}

    def _shutdown(self, method: str, flags: int) -> int:
        what = {"Reboot": REBOOT, "Shutdown": SHUTDOWN}.get(method, flags & 0xB)
        if what == 0:
            self.windows.sessions.log_off_all()
        elif what & REBOOT:
            self.windows.ask_reboot(force=bool(flags & FORCE))
        else:
            self.windows.shut_down()
        return 0


@dataclass
class ComputerSystem(HostProvider):
    """Win32_ComputerSystem."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        machine, server = self.windows.machine, self.windows.edition.server
        member = bool(machine.domain)
        yield Instance("Win32_ComputerSystem", {
            "Name": machine.computer_name, "DNSHostName": machine.computer_name,
            "Domain": machine.domain or "WORKGROUP", "PartOfDomain": member,
            "Workgroup": None if member else "WORKGROUP",
            "DomainRole": (3 if member else 2) if server else int(member), "Manufacturer": "VMware, Inc.",
            "Model": "VMware20,1", "Roles": ["LM_Workstation", "LM_Server", "NT"], "TotalPhysicalMemory": 8589398016,
            "UserName": None, "SystemType": "x64-based PC",
            "CurrentTimeZone": int(self.windows.zone.total_seconds()) // 60,
        })  # fmt: skip


@dataclass
class UserAccounts(HostProvider):
    """Win32_UserAccount: local accounts."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        machine = self.windows.machine
        for account in machine.accounts.values():
            name = translate("accounts", account.name, self.windows.language)
            yield Instance("Win32_UserAccount", {
                "Domain": machine.computer_name, "Name": name, "Caption": f"{machine.computer_name}\\{name}",
                "SID": account.sid, "SIDType": 1, "LocalAccount": True, "Disabled": False, "Lockout": False,
                "PasswordExpires": False, "AccountType": 512, "Status": "OK", "FullName": "",
            })  # fmt: skip


@dataclass
class Processes(HostProvider):
    """Win32_Process: what runs, Create and GetOwner."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        for process in self._running():
            yield Instance("Win32_Process", {
                "Handle": str(process.number), "ProcessId": process.number, "Name": process.name,
                "Caption": process.name, "ExecutablePath": process.path or None, "CommandLine": process.path or None,
                "SessionId": process.session.number if process.session else 0,
                "CreationDate": process.started or self.windows.booted,
            })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, "CIMWin32")
        if method == "GetOwner":
            return self._owner(text((keys or {}).get("Handle")))
        if method != "Create":
            return {"ReturnValue": ACCESS_DENIED}
        line = text(args.get("CommandLine"))
        if self.windows.switches["process_create"] == "blocked":
            return {"ProcessId": None, "ReturnValue": UNKNOWN_FAILURE}
        output = CommandShell(self.windows, caller, caller.name).run(line)
        if not output.known:
            return {"ProcessId": None, "ReturnValue": PATH_NOT_FOUND}
        return {"ProcessId": 7000 + len(line), "ReturnValue": 0}

    def _running(self) -> list[Process]:
        return processes(self.windows.services, self.windows.network)

    def _owner(self, handle: str) -> Values:
        """The user of a session's process, as its token names it; other processes are taken for SYSTEM's."""
        session = next(process.session for process in self._running() if str(process.number) == handle)
        if session is None:
            return {"User": "SYSTEM", "Domain": "NT AUTHORITY", "ReturnValue": 0}
        if session.hidden:
            return {"User": None, "Domain": None, "ReturnValue": ACCESS_DENIED}
        return {"User": session.user, "Domain": session.domain or self.windows.machine.computer_name, "ReturnValue": 0}


@dataclass
class Updates(HostProvider):
    """Win32_QuickFixEngineering."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        date = {"en": "3/11/2025", "de": "11.03.2025", "ja": "2025/03/11"}[self.windows.language]
        for update in self.windows.updates:
            yield Instance("Win32_QuickFixEngineering", {
                "HotFixID": update, "InstalledOn": date, "Description": "Security Update",
                "InstalledBy": r"NT AUTHORITY\SYSTEM", "CSName": self.windows.machine.computer_name,
                "ServicePackInEffect": "", "Caption": "https://support.microsoft.com/", "FixComments": "",
            })  # fmt: skip

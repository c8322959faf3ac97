# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The namespace root/cimv2/TerminalServices (Microsoft Learn, Remote Desktop Services WMI provider)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tests.simulator.providers.base import (
    INVALID_OPERATION,
    INVALID_PARAMETER,
    NOT_FOUND,
    HostProvider,
    number,
    require_administrator,
    text,
)
from tests.simulator.windows.certificates import LISTENER, MY, POLICY
from tests.simulator.windows.defaults import RDP_GROUP
from tests.simulator.windows.listener import SERVICE_PARAMETERS, SOURCES, TERMINAL_SERVER, Listener
from tests.simulator.windows.registry import Type
from tests.simulator.windows.security import ACCOUNT_NAMES, Ace
from tests.simulator.wsman.provider import Caller, CimError, Instance, Values

PROVIDER = "Win32_WIN32_TERMINALSERVICESETTING_Prov"
LICENSING_CORE = TERMINAL_SERVER + r"\RCM\Licensing Core"
FROM_SERVER, FROM_POLICY, FROM_DEFAULT = 0, 1, 2


def policy_source(listener: Listener, name: str) -> int:
    """PolicySource<Property>: 1 when policy holds the value, 2 when nobody set it, else 0."""
    source = SOURCES[name]
    if listener.policy_value(name) is not None:
        return FROM_POLICY
    return FROM_DEFAULT if listener.registry.dword(source.key, source.value) is None else FROM_SERVER


@dataclass
class TerminalServiceSetting(HostProvider):
    """Win32_TerminalServiceSetting: one instance per host.

    UNSURE: whether Logons is about the listener's fLogonDisabled, as here, or about Winlogon's WinStationsDisabled.
    """

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, PROVIDER)
        registry, listener = self.windows.registry, self.windows.listener
        refused = registry.dword(LISTENER, "fLogonDisabled")
        logons = bool(registry.dword(TERMINAL_SERVER, "TSServerDrainMode") or refused)
        yield Instance("Win32_TerminalServiceSetting", {
            "ServerName": self.windows.machine.computer_name, "Caption": "", "Description": "",
            "AllowTSConnections": int(listener.stored().deny != 1),
            "PolicySourceAllowTSConnections": policy_source(listener, "deny"),
            "SingleSession": registry.dword(TERMINAL_SERVER, "fSingleSessionPerUser"), "PolicySourceSingleSession": 0,
            "TerminalServerMode": registry.dword(TERMINAL_SERVER, "TSAppCompat") or 0,
            **self._licensing(), "LicensingDescription": "", "ActiveDesktop": 0,
            "DeleteTempFolders": 1, "UseTempFolders": 1, "UserPermission": 0, "ProfilePath": "", "HomeDirectory": "",
            "TimeZoneRedirection": 0, "DisableForcibleLogoff": 0, "EnableAutomaticReconnection": 1,
            "SessionBrokerDrainMode": registry.dword(TERMINAL_SERVER, "TSServerDrainMode") or 0,
            "LimitedUserSessions": 0, "Logons": int(logons),
        })  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, PROVIDER)
        if method == "GetGracePeriodDays":
            return {"DaysLeft": self.windows.grace_days(), "ReturnValue": 0}
        if method == "GetSpecifiedLicenseServerList":
            return {"SpecifiedLSList": list(self._license_servers()), "ReturnValue": 0}
        value = number(args.get(method.removeprefix("Set")))
        if value not in (0, 1):
            raise CimError(INVALID_PARAMETER, operation="ExecMethod", parameter=method, provider=PROVIDER)
        if method == "SetSingleSession":
            self.windows.registry.put_dword(TERMINAL_SERVER, "fSingleSessionPerUser", value)
            return {"ReturnValue": 0}
        return self._allow(bool(value), bool(number(args.get("ModifyFirewallException"))))

    def _licensing(self) -> dict[str, object]:
        """LicensingType and its name; the numbers for "per user" and "not configured" are a switch."""
        registry = self.windows.registry
        if not registry.dword(TERMINAL_SERVER, "TSAppCompat"):
            return {"LicensingType": 1, "LicensingName": "Remote Desktop for Administration"}
        mode = registry.dword(POLICY, "LicensingMode")
        mode = registry.dword(LICENSING_CORE, "LicensingMode") if mode is None else mode
        by_table = self.windows.switches["licensing_numbers"] == "table"
        per_user, unset = (3, 4) if by_table else (4, 5)
        number, name = {2: (2, "Per Device"), 4: (per_user, "Per User")}.get(mode or 0, (unset, "Not Configured"))
        return {"LicensingType": number, "LicensingName": name}

    def _license_servers(self) -> tuple[str, ...]:
        """Policy's, else those that were named by the same class."""
        registry = self.windows.registry
        by_policy = text(registry.get(POLICY, "LicenseServers"))
        if by_policy:
            return tuple(name.strip() for name in by_policy.split(","))
        named = registry.get(SERVICE_PARAMETERS + r"\LicenseServers", "SpecifiedLicenseServers")
        return named if isinstance(named, tuple) else ()

    def _allow(self, allow: bool, firewall: bool) -> Values:
        if self.windows.listener.policy_value("deny") is not None:
            raise CimError(INVALID_OPERATION, operation="ExecMethod", provider=PROVIDER)
        self.windows.registry.put_dword(TERMINAL_SERVER, "fDenyTSConnections", int(not allow))
        self.windows.listener.told("deny")
        for rule in self.windows.firewall.rules() if firewall else ():
            if rule.group == RDP_GROUP:
                self.windows.firewall.change(rule.id, enabled=allow)
        return {"ReturnValue": 0}

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        require_administrator(caller, PROVIDER)
        current = self.get(keys, caller, options)
        if current is None:
            raise CimError(NOT_FOUND, operation="PutInstance", provider=PROVIDER)
        changed = {name for name, value in changes.items() if value != current.values.get(name)}
        if "SessionBrokerDrainMode" in changed:
            mode = number(changes["SessionBrokerDrainMode"])
            self.windows.registry.put_dword(TERMINAL_SERVER, "TSServerDrainMode", mode)
        if "Logons" in changed:
            self.windows.registry.put_dword(LISTENER, "fLogonDisabled", number(changes["Logons"]))
        return next(iter(self.instances(caller, options)))


SETTERS = {
    "SetSecurityLayer": ("SecurityLayer", "security_layer", range(3)),
    "SetUserAuthenticationRequired": ("UserAuthenticationRequired", "user_authentication", range(2)),
    "SetEncryptionLevel": ("MinEncryptionLevel", "min_encryption", range(1, 5)),
}


@dataclass
class GeneralSetting(HostProvider):
    """Win32_TSGeneralSetting: one instance per listener, of which there is RDP-Tcp."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, PROVIDER)
        stored = self.windows.listener.stored()
        listener = self.windows.listener
        yield Instance("Win32_TSGeneralSetting", {
            "TerminalName": "RDP-Tcp", "TerminalProtocol": "Microsoft RDP 8.0", "Transport": "tcp",
            "Comment": self.windows.registry.get(LISTENER, "Comment", ""), "WindowsAuthentication": 0,
            "SecurityLayer": stored.security_layer, "UserAuthenticationRequired": stored.user_authentication,
            "MinEncryptionLevel": stored.min_encryption,
            "PolicySourceSecurityLayer": policy_source(listener, "security_layer"),
            "PolicySourceUserAuthenticationRequired": policy_source(listener, "user_authentication"),
            "PolicySourceMinEncryptionLevel": policy_source(listener, "min_encryption"), **self._certificate(),
        })  # fmt: skip

    def _certificate(self) -> dict[str, object]:
        certificates = self.windows.certificates
        bound = certificates.stored()
        template = self.windows.registry.get(POLICY, "CertTemplateName")
        kind = 0 if bound is None else 2 if template else 3 if certificates.pinned() else 1
        thumbprint = certificates.pinned() or (bound.thumbprint if bound else "")
        return {"SSLCertificateSHA1Hash": thumbprint, "SSLCertificateSHA1HashType": kind, "CertificateName": None,
                "Certificates": None}  # fmt: skip

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, PROVIDER)
        self._find(keys or {}, caller, options)
        parameter, setting, allowed = SETTERS[method]
        value = number(args.get(parameter))
        if self.windows.listener.policy_value(setting) is not None:
            raise CimError(INVALID_OPERATION, operation="ExecMethod", parameter=method, provider=PROVIDER)
        if args.get(parameter) is None or value not in allowed:
            raise CimError(INVALID_PARAMETER, operation="ExecMethod", parameter=method, provider=PROVIDER)
        self.windows.registry.put_dword(LISTENER, SOURCES[setting].value, value)
        self.windows.listener.told(setting)
        return {"ReturnValue": 0}

    def _find(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        found = self.get(keys, caller, options)
        if found is None:
            raise CimError(NOT_FOUND, provider=PROVIDER)
        return found

    def put(self, keys: Values, changes: Values, caller: Caller, options: Mapping[str, object]) -> Instance:
        require_administrator(caller, PROVIDER)
        current = self._find(keys, caller, options).values
        if (
            changes.get("SSLCertificateSHA1Hash", current["SSLCertificateSHA1Hash"])
            != current["SSLCertificateSHA1Hash"]
        ):
            self._bind(text(changes["SSLCertificateSHA1Hash"]).upper())
        if "Comment" in changes:
            self.windows.registry.put(LISTENER, "Comment", Type.SZ, text(changes["Comment"]))
        return self._find(keys, caller, options)

    def _bind(self, thumbprint: str) -> None:
        certificates = self.windows.certificates
        own = certificates.own()
        if not thumbprint or (own is not None and own.thumbprint == thumbprint):
            self.windows.registry.discard(LISTENER, "SSLCertificateSHA1Hash")
            return
        certificate = certificates.in_store(MY, thumbprint)
        usable = certificate is not None and certificates.key_usable(certificate)
        malformed = len(thumbprint) != 40 or set(thumbprint) - set("0123456789ABCDEF")
        if malformed or (not usable and self.windows.switches["put_thumbprint_checked"]):
            raise CimError(INVALID_PARAMETER, operation="PutInstance", provider=PROVIDER)
        self.windows.registry.put(LISTENER, "SSLCertificateSHA1Hash", Type.BINARY, bytes.fromhex(thumbprint))


@dataclass
class NetworkAdapterSetting(HostProvider):
    """Win32_TSNetworkAdapterSetting: adapters and the connection limit of RDP-Tcp."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, PROVIDER)
        registry = self.windows.registry
        yield Instance("Win32_TSNetworkAdapterSetting", {
            "TerminalName": "RDP-Tcp", "NetworkAdapterID": text(registry.dword(LISTENER, "LanAdapter") or 0),
            "MaximumConnections": registry.dword(LISTENER, "MaxInstanceCount"), "PolicySourceMaximumConnections": 0,
        })  # fmt: skip


@dataclass
class Terminal(HostProvider):
    """Win32_Terminal: whether the listener is enabled."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, PROVIDER)
        enabled = self.windows.registry.dword(LISTENER, "fEnableWinStation") or 0
        yield Instance("Win32_Terminal", {"TerminalName": "RDP-Tcp", "fEnableTerminal": enabled})

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, PROVIDER)
        self.windows.registry.put_dword(LISTENER, "fEnableWinStation", int(bool(args.get("Enable"))))
        return {"ReturnValue": 0}


@dataclass
class Accounts(HostProvider):
    """Win32_TSAccount: who may use the listener, from its security descriptor."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, PROVIDER)
        dacl = self.windows.listener.security().dacl or ()
        for sid in dict.fromkeys(ace.sid for ace in dacl):
            allowed = sum(ace.mask for ace in dacl if ace.sid == sid and ace.type == 0)
            denied = sum(ace.mask for ace in dacl if ace.sid == sid and ace.type == 1)
            yield Instance("Win32_TSAccount", {
                "TerminalName": "RDP-Tcp", "AccountName": account_name(sid), "SID": sid, "PermissionsAllowed": allowed,
                "PermissionsDenied": denied, "AuditSuccess": 0, "AuditFail": 0,
            })  # fmt: skip

    def delete(self, keys: Values, caller: Caller, options: Mapping[str, object]) -> None:
        self._drop(self._sid(keys, caller))

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        sid = self._sid(keys or {}, caller)
        if method == "Delete":
            self._drop(sid)
            return {"ReturnValue": 0}
        mask, allow = number(args.get("PermissionMask")), bool(args.get("Allow"))
        bit = PERMISSIONS.get(mask, 0)
        if not bit:
            raise CimError(INVALID_PARAMETER, operation="ExecMethod", parameter=method, provider=PROVIDER)
        self._modify(sid, bit, 0 if allow else 1)
        return {"ReturnValue": 0}

    def _sid(self, keys: Values, caller: Caller) -> str:
        found = self.get(keys, caller, {})
        if found is None:
            raise CimError(NOT_FOUND, provider=PROVIDER)
        return text(found.values["SID"])

    def _modify(self, sid: str, bit: int, kind: int) -> None:
        """Move one right of an account to its granting or to its denying entry."""
        old = self.windows.listener.security()
        masks = {which: sum(a.mask for a in old.dacl or () if a.sid == sid and a.type == which) for which in (0, 1)}
        masks[kind] |= bit
        masks[1 - kind] &= ~bit
        kept = tuple(ace for ace in old.dacl or () if ace.sid != sid)
        new = tuple(Ace(which, 0, mask, sid) for which, mask in sorted(masks.items(), reverse=True) if mask)
        denied, granted = ([ace for ace in (*kept, *new) if ace.type == which] for which in (1, 0))
        self.windows.listener.set_security(replace(old, dacl=(*denied, *granted)))

    def _drop(self, sid: str) -> None:
        old = self.windows.listener.security()
        kept = tuple(ace for ace in old.dacl or () if ace.sid != sid)
        self.windows.listener.set_security(replace(old, dacl=kept))


def account_name(sid: str) -> str:
    """Domain and name of a well-known SID, else the SID."""
    domain, name = ACCOUNT_NAMES.get(sid, ("", sid))
    return f"{domain}\\{name}" if domain else name


# Numbers of Win32_TSAccount.ModifyPermissions: query, set, log off, virtual channels, shadow, log on, message,
# connect, disconnect.
PERMISSIONS = {0: 0x1, 1: 0x2, 2: 0x4, 3: 0xF0008, 4: 0x10, 5: 0x20, 6: 0x80, 7: 0x100, 8: 0x200}
PRESETS = {0: 0x20, 1: 0x121, 2: 0xF03BF}


@dataclass
class Permissions(HostProvider):
    """Win32_TSPermissionsSetting: adds accounts to the listener's descriptor, or restores the default one."""

    def instances(self, caller: Caller, options: Mapping[str, object]) -> Iterable[Instance]:
        require_administrator(caller, PROVIDER)
        yield Instance("Win32_TSPermissionsSetting", {
            "TerminalName": "RDP-Tcp", "DenyAdminPermissionForCustomization": 0,
            "PolicySourceDenyAdminPermissionForCustomization": 0,
            "StringSecurityDescriptor": self._told(),
        })  # fmt: skip

    def _told(self) -> str | None:
        return self.windows.listener.security().to_sddl() if self.windows.switches["permissions_descriptor"] else None

    def invoke(
        self, method: str, keys: Values | None, args: Values, caller: Caller, options: Mapping[str, object]
    ) -> Values:
        require_administrator(caller, PROVIDER)
        if method == "RestoreDefaults":
            self.windows.registry.discard(LISTENER, "Security")
            return {"ReturnValue": 0}
        sids = {account_name(sid).lower(): sid for sid in ACCOUNT_NAMES}
        sid, preset = sids.get(text(args.get("AccountName")).lower()), number(args.get("PermissionPreSet"))
        if sid is None or preset not in PRESETS:
            raise CimError(INVALID_PARAMETER, operation="ExecMethod", parameter=method, provider=PROVIDER)
        old = self.windows.listener.security()
        self.windows.listener.set_security(replace(old, dacl=(*(old.dacl or ()), Ace(0, 0, PRESETS[preset], sid))))
        return {"ReturnValue": 0}

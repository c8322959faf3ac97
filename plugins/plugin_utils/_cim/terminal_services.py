# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remote Desktop settings through their WMI provider, where the Windows edition has it.

PRIVATE to the collection. Source: Win32_TerminalServiceSetting, Win32_TSGeneralSetting (Microsoft Win32 documentation,
TermServ). Setters raise PolicyHeld where Group Policy holds the setting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import wql
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient, Outcome, keys_of
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.schema import (
    WIN32_TERMINAL_SERVICE_SETTING,
    WIN32_TS_ACCOUNT,
    WIN32_TS_GENERAL_SETTING,
    WIN32_TS_PERMISSIONS_SETTING,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.types import CimClass
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.values import Instance, Scalar
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import Selector
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    FaultFacts,
    InvalidClass,
    InvalidNamespace,
    InvalidQuery,
    NotFound,
    PolicyHeld,
)

LISTENER = "RDP-Tcp"
POLICY_HELD = 0x80041016
FROM_GROUP_POLICY = 1


@dataclass(frozen=True)
class General:
    """A listener's security. Layers: 0 RDP, 1 negotiate, 2 TLS; encryption: 1 low to 4 FIPS.

    ``certificate`` is the SHA-1 thumbprint in upper case, ``certificate_type`` 1 self-signed, 2 by Group Policy, 3
    custom. ``by_policy`` names the properties that Group Policy sets.
    """

    listener: str
    security_layer: int | None
    min_encryption_level: int | None
    user_authentication: bool | None
    certificate: str
    certificate_type: int | None
    by_policy: frozenset[str]


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of the whole service. ``logons`` is 0 when allowed; ``mode`` 0 administration, 1 application server.

    ``selectors`` name the object in later operations.
    """

    allow_connections: bool | None
    single_session: bool | None
    mode: int | None
    licensing_name: str
    logons: int | None
    drain_mode: int | None
    by_policy: frozenset[str]
    selectors: Mapping[str, Selector] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Account:
    """What a listener lets an account do: bitmasks of WINSTATION_* rights."""

    name: str
    sid: str
    allowed: int
    denied: int


def general(client: CimClient, listener: str = LISTENER) -> General | None:
    """Return a listener's security; None where the edition lacks the provider or the host the listener."""
    with contextlib.suppress(InvalidNamespace, InvalidClass, NotFound):
        return _general(client.get(WIN32_TS_GENERAL_SETTING, TerminalName=listener))
    return None


def service_settings(client: CimClient) -> ServiceSettings | None:
    """Return the service's settings; None where the edition lacks the provider."""
    with contextlib.suppress(InvalidNamespace, InvalidClass, InvalidQuery, NotFound):
        found = client.query(WIN32_TERMINAL_SERVICE_SETTING, with_epr=True)
        return _settings(found[0]) if found else None
    return None


def permissions(client: CimClient, listener: str = LISTENER) -> str | None:
    """Return a listener's security descriptor as SDDL; None where the edition lacks the provider or it tells none."""
    with contextlib.suppress(InvalidNamespace, InvalidClass, NotFound):
        return client.get(WIN32_TS_PERMISSIONS_SETTING, TerminalName=listener).text("StringSecurityDescriptor") or None
    return None


def accounts(client: CimClient, listener: str = LISTENER) -> tuple[Account, ...]:
    """Return who may use a listener (one query); nobody where the edition lacks the provider."""
    with contextlib.suppress(InvalidNamespace, InvalidClass, InvalidQuery):
        wanted = wql.compare("TerminalName", listener)
        names = ("AccountName", "PermissionsAllowed", "PermissionsDenied", "SID")
        return tuple(map(_account, client.query(WIN32_TS_ACCOUNT, wanted, names)))
    return ()


def grace_days(client: CimClient, settings: ServiceSettings) -> int | None:
    """Return the days left of the licensing grace period, 0 when it is over; None where Windows does not tell."""
    outcome = client.invoke(WIN32_TERMINAL_SERVICE_SETTING, "GetGracePeriodDays", keys=settings.selectors)
    days = outcome.out.get("DaysLeft")
    return days if outcome.ok and isinstance(days, int) else None


def license_servers(client: CimClient, settings: ServiceSettings) -> tuple[str, ...]:
    """Return the licence servers that a session host is told to ask."""
    outcome = client.invoke(WIN32_TERMINAL_SERVICE_SETTING, "GetSpecifiedLicenseServerList", keys=settings.selectors)
    servers = outcome.out.get("SpecifiedLSList")
    return tuple(str(name) for name in servers) if isinstance(servers, tuple) else ()


def set_allow_connections(client: CimClient, settings: ServiceSettings, allow: bool) -> Outcome:
    """Allow or deny Remote Desktop connections; the provider's own change of the firewall is never asked for."""
    arguments = {"AllowTSConnections": int(allow), "ModifyFirewallException": 0}
    return _set(client, WIN32_TERMINAL_SERVICE_SETTING, "SetAllowTSConnections", arguments, settings.selectors)


def set_security_layer(client: CimClient, layer: int, listener: str = LISTENER) -> Outcome:
    """Set the security layer: 0 RDP, 1 negotiate, 2 TLS."""
    return _set_general(client, "SetSecurityLayer", {"SecurityLayer": layer}, listener)


def set_encryption_level(client: CimClient, level: int, listener: str = LISTENER) -> Outcome:
    """Set the lowest encryption level of RDP's own security: 1 low to 4 FIPS."""
    return _set_general(client, "SetEncryptionLevel", {"MinEncryptionLevel": level}, listener)


def set_user_authentication(client: CimClient, required: bool, listener: str = LISTENER) -> Outcome:
    """Require Network Level Authentication or not."""
    arguments = {"UserAuthenticationRequired": int(required)}
    return _set_general(client, "SetUserAuthenticationRequired", arguments, listener)


def _set_general(client: CimClient, method: str, arguments: Mapping[str, int], listener: str) -> Outcome:
    return _set(client, WIN32_TS_GENERAL_SETTING, method, arguments, {"TerminalName": listener})


def _set(
    client: CimClient, cls: CimClass, method: str, arguments: Mapping[str, int], keys: Mapping[str, Scalar]
) -> Outcome:
    """Call a setter; policy answers as a fault or as a return value, and is PolicyHeld either way."""
    outcome = client.invoke(cls, method, arguments, keys)
    if outcome.return_value == POLICY_HELD:
        facts = FaultFacts(code=POLICY_HELD, wmi_status=POLICY_HELD)
        raise PolicyHeld(f"Group Policy holds what {method} sets", facts)
    return outcome


def _account(instance: Instance) -> Account:
    return Account(
        name=instance.text("AccountName"),
        sid=instance.text("SID"),
        allowed=instance.number("PermissionsAllowed") or 0,
        denied=instance.number("PermissionsDenied") or 0,
    )


def _general(instance: Instance) -> General:
    return General(
        listener=instance.text("TerminalName"),
        security_layer=instance.number("SecurityLayer"),
        min_encryption_level=instance.number("MinEncryptionLevel"),
        user_authentication=_flag(instance, "UserAuthenticationRequired"),
        certificate=instance.text("SSLCertificateSHA1Hash").upper(),
        certificate_type=instance.number("SSLCertificateSHA1HashType"),
        by_policy=_by_policy(instance),
    )


def _settings(instance: Instance) -> ServiceSettings:
    return ServiceSettings(
        allow_connections=_flag(instance, "AllowTSConnections"),
        single_session=_flag(instance, "SingleSession"),
        mode=instance.number("TerminalServerMode"),
        licensing_name=instance.text("LicensingName"),
        logons=instance.number("Logons"),
        drain_mode=instance.number("SessionBrokerDrainMode"),
        by_policy=_by_policy(instance),
        selectors=keys_of(instance.epr) if instance.epr else {"ServerName": instance.text("ServerName")},
    )


def _flag(instance: Instance, name: str) -> bool | None:
    value = instance.number(name)
    return None if value is None else bool(value)


def _by_policy(instance: Instance) -> frozenset[str]:
    prefix = "PolicySource"
    return frozenset(
        name.removeprefix(prefix)
        for name, value in instance.values.items()
        if name.startswith(prefix) and value == FROM_GROUP_POLICY
    )

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim import terminal_services as ts
from ansible_collections.winfleet.rdp.plugins.plugin_utils._cim.client import CimClient
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import AccessRefused, PolicyHeld
from ansible_collections.winfleet.rdp.tests.unit.plugins.plugin_utils._wsman.scripted_wire import (
    WMI,
    Wire,
    enumerated,
    epr,
    instance,
    item,
    mi_fault,
    output,
    properties,
    wmi_fault,
)

TERMINAL = "root/cimv2/TerminalServices"
GENERAL = instance("Win32_TSGeneralSetting", properties(
    MinEncryptionLevel=3, PolicySourceMinEncryptionLevel=0, PolicySourceSecurityLayer=1,
    SSLCertificateSHA1Hash="ab12", SSLCertificateSHA1HashType=1, SecurityLayer=2, TerminalName="RDP-Tcp",
    UserAuthenticationRequired=1), TERMINAL)  # fmt: skip
SETTINGS = item(
    instance("Win32_TerminalServiceSetting", properties(
        AllowTSConnections=0, LicensingName="", Logons=0, PolicySourceAllowTSConnections=1, ServerName="HOST017",
        SessionBrokerDrainMode=0, SingleSession=1, TerminalServerMode=0), TERMINAL),
    epr("Win32_TerminalServiceSetting", TERMINAL, ServerName="HOST017"),
)  # fmt: skip
NO_NAMESPACE = {
    "WMI": wmi_fault(0x8004100E),
    "MI": mi_fault(0x8004100E, 3),
    "no class": mi_fault(0x80041010, 5),
    "not found": wmi_fault(0x80338000, "a:DestinationUnreachable"),
}


def test_the_listeners_security(wire: Wire, client: CimClient) -> None:
    wire.on("Get", GENERAL).expect(
        uri=f"{WMI}/{TERMINAL}/Win32_TSGeneralSetting", selectors={"TerminalName": "RDP-Tcp"}
    )
    assert ts.general(client) == ts.General(
        listener="RDP-Tcp",
        security_layer=2,
        min_encryption_level=3,
        user_authentication=True,
        certificate="AB12",
        certificate_type=1,
        by_policy=frozenset({"SecurityLayer"}),
    )


def test_the_services_settings(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(SETTINGS)).expect(uri=f"{WMI}/{TERMINAL}/*")
    found = ts.service_settings(client)
    assert found == ts.ServiceSettings(
        allow_connections=False,
        single_session=True,
        mode=0,
        licensing_name="",
        logons=0,
        drain_mode=0,
        by_policy=frozenset({"AllowTSConnections"}),
    )
    assert found.selectors == {"ServerName": "HOST017"}


@pytest.mark.parametrize("fault", NO_NAMESPACE.values(), ids=NO_NAMESPACE)
def test_an_edition_without_the_provider(wire: Wire, client: CimClient, fault: str) -> None:
    wire.on("Get", fault)
    wire.on("Enumerate", fault)
    assert ts.general(client) is None
    assert ts.service_settings(client) is None


def test_no_settings(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated())
    assert ts.service_settings(client) is None


def test_a_refusal_is_not_taken_for_absence(wire: Wire, client: CimClient) -> None:
    wire.on("Get", wmi_fault(0x80041003))
    wire.on("Enumerate", wmi_fault(0x80041003))
    with pytest.raises(AccessRefused):
        ts.general(client)
    with pytest.raises(AccessRefused):
        ts.service_settings(client)


SETTERS: dict[str, tuple[t.Callable[[CimClient], t.Any], list[tuple[str, str]]]] = {
    "SetSecurityLayer": (lambda client: ts.set_security_layer(client, 2), [("SecurityLayer", "2")]),
    "SetEncryptionLevel": (lambda client: ts.set_encryption_level(client, 3), [("MinEncryptionLevel", "3")]),
    "SetUserAuthenticationRequired": (
        lambda client: ts.set_user_authentication(client, True),
        [("UserAuthenticationRequired", "1")],
    ),
}


@pytest.mark.parametrize("method", SETTERS)
def test_setters(wire: Wire, client: CimClient, method: str) -> None:
    setter, arguments = SETTERS[method]
    wire.on(method, output(method)).expect(arguments=arguments, selectors={"TerminalName": "RDP-Tcp"}, repeatable=False)
    assert setter(client).ok
    wire.on(method, output(method, returned=0x80041008))
    assert setter(client).return_value == 0x80041008


@pytest.mark.parametrize("method", SETTERS)
@pytest.mark.parametrize("as_fault", [True, False])
def test_policy_is_the_same_as_fault_and_as_return_value(
    wire: Wire, client: CimClient, method: str, as_fault: bool
) -> None:
    wire.on(method, wmi_fault(0x80041016) if as_fault else output(method, returned=0x80041016))
    with pytest.raises(PolicyHeld) as caught:
        SETTERS[method][0](client)
    assert caught.value.wmi_status == 0x80041016
    assert "Group Policy" in caught.value.hint


def test_allowing_connections_leaves_the_firewall_alone(wire: Wire, client: CimClient) -> None:
    wire.on("Enumerate", enumerated(SETTINGS))
    settings = ts.service_settings(client)
    assert settings is not None
    wire.on("SetAllowTSConnections", output("SetAllowTSConnections")).expect(
        arguments=[("AllowTSConnections", "1"), ("ModifyFirewallException", "0")],
        selectors={"ServerName": "HOST017"},
    )
    assert ts.set_allow_connections(client, settings, True).ok

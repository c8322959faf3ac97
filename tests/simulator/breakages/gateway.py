# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RD Gateway role. Each of these installs it, whole and in order, where it is not yet, then breaks one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.simulator.breakages.base import Breakage, service
from tests.simulator.windows import events
from tests.simulator.windows.certificates import Request
from tests.simulator.windows.gateway import (
    CLIENT_ADDRESS,
    HTTP,
    LIMIT_REACHED,
    UDP,
    Gateway,
    connection_policy,
    resource_policy,
)
from tests.simulator.windows.system import Windows
from tests.simulator.windows.tenants import NETWORK_SERVICE_KEY

USERS, ADMINS = r"CORP\Remote Users", r"CORP\Gateway Admins"
USER = r"CORP\anna"
NAME = "gateway.corp.example"
TARGETS = ("rdp01.corp.example", "rdp01", "10.20.0.31")
PORT = 3389
OTHER_PORT = 8443


def install(windows: Windows, name: str = NAME, age: timedelta = timedelta()) -> Gateway:
    """The role as an administrator leaves it: certificate, one policy of each kind, a resource group by every name."""
    if windows.gateway is not None:
        return windows.gateway
    gateway = windows.add_gateway()
    _bind(windows, gateway, name, age)
    gateway.groups[:] = [{"Name": "Session hosts", "Description": "", "Resources": ";".join(TARGETS)}]
    gateway.connections[:] = [connection_policy("Users", f"{USERS};{ADMINS}")]
    gateway.resources[:] = [resource_policy("Users to session hosts", f"{USERS};{ADMINS}", "Session hosts")]
    return gateway


def _bind(windows: Windows, gateway: Gateway, name: str, age: timedelta) -> None:
    """A certificate that began so long ago."""
    start = windows.clock.now() - age
    certificate = windows.certificates.add(name, Request(key=7, sddl=NETWORK_SERVICE_KEY, start=start))
    gateway.certificate = bytes.fromhex(certificate.thumbprint)


def _expired(windows: Windows) -> None:
    if windows.gateway is None:
        install(windows, age=timedelta(days=400))
    elif windows.gateway.certificate:
        _bind(windows, windows.gateway, NAME, timedelta(days=400))


def _tried(windows: Windows, port: int = PORT) -> None:
    """Users have tried under every name."""
    for target in TARGETS:
        if windows.gateway is not None:
            windows.gateway.attempt(USER, [USERS], target, port)


def _changed(change: Callable[[Gateway], None], port: int = PORT) -> Callable[[Windows], None]:
    def plant(windows: Windows) -> None:
        change(install(windows))
        _tried(windows, port)

    return plant


def _service(*, disabled: bool) -> Callable[[Windows], None]:
    def plant(windows: Windows) -> None:
        install(windows)
        service("TSGateway", disabled=disabled)(windows)

    return plant


def _at_limit(windows: Windows) -> None:
    gateway = install(windows)
    gateway.limit = 2
    gateway.tell(203, events.ERROR, USER, error=LIMIT_REACHED)


def _unbound(windows: Windows) -> None:
    """As the role is before anybody has set it up."""
    gateway = install(windows)
    gateway.certificate, gateway.configured = b"", False
    windows.events.write(events.GATEWAY, 102, events.ERROR, log=events.GATEWAY_LOG)


def _fails_again_and_again(windows: Windows) -> None:
    install(windows)
    for _time in range(3):
        windows.events.write(events.GATEWAY, 700, events.ERROR, log=events.GATEWAY_LOG)


def install_with_spare(windows: Windows) -> None:
    """The role, and another certificate in the machine's store that could serve."""
    install(windows)
    windows.certificates.add("spare.corp.example", Request(key=9, sddl=NETWORK_SERVICE_KEY))


def install_with_udp(windows: Windows) -> None:
    """The role with UDP on, over which a connection has ended: event 303 tells the same of every end (1226)."""
    gateway = install(windows)
    gateway.transports[UDP] = True
    ended = (USER, CLIENT_ADDRESS, TARGETS[0], "1991", "2116", "0", "UDP", "1226")
    windows.events.write(events.GATEWAY, 303, events.INFORMATION, *ended, log=events.GATEWAY_LOG)


def install_elsewhere(windows: Windows) -> None:
    """The role, on a port on which whoever runs the fleet may listen."""
    install(windows).ports[HTTP] = OTHER_PORT


def install_with_users(windows: Windows) -> None:
    """The role, with users who are connected by way of it."""
    gateway = install(windows)
    for target in TARGETS:
        gateway.connect(USER, [USERS], target)


GATEWAY: Mapping[str, Breakage] = {
    "gateway_service_stopped": Breakage("the gateway's service is stopped", _service(disabled=False)),
    "gateway_service_disabled": Breakage("the gateway's service is disabled", _service(disabled=True)),
    "gateway_certificate_expired": Breakage("the gateway's certificate has expired", _expired),
    "gateway_certificate_unbound": Breakage("no certificate is bound to the gateway (event 102)", _unbound),
    "gateway_cap_denied": Breakage(
        "no connection policy names the users' group (event 201)",
        _changed(lambda gateway: gateway.connections[0].update(UserGroupNames=ADMINS)),
    ),
    "gateway_cap_disabled": Breakage(
        "the connection policy is off (event 201)",
        _changed(lambda gateway: gateway.connections[0].update(Enabled=False)),
    ),
    "gateway_rap_denied": Breakage(
        "no resource policy names the users' group (event 301)",
        _changed(lambda gateway: gateway.resources[0].update(UserGroupNames=ADMINS)),
    ),
    "gateway_rap_disabled": Breakage(
        "the resource policy is off (event 301)",
        _changed(lambda gateway: gateway.resources[0].update(Enabled=False)),
    ),
    "gateway_rap_resource": Breakage(
        "the resource group has the full name alone, users come with the short one and the address (event 301)",
        _changed(lambda gateway: gateway.groups[0].update(Resources=TARGETS[0])),
    ),
    "gateway_rap_port": Breakage(
        "the resource policy does not allow the port that the hosts listen on (event 301)",
        _changed(lambda gateway: gateway.resources[0].update(PortNumbers="33890")),
        "gateway_rap_denied",
    ),
    "gateway_target_unreachable": Breakage(
        "policies allow the connection, the gateway does not reach the host (event 304)",
        _changed(lambda gateway: setattr(gateway, "reaches", False)),
    ),
    "gateway_limit": Breakage("as many connections as the gateway allows (event 203)", _at_limit),
    "gateway_exception": Breakage("the gateway's service fails and starts anew (event 700)", _fails_again_and_again),
}

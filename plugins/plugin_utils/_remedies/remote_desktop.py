# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remote Desktop on or off: deny flag, listener, logons, services. PRIVATE to the collection.

Sources: Win32 TermServ reference; Microsoft support article "troubleshoot-rdp-general-error" (listener, drain mode and
logon values); default service configurations measured by Microsoft's Azure repair scripts: TermService, SessionEnv and
UmRdpService start manually, so only a start mode of Disabled is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .._model.change import Change, Plan, Refusal
from .._model.observation import Observation, ServiceState
from .._model.proxies import address_of, everywhere, on_port, taking
from .._model.settings import SETTINGS, effective, service_off
from . import _obstacles
from ._base import CHANNEL_PORT, POLICY_OPTION, Options, Remedy, Wish, hosting, is_client, missing_area, plan_setting

NAME = "remote_desktop"

SERVICES = ("SessionEnv", "UmRdpService", "TermService")
"""The services behind the listener; SessionEnv renews its certificate, UmRdpService redirects devices."""

WINRM_PORTS = (5985, 5986, 47001)
"""Default ports of WinRM's listeners: the channel in use is never cut."""

AREAS = ("identity", "settings", "services")

OPTIONS = {
    "state": {"type": "str", "choices": ["enabled", "disabled"], "default": "enabled"},
    "port": {"type": "int"},
    "start_mode": {"type": "str", "choices": ["keep", "manual", "automatic"], "default": "keep"},
    "drain": {"type": "str", "choices": ["keep", "off", "until_restart", "on"], "default": "keep"},
    "logons": {"type": "str", "choices": ["keep", "accepted", "refused"], "default": "keep"},
    "port_proxy": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
    **POLICY_OPTION,
}

_DRAIN = {"off": 0, "until_restart": 1, "on": 2}
_LOGONS = {"accepted": 0, "refused": 1}
_START_MODES = {"manual": "Manual", "automatic": "Auto"}


def plan(observation: Observation, options: Options) -> Plan:
    """Plan Remote Desktop on (services, values, then the start) or off (the deny flag alone)."""
    if options["state"] == "disabled":
        off = _settings(observation, options, [_wish("deny_connections", 1, "Remote Desktop is wanted off")])
        return off + Plan(notes=_without_effect(options))
    return _enabled(observation, options)


@hosting
def _enabled(observation: Observation, options: Options) -> Plan:
    if observation.services is None:
        return missing_area("services", observation)
    steps = (
        _start_modes(observation, options)
        + _settings(observation, options, _wishes(options))
        + _port(observation, options)
        + _running(observation)
        + _proxies(observation, options)
    )
    return steps + Plan(notes=tuple(_obstacles.notes(observation, options, bool(steps.changes))))


def _without_effect(options: Options) -> tuple[str, ...]:
    """The options that are about connections, where none are to be let in."""
    decided = (name for name in OPTIONS if name not in ("state", *POLICY_OPTION))
    given = ", ".join(name for name in decided if options[name] not in (None, "keep"))
    return (f"state is disabled, so this has no effect: {given}",) if given else ()


def _wish(setting: str, number: int, reason: str) -> Wish:
    return Wish(NAME, setting, number, reason, explicit=setting == "deny_connections")


def _wishes(options: Options) -> Iterator[Wish]:
    yield _wish("listener_enabled", 1, "the RDP-Tcp listener is disabled")
    yield _wish("sessions_enabled", 1, "Remote Desktop Services are disabled")
    yield _wish("deny_connections", 0, "Remote Desktop connections are denied")
    if options["drain"] != "keep":
        yield _wish("drain_mode", _DRAIN[options["drain"]], f"drain mode is wanted {options['drain']}")
    if options["logons"] != "keep":
        yield _wish("logons_disabled", _LOGONS[options["logons"]], f"new logons are to be {options['logons']}")
    if options["logons"] == "accepted":
        yield _wish("remote_logons_disabled", 0, "Winlogon is to accept logons from remote sessions")


def _settings(observation: Observation, options: Options, wishes: Iterator[Wish] | list[Wish]) -> Plan:
    return sum((plan_setting(observation, wish, options) for wish in wishes), Plan())


def _port(observation: Observation, options: Options) -> Plan:
    port = options["port"]
    if port is None:
        return Plan()
    if observation.listener is None:
        return missing_area("listener", observation)
    objection = _objection(observation, options)
    if objection:
        return Plan(refused=(Refusal(f"port {port} cannot be the listener's: {objection}", "port"),))
    wish = Wish(NAME, "port", port, f"the listener is wanted on port {port}", risk="medium")
    planned = plan_setting(observation, wish, options) + Plan(notes=_dynamic(port))
    return replace(planned, changes=tuple(replace(change, then="tcp") for change in planned.changes))


DYNAMIC = 49152
"""The first port that Windows hands out by itself, up to 65535, unless told otherwise (RFC 6335, KB929851)."""


def _dynamic(port: int) -> tuple[str, ...]:
    r"""What is said of a port that Windows may give away.

    Excluded ranges are not read. Those that keep a listener from binding (WSAEACCES) are made at run time, by Hyper-V
    and containers, and only the text of C(netsh interface ipv4 show excludedportrange) tells them (microsoft/WSL#5514).
    The registry holds the administered ones, under C(Control\Nsi\{eb004a03-9b1a-11d4-9123-0050047759bc}\29), the first
    port and the number of ports as hexadecimal digits in the value's name (BigFix fixlet 27007); these stop no program
    that asks for the port (Microsoft KB812873). So the host is asked after the restart whether anything listens, and
    the listener goes back where nothing does; what cannot be bound otherwise shows as the cause port_excluded.
    """
    if port < DYNAMIC:
        return ()
    return (
        f"Windows hands out ports from {DYNAMIC} by itself, so another program may have {port} before the listener",
    )


def _objection(observation: Observation, options: Options) -> str:
    """Why the listener cannot have the wanted port; empty when it can."""
    port = options["port"]
    if not 0 < port < 65536 or port in (*WINRM_PORTS, options.get(CHANNEL_PORT)):
        return "use one from 1 to 65535 that WinRM does not use"
    others = _others(observation)
    if others:
        return f"process {', '.join(map(str, others))} listens there; stop that program, or use another port"
    return ""


def _others(observation: Observation) -> list[int]:
    """Who but TermService listens on the wanted port (MSFT_NetTCPConnection.OwningProcess)."""
    service = (observation.services or {}).get("TermService")
    own = service.process_id if service else 0
    return [process for process in (observation.listener.process_ids if observation.listener else ()) if process != own]


def needs(options: Options) -> tuple[str, ...]:
    """Who listens on a port matters only where one is wanted."""
    return AREAS if options["port"] is None else (*AREAS, "listener")


def beside(options: Options) -> tuple[str, ...]:
    """What stands in the way matters only to a listener that is wanted."""
    return _obstacles.AREAS if options["state"] == "enabled" else ()


def _proxies(observation: Observation, options: Options) -> Plan:
    """The port proxies that hold the listener's port; what they forward is somebody's wish, so only on request."""
    port = _port_of(observation, options)
    found = on_port(observation.obstacles, port)
    if options["port_proxy"] == "remove":
        reason = f"a port proxy holds the listener's port {port}"
        return Plan(changes=tuple(_removal(name, to, reason) for name, to in found.items()))
    held = taking(observation.obstacles, port)
    return Plan(
        refused=tuple(Refusal(_taken(name, to), "port_proxy") for name, to in held.items()),
        notes=tuple(_idle(name, to) for name, to in found.items() if name not in held),
    )


def _taken(name: str, to: str) -> str:
    """Where it listens on one address, those to the others reach the listener, if it could bind the port."""
    address = address_of(name)
    which = (
        "all connections"
        if everywhere(address)
        else f"the connections to {address}, not to the host's other addresses,"
    )
    return f"the port proxy {name} takes {which} to {to}: {_REMOVABLE}"


def _idle(name: str, to: str) -> str:
    why = f"takes no connections of users, since the network knows no {address_of(name)} of this host"
    return f"the port proxy {name} leads to {to} and {why}: left as it is"


_REMOVABLE = "ask whoever set it up, then set port_proxy to remove"


def _removal(name: str, to: str, reason: str) -> Change:
    return Change(NAME, "port_proxy", name, to, None, reason, risk="medium", restart=True)


def _port_of(observation: Observation, options: Options) -> int:
    state = observation.settings.get("port")
    return options["port"] or (effective(SETTINGS["port"], state)[0] if state else None) or 3389


def _start_modes(observation: Observation, options: Options) -> Plan:
    client = is_client(observation)
    changes = tuple(
        _start_mode(service, wanted, client)
        for service, wanted in _wanted_start_modes(observation, options)
        if service.start_mode != wanted
    )
    return Plan(changes=changes)


def _start_mode(service: ServiceState, wanted: str, client: bool) -> Change:
    broken = client and service.start_mode == "Disabled"
    return Change(
        remedy=NAME,
        kind="service_start_mode",
        item=service.name,
        before=service.start_mode,
        after=wanted,
        reason=_start_reason(service, wanted),
        compliance=(service_off(service.name, "breaks"),) if broken else (),
    )


def _wanted_start_modes(observation: Observation, options: Options) -> Iterator[tuple[ServiceState, str]]:
    for name in SERVICES:
        service = (observation.services or {}).get(name)
        if service is None:
            continue
        keep = "Manual" if service.start_mode == "Disabled" else service.start_mode
        wanted = _START_MODES.get(options["start_mode"], keep) if name == "TermService" else keep
        yield service, wanted


def _start_reason(service: ServiceState, wanted: str) -> str:
    if service.start_mode == "Disabled":
        return f"{service.name} is disabled (the CIS L2 benchmarks want that on clients)"
    return f"{service.name} is wanted to start {wanted.lower()}"


def _running(observation: Observation) -> Plan:
    service = (observation.services or {}).get("TermService")
    if service is None:
        message = "this host has no TermService: this edition of Windows cannot be connected to"
        return Plan(refused=(Refusal(message),))
    if service.state in ("Running", "Start Pending"):
        return Plan()
    change = Change(NAME, "service_state", "TermService", "Stopped", "Running", "TermService does not run")
    return Plan(changes=(change,))


REMEDY = Remedy(
    name=NAME,
    areas=AREAS,
    settings=(
        "deny_connections",
        "listener_enabled",
        "sessions_enabled",
        "port",
        "drain_mode",
        "logons_disabled",
        "remote_logons_disabled",
    ),
    options=OPTIONS,
    plan=plan,
    needs=needs,
    beside=beside,
)

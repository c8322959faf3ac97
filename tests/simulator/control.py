# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control port: what tests and demos see and do behind the hosts' backs. JSON over HTTP, loopback only.

GET  /hosts                        names, addresses, versions, languages, what was planted
GET  /traffic                      sums over all hosts: HTTP requests, operations, bytes both ways of WinRM and of RDP
GET  /hosts/NAME/state             persistent state, canonical: equal states are equal byte for byte
GET  /hosts/NAME/volatile          services' states, sessions, events, endpoints, open shells
GET  /hosts/NAME/counters          operations by kind, writes, requests, bytes
GET  /hosts/NAME/probe             what a perfect probe sees (leaves events as an attempt does)
POST /hosts/NAME/break             {"breakages": [NAME, ...]} or {"traits": [...]}
POST /hosts/NAME/fault             {"name": NAME, "at": N, "count": K}; {"clear": true};
                                   "at" may be {"kind", "class", "method", "write"} to match operations
POST /hosts/NAME/switch            {"name": NAME, "value": VALUE}
POST /hosts/NAME/policy_refresh    {}
POST /hosts/NAME/reboot            {}
POST /hosts/NAME/power             {"on": BOOL}: shut the host down, or start it at its console
POST /hosts/NAME/battery           {"on": BOOL}
POST /hosts/NAME/command           {"line": TEXT}: what somebody else does on the host, as SYSTEM
POST /hosts/NAME/session           {"user": NAME, "active": BOOL}, or {"logoff": NUMBER}
POST /hosts/NAME/counters          {"reset": true}
POST /clock                        {"advance": SECONDS, "hosts": [NAME, ...]}; no hosts: all of them

An order that is not understood, or that would do nothing, is answered with 400 and {"error": SENTENCE}.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from tests.simulator import orders
from tests.simulator.breakages import BREAKAGES, break_host
from tests.simulator.fleet import Fleet, Member
from tests.simulator.orders import Arguments, BadOrder
from tests.simulator.switches import SWITCHES
from tests.simulator.traits import TRAITS, apply_trait
from tests.simulator.windows.cmd import CommandShell
from tests.simulator.windows.system import TASK_TOKEN

Reader = Callable[[Member], str]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MATCHES = ("kind", "class", "method", "write")
"""What a fault can be told to wait for."""


@dataclass(frozen=True)
class Action:
    """What an order does, and the arguments that it takes."""

    act: Callable[[Member, Arguments], object]
    takes: tuple[str, ...] = ()


def application(fleet: Fleet) -> web.Application:
    """The web application over a running fleet."""
    app = web.Application(middlewares=[_errors])
    app.router.add_get("/hosts", lambda _request: _answer(_hosts(fleet)))
    app.router.add_get("/traffic", lambda _request: _answer(_traffic(fleet)))
    app.router.add_post("/clock", lambda request: _clock(fleet, request))
    for name, reader in READERS.items():
        app.router.add_get(f"/hosts/{{name}}/{name}", _reading(fleet, reader))
    for name, action in ACTIONS.items():
        app.router.add_post(f"/hosts/{{name}}/{name}", _acting(fleet, action))
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)


async def _answer(value: object) -> web.Response:
    return web.json_response(value)


def _member(fleet: Fleet, request: web.Request) -> Member:
    name = request.match_info["name"]
    if name not in fleet.members:
        raise web.HTTPNotFound(text=json.dumps({"error": f"no such host: {name}"}), content_type="application/json")
    return fleet.members[name]


def _reading(fleet: Fleet, reader: Reader) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(text=reader(_member(fleet, request)), content_type="application/json")

    return handle


def _acting(fleet: Fleet, action: Action) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        member = _member(fleet, request)
        result = action.act(member, orders.read(await request.text(), *action.takes))
        member.reconcile()
        await member.settled()
        return web.json_response({"done": True, "result": result})

    return handle


async def _clock(fleet: Fleet, request: web.Request) -> web.StreamResponse:
    arguments = orders.read(await request.text(), "advance", "hosts")
    fleet.advance(orders.seconds(arguments, "advance"), orders.names(arguments, "hosts", fleet.members))
    return web.json_response({"done": True})


def _hosts(fleet: Fleet) -> list[dict[str, object]]:
    return [
        {
            "name": member.plan.name, "address": member.plan.address, "version": member.plan.version,
            "language": member.plan.language, "breakages": list(member.plan.breakages),
            "traits": list(member.plan.traits), "winrm_port": member.server.http_port or member.server.https_port,
            "rdp_port": member.host.windows.listener.live().port,
        }
        for member in fleet.members.values()
    ]  # fmt: skip


def _traffic(fleet: Fleet) -> dict[str, int]:
    members = fleet.members.values()
    return {
        "requests": sum(member.server.traffic.requests for member in members),
        "operations": sum(member.host.counters.total for member in members),
        "bytes": sum(member.server.traffic.bytes for member in members),
        "rdp_bytes": sum(member.ports.traffic.bytes for member in members),
    }


def _break(member: Member, arguments: Arguments) -> object:
    """All names are known before the first one is planted."""
    breakages = orders.names(arguments, "breakages", BREAKAGES)
    traits = orders.names(arguments, "traits", TRAITS)
    if not breakages and not traits:
        raise BadOrder("a name or more are expected in breakages or traits")
    for name in breakages:
        break_host(member.host.windows, name)
    for name in traits:
        apply_trait(member.host.windows, name)
    planted = member.plan
    member.plan = replace(
        planted,
        breakages=tuple(dict.fromkeys((*planted.breakages, *breakages))),
        traits=tuple(dict.fromkeys((*planted.traits, *traits))),
    )
    return None


def _fault(member: Member, arguments: Arguments) -> object:
    if "clear" in arguments:
        if set(arguments) != {"clear"} or not orders.flag(arguments, "clear"):
            raise BadOrder("clear: true is expected, and nothing else beside it")
        member.host.injector.clear()
        return None
    name, times = orders.text(arguments, "name"), orders.count(arguments, "count", 1)
    at = arguments.get("at", 1)
    member.host.injector.add(name, _match(at) if isinstance(at, dict) else orders.count(arguments, "at", 1), times)
    return None


def _match(at: Mapping[str, object]) -> Mapping[str, object]:
    strange = sorted(set(at) - set(MATCHES))
    if strange or not at:
        raise BadOrder(
            f"at: a number, or some of {', '.join(MATCHES)} are expected, not {', '.join(strange) or 'none'}"
        )
    return at


def _session(member: Member, arguments: Arguments) -> object:
    sessions = member.host.windows.sessions
    if "logoff" not in arguments:
        active = orders.flag(arguments, "active", default=True)
        return sessions.add(orders.text(arguments, "user"), active=active).number
    if set(arguments) != {"logoff"}:
        raise BadOrder("either a session's number in logoff, or user and active are expected")
    number = orders.count(arguments, "logoff")
    if not sessions.log_off(number):
        raise BadOrder(f"logoff: there is no session {number}")
    return True


def _power(member: Member, arguments: Arguments) -> object:
    windows = member.host.windows
    switch = windows.power_on if orders.flag(arguments, "on") else windows.shut_down
    switch()
    return None


def _battery(member: Member, arguments: Arguments) -> object:
    member.host.windows.on_battery = orders.flag(arguments, "on")
    return None


def _command(member: Member, arguments: Arguments) -> object:
    output = CommandShell(member.host.windows, TASK_TOKEN, "SYSTEM").run(orders.text(arguments, "line"))
    return {"code": output.code, "stdout": output.stdout, "stderr": output.stderr}


def _switch(member: Member, arguments: Arguments) -> object:
    if "value" not in arguments:
        raise BadOrder(f"name and value are expected; switches: {', '.join(SWITCHES)}")
    member.host.set_switch(orders.text(arguments, "name"), arguments["value"])
    return None


def _counters(member: Member, arguments: Arguments) -> object:
    if not orders.flag(arguments, "reset"):
        raise BadOrder("reset: true is expected")
    member.reset_counters()
    return None


READERS: Mapping[str, Reader] = {
    "state": lambda member: member.host.state_json(),
    "volatile": lambda member: json.dumps(member.host.volatile(), ensure_ascii=False),
    "counters": lambda member: json.dumps(member.counters()),
    "probe": lambda member: json.dumps(member.host.probe_view()),
}
ACTIONS: Mapping[str, Action] = {
    "break": Action(_break, ("breakages", "traits")),
    "fault": Action(_fault, ("name", "at", "count", "clear")),
    "session": Action(_session, ("user", "active", "logoff")),
    "power": Action(_power, ("on",)),
    "battery": Action(_battery, ("on",)),
    "command": Action(_command, ("line",)),
    "switch": Action(_switch, ("name", "value")),
    "policy_refresh": Action(lambda member, _given: member.host.windows.policy.refresh()),
    "reboot": Action(lambda member, _given: member.host.windows.reboot()),
    "counters": Action(_counters, ("reset",)),
}

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
POST /clock                        {"advance": SECONDS, "hosts": [NAME, ...]}
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from tests.simulator.breakages import break_host
from tests.simulator.fleet import Fleet, Member
from tests.simulator.traits import apply_trait
from tests.simulator.windows.cmd import CommandShell
from tests.simulator.windows.system import TASK_TOKEN

Reader = Callable[[Member], str]
Action = Callable[[Member, Mapping[str, object]], object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
    except (ValueError, TypeError, KeyError) as error:
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
        result = action(member, await _arguments(request))
        member.reconcile()
        await member.settled()
        return web.json_response({"done": True, "result": result})

    return handle


async def _arguments(request: web.Request) -> Mapping[str, object]:
    document = json.loads(await request.text() or "{}")
    if not isinstance(document, dict):
        raise TypeError("a JSON object is expected")
    return document


async def _clock(fleet: Fleet, request: web.Request) -> web.StreamResponse:
    arguments = await _arguments(request)
    seconds = arguments.get("advance")
    if not isinstance(seconds, (int, float)) or seconds < 0:
        raise ValueError("advance: seconds are expected")
    fleet.advance(seconds, _names(arguments.get("hosts", [])))
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


def _names(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("a list of names is expected")
    return value


def _break(member: Member, arguments: Mapping[str, object]) -> object:
    for name in _names(arguments.get("breakages", [])):
        break_host(member.host.windows, name)
    for name in _names(arguments.get("traits", [])):
        apply_trait(member.host.windows, name)
    return None


def _fault(member: Member, arguments: Mapping[str, object]) -> object:
    if arguments.get("clear"):
        member.host.injector.clear()
        return None
    at, count = arguments.get("at", 1), arguments.get("count", 1)
    if not isinstance(at, (int, dict)) or not isinstance(count, int):
        raise TypeError("at: a number or an object; count: a number")
    member.host.injector.add(str(arguments["name"]), at, count)
    return None


def _session(member: Member, arguments: Mapping[str, object]) -> object:
    sessions = member.host.windows.sessions
    number = arguments.get("logoff")
    if isinstance(number, int):
        return sessions.log_off(number)
    return sessions.add(str(arguments["user"]), active=bool(arguments.get("active", True))).number


def _power(member: Member, arguments: Mapping[str, object]) -> object:
    switch = member.host.windows.power_on if arguments["on"] else member.host.windows.shut_down
    switch()
    return None


def _battery(member: Member, arguments: Mapping[str, object]) -> object:
    member.host.windows.on_battery = bool(arguments["on"])
    return None


def _command(member: Member, arguments: Mapping[str, object]) -> object:
    output = CommandShell(member.host.windows, TASK_TOKEN, "SYSTEM").run(str(arguments["line"]))
    return {"code": output.code, "stdout": output.stdout, "stderr": output.stderr}


READERS: Mapping[str, Reader] = {
    "state": lambda member: member.host.state_json(),
    "volatile": lambda member: json.dumps(member.host.volatile(), ensure_ascii=False),
    "counters": lambda member: json.dumps(member.counters()),
    "probe": lambda member: json.dumps(member.host.probe_view()),
}
ACTIONS: Mapping[str, Action] = {
    "break": _break,
    "fault": _fault,
    "session": _session,
    "power": _power,
    "battery": _battery,
    "command": _command,
    "switch": lambda member, arguments: member.host.set_switch(str(arguments["name"]), arguments["value"]),
    "policy_refresh": lambda member, _given: member.host.windows.policy.refresh(),
    "reboot": lambda member, _given: member.host.windows.reboot(),
    "counters": lambda member, _given: member.reset_counters(),
}

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""netsh, as far as the network stack's repair asks for it: Winsock, port proxies, excluded ports. Exit codes 0, 1."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.simulator.windows import cmd
from tests.simulator.windows.files import has_privileges
from tests.simulator.windows.programs.base import Context
from tests.simulator.windows.registry import Type
from tests.simulator.windows.winsock import BASE, reset_catalogs

PORT_PROXIES = r"HKLM\SYSTEM\CurrentControlSet\Services\PortProxy"
PORT_PROXY = rf"{PORT_PROXIES}\v4tov4\tcp"
KINDS = ("v4tov4", "v4tov6", "v6tov4", "v6tov6")


def netsh(context: Context, arguments: list[str]) -> cmd.Output:
    """Run one command of netsh's contexts."""
    words = " ".join(argument.lower() for argument in arguments)
    if re.fullmatch(r"winsock reset( catalog)?", words):
        return _reset(context)
    if words == "winsock show catalog":
        return cmd.Output("".join(f"{entry.number}  {entry.name}\r\n" for entry in BASE))
    shown = re.fullmatch(r"int(?:erface)? portproxy show (all|v[46]tov[46])", words)
    if shown is not None:
        return _proxies(context, KINDS if shown[1] == "all" else (shown[1],))
    if re.fullmatch(r"int(erface)? ip(v4)? show excludedportrange (protocol=)?tcp", words):
        return _excluded(context)
    return _change_proxy(context, words)


def _change_proxy(context: Context, words: str) -> cmd.Output:
    """``portproxy add|delete KIND listenport= listenaddress= [connectport= connectaddress=]``."""
    found = re.fullmatch(
        r"int(?:erface)? portproxy (?P<verb>add|delete) (?P<kind>v[46]tov[46]) listenport=(?P<port>\d+)"
        r" listenaddress=(?P<address>\S+)(?: connectport=(?P<to_port>\d+) connectaddress=(?P<to>\S+))?", words,
    )  # fmt: skip
    if found is None or (found["verb"] == "add") is not (found["to"] is not None):
        return context.fail(1, "invalid_syntax")
    key, name = rf"{PORT_PROXIES}\{found['kind']}\tcp", f"{found['address']}/{found['port']}"
    if found["to"] is None:
        return _delete_proxy(context, key, name)
    return _add_proxy(context, key, name, f"{found['to']}/{found['to_port']}")


def _reset(context: Context) -> cmd.Output:
    if not has_privileges(context.token):
        return context.fail(1, "access_denied")
    reset_catalogs(context.windows.registry)
    return context.done("winsock_reset")


def _proxies(context: Context, kinds: Sequence[str]) -> cmd.Output:
    registry = context.windows.registry
    keys = (rf"{PORT_PROXIES}\{kind}\tcp" for kind in kinds)
    values = [value for key in keys if registry.exists(key) for value in registry.values(key)]
    rows = [f"{value.name}  {value.data}".replace("/", "  ") for value in values]
    return cmd.Output("".join(f"{row}\r\n" for row in rows))


def _delete_proxy(context: Context, key: str, name: str) -> cmd.Output:
    if not has_privileges(context.token):
        return context.fail(1, "access_denied")
    if not context.windows.registry.get(key, name):
        return context.fail(1, "file_error", 2)
    context.windows.registry.discard(key, name)
    context.windows.network.release_proxy()
    return cmd.Output("\r\n")


def _add_proxy(context: Context, key: str, name: str, to: str) -> cmd.Output:
    """Stored; the port is had only once nobody else has it."""
    if not has_privileges(context.token):
        return context.fail(1, "access_denied")
    context.windows.registry.put(key, name, Type.SZ, to)
    return cmd.Output("\r\n")


def _excluded(context: Context) -> cmd.Output:
    rows = "".join(f"{start:>10}{end:>12}\r\n" for start, end in context.windows.network.excluded)
    return cmd.Output(f"\r\n{rows}")

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated host in whose names and texts something waits to be executed, rendered or shown.

What XML can carry, that is: of the control characters those from U+0080 on, which a terminal obeys as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from tests.simulator.host import SimulatedHost
from tests.support.hostile.http import answer
from tests.support.hostile.server import Attack, Request

ESCAPES = "\x9b2J\x9d0;owned\x9c\x85\u202e"
"""Clear the screen, set the title, go to the next line, write from right to left."""


def payload(mark: Path) -> str:
    """Text that makes a file if a shell, Jinja2, Ansible or a spreadsheet executes it."""
    touch = f"touch {mark}"
    return "".join(
        (
            "{{ lookup('pipe', '" + touch + "') }}",
            "{% set x = lookup('pipe', '" + touch + "') %}",
            f"$({touch})`{touch}`;{touch};|{touch}|&{touch}&",
            f"!unsafe !!python/object/apply:os.system ['{touch}']",
            "<script>alert(1)</script><img src=x onerror=alert(1)>",
            f"=cmd|'/c {touch}'!A1",
            ESCAPES,
            "\nok: [host] => forged\n",
        )
    )


NAMES = (
    "Caption|Description|DisplayName|ElementName|DisplayGroup|CSName|DNSHostName|Domain|User|UserName|FriendlyName|"
    "Manufacturer|Model|FullName|Message|InsertionStrings|StartName|SourceName|Owner"
)
_TEXT = re.compile(rf"(<(?:[\w.-]+:)?(?:{NAMES})>)([^<]*)(</)")
_FAULT = re.compile(r"(<(?:[\w.-]+:)?(?:Text|Message|ProviderFault)\b[^>/]*>)([^<]*)(</)")
_ADDRESSES = "EnumerationContext|Selector|ResourceURI|Address"
_EVERY = re.compile(
    rf"(<(?:[\w.-]+:)?(?!{_ADDRESSES})\w+(?: [^>]*[^/])?>)(?!\d|P\d|true<|false<)([^<]*[A-Za-z][^<]*)(</)"
)

HOW_MUCH: dict[str, re.Pattern[str]] = {"names": _TEXT, "everything": _EVERY}
"""Names and descriptions; or all of the body but numbers, times, truth values and what later requests give back."""


def poisoned(document: bytes, poison: str, what: re.Pattern[str]) -> bytes:
    """An answer with the poison behind its texts; the header, which must match the request, stays as it is."""
    head, body_tag, body = document.decode().partition("Body>")
    spoilt = _FAULT.sub(_behind(poison), what.sub(_behind(poison), body))
    return f"{head}{body_tag}{spoilt}".encode()


def _behind(poison: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{found[1]}{found[2]}{escape(poison)}{found[3]}"


def poisoned_host(simulated: SimulatedHost, poison: str, what: str) -> Attack:
    """A host that answers as a simulated one does, with the poison in its texts."""

    def attack(request: Request) -> list[bytes]:
        if not request.body:
            return [answer(b"")]
        status, body = simulated.handle(request.body)
        line = "200 OK" if status == 200 else f"{status} Error"
        return [answer(poisoned(body, poison, HOW_MUCH[what]), line)]

    return attack

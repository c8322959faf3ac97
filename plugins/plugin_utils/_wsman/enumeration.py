# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enumerations: from Enumerate over Pull to the end, or to a Release.

PRIVATE to the collection. Source: WS-Enumeration, DSP0226 8, MS-WSMV 3.1.4.8.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.envelope import (
    MAX_ELEMENTS,
    TIMEOUT,
    Item,
    Reply,
    Request,
    build_enumerate,
    build_pull,
    build_release,
    read_batch,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    BadAnswer,
    Timeout,
    TransportFailed,
    WsmanError,
    WsmanFault,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.uri import Resource
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.xml import Markup

MAX_PULLS = 500
MAX_TOTAL_BYTES = 16 * 1024 * 1024
PATIENCE = 3
"""Pulls in a row that may time out on the host before the enumeration is given up."""


class Exchange(t.Protocol):
    """Sends a request and returns the checked answer."""

    def __call__(self, request: Request, *, repeatable: bool) -> Reply:
        """Return the answer, or raise the fault that it holds."""


@dataclass(frozen=True)
class Enumeration:
    """What to enumerate; ``limit`` is the number of objects after which the rest is not wanted."""

    target: Resource
    filter: Markup
    with_epr: bool = False
    limit: int | None = None
    timeout: int = TIMEOUT

    @property
    def batch_size(self) -> int:
        """The number of objects to ask for at once."""
        return MAX_ELEMENTS if self.limit is None else min(self.limit, MAX_ELEMENTS)


def drain(exchange: Exchange, wanted: Enumeration) -> list[Item]:
    """Return the objects, at most ``limit``; leave no enumeration open on the host.

    A connection lost between two pulls leaves no way to go on, so the enumeration starts over once. Raise BadAnswer
    when the host never comes to an end.
    """
    first = _start(exchange, wanted)
    try:
        items = _finish(exchange, wanted, first)
    except TransportFailed:
        items = _finish(exchange, wanted, _start(exchange, wanted))
    return items[: wanted.limit]


def _start(exchange: Exchange, wanted: Enumeration) -> Reply:
    request = build_enumerate(
        wanted.target,
        wanted.filter,
        with_epr=wanted.with_epr,
        max_elements=wanted.batch_size,
        timeout=wanted.timeout,
    )
    return exchange(request, repeatable=True)


def _finish(exchange: Exchange, wanted: Enumeration, reply: Reply) -> list[Item]:
    batch, size, pulls = read_batch(reply), reply.size, 0
    items, context = list(batch.items), batch.context
    while not batch.ended and not _enough(items, wanted):
        if not context:
            raise BadAnswer("An enumeration breaks off: neither a context to go on with nor an end")
        if pulls == MAX_PULLS or size > MAX_TOTAL_BYTES:
            _release(exchange, wanted, context)
            raise BadAnswer(f"An enumeration does not end: {len(items)} objects, {size} bytes, {pulls} pulls so far")
        reply = _pull_or_release(exchange, wanted, context)
        batch, size, pulls = read_batch(reply), size + reply.size, pulls + 1
        items += batch.items
        context = batch.context or context
    if not batch.ended:
        _release(exchange, wanted, context)
    return items


def _enough(items: list[Item], wanted: Enumeration) -> bool:
    return wanted.limit is not None and len(items) >= wanted.limit


def _pull(exchange: Exchange, wanted: Enumeration, context: str) -> Reply:
    """Pull the next objects; a time-out means that the host has none yet, and the context stays good (DSP0226 8.4)."""
    request = build_pull(wanted.target, context, max_elements=wanted.batch_size, timeout=wanted.timeout)
    for _attempt in range(PATIENCE - 1):
        with contextlib.suppress(Timeout):
            return exchange(request, repeatable=False)
    return exchange(request, repeatable=False)


def _pull_or_release(exchange: Exchange, wanted: Enumeration, context: str) -> Reply:
    """Pull; after a failure that leaves the connection, give the enumeration back: open ones count against a quota."""
    try:
        return _pull(exchange, wanted, context)
    except TransportFailed:
        raise
    except WsmanError:
        with contextlib.suppress(WsmanError):
            _release(exchange, wanted, context)
        raise


def _release(exchange: Exchange, wanted: Enumeration, context: str) -> None:
    """Give the enumeration back. A fault means that the host has already forgotten it, which serves as well."""
    if context:
        with contextlib.suppress(WsmanFault):
            exchange(build_release(wanted.target, context, timeout=wanted.timeout), repeatable=False)

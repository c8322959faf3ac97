# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name stage: from a host name to the addresses to try.

FOR INTERNAL COLLECTION USE ONLY.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import queue
import socket
import threading


@dataclasses.dataclass(frozen=True)
class NameResult:
    """What a name stands for.

    Attributes:
        verdict: `literal` (it is an address already), `resolved`, `failed` or `skipped`.
        addresses: Literal addresses in the order in which the system prefers them (RFC 6724), without repetition.
        error: Why it failed.
    """

    verdict: str = "skipped"
    addresses: tuple[str, ...] = ()
    error: str | None = None


def resolve(host: str, seconds: float) -> NameResult:
    """Resolve `host` as the operating system does (hosts file included), within `seconds`."""
    if is_literal(host):
        return NameResult("literal", (host,))
    answers: queue.Queue[NameResult] = queue.Queue(1)
    # getaddrinfo has no timeout of its own: the thread is abandoned when time is over, and dies with its answer.
    threading.Thread(target=lambda: answers.put(_look_up(host)), name="rdp-probe-name", daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return NameResult("failed", error="the name service did not answer in time")


def is_literal(host: str) -> bool:
    """Whether `host` is an IPv4 or IPv6 address, with a zone or without."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str) -> NameResult:
    """Ask the system's resolver; blocks as long as that likes."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return NameResult("failed", error=getattr(error, "strerror", None) or str(error))
    return NameResult("resolved", tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections that begin to negotiate and go no further. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ConnectError
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import connect
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.x224 import build_request

SECONDS = 3.0
"""Until a connection that does not open counts as refused."""

TLS_AND_CREDSSP = 3
"""requestedProtocols of today's clients (MS-RDPBCGR 2.2.1.1.1)."""


@contextmanager
def held(address: str, port: int, count: int) -> Iterator[int]:
    """Open so many connections and ask each for a protocol; gives how many opened, and closes them all afterwards.

    The first that does not open ends it: the host takes no more.
    """
    with ExitStack() as stack:
        yield sum(1 for _connection in _opened(stack, address, port, count))


def _opened(stack: ExitStack, address: str, port: int, count: int) -> Iterator[None]:
    with contextlib.suppress(ConnectError, OSError):
        for _number in range(count):
            stack.enter_context(connect(address, port, SECONDS)).sendall(build_request(TLS_AND_CREDSSP))
            yield

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTPS port of an RD Gateway: TLS with the certificate that its service has taken up, and the first answer.

Before anything else a gateway wants its client to authenticate over HTTP (MS-TSGU 3.3.5.1). Ports below 1024 are left
closed, since most systems let nobody but root listen there: only a gateway that was moved to a higher one has a socket.
"""

from __future__ import annotations

import asyncio
import ssl

from tests.simulator.rdp import tls
from tests.simulator.rdp.dialogue import PATIENCE, reset
from tests.simulator.windows.certificates import MY
from tests.simulator.windows.gateway import HTTP
from tests.simulator.windows.system import Windows

UNPRIVILEGED = 1024
UNAUTHORIZED = (
    b"HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-HTTPAPI/2.0\r\nWWW-Authenticate: Negotiate\r\n"
    b"WWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
)


def https_port(windows: Windows) -> int:
    """The port that a gateway is reached on here; 0 where there is none."""
    gateway = windows.gateway
    if gateway is None or not gateway.running() or not gateway.transports[HTTP] or not windows.is_up:
        return 0
    return gateway.ports[HTTP] if gateway.ports[HTTP] >= UNPRIVILEGED else 0


async def serve_gateway(windows: Windows, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Talk to one client until it has been asked to authenticate."""
    try:
        await asyncio.wait_for(_dialogue(windows, reader, writer), PATIENCE)
    except (OSError, ssl.SSLError, asyncio.TimeoutError):
        writer.transport.abort()
    finally:
        writer.close()


async def _dialogue(windows: Windows, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP.sys resets a connection to a port that no certificate is bound to."""
    served = windows.gateway.served.hex().upper() if windows.gateway else ""
    certificate = windows.certificates.in_store(MY, served) if served else None
    hello = await reader.read(16384)
    if certificate is None:
        reset(writer)
    elif hello:
        index = windows.certificates.key_index(certificate)
        stream = tls.TlsStream(reader, writer, tls.server_context(certificate, index, windows.listener.protocols))
        stream.feed(hello)
        await stream.handshake()
        if await stream.read(8192):
            await stream.write(UNAUTHORIZED)

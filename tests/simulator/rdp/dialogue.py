# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection to the RDP port: negotiation, TLS, and CredSSP, by the host's live state."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct

from tests.simulator.rdp import credssp, tls, x224
from tests.simulator.rdp.nla import TOKENS, Logon
from tests.simulator.windows.certificates import StoredCertificate
from tests.simulator.windows.listener import PROTOCOL_HYBRID, PROTOCOL_HYBRID_EX, PROTOCOL_RDP
from tests.simulator.windows.system import Windows

PATIENCE = 20.0
HTTP_BANNER = (
    b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.24.0\r\nContent-Type: text/html\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


async def serve_rdp(windows: Windows, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Talk to one client until its credentials are judged or something fails, as Windows' own listener would."""
    try:
        await asyncio.wait_for(_dialogue(windows, reader, writer), PATIENCE)
    except (
        OSError,
        ssl.SSLError,
        x224.NotRdp,
        asyncio.IncompleteReadError,
        asyncio.TimeoutError,
        ValueError,
        KeyError,
    ):
        writer.transport.abort()
    finally:
        writer.close()


async def serve_http_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a web server does to bytes that are no HTTP."""
    try:
        if await asyncio.wait_for(reader.read(1024), PATIENCE):
            writer.write(HTTP_BANNER)
            await writer.drain()
    except (OSError, asyncio.TimeoutError):
        writer.transport.abort()
    finally:
        writer.close()


async def serve_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close at once, as a port proxy does whose target cannot be reached."""
    writer.close()


async def _dialogue(windows: Windows, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    windows.clock.run_due()
    head = await reader.readexactly(x224.TPKT_HEAD)
    request = x224.parse_request(head + await reader.readexactly(x224.tpkt_length(head) - x224.TPKT_HEAD))
    host, port = writer.get_extra_info("peername")[:2]
    reply = windows.listener.negotiate(request.protocols or 0, f"{host}:{port}")
    if reply.kind == "closed":
        reset(writer)
        return
    flags = windows.edition.negotiation_flags
    writer.write(x224.build_confirm(reply, flags, negotiated=request.protocols is not None))
    await writer.drain()
    if reply.kind == "failure" or reply.code == PROTOCOL_RDP:
        await _wait_for_end(reader)
        return
    await _secured(windows, reader, writer, reply.code)


async def _secured(windows: Windows, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: int) -> None:
    hello = await reader.read(16384)
    if not hello:
        return
    outcome, certificate = windows.listener.tls_attempt()
    if outcome == "reset":
        reset(writer)
    elif outcome != "ok" or certificate is None:
        writer.write(tls.alert(int(outcome.removeprefix("alert_"))))
        await writer.drain()
    else:
        index = windows.certificates.key_index(certificate)
        stream = tls.TlsStream(reader, writer, tls.server_context(certificate, index, windows.listener.protocols))
        stream.feed(hello)
        await stream.handshake()
        if protocol >= PROTOCOL_HYBRID:
            await _credssp(windows, stream, certificate, early=protocol == PROTOCOL_HYBRID_EX)
        else:
            await _drain(stream)


async def _credssp(windows: Windows, stream: tls.TlsStream, certificate: StoredCertificate, *, early: bool) -> None:
    """Answer NTLM NEGOTIATE with the challenge, unless inbound NTLM is denied, and judge who goes on from there."""
    message = await _ts_request(stream)
    if credssp.NTLM_NEGOTIATE not in message or windows.listener.ntlm_denied:
        return
    negotiate = credssp.token(credssp.fields(message)[TOKENS], credssp.NTLM_NEGOTIATE)
    challenge = credssp.challenge(windows, negotiate)
    await stream.write(credssp.ts_request({TOKENS: credssp.nego_data(challenge)}))
    logon = Logon(windows, certificate, lambda: _ts_request(stream), stream.write, early)
    await logon.run(negotiate, challenge)
    await _drain(stream)


async def _ts_request(stream: tls.TlsStream) -> bytes:
    """One whole message. Raises ConnectionResetError at the end, ValueError for what is none."""
    message = b""
    while len(message) < 2 or len(message) < credssp.whole_length(message):
        more = await stream.read(8192)
        if not more:
            raise ConnectionResetError("the client closed")
        message += more
    return message


async def _drain(stream: tls.TlsStream) -> None:
    await stream.read(8192)


async def _wait_for_end(reader: asyncio.StreamReader) -> None:
    """Give the client time to read before the connection is closed."""
    await asyncio.wait_for(reader.read(8192), PATIENCE)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

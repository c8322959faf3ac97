# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS inside an RDP connection, after the X.224 exchange on the same socket."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tests.simulator.windows.certificates import StoredCertificate
from tests.simulator.windows.keys import private_key_pem

ALERT_RECORD = b"\x15\x03\x03\x00\x02\x02"
VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1, "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip


def alert(number: int) -> bytes:
    """A fatal alert record (RFC 5246 7.2)."""
    return ALERT_RECORD + bytes([number])


@lru_cache(maxsize=512)
def server_context(certificate: StoredCertificate, key_index: int, protocols: frozenset[str]) -> ssl.SSLContext:
    """Schannel with this certificate and these versions on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = min(VERSIONS[name] for name in protocols)
    context.maximum_version = max(VERSIONS[name] for name in protocols)
    pem = certificate.certificate.public_bytes(serialization.Encoding.PEM) + private_key_pem(key_index)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "listener.pem")
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


class TlsStream:
    """A TLS server over streams that have carried other bytes before."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
        """``reader`` must stand just before the ClientHello."""
        self._reader = reader
        self._writer = writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def feed(self, data: bytes) -> None:
        """Give bytes that were read already."""
        self._incoming.write(data)

    async def handshake(self) -> None:
        """Complete the handshake. Raises ssl.SSLError, ConnectionError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            except ssl.SSLError:
                await self._flush()
                raise
            else:
                await self._flush()
                return

    async def read(self, most: int) -> bytes:
        """Some plain bytes; empty at the end."""
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                await self._exchange()
            except ssl.SSLZeroReturnError:
                return b""

    async def write(self, data: bytes) -> None:
        """Send plain bytes."""
        self._tls.write(data)
        await self._flush()

    async def _exchange(self) -> None:
        await self._flush()
        data = await self._reader.read(16384)
        if not data:
            raise ConnectionResetError("the client closed")
        self._incoming.write(data)

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._writer.write(data)
            await self._writer.drain()

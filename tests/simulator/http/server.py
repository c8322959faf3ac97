# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WinRM over HTTP and HTTPS for one simulated host; many of them share an event loop."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from aiohttp import web
from multidict import CIMultiDict

from tests.simulator.http.authentication import Credentials, Session, Verdict, authenticate, is_stale
from tests.simulator.http.encryption import EncryptionError, content_type, is_encrypted, seal, unseal
from tests.simulator.http.traffic import CountingProtocol, Traffic
from tests.simulator.latency import DelayedProtocol
from tests.simulator.wsman.engine import Answer, Engine
from tests.simulator.wsman.provider import FaultPlan, HostPort

LOG = logging.getLogger(__name__)
PATH = "/wsman"
SOAP_TYPE = "application/soap+xml;charset=UTF-8"
KEEP_ALIVE = 120.0
_DRIPS = 20
_GRACE = 0.5


class Listener(NamedTuple):
    """One of a host's ports: the number that was asked for (0 for any) and TLS."""

    port: int
    tls: ssl.SSLContext | None


@dataclass
class Server:
    """A host's WinRM service on its loopback address; `latency` in seconds is how far away it is."""

    host: HostPort
    engine: Engine
    address: str
    listeners: list[Listener]
    latency: float = 0.0
    traffic: Traffic = field(default_factory=Traffic)
    channel: bytes = b""
    _sockets: list[asyncio.Server] = field(default_factory=list)
    _sessions: WeakKeyDictionary[object, Session] = field(default_factory=WeakKeyDictionary)
    _web: web.Server = field(init=False)
    _resuming: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._web = web.Server(self._handle, access_log=None, keepalive_timeout=KEEP_ALIVE)

    @property
    def http_port(self) -> int | None:
        """The HTTP port, None without one."""
        return next((item.port for item in self.listeners if item.tls is None), None)

    @property
    def https_port(self) -> int | None:
        """The HTTPS port, None without one."""
        return next((item.port for item in self.listeners if item.tls is not None), None)

    async def start_listening(self) -> None:
        """Open the ports; a port 0 becomes the number that the system gives, and stays it."""
        loop = asyncio.get_running_loop()
        for index, (port, tls) in enumerate(self.listeners):
            opened = await loop.create_server(
                self._protocol, self.address, port, ssl=tls, reuse_address=True, backlog=256
            )
            self._sockets.append(opened)
            self.listeners[index] = Listener(opened.sockets[0].getsockname()[1], tls)

    async def stop_listening(self) -> None:
        """Close the ports and every connection, as a service that stops does."""
        for opened in self._sockets:
            opened.close()
        self._sockets.clear()
        await self._web.shutdown(_GRACE)

    async def refuse(self, seconds: float) -> None:
        """Refuse connections for a while."""
        await self.stop_listening()
        await asyncio.sleep(seconds)
        await self.start_listening()

    async def close(self) -> None:
        """Stop for good."""
        if self._resuming is not None:
            self._resuming.cancel()
        await self.stop_listening()

    def _protocol(self) -> asyncio.Protocol:
        counting = CountingProtocol(self._web(), self.traffic)
        return DelayedProtocol(counting, self.latency) if self.latency else counting

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer; a mistake in this host is told on stderr and to the client as 500, and leaves other hosts alone."""
        try:
            return await self._answer(request)
        except Exception:
            LOG.exception("%s: an answer failed", self.host.name)
            return web.Response(status=500)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.traffic.requests += 1
        refusal = _unacceptable(request)
        if refusal is not None:
            return web.Response(status=refusal)
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            return _plain(self.engine.not_supported())
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        session = self._sessions.setdefault(request.transport, Session())
        verdict = authenticate(self.host, session, _credentials(request, self.channel))
        if verdict.caller is None:
            return self._unauthenticated(request, body, verdict)
        return await self._authenticated(request, body, session, verdict)

    def _unauthenticated(self, request: web.BaseRequest, body: bytes, verdict: Verdict) -> web.Response:
        if request.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated":
            answer = self.engine.handle(body, None, identify_header=True)
            if answer.status != 401:
                return _plain(answer)
        return web.Response(status=401, headers=CIMultiDict(("WWW-Authenticate", text) for text in verdict.challenges))

    async def _authenticated(
        self, request: web.BaseRequest, body: bytes, session: Session, verdict: Verdict
    ) -> web.StreamResponse:
        headers = {"WWW-Authenticate": verdict.token} if verdict.token else {}
        if verdict.method:
            self.traffic.logons[verdict.method] += 1
        if not body:
            return web.Response(status=200, headers=headers)
        sealed = is_encrypted(request.headers.get("Content-Type", ""))
        if sealed:
            try:
                body = self._unsealed(session, body)
            except EncryptionError:
                return web.Response(status=400)
        self.traffic.sealed += sealed
        self.traffic.unsealed += not sealed
        answer = self.engine.handle(body, verdict.caller, encrypted=sealed or request.secure)
        await asyncio.sleep(answer.delay)
        plan = answer.disturbance
        soap = b"\x00garbled" * (len(answer.body) // 8 + 1) if plan and plan.effect == "garble" else answer.body
        if soap and sealed and session.acceptor is not None:
            protocol = session.acceptor.protocol
            headers["Content-Type"] = content_type(protocol, soap)
            soap = seal(session.acceptor, soap, protocol)
        elif soap:
            headers["Content-Type"] = SOAP_TYPE
        response = web.Response(status=answer.status, body=soap, headers=headers)
        return await self._disturb(request, response, plan) if plan else response

    def _unsealed(self, session: Session, body: bytes) -> bytes:
        """The message inside an encrypted one. Raises `EncryptionError`, also when the keys are stale."""
        if session.acceptor is None:
            raise EncryptionError("nothing was agreed on this connection")
        if is_stale(self.host, session):
            session.acceptor = session.caller = None
            raise EncryptionError("the keys have been idle for too long")
        return unseal(session.acceptor, body)

    async def _disturb(self, request: web.BaseRequest, response: web.Response, plan: FaultPlan) -> web.StreamResponse:
        transport = request.transport
        if not isinstance(transport, asyncio.Transport) or plan.effect == "garble":
            return response
        if plan.effect in ("reset", "refuse"):
            transport.abort()
        if plan.effect == "refuse":
            self._resuming = asyncio.create_task(self.refuse(plan.seconds))
        if plan.effect == "truncate":
            for piece in _pieces(response, 2)[:-1]:
                transport.write(piece)
            transport.close()
        if plan.effect == "drip":
            for piece in _pieces(response, _DRIPS):
                transport.write(piece)
                await asyncio.sleep(plan.seconds / _DRIPS)
            transport.close()
        return web.Response(status=500)


async def serve(
    host: HostPort,
    address: str,
    http_port: int | None,
    https_port: int | None,
    tls_context: ssl.SSLContext | None,
    *,
    engine: Engine | None = None,
    channel: bytes = b"",
) -> Server:
    """Start a host's service.

    A port of None is not opened; 0 takes any. For client certificates `tls_context` must ask for them and trust their
    issuer. `engine` is given when the host is also used without sockets: both then share shells and enumerations.
    `channel` names the TLS channel for channel binding (RFC 5929).
    """
    if not address.startswith("127."):
        raise ValueError(f"{address} is no loopback address")
    listeners = [
        Listener(port, tls) for port, tls in ((http_port, None), (https_port, tls_context)) if port is not None
    ]
    server = Server(host, engine or Engine(host), address, listeners, channel=channel)
    await server.start_listening()
    return server


def _unacceptable(request: web.BaseRequest) -> int | None:
    """The status of what is no WS-Management request at all."""
    if request.path.lower().rstrip("/") != PATH:
        return 404
    return None if request.method == "POST" else 405


def _plain(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers={"Content-Type": SOAP_TYPE})


def _credentials(request: web.BaseRequest, channel: bytes) -> Credentials:
    transport = request.transport
    tls = transport.get_extra_info("ssl_object") if transport is not None else None

    def certificate() -> bytes | None:
        der: bytes | None = tls.getpeercert(binary_form=True) if tls is not None else None
        return der

    return Credentials(request.headers.get("Authorization", ""), certificate, tls is not None, channel if tls else b"")


def _pieces(response: web.Response, count: int) -> list[bytes]:
    """The raw HTTP response in about so many pieces, the head with the first."""
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {response.reason}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items() if name != "Content-Length"]
    raw = "\r\n".join([*lines, "", ""]).encode() + body
    return list(_cut(raw, max(1, len(raw) // count)))


def _cut(raw: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]

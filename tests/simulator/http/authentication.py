# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who sends a request: Basic, Negotiate, NTLM or a client certificate, as the service's configuration allows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulator.http.acceptor import Acceptor, RejectedError, Scheme
from tests.simulator.wsman import management
from tests.simulator.wsman.provider import Caller, HostPort

CERTIFICATE_PROFILE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
IDLE_LIMIT = timedelta(minutes=5)


@dataclass
class Session:
    """What a connection has proven so far. NTLM belongs to the connection, Basic and certificates to each request."""

    acceptor: Acceptor | None = None
    caller: Caller | None = None
    last_used: datetime | None = None


@dataclass(frozen=True)
class Credentials:
    """What of a request matters: the Authorization header, and the client's certificate where TLS has one."""

    authorization: str = ""
    certificate: Callable[[], bytes | None] = field(default=lambda: None)
    secure: bool = False


@dataclass(frozen=True)
class Verdict:
    """The caller, or None with the values of WWW-Authenticate; `token` is the last one for a client that is in."""

    caller: Caller | None
    challenges: tuple[str, ...] = ()
    token: str = ""


def authenticate(host: HostPort, session: Session, credentials: Credentials) -> Verdict:
    """Decide who sends this request."""
    word, _space, value = credentials.authorization.partition(" ")
    if not word:
        return Verdict(session.caller) if session.caller else _rejected(host)
    if word.lower() == "basic" and management.setting(host, "Basic"):
        return _verdict(host, _basic(host, value))
    if word == CERTIFICATE_PROFILE and management.setting(host, "Certificate"):
        der = credentials.certificate() if credentials.secure else None
        return _verdict(host, host.caller_for_certificate(der) if der else None)
    schemes: dict[str, Scheme] = {"negotiate": "Negotiate", "ntlm": "NTLM"}
    scheme = schemes.get(word.lower())
    if scheme is not None and management.setting(host, "Negotiate"):
        return _handshake(host, session, scheme, value)
    return _rejected(host)


def is_stale(host: HostPort, session: Session) -> bool:
    """Whether the session's keys have been idle for too long; a session that is used is not."""
    before, session.last_used = session.last_used, host.now()
    return before is not None and session.last_used - before > IDLE_LIMIT


def _verdict(host: HostPort, caller: Caller | None) -> Verdict:
    return Verdict(caller) if caller else _rejected(host)


def _rejected(host: HostPort) -> Verdict:
    names = [("Negotiate", "Negotiate"), ("Basic", 'Basic realm="WSMAN"')]
    return Verdict(None, tuple(text for name, text in names if management.setting(host, name)))


def _basic(host: HostPort, value: str) -> Caller | None:
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return host.authenticate_basic(user, password) if colon else None


def _handshake(host: HostPort, session: Session, scheme: Scheme, value: str) -> Verdict:
    """One step; a first token on a connection that is authenticated begins anew."""
    if session.acceptor is None or session.acceptor.complete:
        session.acceptor, session.caller = Acceptor(scheme, host.password_of), None
    try:
        token = session.acceptor.step(base64.b64decode(value, validate=True))
    except (RejectedError, binascii.Error):
        session.acceptor = None
        return _rejected(host)
    answer = f"{scheme} {base64.b64encode(token).decode()}" if token else ""
    if not session.acceptor.complete:
        return Verdict(None, (answer,))
    session.caller, session.last_used = host.caller_for(session.acceptor.account), None
    return Verdict(session.caller, token=answer) if session.caller else _rejected(host)

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who sends a request: Basic, Negotiate, NTLM, Kerberos, CredSSP or a client certificate, as the service allows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulator.http.acceptor import Acceptor, Binding, Hardening, RejectedError, Scheme, has_kerberos
from tests.simulator.wsman import management
from tests.simulator.wsman.provider import Caller, HostPort

CERTIFICATE_PROFILE = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
IDLE_LIMIT = timedelta(minutes=5)
HARDENINGS: dict[object, Hardening] = {"Relaxed": "Relaxed", "Strict": "Strict"}
SCHEMES: dict[str, tuple[Scheme, str]] = {
    "negotiate": ("Negotiate", "Negotiate"), "ntlm": ("NTLM", "Negotiate"), "kerberos": ("Kerberos", "Kerberos"),
    "credssp": ("CredSSP", "CredSSP"),
}  # fmt: skip
"""By the word in the header: the handshake, and the setting that allows it."""


@dataclass
class Session:
    """What a connection has proven so far. NTLM belongs to the connection, Basic and certificates to each request."""

    acceptor: Acceptor | None = None
    caller: Caller | None = None
    last_used: datetime | None = None


@dataclass(frozen=True)
class Credentials:
    """What of a request matters: the Authorization header, the client's certificate where TLS has one, and TLS itself.

    `channel` is what names the TLS channel (RFC 5929: tls-server-end-point), empty without TLS.
    """

    authorization: str = ""
    certificate: Callable[[], bytes | None] = field(default=lambda: None)
    secure: bool = False
    channel: bytes = b""


@dataclass(frozen=True)
class Verdict:
    """The caller, or None with the values of WWW-Authenticate; `token` is the last one for a client that is in.

    `method` is what proved the client with this very request.
    """

    caller: Caller | None
    challenges: tuple[str, ...] = ()
    token: str = ""
    method: str = ""


def authenticate(host: HostPort, session: Session, credentials: Credentials) -> Verdict:
    """Decide who sends this request."""
    word, _space, value = credentials.authorization.partition(" ")
    if not word:
        return Verdict(session.caller) if session.caller else _rejected(host)
    if word.lower() == "basic" and management.setting(host, "Basic"):
        return _verdict(host, _basic(host, value), "basic")
    if word == CERTIFICATE_PROFILE and management.setting(host, "Certificate"):
        der = credentials.certificate() if credentials.secure else None
        return _verdict(host, host.caller_for_certificate(der) if der else None, "certificate")
    scheme, allowed = SCHEMES.get(word.lower(), ("Negotiate", ""))
    if allowed and management.setting(host, allowed) and (scheme != "Kerberos" or has_kerberos()):
        binding = Binding(HARDENINGS.get(management.setting(host, "CbtHardeningLevel"), "None"), credentials.channel)
        return _handshake(host, session, scheme, value, binding)
    return _rejected(host)


def is_stale(host: HostPort, session: Session) -> bool:
    """Whether the session's keys have been idle for too long; a session that is used is not."""
    before, session.last_used = session.last_used, host.now()
    return before is not None and session.last_used - before > IDLE_LIMIT


def _verdict(host: HostPort, caller: Caller | None, method: str) -> Verdict:
    return Verdict(caller, method=method) if caller else _rejected(host)


def _rejected(host: HostPort) -> Verdict:
    words = {name: name for name in ("Negotiate", "Kerberos", "CredSSP")} | {"Basic": 'Basic realm="WSMAN"'}
    offered = [name for name in words if management.setting(host, name)]
    return Verdict(None, tuple(words[name] for name in offered if name != "Kerberos" or has_kerberos()))


def _basic(host: HostPort, value: str) -> Caller | None:
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return host.authenticate_basic(user, password) if colon else None


def _handshake(host: HostPort, session: Session, scheme: Scheme, value: str, binding: Binding) -> Verdict:
    """One step; a first token on a connection that is authenticated begins anew."""
    if session.acceptor is None or session.acceptor.complete:
        session.acceptor, session.caller = Acceptor(scheme, host.password_of, binding), None
    try:
        token = session.acceptor.step(base64.b64decode(value, validate=True))
    except (RejectedError, binascii.Error):
        session.acceptor = None
        return _rejected(host)
    answer = f"{scheme} {base64.b64encode(token).decode()}" if token else ""
    if not session.acceptor.complete:
        return Verdict(None, (answer,))
    session.caller, session.last_used = host.caller_for(session.acceptor.account), None
    if session.caller is None:
        return _rejected(host)
    return Verdict(session.caller, token=answer, method=session.acceptor.method)

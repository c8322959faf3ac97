# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accepting side of NTLM, Kerberos, both in SPNEGO, and CredSSP, on pyspnego.

pyspnego's acceptor takes passwords only from the file that the environment variable NTLM_USER_FILE names, one for the
whole process. Many hosts with accounts of their own share a process here, so the file is chosen for each step: the
account is read from the client's message, its password asked of the host, and the step made while the variable names a
file with that one account. Steps are synchronous, so on one event loop no two can meet.

Kerberos is there where the libraries are (requirements/kerberos.txt) and KRB5_KTNAME names a keytab. The KDC has proven
who the client is; its principal's first component is an account of the host.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from tests.simulator.http.encryption import Protocol

Scheme = Literal["Negotiate", "NTLM", "Kerberos", "CredSSP"]
Hardening = Literal["None", "Relaxed", "Strict"]
_AUTHENTICATE = b"NTLMSSP\x00\x03\x00\x00\x00"
_UNICODE = 0x00000001
_CHANNEL_BINDINGS = 0x000A
_CHANNEL_BOUND = 2048
"""GSS_C_CHANNEL_BOUND_FLAG of MIT's gssapi_ext.h."""

_PROTOCOLS: dict[Scheme, Protocol] = {"Kerberos": "Kerberos", "CredSSP": "CredSSP"}


class RejectedError(Exception):
    """The client's token is wrong, or the password behind it."""


@dataclass(frozen=True)
class Binding:
    """The TLS channel that a handshake is made over, and what the service asks for (CbtHardeningLevel).

    Relaxed refuses bindings to another channel, Strict their absence as well. CredSSP has a binding of its own, to the
    key of its TLS.
    """

    hardening: Hardening = "None"
    channel: bytes = b""

    def required(self, sent: bool) -> GssChannelBindings | None:
        """What the client's token must be bound to."""
        if not self.channel or self.hardening == "None" or (self.hardening == "Relaxed" and not sent):
            return None
        return GssChannelBindings(application_data=self.channel)


class _Step:
    """One security context, whose NTLM account is looked up in the client's own message.

    CredSSP takes it for the context inside its TLS.
    """

    def __init__(
        self, context: spnego.ContextProxy, password_of: Callable[[str], str | None], binding: Binding
    ) -> None:
        self.context = context
        self._password_of = password_of
        self._binding = binding
        self._account = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    @property
    def account(self) -> str:
        """Who the client is."""
        principal = self.context.client_principal if self.context.negotiated_protocol == "kerberos" else None
        return principal.partition("@")[0] if principal else self._account

    def step(self, token: bytes) -> bytes | None:
        """Take the client's token. Raises `RejectedError` for an account that is none, SpnegoError for others."""
        start = token.find(_AUTHENTICATE)
        message = token[start:] if start >= 0 else b""
        with _accounts(self._line(message) if message else ""):
            required = self._binding.required(not message or sends_bindings(message))
            answer = self.context.step(token, channel_bindings=required)
        if required and self._binding.hardening == "Strict" and self._is_unbound_kerberos():
            raise RejectedError("the ticket is not bound to the TLS channel")
        return answer

    def _is_unbound_kerberos(self) -> bool:
        """Whether a ticket was taken without bindings, which MIT's library does, and notes in a flag.

        pyspnego keeps the flag in an attribute of its own, or of the context inside SPNEGO, and shows it nowhere else.
        """
        if not self.context.complete or self.context.negotiated_protocol != "kerberos":
            return False
        places = (self.context, getattr(self.context, "_context", None))
        return not any(getattr(place, "_context_attr", 0) & _CHANNEL_BOUND for place in places)

    def _line(self, message: bytes) -> str:
        """The credential file's line for the account in an AUTHENTICATE message; empty for one that is none."""
        domain, user = read_account(message)
        self._account = f"{domain}\\{user}" if domain else user
        password = self._password_of(self._account)
        if password is None:
            return ""
        if ":" in password:
            raise RejectedError("pyspnego's credential file cannot hold a password with a colon")
        return f"{domain}:{user}:{password}"


@dataclass
class Acceptor:
    """One handshake. `password_of` gives an account's password, or None."""

    scheme: Scheme
    password_of: Callable[[str], str | None]
    binding: Binding = field(default_factory=Binding)
    _step: _Step = field(init=False)
    _context: Any = field(init=False)

    def __post_init__(self) -> None:
        with _accounts(""):
            binding = Binding() if self.scheme == "CredSSP" else self.binding
            self._step = _Step(_context(self.scheme), self.password_of, binding)
            self._context = self._step
            if self.scheme == "CredSSP":
                self._context = spnego.server(protocol="credssp", credssp_negotiate_context=self._step)

    @property
    def account(self) -> str:
        """Who the client is, once it has proven so."""
        return self._step.account

    @property
    def method(self) -> str:
        """What proved the client."""
        return "credssp" if self.scheme == "CredSSP" else str(self._step.negotiated_protocol)

    @property
    def protocol(self) -> Protocol:
        """How messages that are sealed by this handshake are marked."""
        return _PROTOCOLS.get(self.scheme, "SPNEGO")

    @property
    def complete(self) -> bool:
        """Whether the client has proven who it is."""
        return bool(self._context.complete)

    def step(self, token: bytes) -> bytes | None:
        """Take the client's token and return the next one for it. Raises `RejectedError`."""
        try:
            answer: bytes | None = self._context.step(token)
        except (SpnegoError, ValueError, struct.error) as error:
            raise RejectedError(str(error)) from error
        return answer

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        """Unseal a message."""
        message: bytes = self._context.unwrap_winrm(header, data)
        return message

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]:
        """Seal a message."""
        sealed = self._context.wrap_winrm(data)
        return sealed.header, sealed.data, sealed.padding_length


@lru_cache(maxsize=1)
def has_kerberos() -> bool:
    """Whether Kerberos can be accepted: a keytab was named for this process, and the libraries are installed."""
    return bool(os.environ.get("KRB5_KTNAME")) and all(find_spec(name) for name in ("gssapi", "krb5"))


def _context(scheme: Scheme) -> spnego.ContextProxy:
    """What CredSSP negotiates inside is NTLM or Kerberos too."""
    if scheme == "Kerberos":
        return spnego.server(protocol="kerberos")
    if scheme == "NTLM":
        return spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    return spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate)


def read_account(message: bytes) -> tuple[str, str]:
    """Domain and user of an AUTHENTICATE message (MS-NLMP 2.2.1.3). Raises struct.error or ValueError."""
    encoding = "utf-16-le" if struct.unpack_from("<I", message, 60)[0] & _UNICODE else "cp437"
    domain, user = (_field(message, offset).decode(encoding) for offset in (28, 36))
    return domain, user


def sends_bindings(message: bytes) -> bool:
    """Whether an AUTHENTICATE message is bound to a channel: an AV pair of its response that is not all zero.

    MS-NLMP 2.2.2.1 (MsvAvChannelBindings), 2.2.2.8 (NTLMv2_RESPONSE). Raises struct.error.
    """
    pairs, at = _field(message, 20), 44
    while at + 4 <= len(pairs):
        kind, length = struct.unpack_from("<HH", pairs, at)
        if kind == _CHANNEL_BINDINGS:
            return any(pairs[at + 4 : at + 4 + length])
        at += 4 + length
    return False


def _field(message: bytes, offset: int) -> bytes:
    length, _maximum, start = struct.unpack_from("<HHI", message, offset)
    return message[start : start + length]


@contextmanager
def _accounts(line: str) -> Iterator[None]:
    before = os.environ.get("NTLM_USER_FILE")
    os.environ["NTLM_USER_FILE"] = _account_file(line)
    try:
        yield
    finally:
        if before is None:
            del os.environ["NTLM_USER_FILE"]
        else:
            os.environ["NTLM_USER_FILE"] = before


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="winrm-accounts-")


@lru_cache(maxsize=4096)
def _account_file(line: str) -> str:
    handle, path = tempfile.mkstemp(dir=_folder().name)
    os.close(handle)
    Path(path).write_text(f"{line}\n", encoding="utf-8")
    return path

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CredSSP with credentials, up to the host's answer to them; no user's session is opened. PRIVATE to the collection.

The dialogue is MS-CSSP 3.1.5 with the binding hashes of version 5 and later, around MS-NLMP; what comes before it is
MS-RDPBCGR 5.4.2.2 and what ends it the early user authorization result, 2.2.10.2. The connection is closed before the
MCS Connect Initial, with which a session would begin. Exactly one attempt: NTLM alone, which neither asks a domain
controller beforehand nor falls back to something else that would count a second time.

The password goes to the host only after it has proven with the account's own key that TLS ends with it, and never to
one without the update for CVE-2018-0886.
"""

from __future__ import annotations

import hashlib
import os
import typing as t
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe import der, tls, x224
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.certificate import public_key
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import (
    ConnectError,
    ParseError,
    StreamError,
)
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.ntlm import read_reply
from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.stream import Stream, connect

from ._model.logon import LogonState
from ._wsman import _libs

VERSION = 6
BINDING_VERSION = 5
"""The first version that binds the dialogue to TLS by a hash, which came with the update for CVE-2018-0886."""

ASKED = x224.PROTOCOL_SSL | x224.PROTOCOL_HYBRID | x224.PROTOCOL_HYBRID_EX
TOKEN, AUTH_INFO, PUB_KEY_AUTH, ERROR, NONCE = 1, 2, 3, 4, 5
"""Fields of a TSRequest (MS-CSSP 2.2.1)."""

AUTHORISED, ACCESS_DENIED = 0, 5
"""The early user authorization result, four octets, little-endian (MS-RDPBCGR 2.2.10.2)."""


@dataclass(frozen=True)
class Account:
    r"""Who logs on; C(name) is as Ansible's connection has it: C(user), C(DOMAIN\user) or C(user@domain)."""

    name: str
    password: str = field(repr=False)


class _Refused(Exception):
    """The host answered with an error code."""

    def __init__(self, status: int) -> None:
        super().__init__(f"NTSTATUS 0x{status:08X}")
        self.status = status


def attempt(host: str, port: int, account: Account, seconds: float = 5.0) -> LogonState:
    """Try the credentials once; raises ChannelUnavailable without pyspnego, and nothing that the host can cause.

    Connecting, negotiation with TLS, and the dialogue may take so many seconds each.
    """
    library = _libs.need(_libs.SPNEGO, "pyspnego")
    try:
        sock = connect(host, port, seconds)
    except ConnectError as error:
        return LogonState("not_tried", f"no connection: {error}")
    with Stream(sock) as stream:
        stream.begin(seconds)
        answer = x224.ask(stream, ASKED)
        if answer.protocol not in x224.CREDSSP_PROTOCOLS:
            return LogonState("not_tried", "the host does not offer CredSSP")
        shown, channel = tls.handshake(stream, host)
        if channel is None:
            return LogonState("not_tried", f"TLS fails: {shown.error or shown.verdict}")
        stream.begin(seconds)
        security = _Ntlm(library, host, account)
        return _Dialogue(channel, security, account, answer.protocol == x224.PROTOCOL_HYBRID_EX).run()


class _Ntlm:
    """The client's side of NTLM, as far as the dialogue needs it; raises ParseError for what a host may not send."""

    def __init__(self, library: t.Any, host: str, account: Account) -> None:
        options = {"protocol": "ntlm", "options": library.NegotiateOptions.use_ntlm}
        self._context = library.client(account.name, account.password, hostname=host, service="TERMSRV", **options)

    def step(self, token: bytes | None = None) -> bytes:
        """NEGOTIATE, and for the host's CHALLENGE the AUTHENTICATE."""
        return self._translated(lambda: self._context.step(token)) or b""

    def seal(self, data: bytes) -> bytes:
        return self._translated(lambda: self._context.wrap(data).data)

    def unseal(self, data: bytes) -> bytes:
        return self._translated(lambda: self._context.unwrap(data).data)

    @staticmethod
    def _translated(call: Callable[[], bytes]) -> bytes:
        try:
            return call()
        except Exception as error:  # pyspnego lets struct, Unicode and enum errors through as well
            raise ParseError(f"no NTLM that can be answered ({type(error).__name__})") from error


@dataclass
class _Dialogue:
    """The messages of one attempt over TLS."""

    channel: tls.TlsChannel
    security: _Ntlm
    account: Account
    tells_authorisation: bool
    _nonce: bytes = field(default_factory=lambda: os.urandom(32))

    def run(self) -> LogonState:
        """Everything up to the host's last word; nothing of the credentials is sent before the challenge is in."""
        try:
            proof = self._answer_challenge()
        except (ParseError, StreamError, _Refused) as error:
            return LogonState("not_tried", f"the host gives no NTLM challenge: {error}")
        if not proof:
            return LogonState("not_tried", "the host lacks the update for CVE-2018-0886: no password is sent to it")
        try:
            return self._prove(proof)
        except _Refused as error:
            return LogonState("rejected", f"the host refuses the credentials: {error}", error.status)
        except (ParseError, StreamError) as error:
            return LogonState("rejected", f"the host does not take the credentials and gives no reason: {error}")

    def _answer_challenge(self) -> bytes:
        """The AUTHENTICATE message for the host's CHALLENGE; empty where the host's version is not safe."""
        fields = self._exchange({TOKEN: _token(self.security.step())})
        if der.integer(der.parse(fields[0])) < BINDING_VERSION:
            return b""
        return self.security.step(_token_in(fields))

    def _prove(self, proof: bytes) -> LogonState:
        """Send the proof of the password, hold the host to its own, and only then hand over the credentials."""
        key = public_key(self.channel.tls.getpeercert(binary_form=True) or b"")
        ours = self.security.seal(_binding("Client-To-Server", self._nonce, key))
        answer = self._exchange({TOKEN: _token(proof), PUB_KEY_AUTH: _octets(ours), NONCE: _octets(self._nonce)})
        if PUB_KEY_AUTH not in answer:
            raise ParseError("the answer holds no pubKeyAuth")
        theirs = self.security.unseal(der.parse(answer[PUB_KEY_AUTH]).expect(der.OCTET_STRING).content)
        if theirs != _binding("Server-To-Client", self._nonce, key):
            return LogonState("intercepted", "TLS ends at another place than the host that knows the account")
        sealed = self.security.seal(_credentials(self.account))
        self.channel.send(_request({AUTH_INFO: _octets(sealed)}))
        return self._authorisation() if self.tells_authorisation else LogonState("accepted")

    def _authorisation(self) -> LogonState:
        """What the host says of the account once it has the credentials."""
        data = self.channel.receive(4)
        if data[0] == der.SEQUENCE:
            raise _Refused(_error_in(read_reply(self.channel, data)) or 0)
        while len(data) < 4:
            data += self.channel.receive(4 - len(data))
        result = int.from_bytes(data, "little")
        if result == AUTHORISED:
            return LogonState("accepted", authorised=True)
        said = "access denied" if result == ACCESS_DENIED else f"0x{result:08X}"
        return LogonState("denied", f"the host does not let this account log on: {said}", authorised=False)

    def _exchange(self, fields: dict[int, bytes]) -> dict[int, bytes]:
        """Send a TSRequest and return the fields of the answer; raises _Refused, ParseError, StreamError."""
        self.channel.send(_request(fields))
        answer = read_reply(self.channel)
        status = _error_in(answer)
        if status is not None:
            raise _Refused(status)
        return _fields(answer)


# --- messages


def _request(fields: dict[int, bytes]) -> bytes:
    """A TSRequest; fields are encoded."""
    version = der.encode(0xA0, der.encode(der.INTEGER, bytes((VERSION,))))
    return der.encode(
        der.SEQUENCE, version + b"".join(der.encode(0xA0 + number, fields[number]) for number in sorted(fields))
    )


def _octets(data: bytes) -> bytes:
    return der.encode(der.OCTET_STRING, data)


def _token(data: bytes | None) -> bytes:
    """NegoData with one token."""
    return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, der.encode(0xA0, _octets(data or b""))))


def _fields(message: bytes) -> dict[int, bytes]:
    """The fields of a TSRequest, encoded; raises ParseError."""
    found = {element.tag - 0xA0: element.content for element in der.parse(message).expect(der.SEQUENCE).children()}
    if 0 not in found:
        raise ParseError("the CredSSP message has no version", message)
    return found


def _error_in(message: bytes) -> int | None:
    """The NTSTATUS of a TSRequest that holds one; raises ParseError."""
    fields = _fields(message)
    return der.integer(der.parse(fields[ERROR])) & 0xFFFFFFFF if ERROR in fields else None


def _token_in(fields: dict[int, bytes]) -> bytes:
    """The first token of NegoData; raises ParseError."""
    if TOKEN not in fields:
        raise ParseError("the CredSSP message holds no token")
    entry = _first(_first(der.parse(fields[TOKEN]).expect(der.SEQUENCE)).expect(der.SEQUENCE))
    return der.parse(entry.expect(0xA0).content).expect(der.OCTET_STRING).content


def _first(element: der.Element) -> der.Element:
    """The first child; raises ParseError where there is none."""
    children = element.children()
    if not children:
        raise ParseError("a sequence is empty", element.encoded)
    return children[0]


def _binding(direction: str, nonce: bytes, key: bytes) -> bytes:
    """The hash that ties the dialogue to the certificate's key (MS-CSSP 3.1.5, version 5)."""
    return hashlib.sha256(f"CredSSP {direction} Binding Hash\0".encode() + nonce + key).digest()


def _credentials(account: Account) -> bytes:
    """TSCredentials with a password (MS-CSSP 2.2.1.2); a name with @ goes whole, without a domain."""
    domain, separator, user = account.name.rpartition("\\")
    parts = (domain if separator else "", user if separator else account.name, account.password)
    encoded = (_octets(part.encode("utf-16-le")) for part in parts)
    password = der.encode(der.SEQUENCE, b"".join(der.encode(0xA0 + n, part) for n, part in enumerate(encoded)))
    kind = der.encode(0xA0, der.encode(der.INTEGER, b"\x01"))
    return der.encode(der.SEQUENCE, kind + der.encode(0xA1, _octets(password)))

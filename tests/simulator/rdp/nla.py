# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's side of CredSSP from the challenge on: proof, binding to TLS, credentials, and who may log on.

Sources: MS-CSSP 2.2.1 and 3.1.5 (version 6), MS-RDPBCGR 2.2.10.2 (early user authorization result).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.simulator.rdp import credssp, ntlm
from tests.simulator.windows.certificates import StoredCertificate
from tests.simulator.windows.machine import Account
from tests.simulator.windows.system import Windows

LOGON_FAILURE, ACCOUNT_RESTRICTION = 0xC000006D, 0xC000006E
AUTHORISED, ACCESS_DENIED = 0, 5
TOKENS, AUTH_INFO, PUB_KEY_AUTH, ERROR, NONCE = 0xA1, 0xA2, 0xA3, 0xA4, 0xA5
Receive = Callable[[], Awaitable[bytes]]
Send = Callable[[bytes], Awaitable[None]]


@dataclass
class Logon:
    """One client that goes on after the challenge; ``early`` is whether it asked for the early authorization result."""

    windows: Windows
    certificate: StoredCertificate
    receive: Receive
    send: Send
    early: bool

    async def run(self, negotiate: bytes, challenge: bytes) -> None:
        """Take the client's proof and credentials. Raises ValueError for messages that are none."""
        fields = credssp.fields(await self.receive())
        try:
            account, sealing = self._proven(negotiate, challenge, fields)
            await self.send(self._bound(fields, sealing))
            info = sealing.from_client.unseal(credssp.octets(credssp.fields(await self.receive())[AUTH_INFO]))
            if _credentials(info)[2] != account.password:
                raise ntlm.LogonFailed("the credentials are others than the proof was about")
        except ntlm.LogonFailed:
            self.windows.logons.append("rejected")
            status = ACCOUNT_RESTRICTION if self.windows.machine.ntlm_restricted else LOGON_FAILURE
            await self.send(credssp.ts_request({ERROR: credssp.integer(status)}))
            return
        may = self.windows.may_log_on(account)
        self.windows.logons.append("accepted" if may else "denied")
        if self.early:
            await self.send((AUTHORISED if may else ACCESS_DENIED).to_bytes(4, "little"))

    def _proven(self, negotiate: bytes, challenge: bytes, fields: dict[int, bytes]) -> tuple[Account, ntlm.Sealing]:
        answer = ntlm.Authenticate(credssp.token(fields[TOKENS], ntlm.AUTHENTICATE))
        domain, user = answer.text(ntlm.DOMAIN), answer.text(ntlm.USER)
        account = self.windows.machine.account(f"{domain}\\{user}" if domain else user)
        if account is None:
            raise ntlm.LogonFailed("there is no such account")
        if self.windows.machine.ntlm_restricted:
            raise ntlm.LogonFailed("the account may not use NTLM")
        return account, ntlm.accept(negotiate, challenge, answer, account.password)

    def _bound(self, fields: dict[int, bytes], sealing: ntlm.Sealing) -> bytes:
        """The host's own half of the binding, for a client whose half is right. Raises LogonFailed."""
        nonce = credssp.octets(fields[NONCE])
        key = self.certificate.public_key
        if sealing.from_client.unseal(credssp.octets(fields[PUB_KEY_AUTH])) != _hash("Client-To-Server", nonce, key):
            raise ntlm.LogonFailed("the client sees another certificate")
        return credssp.ts_request(
            {PUB_KEY_AUTH: credssp.octet_string(sealing.to_client.seal(_hash("Server-To-Client", nonce, key)))}
        )


def _hash(direction: str, nonce: bytes, key: bytes) -> bytes:
    return hashlib.sha256(b"CredSSP " + direction.encode() + b" Binding Hash\0" + nonce + key).digest()


def _credentials(data: bytes) -> tuple[str, str, str]:
    """Domain, user and password of TSCredentials (MS-CSSP 2.2.1.2). Raises ValueError for other kinds."""
    fields = credssp.fields(data)
    if credssp.content(fields[0xA0]) != b"\x01":
        raise ValueError("no password credentials")
    inner = credssp.fields(credssp.octets(fields[0xA1]))
    parts = [credssp.octets(inner[tag]).decode("utf-16-le") for tag in (0xA0, 0xA1, 0xA2)]
    return parts[0], parts[1], parts[2]

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accepting side of NTLM, alone or in SPNEGO, on pyspnego.

pyspnego's acceptor takes passwords only from the file that the environment variable NTLM_USER_FILE names, one for the
whole process. Many hosts with accounts of their own share a process here, so the file is chosen for each step: the
account is read from the client's message, its password asked of the host, and the step made while the variable names a
file with that one account. Steps are synchronous, so on one event loop no two can meet.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import spnego
from spnego.exceptions import SpnegoError

Scheme = Literal["Negotiate", "NTLM"]
_AUTHENTICATE = b"NTLMSSP\x00\x03\x00\x00\x00"
_UNICODE = 0x00000001


class RejectedError(Exception):
    """The client's token is wrong, or the password behind it."""


@dataclass
class Acceptor:
    """One handshake. `password_of` gives an account's password, or None."""

    scheme: Scheme
    password_of: Callable[[str], str | None]
    account: str = ""
    _context: spnego.ContextProxy = field(init=False)

    def __post_init__(self) -> None:
        with _accounts(""):
            if self.scheme == "Negotiate":
                options = spnego.NegotiateOptions.use_negotiate
                self._context = spnego.server(protocol="negotiate", options=options)
            else:
                self._context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)

    @property
    def complete(self) -> bool:
        """Whether the client has proven who it is."""
        return self._context.complete

    def step(self, token: bytes) -> bytes | None:
        """Take the client's token and return the next one for it. Raises `RejectedError`."""
        try:
            with _accounts(self._account_line(token)):
                return self._context.step(token)
        except (SpnegoError, ValueError, struct.error) as error:
            raise RejectedError(str(error)) from error

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        """Unseal a message."""
        return self._context.unwrap_winrm(header, data)

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]:
        """Seal a message."""
        sealed = self._context.wrap_winrm(data)
        return sealed.header, sealed.data, sealed.padding_length

    def _account_line(self, token: bytes) -> str:
        """The credential file's line for the account in an AUTHENTICATE message; empty for other messages."""
        start = token.find(_AUTHENTICATE)
        if start < 0:
            return ""
        domain, user = read_account(token[start:])
        self.account = f"{domain}\\{user}" if domain else user
        password = self.password_of(self.account)
        if password is None:
            raise RejectedError(f"no account {self.account}")
        if ":" in password:
            raise RejectedError("pyspnego's credential file cannot hold a password with a colon")
        return f"{domain}:{user}:{password}"


def read_account(message: bytes) -> tuple[str, str]:
    """Domain and user of an AUTHENTICATE message (MS-NLMP 2.2.1.3). Raises struct.error or ValueError."""
    encoding = "utf-16-le" if struct.unpack_from("<I", message, 60)[0] & _UNICODE else "cp437"
    found = []
    for offset in (28, 36):
        length, _maximum, start = struct.unpack_from("<HHI", message, offset)
        found.append(message[start : start + length].decode(encoding))
    return found[0], found[1]


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

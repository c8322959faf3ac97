# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted messages: the MIME-like frame around a sealed SOAP message (MS-WSMV 2.2.9.1)."""

from __future__ import annotations

import re
import struct
from typing import Protocol

SPNEGO_PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
CONTENT_TYPE = f'multipart/encrypted;protocol="{SPNEGO_PROTOCOL}";boundary="Encrypted Boundary"'
_BOUNDARY = b"--Encrypted Boundary"
_FRAME = re.compile(
    rb"--Encrypted Boundary\r\n\s*Content-Type: ?(?P<protocol>[^\r\n]+)\r\n"
    rb"\s*OriginalContent: ?type=(?P<type>[^\r\n]+?);\s*Length=(?P<length>\d+)\r\n"
    rb"--Encrypted Boundary\r\n\s*Content-Type: ?application/octet-stream\r\n"
    rb"(?P<payload>.*)--Encrypted Boundary--\r\n\Z",
    re.DOTALL,
)


class EncryptionError(Exception):
    """A message cannot be decrypted: a broken frame, another session's keys, or a length that does not fit."""


class Sealer(Protocol):
    """What is needed of a security context."""

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        """Unseal a message by its signature."""

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]:
        """Seal a message; returns signature, data and the length of the padding."""


def is_encrypted(content_type: str) -> bool:
    """Whether a Content-Type announces an encrypted message."""
    return content_type.lower().startswith("multipart/encrypted")


def unseal(context: Sealer, body: bytes) -> bytes:
    """Return the SOAP message inside an encrypted one. Raises `EncryptionError`."""
    frame = _FRAME.match(body)
    if frame is None or len(frame["payload"]) < 4:
        raise EncryptionError("the encrypted message has no valid frame")
    size: int = struct.unpack("<I", frame["payload"][:4])[0]
    header, sealed = frame["payload"][4 : 4 + size], frame["payload"][4 + size :]
    try:
        message = context.unwrap_winrm(header, sealed)
    except Exception as error:
        raise EncryptionError(str(error)) from error
    if len(message) != int(frame["length"]):
        raise EncryptionError(f"{len(message)} bytes instead of {int(frame['length'])}")
    return message


def seal(context: Sealer, message: bytes) -> bytes:
    """Return the encrypted message. The lines of the parts begin with a tab, which clients rely on."""
    header, sealed, padding = context.wrap_winrm(message)
    lines = [
        _BOUNDARY,
        b"\tContent-Type: " + SPNEGO_PROTOCOL.encode(),
        b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=" + str(len(message) + padding).encode(),
        _BOUNDARY,
        b"\tContent-Type: application/octet-stream",
        struct.pack("<I", len(header)) + header + sealed + _BOUNDARY + b"--",
        b"",
    ]
    return b"\r\n".join(lines)

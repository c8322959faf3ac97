# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted messages: the MIME-like frame around a sealed SOAP message (MS-WSMV 2.2.9.1).

CredSSP seals by TLS, whose records hold 16 KB: longer messages come in several frames (multipart/x-multi-encrypted).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Literal
from typing import Protocol as Interface

Protocol = Literal["SPNEGO", "Kerberos", "CredSSP"]
RECORD = 16384
_BOUNDARY = b"--Encrypted Boundary"
_FRAME = re.compile(
    rb"--Encrypted Boundary\r\n\s*Content-Type: ?(?P<protocol>[^\r\n]+)\r\n"
    rb"\s*OriginalContent: ?type=(?P<type>[^\r\n]+?);\s*Length=(?P<length>\d+)\r\n"
    rb"--Encrypted Boundary\r\n\s*Content-Type: ?application/octet-stream\r\n"
    rb"(?P<payload>.*?)(?=--Encrypted Boundary(?:--\r\n\Z|\r\n\s*Content-Type: ?application/HTTP-))",
    re.DOTALL,
)


class EncryptionError(Exception):
    """A message cannot be decrypted: a broken frame, another session's keys, or a length that does not fit."""


class Sealer(Interface):
    """What is needed of a security context."""

    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes:
        """Unseal a message by its signature."""

    def wrap_winrm(self, data: bytes) -> tuple[bytes, bytes, int]:
        """Seal a message; returns signature, data and the length of the padding."""


def is_encrypted(content_type: str) -> bool:
    """Whether a Content-Type announces an encrypted message."""
    return content_type.lower().startswith(("multipart/encrypted", "multipart/x-multi-encrypted"))


def content_type(protocol: Protocol, message: bytes) -> str:
    """The Content-Type of an encrypted message."""
    kind = "x-multi-encrypted" if len(_pieces(protocol, message)) > 1 else "encrypted"
    return f'multipart/{kind};protocol="{_marked(protocol)}";boundary="Encrypted Boundary"'


def unseal(context: Sealer, body: bytes) -> bytes:
    """Return the SOAP message inside an encrypted one. Raises `EncryptionError`."""
    return b"".join(_opened(context, frame) for frame in _frames(body))


def _frames(body: bytes) -> Iterator[re.Match[bytes]]:
    at = 0
    while not at or body[at:] != _BOUNDARY + b"--\r\n":
        frame = _FRAME.match(body, at)
        if frame is None or len(frame["payload"]) < 4:
            raise EncryptionError("the encrypted message has no valid frame")
        at = frame.end()
        yield frame


def _opened(context: Sealer, frame: re.Match[bytes]) -> bytes:
    size: int = struct.unpack("<I", frame["payload"][:4])[0]
    header, sealed = frame["payload"][4 : 4 + size], frame["payload"][4 + size :]
    try:
        message = context.unwrap_winrm(header, sealed)
    except Exception as error:
        raise EncryptionError(str(error)) from error
    if len(message) != int(frame["length"]):
        raise EncryptionError(f"{len(message)} bytes instead of {int(frame['length'])}")
    return message


def seal(context: Sealer, message: bytes, protocol: Protocol = "SPNEGO") -> bytes:
    """Return the encrypted message. The lines of the parts begin with a tab, which clients rely on."""
    return b"".join(_sealed(context, piece, protocol) for piece in _pieces(protocol, message)) + _BOUNDARY + b"--\r\n"


def _sealed(context: Sealer, piece: bytes, protocol: Protocol) -> bytes:
    header, sealed, padding = context.wrap_winrm(piece)
    lines = [
        _BOUNDARY,
        b"\tContent-Type: " + _marked(protocol).encode(),
        b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=" + str(len(piece) + padding).encode(),
        _BOUNDARY,
        b"\tContent-Type: application/octet-stream",
        struct.pack("<I", len(header)) + header + sealed,
    ]
    return b"\r\n".join(lines)


def _marked(protocol: Protocol) -> str:
    return f"application/HTTP-{protocol}-session-encrypted"


def _pieces(protocol: Protocol, message: bytes) -> list[bytes]:
    size = RECORD if protocol == "CredSSP" else max(1, len(message))
    return [message[start : start + size] for start in range(0, max(1, len(message)), size)]

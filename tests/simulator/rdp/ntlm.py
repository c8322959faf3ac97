# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accepting side of NTLM version 2, and the sealing that follows from it (MS-NLMP 3.3.2, 3.4).

The challenge names the simulated host, as that of a real one does, so the acceptor is one of our own.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass

AUTHENTICATE = b"NTLMSSP\x00\x03\x00\x00\x00"
KEY_EXCHANGE, SEAL, UNICODE = 0x40000000, 0x20, 0x1
CHALLENGE_AT, PROOF, MIC_AT = 24, 16, 72
AV_END, AV_FLAGS, WITH_MIC = 0, 6, 2
RESPONSE, DOMAIN, USER, SESSION_KEY = 20, 28, 36, 52


class LogonFailed(Exception):
    """The account is unknown, or the proof of its password wrong."""


def md4(data: bytes) -> bytes:
    """RFC 1320."""
    words = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    for start in range(0, len(padded), 64):
        words = [
            (old + new) & 0xFFFFFFFF
            for old, new in zip(words, _md4_block(words, padded[start : start + 64]), strict=True)
        ]
    return struct.pack("<4L", *words)


_ROUNDS: tuple[tuple[Callable[[int, int, int], int], int, tuple[int, ...], tuple[int, ...]], ...] = (
    (lambda x, y, z: (x & y) | (~x & z), 0, tuple(range(16)), (3, 7, 11, 19)),
    (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
     (3, 5, 9, 13)),
    (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)  # fmt: skip


def _md4_block(words: list[int], block: bytes) -> list[int]:
    numbers = struct.unpack("<16L", block)
    a, b, c, d = words
    for mix, constant, order, shifts in _ROUNDS:
        for step, index in enumerate(order):
            total = (a + mix(b, c, d) + numbers[index] + constant) & 0xFFFFFFFF
            shift = shifts[step % 4]
            a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & 0xFFFFFFFF, b, c
    return [a, b, c, d]


class Rc4:
    """The stream cipher, which goes on from message to message."""

    def __init__(self, key: bytes) -> None:
        self._box = list(range(256))
        self._i = self._j = j = 0
        for i in range(256):
            j = (j + self._box[i] + key[i % len(key)]) & 0xFF
            self._box[i], self._box[j] = self._box[j], self._box[i]

    def apply(self, data: bytes) -> bytes:
        box, out = self._box, bytearray()
        for octet in data:
            self._i = (self._i + 1) & 0xFF
            self._j = (self._j + box[self._i]) & 0xFF
            box[self._i], box[self._j] = box[self._j], box[self._i]
            out.append(octet ^ box[(box[self._i] + box[self._j]) & 0xFF])
        return bytes(out)


@dataclass
class Direction:
    """Sealing one way: extended session security with 128 bits and a key exchange (MS-NLMP 3.4.4.2, 3.4.5)."""

    sign_key: bytes
    cipher: Rc4
    sequence: int = 0

    @classmethod
    def of(cls, key: bytes, way: str) -> Direction:
        """The keys of one direction, from the exported session key."""
        texts = (f"session key to {way} {use} key magic constant\0" for use in ("signing", "sealing"))
        keys = [hashlib.md5(key + text.encode(), usedforsecurity=False).digest() for text in texts]
        return cls(keys[0], Rc4(keys[1]))

    def seal(self, data: bytes) -> bytes:
        """Signature and sealed message."""
        sealed = self.cipher.apply(data)
        return self._signature(data) + sealed

    def unseal(self, data: bytes) -> bytes:
        """The message. Raises LogonFailed when its signature is wrong."""
        message = self.cipher.apply(data[16:])
        if not hmac.compare_digest(self._signature(message), data[:16]):
            raise LogonFailed("a signature is wrong")
        return message

    def _signature(self, data: bytes) -> bytes:
        number = struct.pack("<L", self.sequence)
        self.sequence += 1
        checksum = self.cipher.apply(hmac.digest(self.sign_key, number + data, "md5")[:8])
        return struct.pack("<L", 1) + checksum + number


@dataclass
class Sealing:
    """Both ways, as the host uses them."""

    from_client: Direction
    to_client: Direction


@dataclass(frozen=True)
class Authenticate:
    """An AUTHENTICATE message (MS-NLMP 2.2.1.3)."""

    message: bytes

    @property
    def flags(self) -> int:
        return int(struct.unpack_from("<L", self.message, 60)[0])

    def part(self, at: int) -> bytes:
        """One of the fields that the head points to."""
        length, _maximum, start = struct.unpack_from("<HHL", self.message, at)
        return self.message[start : start + length]

    def text(self, at: int) -> str:
        return self.part(at).decode("utf-16-le" if self.flags & UNICODE else "cp437")

    @property
    def has_mic(self) -> bool:
        """Whether the AV pairs in the response say that a message integrity code is there."""
        data, position = self.part(RESPONSE)[PROOF + 28 :], 0
        while position + 4 <= len(data):
            kind, length = struct.unpack_from("<HH", data, position)
            if kind == AV_END:
                return False
            if kind == AV_FLAGS:
                return bool(struct.unpack_from("<L", data, position + 4)[0] & WITH_MIC)
            position += 4 + length
        return False


def accept(negotiate: bytes, challenge: bytes, answer: Authenticate, password: str) -> Sealing:
    """Check the proof of a password. Raises LogonFailed."""
    user, domain = answer.text(USER), answer.text(DOMAIN)
    key = hmac.digest(md4(password.encode("utf-16-le")), (user.upper() + domain).encode("utf-16-le"), "md5")
    response = answer.part(RESPONSE)
    proof = hmac.digest(key, challenge[CHALLENGE_AT : CHALLENGE_AT + 8] + response[PROOF:], "md5")
    if not hmac.compare_digest(proof, response[:PROOF]):
        raise LogonFailed("the password is wrong")
    session = hmac.digest(key, proof, "md5")
    if answer.flags & KEY_EXCHANGE:
        session = Rc4(session).apply(answer.part(SESSION_KEY))
    if answer.has_mic:
        _check_mic(session, negotiate + challenge, answer.message)
    return Sealing(Direction.of(session, "client-to-server"), Direction.of(session, "server-to-client"))


def _check_mic(session: bytes, before: bytes, message: bytes) -> None:
    """The code covers all three messages, its own place filled with zeros."""
    blank = message[:MIC_AT] + bytes(16) + message[MIC_AT + 16 :]
    if not hmac.compare_digest(hmac.digest(session, before + blank, "md5"), message[MIC_AT : MIC_AT + 16]):
        raise LogonFailed("the message integrity code is wrong")

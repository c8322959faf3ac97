# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small, strict reader and writer of ASN.1 DER, as far as certificates and CredSSP need it.

FOR INTERNAL COLLECTION USE ONLY. Rules: ITU-T X.690 8 and 10; tags above 30, indefinite and padded lengths are refused.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.winfleet.rdp.plugins.module_utils._rdp_probe.errors import ParseError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31


class DerError(ParseError):
    """The bytes are not DER, or not of the expected type."""


@dataclasses.dataclass(frozen=True)
class Element:
    """One type-length-value.

    Attributes:
        tag: The identifier octet, class and construction included (0xA0 is [0] constructed).
        content: The value's octets.
        encoded: The whole element.
    """

    tag: int
    content: bytes
    encoded: bytes

    def expect(self, tag: int) -> Element:
        """Return itself when it has this tag; raises DerError."""
        if self.tag != tag:
            raise DerError(f"found tag 0x{self.tag:02x} where 0x{tag:02x} belongs")
        return self

    def children(self) -> list[Element]:
        """Split the content into elements; raises DerError."""
        return list(_split(self.content))


def parse(data: bytes) -> Element:
    """Read exactly one element that fills `data`; raises DerError."""
    elements = list(_split(data))
    if len(elements) != 1:
        raise DerError(f"found {len(elements)} elements where one belongs")
    return elements[0]


def total_length(data: bytes) -> int | None:
    """Say how long the element is that `data` begins with, None while that cannot be known; raises DerError."""
    header = _header(data, 0)
    return None if header is None else header[0] + header[1]


def _split(data: bytes) -> t.Iterator[Element]:
    """Yield one element after the other; raises DerError when the last is cut off."""
    position = 0
    while position < len(data):
        header = _header(data, position)
        if header is None or header[0] + header[1] > len(data):
            raise DerError("an element is cut off")
        start, length = header
        end = start + length
        yield Element(data[position], data[start:end], data[position:end])
        position = end


def _header(data: bytes, position: int) -> tuple[int, int] | None:
    """Read tag and length at `position`: where the content starts and its length; None when more bytes are needed."""
    head = data[position : position + 6]
    if head and head[0] & 0x1F == 0x1F:
        raise DerError("tags above 30 are not supported")
    if len(head) < 2:
        return None
    if head[1] < 0x80:
        return position + 2, head[1]
    return _long_header(head, position)


def _long_header(head: bytes, position: int) -> tuple[int, int] | None:
    """Read a length of more than one octet (X.690 8.1.3.5)."""
    count = head[1] & 0x7F
    if not 1 <= count <= 4:
        raise DerError("the length is indefinite or too long")
    if len(head) < 2 + count:
        return None
    length = int.from_bytes(head[2 : 2 + count], "big")
    if length < 0x80 or length >> 8 * (count - 1) == 0:
        raise DerError("the length is not in its shortest form")
    return position + 2 + count, length


def encode(tag: int, content: bytes) -> bytes:
    """Form one element."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(element: Element) -> int:
    """Read a signed INTEGER; raises DerError."""
    content = element.expect(INTEGER).content
    if not content:
        raise DerError("an INTEGER is empty")
    return int.from_bytes(content, "big", signed=True)


def object_identifier(element: Element) -> str:
    """Read an OBJECT IDENTIFIER in dotted form (X.690 8.19); raises DerError."""
    content = element.expect(OID).content
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DerError("an OBJECT IDENTIFIER is empty, cut off or too long")
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks by means of HTTP: answers without end, answers that lead elsewhere, answers that are none."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Mapping

from tests.support.hostile.server import HANG_UP, Attack, Request

SOAP = "application/soap+xml;charset=UTF-8"
CHUNK = b"x" * 65536


def head(status: str = "200 OK", **headers: str) -> bytes:
    """The head of an answer; underscores in names of headers stand for hyphens."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer."""
    return head(status, **{"Content_Length": str(len(body)), "Content_Type": SOAP, **headers}) + body


def always(data: bytes) -> Attack:
    """The same to everybody."""
    return lambda request: [data]


def once(data: bytes) -> Attack:
    """Something, and then the end of the connection."""
    return lambda request: [data, HANG_UP]


def then_forever(first: bytes, again: bytes = CHUNK) -> Attack:
    """Something, and then something else without end."""

    def attack(request: Request) -> Iterator[bytes]:
        if first:
            yield first
        while True:
            yield again

    return attack


def endless_authentication(scheme: str) -> Attack:
    """Ask for yet another step of authentication, whatever the controller has sent."""
    token = base64.b64encode(b"NTLMSSP\0\x02" + bytes(47)).decode()
    return always(answer(b"", "401 Unauthorized", WWW_Authenticate=f"{scheme} {token}"))


ENDLESS: Mapping[str, Attack] = {
    "body without a length": then_forever(head(Content_Type=SOAP)),
    "body of an exabyte": then_forever(head(Content_Type=SOAP, Content_Length=str(10**18))),
    "chunks": then_forever(head(Content_Type=SOAP, Transfer_Encoding="chunked"), b"10000\r\n" + CHUNK + b"\r\n"),
    "chunks of one byte": then_forever(head(Content_Type=SOAP, Transfer_Encoding="chunked"), b"1\r\nx\r\n" * 1000),
    "length of a chunk": then_forever(head(Content_Type=SOAP, Transfer_Encoding="chunked"), b"0" * 65536),
    "extension of a chunk": then_forever(head(Content_Type=SOAP, Transfer_Encoding="chunked") + b"1;", CHUNK),
    "trailers": then_forever(head(Content_Type=SOAP, Transfer_Encoding="chunked") + b"0\r\n", b"X: y\r\n" * 1000),
    "headers": then_forever(b"HTTP/1.1 200 OK\r\n", b"X-Header: value\r\n" * 1000),
    "one header": then_forever(b"HTTP/1.1 200 OK\r\nX-Header: "),
    "status line": then_forever(b"HTTP/1.1 200 "),
    "interim answers": then_forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "noise": then_forever(b"", bytes(range(256)) * 256),
    "body of an error": then_forever(head("500 Internal Server Error", Content_Type=SOAP)),
    "body of a refusal": then_forever(head("401 Unauthorized", WWW_Authenticate='Basic realm="x"')),
    "body of a redirection": then_forever(head("302 Found", Location="/elsewhere")),
}
"""By what has no end."""


REDIRECTS: Mapping[str, bytes] = {
    f"{status[:3]} to {target}": answer(b"", status, Location=target)
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect")
    for target in ("http://127.0.0.1:1/", "https://example.invalid/wsman", "file:///etc/passwd", "http://[", "//")
}
"""None of these is a place where to send a password."""

ODD: Mapping[str, Attack] = {
    "no HTTP": always(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "HTTP/9.9": always(b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "status that is no number": always(b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    "status out of range": always(b"HTTP/1.1 99999 OK\r\nContent-Length: 0\r\n\r\n"),
    "negative length": once(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nConnection: close\r\n\r\n"),
    "length that is no number": once(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "chunk that is no number": once(head(Content_Type=SOAP, Transfer_Encoding="chunked") + b"zz\r\n\r\n"),
    "NUL in headers": once(b"HTTP/1.1 200 OK\r\nX\0Y: z\0\r\nContent-Length: 0\r\n\r\n"),
    "escape sequences in the status": always(answer(b"", "\x1b]0;owned\x07\x1b[2J Not Found")),
    "nothing at all": once(b""),
    "empty": always(answer(b"")),
    "no content": always(head("204 No Content")),
    "not modified": always(head("304 Not Modified")),
    "multiple choices": always(answer(b"<s:Envelope/>", "300 Multiple Choices")),
    "upgrade": always(head("101 Switching Protocols", Upgrade="websocket", Connection="Upgrade")),
    "error in no encoding": always(answer(b"\xff\xfeEnvelope", "500 Internal Server Error")),
    "error of an unknown charset": always(answer(b"Envelope", "500 Error", Content_Type="text/xml;charset=x-none")),
    "busy for a thousand years": always(answer(b"", "503 Busy", Retry_After=str(10**10))),
    "compressed": always(answer(gzip.compress(bytes(10**7)), Content_Encoding="gzip")),
    "compressed thrice": always(answer(gzip.compress(bytes(10**7)), Content_Encoding="gzip, gzip, gzip")),
    "unknown compression": always(answer(b"x", Content_Encoding="rot13")),
    "challenge without a scheme": always(answer(b"", "401 Unauthorized")),
    "proxy that asks": always(answer(b"", "407 Proxy Authentication Required", Proxy_Authenticate="NTLM")),
    "page": always(answer(b"<html><script>alert(1)</script>", Content_Type="text/html")),
}
"""By what is odd about them; each is one short answer."""


def multipart(boundary: str, body: bytes, protocol: str = "application/HTTP-SPNEGO-session-encrypted") -> bytes:
    """An answer that says of itself that it is encrypted."""
    kind = f'multipart/encrypted;protocol="{protocol}";boundary="{boundary}"'
    return answer(body, Content_Type=kind)


FORGED = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Reason><s:Text>forged</s:Text>'
    b'</s:Reason><s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" '
    b'Code="2147749890"/></s:Detail></s:Fault></s:Body></s:Envelope>'
)
"""A fault that says that there is no such object. Faults need not name the request that they answer."""

BOUNDARY = "Encrypted Boundary"
PATTERN = "(x+x+)+y"
"""A boundary that takes exponential time as a regular expression."""

_PART = f"--{BOUNDARY}\r\n".encode()
ENCRYPTED: Mapping[str, bytes] = {
    "plain": answer(FORGED),
    "plain fault": answer(FORGED, "500 Internal Server Error"),
    "plain fault as text": answer(FORGED, "400 Bad", Content_Type="text/plain"),
    "boundary that is a pattern": multipart(
        PATTERN, f"--{PATTERN}\r\nLength=3\r\n--{PATTERN}\r\n--{'x' * 40}\r\n".encode()
    ),
    "no parts": multipart(BOUNDARY, b""),
    "one part": multipart(BOUNDARY, _PART + b"Length=3\r\n"),
    "no length": multipart(BOUNDARY, _PART + b"a\r\n" + _PART + b"b"),
    "length that is no number": multipart(BOUNDARY, _PART + b"Length=x\r\n" + _PART + bytes(64)),
    "signature longer than the message": multipart(BOUNDARY, _PART + b"Length=3\r\n" + _PART + b"\xff\xff\xff\x7f"),
    "zeros": multipart(BOUNDARY, _PART + b"Length=3\r\n" + _PART + bytes(64)),
    "many parts": multipart(BOUNDARY, _PART * 10000),
}
"""Answers to an encrypted message from somebody who has not the key."""

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking for planted secrets in all that a run leaves behind, in every form that a program may have written them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from spnego._ntlm_raw.crypto import ntowfv1

SHORTEST = 8
"""A shorter secret would be found where there is none."""

TOKENS: Mapping[str, re.Pattern[bytes]] = {
    "NTLM response": re.compile(re.escape(base64.b64encode(b"NTLMSSP\x00\x03\x00\x00\x00"))),
    "Kerberos ticket": re.compile(rb"(?<![A-Za-z0-9+/])YII[A-Za-z0-9+/]{200,}"),
    "ticket cache": re.compile(re.escape(b"\x05\x04\x00\x0c\x00\x01")),
    "private key": re.compile(rb"PRIVATE KEY-----"),
}
"""What authenticates without any password: an NTLM response can be broken offline, a ticket used as it is.

An AP-REQ with a ticket is longer than 256 bytes, so its base64 begins with YII (RFC 2743 3.1: 0x60 0x82).
"""


def forms(secret: str) -> dict[str, bytes]:
    """The secret as programs write it, by the name of the form; forms that are alike are there once."""
    if len(secret) < SHORTEST:
        raise ValueError(f"{secret!r} is too short to be looked for")
    found = {
        "plain": secret, "Python": repr(secret)[1:-1], "JSON": json.dumps(secret)[1:-1], "XML": escape(secret),
        "URL": quote(secret, safe=""), "URL path": quote(secret), "form": quote_plus(secret),
        "NT hash": ntowfv1(secret).hex(),
    }  # fmt: skip
    named = {name: text.encode("utf-8") for name, text in found.items()}
    for encoding in ("utf-8", "utf-16-le"):
        data = secret.encode(encoding)
        named |= {encoding: data, f"hex of {encoding}": data.hex().encode()}
        named |= {f"base64 of {encoding}, {number}": part for number, part in enumerate(_in_base64(data))}
    return named


def _in_base64(data: bytes) -> Iterator[bytes]:
    """What is in base64 for sure, whichever of three places among other bytes the data has."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data)
        yield encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


def leaks(content: bytes, secrets: Mapping[str, str], tokens: Iterable[str] = tuple(TOKENS)) -> list[str]:
    """Which secrets are in the content, and in what form; hexadecimal and URLs in either case."""
    lower = content.lower()
    found = [
        f"{name} ({form})"
        for name, secret in secrets.items()
        for form, data in forms(secret).items()
        if data in content or (form.startswith(("hex", "URL", "NT hash")) and data.lower() in lower)
    ]
    return found + [name for name in tokens if TOKENS[name].search(content)]


def leaks_below(folder: Path, secrets: Mapping[str, str], spared: Iterable[Path] = ()) -> list[str]:
    """The same for every file below a folder, names included, but for those that are known to hold secrets."""
    known = set(spared)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in known)
    return [
        f"{path.relative_to(folder)}: {leak}"
        for path in files
        for leak in leaks(str(path).encode() + b"\n" + path.read_bytes(), secrets)
    ]

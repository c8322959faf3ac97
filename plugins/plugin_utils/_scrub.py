# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking secrets out of texts, in whatever form a library may have written them. PRIVATE to the collection."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

MASK = "********"

WORDLIKE = 6
"""A shorter secret may be part of an ordinary word, so it is only taken out where it stands alone."""


def scrub(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret in it masked, the longest forms first."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        pattern = re.escape(form)
        text = re.sub(pattern if len(form) >= WORDLIKE else rf"(?<!\w){pattern}(?!\w)", MASK, text)
    return text


def password_in(url: str) -> str:
    """The password in a URL such as C(http://user:password@proxy:8080), or an empty text."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def _forms(secret: str) -> Iterator[str]:
    """As it is, as Python, JSON, XML and URLs write it, and as bytes in hexadecimal and base64."""
    yield from (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], escape(secret))
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    for encoding in ("utf-8", "utf-16-le"):
        data = secret.encode(encoding, "surrogatepass")
        yield data.hex()
        yield data.hex().upper()
        yield from _in_base64(data)


def _in_base64(data: bytes) -> Iterator[str]:
    """What base64 shows of the bytes, wherever among others they begin; a few characters are no evidence."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode("ascii")
        sure = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(sure) >= WORDLIKE:
            yield sure

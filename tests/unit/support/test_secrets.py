# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for secrets finds them: a test that looks for them would else prove nothing."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.support.secrets import leaks, leaks_below

SECRET = 'Pa"ss & wörd/+%'
SECRETS = {"password": SECRET}


@pytest.mark.parametrize(
    "content",
    [
        SECRET.encode(),
        SECRET.encode("utf-16-le"),
        repr({"password": SECRET}).encode(),
        quote(SECRET).encode(),
        quote(SECRET, safe="").lower().encode(),
        quote_plus(SECRET).encode(),
        SECRET.encode().hex().upper().encode(),
        SECRET.encode("utf-16-le").hex().encode(),
        *(base64.b64encode(b"x" * before + SECRET.encode() + b"rest") for before in range(4)),
        *(base64.b64encode(b"x" * before + SECRET.encode("utf-16-le") + b"rest") for before in range(4)),
        b"prefix TlRMTVNTUAADAAAAGAAYAHwAAAA",
        b"Authorization: Negotiate YIIF" + b"a1B/" * 60,
        b"-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_each_form_is_found(content: bytes) -> None:
    assert leaks(b"some text " + content + b" and more", SECRETS)


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert leaks(b"a password was refused; TlRMTVNTUAABAAAA opens a handshake", SECRETS) == []
    (tmp_path / "innocent").write_text("nothing")
    (tmp_path / "spared").write_text(SECRET)
    assert leaks_below(tmp_path, SECRETS, [tmp_path / "spared"]) == []
    assert leaks_below(tmp_path, SECRETS) != []


def test_a_secret_that_anything_could_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        leaks(b"", {"password": "abc"})

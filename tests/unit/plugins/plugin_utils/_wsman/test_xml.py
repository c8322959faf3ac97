# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs, xml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import (
    BadAnswer,
    ChannelUnavailable,
    Unsendable,
)
from hypothesis import given
from hypothesis import strategies as st

BOMB = "".join(
    [
        "<!DOCTYPE a [<!ENTITY x0 'ha'>",
        *(f"<!ENTITY x{n} '{f'&x{n - 1};' * 10}'>" for n in range(1, 12)),
        "]><a>&x11;</a>",
    ]
)
HOSTILE = {
    "entity bomb": BOMB.encode(),
    "DTD without entities": b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
    "external entity": b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    "too deep": b"<a>" * 65 + b"</a>" * 65,
    "too many elements": b"<a>" + b"<b/>" * 200_001 + b"</a>",
    "too many attributes": b"<a " + b" ".join(b"b%d=''" % number for number in range(100_001)) + b"/>",
    "long namespace": b"<x:a xmlns:x='" + b"u" * 257 + b"'/>",
    "too large": b"<a>" + b" " * xml.MAX_BYTES + b"</a>",
    "NUL": b"<a>\x00</a>",
    "control character": b"<a>\x01</a>",
    "reference to a control character": b"<a>&#1;</a>",
    "cut off": b"<a><b>",
    "two roots": b"<a/><b/>",
    "undeclared prefix": b"<x:a/>",
    "broken UTF-8": b"<a>\xff\xfe</a>",
    "unknown encoding": b"<?xml version='1.0' encoding='x-none'?><a/>",
    "HTML": b"<html><body><p>Service Unavailable</body></html>",
    "empty": b"",
    "text": b"HTTP Error 503",
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
def test_hostile_xml_is_refused_in_one_way(document: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        xml.parse(document)
    assert caught.value.hint


def test_what_just_fits_is_read() -> None:
    assert xml.namespace(xml.parse(b"<x:a xmlns:x='" + b"u" * 256 + b"'/>")) == "u" * 256
    assert xml.local(xml.parse(b"<a>" * 64 + b"</a>" * 64)) == "a"
    assert len(xml.parse(b"<a>" + b"<b/>" * 10_000 + b"</a>")) == 10_000


def test_utf_16_is_bounded_too() -> None:
    document = "<?xml version='1.0' encoding='utf-16'?><a>{}</a>"
    assert len(xml.parse(document.format("<b/>").encode("utf-16"))) == 1
    with pytest.raises(BadAnswer, match="more than"):
        xml.parse(document.format("<b/>" * 200_001).encode("utf-16"))


def test_a_missing_parser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_libs, "DEFUSEDXML", None)
    with pytest.raises(ChannelUnavailable, match="defusedxml is not installed") as caught:
        xml.parse(b"<a/>")
    assert "pip install defusedxml" in caught.value.hint


XML_TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\ufffe\uffff")).filter(
    lambda text: all(char in "\t\n\r" or char >= " " for char in text)
)


@given(XML_TEXT)
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    markup = xml.element("a", xml.escape(text), {"b": text})
    for parsed in (ElementTree.fromstring(markup), xml.parse(markup.encode())):
        assert (parsed.text or "") == text
        assert parsed.get("b") == text


@pytest.mark.parametrize("text", ["a\0b", "\x01", "\x1f", "\x7f\x08", "\ud800", "\ufffe", "\uffff"])
def test_text_that_xml_cannot_carry_is_not_sent(text: str) -> None:
    with pytest.raises(Unsendable):
        xml.escape(text)


def test_children_are_found_by_local_name_whatever_their_namespace() -> None:
    root = xml.parse(b"<a xmlns:p='urn:One' xmlns:q='urn:one'><p:b>1</p:b><q:b>2</q:b><c/></a>")
    assert [xml.text(node) for node in xml.children(root, "b")] == ["1", "2"]
    assert xml.text(xml.child(root, "b")) == "1"
    assert xml.child(root, "b", "none") is None
    assert xml.namespace(root[1]) == "urn:one"
    assert xml.namespace(root[2]) == ""

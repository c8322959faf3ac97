# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XML as this wire needs it: what comes from a host is hostile, what we send is built from escaped text.

PRIVATE to the collection. Elements are matched by local name, because Windows repeats the caller's spelling of the
resource URI, which is case-insensitive, in the namespaces of its answer (MS-WSMV 3.1.4.1.2).
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import TreeBuilder

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman import _libs
from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import BadAnswer, Unsendable

if t.TYPE_CHECKING:  # pragma: no cover
    from xml.etree.ElementTree import Element

MAX_BYTES = 8 * 1024 * 1024
MAX_ELEMENTS = 100_000
MAX_DEPTH = 64
MAX_NAMESPACE = 256
"""Characters. The longest of Windows are resource URIs, of about 120."""

XSI = "http://www.w3.org/2001/XMLSchema-instance"

Markup = t.NewType("Markup", str)
"""Well-formed XML text; only the functions of this module make it from plain text."""

NOTHING = Markup("")

# XML 1.0 section 2.2: what a document cannot contain, not even as a character reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile('[&<>"\t\n\r]')
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def escape(text: str) -> Markup:
    """Return ``text`` as it stands in element content or a double-quoted attribute; raise Unsendable if it cannot."""
    if _FORBIDDEN.search(text):
        raise Unsendable(f"The text {text[:80]!r} contains characters that XML cannot carry")
    return Markup(_SPECIAL.sub(lambda match: _REFERENCES[match.group()], text))


def element(name: str, content: Markup = NOTHING, attributes: Mapping[str, str] | None = None) -> Markup:
    """Return ``<name attribute="…">content</name>``; the name is ours, never a host's."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in (attributes or {}).items())
    return Markup(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")


def join(parts: t.Iterable[Markup]) -> Markup:
    """Return the parts one after the other."""
    return Markup("".join(parts))


def parse(document: bytes) -> Element:
    """Return the root of a host's XML; raise BadAnswer when it is malformed, has a DTD, or exceeds one of the limits.

    What can be counted before parsing is: expat hands over all attributes of an element at once.
    """
    library = _libs.need(_libs.DEFUSEDXML, "defusedxml")
    _limit(len(document), MAX_BYTES, "bytes")
    _limit(document.count(b"<"), 2 * MAX_ELEMENTS, "marks of elements")
    _limit(document.count(b"="), MAX_ELEMENTS, "attributes")
    parser = library.DefusedXMLParser(target=_Limited(), forbid_dtd=True)
    parser.parser.StartNamespaceDeclHandler = _limit_namespace
    try:
        parser.feed(document)
        root: Element = parser.close()
    except (library.ParseError, ValueError, LookupError) as error:
        # defusedxml's refusals are ValueErrors; an unknown encoding is a LookupError.
        raise BadAnswer(f"The answer is no acceptable XML: {type(error).__name__}: {str(error)[:200]}") from error
    return root


def _limit(size: int, most: int, what: str) -> None:
    if size > most:
        raise BadAnswer(f"The answer has more than {most} {what}")


def _limit_namespace(_prefix: str | None, uri: str | None) -> None:
    """Expat repeats the namespace's name in that of every element: a long one makes gigabytes of a small document."""
    _limit(len(uri or ""), MAX_NAMESPACE, "characters in the name of a namespace")


class _Limited(TreeBuilder):
    """Builds the tree, and stops where it becomes too large or too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    def start(self, tag: t.Any, attrs: t.Any, /) -> Element:
        self._depth += 1
        self._elements += 1
        _limit(self._elements, MAX_ELEMENTS, "elements")
        if self._depth > MAX_DEPTH:
            raise BadAnswer(f"The answer is nested deeper than {MAX_DEPTH} elements")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def local(node: Element) -> str:
    """Return the element's name without its namespace."""
    return node.tag.rpartition("}")[2]


def namespace(node: Element) -> str:
    """Return the element's namespace, empty when it has none."""
    return node.tag[1:].partition("}")[0] if node.tag.startswith("{") else ""


def child(node: Element | None, *path: str) -> Element | None:
    """Return the first descendant down a path of local names, or None."""
    for name in path:
        if node is None:
            return None
        node = next((found for found in node if local(found) == name), None)
    return node


def children(node: Element | None, name: str) -> list[Element]:
    """Return the children of that local name, in order."""
    return [] if node is None else [found for found in node if local(found) == name]


def descendants(node: Element, name: str) -> Iterator[Element]:
    """Yield the element itself and all below it that bear that local name, in document order."""
    return (found for found in node.iter() if local(found) == name)


def text(node: Element | None) -> str:
    """Return the element's text without surrounding white space; empty when there is none."""
    return ((node.text if node is not None else None) or "").strip()


def is_nil(node: Element) -> bool:
    """Say whether the element is xsi:nil."""
    return node.get(f"{{{XSI}}}nil", "").strip() in ("true", "1")

# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading hostile XML and writing Windows' XML, on lxml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lxml import etree
from lxml.etree import _Element as Element

from tests.simulator.wsman import names
from tests.simulator.wsman.faults import INVALID_XML, fault

XSI_NIL = names.tag(names.XSI, "nil")
XSI_TYPE = names.tag(names.XSI, "type")
MUST_UNDERSTAND = names.tag(names.SOAP, "mustUnderstand")

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def parse(data: bytes) -> Element:
    """Parse a document that declares no DTD. Raises a fault for anything else."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise fault(INVALID_XML) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise fault(INVALID_XML)
    return root


def printable(text: str) -> str:
    """Text as a response may carry it: restricted characters become ``?`` (MS-WSMV 3.1.4.1.25)."""
    return _UNPRINTABLE.sub("?", text)


def add(parent: Element, name: str, text: str | None = None, attributes: Mapping[str, str] | None = None) -> Element:
    """Append a child with a name in Clark notation."""
    child = etree.SubElement(parent, name, dict(attributes or {}))
    if text is not None:
        child.text = printable(text)
    return child


def children(parent: Element | None) -> Iterator[Element]:
    """The child elements; comments and processing instructions are gone by then."""
    return iter(()) if parent is None else iter(parent)


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return etree.QName(element).localname


def namespace(element: Element) -> str:
    """The element's namespace, empty when it has none."""
    return etree.QName(element).namespace or ""


def text_of(element: Element) -> str:
    """The element's own text as it stands."""
    return element.text or ""


def is_nil(element: Element) -> bool:
    """Whether the element says xsi:nil."""
    return element.get(XSI_NIL) in ("true", "1")


def understood(element: Element) -> bool:
    """Whether the header must be understood."""
    return element.get(MUST_UNDERSTAND) in ("true", "1")


def serialize(root: Element) -> bytes:
    """The document as UTF-8 without a declaration, as Windows sends it."""
    return etree.tostring(root, encoding="utf-8", xml_declaration=False)

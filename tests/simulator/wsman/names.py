# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces, actions and resource URIs of WS-Management as Windows uses them (MS-WSMV 2.2.1, 3.1.4.1.1)."""

from __future__ import annotations

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
WSMV = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
EVENTING = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
CIM_BINDING = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/common"
FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"

ANONYMOUS = f"{ADDRESSING}/role/anonymous"

WMI_PREFIX = "http://schemas.microsoft.com/wbem/wsman/1/wmi/"
DMTF_PREFIX = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
DMTF_ALL = "http://schemas.dmtf.org/wbem/wscim/1/*"
CIM_XML_ALL = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/*"
CMD_SHELL = f"{SHELL}/cmd"
POWERSHELL_PREFIX = "http://schemas.microsoft.com/powershell/"

WQL_DIALECT = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
SELECTOR_DIALECT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
ASSOCIATION_DIALECT = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter"

FULL_DUPLEX_END = "http://schemas.microsoft.com/wbem/wsman/1/wsman/End"
GET = f"{TRANSFER}/Get"
PUT = f"{TRANSFER}/Put"
CREATE = f"{TRANSFER}/Create"
DELETE = f"{TRANSFER}/Delete"
ENUMERATE = f"{ENUMERATION}/Enumerate"
PULL = f"{ENUMERATION}/Pull"
RELEASE = f"{ENUMERATION}/Release"

FAULT_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"

PREFIXES = {
    "s": SOAP,
    "a": ADDRESSING,
    "x": TRANSFER,
    "e": EVENTING,
    "n": ENUMERATION,
    "w": WSMAN,
    "p": WSMV,
}


def tag(namespace: str, name: str) -> str:
    """The name in Clark notation."""
    return f"{{{namespace}}}{name}"
